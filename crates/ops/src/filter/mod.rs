//! Local filters.

pub mod gaussian;
pub mod separable;

pub use gaussian::{Gaussian, gaussian, gaussian_taps, least_risk_blur};
