//! Perceptual hashes of 64 bits, bit for bit those of the Python package imagehash.
//!
//! All see the picture as Pillow's `convert("L")` and at a small size by Pillow's Lanczos filter, in
//! its 8-bit fixed-point arithmetic.

mod a_hash;
mod d_hash;
mod p_hash;
mod perceptual_hash;
mod pillow;
mod w_hash;

pub use a_hash::a_hash;
pub use d_hash::{d_hash, d_hash_vertical};
pub use p_hash::p_hash;
pub use perceptual_hash::{HashKind, PerceptualHash};
pub use w_hash::w_hash;

#[cfg(test)]
mod tests;
