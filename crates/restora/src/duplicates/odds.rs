//! How probable it is that two pictures come from one source.
//!
//! ```text
//! p = 1 / (1 + exp(-w . x)),  x = 1, atanh(edges), atanh(usual edges), atanh(correlation)
//! ```
//!
//! A logistic regression on planted copies and strangers, with weights of their own for pairs found by keypoints and
//! for pairs found by their look. How improbable the homography of the keypoints is tells no more once both pictures are
//! compared under it, and is not asked again.
//! `cargo run --release -p restora --example fit_copies` makes the weights again.

use super::Map;

/// Weights of pairs found by keypoints.
const KEYPOINTS: [f64; 4] = [-0.656, 4.267, 0.0, 2.773];
/// Weights of pairs found by their look.
const LOOK: [f64; 4] = [-7.164, 3.460, -11.307, 3.685];

/// The vector `x` of the formula.
pub fn features(map: &Map) -> [f64; 4] {
    let z = |correlation: f64| correlation.clamp(-0.999, 0.999).atanh();
    [1.0, z(map.edges), z(map.usual_edges), z(map.correlation)]
}

/// Probability that both pictures are of one source.
pub fn probability(map: &Map) -> f64 {
    let weights = if map.inliers > 0 { KEYPOINTS } else { LOOK };
    let score: f64 = weights.iter().zip(features(map)).map(|(w, x)| w * x).sum();
    1.0 / (1.0 + (-score).exp())
}
