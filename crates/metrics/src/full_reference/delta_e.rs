//! Color differences: CIE 1976, CIE 1994 and CIEDE2000, mean and largest over the image.
//!
//! ```text
//! 1976: sqrt(dL^2 + da^2 + db^2)
//! 1994: sqrt(dL^2 + (dC / SC)^2 + (dH / SH)^2)     SC = 1 + 0.045 C1   SH = 1 + 0.015 C1
//! 2000: sqrt(L'^2 + C'^2 + H'^2 + RT C' H')        each over its weight
//! ```
//!
//! in CIE Lab under D65 (2 degrees). The matrix and the white point are scikit-image's, whose last
//! digits differ from those of IEC 61966-2-1: a hundred-thousandth of a unit. Gray images count as
//! `R = G = B`. CIE 1994 takes the chroma of the reference and is not symmetric. `range` scales to
//! white; values outside `[0, range]` are converted by the same formulas.
//!
//! Reference: G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula: implementation
//! notes, supplementary test data, and mathematical observations", Color Research and Application
//! 30(1), 2005, doi:10.1002/col.20070.

use super::conventions::measure_options;
use super::maps::rgb_planes;
use crate::MetricError;
use restora_image::{ColorSpace, Context, Image, map_bands};
use serde::{Deserialize, Serialize};

/// Which formula.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeltaEFormula {
    /// Euclidean distance in Lab.
    #[serde(rename = "cie-1976")]
    Cie1976,
    /// With chroma-dependent weights, for graphic arts.
    #[serde(rename = "cie-1994")]
    Cie1994,
    /// CIEDE2000.
    #[default]
    #[serde(rename = "cie-2000")]
    Cie2000,
}

measure_options! {
    /// Options of [`delta_e()`].
    DeltaE, "delta-e", "delta E",
    "Sharma, Wu, Dalal, The CIEDE2000 color-difference formula: implementation notes, Color \
     Research and Application 30(1), 2005, doi:10.1002/col.20070";
    formula: DeltaEFormula = DeltaEFormula::Cie2000, "\"cie-2000\"",
        "cie-1976 | cie-1994 | cie-2000", "the formula";
}

/// Color differences of an image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColorDifference {
    /// Mean over the pixels.
    pub mean: f64,
    /// The largest.
    pub max: f64,
}

/// Mean and largest color difference, 0 for identical images, less is better; about 1 is just
/// visible.
///
/// # Errors
/// If the images differ in size or color space, are empty, or are neither gray nor RGB.
pub fn delta_e(
    reference: &Image,
    distorted: &Image,
    options: &DeltaE,
    cx: &Context,
) -> Result<ColorDifference, MetricError> {
    let pair = options.pair(reference, distorted, 1)?;
    let (x, y) = (rgb_planes(&pair.reference, "delta E")?, rgb_planes(&pair.distorted, "delta E")?);
    let encoding = Encoding { linear: pair.reference.space() == ColorSpace::LinearRgb };
    let difference = match options.formula {
        DeltaEFormula::Cie1976 => cie_1976,
        DeltaEFormula::Cie1994 => cie_1994,
        DeltaEFormula::Cie2000 => ciede_2000,
    };
    let range = options.range;
    let bands = map_bands(pair.size().h(), 16, cx, |band| {
        let (mut sum, mut max) = (0.0, 0.0);
        for row in band {
            for column in 0..pair.size().w() {
                let lab = |planes: &[restora_image::PlaneRef; 3]| {
                    encoding
                        .lab(planes.map(|p| super::maps::level(p.at(column, row), range) / 255.0))
                };
                let d = difference(lab(&x), lab(&y));
                sum += d;
                max = larger(max, d);
            }
        }
        Ok([sum, max])
    })?;
    let sum: f64 = bands.iter().map(|b| b[0]).sum();
    let max = bands.iter().fold(0.0, |max, b| larger(max, b[1]));
    Ok(ColorDifference { mean: sum / pair.size().len() as f64, max })
}

/// The larger of two numbers, NaN if one is.
fn larger(a: f64, b: f64) -> f64 {
    if b <= a || a.is_nan() { a } else { b }
}

struct Encoding {
    linear: bool,
}

/// X, Y, Z of linear sRGB (scikit-image).
pub(crate) const XYZ: [[f64; 3]; 3] = [
    [0.412453, 0.357580, 0.180423],
    [0.212671, 0.715160, 0.072169],
    [0.019334, 0.119193, 0.950227],
];
/// D65, 2 degrees.
const WHITE: [f64; 3] = [0.95047, 1.0, 1.08883];

impl Encoding {
    fn lab(&self, rgb: [f64; 3]) -> [f64; 3] {
        let linear = rgb.map(|v| match v {
            v if self.linear => v,
            v if v > 0.04045 => ((v + 0.055) / 1.055).powf(2.4),
            v => v / 12.92,
        });
        let f = |row: [f64; 3], white: f64| {
            let t = (row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2]) / white;
            if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 }
        };
        let [x, y, z] = [0, 1, 2].map(|i| f(XYZ[i], WHITE[i]));
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }
}

