//! Tasks of the workspace: `cargo xtask check | tidy | bench`.
#![expect(clippy::print_stdout, reason = "a command line speaks to its user")]

mod bench;
mod check;
mod shell;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the workspace", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything a change must pass: format, clippy, tests, documentation, tidy
    Check,
    /// The rules of the source tree that no compiler knows
    Tidy,
    /// The divan benchmarks, or with --against the peers and ours in turn
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Check => check::check(),
        Task::Tidy => tidy::tidy(),
        Task::Bench(options) => bench::bench(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
