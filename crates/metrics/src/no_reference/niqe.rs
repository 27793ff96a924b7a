//! Natural image quality evaluator (NIQE): how far the statistics of a picture are from those of sharp photographs.
//!
//! ```text
//! x_i: 36 numbers of patch i of 96 x 96 pixels: at two scales, of the normalized luma (shape, mean of the
//!      scales) and of its products with four neighbors (shape, mean, two scales)
//! D = sqrt((m - m0)' ((S + S0) / 2)^-1 (m - m0)),   m, S: mean and covariance of the x_i
//! ```
//!
//! `m0`, `S0` are of patches of open photographs that are as sharp as three quarters of the sharpest of their picture; nobody's
//! opinion is in them. They are ours (`assets/models/niqe.json` says which photographs, and the command that fits
//! them), so scores are not those of the authors' program: lower is better, as there, on another scale. The
//! fit, the statistics and their differences from that program (products do not wrap around) are in
//! `scene_statistics.rs`. Rows and columns that fill no patch at the right and below are left out.
//!
//! Cost: that of the statistics, and one factorization of 36 x 36.
//!
//! Reference: A. Mittal, R. Soundararajan, A. C. Bovik, "Making a completely blind image quality analyzer", IEEE
//! Signal Processing Letters 20(3), 2013, doi:10.1109/LSP.2012.2227726.

use super::scene_statistics::{Normalized, fits, halved, levels};
use crate::MetricError;
use nalgebra::{DMatrix, DVector};
use restora_image::{Image, Plane, Rect, Size};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Side of a patch; at the second scale half of it.
const PATCH: usize = 96;

/// Numbers that describe a patch.
const FEATURES: usize = 36;

/// Of the sharpest patch of a picture, which patches the model is made of.
const SHARP: f64 = 0.75;

/// Patches from which a score is to be trusted: covariances of fewer are crude.
const ENOUGH: f32 = 36.0;

/// What [`niqe`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Niqe {
    /// The distance: 0 and above, less is better.
    pub score: f32,
    /// `min(1, patches / 36)`; 0 below 96 x 96 pixels and where all patches are flat.
    pub confidence: f32,
}

/// The statistics of sharp photographs: a Gaussian.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NiqeModel {
    /// What it was fitted to, under which terms, by which command.
    pub card: NiqeCard,
    mean: Vec<f64>,
    /// Rows of the lower triangle, diagonal included.
    covariance: Vec<f64>,
}

/// Where a [`NiqeModel`] comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NiqeCard {
    /// The photographs.
    pub data: String,
    /// Terms of the model.
    pub license: String,
    /// What fits it.
    pub command: String,
    /// Pictures and patches.
    pub pictures: usize,
    /// Patches that are sharp enough, of all pictures.
    pub patches: usize,
}

static SHIPPED: LazyLock<NiqeModel> = LazyLock::new(|| {
    NiqeModel::from_json(include_str!("../../../../assets/models/niqe.json"))
        .unwrap_or_else(|e| unreachable!("the model of the library: {e}"))
});

