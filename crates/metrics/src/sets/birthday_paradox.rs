//! Birthday paradox: how many different items a generator has, told from how often two of a sample are the same.
//!
//! ```text
//! s items, c pairs of them nearer than `distance`
//! support = s (s - 1) / (2 c)         (1 / sum p_i^2, the effective number: the true one is no smaller)
//! ```
//!
//! A sample of `s` items that has a duplicate with probability one half comes from a support of about `s^2`. What
//! is a duplicate is told by `distance`, or by a set of items known to be different: then nearer than any two of
//! as many of those. Look at the closest pairs before you believe the number. The interval is that of a Poisson
//! count, widened where pairs share items more often than chance lets them. Distances are exact; cost: `s^2 d / 2`
//! products.
//!
//! Reference: S. Arora, A. Risteski, Y. Zhang, "Do GANs learn the distribution? Some theory and empirics",
//! ICLR 2018, arXiv 1706.08224 (section 2: the test, there with a look by eye, here with a count).

use super::intervals;
use super::rows;
use super::tiles::{Cloud, TILE, Tiles, mean};
use crate::MetricError;
use restora_image::{Context, OpError, map_bands};
use serde::{Deserialize, Serialize};

/// Options of [`birthday_paradox`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BirthdayParadox {
    /// Items nearer than this are the same, 0 or above: 0 counts no pair.
    pub distance: f64,
    /// How many of the closest pairs are told, 1 to 10,000.
    pub list: u32,
}

impl Default for BirthdayParadox {
    /// The 20 pairs that the paper's authors looked at.
    fn default() -> Self {
        Self { distance: 0.0, list: 20 }
    }
}

/// Two rows and their distance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClosePair {
    /// Number of the first row.
    pub first: usize,
    /// Number of the second, larger one.
    pub second: usize,
    /// Euclidean distance.
    pub distance: f64,
}

/// What the sample tells of the number of different items.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Support {
    /// Items of the sample.
    pub items: usize,
    /// What counted as the same.
    pub distance: f64,
    /// Pairs nearer than that.
    pub duplicates: u64,
    /// Effective number of different items; `None` if there was no duplicate: more than the sample can tell.
    pub support: Option<f64>,
    /// 95 % interval; no upper end if there was no duplicate, or nearly none.
    pub interval: (f64, Option<f64>),
    /// The closest pairs, closest first.
    pub closest: Vec<ClosePair>,
}

/// Estimates the support of what `samples`, rows of `dims` numbers, were drawn from.
///
/// # Errors
/// If an option is out of range, the numbers do not make whole rows or are not finite, there are fewer than two
/// rows, or the caller cancelled.
pub fn birthday_paradox(
    samples: &[f32],
    dims: usize,
    options: &BirthdayParadox,
    cx: &Context,
) -> Result<Support, MetricError> {
    let BirthdayParadox { distance, list } = *options;
    if !(distance >= 0.0 && distance.is_finite()) {
        return Err(OpError::param("distance", "0 or above", distance).into());
    }
    if !(1..=10_000).contains(&list) {
        return Err(OpError::param("list", "1 to 10000", list).into());
    }
    let s = rows::count(samples, dims, 0)?;
    rows::at_least("a birthday test", s, 2)?;
    let center = mean(samples, dims);
    let cloud = Cloud::new(samples, &center);
    let limit = distance * distance;
    let bands = map_bands(s, TILE, cx, |band| {
        let mut found = Found::none(s);
        let mut tiles = Tiles::new(dims);
        tiles.start(&cloud, band.start);
        for first in (band.start..s).step_by(TILE) {
            cx.check()?;
            let columns = TILE.min(s - first);
            let distances = tiles.distances(&cloud, band.start, &cloud, first);
            for (i, row) in band.clone().zip(distances.chunks_exact(TILE)) {
                // The pair (j, i) is the pair (i, j).
                let from = (i + 1).saturating_sub(first).min(columns);
                found.look(i, first + from, &row[from..columns], limit, list as usize);
            }
        }
        found.keep(list as usize);
        Ok(found)
    })?;
    let mut all = Found::none(s);
    for band in bands {
        all.degrees.iter_mut().zip(band.degrees).for_each(|(all, one)| *all += one);
        all.closest.extend(band.closest);
    }
    all.keep(list as usize);
    let duplicates = all.degrees.iter().sum::<u64>() / 2;
    let (support, interval) = estimate(s as f64, &all.degrees);
    Ok(Support { items: s, distance, duplicates, support, interval, closest: all.closest })
}

