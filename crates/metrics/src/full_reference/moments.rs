//! Means, variances and covariance of a pair under a sliding window that lies inside the image.
//!
//! Five maps (`x`, `y`, `x^2`, `y^2`, `x y`) are filtered across and then down, in `f64`, in strips
//! whose rows under the window stay in the first-level cache.

use super::maps::Map;
use restora_image::{Context, OpError, map_bands, simd};

/// Output columns per strip.
pub(super) const STRIP: usize = 32;
/// Output rows per band: fixed, so that sums are the same bytes for any number of threads.
const BAND: usize = 128;
/// Room for a strip and the margin of the widest window.
const WIDE: usize = STRIP + 16;

/// `N` Gaussian taps that sum to 1.
pub(super) fn gaussian_taps<const N: usize>(sigma: f64) -> [f64; N] {
    let middle = (N as f64 - 1.0) / 2.0;
    let tap = |i: usize| (-(i as f64 - middle).powi(2) / (2.0 * sigma * sigma)).exp();
    let sum: f64 = (0..N).map(tap).sum();
    std::array::from_fn(|i| tap(i) / sum)
}

/// What a row of windows holds, for [`STRIP`] windows side by side.
pub(super) struct Row {
    pub mean_x: [f64; STRIP],
    pub mean_y: [f64; STRIP],
    pub var_x: [f64; STRIP],
    pub var_y: [f64; STRIP],
    pub covariance: [f64; STRIP],
}

/// Sums of a function of the windows.
pub(super) trait Tally: Send {
    /// Takes the first `count` windows of a row.
    fn add(&mut self, row: &Row, count: usize);
    /// After the rows of a strip.
    fn end_strip(&mut self) {}
    /// Takes what another band has summed.
    fn join(&mut self, other: Self);
}

/// The five maps of one row.
type Maps = [[f64; STRIP]; 5];

/// All windows inside two planes of one size, at least as large as the window.
pub(super) fn windows<const N: usize, T: Tally>(
    x: &Map,
    y: &Map,
    taps: &[f64; N],
    empty: impl Fn() -> T + Sync,
    cx: &Context,
) -> Result<T, OpError> {
    let (columns, rows) = (x.width + 1 - N, x.height + 1 - N);
    let bands = map_bands(rows, BAND, cx, |band| {
        let mut tally = empty();
        for x0 in (0..columns).step_by(STRIP) {
            simd(
                #[inline(always)]
                || strip(x, y, x0, columns, band.clone(), taps, &mut tally),
            );
        }
        Ok(tally)
    })?;
    let mut all = empty();
    for band in bands {
        all.join(band);
    }
    Ok(all)
}

#[inline(always)]
fn strip<const N: usize, T: Tally>(
    x: &Map,
    y: &Map,
    x0: usize,
    columns: usize,
    band: std::ops::Range<usize>,
    taps: &[f64; N],
    tally: &mut T,
) {
    let mut ring: [Maps; N] = [[[0.0; STRIP]; 5]; N];
    let mut wide = [[0.0; WIDE]; 5];
    let count = (columns - x0).min(STRIP);
    let width = count + N - 1;
    for row in band.start..band.end + N - 1 {
        wide[0][..width].copy_from_slice(&x.row(row)[x0..][..width]);
        wide[1][..width].copy_from_slice(&y.row(row)[x0..][..width]);
        let [a, b, aa, bb, ab] = &mut wide;
        for i in 0..WIDE {
            aa[i] = a[i] * a[i];
            bb[i] = b[i] * b[i];
            ab[i] = a[i] * b[i];
        }
        for (wide, out) in wide.iter().zip(&mut ring[row % N]) {
            across(wide, taps, out);
        }
        if row + 1 >= band.start + N {
            let rows: [&Maps; N] = std::array::from_fn(|k| &ring[(row + 1 + k) % N]);
            tally.add(&down(&rows, taps), count);
        }
    }
    tally.end_strip();
}

#[inline(always)]
fn across<const N: usize>(wide: &[f64; WIDE], taps: &[f64; N], out: &mut [f64; STRIP]) {
    for i in 0..STRIP {
        let mut sum = if N % 2 == 1 { taps[N / 2] * wide[i + N / 2] } else { 0.0 };
        for k in 0..N / 2 {
            sum += taps[k] * (wide[i + k] + wide[i + N - 1 - k]);
        }
        out[i] = sum;
    }
}

#[inline(always)]
fn down<const N: usize>(rows: &[&Maps; N], taps: &[f64; N]) -> Row {
    let mut maps = [[0.0; STRIP]; 5];
    for (m, out) in maps.iter_mut().enumerate() {
        for i in 0..STRIP {
            let mut sum = if N % 2 == 1 { taps[N / 2] * rows[N / 2][m][i] } else { 0.0 };
            for k in 0..N / 2 {
                sum += taps[k] * (rows[k][m][i] + rows[N - 1 - k][m][i]);
            }
            out[i] = sum;
        }
    }
    let [mean_x, mean_y, mut var_x, mut var_y, mut covariance] = maps;
    for i in 0..STRIP {
        var_x[i] -= mean_x[i] * mean_x[i];
        var_y[i] -= mean_y[i] * mean_y[i];
        covariance[i] -= mean_x[i] * mean_y[i];
    }
    Row { mean_x, mean_y, var_x, var_y, covariance }
}
