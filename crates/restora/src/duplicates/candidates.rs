//! Which of many pictures may be copies of one: those whose codes are near the codes of its keypoints, and
//! those whose look is near its look or one of the seven others it has when flipped and turned.

use super::look;
use super::signature::{CODE, Signature};
use crate::error::Error;
use restora_image::Context;
use restora_metrics::features::mirrored;
use restora_metrics::search::{InvertedFile, InvertedFileOptions, inverted_file};
use std::collections::HashMap;

/// Nearest codes that get the vote of a code.
const NEIGHBORS: usize = 12;
/// Lists of the index that are looked at for a code.
const PROBES: usize = 12;
/// Votes that make a picture worth a closer look: a homography takes four.
const LEAST_VOTES: usize = 6;
/// Pictures that get a closer look, those with most votes.
const CANDIDATES: usize = 16;
/// Nearest looks that are found for each flip and turn, and of all of them that get a closer look.
const LOOKS: usize = 16;
const CLOSER: usize = 32;
/// The picture that tells how far pictures are apart that are no copies: of one source are seldom more than this.
const CROWD: usize = 16;
/// Squared distance to it where there are not so many: that of unlike photographs.
const FAR: f64 = 16_000.0;

/// Codes and looks of pictures, to be searched.
pub struct Candidates {
    keypoints: Option<InvertedFile>,
    /// Picture and keypoint of each code.
    owners: Vec<(u32, u32)>,
    looks: Option<InvertedFile>,
    /// Picture of each look.
    lookers: Vec<u32>,
}

/// Why a picture may be a copy of the one asked for.
pub enum Reason {
    /// Keypoints of the one asked for and of the other whose codes are near.
    Keypoints(Vec<(u32, u32)>),
    /// The flip or turn of the one asked for whose look is near; and how near, as the ratio of the distances to this
    /// picture and to that one of the crowd.
    Turn { how: u32, ratio: f64 },
}

/// A picture worth a closer look.
pub struct Candidate {
    pub picture: usize,
    pub reason: Reason,
}

/// The lists of an inverted file without its codes: what a file keeps so that nothing is grouped again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    pub centers: Vec<u8>,
    /// The list of each code of each picture; empty where that is not known.
    pub labels: Vec<Vec<u32>>,
}

impl Candidates {
    /// Of all pictures. `known` are lists from an earlier time.
    pub fn new(pictures: &[Signature], known: Option<&Lists>, cx: &Context) -> Result<Self, Error> {
        let known = known.filter(|lists| lists.fit(pictures));
        let labels = |i: usize| known.map_or(&[][..], |lists| &lists.labels[i]);
        // Those whose lists are known come first.
        let mut order: Vec<usize> = (0..pictures.len()).collect();
        order.sort_by_key(|&i| labels(i).is_empty());
        let (mut owners, mut codes) = (Vec::new(), Vec::new());
        let (mut lookers, mut looks) = (Vec::new(), Vec::new());
        for i in order {
            let s = &pictures[i];
            codes.extend_from_slice(&s.codes);
            owners.extend((0..s.points.len()).map(|k| (i as u32, k as u32)));
            if let Some(look) = &s.look {
                looks.extend_from_slice(look);
                lookers.push(i as u32);
            }
        }
        let options = InvertedFileOptions::default();
        let made = |codes: &[u8]| match codes.len() {
            0 => Ok(None),
            _ => inverted_file(codes, CODE, &options, cx).map(Some),
        };
        let keypoints = match known {
            Some(lists) => {
                let mut parts = vec![(Vec::new(), Vec::new()); lists.centers.len() / CODE];
                let mut at = 0;
                for (owner, code) in owners.iter().zip(codes.chunks_exact(CODE)) {
                    let Some(label) = labels(owner.0 as usize).get(owner.1 as usize) else { break };
                    let (ids, codes): &mut (Vec<u32>, Vec<u8>) = &mut parts[*label as usize];
                    ids.push(at as u32);
                    codes.extend_from_slice(code);
                    at += 1;
                }
                let mut index = InvertedFile::from_parts(CODE, lists.centers.clone(), parts)?;
                index.add(&codes[at * CODE..], cx)?;
                Some(index)
            }
            None => made(&codes)?,
        };
        Ok(Self { keypoints, owners, looks: made(&looks)?, lookers })
    }

