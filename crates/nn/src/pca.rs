//! Principal component analysis: the linear autoencoder that every net has to beat.
//!
//! Among all linear codes of `k` numbers it has the least mean squared error on the data it was
//! fitted to, so it stands as the baseline beside each autoencoder, at equal code size.
//!
//! ```text
//! C = sum_i (x_i - m)(x_i - m)^T / (n - 1) = V diag(l) V^T      l_1 >= l_2 >= ...
//! z = V_k^T (x - m)                                             encode
//! y = m + V_k z                                                 decode
//! ```
//!
//! Two solvers, both over [`Rows`] that are read in fixed chunks, so the data need not fit in memory:
//! - exact: the whole covariance, then its eigenvectors. Memory `d^2`, time `n d^2 + 10 d^3`.
//! - randomized: subspace iteration on the covariance, which is never formed. Memory `d (k + 10)`,
//!   time `n d (k + 10)` for each of `power_iterations + 2` passes.
//!
//! Differs from the paper: the range finder works on the covariance, `d x d`, instead of the data,
//! `n x d`, so that nothing kept grows with `n`; one pass is then a whole application of `A^T A`
//! (the paper's eq. 4.4 with a re-orthonormalization each time, algorithm 4.4), and the last pass
//! gives the projected matrix `Q^T C Q` of its algorithm 5.3. Sums are `f64`, in fixed order: the same
//! bytes for any number of threads.
//!
//! Reference: N. Halko, P. G. Martinsson, J. A. Tropp, "Finding structure with randomness:
//! probabilistic algorithms for constructing approximate matrix decompositions", SIAM Review 53(2),
//! 2011, doi:10.1137/090771806.

mod fit;
mod rows;
#[cfg(test)]
mod tests;

pub use rows::{Matrix, Rows};

use crate::{NnError, Tensor, Tensors};
use nalgebra::{DMatrixView, DMatrixViewMut};
use restora_image::{Context, for_each_band};
use serde::{Deserialize, Serialize};

/// How the components are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Solver {
    /// Exact up to 1024 dimensions or where nearly all components are asked for, else randomized.
    #[default]
    Auto,
    /// Eigenvectors of the whole covariance; at most 8192 dimensions.
    Exact,
    /// Subspace iteration from a random start.
    Randomized,
}

/// Options of [`Pca::fit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PcaOptions {
    /// How the components are found.
    pub solver: Solver,
    /// Randomized: directions carried beyond those asked for (the paper's `p`), 0 to 1000.
    pub oversample: usize,
    /// Randomized: passes that sharpen the subspace (the paper's `q`), 0 to 100.
    pub power_iterations: usize,
}

impl Default for PcaOptions {
    /// Ten directions more, as the paper advises (section 4.2), and four passes.
    fn default() -> Self {
        Self { solver: Solver::Auto, oversample: 10, power_iterations: 4 }
    }
}

/// A fitted PCA: mean and orthonormal components, sorted by falling variance.
///
/// The sign of a component is chosen so that its largest entry by magnitude is positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    mean: Vec<f32>,
    /// `[components, dims]`
    components: Vec<f32>,
    explained_variance: Vec<f32>,
    total_variance: f32,
}

impl Pca {
    /// Finds `components` directions of `rows`; at most as many as there are dimensions or rows.
    ///
    /// # Errors
    /// [`NnError::Param`] for an option out of range, [`NnError::Input`] for no rows or a value that is
    /// not finite, [`NnError::Limit`] for an exact fit beyond 8192 dimensions, the errors of
    /// [`Rows::read`], [`NnError::Cancelled`].
    pub fn fit(
        rows: &dyn Rows,
        components: usize,
        options: &PcaOptions,
        cx: &Context,
    ) -> Result<Self, NnError> {
        fit::fit(rows, components, options, cx)
    }

    /// Length of a row.
    pub fn dims(&self) -> usize {
        self.mean.len()
    }

    /// Length of a code.
    pub fn code_size(&self) -> usize {
        self.explained_variance.len()
    }

    /// The mean row.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The directions, `[code_size, dims]` row-major, each of length one.
    pub fn components(&self) -> &[f32] {
        &self.components
    }

    /// Variance along each direction (divided by `n - 1`), falling.
    pub fn explained_variance(&self) -> &[f32] {
        &self.explained_variance
    }

    /// The part of the whole variance that each direction explains, in `[0, 1]`; 0 for data that do
    /// not vary.
    pub fn explained_variance_ratio(&self) -> Vec<f32> {
        let whole = self.total_variance;
        let part = |v: &f32| if whole > 0.0 { v / whole } else { 0.0 };
        self.explained_variance.iter().map(part).collect()
    }

    /// Codes `[n, code_size]` of rows `[n, dims]`.
    ///
    /// # Errors
    /// [`NnError::Input`] where the length is not a multiple of [`Pca::dims`], [`NnError::Cancelled`].
    pub fn encode(&self, rows: &[f32], cx: &Context) -> Result<Vec<f32>, NnError> {
        let (d, k) = (self.dims(), self.code_size());
        let n = counted(rows.len(), d, "rows")?;
        let directions = DMatrixView::from_slice(&self.components, d, k).transpose();
        let mut codes = vec![0.0; n * k];
        for_each_band(&mut codes, k, BAND, cx, |first, out| {
            let count = out.len() / k;
            let mut centered = rows[first * d..][..count * d].to_vec();
            for row in centered.chunks_exact_mut(d) {
                row.iter_mut().zip(&self.mean).for_each(|(v, m)| *v -= m);
            }
            let mut out = DMatrixViewMut::from_slice(out, k, count);
            out.gemm(1.0, &directions, &DMatrixView::from_slice(&centered, d, count), 0.0);
            Ok(())
        })?;
        Ok(codes)
    }

