//! The zip files that `torch.save` writes: entries stored as they are, zip64 where it is long.
//!
//! Reference: PKWARE APPNOTE 6.3.10.

use crate::NnError;
use std::collections::BTreeMap;

/// A zip file's entries, checked to lie in the file.
pub(super) struct Zip<'a> {
    bytes: &'a [u8],
    entries: BTreeMap<&'a str, Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    method: u16,
    crc: u32,
    size: u64,
    /// Of the local header.
    offset: u64,
}

const END: &[u8] = b"PK\x05\x06";
const END_64_LOCATOR: &[u8] = b"PK\x06\x07";
const END_64: &[u8] = b"PK\x06\x06";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

fn corrupt(text: &str) -> NnError {
    NnError::Corrupt(format!("zip: {text}"))
}

/// `N` bytes at an offset as a number.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<u64, NnError> {
    let part = at.checked_add(N).and_then(|end| bytes.get(at..end));
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(part.ok_or_else(|| corrupt("it ends too early"))?);
    Ok(u64::from_le_bytes(wide))
}

/// The bytes from an offset on, which must begin with a signature.
fn at<'a>(bytes: &'a [u8], offset: u64, signature: &[u8], what: &str) -> Result<&'a [u8], NnError> {
    let part = usize::try_from(offset).ok().and_then(|o| bytes.get(o..));
    part.filter(|p| p.starts_with(signature))
        .ok_or_else(|| corrupt(&format!("no {what} at byte {offset}")))
}

impl<'a> Zip<'a> {
    /// Reads the list of entries.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, NnError> {
        // The end record, behind which a comment of at most 65535 bytes may stand.
        let from = bytes.len().saturating_sub(22 + 65535);
        let end = bytes[from..].windows(END.len()).rposition(|w| w == END);
        let end = from + end.ok_or_else(|| corrupt("no end record: the file is cut"))?;
        let record = &bytes[end..];
        if record.len() < 22 {
            return Err(corrupt("its end record is cut"));
        }
        let (mut count, mut start) = (number::<2>(record, 10)?, number::<4>(record, 16)?);
        let locator = end.checked_sub(20).map(|o| &bytes[o..]);
        if let Some(locator) = locator.filter(|l| l.starts_with(END_64_LOCATOR)) {
            let record = at(bytes, number::<8>(locator, 8)?, END_64, "zip64 end record")?;
            (count, start) = (number::<8>(record, 32)?, number::<8>(record, 48)?);
        }
        let mut rest = at(bytes, start, b"", "list of entries")?;
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let (name, entry, length) = central(rest)?;
            if entries.insert(name, entry).is_some() {
                return Err(corrupt(&format!("`{name}` is there twice")));
            }
            rest = &rest[length..];
        }
        Ok(Self { bytes, entries })
    }

    /// Names of all entries.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.keys().copied()
    }

    /// The bytes of an entry, if there is one of that name.
    pub(super) fn get(&self, name: &str) -> Result<Option<&'a [u8]>, NnError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        if entry.method != 0 {
            return Err(NnError::Unsupported(format!(
                "zip: `{name}` is compressed (method {}); PyTorch stores: pack it again with zip -0",
                entry.method
            )));
        }
        let local = at(self.bytes, entry.offset, LOCAL, "local header")?;
        let skip = 30 + number::<2>(local, 26)? as usize + number::<2>(local, 28)? as usize;
        let data = usize::try_from(entry.size)
            .ok()
            .and_then(|size| local.get(skip..skip.checked_add(size)?))
            .ok_or_else(|| corrupt(&format!("`{name}` leaves the file")))?;
        if crc32fast::hash(data) != entry.crc {
            return Err(corrupt(&format!("`{name}` is damaged: its checksum differs")));
        }
        Ok(Some(data))
    }
}

/// One entry of the list, and the bytes it takes there.
fn central(bytes: &[u8]) -> Result<(&str, Entry, usize), NnError> {
    let header = at(bytes, 0, CENTRAL, "entry in the list")?;
    let half = |at| number::<2>(header, at).map(|n| n as usize);
    let (name_length, extra_length, comment_length) = (half(28)?, half(30)?, half(32)?);
    let length = 46 + name_length + extra_length + comment_length;
    if header.len() < length {
        return Err(corrupt("it ends in the list of entries"));
    }
    let name = std::str::from_utf8(&header[46..46 + name_length])
        .map_err(|_| corrupt("an entry's name is not UTF-8"))?;
    if half(8)? & 1 != 0 {
        return Err(NnError::Unsupported(format!("zip: `{name}` is encrypted")));
    }
    let mut packed = number::<4>(header, 20)?;
    let mut size = number::<4>(header, 24)?;
    let mut offset = number::<4>(header, 42)?;
    // Numbers of 4 bytes that are full stand in the zip64 field, in this order.
    let extra = &header[46 + name_length..46 + name_length + extra_length];
    let mut wide = zip64(extra)?;
    for value in [&mut size, &mut packed, &mut offset] {
        if *value == u64::from(u32::MAX) {
            *value = number::<8>(wide, 0)?;
            wide = &wide[8..];
        }
    }
    let method = half(10)? as u16;
    if method == 0 && packed != size {
        return Err(corrupt(&format!("`{name}` is stored, but {packed} bytes are not {size}")));
    }
    let crc = number::<4>(header, 16)? as u32;
    Ok((name, Entry { method, crc, size, offset }, length))
}

/// The zip64 part of an entry's extra fields; empty where there is none.
fn zip64(mut extra: &[u8]) -> Result<&[u8], NnError> {
    while extra.len() >= 4 {
        let (id, length) = (number::<2>(extra, 0)?, number::<2>(extra, 2)? as usize);
        let field = extra.get(4..4 + length).ok_or_else(|| corrupt("a broken extra field"))?;
        if id == 1 {
            return Ok(field);
        }
        extra = &extra[4 + length..];
    }
    Ok(&[])
}

#[cfg(test)]
mod tests;
