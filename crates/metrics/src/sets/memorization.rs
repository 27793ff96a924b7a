//! Memorization: are generated items nearer to the training items than items of the same world are that were
//! held out?
//!
//! ```text
//! d(q) = distance of q to the nearest training item
//! U    = #{(generated g, held-out h): d(g) > d(h)} + half the ties             (Mann, Whitney)
//! z    = (U - m n / 2) / standard deviation of U                               below -3: copies; above 3: underfit
//! C_T  = mean of z over cells, weighted by the share of held-out items in them
//! ```
//!
//! In a cell (the Voronoi cells of k-means of the held-out items) distances are to the training items of that
//! cell, so copying in one corner of the world is not hidden by invention in another. Cells with fewer than
//! `least` generated or held-out items, or no training item, do not count. Of each generated item it is also told
//! how much nearer it is to a training item than to a held-out one, and how rare that is among held-out items.
//! Training rows pass once; distances are exact. Cost: `(n + m) d` products per training row.
//!
//! References: C. Meehan, K. Chaudhuri, S. Dasgupta, "A non-parametric test to detect data-copying in generative
//! models", AISTATS 2020, arXiv 2004.05675 (sections 3.1, 3.2; cells there are of the training items, which pass
//! once here). H. B. Mann, D. R. Whitney, Annals of Mathematical Statistics 18(1), 1947,
//! doi:10.1214/aoms/1177730491.

use super::k_means::assign;
use super::precision_recall::neighbors_within;
use super::rows;
use super::tiles::{Cloud, Nearest, TILE, Tiles, mean};
use super::{KMeans, k_means};
use crate::MetricError;
use restora_image::{Context, OpError, for_each_band};
use serde::{Deserialize, Serialize};

/// Options of [`memorization`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Memorization {
    /// Cells, 1 to 1,000; 1 takes the world as one.
    pub cells: u32,
    /// Fewest generated and fewest held-out items of a cell that counts, 2 or more.
    pub least: u32,
    /// How many of the generated items that look most like copies are told.
    pub list: u32,
}

impl Default for Memorization {
    /// Ten cells of 20 items, the paper's least; 20 items told.
    fn default() -> Self {
        Self { cells: 10, least: 20, list: 20 }
    }
}

/// A cell that counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Training items in it.
    pub training: u64,
    /// Held-out items in it.
    pub held_out: usize,
    /// Generated items in it.
    pub generated: usize,
    /// Standard score of its generated distances among its held-out ones.
    pub z: f64,
}

/// A generated item and what it is nearest to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Suspect {
    /// Number of the generated row.
    pub generated: usize,
    /// Number of the nearest training row.
    pub training: u64,
    /// Distance to it.
    pub distance: f64,
    /// Distance to the nearest held-out row.
    pub held_out_distance: f64,
    /// The first as a share of the second; `None` if both are 0.
    pub ratio: Option<f64>,
    /// Share of held-out items whose ratio (without themselves) is as small.
    pub odds: f64,
}

/// What the test found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemorizationReport {
    /// Training items.
    pub training: u64,
    /// Held-out items.
    pub held_out: usize,
    /// Generated items.
    pub generated: usize,
    /// Standard score over all, the world as one cell.
    pub z: f64,
    /// The paper's `C_T`; `None` if no cell counted.
    pub data_copying: Option<f64>,
    /// The cells that counted.
    pub cells: Vec<Cell>,
    /// Cells that did not.
    pub cells_left_out: usize,
    /// Median distance of a generated item to the nearest training item.
    pub generated_distance: f64,
    /// Median distance of a held-out item to the nearest training item.
    pub held_out_distance: f64,
    /// Generated items that look most like copies, by their ratio.
    pub suspects: Vec<Suspect>,
}

/// The test, with training rows passing.
#[derive(Clone, Debug)]
pub struct MemorizationTest {
    options: Memorization,
    dims: usize,
    /// Held-out rows, then generated ones.
    queries: Vec<f32>,
    held_out: usize,
    center: Vec<f64>,
    /// Of the cells.
    centers: Vec<f32>,
    near: Vec<Near>,
    training: Vec<u64>,
    seen: u64,
}

/// What is nearest to a query, anywhere and in its cell.
#[derive(Clone, Copy, Debug)]
struct Near {
    cell: u32,
    nearest: Nearest,
    in_cell: f64,
}

