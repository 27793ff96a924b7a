//! Pictures in files of their own: a folder, a pattern, a list; and those in a zip.

use super::labels::Labels;
use super::load;
use super::set::{Found, Items};
use super::zip::Archive;
use crate::{DataError, Entry, Format, Input, Limits, decode, walk};
use restora_image::Raster;
use std::fs::File;
use std::path::Path;

struct Files {
    entries: Vec<Entry>,
    limits: Limits,
}

impl Items for Files {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn id(&self, i: usize) -> String {
        self.entries[i].id.clone()
    }

    fn raster(&self, i: usize) -> Result<Raster, DataError> {
        first_page(&self.entries[i].read(&self.limits)?, &self.limits)
    }
}

fn first_page(bytes: &[u8], limits: &Limits) -> Result<Raster, DataError> {
    let pages = decode(bytes, limits)?.pages;
    pages.into_iter().next().ok_or_else(|| DataError::damaged("picture", "it has no page"))
}

/// Lists what the input names. Something that cannot be listed is an error here: a net trained on
/// what happened to be readable would be another net.
pub(super) fn open(input: &Input, limits: &Limits) -> Result<Found, DataError> {
    let mut walk = walk(input);
    let mut entries = Vec::new();
    for entry in &mut walk {
        entries.push(entry.map_err(|e| e.error)?);
    }
    let labels = Labels::from_folders(entries.iter().map(|entry| folder_of(&entry.id)));
    let skipped = walk.skipped();
    Ok(Found { skipped, ..Found::new(Files { entries, limits: *limits }, labels) })
}

/// The name of the folder directly above, in an id.
fn folder_of(id: &str) -> Option<&str> {
    let (above, _) = id.rsplit_once('/')?;
    above.rsplit('/').next()
}

struct Zipped {
    archive: Archive<File>,
    /// The members that are pictures.
    members: Vec<usize>,
    limits: Limits,
}

impl Items for Zipped {
    fn len(&self) -> usize {
        self.members.len()
    }

    fn id(&self, i: usize) -> String {
        self.archive.name(self.members[i])
    }

    fn raster(&self, i: usize) -> Result<Raster, DataError> {
        first_page(&self.archive.read(self.members[i], &self.limits)?, &self.limits)
    }
}

/// The pictures of a zip, by their extensions, in the order that a walk through its unpacked folder
/// would have. Hidden files, and folders of macOS' own, are passed over.
pub(super) fn open_zip(path: &Path, limits: &Limits) -> Result<Found, DataError> {
    let (file, len) = load::file(path)?;
    let archive = Archive::open(file, len, limits).map_err(|e| e.at(path))?;
    let mut members = Vec::new();
    let mut skipped = 0;
    for i in 0..archive.len() {
        let name = archive.raw_name(i);
        if name.ends_with(b"/") {
            continue;
        }
        let mut parts = name.split(|b| *b == b'/').peekable();
        let hidden = parts.any(|part| part.starts_with(b".") || part == b"__MACOSX");
        let extension = name.rsplit(|b| *b == b'.').next().unwrap_or(&[]);
        let promises = std::str::from_utf8(extension).ok().and_then(Format::from_extension);
        if hidden || promises.is_none() || !name.contains(&b'.') {
            skipped += 1;
        } else {
            members.push(i);
        }
    }
    members.sort_by(|a, b| {
        let parts = |i: &usize| archive.raw_name(*i).split(|b| *b == b'/');
        parts(a).cmp(parts(b))
    });
    let ids: Vec<String> = members.iter().map(|i| archive.name(*i)).collect();
    let labels = Labels::from_folders(ids.iter().map(|id| folder_of(id)));
    Ok(Found { skipped, ..Found::new(Zipped { archive, members, limits: *limits }, labels) })
}
