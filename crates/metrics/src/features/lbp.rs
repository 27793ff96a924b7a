//! Local binary patterns (LBP): which neighbors on a circle are at least as bright as the center, told
//! as a histogram of the patterns that change at most twice around the circle.
//!
//! ```text
//! bit_k = [I(r cos(2 pi k / P), -r sin(2 pi k / P)) >= I(0, 0)]        k = 0 .. P - 1, bilinear
//! label = number of ones if the bits change at most twice around the circle, else P + 1
//! ```
//!
//! Labels do not change when the picture turns or its light changes by a rising function. Equal to
//! scikit-image's `local_binary_pattern(method="uniform")` up to ties: outside the image counts as 0,
//! and a neighbor within 1e-6 of the center counts as equal, where rounding would else decide. Color
//! images are reduced to BT.601 luma.
//!
//! Reference: T. Ojala, M. Pietikainen, T. Maenpaa, "Multiresolution gray-scale and rotation invariant
//! texture classification with local binary patterns", IEEE TPAMI 24(7), 2002,
//! doi:10.1109/TPAMI.2002.1017623.

use crate::MetricError;
use restora_image::{Context, Image, OpError, OpInfo, ParamInfo, Plane, map_bands, simd, to_luma};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use std::ops::Range;

/// Nearer than this, in nominal range, is equal.
const TIE: f64 = 1e-6;
/// Rows in a task.
const BAND: usize = 16;

/// Options of [`lbp()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lbp {
    /// Neighbors on the circle.
    pub points: u32,
    /// Radius of the circle in pixels.
    pub radius: f64,
}

impl Default for Lbp {
    fn default() -> Self {
        Self { points: 8, radius: 1.0 }
    }
}

/// Names, ranges and defaults of [`Lbp`], for help texts.
pub const INFO: OpInfo = OpInfo {
    id: "lbp",
    title: "Local binary patterns",
    family: "features",
    paper: "Ojala, Pietikainen, Maenpaa, Multiresolution gray-scale and rotation invariant texture \
            classification with local binary patterns, IEEE TPAMI 24(7), 2002, \
            doi:10.1109/TPAMI.2002.1017623",
    params: &[
        ParamInfo {
            symbol: "P",
            ..ParamInfo::plain("points", "3..64", "8", "neighbors on the circle")
        },
        ParamInfo {
            symbol: "R",
            unit: "px",
            ..ParamInfo::plain("radius", "0.5..32", "1.0", "radius of the circle")
        },
    ],
};

/// How many pixels of a gray or RGB image have each label: `points + 2` counts.
///
/// # Errors
/// If an option is out of range, the image is neither gray nor RGB, or the caller cancelled.
pub fn lbp(image: &Image, options: &Lbp, cx: &Context) -> Result<Vec<u64>, MetricError> {
    if !(3..=64).contains(&options.points) {
        return Err(OpError::param("points", "3 to 64", options.points).into());
    }
    if !(0.5..=32.0).contains(&options.radius) {
        return Err(OpError::param("radius", "0.5 to 32", options.radius).into());
    }
    let luma = to_luma(image)?;
    let points = options.points as usize;
    let circle: Vec<[f64; 2]> = (0..points)
        .map(|k| {
            let turn = TAU * k as f64 / points as f64;
            // Five decimals, as scikit-image, so that points on pixels lie on them.
            let place = |v: f64| (v * 1e5).round() / 1e5;
            [place(options.radius * turn.cos()), place(-options.radius * turn.sin())]
        })
        .collect();
    let bands = map_bands(luma.size.h(), BAND, cx, |band| {
        let mut counts = vec![0u64; points + 2];
        let near = Surroundings::new(&luma, &band, options.radius);
        let mut row = Row::new(luma.size.w());
        for y in band {
            simd(
                #[inline(always)]
                || row.look_around(&near, y, &circle),
            );
            for (ones, changes) in row.ones.iter().zip(&row.changes) {
                counts[if *changes <= 2 { usize::from(*ones) } else { points + 1 }] += 1;
            }
        }
        Ok(counts)
    })?;
    let mut total = vec![0; points + 2];
    for counts in bands {
        for (total, count) in total.iter_mut().zip(counts) {
            *total += count;
        }
    }
    Ok(total)
}

