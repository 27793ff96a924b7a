//! Dead rows and columns: lines one or a few pixels thick whose samples are stuck at one value, or
//! shifted by one amount, as a sensor, a scanner or a transmission leaves them.
//!
//! ```text
//! stuck:   |I(x, y) - v| <= 1.5/255 over at least a quarter of the line, while both lines beside it
//!          differ from v by more than 4/255 in at least 4 of 5 places
//! shifted: e_y(x) = I(x, y) - (I(x, y-1) + I(x, y+1)) / 2,   t_y = median of e_y over the line,
//!          |t_y| > 1.5/255 and > 8 times the scatter of t over the lines, the same sign in 17 of 20
//!          places, and t_(y-1), t_(y+1) about -t_y / 2
//! ```
//!
//! No lens draws such a line: what it draws is blurred over more than one pixel. So both tests ask
//! that the step to the line is sharp: the lines beside it differ from the next ones by less than a
//! quarter (stuck), or their residuals are those of a single line (shifted). A constant frame around
//! a picture and constant areas are no dead lines: a living line must lie on both sides. A stuck
//! line may be dead in part, a shifted one is so as a whole.
//!
//! The planes are treated one by one, and a line that is dead in one is dead. Cost: two passes over the
//! picture and its transpose.
//!
//! Reference: G. Corsini, M. Diani, T. Walzel, "Striping removal in MOS-B data", IEEE TGRS 38(3), 2000,
//! doi:10.1109/36.843038 (lines against those beside them).

use restora_image::{Context, Image, Mask, OpError, Plane, PlaneRef, Size, simd};

/// Options of [`dead_lines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLines {
    /// Most stuck lines side by side, `1..=16`.
    pub widest: u32,
}

impl Default for DeadLines {
    fn default() -> Self {
        Self { widest: 4 }
    }
}

/// Samples of a stuck line differ by less: rounding, and the last bit of a converter.
const STUCK: f32 = 1.5 / 255.0;
/// A stuck line shows where the lines beside it differ by more.
const SHOWS: f32 = 4.0 / 255.0;
/// Least part of a line that is stuck, and least number of its samples.
const PART: (usize, usize) = (4, 32);
/// Where a stuck line must show, of all its samples.
const SHOWING: f32 = 0.8;
/// Largest step between the two lines beside a dead one, as a part of the step to it.
const SHARP: f32 = 0.25;
/// Least shift of a shifted line.
const SHIFT: f32 = 1.5 / 255.0;
/// The same in units of the scatter over the lines: medians over a line are nearly normal, and 8
/// deviations leave room for edges of the scene that run along a line.
const DEVIATIONS: f32 = 8.0;
/// Lines so near to the border belong to its frame: scans of film have soft ones 3 pixels wide.
const FRAME: usize = 8;
/// Lines whose shifts tell the scatter.
const SAMPLED: usize = 256;
/// Samples of a shifted line with the sign of the shift.
const AGREEING: f32 = 0.85;

/// Marks the dead rows and columns of a picture.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::Cancelled`].
pub fn dead_lines(image: &Image, options: &DeadLines, cx: &Context) -> Result<Mask, OpError> {
    if !(1..=16).contains(&options.widest) {
        return Err(OpError::param("widest", "in 1..=16", options.widest));
    }
    let size = image.size();
    let mut mask = Mask::empty(size);
    for plane in image.planes() {
        cx.check()?;
        for dead in dead_rows(plane, options.widest as usize) {
            dead.cells(|x, y| mask.set(x, y, true));
        }
        cx.check()?;
        let turned = transposed(plane);
        for dead in dead_rows(turned.as_ref(), options.widest as usize) {
            dead.cells(|x, y| mask.set(y, x, true));
        }
    }
    Ok(mask)
}

/// A part of some rows, ends excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dead {
    rows: (usize, usize),
    columns: (usize, usize),
}

impl Dead {
    fn cells(self, mut visit: impl FnMut(usize, usize)) {
        for y in self.rows.0..self.rows.1 {
            for x in self.columns.0..self.columns.1 {
                visit(x, y);
            }
        }
    }
}

/// Side of the squares that are turned at a time: the rows of both stay in the cache.
const SIDE: usize = 32;

fn transposed(plane: PlaneRef<'_>) -> Plane {
    let (w, h) = (plane.width(), plane.height());
    let size = Size::new(h as u32, w as u32);
    let mut out = Plane::zeros(size);
    for y0 in (0..h).step_by(SIDE) {
        for x0 in (0..w).step_by(SIDE) {
            for y in y0..(y0 + SIDE).min(h) {
                let row = plane.row(y);
                for x in x0..(x0 + SIDE).min(w) {
                    out.data[x * h + y] = row[x];
                }
            }
        }
    }
    out
}

