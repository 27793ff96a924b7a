//! Peak signal-to-noise ratio.
//!
//! ```text
//! PSNR = 10 log10(range^2 / MSE)   dB
//! ```
//!
//! With color the mean squared error is over all pixels and channels before the logarithm
//! (scikit-image, OpenCV), not a mean of decibels. Identical images score infinity.
//!
//! Reference: Q. Huynh-Thu, M. Ghanbari, "Scope of validity of PSNR in image/video quality
//! assessment", Electronics Letters 44(13), 2008, doi:10.1049/el:20080522.

use super::conventions::{GrayConversion, OutOfRange, Unit};
use super::mse::{Mse, mse};
use crate::MetricError;
use restora_image::{Context, Image};
use serde::{Deserialize, Serialize};

/// Options of [`psnr()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Psnr {
    /// Compare as gray?
    pub gray: GrayConversion,
    /// Clip to `[0, range]` first?
    pub out_of_range: OutOfRange,
    /// The peak: white, in nominal range.
    pub range: f64,
}

impl Default for Psnr {
    fn default() -> Self {
        Self { gray: GrayConversion::None, out_of_range: OutOfRange::Keep, range: 1.0 }
    }
}

/// Peak signal-to-noise ratio in dB, more is better, infinite for identical images.
///
/// # Errors
/// If the images differ in size or color space, are empty, or cannot be converted as asked.
pub fn psnr(
    reference: &Image,
    distorted: &Image,
    options: &Psnr,
    cx: &Context,
) -> Result<f64, MetricError> {
    let Psnr { gray, out_of_range, range } = *options;
    let unit = Unit::Nominal;
    let error = mse(reference, distorted, &Mse { gray, out_of_range, range, unit }, cx)?;
    Ok(from_mse(error, range))
}

/// PSNR of a mean squared error in nominal range.
pub(super) fn from_mse(error: f64, range: f64) -> f64 {
    10.0 * (range * range / error).log10()
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic};

    #[test]
    fn a_tenth_of_the_range_is_20_db_and_equal_images_are_infinite() {
        let x = synthetic(Size::new(40, 30));
        let mut y = x.clone();
        y.data_mut().iter_mut().for_each(|v| *v += 0.1);
        let cx = Context::default();
        assert!((psnr(&x, &y, &Psnr::default(), &cx).unwrap() - 20.0).abs() < 1e-5);
        let wide = Psnr { range: 10.0, ..Psnr::default() };
        assert!((psnr(&x, &y, &wide, &cx).unwrap() - 40.0).abs() < 1e-5);
        assert_eq!(psnr(&x, &x, &Psnr::default(), &cx), Ok(f64::INFINITY));
    }

    #[test]
    fn psnr_falls_as_noise_rises() {
        let x = synthetic(Size::new(64, 64));
        let score = |s| psnr(&x, &noisy(&x, s, 1), &Psnr::default(), &Context::default()).unwrap();
        assert!(score(0.01) > score(0.02) && score(0.02) > score(0.1));
    }
}
