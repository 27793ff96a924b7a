//! Enlarging by a whole factor, pixel areas on pixel areas (half-pixel centers).
//!
//! The image is mirrored about its edges (`Border::Reflect`, as MATLAB does; Pillow cuts its kernels there instead).
//! Values may overshoot: nothing is clipped before encoding.

pub mod bicubic;
mod factor;
pub mod iterative_back_projection;
pub mod lanczos;
pub(crate) mod polyphase;

pub use bicubic::{Bicubic, bicubic};
pub use factor::{FACTOR, check_factor};
pub use iterative_back_projection::{IterativeBackProjection, iterative_back_projection};
pub use lanczos::{Lanczos, lanczos};
pub use polyphase::with_hidden_filled;