fn dead_rows(plane: PlaneRef<'_>, widest: usize) -> Vec<Dead> {
    let (w, h) = (plane.width(), plane.height());
    if w < PART.1 || h < 5 {
        return Vec::new();
    }
    let mut found = stuck_rows(plane, widest);
    found.extend(
        shifted_rows(plane).into_iter().map(|y| Dead { rows: (y, y + 1), columns: (0, w) }),
    );
    found
}

/// The longest stretch of a row whose samples are all within [`STUCK`] of its first.
fn longest_constant(row: &[f32]) -> (usize, usize) {
    let (mut best, mut start) = ((0, 0), 0);
    for x in 1..=row.len() {
        if x == row.len() || (row[x] - row[start]).abs() > STUCK {
            if x - start > best.1 - best.0 {
                best = (start, x);
            }
            start = x;
        }
    }
    best
}

/// Can a constant stretch of `least` samples lie in a row? Seven samples an eighth of that apart do then.
fn may_hold(row: &[f32], least: usize) -> bool {
    let mut alike = 0;
    let mut before = f32::NAN;
    for &v in row.iter().step_by(least / 8) {
        alike = if (v - before).abs() <= 2.0 * STUCK { alike + 1 } else { 1 };
        if alike >= 7 {
            return true;
        }
        before = v;
    }
    false
}

fn stuck_rows(plane: PlaneRef<'_>, widest: usize) -> Vec<Dead> {
    let (w, h) = (plane.width(), plane.height());
    let least = (w / PART.0).max(PART.1);
    let stretches: Vec<Option<(usize, usize)>> = (0..h)
        .map(|y| {
            let row = may_hold(plane.row(y), least).then(|| longest_constant(plane.row(y)));
            row.filter(|(from, to)| to - from >= least)
        })
        .collect();
    let mut found = Vec::new();
    let mut y = 0;
    while y < h {
        let Some(columns) = stretches[y] else {
            y += 1;
            continue;
        };
        // Rows beside it that are constant over about the same columns belong to one dead line, or to
        // a constant area.
        let overlaps = |other: Option<(usize, usize)>| {
            other.is_some_and(|(from, to)| {
                let common = to.min(columns.1).saturating_sub(from.max(columns.0));
                5 * common >= 4 * (columns.1 - columns.0)
            })
        };
        let end = (y..h).find(|&i| !overlaps(stretches[i])).unwrap_or(h);
        let dead = Dead { rows: (y, end), columns };
        if end - y <= widest && shows(plane, dead) {
            found.push(dead);
        }
        y = end;
    }
    found
}

/// Is a constant stretch sharply set off from living rows on both sides?
fn shows(plane: PlaneRef<'_>, dead: Dead) -> bool {
    let (top, bottom) = dead.rows;
    if top < 2 || bottom + 2 > plane.height() {
        return false;
    }
    let span = dead.columns.0..dead.columns.1;
    let count = span.len() as f32;
    let side = |stuck: usize, beside: usize, next: usize| {
        let (mut showing, mut step, mut beyond) = (0u32, 0.0f32, 0.0f32);
        for x in span.clone() {
            let to_line = (plane.at(x, beside) - plane.at(x, stuck)).abs();
            showing += u32::from(to_line > SHOWS);
            step += to_line;
            beyond += (plane.at(x, next) - plane.at(x, beside)).abs();
        }
        showing as f32 >= SHOWING * count && beyond < SHARP * step
    };
    side(top, top - 1, top - 2) && side(bottom - 1, bottom, bottom + 1)
}

/// Does a row vary over the most part? On a drawn page lines are drawn, not dead.
fn living(row: &[f32]) -> bool {
    let (from, to) = longest_constant(row);
    2 * (to - from) < row.len()
}

fn shifted_rows(plane: PlaneRef<'_>) -> Vec<usize> {
    let h = plane.height();
    let mut residuals = Vec::new();
    let mut shift = |y: usize| {
        residuals.clear();
        let rows = (plane.row(y - 1), plane.row(y), plane.row(y + 1));
        let beside = rows.0.iter().zip(rows.2);
        residuals.extend(rows.1.iter().zip(beside).map(|(v, (a, b))| v - 0.5 * (a + b)));
        let middle = residuals.len() / 2;
        *residuals.select_nth_unstable_by(middle, f32::total_cmp).1
    };
    let candidates: Vec<usize> = (FRAME..h.saturating_sub(FRAME))
        .filter(|&y| {
            let rows = (plane.row(y - 1), plane.row(y), plane.row(y + 1));
            let agreeing = simd(
                #[inline(always)]
                || signs(rows.0, rows.1, rows.2),
            );
            agreeing as f32 >= AGREEING * plane.width() as f32
        })
        .collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    let every = (h / SAMPLED).max(1);
    let mut sizes: Vec<f32> = (1..h - 1).step_by(every).map(|y| shift(y).abs()).collect();
    let middle = sizes.len() / 2;
    // 0.6745: median of |N(0, 1)|.
    let scatter = *sizes.select_nth_unstable_by(middle, f32::total_cmp).1 / 0.6745;
    let least = SHIFT.max(DEVIATIONS * scatter);
    let mut single = |y: usize| {
        let t = shift(y);
        t.abs() > least
            && [shift(y - 1), shift(y + 1)].iter().all(|n| (n / t + 0.5).abs() < 0.2)
            && living(plane.row(y - 1))
            && living(plane.row(y + 1))
    };
    candidates.into_iter().filter(|&y| single(y)).collect()
}

