//! Which form a set has, by what is there and how it begins.

use super::set::{DatasetOptions, Found};
use super::{cifar, csv, folder, idx, load, mosaic, npy};
use crate::{DataError, Input, sniff};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The forms in which a set of pictures can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SetFormat {
    /// Pictures in files: a folder, a pattern, a list, or one file.
    Files,
    /// Pictures in a zip.
    Zip,
    /// MNIST's own.
    Idx,
    /// CIFAR-10 or CIFAR-100, binary version.
    Cifar,
    /// One NumPy array.
    Npy,
    /// A zip of NumPy arrays.
    Npz,
    /// Pixels as text.
    Csv,
    /// One picture made of cells.
    Mosaic,
}

impl SetFormat {
    /// The name people use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "image files",
            Self::Zip => "zip of images",
            Self::Idx => "IDX",
            Self::Cifar => "CIFAR",
            Self::Npy => "NPY",
            Self::Npz => "NPZ",
            Self::Csv => "CSV of pixels",
            Self::Mosaic => "mosaic",
        }
    }
}

/// The extension of a name in lower case, that of the packed file where it ends in `.gz`.
pub(super) fn extension(path: &Path) -> String {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("").to_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    plain.rsplit_once('.').map_or("", |(_, extension)| extension).to_string()
}

/// The name of a file, for messages.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

pub(super) fn open(path: &Path, options: &DatasetOptions) -> Result<(SetFormat, Found), DataError> {
    let files = |input: &Input| {
        check_options(SetFormat::Files, options)?;
        Ok((SetFormat::Files, folder::open(input, &options.limits)?))
    };
    let file = match Input::parse(path.as_os_str()) {
        Input::Stdin => {
            return Err(DataError::Unsupported("a set is read from files, not a stream".into()));
        }
        input @ (Input::Glob(_) | Input::List(_)) => return files(&input),
        Input::Path(path) => path,
    };
    if file.is_dir() {
        if let Some(batches) = cifar::in_folder(&file) {
            check_options(SetFormat::Cifar, options)?;
            return Ok((SetFormat::Cifar, cifar::open(&batches, &options.limits)?));
        }
        return match idx::in_folder(&file) {
            Some(images) => {
                check_options(SetFormat::Idx, options)?;
                Ok((SetFormat::Idx, idx::open(&images, options)?))
            }
            None => files(&Input::Path(file)),
        };
    }
    let format = match options.cell {
        Some(_) => SetFormat::Mosaic,
        None => recognize(&file, options)?,
    };
    check_options(format, options)?;
    let found = match format {
        SetFormat::Files => folder::open(&Input::Path(file), &options.limits),
        SetFormat::Zip => folder::open_zip(&file, &options.limits),
        SetFormat::Idx => idx::open(&file, options),
        SetFormat::Cifar => cifar::open(&[file], &options.limits),
        SetFormat::Npy => npy::open(&file, options),
        SetFormat::Npz => npy::open_npz(&file, options),
        SetFormat::Csv => csv::open(&file, options),
        SetFormat::Mosaic => mosaic::open(&file, options),
    }?;
    Ok((format, found))
}

fn recognize(file: &Path, options: &DatasetOptions) -> Result<SetFormat, DataError> {
    // Records of CIFAR begin with a label and pixels, which may look like anything.
    if cifar::is_batch(file) {
        return Ok(SetFormat::Cifar);
    }
    let head = load::head(file, 512)?;
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let npz = npy::is_npz(file, &options.limits)?;
        return Ok(if npz { SetFormat::Npz } else { SetFormat::Zip });
    }
    if head.starts_with(npy::MAGIC) {
        return Ok(SetFormat::Npy);
    }
    if idx::form(&head).is_some() {
        return Ok(SetFormat::Idx);
    }
    if sniff(&head).is_some() {
        return Ok(SetFormat::Files);
    }
    if matches!(extension(file).as_str(), "csv" | "tsv" | "txt") {
        return Ok(SetFormat::Csv);
    }
    let name = file.display();
    if head.get(257..262) == Some(b"ustar") {
        let text = format!("{name}: a tar archive; unpack it first");
        return Err(DataError::Unsupported(text));
    }
    Err(DataError::Unsupported(format!(
        "{name}: not a form of a set that is read (folder, zip, IDX, CIFAR, NPY, NPZ, CSV, mosaic \
         with `cell`)"
    )))
}

/// Refuses options that the format has no use for.
fn check_options(format: SetFormat, options: &DatasetOptions) -> Result<(), DataError> {
    use SetFormat::{Csv, Idx, Mosaic, Npy, Npz};
    let arrays: &[SetFormat] = &[Idx, Npy, Npz];
    let uses: [(&'static str, bool, &[SetFormat]); 5] = [
        ("key", options.key.is_some(), &[Npz]),
        ("label_key", options.label_key.is_some(), &[Npz]),
        ("width", options.width.is_some(), &[Idx, Npy, Npz, Csv]),
        ("axes", options.axes.is_some(), arrays),
        ("cell", options.cell.is_some(), &[Mosaic]),
    ];
    for (name, given, formats) in uses {
        if given && !formats.contains(&format) {
            let names: Vec<_> = formats.iter().map(|format| format.name()).collect();
            let wanted = format!("given only with {}", names.join(", "));
            return Err(DataError::param(name, wanted, format!("a set of {}", format.name())));
        }
    }
    Ok(())
}