impl NiqeModel {
    /// The model that is part of the library.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Fits the model to undamaged photographs of at least 96 x 96 pixels.
    ///
    /// # Errors
    /// [`MetricError::Input`] if they have too few sharp patches for a covariance: 37 or less.
    pub fn fit<'a>(
        photographs: impl IntoIterator<Item = &'a Image>,
        card: NiqeCard,
    ) -> Result<Self, MetricError> {
        let (mut patches, mut pictures) = (Vec::new(), 0);
        for photograph in photographs {
            let found = described(photograph);
            let sharpest = found.iter().map(|p| p.sharpness).fold(0.0, f64::max);
            let sharp = found.into_iter().filter(|p| p.sharpness > SHARP * sharpest);
            patches.extend(sharp.map(|p| p.features));
            pictures += 1;
        }
        if patches.len() < FEATURES + 2 {
            let n = patches.len();
            return Err(MetricError::Input(format!("wanted 38 sharp patches or more, got {n}")));
        }
        let (mean, covariance) = gaussian(&patches);
        let card = NiqeCard { pictures, patches: patches.len(), ..card };
        let lower = (0..FEATURES).flat_map(|i| (0..=i).map(move |j| (i, j)));
        let covariance = lower.map(|(i, j)| covariance[(i, j)]).collect();
        Ok(Self { card, mean: mean.iter().copied().collect(), covariance })
    }

    /// Reads what [`NiqeModel::to_json`] wrote.
    ///
    /// # Errors
    /// [`MetricError::Input`] if it is something else.
    pub fn from_json(text: &str) -> Result<Self, MetricError> {
        let wrong = |e: String| MetricError::Input(format!("wanted a model of NIQE: {e}"));
        let model: Self = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let lengths = (model.mean.len(), model.covariance.len());
        if lengths != (FEATURES, FEATURES * (FEATURES + 1) / 2) {
            return Err(wrong(format!("36 means and 666 covariances, got {lengths:?}")));
        }
        Ok(model)
    }

    /// The file: JSON, the same bytes for the same model.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|e| unreachable!("finite numbers: {e}"))
    }

    /// How far a picture of any size is from the model.
    pub fn score(&self, image: &Image) -> Niqe {
        let patches: Vec<_> = described(image).into_iter().map(|p| p.features).collect();
        if patches.is_empty() {
            return Niqe::default();
        }
        let (mean, covariance) = gaussian(&patches);
        let mut both = covariance;
        let mut lower = self.covariance.iter();
        for i in 0..FEATURES {
            for j in 0..=i {
                let v = lower.next().copied().unwrap_or_default();
                both[(i, j)] = 0.5 * (both[(i, j)] + v);
                both[(j, i)] = both[(i, j)];
            }
        }
        let off = mean - DVector::from_column_slice(&self.mean);
        // Positive definite: the model's is, and a covariance of patches takes nothing away.
        let Some(factor) = both.cholesky() else { return Niqe::default() };
        let score = factor.solve(&off).dot(&off).max(0.0).sqrt() as f32;
        if !score.is_finite() {
            return Niqe::default();
        }
        Niqe { score, confidence: (patches.len() as f32 / ENOUGH).min(1.0) }
    }
}

/// Measures a picture of any size against the model of the library.
pub fn niqe(image: &Image) -> Niqe {
    NiqeModel::shipped().score(image)
}

struct Patch {
    features: [f64; FEATURES],
    /// Mean local deviation at the first scale.
    sharpness: f64,
}

/// The patches of a picture that are not flat.
fn described(image: &Image) -> Vec<Patch> {
    let Some(plane) = levels(image) else { return Vec::new() };
    let (columns, rows) = (plane.size.w() / PATCH, plane.size.h() / PATCH);
    if columns == 0 || rows == 0 {
        return Vec::new();
    }
    let whole = Size::new((columns * PATCH) as u32, (rows * PATCH) as u32);
    let plane = plane.as_ref().crop(rect(0, 0, whole.w(), whole.h())).to_plane();
    let small = halved(plane.as_ref());
    let scales = [&plane, &small].map(|plane: &Plane| Normalized::of(plane.as_ref()));
    let patch = |i: usize| -> Option<Patch> {
        let (column, row) = (i % columns, i / columns);
        let mut features = Vec::with_capacity(FEATURES);
        for (scale, normalized) in scales.iter().enumerate() {
            let side = PATCH >> scale;
            let part = rect(column * side, row * side, side, side);
            let [own, products @ ..] = fits(normalized.values.as_ref().crop(part))?;
            let [left, right] = own.scales();
            features.extend([own.shape, 0.5 * (left + right)]);
            for product in products {
                let [left, right] = product.scales();
                features.extend([product.shape, product.mean(), left, right]);
            }
        }
        let part = rect(column * PATCH, row * PATCH, PATCH, PATCH);
        let deviation = scales[0].deviation.as_ref().crop(part);
        let sum: f64 = (0..PATCH).flat_map(|y| deviation.row(y)).map(|v| f64::from(*v)).sum();
        let features: [f64; FEATURES] = features.try_into().ok()?;
        let finite = features.iter().all(|v| v.is_finite());
        finite.then_some(Patch { features, sharpness: sum / (PATCH * PATCH) as f64 })
    };
    (0..columns * rows).filter_map(patch).collect()
}

fn rect(x: usize, y: usize, width: usize, height: usize) -> Rect {
    Rect { x: x as u32, y: y as u32, width: width as u32, height: height as u32 }
}

