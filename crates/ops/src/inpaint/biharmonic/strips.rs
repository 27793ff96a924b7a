//! Groups that spread over a large image, filled strip by strip so that memory stays bounded.
//!
//! Strips overlap by the size of the largest hole. Each is solved with what lies beyond it as it is, one after
//! another and all of them again until nothing changes (Schwarz's alternating method). Scattered pixels and
//! strokes are settled after the second round: what lies beyond the overlap hardly counts.

use super::super::groups::Group;
use super::factor::Factor;
use super::solve::Steps;
use super::stencil::Known;
use super::{Plan, for_each_plane};
use restora_image::{Context, Image, Mask, OpError};
use std::ops::Range;

/// Pixels of the bounding box of a group above which it is filled alone.
pub(super) const LARGE: usize = 1 << 20;
/// Rows at least that strips share with those beside them.
const OVERLAP: usize = 32;
/// Rounds at most, and the change to be expected of another, of the range of what is known, that they end at.
const ROUNDS: usize = 12;
const CHANGE: f32 = 1e-6;

/// Fills a large group, at once if its factor is small enough.
///
/// # Errors
/// [`OpError::Cancelled`].
pub(super) fn fill_large(
    group: &Group,
    plan: Plan,
    out: &mut Image,
    mask: &Mask,
    cx: &Context,
) -> Result<(), OpError> {
    let Some(factor) = Factor::of(group, mask.size(), plan.cost, cx)? else {
        return fill_in_strips(group, plan, out, mask, cx);
    };
    let known = for_each_plane(out, cx, |_, plane| Ok(Known::around(group, plane, mask)))?;
    Strip::whole(group).fill_by(Some(factor), group, out, &known, cx)?;
    hold_within(group, &known, out);
    Ok(())
}

/// Fills a group in strips, or by steps at once where holes are too wide for them.
///
/// # Errors
/// [`OpError::Cancelled`].
pub(super) fn fill_in_strips(
    group: &Group,
    plan: Plan,
    out: &mut Image,
    mask: &Mask,
    cx: &Context,
) -> Result<(), OpError> {
    let known = for_each_plane(out, cx, |_, plane| Ok(Known::around(group, plane, mask)))?;
    start(group, &known, out);
    let mut settled = false;
    if let Some(mut strips) = strips(group, plan.strip) {
        let mut last = 0.0;
        for _ in 0..ROUNDS {
            let mut change = 0.0_f32;
            for strip in &mut strips {
                change = change.max(strip.fill(group, plan.cost, out, &known, cx)?);
            }
            // Changes fall by about the same factor in every round.
            settled = change * (change / last).min(1.0) <= CHANGE;
            if settled {
                break;
            }
            last = change;
        }
    }
    if !settled {
        // One plane after another, for the sake of memory.
        let cx = Context { threads: 1, ..*cx };
        let steps = Steps::of(group, mask.size());
        let filled =
            for_each_plane(out, &cx, |c, plane| steps.solve(group, plane, known[c].mean, &cx))?;
        Strip::whole(group).take(group, &filled, out, &known);
    }
    hold_within(group, &known, out);
    Ok(())
}

fn hold_within(group: &Group, known: &[Known], out: &mut Image) {
    let w = out.size().w();
    for (plane, known) in out.planes_mut().zip(known) {
        for (columns, y) in group.runs() {
            for v in &mut plane[y * w..][columns] {
                *v = known.within(*v);
            }
        }
    }
}

/// The strips; `None` where one would be nearly the whole.
fn strips(group: &Group, strip: usize) -> Option<Vec<Strip>> {
    let (_, top, w, h) = group.bounds();
    let overlap = largest_square(group).max(OVERLAP);
    let own = (strip / w).saturating_sub(2 * overlap).max(overlap);
    if own + 2 * overlap >= h {
        return None;
    }
    let n = h.div_ceil(own);
    let edge = |i: usize| top + h * i / n;
    let part = |i| {
        let rows = edge(i)..edge(i + 1);
        let solved = rows.start.saturating_sub(overlap)..rows.end + overlap;
        Strip { rows, solved, ends: None }
    };
    Some((0..n).map(part).collect())
}

