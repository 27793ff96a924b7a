//! Cosine of the angle between two images as vectors.
//!
//! ```text
//! cos = sum x y / sqrt(sum x^2 sum y^2)          over all pixels and channels
//! ```
//!
//! Blind to a gain. Two black images score 1, a black one and another 0. Sums in `f64` over fixed
//! bands.
//!
//! Reference: G. Salton, A. Wong, C. S. Yang, "A vector space model for automatic indexing",
//! Communications of the ACM 18(11), 1975, doi:10.1145/361219.361220.

use super::conventions::measure_options;
use crate::MetricError;
use restora_image::{Context, Image, map_bands, simd};

measure_options! {
    /// Options of [`cosine()`].
    Cosine, "cosine", "cosine similarity",
    "Salton, Wong, Yang, A vector space model for automatic indexing, Communications of the ACM \
     18(11), 1975, doi:10.1145/361219.361220";
}

/// Cosine similarity in `[-1, 1]`, 1 for identical images, more is better; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are empty, or cannot be converted as asked.
pub fn cosine(
    reference: &Image,
    distorted: &Image,
    options: &Cosine,
    cx: &Context,
) -> Result<f64, MetricError> {
    const BAND: usize = 1 << 16;
    let pair = options.pair(reference, distorted, 1)?;
    let (x, y) = (pair.reference.data(), pair.distorted.data());
    let bands = map_bands(x.len(), BAND, cx, |band| {
        Ok(simd(
            #[inline(always)]
            || products(&x[band.clone()], &y[band]),
        ))
    })?;
    let [xy, xx, yy] = [0, 1, 2].map(|i| bands.iter().map(|b| b[i]).sum::<f64>());
    if xx == 0.0 || yy == 0.0 {
        return Ok(if xx == yy { 1.0 } else { 0.0 });
    }
    Ok(xy / (xx * yy).sqrt())
}

/// Sums of x y, x^2 and y^2.
#[inline(always)]
fn products(x: &[f32], y: &[f32]) -> [f64; 3] {
    const LANES: usize = 16;
    let mut lanes = [[0.0f64; LANES]; 3];
    let mut add = |i: usize, x: f32, y: f32| {
        let (x, y) = (f64::from(x), f64::from(y));
        lanes[0][i] += x * y;
        lanes[1][i] += x * x;
        lanes[2][i] += y * y;
    };
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..LANES {
            add(i, x[i], y[i]);
        }
    }
    for (i, (x, y)) in x_rest.iter().zip(y_rest).enumerate() {
        add(i, *x, *y);
    }
    lanes.map(|l| l.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::synthetic_rgb;

    #[test]
    fn a_gain_does_not_matter_and_no_common_pixel_is_0() {
        let x = synthetic_rgb(Size::new(37, 41));
        let mut y = x.clone();
        y.data_mut().iter_mut().for_each(|v| *v *= 0.25);
        let score = |x: &Image, y: &Image| cosine(x, y, &Cosine::default(), &Context::default());
        assert!((score(&x, &y).unwrap() - 1.0).abs() < 1e-12);
        let (mut a, mut b) = (x.clone(), x.clone());
        a.data_mut()[..2000].fill(0.0);
        b.data_mut()[2000..].fill(0.0);
        assert_eq!(score(&a, &b), Ok(0.0));
        let black = Image::zeros(x.size(), ColorSpace::Srgb);
        assert_eq!((score(&black, &black), score(&black, &x)), (Ok(1.0), Ok(0.0)));
    }
}