    /// The lists of all codes of `pictures` pictures, to be kept.
    pub fn lists(&self, pictures: usize) -> Lists {
        let mut labels = vec![Vec::new(); pictures];
        let Some(index) = &self.keypoints else { return Lists { centers: Vec::new(), labels } };
        for (picture, keypoint) in &self.owners {
            let of_picture: &mut Vec<u32> = &mut labels[*picture as usize];
            of_picture.resize(of_picture.len().max(*keypoint as usize + 1), 0);
        }
        for label in 0..index.lists() {
            for &id in index.list(label).0 {
                let (picture, keypoint) = self.owners[id as usize];
                labels[picture as usize][keypoint as usize] = label as u32;
            }
        }
        Lists { centers: index.centers().to_vec(), labels }
    }

    /// Pictures that may be copies of `picture`, without picture number `own`. A picture may come twice,
    /// for its keypoints and for its look.
    pub fn of(&self, picture: &Signature, own: Option<usize>) -> Result<Vec<Candidate>, Error> {
        let mut found = self.by_keypoints(picture, own)?;
        let mut turns: HashMap<usize, (u32, u32)> = HashMap::new();
        if let (Some(index), Some(straight)) = (&self.looks, &picture.look) {
            for how in 0..8 {
                let most = LOOKS + usize::from(own.is_some());
                for near in index.search(&look::turned(straight, how), most, PROBES)? {
                    let other = self.lookers[near.id as usize] as usize;
                    if Some(other) != own {
                        let best = turns.entry(other).or_insert((near.distance, how));
                        *best = (*best).min((near.distance, how));
                    }
                }
            }
        }
        let mut turns: Vec<_> = turns.into_iter().map(|(i, (far, how))| (far, i, how)).collect();
        turns.sort_unstable();
        let crowd = turns.get(CROWD - 1).map_or(FAR, |t| f64::from(t.0)).max(1.0);
        found.extend(turns.into_iter().take(CLOSER).map(|(far, picture, how)| {
            let ratio = (f64::from(far) / crowd).sqrt().min(1.0);
            Candidate { picture, reason: Reason::Turn { how, ratio } }
        }));
        Ok(found)
    }

    fn by_keypoints(
        &self,
        picture: &Signature,
        own: Option<usize>,
    ) -> Result<Vec<Candidate>, Error> {
        let Some(index) = &self.keypoints else { return Ok(Vec::new()) };
        let mut votes: HashMap<(u32, bool), Vec<(u32, u32)>> = HashMap::new();
        for (k, code) in picture.codes.chunks_exact(CODE).enumerate() {
            let code: &[u8; CODE] = code.try_into().expect("whole codes");
            for (turned_over, query) in [(false, *code), (true, mirrored(code))] {
                for near in index.search(&query, NEIGHBORS, PROBES)? {
                    let (owner, keypoint) = self.owners[near.id as usize];
                    if Some(owner as usize) == own {
                        continue;
                    }
                    let list = votes.entry((owner, turned_over)).or_default();
                    // One vote of a code for a picture: for its nearest, which comes first.
                    if list.last().is_none_or(|last| last.0 != k as u32) {
                        list.push((k as u32, keypoint));
                    }
                }
            }
        }
        let mut most: Vec<_> =
            votes.into_iter().filter(|(_, list)| list.len() >= LEAST_VOTES).collect();
        most.sort_by_key(|((owner, turned), list)| (usize::MAX - list.len(), *owner, *turned));
        most.truncate(CANDIDATES);
        let candidate = |((owner, _), list)| Candidate {
            picture: owner as usize,
            reason: Reason::Keypoints(list),
        };
        Ok(most.into_iter().map(candidate).collect())
    }
}

impl Lists {
    /// Are they of these pictures, and not too few for so many codes?
    fn fit(&self, pictures: &[Signature]) -> bool {
        let count = self.centers.len() / CODE;
        let codes: usize = pictures.iter().map(|s| s.points.len()).sum();
        let fits = |(s, labels): (&Signature, &Vec<u32>)| {
            (labels.is_empty() || labels.len() == s.points.len())
                && labels.iter().all(|label| (*label as usize) < count)
        };
        // Lists are as many as the square root of the codes; of four times the codes they are twice as long.
        count > 0
            && self.centers.len() == count * CODE
            && codes <= 4 * count * count
            && self.labels.len() == pictures.len()
            && pictures.iter().zip(&self.labels).all(fits)
    }
}
