//! One patch lifted to its Hankel matrix: spectrum, rank, and low-rank fit, to some pixels exactly, to
//! others in the l1 norm, to the missing ones not at all.

use crate::denoise::patch_groups::LANES;
use crate::denoise::patch_regression::blocks::{ROWS, eliminate, product, store};

/// Side of a patch in pixels.
pub(crate) const SIDE: usize = 21;
/// Side of the annihilating filters.
const FILTER: usize = 7;
/// Rows and columns of the Hankel matrix: places of the filter, and its taps.
const SHIFTS: usize = SIDE - FILTER + 1;
const PLACES: usize = SHIFTS * SHIFTS;
const TAPS: usize = FILTER * FILTER;
/// Row lengths, whole vectors.
const PLACE_STRIDE: usize = 240;
const TAP_STRIDE: usize = 64;
/// Largest rank.
const RANK: usize = LANES;
/// Weight of the fit, `mu`.
const MU: f32 = 30.0;
/// Rounds of the alternating directions.
const ROUNDS: usize = 40;
/// Rounds of subspace iteration for the spectrum.
const POWERS: usize = 5;
/// A gap: the singular value after it is less than this part of the one before ..
const GAP: f32 = 0.6;
/// .. and all of them after it less than this part of all.
const TAIL: f32 = 0.5;

/// The memory to complete patches, reused from patch to patch.
#[derive(Debug)]
pub(crate) struct Lifted {
    /// The patch around its mean.
    pub pixels: [f32; SIDE * SIDE],
    /// `H(x) + Lambda`, a row per place, and transposed.
    matrix: Vec<f32>,
    transposed: Vec<f32>,
    lambda: Vec<f32>,
    /// `U V'`.
    low: Vec<f32>,
    /// `U` (a row per place), `V` (a row per tap) and their transposes.
    u: Vec<f32>,
    v: Vec<f32>,
    ut: Vec<f32>,
    vt: Vec<f32>,
    product: Vec<f32>,
    gram: [f32; RANK * RANK],
    lower: [f32; RANK * RANK],
    inverse: [f32; RANK * RANK],
}

impl Default for Lifted {
    fn default() -> Self {
        let zeros = |n| vec![0.0; n];
        Self {
            pixels: [0.0; SIDE * SIDE],
            matrix: zeros(PLACE_STRIDE * TAP_STRIDE),
            transposed: zeros(TAP_STRIDE * PLACE_STRIDE),
            lambda: zeros(PLACE_STRIDE * TAP_STRIDE),
            low: zeros(PLACE_STRIDE * TAP_STRIDE),
            u: zeros(PLACE_STRIDE * RANK),
            v: zeros(TAP_STRIDE * RANK),
            ut: zeros(RANK * PLACE_STRIDE),
            vt: zeros(RANK * TAP_STRIDE),
            product: zeros(RANK * PLACE_STRIDE),
            gram: [0.0; RANK * RANK],
            lower: [0.0; RANK * RANK],
            inverse: [0.0; RANK * RANK],
        }
    }
}

impl Lifted {
    /// Fits the patch to `given` under a low rank, starting from what it holds, if the spectrum of that
    /// has a gap; false if not, and then the patch stays as it is. `slack` is the weight of
    /// `|x - given|` relative to that of the fit: infinite where `given` is exact, 0 where it is missing.
    #[inline(always)]
    pub fn fit(&mut self, given: &[f32; SIDE * SIDE], slack: &[f32; SIDE * SIDE]) -> bool {
        self.lambda.fill(0.0);
        self.lift();
        let Some(rank) = self.subspace() else { return false };
        // U = H V for orthonormal V: U V' is the best approximation of this rank.
        self.project_places();
        self.ut.copy_from_slice(&self.product);
        self.ut[rank * PLACE_STRIDE..].fill(0.0);
        self.vt[rank * TAP_STRIDE..].fill(0.0);
        transpose(&self.ut, PLACE_STRIDE, &mut self.u);
        transpose(&self.vt, TAP_STRIDE, &mut self.v);
        for _ in 0..ROUNDS {
            self.multiply();
            self.unlift(given, slack);
            self.update_multipliers();
            self.update_places(rank);
            self.update_taps(rank);
        }
        self.multiply();
        self.unlift(given, slack);
        true
    }

    /// `matrix = H(x) + Lambda`, both ways.
    #[inline(always)]
    fn lift(&mut self) {
        for place in 0..PLACES {
            let corner = place / SHIFTS * SIDE + place % SHIFTS;
            for t in 0..FILTER {
                let row = &self.pixels[corner + t * SIDE..][..FILTER];
                let at = place * TAP_STRIDE + t * FILTER;
                for (i, v) in row.iter().enumerate() {
                    let sum = v + self.lambda[at + i];
                    self.matrix[at + i] = sum;
                    self.transposed[(t * FILTER + i) * PLACE_STRIDE + place] = sum;
                }
            }
        }
    }

