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
//! torchmetrics differs by up to 0.03: its coarsest scale counts windows about every pixel, the image
//! mirrored (`coarsest: reflect101`), and of color it averages the terms of each scale over the
//! channels before the powers (`channels: terms`); odd sizes lose a line (`pooling: drop`).
//!
//! Reference: Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image
//! quality assessment", Asilomar 2003, doi:10.1109/ACSSC.2003.1292216.

use super::conventions::{GrayConversion, OutOfRange, Pair};
use super::ssim::{SsimBorder, Window, padded, similarity};
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
    /// The last column and row of an odd direction are left out: torchmetrics.
    Drop,
}

/// Where the channels of a color image are averaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelMean {
    /// Each has a score, and these are averaged: piq, pytorch-msssim.
    #[default]
    Scores,
    /// The terms of each scale are averaged before the powers: torchmetrics.
    Terms,
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
    /// Which windows count at the coarsest scale.
    pub coarsest: SsimBorder,
    /// Where the channels are averaged.
    pub channels: ChannelMean,
}

impl Default for MsSsim {
    fn default() -> Self {
        Self {
            gray: GrayConversion::None,
            out_of_range: OutOfRange::Keep,
            range: 1.0,
            pooling: Pooling::Replicate,
            coarsest: SsimBorder::Valid,
            channels: ChannelMean::Scores,
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
    let MsSsim { gray, out_of_range, range, .. } = *options;
    let pair = Pair::new(reference, distorted, gray, out_of_range, range)?;
    pair.require("MS-SSIM", LEAST)?;
    let mut channels = Vec::new();
    for (x, y) in pair.reference.planes().zip(pair.distorted.planes()) {
        channels.push(terms(x, y, options, cx)?);
    }
    let n = channels.len() as f64;
    Ok(match options.channels {
        ChannelMean::Scores => channels.iter().map(product).sum::<f64>() / n,
        ChannelMean::Terms => {
            product(&std::array::from_fn(|j| channels.iter().map(|c| c[j]).sum::<f64>() / n))
        }
    })
}

/// Means that a power is taken of, finest scale first.
type Terms = [f64; WEIGHTS.len()];

fn product(terms: &Terms) -> f64 {
    terms.iter().zip(WEIGHTS).map(|(term, weight)| positive(*term).powf(weight)).product()
}

fn terms(x: PlaneRef, y: PlaneRef, options: &MsSsim, cx: &Context) -> Result<Terms, MetricError> {
    let mut terms = [0.0; WEIGHTS.len()];
    let (coarsest, finer) = terms.split_last_mut().expect("five weights");
    let mut scale: Option<(Plane, Plane)> = None;
    for term in finer {
        let (x, y) = scale.as_ref().map_or((x, y), |(x, y)| (x.as_ref(), y.as_ref()));
        *term = similarity(x, y, Window::Gaussian, options.range, cx)?.contrast;
        scale = Some((halved(x, options.pooling), halved(y, options.pooling)));
    }
    let (x, y) = scale.as_ref().map_or((x, y), |(x, y)| (x.as_ref(), y.as_ref()));
    let means = if let Some(border) = options.coarsest.padding() {
        let wide = |plane| padded(plane, Window::Gaussian.taps() as usize / 2, border);
        let (x, y) = (wide(x), wide(y));
        similarity(x.as_ref(), y.as_ref(), Window::Gaussian, options.range, cx)?
    } else {
        similarity(x, y, Window::Gaussian, options.range, cx)?
    };
    *coarsest = means.ssim;
    Ok(terms)
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
        Pooling::Drop => ((0, w / 2), (0, h / 2)),
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
            Pooling::Drop => (0, 0),
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
    fn halving_odd_and_even_sizes_follows_the_peers() {
        for (w, h) in [(8, 6), (9, 7), (9, 6), (8, 7), (1, 1), (2, 1), (1, 2)] {
            let image = synthetic(Size::new(w, h));
            for pooling in [Pooling::Replicate, Pooling::Zero, Pooling::Drop] {
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
    fn one_channel_has_one_mean_and_mirrored_windows_change_the_coarsest_scale_only() {
        let x = synthetic(Size::new(176, 165));
        let y = noisy(&x, 0.1, 8);
        let plain = MsSsim::default();
        let terms_first = MsSsim { channels: ChannelMean::Terms, ..plain };
        assert_eq!(score_of(&x, &y, &terms_first), score_of(&x, &y, &plain));
        let mirrored = MsSsim { coarsest: SsimBorder::Reflect101, ..plain };
        let of = |o: &MsSsim| terms(x.plane(0), y.plane(0), o, &Context::default()).unwrap();
        let (a, b) = (of(&plain), of(&mirrored));
        assert_eq!(a[..4], b[..4]);
        assert!(a[4] != b[4] && score_of(&x, &x, &mirrored) == 1.0);
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
