//! What a set of pictures is like as a whole: its classes and splits, sizes, copies within and across splits, pictures
//! that are dark, bright, empty, blurry or noisy, pictures unlike all others, and labels that the neighbors contradict.
//!
//! 1. The diagnoses of a run of [`crate::run`] say what each picture is like by itself.
//! 2. Folders say the splits (`train`, `test`, ...) and the classes.
//! 3. A feature of every picture, reduced by PCA to 64 bytes, and the neighbors of each picture by it: those far from
//!    their neighbors are outliers (local outlier factor), those whose neighbors are of another class are suspected of a
//!    wrong label (confident learning).
//! 4. [`crate::duplicates`] finds the copies; a copy in another split is a leak, one of another class a contradiction.

mod findings;
mod folders;
mod neighborhood;
mod page;

pub use findings::{Finding, FindingKind};
pub use folders::{Membership, memberships};
pub use page::page;

use crate::duplicates::{DuplicateOptions, Pair, find_duplicates};
use crate::error::Error;
use crate::extractor::Extractor;
use crate::report::{Failure, Report};
use neighborhood::Neighborhood;
use restora_data::{Input, Source, walk};
use restora_image::Cancel;
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;

/// Fewer pictures than this have no neighborhood to speak of.
const LEAST_NEIGHBORHOOD: usize = 20;
/// Pictures of a set whose local outlier factor is this much above the median are outliers.
const OUTLIER: f32 = 1.5;

/// How a set is looked at.
#[derive(Clone, Debug)]
pub struct SetOptions {
    /// By what pictures are near each other: these features together, each counting as much as the others.
    pub features: Vec<Extractor>,
    /// How copies are looked for; its threads and limits are those of the whole inspection.
    pub duplicates: DuplicateOptions,
}

/// A picture of the set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SetPicture {
    /// Its name below the folder.
    pub id: String,
    /// Place of its class in [`SetReport::classes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<usize>,
    /// Place of its split in [`SetReport::splits`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<usize>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Format, sample depth and channels, for instance `PNG 8-bit RGB`.
    pub mode: String,
    /// Where it is, if it is a file.
    #[serde(skip)]
    pub path: Option<PathBuf>,
    /// The pictures nearest to it by the features, nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<usize>,
    /// Local outlier factor, about 1 among its like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlier_factor: Option<f32>,
}

/// A picture whose neighbors are of another class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mislabeled {
    /// Its number.
    pub picture: usize,
    /// The class its neighbors say.
    pub suggested: usize,
    /// What the neighbors give its own class, in `[0, 1]`.
    pub given_share: f32,
    /// What they give the other.
    pub suggested_share: f32,
}

/// What the neighbors say of the labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Labels {
    /// Suspects, surest first.
    pub suspects: Vec<Mislabeled>,
    /// Estimated share of wrong labels.
    pub share: f64,
    /// Share of pictures whose neighbors say their own class: how well the features know the classes at all.
    pub agreement: f64,
}

/// The whole set.
#[derive(Clone, Debug, Serialize)]
pub struct SetReport {
    /// Every picture that could be read, by name.
    pub pictures: Vec<SetPicture>,
    /// Names of the classes; empty if the folders name none.
    pub classes: Vec<String>,
    /// Names of the splits; empty if the folders name none.
    pub splits: Vec<String>,
    /// By what pictures are near each other.
    pub features: String,
    /// Single pictures to look at, by kind, worst first.
    pub findings: Vec<Finding>,
    /// Pairs of one source, by their numbers.
    pub copies: Vec<Pair>,
    /// What the neighbors say of the labels; `None` without classes or with too few pictures.
    pub labels: Option<Labels>,
    /// Files that could not be read, with the reason.
    pub failures: Vec<(String, Failure)>,
    /// Was it stopped before the end?
    pub cancelled: bool,
}

impl SetReport {
    /// Pairs of one source whose pictures are in different splits.
    pub fn leaks(&self) -> impl Iterator<Item = &Pair> {
        let split = |i: usize| self.pictures[i].split;
        self.copies.iter().filter(move |p| split(p.first) != split(p.second))
    }

