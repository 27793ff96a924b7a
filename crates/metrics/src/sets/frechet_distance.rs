//! Frechet distance: how far two sets of features are apart, each taken for a Gaussian.
//!
//! ```text
//! d^2 = |m_1 - m_2|^2 + tr(C_1) + tr(C_2) - 2 tr (C_1 C_2)^(1/2)
//! tr (C_1 C_2)^(1/2) = sum of the singular values of L_1^T L_2,   C_i = L_i L_i^T
//! ```
//!
//! The root's trace comes from the singular values of a product of Cholesky factors with pivoting, which
//! stop at the rank: covariances of fewer rows than columns need no added constant, and small roots are not
//! squares of rounding errors. The value is `d^2`, as papers print it; it is called *FID* only over the
//! Inception net's features. Estimated from samples it is too large, by about a constant over their number;
//! [`frechet_jackknife`] takes that away and tells the standard error. Cost: `d^3` products a few times.
//!
//! References: M. Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash
//! equilibrium", NIPS 2017, arXiv 1706.08500, eq. (6). D. C. Dowson, B. V. Landau, "The Frechet distance
//! between multivariate normal distributions", J. Multivariate Analysis 12(3), 1982,
//! doi:10.1016/0047-259X(82)90077-X. The bias, linear in one over the number of rows: M. J. Chong,
//! D. Forsyth, "Effectively unbiased FID and Inception score and where to find them", CVPR 2020,
//! arXiv 1911.07023 (here the jackknife extrapolates in place of a line through 15 sizes). The jackknife:
//! B. Efron, C. Stein, Annals of Statistics 9(3), 1981, doi:10.1214/aos/1176345462.

use super::intervals::{Estimate, jackknife};
use super::moments::{Gaussian, PartedMoments};
use crate::MetricError;
use nalgebra::{DMatrix, DMatrixView};
use restora_image::{Context, for_each_band, simd};
use serde::Serialize;

/// Rows of a factor per task.
const BAND: usize = 32;

/// The distance and what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FrechetDistance {
    /// `d^2`, 0 or above.
    pub distance: f64,
    /// The part of the means, `|m_1 - m_2|^2`.
    pub means: f64,
    /// The part of the covariances.
    pub covariances: f64,
}

/// The distance of two Gaussians.
///
/// # Errors
/// If their dimensions differ, a number is not finite, or the caller cancelled.
pub fn frechet_distance(
    a: &Gaussian,
    b: &Gaussian,
    cx: &Context,
) -> Result<FrechetDistance, MetricError> {
    let d = a.mean.len();
    for g in [a, b] {
        if d == 0 || g.mean.len() != d || g.covariance.len() != d * d {
            let (got, entries) = (g.mean.len(), g.covariance.len());
            return Err(MetricError::Input(format!(
                "wanted two means of {d} numbers and covariances of {d} x {d}, got {got} and {entries}"
            )));
        }
        if !g.mean.iter().chain(&g.covariance).all(|v| v.is_finite()) {
            return Err(MetricError::Input("a Gaussian has a number that is not finite".into()));
        }
    }
    let trace = |g: &Gaussian| g.covariance.iter().step_by(d + 1).sum::<f64>();
    let means = a.mean.iter().zip(&b.mean).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let root = trace_of_root(&a.covariance, &b.covariance, d, cx)?;
    // Equal covariances give a zero that rounding may put below it.
    let covariances = (trace(a) + trace(b) - 2.0 * root).max(0.0);
    Ok(FrechetDistance { distance: means + covariances, means, covariances })
}

/// The distance of two sets, corrected for their finite number of rows, by leaving out each of their parts
/// in turn.
///
/// # Errors
/// As [`frechet_distance`]; if the sets have not the same number of parts, three or more, or a part has
/// fewer than two rows.
pub fn frechet_jackknife(
    a: &PartedMoments,
    b: &PartedMoments,
    cx: &Context,
) -> Result<Estimate, MetricError> {
    let parts = a.parts().len();
    if parts < 3 || b.parts().len() != parts {
        let got = format!("{parts} and {}", b.parts().len());
        let wanted = "the same for both sets, 3 or more";
        return Err(restora_image::OpError::param("parts", wanted, got).into());
    }
    let distance = |part: usize| {
        let of = |set: &PartedMoments| set.without(part, cx)?.gaussian(cx);
        Ok(frechet_distance(&of(a)?, &of(b)?, cx)?.distance)
    };
    let without: Vec<f64> = (0..parts).map(distance).collect::<Result<_, MetricError>>()?;
    Ok(jackknife(distance(parts)?, &without))
}

