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

/// Values that are handled together; rows are padded to a multiple of it.
pub(super) const LANES: usize = 8;
/// Rows that are eliminated together.
const PANEL: usize = 4;

type Lanes = [f32; LANES];

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
}

/// The patches of one group and the memory to combine them, reused from group to group.
#[derive(Debug, Default)]
pub(super) struct Regression {
    /// Number of patches.
    k: usize,
    /// Row length of `k x k` matrices.
    k_stride: usize,
    /// Row length of patches: values, then zeros.
    stride: usize,
    /// The guide, patch after patch; [`Regression::solve`] centers it.
    pub guide: Vec<f32>,
    /// The noisy patches.
    pub noisy: Vec<f32>,
    /// Noise energy of each patch.
    pub energy: Vec<f32>,
    /// The combined patches.
    pub restored: Vec<f32>,
    /// Sum of the squared coefficients of each combined patch: its share of the noise variance.
    pub variance: Vec<f32>,
    scale: Vec<f32>,
    mean: Vec<f32>,
    /// The Gram matrix, then its upper Cholesky factor.
    upper: Vec<f32>,
    /// The inverse of the transposed factor, lower triangular.
    lower: Vec<f32>,
    /// The coefficients; row `j` makes patch `j`.
    theta: Vec<f32>,
}

impl Regression {
    /// Makes room for `k` patches of `n` values, all zero.
    pub fn reset(&mut self, k: usize, n: usize) {
        let (k_stride, stride) = (k.next_multiple_of(LANES), n.next_multiple_of(LANES));
        if (self.k, self.k_stride, self.stride) == (k, k_stride, stride) {
            return;
        }
        (self.k, self.k_stride, self.stride) = (k, k_stride, stride);
        for rows in [&mut self.guide, &mut self.noisy, &mut self.restored] {
            rows.clear();
            rows.resize(k_stride * stride, 0.0);
        }
        for square in [&mut self.upper, &mut self.lower, &mut self.theta] {
            square.clear();
            square.resize(k_stride * k_stride, 0.0);
        }
        for row in [&mut self.energy, &mut self.scale, &mut self.variance] {
            row.clear();
            row.resize(k_stride, 0.0);
        }
        self.mean.clear();
        self.mean.resize(stride, 0.0);
    }

    /// Row length of the patches.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Computes `restored` and `variance` from `guide`, `noisy` and `energy` (all positive).
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

    /// Takes the weighted mean patch out of the guide.
    #[inline(always)]
    fn center(&mut self) {
        let (k, stride) = (self.k, self.stride);
        let mut total = 0.0;
        self.mean.fill(0.0);
        for j in 0..k {
            self.scale[j] = 1.0 / self.energy[j].sqrt();
            let w = self.scale[j] * self.scale[j];
            total += w;
            for (m, v) in self.mean.iter_mut().zip(&self.guide[j * stride..][..stride]) {
                *m += w * v;
            }
        }
        for m in &mut self.mean {
            *m /= total;
        }
        for row in self.guide[..k * stride].chunks_exact_mut(stride) {
            for (v, m) in row.iter_mut().zip(&self.mean) {
                *v -= m;
            }
        }
    }

    /// The scaled Gram matrix of the centered guide, upper triangle in whole blocks.
    #[inline(always)]
    fn gram(&mut self) {
        let (ks, stride) = (self.k_stride, self.stride);
        for i in (0..ks).step_by(4) {
            for j in (i..ks).step_by(4) {
                let mut acc = [[[0.0; LANES]; 4]; 4];
                for c in (0..stride).step_by(LANES) {
                    let a: [Lanes; 4] =
                        std::array::from_fn(|r| lanes(&self.guide, (i + r) * stride + c));
                    for q in 0..4 {
                        let b = lanes(&self.guide, (j + q) * stride + c);
                        for r in 0..4 {
                            for l in 0..LANES {
                                acc[r][q][l] += a[r][l] * b[l];
                            }
                        }
                    }
                }
                for r in 0..4 {
                    for q in 0..4 {
                        self.upper[(i + r) * ks + j + q] =
                            sum(acc[r][q]) * self.scale[i + r] * self.scale[j + q];
                    }
                }
            }
        }
    }

