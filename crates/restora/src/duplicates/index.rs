//! Pictures that were looked at once, in a file that grows.
//!
//! ```text
//! file   = "RESTORA INDEX 1\n" entry*
//! entry  = length (4 bytes), CRC-32 of what follows (4 bytes), postcard of `Entry`
//! ```
//!
//! Entries are only ever added: a picture that is looked at again comes once more, one that is gone is
//! named. So a run that is killed loses the entry it was writing and nothing else: what is cut short at the end
//! is cut off when the file is next written to. Where more than half has been replaced, the file is written
//! anew, in one piece. A lock keeps a second writer out.

use super::candidates::{Candidates, Lists};
use super::signature::{CODE, Signature, stamp};
use crate::error::Error;
use crate::report::Failure;
use rayon::prelude::*;
use restora_data::{Input, Limits, walk, write_atomically};
use restora_image::{Cancel, Context};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

const MAGIC: &[u8] = b"RESTORA INDEX 1\n";

/// What a file holds one after the other.
#[derive(Serialize, Deserialize)]
enum Entry<'a> {
    /// The first one: keypoints of a picture.
    Keypoints(u32),
    Picture(Signature),
    /// The picture of this name is no longer there.
    Gone(String),
    /// Centers of the inverted file.
    Centers(#[serde(borrow)] &'a [u8]),
    /// The list of each code of the picture of this name.
    Labels(String, Vec<u32>),
}

/// Pictures that were looked at, by name, and where that is written down.
pub struct PictureIndex {
    path: PathBuf,
    keypoints: u32,
    pictures: Vec<Signature>,
    lists: Lists,
    /// Bytes of the file that are whole.
    end: u64,
    /// Bytes of entries that later ones replaced.
    replaced: u64,
}

/// What [`PictureIndex::update`] did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Updated {
    /// Pictures that were new.
    pub added: usize,
    /// Pictures whose files had changed.
    pub changed: usize,
    /// Pictures that were no longer there.
    pub gone: usize,
    /// Pictures that had not changed and were not looked at.
    pub kept: usize,
    /// Files that could not be read, with the reason.
    pub failures: Vec<(String, Failure)>,
    /// Did somebody stop it? What was looked at until then is in the file.
    pub cancelled: bool,
}