    /// An orthonormal basis of the strongest directions among the taps into `v` and `vt`, and how many
    /// of them come before the widest gap of the singular values; none if there is no gap.
    #[inline(always)]
    fn subspace(&mut self) -> Option<usize> {
        // A start that no pattern is orthogonal to: shifted cosines of all frequencies.
        for r in 0..RANK {
            for t in 0..TAPS {
                let phase = (t * (2 * r + 1) + r * r) as f32;
                self.vt[r * TAP_STRIDE + t] = (0.37 * phase).cos() + 0.01 * (t + r) as f32;
            }
        }
        for _ in 0..POWERS {
            orthonormalize(&mut self.vt);
            transpose(&self.vt, TAP_STRIDE, &mut self.v);
            self.project_places();
            self.ut.copy_from_slice(&self.product);
            transpose(&self.ut, PLACE_STRIDE, &mut self.u);
            self.project_taps();
            self.vt.copy_from_slice(&self.product[..RANK * TAP_STRIDE]);
        }
        let total: f32 =
            self.matrix[..PLACES * TAP_STRIDE].iter().map(|v| v * v).sum::<f32>().max(1e-12);
        // After H'H the lengths are squares of the singular values.
        let norms = orthonormalize(&mut self.vt);
        transpose(&self.vt, TAP_STRIDE, &mut self.v);
        let singular = norms.map(|v| v.max(0.0).sqrt());
        let mut best = None;
        let mut ratio = GAP;
        let mut energy = 0.0;
        for r in 1..RANK {
            energy += norms[r - 1];
            let here = singular[r] / singular[r - 1].max(1e-9);
            let tail = (1.0 - energy / total).max(0.0).sqrt();
            if here < ratio && tail < TAIL {
                (best, ratio) = (Some(r), here);
            }
        }
        best
    }

    /// `product = (matrix V)'`.
    #[inline(always)]
    fn project_places(&mut self) {
        for i in (0..RANK).step_by(ROWS) {
            for c in (0..PLACE_STRIDE).step_by(LANES) {
                let block = product(&self.v, RANK, i, &self.transposed, PLACE_STRIDE, c, 0..TAPS);
                store(&mut self.product, PLACE_STRIDE, i, c, &block);
            }
        }
    }

    /// `product = (matrix' U)'`.
    #[inline(always)]
    fn project_taps(&mut self) {
        for i in (0..RANK).step_by(ROWS) {
            for c in (0..TAP_STRIDE).step_by(LANES) {
                let block = product(&self.u, RANK, i, &self.matrix, TAP_STRIDE, c, 0..PLACES);
                store(&mut self.product, TAP_STRIDE, i, c, &block);
            }
        }
    }

    /// `low = U V'`.
    #[inline(always)]
    fn multiply(&mut self) {
        for i in (0..PLACES).step_by(ROWS) {
            for c in (0..TAP_STRIDE).step_by(LANES) {
                let block = product(&self.ut, PLACE_STRIDE, i, &self.vt, TAP_STRIDE, c, 0..RANK);
                store(&mut self.low, TAP_STRIDE, i, c, &block);
            }
        }
    }

    /// `m = H^+(U V' - Lambda)`, the mean of the entries that stand for a pixel, drawn towards what is
    /// given by at most the slack: `x = argmin (x - m)^2 / 2 + slack |x - given|`.
    #[inline(always)]
    fn unlift(&mut self, given: &[f32; SIDE * SIDE], slack: &[f32; SIDE * SIDE]) {
        let mut sums = [0.0; SIDE * SIDE];
        for place in 0..PLACES {
            let corner = place / SHIFTS * SIDE + place % SHIFTS;
            for t in 0..FILTER {
                let at = place * TAP_STRIDE + t * FILTER;
                let (low, lambda) = (&self.low[at..][..FILTER], &self.lambda[at..][..FILTER]);
                let row = &mut sums[corner + t * SIDE..][..FILTER];
                for i in 0..FILTER {
                    row[i] += low[i] - lambda[i];
                }
            }
        }
        let times = |i: usize| FILTER.min(i + 1).min(SIDE - i);
        for i in 0..SIDE * SIDE {
            let count = (times(i / SIDE) * times(i % SIDE)) as f32;
            let mean = sums[i] / count;
            self.pixels[i] = given[i].max(mean - slack[i]).min(mean + slack[i]);
        }
    }

