//! Regression by support vectors with Gaussian kernels.
//!
//! ```text
//! f(x) = b + sum_i c_i exp(-gamma |x - x_i|^2)
//! c = argmin 1/2 c' K c - c' (y - b) + epsilon |c|_1,   |c_i| <= C
//! ```
//!
//! Errors below `epsilon` cost nothing, so most `c_i` may be 0, and their `x_i` are not kept. `b` is the mean of `y` rather
//! than a variable: a universal kernel needs none, and the dual then has no equality, so that it is solved coordinate
//! by coordinate in closed form. Cost of a fit: `n^2` kernels and their memory, `n` per step.
//!
//! Reference: I. Steinwart, D. Hush, C. Scovel, "Training SVMs without offset", JMLR 12, 2011 (no DOI; the same
//! loss as in V. Vapnik, "The nature of statistical learning theory", 1995, doi:10.1007/978-1-4757-2440-0).

use crate::MetricError;
use serde::{Deserialize, Serialize};

/// Passes over all coefficients after which a fit ends in any case.
const PASSES: usize = 2000;

/// A fit ends when no coefficient changes the result by more than this part of `epsilon`.
const TOLERANCE: f64 = 0.01;

/// How [`SupportVectors::fit`] fits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportVectorOptions {
    /// Width of the kernels: `exp(-gamma d^2)`.
    pub gamma: f64,
    /// Bound of a coefficient.
    pub c: f64,
    /// Errors below it cost nothing.
    pub epsilon: f64,
}

/// A function of vectors of one length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportVectors {
    gamma: f64,
    offset: f64,
    coefficients: Vec<f32>,
    vectors: Vec<Vec<f32>>,
}

impl SupportVectors {
    /// Fits `values` at `vectors`.
    ///
    /// # Errors
    /// [`MetricError::Param`] for options that are not above 0 and finite; [`MetricError::Input`] where there are no
    /// vectors, or not as many values, or the vectors differ in length.
    pub fn fit(
        vectors: &[Vec<f32>],
        values: &[f64],
        options: &SupportVectorOptions,
    ) -> Result<Self, MetricError> {
        let &SupportVectorOptions { gamma, c, epsilon } = options;
        for (name, value) in [("gamma", gamma), ("c", c), ("epsilon", epsilon)] {
            if !(value > 0.0 && value.is_finite()) {
                let wanted = "above 0 and finite";
                return Err(MetricError::Param { name, wanted, got: value.to_string() });
            }
        }
        let n = vectors.len();
        if n == 0 || values.len() != n || vectors.iter().any(|v| v.len() != vectors[0].len()) {
            let wanted = "wanted vectors of one length and a value for each";
            let got = format!("{n} vectors and {} values", values.len());
            return Err(MetricError::Input(format!("{wanted}, got {got}")));
        }
        let offset = values.iter().sum::<f64>() / n as f64;
        let kernels: Vec<f64> =
            (0..n * n).map(|k| kernel(&vectors[k / n], &vectors[k % n], gamma)).collect();
        let mut coefficients = vec![0.0_f64; n];
        // K c - (y - b): what is too much at each vector.
        let mut excess: Vec<f64> = values.iter().map(|y| offset - y).collect();
        for _ in 0..PASSES {
            let mut largest = 0.0_f64;
            for i in 0..n {
                // K_ii = 1: the minimum along this coordinate, eq. of soft thresholding.
                let free = coefficients[i] - excess[i];
                let best = (free.abs() - epsilon).max(0.0).copysign(free).clamp(-c, c);
                let step = best - coefficients[i];
                if step != 0.0 {
                    coefficients[i] = best;
                    let row = &kernels[i * n..(i + 1) * n];
                    excess.iter_mut().zip(row).for_each(|(e, k)| *e += step * k);
                    largest = largest.max(step.abs());
                }
            }
            if largest < TOLERANCE * epsilon {
                break;
            }
        }
        let kept = (0..n).filter(|i| coefficients[*i] != 0.0);
        let (coefficients, vectors) =
            kept.map(|i| (coefficients[i] as f32, vectors[i].clone())).unzip();
        Ok(Self { gamma, offset, coefficients, vectors })
    }

