//! NPY, NumPy's own array file, and NPZ, a zip of them.
//!
//! Reference: NumPy, "The NPY format", NEP 1 and `numpy.lib.format`, versions 1.0, 2.0, 3.0.

use super::array::{Array, ArrayImages, Element, Form};
use super::labels::Labels;
use super::load::{self, load};
use super::open::file_name;
use super::set::{DatasetOptions, Found, Items};
use super::zip::Archive;
use crate::bytes::Bytes;
use crate::{DataError, Limits};
use std::fs::File;
use std::path::Path;

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy itself refuses to trust a longer header.
const LONGEST_HEADER: u64 = 10_000;
const IMAGE_KEYS: [&str; 5] = ["images", "x", "x_train", "data", "arr_0"];
const LABEL_KEYS: [&str; 4] = ["labels", "label", "y", "y_train"];

fn corrupt(detail: impl std::fmt::Display) -> DataError {
    DataError::damaged("NPY", detail)
}

/// Reads the header: magic, version, length, and a Python dictionary.
pub(crate) fn form(head: &[u8]) -> Result<Form, DataError> {
    let b = Bytes::new(head, false);
    let cut = || corrupt("its header is not whole");
    if !head.starts_with(MAGIC) {
        return Err(corrupt("it does not begin as one"));
    }
    let (len, at) = match head.get(6).ok_or_else(cut)? {
        1 => (b.u16(8).map(u64::from), 10),
        2 | 3 => (b.u32(8).map(u64::from), 12),
        version => return Err(DataError::Unsupported(format!("NPY version {version}"))),
    };
    let len = len.ok_or_else(cut)?;
    if len > LONGEST_HEADER {
        return Err(corrupt(format!("a header of {len} bytes, at most {LONGEST_HEADER} wanted")));
    }
    let text = b.slice(at, len).ok_or_else(cut)?;
    let text = std::str::from_utf8(text).map_err(|_| corrupt("its header is not text"))?;
    dictionary(text, at + len)
}

fn dictionary(text: &str, start: u64) -> Result<Form, DataError> {
    let bad = |what: &str| corrupt(format!("its header has no readable {what}: {text:.120}"));
    let inner = text.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    let mut rest = inner.ok_or_else(|| bad("dictionary"))?.trim_start();
    let (mut kind, mut fortran, mut shape) = (None, None, None);
    while !rest.is_empty() {
        let (key, after) = quoted(rest).ok_or_else(|| bad("key"))?;
        let value = after.trim_start().strip_prefix(':').ok_or_else(|| bad("key"))?.trim_start();
        let after = match key {
            "descr" => {
                if value.starts_with('[') {
                    let text = "an NPY of records; pictures are plain numbers";
                    return Err(DataError::Unsupported(text.into()));
                }
                let (descr, after) = quoted(value).ok_or_else(|| bad("descr"))?;
                kind = Some(element(descr)?);
                after
            }
            "fortran_order" => {
                let (value, after) = match value.strip_prefix("True") {
                    Some(after) => (true, after),
                    None => (false, value.strip_prefix("False").ok_or_else(|| bad("order"))?),
                };
                fortran = Some(value);
                after
            }
            "shape" => {
                let (inner, after) = value
                    .strip_prefix('(')
                    .and_then(|value| value.split_once(')'))
                    .ok_or_else(|| bad("shape"))?;
                let inner = inner.trim();
                let list = inner.strip_suffix(',').unwrap_or(inner);
                let dims = list.split(',').filter(|_| !list.is_empty());
                // Python 2 wrote an L behind a long integer.
                let dim = |d: &str| d.trim().trim_end_matches('L').parse::<u64>().ok();
                shape =
                    Some(dims.map(dim).collect::<Option<Vec<_>>>().ok_or_else(|| bad("shape"))?);
                after
            }
            _ => return Err(bad("key")),
        };
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.is_empty() => after,
            None => return Err(bad("end of a value")),
        };
    }
    let (element, big_endian) = kind.ok_or_else(|| bad("descr"))?;
    let fortran = fortran.ok_or_else(|| bad("order"))?;
    let shape = shape.ok_or_else(|| bad("shape"))?;
    Ok(Form { element, big_endian, shape, fortran, start })
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

fn element(descr: &str) -> Result<(Element, bool), DataError> {
    let other = || {
        DataError::Unsupported(format!(
            "an NPY of `{descr}`; integers and 32- or 64-bit floats are read"
        ))
    };
    let big_endian = match descr.as_bytes().first() {
        Some(b'<' | b'|') => false,
        Some(b'>') => true,
        _ => return Err(other()),
    };
    let element = match &descr[1..] {
        "b1" => Element::Bool,
        "u1" => Element::U8,
        "u2" => Element::U16,
        "u4" => Element::U32,
        "u8" => Element::U64,
        "i1" => Element::I8,
        "i2" => Element::I16,
        "i4" => Element::I32,
        "i8" => Element::I64,
        "f4" => Element::F32,
        "f8" => Element::F64,
        _ => return Err(other()),
    };
    Ok((element, big_endian))
}

