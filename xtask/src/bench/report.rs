//! The table.

use super::against::Time;
use super::cases::{Answer, Case};
use super::peer::{PeerAnswer, Reply};
use crate::shell::output;
use anyhow::{Result, bail, ensure};
use restora_image::Image;
use restora_testkit::psnr;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

/// One case, measured.
pub struct Row {
    what: &'static str,
    on: &'static str,
    threads: usize,
    id: &'static str,
    call: String,
    theirs: Time,
    ours: Time,
    /// What both sides made of it.
    result: String,
}

impl Row {
    pub fn new(
        case: &Case<'_>,
        call: String,
        theirs: &Reply,
        ours: Time,
        answer: Answer,
    ) -> Result<Self> {
        let result = match (answer, &theirs.answer) {
            (Answer::Score(ours), PeerAnswer::Score(theirs)) => {
                let places = if ours.fract() == 0.0 && theirs.fract() == 0.0 { 0 } else { 5 };
                format!("{theirs:.places$} / {ours:.places$}")
            }
            (Answer::Numbers(ours), PeerAnswer::Image(theirs)) => numbers(&ours, theirs)?,
            (Answer::Bytes(ours), PeerAnswer::Bytes(theirs)) => {
                format!("{} / {} kB", theirs / 1000, ours / 1000)
            }
            (Answer::Image(ours), PeerAnswer::Image(theirs)) => images(case, &ours, theirs)?,
            (Answer::Raster(ours), PeerAnswer::Image(theirs)) => {
                images(case, &ours.to_image(), theirs)?
            }
            _ => bail!("the two sides gave results of different kinds"),
        };
        let theirs = Time { cpu_ms: theirs.cpu_ms, wall_ms: theirs.wall_ms };
        let Case { what, on, threads, id, .. } = *case;
        Ok(Self { what, on, threads, id, call, theirs, ours, result })
    }

    /// How much faster ours is: in processor time on one thread, in wall time on several.
    fn ratio(&self) -> f64 {
        if self.threads > 1 {
            self.theirs.wall_ms / self.ours.wall_ms
        } else {
            self.theirs.cpu_ms / self.ours.cpu_ms
        }
    }

    /// For the terminal.
    pub fn line(&self) -> String {
        format!(
            "{:28} {:>7} ms {:>7} ms  x {:<6} {} ({}{})",
            self.id,
            ms(self.theirs.cpu_ms),
            ms(self.ours.cpu_ms),
            digits(self.ratio()),
            self.result,
            self.what,
            self.on_threads()
        )
    }

    fn on_threads(&self) -> String {
        if self.threads > 1 { format!(", {} threads", self.threads) } else { String::new() }
    }
}

/// PSNR of both where there is a clean image; else how far they are apart.
fn images(case: &Case<'_>, ours: &Image, theirs: &[f32]) -> Result<String> {
    ensure!(ours.data().len() == theirs.len(), "the two sides gave images of different size");
    let theirs = Image::from_vec(ours.size(), ours.space(), theirs.to_vec())?;
    if let Some(clean) = case.clean {
        return Ok(format!("{:.2} / {:.2} dB", psnr(clean, &theirs), psnr(clean, ours)));
    }
    let pairs = || ours.data().iter().zip(theirs.data());
    let most = pairs().map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) * 255.0;
    Ok(if most < 5e-4 { "same".into() } else { format!("within {most:.2} of 255") })
}

/// How far apart two vectors are, as a share of the largest number.
fn numbers(ours: &[f32], theirs: &[f32]) -> Result<String> {
    ensure!(ours.len() == theirs.len(), "{} numbers, the peer has {}", ours.len(), theirs.len());
    let most = |values: &mut dyn Iterator<Item = f32>| values.map(f32::abs).fold(0.0, f32::max);
    let gap = most(&mut ours.iter().zip(theirs).map(|(a, b)| a - b));
    let share = gap / most(&mut theirs.iter().copied());
    Ok(if share < 1e-6 { "same".into() } else { format!("within {share:.1e} of the largest") })
}

fn ms(value: f64) -> String {
    digits(value)
}

/// Three digits that count.
fn digits(value: f64) -> String {
    let places = (2 - value.abs().log10().floor() as i32).clamp(0, 3) as usize;
    format!("{value:.places$}")
}

/// All rows and what they were measured on.
pub struct Run {
    rows: Vec<Row>,
    picture: String,
    versions: String,
    machine: String,
    date: String,
    commit: String,
}

impl Run {
    pub fn new(rows: Vec<Row>, picture: String, versions: &BTreeMap<String, String>) -> Self {
        let word = |program: &str, arguments: &[&str]| {
            let text = output(Command::new(program).args(arguments)).unwrap_or_default();
            text.trim().to_string()
        };
        let versions: Vec<_> = versions.iter().map(|(k, v)| format!("{k} {v}")).collect();
        Self {
            rows,
            picture,
            versions: format!("{}, {}", word("rustc", &["-V"]), versions.join(", ")),
            machine: machine(),
            date: word("date", &["+%Y-%m-%d"]),
            commit: word("git", &["describe", "--always", "--dirty"]),
        }
    }

    pub fn markdown(&self) -> String {
        let Self { picture, versions, machine, date, commit, .. } = self;
        let mut text = format!(
            "# Benchmarks\n\n\
             Written by `cargo xtask bench --against`: for each row the peer and ours ran in turn in \
             one run, on the same pixels, and each has the least of its times. CPU time is that of \
             the whole process. One thread each unless the row says otherwise; a row of several \
             threads compares wall time. *Faster* is the peer's time through ours.\n\n\
             - {date}, commit {commit}\n- {machine}\n- {versions}\n\
             - {picture}, continued by reflection to 768x512 (256x256: its middle); noise white, \
             sigma 25/255, fixed seed, not clipped except for 8-bit peers\n\n\
             | case | image | peer | peer CPU ms | our CPU ms | faster | peer wall ms | our wall ms \
             | result, peer / ours |\n|---|---|---|---|---|---|---|---|---|\n"
        );
        for row in &self.rows {
            let peer = row.id.split('/').next().unwrap_or_default();
            let threads =
                if row.threads > 1 { format!(", {} threads", row.threads) } else { String::new() };
            let (theirs, ours) = (row.theirs, row.ours);
            // Writing into a string cannot fail.
            let _ = writeln!(
                text,
                "| {}{threads} | {} | {peer} | {} | {} | **{}** | {} | {} | {} |",
                row.what,
                row.on,
                ms(theirs.cpu_ms),
                ms(ours.cpu_ms),
                digits(row.ratio()),
                ms(theirs.wall_ms),
                ms(ours.wall_ms),
                row.result
            );
        }
        text.push_str(
            "\nOn a shared machine wall times are upper bounds. A result of two images without noise \
             is how far they lie apart.\n\n## Calls of the peers\n\n| case | image | call |\n|---|---|---|\n",
        );
        for row in self.rows.iter().filter(|r| r.threads == 1) {
            let _ = writeln!(text, "| {} | {} | `{}` |", row.what, row.on, row.call);
        }
        text
    }
}

/// Processor, cores, load.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().map_or(String::new(), |l| format!(", load average {l}"));
    format!("{model}, {cores} cores, {}{load}", std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        for (value, text) in
            [(2403.9, "2404"), (181.5, "182"), (9.942, "9.94"), (0.234, "0.234"), (0.0321, "0.032")]
        {
            assert_eq!(digits(value), text);
        }
    }
}
