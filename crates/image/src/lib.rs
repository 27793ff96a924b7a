//! What *is* an image, and what may act on it?
//!
//! Planar `f32` images in nominal range `[0, 1]`, masks, color spaces, borders, tiles, native-depth
//! [`Raster`]s, the [`Context`] every algorithm runs in, and the [`Operation`] trait that the belt
//! is made of. This crate never opens a file and knows no algorithm.

mod border;
mod color;
mod context;
mod error;
mod image;
pub mod jpeg_tables;
mod mask;
mod noise_model;
mod operation;
mod plane;
mod raster;
mod rng;
mod rows;
mod sample;
mod scale;
mod simd;
mod size;

pub use border::Border;
pub use color::{ColorSpace, from_opponent, linear_to_srgb, srgb_to_linear, to_luma, to_opponent};
pub use context::{Cancel, Context, NoProgress, Progress};
pub use error::{ErrorKind, OpError};
pub use image::Image;
pub use mask::Mask;
pub use noise_model::{ChannelNoise, NoiseModel, Sigma, beyond_range};
pub use operation::{OpInfo, Operation, ParamInfo};
pub use plane::{Plane, PlaneMut, PlaneRef};
pub use raster::{Layout, Pixels, Raster};
pub use rng::Rng;
pub use rows::{for_each_band, map_bands};
pub use sample::{Depth, Meta, Sample, SavedJpeg};
pub use scale::Scale;
pub use simd::simd;
pub use size::{Rect, Size};