    /// Turns the Gram matrix into coefficients; false if it is numerically indefinite.
    #[inline(always)]
    fn coefficients(&mut self, how: Shrinkage) -> bool {
        let (k, ks) = (self.k, self.k_stride);
        let norm2: f32 = self.scale[..k].iter().map(|s| s * s).sum();
        let trace: f32 = (0..k).map(|i| self.upper[i * ks + i]).sum();
        // Rounding of the Gram matrix moves its eigenvalues by a few 1e-8 of the trace. This much
        // ridge keeps the factorization positive; as `shrink` stays, it only moves `R` towards I.
        let ridge = how.ridge + 5e-7 * trace;
        // Lifts the eigenvalue along u (0 but for rounding) to that of the others.
        let lift = (trace / k as f32).max(1.0);
        for i in 0..k {
            let s = lift / norm2 * self.scale[i];
            for j in i..k {
                self.upper[i * ks + j] += s * self.scale[j];
            }
            self.upper[i * ks + i] += ridge;
        }
        for i in k..ks {
            self.upper[i * ks + i] = 1.0;
        }
        if !self.factor() {
            return false;
        }
        self.invert();
        let along = how.shrink / (ridge + lift) / norm2;
        for j in 0..k {
            let row = &mut self.theta[j * ks..][..ks];
            let s = self.scale[j];
            for (t, sl) in row.iter_mut().zip(&self.scale) {
                // R[j][l] s_l / s_j, without the identity.
                *t = (along * s * sl - how.shrink * *t) * (sl / s);
            }
            row[j] += 1.0;
            self.variance[j] = row.iter().map(|t| t * t).sum();
        }
        true
    }

    /// Eliminates `[Q | I]` to `[U | V]` with `Q = U^T U` and `V = U^-T`, a panel of rows at a time.
    #[inline(always)]
    fn factor(&mut self) -> bool {
        let ks = self.k_stride;
        self.lower.fill(0.0);
        for j in (0..ks).step_by(PANEL) {
            for i in j..j + PANEL {
                // Row i of the panel: subtract the rows of the panel above it, then normalize.
                let (above, below) = self.upper.split_at_mut(i * ks);
                let (v_above, v_below) = self.lower.split_at_mut(i * ks);
                let (row, v_row) = (&mut below[..ks], &mut v_below[..ks]);
                v_row[i] = 1.0;
                for l in j..i {
                    let f = above[l * ks + i];
                    let from = j / LANES * LANES;
                    for (a, b) in row[from..].iter_mut().zip(&above[l * ks + from..][..ks - from]) {
                        *a -= f * b;
                    }
                    let to = (j + PANEL).next_multiple_of(LANES);
                    for (a, b) in v_row[..to].iter_mut().zip(&v_above[l * ks..][..to]) {
                        *a -= f * b;
                    }
                }
                let pivot = row[i];
                if pivot.is_nan() || pivot <= 1e-20 {
                    return false;
                }
                let inverse = 1.0 / pivot.sqrt();
                for a in row.iter_mut() {
                    *a *= inverse;
                }
                for a in v_row.iter_mut() {
                    *a *= inverse;
                }
            }
            // All rows below: subtract the panel.
            let (done, rest) = self.upper.split_at_mut((j + PANEL) * ks);
            let panel = &done[j * ks..];
            let (v_done, v_rest) = self.lower.split_at_mut((j + PANEL) * ks);
            let v_panel = &v_done[j * ks..];
            let v_end = (j + PANEL).next_multiple_of(LANES);
            for (q, (rows, v_rows)) in
                rest.chunks_exact_mut(4 * ks).zip(v_rest.chunks_exact_mut(4 * ks)).enumerate()
            {
                let i = j + PANEL + 4 * q;
                let factors: [[f32; 4]; PANEL] =
                    std::array::from_fn(|l| std::array::from_fn(|r| panel[l * ks + i + r]));
                for c in (i / LANES * LANES..ks).step_by(LANES) {
                    subtract(rows, panel, &factors, ks, c);
                }
                for c in (0..v_end).step_by(LANES) {
                    subtract(v_rows, v_panel, &factors, ks, c);
                }
            }
        }
        true
    }

