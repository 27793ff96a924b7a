//! Chromatic adaptation: what a picture taken under one light would have been under that of sRGB, D65.
//!
//! ```text
//! von Kries: out_c = Y(e) / e_c  v_c                      in the RGB of the picture
//! Bradford:  out = M^-1 B^-1 diag(B w_65 / B w_e) B M v    M: linear sRGB to XYZ, w_e = M e
//! ```
//!
//! with `e` scaled to the luminance `Y(e) = 1`, so that a gray surface keeps its brightness. The diagonal
//! in RGB is exact for casts that were made by gains and for the RGB of a camera sensor; Bradford's
//! sharpened cones are the better model for the eye and for sRGB.
//!
//! Reference: J. von Kries, "Chromatic adaptation", 1902 (no DOI); K. M. Lam, "Metamerism and colour
//! constancy", thesis, University of Bradford, 1985 (no DOI); matrices as in ICC.1:2010, annex E.

use super::illuminant::Illuminant;
use serde::{Deserialize, Serialize};

/// A model of chromatic adaptation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Adaptation {
    /// Gains of red, green and blue.
    #[default]
    VonKries,
    /// Gains of Bradford's cone responses.
    Bradford,
}

/// A matrix by rows.
pub(super) type Matrix = [[f64; 3]; 3];

/// Linear sRGB to XYZ with D65 (IEC 61966-2-1).
const TO_XYZ: Matrix =
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];
/// XYZ to Bradford's cone responses.
const TO_CONES: Matrix =
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]];

/// The matrix for linear RGB that turns light of the color `light` into neutral.
pub(super) fn matrix(light: Illuminant, adaptation: Adaptation) -> Matrix {
    let e = light.rgb();
    let luminance = times(TO_XYZ, e)[1];
    match adaptation {
        Adaptation::VonKries => diagonal(e.map(|v| luminance / v)),
        Adaptation::Bradford => {
            let to_cones = product(TO_CONES, TO_XYZ);
            let (from, to) = (times(to_cones, e), times(to_cones, [luminance; 3]));
            // The cones of light far outside the gamut of lights may be negative.
            let gains = std::array::from_fn(|i| to[i] / from[i].max(1e-3 * to[i]));
            product(inverse(to_cones), product(diagonal(gains), to_cones))
        }
    }
}

/// The light whose correlated color temperature is `kelvin`, `tint` thousandths above the locus of
/// black bodies in CIE 1960 uv (above 0: greener). From 4000 K on the locus is moved to pass through D65
/// at 6504 K, as daylight lies above it; below, the shift fades out towards lamps (2856 K), which are on it.
///
/// The locus is that of M. Krystek, "An algorithm to calculate correlated colour temperature", Color
/// Research & Application 10(1), 1985, doi:10.1002/col.5080100109, for 1000 to 15000 K. `None` where no light
/// has such a color.
pub fn black_body(kelvin: f64, tint: f64) -> Option<Illuminant> {
    const D65: [f64; 2] = [0.197_83, 0.312_21];
    let (at, base) = (locus(kelvin), locus(6504.0));
    let step = 1.0;
    let (low, high) = (locus(kelvin - step), locus(kelvin + step));
    let (du, dv) = (high[0] - low[0], high[1] - low[1]);
    let length = du.hypot(dv);
    // Along falling temperature u rises; the normal with a rising v points to green.
    let normal = [dv / length, -du / length].map(|n| if du < 0.0 { n } else { -n });
    let offset = 1e-3 * tint;
    let daylight = ((1.0 / 2856.0 - 1.0 / kelvin) / (1.0 / 2856.0 - 1.0 / 4000.0)).clamp(0.0, 1.0);
    let u = at[0] + daylight * (D65[0] - base[0]) + offset * normal[0];
    let v = at[1] + daylight * (D65[1] - base[1]) + offset * normal[1];
    let (x, y) = (3.0 * u / (2.0 * u - 8.0 * v + 4.0), 2.0 * v / (2.0 * u - 8.0 * v + 4.0));
    let rgb = times(inverse(TO_XYZ), [x / y, 1.0, (1.0 - x - y) / y]);
    // Blue below about 1900 K lies outside the gamut of sRGB.
    let most = rgb.iter().copied().fold(0.0, f64::max);
    Illuminant::new(rgb.map(|v| v.max(0.01 * most)))
}

