//! Blind/referenceless image spatial quality evaluator (BRISQUE): a score learned from natural scene statistics.
//!
//! ```text
//! x: 36 numbers of the picture: at two scales, of the normalized luma (shape, mean of the variances) and of its
//!    products with four neighbors (shape, mean, two variances)
//! score = b + sum_i c_i exp(-gamma |x' - x_i|^2),   x' = x scaled to [-1, 1] over the training set
//! ```
//!
//! **No human scores.** The authors' model is trained on people's opinions, which are not ours to ship. Ours is trained on open
//! photographs under our own damage (noise of three kinds, impulses, blur, JPEG), and its target is a
//! full-reference score: the mean of `1 - VIF`, `GMSD` and `1 - FSIM`, each over its value at heavy damage, times
//! 100. So it predicts what those three would say if they had the original: 0 undamaged, 100 heavily damaged. It is
//! no opinion score, and not comparable with that of other implementations. `assets/models/brisque.json` names
//! data, terms and command.
//!
//! The 36 numbers are those of the authors' program but for the products, which do not wrap around at the border.
//! Cost: that of the statistics, and one kernel per support vector.
//!
//! Reference: A. Mittal, A. K. Moorthy, A. C. Bovik, "No-reference image quality assessment in the spatial domain",
//! IEEE TIP 21(12), 2012, doi:10.1109/TIP.2012.2214050.

use super::scene_statistics::{Normalized, fits, halved, levels};
use super::support_vectors::{SupportVectorOptions, SupportVectors};
use crate::MetricError;
use restora_image::Image;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Numbers that describe a picture.
const FEATURES: usize = 36;

/// Least width and height: the second scale then has the window twice.
const LEAST_SIDE: u32 = 32;

/// Pixels from which a score is to be trusted: a crop of the training set.
const ENOUGH: f32 = 320.0 * 320.0;

/// What [`brisque`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Brisque {
    /// About 0 undamaged to 100 heavily damaged; less is better.
    pub score: f32,
    /// `min(1, pixels / 320^2)`; 0 below 32 x 32 pixels and for flat pictures.
    pub confidence: f32,
}

/// The 36 numbers of a picture in the order of the paper; `None` below 32 x 32 pixels and where the picture is
/// flat.
pub fn brisque_features(image: &Image) -> Option<[f64; FEATURES]> {
    let plane = levels(image)?;
    if plane.size.width < LEAST_SIDE || plane.size.height < LEAST_SIDE {
        return None;
    }
    let small = halved(plane.as_ref());
    let mut features = Vec::with_capacity(FEATURES);
    for plane in [&plane, &small] {
        let [own, products @ ..] = fits(Normalized::of(plane.as_ref()).values.as_ref())?;
        features.extend([own.shape, 0.5 * (own.left.powi(2) + own.right.powi(2))]);
        for fit in products {
            features.extend([fit.shape, fit.mean(), fit.left.powi(2), fit.right.powi(2)]);
        }
    }
    let features: [f64; FEATURES] = features.try_into().ok()?;
    features.iter().all(|v| v.is_finite()).then_some(features)
}

/// What maps the numbers of a picture to a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrisqueModel {
    /// What it was fitted to, under which terms, by which command.
    pub card: BrisqueCard,
    /// Least and largest of each number over the training set.
    low: Vec<f32>,
    high: Vec<f32>,
    machine: SupportVectors,
}

/// Where a [`BrisqueModel`] comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrisqueCard {
    /// The pictures and what was done to them.
    pub data: String,
    /// What is predicted.
    pub target: String,
    /// Terms of the model.
    pub license: String,
    /// What fits it.
    pub command: String,
    /// How many pictures.
    pub samples: usize,
    /// What was measured.
    pub scores: String,
}

static SHIPPED: LazyLock<BrisqueModel> = LazyLock::new(|| {
    BrisqueModel::from_json(include_str!("../../../../assets/models/brisque.json"))
        .unwrap_or_else(|e| unreachable!("the model of the library: {e}"))
});

impl BrisqueModel {
    /// The model that is part of the library.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Fits a model to the numbers of pictures and a score for each.
    ///
    /// # Errors
    /// As [`SupportVectors::fit`].
    pub fn fit(
        features: &[[f64; FEATURES]],
        scores: &[f64],
        options: &SupportVectorOptions,
        card: BrisqueCard,
    ) -> Result<Self, MetricError> {
        let end = |worse: fn(f32, f32) -> f32, from: f32| -> Vec<f32> {
            let of = |k: usize| features.iter().map(|f| f[k] as f32).fold(from, worse);
            (0..FEATURES).map(of).collect()
        };
        let (low, high) = (end(f32::min, f32::INFINITY), end(f32::max, f32::NEG_INFINITY));
        let scaled: Vec<_> = features.iter().map(|f| scaled(f, &low, &high)).collect();
        let machine = SupportVectors::fit(&scaled, scores, options)?;
        let card = BrisqueCard { samples: features.len(), ..card };
        Ok(Self { card, low, high, machine })
    }

