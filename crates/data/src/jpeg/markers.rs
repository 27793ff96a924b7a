//! Marker segments of a JPEG: T.81 annex B.

use super::{corrupt, jfif_density, unsupported};
use crate::DataError;
use crate::meta::Density;
use restora_image::jpeg_tables;

/// A marker and what its segment holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    pub marker: u8,
    pub data: &'a [u8],
}

/// One color component of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Component {
    pub id: u8,
    /// Sampling factors, 1 to 4.
    pub h: u8,
    pub v: u8,
    pub quantization: u8,
}

/// The frame header.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub progressive: bool,
    pub width: u16,
    pub height: u16,
    pub components: Vec<Component>,
    pub h_max: u8,
    pub v_max: u8,
}

/// Reads the segment whose marker starts at `at` (0xFF, perhaps filled with more of them), and
/// returns where the next one starts.
pub(crate) fn segment(bytes: &[u8], at: usize) -> Result<(Segment<'_>, usize), DataError> {
    let ends = || corrupt(format!("it ends between its segments, at byte {}", bytes.len()));
    if *bytes.get(at).ok_or_else(ends)? != 0xFF {
        return Err(corrupt(format!("no marker at byte {at}")));
    }
    let mut at = at;
    while *bytes.get(at).ok_or_else(ends)? == 0xFF {
        at += 1;
    }
    let marker = bytes[at];
    at += 1;
    // SOI, EOI, RSTn and TEM stand alone.
    if matches!(marker, 0x01 | 0xD0..=0xD9) {
        return Ok((Segment { marker, data: &[] }, at));
    }
    let len = bytes.get(at..at + 2).ok_or_else(ends)?;
    let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
    if marker == 0 || len < 2 {
        return Err(corrupt(format!("a segment of marker {marker:#04X} with length {len}")));
    }
    let data = bytes.get(at + 2..at + len).ok_or_else(ends)?;
    Ok((Segment { marker, data }, at + len))
}

/// The frame header of a file, found without reading beyond it.
pub(crate) fn frame(bytes: &[u8]) -> Result<Frame, DataError> {
    let mut at = 2;
    loop {
        let (segment, next) = segment(bytes, at)?;
        match segment.marker {
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => return sof(&segment),
            0xD9 | 0xDA => return Err(corrupt("no frame header before the picture")),
            _ => at = next,
        }
    }
}

/// Reads a frame header segment.
pub(crate) fn sof(segment: &Segment) -> Result<Frame, DataError> {
    let progressive = match segment.marker {
        0xC0 | 0xC1 => false,
        0xC2 => true,
        0xC9..=0xCB | 0xCD..=0xCF => return Err(unsupported("arithmetic coding is not read")),
        0xC3 => return Err(unsupported("lossless JPEG is not read")),
        _ => return Err(unsupported("hierarchical JPEG is not read")),
    };
    let &[bits, h1, h0, w1, w0, count, ref rest @ ..] = segment.data else {
        return Err(corrupt("a frame header that is too short"));
    };
    if bits != 8 {
        return Err(unsupported(&format!("{bits} bits per sample; 8 are read")));
    }
    if rest.len() != 3 * usize::from(count) || count == 0 {
        return Err(corrupt("a frame header of the wrong length"));
    }
    let components: Vec<_> = rest
        .chunks_exact(3)
        .map(|c| Component { id: c[0], h: c[1] >> 4, v: c[1] & 15, quantization: c[2] })
        .collect();
    let bad =
        |c: &Component| !(1..=4).contains(&c.h) || !(1..=4).contains(&c.v) || c.quantization > 3;
    if components.iter().any(bad) {
        return Err(corrupt("a sampling factor or table number out of range"));
    }
    let height = u16::from_be_bytes([h1, h0]);
    if height == 0 {
        return Err(unsupported("a height given after the first scan (DNL) is not read"));
    }
    Ok(Frame {
        progressive,
        width: u16::from_be_bytes([w1, w0]),
        height,
        h_max: components.iter().map(|c| c.h).max().unwrap_or(1),
        v_max: components.iter().map(|c| c.v).max().unwrap_or(1),
        components,
    })
}

/// The ICC profile, put together from its APP2 segments (ICC.1:2010 B.4); none if one is missing.
pub(crate) fn icc(segments: &[Segment]) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, u8, &[u8])> = segments
        .iter()
        .filter(|s| s.marker == 0xE2)
        .filter_map(|s| match s.data.strip_prefix(b"ICC_PROFILE\0")? {
            [index, count, data @ ..] => Some((*index, *count, data)),
            _ => None,
        })
        .collect();
    parts.sort_by_key(|part| part.0);
    let count = parts.first()?.1;
    let complete = parts.len() == usize::from(count)
        && parts.iter().enumerate().all(|(i, p)| usize::from(p.0) == i + 1 && p.1 == count);
    complete.then(|| parts.iter().flat_map(|p| p.2).copied().collect())
}

/// The EXIF block without its "Exif\0\0".
pub(crate) fn exif<'a>(segments: &[Segment<'a>]) -> Option<&'a [u8]> {
    segments.iter().filter(|s| s.marker == 0xE1).find_map(|s| s.data.strip_prefix(b"Exif\0\0"))
}

/// The density of a JFIF header.
pub(crate) fn density(segments: &[Segment]) -> Option<Density> {
    let jfif = segments
        .iter()
        .filter(|s| s.marker == 0xE0)
        .find_map(|s| s.data.strip_prefix(b"JFIF\0"))?;
    let &[_, _, unit, x1, x0, y1, y0, ..] = jfif else { return None };
    jfif_density(unit, u16::from_be_bytes([x1, x0]), u16::from_be_bytes([y1, y0]))
}

/// Zigzag place of each coefficient, row by row (T.81 figure A.6).
pub(crate) const ZIGZAG: [u8; 64] = [
    0, 1, 5, 6, 14, 15, 27, 28, 2, 4, 7, 13, 16, 26, 29, 42, 3, 8, 12, 17, 25, 30, 41, 43, 9, 11,
    18, 24, 31, 40, 44, 53, 10, 19, 23, 32, 39, 45, 52, 54, 20, 22, 33, 38, 46, 51, 55, 60, 21, 34,
    37, 47, 50, 56, 59, 61, 35, 36, 48, 49, 57, 58, 62, 63,
];

/// The libjpeg quality whose scaled luma table is nearest to `table` in absolute differences.
pub(crate) fn quality(table: &[u16; 64]) -> u8 {
    let distance = |quality: &u8| -> u32 {
        let scaled = jpeg_tables::luminance(u32::from(*quality));
        let pairs = scaled.iter().zip(ZIGZAG);
        pairs.map(|(wanted, place)| u32::from(wanted.abs_diff(table[usize::from(place)]))).sum()
    };
    (1..=100).min_by_key(distance).unwrap_or(75)
}