/// `(u, v)` of a black body.
fn locus(t: f64) -> [f64; 2] {
    let u = (0.860_117_757 + 1.541_182_54e-4 * t + 1.286_412_12e-7 * t * t)
        / (1.0 + 8.424_202_35e-4 * t + 7.081_451_63e-7 * t * t);
    let v = (0.317_398_726 + 4.228_062_45e-5 * t + 4.204_816_91e-8 * t * t)
        / (1.0 - 2.897_418_16e-5 * t + 1.614_560_53e-7 * t * t);
    [u, v]
}

pub(super) fn times(m: Matrix, v: [f64; 3]) -> [f64; 3] {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

pub(super) fn product(a: Matrix, b: Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum::<f64>()))
}

fn diagonal(d: [f64; 3]) -> Matrix {
    [[d[0], 0.0, 0.0], [0.0, d[1], 0.0], [0.0, 0.0, d[2]]]
}

/// The inverse of a regular matrix, by cofactors.
fn inverse(m: Matrix) -> Matrix {
    let minor = |i: usize, j: usize| {
        let (a, b, c, d) = ((i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3);
        m[a][c] * m[b][d] - m[a][d] * m[b][c]
    };
    let determinant: f64 = (0..3).map(|j| m[0][j] * minor(0, j)).sum();
    std::array::from_fn(|i| std::array::from_fn(|j| minor(j, i) / determinant))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Adaptation; 2] = [Adaptation::VonKries, Adaptation::Bradford];

    #[test]
    fn the_light_becomes_gray_of_its_own_luminance_and_neutral_changes_nothing() {
        for adaptation in BOTH {
            for rgb in [[1.0, 0.72, 0.42], [0.7, 0.86, 1.0], [0.75, 1.0, 0.7]] {
                let light = Illuminant::new(rgb).unwrap();
                let out = times(matrix(light, adaptation), light.rgb());
                let luminance = times(TO_XYZ, light.rgb())[1];
                for v in out {
                    assert!((v - luminance).abs() < 1e-9, "{adaptation:?} {out:?}");
                }
            }
            let same = matrix(Illuminant::NEUTRAL, adaptation);
            for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
                let wanted = if i == j { 1.0 } else { 0.0 };
                assert!((same[i][j] - wanted).abs() < 2e-4, "{adaptation:?} {same:?}");
            }
        }
    }

    #[test]
    fn bradford_from_a_to_d65_is_the_published_matrix() {
        // Illuminant A (0.44757, 0.40745) to D65 in XYZ, www.brucelindbloom.com, tolerance of its white
        // points and of ours, which is that of the rounded sRGB matrix.
        let a = [1.09850, 1.0, 0.35585];
        let light = Illuminant::new(times(inverse(TO_XYZ), a)).unwrap();
        let rgb = matrix(light, Adaptation::Bradford);
        let xyz = product(TO_XYZ, product(rgb, inverse(TO_XYZ)));
        let wanted = [
            [0.844_686_5, -0.117_938_9, 0.394_896_1],
            [-0.136_640_8, 1.104_123_6, 0.129_198_1],
            [0.079_849_7, -0.134_999_0, 3.192_418_4],
        ];
        for (row, wanted) in xyz.iter().zip(wanted) {
            for (v, w) in row.iter().zip(wanted) {
                assert!((v - w).abs() < 4e-3, "{xyz:?}");
            }
        }
    }

    #[test]
    fn temperatures_go_from_red_to_blue_through_d65_and_tint_is_green() {
        let chroma = |kelvin, tint| black_body(kelvin, tint).unwrap().log_chroma();
        let neutral = chroma(6504.0, 0.0);
        assert!(neutral[0].abs() < 2e-3 && neutral[1].abs() < 2e-3, "{neutral:?}");
        let mut last = f64::INFINITY;
        for kelvin in [1500.0, 2856.0, 4000.0, 6504.0, 9000.0, 15_000.0] {
            let [r, b] = chroma(kelvin, 0.0);
            assert!(r - b < last, "{kelvin}");
            last = r - b;
        }
        let [r, b] = chroma(6504.0, 10.0);
        assert!(r < -0.01 && b < -0.01, "{r} {b}");
        // Illuminant A in linear sRGB, from its published x and y.
        let wanted = times(inverse(TO_XYZ), [1.09850, 1.0, 0.35585]);
        let [r, b] = chroma(2856.0, 0.0);
        assert!((r - (wanted[0] / wanted[1]).ln()).abs() < 0.05, "{r} {wanted:?}");
        assert!((b - (wanted[2] / wanted[1]).ln()).abs() < 0.05, "{b} {wanted:?}");
    }
}
