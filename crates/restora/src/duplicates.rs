//! Duplicates in a collection: files that are equal, pictures that are equal, and pictures made from one
//! another by cropping, turning, mirroring, resizing, recompressing, recoloring or captions.
//!
//! 1. Every picture is reduced to at most 512 pixels a side; of its strongest SIFT keypoints a code of 64
//!    bytes each is kept, its look (its lowest frequencies), and a small gray picture.
//! 2. All codes go into one inverted file. Each code of a picture, and its mirror image, votes for the
//!    pictures of the codes nearest to it. The looks of all eight flips and turns name those that look
//!    alike as a whole, for pictures without structure.
//! 3. For the pictures with most votes a homography is fitted to the places of the matched keypoints, and a
//!    number says how many as good chance is expected to give (*a contrario*). Wild distortions are out. For each
//!    that looks alike the flip or turn is the map.
//! 4. How alike the edges of both are where they overlap makes the probability that both are of one source, by a
//!    logistic regression on planted copies.
//! 5. Pictures that are joined by such pairs are a cluster; the one with most pixels, then most bytes,
//!    is its keeper.

mod candidates;
mod clusters;
mod index;
mod look;
mod odds;
mod page;
mod search;
mod signature;
mod verify;

pub use index::{PictureIndex, Updated};
pub use odds::features;
pub use page::page;
pub use search::{Found, Searcher};

use crate::error::Error;
use crate::report::Failure;
use candidates::{Candidate, Candidates, Reason};
use clusters::clusters;
use odds::probability;
use rayon::prelude::*;
use restora_data::{Entry, Input, Limits, walk};
use restora_image::{Cancel, Context};
use serde::Serialize;
use signature::Signature;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use verify::{verify_keypoints, verify_turn};

/// How duplicates are looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DuplicateOptions {
    /// Keypoints of a picture that are kept.
    pub keypoints: u32,
    /// Least probability that two pictures are of one source.
    pub least_probability: f64,
    /// Threads; all there are if not said.
    pub threads: Option<usize>,
    /// What files may be.
    pub limits: Limits,
}

impl Default for DuplicateOptions {
    fn default() -> Self {
        Self { keypoints: 120, least_probability: 0.9, threads: None, limits: Limits::default() }
    }
}

/// How a picture is related to the keeper of its cluster, or to the one it was matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likeness {
    /// The files are equal, byte by byte.
    SameFile,
    /// The pixels are equal; container, compression or metadata differ.
    SamePixels,
    /// One was made from the other, or both from a third.
    NearDuplicate,
}

/// Two pictures of one source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// Number of the first picture, in [`Duplicates::pictures`].
    pub first: usize,
    /// Number of the second.
    pub second: usize,
    /// How alike.
    pub likeness: Likeness,
    /// Probability that both are of one source.
    pub probability: f64,
    /// How the first becomes the second; `None` for equal ones.
    pub map: Option<Map>,
}

/// What a homography does, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Map {
    /// Pixels of the first to pixels of the second picture.
    pub homography: [[f64; 3]; 3],
    /// Enlargement.
    pub scale: f64,
    /// Turn in degrees, clockwise, in `(-180, 180]`; after mirroring left to right, if mirrored.
    pub rotation: f64,
    /// Is it mirrored?
    pub mirrored: bool,
    /// Share of the first picture that the second shows.
    pub overlap: f64,
    /// Share of the second picture that the first shows.
    pub overlap_of_second: f64,
    /// Correlation of both where they overlap.
    pub correlation: f64,
    /// Correlation of their gradients there: the median over 4 x 4 cells.
    pub edges: f64,
    /// Distance of the looks of both over the distance to the picture that is the 16th to look alike, 0 to 1: near 1
    /// among pictures as alike as digits. 1 where keypoints spoke.
    pub look_ratio: f64,
    /// Keypoints that agree; 0 where the look of the whole spoke, not keypoints.
    pub inliers: usize,
    /// Base-10 logarithm of how many homographies as good as that of the keypoints chance is expected to give; 0
    /// where the look of the whole spoke.
    pub log10_false_alarms: f64,
}

