//! CIFAR-10 and CIFAR-100, binary version: records of one label byte (two in CIFAR-100: coarse,
//! fine) and 32x32 pixels, red plane, green plane, blue plane.
//!
//! Reference: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009;
//! <https://www.cs.toronto.edu/~kriz/cifar.html>.

use super::labels::Labels;
use super::load::load;
use super::open::{extension, file_name};
use super::set::{Found, Items};
use crate::{DataError, Limits};
use restora_image::{Layout, Pixels, Raster, Size};
use std::path::{Path, PathBuf};

const SIZE: Size = Size::new(32, 32);
const PLANE: usize = 1024;
const PIXELS: usize = 3 * PLANE;

/// Label bytes of a record, and how many classes each tells apart.
const CIFAR10: &[u8] = &[10];
const CIFAR100: &[u8] = &[20, 100];

struct Cifar {
    /// Name, first item and bytes of each batch.
    batches: Vec<(String, usize, Vec<u8>)>,
    record: usize,
    len: usize,
}

impl Cifar {
    fn place(&self, i: usize) -> (&str, usize, &[u8]) {
        let batch = self.batches.partition_point(|(_, first, _)| *first <= i) - 1;
        let (name, first, bytes) = &self.batches[batch];
        let k = i - first;
        (name, k, &bytes[k * self.record..][..self.record])
    }
}

impl Items for Cifar {
    fn len(&self) -> usize {
        self.len
    }

    fn id(&self, i: usize) -> String {
        let (name, k, _) = self.place(i);
        format!("{name}[{k}]")
    }

    fn raster(&self, i: usize) -> Result<Raster, DataError> {
        let (_, _, record) = self.place(i);
        let planes = &record[self.record - PIXELS..];
        let rgb = (0..PIXELS).map(|k| planes[k % 3 * PLANE + k / 3]).collect();
        Ok(Raster { size: SIZE, layout: Layout::Rgb, pixels: Pixels::U8(rgb) })
    }

    fn shape(&self) -> Option<(Size, Layout)> {
        Some((SIZE, Layout::Rgb))
    }
}

/// Do bytes divide into records of that form, with labels in range?
fn has_form(bytes: &[u8], classes: &[u8]) -> bool {
    let record = classes.len() + PIXELS;
    bytes.len().is_multiple_of(record)
        && bytes.chunks_exact(record).all(|r| r.iter().zip(classes).all(|(label, n)| label < n))
}

/// Could a file be a batch? Its name ends in `.bin` and its length is that of whole records.
pub(super) fn is_batch(path: &Path) -> bool {
    let record = |len: u64| {
        [CIFAR10, CIFAR100].iter().any(|c| len.is_multiple_of((c.len() + PIXELS) as u64))
    };
    extension(path) == "bin"
        && std::fs::metadata(path).is_ok_and(|m| m.len() > 0 && record(m.len()))
}

/// The batches to train on in an unpacked folder, in order.
pub(super) fn in_folder(folder: &Path) -> Option<Vec<PathBuf>> {
    let ten: Vec<PathBuf> = (1..=5)
        .map(|k| folder.join(format!("data_batch_{k}.bin")))
        .filter(|p| p.is_file())
        .collect();
    let hundred = folder.join("train.bin");
    if !ten.is_empty() {
        Some(ten)
    } else if is_batch(&hundred) {
        Some(vec![hundred])
    } else {
        None
    }
}

pub(super) fn open(paths: &[PathBuf], limits: &Limits) -> Result<Found, DataError> {
    let mut batches = Vec::with_capacity(paths.len());
    let mut bytes_of_all = 0;
    for path in paths {
        let bytes = load(path, limits, |_| None)?;
        bytes_of_all += bytes.len() as u64;
        crate::limits::check("bytes of all batches", bytes_of_all, limits.max_bytes)?;
        batches.push((file_name(path), 0, bytes));
    }
    let all = |classes| batches.iter().all(|(_, _, bytes)| has_form(bytes, classes));
    let classes =
        [CIFAR10, CIFAR100].into_iter().find(|classes| all(classes)).ok_or_else(|| {
            let names: Vec<_> = batches.iter().map(|(name, ..)| name.as_str()).collect();
            let detail = "wanted whole records of 3073 (CIFAR-10) or 3074 bytes (CIFAR-100) with \
                      labels in range";
            DataError::damaged("CIFAR", format!("{}: {detail}", names.join(", ")))
        })?;
    let record = classes.len() + PIXELS;
    let mut len = 0;
    let mut values = Vec::new();
    for (_, first, bytes) in &mut batches {
        *first = len;
        len += bytes.len() / record;
        values.extend(bytes.chunks_exact(record).map(|r| u32::from(r[classes.len() - 1])));
    }
    let names_file = if classes.len() == 1 { "batches.meta.txt" } else { "fine_label_names.txt" };
    let most = usize::from(classes[classes.len() - 1]);
    let names = paths.first().map(|path| names(&path.with_file_name(names_file), most, limits));
    let labels = Labels { values, classes: names.unwrap_or_default() };
    Ok(Found::new(Cifar { batches, record, len }, Some(labels)))
}

/// The names of the classes, from the text that comes with the batches; none if it is not there or
/// not complete, for nothing depends on it.
fn names(path: &Path, wanted: usize, limits: &Limits) -> Vec<String> {
    let bytes = if path.is_file() { load(path, limits, |_| None).ok() } else { None };
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_string).collect();
    if names.len() == wanted { names } else { Vec::new() }
}
