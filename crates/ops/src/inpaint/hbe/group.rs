//! One group of similar patches: its Gaussian model, and the missing pixels expected under it.

use crate::denoise::patch_groups::LANES;
use crate::denoise::patch_regression::blocks::{Lanes, ROWS, eliminate, product, store};

/// Side of a patch in pixels.
pub(super) const PATCH: usize = 7;
/// Row length of matrices with a row and a column per pixel: a power of two, so that masked indices
/// need no check and become vector gathers, and beyond 49 pixels room for [`NONE`].
const STRIDE: usize = 64;
const SQUARE: usize = STRIDE * STRIDE;
/// Index of a pixel that is in no patch: its row and column are zero.
const NONE: u32 = STRIDE as u32 - 1;

/// The patches of a group and the memory to complete them, reused from group to group.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Number of patches, and rounded up.
    k: usize,
    columns: usize,
    /// Pixels of a patch, at most `PATCH * PATCH`.
    n: usize,
    /// The patches, a row each; centered by [`Group::complete`], which adds the mean again.
    patches: Vec<f32>,
    /// 1 where a pixel of a patch is missing, 0 elsewhere.
    missing: Vec<f32>,
    batches: Vec<Batch>,
    /// Is more known than missing?
    by_precision: bool,
    mean: Vec<f32>,
    /// `C = S + sigma^2 I`, or its inverse if that is solved with.
    matrix: Vec<f32>,
    upper: Vec<f32>,
    lower: Vec<f32>,
    /// A row per pixel and a column per patch: the known values or the solutions, and a product with them.
    sparse: Vec<f32>,
    dense: Vec<f32>,
    system: Vec<Lanes>,
    rhs: Vec<Lanes>,
}

/// Patches that are completed together, one per lane.
#[derive(Debug, Default)]
struct Batch {
    /// Unknowns of each lane, [`NONE`] beyond the last.
    unknowns: Vec<[u32; LANES]>,
}

impl Group {
    /// Makes room for `k` patches of `n` values.
    pub fn reset(&mut self, k: usize, n: usize) {
        if (self.k, self.n) == (k, n) {
            return;
        }
        (self.k, self.n, self.columns) = (k, n, k.next_multiple_of(LANES));
        let resize = |values: &mut Vec<f32>, len| {
            values.clear();
            values.resize(len, 0.0);
        };
        for rows in [&mut self.patches, &mut self.missing, &mut self.sparse, &mut self.dense] {
            resize(rows, self.columns * STRIDE);
        }
        for square in [&mut self.matrix, &mut self.upper, &mut self.lower] {
            resize(square, SQUARE);
        }
        resize(&mut self.mean, STRIDE);
        self.batches.resize_with(self.columns / LANES, Batch::default);
        self.system.resize(n * (n + 1) / 2, [0.0; LANES]);
        self.rhs.resize(n, [0.0; LANES]);
    }

    /// The estimate of patch `j`, to be filled in; [`Group::complete`] replaces what is missing of it.
    #[inline(always)]
    pub fn patch_mut(&mut self, j: usize) -> &mut [f32] {
        &mut self.patches[j * STRIDE..][..self.n]
    }

    /// Patch `j`.
    #[inline(always)]
    pub fn patch(&self, j: usize) -> &[f32] {
        &self.patches[j * STRIDE..][..self.n]
    }

    /// What is missing of patch `j` (1 or 0), to be filled in before [`Group::index`].
    #[inline(always)]
    pub fn missing_mut(&mut self, j: usize) -> &mut [f32] {
        &mut self.missing[j * STRIDE..][..self.n]
    }

