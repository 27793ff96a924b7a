//! Closed-form linear combinations of the patches of one group, shared by NL-Ridge and LIChI.
//!
//! A group holds `k` patches of `n` values as the rows of `Z = X + W`, with noise of energy
//! `E|w_j|^2 = d_j` in patch `j`. The combinations `x_j ~ sum_l T[j][l] z_l` of least expected
//! squared error, with coefficients that sum to one, have a closed form in a guide for `X`:
//!
//! ```text
//! s_j = d_j^(-1/2)                      scale to unit noise
//! m   = sum_j s_j^2 x_j / sum_j s_j^2   weighted mean patch of the guide
//! G   = (s_i s_j <x_i - m, x_j - m>)    Gram matrix, k x k
//! R   = I - shrink (G + ridge I)^-1 + (shrink / ridge) u u^T,    u = s / |s|
//! T[j][l] = R[j][l] s_l / s_j
//! ```
//!
//! `G u = 0`, so the last term only sets the eigenvalue of `R` along `u` to one, which is the affine
//! constraint: subtracting the mean patch turns the constrained problem (two rank-one corrections of
//! an inverse in the papers) into an unconstrained one, and keeps `f32` well conditioned, because the
//! common gray level no longer dominates the Gram matrix.
//!
//! Cost: `k^2 n / 2` for the Gram matrix, `k^3 / 2` for the inverse, `k^2 n` for the combination.

pub(crate) mod blocks;

use super::patch_groups::LANES;
use blocks::{Lanes, ROWS, eliminate, lanes, product, store, sum};

/// How much the guide is trusted: `R = I - shrink (G + ridge I)^-1`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shrinkage {
    /// Numerator, in units of the noise.
    pub shrink: f32,
    /// Added to the diagonal, in units of the noise.
    pub ridge: f32,
}

impl Shrinkage {
    /// The guide is clean (a pilot): minimizes the quadratic risk with the guide in place of `X`.
    pub const PILOT: Self = Self { shrink: 1.0, ridge: 1.0 };
    /// The guide is the noisy group itself: minimizes Stein's unbiased risk estimate.
    pub const SURE: Self = Self { shrink: 1.0, ridge: 0.0 };

    /// The guide is the noisy group itself: the risk of restoring it from a group with `alpha`
    /// times the noise added, extrapolated (`Noisier2Noise`). `alpha = 0` is SURE.
    pub const fn noisier(alpha: f32) -> Self {
        Self { shrink: 1.0 + alpha * alpha, ridge: alpha * alpha }
    }
}

/// The patches of one group and the memory to combine them, reused from group to group.
#[derive(Debug, Default)]
pub(super) struct Regression {
    /// Number of patches.
    k: usize,
    /// Values of a patch.
    n: usize,
    /// Row length of matrices with a column per patch.
    k_stride: usize,
    /// Row length of patches.
    stride: usize,
    /// The guide, a row per pixel; [`Regression::solve`] centers it.
    guide: Vec<f32>,
    /// The noisy patches, a row per patch.
    noisy: Vec<f32>,
    /// Noise energy of each patch.
    pub energy: Vec<f32>,
    /// The combined patches, a row per patch.
    restored: Vec<f32>,
    /// Sum of the squared coefficients of each combined patch: its share of the noise variance.
    pub variance: Vec<f32>,
    /// Inverse roots of the energies, 0 in the padding, and the roots, 0 in the padding.
    scale: Vec<f32>,
    unscale: Vec<f32>,
    /// The Gram matrix, then its upper Cholesky factor.
    upper: Vec<f32>,
    /// The inverse of the transposed factor, lower triangular.
    lower: Vec<f32>,
    /// The coefficients; column `j` makes patch `j`.
    theta: Vec<f32>,
}

impl Regression {
    /// Makes room for `k` patches of `n` values.
    pub fn reset(&mut self, k: usize, n: usize) {
        if (self.k, self.n) == (k, n) {
            return;
        }
        (self.k, self.n) = (k, n);
        self.k_stride = k.next_multiple_of(LANES);
        self.stride = n.next_multiple_of(LANES);
        let ks = self.k_stride;
        let resize = |values: &mut Vec<f32>, len| {
            values.clear();
            values.resize(len, 0.0);
        };
        resize(&mut self.guide, n * ks);
        for rows in [&mut self.noisy, &mut self.restored] {
            resize(rows, ks * self.stride);
        }
        for square in [&mut self.upper, &mut self.lower, &mut self.theta] {
            resize(square, ks * ks);
        }
        for row in [&mut self.energy, &mut self.variance, &mut self.scale, &mut self.unscale] {
            resize(row, ks);
        }
    }

    /// The noisy patch `j`, to be filled in.
    #[inline(always)]
    pub fn noisy_mut(&mut self, j: usize) -> &mut [f32] {
        &mut self.noisy[j * self.stride..][..self.n]
    }

    /// The noisy patch `j`.
    #[inline(always)]
    pub fn noisy(&self, j: usize) -> &[f32] {
        &self.noisy[j * self.stride..][..self.n]
    }

    /// The combined patch `j`.
    #[inline(always)]
    pub fn restored(&self, j: usize) -> &[f32] {
        &self.restored[j * self.stride..][..self.n]
    }

