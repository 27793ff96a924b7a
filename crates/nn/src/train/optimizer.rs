//! How weights follow their gradients.

use super::muon;
use crate::NnError;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A rule of descent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum: `v = momentum v + g; w -= rate v`.
    Sgd {
        /// Share of the last step that goes on, `0..1`.
        momentum: f32,
    },
    /// Adam (Kingma and Ba 2015, arXiv 1412.6980).
    Adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).
    AdamW {
        /// Weights shrink by `rate * weight_decay` a step.
        weight_decay: f32,
    },
    /// Adam in the maximum norm (section 7.1 of the same paper).
    Adamax,
    /// Momentum made orthogonal for matrices and filters, Adam for all else (Jordan et al. 2024; scaled
    /// to Adam's rates after Liu et al. 2025, arXiv 2502.16982).
    Muon {
        /// Matrices and filters shrink by `rate * weight_decay` a step.
        #[serde(default)]
        weight_decay: f32,
    },
}

/// Weights that one thread moves at a time.
const PART: usize = 1 << 14;
/// Decay of the first moment.
const BETA1: f32 = 0.9;
/// Decay of the second moment.
const BETA2: f32 = 0.999;
/// Keeps the division finite.
const EPSILON: f32 = 1e-8;

/// The two running moments of one tensor. SGD uses the first one alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    pub first: Vec<f32>,
    pub second: Vec<f32>,
}

impl Optimizer {
    /// # Errors
    /// [`NnError::Param`] if an option is out of range.
    pub fn validate(self) -> Result<(), NnError> {
        match self {
            Self::Sgd { momentum } if !(0.0..1.0).contains(&momentum) => {
                Err(NnError::Param(format!("`momentum` must be in 0..1, got {momentum}")))
            }
            Self::AdamW { weight_decay } | Self::Muon { weight_decay }
                if !(0.0..=1.0).contains(&weight_decay) =>
            {
                Err(NnError::Param(format!("`weight_decay` must be in 0..=1, got {weight_decay}")))
            }
            _ => Ok(()),
        }
    }

    /// Moves `weights` along `gradient * scale`; `step` counts from 1. `columns` of a matrix's row lie
    /// together; 1 for what is no matrix.
    pub(crate) fn update(
        self,
        weights: &mut [f32],
        columns: usize,
        gradient: &[f32],
        moments: &mut Moments,
        [rate, scale]: [f32; 2],
        step: u64,
    ) {
        let n = weights.len();
        moments.first.resize(n, 0.0);
        if let Self::Muon { weight_decay } = self
            && columns > 1
        {
            for w in weights.iter_mut() {
                *w *= 1.0 - rate * weight_decay;
            }
            return muon::update(weights, columns, gradient, &mut moments.first, [rate, scale]);
        }
        if !matches!(self, Self::Sgd { .. }) {
            moments.second.resize(n, 0.0);
        }
        let power = |beta: f32| 1.0 - f64::from(beta).powf(step as f64) as f32;
        let (unbias1, unbias2) = (power(BETA1), power(BETA2));
        let Moments { first, second } = moments;
        let parts = weights.par_chunks_mut(PART).zip(gradient.par_chunks(PART));
        let parts = parts.zip(first.par_chunks_mut(PART));
        if let Self::Sgd { momentum } = self {
            parts.for_each(|((weights, gradient), first)| {
                restora_image::simd(
                    #[inline(always)]
                    || {
                        for ((w, g), v) in weights.iter_mut().zip(gradient).zip(first) {
                            *v = momentum * *v + g * scale;
                            *w -= rate * *v;
                        }
                    },
                );
            });
            return;
        }
        let unbiased_rate = rate / unbias1;
        parts.zip(second.par_chunks_mut(PART)).for_each(
            |(((weights, gradient), first), second)| {
                restora_image::simd(
                    #[inline(always)]
                    || {
                        if self == Self::Adamax {
                            for (((w, g), m), u) in
                                weights.iter_mut().zip(gradient).zip(first).zip(second)
                            {
                                let g = g * scale;
                                *m = BETA1 * *m + (1.0 - BETA1) * g;
                                *u = (BETA2 * *u).max(g.abs() + EPSILON);
                                *w -= unbiased_rate * *m / *u;
                            }
                            return;
                        }
                        let shrink = match self {
                            Self::AdamW { weight_decay } => 1.0 - rate * weight_decay,
                            _ => 1.0,
                        };
                        let unbias = 1.0 / unbias2.sqrt();
                        for (((w, g), m), v) in
                            weights.iter_mut().zip(gradient).zip(first).zip(second)
                        {
                            let g = g * scale;
                            *m = BETA1 * *m + (1.0 - BETA1) * g;
                            *v = BETA2 * *v + (1.0 - BETA2) * g * g;
                            *w = *w * shrink - unbiased_rate * *m / (v.sqrt() * unbias + EPSILON);
                        }
                    },
                );
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a known run: three steps on `w^2 / 2` from 1 with rate 0.1, by the papers' formulas in
    /// double precision.
    fn expected(optimizer: Optimizer) -> f64 {
        let (mut w, mut m, mut v) = (1.0_f64, 0.0_f64, 0.0_f64);
        for t in 1..=3 {
            let g = w;
            let unbias = |b: f64| 1.0 - b.powi(t);
            match optimizer {
                Optimizer::Sgd { momentum } => {
                    m = f64::from(momentum) * m + g;
                    w -= 0.1 * m;
                }
                Optimizer::Adam | Optimizer::AdamW { .. } | Optimizer::Muon { .. } => {
                    if let Optimizer::AdamW { weight_decay } = optimizer {
                        w -= 0.1 * f64::from(weight_decay) * w;
                    }
                    m = 0.9 * m + 0.1 * g;
                    v = 0.999 * v + 0.001 * g * g;
                    w -= 0.1 * (m / unbias(0.9)) / ((v / unbias(0.999)).sqrt() + 1e-8);
                }
                Optimizer::Adamax => {
                    m = 0.9 * m + 0.1 * g;
                    v = (0.999 * v).max(g.abs());
                    w -= 0.1 / unbias(0.9) * m / v;
                }
            }
        }
        w
    }

    #[test]
    fn three_steps_are_those_of_the_papers() {
        let all = [
            Optimizer::Sgd { momentum: 0.9 },
            Optimizer::Adam,
            Optimizer::AdamW { weight_decay: 0.1 },
            Optimizer::Adamax,
            Optimizer::Muon { weight_decay: 0.1 },
        ];
        for optimizer in all {
            let (mut w, mut moments) = ([1.0_f32], Moments::default());
            for step in 1..=3 {
                let gradient = [2.0 * w[0]];
                optimizer.update(&mut w, 1, &gradient, &mut moments, [0.1, 0.5], step);
            }
            let wanted = expected(optimizer);
            assert!(
                (f64::from(w[0]) - wanted).abs() < 1e-5,
                "{optimizer:?}: {} against {wanted}",
                w[0]
            );
        }
    }
}
