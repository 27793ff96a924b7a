//! `GIF89a`: the first frame in; out only what is exact, up to 256 colors.
//!
//! A restored photograph has more colors than a GIF, and choosing 256 of them would add the very
//! damage that was just removed. So by default GIF input becomes PNG ([`Format::output_default`]),
//! and GIF is written on request where it loses nothing.

use crate::{DataError, Decoded, FileMeta, Format, Header};
use restora_image::{Depth, Layout, Pixels, Raster, Size};
use std::collections::HashMap;
use std::io::Write;
use weezl::{BitOrder, LzwStatus};

fn corrupt(detail: impl Into<String>) -> DataError {
    DataError::corrupt(Format::Gif, detail)
}

fn ends() -> DataError {
    corrupt("it ends before its trailer")
}

/// The first frame, still compressed.
struct First<'a> {
    x: usize,
    y: usize,
    size: Size,
    interlaced: bool,
    palette: &'a [u8],
    transparent: Option<u8>,
    code_size: u8,
    data: Vec<u8>,
}

struct File<'a> {
    size: Size,
    first: First<'a>,
    frames: usize,
}

struct Blocks<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Blocks<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], DataError> {
        let taken = self.bytes.get(self.at..self.at + n).ok_or_else(ends)?;
        self.at += n;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, DataError> {
        self.take(1).map(|b| b[0])
    }

    /// Sub-blocks up to the empty one, handed to `f` one by one.
    fn sub_blocks(&mut self, mut f: impl FnMut(&'a [u8])) -> Result<(), DataError> {
        loop {
            match self.byte()? {
                0 => return Ok(()),
                n => f(self.take(n.into())?),
            }
        }
    }

    fn palette(&mut self, flags: u8) -> Result<Option<&'a [u8]>, DataError> {
        if flags & 0x80 == 0 { Ok(None) } else { self.take(3 << ((flags & 7) + 1)).map(Some) }
    }
}

fn le16(bytes: &[u8]) -> u32 {
    u32::from(u16::from_le_bytes([bytes[0], bytes[1]]))
}

/// Walks all blocks up to the trailer, so that a file that was cut anywhere is noticed.
fn parse(bytes: &[u8]) -> Result<File<'_>, DataError> {
    let mut blocks = Blocks { bytes, at: 6 };
    let screen = blocks.take(7)?;
    let size = Size::new(le16(screen), le16(&screen[2..]));
    let global = blocks.palette(screen[4])?;
    let (mut first, mut frames, mut transparent) = (None, 0, None);
    loop {
        match blocks.byte()? {
            0x3B => break,
            0x21 => {
                let label = blocks.byte()?;
                blocks.sub_blocks(|data| {
                    if let (0xF9, &[flags, _, _, index]) = (label, data) {
                        transparent = (flags & 1 == 1).then_some(index);
                    }
                })?;
            }
            0x2C => {
                let place = blocks.take(9)?;
                let local = blocks.palette(place[8])?;
                let code_size = blocks.byte()?;
                let mut data = Vec::new();
                let keep = first.is_none();
                blocks.sub_blocks(|block| {
                    if keep {
                        data.extend_from_slice(block);
                    }
                })?;
                if keep {
                    first = Some(First {
                        x: le16(place) as usize,
                        y: le16(&place[2..]) as usize,
                        size: Size::new(le16(&place[4..]), le16(&place[6..])),
                        interlaced: place[8] & 0x40 != 0,
                        palette: local
                            .or(global)
                            .ok_or_else(|| corrupt("no color table for its first frame"))?,
                        transparent,
                        code_size,
                        data,
                    });
                }
                frames += 1;
                transparent = None;
            }
            other => return Err(corrupt(format!("an unknown block {other:#04X}"))),
        }
    }
    let first = first.ok_or_else(|| corrupt("there is no frame in it"))?;
    let inside = first.x + first.size.w() <= size.w() && first.y + first.size.h() <= size.h();
    if !inside || first.size.is_empty() {
        return Err(corrupt(format!(
            "a frame of {} at ({}, {}) on a screen of {size}",
            first.size, first.x, first.y
        )));
    }
    if !(1..=11).contains(&first.code_size) {
        return Err(corrupt(format!("a code size of {}", first.code_size)));
    }
    Ok(File { size, first, frames })
}

fn layout(file: &File) -> Layout {
    let first = &file.first;
    let covers = first.size == file.size;
    let gray = first.palette.chunks_exact(3).all(|c| c[0] == c[1] && c[1] == c[2]);
    match (gray, covers && first.transparent.is_none()) {
        (true, true) => Layout::Gray,
        (true, false) => Layout::GrayAlpha,
        (false, true) => Layout::Rgb,
        (false, false) => Layout::Rgba,
    }
}

