//! Going on behind damage inside a stretch of a sequential (or first DC) scan.
//!
//! Huffman codes find back into step by themselves some blocks behind an error, but then the place
//! of all that follows is off by some blocks, and its level by a constant, for DC coefficients are
//! coded as differences. Both show where the blocks meet the row above:
//!
//! ```text
//!  place:   0 ......... k ~~~~ j .................. count
//!           as decoded    lost   decoded MCU i at place i + shift, level + offset
//! ```
//!
//! k is where blocks stop to continue their neighbors: the start of the run with the largest sum of
//! log likelihood ratios. The shift is the one with which the MCUs behind k continue the row above
//! best, up to a constant; that constant, in quanta of DC, is the offset. j is where they begin to.

use super::edges::step;
use super::fit::{Fit, Gap, MOST_SHIFT, Run, SKIP};
use super::scan::{Coding, Places};
use std::ops::Range;

/// Marks blocks whose place and level were inferred.
pub(super) const INFERRED: u128 = 1 << 127;

/// Places of damage that are looked for in one stretch.
const MOST_PLACES: usize = 8;

/// Places that look damaged and are not, in one stretch.
const MOST_ALARMS: usize = 64;

/// A run of MCUs is called damaged from this log likelihood ratio on (e^12 to 1).
const EVIDENCE: f32 = 12.0;

/// Ratio of the mean misfits of damaged and sound neighbors that is tested for.
const RATIO: f32 = 5.0;

/// The same ratio for what was decoded out of step.
const RUBBISH: f32 = 12.0;

/// Shifts that one place of damage usually makes.
const NEAR: isize = 12;

/// What a shift that the number of MCUs does not tell costs, in typical misfits.
const NEAR_COST: f32 = 0.1;
const FAR_COST: f32 = 0.75;

/// Misfit, as a multiple of the typical one, with which MCUs still continue the row above.
const MOST_MISFIT: f32 = 1.5;

/// How much better MCUs must fit in another place, as a factor, before they are moved there.
const SAME: f32 = 1.15;

/// MCUs behind damage that may still be out of step, and those that decide on the shift: at most, and
/// at least.
const GUARD: usize = 12;
const WINDOW: usize = 96;
const LEAST_WINDOW: usize = 8;

/// An edge, and the one below it.
struct Pair {
    above: [f32; 8],
    below: [f32; 8],
    /// Difference to expect between them.
    expected: f32,
}

impl Pair {
    fn misfit(&self, level: f32) -> f32 {
        step(&self.above, &self.below, level).1 / self.expected
    }
}

