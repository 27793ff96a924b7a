//! Why two programs give different numbers for the same pair: every measure under the conventions of scikit-image,
//! MATLAB, piq, pytorch-msssim, torchmetrics and OpenCV, on the user's own pixels.
//!
//! A convention is a list of [`Change`]s from ours. The score of a list is what that library gives; the score of each change
//! alone says how much of the difference it makes. Each library's defaults were read from its documentation and, but for
//! MATLAB, checked against its numbers (`goldens/referee.json`).

mod scores;
mod tables;

use crate::error::Error;
use restora_image::{Context, Image};
use restora_metrics::full_reference::{Measure, Pooling, SsimBorder};
use serde::Serialize;

/// A difference larger than this share of the score has a cause worth telling.
const SAME: f64 = 2e-6;

/// How one program makes one value of a color pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gray {
    /// Pillow's `convert("L")`.
    Pillow,
    /// OpenCV's `cvtColor`: the same weights, rounded with other integers.
    OpenCv,
    /// scikit-image's `rgb2gray`: weights of BT.709, not rounded.
    Skimage,
    /// MATLAB's `rgb2gray`: weights of BT.601 to four digits, rounded.
    Matlab,
    /// BT.601 luma, not rounded: the luminance of YIQ.
    Luma,
    /// Y of YCbCr from 16 to 235, as in papers on super-resolution.
    Studio,
}

/// One way in which a program differs from ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// A color pair is compared as one gray channel.
    Gray(Gray),
    /// Each channel has a score, and these are averaged.
    EachChannel,
    /// This is added to the mean squared error, in nominal range.
    AddedToMse(f64),
    /// The peak is 255 whatever the depth.
    PeakOf8Bit,
    /// The range is what the pixels of either picture span.
    RangeOfPixels,
    /// Errors in nominal range, where white is 1.
    Nominal,
    /// 7 equal taps and the sample covariance in place of 11 Gaussian taps.
    Uniform,
    /// Windows beyond the border count.
    Border(SsimBorder),
    /// Pictures are averaged over squares first, so that the shorter side is about 256.
    Reduced,
    /// How odd sizes are halved.
    Pooling(Pooling),
    /// The coarsest scale counts windows beyond the border.
    Coarsest(SsimBorder),
    /// Channels are averaged before the powers.
    ChannelsFirst,
    /// The reference is given second.
    Exchanged,
    /// Chroma counts too.
    Chroma,
    /// The last row or column of an odd side is left out.
    Even,
}

impl Change {
    /// What it is, in words.
    pub fn words(self) -> String {
        let border = |border| match border {
            SsimBorder::Valid => "windows inside the picture only",
            SsimBorder::Reflect => "border mirrored",
            SsimBorder::Reflect101 => "border mirrored about its pixels",
            SsimBorder::Replicate => "border repeated",
        };
        match self {
            Self::Gray(Gray::Pillow) => "as gray, Pillow's `convert(\"L\")`".into(),
            Self::Gray(Gray::OpenCv) => "as gray, OpenCV's rounding of BT.601".into(),
            Self::Gray(Gray::Skimage) => "as gray, weights of BT.709".into(),
            Self::Gray(Gray::Matlab) => "as gray, MATLAB's rounding of BT.601".into(),
            Self::Gray(Gray::Luma) => "as BT.601 luma, not rounded".into(),
            Self::Gray(Gray::Studio) => "Y of YCbCr, 16 to 235".into(),
            Self::EachChannel => "mean of the channels' scores".into(),
            Self::AddedToMse(value) => format!("{value:.0e} is added to the squared error"),
            Self::PeakOf8Bit => "the peak is 255 at any depth".into(),
            Self::RangeOfPixels => "range = largest less smallest pixel".into(),
            Self::Nominal => "white is 1, not 255".into(),
            Self::Uniform => "7 equal taps, sample covariance".into(),
            Self::Border(rule) => border(rule).into(),
            Self::Reduced => "reduced first, shorter side about 256".into(),
            Self::Pooling(Pooling::Replicate) => "odd sizes: the edge is repeated".into(),
            Self::Pooling(Pooling::Zero) => "odd sizes: zeros are averaged with".into(),
            Self::Pooling(Pooling::Drop) => "odd sizes: the last is dropped".into(),
            Self::Coarsest(rule) => format!("coarsest scale: {}", border(rule)),
            Self::ChannelsFirst => "channels are averaged before the powers".into(),
            Self::Exchanged => "the reference is given second".into(),
            Self::Chroma => "chroma counts too".into(),
            Self::Even => "the last of an odd side is dropped".into(),
        }
    }
}

/// One program's score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The program.
    pub tool: &'static str,
    /// How it is called; `a` is the reference, `b` the distorted picture.
    pub call: String,
    /// What it gives; `None` where it gives nothing for such a pair.
    #[serde(with = "scores::number")]
    pub score: Option<f64>,
    /// Why it differs from ours: each change alone, with the score that it gives.
    pub causes: Vec<Cause>,
}

/// Part of a difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// What is done otherwise.
    pub words: String,
    /// Our score with this change alone.
    #[serde(with = "scores::number")]
    pub score: Option<f64>,
}

/// A measure under all conventions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ruling {
    /// Which measure.
    pub measure: Measure,
    /// Our score of the pair, by our defaults.
    #[serde(with = "scores::number")]
    pub ours: Option<f64>,
    /// What ours is.
    pub convention: &'static str,
    /// What other programs give.
    pub rows: Vec<Row>,
}

/// The measures that programs disagree on.
pub const MEASURES: [Measure; 8] = [
    Measure::Mse,
    Measure::Mae,
    Measure::Psnr,
    Measure::Ssim,
    Measure::MsSsim,
    Measure::Gmsd,
    Measure::Vif,
    Measure::Fsim,
];

/// A pair as it was read.
#[derive(Clone, Copy, Debug)]
pub struct RefereedPair<'a> {
    /// The clean picture, gray or RGB in nominal range.
    pub reference: &'a Image,
    /// The picture to score.
    pub distorted: &'a Image,
    /// White of the files: 255 of 8-bit ones, 65535 of 16-bit ones, 1 of floats.
    pub white: f64,
}

/// Judges a pair by `measures`; those that all programs agree on are left out.
///
/// # Errors
/// If the pictures differ in size or color space, are empty, or the caller cancelled.
pub fn referee(
    pair: &RefereedPair,
    measures: &[Measure],
    cx: &Context,
) -> Result<Vec<Ruling>, Error> {
    let color = pair.reference.channels() == 3;
    let mut rulings = Vec::new();
    for &measure in MEASURES.iter().filter(|m| measures.contains(m)) {
        let score = |changes: &[Change]| scores::score(measure, pair, changes, cx);
        let ours = score(&[])?;
        let mut rows = Vec::new();
        for (tool, call, changes) in tables::rows(measure, color, pair.white) {
            let theirs = score(&changes)?;
            let mut causes = Vec::new();
            if differ(ours, theirs) {
                for change in changes {
                    let alone = score(&[change])?;
                    if differ(ours, alone) {
                        causes.push(Cause { words: change.words(), score: alone });
                    }
                }
            }
            rows.push(Row { tool, call, score: theirs, causes });
        }
        rulings.push(Ruling { measure, ours, convention: tables::ours(measure), rows });
    }
    Ok(rulings)
}

fn differ(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) if a == b => false,
        (Some(a), Some(b)) if a.is_finite() && b.is_finite() => {
            (a - b).abs() > SAME * a.abs().max(b.abs())
        }
        (Some(_), Some(_)) => true,
        _ => a.is_some() != b.is_some(),
    }
}