    /// Takes note of what is missing; false if nothing is.
    #[inline(always)]
    pub fn index(&mut self) -> bool {
        let count: f32 = self.missing[..self.k * STRIDE].iter().sum();
        // Few unknowns: missing pixels through the precision; many: known ones through the covariance.
        self.by_precision = 2.0 * count <= (self.k * self.n) as f32;
        let unknown = if self.by_precision { 1.0 } else { 0.0 };
        for (batch, first) in self.batches.iter_mut().zip((0..self.k).step_by(LANES)) {
            batch.unknowns.clear();
            batch.unknowns.resize(self.n + 1, [NONE; LANES]);
            let mut size = 0;
            for l in 0..LANES.min(self.k - first) {
                let mut count = 0;
                for (i, m) in self.missing[(first + l) * STRIDE..][..self.n].iter().enumerate() {
                    batch.unknowns[count][l] = i as u32;
                    count += usize::from(*m == unknown);
                }
                batch.unknowns[count][l] = NONE;
                size = size.max(count);
            }
            batch.unknowns.truncate(size);
        }
        count > 0.0
    }

    /// Replaces the missing pixels of all patches by what the Gaussian model of the group expects
    /// given the known ones. Leaves them as they are if the model is numerically no covariance.
    #[inline(always)]
    pub fn complete(&mut self, sigma: f32) {
        self.center();
        self.covariance(sigma * sigma);
        if self.by_precision {
            if self.invert() {
                self.solve_for_missing();
            }
        } else {
            self.solve_for_known();
        }
        for row in self.patches[..self.k * STRIDE].as_chunks_mut::<STRIDE>().0 {
            for (v, m) in row.iter_mut().zip(&self.mean) {
                *v += m;
            }
        }
    }

    #[inline(always)]
    fn center(&mut self) {
        let patches = self.patches[..self.k * STRIDE].as_chunks_mut::<STRIDE>().0;
        let mut mean = [0.0; STRIDE];
        for row in &*patches {
            for (m, v) in mean.iter_mut().zip(row) {
                *m += v;
            }
        }
        let scale = 1.0 / self.k as f32;
        for m in &mut mean {
            *m *= scale;
        }
        for row in patches {
            for (v, m) in row.iter_mut().zip(&mean) {
                *v -= m;
            }
        }
        self.mean.copy_from_slice(&mean);
    }

    #[inline(always)]
    fn covariance(&mut self, variance: f32) {
        let scale = 1.0 / self.k as f32;
        for i in (0..STRIDE).step_by(ROWS) {
            for c in (0..STRIDE).step_by(LANES) {
                let mut block =
                    product(&self.patches, STRIDE, i, &self.patches, STRIDE, c, 0..self.k);
                block.as_flattened_mut().iter_mut().for_each(|v| *v *= scale);
                store(&mut self.matrix, STRIDE, i, c, &block);
            }
        }
        for i in 0..self.n {
            self.matrix[i * (STRIDE + 1)] += variance;
        }
    }

    /// The inverse in place of the covariance.
    #[inline(always)]
    fn invert(&mut self) -> bool {
        self.upper.copy_from_slice(&self.matrix);
        for i in self.n..STRIDE {
            self.upper[i * (STRIDE + 1)] = 1.0;
        }
        if !eliminate(&mut self.upper, &mut self.lower, STRIDE) {
            return false;
        }
        for i in (0..STRIDE).step_by(ROWS) {
            for c in (0..STRIDE).step_by(LANES) {
                let block =
                    product(&self.lower, STRIDE, i, &self.lower, STRIDE, c, i.max(c)..STRIDE);
                store(&mut self.matrix, STRIDE, i, c, &block);
            }
        }
        for i in self.n..STRIDE {
            self.matrix[i * (STRIDE + 1)] = 0.0;
        }
        true
    }

    /// `Q_mm z = -Q_mk x_k`, `x_m = z`.
    #[inline(always)]
    fn solve_for_missing(&mut self) {
        for j in 0..self.k {
            for i in 0..self.n {
                let at = j * STRIDE + i;
                self.sparse[i * self.columns + j] = self.patches[at] * (self.missing[at] - 1.0);
            }
        }
        self.multiply();
        for b in 0..self.batches.len() {
            let size = self.load(b);
            for a in 0..size {
                for l in 0..LANES {
                    let i = (self.batches[b].unknowns[a][l] & NONE) as usize;
                    self.rhs[a][l] = self.dense[i * self.columns + b * LANES + l];
                }
            }
            solve(&mut self.system, &mut self.rhs[..size]);
            for (unknown, z) in self.batches[b].unknowns.iter().zip(&self.rhs) {
                for l in 0..LANES {
                    // What is missing of no patch goes to a column that is not used.
                    self.patches[(b * LANES + l) * STRIDE + (unknown[l] & NONE) as usize] = z[l];
                }
            }
        }
    }