    /// `theta = V^T V`, the inverse.
    #[inline(always)]
    fn invert(&mut self) {
        let ks = self.k_stride;
        for i in (0..ks).step_by(4) {
            for c in (0..ks).step_by(2 * LANES) {
                if c + 2 * LANES <= ks {
                    outer::<2>(&mut self.theta, &self.lower, ks, i, c);
                } else {
                    outer::<1>(&mut self.theta, &self.lower, ks, i, c);
                }
            }
        }
    }

    /// `restored = theta noisy`.
    #[inline(always)]
    fn combine(&mut self) {
        let (ks, stride) = (self.k_stride, self.stride);
        for j in (0..ks).step_by(4) {
            let mut c = 0;
            while c < stride {
                let n = match (stride - c) / LANES {
                    1 => 1,
                    2 | 4 => 2,
                    _ => 3,
                };
                match n {
                    1 => self.combine_block::<1>(j, c),
                    2 => self.combine_block::<2>(j, c),
                    _ => self.combine_block::<3>(j, c),
                }
                c += n * LANES;
            }
        }
    }

    #[inline(always)]
    fn combine_block<const N: usize>(&mut self, j: usize, c: usize) {
        let (k, ks, stride) = (self.k, self.k_stride, self.stride);
        let mut acc = [[[0.0; LANES]; N]; 4];
        let rows: [&[f32]; 4] = std::array::from_fn(|r| &self.theta[(j + r) * ks..][..k]);
        for l in 0..k {
            let z: [Lanes; N] =
                std::array::from_fn(|q| lanes(&self.noisy, l * stride + c + q * LANES));
            for r in 0..4 {
                let t = rows[r][l];
                for q in 0..N {
                    for i in 0..LANES {
                        acc[r][q][i] += t * z[q][i];
                    }
                }
            }
        }
        for r in 0..4 {
            for q in 0..N {
                self.restored[(j + r) * stride + c + q * LANES..][..LANES]
                    .copy_from_slice(&acc[r][q]);
            }
        }
    }
}

#[inline(always)]
fn lanes(values: &[f32], at: usize) -> Lanes {
    let mut out = [0.0; LANES];
    out.copy_from_slice(&values[at..at + LANES]);
    out
}

/// Sum in a fixed order, pairwise.
#[inline(always)]
fn sum(v: Lanes) -> f32 {
    ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
}

/// Subtracts the panel's rows, times their factors, from four rows at columns `c..c + LANES`.
#[inline(always)]
fn subtract(rows: &mut [f32], panel: &[f32], factors: &[[f32; 4]; PANEL], stride: usize, c: usize) {
    let mut acc: [Lanes; 4] = std::array::from_fn(|r| lanes(rows, r * stride + c));
    for l in 0..PANEL {
        let p = lanes(panel, l * stride + c);
        for r in 0..4 {
            for i in 0..LANES {
                acc[r][i] -= factors[l][r] * p[i];
            }
        }
    }
    for r in 0..4 {
        rows[r * stride + c..][..LANES].copy_from_slice(&acc[r]);
    }
}

/// Rows `i..i + 4`, columns `c..c + N LANES` of `V^T V` for lower triangular `V`.
#[inline(always)]
fn outer<const N: usize>(out: &mut [f32], v: &[f32], stride: usize, i: usize, c: usize) {
    let mut acc = [[[0.0; LANES]; N]; 4];
    for l in i.max(c)..stride {
        let row = &v[l * stride..][..stride];
        let b: [Lanes; N] = std::array::from_fn(|q| lanes(row, c + q * LANES));
        for r in 0..4 {
            let a = row[i + r];
            for q in 0..N {
                for x in 0..LANES {
                    acc[r][q][x] += a * b[q][x];
                }
            }
        }
    }
    for r in 0..4 {
        for q in 0..N {
            out[(i + r) * stride + c + q * LANES..][..LANES].copy_from_slice(&acc[r][q]);
        }
    }
}

#[cfg(test)]
mod tests;
