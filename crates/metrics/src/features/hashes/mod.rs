//! Perceptual hashes, bit for bit those of the Python package imagehash and of OpenCV's `img_hash`.
//!
//! imagehash's ([`HashKind`]) see the picture as Pillow's `convert("L")` and at a small size by Pillow's
//! Lanczos filter; OpenCV's ([`a_hash_opencv`], [`p_hash_opencv`], [`block_mean`], [`marr_hildreth`],
//! [`radial_variance`]) sample it between two pixels; both in their 8-bit fixed-point arithmetic.

mod a_hash;
mod block_mean;
mod d_hash;
mod marr_hildreth;
mod opencv;
mod p_hash;
mod perceptual_hash;
mod pillow;
mod radial_variance;
mod w_hash;

pub use a_hash::{a_hash, a_hash_opencv};
pub use block_mean::{BlockMeanHash, block_mean};
pub use d_hash::{d_hash, d_hash_vertical};
pub use marr_hildreth::{MarrHildrethHash, marr_hildreth};
pub use p_hash::{p_hash, p_hash_opencv};
pub use perceptual_hash::{HashKind, PerceptualHash};
pub use radial_variance::{RadialVarianceHash, radial_variance};
pub use w_hash::w_hash;

#[cfg(test)]
mod tests;
