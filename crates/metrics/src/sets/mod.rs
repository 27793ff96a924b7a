//! Descriptions of many vectors at once.

mod k_means;

pub use k_means::{KMeans, KMeansFit, k_means};
