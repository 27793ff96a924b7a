//! Folders as they are: links in circles, closed doors, strange names, ten thousand files.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use restora_data::{Input, ItemError, Limits, Source, TEMPORARY_SUFFIX, Walk, walk};
use restora_image::ErrorKind;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

fn touch(root: &Path, relative: &str, bytes: &[u8]) {
    let path = root.join(relative);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn split(walk: Walk) -> (Vec<String>, Vec<ItemError>) {
    let (mut ids, mut errors) = (Vec::new(), Vec::new());
    for item in walk {
        match item {
            Ok(entry) => ids.push(entry.id),
            Err(error) => errors.push(error),
        }
    }
    (ids, errors)
}

#[test]
fn a_folder_is_listed_in_order_and_mirrored() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["b/2.png", "b/1.JPG", "a.tif", "c/d/e.webp", "noextension", "wrong.txt"] {
        touch(root, name, PNG);
    }
    touch(root, "empty.png", b"");
    touch(root, "notes.txt", b"text");
    touch(root, ".hidden.png", PNG);
    touch(root, ".cache/x.png", PNG);
    touch(root, &format!(".abc{TEMPORARY_SUFFIX}"), PNG);
    fs::create_dir(root.join("x.png")).unwrap();
    let mut items = walk(&Input::Path(root.to_path_buf()));
    let entries: Vec<_> = items.by_ref().map(Result::unwrap).collect();
    let ids: Vec<_> = entries.iter().map(|e| e.id.as_str()).collect();
    let wanted =
        ["a.tif", "b/1.JPG", "b/2.png", "c/d/e.webp", "empty.png", "noextension", "wrong.txt"];
    assert_eq!(ids, wanted);
    assert_eq!(items.skipped(), 3);
    for entry in &entries {
        assert_eq!(entry.source, Source::Path(root.join(&entry.relative)));
    }
    assert_eq!(entries[1].read(&Limits::default()).unwrap(), PNG);
}

#[test]
fn one_file_and_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), "sub/notes.txt", b"text");
    let path = folder.path().join("sub/notes.txt");
    // What is named is an item, whatever it is.
    let (ids, _) = split(walk(&Input::Path(path.clone())));
    assert_eq!(ids, ["notes.txt"]);
    let missing = folder.path().join("missing.png");
    let entry = walk(&Input::parse(missing.as_os_str())).next().unwrap().unwrap();
    assert_eq!(entry.read(&Limits::default()).unwrap_err().kind(), ErrorKind::Io);
    let limits = Limits { max_file_bytes: 3, ..Limits::default() };
    let entry = walk(&Input::Path(path)).next().unwrap().unwrap();
    assert_eq!(entry.read(&limits).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn arguments_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), "a[1].png", PNG);
    let odd = folder.path().join("a[1].png");
    let parse = |s: &str| Input::parse(OsStr::new(s));
    assert_eq!(parse("-"), Input::Stdin);
    assert_eq!(parse("@list.txt"), Input::List("list.txt".into()));
    assert_eq!(parse("p/*.png"), Input::Glob("p/*.png".into()));
    assert_eq!(parse("missing.png"), Input::Path("missing.png".into()));
    // A file of that very name comes before a pattern.
    assert_eq!(Input::parse(odd.as_os_str()), Input::Path(odd));
}

#[test]
fn patterns_start_at_their_fixed_part() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["p/a.png", "p/b.jpg", "p/q/c.png", "p/q/r/d.png", "other/e.png", "p/.h/f.png"] {
        touch(root, name, PNG);
    }
    let glob = |pattern: &str| {
        let (ids, errors) = split(walk(&Input::Glob(root.join(pattern).into())));
        assert!(errors.is_empty());
        ids
    };
    assert_eq!(glob("p/*.png"), ["a.png"]);
    assert_eq!(glob("p/**/*.png"), ["a.png", "q/c.png", "q/r/d.png"]);
    assert_eq!(glob("*/?.png"), ["other/e.png", "p/a.png"]);
    assert_eq!(glob("p/.h/*"), ["f.png"]);
    assert_eq!(glob("p/[!a].*"), ["b.jpg"]);
    assert!(glob("p/*.gif").is_empty());
    let (_, errors) = split(walk(&Input::Glob(root.join("missing/*.png").into())));
    assert_eq!(errors.len(), 1);
}

#[test]
fn lists_are_read_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), "list", b"a/b.png\r\n\n../up/c.png\n/data/d.png\nlast.png");
    let list = folder.path().join("list");
    let entries: Vec<_> = walk(&Input::List(list)).map(Result::unwrap).collect();
    let relatives: Vec<_> = entries.iter().map(|e| e.relative.to_str().unwrap()).collect();
    assert_eq!(relatives, ["a/b.png", "up/c.png", "data/d.png", "last.png"]);
    assert_eq!(entries[1].source, Source::Path("../up/c.png".into()));
    let (_, errors) = split(walk(&Input::List(folder.path().join("none"))));
    assert_eq!(errors[0].error.kind(), ErrorKind::Io);
}

