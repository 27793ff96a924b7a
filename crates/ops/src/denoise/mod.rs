//! Denoisers.

pub mod nl_means;

pub use nl_means::{NlMeans, nl_means};
