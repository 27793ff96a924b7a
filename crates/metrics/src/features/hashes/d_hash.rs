//! Difference hash (dHash): which of 9 x 8 pixels are brighter than their left neighbor, or of 8 x 9
//! than their upper one.
//!
//! Reference: none of its own: N. Krawetz's article of 2013, as in imagehash's `dhash` and
//! `dhash_vertical`; compared with others in H. Farid, "An overview of perceptual hashing",
//! doi:10.54501/jots.v1i1.24.

use super::PerceptualHash;
use super::pillow::{gray, resized};
use crate::MetricError;
use restora_image::Image;

/// Difference hash along rows.
///
/// # Errors
/// If the image is empty, or neither gray nor RGB.
pub fn d_hash(image: &Image) -> Result<PerceptualHash, MetricError> {
    let small = resized(&gray(image)?, 9, 8);
    let rows = small.pixels.chunks_exact(9);
    Ok(PerceptualHash::of_bits(rows.flat_map(|row| row.windows(2).map(|p| p[1] > p[0]))))
}

/// Difference hash along columns.
///
/// # Errors
/// If the image is empty, or neither gray nor RGB.
pub fn d_hash_vertical(image: &Image) -> Result<PerceptualHash, MetricError> {
    let small = resized(&gray(image)?, 8, 9);
    let below = &small.pixels[8..];
    Ok(PerceptualHash::of_bits(below.iter().zip(&small.pixels).map(|(b, a)| b > a)))
}
