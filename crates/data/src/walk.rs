use crate::atomic::is_temporary;
use crate::glob::{Glob, Progress, is_pattern};
use crate::{DataError, Format, ItemError, Limits, sniff};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, Error, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// What the user points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file, or a folder with everything below it.
    Path(PathBuf),
    /// A pattern with `*`, `?`, `[a-z]`, `**`.
    Glob(OsString),
    /// A text file with one path per line, relative to the current folder; `-` reads standard
    /// input. Empty lines are skipped.
    List(PathBuf),
    /// One image on standard input.
    Stdin,
}

impl Input {
    /// Reads an argument: `-` is standard input, `@FILE` a list, what exists a path, what has
    /// wildcards a pattern; anything else is a path that will be reported as missing.
    pub fn parse(argument: &OsStr) -> Self {
        let bytes = argument.as_encoded_bytes();
        let path = Path::new(argument);
        if bytes == b"-" {
            Self::Stdin
        } else if path.symlink_metadata().is_ok() {
            Self::Path(path.to_path_buf())
        } else if let Some(list) = argument.to_str().and_then(|s| s.strip_prefix('@')) {
            Self::List(PathBuf::from(list))
        } else if is_pattern(argument) {
            Self::Glob(argument.to_os_string())
        } else {
            Self::Path(path.to_path_buf())
        }
    }
}

/// Where the bytes of an item are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a file.
    Path(PathBuf),
    /// On standard input.
    Stdin,
}

/// One item of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where its bytes are.
    pub source: Source,
    /// Its place in the output tree: below the folder or the fixed part of the pattern; as listed,
    /// without root and `..`, for a list; the bare name for one file.
    pub relative: PathBuf,
    /// `relative` as text with `/`, unique also where names are not UTF-8: a byte that is not part
    /// of a character becomes `\xFF`, and a backslash `\\`.
    pub id: String,
}

impl Entry {
    fn new(path: PathBuf, relative: PathBuf) -> Self {
        let id = id_of(&relative);
        Self { source: Source::Path(path), relative, id }
    }

    /// All bytes of the item. Refuses a file that is larger than `limits` allow before reading it,
    /// and whatever is not a regular file before opening it.
    ///
    /// # Errors
    /// [`DataError::Io`], [`DataError::Limit`].
    pub fn read(&self, limits: &Limits) -> Result<Vec<u8>, DataError> {
        let most = limits.max_file_bytes.saturating_add(1);
        let mut bytes = Vec::new();
        match &self.source {
            Source::Stdin => {
                let io = |e| DataError::io(Path::new("standard input"), e);
                std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(io)?;
            }
            Source::Path(path) => {
                let io = |e| DataError::io(path, e);
                let meta = std::fs::metadata(path).map_err(io)?;
                if meta.is_dir() {
                    return Err(io(Error::new(ErrorKind::IsADirectory, "this is a folder")));
                }
                if !meta.is_file() {
                    return Err(io(Error::new(ErrorKind::InvalidInput, "not a regular file")));
                }
                limits.check_file(meta.len())?;
                bytes.reserve_exact(usize::try_from(meta.len()).unwrap_or(0));
                let file = File::open(path).map_err(io)?;
                file.take(most).read_to_end(&mut bytes).map_err(io)?;
            }
        }
        limits.check_file(bytes.len() as u64)?;
        Ok(bytes)
    }
}

/// The path as unique text; see [`Entry::id`].
fn id_of(relative: &Path) -> String {
    let mut id = String::new();
    for component in relative.components() {
        if !id.is_empty() {
            id.push('/');
        }
        push_escaped(&mut id, component.as_os_str().as_encoded_bytes());
    }
    id
}

/// Appends a name as unique text; see [`Entry::id`].
pub(crate) fn push_escaped(id: &mut String, name: &[u8]) {
    for chunk in name.utf8_chunks() {
        id.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(id, "\\x{byte:02X}");
        }
    }
}

