//! IDX, the form of MNIST: two zeros, the kind of number, the number of dimensions, the dimensions,
//! the numbers; all big-endian. Often gzipped.
//!
//! Reference: `LeCun`, Cortes, Burges, "The MNIST database of handwritten digits",
//! <http://yann.lecun.com/exdb/mnist/>.

use super::array::{Array, ArrayImages, Element, Form};
use super::labels::Labels;
use super::load::load;
use super::open::file_name;
use super::set::{DatasetOptions, Found, Items};
use crate::bytes::Bytes;
use crate::{DataError, Limits};
use std::path::{Path, PathBuf};

/// The header, if it is one and whole.
pub(super) fn form(head: &[u8]) -> Option<Form> {
    let &[0, 0, element, dimensions @ 1..=4, ..] = head else { return None };
    let element = match element {
        0x08 => Element::U8,
        0x09 => Element::I8,
        0x0B => Element::I16,
        0x0C => Element::I32,
        0x0D => Element::F32,
        0x0E => Element::F64,
        _ => return None,
    };
    let b = Bytes::new(head, true);
    let at = |i: u8| b.u32(4 + 4 * u64::from(i)).map(u64::from);
    let shape = (0..dimensions).map(at).collect::<Option<_>>()?;
    let start = 4 + 4 * u64::from(dimensions);
    Some(Form { element, big_endian: true, shape, fortran: false, start })
}

pub(super) fn array(path: &Path, limits: &Limits) -> Result<Array, DataError> {
    let bytes = load(path, limits, |head| form(head)?.file_len())?;
    let form = form(&bytes).ok_or_else(|| DataError::damaged("IDX", "its header is not whole"))?;
    Array::new("IDX", form, bytes)
}

pub(super) fn open(path: &Path, options: &DatasetOptions) -> Result<Found, DataError> {
    let array = array(path, &options.limits)?;
    if array.dimensions() == 1 {
        let text = format!("{}: an IDX of labels, wanted one of pictures", path.display());
        return Err(DataError::Unsupported(text));
    }
    let labels = match labels_beside(path) {
        Some(labels) if options.labels.is_none() => Some(labels),
        _ => None,
    };
    let images =
        ArrayImages::new(file_name(path), array, options.width, options.axes, &options.limits)?;
    let labels = labels
        .map(|file| {
            let labels = Labels::read(&file, &[images.len()], &options.limits)?;
            labels.fitting("IDX", images.len())
        })
        .transpose()?;
    Ok(Found::new(images, labels))
}

/// The labels under the name that goes with the pictures': `train-labels-idx1-ubyte` for
/// `train-images-idx3-ubyte`, gzipped or not.
fn labels_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    if !name.contains("images") {
        return None;
    }
    let renamed = name.replacen("images", "labels", 1).replace("idx3", "idx1");
    let plain = renamed.strip_suffix(".gz").unwrap_or(&renamed);
    [renamed.clone(), plain.to_string(), format!("{plain}.gz")]
        .into_iter()
        .map(|name| path.with_file_name(name))
        .find(|file| file.is_file())
}

/// The pictures to train on in a folder of IDX files: those whose name begins with `train`, or the
/// only ones there are.
pub(super) fn in_folder(folder: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            name.contains("images") && name.contains("idx3") && path.is_file()
        })
        .collect();
    if found.len() > 1 {
        found.retain(|path| file_name(path).starts_with("train"));
    }
    if found.len() == 1 { found.pop() } else { None }
}
