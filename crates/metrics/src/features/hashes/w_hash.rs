//! Wavelet hash (wHash): which cells of an 8 x 8 grid are brighter than their median.
//!
//! The image at the largest power of two that fits loses its mean in the Haar domain, and the low band
//! of 8 x 8 coefficients, sums of square cells, is compared with its median. In exact arithmetic the
//! mean would not matter; but cells that tie with the median (large even surfaces, JPEG) then count by
//! the rounding of the transform there and back, which is therefore done step by step as imagehash
//! does it with `PyWavelets`.
//!
//! Reference: none of its own: imagehash's `whash`, after D. Petrov's article of 2016; the Haar
//! transform as in S. Mallat, "A theory for multiresolution signal decomposition", doi:10.1109/34.192463.

use super::PerceptualHash;
use super::pillow::{gray, resized};
use crate::MetricError;
use restora_image::Image;
use std::f64::consts::FRAC_1_SQRT_2;

/// Wavelet hash by the Haar transform.
///
/// # Errors
/// If the image is empty, or neither gray nor RGB.
pub fn w_hash(image: &Image) -> Result<PerceptualHash, MetricError> {
    let gray = gray(image)?;
    let natural: usize = 1 << gray.width.min(gray.height).ilog2();
    let side = natural.max(8);
    let square = resized(&gray, side, side);
    let levels: Vec<f64> = square.pixels.iter().map(|v| f64::from(*v) / 255.0).collect();
    let mut band = without_mean(levels, side);
    let mut width = side;
    while width > 8 {
        [band, _, _, _] = split(&band, width);
        width /= 2;
    }
    let mut sorted = band.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let median = f64::midpoint(sorted[31], sorted[32]);
    Ok(PerceptualHash::of_bits(band.into_iter().map(|v| v > median)))
}

/// A square transformed down to one coefficient, that one set to 0, and transformed back.
fn without_mean(mut band: Vec<f64>, side: usize) -> Vec<f64> {
    let mut details = Vec::new();
    let mut width = side;
    while width > 1 {
        let [low, across, down, both] = split(&band, width);
        details.push([across, down, both]);
        band = low;
        width /= 2;
    }
    band[0] = 0.0;
    for detail in details.iter().rev() {
        width *= 2;
        band = joined(&band, detail, width);
    }
    band
}

/// The four bands of a square: low, details across, down, and both.
fn split(from: &[f64], width: usize) -> [Vec<f64>; 4] {
    let half = width / 2;
    let low = |a: f64, b: f64| FRAC_1_SQRT_2 * b + FRAC_1_SQRT_2 * a;
    let high = |a: f64, b: f64| -FRAC_1_SQRT_2 * b + FRAC_1_SQRT_2 * a;
    let mut bands = [(); 4].map(|()| vec![0.0; half * half]);
    for y in 0..half {
        let (top, bottom) =
            (&from[2 * y * width..][..width], &from[(2 * y + 1) * width..][..width]);
        for x in 0..half {
            // Columns first.
            let [l0, l1] = [0, 1].map(|i| low(top[2 * x + i], bottom[2 * x + i]));
            let [h0, h1] = [0, 1].map(|i| high(top[2 * x + i], bottom[2 * x + i]));
            let at = y * half + x;
            bands[0][at] = low(l0, l1);
            bands[1][at] = high(l0, l1);
            bands[2][at] = low(h0, h1);
            bands[3][at] = high(h0, h1);
        }
    }
    bands
}

/// The square of `width` that [`split`] takes apart.
fn joined(low: &[f64], [across, down, both]: &[Vec<f64>; 3], width: usize) -> Vec<f64> {
    let half = width / 2;
    let pair = |low: f64, high: f64| {
        let (low, high) = (FRAC_1_SQRT_2 * low, FRAC_1_SQRT_2 * high);
        [low + high, low - high]
    };
    let mut out = vec![0.0; width * width];
    for y in 0..half {
        for x in 0..half {
            let at = y * half + x;
            let (lows, highs) = (pair(low[at], across[at]), pair(down[at], both[at]));
            for i in 0..2 {
                let [top, bottom] = pair(lows[i], highs[i]);
                out[2 * y * width + 2 * x + i] = top;
                out[(2 * y + 1) * width + 2 * x + i] = bottom;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_there_and_back_takes_the_mean_away() {
        let values: Vec<f64> = (0..256).map(|i| f64::from(i * i % 97)).collect();
        let mean = values.iter().sum::<f64>() / 256.0;
        let got = without_mean(values.clone(), 16);
        assert!(got.iter().zip(&values).all(|(g, v)| (g - (v - mean)).abs() < 1e-9));
    }
}
