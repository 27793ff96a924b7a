//! What is left of a damaged JPEG (ITU-T T.81), block by block.
//!
//! ```text
//!  bytes -> segments -> scans -> coefficients + what is known of each block
//!                                  |    gaps take the level of their neighbors
//!                                  v
//!            sound stream -> usual decoder -> pixels          mask of missing pixels
//! ```
//!
//! Reading stops at a code that does not exist, a coefficient beyond its block or the end of the
//! bits, and goes on behind the next restart marker, whose number says how much was lost. A block
//! is missing without its DC coefficient; in a progressive picture it is coarse while coefficients
//! or bits of them are. A pixel is missing if any block that its value is computed from is, the
//! neighbor that its chroma is interpolated from included.

mod bands;
mod bits;
mod blocks;
mod edges;
mod fit;
mod gaps;
mod realign;
mod rewrite;
mod scan;
mod stream;

use super::{Damage, Salvaged};
use crate::jpeg::bits::Huffman;
use crate::jpeg::markers::{self, Component, Frame, Segment};
use crate::jpeg::{Found, corrupt, header_of, unsupported};
use crate::{DataError, Header, Limits};
use blocks::Blocks;
use fit::Fit;
use realign::INFERRED;
use scan::{Coding, Read, Scan, Stretch, mcus, own_grid};
use std::cell::Cell;
use std::sync::Arc;

/// Scans that are told apart; no encoder makes more than a few dozen.
const MAX_SCANS: usize = 100;

/// Share of a picture, as 1 in so many pixels, below which it is given up.
pub(super) const LEAST_SHARE: u64 = 100;

/// See [`crate::decode`]: what one byte of a sound file yields at most.
const MOST_BYTES_PER_BYTE: u64 = 8 * 1024;

/// Salvages what the file holds.
pub(super) fn salvage(bytes: &[u8], limits: &Limits) -> Result<Salvaged, DataError> {
    State::read(bytes, limits)?.finish()
}

/// The frame header, wherever it is found.
pub(super) fn salvage_header(bytes: &[u8], limits: &Limits) -> Result<Header, DataError> {
    let mut at = 2.min(bytes.len());
    while let Some((segment, next)) = stream::next_segment(bytes, at) {
        match segment.marker {
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                return checked(&markers::sof(&segment)?, bytes.len(), limits);
            }
            0xD9 | 0xDA => break,
            _ => at = next,
        }
    }
    Err(corrupt("its frame header is lost"))
}

/// The header of a frame that `len` bytes can hold a part of.
fn checked(frame: &Frame, len: usize, limits: &Limits) -> Result<Header, DataError> {
    let header = header_of(frame)?;
    limits.check(&header)?;
    header.check_plausible(len, MOST_BYTES_PER_BYTE * LEAST_SHARE)?;
    Ok(header)
}

/// The picture of a sound file as a stream of one sequential scan.
pub(super) fn one_scan(bytes: &[u8]) -> Result<Vec<u8>, DataError> {
    let state = State::read(bytes, &Limits::NONE)?;
    let (frame, _) = state.frame.as_ref().ok_or_else(|| corrupt("its frame header is lost"))?;
    let tables: Vec<_> = state.tables.iter().flatten().map(|table| **table).collect();
    if tables.len() != frame.components.len() {
        return Err(corrupt("its quantization tables are lost"));
    }
    Ok(rewrite::stream(frame, &tables, &state.segments, &state.planes))
}

#[derive(Default)]
struct State<'a> {
    frame: Option<(Frame, Header)>,
    dc: [Option<Arc<Huffman>>; 4],
    ac: [Option<Arc<Huffman>>; 4],
    quantization: [Option<Box<[u16; 64]>>; 4],
    /// Tables of the components, as they were when their first scan came.
    tables: Vec<Option<Box<[u16; 64]>>>,
    restart: usize,
    segments: Vec<Segment<'a>>,
    planes: Vec<Blocks>,
    scans: Vec<Scan>,
    /// For each component and coefficient, how many low bits whole scans would have left unknown.
    known: Vec<[Option<u8>; 64]>,
    what: Vec<String>,
    /// Comparisons that may still be made to find out what belongs where.
    work: Work,
}

/// Comparisons of edges for one file: some seconds. A photograph of 24 megapixels that is hit in one
/// place takes a hundredth of them.
struct Work(Cell<u64>);

impl Default for Work {
    fn default() -> Self {
        Self(Cell::new(200_000_000))
    }
}

/// How much is known of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    /// Some coefficients, or not all bits of them.
    Part,
    All,
}