    /// The function at `x`.
    ///
    /// # Errors
    /// [`MetricError::Input`] if its length is not that of the vectors.
    pub fn at(&self, x: &[f32]) -> Result<f64, MetricError> {
        let length = self.vectors.first().map_or(x.len(), Vec::len);
        if x.len() != length {
            let got = x.len();
            return Err(MetricError::Input(format!("wanted a vector of {length}, got {got}")));
        }
        let terms = self.coefficients.iter().zip(&self.vectors);
        Ok(self.offset + terms.map(|(c, v)| f64::from(*c) * kernel(v, x, self.gamma)).sum::<f64>())
    }

    /// How many vectors were kept.
    pub fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Is it constant?
    pub fn is_empty(&self) -> bool {
        self.vectors.is_empty()
    }

    /// Lengths agree, and are those of vectors of `length`.
    pub(super) fn fits(&self, length: usize) -> bool {
        self.coefficients.len() == self.vectors.len()
            && self.vectors.iter().all(|v| v.len() == length)
    }
}

fn kernel(a: &[f32], b: &[f32], gamma: f64) -> f64 {
    let square: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    (-gamma * f64::from(square)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    const OPTIONS: SupportVectorOptions =
        SupportVectorOptions { gamma: 2.0, c: 100.0, epsilon: 0.05 };

    fn samples(n: usize, seed: u64) -> (Vec<Vec<f32>>, Vec<f64>) {
        let mut rng = Rng::new(seed, "svr", 0);
        let x: Vec<Vec<f32>> =
            (0..n).map(|_| (0..2).map(|_| 2.0 * rng.uniform() as f32 - 1.0).collect()).collect();
        let y = x.iter().map(|x| f64::from(3.0 * x[0]).sin() + f64::from(x[1])).collect();
        (x, y)
    }

    #[test]
    fn a_smooth_function_is_learned_to_epsilon_by_few_vectors() {
        let (x, y) = samples(400, 1);
        let fit = SupportVectors::fit(&x, &y, &OPTIONS).unwrap();
        assert!(fit.len() < 100, "{}", fit.len());
        let (x, y) = samples(200, 2);
        for (x, y) in x.iter().zip(&y) {
            let got = fit.at(x).unwrap();
            assert!((got - y).abs() < 0.1, "{got} {y} at {x:?}");
        }
    }

    #[test]
    fn the_conditions_of_the_optimum_hold() {
        // At |c| in (0, C) the error is epsilon on the side of the sign of c, at 0 no more, at C no less.
        let (x, mut y) = samples(60, 3);
        y[7] += 5.0;
        let options = SupportVectorOptions { c: 2.0, ..OPTIONS };
        let fit = SupportVectors::fit(&x, &y, &options).unwrap();
        let slack = 3.0 * TOLERANCE * options.epsilon * 60.0;
        let mut kinds = [0; 3];
        for (x, y) in x.iter().zip(&y) {
            let error = y - fit.at(x).unwrap();
            let c = fit.vectors.iter().position(|v| v == x).map_or(0.0, |i| fit.coefficients[i]);
            let c = f64::from(c);
            if c == 0.0 {
                kinds[0] += 1;
                assert!(error.abs() < options.epsilon + slack, "{error}");
            } else if c.abs() < options.c {
                kinds[1] += 1;
                assert!((error * c.signum() - options.epsilon).abs() < slack, "{error} {c}");
            } else {
                kinds[2] += 1;
                assert!(error * c.signum() > options.epsilon - slack, "{error} {c}");
            }
        }
        assert!(kinds.iter().all(|k| *k > 0), "{kinds:?}");
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let (x, y) = samples(5, 1);
        for options in [
            SupportVectorOptions { gamma: 0.0, ..OPTIONS },
            SupportVectorOptions { c: f64::NAN, ..OPTIONS },
            SupportVectorOptions { epsilon: -1.0, ..OPTIONS },
        ] {
            assert!(matches!(
                SupportVectors::fit(&x, &y, &options),
                Err(MetricError::Param { .. })
            ));
        }
        assert!(SupportVectors::fit(&x, &y[1..], &OPTIONS).is_err());
        assert!(SupportVectors::fit(&[], &[], &OPTIONS).is_err());
        let fit = SupportVectors::fit(&x, &y, &OPTIONS).unwrap();
        assert!(fit.at(&[0.0]).is_err());
    }
}