/// The side of the largest square without a known pixel.
fn largest_square(group: &Group) -> usize {
    let (left, top, w, h) = group.bounds();
    // The side of the largest square whose last pixel is that of the row above, and of this row.
    let (mut above, mut row) = (vec![0_u32; w + 1], vec![0_u32; w + 1]);
    let mut runs = group.runs().peekable();
    let mut largest = 0;
    for y in top..top + h {
        row.fill(0);
        while let Some((columns, _)) = runs.next_if(|run| run.1 == y) {
            for x in columns {
                let i = x - left + 1;
                row[i] = row[i - 1].min(above[i]).min(above[i - 1]) + 1;
                largest = largest.max(row[i]);
            }
        }
        std::mem::swap(&mut above, &mut row);
    }
    largest as usize
}

/// Fills the holes along their rows, for a start.
fn start(group: &Group, known: &[Known], out: &mut Image) {
    let w = out.size().w();
    for (plane, known) in out.planes_mut().zip(known) {
        for (columns, y) in group.runs() {
            let row = &mut plane[y * w..][..w];
            let right = row.get(columns.end).copied();
            let left = columns.start.checked_sub(1).map(|x| row[x]);
            let mean = known.mean as f32;
            let (from, to) = (left.or(right).unwrap_or(mean), right.or(left).unwrap_or(mean));
            let step = (to - from) / (columns.len() + 1) as f32;
            for (i, v) in row[columns].iter_mut().enumerate() {
                *v = from + step * (i + 1) as f32;
            }
        }
    }
}

struct Strip {
    /// Rows that are taken over.
    rows: Range<usize>,
    /// Rows that are solved for.
    solved: Range<usize>,
    /// Where steps end in each plane, if it is solved by steps.
    ends: Option<Vec<f64>>,
}

impl Strip {
    fn whole(group: &Group) -> Self {
        let (_, top, _, h) = group.bounds();
        Self { rows: top..top + h, solved: top..top + h, ends: None }
    }

    /// Fills the rows of the strip and returns the largest change, of the range of what is known.
    fn fill(
        &mut self,
        group: &Group,
        cost: f64,
        out: &mut Image,
        known: &[Known],
        cx: &Context,
    ) -> Result<f32, OpError> {
        let group = group.in_rows(self.solved.clone());
        let direct = self.ends.is_none();
        let factor = if direct { Factor::of(&group, out.size(), cost, cx)? } else { None };
        self.fill_by(factor, &group, out, known, cx)
    }

    fn fill_by(
        &mut self,
        factor: Option<Factor>,
        group: &Group,
        out: &mut Image,
        known: &[Known],
        cx: &Context,
    ) -> Result<f32, OpError> {
        let size = out.size();
        let filled = if let Some(factor) = factor {
            for_each_plane(out, cx, |c, plane| Ok(factor.solve(group, plane, known[c].mean)))?
        } else {
            let steps = Steps::of(group, size);
            let ends = self.ends.take();
            let improved = for_each_plane(out, cx, |c, plane| {
                let end = ends.as_ref().map(|ends| ends[c]);
                steps.improve(group, plane, known[c].mean, end, cx)
            })?;
            let (filled, ends) = improved.into_iter().unzip();
            self.ends = Some(ends);
            filled
        };
        Ok(self.take(group, &filled, out, known))
    }

    /// Takes over what was found for a group of which it is a part.
    fn take(&self, group: &Group, filled: &[Vec<f64>], out: &mut Image, known: &[Known]) -> f32 {
        let mut change = 0.0_f32;
        let w = out.size().w();
        for ((plane, filled), known) in out.planes_mut().zip(filled).zip(known) {
            let scale = 1.0 / (known.largest - known.least).max(f32::MIN_POSITIVE);
            for ((x, y), found) in group.pixels().zip(filled) {
                if self.rows.contains(&y) {
                    let v = &mut plane[y * w + x];
                    let found = (found + known.mean) as f32;
                    change = change.max((found - *v).abs() * scale);
                    *v = found;
                }
            }
        }
        change
    }
}
