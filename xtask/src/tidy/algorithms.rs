//! Rules of the files that hold an algorithm.
//!
//! A file in a family folder of `ops` or `metrics` holds an algorithm if it has a public function of
//! its own name, an `OpInfo` or an `impl Operation`. The others are parts that algorithms share.

use super::Violation;
use super::source::{File, Tree, line_of, words};

/// The list of what a pipeline can contain.
const STEPS: &str = "crates/restora/src/step.rs";
/// The crates whose `src/<family>/<algorithm>.rs` are algorithms.
const CRATES: [&str; 2] = ["ops", "metrics"];

pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .filter_map(|f| Some((crate_of(f)?, f)))
        .flat_map(|(c, f)| file(tree, c, f))
        .collect()
}

/// The crate of a file that lies directly in a family folder.
fn crate_of(file: &File) -> Option<&'static str> {
    let parts: Vec<_> = file.path.split('/').collect();
    let ["crates", name, "src", _family, _file] = parts[..] else { return None };
    (file.stem() != "mod").then(|| CRATES.into_iter().find(|c| *c == name)).flatten()
}

fn file(tree: &Tree, name: &str, file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    if file.header().trim().is_empty() {
        let wanted = "wanted a `//!` header at the top: what it does, formula, cost, reference";
        found.push(Violation::new(&file.path, 1, wanted));
    }
    let Some(line) = algorithm_line(file) else { return found };
    let header = file.header();
    if !header.trim().is_empty() && !has_reference(&header) {
        let wanted = "wanted a reference with DOI or arXiv id in the `//!` header, or \
                      `Reference: none` and why";
        found.push(Violation::new(&file.path, header.lines().count(), wanted));
    }
    for (at, mark) in file.code.match_indices("impl Operation for ") {
        let rest = &file.code[at + mark.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let options = &rest[..end];
        if !tree.get(STEPS).is_some_and(|f| has_word(f, options)) {
            let wanted = format!("`{options}` is no step of {STEPS}: no pipeline can contain it");
            found.push(Violation::new(&file.path, line_of(&file.code, at), wanted));
        }
    }
    let named_in = |folder: &str| {
        let prefix = format!("crates/{name}/{folder}/");
        let mut beside = tree.rust().filter(|f| f.path.starts_with(&prefix));
        beside.any(|f| [file.stem(), &camel(file.stem())].iter().any(|n| has_word(f, n)))
    };
    // The doors name an operation in text: `"nl-means"`.
    let id = format!("\"{}", file.stem().replace('_', "-"));
    let mut tests = tree.rust().filter(|f| f.path.contains("/tests/") && !f.path.contains("/src/"));
    if !named_in("benches") {
        let wanted =
            format!("`{}` has no bench that names it in crates/{name}/benches/", file.stem());
        found.push(Violation::new(&file.path, line, wanted));
    }
    if !named_in("tests") && !tests.any(|f| f.text.contains(&id)) {
        let wanted = format!(
            "`{}` has no figure or golden test that names it in crates/{name}/tests/",
            file.stem()
        );
        found.push(Violation::new(&file.path, line, wanted));
    }
    found
}

fn has_word(file: &File, name: &str) -> bool {
    words(&file.code, name).next().is_some()
}

/// `nl_means` as `NlMeans`.
fn camel(stem: &str) -> String {
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    stem.split('_').filter(|p| p.is_ascii() && !p.is_empty()).map(capital).collect()
}

/// The line that makes a file an algorithm's.
fn algorithm_line(file: &File) -> Option<usize> {
    let function = format!("pub fn {}", file.stem());
    let at = words(&file.code, &function)
        .next()
        .or_else(|| words(&file.code, "impl Operation for").next())
        .or_else(|| file.code.find(": OpInfo ="))?;
    Some(line_of(&file.code, at))
}

fn has_reference(header: &str) -> bool {
    let lower = header.to_lowercase();
    let number_after = |mark: &str, number: &str| {
        lower.match_indices(mark).any(|(at, _)| {
            lower[at + mark.len()..].trim_start_matches([':', ' ', '\n', '/']).starts_with(number)
        })
    };
    let arxiv = (0..10).any(|d| number_after("arxiv", &d.to_string()));
    let none = lower.split_once("reference: none").is_some_and(|(_, why)| {
        let reason = why.lines().next().unwrap_or("");
        reason.split_whitespace().filter(|w| w.len() > 1).count() >= 3
    });
    number_after("doi", "10.") || number_after("doi.org", "10.") || arxiv || none
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "//! Blurs.\n//!\n//! Reference: A. Uthor, doi:10.1/2.\n\npub fn blur() {}\n";
    const PATH: &str = "crates/ops/src/filter/blur.rs";
    const BENCH: (&str, &str) = ("crates/ops/benches/f.rs", "fn main() { filter::blur() }");
    const STEP: (&str, &str) = (STEPS, "steps! { Blur(ops::Blur) }");
    const TEST: (&str, &str) = ("crates/ops/tests/figures.rs", "fn blur_is_good() { blur() }");

    #[track_caller]
    fn broken(files: &[(&str, &str)], line: usize, words: &str) {
        let found = check(&Tree::of(files));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].path.as_str(), found[0].line), (PATH, line), "{found:?}");
        assert!(found[0].wanted.contains(words), "{found:?}");
    }

    #[test]
    fn an_algorithm_with_header_bench_and_test_passes() {
        assert_eq!(check(&Tree::of(&[(PATH, GOOD), BENCH, TEST])), []);
    }

    #[test]
    fn re_exports_and_files_of_other_crates_are_not_algorithms() {
        let files = [
            ("crates/ops/src/filter/mod.rs", "pub use blur::blur;"),
            ("crates/ops/src/filter/blur/tests.rs", "fn a() {}"),
            ("crates/ops/src/lib.rs", "pub mod filter;"),
            ("crates/data/src/jpeg/decode.rs", "pub fn decode() {}"),
        ];
        assert_eq!(check(&Tree::of(&files)), []);
    }

    #[test]
    fn shared_parts_need_a_header_only() {
        assert_eq!(check(&Tree::of(&[(PATH, "//! Sums of rows.\npub fn sums() {}\n")])), []);
        broken(&[(PATH, "pub fn sums() {}\n")], 1, "header");
        broken(&[(PATH, "// Sums.\npub fn sums() {}\n")], 1, "header");
    }

    #[test]
    fn a_header_without_reference_is_found_however_the_algorithm_shows_itself() {
        for code in [
            "pub fn blur(a: &Image) {}",
            "impl Operation for Blur {}",
            "pub const INFO: OpInfo = OpInfo {};",
        ] {
            let text = format!("//! Blurs.\n//! By A. Uthor.\n\n{code}\n");
            broken(&[(PATH, &text), BENCH, TEST, STEP], 2, "DOI or arXiv");
        }
        broken(&[(PATH, "pub fn blur() {}\n"), BENCH, TEST], 1, "header");
    }

    #[test]
    fn references_are_numbers_not_words() {
        for good in [
            "doi:10.1/2",
            "https://doi.org/10.1/2",
            "DOI 10.1/2",
            "arXiv 2203.00570",
            "arXiv:2203.00570",
            "see arXiv\n2203.00570",
            "Reference: none of its own, each measure has one",
        ] {
            assert!(has_reference(good), "{good}");
        }
        for bad in ["", "doi", "doi:", "an arXiv paper", "Reference: none", "Reference: none."] {
            assert!(!has_reference(bad), "{bad}");
        }
    }

    #[test]
    fn an_operation_that_no_pipeline_can_contain_is_found() {
        let text = format!("{GOOD}\nimpl Operation for Blur {{}}\n");
        assert_eq!(check(&Tree::of(&[(PATH, &text), BENCH, TEST, STEP])), []);
        broken(&[(PATH, &text), BENCH, TEST], 7, "no step");
        broken(&[(PATH, &text), BENCH, TEST, (STEPS, "Blurred(B)")], 7, "no step");
    }

    #[test]
    fn a_missing_bench_or_test_is_found() {
        broken(&[(PATH, GOOD), TEST], 5, "has no bench");
        broken(&[(PATH, GOOD), BENCH], 5, "has no figure or golden test");
        let options = ("crates/ops/tests/figures.rs", "fn f() { run(&Blur::default()) }");
        assert_eq!(check(&Tree::of(&[(PATH, GOOD), BENCH, options])), []);
        let door = ("crates/cli/tests/command.rs", "fn f() { run(\"blur:radius=2\") }");
        assert_eq!(check(&Tree::of(&[(PATH, GOOD), BENCH, door])), []);
        let unit_test = ("crates/cli/src/command/tests.rs", "fn f() { run(\"blur\") }");
        broken(&[(PATH, GOOD), BENCH, unit_test], 5, "has no figure");
        let longer_name = ("crates/ops/benches/f.rs", "fn main() { blur_twice() } // blur");
        broken(&[(PATH, GOOD), longer_name, TEST], 5, "has no bench");
        let other_crate = ("crates/metrics/benches/f.rs", "fn main() { blur() }");
        broken(&[(PATH, GOOD), other_crate, TEST], 5, "has no bench");
    }
}
