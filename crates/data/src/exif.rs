//! The EXIF block: the orientation it asks for, and the block as it should be once that is applied.
//!
//! EXIF 2.32 (CIPA DC-008). The block is a small TIFF file. It is passed on byte for byte, with a
//! few values changed in place, because maker notes hold offsets that break when things move.

use crate::bytes::Bytes;
use restora_image::Size;

const ORIENTATION: u16 = 0x0112;
const EXIF_IFD: u16 = 0x8769;
const PIXEL_X: u16 = 0xA002;
const PIXEL_Y: u16 = 0xA003;
const DATE_TIME: u16 = 0x0132;
const DATE_TIME_ORIGINAL: u16 = 0x9003;
const SUBSEC_ORIGINAL: u16 = 0x9291;
const X_RESOLUTION: u16 = 0x011A;
const Y_RESOLUTION: u16 = 0x011B;
const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;

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

/// When a picture was taken, by its EXIF block: the text `YYYY:MM:DD HH:MM:SS`, with the digits of the
/// second's fraction behind it where there are any, so that texts sort as times do. `None` where the block
/// does not say.
pub fn capture_time(exif: &[u8]) -> Option<String> {
    let (bytes, ifd) = open(exif)?;
    let sub = entry(bytes, ifd, EXIF_IFD).and_then(|at| value(bytes, at)).map(u64::from);
    let text = |ifd: u64, tag: u16| {
        let at = entry(bytes, ifd, tag)?;
        let len = bytes.u32(at + 4).filter(|_| bytes.u16(at + 2) == Some(ASCII))?;
        let place = if len <= 4 { at + 8 } else { u64::from(bytes.u32(at + 8)?) };
        let raw = bytes.slice(place, u64::from(len))?;
        let text = std::str::from_utf8(raw).ok()?.trim_end_matches(['\0', ' ']);
        (!text.is_empty()).then(|| text.to_owned())
    };
    let original = sub.and_then(|sub| text(sub, DATE_TIME_ORIGINAL));
    let fraction = sub.and_then(|sub| text(sub, SUBSEC_ORIGINAL));
    let is_time = |head: &str| {
        let fits = |(b, p): (u8, &u8)| if *p == b'0' { b.is_ascii_digit() } else { b == *p };
        head.bytes().zip(b"0000:00:00 00:00:00").all(fits)
    };
    let time = match original {
        Some(time) => Some(time + &fraction.unwrap_or_default()),
        None => text(ifd, DATE_TIME),
    };
    time.filter(|time| time.get(..19).is_some_and(is_time))
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
    patch(&mut exif, big_endian, &patches);
    exif
}

