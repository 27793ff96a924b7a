//! State dicts as `torch.save` writes them: a pickle that names storages, and their bytes.
//!
//! ```text
//! zip (since 1.6)  name/data.pkl, name/data/KEY per storage, name/byteorder
//! older            pickles: magic number, protocol, system; the state dict; the list of keys;
//!                  then per key: u64 LE count, numbers
//! ```
//! A tensor is a window (offset, shape, strides) of a storage; here it becomes dense. Windows are
//! checked against their storage and storages against the file before anything is allocated.

use super::pickle::{self, Id, MAX_NAME, Pickle, Value, View};
use super::zip::Zip;
use crate::weights::Dtype;
use crate::{NnError, Tensor, Tensors};
use std::collections::BTreeMap;

/// A run of numbers in the file, which several tensors may share.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    dtype: Dtype,
    key: String,
    /// Numbers in it.
    count: usize,
    /// The part that is meant (offset and count), in old files.
    pub(super) window: Option<(usize, usize)>,
}

/// Where checkpoints keep the state dict, best first: averaged weights restore better.
const NESTS: [&str; 6] = ["params_ema", "params", "state_dict", "model_state_dict", "model", "net"];

/// Bytes of the first pickle of an old file from its third on: the magic number.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

fn corrupt(text: impl std::fmt::Display) -> NnError {
    NnError::Corrupt(format!("PyTorch file: {text}"))
}

impl Storage {
    /// `kind` is the storage's class, `count` the numbers in it.
    pub(super) fn new(kind: &str, key: &str, count: i64) -> Result<Self, NnError> {
        let name = kind.strip_prefix("torch.").unwrap_or(kind);
        let dtype = match name.strip_prefix("cuda.").unwrap_or(name) {
            "FloatStorage" => Dtype::F32,
            "DoubleStorage" => Dtype::F64,
            "HalfStorage" => Dtype::F16,
            "BFloat16Storage" => Dtype::Bf16,
            "LongStorage" => Dtype::I64,
            "IntStorage" => Dtype::I32,
            "ShortStorage" => Dtype::I16,
            "CharStorage" => Dtype::I8,
            "ByteStorage" => Dtype::U8,
            "BoolStorage" => Dtype::Bool,
            _ => {
                return Err(NnError::Unsupported(format!("PyTorch file: numbers in a `{kind}`")));
            }
        };
        match usize::try_from(count) {
            Ok(count) if key.len() <= MAX_NAME => {
                Ok(Self { dtype, key: key.to_owned(), count, window: None })
            }
            _ => Err(corrupt(format!("a storage of {count} numbers with a key of {}", key.len()))),
        }
    }

    /// Its bytes, out of those of the whole storage.
    fn bytes<'a>(&self, whole: &'a [u8]) -> Result<&'a [u8], NnError> {
        let (size, key) = (self.dtype.size(), &self.key);
        if self.count.checked_mul(size) != Some(whole.len()) {
            let (count, name, there) = (self.count, self.dtype.name(), whole.len());
            return Err(corrupt(format!(
                "storage `{key}` is said to hold {count} {name} and has {there} bytes"
            )));
        }
        let Some((offset, count)) = self.window else { return Ok(whole) };
        let end = offset.checked_add(count).filter(|&end| end <= self.count);
        let end = end.ok_or_else(|| corrupt(format!("a view leaves storage `{key}`")))?;
        Ok(&whole[offset * size..end * size])
    }
}

/// Does the file begin as the older form does?
pub(super) fn is_legacy(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, _, rest @ ..] if rest.starts_with(MAGIC))
}

/// Reads the zip form.
pub(super) fn read_zip(bytes: &[u8]) -> Result<Tensors, NnError> {
    let zip = Zip::open(bytes)?;
    let Some(name) = zip.names().find(|n| *n == "data.pkl" || n.ends_with("/data.pkl")) else {
        return Err(NnError::Unsupported("the zip file has no data.pkl: not PyTorch's".to_owned()));
    };
    let folder = &name[..name.len() - "data.pkl".len()];
    if let Some(order) = zip.get(&format!("{folder}byteorder"))?
        && order != b"little"
    {
        return Err(NnError::Unsupported("PyTorch file: numbers are big endian".to_owned()));
    }
    let pickle = pickle::read(zip.get(name)?.unwrap_or_default())?;
    collect(&pickle, bytes.len(), |key| zip.get(&format!("{folder}data/{key}")))
}

