//! Average hash (aHash): which of 8 x 8 pixels are brighter than their mean.
//!
//! Reference: none of its own: N. Krawetz's article of 2011, as in imagehash's `average_hash`; compared
//! with others in H. Farid, "An overview of perceptual hashing", doi:10.54501/jots.v1i1.24.

use super::pillow::{gray, resized};
use super::{PerceptualHash, opencv};
use crate::MetricError;
use restora_image::Image;

/// Average hash.
///
/// # Errors
/// If the image is empty, or neither gray nor RGB.
pub fn a_hash(image: &Image) -> Result<PerceptualHash, MetricError> {
    let small = resized(&gray(image)?, 8, 8);
    // Sums of integers: no rounding decides.
    let sum: u32 = small.pixels.iter().copied().map(u32::from).sum();
    Ok(PerceptualHash::of_bits(small.pixels.iter().map(|v| u32::from(*v) * 64 > sum)))
}

/// Average hash of OpenCV's `AverageHash`, bit for bit. Its bytes hold the first bit lowest.
///
/// # Errors
/// If the image is empty, or neither gray nor RGB.
pub fn a_hash_opencv(image: &Image) -> Result<PerceptualHash, MetricError> {
    let small = opencv::small_gray(image, 8, 8)?;
    let sum: u32 = small.pixels.iter().copied().map(u32::from).sum();
    let mean = (f64::from(sum) / 64.0).round_ties_even();
    Ok(PerceptualHash::of_bits(small.pixels.iter().map(|v| f64::from(*v) > mean)))
}
