//! How far estimates of the light are off.

use super::{Lit, LitSet, train};
use crate::Error;
use restora_image::{Context, Rng, map_bands};
use restora_metrics::{recovery_error, reproduction_error};
use restora_ops::color::{Illuminant, LightFit, LightMethod, LightModel};
use serde::Serialize;

/// Who estimates.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// A statistic, or the model that is part of the library.
    Method(LightMethod),
    /// A model.
    Model(&'a LightModel),
}

/// The estimate for one picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LightRow {
    /// Its name in the set.
    pub id: String,
    /// The estimate, linear RGB of unit length; `None` if the method finds none.
    pub estimate: Option<[f64; 3]>,
    /// The truth.
    pub light: [f64; 3],
    /// The angle between them, in degrees; that of neutral light where there is no estimate.
    pub error: f64,
    /// The angle to gray of a white surface after correction.
    pub reproduction_error: f64,
    /// What a model expected its error to be, in degrees.
    pub expected_error: Option<f64>,
}

/// Errors over a set, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LightErrors {
    /// Pictures.
    pub count: usize,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Mean of the quartiles, the median twice.
    pub trimean: f64,
    /// Mean of the best quarter.
    pub best_quarter: f64,
    /// Mean of the worst quarter.
    pub worst_quarter: f64,
    /// Mean reproduction error.
    pub reproduction: f64,
    /// Mean of what a model expected.
    pub expected: Option<f64>,
    /// Mean of the half of the pictures that a model was surer of.
    pub surer_half: Option<f64>,
}

impl LightErrors {
    /// Sums up; `None` for no rows.
    pub fn of(rows: &[LightRow]) -> Option<Self> {
        let mut errors: Vec<f64> = rows.iter().map(|r| r.error).collect();
        errors.sort_by(f64::total_cmp);
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let n = errors.len();
        if n == 0 {
            return None;
        }
        let at = |share: f64| {
            let place = share * (n - 1) as f64;
            let (low, part) = (place.floor() as usize, place.fract());
            errors[low] + part * (errors[(low + 1).min(n - 1)] - errors[low])
        };
        let quarter = n.div_ceil(4);
        let expected: Option<Vec<f64>> = rows.iter().map(|r| r.expected_error).collect();
        let surer = expected.as_ref().map(|expected| {
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|a, b| expected[*a].total_cmp(&expected[*b]).then(a.cmp(b)));
            mean(&order[..n.div_ceil(2)].iter().map(|i| rows[*i].error).collect::<Vec<_>>())
        });
        Some(Self {
            count: n,
            mean: mean(&errors),
            median: at(0.5),
            trimean: 0.25 * (at(0.25) + 2.0 * at(0.5) + at(0.75)),
            best_quarter: mean(&errors[..quarter]),
            worst_quarter: mean(&errors[n - quarter..]),
            reproduction: rows.iter().map(|r| r.reproduction_error).sum::<f64>() / n as f64,
            expected: expected.as_deref().map(mean),
            surer_half: surer,
        })
    }
}

/// The estimate of one picture.
///
/// # Errors
/// [`Error::Op`] if the caller cancelled.
pub fn estimate(shown: Shown, picture: &Lit, cx: &Context) -> Result<LightRow, Error> {
    let (found, expected_error) = match shown {
        Shown::Method(LightMethod::Learned) => {
            let odds = LightModel::shipped().weigh_histograms(&picture.seen);
            let found = LightMethod::Learned.estimate(&picture.overview, cx)?;
            (found, Some(odds.light().expected_error))
        }
        Shown::Method(method) => (method.estimate(&picture.overview, cx)?, None),
        Shown::Model(model) => {
            let found = model.weigh_histograms(&picture.seen).light();
            (Some(found.light), Some(found.expected_error))
        }
    };
    let (guess, truth) = (found.unwrap_or(Illuminant::NEUTRAL).rgb(), picture.light.rgb());
    Ok(LightRow {
        id: picture.id.clone(),
        estimate: found.map(Illuminant::rgb),
        light: truth,
        error: recovery_error(guess, truth),
        reproduction_error: reproduction_error(guess, truth),
        expected_error,
    })
}

/// The estimates of all pictures, in their order.
///
/// # Errors
/// [`Error::Op`] if the caller cancelled.
pub fn known_errors(shown: Shown, set: &LitSet, cx: &Context) -> Result<Vec<LightRow>, Error> {
    let rows = map_bands(set.pictures.len(), 1, cx, |range| {
        Ok(estimate(shown, &set.pictures[range.start], cx))
    })?;
    rows.into_iter().collect()
}

/// The estimates for each of `folds` parts by a model trained on the others, in the order of the set. Parts
/// are runs of the set if `blocks`, else drawn by the seed of the context; the lights put on one photograph
/// stay together.
///
/// # Errors
/// [`Error::Usage`] unless there are 2 folds at least and as many pictures as folds; those of [`train`].
pub fn cross_validate(
    set: &LitSet,
    fit: Option<LightFit>,
    folds: usize,
    blocks: bool,
    cx: &Context,
) -> Result<Vec<LightRow>, Error> {
    let mut groups: Vec<usize> = set.pictures.iter().map(|p| p.group).collect();
    groups.dedup();
    if folds < 2 || folds > groups.len() {
        let most = groups.len();
        return Err(Error::Usage(format!("`folds` must be in 2..={most}, got {folds}")));
    }
    let count = groups.len();
    if !blocks {
        let mut rng = Rng::new(cx.seed, "folds", 0);
        for i in 0..count {
            groups.swap(i, i + rng.below((count - i) as u64) as usize);
        }
    }
    // The fold of each group.
    let mut fold_of = vec![0; set.items];
    for (place, group) in groups.iter().enumerate() {
        fold_of[*group] = if blocks { place * folds / count } else { place % folds };
    }
    let mut rows = vec![None; set.pictures.len()];
    for fold in 0..folds {
        let others = LitSet {
            pictures: set.pictures.iter().filter(|p| fold_of[p.group] != fold).cloned().collect(),
            left_out: Vec::new(),
            ..*set
        };
        let model = train(&others, fit, cx)?;
        for (picture, row) in set.pictures.iter().zip(&mut rows) {
            if fold_of[picture.group] == fold {
                *row = Some(estimate(Shown::Model(&model), picture, cx)?);
            }
        }
    }
    Ok(rows.into_iter().flatten().collect())
}
