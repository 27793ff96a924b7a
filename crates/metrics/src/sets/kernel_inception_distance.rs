//! Kernel distance (KID): the squared maximum mean discrepancy of two sets of features, without bias.
//!
//! ```text
//! k(x, y) = (gamma x.y + coefficient)^degree,   gamma = 1 / d
//! MMD^2 = sum_(i != j) k(x_i, x_j) / (m (m - 1)) + sum_(i != j) k(y_i, y_j) / (n (n - 1))
//!         - 2 sum_(i, j) k(x_i, y_j) / (m n)
//! ```
//!
//! With rows for ten disjoint blocks of `block` rows, the value is the mean over blocks, at most `blocks`: they
//! are independent, so their spread gives an honest standard error, and for the same number of kernel values the
//! error is smaller than that of all pairs of fewer rows. With fewer rows it is the value over all pairs, with
//! the jackknife's standard error. (The usual 100 subsets drawn from a few thousand rows overlap; their spread
//! says nothing about the error.) Expected value and scale are the same either way, and do not depend on the
//! number of rows. It is called *KID* only over the Inception net's features. Cost: `2 n block d` products by
//! blocks, `2 n^2 d` of all pairs.
//!
//! References: M. Binkowski et al., "Demystifying MMD GANs", ICLR 2018, arXiv 1801.01401 (section 4); A. Gretton
//! et al., "A kernel two-sample test", JMLR 13, 2012, doi:10.5555/2188385.2188410 (eq. 3, lemma 6); W. Zaremba,
//! A. Gretton, M. Blaschko, "B-tests", NIPS 2013, arXiv 1307.1954 (blocks).

use super::intervals;
use super::rows;
use super::tiles::{Cloud, TILE, Tiles};
use crate::MetricError;
use restora_image::{Context, OpError, map_bands, simd};
use serde::{Deserialize, Serialize};

/// Fewest blocks whose spread tells a standard error.
const LEAST_BLOCKS: usize = 10;

/// Options of [`kernel_inception_distance`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelInceptionDistance {
    /// Rows of each set in a block, 2 or more.
    pub block: u32,
    /// Most blocks, 10 or more.
    pub blocks: u32,
    /// Power of the kernel, 1 to 10.
    pub degree: u32,
    /// What is added to the product.
    pub coefficient: f64,
}

impl Default for KernelInceptionDistance {
    /// The paper's kernel, 100 blocks of 1,000.
    fn default() -> Self {
        Self { block: 1000, blocks: 100, degree: 3, coefficient: 1.0 }
    }
}

impl KernelInceptionDistance {
    /// Rows of each set that are used at most.
    pub fn rows(&self) -> usize {
        self.block as usize * self.blocks as usize
    }

    fn validate(&self) -> Result<(), MetricError> {
        let Self { block, blocks, degree, coefficient } = *self;
        if block < 2 {
            return Err(OpError::param("block", "2 or more", block).into());
        }
        if (blocks as usize) < LEAST_BLOCKS {
            return Err(OpError::param("blocks", "10 or more", blocks).into());
        }
        if !(1..=10).contains(&degree) {
            return Err(OpError::param("degree", "1 to 10", degree).into());
        }
        if !coefficient.is_finite() {
            return Err(OpError::param("coefficient", "finite", coefficient).into());
        }
        Ok(())
    }
}

/// How rows were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pairs {
    /// Within disjoint blocks.
    Blocks,
    /// Each with each.
    All,
}

/// The distance with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct KernelDistance {
    /// `MMD^2`; 0 is expected of equal distributions, so half of the values are below it then.
    pub distance: f64,
    /// Standard error.
    pub standard_error: f64,
    /// 95 % interval.
    pub interval: [f64; 2],
    /// How rows were compared.
    pub pairs: Pairs,
    /// Blocks; 1 where each was compared with each.
    pub blocks: usize,
    /// Rows of each set that were used.
    pub rows: [usize; 2],
}

