//! Colorfulness: how vivid and varied the colors of a picture are.
//!
//! ```text
//! rg = R - G,   yb = (R + G) / 2 - B                        8-bit levels of sRGB
//! M = sqrt(s_rg^2 + s_yb^2) + 0.3 sqrt(m_rg^2 + m_yb^2)     s deviation, m mean
//! ```
//!
//! The paper's third measure, fitted there to people's ratings: 0 not colorful, 15 slightly, 33 moderately,
//! 45 averagely, 59 quite, 82 highly, 109 extremely. Cost: one pass. Gray pictures score 0.
//!
//! Reference: D. Hasler, S. Suesstrunk, "Measuring colourfulness in natural images", Human Vision and
//! Electronic Imaging VIII, SPIE 5007, 2003, doi:10.1117/12.477378.

use restora_image::{ColorSpace, Image, simd};
use serde::{Deserialize, Serialize};

/// What [`colorfulness`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Colorfulness {
    /// `M`, 0 and above.
    pub score: f32,
    /// 1; 0 for an empty picture or one that is neither gray nor sRGB.
    pub confidence: f32,
}

/// Measures the colors of a picture of any size.
pub fn colorfulness(image: &Image) -> Colorfulness {
    let confidence = if image.size().is_empty() { 0.0 } else { 1.0 };
    if image.space() != ColorSpace::Srgb || confidence == 0.0 {
        let confidence = if image.space() == ColorSpace::Gray { confidence } else { 0.0 };
        return Colorfulness { score: 0.0, confidence };
    }
    let [mut sums, mut squares] = [[0.0_f64; 2]; 2];
    for y in 0..image.size().h() {
        let [r, g, b] = [0, 1, 2].map(|c| image.plane(c).row(y));
        let row = simd(
            #[inline(always)]
            || opponents(r, g, b),
        );
        for i in 0..2 {
            sums[i] += row[0][i];
            squares[i] += row[1][i];
        }
    }
    let n = image.size().len() as f64;
    let mean = sums.map(|s| s / n);
    let variance = [0, 1].map(|i| (squares[i] / n - mean[i] * mean[i]).max(0.0));
    let score = (variance[0] + variance[1]).sqrt() + 0.3 * mean[0].hypot(mean[1]);
    Colorfulness { score: (255.0 * score) as f32, confidence }
}

/// Sums and sums of squares of `rg` and `yb` over a row.
#[inline(always)]
fn opponents(r: &[f32], g: &[f32], b: &[f32]) -> [[f64; 2]; 2] {
    const LANES: usize = 8;
    let n = r.len();
    let (g, b) = (&g[..n], &b[..n]);
    let mut sums = [[0.0_f64; LANES]; 4];
    let mut add = |lane: usize, i: usize| {
        let (red, green) = (f64::from(r[i]), f64::from(g[i]));
        let (rg, yb) = (red - green, 0.5 * (red + green) - f64::from(b[i]));
        sums[0][lane] += rg;
        sums[1][lane] += yb;
        sums[2][lane] += rg * rg;
        sums[3][lane] += yb * yb;
    };
    for i in 0..n / LANES {
        for lane in 0..LANES {
            add(lane, i * LANES + lane);
        }
    }
    for i in n / LANES * LANES..n {
        add(i % LANES, i);
    }
    let [rg, yb, rg2, yb2] = sums.map(|lanes| lanes.iter().sum());
    [[rg, yb], [rg2, yb2]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{synthetic, synthetic_rgb};

    #[test]
    fn a_picture_of_two_halves_has_the_score_of_the_formula() {
        // Red and blue: rg = 255, 0; yb = 127.5, -255.
        let size = Size::new(40, 6);
        let mut image = Image::zeros(size, ColorSpace::Srgb);
        for y in 0..6 {
            for x in 0..40 {
                image.plane_mut(if x < 20 { 0 } else { 2 })[40 * y + x] = 1.0;
            }
        }
        let wanted = f32::hypot(127.5, 191.25) + 0.3 * f32::hypot(127.5, -63.75);
        let got = colorfulness(&image);
        assert!((got.score - wanted).abs() < 1e-3, "{got:?}, wanted {wanted}");
        assert_eq!(got.confidence, 1.0);
    }

    #[test]
    fn gray_has_no_colors_and_half_the_saturation_half_the_score() {
        assert_eq!(colorfulness(&synthetic(Size::new(9, 5))).score, 0.0);
        assert_eq!(colorfulness(&Image::zeros(Size::new(0, 0), ColorSpace::Srgb)).confidence, 0.0);
        let image = synthetic_rgb(Size::new(61, 43));
        let mut pale = image.clone();
        pale.data_mut().iter_mut().for_each(|v| *v = 0.5 + 0.5 * (*v - 0.5));
        let (full, half) = (colorfulness(&image).score, colorfulness(&pale).score);
        assert!(full > 1.0 && (half / full - 0.5).abs() < 1e-4, "{full} {half}");
    }
}