/// Puts values of a kind in their places.
fn patch(exif: &mut [u8], big_endian: bool, patches: &[(u64, u16, u32)]) {
    for &(at, kind, v) in patches {
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
}

/// Changes the block to that of a picture of `size`, with `up` pixels where each `down` were: the numbers of
/// pixels, and those per inch or centimeter. What does not fit its entry stays.
pub(crate) fn resize(exif: &mut [u8], size: Size, up: u32, down: u32) {
    let Some((bytes, ifd)) = open(exif) else { return };
    let big_endian = bytes.big_endian;
    let mut patches: Vec<(u64, u16, u32)> = Vec::new();
    let sub = entry(bytes, ifd, EXIF_IFD).and_then(|at| value(bytes, at)).map(u64::from);
    for (tag, pixels) in [(PIXEL_X, size.width), (PIXEL_Y, size.height)] {
        let found = sub.and_then(|sub| entry(bytes, sub, tag));
        let Some(at) = found.filter(|at| value(bytes, *at).is_some()) else { continue };
        let Some(kind) = bytes.u16(at + 2) else { continue };
        if kind == LONG || pixels <= 0xFFFF {
            patches.push((at + 8, kind, pixels));
        }
    }
    for tag in [X_RESOLUTION, Y_RESOLUTION] {
        let rational = || {
            let at = entry(bytes, ifd, tag)?;
            let single = bytes.u16(at + 2)? == RATIONAL && bytes.u32(at + 4)? == 1;
            let place = u64::from(single.then(|| bytes.u32(at + 8)).flatten()?);
            let (top, bottom) = (bytes.u32(place)?, bytes.u32(place + 4)?);
            Some((place, top.checked_mul(up)?, bottom.checked_mul(down)?))
        };
        if let Some((place, top, bottom)) = rational() {
            patches.extend([(place, LONG, top), (place + 4, LONG, bottom)]);
        }
    }
    patch(exif, big_endian, &patches);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with text entries in the first directory and in that of EXIF.
    fn block(first: &[(u16, &str)], sub: &[(u16, &str)]) -> Vec<u8> {
        let mut out = b"II\x2a\0\x08\0\0\0".to_vec();
        let sub_at = 8 + 2 + 12 * (first.len() + 1) + 4;
        let mut texts_at = sub_at + 2 + 12 * sub.len() + 4;
        let mut texts = Vec::new();
        for (entries, is_first) in [(first, true), (sub, false)] {
            let count = entries.len() + usize::from(is_first);
            out.extend((count as u16).to_le_bytes());
            for (tag, text) in entries {
                out.extend(tag.to_le_bytes());
                out.extend(ASCII.to_le_bytes());
                out.extend((text.len() as u32 + 1).to_le_bytes());
                if text.len() < 4 {
                    let mut short = text.as_bytes().to_vec();
                    short.resize(4, 0);
                    out.extend(short);
                } else {
                    out.extend((texts_at as u32).to_le_bytes());
                    texts.extend(text.as_bytes());
                    texts.push(0);
                    texts_at += text.len() + 1;
                }
            }
            if is_first {
                out.extend(EXIF_IFD.to_le_bytes());
                out.extend(LONG.to_le_bytes());
                out.extend(1_u32.to_le_bytes());
                out.extend((sub_at as u32).to_le_bytes());
            }
            out.extend(0_u32.to_le_bytes());
        }
        out.extend(texts);
        out
    }

    /// A block with a resolution, and the numbers of pixels as SHORT and LONG, in either order of bytes.
    fn sized(big_endian: bool) -> Vec<u8> {
        let short = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let long = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let mut out = if big_endian { b"MM\0\x2a".to_vec() } else { b"II\x2a\0".to_vec() };
        out.extend(long(8));
        let entry = |out: &mut Vec<u8>, tag: u16, kind: u16, v: u32| {
            out.extend(short(tag));
            out.extend(short(kind));
            out.extend(long(1));
            if kind == SHORT {
                out.extend(short(v as u16));
                out.extend([0, 0]);
            } else {
                out.extend(long(v));
            }
        };
        out.extend(short(2));
        entry(&mut out, X_RESOLUTION, RATIONAL, 68);
        entry(&mut out, EXIF_IFD, LONG, 38);
        out.extend(long(0));
        out.extend(short(2));
        entry(&mut out, PIXEL_X, SHORT, 640);
        entry(&mut out, PIXEL_Y, LONG, 480);
        out.extend(long(0));
        out.extend(long(3000));
        out.extend(long(10));
        out
    }

    #[test]
    fn another_size_changes_the_numbers_of_pixels_and_their_density_and_nothing_else() {
        for big_endian in [false, true] {
            let given = sized(big_endian);
            let mut block = given.clone();
            resize(&mut block, Size::new(1920, 1440), 3, 1);
            let (bytes, ifd) = open(&block).unwrap();
            let at = entry(bytes, ifd, X_RESOLUTION).unwrap();
            let place = u64::from(bytes.u32(at + 8).unwrap());
            assert_eq!((bytes.u32(place), bytes.u32(place + 4)), (Some(9000), Some(10)));
            let tag = |tag| value(bytes, entry(bytes, 38, tag).unwrap());
            assert_eq!((tag(PIXEL_X), tag(PIXEL_Y)), (Some(1920), Some(1440)));
            let changed = block.iter().zip(&given).filter(|(a, b)| a != b).count();
            assert!(changed <= 6, "{changed} bytes");
            // What an entry cannot hold stays.
            resize(&mut block, Size::new(70_000, 3), u32::MAX, 1);
            let (bytes, _) = open(&block).unwrap();
            assert_eq!(value(bytes, entry(bytes, 38, PIXEL_X).unwrap()), Some(1920));
            assert_eq!(bytes.u32(place), Some(9000));
            for cut in 0..given.len() {
                resize(&mut given[..cut].to_vec(), Size::new(9, 9), 2, 1);
            }
        }
    }

    #[test]
    fn the_time_is_that_of_the_shutter_else_that_of_the_file_and_never_nonsense() {
        let shot = (DATE_TIME_ORIGINAL, "2024:05:06 07:08:09");
        let saved = (DATE_TIME, "2025:01:01 00:00:00");
        let time = |first: &[_], sub: &[_]| capture_time(&block(first, sub));
        assert_eq!(time(&[saved], &[shot]).as_deref(), Some("2024:05:06 07:08:09"));
        let fine = time(&[saved], &[shot, (SUBSEC_ORIGINAL, "25")]);
        assert_eq!(fine.as_deref(), Some("2024:05:06 07:08:0925"));
        assert!(fine > time(&[], &[shot]));
        assert_eq!(time(&[saved], &[]).as_deref(), Some("2025:01:01 00:00:00"));
        assert_eq!(time(&[], &[]), None);
        assert_eq!(time(&[], &[(DATE_TIME_ORIGINAL, "    :  :     :  :  ")]), None);
        let whole = block(&[saved], &[shot]);
        for cut in 0..whole.len() {
            let _ = capture_time(&whole[..cut]);
        }
        assert_eq!(capture_time(b"neither"), None);
    }
}