/// The distance of two sets of rows of `dims` numbers. More than [`KernelInceptionDistance::rows`] are not
/// used; which of the rows are is drawn with the context's seed.
///
/// # Errors
/// If an option is out of range, the numbers do not make whole rows or are not finite, a set has fewer than
/// three rows, or the caller cancelled.
pub fn kernel_inception_distance(
    a: &[f32],
    b: &[f32],
    dims: usize,
    options: &KernelInceptionDistance,
    cx: &Context,
) -> Result<KernelDistance, MetricError> {
    options.validate()?;
    let (n, m) = (rows::count(a, dims, 0)?, rows::count(b, dims, 0)?);
    rows::at_least("a kernel distance", n.min(m), 3)?;
    let block = options.block as usize;
    let blocks = (n.min(m) / block).min(options.blocks as usize);
    if blocks >= LEAST_BLOCKS {
        let (a, b) = (shuffled(a, dims, "a", cx), shuffled(b, dims, "b", cx));
        let size = block * dims;
        let of = |i: usize| {
            let sums = Sums::of(&a[i * size..][..size], &b[i * size..][..size], dims, options, cx)?;
            Ok(sums.distance())
        };
        let distances = (0..blocks).map(of).collect::<Result<Vec<_>, MetricError>>()?;
        let mean = intervals::mean(&distances);
        return Ok(KernelDistance {
            distance: mean.value,
            standard_error: mean.standard_error,
            interval: mean.interval,
            pairs: Pairs::Blocks,
            blocks,
            rows: [blocks * block; 2],
        });
    }
    // Fewer than ten blocks of the smaller set; the larger may have many more rows than are compared.
    let most = LEAST_BLOCKS * block;
    let (a, b) = (drawn(a, dims, most, "a", cx), drawn(b, dims, most, "b", cx));
    let sums = Sums::of(&a, &b, dims, options, cx)?;
    let (distance, standard_error) = (sums.distance(), sums.standard_error());
    let half = intervals::t(sums.n.min(sums.m) - 1) * standard_error;
    Ok(KernelDistance {
        distance,
        standard_error,
        interval: [distance - half, distance + half],
        pairs: Pairs::All,
        blocks: 1,
        rows: [sums.n, sums.m],
    })
}

/// The rows in a random order.
fn shuffled(rows: &[f32], dims: usize, name: &str, cx: &Context) -> Vec<f32> {
    let mut rng = cx.rng(name, 0);
    let mut order: Vec<usize> = (0..rows.len() / dims).collect();
    for i in (1..order.len()).rev() {
        order.swap(i, rng.below(i as u64 + 1) as usize);
    }
    order.iter().flat_map(|i| rows[i * dims..][..dims].iter().copied()).collect()
}

fn drawn<'a>(
    rows: &'a [f32],
    dims: usize,
    most: usize,
    name: &str,
    cx: &Context,
) -> std::borrow::Cow<'a, [f32]> {
    if rows.len() <= most * dims {
        return rows.into();
    }
    let mut drawn = shuffled(rows, dims, name, cx);
    drawn.truncate(most * dims);
    drawn.into()
}

/// Sums of kernel values by row.
struct Sums {
    n: usize,
    m: usize,
    /// Of each row of `a` with the others of `a`.
    aa: Vec<f64>,
    bb: Vec<f64>,
    /// Of each row of `a` with all of `b`.
    ab: Vec<f64>,
    /// Of each row of `b` with all of `a`.
    ba: Vec<f64>,
}

impl Sums {
    fn of(
        a: &[f32],
        b: &[f32],
        dims: usize,
        options: &KernelInceptionDistance,
        cx: &Context,
    ) -> Result<Self, MetricError> {
        let origin = vec![0.0; dims];
        let (a, b) = (Cloud::new(a, &origin), Cloud::new(b, &origin));
        let (aa, _) = kernel_sums(&a, None, dims, options, cx)?;
        let (bb, _) = kernel_sums(&b, None, dims, options, cx)?;
        let (ab, ba) = kernel_sums(&a, Some(&b), dims, options, cx)?;
        Ok(Self { n: a.len(), m: b.len(), aa, bb, ab, ba })
    }

    fn distance(&self) -> f64 {
        let sum = |v: &[f64]| v.iter().sum::<f64>();
        mmd([sum(&self.aa), sum(&self.bb), sum(&self.ab)], self.n as f64, self.m as f64)
    }

    /// The jackknife's: each row of either set left out in turn.
    fn standard_error(&self) -> f64 {
        let sum = |v: &[f64]| v.iter().sum::<f64>();
        let all = [sum(&self.aa), sum(&self.bb), sum(&self.ab)];
        let (n, m) = (self.n as f64, self.m as f64);
        let variance = |without: &mut dyn Iterator<Item = f64>, n: f64| {
            let values: Vec<f64> = without.collect();
            let mean = sum(&values) / n;
            values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() * (n - 1.0) / n
        };
        let mut of_a = self
            .aa
            .iter()
            .zip(&self.ab)
            .map(|(own, other)| mmd([all[0] - 2.0 * own, all[1], all[2] - other], n - 1.0, m));
        let mut of_b = self
            .bb
            .iter()
            .zip(&self.ba)
            .map(|(own, other)| mmd([all[0], all[1] - 2.0 * own, all[2] - other], n, m - 1.0));
        (variance(&mut of_a, n) + variance(&mut of_b, m)).sqrt()
    }
}

