//! Measures of one image alone.
//!
//! Each answers with values and a `confidence` in `[0, 1]`, never with an error: an image too small
//! to say anything gives confidence 0.

mod block_dct;
mod blockiness;
mod blur;
mod brisque;
mod colorfulness;
mod exposure;
mod impulse_rate;
mod jpeg_quality;
mod niqe;
mod noise_correlation;
mod noise_level;
mod scene_statistics;
mod support_vectors;

pub use blockiness::{Blockiness, blockiness};
pub use blur::{Blur, blur};
pub use brisque::{Brisque, BrisqueCard, BrisqueModel, brisque, brisque_features};
pub use colorfulness::{Colorfulness, colorfulness};
pub use exposure::{Exposure, exposure};
pub use impulse_rate::{ImpulseRate, impulse_rate};
pub use jpeg_quality::{JpegQuality, jpeg_quality};
pub use niqe::{Niqe, NiqeCard, NiqeModel, niqe};
pub use noise_correlation::{NoiseCorrelation, noise_correlation};
pub use noise_level::{NoiseLevel, noise_level};
pub use support_vectors::{SupportVectorOptions, SupportVectors};