fn cie_1976(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

fn cie_1994(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (c1, c2) = (a[1].hypot(a[2]), b[1].hypot(b[2]));
    let chroma = c1 - c2;
    // Of the distance in the plane of a and b, what is not chroma is hue.
    let hue = positive((a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2) - chroma * chroma);
    let (sc, sh) = (1.0 + 0.045 * c1, 1.0 + 0.015 * c1);
    ((a[0] - b[0]).powi(2) + (chroma / sc).powi(2) + hue / (sh * sh)).sqrt()
}

/// The steps are those of Sharma et al., section 2.
fn ciede_2000([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    const POW_25_7: f64 = 6_103_515_625.0;
    // Step 1: chroma and hue, a stretched for low chroma, eqs. (2) to (7).
    let mean_chroma = f64::midpoint(a1.hypot(b1), a2.hypot(b2));
    let c7 = mean_chroma.powi(7);
    let stretch = 1.0 + 0.5 * (1.0 - (c7 / (c7 + POW_25_7)).sqrt());
    let (a1, a2) = (stretch * a1, stretch * a2);
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| match b.atan2(a).to_degrees() {
        h if h < 0.0 => h + 360.0,
        h => h,
    };
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    // Step 2: differences, eqs. (8) to (11).
    let gray = c1 * c2 == 0.0;
    let turn = match h2 - h1 {
        _ if gray => 0.0,
        d if d > 180.0 => d - 360.0,
        d if d < -180.0 => d + 360.0,
        d => d,
    };
    let (dl, dc) = (l2 - l1, c2 - c1);
    let dh = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin();
    // Step 3: weights at the means, eqs. (12) to (22).
    let (l, c) = (f64::midpoint(l1, l2), f64::midpoint(c1, c2));
    let h = match h1 + h2 {
        sum if gray => sum,
        sum if (h1 - h2).abs() <= 180.0 => sum / 2.0,
        sum if sum < 360.0 => f64::midpoint(sum, 360.0),
        sum => (sum - 360.0) / 2.0,
    };
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(h - 30.0) + 0.24 * cos(2.0 * h) + 0.32 * cos(3.0 * h + 6.0)
        - 0.20 * cos(4.0 * h - 63.0);
    let l50 = (l - 50.0).powi(2);
    let sl = 1.0 + 0.015 * l50 / (20.0 + l50).sqrt();
    let sc = 1.0 + 0.045 * c;
    let sh = 1.0 + 0.015 * c * t;
    let c7 = c.powi(7);
    let rc = 2.0 * (c7 / (c7 + POW_25_7)).sqrt();
    let angle = 30.0 * (-((h - 275.0) / 25.0).powi(2)).exp();
    let rt = -(2.0 * angle).to_radians().sin() * rc;
    let (dl, dc, dh) = (dl / sl, dc / sc, dh / sh);
    positive(dl * dl + dc * dc + dh * dh + rt * dc * dh).sqrt()
}

/// What rounding makes negative is 0; NaN stays NaN, which `max` would hide.
fn positive(square: f64) -> f64 {
    if square < 0.0 { 0.0 } else { square }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;

    #[test]
    fn ciede2000_gives_the_test_data_of_sharma_wu_and_dalal() {
        // Rows 1, 4, 7, 9, 13, 17, 20, 24 and 34 of their Table 1.
        let rows = [
            ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
            ([50.0, -1.3802, -84.2814], [50.0, 0.0, -82.7485], 1.0000),
            ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
            ([50.0, 2.4900, -0.0010], [50.0, -2.4900, 0.0009], 7.1792),
            ([50.0, -0.0010, 2.4900], [50.0, 0.0009, -2.4900], 4.8045),
            ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
            ([50.0, 2.5, 0.0], [58.0, 24.0, 15.0], 19.4535),
            ([50.0, 2.5, 0.0], [50.0, 3.2592, 0.3350], 1.0000),
            ([2.0776, 0.0795, -1.1350], [0.9033, -0.0636, -0.5514], 0.9082),
        ];
        for (a, b, wanted) in rows {
            let got = ciede_2000(a, b);
            assert!((got - wanted).abs() < 5e-5, "{a:?} {b:?}: {got}, wanted {wanted}");
            assert!((ciede_2000(b, a) - got).abs() < 1e-9);
        }
    }

    #[test]
    fn lab_of_white_black_and_a_linear_image_are_known() {
        let encoded = Encoding { linear: false };
        let white = encoded.lab([1.0; 3]);
        assert!((white[0] - 100.0).abs() < 1e-3 && white[1].abs() < 0.01 && white[2].abs() < 0.02);
        assert!(encoded.lab([0.0; 3]).iter().all(|v| v.abs() < 1e-12));
        let linear =
            Encoding { linear: true }.lab([0.5_f64; 3].map(|v| ((v + 0.055) / 1.055).powf(2.4)));
        assert!((0..3).all(|i| (linear[i] - encoded.lab([0.5; 3])[i]).abs() < 1e-12));
    }

    #[test]
    fn the_largest_difference_is_that_of_the_one_changed_pixel() {
        let x = Image::zeros(Size::new(40, 30), ColorSpace::Srgb);
        let mut y = x.clone();
        for c in 0..3 {
            y.plane_mut(c)[17 * 40 + 3] = 1.0;
        }
        for formula in [DeltaEFormula::Cie1976, DeltaEFormula::Cie1994, DeltaEFormula::Cie2000] {
            let options = DeltaE { formula, ..DeltaE::default() };
            let got = delta_e(&x, &y, &options, &Context::with_threads(2)).unwrap();
            assert!((got.max - 100.0).abs() < 0.05, "{got:?}");
            assert!((got.mean * 1200.0 - got.max).abs() < 1e-9);
            let same = delta_e(&y, &y, &options, &Context::default()).unwrap();
            assert_eq!(same, ColorDifference { mean: 0.0, max: 0.0 });
        }
    }
}
