//! One scan: which blocks it codes, in which order, and their coefficients.

use super::bits::{Band, Bits, Block};
use super::blocks::Blocks;
use super::realign::INFERRED;
use super::stream::Interval;
use crate::jpeg::bits::{EMPTY, Fault, Huffman};
use crate::jpeg::markers::Frame;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// Most components of a frame.
pub(super) const COMPONENTS: usize = 4;

/// A component as one scan sees it.
#[derive(Clone)]
pub(super) struct Part {
    pub index: usize,
    dc: Option<Arc<Huffman>>,
    ac: Option<Arc<Huffman>>,
    /// Blocks per MCU.
    pub h: usize,
    pub v: usize,
}

impl Part {
    pub fn dc(&self) -> &Huffman {
        self.dc.as_deref().unwrap_or(&EMPTY)
    }

    pub fn ac(&self) -> &Huffman {
        self.ac.as_deref().unwrap_or(&EMPTY)
    }
}

/// What a scan codes of each block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Coding {
    Sequential,
    DcFirst { low: u32 },
    DcRefine { low: u32 },
    AcFirst(Band),
    AcRefine(Band),
}

/// A scan of a frame.
#[derive(Clone)]
pub(super) struct Scan {
    /// Its bit in the sets of [`Blocks`].
    pub bit: u128,
    /// Scans without which the bits of a block cannot be told from those of the next.
    pub needs: u128,
    pub parts: Vec<Part>,
    pub coding: Coding,
    /// MCUs per row, and rows of them.
    pub columns: usize,
    pub rows: usize,
    /// MCUs between restart markers; all of them without.
    pub interval: usize,
}

/// What is carried from block to block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Carried {
    /// The last DC coefficient of each part.
    pub dc: [i32; COMPONENTS],
    /// Blocks left of an end-of-band run.
    pub run: u32,
}

/// Where a stretch of MCUs was read from.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub bytes: Range<usize>,
    pub first: usize,
    pub count: usize,
    /// Does the file end inside?
    pub cut: bool,
}

/// For each MCU of a stretch its blocks, and whether they were put there by inference.
pub(super) type Places = Vec<Option<(Vec<Block>, bool)>>;

/// How the reading of a stretch went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    /// MCUs read.
    pub done: usize,
    /// Did the last one end where the bits end?
    pub sound: bool,
}

