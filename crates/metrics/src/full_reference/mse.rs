//! Mean squared error.
//!
//! ```text
//! MSE = 1/N sum (x - y)^2        over all pixels and channels
//! ```
//!
//! Differences are taken of `f32` values scaled to 8-bit levels: `v / 255 * 255` gives the integer
//! back for each of the 256 levels, so the error of two 8-bit images is exact, which it is not in
//! nominal range (0.1 in a million off). Sums are in `f64` over fixed bands added in order. Memory
//! speed: one pass, no copy unless a conversion is asked for.
//!
//! Reference: Z. Wang, A. C. Bovik, "Mean squared error: love it or leave it?", IEEE Signal
//! Processing Magazine 26(1), 2009, doi:10.1109/MSP.2008.930649.

use super::conventions::{GrayConversion, OutOfRange, Pair, Unit};
use crate::MetricError;
use restora_image::{Context, Image, map_bands, simd};
use serde::{Deserialize, Serialize};

/// Options of [`mse()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mse {
    /// Compare as gray?
    pub gray: GrayConversion,
    /// Clip to `[0, range]` first?
    pub out_of_range: OutOfRange,
    /// White, in nominal range; used for clipping only.
    pub range: f64,
    /// Unit of the result, squared.
    pub unit: Unit,
}

impl Default for Mse {
    fn default() -> Self {
        Self {
            gray: GrayConversion::None,
            out_of_range: OutOfRange::Keep,
            range: 1.0,
            unit: Unit::Nominal,
        }
    }
}

/// Mean squared error in [`Unit`] squared, at least 0, less is better; NaN if a value is.
///
/// # Errors
/// If the images differ in size or color space, are empty, or cannot be converted as asked.
pub fn mse(
    reference: &Image,
    distorted: &Image,
    options: &Mse,
    cx: &Context,
) -> Result<f64, MetricError> {
    let Mse { gray, out_of_range, range, unit } = *options;
    let pair = Pair::new(reference, distorted, gray, out_of_range, range)?;
    pair.require("MSE", 1)?;
    let levels = mean_over_values(&pair, cx, |d| d * d)?;
    Ok(levels / (255.0 / unit.white()).powi(2))
}

/// The mean of `term` over the differences of all values in 8-bit levels.
pub(super) fn mean_over_values(
    pair: &Pair,
    cx: &Context,
    term: impl Fn(f32) -> f32 + Copy + Sync,
) -> Result<f64, MetricError> {
    // 64 Ki values: two 256 KiB windows, which stay in the second-level cache of one core.
    const BAND: usize = 1 << 16;
    let (x, y) = (pair.reference.data(), pair.distorted.data());
    let sums = map_bands(x.len(), BAND, cx, |band| {
        Ok(simd(
            #[inline(always)]
            || sum(&x[band.clone()], &y[band], term),
        ))
    })?;
    Ok(sums.iter().sum::<f64>() / x.len() as f64)
}

#[inline(always)]
fn sum(x: &[f32], y: &[f32], term: impl Fn(f32) -> f32 + Copy) -> f64 {
    const LANES: usize = 32;
    let mut lanes = [0.0f64; LANES];
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..LANES {
            lanes[i] += f64::from(term(x[i] * 255.0 - y[i] * 255.0));
        }
    }
    for (i, (x, y)) in x_rest.iter().zip(y_rest).enumerate() {
        lanes[i] += f64::from(term(x * 255.0 - y * 255.0));
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Cancel, ColorSpace, Plane, Rect, Size};
    use restora_testkit::{noisy, synthetic_rgb};

    #[test]
    fn errors_of_8_bit_images_are_exact() {
        let size = Size::new(16, 16);
        let x = Image::gray_from_fn(size, |x, y| (16 * y + x) as f32 / 255.0);
        let y = Image::gray_from_fn(size, |x, y| (255 - 16 * y - x) as f32 / 255.0);
        let squares: u64 = (0..256i64).map(|v| ((2 * v - 255) * (2 * v - 255)) as u64).sum();
        let options = Mse { unit: Unit::EightBit, ..Mse::default() };
        let got = mse(&x, &y, &options, &Context::default()).unwrap();
        assert_eq!(got, squares as f64 / 256.0);
        let nominal = mse(&x, &y, &Mse::default(), &Context::default()).unwrap();
        assert!((nominal * 65025.0 - got).abs() < 1e-9);
    }

    #[test]
    fn the_sum_equals_a_naive_one_at_any_size_and_thread_count() {
        let whole = synthetic_rgb(Size::new(301, 97));
        for (width, height) in [(1, 1), (1, 9), (7, 1), (2, 3), (301, 97)] {
            let x = whole.crop(Rect { x: 0, y: 0, width, height });
            let y = noisy(&x, 0.1, 3);
            let naive = x
                .data()
                .iter()
                .zip(y.data())
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
                .sum::<f64>()
                / x.data().len() as f64;
            let got = mse(&x, &y, &Mse::default(), &Context::default()).unwrap();
            assert!((got / naive - 1.0).abs() < 1e-6, "{got} {naive}");
            assert_eq!(mse(&y, &x, &Mse::default(), &Context::default()), Ok(got));
            assert_eq!(mse(&x, &y, &Mse::default(), &Context::with_threads(3)), Ok(got));
        }
    }

    #[test]
    fn clipping_counts_only_what_is_inside_the_range_and_alpha_never_counts() {
        let size = Size::new(2, 1);
        let x = Image::from_vec(size, ColorSpace::Gray, vec![1.0, 0.0]).unwrap();
        let mut y = Image::from_vec(size, ColorSpace::Gray, vec![1.5, -0.5]).unwrap();
        y.alpha = Some(Plane::zeros(size));
        let clip = Mse { out_of_range: OutOfRange::Clip, ..Mse::default() };
        assert_eq!(mse(&x, &y, &clip, &Context::default()), Ok(0.0));
        assert_eq!(mse(&x, &y, &Mse::default(), &Context::default()), Ok(0.25));
    }

    #[test]
    fn bad_calls_are_errors() {
        let a = Image::zeros(Size::new(2, 2), ColorSpace::Gray);
        let b = Image::zeros(Size::new(2, 3), ColorSpace::Gray);
        let none = Image::zeros(Size::new(0, 2), ColorSpace::Gray);
        let cx = Context::default();
        assert!(matches!(mse(&a, &b, &Mse::default(), &cx), Err(MetricError::SizeMismatch { .. })));
        assert!(matches!(
            mse(&none, &none, &Mse::default(), &cx),
            Err(MetricError::TooSmall { .. })
        ));
        for range in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let options = Mse { range, ..Mse::default() };
            let got = mse(&a, &a, &options, &cx);
            assert!(matches!(got, Err(MetricError::Param { name: "range", .. })));
        }
        let cancel = Cancel::default();
        cancel.cancel();
        let cx = Context { cancel: Some(&cancel), ..cx };
        assert_eq!(mse(&a, &a, &Mse::default(), &cx), Err(MetricError::Cancelled));
    }
}
