//! The chunks of a damaged PNG: where they are, and which can be believed.

use super::crc::{Mend, mend};

/// A chunk.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub kind: [u8; 4],
    pub data: Vec<u8>,
    pub state: State,
}

/// What the checksum says of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It fits.
    Sound,
    /// It fits after one byte was mended.
    Mended,
    /// The file ends inside the chunk; what is there shows no damage.
    Cut,
    /// It does not fit.
    Damaged,
}

/// Kinds that a search for the next chunk looks for.
const KINDS: [&[u8; 4]; 20] = [
    b"IDAT", b"IEND", b"PLTE", b"tRNS", b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"tIME", b"iCCP",
    b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"bKGD", b"sBIT", b"hIST", b"acTL", b"fcTL", b"fdAT",
];

/// Checksums are computed over at most so many times the length of the file.
const WORK: usize = 16;

struct Walk<'a> {
    bytes: &'a [u8],
    work: usize,
}

impl Walk<'_> {
    fn word(&self, at: usize) -> Option<u32> {
        self.bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
    }

    /// End of the data of a chunk at `at`, if it could be one that the file holds wholly.
    fn end(&self, at: usize) -> Option<usize> {
        let kind = self.bytes.get(at + 4..at + 8)?;
        let end = (at + 8).checked_add(self.word(at)? as usize)?;
        (kind.iter().all(u8::is_ascii_alphabetic) && end + 4 <= self.bytes.len()).then_some(end)
    }

    /// Has what stands from `start` (of its kind) to `end` the checksum that follows?
    fn fits(&mut self, start: usize, end: usize) -> bool {
        let Some(message) = self.bytes.get(start..end).filter(|m| m.len() <= self.work) else {
            return false;
        };
        self.work -= message.len();
        self.word(end) == Some(crc32fast::hash(message))
    }

    /// The next place at or behind `from` where a chunk of a known kind stands whose checksum fits.
    fn search(&mut self, from: usize) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        for (i, kind) in rest.windows(8).map(|window| &window[4..]).enumerate() {
            if KINDS.iter().any(|k| *k == kind)
                && let Some(end) = self.end(from + i)
                && self.fits(from + i + 4, end)
            {
                return Some(from + i);
            }
        }
        None
    }
}

/// The chunks behind the signature, and what was noticed. Ends with IEND or the file.
pub(super) fn chunks(bytes: &[u8]) -> (Vec<Chunk>, Vec<String>) {
    let mut walk = Walk { bytes, work: WORK * bytes.len() };
    let (mut out, mut notes) = (Vec::<Chunk>::new(), Vec::new());
    let mut at = 8;
    while at + 8 <= bytes.len() {
        let kind = [bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]];
        let fitting = walk.end(at).filter(|end| walk.fits(at + 4, *end));
        if let Some(end) = fitting {
            let data = bytes[at + 8..end].to_vec();
            out.push(Chunk { kind, data, state: State::Sound });
            if kind == *b"IEND" {
                return (out, notes);
            }
            at = end + 4;
            continue;
        }
        // Either the length is right and the next chunk follows it, or the next one is to be found.
        // IHDR has one length only.
        let told = if at == 8 { Some(at + 8 + 13) } else { walk.end(at) };
        let follows = |end: &usize| end + 4 == bytes.len() || walk.end(end + 4).is_some();
        let (end, next) = match told.filter(follows) {
            Some(end) => (end, end + 4),
            None => match walk.search(at + 1) {
                Some(next) => (next.saturating_sub(4).max(at + 8), next),
                None => (bytes.len(), bytes.len()),
            },
        };
        let cut = next == bytes.len() && told.is_none();
        let mut message = bytes[at + 4..end].to_vec();
        let mut state = if cut { State::Cut } else { State::Damaged };
        if !cut && let Some(stored) = walk.word(end) {
            // With the length corrected it may be whole.
            let found = if crc32fast::hash(&message) == stored {
                Some(Mend::Checksum)
            } else {
                mend(&message, stored)
            };
            if let Some(Mend::Byte { at, by }) = found {
                message[at] ^= by;
            }
            if found.is_some() {
                state = State::Mended;
            }
        }
        let data = message.split_off(4);
        let mut kind = [message[0], message[1], message[2], message[3]];
        // Chunks of pixels stand in a row: a damaged one among them is one.
        let after_pixels = out.last().is_some_and(|chunk| chunk.kind == *b"IDAT");
        if state != State::Mended && !KINDS.contains(&&kind) && (after_pixels || near_pixels(kind))
        {
            kind = *b"IDAT";
        }
        if at == 8 {
            kind = *b"IHDR";
        }
        let name = String::from_utf8_lossy(&kind).into_owned();
        notes.push(match state {
            State::Mended => format!("one wrong byte in chunk {name} at byte {at} was mended"),
            State::Cut => format!("it ends inside chunk {name}, at byte {}", bytes.len()),
            _ => format!("chunk {name} at byte {at} is damaged"),
        });
        out.push(Chunk { kind, data, state });
        at = next;
    }
    if out.last().is_none_or(|chunk| chunk.state != State::Cut) {
        notes.push(format!("it ends at byte {} without an end chunk", bytes.len()));
    }
    (out, notes)
}

/// At most two letters off.
fn near_pixels(kind: [u8; 4]) -> bool {
    kind.iter().zip(b"IDAT").filter(|(a, b)| a != b).count() <= 2
}