/// The distance of the two nearest rows: what is nearer than that in another sample of as many is the same item,
/// if these are all different.
///
/// # Errors
/// As [`birthday_paradox`].
pub fn nearest_pair(rows: &[f32], dims: usize, cx: &Context) -> Result<ClosePair, MetricError> {
    let options = BirthdayParadox { list: 1, ..BirthdayParadox::default() };
    let found = birthday_paradox(rows, dims, &options, cx)?;
    Ok(found.closest[0])
}

/// What was found among pairs. Distances are squared in here until the end.
struct Found {
    /// Duplicates of each row.
    degrees: Vec<u64>,
    closest: Vec<ClosePair>,
    /// The squared distance above which a pair is not among the closest, as far as is known.
    worst: f64,
}

impl Found {
    fn none(rows: usize) -> Self {
        Self { degrees: vec![0; rows], closest: Vec::new(), worst: f64::INFINITY }
    }

    /// Squared distances of row `i` to the rows from `first` on.
    fn look(&mut self, i: usize, first: usize, squares: &[f64], limit: f64, list: usize) {
        for (j, square) in squares.iter().enumerate() {
            if *square < limit {
                self.degrees[i] += 1;
                self.degrees[first + j] += 1;
            }
            if *square <= self.worst {
                self.closest.push(ClosePair {
                    first: i,
                    second: first + j,
                    distance: square.sqrt(),
                });
                if self.closest.len() >= 4 * list + 64 {
                    self.keep(list);
                }
            }
        }
    }

    fn keep(&mut self, list: usize) {
        self.closest.sort_by(|a, b| {
            let order = a.distance.total_cmp(&b.distance);
            order.then((a.first, a.second).cmp(&(b.first, b.second)))
        });
        self.closest.truncate(list);
        if let Some(last) = self.closest.get(list - 1) {
            // A square root may round down.
            self.worst = last.distance * last.distance * (1.0 + 4.0 * f64::EPSILON);
        }
    }
}

/// Support and its interval.
fn estimate(s: f64, degrees: &[u64]) -> (Option<f64>, (f64, Option<f64>)) {
    let pairs = s * (s - 1.0) / 2.0;
    let count = degrees.iter().sum::<u64>() as f64 / 2.0;
    // Pairs of pairs that share an item: of a uniform support as many as chance gives; clusters give more, and
    // the count then varies more than Poisson's.
    let shared: f64 = degrees.iter().map(|d| (*d as f64) * (*d as f64 - 1.0) / 2.0).sum();
    let by_chance = s * (s - 1.0) * (s - 2.0) / 2.0 * (count / pairs).powi(2);
    let widening =
        if count > 0.0 { 1.0 + 2.0 * (shared - by_chance).max(0.0) / count } else { 1.0 };
    let [low, high] = intervals::poisson(count / widening).map(|bound| bound * widening);
    let support = (count > 0.0).then(|| pairs / count);
    (support, (pairs / high, (low > 0.0).then(|| pairs / low)))
}

#[cfg(test)]
mod tests {
    use super::super::tiles::squared_distance;
    use super::*;
    use restora_image::Rng;