impl<'a> State<'a> {
    /// Reads as much of a file as can be read.
    fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, DataError> {
        let mut state = State::default();
        let mut at = if bytes.starts_with(&[0xFF, 0xD8]) { 2 } else { 0 };
        let mut ended = false;
        while let Some((segment, next)) = stream::next_segment(bytes, at) {
            at = next;
            match segment.marker {
                0xC4 => state.huffman_tables(segment.data),
                0xDB => state.quantization_tables(segment.data),
                0xDD => {
                    let length = [segment.data[0], segment.data[1]];
                    state.restart = usize::from(u16::from_be_bytes(length));
                }
                0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF if state.frame.is_none() => {
                    state.start(markers::sof(&segment)?, bytes.len(), limits)?;
                }
                0xDA => at = state.scan(bytes, at, segment.data),
                0xD9 => {
                    ended = true;
                    break;
                }
                0xE0..=0xEF | 0xFE => state.segments.push(segment),
                _ => {}
            }
        }
        if !ended {
            state.what.push(format!("it ends at byte {}", bytes.len()));
        }
        Ok(state)
    }

    fn start(&mut self, frame: Frame, len: usize, limits: &Limits) -> Result<(), DataError> {
        let header = checked(&frame, len, limits)?;
        self.planes = (0..frame.components.len())
            .map(|i| {
                let (w, h) = if frame.components.len() == 1 {
                    own_grid(&frame, 0)
                } else {
                    let Component { h, v, .. } = frame.components[i];
                    let (columns, rows) = mcus(&frame);
                    (columns * usize::from(h), rows * usize::from(v))
                };
                Blocks::new(w, h)
            })
            .collect();
        self.known = vec![[None; 64]; frame.components.len()];
        self.tables = vec![None; frame.components.len()];
        self.frame = Some((frame, header));
        Ok(())
    }

    fn quantization_tables(&mut self, mut data: &[u8]) {
        while let [head, rest @ ..] = data {
            let (wide, index) = (head >> 4, usize::from(head & 15));
            let len = if wide == 0 { 64 } else { 128 };
            let Some((values, next)) = rest.split_at_checked(len) else { return };
            let mut table = [0; 64];
            for (i, q) in table.iter_mut().enumerate() {
                *q = if wide == 0 {
                    values[i].into()
                } else {
                    u16::from_be_bytes([values[2 * i], values[2 * i + 1]])
                };
            }
            self.quantization[index & 3] = Some(Box::new(table));
            data = next;
        }
    }

    fn huffman_tables(&mut self, mut data: &[u8]) {
        while let [head, rest @ ..] = data {
            let (class, index) = (head >> 4, usize::from(head & 3));
            let Some((counts, rest)) = rest.split_at_checked(16) else { return };
            let total = counts.iter().map(|c| usize::from(*c)).sum();
            let Some((symbols, next)) = rest.split_at_checked(total) else { return };
            let tables = if class == 0 { &mut self.dc } else { &mut self.ac };
            tables[index] = Huffman::new(counts, symbols).map(Arc::new);
            if tables[index].is_none() {
                self.what.push("a damaged Huffman table".into());
            }
            data = next;
        }
    }

    /// Reads the scan whose bits start at `at`; returns where the next marker is to be looked for.
    fn scan(&mut self, bytes: &[u8], at: usize, head: &[u8]) -> usize {
        let Some((frame, _)) = self.frame.clone() else { return at };
        let bit = 1 << self.scans.len().min(MAX_SCANS);
        let scan = Scan::new(&frame, head, &self.dc, &self.ac, self.restart, bit);
        let coded = stream::coded(bytes, at, self.restart > 0);
        let Some(mut scan) = scan.filter(|_| self.scans.len() < MAX_SCANS) else {
            self.what.push(format!("a damaged scan header before byte {at}"));
            return coded.next;
        };
        if !self.follows(&scan) {
            self.what.push("a scan that does not follow from those before it".into());
            return coded.next;
        }
        for part in &scan.parts {
            let number = usize::from(frame.components[part.index].quantization);
            self.tables[part.index] =
                self.tables[part.index].take().or_else(|| self.quantization[number].clone());
        }
        if let Coding::AcRefine(_) = scan.coding {
            let own = scan.parts[0].index;
            let earlier =
                self.scans.iter().filter(|s| s.parts[0].index == own && s.overlaps(&scan));
            scan.needs = earlier.map(|s| s.bit).sum();
        }
        let mut damaged = Vec::new();
        for stretch in scan.stretches(&coded.intervals, coded.cut) {
            let read = scan.read(&coded.data, &stretch, &mut self.planes);
            if read.done == stretch.count && read.sound {
                continue;
            }
            damaged.push((stretch, read));
        }
        for (stretch, read) in damaged {
            self.mend(&scan, &coded.data, &stretch, read);
        }
        self.scans.push(scan);
        coded.next
    }

    /// Does a progressive scan continue what came before (T.81 G.1.1.1)?
    fn follows(&mut self, scan: &Scan) -> bool {
        let (band, high, low) = scan.precision();
        let first = if high { Some(low + 1) } else { None };
        let fits = |known: &[Option<u8>; 64]| known[band.clone()].iter().all(|bits| *bits == first);
        if !scan.parts.iter().all(|part| fits(&self.known[part.index])) {
            return false;
        }
        for part in &scan.parts {
            self.known[part.index][band.clone()].fill(Some(low));
        }
        true
    }

