//! What training makes small.

use crate::engine::parallel::{lanes, parts_sum};
use crate::{LossGradient, NnError, Value};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A loss: the mean over all numbers of a batch, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Squared error.
    Mse,
    /// Absolute error.
    L1,
    /// `sqrt(e^2 + 0.001^2)`: absolute error without its corner (Charbonnier et al. 1994,
    /// doi:10.1109/ICIP.1994.413553).
    Charbonnier,
    /// `10 log10(mse + 1e-5)`, mean over items: minus the PSNR, flat above 50 dB. Every item counts
    /// the same however noisy it is (Chen et al. 2021, arXiv 2105.06086, use it to train denoisers).
    Psnr,
    /// Cross-entropy of a softmax over the channels; the target is a distribution. Mean over pixels.
    CrossEntropy,
}

/// Deviation below which [`Loss::Charbonnier`] is quadratic.
const CHARBONNIER: f32 = 1e-3;
/// The mean squared error of 50 dB.
const FLOOR: f64 = 1e-5;

impl Loss {
    /// The loss of `output` against `target`, and its gradient.
    ///
    /// # Errors
    /// [`NnError::Input`] where the shapes differ.
    pub fn of(self, output: &Value, target: &Value) -> Result<LossGradient, NnError> {
        if (output.n, output.shape()) != (target.n, target.shape()) {
            let (came, wanted) = (output.shape(), target.shape());
            return Err(NnError::Input(format!(
                "the net gives {came:?}, the target is {wanted:?}"
            )));
        }
        let mut gradient = output.clone();
        let n = output.data.len().max(1);
        let mean = 1.0 / n as f32;
        let loss = match self {
            Self::Mse => pointwise(&mut gradient, target, |e| (2.0 * e * mean, e * e)),
            Self::L1 => pointwise(&mut gradient, target, |e| {
                (if e == 0.0 { 0.0 } else { e.signum() * mean }, e.abs())
            }),
            Self::Charbonnier => pointwise(&mut gradient, target, |e| {
                let root = (e * e + CHARBONNIER * CHARBONNIER).sqrt();
                (e / root * mean, root)
            }),
            Self::Psnr => psnr(&mut gradient, target),
            Self::CrossEntropy => cross_entropy(&mut gradient, target),
        };
        Ok((loss, gradient))
    }
}

/// The mean of what `f` says of every error, next to its gradient. Sums in double precision, the same on any
/// number of threads.
fn pointwise(
    gradient: &mut Value,
    target: &Value,
    f: impl Fn(f32) -> (f32, f32) + Sync + Send,
) -> f64 {
    let n = gradient.data.len().max(1);
    let sum = parts_sum(&mut gradient.data, 1, |g, from| {
        let target = &target.data[from..from + g.len()];
        restora_image::simd(
            #[inline(always)]
            || {
                let mut sums = [0.0; 8];
                for (g, t) in g.chunks_mut(8).zip(target.chunks(8)) {
                    for ((g, t), sum) in g.iter_mut().zip(t).zip(&mut sums) {
                        let (slope, loss) = f(*g - t);
                        *g = slope;
                        *sum += f64::from(loss);
                    }
                }
                sums.iter().sum()
            },
        )
    });
    sum / n as f64
}

fn psnr(gradient: &mut Value, target: &Value) -> f64 {
    let (n, item) = (gradient.n.max(1), (gradient.data.len() / gradient.n.max(1)).max(1));
    let items = gradient.data.par_chunks_exact_mut(item).zip(target.data.par_chunks_exact(item));
    let losses = items.map(|(g, t)| {
        restora_image::simd(
            #[inline(always)]
            || {
                g.iter_mut().zip(t).for_each(|(g, t)| *g -= t);
                let mse = lanes(g, |e| f64::from(e * e)) / item as f64 + FLOOR;
                let factor = 20.0 / std::f64::consts::LN_10 / (mse * item as f64 * n as f64);
                for g in g {
                    *g *= factor as f32;
                }
                10.0 * mse.log10()
            },
        )
    });
    losses.collect::<Vec<f64>>().iter().sum::<f64>() / n as f64
}

fn cross_entropy(gradient: &mut Value, target: &Value) -> f64 {
    let (c, pixels) = (gradient.c, gradient.pixels().max(1));
    let total = parts_sum(&mut gradient.data, c, |g, from| {
        let mut total = 0.0;
        for (g, t) in g.chunks_exact_mut(c).zip(target.data[from..].chunks_exact(c)) {
            let largest = g.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = g.iter().map(|x| (x - largest).exp()).sum();
            let log_sum = largest + sum.ln();
            for (g, &t) in g.iter_mut().zip(t) {
                let log_p = *g - log_sum;
                total -= f64::from(t * log_p);
                *g = (log_p.exp() - t) / pixels as f32;
            }
        }
        total
    });
    total / pixels as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Loss; 5] = [Loss::Mse, Loss::L1, Loss::Charbonnier, Loss::Psnr, Loss::CrossEntropy];

    fn pair() -> (Value, Value) {
        let mut rng = restora_image::Rng::new(1, "loss", 0);
        let mut draw = || {
            Value::from_planes(2, [3, 2, 2], &[0.0; 24].map(|_: f32| rng.uniform() as f32)).unwrap()
        };
        (draw(), draw())
    }

    #[test]
    fn gradients_match_finite_differences() {
        let (output, mut target) = pair();
        for pixel in target.data_mut().chunks_exact_mut(3) {
            let sum: f32 = pixel.iter().sum();
            for p in pixel {
                *p /= sum;
            }
        }
        for loss in ALL {
            let (_, gradient) = loss.of(&output, &target).unwrap();
            for i in 0..output.data.len() {
                let at = |h: f32| {
                    let mut moved = output.clone();
                    moved.data[i] += h;
                    loss.of(&moved, &target).unwrap().0
                };
                let wanted = (at(1e-3) - at(-1e-3)) / 2e-3;
                let came = f64::from(gradient.data[i]);
                assert!(
                    (came - wanted).abs() < 1e-3 * wanted.abs().max(0.1),
                    "{loss:?}: {came} against {wanted}"
                );
            }
        }
    }

    #[test]
    fn known_values_come_out() {
        let zeros = Value::zeros(1, [1, 2, 2]);
        let half = Value::from_planes(1, [1, 2, 2], &[0.5; 4]).unwrap();
        let of = |loss: Loss| loss.of(&half, &zeros).unwrap().0;
        assert_eq!(of(Loss::Mse), 0.25);
        assert_eq!(of(Loss::L1), 0.5);
        assert!((of(Loss::Psnr) + 6.0204).abs() < 1e-3);
        let sure = Value::from_planes(1, [2, 1, 1], &[0.0, 0.0]).unwrap();
        let first = Value::from_planes(1, [2, 1, 1], &[1.0, 0.0]).unwrap();
        assert!(
            (Loss::CrossEntropy.of(&sure, &first).unwrap().0 - std::f64::consts::LN_2).abs() < 1e-6
        );
    }
}
