//! Convolutional color constancy: a learned estimator that looks at a histogram of colors as at a picture.
//!
//! In `x = (ln r/g, ln b/g)` a light shifts the colors of a scene and those of its edges, so the question
//! which light it is becomes the question where in the histogram a known pattern lies:
//!
//! ```text
//! ln p(picture | light c) = sum over x of P(c - x) pixels(x) + E(c - x) edges(x)  + const
//! p(light c | picture)    ~ prior(c) p(picture | c)
//! ```
//!
//! Filters `P` and `E` over 64 x 64 bins, and the prior where there is one, are learned by [`fit`]. What comes
//! out is not one light but the probability of each, from which follow the mean, the error that is to be
//! expected of it, and the probability that there is no cast at all.
//!
//! The model that is part of the library has no prior: it was trained on open photographs under synthesized
//! lights, and a filter knows nothing of the sensor's white, so it serves any camera. It differs from the
//! papers in the loss (cross entropy alone, which is convex) and in that each light of a picture is weighed
//! against *no cast* as for the statistics beside it.
//!
//! Cost: a thumbnail, then five transforms of 64 x 64: about 1 ms. Linear RGB only.
//!
//! References: J. T. Barron, "Convolutional color constancy", ICCV 2015, doi:10.1109/ICCV.2015.51;
//! J. T. Barron, Y.-T. Tsai, "Fast Fourier color constancy", CVPR 2017, doi:10.1109/CVPR.2017.735.

mod fit;
mod histograms;
mod torus;

pub use fit::{LightFit, fit};
pub use histograms::ColorHistograms;

use super::cast_prior::{Belief, density_of_casts};
use super::illuminant::{Illuminant, Usable};
use histograms::BIN;
use restora_image::{Context, Image, OpError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use torus::{BINS, SIDE, Spectrum};

/// What is to be known of a [`LightModel`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightCard {
    /// What it was trained on.
    pub data: String,
    /// Terms of use.
    pub license: String,
    /// Pictures, those under synthesized lights counted too.
    pub samples: usize,
    /// How it was fitted.
    pub fit: LightFit,
    /// Mean and median angular error, in degrees, by the name of the measurement.
    pub scores: BTreeMap<String, [f64; 2]>,
}

/// Learned filters over the colors of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct LightModel {
    card: LightCard,
    pixels: Vec<f32>,
    edges: Vec<f32>,
    prior: Option<Vec<f32>>,
    spectra: [Spectrum; 2],
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    architecture: String,
    card: LightCard,
    pixels: Vec<f32>,
    edges: Vec<f32>,
    prior: Option<Vec<f32>>,
}

/// How much of the likelihood counts in a belief. Photographs without a cast scatter more than the filters think:
/// cross-validated on open photographs (by photograph), two thirds leave all but none of them changed and lessen
/// casts by more than gray edge does (mean error 6.9 degrees, gray edge 7.5).
const TRUST: f64 = 2.0 / 3.0;

const ARCHITECTURE: &str = "convolutional color constancy, 64x64 bins of 1/24";

static SHIPPED: LazyLock<LightModel> = LazyLock::new(|| {
    LightModel::from_json(include_str!("../../../../assets/models/light.json"))
        .unwrap_or_else(|e| unreachable!("the model of the library: {e}"))
});

impl LightModel {
    /// The model that is part of the library.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    fn new(
        card: LightCard,
        pixels: Vec<f32>,
        edges: Vec<f32>,
        prior: Option<Vec<f32>>,
    ) -> Result<Self, OpError> {
        let wide = |v: &f32| f64::from(*v);
        for part in [Some(&pixels), Some(&edges), prior.as_ref()].into_iter().flatten() {
            if part.len() != BINS || part.iter().any(|v| !v.is_finite()) {
                let wanted = "4096 finite numbers in each filter";
                return Err(OpError::param("model", wanted, format!("{} numbers", part.len())));
            }
        }
        let spectra = [&pixels, &edges]
            .map(|filter| Spectrum::of(&filter.iter().map(wide).collect::<Vec<_>>()));
        Ok(Self { card, pixels, edges, prior, spectra })
    }

    /// Reads what [`LightModel::to_json`] wrote.
    ///
    /// # Errors
    /// [`OpError::Param`] named `model` if it is something else.
    pub fn from_json(text: &str) -> Result<Self, OpError> {
        let wanted = "a model of light, as `restora constancy train` writes it";
        let stored: Stored =
            serde_json::from_str(text).map_err(|e| OpError::param("model", wanted, e))?;
        if stored.architecture != ARCHITECTURE {
            return Err(OpError::param("model", wanted, stored.architecture));
        }
        Self::new(stored.card, stored.pixels, stored.edges, stored.prior)
    }

    /// The file: JSON, the same bytes for the same model.
    ///
    /// # Errors
    /// [`OpError::Param`] if a score of the card is not finite.
    pub fn to_json(&self) -> Result<String, OpError> {
        let stored = Stored {
            architecture: ARCHITECTURE.to_owned(),
            card: self.card.clone(),
            pixels: self.pixels.clone(),
            edges: self.edges.clone(),
            prior: self.prior.clone(),
        };
        if self.card.scores.values().flatten().any(|v| !v.is_finite()) {
            return Err(OpError::param("scores", "finite", "a score that is not"));
        }
        serde_json::to_string(&stored)
            .map(|text| text + "\n")
            .map_err(|e| OpError::param("model", "something that can be written", e))
    }

    /// What is to be known of it.
    pub fn card(&self) -> &LightCard {
        &self.card
    }

    /// The same with another card.
    #[must_use]
    pub fn with_card(self, card: LightCard) -> Self {
        Self { card, ..self }
    }

    /// Weighs every light for a picture in linear RGB; `None` if no pixel of it may vote.
    ///
    /// # Errors
    /// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
    pub fn weigh(
        &self,
        linear: &Image,
        usable: Usable,
        cx: &Context,
    ) -> Result<Option<LightOdds>, OpError> {
        let histograms = ColorHistograms::of(linear, usable, cx)?;
        Ok(histograms.map(|histograms| self.weigh_histograms(&histograms)))
    }

    /// As [`LightModel::weigh`], for histograms already taken.
    pub fn weigh_histograms(&self, histograms: &ColorHistograms) -> LightOdds {
        let mut sum = Spectrum::zeros();
        sum.add_product(&self.spectra[0], &Spectrum::of(&histograms.pixels));
        sum.add_product(&self.spectra[1], &Spectrum::of(&histograms.edges));
        let prior = self.prior.as_ref().map(|p| {
            let log: Vec<f64> = p.iter().map(|v| f64::from(*v)).collect();
            probabilities(&log)
        });
        LightOdds { likelihood: sum.real(), prior, near: histograms.mean }
    }
}

