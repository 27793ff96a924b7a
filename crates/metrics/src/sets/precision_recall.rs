//! Precision, recall, density and coverage: how much of one set lies where the other is, and how much of it is
//! reached.
//!
//! ```text
//! R_k(x) = distance of x to its k-th nearest neighbor in its own set
//! precision = share of generated y with  |y - x| <= R_k(x)  for a real x
//! recall    = share of real x with       |x - y| <= R_k(y)  for a generated y
//! density   = mean over generated y of   #{real x: |y - x| <= R_k(x)} / k
//! coverage  = share of real x with       |x - y| <= R_k(x)  for a generated y
//! ```
//!
//! Distances are exact, in tiles of 256 x 256 by matrix products, so the memory is a few numbers per row; pairs
//! that are nearly equal are computed from their differences, so equal rows are at distance 0. Values depend on
//! the number of rows: compare only values of equal numbers. Density may exceed 1. Cost:
//! `(n^2 + m^2 + n m) d` products. The reference programs count `<` where the papers say `<=`; only ties differ.
//!
//! References: T. Kynkaanniemi et al., "Improved precision and recall metric for assessing generative models",
//! NIPS 2019, arXiv 1904.06991, eq. (1), (2) (k = 3); M. F. Naeem et al., "Reliable fidelity and diversity
//! metrics for generative models", ICML 2020, arXiv 2002.09797, eq. (3), (4) (k = 5).

use super::intervals::{self, Mean, Share};
use super::rows;
use super::tiles::{Cloud, TILE, Tiles, mean};
use crate::MetricError;
use restora_image::{Context, OpError, map_bands};
use serde::{Deserialize, Serialize};

/// Options of [`precision_recall`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrecisionRecall {
    /// `k` of precision and recall, 1 to 100.
    pub neighbors: u32,
    /// `k` of density and coverage, 1 to 100.
    pub density_neighbors: u32,
}

impl Default for PrecisionRecall {
    /// The papers' 3 and 5.
    fn default() -> Self {
        Self { neighbors: 3, density_neighbors: 5 }
    }
}

/// The four measures, with 95 % intervals: each over the items it counts, the other set held as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Overlap {
    /// Share of generated items that could be real.
    pub precision: Share,
    /// Share of real items that could be generated.
    pub recall: Share,
    /// Real balls around a generated item, 1 expected of equal distributions.
    pub density: Mean,
    /// Share of real items with a generated one in their ball.
    pub coverage: Share,
    /// Rows compared: real, generated.
    pub rows: [usize; 2],
}

/// Compares `generated` rows of `dims` numbers with `real` ones.
///
/// # Errors
/// If an option is out of range, the numbers do not make whole rows or are not finite, a set has not more rows
/// than neighbors, or the caller cancelled.
pub fn precision_recall(
    real: &[f32],
    generated: &[f32],
    dims: usize,
    options: &PrecisionRecall,
    cx: &Context,
) -> Result<Overlap, MetricError> {
    let (k, dense_k) = (options.neighbors as usize, options.density_neighbors as usize);
    for (name, k) in [("neighbors", k), ("density_neighbors", dense_k)] {
        if !(1..=100).contains(&k) {
            return Err(OpError::param(name, "1 to 100", k).into());
        }
    }
    let (n, m) = (rows::count(real, dims, 0)?, rows::count(generated, dims, 0)?);
    rows::at_least("real neighbors", n, k.max(dense_k) + 1)?;
    rows::at_least("generated neighbors", m, k + 1)?;
    let center = mean(real, dims);
    let (real, generated) = (Cloud::new(real, &center), Cloud::new(generated, &center));
    let most = k.max(dense_k);
    let real_near = neighbors_within(&real, most, cx)?;
    let generated_near = neighbors_within(&generated, k, cx)?;
    let radius = |near: &[f64], most: usize, k: usize| -> Vec<f64> {
        near.iter().skip(k - 1).step_by(most).copied().collect()
    };
    let balls = Balls {
        real: radius(&real_near, most, k),
        dense: radius(&real_near, most, dense_k),
        generated: radius(&generated_near, k, k),
    };
    let bands = map_bands(n, TILE, cx, |band| {
        let mut found = Found::none(band.len(), m);
        let mut tiles = Tiles::new(dims);
        tiles.start(&real, band.start);
        for first in (0..m).step_by(TILE) {
            cx.check()?;
            let distances = tiles.distances(&real, band.start, &generated, first);
            found.look(distances, band.start, first, &balls);
        }
        Ok(found)
    })?;
    let mut all = Found::none(0, m);
    for band in bands {
        all.recalled.extend(band.recalled);
        all.covered.extend(band.covered);
        all.precise.iter_mut().zip(band.precise).for_each(|(all, one)| *all |= one);
        all.balls.iter_mut().zip(band.balls).for_each(|(all, one)| *all += one);
    }
    let count = |hits: &[bool]| hits.iter().filter(|hit| **hit).count();
    let densities: Vec<f64> = all.balls.iter().map(|b| f64::from(*b) / dense_k as f64).collect();
    Ok(Overlap {
        precision: intervals::share(count(&all.precise), m),
        recall: intervals::share(count(&all.recalled), n),
        density: intervals::mean(&densities),
        coverage: intervals::share(count(&all.covered), n),
        rows: [n, m],
    })
}