    /// Pairs of one source whose pictures are of different classes.
    pub fn contradictions(&self) -> impl Iterator<Item = &Pair> {
        let class = |i: usize| self.pictures[i].class;
        self.copies.iter().filter(move |p| class(p.first) != class(p.second))
    }

    /// How many pictures each class has in each split: `[class][split]`, one column if there are no splits.
    pub fn counts(&self) -> Vec<Vec<usize>> {
        let mut counts = vec![vec![0; self.splits.len().max(1)]; self.classes.len()];
        for picture in &self.pictures {
            if let Some(class) = picture.class {
                counts[class][picture.split.unwrap_or(0)] += 1;
            }
        }
        counts
    }

    /// Pictures of the largest over those of the smallest class.
    pub fn imbalance(&self) -> Option<f64> {
        let sums: Vec<usize> = self.counts().iter().map(|row| row.iter().sum()).collect();
        let (most, least) = (sums.iter().max()?, sums.iter().min()?);
        Some(*most as f64 / (*least).max(1) as f64)
    }

    /// The findings of a kind, worst first.
    pub fn of_kind(&self, kind: FindingKind) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |f| f.kind == kind)
    }
}

/// Looks at the set of `input`, whose pictures were diagnosed in `report`. `seen` is called after each picture that was
/// read: twice for every one.
///
/// # Errors
/// If an option is out of range. A file that cannot be read is a row of `failures`.
pub fn inspect_set(
    input: &Input,
    report: &Report,
    options: &SetOptions,
    cancel: &Cancel,
    seen: &(dyn Fn() + Sync),
) -> Result<SetReport, Error> {
    let paths: HashMap<String, Source> =
        walk(input).flatten().map(|entry| (entry.id, entry.source)).collect();
    let mut pictures = Vec::new();
    let mut diagnoses = Vec::new();
    let mut failures = Vec::new();
    for item in &report.items {
        if let Some(failure) = &item.failure {
            failures.push((item.id.clone(), failure.clone()));
            continue;
        }
        diagnoses.push(item.diagnosis.clone().unwrap_or_default());
        pictures.push(SetPicture {
            id: item.id.clone(),
            class: None,
            split: None,
            width: item.width,
            height: item.height,
            mode: mode(item),
            path: match paths.get(&item.id) {
                Some(Source::Path(path)) => Some(path.clone()),
                _ => None,
            },
            nearest: Vec::new(),
            outlier_factor: None,
        });
    }
    let names: Vec<&str> = pictures.iter().map(|p| p.id.as_str()).collect();
    let Membership { classes, splits, of } = memberships(&names);
    for (picture, (class, split)) in pictures.iter_mut().zip(of) {
        (picture.class, picture.split) = (class, split);
    }
    let mut found = SetReport {
        findings: findings::findings(&pictures, &diagnoses),
        pictures,
        classes,
        splits,
        features: options.features.iter().map(Extractor::name).collect::<Vec<_>>().join(" + "),
        copies: Vec::new(),
        labels: None,
        failures,
        cancelled: report.cancelled,
    };
    if found.pictures.len() >= LEAST_NEIGHBORHOOD
        && !options.features.is_empty()
        && !cancel.is_cancelled()
    {
        let near = Neighborhood::of(&found, options, cancel, seen)?;
        near.tell(&mut found)?;
    }
    if found.pictures.len() > 1 && !cancel.is_cancelled() {
        let copies = find_duplicates(input, &options.duplicates, None, cancel, seen)?;
        let places: HashMap<&str, usize> =
            found.pictures.iter().enumerate().map(|(i, p)| (p.id.as_str(), i)).collect();
        let place = |i: usize| places.get(copies.pictures[i].id.as_str()).copied();
        found.copies = copies
            .pairs
            .iter()
            .filter_map(|p| {
                let (first, second) = (place(p.first)?, place(p.second)?);
                Some(Pair { first, second, ..p.clone() })
            })
            .collect();
    }
    found.cancelled |= cancel.is_cancelled();
    Ok(found)
}

fn mode(item: &crate::report::ItemReport) -> String {
    let format = item.format.as_deref().unwrap_or("?").to_uppercase();
    let bits = item.depth.map_or(0, restora_image::Depth::bits);
    let colors = if item.channels == 1 { "gray" } else { "RGB" };
    format!("{format} {bits}-bit {colors}")
}
