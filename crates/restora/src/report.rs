//! What a run did: one row per item, nothing left out.

use crate::diagnose::Diagnosis;
use crate::error::Error;
use crate::nets::WeightsUsed;
use crate::step::Step;
use restora_data::Damage;
use restora_image::{Depth, ErrorKind};
use restora_metrics::full_reference::Comparison;
use serde::{Deserialize, Serialize};

/// How an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Steps were applied and the result written.
    Restored,
    /// Nothing would have helped: the picture was passed on as it is.
    Unchanged,
    /// The output was there already.
    Kept,
    /// Nothing was written; see the failure.
    Failed,
}

/// Why an item failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Where on the belt: `walk`, `read`, `decode`, `diagnose`, `restore`, `encode`, `write`, `score`.
    pub stage: String,
    /// Class of the error: `param`, `input`, `corrupt`, `unsupported`, `limit`, `io`, `cancelled`.
    pub kind: String,
    /// What was wanted, what came, where.
    pub message: String,
}

impl Failure {
    /// A failure at `stage`.
    pub fn new(stage: &str, error: &Error) -> Self {
        Self {
            stage: stage.into(),
            kind: kind_name(error.kind()).into(),
            message: error.to_string(),
        }
    }
}

/// The word for a class of errors in JSON.
pub fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Param => "param",
        ErrorKind::Input => "input",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Limit => "limit",
        ErrorKind::Io => "io",
        ErrorKind::Cancelled => "cancelled",
    }
}

/// Scores against a reference, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The input against the reference.
    pub before: Comparison,
    /// The output, as written, against the reference.
    pub after: Comparison,
}

/// Small pictures for the HTML report, as base64 JPEG.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The whole picture, small.
    pub thumbnail: String,
    /// The middle of the input, or where most of it is missing, at full size.
    pub before: String,
    /// The same of the output.
    pub after: String,
    /// What of the crop was missing and is filled: a picture to lay over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<String>,
    /// Width of the crops.
    pub width: u32,
    /// Height of the crops.
    pub height: u32,
}

/// The row of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemReport {
    /// Place in the order of the input.
    pub index: u64,
    /// Relative path, unique in the run.
    pub id: String,
    /// The file written, if one was.
    pub output: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// Format of the input, for instance `png`.
    pub format: Option<String>,
    /// Sample format of the input.
    pub depth: Option<Depth>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Color planes, without alpha.
    pub channels: u32,
    /// Pages.
    pub pages: u32,
    /// What the diagnosis of the first page found.
    pub diagnosis: Option<Diagnosis>,
    /// What was lost of a file that was salvaged; the missing pixels are filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<Damage>,
    /// The steps done to the first page, with the measured levels filled in.
    pub steps: Vec<Step>,
    /// The weights of the learned ones among them, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<WeightsUsed>,
    /// Why these.
    pub reason: String,
    /// Remarks: a wrong extension, a dropped animation.
    pub notes: Vec<String>,
    /// Scores, where a reference was given.
    pub scores: Option<Scores>,
    /// Wall seconds.
    pub seconds: f64,
    /// Pictures for the HTML report; only of the first items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

impl ItemReport {
    /// A row that says nothing yet.
    pub fn new(index: u64, id: String) -> Self {
        Self {
            index,
            id,
            output: None,
            outcome: Outcome::Failed,
            failure: None,
            format: None,
            depth: None,
            width: 0,
            height: 0,
            channels: 0,
            pages: 0,
            diagnosis: None,
            damage: None,
            steps: Vec::new(),
            weights: Vec::new(),
            reason: String::new(),
            notes: Vec::new(),
            scores: None,
            seconds: 0.0,
            preview: None,
        }
    }

    /// The row of an item that failed before anything was known of it.
    pub fn failed(index: u64, id: String, failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::new(index, id) }
    }
}

/// The whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rows in the order of the input.
    pub items: Vec<ItemReport>,
    /// Wall seconds of the run.
    pub seconds: f64,
    /// Was it stopped before the end?
    pub cancelled: bool,
}

impl Report {
    /// Number of rows that ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.items.iter().filter(|item| item.outcome == outcome).count()
    }

    /// Number of rows whose files were salvaged.
    pub fn salvaged(&self) -> usize {
        self.items.iter().filter(|item| item.damage.is_some()).count()
    }

    /// Mean PSNR before and after, over the rows that have scores and are not identical to their
    /// reference.
    pub fn mean_psnr(&self) -> Option<(f64, f64)> {
        let scored: Vec<_> = self
            .items
            .iter()
            .filter_map(|item| item.scores.as_ref())
            .map(|s| (s.before.psnr, s.after.psnr))
            .filter(|(before, after)| before.is_finite() && after.is_finite())
            .collect();
        let n = scored.len() as f64;
        (!scored.is_empty()).then(|| {
            let sum = scored.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
            (sum.0 / n, sum.1 / n)
        })
    }
}