/// Reads the older form.
pub(super) fn read_legacy(bytes: &[u8]) -> Result<Tensors, NnError> {
    let mut rest = bytes;
    let mut next = || {
        let pickle = pickle::read(rest)?;
        rest = &rest[pickle.length..];
        Ok::<_, NnError>(pickle)
    };
    let (_magic, protocol, _system) = (next()?, next()?, next()?);
    if !matches!(protocol.get(protocol.root), Value::Int(1001)) {
        return Err(NnError::Unsupported("PyTorch file: its protocol is not 1001".to_owned()));
    }
    let (state, keys) = (next()?, next()?);
    let Value::List(list) = keys.get(keys.root) else {
        return Err(corrupt("the keys of the storages are no list"));
    };
    // Types are known from the state dict only: so are the lengths in bytes.
    let sizes = storage_sizes(&state);
    let mut storages = BTreeMap::new();
    for &id in list {
        let Value::Text(key) = keys.get(id) else {
            return Err(corrupt("a storage's key is no text"));
        };
        let size = sizes.get(key.as_str());
        let size = *size.ok_or_else(|| corrupt(format!("nothing uses storage `{key}`")))?;
        let (count, after) = rest
            .split_first_chunk::<8>()
            .ok_or_else(|| corrupt(format!("it ends before storage `{key}`")))?;
        let count = u64::from_le_bytes(*count);
        let length = usize::try_from(count).ok().and_then(|n| n.checked_mul(size));
        let Some(length) = length.filter(|&n| n <= after.len()) else {
            let there = after.len();
            return Err(corrupt(format!(
                "storage `{key}` holds {count} numbers, {there} bytes are left"
            )));
        };
        if storages.insert(key.as_str(), &after[..length]).is_some() {
            return Err(corrupt(format!("storage `{key}` is there twice")));
        }
        rest = &after[length..];
    }
    if !rest.is_empty() {
        return Err(corrupt(format!("{} bytes follow the last storage", rest.len())));
    }
    collect(&state, bytes.len(), |key| Ok(storages.get(key).copied()))
}

/// Bytes of one number of each storage that the pickle speaks of.
fn storage_sizes(state: &Pickle) -> BTreeMap<&str, usize> {
    let storages = state.values().iter().filter_map(|value| match value {
        Value::Storage(storage) => Some((storage.key.as_str(), storage.dtype.size())),
        _ => None,
    });
    storages.collect()
}

/// The tensors of the state dict; those of optimizers and the like are left alone.
fn collect<'a>(
    pickle: &Pickle,
    file: usize,
    bytes: impl Fn(&str) -> Result<Option<&'a [u8]>, NnError>,
) -> Result<Tensors, NnError> {
    let mut tensors = Tensors::new();
    // Tensors may share a storage, but a file that multiplies itself is an attack.
    let mut left = 2 * file;
    let mut known = BTreeMap::new();
    for (name, view) in state_dict(pickle)? {
        let storage = &view.storage;
        let key = storage.key.as_str();
        let whole = if let Some(&whole) = known.get(key) {
            whole
        } else {
            let missing = || corrupt(format!("tensor `{name}`: storage `{key}` is missing"));
            let whole = bytes(key)?.ok_or_else(missing)?;
            known.insert(key, whole);
            whole
        };
        let tensor = dense(view, storage.bytes(whole)?, &mut left)
            .map_err(|what| corrupt(format!("tensor `{name}`: {what}")))?;
        if let Some(at) = tensor.data().iter().position(|v| !v.is_finite()) {
            let value = tensor.data()[at];
            return Err(corrupt(format!("tensor `{name}` holds {value} at index {at}")));
        }
        if tensors.insert(name.to_owned(), tensor).is_some() {
            return Err(corrupt(format!("tensor `{name}` is there twice")));
        }
    }
    Ok(tensors)
}