    /// `Lambda += H(x) - U V'`, and the matrix anew.
    #[inline(always)]
    fn update_multipliers(&mut self) {
        for place in 0..PLACES {
            let corner = place / SHIFTS * SIDE + place % SHIFTS;
            for t in 0..FILTER {
                let at = place * TAP_STRIDE + t * FILTER;
                let row = &self.pixels[corner + t * SIDE..][..FILTER];
                for i in 0..FILTER {
                    self.lambda[at + i] += row[i] - self.low[at + i];
                }
            }
        }
        self.lift();
    }

    /// `U = matrix V (I / mu + V'V)^-1`.
    #[inline(always)]
    fn update_places(&mut self, rank: usize) {
        invert_gram(&self.v, TAPS, rank, &mut self.gram, &mut self.lower, &mut self.inverse);
        self.project_places();
        for i in (0..RANK).step_by(ROWS) {
            for c in (0..PLACE_STRIDE).step_by(LANES) {
                let block =
                    product(&self.inverse, RANK, i, &self.product, PLACE_STRIDE, c, 0..RANK);
                store(&mut self.ut, PLACE_STRIDE, i, c, &block);
            }
        }
        transpose(&self.ut, PLACE_STRIDE, &mut self.u);
    }

    /// `V = matrix' U (I / mu + U'U)^-1`.
    #[inline(always)]
    fn update_taps(&mut self, rank: usize) {
        invert_gram(&self.u, PLACES, rank, &mut self.gram, &mut self.lower, &mut self.inverse);
        self.project_taps();
        for i in (0..RANK).step_by(ROWS) {
            for c in (0..TAP_STRIDE).step_by(LANES) {
                let block = product(&self.inverse, RANK, i, &self.product, TAP_STRIDE, c, 0..RANK);
                store(&mut self.vt, TAP_STRIDE, i, c, &block);
            }
        }
        transpose(&self.vt, TAP_STRIDE, &mut self.v);
    }
}

/// `inverse = (I / mu + A'A)^-1` for the first `rank` columns of `rows` rows, 0 beyond them.
#[inline(always)]
fn invert_gram(
    a: &[f32],
    rows: usize,
    rank: usize,
    gram: &mut [f32; RANK * RANK],
    lower: &mut [f32; RANK * RANK],
    inverse: &mut [f32; RANK * RANK],
) {
    for i in (0..RANK).step_by(ROWS) {
        let block = product(a, RANK, i, a, RANK, 0, 0..rows);
        store(gram, RANK, i, 0, &block);
    }
    for i in 0..RANK {
        gram[i * (RANK + 1)] += if i < rank { 1.0 / MU } else { 1.0 };
    }
    inverse.fill(0.0);
    if eliminate(gram, lower, RANK) {
        for i in (0..RANK).step_by(ROWS) {
            let block = product(&*lower, RANK, i, &*lower, RANK, 0, i..RANK);
            store(inverse, RANK, i, 0, &block);
        }
    }
}

/// A row per rank to a column per rank.
#[inline(always)]
fn transpose(rows: &[f32], stride: usize, columns: &mut [f32]) {
    for (r, row) in rows.chunks_exact(stride).enumerate() {
        for (i, v) in row.iter().enumerate() {
            columns[i * RANK + r] = *v;
        }
    }
}

/// Makes the rows orthonormal (Gram and Schmidt, twice, the longest first); returns their lengths
/// before, each without what lies in the rows before it.
#[inline(always)]
fn orthonormalize(rows: &mut [f32]) -> [f32; RANK] {
    let mut lengths = [0.0; RANK];
    let mut order: [(f32, usize); RANK] = std::array::from_fn(|r| {
        (-rows[r * TAP_STRIDE..][..TAP_STRIDE].iter().map(|v| v * v).sum::<f32>(), r)
    });
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let old = rows.to_vec();
    for (r, (_, from)) in order.into_iter().enumerate() {
        let (done, rest) = rows.split_at_mut(r * TAP_STRIDE);
        let row = &mut rest[..TAP_STRIDE];
        row.copy_from_slice(&old[from * TAP_STRIDE..][..TAP_STRIDE]);
        for pass in 0..2 {
            for other in done.chunks_exact(TAP_STRIDE) {
                let along: f32 = other.iter().zip(&*row).map(|(a, b)| a * b).sum();
                for (v, o) in row.iter_mut().zip(other) {
                    *v -= along * o;
                }
            }
            let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            if pass == 0 {
                lengths[r] = length;
            }
            let scale = 1.0 / length.max(1e-20);
            for v in row.iter_mut() {
                *v *= scale;
            }
        }
    }
    lengths
}
