//! Copies of one picture among those of an index.

use super::candidates::Candidates;
use super::signature::Signature;
use super::{Judged, check_probability, judged, same_file, same_pixels};
use super::{Likeness, Map, Pair, Picture, PictureIndex};
use crate::error::Error;
use restora_data::{Entry, Limits};
use restora_image::Context;
use serde::Serialize;
use std::collections::HashMap;

/// An index with what is searched in memory.
pub struct Searcher {
    index: PictureIndex,
    candidates: Candidates,
}

/// A picture of the index that is of one source with the one asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// The picture.
    #[serde(flatten)]
    pub picture: Picture,
    /// How alike.
    pub likeness: Likeness,
    /// Probability that both are of one source.
    pub probability: f64,
    /// How the one asked for becomes this one; `None` for equal ones.
    pub map: Option<Map>,
}

impl Searcher {
    /// Reads what is searched. Lists that have to be made for it are written into the index.
    ///
    /// # Errors
    /// If the index cannot be written, or the caller cancelled.
    pub fn new(mut index: PictureIndex, cx: &Context) -> Result<Self, Error> {
        let candidates = index.candidates(cx)?;
        Ok(Self { index, candidates })
    }

    /// How many pictures are searched.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The `most` pictures that are of one source with `entry` most probably, surest first. The file itself is
    /// among them if it is in the index.
    ///
    /// # Errors
    /// If the file cannot be read, or the probability is out of range.
    pub fn search(
        &self,
        entry: &Entry,
        most: usize,
        least_probability: f64,
        limits: &Limits,
    ) -> Result<Vec<Found>, Error> {
        check_probability(least_probability)?;
        let asked = Signature::of(entry, self.index.keypoints(), limits)?;
        let pictures = self.index.pictures();
        let mut found: HashMap<usize, Found> = HashMap::new();
        for (i, other) in pictures.iter().enumerate() {
            let likeness = if same_file(&asked, other, limits) {
                Likeness::SameFile
            } else if same_pixels(&asked, other, limits) {
                Likeness::SamePixels
            } else {
                continue;
            };
            let picture = Picture::of(other);
            found.insert(i, Found { picture, likeness, probability: 1.0, map: None });
        }
        for Judged { other, map, probability } in judged(&asked, None, pictures, &self.candidates)?
        {
            let surer = found.get(&other).is_none_or(|f| f.probability < probability);
            if probability >= least_probability && surer {
                let (likeness, map) = (Likeness::NearDuplicate, Some(map));
                let picture = Picture::of(&pictures[other]);
                found.insert(other, Found { picture, likeness, probability, map });
            }
        }
        let mut found: Vec<Found> = found.into_values().collect();
        found.sort_by(|a, b| {
            let order = b.probability.total_cmp(&a.probability);
            a.likeness.cmp(&b.likeness).then(order).then_with(|| a.picture.id.cmp(&b.picture.id))
        });
        found.truncate(most);
        Ok(found)
    }
}

impl Found {
    /// How the picture asked for becomes this one, in words.
    pub fn words(&self) -> String {
        let Self { likeness, probability, map, .. } = self.clone();
        Pair { first: 0, second: 1, likeness, probability, map }.words_from(0)
    }
}
