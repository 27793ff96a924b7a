//! Multi-scale structural similarity (MS-SSIM).
//!
//! ```text
//! MS-SSIM = prod over scales 1..4 of max(cs_j, 0)^w_j  *  max(ssim_5, 0)^w_5
//! w = 0.0448, 0.2856, 0.3001, 0.2363, 0.1333
//! ```
//!
//! `cs` is the mean contrast-structure term and `ssim` the mean SSIM (11 Gaussian taps of sigma
//! 1.5, windows inside the image), each scale half the size of the one before. As piq and
//! pytorch-msssim: means are taken over the image before the powers, negative means count as 0,
//! halving averages 2 x 2 pixels. The paper's eq. (7) with `alpha_M = beta_M = gamma_M`. Color
//! images score the mean over their channels. Cost: 4/3 of SSIM.
//!
//! Reference: Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image
//! quality assessment", Asilomar 2003, doi:10.1109/ACSSC.2003.1292216.

use super::conventions::{GrayConversion, OutOfRange, Pair};
use super::ssim::{Window, similarity};
use crate::MetricError;
use restora_image::{Context, Image, Plane, PlaneRef, Size};
use serde::{Deserialize, Serialize};

/// The paper's exponents, finest scale first (section 3.2).
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
/// The window must fit into the coarsest scale: 10 * 2^4 + 1.
const LEAST: u32 = 161;

/// How a scale of odd width or height is halved; there is no difference for even ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// If width or height is odd, the first column and row are repeated before: piq.
    #[default]
    Replicate,
    /// Zeros on both sides of an odd direction, averaged with: pytorch-msssim.
    Zero,
}

/// Options of [`ms_ssim()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MsSsim {
    /// Compare as gray?
    pub gray: GrayConversion,
    /// Clip to `[0, range]` first?
    pub out_of_range: OutOfRange,
    /// Dynamic range of the data: white, in nominal range.
    pub range: f64,
    /// How odd sizes are halved.
    pub pooling: Pooling,
}

impl Default for MsSsim {
    fn default() -> Self {
        Self {
            gray: GrayConversion::None,
            out_of_range: OutOfRange::Keep,
            range: 1.0,
            pooling: Pooling::Replicate,
        }
    }
}

/// Multi-scale structural similarity in `[0, 1]`, 1 for identical images; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are less than 161 pixels wide or high, or cannot be
/// converted as asked.
pub fn ms_ssim(
    reference: &Image,
    distorted: &Image,
    options: &MsSsim,
    cx: &Context,
) -> Result<f64, MetricError> {
    let MsSsim { gray, out_of_range, range, pooling } = *options;
    let pair = Pair::new(reference, distorted, gray, out_of_range, range)?;
    pair.require("MS-SSIM", LEAST)?;
    let mut sum = 0.0;
    for (x, y) in pair.reference.planes().zip(pair.distorted.planes()) {
        sum += over_scales(x, y, range, pooling, cx)?;
    }
    Ok(sum / pair.channels() as f64)
}

fn over_scales(
    x: PlaneRef,
    y: PlaneRef,
    range: f64,
    pooling: Pooling,
    cx: &Context,
) -> Result<f64, MetricError> {
    let (coarsest, finer) = WEIGHTS.split_last().expect("five weights");
    let mut product = 1.0;
    let mut scale: Option<(Plane, Plane)> = None;
    for weight in finer {
        let (x, y) = scale.as_ref().map_or((x, y), |(x, y)| (x.as_ref(), y.as_ref()));
        let means = similarity(x, y, Window::Gaussian, range, cx)?;
        product *= positive(means.contrast).powf(*weight);
        scale = Some((halved(x, pooling), halved(y, pooling)));
    }
    let (x, y) = scale.as_ref().map_or((x, y), |(x, y)| (x.as_ref(), y.as_ref()));
    let means = similarity(x, y, Window::Gaussian, range, cx)?;
    Ok(product * positive(means.ssim).powf(*coarsest))
}

/// A negative mean counts as 0; NaN stays NaN, which `max` would hide.
fn positive(mean: f64) -> f64 {
    if mean < 0.0 { 0.0 } else { mean }
}

