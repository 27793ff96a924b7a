//! Measures of one image alone.
//!
//! Each answers with values and a `confidence` in `[0, 1]`, never with an error: an image too small
//! to say anything gives confidence 0.

mod block_dct;
mod blockiness;
mod blur;
mod exposure;
mod impulse_rate;
mod jpeg_quality;
mod noise_correlation;
mod noise_level;

pub use blockiness::{Blockiness, blockiness};
pub use blur::{Blur, blur};
pub use exposure::{Exposure, exposure};
pub use impulse_rate::{ImpulseRate, impulse_rate};
pub use jpeg_quality::{JpegQuality, jpeg_quality};
pub use noise_correlation::{NoiseCorrelation, noise_correlation};
pub use noise_level::{NoiseLevel, noise_level};
