//! Rules that hold for every Rust file.

use super::Violation;
use super::source::{File, Tree, line_of, words};

/// Longest file, tests included.
const MAX_LINES: usize = 450;
/// Files that may be longer. Keep it empty: split by idea, or move tests to `<name>/tests.rs`.
const LONGER: [&str; 0] = [];
/// Deepest folders under `src/`.
const MAX_DEPTH: usize = 2;
/// Names that say nothing about what is inside.
const DRAWERS: [&str; 8] =
    ["utils", "util", "common", "helpers", "helper", "misc", "core", "prelude"];

pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust().flat_map(file).collect()
}

fn file(file: &File) -> Vec<Violation> {
    let mut found = place(file);
    found.extend(length(file));
    found.extend(forbidden(file));
    found.extend(attributes(file));
    found.extend(only_re_exports(file));
    found
}

fn length(file: &File) -> Option<Violation> {
    let lines = file.text.lines().count();
    (lines > MAX_LINES && !LONGER.contains(&file.path.as_str())).then(|| {
        let wanted = format!(
            "{lines} lines, wanted at most {MAX_LINES}: move tests to `{}/tests.rs` or split by idea",
            file.stem()
        );
        Violation::new(&file.path, MAX_LINES + 1, wanted)
    })
}

fn place(file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Some((_, inside)) = file.path.split_once("/src/") {
        let depth = inside.matches('/').count();
        if depth > MAX_DEPTH {
            let wanted = format!("{depth} folders under `src/`, wanted at most {MAX_DEPTH}");
            found.push(Violation::new(&file.path, 1, wanted));
        }
    }
    let folders_and_stem = file.path.trim_end_matches(".rs").split('/');
    if let Some(name) = folders_and_stem.into_iter().find(|part| DRAWERS.contains(part)) {
        let wanted = format!("`{name}` says nothing of what is inside: name the idea");
        found.push(Violation::new(&file.path, 1, wanted));
    }
    found
}

fn forbidden(file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut forbid = |word: &str, wanted: &str| {
        found.extend(
            words(&file.code, word)
                .map(|at| Violation::new(&file.path, line_of(&file.code, at), wanted)),
        );
    };
    if !file.path.contains("/kernels/") {
        forbid("unsafe", "`unsafe` outside a `kernels/` folder");
    }
    for unfinished in ["todo!", "unimplemented!", "dbg!"] {
        forbid(unfinished, &format!("`{unfinished}` left in: finish or remove it"));
    }
    found
}

/// `expect` with a reason in place of `allow`; ignored tests where CI runs them, with a reason.
fn attributes(file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    for (at, _) in file.code.match_indices("#[").chain(file.code.match_indices("#![")) {
        let Some(length) = file.code[at..].find(']') else { continue };
        let attribute = &file.code[at..=at + length];
        let inner = attribute.trim_start_matches(['#', '!', '[']).trim_start();
        let wanted = if inner.starts_with("allow") {
            "`allow`: wanted `#[expect(lint, reason = \"...\")]`"
        } else if inner.starts_with("expect") && !attribute.contains("reason") {
            "`expect` without `reason = \"...\"`"
        } else if inner.starts_with("ignore") && !attribute.contains('=') {
            "ignored test without a reason: wanted `#[ignore = \"needs the shared sets\"]`"
        } else if inner.starts_with("ignore") && !file.path.contains("/tests/") {
            "ignored test outside `crates/<crate>/tests/`, where CI would not run it"
        } else {
            continue;
        };
        found.push(Violation::new(&file.path, line_of(&file.code, at), wanted));
    }
    found
}

/// A `mod.rs` holds documentation, module declarations and re-exports.
fn only_re_exports(file: &File) -> Option<Violation> {
    if !file.path.ends_with("/mod.rs") {
        return None;
    }
    let mut at = 0;
    for statement in file.code.split(';') {
        let start = at + statement.len() - statement.trim_start().len();
        at += statement.len() + 1;
        if !statement.trim().is_empty() && !is_re_export(statement) {
            let wanted = "`mod.rs` holds documentation, `mod` and `use` only: move this to a file \
                          named as the literature names it";
            return Some(Violation::new(&file.path, line_of(&file.code, start), wanted));
        }
    }
    None
}