impl Scan {
    /// The scan that `head` announces, if it can be.
    pub fn new(
        frame: &Frame,
        head: &[u8],
        dc: &[Option<Arc<Huffman>>; 4],
        ac: &[Option<Arc<Huffman>>; 4],
        restart: usize,
        bit: u128,
    ) -> Option<Self> {
        let (&count, rest) = head.split_first()?;
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(count))?;
        let &[start, end, bits] = rest else { return None };
        let mut parts: Vec<Part> = Vec::new();
        for selector in selectors.chunks_exact(2) {
            let index = frame.components.iter().position(|c| c.id == selector[0])?;
            if parts.iter().any(|part| part.index == index) {
                return None;
            }
            let component = frame.components[index];
            parts.push(Part {
                index,
                dc: dc[usize::from(selector[1] >> 4 & 3)].clone(),
                ac: ac[usize::from(selector[1] & 3)].clone(),
                h: component.h.into(),
                v: component.v.into(),
            });
        }
        let coding = if frame.progressive {
            coding(start, end, bits, parts.len())?
        } else {
            Coding::Sequential
        };
        let (needs_dc, needs_ac) = match coding {
            Coding::Sequential => (true, true),
            Coding::DcFirst { .. } => (true, false),
            Coding::DcRefine { .. } => (false, false),
            Coding::AcFirst(_) | Coding::AcRefine(_) => (false, true),
        };
        let lacks = |p: &Part| (needs_dc && p.dc.is_none()) || (needs_ac && p.ac.is_none());
        if parts.is_empty() || parts.iter().any(lacks) {
            return None;
        }
        // T.81 A.2.2: a scan of one component has one block per MCU and no padding blocks.
        let (columns, rows) = if let [part] = &mut parts[..] {
            let grid = own_grid(frame, part.index);
            (part.h, part.v) = (1, 1);
            grid
        } else {
            mcus(frame)
        };
        let interval = if restart == 0 { columns * rows } else { restart };
        Some(Self { bit, needs: 0, parts, coding, columns, rows, interval })
    }

    /// The coefficients, whether bits of them were known before, and how many low bits stay unknown.
    pub fn precision(&self) -> (RangeInclusive<usize>, bool, u8) {
        match self.coding {
            Coding::Sequential => (0..=63, false, 0),
            Coding::DcFirst { low } => (0..=0, false, low as u8),
            Coding::DcRefine { low } => (0..=0, true, low as u8),
            Coding::AcFirst(band) => (band.start..=band.end, false, band.low as u8),
            Coding::AcRefine(band) => (band.start..=band.end, true, band.low as u8),
        }
    }

    /// Do both scans code bits of the same AC coefficients?
    pub fn overlaps(&self, other: &Self) -> bool {
        let ((a, ..), (b, ..)) = (self.precision(), other.precision());
        a.end() > &0 && a.start() <= b.end() && b.start() <= a.end()
    }

    /// MCUs of the scan.
    pub fn total(&self) -> usize {
        self.columns * self.rows
    }

    /// Which MCUs each interval holds. Markers are numbered modulo 8: one that was destroyed shows
    /// as a gap, one that arose from damage as a step back.
    pub fn stretches(&self, intervals: &[Interval], cut: bool) -> Vec<Stretch> {
        let wanted = self.total().div_ceil(self.interval.max(1));
        let step = |from: u8, to: u8| (to.wrapping_sub(from) & 7) as usize;
        let mut out: Vec<Stretch> = Vec::new();
        let mut place = 0;
        let mut last = 7;
        for (i, interval) in intervals.iter().enumerate() {
            if let Some(number) = interval.number {
                let gap = step(last, number);
                let next = intervals.get(i + 1).and_then(|n| n.number);
                let resumes = next.is_none_or(|n| step(number, n) == 1);
                if intervals.len() == wanted || gap == 1 {
                    place += 1;
                    last = (last + 1) & 7;
                } else if resumes && gap > 0 {
                    place += gap;
                    last = number;
                } else if next.is_some_and(|n| step(last, n) == 1) {
                    // The marker between these two is none.
                    if let Some(stretch) = out.last_mut() {
                        stretch.bytes.end = interval.range.end;
                    }
                    continue;
                } else {
                    place += 1;
                    last = (last + 1) & 7;
                }
            }
            let first = place * self.interval;
            if first >= self.total() {
                break;
            }
            let count = self.interval.min(self.total() - first);
            let cut = cut && i + 1 == intervals.len();
            out.push(Stretch { bytes: interval.range.clone(), first, count, cut });
        }
        out
    }

    /// Reads a stretch into `planes`. What was read of a block that broke off is taken back.
    pub fn read(&self, data: &[u8], stretch: &Stretch, planes: &mut [Blocks]) -> Read {
        let data = &data[stretch.bytes.clone()];
        let mut bits = Bits::new(data);
        let mut carried = Carried::default();
        for done in 0..stretch.count {
            let mcu = stretch.first + done;
            let (mx, my) = (mcu % self.columns, mcu / self.columns);
            for (slot, part) in self.parts.iter().enumerate() {
                for by in 0..part.v {
                    for bx in 0..part.h {
                        let (block, received) =
                            planes[part.index].entry(mx * part.h + bx, my * part.v + by);
                        if *received & self.needs != self.needs {
                            return Read { done, sound: false };
                        }
                        let before = *block;
                        if self.block(&mut bits, slot, &mut carried, block).is_err() {
                            *block = before;
                            return Read { done, sound: false };
                        }
                        *received |= self.bit;
                    }
                }
            }
        }
        let left = (8 * data.len()).saturating_sub(bits.position());
        let plain = || {
            let mut rest = data[bits.position().div_ceil(8).min(data.len())..].iter();
            rest.all(|b| *b == 0 || *b == 0xFF)
        };
        Read { done: stretch.count, sound: carried.run == 0 && (left < 72 || plain()) }
    }

    /// Puts the blocks of a stretch in place; those of `None` become unknown.
    pub fn place(&self, stretch: &Stretch, places: Places, planes: &mut [Blocks]) {
        for (place, found) in places.into_iter().enumerate() {
            let mcu = stretch.first + place;
            let (mx, my) = (mcu % self.columns, mcu / self.columns);
            let mut blocks = found.iter().flat_map(|(blocks, _)| blocks);
            let inferred = found.as_ref().is_some_and(|(_, inferred)| *inferred);
            for part in &self.parts {
                for by in 0..part.v {
                    for bx in 0..part.h {
                        let (block, received) =
                            planes[part.index].entry(mx * part.h + bx, my * part.v + by);
                        *received &= !self.bit;
                        *block = [0; 64];
                        if let Some(known) = blocks.next() {
                            *block = *known;
                            *received |= self.bit | if inferred { INFERRED } else { 0 };
                        }
                    }
                }
            }
        }
    }

    /// Puts the bands of a stretch in place.
    pub fn place_bands(
        &self,
        stretch: &Stretch,
        places: Vec<Option<(Block, bool)>>,
        planes: &mut [Blocks],
    ) {
        let band = self.precision().0;
        for (place, found) in places.into_iter().enumerate() {
            let mcu = stretch.first + place;
            let plane = &mut planes[self.parts[0].index];
            let (block, received) = plane.entry(mcu % self.columns, mcu / self.columns);
            *received &= !self.bit;
            block[band.clone()].fill(0);
            if let Some((known, inferred)) = found {
                block[band.clone()].copy_from_slice(&known[band.clone()]);
                *received |= self.bit | if inferred { INFERRED } else { 0 };
            }
        }
    }

    /// Marks all blocks of a stretch: there is damage among them, nobody knows where.
    pub fn doubt(&self, stretch: &Stretch, planes: &mut [Blocks]) {
        for mcu in stretch.first..stretch.first + stretch.count {
            let (mx, my) = (mcu % self.columns, mcu / self.columns);
            for part in &self.parts {
                for by in 0..part.v {
                    for bx in 0..part.h {
                        let plane = &mut planes[part.index];
                        *plane.entry(mx * part.h + bx, my * part.v + by).1 |= INFERRED;
                    }
                }
            }
        }
    }

    /// Reads one block of part `slot`.
    #[inline(always)]
    pub fn block(
        &self,
        bits: &mut Bits,
        slot: usize,
        carried: &mut Carried,
        block: &mut Block,
    ) -> Result<(), Fault> {
        let part = &self.parts[slot];
        match self.coding {
            Coding::Sequential | Coding::DcFirst { .. } => {
                let dc = &mut carried.dc[slot];
                *dc = dc.saturating_add(bits.difference(part.dc())?);
                let low = if let Coding::DcFirst { low } = self.coding { low } else { 0 };
                // Behind damage levels may be far off, and be set right later.
                block[0] = ((*dc).clamp(-0x7FFF >> low, 0x7FFF >> low) << low) as i16;
                match self.coding {
                    Coding::Sequential => bits.alternating(part.ac(), block),
                    _ => Ok(()),
                }
            }
            Coding::DcRefine { low } => bits.dc_refine(low, block),
            Coding::AcFirst(band) => bits.ac_first(part.ac(), band, &mut carried.run, block),
            Coding::AcRefine(band) => bits.ac_refine(part.ac(), band, &mut carried.run, block),
        }
    }
}