    /// Sets patch `j` of the guide.
    #[inline(always)]
    pub fn set_guide(&mut self, j: usize, patch: &[f32]) {
        for (row, v) in self.guide.chunks_exact_mut(self.k_stride).zip(patch) {
            row[j] = *v;
        }
    }

    /// Takes the noisy patches themselves as guide.
    pub fn guide_by_noisy(&mut self) {
        for j in 0..self.k {
            for i in 0..self.n {
                self.guide[i * self.k_stride + j] = self.noisy[j * self.stride + i];
            }
        }
    }

    /// Computes the combined patches and `variance` from guide, noisy patches and `energy` (all
    /// positive).
    pub fn solve(&mut self, how: Shrinkage) {
        restora_image::simd(
            #[inline(always)]
            || {
                self.center();
                self.gram();
                if self.coefficients(how) {
                    self.combine();
                } else {
                    self.restored.copy_from_slice(&self.noisy);
                    self.variance.fill(1.0);
                }
            },
        );
    }

    /// Takes the weighted mean patch out of the guide and scales it to unit noise.
    #[inline(always)]
    fn center(&mut self) {
        let mut total = 0.0;
        for j in 0..self.k {
            self.unscale[j] = self.energy[j].sqrt();
            self.scale[j] = 1.0 / self.unscale[j];
            total += self.scale[j] * self.scale[j];
        }
        let scale = &self.scale.as_chunks::<LANES>().0[..self.k_stride / LANES];
        for row in self.guide.chunks_exact_mut(self.k_stride) {
            let row = row.as_chunks_mut::<LANES>().0;
            let mut acc = [0.0; LANES];
            for (v, s) in row.iter_mut().zip(scale) {
                for l in 0..LANES {
                    v[l] *= s[l];
                    acc[l] += v[l] * s[l];
                }
            }
            let mean = sum(acc) / total;
            for (v, s) in row.iter_mut().zip(scale) {
                for l in 0..LANES {
                    v[l] -= mean * s[l];
                }
            }
        }
    }

    /// The Gram matrix of the centered guide: upper triangle, in whole blocks.
    #[inline(always)]
    fn gram(&mut self) {
        let ks = self.k_stride;
        for i in (0..ks).step_by(ROWS) {
            for c in (i / LANES * LANES..ks).step_by(LANES) {
                let block = product(&self.guide, ks, i, &self.guide, ks, c, 0..self.n);
                store(&mut self.upper, ks, i, c, &block);
            }
        }
    }

    /// Turns the Gram matrix into coefficients; false if it is numerically indefinite.
    #[inline(always)]
    fn coefficients(&mut self, how: Shrinkage) -> bool {
        let (k, ks) = (self.k, self.k_stride);
        let norm2: f32 = self.scale.iter().map(|s| s * s).sum();
        let trace: f32 = (0..k).map(|i| self.upper[i * ks + i]).sum();
        // Rounding of the Gram matrix moves its eigenvalues by a few 1e-8 of the trace. This much
        // ridge keeps the factorization positive; as `shrink` stays, it only moves `R` towards I.
        let ridge = how.ridge + 5e-7 * trace;
        // Lifts the eigenvalue along u (0 but for rounding) to that of the others.
        let lift = (trace / k as f32).max(1.0);
        for (i, row) in self.upper.chunks_exact_mut(ks).enumerate() {
            let s = lift / norm2 * self.scale[i];
            for (v, scale) in row.iter_mut().zip(&self.scale) {
                *v += s * scale;
            }
            row[i] += if i < k { ridge } else { 1.0 };
        }
        if !eliminate(&mut self.upper, &mut self.lower, ks) {
            return false;
        }
        let along = how.shrink / (ridge + lift) / norm2;
        self.variance.fill(0.0);
        for i in (0..ks).step_by(ROWS) {
            for c in (0..ks).step_by(LANES) {
                // (Q^-1) = V^T V
                let from = i.max(c);
                let mut block = product(&self.lower, ks, i, &self.lower, ks, c, from..ks);
                let scale: Lanes = lanes(&self.scale, c);
                let unscale: Lanes = lanes(&self.unscale, c);
                let mut variance = lanes(&self.variance, c);
                for r in 0..ROWS {
                    let s = self.scale[i + r];
                    for l in 0..LANES {
                        // R without the identity.
                        let t = along * s * scale[l] - how.shrink * block[r][l];
                        let one = if c + l == i + r { 1.0 } else { 0.0 };
                        block[r][l] = one + t * s * unscale[l];
                        variance[l] += block[r][l] * block[r][l];
                    }
                }
                self.variance[c..][..LANES].copy_from_slice(&variance);
                store(&mut self.theta, ks, i, c, &block);
            }
        }
        true
    }

    /// The combined patches.
    #[inline(always)]
    fn combine(&mut self) {
        for j in (0..self.k_stride).step_by(ROWS) {
            for c in (0..self.stride).step_by(LANES) {
                let block =
                    product(&self.theta, self.k_stride, j, &self.noisy, self.stride, c, 0..self.k);
                store(&mut self.restored, self.stride, j, c, &block);
            }
        }
    }
}

#[cfg(test)]
mod tests;