/// Names and tensors of the outermost dict, or of the one that a checkpoint nests.
fn state_dict(pickle: &Pickle) -> Result<Vec<(&str, &View)>, NnError> {
    let Value::Dict(top) = pickle.get(pickle.root) else {
        return Err(NnError::Unsupported("PyTorch file: it holds no dict of tensors".to_owned()));
    };
    let tensors = |dict: &[(Id, Id)]| -> Vec<(&str, &View)> {
        let entry = |&(key, value): &(Id, Id)| match (pickle.get(key), pickle.get(value)) {
            (Value::Text(key), Value::Tensor(view)) => Some((key.as_str(), &**view)),
            _ => None,
        };
        dict.iter().filter_map(entry).collect()
    };
    let named = |wanted: &str| {
        top.iter().find_map(|&(key, value)| match (pickle.get(key), pickle.get(value)) {
            (Value::Text(key), Value::Dict(dict)) if key == wanted => Some(tensors(dict)),
            _ => None,
        })
    };
    let found = std::iter::once(tensors(top)).chain(NESTS.into_iter().filter_map(named));
    let mut found = found.filter(|tensors| !tensors.is_empty());
    found.next().ok_or_else(|| {
        let key = |&(key, _): &(Id, Id)| match pickle.get(key) {
            Value::Text(key) => Some(format!("`{}`", key.chars().take(64).collect::<String>())),
            _ => None,
        };
        let keys: Vec<String> = top.iter().filter_map(key).take(20).collect();
        let (nests, keys) = (NESTS.join(", "), keys.join(", "));
        NnError::Unsupported(format!(
            "PyTorch file: no tensors, neither at the top nor under {nests}; it has {keys}"
        ))
    })
}

/// The window's numbers, row-major. Takes their count out of `left`.
fn dense(view: &View, bytes: &[u8], left: &mut usize) -> Result<Tensor, String> {
    let View { storage, offset, shape, strides } = view;
    let there = bytes.len() / storage.dtype.size();
    if shape.len() != strides.len() {
        return Err(format!("shape {shape:?} with strides {strides:?}"));
    }
    let count = shape.iter().try_fold(1_usize, |n, &s| n.checked_mul(s));
    let Some(count) = count.filter(|&n| n <= there) else {
        return Err(format!("shape {shape:?} in a storage of {there} numbers"));
    };
    if count == 0 {
        return Tensor::new(shape.clone(), Vec::new()).map_err(|e| e.to_string());
    }
    // From the first to the last number of the window.
    let span = shape.iter().zip(strides).try_fold(1_usize, |span, (&n, &stride)| {
        (n - 1).checked_mul(stride).and_then(|more| span.checked_add(more))
    });
    let end = span.and_then(|span| offset.checked_add(span)).filter(|&end| end <= there);
    let Some(end) = end else {
        return Err(format!(
            "offset {offset}, shape {shape:?}, strides {strides:?} leave a storage of {there}"
        ));
    };
    let cost = count.max(end - offset);
    *left = left.checked_sub(cost).ok_or("the tensors multiply the file's length")?;
    let size = storage.dtype.size();
    let window = storage.dtype.to_f32(&bytes[offset * size..end * size]);
    let numbers = if is_dense(shape, strides) { window } else { gather(&window, shape, strides) };
    Tensor::new(shape.clone(), numbers).map_err(|e| e.to_string())
}

/// Do the numbers lie in row-major order without gaps?
fn is_dense(shape: &[usize], strides: &[usize]) -> bool {
    let mut wanted = 1;
    shape.iter().zip(strides).rev().all(|(&n, &stride)| {
        let fits = n == 1 || stride == wanted;
        wanted *= n;
        fits
    })
}

/// The numbers in row-major order, wherever they lie. The strides stay within `window`.
fn gather(window: &[f32], shape: &[usize], strides: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    let mut numbers = Vec::with_capacity(count);
    let mut index = vec![0; shape.len()];
    for _ in 0..count {
        numbers.push(window[index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>()]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    numbers
}

#[cfg(test)]
mod tests;
