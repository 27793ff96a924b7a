//! Haar wavelet-based perceptual similarity index (`HaarPSI`).
//!
//! ```text
//! S_k = mean over scales 1, 2 of (2 |a_k| |b_k| + C) / (|a_k|^2 + |b_k|^2 + C)
//! W_k = max(|a_k|, |b_k|) at scale 3                        k: horizontal, vertical
//! HaarPSI = l^-1( sum l(S_k) W_k / sum W_k )^2             l(s) = 1 / (1 + exp(-alpha s))
//! ```
//!
//! `a`, `b` are the responses of Haar filters of 2, 4 and 8 pixels to the images averaged over 2 x 2
//! pixels, zeros outside; constants in 8-bit levels. Of color images the luma of YIQ is compared so,
//! and `S` of both chromas, averaged over 2 x 2 pixels, counts with the mean weight. As piq and the
//! authors' program for even sizes. Filters are differences of prefix sums: 4 additions each.
//!
//! Reference: R. Reisenhofer, S. Bosse, G. Kutyniok, T. Wiegand, "A Haar wavelet-based perceptual
//! similarity index for image quality assessment", Signal Processing: Image Communication 61, 2018,
//! doi:10.1016/j.image.2017.11.001.

use super::conventions::{measure_options, require_positive};
use super::maps::{
    LUMA, Map, Outside, YIQ_I, YIQ_Q, luma, mixed, pooled, rgb_planes, similarity, sum_rows,
};
use crate::MetricError;
use restora_image::{ColorSpace, Context, Image, OpError};

measure_options! {
    /// Options of [`haar_psi()`].
    HaarPsi, "haar-psi", "HaarPSI",
    "Reisenhofer, Bosse, Kutyniok, Wiegand, A Haar wavelet-based perceptual similarity index, \
     Signal Processing: Image Communication 61, 2018, doi:10.1016/j.image.2017.11.001";
    c: f64 = 30.0, "30.0", "> 0", "keeps weak responses from counting, in squared 8-bit levels";
    alpha: f64 = 4.2, "4.2", "> 0", "steepness of the logistic function";
}

/// Perceptual similarity in `[0, 1]`, 1 for identical images, more is better; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are less than 16 pixels wide or high, are neither
/// gray nor RGB, or an option is not above 0.
pub fn haar_psi(
    reference: &Image,
    distorted: &Image,
    options: &HaarPsi,
    cx: &Context,
) -> Result<f64, MetricError> {
    require_positive("c", options.c)?;
    require_positive("alpha", options.alpha)?;
    let pair = options.pair(reference, distorted, 16)?;
    let (x, y) = (
        Responses::of(&pair.reference, options.range, cx)?,
        Responses::of(&pair.distorted, options.range, cx)?,
    );
    let logistic = |s: f64| 1.0 / (1.0 + (-options.alpha * s).exp());
    let (w, h) = (x.luma.width, x.luma.height);
    let [weighted, weight] = sum_rows(h, cx, |row| {
        let mut sums = [0.0; 2];
        for at in row * w..(row + 1) * w {
            let mut both = 0.0;
            for (a, b) in x.haar.iter().zip(&y.haar) {
                let [s1, s2] = [0, 1].map(|k| similarity(a[k].data[at], b[k].data[at], options.c));
                let weight = a[2].data[at].max(b[2].data[at]);
                sums[0] += logistic(f64::midpoint(s1, s2)) * weight;
                sums[1] += weight;
                both += weight;
            }
            if let (Some(a), Some(b)) = (&x.chroma, &y.chroma) {
                let [i, q] = [0, 1].map(|k| similarity(a[k].data[at], b[k].data[at], options.c));
                sums[0] += logistic(f64::midpoint(i, q)) * both / 2.0;
                sums[1] += both / 2.0;
            }
        }
        sums
    })?;
    // piq's guard against two flat images, which score 1 so.
    let score = (weighted + f64::EPSILON) / (weight + f64::EPSILON);
    if score >= logistic(1.0) {
        return Ok(1.0);
    }
    Ok(((score / (1.0 - score)).ln() / options.alpha).powi(2))
}

struct Responses {
    luma: Map,
    /// Magnitudes, for both directions at three scales.
    haar: [[Map; 3]; 2],
    chroma: Option<[Map; 2]>,
}

