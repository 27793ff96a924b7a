//! The rules of the source tree that no compiler knows. Each says where, and what is wanted.

mod algorithms;
mod licenses;
mod rooms;
mod source;
mod text;

use crate::shell::root;
use anyhow::{Context, Result, bail};
use source::Tree;
use std::fmt;
use std::path::Path;

/// A broken rule.
#[derive(Debug, PartialEq)]
struct Violation {
    path: String,
    line: usize,
    wanted: String,
}

impl Violation {
    fn new(path: &str, line: usize, wanted: impl Into<String>) -> Self {
        Self { path: path.to_string(), line, wanted: wanted.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.wanted)
    }
}

/// Checks the workspace.
///
/// # Errors
/// If a rule is broken; the rules broken are printed.
pub fn tidy() -> Result<()> {
    let found = violations(&root())?;
    for violation in &found {
        println!("{violation}");
    }
    if !found.is_empty() {
        bail!("{} rules broken", found.len());
    }
    Ok(())
}

fn violations(root: &Path) -> Result<Vec<Violation>> {
    let tree = Tree::read(root).with_context(|| format!("cannot read {}", root.display()))?;
    let mut found = text::check(&tree);
    found.extend(algorithms::check(&tree));
    found.extend(rooms::check(&tree));
    found.extend(licenses::check(&tree)?);
    found.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_tree_keeps_its_rules() {
        let found = violations(&root()).unwrap();
        let lines: Vec<_> = found.iter().map(Violation::to_string).collect();
        assert!(lines.is_empty(), "{} rules broken:\n{}\n", lines.len(), lines.join("\n"));
    }
}