impl MemorizationTest {
    /// A test of `generated` rows of `dims` numbers, with no training rows yet.
    ///
    /// # Errors
    /// If an option is out of range, the numbers do not make whole rows or are not finite, there are fewer than
    /// two held-out rows, fewer than cells, or no generated ones, or the caller cancelled.
    pub fn new(
        held_out: &[f32],
        generated: &[f32],
        dims: usize,
        options: &Memorization,
        cx: &Context,
    ) -> Result<Self, MetricError> {
        let Memorization { cells, least, .. } = *options;
        if !(1..=1000).contains(&cells) {
            return Err(OpError::param("cells", "1 to 1000", cells).into());
        }
        if least < 2 {
            return Err(OpError::param("least", "2 or more", least).into());
        }
        let n = rows::count(held_out, dims, 0)?;
        let m = rows::count(generated, dims, 0)?;
        rows::at_least("held-out items", n, 2.max(cells as usize))?;
        rows::at_least("generated items", m, 1)?;
        let centers = if cells == 1 {
            mean(held_out, dims).into_iter().map(|v| v as f32).collect()
        } else {
            k_means(held_out, dims, &KMeans { clusters: cells, ..KMeans::default() }, cx)?.centers
        };
        let queries = [held_out, generated].concat();
        let labels = cell_of(&queries, dims, &centers, cx)?;
        let near = labels
            .into_iter()
            .map(|cell| Near { cell, nearest: Nearest::NONE, in_cell: f64::INFINITY })
            .collect();
        Ok(Self {
            options: *options,
            dims,
            center: mean(held_out, dims),
            queries,
            held_out: n,
            centers,
            near,
            training: vec![0; cells as usize],
            seen: 0,
        })
    }

    /// Lets training rows pass.
    ///
    /// # Errors
    /// If the numbers do not make whole rows or are not finite (nothing passes then), or the caller cancelled.
    pub fn add(&mut self, training: &[f32], cx: &Context) -> Result<(), MetricError> {
        let n = rows::count(training, self.dims, self.seen)?;
        if n == 0 {
            return Ok(());
        }
        let labels = cell_of(training, self.dims, &self.centers, cx)?;
        let (dims, seen) = (self.dims, self.seen);
        let rows = Cloud::new(training, &self.center);
        let queries = Cloud::new(&self.queries, &self.center);
        for_each_band(&mut self.near, 1, TILE, cx, |at, near| {
            let mut tiles = Tiles::new(dims);
            tiles.start(&queries, at);
            for first in (0..n).step_by(TILE) {
                cx.check()?;
                let columns = TILE.min(n - first);
                let distances = tiles.distances(&queries, at, &rows, first);
                let labels = &labels[first..first + columns];
                for (near, row) in near.iter_mut().zip(distances.chunks_exact(TILE)) {
                    for (j, (square, label)) in row.iter().zip(labels).enumerate() {
                        if *square < near.in_cell && *label == near.cell {
                            near.in_cell = *square;
                        }
                        if *square < near.nearest.square {
                            let row = seen + (first + j) as u64;
                            near.nearest = Nearest { row, square: *square };
                        }
                    }
                }
            }
            Ok(())
        })?;
        for label in labels {
            self.training[label as usize] += 1;
        }
        self.seen += n as u64;
        Ok(())
    }

    /// What was found.
    ///
    /// # Errors
    /// If no training row has passed, or the caller cancelled.
    pub fn finish(&self, cx: &Context) -> Result<MemorizationReport, MetricError> {
        rows::at_least("training items", self.seen as usize, 1)?;
        let (held_out, generated) = self.near.split_at(self.held_out);
        let root = |near: &[Near]| -> Vec<f64> {
            near.iter().map(|near| near.nearest.square.sqrt()).collect()
        };
        let (held_distances, generated_distances) = (root(held_out), root(generated));
        let cells = self.cells();
        let weight: usize = cells.iter().map(|c| c.held_out).sum();
        let sum: f64 = cells.iter().map(|c| c.z * c.held_out as f64).sum();
        Ok(MemorizationReport {
            training: self.seen,
            held_out: held_out.len(),
            generated: generated.len(),
            z: rank_sum_score(&generated_distances, &held_distances),
            data_copying: (weight > 0).then(|| sum / weight as f64),
            cells_left_out: self.training.len() - cells.len(),
            cells,
            generated_distance: median(&generated_distances),
            held_out_distance: median(&held_distances),
            suspects: self.suspects(&held_distances, &generated_distances, cx)?,
        })
    }

    fn cells(&self) -> Vec<Cell> {
        let (held_out, generated) = self.near.split_at(self.held_out);
        let least = self.options.least as usize;
        let of = |near: &[Near], cell: u32| -> Vec<f64> {
            near.iter().filter(|near| near.cell == cell).map(|near| near.in_cell).collect()
        };
        let cells = self.training.iter().zip(0..).filter_map(|(training, cell)| {
            let (p, q) = (of(held_out, cell), of(generated, cell));
            (p.len() >= least && q.len() >= least && *training > 0).then(|| Cell {
                training: *training,
                held_out: p.len(),
                generated: q.len(),
                z: rank_sum_score(&q, &p),
            })
        });
        cells.collect()
    }