impl PictureIndex {
    /// Reads the index at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is no index, or is damaged before its end.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let io = |e| Error::Io { path: path.into(), source: e };
        let bytes = std::fs::read(path).map_err(io)?;
        let Some(body) = bytes.strip_prefix(MAGIC) else {
            return Err(Error::Input(format!("{} is no index of pictures", path.display())));
        };
        let mut index = Self::empty(path, 0);
        let mut places: HashMap<String, (usize, u64)> = HashMap::new();
        let mut labels: HashMap<String, Vec<u32>> = HashMap::new();
        let mut kept: Vec<Option<Signature>> = Vec::new();
        let mut rest = body;
        while let Some((entry, length)) = next(rest, path, (bytes.len() - rest.len()) as u64)? {
            let size = length as u64;
            let mut forget = |id: &str, kept: &mut Vec<Option<Signature>>| {
                if let Some((place, size)) = places.remove(id) {
                    kept[place] = None;
                    index.replaced += size;
                }
                labels.remove(id);
            };
            match entry {
                Entry::Keypoints(keypoints) => index.keypoints = keypoints,
                Entry::Picture(signature) => {
                    forget(&signature.id, &mut kept);
                    places.insert(signature.id.clone(), (kept.len(), size));
                    kept.push(Some(signature));
                }
                Entry::Gone(id) => {
                    forget(&id, &mut kept);
                    index.replaced += size;
                }
                Entry::Centers(centers) => {
                    index.replaced += index.lists.centers.len() as u64;
                    index.lists.centers = centers.to_vec();
                    labels.clear();
                }
                Entry::Labels(id, list) => {
                    labels.insert(id, list);
                }
            }
            rest = &rest[length..];
        }
        index.end = (bytes.len() - rest.len()) as u64;
        index.pictures = kept.into_iter().flatten().collect();
        index.pictures.sort_by(|a, b| a.id.cmp(&b.id));
        let of = |s: &Signature| labels.remove(&s.id).unwrap_or_default();
        index.lists.labels = index.pictures.iter().map(of).collect();
        Ok(index)
    }

    fn empty(path: &Path, keypoints: u32) -> Self {
        let (pictures, lists) = (Vec::new(), Lists::default());
        Self { path: path.into(), keypoints, pictures, lists, end: 0, replaced: 0 }
    }

    /// How many pictures it holds.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Does it hold none?
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// Keypoints of a picture that are kept.
    pub fn keypoints(&self) -> u32 {
        self.keypoints
    }

    pub(super) fn pictures(&self) -> &[Signature] {
        &self.pictures
    }

    /// What is searched; lists that had to be made for it are kept, if the file can be written.
    pub(super) fn candidates(&mut self, cx: &Context) -> Result<Candidates, Error> {
        let candidates = Candidates::new(&self.pictures, Some(&self.lists), cx)?;
        // Lists that are not kept are made again next time: no reason to refuse a search.
        let _ = self.keep_lists(candidates.lists(self.pictures.len()));
        Ok(candidates)
    }

    /// Brings the file at `path` up to date with `input`, and makes it if it is not there: pictures that are new or
    /// changed (by size and time) are looked at and written down as they come, those no longer there are struck out.
    /// `seen` is called after each picture.
    ///
    /// # Errors
    /// If the file cannot be read or written, is in use, or was made with another number of `keypoints`.
    pub fn update(
        path: &Path,
        input: &Input,
        keypoints: u32,
        limits: &Limits,
        cancel: &Cancel,
        seen: &(dyn Fn() + Sync),
    ) -> Result<(Self, Updated), Error> {
        super::check_keypoints(keypoints)?;
        let io = |e| Error::Io { path: path.into(), source: e };
        let lock = lock(path)?;
        let mut index = if path.try_exists().map_err(io)? {
            Self::open(path)?
        } else {
            write_atomically(path, MAGIC, false)?;
            let mut index = Self::empty(path, 0);
            index.end = MAGIC.len() as u64;
            index
        };
        if index.keypoints == 0 {
            index.keypoints = keypoints;
            Writer::new(path, index.end)?.write(&Entry::Keypoints(keypoints))?;
            index.end = std::fs::metadata(path).map_err(io)?.len();
        }
        if index.keypoints != keypoints {
            return Err(Error::Usage(format!(
                "{} was made with {} keypoints, wanted are {keypoints}: make another index",
                path.display(),
                index.keypoints
            )));
        }
        let updated = index.take_in(input, limits, cancel, seen)?;
        drop(lock);
        Ok((index, updated))
    }

    fn take_in(
        &mut self,
        input: &Input,
        limits: &Limits,
        cancel: &Cancel,
        seen: &(dyn Fn() + Sync),
    ) -> Result<Updated, Error> {
        let mut updated = Updated::default();
        let known: HashMap<&str, &Signature> =
            self.pictures.iter().map(|s| (s.id.as_str(), s)).collect();
        let (mut there, mut wanted) = (HashSet::new(), Vec::new());
        for entry in walk(input) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => {
                    updated.failures.push((e.id, Failure::new("read", &Error::Data(e.error))));
                    continue;
                }
            };
            there.insert(entry.id.clone());
            let same = known.get(entry.id.as_str()).is_some_and(|old| {
                old.modified.is_some() && (Some(old.bytes), old.modified) == stamp(&entry)
            });
            if same {
                updated.kept += 1;
                seen();
            } else {
                wanted.push(entry);
            }
        }
        let writer = Mutex::new(Writer::new(&self.path, self.end)?);
        let looked: Vec<_> = wanted
            .into_par_iter()
            .filter(|_| !cancel.is_cancelled())
            .map(|entry| {
                let signature = Signature::of(&entry, self.keypoints, limits);
                let signature = signature.and_then(|s| {
                    let entry = Entry::Picture(s);
                    writer.lock().expect("no writer panics").write(&entry)?;
                    match entry {
                        Entry::Picture(s) => Ok(s),
                        _ => Err(Error::Fault("another entry came back".into())),
                    }
                });
                seen();
                (entry.id, signature)
            })
            .collect();
        let mut writer = writer.into_inner().expect("no writer panics");
        updated.cancelled = cancel.is_cancelled();
        let mut new: HashMap<String, Signature> = HashMap::new();
        for (id, signature) in looked {
            match signature {
                Ok(signature) => {
                    *if known.contains_key(id.as_str()) {
                        &mut updated.changed
                    } else {
                        &mut updated.added
                    } += 1;
                    new.insert(id, signature);
                }
                Err(error @ Error::Io { .. }) if is_of(&error, &self.path) => return Err(error),
                Err(error) => {
                    // What was known of it is of a file that is not there any more.
                    if known.contains_key(id.as_str()) {
                        there.remove(&id);
                    }
                    updated.failures.push((id, Failure::new("read", &error)));
                }
            }
        }
        updated.failures.sort_by(|a, b| a.0.cmp(&b.0));
        drop(known);
        let mut all: Vec<(Signature, Vec<u32>)> = Vec::new();
        let old = std::mem::take(&mut self.pictures).into_iter();
        for (signature, labels) in old.zip(std::mem::take(&mut self.lists.labels)) {
            let gone = !there.contains(&signature.id) && !updated.cancelled;
            if !gone && !new.contains_key(&signature.id) {
                all.push((signature, labels));
                continue;
            }
            self.replaced += (signature.codes.len() + signature.thumbnail.values.len()) as u64;
            if gone {
                updated.gone += 1;
                writer.write(&Entry::Gone(signature.id))?;
            }
        }
        all.extend(new.into_values().map(|signature| (signature, Vec::new())));
        all.sort_by(|a, b| a.0.id.cmp(&b.0.id));
        (self.pictures, self.lists.labels) = all.into_iter().unzip();
        self.end = writer.finish()?;
        Ok(updated)
    }

    /// Keeps the lists that the codes were put into, so that the next search need not do it again, and writes the
    /// file anew if more than half of it has been replaced.
    fn keep_lists(&mut self, lists: Lists) -> Result<(), Error> {
        if lists == self.lists {
            return Ok(());
        }
        let _lock = lock(&self.path)?;
        let io = |e| Error::Io { path: self.path.clone(), source: e };
        if std::fs::metadata(&self.path).map_err(io)?.len() != self.end {
            // Another run has written since this one read: what it wrote must stay.
            return Ok(());
        }
        let regrouped = lists.centers != self.lists.centers;
        if self.replaced > self.end / 2 {
            self.lists = lists;
            return self.rewrite();
        }
        let mut writer = Writer::new(&self.path, self.end)?;
        if regrouped {
            writer.write(&Entry::Centers(&lists.centers))?;
            let labels: usize = self.lists.labels.iter().map(Vec::len).sum();
            self.replaced += (labels * 2 + self.lists.centers.len()) as u64;
        }
        for (i, (signature, labels)) in self.pictures.iter().zip(&lists.labels).enumerate() {
            if (regrouped || self.lists.labels[i] != *labels) && !labels.is_empty() {
                writer.write(&Entry::Labels(signature.id.clone(), labels.clone()))?;
            }
        }
        self.end = writer.finish()?;
        self.lists = lists;
        Ok(())
    }

    /// Writes the file anew, without what has been replaced.
    fn rewrite(&mut self) -> Result<(), Error> {
        let mut bytes = MAGIC.to_vec();
        encode(&Entry::Keypoints(self.keypoints), &mut bytes)?;
        for signature in &self.pictures {
            encode(&Entry::Picture(signature.clone()), &mut bytes)?;
        }
        if !self.lists.centers.is_empty() {
            encode(&Entry::Centers(&self.lists.centers), &mut bytes)?;
        }
        for (signature, labels) in self.pictures.iter().zip(&self.lists.labels) {
            if !labels.is_empty() {
                encode(&Entry::Labels(signature.id.clone(), labels.clone()), &mut bytes)?;
            }
        }
        write_atomically(&self.path, &bytes, true)?;
        (self.end, self.replaced) = (bytes.len() as u64, 0);
        Ok(())
    }
}

