//! Patterns over paths: `*`, `?`, `[a-z]`, `[!a-z]` inside a name, `**` for any number of folders.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// A pattern, split into the folder it starts from and what names below that must match.
#[derive(Clone, Debug)]
pub(crate) struct Glob {
    /// The leading part without wildcards.
    pub base: PathBuf,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    /// `**`
    Any,
    Name(Vec<u8>),
}

/// How many leading parts of the pattern a path may have matched so far.
pub(crate) type Progress = Vec<usize>;

/// Has the text a wildcard?
pub(crate) fn is_pattern(text: &OsStr) -> bool {
    text.as_encoded_bytes().iter().any(|b| matches!(b, b'*' | b'?' | b'['))
}

impl Glob {
    pub fn new(pattern: &OsStr) -> Self {
        let mut base = PathBuf::new();
        let mut parts = Vec::new();
        for component in Path::new(pattern).components() {
            match component {
                Component::Normal(name) if !parts.is_empty() || is_pattern(name) => {
                    let name = name.as_encoded_bytes();
                    parts.push(if name == b"**" { Part::Any } else { Part::Name(name.to_vec()) });
                }
                other if parts.is_empty() => base.push(other),
                // `..` after a wildcard matches nothing that a walk yields.
                _ => parts.push(Part::Name(b"..".to_vec())),
            }
        }
        if base.as_os_str().is_empty() {
            base.push(".");
        }
        Self { base, parts }
    }

    /// Where a match starts: at the base folder.
    pub fn start(&self) -> Progress {
        self.closed(vec![0])
    }

    /// `**` may match no folder at all.
    fn closed(&self, mut states: Progress) -> Progress {
        let mut i = 0;
        while i < states.len() {
            if matches!(self.parts.get(states[i]), Some(Part::Any)) {
                states.push(states[i] + 1);
            }
            i += 1;
        }
        states.sort_unstable();
        states.dedup();
        states
    }

    /// How far a path has matched once `name` is added to it. Empty: it cannot match any more.
    pub fn step(&self, progress: &[usize], name: &OsStr) -> Progress {
        let name = name.as_encoded_bytes();
        let next = progress
            .iter()
            .filter_map(|state| match self.parts.get(*state)? {
                Part::Any => Some(*state),
                Part::Name(pattern) => matches_name(pattern, name).then_some(state + 1),
            })
            .collect();
        self.closed(next)
    }

    /// Is the whole pattern matched?
    pub fn is_match(&self, progress: &[usize]) -> bool {
        progress.contains(&self.parts.len())
    }

    /// Could anything below match?
    pub fn goes_on(&self, progress: &[usize]) -> bool {
        progress.iter().any(|state| *state < self.parts.len())
    }

    /// Does the pattern ask for hidden names at this point?
    pub fn wants_hidden(&self, progress: &[usize]) -> bool {
        progress
            .iter()
            .any(|s| matches!(self.parts.get(*s), Some(Part::Name(p)) if p.starts_with(b".")))
    }
}

/// Greedy matching with one point to go back to, linear in practice and quadratic at worst.
fn matches_name(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() {
        let matched = match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, n));
                p += 1;
                continue;
            }
            Some(b'?') => Some((p + 1, n + char_len(&name[n..]))),
            Some(b'[') => match set(&pattern[p..], name[n]) {
                Some((true, len)) => Some((p + len, n + 1)),
                Some((false, _)) => None,
                // Without a closing bracket it is a letter like any other.
                None => (name[n] == b'[').then_some((p + 1, n + 1)),
            },
            Some(c) => (*c == name[n]).then_some((p + 1, n + 1)),
            None => None,
        };
        match (matched, back) {
            (Some(next), _) => (p, n) = next,
            (None, Some((star, from))) => {
                back = Some((star, from + 1));
                (p, n) = (star + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// Bytes of the UTF-8 character at the start, 1 where it is none.
fn char_len(bytes: &[u8]) -> usize {
    (1..=bytes.len().min(4)).find(|n| std::str::from_utf8(&bytes[..*n]).is_ok()).unwrap_or(1)
}

/// Whether `byte` is in the set at the start of `pattern`, and the length of that set.
fn set(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|c| *c == b']')?;
    let (mut i, mut found) = (start, false);
    while i < end {
        if i + 2 < end && pattern[i + 1] == b'-' {
            found |= (pattern[i]..=pattern[i + 2]).contains(&byte);
            i += 3;
        } else {
            found |= pattern[i] == byte;
            i += 1;
        }
    }
    Some((found != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_like_in_a_shell() {
        let cases: [(&str, &str, bool); 16] = [
            ("*.png", "a.png", true),
            ("*.png", "a.png.txt", false),
            ("*", "", true),
            ("a*b*c", "a-bb-c", true),
            ("a*b*c", "a-bb-d", false),
            ("?.png", "é.png", true),
            ("?.png", "ab.png", false),
            ("[a-c]1", "b1", true),
            ("[a-c]1", "d1", false),
            ("[!a-c]1", "d1", true),
            ("[!a-c]1", "a1", false),
            ("[]]", "]", true),
            ("[-x]", "-", true),
            ("a[", "a[", true),
            ("**x", "yx", true),
            ("*a", "aaab", false),
        ];
        for (pattern, name, want) in cases {
            assert_eq!(matches_name(pattern.as_bytes(), name.as_bytes()), want, "{pattern} {name}");
        }
    }

    #[test]
    fn folders_are_pruned_as_soon_as_they_cannot_match() {
        let path_matches = |pattern: &str, path: &str| {
            let glob = Glob::new(OsStr::new(pattern));
            let mut progress = glob.start();
            for part in path.split('/') {
                progress = glob.step(&progress, OsStr::new(part));
            }
            (glob.is_match(&progress), glob.goes_on(&progress))
        };
        assert_eq!(path_matches("p/**/*.png", "a/b/c.png"), (true, true));
        assert_eq!(path_matches("p/**/*.png", "c.png"), (true, true));
        assert_eq!(path_matches("p/*/x/*.png", "a/y"), (false, false));
        assert_eq!(path_matches("p/*/x/*.png", "a/x"), (false, true));
        assert_eq!(path_matches("p/*.png", "a.png"), (true, false));
        assert_eq!(Glob::new(OsStr::new("/data/p/*/x")).base, Path::new("/data/p"));
        assert_eq!(Glob::new(OsStr::new("*.png")).base, Path::new("."));
    }
}
