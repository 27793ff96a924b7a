//! Every package we link has a license that `deny.toml` allows.

use super::Violation;
use super::source::{Tree, line_of};
use crate::shell::{cargo, output};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// What `deny.toml` allows, and what it allows for single packages.
struct Allowed {
    all: Vec<String>,
    exceptions: BTreeMap<String, Vec<String>>,
}

pub fn check(tree: &Tree) -> Result<Vec<Violation>> {
    let file = tree.get("deny.toml").context("no deny.toml")?;
    let allowed = Allowed::parse(&file.text)?;
    let text = metadata()?;
    let metadata: Value = serde_json::from_str(&text)?;
    let list = file.text.find("allow").unwrap_or(0);
    let broken = |what: String| Violation::new("deny.toml", line_of(&file.text, list), what);
    Ok(packages(&metadata, &allowed).into_iter().map(broken).collect())
}

/// `cargo metadata` of what is linked on this platform. Whoever built all of the workspace has every
/// package at hand; only after a partial build the network is asked.
fn metadata() -> Result<String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host =
        version.lines().find_map(|l| l.strip_prefix("host: ")).context("no host platform")?;
    let arguments = format!("metadata --format-version 1 --locked --filter-platform {host}");
    output(&mut cargo(&format!("{arguments} --offline")))
        .or_else(|_| output(&mut cargo(&arguments)))
}

impl Allowed {
    fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = toml::from_str(text).context("deny.toml")?;
        let licenses = table.get("licenses").context("deny.toml has no [licenses]")?;
        let strings = |value: Option<&toml::Value>| -> Vec<String> {
            let array = value.and_then(toml::Value::as_array).into_iter().flatten();
            array.filter_map(|v| Some(v.as_str()?.to_string())).collect()
        };
        let exceptions = licenses.get("exceptions").and_then(toml::Value::as_array);
        let exceptions = exceptions
            .into_iter()
            .flatten()
            .filter_map(|e| Some((e.get("crate")?.as_str()?.to_string(), strings(e.get("allow")))));
        Ok(Self { all: strings(licenses.get("allow")), exceptions: exceptions.collect() })
    }

    fn has(&self, package: &str, license: &str) -> bool {
        let exception =
            self.exceptions.get(package).is_some_and(|l| l.iter().any(|l| l == license));
        exception || self.all.iter().any(|l| l == license)
    }
}

/// What is wrong with the packages of `cargo metadata`.
fn packages(metadata: &Value, allowed: &Allowed) -> Vec<String> {
    let list = metadata["packages"].as_array().into_iter().flatten();
    list.filter_map(|package| {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(license) = package["license"].as_str() else {
            return Some(format!("package `{name}` names no license"));
        };
        let fits = satisfied(license, &|one| allowed.has(name, one));
        (!fits).then(|| format!("package `{name}` is under `{license}`, which is not allowed here"))
    })
    .collect()
}

/// Is an SPDX expression satisfied with these licenses? A form that is not understood is not.
fn satisfied(expression: &str, allowed: &impl Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed) == Some(true) && rest.is_empty()
}

fn any_of(rest: &mut &[&str], allowed: &impl Fn(&str) -> bool) -> Option<bool> {
    let mut any = all_of(rest, allowed)?;
    while rest.first() == Some(&"OR") {
        *rest = &rest[1..];
        any |= all_of(rest, allowed)?;
    }
    Some(any)
}

fn all_of(rest: &mut &[&str], allowed: &impl Fn(&str) -> bool) -> Option<bool> {
    let mut all = one(rest, allowed)?;
    while rest.first() == Some(&"AND") {
        *rest = &rest[1..];
        all &= one(rest, allowed)?;
    }
    Some(all)
}

fn one(rest: &mut &[&str], allowed: &impl Fn(&str) -> bool) -> Option<bool> {
    match **rest {
        ["(", ref inner @ ..] => {
            *rest = inner;
            let fits = any_of(rest, allowed)?;
            *rest = rest.strip_prefix(&[")"])?;
            Some(fits)
        }
        [")" | "OR" | "AND" | "WITH", ..] | [] => None,
        // An exception only ever permits more.
        [name, "WITH", _, ref after @ ..] | [name, ref after @ ..] => {
            *rest = after;
            Some(allowed(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        let allowed = |l: &str| ["MIT", "ISC", "Apache-2.0"].contains(&l);
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "MIT AND ISC",
            "(MIT OR GPL-3.0) AND ISC",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        ] {
            assert!(satisfied(good, &allowed), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "GPL-3.0 OR LGPL-2.1",
            "(MIT OR ISC) AND GPL-3.0",
            "(MIT",
            "MIT ISC",
            "MIT OR",
            "OR MIT",
            "MIT WITH",
            ")",
        ] {
            assert!(!satisfied(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn a_package_that_is_not_allowed_or_says_nothing_is_found() {
        let deny = "[licenses]\nallow = [\"MIT\"]\n\
                    exceptions = [{ crate = \"jpeg\", allow = [\"IJG\"] }]\n";
        let allowed = Allowed::parse(deny).unwrap();
        let metadata = serde_json::json!({ "packages": [
            { "name": "a", "license": "MIT" },
            { "name": "b", "license": "GPL-3.0" },
            { "name": "c", "license": null },
            { "name": "jpeg", "license": "MIT AND IJG" },
            { "name": "other", "license": "MIT AND IJG" },
        ]});
        let found = packages(&metadata, &allowed);
        assert_eq!(found.len(), 3, "{found:?}");
        for (line, words) in found.iter().zip(["`b` is under", "`c` names no", "`other` is"]) {
            assert!(line.contains(words), "{line}");
        }
        assert!(Allowed::parse("").is_err());
    }
}
