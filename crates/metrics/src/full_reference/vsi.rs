//! Visual saliency-induced index (VSI).
//!
//! ```text
//! S = S_VS * S_GM^0.4 * (S_M S_N)^0.02        S_* = (2 a b + c) / (a^2 + b^2 + c)
//! VSI = sum S max(vx, vy) / sum max(vx, vy)
//! ```
//!
//! `v` is visual saliency by the same authors' SDSP (see `saliency.rs`), `GM` the gradient magnitude
//! by Scharr's operator of `L`, and `M`, `N` the chromas of the space LMN; averaged over cells of the
//! shorter side / 256 (rounded) pixels, the edge repeated (piq). c = 1.27, 386 and 130. Gray pairs
//! count as `R = G = B` (piq). In `f64`.
//!
//! Reference: L. Zhang, Y. Shen, H. Li, "VSI: a visual saliency-induced index for perceptual image
//! quality assessment", IEEE TIP 23(10), 2014, doi:10.1109/TIP.2014.2346028.

use super::conventions::measure_options;
use super::maps::{
    Map, Outside, gradient, mixed, pooled, rgb_planes, shrinkage, similarity, sum_rows,
};
use super::saliency::saliency;
use crate::MetricError;
use restora_image::{Context, Image};

measure_options! {
    /// Options of [`vsi()`].
    Vsi, "vsi", "VSI",
    "Zhang, Shen, Li, VSI: a visual saliency-induced index for perceptual image quality \
     assessment, IEEE TIP 23(10), 2014, doi:10.1109/TIP.2014.2346028";
}

/// The paper's constants, section IV.
const C1: f64 = 1.27;
const C2: f64 = 386.0;
const C3: f64 = 130.0;
const ALPHA: f64 = 0.4;
const BETA: f64 = 0.02;

/// The space LMN.
const L: [f64; 3] = [0.06, 0.63, 0.27];
const M: [f64; 3] = [0.3, 0.04, -0.35];
const N: [f64; 3] = [0.34, -0.6, 0.17];

/// Visual saliency-induced index in `[0, 1]`, 1 for identical images, more is better; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are less than 3 pixels wide or high, or are neither
/// gray nor RGB.
pub fn vsi(
    reference: &Image,
    distorted: &Image,
    options: &Vsi,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, 3)?;
    let [x, y] = [&pair.reference, &pair.distorted].map(|i| Features::of(i, options.range, cx));
    let (x, y) = (x?, y?);
    let w = x.saliency.width;
    let [alike, weight] = sum_rows(x.saliency.height, cx, |row| {
        let mut sums = [0.0; 2];
        for i in row * w..(row + 1) * w {
            let same = |of: fn(&Features) -> &Map, c| similarity(of(&x).data[i], of(&y).data[i], c);
            let color = same(|f| &f.chroma[0], C3) * same(|f| &f.chroma[1], C3);
            // The real part of the power of a negative number.
            let turn = if color < 0.0 { (BETA * std::f64::consts::PI).cos() } else { 1.0 };
            let s = same(|f| &f.saliency, C1)
                * same(|f| &f.gradient, C2).powf(ALPHA)
                * color.abs().powf(BETA)
                * turn;
            let most = x.saliency.data[i].max(y.saliency.data[i]);
            sums[0] += s * most;
            sums[1] += most;
        }
        sums
    })?;
    Ok((alike + f64::EPSILON) / (weight + f64::EPSILON))
}

struct Features {
    saliency: Map,
    gradient: Map,
    chroma: [Map; 2],
}

impl Features {
    fn of(image: &Image, range: f64, cx: &Context) -> Result<Self, MetricError> {
        let rgb = rgb_planes(image, "VSI")?;
        let cell = shrinkage(image.size().w(), image.size().h());
        let margin = if cell > 1 { (cell / 2, (cell - 1) / 2) } else { (0, 0) };
        let shrunk = |map: &Map| pooled(map, cell, margin, Outside::Replicate, cx);
        let channel = |weights| shrunk(&mixed(rgb, weights, range, cx)?);
        Ok(Self {
            saliency: shrunk(&saliency(rgb, range, cx)?)?,
            gradient: gradient(&channel(L)?, 3.0 / 16.0, 10.0 / 16.0, cx)?,
            chroma: [channel(M)?, channel(N)?],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic, synthetic_rgb};

    #[test]
    fn a_gray_pair_scores_as_the_same_pair_in_three_channels() {
        let x = synthetic(Size::new(40, 33));
        let y = noisy(&x, 0.1, 2);
        let color = |i: &Image| {
            let data = i.data().repeat(3);
            Image::from_vec(i.size(), restora_image::ColorSpace::Srgb, data).unwrap()
        };
        let score = |x: &Image, y: &Image| vsi(x, y, &Vsi::default(), &Context::default()).unwrap();
        assert_eq!(score(&x, &y), score(&color(&x), &color(&y)));
    }

    #[test]
    fn exchanged_channels_lower_the_score() {
        let x = synthetic_rgb(Size::new(64, 50));
        let mut y = x.clone();
        let n = x.size().len();
        y.data_mut().rotate_left(n);
        let got = vsi(&x, &y, &Vsi::default(), &Context::default()).unwrap();
        assert!(got < 0.99, "{got}");
    }
}