    /// `s` draws, with a little noise, of `support` items; item `i` with a weight of `weight(i)`.
    fn draws(s: usize, support: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed, "draws", 0);
        let mut out = Vec::new();
        for _ in 0..s {
            let item = rng.below(support as u64);
            let mut own = Rng::new(99, "item", item);
            out.extend((0..8).map(|_| (own.normal() + 1e-4 * rng.normal()) as f32));
        }
        out
    }

    #[test]
    fn counts_and_closest_pairs_are_those_of_all_pairs() {
        for (s, dims, distance) in [(2, 1, 0.5), (300, 3, 0.25), (530, 6, 1.0)] {
            let mut rng = Rng::new(1, "pairs", 0);
            let rows: Vec<f32> = (0..s * dims).map(|_| rng.normal() as f32).collect();
            let mut all: Vec<ClosePair> = Vec::new();
            for (i, a) in rows.chunks(dims).enumerate() {
                for (j, b) in rows.chunks(dims).enumerate().skip(i + 1) {
                    let distance = squared_distance(a, b).sqrt();
                    all.push(ClosePair { first: i, second: j, distance });
                }
            }
            all.sort_by(|a, b| a.distance.total_cmp(&b.distance));
            let options = BirthdayParadox { distance, list: 10 };
            let got = birthday_paradox(&rows, dims, &options, &Context::default()).unwrap();
            let wanted = all.iter().filter(|p| p.distance < distance).count();
            assert_eq!(got.duplicates, wanted as u64);
            for (got, wanted) in got.closest.iter().zip(&all) {
                assert_eq!((got.first, got.second), (wanted.first, wanted.second));
                assert!((got.distance - wanted.distance).abs() < 1e-9);
            }
            assert_eq!(got.closest.len(), all.len().min(10));
            let cx = Context::with_threads(4);
            assert_eq!(birthday_paradox(&rows, dims, &options, &cx).unwrap(), got);
            assert_eq!(nearest_pair(&rows, dims, &cx).unwrap(), got.closest[0]);
        }
    }

    #[test]
    fn the_support_of_a_uniform_generator_lies_in_the_interval_as_often_as_it_says() {
        let options = BirthdayParadox { distance: 0.01, list: 1 };
        let inside = (0..40).filter(|seed| {
            let got = birthday_paradox(&draws(500, 4000, *seed), 8, &options, &Context::default())
                .unwrap();
            let (low, high) = got.interval;
            low <= 4000.0 && high.is_none_or(|high| 4000.0 <= high)
        });
        let inside = inside.count();
        assert!(inside >= 35, "{inside} of 40");
    }

    #[test]
    fn no_duplicate_gives_a_lower_end_alone() {
        let options = BirthdayParadox { distance: 0.01, list: 5 };
        let got =
            birthday_paradox(&draws(100, 1 << 50, 1), 8, &options, &Context::default()).unwrap();
        assert_eq!((got.duplicates, got.support, got.interval.1), (0, None, None));
        // 4950 pairs, fewer than 3.69 duplicates expected.
        assert!((got.interval.0 - 4950.0 / 3.688_879).abs() < 0.1, "{got:?}");
    }

    #[test]
    fn one_item_many_times_widens_the_interval() {
        let mut degrees = vec![0; 1000];
        degrees[..10].fill(9);
        let (support, (low, high)) = estimate(1000.0, &degrees);
        assert_eq!(support, Some(499_500.0 / 45.0));
        // 45 pairs of 45 different items tell more.
        let mut apart = vec![0; 1000];
        apart[..90].fill(1);
        let (_, (narrow_low, narrow_high)) = estimate(1000.0, &apart);
        assert!(low < 0.8 * narrow_low && high.unwrap() > 1.3 * narrow_high.unwrap());
    }

    #[test]
    fn bad_options_are_refused_by_name() {
        let run = |o: BirthdayParadox| {
            birthday_paradox(&[1.0; 4], 2, &o, &Context::default()).unwrap_err().to_string()
        };
        let good = BirthdayParadox::default();
        assert!(run(BirthdayParadox { distance: -1.0, ..good }).contains("`distance`"));
        assert!(run(BirthdayParadox { list: 0, ..good }).contains("`list`"));
        assert!(birthday_paradox(&[1.0; 2], 2, &good, &Context::default()).is_err());
    }
}
