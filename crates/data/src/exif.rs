//! The EXIF block: the orientation it asks for, and the block as it should be once that is applied.
//!
//! EXIF 2.32 (CIPA DC-008). The block is a small TIFF file. It is passed on byte for byte, with a
//! few values changed in place, because maker notes hold offsets that break when things move.

use crate::bytes::Bytes;

const ORIENTATION: u16 = 0x0112;
const EXIF_IFD: u16 = 0x8769;
const PIXEL_X: u16 = 0xA002;
const PIXEL_Y: u16 = 0xA003;
const SHORT: u16 = 3;
const LONG: u16 = 4;

fn open(exif: &[u8]) -> Option<(Bytes<'_>, u64)> {
    let big_endian = match exif.get(..4)? {
        b"II\x2a\0" => false,
        b"MM\0\x2a" => true,
        _ => return None,
    };
    let bytes = Bytes::new(exif, big_endian);
    Some((bytes, u64::from(bytes.u32(4)?)))
}

/// Position of the entry `tag` in the directory at `ifd`.
fn entry(bytes: Bytes, ifd: u64, tag: u16) -> Option<u64> {
    let count = u64::from(bytes.u16(ifd)?);
    (0..count).map(|i| ifd + 2 + 12 * i).find(|at| bytes.u16(*at) == Some(tag))
}

/// The single integer that the entry at `at` holds.
fn value(bytes: Bytes, at: u64) -> Option<u32> {
    match (bytes.u16(at + 2)?, bytes.u32(at + 4)?) {
        (SHORT, 1) => bytes.u16(at + 8).map(u32::from),
        (LONG, 1) => bytes.u32(at + 8),
        _ => None,
    }
}

/// The orientation that an EXIF block asks for: 1 to 8, and 1 where it says nothing sensible.
pub(crate) fn orientation(exif: &[u8]) -> u8 {
    let read = || {
        let (bytes, ifd) = open(exif)?;
        value(bytes, entry(bytes, ifd, ORIENTATION)?)
    };
    read().filter(|v| (1..=8).contains(v)).map_or(1, |v| v as u8)
}

/// The block of a picture to whose pixels `applied` has been applied: orientation 1, width and
/// height exchanged if the picture was turned, no thumbnail.
pub(crate) fn normalized(mut exif: Vec<u8>, applied: u8) -> Vec<u8> {
    let Some((bytes, ifd)) = open(&exif) else { return exif };
    let big_endian = bytes.big_endian;
    let mut patches: Vec<(u64, u16, u32)> = Vec::new();
    if let Some(at) = entry(bytes, ifd, ORIENTATION)
        && let Some(kind) = bytes.u16(at + 2).filter(|_| value(bytes, at).is_some())
    {
        patches.push((at + 8, kind, 1));
    }
    if let Some(count) = bytes.u16(ifd) {
        let next = ifd + 2 + 12 * u64::from(count);
        if bytes.u32(next).is_some_and(|offset| offset != 0) {
            patches.push((next, LONG, 0));
        }
    }
    if applied >= 5 {
        let sizes = || {
            let sub = u64::from(value(bytes, entry(bytes, ifd, EXIF_IFD)?)?);
            let (x, y) = (entry(bytes, sub, PIXEL_X)?, entry(bytes, sub, PIXEL_Y)?);
            Some((x, bytes.u16(x + 2)?, value(bytes, x)?, y, bytes.u16(y + 2)?, value(bytes, y)?))
        };
        if let Some((x, x_kind, width, y, y_kind, height)) = sizes() {
            let fits = |kind, v| kind == LONG || v <= 0xFFFF;
            if fits(x_kind, height) && fits(y_kind, width) {
                patches.push((x + 8, x_kind, height));
                patches.push((y + 8, y_kind, width));
            }
        }
    }
    for (at, kind, v) in patches {
        let at = at as usize;
        if kind == SHORT {
            let v = v as u16;
            let bytes = if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
            exif[at..at + 2].copy_from_slice(&bytes);
        } else {
            let bytes = if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
            exif[at..at + 4].copy_from_slice(&bytes);
        }
    }
    exif
}