/// Squared radii around each row.
struct Balls {
    real: Vec<f64>,
    dense: Vec<f64>,
    generated: Vec<f64>,
}

/// What was found for a band of real rows.
struct Found {
    /// By real row.
    recalled: Vec<bool>,
    covered: Vec<bool>,
    /// By generated row.
    precise: Vec<bool>,
    balls: Vec<u32>,
}

impl Found {
    fn none(real: usize, generated: usize) -> Self {
        let (recalled, covered) = (vec![false; real], vec![false; real]);
        Self { recalled, covered, precise: vec![false; generated], balls: vec![0; generated] }
    }

    /// A tile of squared distances of real rows from `at` and generated ones from `first`.
    fn look(&mut self, distances: &[f64], at: usize, first: usize, balls: &Balls) {
        let columns = TILE.min(self.precise.len() - first);
        let radii = &balls.generated[first..first + columns];
        for (i, row) in distances.chunks_exact(TILE).take(self.recalled.len()).enumerate() {
            let (own, dense) = (balls.real[at + i], balls.dense[at + i]);
            let (mut recalled, mut covered) = (false, false);
            let precise = &mut self.precise[first..first + columns];
            let counts = &mut self.balls[first..first + columns];
            for (((d, radius), precise), count) in row.iter().zip(radii).zip(precise).zip(counts) {
                recalled |= d <= radius;
                covered |= *d <= dense;
                *precise |= *d <= own;
                *count += u32::from(*d <= dense);
            }
            self.recalled[i] |= recalled;
            self.covered[i] |= covered;
        }
    }
}

