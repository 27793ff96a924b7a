//! Seeded, reproducible damage for tests and training.
//!
//! What is random depends only on the random stream given (`cx.rng(id, INFO.stream())` on the belt:
//! seed, item and operation) and the place in the image: not on threads, nor on the order of items.
//! Each row draws from a stream of its own. Nothing is clipped but where the damage itself is
//! (a camera's white, JPEG's 8 bits).

pub mod blur;
pub mod camera_noise;
pub mod correlated_noise;
pub mod downscale;
pub mod gaussian_noise;
pub mod jpeg;
pub mod missing_blocks;
pub mod missing_pixels;
pub mod poisson_gaussian_noise;
pub mod random_valued_impulse;
mod rows;
pub mod salt_and_pepper;
pub mod scratches;

pub use blur::{Blur, BlurShape, blur};
pub use camera_noise::{CameraNoise, camera_noise};
pub use correlated_noise::{CorrelatedNoise, correlated_noise};
pub use downscale::{Downscale, downscale};
pub use gaussian_noise::{GaussianNoise, gaussian_noise};
pub use jpeg::{Jpeg, Subsampling, jpeg};
pub use missing_blocks::{MissingBlocks, missing_blocks};
pub use missing_pixels::{MissingPixels, missing_pixels};
pub use poisson_gaussian_noise::{PoissonGaussianNoise, poisson_gaussian_noise};
pub use random_valued_impulse::{RandomValuedImpulse, random_valued_impulse};
pub use salt_and_pepper::{SaltAndPepper, salt_and_pepper};
pub use scratches::{ScratchTone, Scratches, scratches};