/// A picture of the collection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Picture {
    /// Its name below the folder.
    pub id: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Where it is, if it is a file.
    #[serde(skip)]
    pub path: Option<PathBuf>,
    /// Keypoints found; too few for anything but equality if below six.
    pub keypoints: usize,
}

/// Pictures of one source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    /// The one to keep: most pixels, then most bytes, then the first name.
    pub keeper: usize,
    /// The others, by name.
    pub copies: Vec<usize>,
}

/// All duplicates of a collection.
#[derive(Clone, Debug, Serialize)]
pub struct Duplicates {
    /// Every picture that could be read, by name.
    pub pictures: Vec<Picture>,
    /// Pairs of one source, by their numbers.
    pub pairs: Vec<Pair>,
    /// Clusters of two and more, by their keepers.
    pub clusters: Vec<Cluster>,
    /// Files that could not be read, with the reason.
    pub failures: Vec<(String, Failure)>,
    /// Did somebody stop it? What was found until then is there.
    pub cancelled: bool,
}

/// Is it a number of keypoints that can be kept?
fn check_keypoints(keypoints: u32) -> Result<(), Error> {
    if (16..=1000).contains(&keypoints) {
        return Ok(());
    }
    Err(Error::Usage(format!("keypoints must be 16 to 1000, got {keypoints}")))
}

fn check_probability(probability: f64) -> Result<(), Error> {
    if (0.0..1.0).contains(&probability) {
        return Ok(());
    }
    Err(Error::Usage(format!("probability must be 0 or above and below 1, got {probability}")))
}

/// Looks for duplicates in `input`. `seen` is called after each picture that was read. With an `index`, what is
/// known of the pictures is taken from that file, which is brought up to date (or made) first:
/// [`PictureIndex::update`].
///
/// # Errors
/// If an option is out of range, or the index cannot be read or written. A picture that cannot be read is a row of
/// `failures`.
pub fn find_duplicates(
    input: &Input,
    options: &DuplicateOptions,
    index: Option<&Path>,
    cancel: &Cancel,
    seen: &(dyn Fn() + Sync),
) -> Result<Duplicates, Error> {
    check_keypoints(options.keypoints)?;
    check_probability(options.least_probability)?;
    in_pool(options.threads, || {
        let cx =
            Context { cancel: Some(cancel), ..Context::with_threads(rayon::current_num_threads()) };
        let Some(path) = index else {
            let (signatures, failures) = look(input, options, cancel, seen);
            let candidates = Candidates::new(&signatures, None, &cx);
            return finished(&signatures, candidates, failures, options, cancel);
        };
        let DuplicateOptions { keypoints, limits, .. } = options;
        let (mut index, updated) =
            PictureIndex::update(path, input, *keypoints, limits, cancel, seen)?;
        let candidates = index.candidates(&cx);
        finished(index.pictures(), candidates, updated.failures, options, cancel)
    })
}

/// As [`PictureIndex::update`], on so many `threads`, or all; what a search needs beside the pictures is made too.
///
/// # Errors
/// As of that.
pub fn update_index(
    path: &Path,
    input: &Input,
    keypoints: u32,
    limits: &Limits,
    threads: Option<usize>,
    cancel: &Cancel,
    seen: &(dyn Fn() + Sync),
) -> Result<(PictureIndex, Updated), Error> {
    in_pool(threads, || {
        let (mut index, updated) =
            PictureIndex::update(path, input, keypoints, limits, cancel, seen)?;
        if !updated.cancelled {
            index.candidates(&Context::with_threads(rayon::current_num_threads()))?;
        }
        Ok((index, updated))
    })
}

/// Runs on so many threads, or all.
fn in_pool<T: Send>(
    threads: Option<usize>,
    run: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    match threads {
        Some(threads) => crate::train::pool(threads)?.install(run),
        None => run(),
    }
}