/// Mean and covariance (over `n - 1`; zeros for one).
fn gaussian(patches: &[[f64; FEATURES]]) -> (DVector<f64>, DMatrix<f64>) {
    let n = patches.len() as f64;
    let mut mean = DVector::zeros(FEATURES);
    for patch in patches {
        mean += DVector::from_column_slice(patch) / n;
    }
    let mut covariance = DMatrix::zeros(FEATURES, FEATURES);
    for patch in patches {
        let off = DVector::from_column_slice(patch) - &mean;
        covariance.ger(1.0 / (n - 1.0).max(1.0), &off, &off, 1.0);
    }
    (mean, covariance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::ColorSpace;
    use restora_testkit::{noisy, synthetic};

    fn textured(seed: u64) -> Image {
        noisy(&synthetic(Size::new(300, 290)), 0.03, seed)
    }

    #[test]
    fn a_picture_of_the_model_is_near_it_and_a_damaged_one_far() {
        let pictures: Vec<_> = (0..8).map(textured).collect();
        let model = NiqeModel::fit(&pictures, NiqeCard::default()).unwrap();
        assert_eq!(model.card.pictures, 8);
        let at = |image: &Image| model.score(image).score;
        let own = at(&textured(9));
        let noise = at(&noisy(&textured(9), 0.1, 1));
        let more = at(&noisy(&textured(9), 0.3, 1));
        assert!(own < noise && noise < more, "{own} {noise} {more}");
    }

    #[test]
    fn a_model_comes_back_from_its_file_and_other_files_are_refused() {
        let pictures: Vec<_> = (0..8).map(textured).collect();
        let model = NiqeModel::fit(&pictures, NiqeCard::default()).unwrap();
        assert_eq!(NiqeModel::from_json(&model.to_json()), Ok(model.clone()));
        let mut short = model;
        short.mean.pop();
        for text in ["", "{}", &short.to_json()] {
            let error = NiqeModel::from_json(text).unwrap_err().to_string();
            assert!(error.contains("model of NIQE"), "{error}");
        }
        assert!(NiqeModel::fit(&pictures[..1], NiqeCard::default()).is_err());
    }

    #[test]
    fn a_score_is_the_distance_of_the_formula() {
        let pictures: Vec<_> = (0..8).map(textured).collect();
        let model = NiqeModel::fit(&pictures, NiqeCard::default()).unwrap();
        let image = textured(17);
        let patches: Vec<_> = described(&image).into_iter().map(|p| p.features).collect();
        assert_eq!(patches.len(), 9);
        // By elimination on the sums themselves.
        let n = patches.len() as f64;
        let mean: Vec<f64> =
            (0..FEATURES).map(|k| patches.iter().map(|p| p[k]).sum::<f64>() / n).collect();
        let own = |i: usize, j: usize| {
            patches.iter().map(|p| (p[i] - mean[i]) * (p[j] - mean[j])).sum::<f64>() / (n - 1.0)
        };
        let theirs = |i: usize, j: usize| {
            let (i, j) = (i.max(j), i.min(j));
            model.covariance[i * (i + 1) / 2 + j]
        };
        let both = DMatrix::from_fn(FEATURES, FEATURES, |i, j| 0.5 * (own(i, j) + theirs(i, j)));
        let off = DVector::from_fn(FEATURES, |k, _| mean[k] - model.mean[k]);
        let wanted = both.lu().solve(&off).unwrap().dot(&off).sqrt();
        let got = f64::from(model.score(&image).score);
        assert!((got / wanted - 1.0).abs() < 1e-5, "{got} {wanted}");
    }

    #[test]
    fn small_and_flat_pictures_give_no_confidence() {
        for (w, h) in [(0, 0), (1, 1), (95, 200), (200, 95)] {
            assert_eq!(niqe(&Image::zeros(Size::new(w, h), ColorSpace::Srgb)), Niqe::default());
        }
        assert_eq!(niqe(&Image::zeros(Size::new(200, 200), ColorSpace::Gray)), Niqe::default());
        let one = niqe(&noisy(&synthetic(Size::new(96, 96)), 0.05, 1));
        assert!(one.score > 0.0 && (one.confidence - 1.0 / 36.0).abs() < 1e-6, "{one:?}");
    }
}
