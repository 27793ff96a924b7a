//! Euclidean distance of all values.
//!
//! ```text
//! d = sqrt(sum (x - y)^2) = sqrt(N MSE)          over all pixels and channels
//! ```
//!
//! Grows with the size of the image; [`nrmse`](fn@super::nrmse) does not. Exact up to the root for 8-bit
//! images, as [`mse`](fn@super::mse). Memory speed.
//!
//! Reference: Z. Wang, A. C. Bovik, "Mean squared error: love it or leave it?", IEEE Signal
//! Processing Magazine 26(1), 2009, doi:10.1109/MSP.2008.930649.

use super::Unit;
use super::conventions::measure_options;
use super::mse::mean_over_values;
use crate::MetricError;
use restora_image::{Context, Image};

measure_options! {
    /// Options of [`euclidean()`].
    Euclidean, "euclidean", "Euclidean distance",
    "Wang, Bovik, Mean squared error: love it or leave it?, IEEE Signal Processing Magazine 26(1), \
     2009, doi:10.1109/MSP.2008.930649";
    unit: Unit = Unit::Nominal, "\"nominal\"", "nominal | 8-bit", "unit of the result";
}

/// Euclidean distance in [`Unit`], 0 for identical images, less is better; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are empty, or cannot be converted as asked.
pub fn euclidean(
    reference: &Image,
    distorted: &Image,
    options: &Euclidean,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, 1)?;
    let mean = mean_over_values(&pair, cx, |d| d * d)?;
    let count = pair.reference.data().len() as f64;
    Ok((mean * count).sqrt() / (255.0 / options.unit.white()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};

    #[test]
    fn a_pixel_off_by_3_and_another_by_4_levels_are_5_apart() {
        let x = Image::zeros(Size::new(9, 7), ColorSpace::Srgb);
        let mut y = x.clone();
        y.data_mut()[5] = 3.0 / 255.0;
        y.data_mut()[100] = 4.0 / 255.0;
        let score = |unit| {
            let options = Euclidean { unit, ..Euclidean::default() };
            euclidean(&x, &y, &options, &Context::default()).unwrap()
        };
        assert!((score(Unit::EightBit) - 5.0).abs() < 1e-12);
        assert!((score(Unit::Nominal) - 5.0 / 255.0).abs() < 1e-12);
    }
}