/// A band of rows and what lies around it, zeros outside the image.
struct Surroundings {
    reach: usize,
    top: usize,
    width: usize,
    data: Vec<f64>,
}

impl Surroundings {
    fn new(plane: &Plane, band: &Range<usize>, radius: f64) -> Self {
        // A point between two pixels needs the farther one too.
        let reach = radius.ceil() as usize + 1;
        let (w, h) = (plane.size.w(), plane.size.h());
        let width = w + 2 * reach;
        let mut data = vec![0.0; width * (band.len() + 2 * reach)];
        for (i, row) in data.chunks_exact_mut(width).enumerate() {
            let Some(y) = (band.start + i).checked_sub(reach).filter(|y| *y < h) else { continue };
            for (to, from) in row[reach..].iter_mut().zip(plane.row(y)) {
                *to = f64::from(*from);
            }
        }
        Self { reach, top: band.start, width, data }
    }

    /// The values so far across and down from those of row `y`.
    fn row(&self, y: usize, across: isize, down: isize) -> &[f64] {
        let from = |i: usize, by: isize| (i + self.reach).wrapping_add_signed(by);
        &self.data[from(y - self.top, down) * self.width + from(0, across)..]
    }
}

/// Is the value between four corners at least the center's?
#[inline(always)]
fn bit([a, b, c, d]: [&[f64]; 4], [fx, fy]: [f64; 2], center: &[f64], x: usize) -> u8 {
    let (above, under) = ((1.0 - fx) * a[x] + fx * b[x], (1.0 - fx) * c[x] + fx * d[x]);
    u8::from((1.0 - fy) * above + fy * under - center[x] >= -TIE)
}

/// The pixels of a row: which neighbor was seen first and last, how many are bright, how often that changed.
struct Row {
    first: Vec<u8>,
    last: Vec<u8>,
    ones: Vec<u8>,
    changes: Vec<u8>,
}

impl Row {
    fn new(width: usize) -> Self {
        let row = || vec![0; width];
        Self { first: row(), last: row(), ones: row(), changes: row() }
    }

