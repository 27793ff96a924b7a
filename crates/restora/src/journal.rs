//! The diary of a run, kept in the output folder while it lasts, so that a killed run can go on.
//!
//! One JSON line per finished item, after a first line that says with which options the run was
//! started. The file is locked while a run writes: a second run into the same folder is refused. A
//! run that ends removes it.

use crate::error::Error;
use crate::report::ItemReport;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Name of the diary inside the output folder.
pub const NAME: &str = ".restora-journal.jsonl";

#[derive(Serialize, Deserialize)]
struct Head {
    restora: String,
    options: String,
}

/// An open diary.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

/// What to do about a diary that an earlier run left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// Say so and stop.
    Refuse,
    /// Go on where it stopped.
    Resume,
    /// Start over.
    Discard,
}

impl Journal {
    /// Opens the diary of a run with the given options into `folder`, which exists; returns it with
    /// the reports of the items an earlier run finished.
    ///
    /// # Errors
    /// [`Error::Usage`] if another run is writing there, or if an unfinished run is there and
    /// `earlier` does not say what to do about it or its options differ; [`Error::Io`].
    pub fn open(
        folder: &Path,
        options: &str,
        earlier: Earlier,
    ) -> Result<(Self, HashMap<String, ItemReport>), Error> {
        let path = folder.join(NAME);
        let io = |source| Error::Io { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Usage(format!(
                    "another run is writing into {}: wait for it or choose another folder",
                    folder.display()
                )));
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let (head, mut finished, sound) = read(&file).map_err(io)?;
        match (head, earlier) {
            (None, _) | (_, Earlier::Discard) => {
                finished.clear();
                file.set_len(0).map_err(io)?;
                file.seek(SeekFrom::Start(0)).map_err(io)?;
                let head = Head {
                    restora: env!("CARGO_PKG_VERSION").to_owned(),
                    options: options.to_owned(),
                };
                write_line(&mut file, &head).map_err(io)?;
            }
            (Some(_), Earlier::Refuse) => {
                return Err(Error::Usage(format!(
                    "{} holds an unfinished run: go on with --resume, or start over with --overwrite",
                    folder.display()
                )));
            }
            (Some(head), Earlier::Resume) if head.options != options => {
                return Err(Error::Usage(format!(
                    "the unfinished run in {} had other options ({}): repeat those, or start over \
                     with --overwrite",
                    folder.display(),
                    head.options
                )));
            }
            (Some(_), Earlier::Resume) => {
                // A line that the kill cut short is dropped.
                file.set_len(sound).map_err(io)?;
                file.seek(SeekFrom::End(0)).map_err(io)?;
            }
        }
        Ok((Self { path, file: Mutex::new(file) }, finished))
    }

    /// Notes a finished item.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn note(&self, item: &ItemReport) -> Result<(), Error> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        write_line(&mut file, item).map_err(|source| Error::Io { path: self.path.clone(), source })
    }

    /// Removes the diary: the run is over.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(self) -> Result<(), Error> {
        std::fs::remove_file(&self.path)
            .map_err(|source| Error::Io { path: self.path.clone(), source })
    }
}

fn write_line(file: &mut File, value: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// Head, finished items, and the length of the sound part of the file.
fn read(file: &File) -> std::io::Result<(Option<Head>, HashMap<String, ItemReport>, u64)> {
    let mut reader = BufReader::new(file);
    let (mut head, mut finished, mut sound) = (None, HashMap::new(), 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let n = reader.read_until(b'\n', &mut line)?;
        if n == 0 || line.last() != Some(&b'\n') {
            return Ok((head, finished, sound));
        }
        if head.is_none() {
            match serde_json::from_slice(&line) {
                Ok(h) => head = Some(h),
                Err(_) => return Ok((None, finished, 0)),
            }
        } else {
            match serde_json::from_slice::<ItemReport>(&line) {
                Ok(item) => {
                    finished.insert(item.id.clone(), item);
                }
                Err(_) => return Ok((head, finished, sound)),
            }
        }
        sound += n as u64;
    }
}
