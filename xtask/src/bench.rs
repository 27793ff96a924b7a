//! Benchmarks: ours alone, or the peers and ours in turn.

mod against;
mod cases;
mod features;
mod peer;
mod pictures;
mod report;

use crate::shell::{cargo, run};
use anyhow::Result;
use std::path::PathBuf;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Only benchmarks or cases whose name contains this
    pub filter: Option<String>,
    /// Run these peers (opencv, skimage, bm3d, pillow; piq, msssim with a --python that has them) and ours in turn; none named: all
    #[arg(long, value_delimiter = ',', num_args = 0..=1, value_name = "PEERS")]
    against: Option<Vec<String>>,
    /// Python with the peers installed; without it a virtual environment is made under target/
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// Photograph to measure on, an 8-bit RGB PNG, continued by reflection to 768x512
    #[arg(long, value_name = "PNG")]
    pub image: Option<PathBuf>,
    /// Where the table goes; by default docs/benchmarks.md after a complete run, else the terminal
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Runs the divan benchmarks of the workspace, or the peers and ours.
pub fn bench(options: &Options) -> Result<()> {
    if let Some(peers) = &options.against {
        if cfg!(debug_assertions) {
            // Speed is a matter of release builds: the same command again, in one.
            let arguments: Vec<_> = std::env::args_os().skip(1).collect();
            return run(cargo("run --quiet --release --package xtask --").args(arguments));
        }
        return against::against(peers, options);
    }
    // `--bench *`: bench targets only, whatever a manifest says of its library.
    let mut command = cargo("bench --workspace --bench *");
    if let Some(filter) = &options.filter {
        command.args(["--", filter]);
    }
    run(&mut command)
}