impl Fit<'_> {
    /// The place from which on the MCUs from `from` on do not belong together, with the evidence.
    fn damage(&self, from: usize) -> Option<usize> {
        let (mut best, mut sum, mut start) = (None, 0f32, from);
        let mut most = EVIDENCE;
        for place in from..self.stretch.count {
            let Some((decoded, _)) = self.source(place) else { break };
            let own = self.says(place, decoded, RATIO);
            if sum <= 0.0 {
                (sum, start) = (0.0, place);
            }
            sum += own;
            if sum > most {
                (most, best) = (sum, Some(start));
            }
        }
        best
    }

    /// Puts everything in its place.
    pub fn arrange(&mut self) {
        let (mut from, mut alarms) = (0, 0);
        while self.runs.len() <= MOST_PLACES && alarms < MOST_ALARMS {
            // To look at an MCU of a part takes some eight comparisons.
            let parts = self.scan.parts.len();
            if !self.spend(8 * parts as u64 * (self.stretch.count - from) as u64) {
                return;
            }
            let Some(good) = self.damage(from).or_else(|| self.displaced(from)) else { return };
            let run = self.resume(good);
            if let Some(run) = &run
                && self.goes_on(good, run)
            {
                // Nothing is displaced: edges of the picture, or damage that stays in its block.
                from = run.from + 1;
                alarms += 1;
                continue;
            }
            let until = run.map_or(self.stretch.count, |run| run.from);
            let good = self.trimmed(good, until);
            self.gaps.push(Gap { good, from: until });
            let Some(run) = run else { return };
            self.runs.push(run);
            from = run.from + 1;
        }
    }

    /// The end of what is sound before damage that ends at `until`: rubbish fits much worse than what
    /// is merely busy.
    fn trimmed(&self, good: usize, until: usize) -> usize {
        let (mut sum, mut least, mut at) = (0f32, 0f32, good);
        for place in good..until.min(good + self.scan.columns) {
            let Some((decoded, _)) = self.source(place) else { break };
            sum += self.says(place, decoded, RUBBISH);
            if sum < least {
                (least, at) = (sum, place + 1);
            }
        }
        at.min(until)
    }

    /// Do the MCUs behind `good` fit where they were, about as well as where `run` puts them? Then
    /// edges of the picture were taken for damage, or it stays in its block. Bits that were no code
    /// are damage in any case.
    fn goes_on(&self, good: usize, run: &Run) -> bool {
        let Some((decoded, last)) = self.source(good) else { return false };
        let end = run.decoded.clamp(decoded, self.skipped.len() - 1);
        if self.skipped[decoded..=end].contains(&true) {
            return false;
        }
        let (old, new) =
            (good as isize - decoded as isize, run.from as isize - run.decoded as isize);
        let first = decoded + GUARD;
        let window = first..self.skipped.len().min(first + self.scan.columns);
        (0..self.scan.parts.len()).all(|slot| {
            let fit = |shift: isize, offset: i32| {
                let pairs = self.pairs(slot, good, shift, window.clone());
                let most = 4.0 * self.typical[slot];
                let level = offset as f32 * self.quantum(slot);
                let sum: f32 = pairs.iter().map(|pair| pair.misfit(level).min(most)).sum();
                (pairs.len() >= LEAST_WINDOW).then(|| sum / pairs.len() as f32)
            };
            match (fit(old, last.offset[slot]), fit(new, run.offset[slot])) {
                (Some(old), Some(new)) => old <= SAME * new + 0.1 * self.typical[slot],
                _ => false,
            }
        })
    }

    /// Where and how the decoded MCUs go on behind a place of damage.
    fn resume(&self, good: usize) -> Option<Run> {
        let (at, last) = self.source(good)?;
        let columns = self.scan.columns;
        let first = at + GUARD;
        let window = first..self.skipped.len().min(first + WINDOW.min(columns));
        if window.len() < LEAST_WINDOW {
            return None;
        }
        let old = good as isize - at as isize;
        let told = self.stretch.count as isize - self.skipped.len() as isize;
        let shifts = (old - MOST_SHIFT..=old + MOST_SHIFT).chain([told]);
        let fits: Vec<(isize, f32)> = shifts
            .filter_map(|shift| Some((shift, self.level(0, good, shift, window.clone(), 9)?.1)))
            .collect();
        // Few blocks are lost or won at one place, and where plain surroundings fit anywhere, the
        // number of MCUs tells how many; pictures repeat themselves after a row.
        let prior = |shift: isize| match shift {
            _ if shift == told => 0.0,
            _ if (shift - old).abs() <= NEAR => NEAR_COST,
            _ => FAR_COST,
        };
        let cost = |f: &(isize, f32)| f.1 / self.typical[0] + prior(f.0);
        let (shift, misfit) = fits.iter().copied().min_by(|a, b| cost(a).total_cmp(&cost(b)))?;
        if misfit > MOST_MISFIT * self.typical[0] {
            return None;
        }
        let mut run = Run { from: good, decoded: at, offset: last.offset };
        for slot in 0..self.scan.parts.len() {
            let row = first..self.skipped.len().min(first + columns);
            let (level, _) = self.level(slot, good, shift, row, usize::MAX)?;
            run.offset[slot] = (level / self.quantum(slot)).round() as i32;
        }
        // From here on the run continues the row above.
        let start = (good as isize).max(at as isize + shift) as usize;
        let (mut sum, mut most) = (0f32, 0f32);
        run.from = start;
        for place in start..(start + columns).min(self.stretch.count) {
            let decoded = (place as isize - shift) as usize;
            if decoded >= self.skipped.len() || place >= good + columns {
                break;
            }
            let mcu = self.stretch.first + place;
            let mut own = -RATIO.ln();
            for slot in 0..self.scan.parts.len() {
                let offset = run.offset[slot] as f32 * self.quantum(slot);
                let edges = |bx| self.decoded_edges(slot, decoded, bx);
                if let Some((_, misfit)) = self.above(slot, mcu, edges, offset) {
                    own = own.max(self.ratio(slot, misfit, 0.0, RATIO));
                }
            }
            if self.skipped[decoded] {
                own = own.max(SKIP);
            }
            sum += own;
            if sum >= most {
                most = sum;
                run.from = place + 1;
            }
        }
        run.decoded = usize::try_from(run.from as isize - shift).ok()?;
        (run.from < self.stretch.count).then_some(run)
    }

    /// Pairs of a block above and one below it: the decoded MCUs in `window` put `shift` further,
    /// where the row above is known.
    fn pairs(&self, slot: usize, good: usize, shift: isize, window: Range<usize>) -> Vec<Pair> {
        let part = &self.scan.parts[slot];
        let mut pairs = Vec::new();
        for decoded in window {
            let Ok(place) = usize::try_from(decoded as isize + shift) else { continue };
            let mcu = self.stretch.first + place;
            let Some(above) = mcu.checked_sub(self.scan.columns) else { continue };
            let within = place > good && place < self.stretch.count;
            if !within || above >= self.stretch.first + good {
                continue;
            }
            for bx in 0..part.h {
                let above = self.edges(slot, above, bx, part.v - 1);
                let below = self.decoded_edges(slot, decoded, bx);
                if let (Some((above, level)), Some((below, _))) = (above, below) {
                    let expected = self.expected(slot, &above);
                    let above = above.bottom.map(|v| v + level);
                    pairs.push(Pair { above, below: below.top, expected });
                }
            }
        }
        pairs
    }

    /// The level with which decoded MCUs continue the row above best, and their misfit then.
    fn level(
        &self,
        slot: usize,
        good: usize,
        shift: isize,
        window: Range<usize>,
        tries: usize,
    ) -> Option<(f32, f32)> {
        let pairs = self.pairs(slot, good, shift, window);
        if pairs.len() < LEAST_WINDOW
            || !self.spend((pairs.len() * (1 + tries.min(pairs.len()))) as u64)
        {
            return None;
        }
        let most = 4.0 * self.typical[slot];
        let misfit = |level: f32| -> f32 {
            let each = pairs.iter().map(|p| p.misfit(level).min(most));
            each.sum::<f32>() / pairs.len() as f32
        };
        let mut levels: Vec<f32> = pairs.iter().map(|p| -step(&p.above, &p.below, 0.0).0).collect();
        levels.sort_by(f32::total_cmp);
        let tries = tries.min(levels.len());
        let own = (0..tries).map(|i| levels[(2 * i + 1) * levels.len() / (2 * tries)]);
        let all = own.map(|level| (level, misfit(level)));
        all.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Where the decoded MCUs start to fit better at the places that their number tells. Unlike
    /// [`Self::damage`] this weighs a whole row against another arrangement of it, and so also
    /// finds places where nothing looks broken.
    fn displaced(&self, from: usize) -> Option<usize> {
        let (columns, count) = (self.scan.columns, self.stretch.count);
        let last = self.runs[self.runs.len() - 1];
        let old = last.from as isize - last.decoded as isize;
        let told = count as isize - self.skipped.len() as isize;
        if told == old || self.skipped.len() < LEAST_WINDOW {
            return None;
        }
        let rest = |decoded: usize, mcu: usize| -> Option<f32> {
            let above = mcu.checked_sub(columns)?;
            let part = &self.scan.parts[0];
            let mut sum = 0.0;
            for bx in 0..part.h {
                let (a, _) = self.edges(0, above, bx, part.v - 1)?;
                let (b, _) = self.decoded_edges(0, decoded, bx)?;
                let level = step(&a.bottom, &b.top, 0.0).0;
                sum += step(&a.bottom, &b.top, -level).1 / self.expected(0, &a);
            }
            Some(sum / part.h as f32)
        };
        let most = 3.0 * self.typical[0];
        let gain = |place: usize| -> f32 {
            let mcu = self.stretch.first + place;
            let (Some((now, _)), Ok(then)) =
                (self.source(place), usize::try_from(place as isize - told))
            else {
                return 0.0;
            };
            match (rest(now, mcu), rest(then, mcu)) {
                (Some(now), Some(then)) => (now - then).clamp(-most, most),
                _ => 0.0,
            }
        };
        let mut sums = vec![0f32];
        for place in from..count {
            sums.push(sums[place - from] + gain(place));
        }
        let window = columns.min(count - from);
        let row = |start: usize| {
            let end = (start + window).min(sums.len() - 1);
            (sums[end] - sums[start], end - start)
        };
        let starts = (0..sums.len()).filter(|start| row(*start).1 >= LEAST_WINDOW);
        let best = starts.max_by(|a, b| row(*a).0.total_cmp(&row(*b).0))?;
        let (gain, length) = row(best);
        (gain > 0.7 * self.typical[0] * (length as f32).sqrt()).then_some(from + best)
    }

    /// What was found, and the blocks of each place that is known: number of the MCU in the stretch,
    /// its blocks, and whether they were put there by inference.
    pub fn result(self) -> (Vec<Gap>, Places) {
        let low = if let Coding::DcFirst { low } = self.scan.coding { low } else { 0 };
        let places = (0..self.stretch.count).map(|place| {
            let (decoded, run) = self.source(place)?;
            let mut blocks = self.blocks[decoded * self.per..][..self.per].to_vec();
            for (slot, part) in self.scan.parts.iter().enumerate() {
                for block in &mut blocks[self.starts[slot]..][..part.h * part.v] {
                    let level = i32::from(block[0]) + (run.offset[slot] << low);
                    block[0] = level.clamp(-32768, 32767) as i16;
                }
            }
            Some((blocks, run.from > 0))
        });
        let places = places.collect();
        (self.gaps, places)
    }
}