/// Means of 2 x 2 pixels.
fn halved(plane: PlaneRef, pooling: Pooling) -> Plane {
    let (w, h) = (plane.width(), plane.height());
    // By how much the first cell begins outside, and the number of cells, in each direction.
    let ((left, across), (top, down)) = match pooling {
        // If only one direction is odd, padding makes the other one odd too, and its last line is
        // left over: as many cells as without padding, one pixel further up or left.
        Pooling::Replicate => {
            let pad = (w % 2).max(h % 2);
            ((pad, w.div_ceil(2)), (pad, h.div_ceil(2)))
        }
        Pooling::Zero => ((w % 2, w.div_ceil(2)), (h % 2, h.div_ceil(2))),
    };
    let size = Size::new(across as u32, down as u32);
    let outside = if pooling == Pooling::Zero { 0.0 } else { 1.0 };
    let mut out = Plane::zeros(size);
    for (y, row) in out.data.chunks_exact_mut(across.max(1)).enumerate() {
        let first = (2 * y).checked_sub(top);
        let (a, b) = (plane.row(first.unwrap_or(0)), plane.row(2 * y + 1 - top));
        let weight = if first.is_some() { 1.0 } else { outside };
        let cell = |x: usize, right: usize, left: f32| {
            0.25 * ((weight * a[x] + b[x]) * left + (weight * a[right] + b[right]))
        };
        if left == 0 {
            for (out, (a, b)) in
                row.iter_mut().zip(a.as_chunks::<2>().0.iter().zip(b.as_chunks::<2>().0))
            {
                *out = 0.25 * ((weight * a[0] + b[0]) + (weight * a[1] + b[1]));
            }
        } else {
            for (x, out) in row.iter_mut().enumerate() {
                *out = match (2 * x).checked_sub(1) {
                    Some(first) => cell(first, 2 * x, 1.0),
                    None => cell(0, 0, outside),
                };
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::full_reference::{Ssim, ssim};
    use restora_testkit::{noisy, synthetic, synthetic_rgb};

    fn score_of(x: &Image, y: &Image, options: &MsSsim) -> f64 {
        ms_ssim(x, y, options, &Context::default()).unwrap()
    }

    /// 2 x 2 means of a plane padded as the two peers do, straight from their definitions.
    fn halved_oracle(plane: PlaneRef, pooling: Pooling) -> Plane {
        let (w, h) = (plane.width() as isize, plane.height() as isize);
        let (px, py) = match pooling {
            Pooling::Replicate => ((w % 2).max(h % 2), (w % 2).max(h % 2)),
            Pooling::Zero => (w % 2, h % 2),
        };
        // pytorch-msssim pads both sides, piq only left and top; cells that do not fit are dropped.
        let both = isize::from(pooling == Pooling::Zero);
        let size = Size::new(((w + px + both * px) / 2) as u32, ((h + py + both * py) / 2) as u32);
        Plane::from_fn(size, |x, y| {
            let mut sum = 0.0;
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let (sx, sy) = (2 * x as isize + dx - px, 2 * y as isize + dy - py);
                let inside = (0..w).contains(&sx) && (0..h).contains(&sy);
                if inside || pooling == Pooling::Replicate {
                    sum += plane.at(sx.max(0) as usize, sy.max(0) as usize);
                }
            }
            sum / 4.0
        })
    }

    #[test]
    fn halving_odd_and_even_sizes_follows_both_peers() {
        for (w, h) in [(8, 6), (9, 7), (9, 6), (8, 7), (1, 1), (2, 1), (1, 2)] {
            let image = synthetic(Size::new(w, h));
            for pooling in [Pooling::Replicate, Pooling::Zero] {
                let got = halved(image.plane(0), pooling);
                let wanted = halved_oracle(image.plane(0), pooling);
                assert_eq!(got.size, wanted.size, "{w}x{h} {pooling:?}");
                for (g, w) in got.data.iter().zip(&wanted.data) {
                    assert!((g - w).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn equal_images_score_exactly_1_and_noise_lowers_the_score() {
        let x = synthetic_rgb(Size::new(181, 161));
        let options = MsSsim::default();
        assert_eq!(score_of(&x, &x, &options), 1.0);
        let scores = [0.02, 0.1, 0.4].map(|s| score_of(&x, &noisy(&x, s, 8), &options));
        assert!(1.0 > scores[0] && scores[0] > scores[1] && scores[1] > scores[2], "{scores:?}");
        let y = noisy(&x, 0.1, 8);
        assert_eq!(score_of(&y, &x, &options), scores[1]);
        assert_eq!(ms_ssim(&x, &y, &options, &Context::with_threads(3)), Ok(scores[1]));
    }

    #[test]
    fn flat_images_leave_the_luminance_term_of_the_coarsest_scale() {
        let flat = |v: f32| Image::gray_from_fn(Size::new(162, 200), |_, _| v);
        let one = ssim(&flat(0.2), &flat(0.6), &Ssim::default(), &Context::default()).unwrap();
        let got = score_of(&flat(0.2), &flat(0.6), &MsSsim::default());
        assert!((got - one.powf(0.1333)).abs() < 1e-9);
    }

    #[test]
    fn a_negative_image_scores_0_not_nan() {
        let x = synthetic(Size::new(170, 170));
        let mut y = x.clone();
        y.data_mut().iter_mut().for_each(|v| *v = 1.0 - *v);
        assert_eq!(score_of(&x, &y, &MsSsim::default()), 0.0);
    }

    #[test]
    fn the_least_size_is_161_pixels_in_both_directions() {
        for (w, h) in [(160, 400), (400, 160), (1, 1), (0, 0)] {
            let x = Image::zeros(Size::new(w, h), restora_image::ColorSpace::Gray);
            let got = ms_ssim(&x, &x, &MsSsim::default(), &Context::default());
            assert!(matches!(got, Err(MetricError::TooSmall { wanted: 161, .. })));
        }
    }
}