fn is_re_export(statement: &str) -> bool {
    let mut rest = statement.trim();
    while rest.starts_with('#') {
        let Some(end) = rest.find(']') else { return false };
        rest = rest[end + 1..].trim_start();
    }
    if let Some(after) = rest.strip_prefix("pub") {
        rest = after.trim_start();
        if rest.starts_with('(') {
            let Some(end) = rest.find(')') else { return false };
            rest = rest[end + 1..].trim_start();
        }
    }
    if rest.starts_with("mod ") { !rest.contains('{') } else { rest.starts_with("use ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(path: &str, text: &str) -> Vec<(usize, String)> {
        let found = check(&Tree::of(&[(path, text)]));
        assert!(found.iter().all(|v| v.path == path));
        found.into_iter().map(|v| (v.line, v.wanted)).collect()
    }

    #[track_caller]
    fn broken(path: &str, text: &str, line: usize, words: &str) {
        let found = wanted(path, text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, line, "{found:?}");
        assert!(found[0].1.contains(words), "{found:?}");
    }

    #[test]
    fn good_files_pass() {
        let text =
            "//! Says unsafe and todo!.\n\n#![expect(x, reason = \"y\")]\nfn f() { \"dbg!\"; }\n";
        assert_eq!(wanted("crates/a/src/b.rs", text), []);
        assert_eq!(wanted("crates/a/src/b.rs", &"\n".repeat(MAX_LINES)), []);
        assert_eq!(wanted("crates/a/src/kernels/b/avx2.rs", "unsafe {}"), []);
        let re_exports = "//! Docs.\n\npub mod a;\n#[cfg(test)]\nmod b;\n\npub use a::{\n    A,\n    b,\n};\npub(crate) use b::*;\n";
        assert_eq!(wanted("crates/a/src/b/mod.rs", re_exports), []);
        let ignored = "#[test]\n#[ignore = \"needs the shared sets\"]\nfn a() {}";
        assert_eq!(wanted("crates/a/tests/figures.rs", ignored), []);
    }

    #[test]
    fn a_long_file_is_found() {
        let text = "\n".repeat(MAX_LINES + 1);
        broken("crates/a/src/b.rs", &text, MAX_LINES + 1, "wanted at most 450");
    }

    #[test]
    fn deep_folders_and_drawers_are_found() {
        broken("crates/a/src/b/c/d/e.rs", "", 1, "3 folders");
        broken("crates/a/src/utils.rs", "", 1, "`utils`");
        broken("crates/core/src/a.rs", "", 1, "`core`");
        broken("crates/a/src/helpers/b.rs", "", 1, "`helpers`");
    }

    #[test]
    fn unsafe_and_unfinished_code_is_found() {
        broken("crates/a/src/b.rs", "\nfn f() { unsafe { g() } }", 2, "kernels");
        broken("crates/a/tests/b.rs", "\n\nfn f() { todo!() }", 3, "todo!");
        broken("crates/a/src/b.rs", "fn f() { unimplemented!(\"x\") }", 1, "unimplemented!");
        broken("xtask/src/b.rs", "fn f() { dbg!(1); }", 1, "dbg!");
    }

    #[test]
    fn attributes_without_a_reason_are_found() {
        broken("crates/a/src/b.rs", "\n#![allow(dead_code)]", 2, "`allow`");
        broken("crates/a/src/b.rs", "#[allow(x, reason = \"y\")]\nfn f() {}", 1, "`allow`");
        broken("crates/a/src/b.rs", "#[expect(\n    x\n)]\nfn f() {}", 1, "reason");
        broken("crates/a/tests/b.rs", "#[test]\n#[ignore]\nfn f() {}", 2, "reason");
        broken("crates/a/src/b.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}", 2, "CI");
    }

    #[test]
    fn code_in_mod_rs_is_found() {
        let path = "crates/a/src/b/mod.rs";
        broken(path, "//! Docs.\nmod a;\n\npub fn f() {}\n", 4, "mod.rs");
        broken(path, "mod a {\n    fn f() {}\n}\n", 1, "mod.rs");
        broken(path, "pub use a::b;\npub const X: u8 = 1;\n", 2, "mod.rs");
        broken(path, "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n", 1, "mod.rs");
    }
}