pub(crate) fn header(bytes: &[u8]) -> Result<Header, DataError> {
    let &[w0, w1, h0, h1] = bytes.get(6..10).ok_or_else(ends)? else { return Err(ends()) };
    // Only the size, for the limits come before a walk through the file.
    let size = Size::new(u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into());
    let header = Header::single(Format::Gif, size, Layout::Rgba, Depth::U8)?;
    match parse(bytes) {
        Ok(file) => Header::single(Format::Gif, size, layout(&file), Depth::U8),
        // What is wrong with the rest is told once the limits were checked.
        Err(_) => Ok(header),
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, DataError> {
    let file = parse(bytes)?;
    let first = &file.first;
    let count = first.size.len();
    // A code has at least 2 bits and stands for at most 4096 pixels.
    if count > first.data.len().saturating_mul(4 * 4096) {
        return Err(corrupt(format!("{} bytes cannot hold its frame", first.data.len())));
    }
    let mut indices = vec![0u8; count];
    let mut lzw = weezl::decode::Decoder::new(BitOrder::Lsb, first.code_size);
    let (mut read, mut written) = (0, 0);
    while written < count {
        let step = lzw.decode_bytes(&first.data[read..], &mut indices[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        match step.status {
            Ok(LzwStatus::Ok) => {}
            Ok(LzwStatus::Done | LzwStatus::NoProgress) => break,
            Err(e) => return Err(corrupt(format!("its frame: {e}"))),
        }
    }
    if written < count {
        return Err(corrupt(format!("{written} of {count} pixels are there")));
    }
    let layout = layout(&file);
    let mut raster = Raster::zeros(file.size, layout, Depth::U8);
    let Pixels::U8(out) = &mut raster.pixels else { return Err(corrupt("8 bits expected")) };
    let (n, width) = (layout.samples(), first.size.w());
    for (i, line) in indices.chunks_exact(width).enumerate() {
        let y = first.y + if first.interlaced { interlaced_row(i, first.size.h()) } else { i };
        let row = &mut out[(y * file.size.w() + first.x) * n..][..width * n];
        for (pixel, index) in row.chunks_exact_mut(n).zip(line) {
            let color = first
                .palette
                .get(3 * usize::from(*index)..3 * usize::from(*index) + 3)
                .ok_or_else(|| corrupt(format!("color {index} is not in its table")))?;
            pixel[..layout.colors()].copy_from_slice(&color[..layout.colors()]);
            if layout.has_alpha() {
                pixel[n - 1] = if first.transparent == Some(*index) { 0 } else { 255 };
            }
        }
    }
    let mut meta = FileMeta::new(Format::Gif, layout, Depth::U8);
    if file.frames > 1 {
        meta.notes.push(format!("animated GIF of {} frames: the first was taken", file.frames));
    }
    Ok(Decoded { pages: vec![raster], meta })
}

/// The row that line `i` of an interlaced frame belongs to: every 8th, the 4ths between, the 2nds.
fn interlaced_row(mut i: usize, height: usize) -> usize {
    for (start, step) in [(0, 8), (4, 8), (2, 4), (1, 2)] {
        let rows = height.saturating_sub(start).div_ceil(step);
        if i < rows {
            return start + i * step;
        }
        i -= rows;
    }
    0
}

pub(crate) fn encode(out: &mut dyn Write, raster: &Raster) -> Result<(), DataError> {
    let Pixels::U8(v) = &raster.pixels else {
        return Err(DataError::Unsupported("GIF holds 8 bits".into()));
    };
    let unfit = |why: &str| {
        Err(DataError::Unsupported(format!("{why}: GIF would lose some; use PNG or WebP")))
    };
    let side = |v: u32| {
        u16::try_from(v).map_err(|_| DataError::Unsupported(format!("GIF: {v} pixels a side")))
    };
    let (width, height) = (side(raster.size.width)?, side(raster.size.height)?);
    let (n, colors) = (raster.layout.samples(), raster.layout.colors());
    let mut table: Vec<[u8; 3]> = Vec::new();
    let mut known: HashMap<[u8; 4], u8> = HashMap::new();
    let mut transparent = None;
    let mut indices = Vec::with_capacity(raster.size.len());
    for pixel in v.chunks_exact(n) {
        let rgb = [pixel[0], pixel[1 % colors], pixel[2 % colors]];
        let alpha = if raster.layout.has_alpha() { pixel[n - 1] } else { 255 };
        let key = match alpha {
            0 => [0; 4],
            255 => [rgb[0], rgb[1], rgb[2], 255],
            _ => return unfit("partly opaque pixels"),
        };
        let index = match known.get(&key) {
            Some(index) => *index,
            None if table.len() == 256 => return unfit("more than 256 colors"),
            None => {
                let index = table.len() as u8;
                table.push(if alpha == 0 { [0; 3] } else { rgb });
                transparent = transparent.or((alpha == 0).then_some(index));
                known.insert(key, index);
                index
            }
        };
        indices.push(index);
    }
    let bits = usize::BITS - (table.len().max(2) - 1).leading_zeros();
    out.write_all(b"GIF89a")?;
    out.write_all(&width.to_le_bytes())?;
    out.write_all(&height.to_le_bytes())?;
    out.write_all(&[0xF0 | (bits as u8 - 1), 0, 0])?;
    table.resize(1 << bits, [0; 3]);
    out.write_all(table.as_flattened())?;
    if let Some(index) = transparent {
        out.write_all(&[0x21, 0xF9, 4, 1, 0, 0, index, 0])?;
    }
    out.write_all(&[0x2C, 0, 0, 0, 0])?;
    out.write_all(&width.to_le_bytes())?;
    out.write_all(&height.to_le_bytes())?;
    let code_size = bits.max(2) as u8;
    out.write_all(&[0, code_size])?;
    let data = weezl::encode::Encoder::new(BitOrder::Lsb, code_size)
        .encode(&indices)
        .map_err(|e| DataError::Unsupported(format!("GIF: {e}")))?;
    for block in data.chunks(255) {
        out.write_all(&[block.len() as u8])?;
        out.write_all(block)?;
    }
    out.write_all(&[0, 0x3B])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interlaced_rows_cover_every_row_once() {
        for height in [1, 2, 3, 5, 8, 17] {
            let mut rows: Vec<_> = (0..height).map(|i| interlaced_row(i, height)).collect();
            rows.sort_unstable();
            assert_eq!(rows, (0..height).collect::<Vec<_>>());
        }
    }
}
