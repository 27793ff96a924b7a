//! DCT subband similarity (DSS).
//!
//! ```text
//! DSS = sum over subbands of w_mn * mean of the least 5 % of (2 sx sy + c) / (sx^2 + sy^2 + c)
//! ```
//!
//! A subband holds coefficient `m, n` of every block of 8 x 8 pixels; `s` are standard deviations
//! under 3 x 3 Gaussian taps of sigma 1.5, zeros outside. c = 300; 1000 for the DC subband, whose
//! score is multiplied by that of `(sxy + c) / (sx sy + c)`. Weights fall as a Gaussian of sigma 1.55
//! with the frequency; those below 0.01 are left out. Luma of color images; what does not fill a
//! block is left out. As piq; at least one value is averaged, where piq's 5 % may be none.
//!
//! Reference: A. Balanov, A. Schwartz, Y. Moshe, N. Peleg, "Image quality assessment based on DCT
//! subband similarity", ICIP 2015, doi:10.1109/ICIP.2015.7351172.

use super::block_dct::{SIDE, basis, transformed};
use super::conventions::measure_options;
use super::maps::{Map, luma};
use super::moments::gaussian_taps;
use crate::MetricError;
use restora_image::{Context, Image, OpError, map_bands};

const SIGMA_WEIGHT: f64 = 1.55;
const LEAST_WEIGHT: f64 = 0.01;
const SHARE: f64 = 0.05;
const C_DC: f64 = 1000.0;
const C_AC: f64 = 300.0;

measure_options! {
    /// Options of [`dss()`].
    Dss, "dss", "DSS",
    "Balanov, Schwartz, Moshe, Peleg, Image quality assessment based on DCT subband similarity, \
     ICIP 2015, doi:10.1109/ICIP.2015.7351172";
}

/// DCT subband similarity, 1 for identical images, more is better; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are less than 8 pixels wide or high, or are neither
/// gray nor RGB.
pub fn dss(
    reference: &Image,
    distorted: &Image,
    options: &Dss,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, SIDE as u32)?;
    let map = |image| luma(image, "DSS", options.range, cx);
    let (x, y) = (map(&pair.reference)?, map(&pair.distorted)?);
    let weight = |m: usize, n: usize| {
        let square = |i: usize| (i as f64 + 0.5).powi(2);
        let weight = (-(square(m) + square(n)) / (2.0 * SIGMA_WEIGHT * SIGMA_WEIGHT)).exp();
        if weight < LEAST_WEIGHT { 0.0 } else { weight }
    };
    let used: Vec<(usize, usize, f64)> = (0..SIDE * SIDE)
        .map(|i| (i / SIDE, i % SIDE, weight(i / SIDE, i % SIDE)))
        .filter(|(_, _, weight)| *weight > 0.0)
        .collect();
    let total: f64 = used.iter().map(|(_, _, weight)| weight).sum();
    let (a, b) = (Subbands::of(&x, cx)?, Subbands::of(&y, cx)?);
    let scores = map_bands(used.len(), 1, cx, |one| {
        let (m, n, weight) = used[one.start];
        let at = m * SIDE + n;
        Ok(weight / total * likeness(&a.bands[at], &b.bands[at], a.across, m + n == 0))
    })?;
    Ok(scores.iter().sum())
}

/// Coefficients of all blocks, subband by subband.
struct Subbands {
    across: usize,
    bands: Vec<Vec<f64>>,
}

impl Subbands {
    fn of(map: &Map, cx: &Context) -> Result<Self, OpError> {
        let basis = basis();
        let (across, down) = (map.width / SIDE, map.height / SIDE);
        let rows = map_bands(down, 1, cx, |row| {
            let blocks = (0..across).map(|x| transformed(map, x * SIDE, row.start * SIDE, &basis));
            Ok(blocks.collect::<Vec<_>>())
        })?;
        let blocks: Vec<[f64; SIDE * SIDE]> = rows.into_iter().flatten().collect();
        let band = |i: usize| blocks.iter().map(|block| block[i]).collect();
        Ok(Self { across, bands: (0..SIDE * SIDE).map(band).collect() })
    }
}

fn likeness(x: &[f64], y: &[f64], width: usize, is_dc: bool) -> f64 {
    let taps = gaussian_taps::<3>(1.5);
    let blurred = |value: &dyn Fn(usize) -> f64| blurred(width, x.len() / width, &taps, value);
    let (mx, my) = (blurred(&|i| x[i]), blurred(&|i| y[i]));
    // `max` would turn NaN into 0.
    let positive = |v: f64| if v < 0.0 { 0.0 } else { v };
    let variance = |v: &[f64], mean: &[f64]| -> Vec<f64> {
        let squares = blurred(&|i| v[i] * v[i]);
        squares.iter().zip(mean).map(|(s, m)| positive(s - m * m)).collect()
    };
    let (vx, vy) = (variance(x, &mx), variance(y, &my));
    let c = if is_dc { C_DC } else { C_AC };
    let contrast = (0..x.len()).map(|i| (2.0 * (vx[i] * vy[i]).sqrt() + c) / (vx[i] + vy[i] + c));
    let score = mean_of_least(contrast.collect());
    if !is_dc {
        return score;
    }
    let products = blurred(&|i| x[i] * y[i]);
    let structure =
        (0..x.len()).map(|i| (products[i] - mx[i] * my[i] + c) / ((vx[i] * vy[i]).sqrt() + c));
    score * mean_of_least(structure.collect())
}

/// 3 x 3 taps over values that lie row by row, zeros outside.
fn blurred(width: usize, height: usize, taps: &[f64; 3], value: &dyn Fn(usize) -> f64) -> Vec<f64> {
    let mut out = vec![0.0; width * height];
    for y in 0..height {
        for x in 0..width {
            let v = value(y * width + x);
            for (j, down) in taps.iter().enumerate() {
                for (i, across) in taps.iter().enumerate() {
                    let (x, y) = (x + i, y + j);
                    if (1..=width).contains(&x) && (1..=height).contains(&y) {
                        out[(y - 1) * width + x - 1] += down * across * v;
                    }
                }
            }
        }
    }
    out
}

fn mean_of_least(mut values: Vec<f64>) -> f64 {
    let count = ((SHARE * values.len() as f64).round_ties_even() as usize).max(1);
    if values.iter().any(|v| v.is_nan()) {
        return f64::NAN;
    }
    values.select_nth_unstable_by(count - 1, f64::total_cmp);
    values[..count].iter().sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic};

    #[test]
    fn the_mean_is_of_the_least_twentieth() {
        let values: Vec<f64> = (0..40).rev().map(f64::from).collect();
        assert_eq!(mean_of_least(values), 0.5);
        assert_eq!(mean_of_least(vec![2.0, 1.0]), 1.0);
    }

    #[test]
    fn what_does_not_fill_a_block_does_not_count() {
        let x = synthetic(Size::new(47, 40));
        let y = noisy(&x, 0.1, 3);
        let cut = |i: &Image| i.crop(restora_image::Rect { x: 0, y: 0, width: 40, height: 40 });
        let score = |x: &Image, y: &Image| dss(x, y, &Dss::default(), &Context::default()).unwrap();
        assert_eq!(score(&x, &y), score(&cut(&x), &cut(&y)));
    }
}
