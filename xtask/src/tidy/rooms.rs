//! Which crate may depend on which, and what a room never does.

use super::Violation;
use super::source::{File, Tree, line_of, words};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Folder, package, and the packages of ours it may depend on beside dev-dependencies.
const ROOMS: [(&str, &str, &[&str]); 10] = [
    ("image", "restora-image", &[]),
    ("ops", "restora-ops", &["restora-image"]),
    ("metrics", "restora-metrics", &["restora-image"]),
    ("data", "restora-data", &["restora-image"]),
    ("nn", "restora-nn", &["restora-image"]),
    ("codec", "restora-codec", &["restora-image", "restora-nn"]),
    (
        "restora",
        "restora",
        &[
            "restora-image",
            "restora-ops",
            "restora-metrics",
            "restora-data",
            "restora-nn",
            "restora-codec",
        ],
    ),
    ("cli", "restora-cli", &["restora"]),
    ("py", "restora-py", &["restora"]),
    ("web", "restora-web", &["restora"]),
];
/// The test kit is no room: never shipped, and a dev-dependency of whoever wants it.
const TESTKIT: (&str, &str, &[&str]) = ("testkit", "restora-testkit", &["restora-image"]);
/// The rooms that are given bytes or images, never paths.
const NO_FILES: [&str; 5] = ["image", "ops", "metrics", "nn", "codec"];

pub fn check(tree: &Tree) -> Vec<Violation> {
    let manifests = tree
        .files
        .iter()
        .filter(|f| f.path.starts_with("crates/") && f.path.ends_with("/Cargo.toml"));
    let mut found: Vec<_> = manifests.flat_map(|f| manifest(tree, f)).collect();
    found.extend(tree.rust().flat_map(no_files));
    found
}

fn manifest(tree: &Tree, file: &File) -> Vec<Violation> {
    let folder = file.path.split('/').nth(1).unwrap_or_default();
    let rooms = ROOMS.iter().chain(std::iter::once(&TESTKIT));
    let Some((_, package, allowed)) = rooms.into_iter().find(|(f, _, _)| *f == folder) else {
        let wanted =
            format!("`{folder}` is no room: add it to the table of xtask/src/tidy/rooms.rs");
        return vec![Violation::new(&file.path, 1, wanted)];
    };
    let table = match DeTable::parse(&file.text) {
        Ok(table) => table.into_inner(),
        Err(error) => return vec![Violation::new(&file.path, 1, format!("not TOML: {error}"))],
    };
    let mut found = Vec::new();
    for (at, name) in ours(&table) {
        if !allowed.contains(&name.as_str()) {
            let list = if allowed.is_empty() { "none of ours".into() } else { allowed.join(", ") };
            let wanted = format!("`{package}` depends on `{name}`, may depend on: {list}");
            found.push(Violation::new(&file.path, line_of(&file.text, at), wanted));
        }
    }
    let named = text(get(&table, "package").and_then(|p| get(p.as_table()?, "name")));
    if named.as_deref() != Some(package) {
        let wanted = format!("package `{}`, wanted `{package}`", named.unwrap_or_default());
        found.push(Violation::new(&file.path, 1, wanted));
    }
    if !has_bench_false(&table, tree, folder) {
        let wanted = "wanted `bench = false` in [lib] and each [[bin]]: their test harness does not \
                      know divan's options";
        found.push(Violation::new(&file.path, 1, wanted));
    }
    let documented =
        tree.get("ARCHITECTURE.md").is_some_and(|f| f.text.contains(&format!("`{package}`")));
    if !documented {
        let wanted = format!("ARCHITECTURE.md does not name `{package}`");
        found.push(Violation::new(&file.path, 1, wanted));
    }
    found
}

fn get<'a>(table: &'a DeTable<'_>, key: &str) -> Option<&'a DeValue<'a>> {
    table.iter().find(|(k, _)| k.get_ref() == key).map(|(_, v)| v.get_ref())
}

fn text(value: Option<&DeValue<'_>>) -> Option<String> {
    value.and_then(DeValue::as_str).map(ToString::to_string)
}

/// The packages of ours among the dependencies and build dependencies, on any target, and where.
fn ours(table: &DeTable<'_>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for section in ["dependencies", "build-dependencies"] {
        for (name, value) in get(table, section).and_then(DeValue::as_table).into_iter().flatten() {
            let package = text(value.get_ref().as_table().and_then(|t| get(t, "package")));
            let package = package.unwrap_or_else(|| name.get_ref().to_string());
            if package.starts_with("restora") {
                found.push((Spanned::span(name).start, package));
            }
        }
    }
    for (_, target) in get(table, "target").and_then(DeValue::as_table).into_iter().flatten() {
        found.extend(target.get_ref().as_table().map(ours).unwrap_or_default());
    }
    found
}

