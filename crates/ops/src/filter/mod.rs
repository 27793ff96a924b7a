//! Local filters.

pub mod adaptive_median;
pub mod bilateral;
pub mod gaussian;
pub mod guided;
pub mod median;
pub mod separable;

pub use adaptive_median::{AdaptiveMedian, adaptive_median};
pub use bilateral::{Bilateral, bilateral};
pub use gaussian::{Gaussian, gaussian, gaussian_taps, least_risk_blur};
pub use guided::{Guided, guided, guided_by};
pub use median::{Median, median, median_u8};