#[test]
fn the_output_folder_inside_the_input_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    touch(root, "a.png", PNG);
    touch(root, "out/a.png", PNG);
    let items = walk(&Input::Path(root.to_path_buf())).exclude(&root.join("x/../out/."));
    // `x` does not exist, so that name leads nowhere and excludes nothing.
    assert_eq!(split(items).0, ["a.png", "out/a.png"]);
    let items = walk(&Input::Path(root.to_path_buf())).exclude(&root.join("out/."));
    assert_eq!(split(items).0, ["a.png"]);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn links_are_followed_and_circles_are_one_error_each() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        touch(root, "a/1.png", PNG);
        touch(root, "z.png", PNG);
        symlink("..", root.join("a/up")).unwrap();
        symlink(".", root.join("self")).unwrap();
        symlink("a", root.join("link")).unwrap();
        symlink("nowhere.png", root.join("broken.png")).unwrap();
        symlink("loop.png", root.join("loop.png")).unwrap();
        let (ids, errors) = split(walk(&Input::Path(root.to_path_buf())));
        assert_eq!(ids, ["a/1.png", "link/1.png", "z.png"]);
        let bad: Vec<_> = errors.iter().map(|e| e.id.as_str()).collect();
        assert_eq!(bad, ["a/up", "broken.png", "link/up", "loop.png", "self"]);
        assert!(errors.iter().all(|e| e.error.kind() == ErrorKind::Io));
    }

    #[test]
    fn a_closed_folder_is_one_error_and_the_walk_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        touch(root, "closed/1.png", PNG);
        touch(root, "open/2.png", PNG);
        let closed = root.join("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        // The superuser reads it anyway.
        let superuser = fs::read_dir(&closed).is_ok();
        let (ids, errors) = split(walk(&Input::Path(root.to_path_buf())));
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
        if superuser {
            assert_eq!(ids, ["closed/1.png", "open/2.png"]);
        } else {
            assert_eq!((ids, errors.len()), (vec!["open/2.png".to_owned()], 1));
            assert_eq!(errors[0].id, "closed");
        }
    }

    #[test]
    fn names_that_are_not_text_are_read_and_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let names: [&[u8]; 4] = [b"caf\xe9.png", b"caf\xe8.png", b"caf\\xE9.png", b"new\nline.png"];
        for name in names {
            fs::write(root.join(OsStr::from_bytes(name)), name).unwrap();
        }
        let entries: Vec<_> = walk(&Input::Path(root.to_path_buf())).map(Result::unwrap).collect();
        let ids: Vec<_> = entries.iter().map(|e| e.id.as_str()).collect();
        assert_eq!(ids, ["caf\\\\xE9.png", "caf\\xE8.png", "caf\\xE9.png", "new\nline.png"]);
        for entry in &entries {
            let name = entry.relative.as_os_str().as_bytes();
            assert_eq!(entry.read(&Limits::default()).unwrap(), name);
        }
        // The same through a list.
        let list = root.join("list");
        let mut lines = root.as_os_str().as_bytes().to_vec();
        lines.extend(b"/caf\xe9.png\n");
        fs::write(&list, lines).unwrap();
        let entry = walk(&Input::List(list)).next().unwrap().unwrap();
        assert_eq!(entry.read(&Limits::default()).unwrap(), names[0]);
    }

    #[test]
    fn a_pipe_is_refused_without_waiting_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.png");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|s| s.success()) {
            let (ids, errors) = split(walk(&Input::Path(folder.path().to_path_buf())));
            assert_eq!((ids.as_slice(), errors.len()), (&["pipe.png".to_owned()][..], 0));
            let entry = walk(&Input::Path(pipe)).next().unwrap().unwrap();
            assert_eq!(entry.read(&Limits::default()).unwrap_err().kind(), ErrorKind::Io);
        }
    }
}

#[test]
fn ten_thousand_files_are_all_found_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for i in 0..10_000 {
        let path = root.join(format!("{:02}", i % 100));
        if i < 100 {
            fs::create_dir(&path).unwrap();
        }
        fs::write(path.join(format!("{i:05}.png")), b"").unwrap();
    }
    let mut last = PathBuf::new();
    let mut count = 0;
    for entry in walk(&Input::Path(root.to_path_buf())) {
        let entry = entry.unwrap();
        assert!(entry.relative > last);
        last = entry.relative;
        count += 1;
    }
    assert_eq!(count, 10_000);
}
