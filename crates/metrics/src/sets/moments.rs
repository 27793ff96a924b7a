//! Mean and covariance of rows that pass once, in double precision, in any number of pieces.
//!
//! ```text
//! block B of n_b rows after n rows:   delta = mean_B - mean
//! mean'    = mean + delta n_b / (n + n_b)
//! scatter' = scatter + sum_B (x - mean_B)(x - mean_B)^T + delta delta^T n n_b / (n + n_b)
//! covariance = scatter / (n - 1)
//! ```
//!
//! Rows are gathered into blocks of 512, centered on the mean of their block, and the block enters the
//! scatter as one matrix product (with `delta`, scaled, as one more row), a band of columns per task: the
//! same bytes for any number of threads and however the rows were cut into pieces. Cost: `n d^2 / 2`
//! products. Memory: `8 d^2` bytes and one block.
//!
//! Reference: T. F. Chan, G. H. Golub, R. J. `LeVeque`, "Algorithms for computing the sample variance:
//! analysis and recommendations", The American Statistician 37(3), 1983,
//! doi:10.1080/00031305.1983.10483115.

use super::rows::{self, Dealer};
use crate::MetricError;
use nalgebra::{DMatrixView, DMatrixViewMut, Dyn};
use restora_image::{Context, for_each_band};

/// Rows that enter at a time.
const BLOCK: usize = 512;
/// Columns of the scatter per task.
const BAND: usize = 64;

/// Mean and covariance of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    /// Rows they were made from; 0 if they are known, not estimated.
    pub count: u64,
    /// One number per column.
    pub mean: Vec<f64>,
    /// Symmetric, `dims` rows of `dims` numbers; of a sample, the unbiased one (over `n - 1`).
    pub covariance: Vec<f64>,
}

/// The sums that mean and covariance are made from.
#[derive(Clone, Debug)]
pub struct Moments {
    dims: usize,
    /// Rows that entered; those of `pending` did not.
    count: u64,
    mean: Vec<f64>,
    /// Column after column; only what lies above the band of the diagonal, and that band, is kept up.
    scatter: Vec<f64>,
    pending: Vec<f32>,
}

impl Moments {
    /// Of no rows of `dims` numbers yet.
    ///
    /// # Errors
    /// If `dims` is 0 or more than 16,384.
    pub fn new(dims: usize) -> Result<Self, MetricError> {
        rows::check_dims(dims)?;
        let (mean, scatter) = (vec![0.0; dims], vec![0.0; dims * dims]);
        Ok(Self { dims, count: 0, mean, scatter, pending: Vec::with_capacity(BLOCK * dims) })
    }

    /// Numbers in a row.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Rows so far.
    pub fn count(&self) -> u64 {
        self.count + (self.pending.len() / self.dims) as u64
    }

    /// Adds rows, one after the other.
    ///
    /// # Errors
    /// If the numbers do not make whole rows or one is not finite (nothing is added then), or the caller
    /// cancelled.
    pub fn add(&mut self, rows: &[f32], cx: &Context) -> Result<(), MetricError> {
        rows::count(rows, self.dims, self.count())?;
        let mut rest = rows;
        while !rest.is_empty() {
            let room = BLOCK * self.dims - self.pending.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.pending.extend_from_slice(now);
            rest = later;
            if self.pending.len() == BLOCK * self.dims {
                self.enter(cx)?;
            }
        }
        Ok(())
    }

    /// Adds what another has seen.
    ///
    /// # Errors
    /// If the other has rows of another length, or the caller cancelled.
    pub fn merge(&mut self, other: &Self, cx: &Context) -> Result<(), MetricError> {
        if other.dims != self.dims {
            let (wanted, got) = (self.dims, other.dims);
            return Err(MetricError::Input(format!("wanted rows of {wanted} numbers, got {got}")));
        }
        self.enter(cx)?;
        if other.count > 0 {
            let (n, m) = (self.count as f64, other.count as f64);
            let delta: Vec<f64> = other.mean.iter().zip(&self.mean).map(|(b, a)| b - a).collect();
            let weight = n * m / (n + m);
            for (c, column) in self.scatter.chunks_exact_mut(self.dims).enumerate() {
                let theirs = &other.scatter[c * self.dims..][..self.dims];
                for ((s, o), d) in column.iter_mut().zip(theirs).zip(&delta) {
                    *s += o + weight * delta[c] * d;
                }
            }
            for (mean, d) in self.mean.iter_mut().zip(&delta) {
                *mean += d * m / (n + m);
            }
            self.count += other.count;
        }
        self.add(&other.pending, cx)
    }

