//! Mean absolute error.
//!
//! ```text
//! MAE = 1/N sum |x - y|          over all pixels and channels
//! ```
//!
//! Taken in 8-bit levels as in [`mse`](fn@super::mse), so exact for 8-bit images.
//!
//! Reference: C. J. Willmott, K. Matsuura, "Advantages of the mean absolute error (MAE) over the
//! root mean square error (RMSE)", Climate Research 30, 2005, doi:10.3354/cr030079.

use super::conventions::{GrayConversion, OutOfRange, Pair, Unit};
use super::mse::mean_over_values;
use crate::MetricError;
use restora_image::{Context, Image};
use serde::{Deserialize, Serialize};

/// Options of [`mae()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mae {
    /// Compare as gray?
    pub gray: GrayConversion,
    /// Clip to `[0, range]` first?
    pub out_of_range: OutOfRange,
    /// White, in nominal range; used for clipping only.
    pub range: f64,
    /// Unit of the result.
    pub unit: Unit,
}

impl Default for Mae {
    fn default() -> Self {
        Self {
            gray: GrayConversion::None,
            out_of_range: OutOfRange::Keep,
            range: 1.0,
            unit: Unit::Nominal,
        }
    }
}

/// Mean absolute error in [`Unit`], at least 0, less is better; NaN if a value is.
///
/// # Errors
/// If the images differ in size or color space, are empty, or cannot be converted as asked.
pub fn mae(
    reference: &Image,
    distorted: &Image,
    options: &Mae,
    cx: &Context,
) -> Result<f64, MetricError> {
    let Mae { gray, out_of_range, range, unit } = *options;
    let pair = Pair::new(reference, distorted, gray, out_of_range, range)?;
    pair.require("MAE", 1)?;
    Ok(mean_over_values(&pair, cx, f32::abs)? / (255.0 / unit.white()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};

    #[test]
    fn a_constant_offset_is_its_own_error() {
        let x = Image::zeros(Size::new(37, 5), ColorSpace::Srgb);
        let mut y = x.clone();
        y.data_mut().fill(-7.0 / 255.0);
        let cx = Context::default();
        let levels = Mae { unit: Unit::EightBit, ..Mae::default() };
        assert_eq!(mae(&x, &y, &levels, &cx), Ok(7.0));
        assert!((mae(&x, &y, &Mae::default(), &cx).unwrap() - 7.0 / 255.0).abs() < 1e-15);
        assert_eq!(mae(&x, &x, &levels, &cx), Ok(0.0));
    }
}