    /// Looks where a stretch that did not end as it should is damaged, and saves what stands behind.
    fn mend(&mut self, scan: &Scan, data: &[u8], stretch: &Stretch, read: Read) {
        if stretch.cut {
            return;
        }
        let number = self.scans.len() + 1;
        let place = |mcu: usize| {
            let mcu = (stretch.first + mcu).min(scan.total() - 1);
            let (x, y) = (mcu % scan.columns, mcu / scan.columns);
            format!("block {x} of block row {y}")
        };
        let none = [1; 64];
        let tables: Vec<_> =
            self.tables.iter().map(|table| table.as_deref().copied().unwrap_or(none)).collect();
        let gaps = match scan.coding {
            Coding::Sequential | Coding::DcFirst { .. } if self.work.0.get() > 0 => {
                let mut fit = Fit::new(scan, data, stretch, &self.planes, &tables, &self.work.0);
                fit.arrange();
                let (gaps, places) = fit.result();
                if !gaps.is_empty() {
                    scan.place(stretch, places, &mut self.planes);
                }
                gaps
            }
            Coding::AcFirst(_) => {
                let (gap, places) = bands::realign(scan, data, stretch, &self.planes, &tables);
                scan.place_bands(stretch, places, &mut self.planes);
                vec![gap]
            }
            _ => Vec::new(),
        };
        for gap in &gaps {
            let (good, from) = (place(gap.good), place(gap.from));
            let what = if gap.from < stretch.count {
                format!("goes on, by inference, at {from}")
            } else {
                "nothing behind can be put in place".into()
            };
            self.what.push(format!("scan {number} is damaged at {good}; {what}"));
        }
        if gaps.is_empty() {
            scan.doubt(stretch, &mut self.planes);
            self.what.push(format!("scan {number} is damaged before {}", place(read.done)));
        }
    }

    /// How much the scans in `received` tell of a block of a component.
    fn knowledge(&self, component: usize, received: u128) -> Known {
        let mut known = [None; 64];
        for scan in &self.scans {
            if received & scan.bit != 0 && scan.parts.iter().any(|p| p.index == component) {
                let (band, _, low) = scan.precision();
                known[band].fill(Some(low));
            }
        }
        match known {
            _ if known.iter().all(|bits| *bits == Some(0)) && received & INFERRED == 0 => {
                Known::All
            }
            [None, ..] => Known::Nothing,
            _ => Known::Part,
        }
    }

    fn finish(mut self) -> Result<Salvaged, DataError> {
        let (frame, header) =
            self.frame.take().ok_or_else(|| corrupt("its frame header is lost"))?;
        if self.scans.is_empty() {
            return Err(corrupt("nothing of its picture data is left"));
        }
        let mut tables = Vec::new();
        for (i, table) in self.tables.iter().enumerate() {
            // The luma table of a component of chroma is nearer than none.
            let nearest = table.iter().chain(self.tables.iter().flatten()).next();
            let table = nearest.ok_or_else(|| corrupt("its quantization tables are lost"))?;
            if self.tables[i].is_none() {
                self.what.push(format!("component {} is lost", i + 1));
            }
            tables.push(**table);
        }
        let came =
            |i: usize| self.scans.iter().any(|scan| scan.parts.iter().any(|part| part.index == i));
        let knowledge = |i, received| self.knowledge(i, received);
        let known = gaps::Grids::new(&frame, &self.planes, came, knowledge);
        let (mask, coarse) = known.pixels(&frame, header.size);
        let left = header.pixels - mask.count() as u64;
        if left * LEAST_SHARE < header.pixels {
            return Err(corrupt(format!("only {left} of {} pixels are left", header.pixels)));
        }
        known.fill(&mut self.planes, &tables);
        let quantization = |i: usize| tables.get(i).copied().unwrap_or([0; 64]);
        let number = usize::from(frame.components[0].quantization);
        let stream = rewrite::stream(&frame, &tables, &self.segments, &self.planes);
        self.planes.clear();
        let (segments, scans) = (self.segments, self.scans.len());
        let mut found = Found { tables: [[0; 64]; 4], frame, segments, scans };
        found.tables[number] = quantization(0);
        let mut decoded = found.decode(&stream, &header)?;
        // The stream that was decoded is not the one of the file.
        if let Some(jpeg) = &mut decoded.meta.jpeg {
            jpeg.progressive = found.frame.progressive;
        }
        if decoded.pages.len() != 1 {
            return Err(unsupported("a JPEG has one page"));
        }
        let damage = Damage::new(&mask, coarse, self.what);
        Ok(Salvaged { decoded, mask, damage })
    }
}
