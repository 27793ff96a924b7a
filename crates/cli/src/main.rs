//! The `restora` command: flags in, calls into the `restora` crate, words and numbers out.
//!
//! Results go to standard output, words to standard error. Exit status: 0 all done, 1 done but some
//! items failed, 2 wrong usage, 3 nothing to do, 130 interrupted.
#![expect(clippy::print_stderr, reason = "this is the program that prints")]

mod arguments;
mod compare;
mod compare_explain;
mod compare_part;
mod constancy;
mod dedupe;
mod device;
mod features;
mod inspect;
mod learned;
mod learning_arguments;
mod looking_arguments;
mod matching;
mod methods;
mod model;
mod progress;
mod restore;
mod search;
mod sets;
mod table;
mod train;

use arguments::{Command, Restora};
use clap::Parser;
use restora::image::ErrorKind;
use std::io::Write;
use std::process::ExitCode;

/// How a command ended when nothing stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    SomeFailed,
    NothingToDo,
    Interrupted,
}

fn main() -> ExitCode {
    let arguments = Restora::parse();
    let result = match arguments.command {
        Command::Restore(args) => restore::restore(&args),
        Command::Degrade(args) => restore::degrade(args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Dedupe(args) => dedupe::run(&args),
        Command::Index(args) => search::index(&args),
        Command::Search(args) => search::search(&args),
        Command::Features(args) => features::run(&args),
        Command::Sets(args) => sets::run(&args),
        Command::Match(args) => matching::run(&args),
        Command::Methods(args) => methods::methods(&args),
        Command::Train(args) => train::run(&args),
        Command::Reconstruct(args) => learned::reconstruct(&args),
        Command::Encode(args) => learned::encode(&args),
        Command::Anomaly(args) => learned::anomaly(&args),
        Command::Model(args) => model::run(&args),
        Command::Constancy(args) => constancy::run(&args),
    };
    match result {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::SomeFailed) => ExitCode::from(1),
        Ok(End::NothingToDo) => {
            eprintln!("restora: nothing to do: the input holds no files");
            ExitCode::from(3)
        }
        Ok(End::Interrupted) => ExitCode::from(130),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Our own errors tell their cause themselves.
            let own = error.downcast_ref::<restora::Error>();
            own.map_or_else(|| eprintln!("restora: {error:#}"), |own| eprintln!("restora: {own}"));
            let kind = own.map(restora::Error::kind);
            ExitCode::from(match kind {
                Some(ErrorKind::Param) => 2,
                Some(ErrorKind::Cancelled) => 130,
                _ => 1,
            })
        }
    }
}

/// Did somebody close the pipe that results went into, as `head` does?
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// Writes results to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
