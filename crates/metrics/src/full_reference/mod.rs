//! Measures of a distorted image against its reference.
//!
//! All take `(reference, distorted, &options, cx)`, compare colors only (alpha is left out), work
//! in `f64` and give the same bytes for any number of threads.

mod compare;
mod conventions;
mod mae;
mod ms_ssim;
mod mse;
mod psnr;
mod ssim;

pub use compare::{CompareOptions, Comparison, INFO as COMPARE_INFO, compare};
pub use conventions::{GrayConversion, OutOfRange, Unit};
pub use mae::{Mae, mae};
pub use ms_ssim::{MsSsim, Pooling, ms_ssim};
pub use mse::{Mse, mse};
pub use psnr::{Psnr, psnr};
pub use ssim::{Ssim, SsimBorder, Window, ssim};