/// MCUs of an interleaved scan.
pub(super) fn mcus(frame: &Frame) -> (usize, usize) {
    let side = |n: u16, max: u8| usize::from(n).div_ceil(8 * usize::from(max));
    (side(frame.width, frame.h_max), side(frame.height, frame.v_max))
}

/// Blocks of a component that hold any of the picture, in x and y.
pub(super) fn own_grid(frame: &Frame, index: usize) -> (usize, usize) {
    let component = frame.components[index];
    let side = |n: u16, own: u8, max: u8| {
        (usize::from(n) * usize::from(own)).div_ceil(usize::from(max)).div_ceil(8)
    };
    (side(frame.width, component.h, frame.h_max), side(frame.height, component.v, frame.v_max))
}

/// What a progressive scan codes (T.81 G.1.1.1).
fn coding(start: u8, end: u8, bits: u8, parts: usize) -> Option<Coding> {
    let (high, low) = (bits >> 4, u32::from(bits & 15));
    let shape = if start == 0 { end == 0 } else { parts == 1 };
    if start > end || end > 63 || low > 13 || !shape || (high > 0 && u32::from(high) != low + 1) {
        return None;
    }
    let band = Band { start: start.into(), end: end.into(), low };
    Some(match (start, high) {
        (0, 0) => Coding::DcFirst { low },
        (0, _) => Coding::DcRefine { low },
        (_, 0) => Coding::AcFirst(band),
        _ => Coding::AcRefine(band),
    })
}
