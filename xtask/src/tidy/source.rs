//! The files that the rules look at.

use std::io;
use std::path::Path;

/// One file, with its path from the workspace's folder, `/` between folders.
pub struct File {
    pub path: String,
    pub text: String,
    /// The text with comments, strings and characters blanked; line breaks stay.
    pub code: String,
}

impl File {
    pub fn new(path: &str, text: &str) -> Self {
        let code = if is_rust(path) { code_only(text) } else { String::new() };
        Self { path: path.to_string(), text: text.to_string(), code }
    }

    /// The path without folders and ending.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.split_once('.').map_or(name, |(stem, _)| stem)
    }

    /// Its `//!` lines at the top, without the marks.
    pub fn header(&self) -> String {
        let lines = self.text.lines().take_while(|l| l.starts_with("//!"));
        lines.map(|l| l.trim_start_matches("//!").trim()).collect::<Vec<_>>().join("\n")
    }
}

/// The Rust files, manifests and documents of the workspace.
pub struct Tree {
    pub files: Vec<File>,
}

impl Tree {
    /// Reads the folders that hold source, and the documents beside them.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for folder in ["crates", "xtask", "fuzz"] {
            if root.join(folder).is_dir() {
                walk(root, folder, &mut files)?;
            }
        }
        for name in ["Cargo.toml", "ARCHITECTURE.md", "deny.toml"] {
            if let Ok(text) = std::fs::read_to_string(root.join(name)) {
                files.push(File::new(name, &text));
            }
        }
        Ok(Self { files })
    }

    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| File::new(path, text)).collect() }
    }

    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|f| is_rust(&f.path))
    }

    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|f| f.path == path)
    }
}

fn walk(root: &Path, folder: &str, files: &mut Vec<File>) -> io::Result<()> {
    let mut entries = std::fs::read_dir(root.join(folder))?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.file_type()?.is_dir() {
            if name != "target" && !name.starts_with('.') {
                walk(root, &path, files)?;
            }
        } else if is_rust(&path) || name == "Cargo.toml" {
            files.push(File::new(&path, &std::fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|e| e == "rs")
}

/// The line, from 1, of a place in a text.
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

/// Where `word` stands in `code`, not as a part of a longer name.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_name = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).and_then(|i| bytes.get(i));
        !is_name(before) && !is_name(bytes.get(at + word.len()))
    })
}

/// Blanks comments, strings and characters, so that rules see code alone.
fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = at + blank_length(&bytes[at..], at.checked_sub(1).map(|i| bytes[i]));
        for b in &mut out[at..end] {
            if *b != b'\n' {
                *b = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).unwrap_or_default()
}

/// How many bytes at the start of `rest` are a comment, a string or a character; 0 for code.
fn blank_length(rest: &[u8], before: Option<u8>) -> usize {
    let after_name = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'r', b'"' | b'#', ..] if !after_name => raw_string(rest, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !after_name => raw_string(rest, 2),
        [b'"', ..] => quoted(rest, b'"'),
        // A lifetime has no closing quote one (escaped or not) character later.
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        [b'\'', first, ..] => {
            let width = match first {
                0..0x80 => 1,
                0x80..0xE0 => 2,
                0xE0..0xF0 => 3,
                _ => 4,
            };
            if rest.get(1 + width) == Some(&b'\'') { 2 + width } else { 0 }
        }
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn raw_string(rest: &[u8], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|b| **b == b'#').count();
    if rest.get(prefix + hashes) != Some(&b'"') {
        return 0; // a raw identifier
    }
    let start = prefix + hashes + 1;
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let found = rest[start..].windows(close.len()).position(|w| w == close);
    found.map_or(rest.len(), |i| start + i + close.len())
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b if b == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_blanked_and_lines_stay() {
        let text = "a // unsafe\n/* unsafe /* x */ \n unsafe */ b \"unsafe \\\" unsafe\" c\n\
                    r#\"unsafe \" \"# d 'u' '\\'' 'é' e<'static> r#unsafe br\"unsafe\" f";
        let code = code_only(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.lines().count(), text.lines().count());
        let names: Vec<_> = code.split_whitespace().collect();
        assert_eq!(names, ["a", "b", "c", "d", "e<'static>", "r#unsafe", "f"]);
    }

    #[test]
    fn unclosed_literals_at_the_end_are_survived() {
        for text in ["\"abc", "\"abc\\", "/* abc", "r#\"abc", "'", "'\\", "r#", "'é"] {
            assert_eq!(code_only(text).len(), text.len(), "{text}");
        }
    }

    #[test]
    fn words_are_whole_names() {
        let found: Vec<_> = words("unsafe unsafe_code not_unsafe (unsafe)", "unsafe").collect();
        assert_eq!(found, [0, 31]);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
