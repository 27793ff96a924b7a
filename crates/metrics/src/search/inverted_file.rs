//! Inverted file: an index of byte vectors in which the nearest of a million are found by looking at a
//! few thousand.
//!
//! ```text
//! build:   centers = k-means of a sample;  each code goes into the list of its nearest center
//! search:  compare the query with the codes of the `probes` lists whose centers are nearest
//! ```
//!
//! Distances are squared Euclidean between bytes, exact; only which lists are looked at is approximate,
//! and more `probes` make the answer surer. The index grows by [`InvertedFile::add`] without being
//! built again. Memory: the codes and 4 bytes for each. Cost of a query: one distance per list and one
//! per code looked at; 64 bytes are one or two vector instructions.
//!
//! Reference: H. Jegou, M. Douze, C. Schmid, "Product quantization for nearest neighbor search", IEEE
//! TPAMI 33(1), 2011, doi:10.1109/TPAMI.2010.57 (section IV, here without the product quantizer: codes
//! of 64 bytes are small enough to keep).

use crate::MetricError;
use crate::sets::{KMeans, k_means};
use restora_image::{Context, OpError, map_bands, simd};
use serde::{Deserialize, Serialize};

/// Sampled codes per list for the k-means.
const SAMPLE: usize = 64;
/// Codes per band when lists are filled.
const BAND: usize = 4096;

/// Options of [`inverted_file()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvertedFileOptions {
    /// Number of lists; 0 takes the square root of the number of codes.
    pub lists: u32,
    /// Rounds of k-means.
    pub rounds: u32,
}

impl Default for InvertedFileOptions {
    fn default() -> Self {
        Self { lists: 0, rounds: 10 }
    }
}

/// The index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InvertedFile {
    dims: usize,
    /// Centers as bytes, one after the other.
    centers: Vec<u8>,
    lists: Vec<List>,
}

/// The codes nearest to one center.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct List {
    ids: Vec<u32>,
    codes: Vec<u8>,
}

/// A code that is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbor {
    /// Its number: the first code built or added is 0.
    pub id: u32,
    /// Squared Euclidean distance.
    pub distance: u32,
}

/// An index of `codes`, each of `dims` bytes, one after the other.
///
/// # Errors
/// If the bytes do not make whole codes, there are none, an option is out of range, or the caller
/// cancelled.
pub fn inverted_file(
    codes: &[u8],
    dims: usize,
    options: &InvertedFileOptions,
    cx: &Context,
) -> Result<InvertedFile, MetricError> {
    let n = count(codes, dims)?;
    if n == 0 {
        return Err(MetricError::Input("an index needs at least one code".into()));
    }
    if options.lists as usize > n {
        let got = options.lists;
        return Err(OpError::param("lists", "at most the number of codes", got).into());
    }
    let lists = match options.lists as usize {
        0 => ((n as f64).sqrt() as usize).clamp(1, 1 << 16),
        lists => lists,
    };
    let sampled = n.min(lists * SAMPLE);
    let mut rng = cx.rng("inverted-file", 0);
    let mut sample = Vec::with_capacity(sampled * dims);
    for i in 0..sampled {
        // One of each of as many equal stretches.
        let (from, to) = (i * n / sampled, (i + 1) * n / sampled);
        let at = from + rng.below((to - from) as u64) as usize;
        sample.extend(codes[at * dims..][..dims].iter().map(|b| f32::from(*b)));
    }
    let options = KMeans { clusters: lists as u32, rounds: options.rounds, ..KMeans::default() };
    let centers = k_means(&sample, dims, &options, cx)?.centers;
    let mut index = InvertedFile {
        dims,
        centers: centers.iter().map(|c| c.round() as u8).collect(),
        lists: vec![List::default(); lists],
    };
    index.add(codes, cx)?;
    Ok(index)
}

fn count(codes: &[u8], dims: usize) -> Result<usize, MetricError> {
    if dims == 0 || !codes.len().is_multiple_of(dims) {
        return Err(MetricError::Input(format!(
            "wanted codes of {dims} bytes, got {} bytes in all",
            codes.len()
        )));
    }
    Ok(codes.len() / dims)
}

impl InvertedFile {
    /// How many codes it holds.
    pub fn len(&self) -> usize {
        self.lists.iter().map(|l| l.ids.len()).sum()
    }

    /// Does it hold none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes per code.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Number of lists.
    pub fn lists(&self) -> usize {
        self.lists.len()
    }

    /// Adds codes; they are numbered on.
    ///
    /// # Errors
    /// If the bytes do not make whole codes, there would be more than 2^32 of them, or the caller
    /// cancelled; nothing is added then.
    pub fn add(&mut self, codes: &[u8], cx: &Context) -> Result<(), MetricError> {
        let n = count(codes, self.dims)?;
        let first = self.len();
        if u32::try_from(first + n).is_err() {
            let total = first + n;
            return Err(MetricError::Input(format!("an index holds 2^32 codes, got {total}")));
        }
        let bands = map_bands(n, BAND, cx, |band| {
            let mut labels = Vec::with_capacity(band.len());
            simd(
                #[inline(always)]
                || {
                    for code in
                        codes[band.start * self.dims..band.end * self.dims].chunks_exact(self.dims)
                    {
                        let mut best = (0, u32::MAX);
                        for (label, center) in self.centers.chunks_exact(self.dims).enumerate() {
                            let distance = squared_distance(code, center);
                            if distance < best.1 {
                                best = (label, distance);
                            }
                        }
                        labels.push(best.0);
                    }
                },
            );
            Ok(labels)
        })?;
        let labels = bands.into_iter().flatten();
        for (i, (label, code)) in labels.zip(codes.chunks_exact(self.dims)).enumerate() {
            self.lists[label].ids.push((first + i) as u32);
            self.lists[label].codes.extend_from_slice(code);
        }
        Ok(())
    }

