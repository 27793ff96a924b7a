//! How well the MCUs of a damaged stretch continue each other, wherever they are put.

use super::bits::{Bits, Block};
use super::blocks::Blocks;
use super::edges::{Edges, step};
use super::scan::{COMPONENTS, Carried, Coding, Scan, Stretch};
use std::cell::Cell;

/// The most that one MCU may say for damage: photographs have edges of their own.
const MOST_PER_MCU: f32 = 4.0;

/// What bits that are no code say for damage.
pub(super) const SKIP: f32 = 8.0;

/// MCUs of a picture from which the typical misfit is told.
const SAMPLES: usize = 4000;

/// Shifts that are tried, to both sides.
pub(super) const MOST_SHIFT: isize = 256;

/// What went on behind damage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    /// MCUs of the stretch before the damage.
    pub good: usize,
    /// The first place that is known again; the count of the stretch if none is.
    pub from: usize,
}

/// A stretch of decoded MCUs and where it belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// First place, and the decoded MCU that is there.
    pub from: usize,
    pub decoded: usize,
    /// What is added to the DC coefficients of each part.
    pub offset: [i32; COMPONENTS],
}

/// A scan with a stretch that was decoded to its last bit, and what it is compared with.
pub(super) struct Fit<'a> {
    pub scan: &'a Scan,
    pub planes: &'a [Blocks],
    pub tables: &'a [[u16; 64]],
    /// Comparisons of edges that may still be made for the file.
    pub work: &'a Cell<u64>,
    /// Typical misfit of each part.
    pub typical: [f32; COMPONENTS],
    pub stretch: &'a Stretch,
    /// Blocks per MCU, and the first of each part.
    pub per: usize,
    pub starts: [usize; COMPONENTS],
    pub blocks: Vec<Block>,
    pub edges: Vec<Edges>,
    /// For each decoded MCU, were bits skipped before or in it?
    pub skipped: Vec<bool>,
    pub runs: Vec<Run>,
    pub gaps: Vec<Gap>,
}

impl<'a> Fit<'a> {
    /// Decodes a stretch and finds out what of it belongs where.
    pub fn new(
        scan: &'a Scan,
        data: &[u8],
        stretch: &'a Stretch,
        planes: &'a [Blocks],
        tables: &'a [[u16; 64]],
        work: &'a Cell<u64>,
    ) -> Self {
        let mut starts = [0; COMPONENTS];
        let mut per = 0;
        for (start, part) in starts.iter_mut().zip(&scan.parts) {
            *start = per;
            per += part.h * part.v;
        }
        let mut fit = Self {
            scan,
            planes,
            tables,
            work,
            typical: [1.0; COMPONENTS],
            stretch,
            per,
            starts,
            blocks: Vec::new(),
            edges: Vec::new(),
            skipped: Vec::new(),
            runs: vec![Run { from: 0, decoded: 0, offset: [0; COMPONENTS] }],
            gaps: Vec::new(),
        };
        fit.decode(&data[stretch.bytes.clone()]);
        for slot in 0..scan.parts.len() {
            fit.typical[slot] = fit.typical(slot);
        }
        fit
    }