/// The squared distances of each row to the `k` nearest others of its set, nearest first.
pub(super) fn neighbors_within(
    cloud: &Cloud,
    k: usize,
    cx: &Context,
) -> Result<Vec<f64>, MetricError> {
    let dims = cloud.row(0).len();
    let bands = map_bands(cloud.len(), TILE, cx, |band| {
        let mut near = vec![f64::INFINITY; band.len() * k];
        let mut tiles = Tiles::new(dims);
        tiles.start(cloud, band.start);
        for first in (0..cloud.len()).step_by(TILE) {
            cx.check()?;
            let columns = TILE.min(cloud.len() - first);
            let distances = tiles.distances(cloud, band.start, cloud, first);
            for (i, near) in near.chunks_exact_mut(k).enumerate() {
                for (j, d) in distances[i * TILE..][..columns].iter().enumerate() {
                    if *d < near[k - 1] && first + j != band.start + i {
                        let place = near.partition_point(|n| n <= d);
                        near[place..].rotate_right(1);
                        near[place] = *d;
                    }
                }
            }
        }
        Ok(near)
    })?;
    Ok(bands.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::super::tiles::squared_distance;
    use super::*;
    use restora_image::Rng;

    fn normal(n: usize, dims: usize, seed: u64, shift: f32) -> Vec<f32> {
        let mut rng = Rng::new(seed, "normal", 0);
        let mut rows = vec![0.0; n * dims];
        rng.fill_normal(&mut rows);
        for v in &mut rows {
            *v += shift;
        }
        rows
    }

    /// Precision, recall, density, coverage, straight from the definitions.
    fn oracle(real: &[f32], generated: &[f32], dims: usize, o: PrecisionRecall) -> [f64; 4] {
        let (real, generated): (Vec<_>, Vec<_>) =
            (real.chunks(dims).collect(), generated.chunks(dims).collect());
        let radius = |set: &[&[f32]], k: u32| -> Vec<f64> {
            let of = |i: usize| {
                let others = (0..set.len()).filter(|j| *j != i);
                let mut all: Vec<f64> = others.map(|j| squared_distance(set[i], set[j])).collect();
                all.sort_by(f64::total_cmp);
                all[k as usize - 1]
            };
            (0..set.len()).map(of).collect()
        };
        let (r, g) = (radius(&real, o.neighbors), radius(&generated, o.neighbors));
        let dense = radius(&real, o.density_neighbors);
        let within = |x: &[f32], centers: &[&[f32]], radii: &[f64]| {
            centers.iter().zip(radii).filter(|(c, r)| squared_distance(x, c) <= **r).count()
        };
        let (n, m) = (real.len() as f64, generated.len() as f64);
        let precise = generated.iter().filter(|y| within(y, &real, &r) > 0).count();
        let recalled = real.iter().filter(|x| within(x, &generated, &g) > 0).count();
        let balls: usize = generated.iter().map(|y| within(y, &real, &dense)).sum();
        let covered = real
            .iter()
            .zip(&dense)
            .filter(|(x, r)| generated.iter().any(|y| squared_distance(x, y) <= **r))
            .count();
        [
            precise as f64 / m,
            recalled as f64 / n,
            balls as f64 / (f64::from(o.density_neighbors) * m),
            covered as f64 / n,
        ]
    }

    fn values(o: &Overlap) -> [f64; 4] {
        [o.precision.value, o.recall.value, o.density.value, o.coverage.value]
    }

    #[test]
    fn values_are_those_of_the_definitions_for_any_shape_and_number_of_threads() {
        for (n, m, dims, neighbors, density_neighbors) in
            [(6, 5, 1, 3, 5), (300, 261, 3, 3, 5), (257, 40, 8, 6, 2), (30, 300, 20, 1, 1)]
        {
            let options = PrecisionRecall { neighbors, density_neighbors };
            let (real, mut generated) = (normal(n, dims, 1, 0.0), normal(m, dims, 2, 0.4));
            // Copies lie on the rim of nothing and in the balls of what they copy.
            let copied = m.min(n) / 4 * dims;
            generated[..copied].copy_from_slice(&real[..copied]);
            let got =
                precision_recall(&real, &generated, dims, &options, &Context::default()).unwrap();
            let wanted = oracle(&real, &generated, dims, options);
            for (got, wanted) in values(&got).iter().zip(wanted) {
                assert!((got - wanted).abs() < 1e-12, "{got} {wanted} of {n} {m} {dims}");
            }
            let cx = Context::with_threads(4);
            assert_eq!(precision_recall(&real, &generated, dims, &options, &cx), Ok(got));
        }
    }

    #[test]
    fn a_set_with_itself_is_whole_and_sets_apart_share_nothing() {
        let (a, b) = (normal(300, 4, 1, 0.0), normal(300, 4, 2, 50.0));
        let run = |b: &[f32]| {
            precision_recall(&a, b, 4, &PrecisionRecall::default(), &Context::default()).unwrap()
        };
        let same = run(&a);
        assert_eq!([same.precision.value, same.recall.value, same.coverage.value], [1.0; 3]);
        // Each ball holds its center and the five neighbors.
        assert!((same.density.value - 6.0 / 5.0).abs() < 1e-12);
        assert_eq!(values(&run(&b)), [0.0; 4]);
        // Half of the modes are dropped: nothing of what is left is wrong, half is not reached.
        let modes = [&normal(300, 4, 3, 0.0)[..], &normal(300, 4, 4, 50.0)].concat();
        let dropped =
            precision_recall(&modes, &a, 4, &PrecisionRecall::default(), &Context::default());
        let dropped = dropped.unwrap();
        assert!(dropped.precision.value > 0.9 && dropped.coverage.value < 0.5, "{dropped:?}");
    }

    #[test]
    fn bad_options_and_too_few_rows_are_refused_by_name() {
        let run = |n: usize, o: PrecisionRecall| {
            precision_recall(&normal(n, 2, 1, 0.0), &[1.0; 20], 2, &o, &Context::default())
                .unwrap_err()
                .to_string()
        };
        let good = PrecisionRecall::default();
        assert!(run(9, PrecisionRecall { neighbors: 0, ..good }).contains("`neighbors`"));
        assert!(run(9, PrecisionRecall { density_neighbors: 101, ..good }).contains("`density_"));
        assert!(run(5, good).contains("at least 6 rows, got 5"));
    }
}
