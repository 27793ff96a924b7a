//! What is left of a damaged PNG (ISO/IEC 15948), row by row.
//!
//! ```text
//!  bytes -> chunks -> raw stream -> rows that can be believed
//!                                     |   the others repeat the row above
//!                                     v
//!                    sound file -> usual decoder -> pixels        mask of missing pixels
//! ```
//!
//! What is believed, in this order:
//! - a chunk whose checksum fits, and one in which a single wrong byte explains why it does not:
//!   that byte is mended;
//! - pixels that were inflated from such chunks, up to the first that is neither;
//! - behind that, rows whose filter exists and that continue the rows before them; they are counted
//!   as doubtful. The first row that breaks off ends it: deflate refers back, so that all behind an
//!   error may be wrong.

mod chunks;
mod crc;
mod rows;

use super::jpeg::LEAST_SHARE;
use super::{Damage, Salvaged};
use crate::{DataError, Format, Header, Limits, png};
use chunks::{Chunk, State};
use flate2::{Compress, Compression, FlushCompress};
use restora_image::{Mask, Pixels, Raster, Size};
use rows::{Head, Raw, Row};

/// See [`crate::decode`]: what one byte of a sound file yields at most.
const MOST_BYTES_PER_BYTE: u64 = 1032 * 32;

fn corrupt(detail: impl Into<String>) -> DataError {
    DataError::corrupt(Format::Png, detail)
}

/// Salvages what the file holds.
pub(super) fn salvage(bytes: &[u8], limits: &Limits) -> Result<Salvaged, DataError> {
    let (mut chunks, mut found) = chunks::chunks(bytes);
    // Colors are of three bytes each.
    for palette in chunks.iter_mut().filter(|chunk| chunk.kind == *b"PLTE") {
        palette.data.truncate(palette.data.len().min(3 * 256) / 3 * 3);
    }
    chunks.retain(|chunk| chunk.kind != *b"PLTE" || !chunk.data.is_empty());
    let head = head(&chunks)?;
    let header = header(bytes.len(), &chunks, limits)?;
    let mut raw = rows::inflate(&chunks, head.len())?;
    let mended = |c: &Chunk| c.kind == *b"IDAT" && c.state == State::Mended;
    if raw.trusted > 0 && !raw.whole && raw.bytes.len() == head.len() && chunks.iter().any(mended) {
        // The pixels have another checksum after all: what looked mended was not.
        for chunk in chunks.iter_mut().filter(|c| mended(c)) {
            chunk.state = State::Damaged;
        }
        raw = rows::inflate(&chunks, head.len())?;
        found.push("the mended picture data do not have their checksum".into());
    }
    let left = Left::of(&head, raw);
    let (mask, doubtful) = left.pixels(&head);
    let known = header.pixels - mask.count() as u64;
    if known * LEAST_SHARE < header.pixels {
        return Err(corrupt(format!("only {known} of {} pixels are left", header.pixels)));
    }
    let pixels = deflated(&left.raw)?;
    let kept = |chunk: &&Chunk| {
        matches!(&chunk.kind, b"IHDR" | b"PLTE" | b"tRNS")
            || (chunk.state != State::Damaged
                && chunk.state != State::Cut
                && !matches!(&chunk.kind, b"IDAT" | b"IEND" | b"acTL" | b"fcTL" | b"fdAT"))
    };
    let needed = |chunk: &&Chunk| matches!(&chunk.kind, b"IHDR" | b"PLTE" | b"tRNS");
    let all = file(chunks.iter().filter(kept), &pixels);
    let mut decoded = png::decode(&all, &header, limits).or_else(|_| {
        // A chunk that is not needed may be sound and yet make no sense.
        png::decode(&file(chunks.iter().filter(needed), &pixels), &header, limits)
    })?;
    if head.interlaced {
        for page in &mut decoded.pages {
            spread(page, &mask);
        }
    }
    let damage = Damage::new(&mask, doubtful, found);
    Ok(Salvaged { decoded, mask, damage })
}