/// Lists the items of `input`, in the order of their names, folder by folder. Holds the names of the
/// folders it is inside of and nothing else, however many files there are.
///
/// In folders and patterns, a file is an item if its extension is that of an image format, or else
/// if its first bytes are; others are counted in [`Walk::skipped`], and so are hidden files and
/// folders unless a pattern names them. What a list or the user names is always an item. Symbolic
/// links are followed; one that leads back into a folder it lies in is an error, and the walk goes
/// on.
pub fn walk(input: &Input) -> Walk {
    let mut walk = Walk::default();
    match input {
        Input::Stdin => walk.ready.push_back(Ok(Entry {
            source: Source::Stdin,
            relative: PathBuf::from("stdin"),
            id: "stdin".into(),
        })),
        Input::Path(path) => match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => walk.enter(path.clone(), PathBuf::new(), None, &meta),
            // A missing file is an error of its own row, once it is read.
            _ => {
                let name = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
                walk.ready.push_back(Ok(Entry::new(path.clone(), name)));
            }
        },
        Input::Glob(pattern) => {
            let glob = Glob::new(pattern);
            let base = glob.base.clone();
            match std::fs::metadata(&base) {
                Ok(meta) if meta.is_dir() => {
                    let start = glob.start();
                    walk.glob = Some(glob);
                    walk.enter(base, PathBuf::new(), Some(start), &meta);
                }
                // Nothing can match below what is not a folder.
                Ok(_) => {}
                Err(e) => walk.fail(&base, Path::new(pattern), e),
            }
        }
        Input::List(path) => {
            let lines: Result<Box<dyn BufRead + Send>, Error> = if path.as_os_str() == "-" {
                Ok(Box::new(BufReader::new(std::io::stdin())))
            } else {
                File::open(path).map(|f| Box::new(BufReader::new(f)) as Box<dyn BufRead + Send>)
            };
            match lines {
                Ok(lines) => walk.list = Some((path.clone(), lines)),
                Err(e) => walk.fail(path, path, e),
            }
        }
    }
    walk
}

/// The iterator of [`walk`].
#[derive(Default)]
pub struct Walk {
    ready: VecDeque<Result<Entry, ItemError>>,
    folders: Vec<Folder>,
    glob: Option<Glob>,
    list: Option<(PathBuf, Box<dyn BufRead + Send>)>,
    excluded: Vec<PathBuf>,
    skipped: u64,
}

struct Folder {
    path: PathBuf,
    relative: PathBuf,
    /// How far the pattern, if there is one, has matched.
    progress: Option<Progress>,
    identity: Identity,
    /// Names still to be visited, the next one last.
    names: Vec<OsString>,
}

type Identity = (u64, u64, PathBuf);

#[cfg(unix)]
fn identity(_: &Path, meta: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (meta.dev(), meta.ino(), PathBuf::new())
}

#[cfg(not(unix))]
fn identity(path: &Path, _: &Metadata) -> Identity {
    (0, 0, path.canonicalize().unwrap_or_else(|_| path.to_path_buf()))
}

impl Walk {
    /// Does not enter `folder` (an output folder inside the input, say), by whatever name it is met.
    #[must_use]
    pub fn exclude(mut self, folder: &Path) -> Self {
        self.excluded.push(folder.to_path_buf());
        self
    }