    #[inline(always)]
    fn look_around(&mut self, near: &Surroundings, y: usize, circle: &[[f64; 2]]) {
        let n = self.first.len();
        let center = &near.row(y, 0, 0)[..n];
        for (k, [dx, dy]) in circle.iter().enumerate() {
            let (left, top) = (dx.floor(), dy.floor());
            let (fx, fy) = (dx - left, dy - top);
            let (left, top) = (left as isize, top as isize);
            // What has no weight is not looked at.
            let (right, below) = (left + isize::from(fx > 0.0), top + isize::from(fy > 0.0));
            let corner = |across, down| &near.row(y, across, down)[..n];
            let corners =
                [corner(left, top), corner(right, top), corner(left, below), corner(right, below)];
            let (first, last) = (&mut self.first[..n], &mut self.last[..n]);
            let (ones, changes) = (&mut self.ones[..n], &mut self.changes[..n]);
            if k == 0 {
                for x in 0..n {
                    first[x] = bit(corners, [fx, fy], center, x);
                }
                last.copy_from_slice(first);
                ones.copy_from_slice(first);
                changes.fill(0);
                continue;
            }
            for x in 0..n {
                let now = bit(corners, [fx, fy], center, x);
                ones[x] += now;
                changes[x] += now ^ last[x];
                last[x] = now;
            }
        }
        for ((changes, first), last) in self.changes.iter_mut().zip(&self.first).zip(&self.last) {
            *changes += first ^ last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Rng, Size};
    use restora_testkit::{assert_info_matches, synthetic_rgb};

    fn run(image: &Image) -> Vec<u64> {
        lbp(image, &Lbp::default(), &Context::default()).unwrap()
    }

    #[test]
    fn a_flat_picture_has_all_ones_inside_and_a_bright_dot_none() {
        let mut image = Image::zeros(Size::new(9, 7), ColorSpace::Gray);
        image.data_mut().fill(0.4);
        let counts = run(&image);
        // Pixels at the rim see zeros outside: half of the circle, or less than half in a corner.
        assert_eq!(counts[8], 7 * 5);
        assert_eq!(counts.iter().sum::<u64>(), 63);
        image.data_mut()[3 * 9 + 4] = 0.9;
        assert_eq!(run(&image)[0], 1);
    }

    #[test]
    fn quarter_turns_and_brighter_light_change_nothing_inside() {
        let mut rng = Rng::new(2, "lbp", 0);
        // Dark around, so that the rim looks alike from all sides.
        let image = Image::gray_from_fn(Size::new(40, 40), |x, y| {
            let inside = (4..36).contains(&x) && (4..36).contains(&y);
            if inside { 0.2 + 0.7 * rng.uniform() as f32 } else { 0.0 }
        });
        let turned = Image::gray_from_fn(Size::new(40, 40), |x, y| image.plane(0).at(y, 39 - x));
        let brighter = Image::gray_from_fn(Size::new(40, 40), |x, y| 1.2 * image.plane(0).at(x, y));
        assert_eq!(run(&image), run(&turned));
        assert_eq!(run(&image), run(&brighter));
    }

    #[test]
    fn threads_do_not_matter_and_bad_options_are_refused() {
        let image = synthetic_rgb(Size::new(41, 37));
        let options = Lbp { points: 12, radius: 2.5 };
        let one = lbp(&image, &options, &Context::default()).unwrap();
        assert_eq!(Ok(one.clone()), lbp(&image, &options, &Context::with_threads(4)));
        assert_eq!((one.len(), one.iter().sum::<u64>()), (14, 41 * 37));
        for (name, options) in [
            ("points", Lbp { points: 2, ..Lbp::default() }),
            ("radius", Lbp { radius: f64::NAN, ..Lbp::default() }),
        ] {
            let error = lbp(&image, &options, &Context::default()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert_eq!(run(&Image::zeros(Size::new(0, 0), ColorSpace::Gray)), vec![0; 10]);
    }

    /// The definition, point by point.
    fn label(plane: &Plane, x: usize, y: usize, Lbp { points, radius }: Lbp) -> usize {
        let at = |x: f64, y: f64| {
            let inside =
                x >= 0.0 && y >= 0.0 && x < plane.size.w() as f64 && y < plane.size.h() as f64;
            if inside { f64::from(plane.row(y as usize)[x as usize]) } else { 0.0 }
        };
        let bit = |k: u32| {
            let turn = TAU * f64::from(k) / f64::from(points);
            let place = |i: usize, v: f64| i as f64 + (v * 1e5).round() / 1e5;
            let (x0, y0) = (place(x, radius * turn.cos()), place(y, -radius * turn.sin()));
            let (left, top) = (x0.floor(), y0.floor());
            let (fx, fy) = (x0 - left, y0 - top);
            let across = |y| (1.0 - fx) * at(left, y) + fx * at(left + 1.0, y);
            (1.0 - fy) * across(top) + fy * across(top + 1.0) - at(x as f64, y as f64) >= -TIE
        };
        let bits: Vec<bool> = (0..points).map(bit).collect();
        let changes = (0..bits.len()).filter(|i| bits[*i] != bits[(i + 1) % bits.len()]).count();
        if changes <= 2 { bits.iter().filter(|b| **b).count() } else { bits.len() + 1 }
    }

    #[test]
    fn counts_are_those_of_the_definition() {
        for (w, h) in [(1, 1), (1, 9), (7, 1), (2, 3), (37, 41)] {
            let image =
                restora_testkit::noisy(&restora_testkit::synthetic(Size::new(w, h)), 0.2, 5);
            let plane = to_luma(&image).unwrap();
            for (points, radius) in [(8, 1.0), (3, 0.5), (16, 2.0), (24, 3.0), (64, 31.7)] {
                let options = Lbp { points, radius };
                let mut wanted = vec![0; points as usize + 2];
                for y in 0..plane.size.h() {
                    for x in 0..plane.size.w() {
                        wanted[label(&plane, x, y, options)] += 1;
                    }
                }
                assert_eq!(lbp(&image, &options, &Context::default()), Ok(wanted), "{w}x{h}");
            }
        }
    }

    #[test]
    fn info_lists_every_option_with_its_default() {
        assert_info_matches(&INFO, &Lbp::default());
    }
}