    /// `C_kk z = x_k`, `x_m = C_mk z`.
    #[inline(always)]
    fn solve_for_known(&mut self) {
        self.sparse.fill(0.0);
        for b in 0..self.batches.len() {
            let size = self.load(b);
            for a in 0..size {
                for l in 0..LANES {
                    let i = (self.batches[b].unknowns[a][l] & NONE) as usize;
                    self.rhs[a][l] = self.patches[(b * LANES + l) * STRIDE + i];
                }
            }
            solve(&mut self.system, &mut self.rhs[..size]);
            for (unknown, z) in self.batches[b].unknowns.iter().zip(&self.rhs) {
                for l in 0..LANES {
                    let i = (unknown[l] & NONE) as usize;
                    self.sparse[i * self.columns + b * LANES + l] = z[l];
                }
            }
        }
        self.multiply();
        for j in 0..self.k {
            for i in 0..self.n {
                let at = j * STRIDE + i;
                let expected = self.dense[i * self.columns + j];
                self.patches[at] += self.missing[at] * (expected - self.patches[at]);
            }
        }
    }

    /// `dense = matrix * sparse`.
    #[inline(always)]
    fn multiply(&mut self) {
        let columns = self.columns;
        for i in (0..self.n).step_by(ROWS) {
            for c in (0..columns).step_by(LANES) {
                let block = product(&self.matrix, STRIDE, i, &self.sparse, columns, c, 0..self.n);
                store(&mut self.dense, columns, i, c, &block);
            }
        }
    }

    /// The systems of a batch: lower triangles by rows of the matrix at the unknowns; returns their size.
    #[inline(always)]
    fn load(&mut self, batch: usize) -> usize {
        let unknowns = &self.batches[batch].unknowns;
        let matrix: &[f32; SQUARE] = self.matrix.first_chunk().expect("a square");
        let mut entries = self.system.iter_mut();
        for (a, row) in unknowns.iter().enumerate() {
            let from = row.map(|i| i * STRIDE as u32);
            for (column, entry) in unknowns[..a].iter().zip(&mut entries) {
                *entry = gathered(matrix, from, *column);
            }
            if let Some(diagonal) = entries.next() {
                *diagonal = gathered(matrix, from, *row);
                for l in 0..LANES {
                    diagonal[l] = if row[l] == NONE { 1.0 } else { diagonal[l] };
                }
            }
        }
        unknowns.len()
    }
}

/// Solves a system per lane by Cholesky: `system` is the lower triangle by rows, `rhs` becomes the
/// solution.
#[inline(always)]
fn solve(system: &mut [Lanes], rhs: &mut [Lanes]) {
    let n = rhs.len();
    let row = |i: usize| i * (i + 1) / 2;
    for i in 0..n {
        // L_ij = (A_ij - sum_k<j L_ik L_jk) / L_jj, with inverse diagonals kept; sums by columns, so that
        // no operation waits for the one before.
        let (done, rest) = system.split_at_mut(row(i));
        let line = &mut rest[..=i];
        let mut z = rhs[i];
        for j in 0..i {
            let factor = times(line[j], done[row(j) + j]);
            line[j] = factor;
            z = minus_product(z, factor, rhs[j]);
            for (k, entry) in line[..i].iter_mut().enumerate().skip(j + 1) {
                *entry = minus_product(*entry, factor, done[row(k) + j]);
            }
            line[i] = minus_product(line[i], factor, factor);
        }
        let mut inverse = line[i];
        for v in &mut inverse {
            *v = 1.0 / v.max(1e-12).sqrt();
        }
        line[i] = inverse;
        rhs[i] = times(z, inverse);
    }
    for i in (0..n).rev() {
        let line = &system[row(i)..][..=i];
        let z = times(rhs[i], line[i]);
        rhs[i] = z;
        for (r, factor) in rhs[..i].iter_mut().zip(line) {
            *r = minus_product(*r, *factor, z);
        }
    }
}