/// From the sums over `i != j` of both sets and over all pairs across.
fn mmd([aa, bb, ab]: [f64; 3], n: f64, m: f64) -> f64 {
    aa / (n * (n - 1.0)) + bb / (m * (m - 1.0)) - 2.0 * ab / (n * m)
}

/// Sums of kernel values of each row of `a` with the rows of `b`, and of each of `b` with those of `a`; within
/// `a`, a row with itself left out, if there is no `b`.
fn kernel_sums(
    a: &Cloud,
    b: Option<&Cloud>,
    dims: usize,
    options: &KernelInceptionDistance,
    cx: &Context,
) -> Result<(Vec<f64>, Vec<f64>), MetricError> {
    let (others, gamma) = (b.unwrap_or(a), 1.0 / dims as f64);
    let (degree, coefficient) = (options.degree as i32, options.coefficient);
    let bands = map_bands(a.len(), TILE, cx, |band| {
        let mut tiles = Tiles::new(dims);
        let mut own = vec![0.0; band.len()];
        let mut across = vec![0.0; others.len()];
        tiles.start(a, band.start);
        // Within a set the pair (j, i) is the pair (i, j).
        let from = if b.is_none() { band.start } else { 0 };
        for first in (from..others.len()).step_by(TILE) {
            cx.check()?;
            let columns = TILE.min(others.len() - first);
            let out = tiles.products(others, first);
            let mirror = b.is_none() && first > band.start;
            for (i, row) in out.chunks_exact_mut(TILE).take(band.len()).enumerate() {
                let row = &mut row[..columns];
                simd(
                    #[inline(always)]
                    || {
                        for v in row.iter_mut() {
                            *v = power(gamma * *v + coefficient, degree);
                        }
                    },
                );
                if b.is_none() && first == band.start {
                    row[i] = 0.0;
                }
                own[i] += row.iter().sum::<f64>();
                if b.is_some() || mirror {
                    let across = &mut across[first..first + columns];
                    across.iter_mut().zip(row).for_each(|(sum, v)| *sum += *v);
                }
            }
        }
        Ok((own, across))
    })?;
    let mut own = Vec::with_capacity(a.len());
    let mut all_across = vec![0.0; others.len()];
    for (band_own, across) in bands {
        own.extend(band_own);
        all_across.iter_mut().zip(across).for_each(|(sum, v)| *sum += v);
    }
    if b.is_none() {
        own.iter_mut().zip(&all_across).for_each(|(sum, v)| *sum += v);
    }
    Ok((own, all_across))
}

#[inline(always)]
fn power(x: f64, degree: i32) -> f64 {
    if degree == 3 { x * x * x } else { x.powi(degree) }
}

#[cfg(test)]
mod tests {
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

    fn oracle(a: &[f32], b: &[f32], dims: usize, options: &KernelInceptionDistance) -> f64 {
        let rows = |r: &[f32]| -> Vec<Vec<f64>> {
            r.chunks(dims).map(|r| r.iter().map(|v| f64::from(*v)).collect()).collect()
        };
        let (a, b) = (rows(a), rows(b));
        let k = |x: &[f64], y: &[f64]| {
            let product: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
            (product / dims as f64 + options.coefficient).powi(options.degree as i32)
        };
        let within = |a: &[Vec<f64>]| {
            let mut sum = 0.0;
            for (i, x) in a.iter().enumerate() {
                sum += a
                    .iter()
                    .enumerate()
                    .filter(|(j, _)| *j != i)
                    .map(|(_, y)| k(x, y))
                    .sum::<f64>();
            }
            sum / (a.len() * (a.len() - 1)) as f64
        };
        let across: f64 =
            a.iter().flat_map(|x| b.iter().map(move |y| (x, y))).map(|(x, y)| k(x, y)).sum();
        within(&a) + within(&b) - 2.0 * across / (a.len() * b.len()) as f64
    }

