//! What measuring sets tells.

use super::PARTS;
use crate::report::Failure;
use restora_metrics::sets::{
    Estimate, FrechetDistance, KernelDistance, Mean, MemorizationReport, Overlap, Support,
};
use serde::Serialize;

/// A set that took part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Items measured.
    pub items: u64,
    /// Items that could not be read.
    pub failed: u64,
}

/// The Frechet distance with what its number of items makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Frechet {
    /// The distance as published values are.
    #[serde(flatten)]
    pub plain: FrechetDistance,
    /// Corrected for the number of items, with its standard error.
    pub jackknife: Option<Estimate>,
}

/// Two items by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamedPair {
    /// The first.
    pub first: String,
    /// The second.
    pub second: String,
    /// Distance of their features.
    pub distance: f64,
}

/// Duplicates among generated items.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Birthday {
    /// What the sample tells.
    #[serde(flatten)]
    pub support: Support,
    /// The two nearest of as many real items.
    pub nearest_real: NamedPair,
    /// The closest pairs by name.
    pub pairs: Vec<NamedPair>,
}

/// A generated item and the training item it may be a copy of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamedSuspect {
    /// The generated item.
    pub generated: String,
    /// The nearest training item.
    pub training: String,
    /// Their distance.
    pub distance: f64,
    /// That distance as a share of the one to the nearest held-out item.
    pub ratio: Option<f64>,
    /// Share of held-out items whose ratio is as small.
    pub odds: f64,
}

/// What the memorization test found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Copying {
    /// The scores.
    #[serde(flatten)]
    pub report: MemorizationReport,
    /// The suspects by name.
    pub named: Vec<NamedSuspect>,
}

/// All that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct SetReport {
    /// Where the features come from.
    pub features: String,
    /// Numbers per item.
    pub dimensions: usize,
    /// The real, or training, set.
    pub real: Side,
    /// The set compared with it.
    pub generated: Side,
    /// Real items that training did not see.
    pub held_out: Option<Side>,
    /// Items of each set that were compared pair by pair, at most.
    pub sample: usize,
    /// Seed of the sample.
    pub seed: u64,
    /// Distance of the Gaussians.
    pub frechet_distance: Option<Frechet>,
    /// Maximum mean discrepancy.
    pub kernel_distance: Option<KernelDistance>,
    /// Precision, recall, density, coverage.
    pub precision_recall: Option<Overlap>,
    /// Duplicates.
    pub birthday_paradox: Option<Birthday>,
    /// Copies.
    pub memorization: Option<Copying>,
    /// Score of the probabilities.
    pub inception_score: Option<Mean>,
    /// What to keep in mind with these numbers.
    pub warnings: Vec<String>,
    /// Items that could not be read, with the reason.
    pub failures: Vec<(String, Failure)>,
}

impl SetReport {
    /// What to keep in mind with these numbers.
    pub(super) fn warned(&self) -> Vec<String> {
        let mut told = Vec::new();
        let (n, d) = (self.real.items.min(self.generated.items), self.dimensions as u64);
        if let Some(frechet) = &self.frechet_distance {
            if n < 2 * d {
                let rank = if n <= d { "; the covariances are not of full rank" } else { "" };
                told.push(format!(
                "Frechet distance: {n} items for {d} features is fewer than two each, so it is far too large{rank}; \
                 compare only distances of equal numbers of items"
            ));
            }
            if frechet.jackknife.is_none() {
                let why =
                    if n < 2 * PARTS as u64 { "too few items" } else { "more than 1024 features" };
                told.push(format!("Frechet distance: no interval, {why}"));
            }
        }
        if let Some(overlap) = &self.precision_recall
            && overlap.rows[0] != overlap.rows[1]
        {
            let [real, generated] = overlap.rows;
            told.push(format!(
            "precision and recall: {real} real and {generated} generated items; they are comparable with each other \
             only for equal numbers"
        ));
        }
        if let Some(copying) = &self.memorization
            && copying.report.data_copying.is_none()
        {
            told.push("memorization: no cell holds enough items; use fewer cells".into());
        }
        told
    }
}
