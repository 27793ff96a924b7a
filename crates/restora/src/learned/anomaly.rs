//! Pictures that an autoencoder cannot reproduce are unlike those it was trained on.

use super::{Told, Wanted, pass, psnr_of};
use crate::Error;
use crate::model::{self, Loaded};
use crate::plot::{ImageGrid, LineChart, Series};
use crate::training_report::TrainingReport;
use restora_data::Dataset;
use restora_image::{Context, Image};
use restora_metrics::{roc_auc, roc_curve};
use serde::Serialize;

/// A picture and how badly it was reproduced.
#[derive(Clone, Debug, Serialize)]
pub struct AnomalyRow {
    /// Its name in the set.
    pub id: String,
    /// Its class, where the set is labeled: the name, or the number.
    pub label: Option<String>,
    /// Mean squared error of the reconstruction, values in nominal range.
    pub mse: f64,
    /// The same as PSNR in dB.
    pub psnr: f64,
}

/// One of the pictures at either end.
#[derive(Clone, Debug)]
pub struct Extreme {
    /// Mean squared error.
    pub mse: f64,
    /// Its name.
    pub id: String,
    /// The picture.
    pub input: Image,
    /// What the net made of it.
    pub output: Image,
}

/// What was found in a set.
#[derive(Clone, Debug, Default)]
pub struct Anomalies {
    /// All pictures, the worst first.
    pub rows: Vec<AnomalyRow>,
    /// Pictures that could not be used: name and reason.
    pub failed: Vec<(String, String)>,
    /// Area under the ROC curve of the error, where it is known which classes are normal.
    pub auc: Option<f64>,
    /// That curve: false and true positive rate.
    pub roc: Vec<(f64, f64)>,
    /// Why there is no area although there are labels.
    pub note: Option<String>,
    /// The worst pictures, the worst first.
    pub worst: Vec<Extreme>,
    /// The best pictures, the best first.
    pub best: Vec<Extreme>,
}

/// Pictures kept at either end.
const KEPT: usize = 8;

/// The error of every picture of a set. `normal` names the classes that are no anomalies (names, or
/// numbers where the labels are numbers); where it is empty and the labels are 0 and 1, 0 is normal.
///
/// # Errors
/// [`Error::Usage`] for a class in `normal` that the set does not have, and those of [`pass`].
pub fn anomalies(
    loaded: &Loaded,
    set: &Dataset,
    normal: &[String],
    cx: &Context,
) -> Result<Anomalies, Error> {
    let class = |label: u32| {
        set.classes().get(label as usize).cloned().unwrap_or_else(|| label.to_string())
    };
    let labels = set.labels().unwrap_or_default();
    for name in normal {
        if !labels.iter().any(|l| class(*l) == *name) {
            let why = if labels.is_empty() { "the set has no labels" } else { "no label is that" };
            return Err(Error::Usage(format!("--normal {name}: {why}")));
        }
    }
    let mut found = Anomalies::default();
    pass(loaded, set, Wanted::Output, None, cx, &mut |told: Told| {
        let passed = match told.result {
            Ok(passed) => passed,
            Err(error) => {
                found.failed.push((told.id, error.to_string()));
                return Ok(());
            }
        };
        let mse = passed.mse();
        if !mse.is_finite() {
            found.failed.push((told.id, "the net's output is not finite".to_owned()));
            return Ok(());
        }
        let label = told.label.map(class);
        found.rows.push(AnomalyRow { id: told.id.clone(), label, mse, psnr: psnr_of(mse) });
        if let Some(output) = passed.output {
            let extreme = Extreme { mse, id: told.id, input: passed.input, output };
            keep(&mut found.worst, &extreme, |a, b| b.total_cmp(&a));
            keep(&mut found.best, &extreme, |a, b| a.total_cmp(&b));
        }
        Ok(())
    })?;
    // Stable: pictures of one error stay in the set's order.
    found.rows.sort_by(|a, b| b.mse.total_cmp(&a.mse));
    judge(&mut found, labels, normal);
    Ok(found)
}