fn has_bench_false(table: &DeTable<'_>, tree: &Tree, folder: &str) -> bool {
    let off = |target: &DeTable<'_>| get(target, "bench").and_then(DeValue::as_bool) == Some(false);
    let exists = |file: &str| tree.get(&format!("crates/{folder}/src/{file}")).is_some();
    let lib = get(table, "lib").and_then(DeValue::as_table).is_some_and(off);
    let bins = get(table, "bin").and_then(DeValue::as_array);
    let all = bins.is_some_and(|b| {
        b.iter().all(|t| t.get_ref().as_table().is_some_and(off)) && !b.is_empty()
    });
    (lib || !exists("lib.rs")) && (all || !exists("main.rs"))
}

fn no_files(file: &File) -> Vec<Violation> {
    let parts: Vec<_> = file.path.split('/').collect();
    let ["crates", room, "src", ..] = parts[..] else { return Vec::new() };
    if !NO_FILES.contains(&room) {
        return Vec::new();
    }
    let code = &file.code;
    // `fs` as a path segment, however it was imported.
    let segment = |at: &usize| code[..*at].ends_with("::") || code[at + 2..].starts_with("::");
    let mut lines: Vec<_> = words(code, "fs").filter(segment).map(|at| line_of(code, at)).collect();
    lines.dedup();
    let wanted = format!("`{room}` opens a file: that is the room `data`");
    lines.into_iter().map(|line| Violation::new(&file.path, line, wanted.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCS: (&str, &str) = ("ARCHITECTURE.md", "`restora-ops` `restora-cli`");
    const OPS: &str = "[package]\nname = \"restora-ops\"\n[lib]\nbench = false\n";

    fn with(dependencies: &str) -> String {
        format!("{OPS}{dependencies}")
    }

    #[track_caller]
    fn broken(files: &[(&str, &str)], path: &str, line: usize, words: &str) {
        let found = check(&Tree::of(files));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].path.as_str(), found[0].line), (path, line), "{found:?}");
        assert!(found[0].wanted.contains(words), "{found:?}");
    }

    #[test]
    fn a_room_with_the_dependencies_of_the_table_passes() {
        let text = with(
            "[dependencies]\nrestora-image.workspace = true\nserde = \"1\"\n\
             [dev-dependencies]\nrestora-testkit.workspace = true\nrestora-data = \"1\"\n",
        );
        assert_eq!(check(&Tree::of(&[("crates/ops/Cargo.toml", &text), DOCS])), []);
    }

    #[test]
    fn a_dependency_against_the_arrow_is_found_however_it_is_written() {
        for dependencies in [
            "[dependencies]\nrestora-data.workspace = true\n",
            "[dependencies]\nrestora-data = { path = \"../data\" }\n",
            "[build-dependencies]\nrestora-metrics = \"1\"\n",
            "[dependencies]\nimages = { package = \"restora-data\", version = \"1\" }\n",
            "[target.'cfg(unix)'.dependencies]\nrestora-testkit.workspace = true\n",
        ] {
            let path = "crates/ops/Cargo.toml";
            broken(&[(path, &with(dependencies)), DOCS], path, 6, "may depend on: restora-image");
        }
    }

    #[test]
    fn an_unknown_crate_a_wrong_name_and_one_without_documentation_are_found() {
        let (toy, ops) = ("crates/toy/Cargo.toml", "crates/ops/Cargo.toml");
        broken(&[(toy, OPS), DOCS], toy, 1, "no room");
        broken(&[(ops, OPS)], ops, 1, "ARCHITECTURE.md");
        broken(&[(ops, OPS), ("ARCHITECTURE.md", "ops")], ops, 1, "ARCHITECTURE.md");
        broken(&[(ops, &OPS.replace("-ops", "-opps")), DOCS], ops, 1, "wanted `restora-ops`");
        broken(&[(ops, "[package\n"), DOCS], ops, 1, "not TOML");
    }

    #[test]
    fn targets_whose_harness_would_choke_on_bench_options_are_found() {
        let (ops, cli) = ("crates/ops/Cargo.toml", "crates/cli/Cargo.toml");
        let library = ("crates/ops/src/lib.rs", "");
        broken(&[(ops, "[package]\nname = \"restora-ops\"\n"), library, DOCS], ops, 1, "bench");
        let binary = ("crates/cli/src/main.rs", "");
        let text = "[package]\nname = \"restora-cli\"\n[[bin]]\nname = \"restora\"\n";
        broken(&[(cli, text), binary, DOCS], cli, 1, "bench");
        let good = format!("{text}bench = false\n");
        assert_eq!(check(&Tree::of(&[(cli, &good), binary, DOCS])), []);
    }

    #[test]
    fn a_file_opened_in_the_wrong_room_is_found() {
        let text = "\nuse std::fs::File;\n";
        broken(&[("crates/ops/src/a.rs", text)], "crates/ops/src/a.rs", 2, "room `data`");
        let text = "use std::{fs, io};\nfn f() { fs::read(1) }";
        broken(&[("crates/metrics/src/a.rs", text)], "crates/metrics/src/a.rs", 2, "room `data`");
        assert_eq!(check(&Tree::of(&[("crates/ops/src/a.rs", "let fs = 48000; // std::fs")])), []);
        assert_eq!(check(&Tree::of(&[("crates/data/src/a.rs", text)])), []);
        assert_eq!(check(&Tree::of(&[("crates/ops/tests/a.rs", text)])), []);
    }
}