    /// Mean and covariance so far.
    ///
    /// # Errors
    /// If there are fewer than two rows, or the caller cancelled.
    pub fn gaussian(&self, cx: &Context) -> Result<Gaussian, MetricError> {
        rows::at_least("a covariance", self.count() as usize, 2)?;
        let mut all = self.clone();
        all.enter(cx)?;
        let (d, scale) = (self.dims, 1.0 / (all.count - 1) as f64);
        let mut covariance = all.scatter;
        for column in 0..d {
            for row in 0..=column {
                let value = covariance[column * d + row] * scale;
                covariance[column * d + row] = value;
                covariance[row * d + column] = value;
            }
        }
        Ok(Gaussian { count: all.count, mean: all.mean, covariance })
    }

    /// Lets the pending rows enter.
    fn enter(&mut self, cx: &Context) -> Result<(), MetricError> {
        let d = self.dims;
        let n = self.pending.len() / d;
        if n == 0 {
            return Ok(());
        }
        let mut mean = vec![0.0; d];
        for row in self.pending.chunks_exact(d) {
            for (mean, v) in mean.iter_mut().zip(row) {
                *mean += f64::from(*v);
            }
        }
        for mean in &mut mean {
            *mean /= n as f64;
        }
        let (before, here) = (self.count as f64, n as f64);
        let root = (before * here / (before + here)).sqrt();
        let mut centered = Vec::with_capacity((n + 1) * d);
        for row in self.pending.chunks_exact(d) {
            centered.extend(row.iter().zip(&mean).map(|(v, m)| f64::from(*v) - m));
        }
        centered.extend(mean.iter().zip(&self.mean).map(|(here, all)| root * (here - all)));
        let x = DMatrixView::from_slice(&centered, d, n + 1);
        let transposed = DMatrixView::<f64, Dyn, Dyn>::from_slice_with_strides_generic(
            &centered,
            Dyn(n + 1),
            Dyn(d),
            Dyn(d),
            Dyn(1),
        );
        for_each_band(&mut self.scatter, d, BAND, cx, |first, out| {
            let columns = out.len() / d;
            let upto = first + columns;
            let mut out = DMatrixViewMut::from_slice(out, d, columns);
            out.rows_mut(0, upto).gemm(
                1.0,
                &x.rows(0, upto),
                &transposed.columns(first, columns),
                1.0,
            );
            Ok(())
        })?;
        for (all, here_mean) in self.mean.iter_mut().zip(&mean) {
            *all += (here_mean - *all) * here / (before + here);
        }
        self.count += n as u64;
        self.pending.clear();
        Ok(())
    }
}

/// Moments of a set dealt into parts of equal size (to one row), at random: what is needed to tell how
/// much a measure of them is off.
#[derive(Clone, Debug)]
pub struct PartedMoments {
    parts: Vec<Moments>,
    /// Rows of each part that wait: rows arrive one by one, and go on many at a time.
    waiting: Vec<Vec<f32>>,
    dealer: Dealer,
    seen: u64,
}

impl PartedMoments {
    /// Of no rows of `dims` numbers yet, in so many parts.
    ///
    /// # Errors
    /// If `dims` is 0 or more than 16,384, or there are no parts.
    pub fn new(dims: usize, parts: usize, seed: u64) -> Result<Self, MetricError> {
        let moments = Moments::new(dims)?;
        if parts == 0 {
            return Err(restora_image::OpError::param("parts", "1 or more", parts).into());
        }
        Ok(Self {
            parts: vec![moments; parts],
            waiting: vec![Vec::new(); parts],
            dealer: Dealer::new(parts, seed),
            seen: 0,
        })
    }

    /// Rows so far.
    pub fn count(&self) -> u64 {
        self.seen
    }

    /// Deals rows out.
    ///
    /// # Errors
    /// As [`Moments::add`].
    pub fn add(&mut self, rows: &[f32], cx: &Context) -> Result<(), MetricError> {
        let dims = self.parts[0].dims;
        rows::count(rows, dims, self.seen)?;
        for row in rows.chunks_exact(dims) {
            self.waiting[self.dealer.next()].extend_from_slice(row);
            self.seen += 1;
        }
        for (part, rows) in self.parts.iter_mut().zip(&mut self.waiting) {
            part.add(rows, cx)?;
            rows.clear();
        }
        Ok(())
    }

    /// The parts.
    pub fn parts(&self) -> &[Moments] {
        &self.parts
    }

    /// All of it.
    ///
    /// # Errors
    /// If the caller cancelled.
    pub fn whole(&self, cx: &Context) -> Result<Moments, MetricError> {
        self.without(usize::MAX, cx)
    }