/// Looks at every picture; sorted by name, with what could not be read.
fn look(
    input: &Input,
    options: &DuplicateOptions,
    cancel: &Cancel,
    seen: &(dyn Fn() + Sync),
) -> (Vec<Signature>, Vec<(String, Failure)>) {
    let mut failures = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    for entry in walk(input) {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(e) => failures.push((e.id, Failure::new("read", &Error::Data(e.error)))),
        }
    }
    let looked: Vec<(String, Result<Signature, Error>)> = entries
        .into_par_iter()
        .filter(|_| !cancel.is_cancelled())
        .map(|entry| {
            let signature = Signature::of(&entry, options.keypoints, &options.limits);
            seen();
            (entry.id, signature)
        })
        .collect();
    let mut signatures = Vec::new();
    for (id, signature) in looked {
        match signature {
            Ok(signature) => signatures.push(signature),
            Err(error) => failures.push((id, Failure::new("read", &error))),
        }
    }
    signatures.sort_by(|a, b| a.id.cmp(&b.id));
    failures.sort_by(|a, b| a.0.cmp(&b.0));
    (signatures, failures)
}

/// The pairs and clusters; none if somebody stopped it before.
fn finished(
    signatures: &[Signature],
    candidates: Result<Candidates, Error>,
    failures: Vec<(String, Failure)>,
    options: &DuplicateOptions,
    cancel: &Cancel,
) -> Result<Duplicates, Error> {
    let mut pairs = Vec::new();
    if !cancel.is_cancelled() {
        pairs = equal_pairs(signatures, &options.limits);
        pairs.extend(near_pairs(signatures, &candidates?, options, cancel)?);
        // Equal ones come first, and what a pair is said to be first counts.
        pairs.sort_by_key(|p| (p.first, p.second, p.likeness));
        pairs.dedup_by_key(|p| (p.first, p.second));
    }
    let pictures: Vec<Picture> = signatures.iter().map(Picture::of).collect();
    let clusters = clusters(&pictures, &pairs);
    Ok(Duplicates { clusters, pictures, pairs, failures, cancelled: cancel.is_cancelled() })
}

/// Are the files equal, byte by byte, as their checksums say?
fn same_file(a: &Signature, b: &Signature, limits: &Limits) -> bool {
    let sums = |s: &Signature| (s.bytes, s.file_sum);
    sums(a) == sums(b) && matches!((a.read(limits), b.read(limits)), (Some(a), Some(b)) if a == b)
}

/// Are the pixels of all pages equal, as their checksums say?
fn same_pixels(a: &Signature, b: &Signature, limits: &Limits) -> bool {
    let pages = |s: &Signature| restora_data::decode(&s.read(limits)?, limits).ok();
    let sums = |s: &Signature| (s.width, s.height, s.pixel_sum);
    sums(a) == sums(b) && matches!((pages(a), pages(b)), (Some(a), Some(b)) if a.pages == b.pages)
}

/// Equal files and equal pixels: checksums say which to compare, the comparison decides.
fn equal_pairs(signatures: &[Signature], limits: &Limits) -> Vec<Pair> {
    let mut by_file: HashMap<_, Vec<usize>> = HashMap::new();
    let mut by_pixels: HashMap<_, Vec<usize>> = HashMap::new();
    for (i, s) in signatures.iter().enumerate() {
        by_file.entry((s.bytes, s.file_sum)).or_default().push(i);
        by_pixels.entry((s.width, s.height, s.pixel_sum)).or_default().push(i);
    }
    let mut pairs = Vec::new();
    let mut join =
        |group: Vec<usize>, likeness, equal: fn(&Signature, &Signature, &Limits) -> bool| {
            // Each with the first of its kind.
            let mut firsts: Vec<usize> = Vec::new();
            for i in group {
                let same = |&&first: &&usize| equal(&signatures[first], &signatures[i], limits);
                if let Some(&first) = firsts.iter().find(same) {
                    let (probability, map) = (1.0, None);
                    pairs.push(Pair { first, second: i, likeness, probability, map });
                } else {
                    firsts.push(i);
                }
            }
        };
    for group in by_file.into_values() {
        join(group, Likeness::SameFile, same_file);
    }
    for group in by_pixels.into_values() {
        join(group, Likeness::SamePixels, same_pixels);
    }
    pairs
}

