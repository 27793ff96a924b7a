//! The pieces of a damaged stream: segments that can be believed, and the bits of scans.

use crate::jpeg::markers::{self, Segment};
use std::ops::Range;

/// The next segment at or behind `at` whose contents make sense, and where it ends. What does not is
/// skipped up to the next marker; pictures inside (thumbnails) are skipped as a whole.
pub(super) fn next_segment(bytes: &[u8], mut at: usize) -> Option<(Segment<'_>, usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|b| *b == 0xFF)?;
        let marker = *bytes.get(at + 1)?;
        match marker {
            0xD9 => return Some((Segment { marker, data: &[] }, at + 2)),
            // A start of image in the middle is that of a thumbnail whose segment was damaged.
            0xD8 if at > 0 => {
                // A segment holds no more than this.
                let rest = &bytes[at + 2..bytes.len().min(at + 0x1_0000)];
                let end = rest.windows(2).position(|w| w == [0xFF, 0xD9]);
                at += 2 + end.map_or(0, |end| end + 2);
            }
            0xC0..=0xC7 | 0xC9..=0xCF | 0xDA..=0xDD | 0xE0..=0xEF | 0xFE => {
                match segment(bytes, at) {
                    Some(found) => return Some(found),
                    None => at += 2,
                }
            }
            _ => at += 1,
        }
    }
}

/// The segment of the marker at `at`, if its contents make sense.
fn segment(bytes: &[u8], at: usize) -> Option<(Segment<'_>, usize)> {
    let marker = bytes[at + 1];
    let len = bytes.get(at + 2..at + 4)?;
    let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
    let body = &bytes[at + 4..];
    // Kinds that say their own length are believed over the length field.
    let data = match own_length(marker, body) {
        Length::Is(own) => body.get(..own)?,
        Length::Unsaid => body.get(..len.checked_sub(2)?)?,
        Length::Impossible => return None,
    };
    let next = at + 4 + data.len();
    // Behind a scan header come its bits; behind all others another marker.
    let followed = marker == 0xDA || bytes.get(next).is_none_or(|b| *b == 0xFF);
    followed.then_some((Segment { marker, data }, next))
}

/// What the contents of a segment say of its length.
enum Length {
    Is(usize),
    Unsaid,
    Impossible,
}

/// Length of a segment as its contents give it.
fn own_length(marker: u8, body: &[u8]) -> Length {
    let sound = |ok: bool, len: usize| if ok { Length::Is(len) } else { Length::Impossible };
    let byte = |at: usize| body.get(at).copied().map_or(0, usize::from);
    match marker {
        // A frame header: precision, size, number of components.
        0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
            let count = byte(5);
            sound((1..=4).contains(&count) && byte(0) == 8, 6 + 3 * count)
        }
        0xDA => {
            let count = byte(0);
            sound((1..=4).contains(&count), 4 + 2 * count)
        }
        0xDD => sound(true, 2),
        0xC4 => {
            let mut at = 0;
            while let Some(head) = body.get(at).filter(|h| **h >> 4 < 2 && **h & 15 < 4) {
                let Some(counts) = body.get(at + 1..at + 17) else { break };
                let total: usize = counts.iter().map(|c| usize::from(*c)).sum();
                if total > 256 || *head == 0xFF {
                    break;
                }
                at += 17 + total;
            }
            sound(at > 0, at)
        }
        0xDB => {
            let mut at = 0;
            while let Some(head) = body.get(at).filter(|h| **h >> 4 < 2 && **h & 15 < 4) {
                at += if head >> 4 == 0 { 65 } else { 129 };
            }
            sound(at > 0, at)
        }
        _ => Length::Unsaid,
    }
}

/// The bits of a scan, cut at its restart markers.
pub(super) struct Coded {
    /// Bytes without stuffing.
    pub data: Vec<u8>,
    /// Stretches of `data` between restart markers.
    pub intervals: Vec<Interval>,
    /// Where the marker behind the scan starts.
    pub next: usize,
    /// Did the file end before a marker came?
    pub cut: bool,
}

/// What stands between two restart markers.
#[derive(Clone, Debug)]
pub(super) struct Interval {
    /// Number (0 to 7) of the marker before it; none for the first.
    pub number: Option<u8>,
    /// Its bytes.
    pub range: Range<usize>,
}

/// Shortest run of equal bytes at the end of a file without an end marker that is taken for filler
/// written over the picture, not for picture.
const FILLER: usize = 16;

/// Reads the bits that start at `at`. A marker that cannot stand there is damaged data.
pub(super) fn coded(bytes: &[u8], at: usize, restarts: bool) -> Coded {
    let mut bytes = bytes;
    if let [.., last @ (0 | 0xFF)] = bytes {
        let filler = bytes.iter().rev().take_while(|b| *b == last).count();
        if filler >= FILLER {
            bytes = &bytes[..(bytes.len() - filler).max(at)];
        }
    }
    let mut data = Vec::with_capacity(bytes.len().saturating_sub(at));
    let mut intervals = Vec::new();
    let (mut start, mut number, mut at) = (0, None, at);
    let (next, cut) = loop {
        let rest = &bytes[at.min(bytes.len())..];
        let Some(plain) = rest.iter().position(|b| *b == 0xFF) else {
            data.extend_from_slice(rest);
            break (bytes.len(), true);
        };
        data.extend_from_slice(&rest[..plain]);
        at += plain;
        let Some(code) = bytes.get(at + 1) else { break (bytes.len(), true) };
        match code {
            0 => {
                data.push(0xFF);
                at += 2;
            }
            0xFF => at += 1,
            0xD0..=0xD7 if restarts => {
                intervals.push(Interval { number, range: start..data.len() });
                (start, number) = (data.len(), Some(code - 0xD0));
                at += 2;
            }
            0xD9 => break (at, false),
            0xC4 | 0xDA..=0xDD | 0xE0..=0xEF | 0xFE
                if markers::segment(bytes, at).is_ok() && segment(bytes, at).is_some() =>
            {
                break (at, false);
            }
            // A stuffed zero that was hit keeps its place but is no data.
            _ => {
                data.push(0xFF);
                at += if code.is_power_of_two() { 2 } else { 1 };
            }
        }
    };
    intervals.push(Interval { number, range: start..data.len() });
    Coded { data, intervals, next, cut }
}
