//! Peers and ours in turn.

use super::Options;
use super::cases::{Answer, Case, cases};
use super::peer::{Peers, Reply, python};
use super::pictures::Pictures;
use super::report::{Row, Run};
use crate::shell::root;
use anyhow::{Context as _, Result, ensure};
use restora_image::Context;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Instant;

/// The sides are measured in turn this many times, the slow cases fewer.
const ROUNDS: usize = 5;
const ROUNDS_OF_SLOW: usize = 2;
/// A case slower than this is slow.
const SLOW_MS: f64 = 1000.0;
/// A turn repeats a fast case for about this long.
const TURN_MS: f64 = 60.0;
const MAX_RUNS: f64 = 300.0;

/// Peers that need `PyTorch`, which `requirements.txt` leaves out for its size: measured if named.
const TORCH: [&str; 2] = ["piq", "msssim"];

/// Measures every chosen case and writes the table.
pub fn against(peers: &[String], options: &Options) -> Result<()> {
    let known = ["opencv", "skimage", "bm3d", "pillow", "piq", "msssim"];
    for peer in peers {
        ensure!(known.contains(&peer.as_str()), "`{peer}` is no peer: {}", known.join(", "));
    }
    let pictures = Pictures::load(options.image.as_deref())?;
    let folder = root().join("target/peers");
    pictures.write(&folder)?;
    let python = python(options.python.as_deref())?;
    // Started first: it makes the files that the decoders read.
    let mut processes = BTreeMap::from([(1, Peers::start(&python, &folder, 1)?)]);
    let mut all = cases(&pictures, &folder)?;
    all.retain(|c| peers.iter().any(|p| c.peer() == p) || !TORCH.contains(&c.peer()));
    let total = all.len();
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|c| peers.is_empty() || peers.iter().any(|p| c.peer() == p))
        .filter(|c| options.filter.as_ref().is_none_or(|f| c.id.contains(f) || c.what.contains(f)))
        .collect();
    ensure!(!chosen.is_empty(), "no case is called so");
    let (mut rows, mut failed) = (Vec::new(), 0);
    for case in &chosen {
        let process = match processes.entry(case.threads) {
            Entry::Occupied(started) => started.into_mut(),
            Entry::Vacant(free) => free.insert(Peers::start(&python, &folder, case.threads)?),
        };
        match measure(case, process) {
            Ok(row) => {
                println!("{}", row.line());
                rows.push(row);
            }
            Err(error) => {
                println!("{}: {error:#}", case.id);
                failed += 1;
            }
        }
    }
    let complete = rows.len() == total;
    let run = Run::new(rows, pictures.name.clone(), &processes[&1].versions);
    let out = options.out.clone().or(complete.then(|| root().join("docs/benchmarks.md")));
    let Some(out) = out else {
        println!("\n{}", run.markdown());
        ensure!(failed == 0, "{failed} cases failed");
        return Ok(());
    };
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&out, run.markdown()).with_context(|| out.display().to_string())?;
    println!("wrote {}", out.display());
    ensure!(failed == 0, "{failed} cases failed");
    Ok(())
}

/// Warms both sides up, then takes turns and keeps the least time of each.
fn measure(case: &Case<'_>, peers: &mut Peers) -> Result<Row> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(case.threads).build()?;
    let (mut theirs, (mut ours, answer)) = (peers.run(case.id, 1)?, pool.install(|| timed(case))?);
    let slow = theirs.cpu_ms.max(ours.cpu_ms) > SLOW_MS;
    let runs = |ms: f64| if slow { 1 } else { (TURN_MS / ms).clamp(1.0, MAX_RUNS) as usize };
    let (their_runs, our_runs) = (runs(theirs.cpu_ms), runs(ours.cpu_ms));
    for _ in 0..if slow { ROUNDS_OF_SLOW } else { ROUNDS } {
        let Reply { cpu_ms, wall_ms, .. } = peers.run(case.id, their_runs)?;
        theirs.cpu_ms = theirs.cpu_ms.min(cpu_ms);
        theirs.wall_ms = theirs.wall_ms.min(wall_ms);
        for _ in 0..our_runs {
            ours = ours.least(pool.install(|| timed(case))?.0);
        }
    }
    let call = peers.calls.get(case.id).cloned().unwrap_or_default();
    Row::new(case, call, &theirs, ours, answer)
}

/// Milliseconds of one run.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    pub cpu_ms: f64,
    pub wall_ms: f64,
}

impl Time {
    fn least(self, other: Self) -> Self {
        Self { cpu_ms: self.cpu_ms.min(other.cpu_ms), wall_ms: self.wall_ms.min(other.wall_ms) }
    }
}

fn timed(case: &Case<'_>) -> Result<(Time, Answer)> {
    let cx = Context::with_threads(case.threads);
    let mut answer = None;
    let start = Instant::now();
    let cpu = restora_testkit::cpu_seconds(1, || answer = Some((case.ours)(&cx)));
    let time = Time { cpu_ms: cpu * 1e3, wall_ms: start.elapsed().as_secs_f64() * 1e3 };
    Ok((time, answer.context("not run")??))
}