    /// All but one part.
    ///
    /// # Errors
    /// If the caller cancelled.
    pub fn without(&self, part: usize, cx: &Context) -> Result<Moments, MetricError> {
        let mut all = Moments::new(self.parts[0].dims)?;
        for (i, one) in self.parts.iter().enumerate() {
            if i != part {
                all.merge(one, cx)?;
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    fn rows(n: usize, dims: usize, offset: f32) -> Vec<f32> {
        let mut rng = Rng::new(9, "moments", dims as u64);
        let mut rows = vec![0.0; n * dims];
        rng.fill_normal(&mut rows);
        for row in rows.chunks_exact_mut(dims) {
            for c in 1..dims {
                row[c] = 0.6 * row[c - 1] + 0.5 * row[c];
            }
            for v in row.iter_mut() {
                *v += offset;
            }
        }
        rows
    }

    /// Two passes, straight from the definition.
    fn oracle(rows: &[f32], dims: usize) -> Gaussian {
        let n = rows.len() / dims;
        let column = |c: usize| rows.iter().skip(c).step_by(dims).map(|v| f64::from(*v));
        let mean: Vec<f64> = (0..dims).map(|c| column(c).sum::<f64>() / n as f64).collect();
        let entry = |i: usize, j: usize| {
            let products = column(i).zip(column(j)).map(|(a, b)| (a - mean[i]) * (b - mean[j]));
            products.sum::<f64>() / (n - 1) as f64
        };
        let covariance = (0..dims * dims).map(|k| entry(k / dims, k % dims)).collect();
        Gaussian { count: n as u64, mean, covariance }
    }

    fn assert_near(got: &Gaussian, wanted: &Gaussian, tolerance: f64) {
        assert_eq!(got.count, wanted.count);
        let pairs = got.mean.iter().zip(&wanted.mean);
        for (got, wanted) in pairs.chain(got.covariance.iter().zip(&wanted.covariance)) {
            assert!((got - wanted).abs() <= tolerance * (1.0 + wanted.abs()), "{got} {wanted}");
        }
    }

    fn of(rows: &[f32], dims: usize, piece: usize, cx: &Context) -> Moments {
        let mut moments = Moments::new(dims).unwrap();
        rows.chunks(piece * dims).for_each(|rows| moments.add(rows, cx).unwrap());
        moments
    }

    #[test]
    fn moments_are_those_of_two_passes_for_any_shape() {
        let cx = Context::default();
        for (n, dims) in [(2, 1), (3, 7), (511, 3), (513, 9), (1500, 70)] {
            let rows = rows(n, dims, 0.5);
            let got = of(&rows, dims, n, &cx).gaussian(&cx).unwrap();
            assert_near(&got, &oracle(&rows, dims), 1e-13);
        }
    }

    #[test]
    fn moments_far_from_zero_lose_no_digits() {
        let cx = Context::default();
        let rows = rows(2000, 5, 30_000.0);
        assert_near(&of(&rows, 5, 2000, &cx).gaussian(&cx).unwrap(), &oracle(&rows, 5), 1e-11);
    }

    #[test]
    fn pieces_and_threads_do_not_change_a_bit() {
        let rows = rows(1700, 130, 1.0);
        let whole = of(&rows, 130, 1700, &Context::default());
        let wanted = whole.gaussian(&Context::default()).unwrap();
        for (piece, threads) in [(1, 1), (7, 4), (513, 2)] {
            let cx = Context::with_threads(threads);
            assert_eq!(of(&rows, 130, piece, &cx).gaussian(&cx).unwrap(), wanted);
        }
    }

    #[test]
    fn merged_moments_are_those_of_all_rows() {
        let cx = Context::default();
        let rows = rows(1300, 11, -2.0);
        let (a, b) = rows.split_at(700 * 11);
        let mut merged = of(a, 11, 64, &cx);
        merged.merge(&of(b, 11, 64, &cx), &cx).unwrap();
        merged.merge(&Moments::new(11).unwrap(), &cx).unwrap();
        assert_near(&merged.gaussian(&cx).unwrap(), &oracle(&rows, 11), 1e-13);
        let mut parted = PartedMoments::new(11, 8, 3).unwrap();
        rows.chunks(11 * 99).for_each(|rows| parted.add(rows, &cx).unwrap());
        let got = parted.whole(&cx).unwrap().gaussian(&cx).unwrap();
        assert_near(&got, &oracle(&rows, 11), 1e-13);
        assert!(parted.parts().iter().all(|p| (162..=163).contains(&p.count())));
        assert_eq!(parted.without(2, &cx).unwrap().count(), 1300 - parted.parts()[2].count());
    }

    #[test]
    fn rows_that_are_not_whole_or_not_finite_are_refused_and_not_added() {
        let cx = Context::default();
        let mut moments = Moments::new(3).unwrap();
        moments.add(&[1.0; 6], &cx).unwrap();
        let error = |e: MetricError| e.to_string();
        let refused = moments.add(&[1.0; 5], &cx).unwrap_err();
        assert!(error(refused).contains("rows of 3 numbers, got 5"));
        let refused = moments.add(&[1.0, 2.0, 3.0, f32::NAN, 0.0, 0.0], &cx).unwrap_err();
        assert!(error(refused).contains("row 3 has a number that is not finite"));
        assert_eq!(moments.count(), 2);
        assert!(error(Moments::new(0).unwrap_err()).contains("`dims`"));
        assert!(Moments::new(4).unwrap().gaussian(&cx).is_err());
        assert!(moments.merge(&Moments::new(4).unwrap(), &cx).is_err());
    }
}