    fn suspects(
        &self,
        held_distances: &[f64],
        generated_distances: &[f64],
        cx: &Context,
    ) -> Result<Vec<Suspect>, MetricError> {
        let (held_out, generated) = self.queries.split_at(self.held_out * self.dims);
        let held_out = Cloud::new(held_out, &self.center);
        let generated = Cloud::new(generated, &self.center);
        let among: Vec<f64> = neighbors_within(&held_out, 1, cx)?;
        let to_held_out = nearest_squares(&generated, &held_out, self.dims, cx)?;
        // A number to sort by: of two zeros the nearer is neither.
        let ratio = |d: f64, h: f64| if d == h { 1.0 } else { d / h };
        let mut usual: Vec<f64> =
            held_distances.iter().zip(&among).map(|(d, h)| ratio(*d, h.sqrt())).collect();
        usual.sort_by(f64::total_cmp);
        let mut order: Vec<(f64, usize)> = generated_distances
            .iter()
            .zip(&to_held_out)
            .map(|(d, h)| ratio(*d, h.sqrt()))
            .zip(0..)
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        order.truncate(self.options.list as usize);
        let suspect = |(key, i): (f64, usize)| {
            let (distance, held_out_distance) = (generated_distances[i], to_held_out[i].sqrt());
            Suspect {
                generated: i,
                training: self.near[self.held_out + i].nearest.row,
                distance,
                held_out_distance,
                ratio: (held_out_distance > 0.0).then(|| distance / held_out_distance),
                odds: usual.partition_point(|u| *u <= key) as f64 / usual.len() as f64,
            }
        };
        Ok(order.into_iter().map(suspect).collect())
    }
}

/// The test with all rows there: are `generated` rows copies of `training` ones?
///
/// # Errors
/// As [`MemorizationTest::new`], [`MemorizationTest::add`] and [`MemorizationTest::finish`].
pub fn memorization(
    training: &[f32],
    held_out: &[f32],
    generated: &[f32],
    dims: usize,
    options: &Memorization,
    cx: &Context,
) -> Result<MemorizationReport, MetricError> {
    let mut test = MemorizationTest::new(held_out, generated, dims, options, cx)?;
    test.add(training, cx)?;
    test.finish(cx)
}

/// The cell of each row: that of the nearest center.
fn cell_of(
    rows: &[f32],
    dims: usize,
    centers: &[f32],
    cx: &Context,
) -> Result<Vec<u32>, MetricError> {
    Ok(assign(rows, dims, centers, cx)?.into_iter().map(|(label, _)| label).collect())
}

/// The squared distance of each of `a` to the nearest of `b`.
fn nearest_squares(
    a: &Cloud,
    b: &Cloud,
    dims: usize,
    cx: &Context,
) -> Result<Vec<f64>, MetricError> {
    let mut near = vec![f64::INFINITY; a.len()];
    for_each_band(&mut near, 1, TILE, cx, |at, near| {
        let mut tiles = Tiles::new(dims);
        tiles.start(a, at);
        for first in (0..b.len()).step_by(TILE) {
            cx.check()?;
            let columns = TILE.min(b.len() - first);
            let distances = tiles.distances(a, at, b, first);
            for (near, row) in near.iter_mut().zip(distances.chunks_exact(TILE)) {
                *near = row[..columns].iter().fold(*near, |near, d| near.min(*d));
            }
        }
        Ok(())
    })?;
    Ok(near)
}

/// Mann and Whitney's statistic of `q` against `p`, standardized, ties at their mean rank: below 0 if `q` is the
/// smaller; 0 if all are equal.
fn rank_sum_score(q: &[f64], p: &[f64]) -> f64 {
    let (m, n) = (q.len() as f64, p.len() as f64);
    let mut all: Vec<(f64, bool)> =
        q.iter().map(|v| (*v, true)).chain(p.iter().map(|v| (*v, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut ties, mut at) = (0.0, 0.0, 0);
    for run in all.chunk_by(|a, b| a.0 == b.0) {
        let t = run.len() as f64;
        let rank = at as f64 + f64::midpoint(t, 1.0);
        ranks += rank * run.iter().filter(|(_, of_q)| *of_q).count() as f64;
        ties += t * t * t - t;
        at += run.len();
    }
    let u = ranks - m * (m + 1.0) / 2.0;
    let s = m + n;
    let variance = m * n / 12.0 * (s + 1.0 - ties / (s * (s - 1.0)));
    if variance > 0.0 { (u - m * n / 2.0) / variance.sqrt() } else { 0.0 }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        0.5 * (sorted[half - 1] + sorted[half])
    } else {
        sorted[half]
    }
}

#[cfg(test)]
mod tests;
