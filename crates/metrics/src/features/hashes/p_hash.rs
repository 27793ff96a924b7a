//! Perceptual hash (pHash): which of the 8 x 8 lowest DCT coefficients of 32 x 32 pixels are above
//! their median.
//!
//! Reference: none of its own: imagehash's `phash`, after C. Zauner, "Implementation and benchmarking of
//! perceptual image hash functions", 2010; compared with others in H. Farid, "An overview of perceptual
//! hashing", doi:10.54501/jots.v1i1.24.

use super::pillow::{gray, resized};
use super::{PerceptualHash, opencv};
use crate::MetricError;
use restora_image::Image;
use std::f64::consts::FRAC_1_SQRT_2;

const SIDE: usize = 32;
const LOW: usize = 8;

/// Perceptual hash by the DCT.
///
/// # Errors
/// If the image is empty, or neither gray nor RGB.
pub fn p_hash(image: &Image) -> Result<PerceptualHash, MetricError> {
    let low = low(&resized(&gray(image)?, SIDE, SIDE).pixels, |_, _| 1.0);
    let mut sorted = low;
    sorted.sort_unstable_by(f64::total_cmp);
    let median = f64::midpoint(sorted[LOW * LOW / 2 - 1], sorted[LOW * LOW / 2]);
    Ok(PerceptualHash::of_bits(low.into_iter().map(|c| c > median)))
}

/// Perceptual hash of OpenCV's `PHash`, bit for bit: coefficients of the orthonormal DCT above their
/// mean, the first of them taken as 0. Its bytes hold the first bit lowest.
///
/// # Errors
/// If the image is empty, or neither gray nor RGB.
pub fn p_hash_opencv(image: &Image) -> Result<PerceptualHash, MetricError> {
    let small = opencv::small_gray(image, SIDE, SIDE)?;
    let norm = |k: usize| if k == 0 { FRAC_1_SQRT_2 } else { 1.0 };
    let mut low = low(&small.pixels, |u, v| norm(u) * norm(v));
    low[0] = 0.0;
    let mean = low.iter().sum::<f64>() / low.len() as f64;
    Ok(PerceptualHash::of_bits(low.into_iter().map(|c| c > mean)))
}

/// The lowest coefficients of the DCT-II times their norm, which may leave out a common factor.
fn low(pixels: &[u8], norm: impl Fn(usize, usize) -> f64) -> [f64; LOW * LOW] {
    let wave = |k: usize, i: usize| {
        (std::f64::consts::PI * (k * (2 * i + 1)) as f64 / (2 * SIDE) as f64).cos()
    };
    let waves: Vec<[f64; SIDE]> = (0..LOW).map(|k| std::array::from_fn(|i| wave(k, i))).collect();
    let mut low = [0.0; LOW * LOW];
    for (u, across) in waves.iter().enumerate() {
        let rows: [f64; SIDE] = std::array::from_fn(|y| {
            let row = &pixels[y * SIDE..][..SIDE];
            row.iter().zip(across).map(|(p, c)| f64::from(*p) * c).sum()
        });
        for (v, down) in waves.iter().enumerate() {
            low[v * LOW + u] = norm(u, v) * rows.iter().zip(down).map(|(r, c)| r * c).sum::<f64>();
        }
    }
    low
}