/// `matrix[from + column]` per lane.
#[inline(always)]
fn gathered(matrix: &[f32; SQUARE], from: [u32; LANES], column: [u32; LANES]) -> Lanes {
    let mut out = [0.0; LANES];
    for l in 0..LANES {
        out[l] = matrix[(from[l] + column[l]) as usize % SQUARE];
    }
    out
}

#[inline(always)]
fn times(a: Lanes, b: Lanes) -> Lanes {
    let mut out = a;
    for l in 0..LANES {
        out[l] *= b[l];
    }
    out
}

#[inline(always)]
fn minus_product(acc: Lanes, a: Lanes, b: Lanes) -> Lanes {
    let mut out = acc;
    for l in 0..LANES {
        out[l] -= a[l] * b[l];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    /// Gaussian conditional expectation by the textbook, in `f64`.
    fn oracle(patches: &[Vec<f64>], missing: &[Vec<bool>], sigma: f64) -> Vec<Vec<f64>> {
        let (k, n) = (patches.len(), patches[0].len());
        let mean: Vec<f64> =
            (0..n).map(|i| patches.iter().map(|p| p[i]).sum::<f64>() / k as f64).collect();
        let cov = |i: usize, j: usize| {
            let sum: f64 = patches.iter().map(|p| (p[i] - mean[i]) * (p[j] - mean[j])).sum();
            sum / k as f64 + if i == j { sigma * sigma } else { 0.0 }
        };
        let complete = |p: &Vec<f64>, m: &Vec<bool>| {
            let known: Vec<usize> = (0..n).filter(|i| !m[*i]).collect();
            let mut system: Vec<Vec<f64>> = known
                .iter()
                .map(|&i| {
                    let mut row: Vec<f64> = known.iter().map(|&j| cov(i, j)).collect();
                    row.push(p[i] - mean[i]);
                    row
                })
                .collect();
            for i in 0..known.len() {
                for r in 0..known.len() {
                    if r != i {
                        let f = system[r][i] / system[i][i];
                        for c in i..=known.len() {
                            system[r][c] -= f * system[i][c];
                        }
                    }
                }
            }
            (0..n)
                .map(|i| {
                    let z = |a: usize| system[a][known.len()] / system[a][a];
                    let fit = known.iter().enumerate().map(|(a, &j)| cov(i, j) * z(a));
                    if m[i] { mean[i] + fit.sum::<f64>() } else { p[i] }
                })
                .collect()
        };
        patches.iter().zip(missing).map(|(p, m)| complete(p, m)).collect()
    }

    #[test]
    fn missing_pixels_are_the_conditional_expectation_of_the_group() {
        let mut rng = Rng::new(4, "group", 0);
        for (k, n, share) in
            [(1, 4, 0.3), (5, 49, 0.1), (20, 49, 0.5), (40, 49, 0.8), (37, 12, 1.0)]
        {
            let base: Vec<f64> = (0..n).map(|_| rng.uniform()).collect();
            let patches: Vec<Vec<f64>> = (0..k)
                .map(|_| {
                    let gain = rng.uniform();
                    base.iter().map(|v| gain * v + 0.1 * rng.uniform()).collect()
                })
                .collect();
            let missing: Vec<Vec<bool>> =
                (0..k).map(|_| (0..n).map(|_| rng.uniform() < share).collect()).collect();
            let mut group = Group::default();
            group.reset(k, n);
            for j in 0..k {
                for i in 0..n {
                    group.patch_mut(j)[i] = patches[j][i] as f32;
                    group.missing_mut(j)[i] = f32::from(u8::from(missing[j][i]));
                }
            }
            assert_eq!(group.index(), missing.iter().flatten().any(|m| *m));
            group.complete(0.05);
            for (j, want) in oracle(&patches, &missing, 0.05).iter().enumerate() {
                for (got, want) in group.patch(j).iter().zip(want) {
                    assert!((f64::from(*got) - want).abs() < 1e-3, "{k} {n}: {got} {want}");
                }
            }
        }
    }
}
