//! Benchmarks.

use crate::shell::{cargo, run};
use anyhow::Result;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Only benchmarks whose name contains this
    filter: Option<String>,
}

/// Runs every divan benchmark of the workspace.
pub fn bench(options: &Options) -> Result<()> {
    // `--bench *`: bench targets only, whatever a manifest says of its library.
    let mut command = cargo("bench --workspace --bench *");
    if let Some(filter) = &options.filter {
        command.args(["--", filter]);
    }
    run(&mut command)
}