    /// Reads what [`BrisqueModel::to_json`] wrote.
    ///
    /// # Errors
    /// [`MetricError::Input`] if it is something else.
    pub fn from_json(text: &str) -> Result<Self, MetricError> {
        let wrong = |e: &str| MetricError::Input(format!("wanted a model of BRISQUE: {e}"));
        let model: Self = serde_json::from_str(text).map_err(|e| wrong(&e.to_string()))?;
        let lengths = [&model.low, &model.high].map(Vec::len);
        if lengths != [FEATURES; 2] || !model.machine.fits(FEATURES) {
            return Err(wrong("36 numbers in each vector"));
        }
        Ok(model)
    }

    /// The file: JSON, the same bytes for the same model.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|e| unreachable!("finite numbers: {e}"))
    }

    /// How many pictures of the training set the model kept.
    pub fn vectors(&self) -> usize {
        self.machine.len()
    }

    /// The score of a picture with these numbers.
    pub fn of(&self, features: &[f64; FEATURES]) -> f64 {
        let x = scaled(features, &self.low, &self.high);
        self.machine.at(&x).unwrap_or_else(|e| unreachable!("36 numbers: {e}"))
    }

    /// The score of a picture of any size.
    pub fn score(&self, image: &Image) -> Brisque {
        let Some(features) = brisque_features(image) else { return Brisque::default() };
        let confidence = (image.size().len() as f32 / ENOUGH).min(1.0);
        Brisque { score: self.of(&features) as f32, confidence }
    }
}

/// Measures a picture of any size by the model of the library.
pub fn brisque(image: &Image) -> Brisque {
    BrisqueModel::shipped().score(image)
}

/// Numbers to `[-1, 1]` over the training set, in thousandths, as files hold them; no further than 2.
fn scaled(features: &[f64; FEATURES], low: &[f32], high: &[f32]) -> Vec<f32> {
    let ends = low.iter().zip(high);
    let one = |(v, (low, high)): (&f64, (&f32, &f32))| {
        let width = (high - low).max(f32::MIN_POSITIVE);
        let v = (2.0 * (*v as f32 - low) / width - 1.0).clamp(-2.0, 2.0);
        (1000.0 * v).round() / 1000.0
    };
    features.iter().zip(ends).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::{noisy, synthetic};

    fn fitted() -> BrisqueModel {
        let base = synthetic(Size::new(120, 100));
        let level = |i: usize| 0.01 + 0.005 * i as f32;
        let features: Vec<_> =
            (0..40).map(|i| brisque_features(&noisy(&base, level(i), i as u64)).unwrap()).collect();
        let scores: Vec<f64> = (0..40).map(|i| f64::from(500.0 * level(i))).collect();
        let options = SupportVectorOptions { gamma: 0.05, c: 1000.0, epsilon: 1.0 };
        BrisqueModel::fit(&features, &scores, &options, BrisqueCard::default()).unwrap()
    }

    #[test]
    fn a_model_learns_levels_of_noise() {
        let model = fitted();
        assert_eq!(model.card.samples, 40);
        let base = synthetic(Size::new(120, 100));
        for level in [0.02, 0.06, 0.15] {
            let got = model.score(&noisy(&base, level, 99)).score;
            assert!((got - 500.0 * level).abs() < 12.0, "{got} at {level}");
        }
    }

    #[test]
    fn a_model_comes_back_from_its_file_and_other_files_are_refused() {
        let model = fitted();
        assert_eq!(BrisqueModel::from_json(&model.to_json()), Ok(model.clone()));
        let mut short = model;
        short.low.pop();
        for text in ["", "{}", &short.to_json()] {
            let error = BrisqueModel::from_json(text).unwrap_err().to_string();
            assert!(error.contains("model of BRISQUE"), "{error}");
        }
    }

    #[test]
    fn small_and_flat_pictures_give_no_confidence() {
        for (w, h) in [(0, 0), (1, 1), (31, 200), (200, 31), (200, 200)] {
            let image = Image::zeros(Size::new(w, h), ColorSpace::Srgb);
            assert_eq!(brisque(&image), Brisque::default());
        }
        let least = brisque(&noisy(&synthetic(Size::new(32, 32)), 0.05, 1));
        assert!((least.confidence - 0.01).abs() < 1e-6, "{least:?}");
    }

    #[test]
    fn noise_and_blocks_score_worse_by_the_shipped_model() {
        let base = noisy(&synthetic(Size::new(256, 256)), 0.01, 1);
        let scores = [0.0, 0.03, 0.1].map(|s| brisque(&noisy(&base, s, 2)).score);
        assert!(scores.is_sorted(), "{scores:?}");
    }
}
