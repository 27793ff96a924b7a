//! Collaborative filtering: shrinks a group of similar blocks in its three-dimensional spectrum.

use super::transforms::{
    AREA, SIDE, Transform, autocorrelations, haar_forward, haar_gain, haar_inverse, over_rows,
    rotate_left, rotate_right, zip,
};
use restora_image::PlaneRef;

/// Blocks in a group at most, over both stages.
pub(super) const MAX_GROUP: usize = 32;
const LANES: usize = 16;
type Vector = [f32; LANES];

/// Per group size (a power of 2) and coefficient, in the order `[v][u][slot]` in which
/// [`analyze`] leaves the spectrum.
pub(super) struct Tables {
    /// Per lag `[dy][dx]` of `0..8`: covariance of the noise in each coefficient `[v][u]` of two
    /// blocks at that distance.
    correlation: Vec<[f32; AREA]>,
    /// Per group size, what makes the unscaled inverse transform the inverse.
    gain: Vec<Vec<f32>>,
    /// Per group size, what turns the noise of a coefficient into that of an orthonormal transform's,
    /// in units of the white noise.
    unit: Vec<Vec<f32>>,
}

impl Tables {
    /// Tables of transform `T` for white noise of variance `variance`.
    pub(super) fn new<T: Transform>(variance: f64, max_group: usize) -> Self {
        let lags = autocorrelations::<T>();
        let correlation = (0..AREA)
            .map(|lag| {
                let (dy, dx) = (lag / SIDE, lag % SIDE);
                // The rows of the spectrum are the horizontal frequencies, see `analyze`.
                std::array::from_fn(|i| (variance * lags[dx][i / SIDE] * lags[dy][i % SIDE]) as f32)
            })
            .collect();
        // 1 / number of blocks, and 1 / squared length of the basis function if asked for.
        let table = |n: usize, lengths: bool, scale: f64| {
            let mut values = Vec::with_capacity(n * AREA);
            for v in lags[0] {
                for u in lags[0] {
                    let scale = if lengths { scale / (u * v) } else { scale };
                    values.extend((0..n).map(|slot| (scale / haar_gain(slot, n) as f64) as f32));
                }
            }
            values
        };
        let sizes = || (0..=max_group.ilog2()).map(|log| 1 << log);
        let gain = sizes().map(|n| table(n, T::TRANSPOSED, 1.0)).collect();
        let unit = sizes().map(|n| table(n, true, 1.0 / variance)).collect();
        Self { correlation, gain, unit }
    }

    /// Variance of the noise in each coefficient of the group (`[v][u][slot]`, in `space.noise`),
    /// with that of overlapping blocks correlated as it is (Mäkinen, Azzari, Foi 2020, section III).
    #[inline(always)]
    pub(super) fn noise(&self, blocks: &[(usize, usize)], space: &mut Workspace) {
        let n = blocks.len();
        let (a, b) = (space.a.as_chunks_mut::<AREA>().0, &mut space.noise);
        // Variances of the sums of 1, 2, 4 .. neighbors in the group.
        let mut sums = [self.correlation[0]; MAX_GROUP];
        let mut size = 2;
        while size <= n {
            for (k, group) in blocks.chunks_exact(size).enumerate() {
                let mut cross = [0.0_f32; AREA];
                let (left, right) = group.split_at(size / 2);
                for p in left {
                    for q in right {
                        let (dx, dy) = (p.0.abs_diff(q.0), p.1.abs_diff(q.1));
                        if dx < SIDE && dy < SIDE {
                            let lag = &self.correlation[dy * SIDE + dx];
                            for (c, lag) in cross.iter_mut().zip(lag) {
                                *c += lag;
                            }
                        }
                    }
                }
                let count = n / size;
                let difference = &mut a[count + slot_of(k, count)];
                for i in 0..AREA {
                    let sum = sums[2 * k][i] + sums[2 * k + 1][i];
                    difference[i] = (sum - 2.0 * cross[i]).max(0.0);
                    sums[k][i] = sum + 2.0 * cross[i];
                }
            }
            size *= 2;
        }
        // The mean of the group stays, however dark the image.
        a[0] = sums[0];
        space.mean_noise = std::mem::take(&mut a[0][0]);
        // From [slot][v][u] to [v][u][slot].
        let (mut from, mut to) = (&mut space.a[..n * AREA], &mut b[..n * AREA]);
        for _ in 0..n.ilog2() {
            zip(from, to);
            std::mem::swap(&mut from, &mut to);
        }
        if n.ilog2().is_multiple_of(2) {
            to.copy_from_slice(from);
        }
    }

    /// Gains and units for groups of `n`.
    #[inline(always)]
    fn of(&self, n: usize) -> (&[Vector], &[Vector]) {
        let log = n.ilog2() as usize;
        (self.gain[log].as_chunks().0, self.unit[log].as_chunks().0)
    }
}

/// Space for one group in the making.
pub(super) struct Workspace {
    a: Box<[f32; MAX_GROUP * AREA]>,
    b: Box<[f32; MAX_GROUP * AREA]>,
    c: Box<[f32; MAX_GROUP * AREA]>,
    pub noise: Box<[f32; MAX_GROUP * AREA]>,
    /// Variance of the sum of all pixels, which is 0 in `noise`: it is never shrunk.
    pub mean_noise: f32,
}

