//! Duplicates in a collection: files that are equal, pictures that are equal, and pictures made from one
//! another by cropping, turning, mirroring, resizing, recompressing, recoloring or captions.
//!
//! 1. Every picture is reduced to at most 512 pixels a side; of its strongest SIFT keypoints a code of 64
//!    bytes each is kept (and a small gray picture).
//! 2. All codes go into one inverted file. Each code of a picture, and its mirror image, votes for the
//!    pictures of the codes nearest to it.
//! 3. For the pictures with most votes a homography is fitted to the places of the matched keypoints. It
//!    counts if it is better than chance allows among all pictures tried (*a contrario*), is no wild
//!    distortion, and if what both show where they overlap is alike.
//! 4. Pictures that are joined by such pairs are a cluster; the one with most pixels, then most bytes,
//!    is its keeper.

mod clusters;
mod page;
mod signature;
mod verify;

pub use page::page;

use crate::error::Error;
use crate::report::Failure;
use clusters::clusters;
use rayon::prelude::*;
use restora_data::{Entry, Input, Limits, walk};
use restora_image::{Cancel, Context};
use restora_metrics::features::mirrored;
use restora_metrics::search::{InvertedFile, InvertedFileOptions, inverted_file};
use serde::Serialize;
use signature::{CODE, Signature};
use std::collections::HashMap;
use std::path::PathBuf;
use verify::{Evidence, verify};

/// Nearest codes that get the vote of a code.
const NEIGHBORS: usize = 12;
/// Lists of the index that are looked at for a code.
const PROBES: usize = 12;
/// Votes that make a picture worth a closer look: a homography takes four.
const LEAST_VOTES: usize = 6;
/// Pictures that get a closer look, those with most votes.
const CANDIDATES: usize = 16;

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
        Self { keypoints: 120, least_probability: 0.99, threads: None, limits: Limits::default() }
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
    /// Probability that both are of one source: 1 less the number of false alarms to be expected.
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
    /// Correlation of both where they overlap.
    pub correlation: f64,
    /// Keypoints that agree.
    pub inliers: usize,
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

/// Looks for duplicates in `input`. `seen` is called after each picture that was read.
///
/// # Errors
/// If an option is out of range. A file that cannot be read is a row of `failures`.
pub fn find_duplicates(
    input: &Input,
    options: &DuplicateOptions,
    cancel: &Cancel,
    seen: &(dyn Fn() + Sync),
) -> Result<Duplicates, Error> {
    if !(16..=1000).contains(&options.keypoints) {
        let got = options.keypoints;
        return Err(Error::Usage(format!("keypoints must be 16 to 1000, got {got}")));
    }
    if !(0.0..1.0).contains(&options.least_probability) {
        let got = options.least_probability;
        return Err(Error::Usage(format!("probability must be 0 or above and below 1, got {got}")));
    }
    let look = || look(input, options, cancel, seen);
    match options.threads {
        Some(threads) => crate::train::pool(threads)?.install(look),
        None => look(),
    }
}

fn look(
    input: &Input,
    options: &DuplicateOptions,
    cancel: &Cancel,
    seen: &(dyn Fn() + Sync),
) -> Result<Duplicates, Error> {
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
            let signature = Signature::of(&entry, options);
            seen();
            (entry.id.clone(), signature)
        })
        .collect();
    let mut signatures = Vec::new();
    for (id, signature) in looked {
        match signature {
            Ok(signature) => signatures.push(signature),
            Err(error) => failures.push((id, Failure::new("read", &error))),
        }
    }
    signatures.sort_by(|a, b| a.picture.id.cmp(&b.picture.id));
    failures.sort_by(|a, b| a.0.cmp(&b.0));
    let mut pairs = equal_pairs(&signatures, &options.limits);
    if !cancel.is_cancelled() {
        pairs.extend(near_pairs(&signatures, options, cancel)?);
    }
    pairs.sort_by_key(|p| (p.first, p.second, p.likeness));
    pairs.dedup_by_key(|p| (p.first, p.second));
    let pictures: Vec<Picture> = signatures.into_iter().map(|s| s.picture).collect();
    let clusters = clusters(&pictures, &pairs);
    Ok(Duplicates { clusters, pictures, pairs, failures, cancelled: cancel.is_cancelled() })
}

