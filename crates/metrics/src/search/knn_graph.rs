//! k-nearest-neighbor graph: for each vector of a set, the others nearest to it.
//!
//! ```text
//! N_k(i) = the k codes nearest to code i, code i itself left out, by squared Euclidean distance
//! ```
//!
//! The codes go into an [`InvertedFile`](super::InvertedFile), so the graph of a million takes a million searches
//! instead of `n^2 / 2` distances. Distances are exact; with fewer `probes` than lists a neighbor may be missed.
//!
//! Reference: H. Jegou, M. Douze, C. Schmid, "Product quantization for nearest neighbor search", IEEE TPAMI 33(1),
//! 2011, doi:10.1109/TPAMI.2010.57.

use super::{InvertedFileOptions, inverted_file};
use crate::MetricError;
use restora_image::{Context, OpError, map_bands};
use serde::{Deserialize, Serialize};

/// Codes per band.
const BAND: usize = 256;

/// Options of [`knn_graph()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KnnGraphOptions {
    /// Neighbors of each vector; fewer if there are not as many others.
    pub k: u32,
    /// Lists of the index that are looked at.
    pub probes: u32,
}

impl Default for KnnGraphOptions {
    fn default() -> Self {
        Self { k: 10, probes: 32 }
    }
}

/// The graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnnGraph {
    /// Of each vector, its neighbors in `ids` and `distances` end here.
    ends: Vec<usize>,
    ids: Vec<u32>,
    distances: Vec<f32>,
}

impl KnnGraph {
    /// The graph whose vector `i` has the neighbors `rows[i]`, each with its distance, nearest first.
    pub fn from_rows(rows: impl IntoIterator<Item = Vec<(u32, f32)>>) -> Self {
        let mut graph = Self::default();
        for row in rows {
            graph.ids.extend(row.iter().map(|(id, _)| id));
            graph.distances.extend(row.iter().map(|(_, distance)| distance));
            graph.ends.push(graph.ids.len());
        }
        graph
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Is there no vector?
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The neighbors of vector `i` with their Euclidean distances, nearest first.
    pub fn neighbors(&self, i: usize) -> impl DoubleEndedIterator<Item = (usize, f32)> + '_ {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        let of = start..self.ends[i];
        self.ids[of.clone()].iter().map(|id| *id as usize).zip(self.distances[of].iter().copied())
    }
}

/// The graph of `codes`, each of `dims` bytes, one after the other.
///
/// # Errors
/// If the bytes do not make whole codes, an option is 0, or the caller cancelled.
pub fn knn_graph(
    codes: &[u8],
    dims: usize,
    options: &KnnGraphOptions,
    cx: &Context,
) -> Result<KnnGraph, MetricError> {
    for (name, value) in [("k", options.k), ("probes", options.probes)] {
        if value == 0 {
            return Err(OpError::param(name, "1 or more", value).into());
        }
    }
    if codes.is_empty() {
        return Ok(KnnGraph::default());
    }
    let index = inverted_file(codes, dims, &InvertedFileOptions::default(), cx)?;
    let (k, probes) = (options.k as usize, options.probes as usize);
    let bands = map_bands(index.len(), BAND, cx, |band| {
        let mut rows = Vec::with_capacity(band.len());
        for i in band {
            let found = index.search(&codes[i * dims..][..dims], k + 1, probes);
            let found = found.map_err(|e| OpError::Input(e.to_string()))?;
            let others = found.iter().filter(|near| near.id as usize != i).take(k);
            rows.push(others.map(|near| (near.id, (near.distance as f32).sqrt())).collect());
        }
        Ok::<Vec<Vec<(u32, f32)>>, OpError>(rows)
    })?;
    Ok(KnnGraph::from_rows(bands.into_iter().flatten()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    #[test]
    fn every_vector_gets_its_nearest_others() {
        let (n, dims, k) = (300, 7, 5);
        let mut rng = Rng::new(5, "graph", 0);
        let codes: Vec<u8> = (0..n * dims).map(|_| rng.below(40) as u8).collect();
        let options = KnnGraphOptions { k: k as u32, probes: 1000 };
        let graph = knn_graph(&codes, dims, &options, &Context::default()).unwrap();
        assert_eq!(graph.len(), n);
        for i in 0..n {
            let distance = |j: usize| {
                let pairs = codes[i * dims..][..dims].iter().zip(&codes[j * dims..][..dims]);
                pairs.map(|(a, b)| f32::from(a.abs_diff(*b)).powi(2)).sum::<f32>().sqrt()
            };
            let mut wanted: Vec<f32> = (0..n).filter(|j| *j != i).map(distance).collect();
            wanted.sort_by(f32::total_cmp);
            let got: Vec<(usize, f32)> = graph.neighbors(i).collect();
            assert!(got.iter().all(|(j, d)| *j != i && distance(*j) == *d));
            assert_eq!(got.iter().map(|n| n.1).collect::<Vec<_>>(), wanted[..k]);
        }
    }

    #[test]
    fn equal_vectors_are_neighbors_but_none_is_its_own() {
        let graph = knn_graph(&[9; 12], 4, &KnnGraphOptions::default(), &Context::default());
        let graph = graph.unwrap();
        for i in 0..3 {
            let mut near: Vec<_> = graph.neighbors(i).collect();
            near.sort_by_key(|n| n.0);
            let others: Vec<_> = (0..3).filter(|j| *j != i).map(|j| (j, 0.0)).collect();
            assert_eq!(near, others);
        }
        assert!(
            knn_graph(&[], 4, &KnnGraphOptions::default(), &Context::default()).unwrap().is_empty()
        );
    }
}
