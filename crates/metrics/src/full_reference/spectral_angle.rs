//! Spectral angle mapper (SAM).
//!
//! ```text
//! SAM = mean over pixels of acos( x . y / (|x| |y|) )        radians
//! ```
//!
//! `x`, `y` are a pixel's colors as vectors: a change of brightness is not seen. A black pixel has no
//! angle; such pixels are left out, or make the score NaN as in torchmetrics. The angle is taken by
//! `atan2` of the two projections, which is exact where `acos` loses half its digits (small angles).
//!
//! Reference: F. A. Kruse et al., "The spectral image processing system (SIPS): interactive
//! visualization and analysis of imaging spectrometer data", Remote Sensing of Environment 44, 1993,
//! doi:10.1016/0034-4257(93)90013-N.

use super::conventions::measure_options;
use super::maps::{level, sum_rows};
use crate::MetricError;
use restora_image::{Context, Image};
use serde::{Deserialize, Serialize};

/// What becomes of pixels without an angle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlackPixels {
    /// They are left out; 0 if there are no others.
    #[default]
    Skip,
    /// The score is NaN.
    Nan,
}

measure_options! {
    /// Options of [`spectral_angle()`].
    SpectralAngle, "spectral-angle", "SAM",
    "Kruse et al., The spectral image processing system (SIPS), Remote Sensing of Environment 44, \
     1993, doi:10.1016/0034-4257(93)90013-N";
    black: BlackPixels = BlackPixels::Skip, "\"skip\"", "skip | nan", "pixels without an angle";
}

/// Mean spectral angle in radians, 0 for identical images, less is better; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are empty, have one channel only, or cannot be
/// converted as asked.
pub fn spectral_angle(
    reference: &Image,
    distorted: &Image,
    options: &SpectralAngle,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, 1)?;
    if pair.channels() < 2 {
        return Err(MetricError::ColorOnly { metric: "SAM" });
    }
    let planes: Vec<_> = pair.reference.planes().zip(pair.distorted.planes()).collect();
    let [sum, count] = sum_rows(pair.size().h(), cx, |row| {
        let mut sums = [0.0; 2];
        for column in 0..pair.size().w() {
            let color = planes
                .iter()
                .map(|(x, y)| (level(x.at(column, row), 1.0), level(y.at(column, row), 1.0)));
            let [xx, yy, xy] = color
                .clone()
                .fold([0.0; 3], |[xx, yy, xy], (x, y)| [xx + x * x, yy + y * y, xy + x * y]);
            if xx == 0.0 || yy == 0.0 {
                if options.black == BlackPixels::Nan {
                    sums[0] = f64::NAN;
                }
                continue;
            }
            // tan(angle / 2) = |a - b| / |a + b| for unit vectors a and b.
            let (a, b) = (xx.sqrt().recip(), yy.sqrt().recip());
            let (minus, plus) = color.fold((0.0, 0.0), |(minus, plus), (x, y)| {
                let (x, y) = (x * a, y * b);
                (minus + (x - y).powi(2), plus + (x + y).powi(2))
            });
            sums[0] += if minus == 0.0 || xy * xy == xx * yy && xy > 0.0 {
                0.0
            } else {
                2.0 * minus.sqrt().atan2(plus.sqrt())
            };
            sums[1] += 1.0;
        }
        sums
    })?;
    Ok(if count == 0.0 && !sum.is_nan() { 0.0 } else { sum / count })
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use std::f64::consts::FRAC_PI_4;

    #[test]
    fn red_and_yellow_are_45_degrees_apart_whatever_their_brightness() {
        let size = Size::new(2, 1);
        let of = |data: [f32; 6]| Image::from_vec(size, ColorSpace::Srgb, data.to_vec()).unwrap();
        let red = of([0.5, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let yellow = of([0.2, 0.9, 0.2, 0.9, 0.0, 0.9]);
        let score = |black| {
            let options = SpectralAngle { black, ..SpectralAngle::default() };
            spectral_angle(&red, &yellow, &options, &Context::default()).unwrap()
        };
        assert!((score(BlackPixels::Skip) - FRAC_PI_4).abs() < 1e-7);
        assert!(score(BlackPixels::Nan).is_nan());
        let same = spectral_angle(&yellow, &yellow, &SpectralAngle::default(), &Context::default());
        assert_eq!(same, Ok(0.0));
    }

    #[test]
    fn a_gray_pair_has_no_colors_to_compare() {
        let x = Image::zeros(Size::new(2, 2), ColorSpace::Gray);
        let got = spectral_angle(&x, &x, &SpectralAngle::default(), &Context::default());
        assert!(matches!(got, Err(MetricError::ColorOnly { .. })));
    }
}
