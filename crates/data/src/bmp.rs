//! Windows bitmaps: 1 to 32 bits, bit fields, run lengths, any header since OS/2 1; written with 8
//! bits gray, 24 bits, or 32 bits with opacity, and an ICC profile in a version 5 header.
//! Layout of the headers: Microsoft, "Bitmap Header Types" (BITMAPCOREHEADER to BITMAPV5HEADER).

use crate::bytes::Bytes;
use crate::meta::{Density, DensityUnit};
use crate::{DataError, Decoded, FileMeta, Format, Header};
use restora_image::{Depth, Layout, Pixels, Raster, Size};
use std::io::{BufWriter, Write};

fn corrupt(detail: impl Into<String>) -> DataError {
    DataError::corrupt(Format::Bmp, detail)
}

fn ends() -> DataError {
    corrupt("it ends in its header")
}

#[derive(Clone, Copy, PartialEq)]
enum Coding {
    Plain,
    RunLengths,
    Fields,
}

struct Head<'a> {
    size: Size,
    top_down: bool,
    bits: u32,
    coding: Coding,
    /// Red, green, blue, opacity.
    masks: [u32; 4],
    /// Blue, green, red entries of `entry` bytes.
    palette: &'a [u8],
    entry: usize,
    layout: Layout,
    /// Where the pixels start.
    at: u64,
    density: Option<Density>,
    icc: Option<&'a [u8]>,
}

fn head(bytes: &[u8]) -> Result<Head<'_>, DataError> {
    let b = Bytes::new(bytes, false);
    let at = u64::from(b.u32(10).ok_or_else(ends)?);
    let len = u64::from(b.u32(14).ok_or_else(ends)?);
    let core = len == 12;
    let (width, height, bits, compression, used) = if core {
        let side = |at| b.u16(at).map(i64::from).ok_or_else(ends);
        (side(18)?, side(20)?, b.u16(24).ok_or_else(ends)?, 0, 0)
    } else {
        let side = |at| b.u32(at).map(|v| i64::from(v as i32)).ok_or_else(ends);
        let bits = b.u16(28).ok_or_else(ends)?;
        // OS/2 2 headers of 16 bytes stop here.
        let word = |at| if len == 16 { Some(0) } else { b.u32(at) };
        (side(18)?, side(22)?, bits, word(30).ok_or_else(ends)?, word(46).ok_or_else(ends)?)
    };
    let bits = u32::from(bits);
    let side = |v: i64| u32::try_from(v).map_err(|_| corrupt(format!("a side of {v} pixels")));
    let size = Size::new(side(width)?, side(height.abs())?);
    let coding = match (compression, bits) {
        (0, 1 | 2 | 4 | 8 | 24) => Coding::Plain,
        (0 | 3 | 6, 16 | 32) => Coding::Fields,
        (1, 8) | (2, 4) => Coding::RunLengths,
        (4 | 5, _) => {
            return Err(DataError::Unsupported("BMP with a JPEG or PNG inside is not read".into()));
        }
        _ => return Err(corrupt(format!("{bits} bits with compression {compression}"))),
    };
    if height < 0 && coding == Coding::RunLengths {
        return Err(corrupt("run lengths from top to bottom"));
    }
    let (masks, mask_bytes) = masks(b, bits, compression, len)?;
    let (mut palette, mut entry) = (&bytes[..0], 4);
    if bits <= 8 {
        entry = if core { 3 } else { 4 };
        let count = if used == 0 { 1 << bits } else { u64::from(used).min(1 << bits) };
        let start = 14 + len + mask_bytes;
        // A table may be cut off by the pixels that follow it.
        let room = at.saturating_sub(start) / entry as u64;
        palette = b.slice(start, count.min(room) * entry as u64).ok_or_else(ends)?;
        if palette.is_empty() {
            return Err(corrupt("no color table"));
        }
    }
    let gray = bits <= 8 && palette.chunks_exact(entry).all(|c| c[0] == c[1] && c[1] == c[2]);
    let layout = match (gray, masks[3] != 0) {
        (true, _) => Layout::Gray,
        (false, false) => Layout::Rgb,
        (false, true) => Layout::Rgba,
    };
    let density = (len >= 40).then(|| (b.u32(38), b.u32(42))).and_then(|pair| match pair {
        (Some(x), Some(y)) if (1..1 << 30).contains(&x) && (1..1 << 30).contains(&y) => {
            let per_cm = |v: u32| f64::from(v) / 100.0;
            Some(Density { x: per_cm(x), y: per_cm(y), unit: DensityUnit::Centimeter })
        }
        _ => None,
    });
    // 'MBED': the profile is in the file, at an offset from the info header.
    let embedded = len >= 124 && b.u32(70) == Some(0x4D42_4544);
    let icc = embedded
        .then(|| b.slice(14 + u64::from(b.u32(126)?), u64::from(b.u32(130)?)))
        .flatten()
        .filter(|icc| !icc.is_empty());
    Ok(Head {
        size,
        top_down: height < 0,
        bits,
        coding,
        masks,
        palette,
        entry,
        layout,
        at,
        density,
        icc,
    })
}

