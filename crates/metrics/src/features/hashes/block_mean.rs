//! Block mean hash: which of 16 x 16 blocks of a picture of 256 x 256 pixels are at least as bright as
//! the whole.
//!
//! The block hash of the paper (its method 1) with the mean in place of the median, as OpenCV's
//! `BlockMeanHash` has it, bit for bit.
//!
//! Reference: C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010,
//! after B. Yang, F. Gu, X. Niu, "Block mean value based image perceptual hashing", IIH-MSP 2006,
//! doi:10.1109/IIH-MSP.2006.265125.

use super::opencv::small_gray;
use crate::MetricError;
use restora_image::Image;

const SIDE: usize = 256;
const BLOCK: usize = 16;

/// A hash of 256 bits, row by row, the first one lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockMeanHash(pub [u8; 32]);

impl BlockMeanHash {
    /// In how many of 256 bits two hashes differ.
    pub fn distance(self, other: Self) -> u32 {
        self.0.iter().zip(other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

/// Block mean hash.
///
/// # Errors
/// If the image is empty, or neither gray nor RGB.
pub fn block_mean(image: &Image) -> Result<BlockMeanHash, MetricError> {
    let small = small_gray(image, SIDE, SIDE)?;
    let mut sums = [0u64; BLOCK * BLOCK];
    for (y, row) in small.pixels.chunks_exact(SIDE).enumerate() {
        for (x, v) in row.iter().enumerate() {
            sums[y / BLOCK * BLOCK + x / BLOCK] += u64::from(*v);
        }
    }
    // The mean of the blocks is that of the picture: integers decide.
    let total: u64 = sums.iter().sum();
    let mut hash = [0; 32];
    for (i, sum) in sums.into_iter().enumerate() {
        hash[i / 8] |= u8::from(sum * 256 >= total) << (i % 8);
    }
    Ok(BlockMeanHash(hash))
}