fn trace_of_root(a: &[f64], b: &[f64], d: usize, cx: &Context) -> Result<f64, MetricError> {
    let (a, b) = (factor(a, d, cx)?, factor(b, d, cx)?);
    if a.rank == 0 || b.rank == 0 {
        return Ok(0.0);
    }
    cx.check()?;
    let product = a.matrix() * b.matrix().transpose();
    cx.check()?;
    // Householder works on absolute sizes: bring tiny numbers to where nothing underflows.
    let largest = product.amax();
    if largest == 0.0 {
        return Ok(0.0);
    }
    Ok(largest * (product / largest).singular_values().sum())
}

/// `C = L L^T`, `L` of `d x rank`.
struct Factor {
    d: usize,
    rank: usize,
    /// Row after row of `d` numbers, of which `rank` are used.
    rows: Vec<f64>,
}

impl Factor {
    /// `L^T`.
    fn matrix(&self) -> DMatrix<f64> {
        DMatrixView::from_slice(&self.rows, self.d, self.d).rows(0, self.rank).into_owned()
    }
}

/// Cholesky's factor with full pivoting: the largest variance left is next, until what is left is rounding.
fn factor(covariance: &[f64], d: usize, cx: &Context) -> Result<Factor, MetricError> {
    let mut left: Vec<f64> = covariance.iter().step_by(d + 1).copied().collect();
    let floor = left.iter().fold(0.0, |m: f64, v| m.max(*v)) * d as f64 * f64::EPSILON;
    let mut rows = vec![0.0; d * d];
    let mut rank = 0;
    while rank < d {
        let pivot = (0..d).fold(0, |best, i| if left[i] > left[best] { i } else { best });
        // Not `<=`: a covariance of zeros has the floor 0.
        if left[pivot] <= floor {
            break;
        }
        let root = left[pivot].sqrt();
        let pivot_row = rows[pivot * d..][..rank].to_vec();
        let column = &covariance[pivot * d..][..d];
        for_each_band(&mut rows, d, BAND, cx, |first, band| {
            simd(
                #[inline(always)]
                || {
                    for (row, c) in band.chunks_exact_mut(d).zip(&column[first..]) {
                        row[rank] = (c - dot(&row[..rank], &pivot_row)) / root;
                    }
                },
            );
            Ok(())
        })?;
        for (left, row) in left.iter_mut().zip(rows.chunks_exact(d)) {
            *left -= row[rank] * row[rank];
        }
        left[pivot] = f64::NEG_INFINITY;
        rank += 1;
    }
    Ok(Factor { d, rank, rows })
}

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 16];
    let (a_chunks, b_chunks) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for i in 0..16 {
            lanes[i] += a[i] * b[i];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::Moments;
    use restora_image::Rng;

    fn diagonal(mean: &[f64], variances: &[f64]) -> Gaussian {
        let covariance = DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(variances));
        Gaussian { count: 0, mean: mean.to_vec(), covariance: covariance.as_slice().to_vec() }
    }

    fn of(rows: &[f32], dims: usize) -> Gaussian {
        let cx = Context::default();
        let mut moments = Moments::new(dims).unwrap();
        moments.add(rows, &cx).unwrap();
        moments.gaussian(&cx).unwrap()
    }

    /// Normal rows turned by a fixed mixing of the columns.
    fn normal(n: usize, dims: usize, seed: u64, scale: f32) -> Vec<f32> {
        let mut rng = Rng::new(seed, "normal", 0);
        let mut rows = vec![0.0; n * dims];
        rng.fill_normal(&mut rows);
        for row in rows.chunks_exact_mut(dims) {
            for c in 1..dims {
                row[c] = scale * (0.8 * row[c] + 0.6 * row[c - 1]);
            }
        }
        rows
    }

    fn distance(a: &Gaussian, b: &Gaussian) -> FrechetDistance {
        frechet_distance(a, b, &Context::default()).unwrap()
    }

    #[test]
    fn diagonal_covariances_have_a_closed_form_and_zeros_among_them_do_no_harm() {
        let a = diagonal(&[0.0, 1.0, 2.0, 0.0], &[1.0, 4.0, 0.0, 0.0]);
        let b = diagonal(&[3.0, 1.0, 0.0, 0.0], &[9.0, 0.25, 1e-8, 0.0]);
        let got = distance(&a, &b);
        assert!((got.means - 13.0).abs() < 1e-14);
        // (1 - 3)^2 + (2 - 1/2)^2 + (0 - 1e-4)^2
        assert!((got.covariances - 6.25000001).abs() < 1e-14, "{got:?}");
        assert_eq!(distance(&b, &a).distance, got.distance);
        let zero = diagonal(&[0.0; 4], &[0.0; 4]);
        assert_eq!(distance(&zero, &zero).distance, 0.0);
        assert_eq!(distance(&zero, &a).covariances, 5.0);
    }

    /// Covariances that commute, in a turned basis: the distance is that of the roots of the variances.
    #[test]
    fn commuting_covariances_have_a_closed_form() {
        let dims = 40;
        let q = DMatrix::from_fn(dims, dims, |i, j| {
            f64::from(normal(dims, dims, 4, 1.0)[i * dims + j])
        })
        .qr()
        .q();
        let (va, vb): (Vec<f64>, Vec<f64>) =
            (0..dims).map(|i| (0.7f64.powi(i as i32), 1.0 / (1 + i * i) as f64)).unzip();
        let turned = |v: &[f64]| {
            let c = &q
                * DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(v))
                * q.transpose();
            Gaussian { count: 0, mean: vec![0.0; dims], covariance: c.as_slice().to_vec() }
        };
        let wanted: f64 = va.iter().zip(&vb).map(|(a, b)| (a.sqrt() - b.sqrt()).powi(2)).sum();
        let got = distance(&turned(&va), &turned(&vb)).distance;
        assert!((got - wanted).abs() < 1e-7, "{got} {wanted}");
        assert!(distance(&turned(&va), &turned(&va)).distance < 1e-7);
    }

    #[test]
    fn fewer_rows_than_columns_give_the_distance_of_the_spans() {
        // Two rows in each set: covariances of rank 1, c = u u^T and v v^T; the root's trace is |u.v|.
        let (a, b) =
            ([1.0, 2.0, 0.0, 0.5, 0.0, 0.0, 1.0, 1.5], [0.0, 1.0, 3.0, 0.0, 2.0, 2.0, 1.0, 1.0]);
        let half = |r: &[f32]| -> Vec<f64> {
            (0..4).map(|c| f64::from(r[c] - r[4 + c]) / std::f64::consts::SQRT_2).collect()
        };
        let (u, v) = (half(&a), half(&b));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let wanted = dot(&u, &u) + dot(&v, &v) - 2.0 * dot(&u, &v).abs();
        let got = distance(&of(&a, 4), &of(&b, 4)).covariances;
        assert!((got - wanted).abs() < 1e-12, "{got} {wanted}");
    }

    #[test]
    fn a_shift_adds_its_square_and_any_number_of_threads_gives_the_same_bytes() {
        let rows = normal(300, 24, 1, 1.0);
        let shifted: Vec<f32> = rows.iter().map(|v| v + 0.5).collect();
        let got = distance(&of(&rows, 24), &of(&shifted, 24));
        assert!((got.distance - 6.0).abs() < 1e-5, "{got:?}");
        let cx = Context::with_threads(4);
        assert_eq!(frechet_distance(&of(&rows, 24), &of(&shifted, 24), &cx), Ok(got));
    }

    #[test]
    fn the_jackknife_takes_off_what_a_finite_number_of_rows_adds() {
        let cx = Context::default();
        let parted = |seed| {
            let mut set = PartedMoments::new(16, 8, 0).unwrap();
            set.add(&normal(400, 16, seed, 1.0), &cx).unwrap();
            set
        };
        let draws: Vec<Estimate> = (0..12)
            .map(|i| frechet_jackknife(&parted(2 * i), &parted(2 * i + 1), &cx).unwrap())
            .collect();
        let mean = |f: fn(&Estimate) -> f64| draws.iter().map(f).sum::<f64>() / 12.0;
        let (plain, corrected) = (mean(|e| e.value), mean(|e| e.corrected));
        // One distribution: the distance is 0.
        assert!(plain > 0.2, "{plain}");
        assert!(corrected.abs() < 0.2 * plain, "{corrected} of {plain}");
        let inside = draws.iter().filter(|e| e.interval[0] <= 0.0 && e.interval[1] >= 0.0).count();
        assert!(inside >= 10, "{inside} of 12 intervals hold 0");
    }

    #[test]
    fn gaussians_that_do_not_fit_are_refused() {
        let cx = Context::default();
        let (a, mut b) = (diagonal(&[0.0; 3], &[1.0; 3]), diagonal(&[0.0; 2], &[1.0; 2]));
        assert!(frechet_distance(&a, &b, &cx).unwrap_err().to_string().contains("of 3 numbers"));
        b = a.clone();
        b.covariance[4] = f64::INFINITY;
        assert!(frechet_distance(&a, &b, &cx).unwrap_err().to_string().contains("not finite"));
        let sets = [3, 4].map(|parts| PartedMoments::new(2, parts, 0).unwrap());
        assert!(frechet_jackknife(&sets[0], &sets[1], &cx).is_err());
    }
}