/// Equal files and equal pixels: checksums say which to compare, the comparison decides.
fn equal_pairs(signatures: &[Signature], limits: &Limits) -> Vec<Pair> {
    let mut by_file: HashMap<_, Vec<usize>> = HashMap::new();
    let mut by_pixels: HashMap<_, Vec<usize>> = HashMap::new();
    for (i, s) in signatures.iter().enumerate() {
        by_file.entry((s.picture.bytes, s.file_sum)).or_default().push(i);
        by_pixels.entry((s.picture.width, s.picture.height, s.pixel_sum)).or_default().push(i);
    }
    let joined =
        |groups: HashMap<_, Vec<usize>>, likeness, equal: &dyn Fn(usize, usize) -> bool| {
            let mut pairs = Vec::new();
            for group in groups.into_values() {
                // Each with the first of its kind.
                let mut firsts: Vec<usize> = Vec::new();
                for i in group {
                    if let Some(&first) = firsts.iter().find(|&&first| equal(first, i)) {
                        let (probability, map) = (1.0, None);
                        pairs.push(Pair { first, second: i, likeness, probability, map });
                    } else {
                        firsts.push(i);
                    }
                }
            }
            pairs
        };
    let entry = |i: usize| &signatures[i].entry;
    let same_file = |a: usize, b: usize| matches!((entry(a).read(limits), entry(b).read(limits)), (Ok(a), Ok(b)) if a == b);
    let same_pixels = |a: usize, b: usize| {
        let pages = |i| restora_data::decode(&entry(i).read(limits).ok()?, limits).ok();
        matches!((pages(a), pages(b)), (Some(a), Some(b)) if a.pages == b.pages)
    };
    let by_file = by_file.into_iter().map(|((a, b), v)| ((a, b, 0), v)).collect();
    let by_pixels = by_pixels.into_iter().map(|((a, b, c), v)| ((u64::from(a), b, c), v)).collect();
    let mut pairs = joined(by_file, Likeness::SameFile, &same_file);
    pairs.extend(joined(by_pixels, Likeness::SamePixels, &same_pixels));
    pairs
}

/// Which picture and which of its keypoints each code of the index belongs to.
struct Owners(Vec<(u32, u32)>);

fn near_pairs(
    signatures: &[Signature],
    options: &DuplicateOptions,
    cancel: &Cancel,
) -> Result<Vec<Pair>, Error> {
    let mut codes = Vec::new();
    let mut owners = Owners(Vec::new());
    for (i, s) in signatures.iter().enumerate() {
        codes.extend_from_slice(&s.codes);
        owners.0.extend((0..s.points.len()).map(|k| (i as u32, k as u32)));
    }
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let cx =
        Context { cancel: Some(cancel), ..Context::with_threads(rayon::current_num_threads()) };
    let index = inverted_file(&codes, CODE, &InvertedFileOptions::default(), &cx)?;
    drop(codes);
    let found: Vec<Vec<Pair>> = (0..signatures.len())
        .into_par_iter()
        .map(|i| {
            if cancel.is_cancelled() {
                return Ok(Vec::new());
            }
            pairs_of(i, signatures, &index, &owners, options)
        })
        .collect::<Result<_, Error>>()?;
    // A pair may be found from both sides: the surer one counts.
    let mut best: HashMap<(usize, usize), Pair> = HashMap::new();
    for pair in found.into_iter().flatten() {
        let known = best.entry((pair.first, pair.second)).or_insert_with(|| pair.clone());
        let inliers = |p: &Pair| p.map.as_ref().map_or(0, |m| m.inliers);
        if inliers(&pair) > inliers(known) {
            *known = pair;
        }
    }
    Ok(best.into_values().collect())
}

/// A vote: keypoint of the first picture, of the second, squared distance of the codes.
type Vote = (u32, u32, u32);

/// The pictures that share a source with picture `i`.
fn pairs_of(
    i: usize,
    signatures: &[Signature],
    index: &InvertedFile,
    owners: &Owners,
    options: &DuplicateOptions,
) -> Result<Vec<Pair>, Error> {
    let signature = &signatures[i];
    let mut votes: HashMap<(u32, bool), Vec<Vote>> = HashMap::new();
    for (k, code) in signature.codes.chunks_exact(CODE).enumerate() {
        let code: &[u8; CODE] = code.try_into().expect("whole codes");
        for (turned_over, query) in [(false, *code), (true, mirrored(code))] {
            for near in index.search(&query, NEIGHBORS, PROBES)? {
                let (owner, keypoint) = owners.0[near.id as usize];
                if owner as usize != i {
                    let list = votes.entry((owner, turned_over)).or_default();
                    list.push((k as u32, keypoint, near.distance));
                }
            }
        }
    }
    let mut candidates: Vec<((u32, bool), Vec<Vote>)> =
        votes.into_iter().filter(|(_, list)| list.len() >= LEAST_VOTES).collect();
    candidates.sort_by_key(|((owner, turned), list)| (usize::MAX - list.len(), *owner, *turned));
    candidates.truncate(CANDIDATES);
    let mut pairs = Vec::new();
    for ((other, _), list) in candidates {
        let (first, second) = (i.min(other as usize), i.max(other as usize));
        let matched: Vec<([f64; 2], [f64; 2])> = list
            .iter()
            .map(|(mine, theirs, _)| {
                let places = [
                    (i, signature.points[*mine as usize]),
                    (other as usize, signatures[other as usize].points[*theirs as usize]),
                ];
                let of = |n: usize| places.iter().find(|(p, _)| *p == n).expect("either").1;
                (of(first), of(second))
            })
            .collect();
        let Some(Evidence { log10_false_alarms, map }) =
            verify(&signatures[first], &signatures[second], &matched)?
        else {
            continue;
        };
        // As many pictures could have been taken for copies by chance.
        let tests = (signatures.len() as f64).log10();
        let probability = 1.0 - 10f64.powf(log10_false_alarms + tests).min(1.0);
        if probability >= options.least_probability {
            let likeness = Likeness::NearDuplicate;
            pairs.push(Pair { first, second, likeness, probability, map: Some(map) });
        }
    }
    Ok(pairs)
}
