//! Measures of one image alone.
//!
//! Each answers with values and a `confidence` in `[0, 1]`, never with an error: an image too small
//! to say anything gives confidence 0.

mod block_dct;
mod noise_level;

pub use noise_level::{NoiseLevel, noise_level};
