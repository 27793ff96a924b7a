//! Everything a change must pass.

use crate::shell::{cargo, run};
use crate::tidy;
use anyhow::{Result, bail};
use std::time::Instant;

/// Runs every step, the cheap ones first, and names all that failed at the end.
pub fn check() -> Result<()> {
    type Step = (&'static str, fn() -> Result<()>);
    let steps: [Step; 5] = [
        ("format", || run(&mut cargo("fmt --all --check"))),
        ("tidy", tidy::tidy),
        ("clippy", || run(&mut cargo("clippy --workspace --all-targets -- -D warnings"))),
        ("tests", || run(&mut cargo("test --workspace"))),
        ("documentation", || {
            run(cargo("doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings"))
        }),
    ];
    let mut failed = Vec::new();
    for (name, step) in steps {
        let start = Instant::now();
        let done = step();
        let seconds = start.elapsed().as_secs();
        match done {
            Ok(()) => println!("check: {name} passed ({seconds} s)"),
            Err(error) => {
                println!("check: {name} FAILED ({seconds} s): {error:#}");
                failed.push(name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}
