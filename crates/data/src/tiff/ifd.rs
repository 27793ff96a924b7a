//! Directories of a TIFF file, which an EXIF block is too.

use super::{corrupt, tag};
use crate::DataError;
use crate::bytes::Bytes;
use std::collections::BTreeMap;

pub(crate) const ASCII: u16 = 2;
pub(crate) const SHORT: u16 = 3;
pub(crate) const LONG: u16 = 4;
pub(crate) const RATIONAL: u16 = 5;
pub(crate) const UNDEFINED: u16 = 7;
pub(crate) const LONG8: u16 = 16;

/// Bytes of one value of a field type, and of the words it is made of; 0 for unknown types.
fn widths(kind: u16) -> (u64, usize) {
    match kind {
        1 | ASCII | 6 | UNDEFINED => (1, 1),
        SHORT | 8 => (2, 2),
        LONG | 9 | 11 | 13 => (4, 4),
        RATIONAL | 10 => (8, 4),
        12 | LONG8 | 17 | 18 => (8, 8),
        _ => (0, 1),
    }
}

/// The values of one tag, in the byte order of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    pub kind: u16,
    pub count: u64,
    pub data: Bytes<'a>,
}

impl Value<'_> {
    /// The `i`th value of an unsigned type.
    pub fn uint(&self, i: u64) -> Option<u64> {
        match self.kind {
            1 => self.data.slice(i, 1).map(|b| u64::from(b[0])),
            SHORT => self.data.u16(2 * i).map(u64::from),
            LONG | 13 => self.data.u32(4 * i).map(u64::from),
            LONG8 | 18 => self.data.u64(8 * i),
            _ => None,
        }
    }

    pub fn rational(&self) -> Option<f64> {
        if self.kind != RATIONAL {
            return None;
        }
        let (n, d) = (self.data.u32(0)?, self.data.u32(4)?);
        (d != 0).then(|| f64::from(n) / f64::from(d))
    }
}

/// A directory.
pub(crate) type Directory<'a> = BTreeMap<u16, Value<'a>>;

/// A TIFF file or an EXIF block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiff<'a> {
    pub bytes: Bytes<'a>,
    big: bool,
}

impl<'a> Tiff<'a> {
    /// Reads the header; also returns where the first directory is.
    pub fn open(data: &'a [u8]) -> Result<(Self, u64), DataError> {
        let ends = || corrupt("it ends in its header");
        let bytes = Bytes::new(data, data.first() == Some(&b'M'));
        match bytes.u16(2).ok_or_else(ends)? {
            42 => Ok((Self { bytes, big: false }, bytes.u32(4).ok_or_else(ends)?.into())),
            43 if bytes.u16(4) == Some(8) => {
                Ok((Self { bytes, big: true }, bytes.u64(8).ok_or_else(ends)?))
            }
            other => Err(corrupt(format!("version {other}"))),
        }
    }

    /// Reads the directory at `at`; also returns where the next one is, 0 for none. Fields of
    /// unknown type are left out.
    pub fn directory(&self, at: u64) -> Result<(Directory<'a>, u64), DataError> {
        let b = self.bytes;
        let ends = || corrupt(format!("the directory at byte {at} lies beyond its end"));
        let (count, mut entry, step) = if self.big {
            (b.u64(at).ok_or_else(ends)?, at.saturating_add(8), 20)
        } else {
            (b.u16(at).ok_or_else(ends)?.into(), at.saturating_add(2), 12)
        };
        if count > 65535 {
            return Err(corrupt(format!("a directory of {count} entries")));
        }
        b.slice(entry, count * step).ok_or_else(ends)?;
        let mut directory = Directory::new();
        for _ in 0..count {
            if let Some((tag, value)) = self.value(entry)? {
                directory.insert(tag, value);
            }
            entry += step;
        }
        let next = if self.big { b.u64(entry) } else { b.u32(entry).map(u64::from) };
        Ok((directory, next.ok_or_else(ends)?))
    }

    fn value(&self, entry: u64) -> Result<Option<(u16, Value<'a>)>, DataError> {
        let b = self.bytes;
        let ends = || corrupt("a directory lies beyond its end");
        let (tag, kind) = (b.u16(entry).ok_or_else(ends)?, b.u16(entry + 2).ok_or_else(ends)?);
        let (width, _) = widths(kind);
        let (count, inline, room) = if self.big {
            (b.u64(entry + 4).ok_or_else(ends)?, entry + 12, 8)
        } else {
            (b.u32(entry + 4).ok_or_else(ends)?.into(), entry + 8, 4)
        };
        if width == 0 {
            return Ok(None);
        }
        let len = width.checked_mul(count).ok_or_else(ends)?;
        let at = if len <= room {
            inline
        } else if self.big {
            b.u64(inline).ok_or_else(ends)?
        } else {
            b.u32(inline).ok_or_else(ends)?.into()
        };
        let data = b
            .slice(at, len)
            .ok_or_else(|| corrupt(format!("the values of tag {tag} lie beyond its end")))?;
        let data = Bytes::new(data, b.big_endian);
        Ok(Some((tag, Value { kind, count, data })))
    }
}

/// A tag with its values in little-endian order, to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub tag: u16,
    pub kind: u16,
    pub data: Vec<u8>,
}

impl Field {
    pub fn of(tag: u16, value: &Value) -> Self {
        let mut data = value.data.data.to_vec();
        let (_, word) = widths(value.kind);
        if value.data.big_endian {
            data.chunks_exact_mut(word).for_each(<[u8]>::reverse);
        }
        Self { tag, kind: value.kind, data }
    }