/// Of the residuals of a row between two others, those of the more frequent sign.
#[inline(always)]
fn signs(above: &[f32], row: &[f32], below: &[f32]) -> usize {
    let (mut positive, mut negative) = (0u32, 0u32);
    for ((v, a), b) in row.iter().zip(above).zip(below) {
        let e = v - 0.5 * (a + b);
        positive += u32::from(e > 0.0);
        negative += u32::from(e < 0.0);
    }
    positive.max(negative) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Cancel;
    use restora_testkit::{noisy, synthetic, synthetic_rgb};

    fn found(image: &Image) -> Mask {
        dead_lines(image, &DeadLines::default(), &Context::default()).unwrap()
    }

    /// The picture with `value(x, y, before)` at some places.
    fn changed(image: &Image, value: impl Fn(usize, usize, f32) -> Option<f32>) -> (Image, Mask) {
        let mut out = image.clone();
        let (w, mut mask) = (image.size().w(), Mask::empty(image.size()));
        for plane in out.planes_mut() {
            for (i, v) in plane.iter_mut().enumerate() {
                if let Some(new) = value(i % w, i / w, *v) {
                    *v = new;
                    mask.set(i % w, i / w, true);
                }
            }
        }
        (out, mask)
    }

    #[test]
    fn stuck_rows_and_columns_are_marked_exactly() {
        let clean = noisy(&synthetic_rgb(Size::new(150, 130)), 0.02, 1);
        for value in [0.0, 0.5, 1.0] {
            let (image, truth) =
                changed(&clean, |x, y, _| (x == 40 || y == 77 || y == 78).then_some(value));
            assert_eq!(found(&image), truth, "{value}");
        }
        let (image, truth) = changed(&clean, |x, y, _| (x == 90 && y >= 70).then_some(1.0));
        assert_eq!(found(&image), truth, "dead from row 70 on");
    }

    #[test]
    fn shifted_lines_are_marked_whole() {
        let clean = noisy(&synthetic(Size::new(200, 160)), 0.01, 2);
        for shift in [0.03, -0.08] {
            let (image, truth) =
                changed(&clean, |x, y, v| (x == 33 || y == 90).then_some(v + shift));
            assert_eq!(found(&image), truth, "{shift}");
        }
    }

    #[test]
    fn one_dead_channel_is_enough() {
        let mut image = noisy(&synthetic_rgb(Size::new(90, 80)), 0.01, 3);
        image.plane_mut(1)[30 * 90..31 * 90].fill(0.0);
        assert_eq!(found(&image), Mask::from_fn(image.size(), |_, y| y == 30));
    }

    #[test]
    fn edges_frames_areas_and_blurred_lines_of_the_scene_are_left() {
        let size = Size::new(160, 140);
        let scene = noisy(&synthetic(size), 0.005, 4);
        // A step, a line as a lens draws it, a black frame, a flat half, a black bar.
        let line = |d: f32| (-0.5 * d * d).exp();
        let pictures = [
            changed(&scene, |_, y, v| (y > 70).then_some(v + 0.3)).0,
            changed(&scene, |_, y, v| Some(v + 0.4 * line(y as f32 - 60.0))).0,
            changed(&scene, |x, y, _| (x < 2 || y < 1 || x >= 157 || y >= 137).then_some(0.0)).0,
            changed(&scene, |_, y, _| (y > 70).then_some(0.5)).0,
            changed(&scene, |_, y, _| (60..70).contains(&y).then_some(0.0)).0,
            Image::gray_from_fn(size, |_, y| if y == 50 { 0.0 } else { 1.0 }),
            scene,
        ];
        for (i, picture) in pictures.iter().enumerate() {
            assert_eq!(found(picture).count(), 0, "picture {i}");
        }
    }

    #[test]
    fn any_size_is_looked_at_and_cancelling_stops_it() {
        for (w, h) in [(0, 0), (1, 1), (1, 40), (40, 1), (2, 3), (33, 5)] {
            assert_eq!(found(&synthetic_rgb(Size::new(w, h))).count(), 0, "{w}x{h}");
        }
        let cancel = Cancel::default();
        cancel.cancel();
        let cx = Context { cancel: Some(&cancel), ..Context::default() };
        let image = synthetic(Size::new(8, 8));
        assert_eq!(dead_lines(&image, &DeadLines::default(), &cx), Err(OpError::Cancelled));
        for widest in [0, 17] {
            let result = dead_lines(&image, &DeadLines { widest }, &Context::default());
            assert!(matches!(result, Err(OpError::Param { name: "widest", .. })));
        }
    }
}