/// The bit fields, and how many bytes of them follow the info header.
fn masks(b: Bytes, bits: u32, compression: u32, len: u64) -> Result<([u32; 4], u64), DataError> {
    if !matches!(compression, 3 | 6) {
        return Ok(match bits {
            16 => ([0x7C00, 0x03E0, 0x001F, 0], 0),
            _ => ([0x00FF_0000, 0x0000_FF00, 0x0000_00FF, 0], 0),
        });
    }
    // They stand at the same place, whether they follow a version 1 header or are part of a later
    // one; opacity only from version 3 on, or with BI_ALPHABITFIELDS.
    let word = |at| b.u32(at).ok_or_else(ends);
    let alpha = if len >= 56 || compression == 6 { word(66)? } else { 0 };
    let masks = [word(54)?, word(58)?, word(62)?, alpha];
    let contiguous = |m: u32| {
        m == 0 || (m >> m.trailing_zeros()).wrapping_add(1).is_power_of_two() || m == u32::MAX
    };
    if masks[..3].contains(&0) || !masks.into_iter().all(contiguous) {
        return Err(corrupt(format!("bit fields {masks:08X?}")));
    }
    let own = if len > 40 {
        0
    } else if compression == 6 {
        16
    } else {
        12
    };
    Ok((masks, own))
}

