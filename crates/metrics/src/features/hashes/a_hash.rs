//! Average hash (aHash): which of 8 x 8 pixels are brighter than their mean.
//!
//! Reference: none of its own: N. Krawetz's article of 2011, as in imagehash's `average_hash`; compared
//! with others in H. Farid, "An overview of perceptual hashing", doi:10.54501/jots.v1i1.24.

use super::PerceptualHash;
use super::pillow::{gray, resized};
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