pub(super) fn array(path: &Path, limits: &Limits) -> Result<Array, DataError> {
    let bytes = load(path, limits, |head| form(head).ok()?.file_len())?;
    Array::new("NPY", form(&bytes)?, bytes)
}

pub(super) fn open(path: &Path, options: &DatasetOptions) -> Result<Found, DataError> {
    let array = array(path, &options.limits)?;
    let name = file_name(path);
    let images = ArrayImages::new(name, array, options.width, options.axes, &options.limits)?;
    Ok(Found::new(images, None))
}

/// Is a zip an NPZ? All its members are arrays then.
pub(super) fn is_npz(path: &Path, limits: &Limits) -> Result<bool, DataError> {
    let (file, len) = load::file(path)?;
    let archive = Archive::open(file, len, limits).map_err(|e| e.at(path))?;
    Ok(archive.len() > 0 && (0..archive.len()).all(|i| archive.raw_name(i).ends_with(b".npy")))
}

pub(super) fn open_npz(path: &Path, options: &DatasetOptions) -> Result<Found, DataError> {
    let limits = &options.limits;
    let (file, len) = load::file(path)?;
    let archive = Archive::open(file, len, limits).map_err(|e| e.at(path))?;
    let names: Vec<String> = (0..archive.len()).map(|i| archive.name(i)).collect();
    let keys: Vec<&str> = names.iter().map(|name| name.trim_end_matches(".npy")).collect();
    let position = |key: &str| keys.iter().position(|k| *k == key);
    let first_of = |wanted: &[&str]| {
        // As it is first, then whatever its case: `X` is as usual as `x`.
        let any_case = |key: &&str| keys.iter().position(|k| k.eq_ignore_ascii_case(key));
        wanted.iter().find_map(|key| position(key)).or_else(|| wanted.iter().find_map(any_case))
    };
    let asked = |name: &'static str, key: &str| {
        let wanted = format!("one of the arrays there ({})", keys.join(", "));
        position(key).ok_or_else(|| DataError::param(name, wanted, key))
    };
    let images = match &options.key {
        Some(key) => asked("key", key)?,
        None => match first_of(&IMAGE_KEYS) {
            Some(member) => member,
            None => only_pictures(&archive)?.ok_or_else(|| {
                let wanted = format!("given, as one of the arrays there ({})", keys.join(", "));
                DataError::param("key", wanted, "none")
            })?,
        },
    };
    let labels = match &options.label_key {
        Some(key) => Some(asked("label_key", key)?),
        None if options.labels.is_some() => None,
        None => first_of(&LABEL_KEYS).filter(|member| *member != images),
    };
    let name = format!("{}:{}", file_name(path), keys[images]);
    let read = |member: usize| -> Result<Array, DataError> {
        let bytes = archive.read(member, limits).map_err(|e| e.at(path))?;
        Array::new("NPY", form(&bytes)?, bytes)
    };
    let images = ArrayImages::new(name, read(images)?, options.width, options.axes, limits)?;
    let labels = match labels {
        Some(member) => {
            let values = read(member)?.labels("NPZ")?;
            Some(Labels { values, classes: Vec::new() }.fitting("NPZ", images.len())?)
        }
        None => None,
    };
    Ok(Found::new(images, labels))
}

/// An array of numbers, such as measurements that belong to the pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// Its name in the file.
    pub key: String,
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// The values, the last index fastest.
    pub values: Vec<f64>,
}

/// The first array of an NPZ that has one of these names; `None` if there is none.
///
/// # Errors
/// [`DataError`] if the file cannot be read, is no NPZ, or holds the array in a form that is not read.
pub fn npz_numbers(
    path: &Path,
    keys: &[&str],
    limits: &Limits,
) -> Result<Option<Numbers>, DataError> {
    let (file, len) = load::file(path)?;
    let archive = Archive::open(file, len, limits).map_err(|e| e.at(path))?;
    let names: Vec<String> = (0..archive.len()).map(|i| archive.name(i)).collect();
    let position = |key: &str| names.iter().position(|n| n.trim_end_matches(".npy") == key);
    let Some((key, member)) = keys.iter().find_map(|key| Some((*key, position(key)?))) else {
        return Ok(None);
    };
    let bytes = archive.read(member, limits).map_err(|e| e.at(path))?;
    let (shape, values) = Array::new("NPY", form(&bytes)?, bytes)?.numbers("NPZ")?;
    Ok(Some(Numbers { key: key.to_owned(), shape, values }))
}

/// The only array with three dimensions or more, if there is one alone.
fn only_pictures(archive: &Archive<File>) -> Result<Option<usize>, DataError> {
    let mut found = None;
    for i in 0..archive.len() {
        // An array of another kind, such as names, is none of pictures.
        let Ok(form) = form(&archive.head(i, 2 * LONGEST_HEADER)?) else { continue };
        if form.shape.len() >= 3 && found.replace(i).is_some() {
            return Ok(None);
        }
    }
    Ok(found)
}
