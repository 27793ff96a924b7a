//! The header of a safetensors file, believed in nothing.

use super::dtype::Dtype;
use super::safetensors::Metadata;
use crate::NnError;
use serde::Deserialize;
use serde::de::{Error as _, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// The format's own limit on the header's length.
const MAX_HEADER: u64 = 100_000_000;

/// More axes than any layer has.
const MAX_AXES: usize = 8;

/// A checked header: entries by ascending offset, which cover `data` exactly.
pub(super) struct Header<'a> {
    pub(super) metadata: Metadata,
    pub(super) entries: Vec<Entry>,
    pub(super) data: &'a [u8],
}

/// A tensor whose place and length have been checked.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) begin: usize,
    pub(super) end: usize,
}

/// As it stands in the JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The whole JSON; a map that is given a key twice is an error, not the last one's win.
struct Listing {
    metadata: Metadata,
    tensors: BTreeMap<String, Raw>,
}

/// A map of texts without repeated keys.
struct Texts(Metadata);

impl<'de> Deserialize<'de> for Listing {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Listing;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of tensors")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Listing, A::Error> {
                let (mut metadata, mut tensors) = (None, BTreeMap::new());
                while let Some(name) = map.next_key::<String>()? {
                    let again = if name == "__metadata__" {
                        metadata.replace(map.next_value::<Texts>()?.0).is_some()
                    } else {
                        let raw = map
                            .next_value::<Raw>()
                            .map_err(|e| A::Error::custom(format!("tensor `{name}`: {e}")))?;
                        tensors.insert(name.clone(), raw).is_some()
                    };
                    if again {
                        return Err(A::Error::custom(format!("`{name}` is there twice")));
                    }
                }
                Ok(Listing { metadata: metadata.unwrap_or_default(), tensors })
            }
        }
        from.deserialize_map(Seen)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Texts;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of texts in `__metadata__`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
                let mut texts = Metadata::new();
                while let Some((key, text)) = map.next_entry::<String, String>()? {
                    if texts.insert(key.clone(), text).is_some() {
                        return Err(A::Error::custom(format!("metadata `{key}` is there twice")));
                    }
                }
                Ok(Texts(texts))
            }
        }
        from.deserialize_map(Seen)
    }
}

/// Reads and checks the header.
pub(super) fn read(bytes: &[u8]) -> Result<Header<'_>, NnError> {
    let corrupt = |text: String| NnError::Corrupt(format!("safetensors: {text}"));
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(corrupt(format!("wanted at least 8 bytes, got {}", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    if length > rest.len() as u64 {
        let there = rest.len();
        return Err(corrupt(format!("the header is said to have {length} bytes, {there} follow")));
    }
    if length > MAX_HEADER {
        return Err(NnError::Limit(format!(
            "safetensors: a header of {length} bytes, the format allows {MAX_HEADER}"
        )));
    }
    let (header, data) = rest.split_at(length as usize);
    if header.first() != Some(&b'{') {
        return Err(corrupt("the header does not begin with `{`".into()));
    }
    let listing: Listing =
        serde_json::from_slice(header).map_err(|e| corrupt(format!("header: {e}")))?;
    let mut entries = Vec::with_capacity(listing.tensors.len());
    for (name, raw) in listing.tensors {
        entries.push(entry(name, &raw)?);
    }
    // An empty tensor shares its offset with its neighbor: it comes first.
    entries.sort_by_key(|e| (e.begin, e.end));
    let mut at = 0;
    for e in &entries {
        if e.begin != at {
            let (name, begin) = (&e.name, e.begin);
            let what = if begin > at { "a gap" } else { "an overlap" };
            return Err(corrupt(format!("{what}: tensor `{name}` begins at {begin}, wanted {at}")));
        }
        at = e.end;
    }
    if at != data.len() {
        let there = data.len();
        return Err(corrupt(format!("the tensors take {at} bytes, the file has {there} for them")));
    }
    Ok(Header { metadata: listing.metadata, entries, data })
}

/// One tensor: shape, format and offsets agree. Whether they lie in the file is seen later, from
/// all together.
fn entry(name: String, raw: &Raw) -> Result<Entry, NnError> {
    let Raw { dtype, shape, data_offsets: (begin, end) } = raw;
    let Some(dtype) = Dtype::from_name(dtype) else {
        return Err(NnError::Unsupported(format!(
            "safetensors: tensor `{name}` has the number format {dtype:?}"
        )));
    };
    if shape.len() > MAX_AXES {
        let axes = shape.len();
        return Err(NnError::Limit(format!(
            "safetensors: tensor `{name}` has {axes} axes, at most {MAX_AXES} are read"
        )));
    }
    let wanted = shape.iter().try_fold(dtype.size() as u64, |n, &s| n.checked_mul(s));
    let there = end.checked_sub(*begin);
    if wanted.is_none() || wanted != there {
        let numbers = dtype.name();
        return Err(NnError::Corrupt(format!(
            "safetensors: tensor `{name}`, {numbers} of shape {shape:?}, \
             does not fit into the bytes {begin}..{end}"
        )));
    }
    let fits = |n: &u64| usize::try_from(*n).ok();
    let shape: Option<Vec<usize>> = shape.iter().map(fits).collect();
    match (shape, fits(begin), fits(end)) {
        (Some(shape), Some(begin), Some(end)) => Ok(Entry { name, dtype, shape, begin, end }),
        _ => Err(NnError::Limit(format!("safetensors: tensor `{name}` is beyond this machine"))),
    }
}
