//! Scores files against their references: two files, or two folders with the same relative names.

use crate::error::Error;
use crate::perceptual::Perceptual;
use crate::report::Failure;
use restora_data::{Format, Input, Limits};
use restora_image::{Context, Depth, Raster};
use restora_metrics::full_reference::{
    CompareOptions, Comparison, Measure, OutOfRange, Scores, compare, measure,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The scores of one pair of files, or why there are none.
#[derive(Clone, Debug, Serialize)]
pub struct PairReport {
    /// The clean file.
    pub reference: String,
    /// The scored file.
    pub distorted: String,
    /// The scores.
    #[serde(flatten)]
    pub scores: Option<Scores>,
    /// The scores by measures with weights of the user's, by key.
    #[serde(flatten)]
    pub learned: BTreeMap<String, f64>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// All pairs and the mean of each measure.
#[derive(Clone, Debug, Serialize)]
pub struct PairsReport {
    /// Pairs in the order of the distorted folder.
    pub pairs: Vec<PairReport>,
    /// Mean over the pairs that have the measure; PSNR over the pairs that are not identical, and
    /// infinite if all are.
    pub mean: Option<Scores>,
    /// Mean of each learned measure over the pairs that have it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub learned_mean: BTreeMap<String, f64>,
}

/// Scores `distorted` against `reference` by `measures` and by `learned` ones. For folders, every file of the distorted folder is paired
/// with the reference of the same relative name, or of the same stem if the extension differs.
/// `out_of_range` is as in [`score`]; that of `options` does not matter.
///
/// # Errors
/// If only one of the two is a folder, or one does not exist. A bad pair is a row.
pub fn compare_paths(
    reference: &Path,
    distorted: &Path,
    (measures, learned): (&[Measure], &[Perceptual]),
    options: &CompareOptions,
    out_of_range: Option<OutOfRange>,
    limits: &Limits,
    cx: &Context,
) -> Result<PairsReport, Error> {
    for path in [reference, distorted] {
        if let Err(source) = std::fs::metadata(path) {
            return Err(Error::Io { path: path.to_owned(), source });
        }
    }
    let row = |clean: Result<PathBuf, Error>, scored: &Path| {
        let name = |p: &Path| p.to_string_lossy().into_owned();
        let (reference, scores) = match clean {
            Ok(clean) => {
                let score = |clean: &Path| -> Result<_, Error> {
                    let (clean, scored) = (read_page(clean, limits)?, read_page(scored, limits)?);
                    let options = with_range_rule(&clean, options, out_of_range);
                    let (clean, scored) = (clean.to_image(), scored.to_image());
                    let scores = measure(&clean, &scored, measures, &options, cx)?;
                    let by = |one: &Perceptual| Ok((one.key(), one.score(&clean, &scored, cx)?));
                    let learned = learned.iter().map(by).collect::<Result<_, Error>>()?;
                    Ok((scores, learned))
                };
                let scores = score(&clean);
                (name(&clean), scores)
            }
            Err(error) => (String::new(), Err(error)),
        };
        let (scores, learned, failure) = match scores {
            Ok((scores, learned)) => (Some(scores), learned, None),
            Err(error) => (None, BTreeMap::new(), Some(Failure::new("score", &error))),
        };
        PairReport { reference, distorted: name(scored), scores, learned, failure }
    };
    let mut pairs = Vec::new();
    match (reference.is_dir(), distorted.is_dir()) {
        (false, false) => pairs.push(row(Ok(reference.to_owned()), distorted)),
        (true, true) => {
            for entry in restora_data::walk(&Input::Path(distorted.to_owned())) {
                match entry {
                    Ok(entry) => {
                        let clean = counterpart(reference, &entry.relative).ok_or_else(|| {
                            Error::Usage(format!(
                                "{} has no counterpart in {}",
                                entry.id,
                                reference.display()
                            ))
                        });
                        pairs.push(row(clean, &distorted.join(&entry.relative)));
                    }
                    Err(e) => pairs.push(row(Err(Error::Data(e.error)), &e.path)),
                }
            }
        }
        (folder, _) => {
            let kind = |is_folder| if is_folder { "a folder" } else { "a file" };
            return Err(Error::Usage(format!(
                "wanted two files or two folders, got {} ({}) and {} ({})",
                reference.display(),
                kind(folder),
                distorted.display(),
                kind(!folder)
            )));
        }
    }
    let mean = Scores::mean(pairs.iter().filter_map(|pair| pair.scores.as_ref()));
    let mean_of = |key: String| {
        let there: Vec<f64> = pairs.iter().filter_map(|p| p.learned.get(&key).copied()).collect();
        (!there.is_empty()).then(|| (key, there.iter().sum::<f64>() / there.len() as f64))
    };
    let learned_mean = learned.iter().map(Perceptual::key).filter_map(mean_of).collect();
    Ok(PairsReport { pairs, mean, learned_mean })
}

/// The file of `root` with the same relative name, with `.png` after it, or with the same stem and another
/// extension of a picture.
pub fn counterpart(root: &Path, relative: &Path) -> Option<PathBuf> {
    let same_name = root.join(relative);
    if same_name.exists() {
        return Some(same_name);
    }
    let mut longer = same_name.clone().into_os_string();
    longer.push(".png");
    let longer = PathBuf::from(longer);
    if longer.exists() {
        return Some(longer);
    }
    let extensions = Format::ALL.iter().flat_map(|f| f.extensions());
    extensions.map(|e| same_name.with_extension(e)).find(|path| path.exists())
}

/// The first page of a file.
///
/// # Errors
/// If it cannot be read or decoded.
pub fn read_page(path: &Path, limits: &Limits) -> Result<Raster, Error> {
    let bytes =
        std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let decoded = restora_data::decode(&bytes, limits)?;
    decoded.pages.into_iter().next().ok_or_else(|| Error::Fault("no page".into()))
}

/// Scores a page against its reference. `out_of_range` of `None` clips both to the nominal range if
/// the reference is made of integers, which cannot hold anything else, and keeps floats as they are
/// if the reference is made of floats.
///
/// # Errors
/// If the two do not fit each other.
pub fn score(
    reference: &Raster,
    distorted: &Raster,
    options: &CompareOptions,
    out_of_range: Option<OutOfRange>,
    cx: &Context,
) -> Result<Comparison, Error> {
    let options = with_range_rule(reference, options, out_of_range);
    Ok(compare(&reference.to_image(), &distorted.to_image(), &options, cx)?)
}

fn with_range_rule(
    reference: &Raster,
    options: &CompareOptions,
    out_of_range: Option<OutOfRange>,
) -> CompareOptions {
    let by_depth =
        if reference.depth() == Depth::F32 { OutOfRange::Keep } else { OutOfRange::Clip };
    CompareOptions { out_of_range: out_of_range.unwrap_or(by_depth), ..*options }
}