impl Responses {
    fn of(image: &Image, range: f64, cx: &Context) -> Result<Self, MetricError> {
        let margin = (0, (image.size().w() % 2).max(image.size().h() % 2));
        let half = |map: Map| pooled(&map, 2, margin, Outside::Zero, cx);
        let (luma, chroma) = if image.space() == ColorSpace::Gray {
            (half(luma(image, "HaarPSI", range, cx)?)?, None)
        } else {
            let rgb = rgb_planes(image, "HaarPSI")?;
            let channel = |weights| half(mixed(rgb, weights, range, cx)?);
            let smooth = |map: Map| smoothed(&map, cx);
            let chroma = [smooth(channel(YIQ_I)?)?, smooth(channel(YIQ_Q)?)?];
            (channel(LUMA)?, Some(chroma))
        };
        let prefix = Prefix::of(&luma);
        let responses = |down| -> Result<[Map; 3], OpError> {
            let [a, b, c] = [1, 2, 4].map(|half| prefix.haar(half, down, cx));
            Ok([a?, b?, c?])
        };
        let haar = [responses(true)?, responses(false)?];
        Ok(Self { luma, haar, chroma })
    }
}

/// Magnitudes of the means of each pixel, its right, its lower and its lower right neighbor; zeros
/// outside.
fn smoothed(map: &Map, cx: &Context) -> Result<Map, OpError> {
    let (w, h) = (map.width, map.height);
    let at = |x: usize, y: usize| if x < w && y < h { map.data[y * w + x] } else { 0.0 };
    Map::build(w, h, cx, |y, out| {
        for (x, out) in out.iter_mut().enumerate() {
            let sum = at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1);
            *out = (sum / 4.0).abs();
        }
    })
}

/// Sums over all pixels above and to the left.
struct Prefix {
    width: usize,
    height: usize,
    sums: Vec<f64>,
}

impl Prefix {
    fn of(map: &Map) -> Self {
        let (w, h) = (map.width, map.height);
        let mut sums = vec![0.0; (w + 1) * (h + 1)];
        for y in 0..h {
            let (above, below) = sums[y * (w + 1)..].split_at_mut(w + 1);
            let mut row = 0.0;
            for (x, v) in map.row(y).iter().enumerate() {
                row += v;
                below[x + 1] = above[x + 1] + row;
            }
        }
        Self { width: w, height: h, sums }
    }

    /// Magnitudes of the difference between the two halves of a square of `2 half` pixels, over
    /// `2 half`; `down`: the upper less the lower half.
    fn haar(&self, half: usize, down: bool, cx: &Context) -> Result<Map, OpError> {
        let (w, h) = (self.width, self.height);
        let scale = 1.0 / (2 * half) as f64;
        let clip = |i: usize, n: usize| (i + 1).saturating_sub(half).min(n);
        Map::build(w, h, cx, |y, out| {
            let lines = [0, half, 2 * half].map(|d| clip(y + d, h));
            for (x, out) in out.iter_mut().enumerate() {
                let columns = [0, half, 2 * half].map(|d| clip(x + d, w));
                let at = |i: usize, j: usize| self.sums[lines[j] * (w + 1) + columns[i]];
                let square = |i0: usize, j0: usize, i1: usize, j1: usize| {
                    at(i1, j1) - at(i0, j1) - at(i1, j0) + at(i0, j0)
                };
                let difference = if down {
                    square(0, 0, 2, 1) - square(0, 1, 2, 2)
                } else {
                    square(0, 0, 1, 2) - square(1, 0, 2, 2)
                };
                *out = difference.abs() * scale;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::synthetic;

    #[test]
    fn haar_responses_are_sums_of_signed_pixels() {
        let cx = Context::default();
        let image = synthetic(Size::new(13, 11));
        let map = luma(&image, "HaarPSI", 1.0, &cx).unwrap();
        let prefix = Prefix::of(&map);
        for half in [1usize, 2, 4] {
            for down in [true, false] {
                let got = prefix.haar(half, down, &cx).unwrap();
                for y in 0..11i64 {
                    for x in 0..13i64 {
                        let mut sum = 0.0;
                        for j in 1 - half as i64..=half as i64 {
                            for i in 1 - half as i64..=half as i64 {
                                let (u, v) = (x + i, y + j);
                                if (0..13).contains(&u) && (0..11).contains(&v) {
                                    let first = if down { j <= 0 } else { i <= 0 };
                                    let sign = if first { 1.0 } else { -1.0 };
                                    sum += sign * map.data[(v * 13 + u) as usize];
                                }
                            }
                        }
                        let wanted = (sum / (2 * half) as f64).abs();
                        let got = got.data[(y * 13 + x) as usize];
                        assert!((got - wanted).abs() < 1e-9);
                    }
                }
            }
        }
    }

    #[test]
    fn flat_images_score_1() {
        let flat = |v: f32| Image::gray_from_fn(Size::new(16, 16), |_, _| v);
        let score = |a, b| haar_psi(&flat(a), &flat(b), &HaarPsi::default(), &Context::default());
        assert_eq!(score(0.0, 0.0), Ok(1.0));
        // Zeros outside make an edge of the frame, which differs.
        assert!(score(0.2, 0.8).unwrap() < 1.0);
    }
}