fn is_of(error: &Error, index: &Path) -> bool {
    matches!(error, Error::Io { path, .. } if path == index)
}

/// The next entry and how many bytes it takes; `None` at the end, and where the end was cut short. `at` is the place of
/// `bytes` in the file.
fn next<'a>(bytes: &'a [u8], path: &Path, at: u64) -> Result<Option<(Entry<'a>, usize)>, Error> {
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
    let word = |from: usize| u32::from_le_bytes(head[from..from + 4].try_into().expect("four"));
    let length = word(0) as usize;
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let damaged = || {
        let path = path.display();
        Error::Input(format!("{path} is damaged at byte {at}: delete it and make the index again"))
    };
    if crc32fast::hash(body) != word(4) {
        return if rest.len() == length { Ok(None) } else { Err(damaged()) };
    }
    let entry = postcard::from_bytes(body).map_err(|_| damaged())?;
    if matches!(&entry, Entry::Picture(s) if !s.is_whole())
        || matches!(&entry, Entry::Centers(c) if c.len() % CODE != 0)
    {
        return Err(damaged());
    }
    Ok(Some((entry, 8 + length)))
}

fn encode(entry: &Entry, bytes: &mut Vec<u8>) -> Result<(), Error> {
    let body = postcard::to_stdvec(entry).map_err(|e| Error::Fault(e.to_string()))?;
    let length = u32::try_from(body.len())
        .map_err(|_| Error::Fault("an entry of an index has more than 4 GB".into()))?;
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(())
}

/// Keeps other writers out until it is dropped.
fn lock(path: &Path) -> Result<File, Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let beside = path.with_file_name(name);
    let io = |e| Error::Io { path: beside.clone(), source: e };
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&beside).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::Input(format!("{} is being written by another run", path.display())))
        }
        Err(TryLockError::Error(e)) => Err(io(e)),
    }
}

/// Adds entries to the end of the file.
struct Writer {
    path: PathBuf,
    file: File,
    bytes: Vec<u8>,
}

impl Writer {
    /// What lies beyond `end` was cut short and is cut off.
    fn new(path: &Path, end: u64) -> Result<Self, Error> {
        let io = |e| Error::Io { path: path.into(), source: e };
        let mut file = OpenOptions::new().write(true).open(path).map_err(io)?;
        file.set_len(end).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        Ok(Self { path: path.into(), file, bytes: Vec::new() })
    }

    fn write(&mut self, entry: &Entry) -> Result<(), Error> {
        self.bytes.clear();
        encode(entry, &mut self.bytes)?;
        let io = |e| Error::Io { path: self.path.clone(), source: e };
        self.file.write_all(&self.bytes).map_err(io)
    }

    /// The length of the file, all of it on the disk.
    fn finish(mut self) -> Result<u64, Error> {
        let io = |e| Error::Io { path: self.path.clone(), source: e };
        self.file.sync_all().map_err(io)?;
        self.file.stream_position().map_err(io)
    }
}

#[cfg(test)]
mod tests;
