//! Relative dimensionless global error in synthesis (ERGAS).
//!
//! ```text
//! ERGAS = 100 / ratio * sqrt( mean over channels of MSE_c / mean_c^2 )
//! ```
//!
//! `mean_c` is the reference's mean in that channel, `ratio` the enlargement in pansharpening.
//! torchmetrics' `preds, target` are distorted, reference. Not symmetric.
//!
//! Reference: L. Wald, "Quality of high resolution synthesised images: is there a simple
//! criterion?", Fusion of Earth Data 2000; as used in L. Alparone et al., "Comparison of
//! pansharpening algorithms", IEEE TGRS 45(10), 2007, doi:10.1109/TGRS.2007.904923.

use super::conventions::{measure_options, require_positive};
use super::maps::{level, sum_rows};
use crate::MetricError;
use restora_image::{Context, Image};

measure_options! {
    /// Options of [`ergas()`].
    Ergas, "ergas", "ERGAS",
    "Alparone et al., Comparison of pansharpening algorithms, IEEE TGRS 45(10), 2007, \
     doi:10.1109/TGRS.2007.904923";
    ratio: f64 = 4.0, "4.0", "> 0", "enlargement; 4 is torchmetrics' default";
}

/// ERGAS, 0 for identical images, less is better.
///
/// # Errors
/// If the images differ in size or color space, are empty, cannot be converted as asked, or `ratio`
/// is not above 0.
pub fn ergas(
    reference: &Image,
    distorted: &Image,
    options: &Ergas,
    cx: &Context,
) -> Result<f64, MetricError> {
    require_positive("ratio", options.ratio)?;
    let pair = options.pair(reference, distorted, 1)?;
    let n = pair.size().len() as f64;
    let mut sum = 0.0;
    for (x, y) in pair.reference.planes().zip(pair.distorted.planes()) {
        let [error, total] = sum_rows(pair.size().h(), cx, |row| {
            let mut sums = [0.0; 2];
            for (x, y) in x.row(row).iter().zip(y.row(row)) {
                let (x, y) = (level(*x, 1.0), level(*y, 1.0));
                sums[0] += (x - y).powi(2);
                sums[1] += x;
            }
            sums
        })?;
        // A channel without error adds nothing, be it black.
        sum += if error == 0.0 { 0.0 } else { error / n / (total / n).powi(2) };
    }
    Ok(100.0 / options.ratio * (sum / pair.channels() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};

    #[test]
    fn ten_percent_off_in_every_channel_is_ten_over_the_ratio() {
        let mut x = Image::zeros(Size::new(8, 8), ColorSpace::Srgb);
        for c in 0..3 {
            x.plane_mut(c).fill(0.2 * (c + 1) as f32);
        }
        let mut y = x.clone();
        y.data_mut().iter_mut().for_each(|v| *v *= 1.1);
        let score = |ratio| {
            ergas(&x, &y, &Ergas { ratio, ..Ergas::default() }, &Context::default()).unwrap()
        };
        assert!((score(4.0) - 2.5).abs() < 1e-5 && (score(1.0) - 10.0).abs() < 1e-5);
        let black = Image::zeros(Size::new(8, 8), ColorSpace::Srgb);
        assert_eq!(ergas(&black, &black, &Ergas::default(), &Context::default()), Ok(0.0));
    }
}
