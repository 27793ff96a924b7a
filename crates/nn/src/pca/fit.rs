//! The two solvers.

use super::rows::{chunk_rows, for_each_chunk};
use super::{Pca, PcaOptions, Rows, Solver};
use crate::NnError;
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};
use restora_image::{Context, for_each_band};

/// Up to here [`Solver::Auto`] takes the exact solver: 1.5 s for the eigenvectors of 1024 dimensions.
const EXACT_BY_DEFAULT: usize = 1024;
/// Half a gigabyte of covariance and some ten minutes.
const EXACT_AT_MOST: usize = 8192;
/// Columns of a product that one thread computes at a time.
const BAND: usize = 64;

/// Centered rows as they lie in memory: `dims x count` column-major, one row of the data per column.
fn as_columns(centered: &[f64], dims: usize) -> DMatrixView<'_, f64> {
    DMatrixView::from_slice(centered, dims, centered.len() / dims)
}

pub(super) fn fit(
    rows: &dyn Rows,
    components: usize,
    options: &PcaOptions,
    cx: &Context,
) -> Result<Pca, NnError> {
    let (n, d) = (rows.len(), rows.dims());
    let most = n.min(d);
    if most == 0 {
        return Err(NnError::Input(format!("PCA needs rows of values, got {n} rows of {d}")));
    }
    in_range("components", components, 1, most)?;
    in_range("oversample", options.oversample, 0, 1000)?;
    in_range("power_iterations", options.power_iterations, 0, 100)?;
    let carried = (components + options.oversample).min(most);
    let exact = match options.solver {
        Solver::Exact => true,
        Solver::Randomized => false,
        Solver::Auto => {
            d <= EXACT_BY_DEFAULT || (2 * carried > d && d <= 4 * EXACT_BY_DEFAULT && n > d)
        }
    };
    if exact && d > EXACT_AT_MOST {
        return Err(NnError::Limit(format!(
            "an exact PCA is limited to {EXACT_AT_MOST} dimensions, got {d}: use `randomized`"
        )));
    }
    let passes = 1 + if exact { 1 } else { options.power_iterations + 2 };
    let mut data = Passes { rows, cx, mean: Vec::new(), done: 0, in_all: passes };
    data.mean = data.mean()?;
    let (directions, variances, total) = if exact {
        let covariance = data.covariance()?;
        let total = covariance.trace();
        cx.check()?;
        let eigen = covariance.symmetric_eigen();
        (eigen.eigenvectors, eigen.eigenvalues, total)
    } else {
        data.randomized(carried, options.power_iterations)?
    };
    let mut order: Vec<usize> = (0..variances.len()).collect();
    order.sort_by(|&a, &b| variances[b].total_cmp(&variances[a]));
    let mut found = Vec::with_capacity(components * d);
    for &i in &order[..components] {
        let column = directions.column(i);
        let largest = column.iter().fold(0.0_f64, |m, v| if v.abs() > m.abs() { *v } else { m });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        found.extend(column.iter().map(|v| (sign * v) as f32));
    }
    // Rounding can leave an eigenvalue of zero slightly negative.
    let variance = |&i: &usize| variances[i].max(0.0) as f32;
    Ok(Pca {
        mean: data.mean.iter().map(|v| *v as f32).collect(),
        components: found,
        explained_variance: order[..components].iter().map(variance).collect(),
        total_variance: total as f32,
    })
}

fn in_range(name: &str, came: usize, least: usize, most: usize) -> Result<(), NnError> {
    if (least..=most).contains(&came) {
        return Ok(());
    }
    Err(NnError::Param(format!("PCA: `{name}` must be {least} to {most}, got {came}")))
}

/// The data, read once per pass, and how far we are.
struct Passes<'a> {
    rows: &'a dyn Rows,
    cx: &'a Context<'a>,
    mean: Vec<f64>,
    done: usize,
    in_all: usize,
}

