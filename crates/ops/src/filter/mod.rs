//! Local filters.

pub mod gaussian;
pub mod median;
pub mod separable;

pub use gaussian::{Gaussian, gaussian, gaussian_taps, least_risk_blur};
pub use median::{Median, median, median_u8};