    /// The `most` nearest codes of the `probes` nearest lists, nearest first; of equally near ones the
    /// first added.
    ///
    /// # Errors
    /// If the query has not as many bytes as the codes.
    pub fn search(
        &self,
        query: &[u8],
        most: usize,
        probes: usize,
    ) -> Result<Vec<Neighbor>, MetricError> {
        if query.len() != self.dims {
            let (wanted, got) = (self.dims, query.len());
            return Err(MetricError::Input(format!("wanted a query of {wanted} bytes, got {got}")));
        }
        let mut nearest = Nearest::new(query, most);
        for label in self.nearest_lists(query, probes) {
            nearest.look(&self.lists[label].ids, &self.lists[label].codes);
        }
        Ok(nearest.sorted())
    }

    /// The `probes` lists whose centers are nearest to the query, in no order.
    pub fn nearest_lists(&self, query: &[u8], probes: usize) -> Vec<usize> {
        let mut near: Vec<(u32, usize)> = Vec::with_capacity(self.lists.len());
        simd(
            #[inline(always)]
            || {
                for (label, center) in self.centers.chunks_exact(self.dims).enumerate() {
                    near.push((squared_distance(query, center), label));
                }
            },
        );
        if probes < near.len() && probes > 0 {
            near.select_nth_unstable(probes - 1);
        }
        near.truncate(probes);
        near.into_iter().map(|(_, label)| label).collect()
    }

    /// The centers of all lists, one after the other.
    pub fn centers(&self) -> &[u8] {
        &self.centers
    }

    /// The numbers of the codes in a list, and the codes.
    ///
    /// # Panics
    /// If there is no such list.
    pub fn list(&self, label: usize) -> (&[u32], &[u8]) {
        let list = &self.lists[label];
        (&list.ids, &list.codes)
    }

    /// An index put together from its parts: the centers, and for each the numbers and codes of its
    /// list. Lists may be empty, for an index whose codes are kept elsewhere and looked at by
    /// [`Nearest`].
    ///
    /// # Errors
    /// If there is not one list for each center, or a list has not one number for each code.
    pub fn from_parts(
        dims: usize,
        centers: Vec<u8>,
        lists: Vec<(Vec<u32>, Vec<u8>)>,
    ) -> Result<Self, MetricError> {
        let wanted = count(&centers, dims)?;
        let fits = |(ids, codes): &(Vec<u32>, Vec<u8>)| codes.len() == ids.len() * dims;
        if lists.len() != wanted || !lists.iter().all(fits) {
            let got = lists.len();
            return Err(MetricError::Input(format!(
                "wanted a list of whole codes for each of {wanted} centers, got {got} lists"
            )));
        }
        let lists = lists.into_iter().map(|(ids, codes)| List { ids, codes }).collect();
        Ok(Self { dims, centers, lists })
    }
}

/// The nearest of the codes seen so far.
#[derive(Clone, Debug)]
pub struct Nearest<'a> {
    query: &'a [u8],
    most: usize,
    limit: u32,
    found: Vec<Neighbor>,
}

impl<'a> Nearest<'a> {
    /// The `most` nearest to `query`, of none yet.
    pub fn new(query: &'a [u8], most: usize) -> Self {
        Self { query, most, limit: u32::MAX, found: Vec::with_capacity(2 * most.max(8)) }
    }

    /// Looks at codes of the query's length, with their numbers.
    pub fn look(&mut self, ids: &[u32], codes: &[u8]) {
        if self.most == 0 {
            return;
        }
        let Self { query, most, limit, found } = self;
        simd(
            #[inline(always)]
            || {
                for (id, code) in ids.iter().zip(codes.chunks_exact(query.len())) {
                    let distance = squared_distance(query, code);
                    if distance <= *limit {
                        found.push(Neighbor { id: *id, distance });
                        if found.len() >= 2 * (*most).max(8) {
                            *limit = keep_nearest(found, *most);
                        }
                    }
                }
            },
        );
    }

    /// The nearest first; of equally near ones the lowest number.
    pub fn sorted(mut self) -> Vec<Neighbor> {
        keep_nearest(&mut self.found, self.most);
        self.found.sort_by_key(|n| (n.distance, n.id));
        self.found
    }
}

/// Keeps the `most` nearest, in no order; returns the largest distance among them.
fn keep_nearest(found: &mut Vec<Neighbor>, most: usize) -> u32 {
    if most == 0 {
        found.clear();
    } else if found.len() > most {
        found.select_nth_unstable_by_key(most - 1, |n| (n.distance, n.id));
        found.truncate(most);
    }
    found.iter().map(|n| n.distance).max().unwrap_or(u32::MAX)
}

#[inline(always)]
fn squared_distance(a: &[u8], b: &[u8]) -> u32 {
    let part = |a: &[u8], b: &[u8]| {
        let mut sum = 0i32;
        for (a, b) in a.iter().zip(b) {
            let gap = i16::from(*a) - i16::from(*b);
            sum += i32::from(gap) * i32::from(gap);
        }
        sum as u32
    };
    let (a_chunks, b_chunks) = (a.chunks_exact(64), b.chunks_exact(64));
    let rest = part(a_chunks.remainder(), b_chunks.remainder());
    let whole = a_chunks.zip(b_chunks).map(|(a, b)| part(&a[..64], &b[..64]));
    whole.sum::<u32>() + rest
}

#[cfg(test)]
mod tests;
