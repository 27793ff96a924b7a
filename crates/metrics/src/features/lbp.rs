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
use restora_image::{Context, Image, OpError, OpInfo, ParamInfo, Plane, map_bands, to_luma};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// Nearer than this, in nominal range, is equal.
const TIE: f64 = 1e-6;

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
    let bands = map_bands(luma.size.h(), 16, cx, |band| {
        let mut counts = vec![0u64; points + 2];
        for y in band {
            for x in 0..luma.size.w() {
                counts[label(&luma, x, y, &circle)] += 1;
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

fn label(plane: &Plane, x: usize, y: usize, circle: &[[f64; 2]]) -> usize {
    let center = f64::from(plane.row(y)[x]);
    let bit = |[dx, dy]: [f64; 2]| bilinear(plane, x as f64 + dx, y as f64 + dy) - center >= -TIE;
    let first = bit(circle[0]);
    let (mut before, mut ones, mut changes) = (first, usize::from(first), 0);
    for &point in &circle[1..] {
        let now = bit(point);
        ones += usize::from(now);
        changes += usize::from(now != before);
        before = now;
    }
    changes += usize::from(before != first);
    if changes <= 2 { ones } else { circle.len() + 1 }
}

/// The value between four pixels; 0 outside the image.
fn bilinear(plane: &Plane, x: f64, y: f64) -> f64 {
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let at = |dx: f64, dy: f64| {
        let (x, y) = (left + dx, top + dy);
        let inside = x >= 0.0 && y >= 0.0 && x < plane.size.w() as f64 && y < plane.size.h() as f64;
        if inside { f64::from(plane.row(y as usize)[x as usize]) } else { 0.0 }
    };
    let across = |dy: f64| (1.0 - fx) * at(0.0, dy) + if fx > 0.0 { fx * at(1.0, dy) } else { 0.0 };
    (1.0 - fy) * across(0.0) + if fy > 0.0 { fy * across(1.0) } else { 0.0 }
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

    #[test]
    fn info_lists_every_option_with_its_default() {
        assert_info_matches(&INFO, &Lbp::default());
    }
}
