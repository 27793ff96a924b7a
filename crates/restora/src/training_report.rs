//! How a training went, as one HTML page that needs nothing beside itself.
//!
//! [`TrainingReport`] is plain data, every part optional; `restora train` fills it, [`page`] draws it.

mod latent;
mod page;

pub use latent::latent_map;
pub use page::page;

use crate::plot::{ImageGrid, LineChart, Scatter, Series};
use serde::{Deserialize, Serialize};

/// One line of the history: an epoch, or any other moment that something was measured at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EpochRow {
    /// Optimizer steps made so far.
    pub step: u64,
    /// Passes over the data so far; may have a fraction.
    pub epoch: f64,
    /// Mean loss of the training batches since the row before.
    pub train_loss: Option<f64>,
    /// Loss on the validation set.
    pub validation_loss: Option<f64>,
    /// Mean PSNR on the validation set, in dB.
    pub validation_psnr: Option<f64>,
    /// Learning rate at this step.
    pub learning_rate: Option<f64>,
    /// Training speed since the row before.
    pub images_per_second: Option<f64>,
}

/// The net beside PCA, at equal code size, on the same test images in the same units.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PcaComparison {
    /// Numbers in a code, of both.
    pub code_size: usize,
    /// The net's mean squared error per value, values in `[0, 1]`.
    pub model_mse: f64,
    /// PCA's mean squared error per value, values in `[0, 1]`.
    pub pca_mse: f64,
    /// The part of the training set's variance that PCA's code explains, in `[0, 1]`.
    pub explained_variance: Option<f64>,
    /// Images that the errors are of.
    pub images: usize,
}

/// A training, told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingReport {
    /// Title of the page.
    pub title: String,
    /// Name of the architecture.
    pub model: String,
    /// Facts about the net: parameters, shapes, size of the file.
    pub architecture: Vec<(String, String)>,
    /// Every option the training ran with.
    pub options: Vec<(String, String)>,
    /// What it was trained on: files, sizes, split.
    pub data: Vec<(String, String)>,
    /// Name of the loss, for the axis.
    pub loss: String,
    /// The history, steps rising.
    pub history: Vec<EpochRow>,
    /// Loss of every step or batch of steps, (step, loss), where it was kept: drawn faint under its
    /// mean.
    pub step_losses: Vec<(f64, f64)>,
    /// Pictures.
    pub grids: Vec<ImageGrid>,
    /// A map of codes; see [`latent_map`].
    pub latent: Option<Scatter>,
    /// PCA beside the net.
    pub pca: Option<PcaComparison>,
    /// More charts, such as a ROC curve.
    pub charts: Vec<LineChart>,
    /// Where the time went: (what, seconds).
    pub timings: Vec<(String, f64)>,
    /// The command line that gives this training again.
    pub command: String,
    /// Things to know: a resumed run, an early stop, a divergence.
    pub notes: Vec<String>,
}

impl TrainingReport {
    /// The charts of the history, those that have data, in the page's order: loss, PSNR, learning rate,
    /// speed. Each can be written as SVG or PNG by itself.
    pub fn history_charts(&self) -> Vec<LineChart> {
        let series = |name: &str, value: fn(&EpochRow) -> Option<f64>| Series {
            name: name.into(),
            smoothing: 0.0,
            points: self.history.iter().filter_map(|r| Some((r.step as f64, value(r)?))).collect(),
        };
        let chart = |title: &str, y_label: &str, series: Vec<Series>| LineChart {
            title: title.into(),
            x_label: "step".into(),
            y_label: y_label.into(),
            series: series.into_iter().filter(|s| !s.points.is_empty()).collect(),
            size: (540.0, 320.0),
            ..LineChart::default()
        };
        let mut loss = vec![series("training", |r| r.train_loss)];
        if !self.step_losses.is_empty() {
            loss[0].points.clone_from(&self.step_losses);
            loss[0].smoothing = 0.95;
        }
        loss.push(series("validation", |r| r.validation_loss));
        let unit = if self.loss.is_empty() { "loss" } else { &self.loss };
        let mut losses = chart("Loss", unit, loss);
        if spans_decades(&losses) {
            losses.y_scale = crate::plot::Scale::Log;
        }
        let one = |title, unit, value| chart(title, unit, vec![series("", value)]);
        [
            losses,
            one("PSNR on the validation set", "dB", |r: &EpochRow| r.validation_psnr),
            one("Learning rate", "", |r| r.learning_rate),
            one("Speed", "images per second", |r| r.images_per_second),
        ]
        .into_iter()
        .filter(|c| !c.series.is_empty())
        .collect()
    }
}

/// Positive throughout, and the largest value more than eight times the least: a linear axis would
/// show a cliff and a floor.
fn spans_decades(chart: &LineChart) -> bool {
    let values = chart.series.iter().flat_map(|s| &s.points).map(|p| p.1).filter(|v| v.is_finite());
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    low > 0.0 && high > 8.0 * low
}