/// The header, mended if it has to be.
pub(super) fn salvage_header(bytes: &[u8], limits: &Limits) -> Result<Header, DataError> {
    let (chunks, _) = chunks::chunks(bytes);
    head(&chunks)?;
    header(bytes.len(), &chunks, limits)
}

/// The header, which may be mended but must be there.
fn head(chunks: &[Chunk]) -> Result<Head, DataError> {
    let lost = || corrupt("its header is lost");
    let first = chunks.first().filter(|chunk| chunk.kind == *b"IHDR").ok_or_else(lost)?;
    let &[w3, w2, w1, w0, h3, h2, h1, h0, depth, color, 0, 0, interlace @ 0..=1] = &first.data[..]
    else {
        return Err(lost());
    };
    let samples = match (color, depth) {
        (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) => 1,
        (2, 8 | 16) => 3,
        (4, 8 | 16) => 2,
        (6, 8 | 16) => 4,
        _ => return Err(lost()),
    };
    Ok(Head {
        width: u32::from_be_bytes([w3, w2, w1, w0]) as usize,
        height: u32::from_be_bytes([h3, h2, h1, h0]) as usize,
        bits: samples * usize::from(depth),
        interlaced: interlace == 1,
    })
}

/// The header as the usual decoder sees it, checked.
fn header(len: usize, chunks: &[Chunk], limits: &Limits) -> Result<Header, DataError> {
    let needed = chunks.iter().filter(|c| matches!(&c.kind, b"IHDR" | b"PLTE" | b"tRNS"));
    let header = png::header(&file(needed, &[]))?;
    limits.check(&header)?;
    header.check_plausible(len, MOST_BYTES_PER_BYTE * LEAST_SHARE)?;
    Ok(header)
}

/// What is left of the rows.
struct Left {
    /// The raw stream, of full length; what is missing repeats the row above.
    raw: Vec<u8>,
    /// Where what is left of it ends.
    known: usize,
    trusted: usize,
}

impl Left {
    fn of(head: &Head, raw: Raw) -> Self {
        let Raw { bytes: mut raw, trusted, whole } = raw;
        let known = if whole { raw.len() } else { trusted.max(plausible(head, &raw, trusted)) };
        // Even before damage that shows, and in a row that breaks off, no other filter exists.
        let odd = head.rows().find(|row| {
            row.bytes.start < known && raw.get(row.bytes.start).is_some_and(|filter| *filter > 4)
        });
        let known = odd.map_or(known, |row| row.bytes.start);
        raw.truncate(known);
        raw.resize(head.len(), 0);
        for row in head.rows().filter(|row| row.bytes.start >= known) {
            raw[row.bytes.start] = 2;
        }
        Self { raw, known, trusted: if whole { known } else { trusted.min(known) } }
    }

    /// The missing pixels, and the number of doubtful ones.
    fn pixels(&self, head: &Head) -> (Mask, u64) {
        let size = Size::new(head.width as u32, head.height as u32);
        let mut mask = Mask::from_fn(size, |_, _| true);
        let mut doubtful = 0;
        for row in head.rows() {
            let known = pixels_within(head, &row, self.known);
            for i in 0..known {
                mask.set(row.x.0 + i * row.x.1, row.y, false);
            }
            doubtful += (known - pixels_within(head, &row, self.trusted)) as u64;
        }
        (mask, doubtful)
    }
}

/// Pixels of a row that lie before byte `end` of the stream.
fn pixels_within(head: &Head, row: &Row, end: usize) -> usize {
    let bytes = end.min(row.bytes.end).saturating_sub(row.bytes.start + 1);
    (bytes * 8 / head.bits).min(row.x.2)
}