impl Passes<'_> {
    fn mean(&mut self) -> Result<Vec<f64>, NnError> {
        let (n, d) = (self.rows.len(), self.rows.dims());
        let mut sum = vec![0.0; d];
        for_each_chunk(self.rows, self.cx, |first, values| {
            for (i, row) in values.chunks_exact(d).enumerate() {
                if let Some(at) = row.iter().position(|v| !v.is_finite()) {
                    return Err(NnError::Input(format!(
                        "PCA: row {} holds {} at place {at}: values must be finite",
                        first + i,
                        row[at]
                    )));
                }
                sum.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*v));
            }
            self.done += 1;
            Ok(())
        })?;
        self.report();
        for s in &mut sum {
            *s /= n as f64;
        }
        Ok(sum)
    }

    fn report(&self) {
        let chunks = self.rows.len().div_ceil(chunk_rows(self.rows.dims()));
        self.cx.progress.step(self.done as u64, (chunks * self.in_all) as u64);
    }

    fn pass(&mut self, mut work: impl FnMut(&[f64]) -> Result<(), NnError>) -> Result<(), NnError> {
        let d = self.rows.dims();
        let (rows, cx) = (self.rows, self.cx);
        let mut centered = Vec::new();
        for_each_chunk(rows, cx, |_, values| {
            centered.clear();
            for row in values.chunks_exact(d) {
                centered.extend(row.iter().zip(&self.mean).map(|(v, m)| f64::from(*v) - m));
            }
            work(&centered)?;
            self.done += 1;
            self.report();
            Ok(())
        })
    }

    /// 1 / (n - 1); one row has no variance.
    fn scale(&self) -> f64 {
        1.0 / (self.rows.len() - 1).max(1) as f64
    }

    /// The whole covariance, `dims x dims`.
    fn covariance(&mut self) -> Result<DMatrix<f64>, NnError> {
        let (d, cx, scale) = (self.rows.dims(), self.cx, self.scale());
        let mut upper = vec![0.0; d * d];
        self.pass(|x| {
            let x = as_columns(x, d);
            let transposed = x.transpose();
            for_each_band(&mut upper, d, BAND, cx, |first, out| {
                let count = out.len() / d;
                let mut out = DMatrixViewMut::from_slice(out, d, count);
                let last = first + count;
                let part = transposed.columns(first, count);
                out.rows_mut(0, last).gemm(1.0, &x.rows(0, last), &part, 1.0);
                Ok(())
            })?;
            Ok(())
        })?;
        let mut covariance = DMatrix::from_vec(d, d, upper);
        covariance.fill_lower_triangle_with_upper_triangle();
        Ok(covariance * scale)
    }

    /// Directions `dims x carried`, their variances, and the whole variance.
    fn randomized(
        &mut self,
        carried: usize,
        power_iterations: usize,
    ) -> Result<(DMatrix<f64>, nalgebra::DVector<f64>, f64), NnError> {
        let d = self.rows.dims();
        let mut rng = self.cx.rng("pca", 0);
        let mut q = DMatrix::from_fn(d, carried, |_, _| rng.normal());
        for _ in 0..=power_iterations {
            let (y, _, _) = self.apply(&q)?;
            q = orthonormal(y);
        }
        // Rayleigh and Ritz: the best directions within the subspace (algorithm 5.3).
        let (_, projected, total) = self.apply(&q)?;
        let eigen = projected.symmetric_eigen();
        Ok((q * eigen.eigenvectors, eigen.eigenvalues, total))
    }

    /// `C q`, `q^T C q` and the trace of `C`, in one pass.
    fn apply(&mut self, q: &DMatrix<f64>) -> Result<(DMatrix<f64>, DMatrix<f64>, f64), NnError> {
        let (d, l) = q.shape();
        let (cx, scale) = (self.cx, self.scale());
        let q_transposed = q.transpose();
        // Both are kept transposed: a band of columns is then a run of memory.
        let mut product = vec![0.0; l * d];
        let mut projected = DMatrix::zeros(l, l);
        let mut total = 0.0;
        self.pass(|x| {
            total += x.iter().map(|v| v * v).sum::<f64>();
            let x = as_columns(x, d);
            let transposed = x.transpose();
            let count = x.ncols();
            let mut codes = vec![0.0; l * count];
            for_each_band(&mut codes, l, BAND, cx, |first, out| {
                let n = out.len() / l;
                let mut out = DMatrixViewMut::from_slice(out, l, n);
                out.gemm(1.0, &q_transposed, &x.columns(first, n), 0.0);
                Ok(())
            })?;
            let codes = DMatrixView::from_slice(&codes, l, count);
            for_each_band(&mut product, l, 16 * BAND, cx, |first, out| {
                let n = out.len() / l;
                let mut out = DMatrixViewMut::from_slice(out, l, n);
                out.gemm(1.0, &codes, &transposed.columns(first, n), 1.0);
                Ok(())
            })?;
            projected.gemm(1.0, &codes, &codes.transpose(), 1.0);
            Ok(())
        })?;
        let product = DMatrixView::from_slice(&product, l, d).transpose();
        Ok((product * scale, projected * scale, total * scale))
    }
}

/// An orthonormal basis of the columns' span; where they are dependent, completed to full rank.
fn orthonormal(columns: DMatrix<f64>) -> DMatrix<f64> {
    // Householder works on absolute sizes: bring tiny data to where nothing underflows.
    let largest = columns.amax();
    let scaled = if largest > 0.0 { columns / largest } else { columns };
    scaled.qr().q()
}
