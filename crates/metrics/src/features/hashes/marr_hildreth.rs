//! Marr-Hildreth hash: where the sums of an edge filter over blocks are above the mean of their
//! neighborhood.
//!
//! ```text
//! picture:  gray, blurred, 512 x 512 pixels, histogram equalized
//! filter:   k(x, y) = (2 - r^2) exp(r^2 / 2),  r^2 = (x^2 + y^2) / 4,  17 x 17
//! sums:     of the filtered picture over 31 x 31 blocks of 16 x 16 pixels
//! bits:     sum > mean of the 3 x 3 blocks around, of every fourth neighborhood: 64 of 9 bits
//! ```
//!
//! Bit for bit OpenCV's `MarrHildrethHash`. Its exponent is positive where the paper's Laplacian of
//! Gaussian has a negative one: the filter weighs the corners of its window, not the middle. It goes
//! through the blocks by columns. The filter and the sum are one correlation with the window of 32 x
//! 32 pixels that all pixels of a block see, a seventieth of the work.
//!
//! Reference: C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010,
//! after D. Marr, E. Hildreth, "Theory of edge detection", Proc. R. Soc. B 207, 1980,
//! doi:10.1098/rspb.1980.0020.

use super::opencv::{channels, gray, reflect};
use crate::MetricError;
use restora_image::Image;

const SIDE: usize = 512;
const BLOCK: usize = 16;
/// Blocks in a row.
const BLOCKS: usize = 31;
const RADIUS: usize = 8;
/// Pixels in a row that the pixels of a block see.
const SEEN: usize = BLOCK + 2 * RADIUS;

/// A hash of 576 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MarrHildrethHash(pub [u8; 72]);

impl MarrHildrethHash {
    /// In how many of 576 bits two hashes differ.
    pub fn distance(self, other: Self) -> u32 {
        self.0.iter().zip(other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

/// Marr-Hildreth hash.
///
/// # Errors
/// If the image is empty, or neither gray nor RGB.
pub fn marr_hildreth(image: &Image) -> Result<MarrHildrethHash, MetricError> {
    let blurred = gray(&channels(image)?).blurred([8, 28, 56, 72]);
    let picture = blurred.cubic(SIDE, SIDE).equalized();
    let weights = weights();
    let block = |row: usize, column: usize| -> f64 {
        let mut sum = 0.0;
        for (v, line) in weights.iter().enumerate() {
            let y = reflect(row * BLOCK + v, RADIUS, SIDE);
            for (u, weight) in line.iter().enumerate() {
                let x = reflect(column * BLOCK + u, RADIUS, SIDE);
                sum += weight * f64::from(picture.pixels[y * SIDE + x]);
            }
        }
        sum
    };
    let sums: Vec<f64> = (0..BLOCKS * BLOCKS).map(|i| block(i % BLOCKS, i / BLOCKS)).collect();
    let mut hash = [0u8; 72];
    let mut n = 0;
    for column in (0..=BLOCKS - 3).step_by(4) {
        for row in (0..=BLOCKS - 3).step_by(4) {
            let near: [f64; 9] =
                std::array::from_fn(|k| sums[(column + k / 3) * BLOCKS + row + k % 3]);
            let mean = near.iter().sum::<f64>() / 9.0;
            for v in near {
                hash[n / 8] |= u8::from(v > mean) << (7 - n % 8);
                n += 1;
            }
        }
    }
    Ok(MarrHildrethHash(hash))
}

/// What each pixel that a block sees counts in its sum.
fn weights() -> [[f64; SEEN]; SEEN] {
    let filter = |v: usize, u: usize| {
        let away = |i: usize| (i as f64 - RADIUS as f64) / 2.0;
        let square = away(v).powi(2) + away(u).powi(2);
        (2.0 - square) * (square / 2.0).exp()
    };
    let mut weights = [[0.0; SEEN]; SEEN];
    for v in 0..=2 * RADIUS {
        for u in 0..=2 * RADIUS {
            let value = f64::from(filter(v, u) as f32);
            for line in &mut weights[v..v + BLOCK] {
                line[u..u + BLOCK].iter_mut().for_each(|w| *w += value);
            }
        }
    }
    weights
}