    pub fn shorts(tag: u16, values: &[u16]) -> Self {
        Self { tag, kind: SHORT, data: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
    }

    pub fn long(tag: u16, value: u32) -> Self {
        Self { tag, kind: LONG, data: value.to_le_bytes().to_vec() }
    }

    /// Offsets or lengths: 4 bytes each, 8 in `BigTIFF`.
    pub fn offsets(tag: u16, values: &[u64], big: bool) -> Self {
        if big {
            let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            return Self { tag, kind: LONG8, data };
        }
        let data = values.iter().flat_map(|v| (*v as u32).to_le_bytes()).collect();
        Self { tag, kind: LONG, data }
    }

    /// A positive number with six digits behind the point.
    pub fn rational(tag: u16, value: f64) -> Self {
        let whole = value.fract() == 0.0 && value < 4e9;
        let denominator = if whole { 1 } else { (4e9 / value.max(1.0)).min(1e6) as u32 };
        let numerator = (value * f64::from(denominator)).round() as u32;
        let data = [numerator.to_le_bytes(), denominator.to_le_bytes()].concat();
        Self { tag, kind: RATIONAL, data }
    }
}

/// The bytes of a directory that stands at `at`, values that do not fit an entry behind it. The
/// fields are put in order of their tags. A `next` of 0 ends the chain.
pub(crate) fn directory_bytes(mut fields: Vec<Field>, at: u64, next: u64, big: bool) -> Vec<u8> {
    fields.sort_by_key(|field| field.tag);
    let (head, step, room) = if big { (8, 20, 8) } else { (2, 12, 4) };
    let table = head + step * fields.len() + room;
    let mut out = Vec::with_capacity(table);
    let mut values = Vec::new();
    let word = |out: &mut Vec<u8>, v: u64| out.extend_from_slice(&v.to_le_bytes()[..room]);
    out.extend_from_slice(&(fields.len() as u64).to_le_bytes()[..head]);
    for field in &fields {
        let (width, _) = widths(field.kind);
        out.extend_from_slice(&field.tag.to_le_bytes());
        out.extend_from_slice(&field.kind.to_le_bytes());
        word(&mut out, field.data.len() as u64 / width.max(1));
        if field.data.len() <= room {
            out.extend_from_slice(&field.data);
            out.extend(std::iter::repeat_n(0, room - field.data.len()));
        } else {
            word(&mut out, at + (table + values.len()) as u64);
            values.extend_from_slice(&field.data);
            // Values start at even offsets.
            values.extend(std::iter::repeat_n(0, values.len() % 2));
        }
    }
    word(&mut out, next);
    out.extend_from_slice(&values);
    out
}

/// What describes a picture, as EXIF groups it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tree {
    pub main: Vec<Field>,
    pub exif: Vec<Field>,
    pub gps: Vec<Field>,
}

impl Tree {
    /// Collects the descriptive tags of the directory at `at` and the EXIF and GPS directories it
    /// points to. What cannot be read is left out.
    pub fn read(tiff: &Tiff, directory: &Directory) -> Self {
        let sub = |pointer: u16| -> Vec<Field> {
            let read = || {
                let at = directory.get(&pointer)?.uint(0)?;
                let (fields, _) = tiff.directory(at).ok()?;
                let kept = fields.iter().filter(|(tag, _)| **tag != tag::INTEROP_IFD);
                Some(kept.map(|(tag, value)| Field::of(*tag, value)).collect())
            };
            read().unwrap_or_default()
        };
        let own = directory.iter().filter(|(tag, _)| super::DESCRIPTIVE.contains(tag));
        Self {
            main: own.map(|(tag, value)| Field::of(*tag, value)).collect(),
            exif: sub(tag::EXIF_IFD),
            gps: sub(tag::GPS_IFD),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.main.is_empty() && self.exif.is_empty() && self.gps.is_empty()
    }

    /// An EXIF block: a TIFF file of its own, with orientation 1.
    pub fn to_exif(&self) -> Vec<u8> {
        let mut main = self.main.clone();
        main.push(Field::shorts(tag::ORIENTATION, &[1]));
        // Placeholders first: they take the same room.
        for (pointer, fields) in [(tag::EXIF_IFD, &self.exif), (tag::GPS_IFD, &self.gps)] {
            if !fields.is_empty() {
                main.push(Field::long(pointer, 0));
            }
        }
        let mut at = 8 + directory_bytes(main.clone(), 8, 0, false).len() as u64;
        let mut subs = Vec::new();
        for (pointer, fields) in [(tag::EXIF_IFD, &self.exif), (tag::GPS_IFD, &self.gps)] {
            if let Some(field) = main.iter_mut().find(|field| field.tag == pointer) {
                *field = Field::long(pointer, at as u32);
                let sub = directory_bytes(fields.clone(), at, 0, false);
                at += sub.len() as u64;
                subs.extend(sub);
            }
        }
        let mut out = b"II\x2a\0\x08\0\0\0".to_vec();
        out.extend(directory_bytes(main, 8, 0, false));
        out.extend(subs);
        out
    }

    /// The opposite of [`Tree::to_exif`]; empty where the block cannot be read.
    pub fn from_exif(exif: &[u8]) -> Self {
        let read = || {
            let (tiff, at) = Tiff::open(exif).ok()?;
            let (directory, _) = tiff.directory(at).ok()?;
            Some(Self::read(&tiff, &directory))
        };
        read().unwrap_or_default()
    }
}
