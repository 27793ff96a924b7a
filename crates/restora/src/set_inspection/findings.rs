//! Single pictures to look at, by what their diagnoses say.

use super::SetPicture;
use crate::diagnose::Diagnosis;
use serde::Serialize;

/// The 99 % quantile of luma below which a picture is dark: nothing in it is brighter than a shadow.
const DARK: f32 = 0.3;
/// The 1 % quantile of luma above which a picture is bright: nothing in it is darker than a light gray.
const BRIGHT: f32 = 0.6;
/// Standard deviation of luma below which a picture shows next to nothing.
const EMPTY: f32 = 0.02;
/// Entropy of luma in bits below which it shows next to nothing: a few specks on a plain ground.
const PLAIN: f32 = 0.3;
/// Standard deviation in pixels of the blur of the sharpest edges.
const BLURRY: f32 = 2.0;
/// Noise level in nominal range.
const NOISY: f32 = 12.0 / 255.0;
/// Findings of lower confidence are not told.
const SURE: f32 = 0.5;
/// Smaller pictures are all edges: their noise and their blur cannot be told from what they show.
const LEAST_PIXELS: u64 = 96 * 96;
/// Least ratio of sizes, and of aspect ratios, to the median that can be odd.
const ODD_SIZE: f64 = 3.0;
const ODD_ASPECT: f64 = 1.5;
/// .. and at least as many robust standard deviations of their logarithm.
const ODD_DEVIATIONS: f64 = 4.0;

/// What is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Nothing is brighter than a shadow.
    Dark,
    /// Nothing is darker than a light gray.
    Bright,
    /// Next to nothing is shown.
    LowInformation,
    /// No edge is sharp.
    Blurry,
    /// The noise is strong.
    Noisy,
    /// Far smaller, larger, wider or higher than the others.
    OddSize,
    /// Unlike all others.
    Outlier,
}

impl FindingKind {
    /// All kinds, in the order they are told.
    pub const ALL: [Self; 7] = [
        Self::Outlier,
        Self::LowInformation,
        Self::Dark,
        Self::Bright,
        Self::Blurry,
        Self::Noisy,
        Self::OddSize,
    ];

    /// A heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Dark => "Dark",
            Self::Bright => "Bright",
            Self::LowInformation => "Low information",
            Self::Blurry => "Blurry",
            Self::Noisy => "Noisy",
            Self::OddSize => "Odd size",
            Self::Outlier => "Outliers",
        }
    }
}

/// A picture to look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Why.
    pub kind: FindingKind,
    /// Its number in [`super::SetReport::pictures`].
    pub picture: usize,
    /// How bad: the larger the worse, of one kind.
    pub severity: f32,
    /// In words.
    pub words: String,
}

/// The findings that diagnoses and sizes give, by kind, worst first.
pub fn findings(pictures: &[SetPicture], diagnoses: &[Diagnosis]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (picture, d) in diagnoses.iter().enumerate() {
        let mut add = |kind, severity: f32, words: String| {
            found.push(Finding { kind, picture, severity, words });
        };
        let e = &d.exposure;
        let SetPicture { width, height, .. } = pictures[picture];
        let large = u64::from(width) * u64::from(height) >= LEAST_PIXELS;
        let empty = e.contrast < EMPTY || e.entropy < PLAIN;
        if empty {
            let words =
                format!("contrast {:.1}/255, {:.1} bits of entropy", 255.0 * e.contrast, e.entropy);
            add(FindingKind::LowInformation, 1.0 / (e.contrast * e.entropy).max(1e-6), words);
        }
        if e.high < DARK {
            let words = format!("99 % of it is below {:.0}/255", 255.0 * e.high);
            add(FindingKind::Dark, DARK - e.high, words);
        }
        if e.low > BRIGHT {
            let words = format!("99 % of it is above {:.0}/255", 255.0 * e.low);
            add(FindingKind::Bright, e.low - BRIGHT, words);
        }
        if large && d.blur.sigma > BLURRY && d.blur.confidence >= SURE {
            let words = format!("sharpest edges are blurred by {:.1} pixels", d.blur.sigma);
            add(FindingKind::Blurry, d.blur.sigma, words);
        }
        if large && !empty && d.noise_sigma() > NOISY && d.noise.confidence >= SURE {
            let words = format!("noise {:.0}/255", 255.0 * d.noise_sigma());
            add(FindingKind::Noisy, d.noise_sigma(), words);
        }
    }
    let area = |p: &SetPicture| f64::from(p.width) * f64::from(p.height);
    let aspect = |p: &SetPicture| f64::from(p.width) / f64::from(p.height.max(1));
    odd(pictures, &area, ODD_SIZE, "the pixels", &mut found);
    odd(pictures, &aspect, ODD_ASPECT, "the width for its height", &mut found);
    found.sort_by(|a, b| {
        let order = |f: &Finding| FindingKind::ALL.iter().position(|k| *k == f.kind);
        order(a)
            .cmp(&order(b))
            .then(b.severity.total_cmp(&a.severity))
            .then(a.picture.cmp(&b.picture))
    });
    found
}

/// Pictures whose measure is far from the median, as a ratio.
fn odd(
    pictures: &[SetPicture],
    measure: &dyn Fn(&SetPicture) -> f64,
    least_ratio: f64,
    of_what: &str,
    found: &mut Vec<Finding>,
) {
    let logs: Vec<f64> = pictures.iter().map(|p| measure(p).max(1e-9).ln()).collect();
    let middle = median(&logs);
    let spread = median(&logs.iter().map(|v| (v - middle).abs()).collect::<Vec<_>>());
    let limit = least_ratio.ln().max(ODD_DEVIATIONS * 1.4826 * spread);
    for (picture, log) in logs.iter().enumerate() {
        let far = (log - middle).abs();
        if far >= limit {
            let SetPicture { width, height, .. } = &pictures[picture];
            let ratio = (log - middle).exp();
            let times = if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.1}") };
            let words = format!("{width} x {height}: {times} times {of_what} of the median");
            let known =
                found.iter_mut().find(|f| (f.kind, f.picture) == (FindingKind::OddSize, picture));
            if let Some(known) = known {
                known.severity = known.severity.max(far as f32);
                known.words = format!("{}, {ratio:.1} times {of_what}", known.words);
            } else {
                let kind = FindingKind::OddSize;
                found.push(Finding { kind, picture, severity: far as f32, words });
            }
        }
    }
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
