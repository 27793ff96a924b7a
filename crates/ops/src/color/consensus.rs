//! Consensus: what all estimators of the light say together.
//!
//! ```text
//! x = (estimates of gray world, white patch, shades of gray, gray edge, 2nd-order gray edge, PCA)
//! q(c) = (x - m - 1 c)^T S^-1 (x - m - 1 c)          p(x | c) ~ (1 + q(c) / 5)^-((5 + 12) / 2)
//! ```
//!
//! Each estimate is a pair `(ln r/g, ln b/g)`, which a cast `c` shifts by `c`. Their errors go together in a
//! way that photographs share: where the mean of a picture is warm but its brightest surfaces are not, the
//! scene is warm and the light is not. `m` and `S` were measured as those of `cast_prior`: over 296
//! crops of 150 openly licensed pictures (not the test sets) without a cast and under seven
//! synthesized ones each, half of them exposed so that highlights clip. Cross-validated by picture
//! there, with `u = 0.75`: under casts 6.6 degrees, gray edge alone 9.2, doing nothing 15.7; without a cast 0.9.
//! Casts that clip one channel are the hard ones (9.8 of 22 degrees are left): white patch then says what was cut
//! off, not the light. Leaving it out there, a density of its own for pictures without a cast, and a logistic
//! rule on evidence, size of the cast and misfit all lose more elsewhere than they gain there.
//!
//! Cost: that of the six. Where one of them finds nothing, there is no consensus.
//!
//! Reference: S. Bianco, F. Gasparini, R. Schettini, "Consensus-based framework for illuminant
//! chromaticity estimation", Journal of Electronic Imaging 17(2), 2008, doi:10.1117/1.2921013 (the idea of
//! combining; the weights here come from the joint distribution).

use super::cast_prior::Evidence;
use super::light_method::LightMethod;
use restora_image::{Context, Image, OpError};

/// The estimators, in the order of the numbers below.
const METHODS: [LightMethod; 6] = [
    LightMethod::GrayWorld,
    LightMethod::WhitePatch,
    LightMethod::ShadesOfGray,
    LightMethod::GrayEdge,
    LightMethod::GrayEdge2,
    LightMethod::BrightDarkPca,
];

/// `m`.
const CENTER: [f64; 12] = [
    0.0811, -0.2372, 0.0061, -0.0406, 0.0676, -0.0556, 0.0400, -0.0510, 0.0453, -0.0701, 0.0658,
    -0.1353,
];

/// `S^-1`.
#[rustfmt::skip]
const PRECISION: [[f64; 12]; 12] = [
    [75.17, -5.66, 15.80, -1.59, -132.82, 13.00, 67.58, -1.30, -33.37, -0.89, 2.55, -2.43],
    [-5.66, 24.83, -1.11, 9.64, 9.44, -34.15, -1.15, 27.67, 0.77, -10.62, -6.06, -15.65],
    [15.80, -1.11, 216.62, 24.02, -39.71, 3.03, -36.48, 5.73, -74.67, -16.53, 6.37, -4.95],
    [-1.59, 9.64, 24.02, 151.98, 3.67, -32.22, 9.24, -23.05, -15.67, -41.99, -0.81, -4.86],
    [-132.82, 9.44, -39.71, 3.67, 593.97, 16.73, -198.81, -22.72, 22.36, 5.68, -235.80, -2.40],
    [13.00, -34.15, 3.03, -32.22, 16.73, 133.11, 0.40, -85.83, -5.06, 33.39, -18.56, -11.18],
    [67.58, -1.15, -36.48, 9.24, -198.81, 0.40, 539.27, 36.26, -421.04, -25.49, 10.54, -3.91],
    [-1.30, 27.67, 5.73, -23.05, -22.72, -85.83, 36.26, 364.40, -58.09, -278.39, 17.47, -15.14],
    [-33.37, 0.77, -74.67, -15.67, 22.36, -5.06, -421.04, -58.09, 599.31, 78.53, -10.00, -3.95],
    [-0.89, -10.62, -16.53, -41.99, 5.68, 33.39, -25.49, -278.39, 78.53, 333.81, -11.58, -10.41],
    [2.55, -6.06, 6.37, -0.81, -235.80, -18.56, 10.54, 17.47, -10.00, -11.58, 226.08, 14.12],
    [-2.43, -15.65, -4.95, -4.86, -2.40, -11.18, -3.91, -15.14, -3.95, -10.41, 14.12, 41.18],
];

/// What a picture in linear RGB says of its cast; `None` if one of the estimators finds nothing.
pub(super) fn consensus(linear: &Image, cx: &Context) -> Result<Option<Evidence>, OpError> {
    let mut estimates = [[0.0; 2]; 6];
    for (estimate, method) in estimates.iter_mut().zip(METHODS) {
        match method.estimate(linear, cx)? {
            Some(light) => *estimate = light.log_chroma(),
            None => return Ok(None),
        }
    }
    Ok(Some(evidence(estimates)))
}

fn evidence(estimates: [[f64; 2]; 6]) -> Evidence {
    let flat = estimates.as_flattened();
    let off: [f64; 12] = std::array::from_fn(|i| flat[i] - CENTER[i]);
    let drawn = PRECISION.map(|row| row.iter().zip(off).map(|(p, d)| p * d).sum::<f64>());
    // 1 stands for six identities of 2 x 2 on top of each other.
    let pull = [0, 1].map(|k| drawn.iter().skip(k).step_by(2).sum());
    let stiffness = [(0, 0), (0, 1), (1, 1)].map(|(a, b)| {
        let rows = PRECISION.iter().skip(a).step_by(2);
        rows.map(|row| row.iter().skip(b).step_by(2).sum::<f64>()).sum()
    });
    let none = drawn.iter().zip(off).map(|(p, d)| p * d).sum();
    Evidence { numbers: 12.0, none, pull, stiffness }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_precision_is_symmetric_and_positive() {
        // Cholesky's factors exist.
        let mut l = [[0.0_f64; 12]; 12];
        for i in 0..12 {
            for j in 0..=i {
                assert_eq!(PRECISION[i][j], PRECISION[j][i]);
                let sum: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
                let rest = PRECISION[i][j] - sum;
                l[i][j] = if i == j { rest.sqrt() } else { rest / l[j][j] };
                assert!(l[i][j].is_finite());
            }
        }
    }

    #[test]
    fn a_shift_of_all_estimates_is_a_shift_of_the_evidence() {
        let center: [[f64; 2]; 6] = std::array::from_fn(|i| [CENTER[2 * i], CENTER[2 * i + 1]]);
        let at = evidence(center.map(|[r, b]| [r + 0.2, b - 0.3]));
        let best = at.best();
        assert!((best[0] - 0.2).abs() < 1e-9 && (best[1] + 0.3).abs() < 1e-9, "{best:?}");
        // Nothing but the cast is off: the least of q is 0.
        assert!(at.distance([0.2, -0.3]).abs() < 1e-9);
        let oracle = |c: [f64; 2]| {
            let d: Vec<f64> = (0..12).map(|i| [0.2, -0.3][i % 2] - c[i % 2]).collect();
            (0..12)
                .map(|i| (0..12).map(|j| d[i] * PRECISION[i][j] * d[j]).sum::<f64>())
                .sum::<f64>()
        };
        for c in [[0.0, 0.0], [0.5, 0.1], [-0.3, 0.2]] {
            assert!((at.distance(c) - oracle(c)).abs() < 1e-6 * oracle(c), "{c:?}");
        }
    }
}