impl Default for Workspace {
    fn default() -> Self {
        let zeros = || Box::new([0.0; MAX_GROUP * AREA]);
        Self { a: zeros(), b: zeros(), c: zeros(), noise: zeros(), mean_noise: 0.0 }
    }
}

/// Place of block number `j` in a group of `n`: its bits reversed, see [`haar_forward`].
#[inline(always)]
pub(super) fn slot_of(j: usize, n: usize) -> usize {
    if n == 1 { 0 } else { j.reverse_bits() >> (usize::BITS - n.ilog2()) }
}

/// Copies blocks to `[row][slot][column]`.
#[inline(always)]
pub(super) fn gather(plane: PlaneRef<'_>, blocks: &[(usize, usize)], out: &mut [f32]) {
    let n = blocks.len();
    for (j, &(x, y)) in blocks.iter().enumerate() {
        let slot = slot_of(j, n) * SIDE;
        for r in 0..SIDE {
            let target = &mut out[r * n * SIDE + slot..][..SIDE];
            target.copy_from_slice(&plane.row(y + r)[x..][..SIDE]);
        }
    }
}

/// Blocks in `a` to spectrum in `b`.
#[inline(always)]
pub(super) fn analyze<T: Transform>(a: &mut [f32], b: &mut [f32], n: usize) {
    haar_forward(a, n);
    over_rows(a, T::forward);
    rotate_right(a, b);
    over_rows(b, T::forward);
}

/// Spectrum in `b` to blocks in `a`.
#[inline(always)]
fn synthesize<T: Transform>(b: &mut [f32], a: &mut [f32], n: usize) {
    over_rows(b, T::inverse);
    rotate_left(b, a);
    over_rows(a, T::inverse);
    haar_inverse(a, n);
}

/// A filtered group.
pub(super) struct Estimates<'w> {
    /// How much it counts.
    pub weight: f32,
    /// Pixels as `[row][slot][column]`.
    pub values: &'w [f32],
}

/// The hard-thresholding step (eqs. 4 to 6, 10 of Dabov et al. 2007): filters the group. Needs [`Tables::noise`] of the group.
#[inline(always)]
pub(super) fn hard_threshold<'w, T: Transform>(
    noisy: PlaneRef<'_>,
    blocks: &[(usize, usize)],
    tables: &Tables,
    space: &'w mut Workspace,
) -> Estimates<'w> {
    let n = blocks.len();
    let (a, b) = (&mut space.a[..n * AREA], &mut space.b[..n * AREA]);
    gather(noisy, blocks, a);
    analyze::<T>(a, b, n);
    let (gain, unit) = tables.of(n);
    let noise = space.noise[..n * AREA].as_chunks::<LANES>().0;
    let mut kept: Vector = [0.0; LANES];
    kept[0] = space.mean_noise * unit[0][0];
    let spectrum = b.as_chunks_mut::<LANES>().0.iter_mut();
    for (((c, noise), gain), unit) in spectrum.zip(noise).zip(gain).zip(unit) {
        for i in 0..LANES {
            let keep = c[i] * c[i] > noise[i];
            kept[i] += if keep { noise[i] * unit[i] } else { 0.0 };
            c[i] = if keep { c[i] * gain[i] } else { 0.0 };
        }
    }
    synthesize::<T>(b, a, n);
    Estimates { weight: weight(&kept), values: a }
}

/// The Wiener step (eqs. 8, 9, 11): as [`hard_threshold`], shrinking by the spectrum of `pilot`.
#[inline(always)]
pub(super) fn wiener<'w, T: Transform>(
    noisy: PlaneRef<'_>,
    pilot: PlaneRef<'_>,
    blocks: &[(usize, usize)],
    tables: &Tables,
    space: &'w mut Workspace,
) -> Estimates<'w> {
    let n = blocks.len();
    let (a, b) = (&mut space.a[..n * AREA], &mut space.b[..n * AREA]);
    let p = &mut space.c[..n * AREA];
    gather(pilot, blocks, a);
    analyze::<T>(a, p, n);
    gather(noisy, blocks, a);
    analyze::<T>(a, b, n);
    let (gain, unit) = tables.of(n);
    let noise = space.noise[..n * AREA].as_chunks::<LANES>().0;
    let mut kept: Vector = [0.0; LANES];
    kept[0] = space.mean_noise * unit[0][0];
    let spectra = b.as_chunks_mut::<LANES>().0.iter_mut().zip(p.as_chunks::<LANES>().0);
    for ((((c, p), noise), gain), unit) in spectra.zip(noise).zip(gain).zip(unit) {
        for i in 0..LANES {
            let signal = p[i] * p[i];
            // A variance is 0 only for the difference of a block with itself.
            let factor = signal / (signal + noise[i]).max(f32::MIN_POSITIVE);
            kept[i] += factor * factor * noise[i] * unit[i];
            c[i] *= factor * gain[i];
        }
    }
    synthesize::<T>(b, a, n);
    Estimates { weight: weight(&kept), values: a }
}

/// One over the variance that the shrinkage let through, in units of the noise; a group of which next
/// to nothing was kept must not outweigh all others.
#[inline(always)]
fn weight(kept: &Vector) -> f32 {
    let kept: f32 = kept.iter().sum();
    1.0 / kept.max(1.0)
}