fn keep(list: &mut Vec<Extreme>, one: &Extreme, order: fn(f64, f64) -> std::cmp::Ordering) {
    let at = list.partition_point(|e| order(e.mse, one.mse).is_le());
    if at < KEPT {
        list.insert(at, one.clone());
        list.truncate(KEPT);
    }
}

/// The ROC curve, where it is known what is normal.
fn judge(found: &mut Anomalies, labels: &[u32], normal: &[String]) {
    if labels.is_empty() {
        return;
    }
    let zero = ["0".to_owned()];
    let binary = labels.iter().all(|l| *l < 2)
        && found.rows.iter().flat_map(|r| &r.label).all(|l| l == "0" || l == "1");
    let normal = match normal {
        [] if binary => &zero[..],
        [] => {
            found.note = Some("no ROC-AUC: say which classes are normal with --normal".to_owned());
            return;
        }
        named => named,
    };
    let labeled = || found.rows.iter().filter_map(|r| Some((r.mse, r.label.as_ref()?)));
    let scores: Vec<f64> = labeled().map(|r| r.0).collect();
    let positive: Vec<bool> = labeled().map(|r| !normal.contains(r.1)).collect();
    match (roc_auc(&scores, &positive), roc_curve(&scores, &positive)) {
        (Ok(auc), Ok(curve)) => {
            found.auc = Some(auc);
            found.roc =
                curve.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
        }
        (Err(error), _) | (_, Err(error)) => found.note = Some(format!("no ROC-AUC: {error}")),
    }
}

impl Anomalies {
    /// The worst and the best pictures, the ROC curve, and the numbers, as a page shows them.
    ///
    /// # Errors
    /// A picture that cannot be drawn.
    pub fn report(&self, loaded: &Loaded) -> Result<TrainingReport, Error> {
        let grid = |title: &str, list: &[Extreme]| -> Result<ImageGrid, Error> {
            // The grid of a net for any size may hold pictures of many sizes.
            let inputs: Vec<_> = list.iter().map(|e| e.input.clone()).collect();
            let outputs: Vec<_> = list.iter().map(|e| e.output.clone()).collect();
            let mut grid = ImageGrid::autoencoder(&inputs, &[], &outputs)?;
            for (cell, extreme) in grid.rows[0].cells.iter_mut().zip(list) {
                cell.caption.clone_from(&extreme.id);
            }
            Ok(ImageGrid { title: title.to_owned(), ..grid })
        };
        let mut report = TrainingReport {
            title: "Anomalies".to_owned(),
            model: model::name(&loaded.model),
            data: vec![
                ("pictures".to_owned(), self.rows.len().to_string()),
                ("not used".to_owned(), self.failed.len().to_string()),
            ],
            ..TrainingReport::default()
        };
        if let Some(auc) = self.auc {
            report.data.push(("ROC-AUC".to_owned(), format!("{auc:.4}")));
            report.charts.push(LineChart {
                title: format!("ROC curve, area {auc:.4}"),
                x_label: "false positive rate".to_owned(),
                y_label: "true positive rate".to_owned(),
                series: vec![Series {
                    name: String::new(),
                    points: self.roc.clone(),
                    smoothing: 0.0,
                }],
                unit_square: true,
                size: (420.0, 420.0),
                ..LineChart::default()
            });
        }
        let sorted = self.rows.iter().enumerate().map(|(i, r)| (i as f64 + 1.0, r.mse)).collect();
        report.charts.push(LineChart {
            title: "Error of every picture, the worst first".to_owned(),
            x_label: "rank".to_owned(),
            y_label: "mean squared error".to_owned(),
            series: vec![Series { name: String::new(), points: sorted, smoothing: 0.0 }],
            ..LineChart::default()
        });
        if !self.worst.is_empty() {
            report.grids.push(grid("Reproduced worst", &self.worst)?);
            report.grids.push(grid("Reproduced best", &self.best)?);
        }
        report.notes.extend(self.note.clone());
        report.notes.extend(self.failed.iter().map(|(id, why)| format!("Not used: {id}: {why}")));
        Ok(report)
    }
}