    #[test]
    fn all_pairs_give_the_definition_and_its_jackknife() {
        let options = KernelInceptionDistance { degree: 2, coefficient: 0.5, ..Default::default() };
        for (n, m, dims, options) in [
            (3, 4, 1, options),
            (270, 300, 7, KernelInceptionDistance::default()),
            (40, 521, 9, options),
        ] {
            let (a, b) = (normal(n, dims, 1, 0.0), normal(m, dims, 2, 0.3));
            let cx = Context::default();
            let got = kernel_inception_distance(&a, &b, dims, &options, &cx).unwrap();
            let wanted = oracle(&a, &b, dims, &options);
            assert!(
                (got.distance - wanted).abs() < 1e-12 * (1.0 + wanted.abs()),
                "{got:?} {wanted}"
            );
            let without = |a: &[f32], i: usize| [&a[..i * dims], &a[(i + 1) * dims..]].concat();
            if n > 3 {
                continue;
            }
            let spread = |values: Vec<f64>| {
                let (n, mean) =
                    (values.len() as f64, values.iter().sum::<f64>() / values.len() as f64);
                values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() * (n - 1.0) / n
            };
            let of_a = (0..n).map(|i| oracle(&without(&a, i), &b, dims, &options)).collect();
            let of_b = (0..m).map(|i| oracle(&a, &without(&b, i), dims, &options)).collect();
            let wanted = (spread(of_a) + spread(of_b)).sqrt();
            assert!((got.standard_error - wanted).abs() < 1e-12 * wanted, "{got:?} {wanted}");
        }
    }

    #[test]
    fn blocks_are_used_where_there_are_ten_and_threads_change_no_bit() {
        let (a, b) = (normal(620, 6, 1, 0.0), normal(700, 6, 2, 0.1));
        let options = KernelInceptionDistance { block: 40, blocks: 12, ..Default::default() };
        let run = |cx: &Context| kernel_inception_distance(&a, &b, 6, &options, cx).unwrap();
        let got = run(&Context::default());
        assert_eq!((got.pairs, got.blocks, got.rows), (Pairs::Blocks, 12, [480; 2]));
        assert_eq!(run(&Context::with_threads(4)), got);
        let all = KernelInceptionDistance { block: 100, ..options };
        let of_all = kernel_inception_distance(&a, &b, 6, &all, &Context::default()).unwrap();
        assert_eq!((of_all.pairs, of_all.rows), (Pairs::All, [620, 700]));
        assert!((of_all.distance - got.distance).abs() < 3.0 * got.standard_error);
    }

    #[test]
    fn intervals_of_both_kinds_hold_the_distance_as_often_as_they_say() {
        // x ~ N(0, I), y ~ N(0.2, I) in two dimensions; from the moments of the normal distribution
        // E (x.y/2 + 1)^3 = 1 + 3 (s + E (x.y)^2 / 4) + E (x.y)^3 / 8, s = E x.y / 2.
        let moment = |a: f64, b: f64| {
            let one = a * b;
            let two = (1.0 + a * a) * (1.0 + b * b);
            let three = (3.0 * a + a.powi(3)) * (3.0 * b + b.powi(3));
            let (second, third) = (2.0 * two + 2.0 * one * one, 2.0 * three + 6.0 * two * one);
            1.0 + 3.0 * one + 0.75 * second + third / 8.0
        };
        let wanted = moment(0.0, 0.0) + moment(0.2, 0.2) - 2.0 * moment(0.0, 0.2);
        let cx = Context::default();
        for block in [50, 20] {
            let options = KernelInceptionDistance { block, ..Default::default() };
            let inside = (0..60).filter(|i| {
                let (a, b) = (normal(400, 2, 2 * i, 0.0), normal(400, 2, 2 * i + 1, 0.2));
                let got = kernel_inception_distance(&a, &b, 2, &options, &cx).unwrap();
                assert_eq!(got.pairs == Pairs::Blocks, block == 20);
                got.interval[0] <= wanted && wanted <= got.interval[1]
            });
            // 57 expected.
            let inside = inside.count();
            assert!(inside >= 51, "{inside} of 60");
        }
    }

    #[test]
    fn bad_options_and_rows_are_refused_by_name() {
        let run = |a: &[f32], o: KernelInceptionDistance| {
            kernel_inception_distance(a, &[1.0; 8], 2, &o, &Context::default())
                .unwrap_err()
                .to_string()
        };
        let good = KernelInceptionDistance::default();
        assert!(run(&[1.0; 8], KernelInceptionDistance { block: 1, ..good }).contains("`block`"));
        assert!(run(&[1.0; 8], KernelInceptionDistance { blocks: 9, ..good }).contains("`blocks`"));
        assert!(run(&[1.0; 8], KernelInceptionDistance { degree: 0, ..good }).contains("`degree`"));
        assert!(run(&[1.0; 4], good).contains("at least 3 rows, got 2"));
        assert!(run(&[1.0; 7], good).contains("rows of 2 numbers"));
    }
}
