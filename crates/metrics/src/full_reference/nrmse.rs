//! Normalized root mean squared error.
//!
//! ```text
//! NRMSE = sqrt(MSE) / norm(reference)
//! ```
//!
//! over all pixels and channels; the norm is the root mean square, the range or the mean of the
//! reference (scikit-image's `normalization`, first its default). Not symmetric. Infinite for a
//! reference whose norm is 0 and an image that differs.
//!
//! Reference: J. R. Fienup, "Invariant error metrics for image reconstruction", Applied Optics
//! 36(32), 1997, doi:10.1364/AO.36.008352.

use super::conventions::measure_options;
use super::maps::level;
use super::mse::mean_over_values;
use crate::MetricError;
use restora_image::{Context, Image, map_bands};
use serde::{Deserialize, Serialize};

/// What the error is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorNorm {
    /// Root mean square of the reference.
    #[default]
    Euclidean,
    /// Its largest less its least value.
    MinMax,
    /// Its mean.
    Mean,
}

measure_options! {
    /// Options of [`nrmse()`].
    Nrmse, "nrmse", "NRMSE",
    "Fienup, Invariant error metrics for image reconstruction, Applied Optics 36(32), 1997, \
     doi:10.1364/AO.36.008352";
    norm: ErrorNorm = ErrorNorm::Euclidean, "\"euclidean\"", "euclidean | min-max | mean",
        "what the root mean squared error is divided by";
}

/// Normalized root mean squared error, 0 for identical images, less is better.
///
/// # Errors
/// If the images differ in size or color space, are empty, or cannot be converted as asked.
pub fn nrmse(
    reference: &Image,
    distorted: &Image,
    options: &Nrmse,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, 1)?;
    let error = mean_over_values(&pair, cx, |d| d * d)?.sqrt();
    if error == 0.0 {
        return Ok(0.0);
    }
    let x = pair.reference.data();
    let bands = map_bands(x.len(), 1 << 16, cx, |band| {
        let mut sums = [0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY];
        for v in &x[band] {
            let v = level(*v, 1.0);
            sums = [sums[0] + v, sums[1] + v * v, sums[2].min(v), sums[3].max(v)];
        }
        Ok(sums)
    })?;
    let n = x.len() as f64;
    let sum = |i: usize| bands.iter().map(|b| b[i]).sum::<f64>();
    let norm = match options.norm {
        ErrorNorm::Euclidean => (sum(1) / n).sqrt(),
        ErrorNorm::Mean => sum(0) / n,
        ErrorNorm::MinMax => {
            let least = bands.iter().map(|b| b[2]).fold(f64::INFINITY, f64::min);
            bands.iter().map(|b| b[3]).fold(f64::NEG_INFINITY, f64::max) - least
        }
    };
    Ok(error / norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;

    #[test]
    fn each_norm_divides_the_same_error() {
        let x = Image::gray_from_fn(Size::new(2, 1), |x, _| [0.2, 0.6][x]);
        let mut y = x.clone();
        y.data_mut().iter_mut().for_each(|v| *v += 0.1);
        let score = |norm| {
            let options = Nrmse { norm, ..Nrmse::default() };
            nrmse(&x, &y, &options, &Context::default()).unwrap()
        };
        assert!((score(ErrorNorm::Mean) - 0.25).abs() < 1e-6);
        assert!((score(ErrorNorm::MinMax) - 0.25).abs() < 1e-6);
        assert!((score(ErrorNorm::Euclidean) - 0.1 / 0.2f64.sqrt()).abs() < 1e-6);
        let same = nrmse(&x, &x, &Nrmse::default(), &Context::default());
        assert_eq!(same, Ok(0.0));
    }
}
