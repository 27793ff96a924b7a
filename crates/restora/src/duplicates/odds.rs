//! How probable it is that two pictures come from one source.
//!
//! ```text
//! p = 1 / (1 + exp(-w . x))
//! x = 1, atanh(edges), atanh(correlation), n                    found by keypoints
//! x = 1, atanh(edges), atanh(correlation), ln(look ratio)       found by their look
//! n = -log10(false alarms) / 10, at most 3
//! ```
//!
//! A logistic regression on planted copies and strangers:
//! `cargo run --release -p restora --example fit_copies` makes the weights again.

use super::Map;

/// Weights of pairs found by keypoints.
const KEYPOINTS: [f64; 4] = [-0.890, 2.631, 1.868, 1.715];
/// Weights of pairs found by their look.
const LOOK: [f64; 4] = [-5.360, 1.993, -1.160, -8.394];

/// The vector `x` of the formula, by which the regression is fitted.
pub fn features(map: &Map) -> [f64; 4] {
    let z = |correlation: f64| correlation.clamp(-0.999, 0.999).atanh();
    let last = match map.inliers {
        0 => map.look_ratio.max(0.01).ln(),
        _ => (-0.1 * map.log10_false_alarms).min(3.0),
    };
    [1.0, z(map.edges), z(map.correlation), last]
}

/// Probability that both pictures are of one source.
pub fn probability(map: &Map) -> f64 {
    let weights = if map.inliers > 0 { KEYPOINTS } else { LOOK };
    let score: f64 = weights.iter().zip(features(map)).map(|(w, x)| w * x).sum();
    1.0 / (1.0 + (-score).exp())
}