    /// Decodes to the end of the bits, going on one bit later wherever there is no code; no more
    /// MCUs than could be put in place.
    pub fn decode(&mut self, data: &[u8]) {
        let mut bits = Bits::new(data);
        let mut carried = Carried::default();
        let most = self.stretch.count + MOST_SHIFT as usize;
        let mut skips = false;
        while self.skipped.len() < most {
            let start = bits.position();
            let before = (self.blocks.len(), carried);
            let mut fault = false;
            'mcu: for (slot, part) in self.scan.parts.iter().enumerate() {
                for _ in 0..part.h * part.v {
                    let mut block = [0; 64];
                    if self.scan.block(&mut bits, slot, &mut carried, &mut block).is_err() {
                        fault = true;
                        break 'mcu;
                    }
                    self.blocks.push(block);
                }
            }
            if fault {
                self.blocks.truncate(before.0);
                carried = before.1;
                if start + 1 >= 8 * data.len() {
                    break;
                }
                // The last bits never hold a whole MCU; to try each of them is cheap.
                bits = Bits::from_bit(data, start + 1);
                skips = true;
                continue;
            }
            self.skipped.push(std::mem::take(&mut skips));
        }
        let tables: Vec<&[u16; 64]> = (self.scan.parts.iter())
            .flat_map(|part| vec![&self.tables[part.index]; part.h * part.v])
            .collect();
        let of = |(i, block): (usize, &Block)| Edges::of(block, tables[i % tables.len()]);
        self.edges = self.blocks.iter().enumerate().map(of).collect();
    }

    /// Levels that one quantum of DC makes in a part.
    pub fn quantum(&self, slot: usize) -> f32 {
        let low = if let Coding::DcFirst { low } = self.scan.coding { low } else { 0 };
        f32::from(self.tables[self.scan.parts[slot].index][0].max(1)) / 8.0 * (1u32 << low) as f32
    }

    /// The decoded MCU at a place of the stretch, and its run.
    pub fn source(&self, place: usize) -> Option<(usize, &Run)> {
        if self.gaps.iter().any(|gap| (gap.good..gap.from).contains(&place)) {
            return None;
        }
        let run = self.runs.iter().rev().find(|run| run.from <= place)?;
        let decoded = place - run.from + run.decoded;
        (decoded < self.skipped.len()).then_some((decoded, run))
    }

    /// Edges of block `(bx, by)` of an MCU of the scan, with the level that is added to them.
    pub fn edges(&self, slot: usize, mcu: usize, bx: usize, by: usize) -> Option<(Edges, f32)> {
        let part = &self.scan.parts[slot];
        let block = self.starts[slot] + by * part.h + bx;
        let within = mcu.checked_sub(self.stretch.first).filter(|p| *p < self.stretch.count);
        if let Some(place) = within {
            let (decoded, run) = self.source(place)?;
            let level = run.offset[slot] as f32 * self.quantum(slot);
            return Some((self.edges[decoded * self.per + block], level));
        }
        let (x, y) = (mcu % self.scan.columns * part.h + bx, mcu / self.scan.columns * part.v + by);
        let plane = &self.planes[part.index];
        let known = plane.received(x, y) & self.scan.bit != 0;
        let block = plane.get(x, y).filter(|_| known)?;
        Some((Edges::of(block, &self.tables[part.index]), 0.0))
    }

    pub fn decoded_edges(&self, slot: usize, decoded: usize, bx: usize) -> Option<(Edges, f32)> {
        Some((*self.edges.get(decoded * self.per + self.starts[slot] + bx)?, 0.0))
    }

    /// How badly the top edge of an MCU continues the MCU above `mcu`: difference of the means in
    /// levels, and distance after `offset`, in units of what the block above lets expect.
    pub fn above(
        &self,
        slot: usize,
        mcu: usize,
        own: impl Fn(usize) -> Option<(Edges, f32)>,
        offset: f32,
    ) -> Option<(f32, f32)> {
        let part = &self.scan.parts[slot];
        let above = mcu.checked_sub(self.scan.columns)?;
        let (mut level, mut misfit) = (0.0, 0.0);
        for bx in 0..part.h {
            let (a, a_level) = self.edges(slot, above, bx, part.v - 1)?;
            let (b, b_level) = own(bx)?;
            let (difference, distance) = step(&a.bottom, &b.top, b_level - a_level + offset);
            level += difference;
            misfit += distance / self.expected(slot, &a);
        }
        Some((level / part.h as f32, misfit / part.h as f32))
    }

    /// As [`Self::above`], with the MCU to the left.
    pub fn beside(&self, slot: usize, mcu: usize) -> Option<f32> {
        let part = &self.scan.parts[slot];
        if mcu.is_multiple_of(self.scan.columns) {
            return None;
        }
        let mut misfit = 0.0;
        for by in 0..part.v {
            let (a, a_level) = self.edges(slot, mcu - 1, part.h - 1, by)?;
            let (b, b_level) = self.edges(slot, mcu, 0, by)?;
            misfit += step(&a.right, &b.left, b_level - a_level).1 / self.expected(slot, &a);
        }
        Some(misfit / part.v as f32)
    }

    /// The difference to expect at the edge of a block: rounding, and more where it is busy.
    pub fn expected(&self, slot: usize, edges: &Edges) -> f32 {
        1.0 + 0.5 * self.quantum(slot) + 0.35 * edges.activity
    }

    pub fn misfit(&self, slot: usize, mcu: usize) -> Option<f32> {
        let part = &self.scan.parts[slot];
        debug_assert!(part.h > 0);
        let above = self.above(slot, mcu, |bx| self.edges(slot, mcu, bx, 0), 0.0).map(|m| m.1);
        let beside = self.beside(slot, mcu);
        above.into_iter().chain(beside).reduce(f32::max)
    }

    /// Takes from the work that may be done; `false` if none is left.
    pub fn spend(&self, comparisons: u64) -> bool {
        self.work.set(self.work.get().saturating_sub(comparisons));
        self.work.get() > 0
    }

    /// Median misfit over the whole picture, damage included, which is the smaller part of it.
    pub fn typical(&self, slot: usize) -> f32 {
        self.spend(8 * self.scan.total().min(SAMPLES) as u64);
        let every = (self.scan.total() / SAMPLES).max(1);
        let places = (0..self.scan.total()).step_by(every);
        let mut seen: Vec<f32> = places.filter_map(|mcu| self.misfit(slot, mcu)).collect();
        seen.sort_by(f32::total_cmp);
        // Of an exponential distribution the median is ln 2 times the mean.
        seen.get(seen.len() / 2).map_or(1.0, |m| m / std::f32::consts::LN_2).max(0.2)
    }

    /// Log likelihood ratio of a misfit: means of `ratio` times the typical one against the latter.
    pub fn ratio(&self, slot: usize, misfit: f32, typical: f32, ratio: f32) -> f32 {
        let typical = typical.max(self.typical[slot]);
        (misfit / typical * (1.0 - 1.0 / ratio) - ratio.ln()).min(MOST_PER_MCU)
    }

    /// What the MCU at a place of the stretch says for damage.
    pub fn says(&self, place: usize, decoded: usize, ratio: f32) -> f32 {
        if self.skipped[decoded] {
            return SKIP;
        }
        let mcu = self.stretch.first + place;
        // Parts agree on where the damage is, but only one may show it.
        let of = |slot: usize| {
            let misfit = self.misfit(slot, mcu)?;
            let plain = self.ratio(slot, misfit, 0.0, ratio);
            Some(if plain > 0.0 {
                self.ratio(slot, misfit, self.around(slot, mcu), ratio)
            } else {
                plain
            })
        };
        (0..self.scan.parts.len()).filter_map(of).fold(-ratio.ln(), f32::max)
    }

    /// What is to be expected at `mcu`, by the three MCUs above it, which may be busy.
    pub fn around(&self, slot: usize, mcu: usize) -> f32 {
        let Some(above) = mcu.checked_sub(self.scan.columns) else { return 0.0 };
        let near = above.saturating_sub(1)..=above + 1;
        near.filter_map(|mcu| self.misfit(slot, mcu)).fold(0.0, f32::max)
    }
}