    /// How many files and hidden folders were passed over so far because they are no images.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn fail(&mut self, path: &Path, relative: &Path, error: Error) {
        let id = if relative.as_os_str().is_empty() { id_of(path) } else { id_of(relative) };
        let error = DataError::io(path, error);
        self.ready.push_back(Err(ItemError { id, path: path.to_path_buf(), error }));
    }

    fn enter(
        &mut self,
        path: PathBuf,
        relative: PathBuf,
        progress: Option<Progress>,
        meta: &Metadata,
    ) {
        let identity = identity(&path, meta);
        if self.folders.iter().any(|folder| folder.identity == identity) {
            let loops =
                Error::new(ErrorKind::InvalidInput, "a symbolic link that leads in a circle");
            return self.fail(&path, &relative, loops);
        }
        // Looked up anew each time: the output folder may have come into being meanwhile.
        let is_excluded = |folder: &PathBuf| {
            std::fs::metadata(folder).is_ok_and(|m| self::identity(folder, &m) == identity)
        };
        if self.excluded.iter().any(is_excluded) {
            return;
        }
        let mut names = Vec::new();
        let listed = std::fs::read_dir(&path).and_then(|entries| {
            for entry in entries {
                names.push(entry?.file_name());
            }
            Ok(())
        });
        if let Err(e) = listed {
            self.fail(&path, &relative, e);
        }
        names.sort_unstable_by(|a, b| b.as_encoded_bytes().cmp(a.as_encoded_bytes()));
        self.folders.push(Folder { path, relative, progress, identity, names });
    }

    fn visit(&mut self, name: &OsStr) {
        let Some(folder) = self.folders.last() else { return };
        let (path, relative) = (folder.path.join(name), folder.relative.join(name));
        let hidden_wanted = match (&self.glob, &folder.progress) {
            (Some(glob), Some(progress)) => glob.wants_hidden(progress),
            _ => false,
        };
        let progress = match (&self.glob, &folder.progress) {
            (Some(glob), Some(progress)) => Some(glob.step(progress, name)),
            _ => None,
        };
        let matched = match (&self.glob, &progress) {
            (Some(glob), Some(progress)) => (glob.is_match(progress), glob.goes_on(progress)),
            _ => (true, true),
        };
        if matched == (false, false) || is_temporary(&path) {
            return;
        }
        if name.as_encoded_bytes().starts_with(b".") && !hidden_wanted {
            self.skipped += 1;
            return;
        }
        let promises = Format::from_path(&path).is_some();
        match std::fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                if matched.1 {
                    self.enter(path, relative, progress, &meta);
                }
            }
            Ok(_) if !matched.0 => {}
            Ok(meta) if promises || (meta.is_file() && looks_like_image(&path)) => {
                self.ready.push_back(Ok(Entry::new(path, relative)));
            }
            // A link into nowhere, or one that goes in circles by itself, or no permission.
            Err(e) if promises || e.kind() != ErrorKind::NotFound => {
                self.fail(&path, &relative, e);
            }
            _ => self.skipped += 1,
        }
    }

    fn next_line(&mut self) -> Option<Result<Entry, ItemError>> {
        let (list, lines) = self.list.as_mut()?;
        loop {
            let mut line = Vec::new();
            match lines.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(e) => {
                    let (id, path) = (id_of(list), list.clone());
                    let error = DataError::io(list, e);
                    self.list = None;
                    return Some(Err(ItemError { id, path, error }));
                }
            }
            while matches!(line.last(), Some(b'\n' | b'\r')) {
                line.pop();
            }
            if line.is_empty() {
                continue;
            }
            let path = path_from(line);
            let relative: PathBuf =
                path.components().filter(|c| matches!(c, Component::Normal(_))).collect();
            return Some(Ok(Entry::new(path, relative)));
        }
    }
}

#[cfg(unix)]
fn path_from(line: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(line).into()
}

#[cfg(not(unix))]
fn path_from(line: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&line).into_owned().into()
}

/// Looks into a file whose name promises nothing. What cannot be read is not taken for an image.
fn looks_like_image(path: &Path) -> bool {
    let mut head = Vec::with_capacity(16);
    File::open(path).is_ok_and(|f| f.take(16).read_to_end(&mut head).is_ok())
        && sniff(&head).is_some()
}

impl Iterator for Walk {
    type Item = Result<Entry, ItemError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            match self.folders.last_mut().map(|folder| folder.names.pop()) {
                Some(Some(name)) => self.visit(&name),
                Some(None) => {
                    self.folders.pop();
                }
                None => return self.next_line(),
            }
        }
    }
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk").field("skipped", &self.skipped).finish_non_exhaustive()
    }
}
