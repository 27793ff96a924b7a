//! The raw stream of a PNG: its rows in passes, and how far they can be believed.

use super::chunks::{Chunk, State};
use crate::{DataError, Format};
use flate2::{Decompress, FlushDecompress, Status};
use std::ops::Range;

/// What the header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub width: usize,
    pub height: usize,
    /// Bits per pixel.
    pub bits: usize,
    pub interlaced: bool,
}

/// One row of one pass.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its bytes in the raw stream; the first is the filter.
    pub bytes: Range<usize>,
    /// Is it the first of its pass?
    pub first: bool,
    pub y: usize,
    /// First column, step and number of pixels.
    pub x: (usize, usize, usize),
}

/// Adam7 (PNG 8.1): first column, first row, steps.
const PASSES: [[usize; 4]; 7] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
];

impl Head {
    /// The rows in the order of the stream.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let head = *self;
        let passes: &[[usize; 4]] = if self.interlaced { &PASSES } else { &[[0, 0, 1, 1]] };
        let mut at = 0;
        passes
            .iter()
            .flat_map(move |[x0, y0, dx, dy]| {
                let count = head.width.saturating_sub(*x0).div_ceil(*dx);
                let rows = (*y0..head.height).step_by(*dy).filter(move |_| count > 0);
                rows.map(move |y| (y, y == *y0, (*x0, *dx, count)))
            })
            .map(move |(y, first, x)| {
                let start = at;
                at += 1 + (x.2 * head.bits).div_ceil(8);
                Row { bytes: start..at, first, y, x }
            })
    }

    /// Length of the raw stream.
    pub fn len(&self) -> usize {
        self.rows().last().map_or(0, |row| row.bytes.end)
    }
}

/// The raw stream as far as it could be read.
#[derive(Debug)]
pub(super) struct Raw {
    pub bytes: Vec<u8>,
    /// So many of them come from before any damage.
    pub trusted: usize,
    /// Did the stream end as it should, with the right checksum?
    pub whole: bool,
}

/// Inflates the chunks of pixels, as far as that goes; at most `most` bytes.
pub(super) fn inflate(chunks: &[Chunk], most: usize) -> Result<Raw, DataError> {
    let pixels = || chunks.iter().filter(|chunk| chunk.kind == *b"IDAT");
    // The two bytes of the zlib header say nothing that is needed; its end is checked here.
    let mut inflater = Decompress::new(false);
    let mut raw = Raw { bytes: Vec::new(), trusted: 0, whole: false };
    let mut header = 2;
    let mut sound = true;
    let mut tail: Option<Vec<u8>> = None;
    for chunk in pixels() {
        sound &= chunk.state != State::Damaged;
        let skipped = header.min(chunk.data.len());
        header -= skipped;
        let data = &chunk.data[skipped..];
        match &mut tail {
            Some(tail) => tail.extend(data.iter().take(4)),
            None => match feed(&mut inflater, data, &mut raw.bytes, most) {
                Fed::All => {}
                Fed::End(used) => tail = Some(data[used..].iter().take(4).copied().collect()),
                Fed::Broken => {
                    if sound {
                        raw.trusted = raw.bytes.len();
                    }
                    return Ok(raw);
                }
            },
        }
        if sound {
            raw.trusted = raw.bytes.len();
        }
    }
    if pixels().next().is_none() {
        return Err(DataError::corrupt(Format::Png, "nothing of its picture data is left"));
    }
    let checksum = tail.as_deref().and_then(<[u8]>::first_chunk).map(|w| u32::from_be_bytes(*w));
    raw.whole = raw.bytes.len() == most && checksum == Some(adler(&raw.bytes));
    Ok(raw)
}

enum Fed {
    All,
    /// The stream ended after so many bytes, or nothing more is wanted.
    End(usize),
    Broken,
}

fn feed(inflater: &mut Decompress, data: &[u8], out: &mut Vec<u8>, most: usize) -> Fed {
    /// Memory is taken as the stream grows, not as the header claims.
    const STEP: usize = 1 << 18;
    let mut at = 0;
    loop {
        let (used, made) = (inflater.total_in(), inflater.total_out());
        let start = out.len();
        // One byte more than is wanted shows that a stream goes on.
        out.resize((start + STEP).min(most.saturating_add(1)).max(start), 0);
        let result = inflater.decompress(&data[at..], &mut out[start..], FlushDecompress::None);
        at += (inflater.total_in() - used) as usize;
        let made = (inflater.total_out() - made) as usize;
        out.truncate(start + made);
        let full = out.len() > most;
        out.truncate(most);
        match result {
            Err(_) => return Fed::Broken,
            Ok(Status::StreamEnd) => return Fed::End(at),
            _ if full => return Fed::End(at),
            _ if made == 0 && (at >= data.len() || out.len() == most) => return Fed::All,
            Ok(Status::BufError) if made == 0 => return Fed::Broken,
            Ok(_) => {}
        }
    }
}

/// Adler-32 (RFC 1950).
pub(super) fn adler(bytes: &[u8]) -> u32 {
    const PRIME: u32 = 65521;
    let (mut a, mut b) = (1u32, 0u32);
    // The longest run that cannot overflow (RFC 1950, section 9).
    for run in bytes.chunks(5552) {
        for byte in run {
            a += u32::from(*byte);
            b += a;
        }
        a %= PRIME;
        b %= PRIME;
    }
    b << 16 | a
}

/// Takes the filter of a row off (PNG 9.2); `false` if there is no such filter.
pub(super) fn unfilter(filter: u8, row: &mut [u8], above: Option<&[u8]>, step: usize) -> bool {
    let up = |i: usize| above.map_or(0, |row| row[i]);
    for i in 0..row.len() {
        let (left, corner) = if i < step { (0, 0) } else { (row[i - step], up(i - step)) };
        row[i] = row[i].wrapping_add(match filter {
            0 => 0,
            1 => left,
            2 => up(i),
            3 => left.midpoint(up(i)),
            4 => paeth(left, up(i), corner),
            _ => return false,
        });
    }
    true
}

/// PNG 9.4.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let (pa, pb, pc) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if pa <= pb && pa <= pc {
        left
    } else if pb <= pc {
        up
    } else {
        corner
    }
}