/// How likely a picture is under each light.
#[derive(Clone, Debug)]
pub struct LightOdds {
    /// Logarithms, up to a constant.
    likelihood: Vec<f64>,
    /// What was learned of lights before any picture.
    prior: Option<Vec<f64>>,
    /// Of the lights that share a bin of the torus, the one nearest to this is meant.
    near: [f64; 2],
}

/// A light and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LightEstimate {
    /// The mean of the lights, each by its probability.
    pub light: Illuminant,
    /// The angular error to be expected of it, in degrees.
    pub expected_error: f64,
}

impl LightOdds {
    /// The mean light, every one being possible.
    pub fn light(&self) -> LightEstimate {
        let mut weights = probabilities(&self.likelihood);
        if let Some(prior) = &self.prior {
            weights.iter_mut().zip(prior).for_each(|(w, p)| *w *= p);
            let sum: f64 = weights.iter().sum();
            for w in &mut weights {
                *w /= sum;
            }
        }
        let span = SIDE as f64 * BIN;
        let mean = [0, 1].map(|axis| {
            let (mut sin, mut cos) = (0.0, 0.0);
            for (i, w) in weights.iter().enumerate() {
                let k = if axis == 0 { i / SIDE } else { i % SIDE };
                let angle = std::f64::consts::TAU * k as f64 / SIDE as f64;
                sin += w * angle.sin();
                cos += w * angle.cos();
            }
            let x = sin.atan2(cos) / std::f64::consts::TAU * span;
            x + ((self.near[axis] - x) / span).round() * span
        });
        let light = Illuminant::from_log_chroma(mean).unwrap_or(Illuminant::NEUTRAL);
        let expected = weights.iter().enumerate().map(|(i, w)| {
            let unwrapped = [i / SIDE, i % SIDE].map(|k| k as f64 * BIN);
            let x = [0, 1].map(|axis| {
                unwrapped[axis] + ((mean[axis] - unwrapped[axis]) / span).round() * span
            });
            let other = Illuminant::from_log_chroma(x).unwrap_or(light);
            let cosine: f64 = light.rgb().iter().zip(other.rgb()).map(|(a, b)| a * b).sum();
            w * cosine.clamp(-1.0, 1.0).acos().to_degrees()
        });
        LightEstimate { light, expected_error: expected.sum() }
    }

    /// Weighs *no cast* against the casts that pictures have, if a share of `untouched` has none.
    /// With none untouched it is [`LightOdds::light`], at its word.
    pub fn belief(&self, untouched: f64) -> Belief {
        if untouched == 0.0 {
            return Belief { no_cast: 0.0, cast: self.light().light, doubt: [0.0; 3] };
        }
        let most = self.likelihood.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut total, mut evidence, mut mean) = (0.0, 0.0, [0.0; 2]);
        let mut square = [0.0; 3];
        for (i, log) in self.likelihood.iter().enumerate() {
            let c = [i / SIDE, i % SIDE].map(|k| {
                let k = k as i32;
                f64::from(if k < SIDE as i32 / 2 { k } else { k - SIDE as i32 }) * BIN
            });
            let prior = self.prior.as_ref().map_or_else(|| density_of_casts(c), |p| p[i]);
            let weight = prior * (TRUST * (log - most)).exp();
            total += prior;
            evidence += weight;
            mean[0] += weight * c[0];
            mean[1] += weight * c[1];
            square[0] += weight * c[0] * c[0];
            square[1] += weight * c[0] * c[1];
            square[2] += weight * c[1] * c[1];
        }
        let without = untouched * (TRUST * (self.likelihood[0] - most)).exp();
        let with = (1.0 - untouched) * evidence / total;
        let mean = mean.map(|m| m / evidence);
        let outer = [mean[0] * mean[0], mean[0] * mean[1], mean[1] * mean[1]];
        let cast = Illuminant::from_log_chroma(mean);
        Belief {
            no_cast: without / (without + with).max(f64::MIN_POSITIVE),
            cast: cast.unwrap_or(Illuminant::NEUTRAL),
            doubt: std::array::from_fn(|i| square[i] / evidence - outer[i]),
        }
    }
}

/// `exp` of logarithms, made to sum to 1.
fn probabilities(log: &[f64]) -> Vec<f64> {
    let most = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut out: Vec<f64> = log.iter().map(|v| (v - most).exp()).collect();
    let sum: f64 = out.iter().sum();
    for v in &mut out {
        *v /= sum;
    }
    out
}

#[cfg(test)]
mod tests;