fn near_pairs(
    signatures: &[Signature],
    candidates: &Candidates,
    options: &DuplicateOptions,
    cancel: &Cancel,
) -> Result<Vec<Pair>, Error> {
    let found: Vec<Vec<Pair>> = (0..signatures.len())
        .into_par_iter()
        .filter(|_| !cancel.is_cancelled())
        .map(|i| {
            let judged = judged(&signatures[i], Some(i), signatures, candidates)?.into_iter();
            let pairs = judged.map(|j| {
                let (first, second) = (i.min(j.other), i.max(j.other));
                let (likeness, map) = (Likeness::NearDuplicate, Some(j.map));
                Pair { first, second, likeness, probability: j.probability, map }
            });
            Ok(pairs.collect())
        })
        .collect::<Result<_, Error>>()?;
    // A pair may be found from both sides, by keypoints and by look: the surer way counts, but of one by look the
    // side that is less sure, for there both must be out of the crowd.
    let by_look = |pair: &Pair| pair.map.as_ref().is_some_and(|map| map.inliers == 0);
    let mut best: HashMap<(usize, usize), Pair> = HashMap::new();
    for pair in found.into_iter().flatten() {
        let known = best.entry((pair.first, pair.second)).or_insert_with(|| pair.clone());
        let surer = pair.probability > known.probability;
        let replaced = match (by_look(known), by_look(&pair)) {
            (true, true) => !surer,
            _ => surer,
        };
        if replaced {
            *known = pair;
        }
    }
    best.retain(|_, pair| pair.probability >= options.least_probability);
    Ok(best.into_values().collect())
}

/// A picture that may be a copy of the one asked for.
struct Judged {
    other: usize,
    /// From the first to the second of both, where the one asked for is number `own`; else from that one.
    map: Map,
    probability: f64,
}

/// Which of `pictures` may be copies of `asked`, which is number `own` of them or none.
fn judged(
    asked: &Signature,
    own: Option<usize>,
    pictures: &[Signature],
    candidates: &Candidates,
) -> Result<Vec<Judged>, Error> {
    let mut found = Vec::new();
    for candidate in candidates.of(asked, own)? {
        let other = candidate.picture;
        let asked_first = own.is_none_or(|own| own < other);
        let (first, second) =
            if asked_first { (asked, &pictures[other]) } else { (&pictures[other], asked) };
        if let Some(map) = verified(first, second, &candidate, asked_first)? {
            found.push(Judged { other, probability: probability(&map), map });
        }
    }
    Ok(found)
}

/// How `first` becomes `second`, if a copy can be made so; `asked_first` if the candidate was found for the first.
fn verified(
    first: &Signature,
    second: &Signature,
    candidate: &Candidate,
    asked_first: bool,
) -> Result<Option<Map>, Error> {
    match &candidate.reason {
        Reason::Turn { how, ratio } => {
            // Undone by itself, but for the two quarter turns, each of which is undone by the other.
            let how = match how {
                5 | 6 if !asked_first => how ^ 3,
                _ => *how,
            };
            let map = verify_turn(first, second, how);
            Ok(map.map(|map| Map { look_ratio: *ratio, ..map }))
        }
        Reason::Keypoints(votes) => {
            let matched: Vec<_> = votes
                .iter()
                .map(|&(mine, theirs)| {
                    let (of_first, of_second) =
                        if asked_first { (mine, theirs) } else { (theirs, mine) };
                    (first.point(of_first as usize), second.point(of_second as usize))
                })
                .collect();
            verify_keypoints(first, second, &matched)
        }
    }
}
