//! Reading and writing safetensors: a length, a JSON header, then the tensors' bytes.
//!
//! ```text
//! u64 LE  n           length of the header
//! n bytes             {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3],
//!                      "data_offsets": [begin, end]}, ...} and spaces
//! the rest            numbers, little endian, row-major; offsets count from here
//! ```
//! Read: every integer and float format becomes `f32`; a pair `name` (I8) and `name.scale` (F32)
//! becomes `name = I8 * scale`, one scale per index of the first axis.
//! The offsets must cover the bytes without gap or overlap, as the format demands, so what a file
//! can make us allocate is bounded by its length (times 4 for bytes that become `f32`).
//!
//! Reference: <https://github.com/huggingface/safetensors>, section "Format".

use super::dtype::Dtype;
use super::header::{self, Header};
use super::precision::{self, Precision};
use crate::{NnError, Tensor, Tensors};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The texts beside the tensors.
pub type Metadata = BTreeMap<String, String>;

/// A tensor as it lies in a file.
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

/// Tensors and metadata of a safetensors file, from anyone.
///
/// # Errors
/// [`NnError::Corrupt`] where the file breaks the format or holds NaN or infinite numbers,
/// [`NnError::Unsupported`] for number formats that are not listed in the module's text,
/// [`NnError::Limit`] for a header above 100 MB (the format's own limit) or more than 8 axes.
pub fn read(bytes: &[u8]) -> Result<(Tensors, Metadata), NnError> {
    let Header { metadata, entries, data } = header::read(bytes)?;
    let mut tensors = Tensors::new();
    let mut quantized = Vec::new();
    for entry in entries {
        let numbers = entry.dtype.to_f32(&data[entry.begin..entry.end]);
        if let Some(at) = numbers.iter().position(|v| !v.is_finite()) {
            let (name, value) = (&entry.name, numbers[at]);
            return Err(NnError::Corrupt(format!("tensor `{name}` holds {value} at index {at}")));
        }
        if entry.dtype == Dtype::I8 {
            quantized.push(entry.name.clone());
        }
        tensors.insert(entry.name, Tensor::new(entry.shape, numbers)?);
    }
    for name in quantized {
        precision::restore_int8(&mut tensors, &name)?;
    }
    Ok((tensors, metadata))
}

/// A safetensors file: the same bytes for the same tensors, on any machine.
///
/// # Errors
/// [`NnError::Input`] for NaN or infinite numbers, numbers that a half cannot hold, or a name that
/// clashes with a scale's.
pub fn write(
    tensors: &Tensors,
    precision: Precision,
    metadata: &Metadata,
) -> Result<Vec<u8>, NnError> {
    let mut stored = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        if let Some(at) = tensor.data().iter().position(|v| !v.is_finite()) {
            let value = tensor.data()[at];
            return Err(NnError::Input(format!("tensor `{name}` holds {value} at index {at}")));
        }
        precision::store(name, tensor, precision, &mut stored)?;
    }
    // Wide numbers first, so that each tensor begins at a multiple of its number's size.
    stored.sort_by(|a, b| (b.dtype.size(), &a.name).cmp(&(a.dtype.size(), &b.name)));
    if let Some(pair) = clash(&stored) {
        return Err(NnError::Input(format!("two tensors would be stored as `{pair}`")));
    }
    let mut header = String::from("{");
    if !metadata.is_empty() {
        let _ = write!(header, "\"__metadata__\":{}", json(metadata));
    }
    let mut at = 0;
    for s in &stored {
        let comma = if header.len() > 1 { "," } else { "" };
        let (name, dtype, end) = (json(&s.name), s.dtype.name(), at + s.bytes.len());
        let shape = json(&s.shape);
        let _ = write!(
            header,
            "{comma}{name}:{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{at},{end}]}}"
        );
        at = end;
    }
    header.push('}');
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let mut file = Vec::with_capacity(8 + header.len() + at);
    file.extend_from_slice(&(header.len() as u64).to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    for s in stored {
        file.extend_from_slice(&s.bytes);
    }
    Ok(file)
}

/// A name that two tensors have.
fn clash(stored: &[Stored]) -> Option<&str> {
    let mut names: Vec<&str> = stored.iter().map(|s| s.name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).find(|w| w[0] == w[1]).map(|w| w[0])
}

/// JSON of something that has no way to fail.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
