//! The peers, in a Python process of their own.

use crate::shell::{root, run};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What one run of a peer gave.
#[derive(Debug)]
pub struct Reply {
    pub cpu_ms: f64,
    pub wall_ms: f64,
    pub answer: PeerAnswer,
}

#[derive(Debug)]
pub enum PeerAnswer {
    /// Planar, nominal range.
    Image(Vec<f32>),
    Score(f64),
    Bytes(usize),
}

/// `tools/peers/bench.py`, waiting for requests. It uses no processor time while ours runs.
pub struct Peers {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    saved: PathBuf,
    /// Package and version of those that are there.
    pub versions: BTreeMap<String, String>,
    /// The text of each call.
    pub calls: BTreeMap<String, String>,
}

impl Peers {
    pub fn start(python: &Path, folder: &Path, threads: usize) -> Result<Self> {
        let mut child = Command::new(python)
            .args(["-W", "ignore"])
            .arg(root().join("tools/peers/bench.py"))
            .args([&threads.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let requests = child.stdin.take().context("no pipe to the peers")?;
        let replies = BufReader::new(child.stdout.take().context("no pipe from the peers")?);
        let saved = folder.join("answer.f32");
        let (versions, calls) = Default::default();
        let mut peers = Self { child, requests, replies, saved, versions, calls };
        let hello = peers.read().context("the peers did not start")?;
        peers.versions = strings(&hello["versions"]);
        peers.calls = strings(&hello["calls"]);
        Ok(peers)
    }

    /// Runs a case `runs` times.
    pub fn run(&mut self, case: &str, runs: usize) -> Result<Reply> {
        let save = self.saved.to_string_lossy();
        let request = json!({ "case": case, "runs": runs, "save": save });
        writeln!(self.requests, "{request}")?;
        let reply = self.read()?;
        if let Some(error) = reply["error"].as_str() {
            bail!("{case}: {error}");
        }
        let number = |key: &str| reply[key].as_f64();
        let answer = if let Some(score) = number("score") {
            PeerAnswer::Score(score)
        } else if let Some(bytes) = number("bytes") {
            PeerAnswer::Bytes(bytes as usize)
        } else {
            let bytes = std::fs::read(&self.saved)?;
            let value = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            PeerAnswer::Image(bytes.chunks_exact(4).map(value).collect())
        };
        let time = |key| number(key).with_context(|| format!("{case}: no {key}"));
        Ok(Reply { cpu_ms: time("cpu_ms")?, wall_ms: time("wall_ms")?, answer })
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        ensure!(self.replies.read_line(&mut line)? > 0, "the peers ended early");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // It may have ended by itself; either way there is nothing left to do about it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn strings(object: &Value) -> BTreeMap<String, String> {
    let entries = object.as_object().into_iter().flatten();
    entries.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_string()))).collect()
}

/// The Python to use: the one given, or a virtual environment made of the pinned requirements.
pub fn python(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_path_buf());
    }
    let pinned = root().join("tools/peers/requirements.txt");
    let wanted = std::fs::read_to_string(&pinned)?;
    let home = root().join("target/peers-venv");
    let python = home.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let stamp = home.join("requirements.txt");
    if std::fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&pinned))?;
        std::fs::write(stamp, wanted)?;
    }
    Ok(python)
}