    /// Rows `[n, dims]` of codes `[n, code_size]`.
    ///
    /// # Errors
    /// [`NnError::Input`] where the length is not a multiple of [`Pca::code_size`],
    /// [`NnError::Cancelled`].
    pub fn decode(&self, codes: &[f32], cx: &Context) -> Result<Vec<f32>, NnError> {
        let (d, k) = (self.dims(), self.code_size());
        let n = counted(codes.len(), k, "codes")?;
        let directions = DMatrixView::from_slice(&self.components, d, k);
        let mut rows = vec![0.0; n * d];
        for_each_band(&mut rows, d, BAND, cx, |first, out| {
            let count = out.len() / d;
            for row in out.chunks_exact_mut(d) {
                row.copy_from_slice(&self.mean);
            }
            let codes = DMatrixView::from_slice(&codes[first * k..][..count * k], k, count);
            DMatrixViewMut::from_slice(out, d, count).gemm(1.0, &directions, &codes, 1.0);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Mean squared error of `decode(encode(rows))`, over all values, chunk by chunk.
    ///
    /// # Errors
    /// [`NnError::Input`] for rows of another length or none, the errors of [`Rows::read`],
    /// [`NnError::Cancelled`].
    pub fn mse(&self, rows: &dyn Rows, cx: &Context) -> Result<f64, NnError> {
        let d = self.dims();
        if rows.dims() != d {
            let came = rows.dims();
            return Err(NnError::Input(format!("this PCA is of rows of {d} values, got {came}")));
        }
        let mut sum = 0.0;
        rows::for_each_chunk(rows, cx, |_, x| {
            let y = self.decode(&self.encode(x, cx)?, cx)?;
            sum += x.iter().zip(&y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>();
            Ok(())
        })?;
        if rows.is_empty() {
            return Err(NnError::Input("PCA: the error of no rows is not defined".into()));
        }
        Ok(sum / (rows.len() as f64 * d as f64))
    }

    /// As named tensors: `pca.mean [dims]`, `pca.components [code_size, dims]`,
    /// `pca.explained_variance [code_size]`, `pca.total_variance [1]`.
    pub fn to_tensors(&self) -> Tensors {
        let (d, k) = (self.dims(), self.code_size());
        let shapes = [vec![d], vec![k, d], vec![k], vec![1]];
        let data = [
            self.mean.clone(),
            self.components.clone(),
            self.explained_variance.clone(),
            vec![self.total_variance],
        ];
        let tensors = shapes.into_iter().zip(data).map(|(s, v)| Tensor::new(s, v));
        NAMES.iter().map(ToString::to_string).zip(tensors.flatten()).collect()
    }

    /// The reverse of [`Pca::to_tensors`].
    ///
    /// # Errors
    /// [`NnError::Corrupt`] for missing, extra or wrongly shaped tensors, all named, and for values
    /// that are not finite.
    pub fn from_tensors(tensors: &Tensors) -> Result<Self, NnError> {
        let missing: Vec<_> = NAMES.into_iter().filter(|n| !tensors.contains_key(*n)).collect();
        let extra: Vec<_> = tensors.keys().filter(|k| !NAMES.contains(&k.as_str())).collect();
        if !missing.is_empty() || !extra.is_empty() {
            return Err(NnError::Corrupt(format!(
                "not the tensors of a PCA: missing {missing:?}, extra {extra:?}"
            )));
        }
        let [mean, components, variance, total] = NAMES.map(|n| &tensors[n]);
        let wanted = match components.shape() {
            &[k, d] if k > 0 && k <= d => [vec![d], vec![k, d], vec![k], vec![1]],
            came => {
                return Err(NnError::Corrupt(format!(
                    "`{}` must be [code size, dims] with 1 <= code size <= dims, got {came:?}",
                    NAMES[1]
                )));
            }
        };
        let came = [mean, components, variance, total];
        for ((name, wanted), came) in NAMES.iter().zip(&wanted).zip(came) {
            if came.shape() != wanted {
                let came = came.shape();
                return Err(NnError::Corrupt(format!("`{name}` must be {wanted:?}, got {came:?}")));
            }
        }
        if let Some((name, _)) =
            tensors.iter().find(|(_, t)| t.data().iter().any(|v| !v.is_finite()))
        {
            return Err(NnError::Corrupt(format!("`{name}` holds a number that is not finite")));
        }
        Ok(Self {
            mean: mean.data().to_vec(),
            components: components.data().to_vec(),
            explained_variance: variance.data().to_vec(),
            total_variance: total.data()[0],
        })
    }
}

const NAMES: [&str; 4] =
    ["pca.mean", "pca.components", "pca.explained_variance", "pca.total_variance"];

/// Rows that one thread encodes or decodes at a time.
const BAND: usize = 64;

fn counted(len: usize, width: usize, what: &str) -> Result<usize, NnError> {
    if len.is_multiple_of(width) {
        return Ok(len / width);
    }
    Err(NnError::Input(format!("PCA: {what} are {width} values each, got {len} values in all")))
}