/// Where the stream stops making sense behind `trusted`: a row with a filter that does not exist, or
/// one that has less to do with the row above it than any of the rows before had.
fn plausible(head: &Head, raw: &[u8], trusted: usize) -> usize {
    let step = (head.bits / 8).max(1);
    let mut above: Option<Vec<u8>> = None;
    let mut last = 0;
    let mut most = 0f64;
    for (passed, row) in head.rows().enumerate() {
        // What is wrong with a row that breaks off nobody knows.
        let Some(bytes) = raw.get(row.bytes.clone()) else { return row.bytes.start };
        let (filter, mut line) = (bytes[0], bytes[1..].to_vec());
        let above_line = above.as_deref().filter(|_| !row.first);
        if !rows::unfilter(filter, &mut line, above_line, step) {
            // A filter is wrong because the stream was out of step before it: in the last row.
            return last;
        }
        let jump = above_line.map_or(0.0, |above| mean_jump(above, &line));
        if row.bytes.end > trusted && passed >= ROWS_TO_LEARN && jump > most.max(LEAST_JUMP) * 2.0 {
            return row.bytes.start;
        }
        most = most.max(jump);
        above = Some(line);
        last = row.bytes.start;
    }
    raw.len()
}

/// Rows that are taken as they come, to learn from them how much rows differ.
const ROWS_TO_LEARN: usize = 8;
/// Mean difference between rows, in levels, that no photograph is denied: white noise differs by 85,
/// so that twice this tells it.
const LEAST_JUMP: f64 = 24.0;

/// Mean difference to the row above.
fn mean_jump(above: &[u8], row: &[u8]) -> f64 {
    let sum: u64 = above.iter().zip(row).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / row.len().max(1) as f64
}

/// Gives missing pixels of an interlaced picture the value of the nearest coarser pixel that is
/// known, to the left and above.
fn spread(page: &mut Raster, mask: &Mask) {
    let samples = page.layout.samples();
    let (width, height) = (page.size.w(), page.size.h());
    for y in 0..height {
        for x in 0..width {
            if !mask.at(x, y) {
                continue;
            }
            let coarser = [1, 2, 4, 8].iter().flat_map(|step| {
                let (cx, cy) = (x - x % step, y - y % step);
                [(cx, y), (x, cy), (cx, cy)]
            });
            if let Some((fx, fy)) = coarser.into_iter().find(|(x, y)| !mask.at(*x, *y)) {
                let (from, to) = ((fy * width + fx) * samples, (y * width + x) * samples);
                match &mut page.pixels {
                    Pixels::U8(v) => v.copy_within(from..from + samples, to),
                    Pixels::U16(v) => v.copy_within(from..from + samples, to),
                    Pixels::F32(v) => v.copy_within(from..from + samples, to),
                }
            }
        }
    }
}

/// A zlib stream that holds `raw`, hardly packed.
fn deflated(raw: &[u8]) -> Result<Vec<u8>, DataError> {
    let mut out = Vec::with_capacity(raw.len() / 2 + 1024);
    let mut packer = Compress::new(Compression::fast(), true);
    loop {
        let rest = &raw[packer.total_in() as usize..];
        out.reserve(1 << 16);
        let failed = |e| corrupt(format!("it cannot be packed again: {e}"));
        if packer.compress_vec(rest, &mut out, FlushCompress::Finish).map_err(failed)?
            == flate2::Status::StreamEnd
        {
            return Ok(out);
        }
    }
}

/// A sound file with these chunks and pixels.
fn file<'a>(chunks: impl Iterator<Item = &'a Chunk>, pixels: &[u8]) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut push = |kind: &[u8; 4], data: &[u8]| {
        out.extend((data.len() as u32).to_be_bytes());
        let start = out.len();
        out.extend_from_slice(kind);
        out.extend_from_slice(data);
        let checksum = crc32fast::hash(&out[start..]);
        out.extend(checksum.to_be_bytes());
    };
    for chunk in chunks {
        push(&chunk.kind, &chunk.data);
    }
    for part in pixels.chunks(1 << 30) {
        push(b"IDAT", part);
    }
    push(b"IEND", &[]);
    out
}