pub(crate) fn header(bytes: &[u8]) -> Result<Header, DataError> {
    let head = head(bytes)?;
    Header::single(Format::Bmp, head.size, head.layout, Depth::U8)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, DataError> {
    let head = head(bytes)?;
    let data = usize::try_from(head.at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
    let (w, h, n) = (head.size.w(), head.size.h(), head.layout.samples());
    let used = (w as u64 * u64::from(head.bits)).div_ceil(8);
    let stride = used.div_ceil(4) * 4;
    // The padding of the last row is often left out.
    let wanted = stride * (h as u64 - 1) + used;
    if head.coding != Coding::RunLengths && (data.len() as u64) < wanted {
        return Err(corrupt(format!("{} of {wanted} bytes of pixels are there", data.len())));
    }
    let mut raster = Raster::zeros(head.size, head.layout, Depth::U8);
    let Pixels::U8(out) = &mut raster.pixels else { return Err(corrupt("8 bits expected")) };
    if head.coding == Coding::RunLengths {
        run_lengths(data, &head, out)?;
    } else {
        for (i, row) in data.chunks(stride as usize).take(h).enumerate() {
            let y = if head.top_down { i } else { h - 1 - i };
            line(row, &head, &mut out[y * w * n..][..w * n])?;
        }
    }
    let mut meta = FileMeta::new(Format::Bmp, head.layout, Depth::U8);
    meta.density = head.density;
    meta.icc = head.icc.map(<[u8]>::to_vec);
    Ok(Decoded { pages: vec![raster], meta })
}

fn color(head: &Head, index: usize, pixel: &mut [u8]) -> Result<(), DataError> {
    let entry = head.palette.chunks_exact(head.entry).nth(index);
    let entry = entry.ok_or_else(|| corrupt(format!("color {index} is not in its table")))?;
    match pixel {
        [gray] => *gray = entry[0],
        _ => pixel.copy_from_slice(&[entry[2], entry[1], entry[0]]),
    }
    Ok(())
}

fn line(row: &[u8], head: &Head, out: &mut [u8]) -> Result<(), DataError> {
    let n = head.layout.samples();
    let pixels = out.chunks_exact_mut(n);
    match head.bits {
        24 => {
            for (pixel, bgr) in pixels.zip(row.chunks_exact(3)) {
                pixel.copy_from_slice(&[bgr[2], bgr[1], bgr[0]]);
            }
        }
        16 | 32 => {
            let fields = head.masks.map(|mask| {
                let shift = if mask == 0 { 0 } else { mask.trailing_zeros() };
                (mask, shift, u64::from(mask >> shift))
            });
            for (pixel, word) in pixels.zip(row.chunks_exact(head.bits as usize / 8)) {
                let word = word.iter().rev().fold(0, |acc, b| acc << 8 | u32::from(*b));
                for (sample, (mask, shift, max)) in pixel.iter_mut().zip(fields) {
                    let v = u64::from((word & mask) >> shift);
                    *sample = if max == 255 { v as u8 } else { ((v * 255 + max / 2) / max) as u8 };
                }
            }
        }
        bits => {
            let bits = bits as usize;
            for (x, pixel) in pixels.enumerate() {
                let byte = row[x * bits / 8];
                let index = usize::from(byte >> (8 - bits - x * bits % 8)) & ((1 << bits) - 1);
                color(head, index, pixel)?;
            }
        }
    }
    Ok(())
}

/// `BI_RLE8` and `BI_RLE4`. Pixels that a delta or an early end of line skips keep color 0.
fn run_lengths(data: &[u8], head: &Head, out: &mut [u8]) -> Result<(), DataError> {
    let (w, h, n) = (head.size.w(), head.size.h(), head.layout.samples());
    for pixel in out.chunks_exact_mut(n) {
        color(head, 0, pixel)?;
    }
    let nibbles = head.bits == 4;
    let (mut x, mut y) = (0usize, 0usize);
    let early = || corrupt("it ends before its end of bitmap");
    let mut bytes = data.iter().copied();
    let mut put = |x: usize, y: usize, index: u8| -> Result<(), DataError> {
        if x >= w || y >= h {
            return Err(corrupt("a run beyond the edge"));
        }
        let at = ((h - 1 - y) * w + x) * n;
        color(head, index.into(), &mut out[at..at + n])
    };
    let nth = |byte: u8, i: usize| match (nibbles, i % 2) {
        (false, _) => byte,
        (true, 0) => byte >> 4,
        (true, _) => byte & 15,
    };
    loop {
        // Some writers leave the end marker out once everything is drawn.
        let drawn = y >= h || (y == h - 1 && x == w);
        let (Some(count), Some(second)) = (bytes.next(), bytes.next()) else {
            return if drawn { Ok(()) } else { Err(early()) };
        };
        match (count, second) {
            (0, 0) => (x, y) = (0, y + 1),
            (0, 1) => return Ok(()),
            (0, 2) => {
                x += usize::from(bytes.next().ok_or_else(early)?);
                y += usize::from(bytes.next().ok_or_else(early)?);
            }
            (0, count) => {
                let per_byte = if nibbles { 2 } else { 1 };
                let len = usize::from(count).div_ceil(per_byte);
                let mut byte = 0;
                for i in 0..usize::from(count) {
                    if i % per_byte == 0 {
                        byte = bytes.next().ok_or_else(early)?;
                    }
                    put(x, y, nth(byte, i))?;
                    x += 1;
                }
                if len % 2 == 1 {
                    bytes.next();
                }
            }
            (count, byte) => {
                for i in 0..usize::from(count) {
                    put(x, y, nth(byte, i))?;
                    x += 1;
                }
            }
        }
    }
}

pub(crate) fn encode(
    out: &mut dyn Write,
    raster: &Raster,
    meta: &FileMeta,
) -> Result<(), DataError> {
    let Pixels::U8(v) = &raster.pixels else {
        return Err(DataError::Unsupported("BMP holds 8 bits".into()));
    };
    let (w, h, n) = (raster.size.w(), raster.size.h(), raster.layout.samples());
    let alpha = raster.layout == Layout::Rgba;
    let icc = meta.icc.as_deref().unwrap_or_default();
    // Version 5 only where it is needed, for old readers.
    let info: u32 = if alpha || !icc.is_empty() { 124 } else { 40 };
    let palette: u32 = if n == 1 { 1024 } else { 0 };
    let stride = (w * n).div_ceil(4) * 4;
    let start = 14 + info + palette;
    let pixels = stride as u64 * h as u64;
    let total = u64::from(start) + pixels + icc.len() as u64;
    let (Ok(total), Ok(width), Ok(height)) =
        (u32::try_from(total), i32::try_from(w), i32::try_from(h))
    else {
        return Err(DataError::Unsupported("BMP holds at most 4 GiB: TIFF holds more".into()));
    };
    let per_meter = |v: f64| (v * 100.0).round().clamp(0.0, 1e9) as u32;
    let density = meta.density.map(|d| d.per(DensityUnit::Centimeter));
    let (x, y) = density
        .filter(|d| d.unit != DensityUnit::Aspect)
        .map_or((0, 0), |d| (per_meter(d.x), per_meter(d.y)));
    let mut head = Vec::with_capacity(start as usize);
    let mut word = |v: u32| head.extend_from_slice(&v.to_le_bytes());
    // "BM" and the file size overlap the words, so the first two bytes are put in front below.
    for v in [total, 0, start, info, width as u32, height as u32] {
        word(v);
    }
    word(1 | (8 * n as u32) << 16);
    for v in [if alpha { 3 } else { 0 }, pixels as u32, x, y, palette / 4, 0] {
        word(v);
    }
    if info == 124 {
        let masks = if alpha { [0x00FF_0000, 0xFF00, 0xFF, 0xFF00_0000u32] } else { [0, 0, 0, 0] };
        masks.into_iter().for_each(&mut word);
        word(if icc.is_empty() { 0x7352_4742 } else { 0x4D42_4544 });
        (0..12).for_each(|_| word(0));
        // Perceptual intent, then the profile, counted from the info header.
        word(4);
        word(if icc.is_empty() { 0 } else { start - 14 + pixels as u32 });
        word(icc.len() as u32);
        word(0);
    }
    let mut out = BufWriter::with_capacity(1 << 16, out);
    out.write_all(b"BM")?;
    out.write_all(&head)?;
    for v in 0..palette / 4 {
        let v = v as u8;
        out.write_all(&[v, v, v, 0])?;
    }
    let mut line = vec![0; stride];
    for row in v.chunks_exact(w * n).rev() {
        for (to, from) in line.chunks_exact_mut(n).zip(row.chunks_exact(n)) {
            match *from {
                [r, g, b] => to.copy_from_slice(&[b, g, r]),
                [r, g, b, a] => to.copy_from_slice(&[b, g, r, a]),
                _ => to.copy_from_slice(from),
            }
        }
        out.write_all(&line)?;
    }
    out.write_all(icc)?;
    out.flush()?;
    Ok(())
}
