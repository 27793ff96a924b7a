//! Convolution of a plane with the same symmetric kernel along columns and rows.
//!
//! ```text
//! out(x, y) = sum_j sum_i t(|i|) t(|j|) in(x + i, y + j),    -r <= i, j <= r
//! ```
//!
//! Cost: `2 (r + 1)` multiplications per pixel. The vertical sum of one row goes into a row buffer
//! that stays in the first-level cache, and the horizontal sum reads it there, so the plane travels
//! through memory once in each direction. Every output is summed in the same order (center first,
//! then outwards), wherever it lies: tiles and threads cannot change a bit.

use restora_image::{Border, Context, OpError, PlaneRef, for_each_band, simd};

/// Columns summed at a time: four vectors of 16 lanes stay in registers.
const BLOCK: usize = 64;
/// Columns of a strip of the vertical sum: 17 rows of it (sigma 2) are 17 KiB, half of a first-level
/// cache.
const STRIP: usize = 256;
/// Rows of a band, the unit of work of a thread.
const BAND: usize = 32;

/// Convolves `plane` with `taps` (center first: `t(0), t(1), .., t(r)`) in both directions and
/// writes the dense result to `out`.
///
/// # Errors
/// [`OpError::Cancelled`].
///
/// # Panics
/// If `taps` is empty or `out` is not as large as the plane.
pub fn convolve_symmetric(
    plane: PlaneRef<'_>,
    taps: &[f32],
    border: Border,
    out: &mut [f32],
    cx: &Context,
) -> Result<(), OpError> {
    let (w, h) = (plane.width(), plane.height());
    assert!(!taps.is_empty() && out.len() == w * h, "taps or output of the wrong length");
    let r = taps.len() - 1;
    let outside = vec![0.0; w];
    for_each_band(out, w, BAND, cx, |y0, band| {
        let rows: Vec<&[f32]> = (y0 as isize - r as isize..)
            .take(band.len() / w + 2 * r)
            .map(|y| border.index(y, h).map_or(&outside[..], |y| plane.row(y)))
            .collect();
        simd(
            #[inline(always)]
            || convolve_band(&rows, taps, border, band, w),
        );
        Ok(())
    })
}

#[inline(always)]
fn convolve_band(rows: &[&[f32]], taps: &[f32], border: Border, band: &mut [f32], w: usize) {
    let r = taps.len() - 1;
    let padded = w + 2 * r;
    let mut sums = vec![0.0; padded * (band.len() / w)];
    for x in (0..w).step_by(STRIP) {
        let x1 = (x + STRIP).min(w);
        for (i, sum) in sums.chunks_exact_mut(padded).enumerate() {
            vertical(&rows[i..=i + 2 * r], taps, x, &mut sum[r + x..r + x1]);
        }
    }
    for (sum, out) in sums.chunks_exact_mut(padded).zip(band.chunks_exact_mut(w)) {
        extend_row(sum, r, w, border);
        horizontal(sum, taps, out);
    }
}

/// `out[i] = sum_k t(k) (rows[r - k][x + i] + rows[r + k][x + i])`.
#[inline(always)]
fn vertical(rows: &[&[f32]], taps: &[f32], x: usize, out: &mut [f32]) {
    let r = taps.len() - 1;
    blocks(out, taps, |k, i| (&rows[r - k][x + i..], &rows[r + k][x + i..]));
}

/// `out[i] = sum_k t(k) (row[r + i - k] + row[r + i + k])`.
#[inline(always)]
fn horizontal(row: &[f32], taps: &[f32], out: &mut [f32]) {
    let r = taps.len() - 1;
    blocks(out, taps, |k, i| (&row[r + i - k..], &row[r + i + k..]));
}

/// Fills `out` block by block with `sum_k t(k) (a_k + b_k)`, `pair(k, i)` giving the two slices of
/// tap `k` from output `i` on. The last block overlaps its neighbor instead of being short.
#[inline(always)]
fn blocks<'a>(
    out: &mut [f32],
    taps: &[f32],
    pair: impl Fn(usize, usize) -> (&'a [f32], &'a [f32]),
) {
    let n = out.len();
    if n < BLOCK {
        for (i, out) in out.iter_mut().enumerate() {
            *out = taps[0] * pair(0, i).0[0];
            for (k, t) in taps.iter().enumerate().skip(1) {
                let (a, b) = pair(k, i);
                *out += t * (a[0] + b[0]);
            }
        }
        return;
    }
    let mut i = 0;
    loop {
        let mut acc = [0.0_f32; BLOCK];
        let center = &pair(0, i).0[..BLOCK];
        for j in 0..BLOCK {
            acc[j] = taps[0] * center[j];
        }
        for (k, &t) in taps.iter().enumerate().skip(1) {
            let (a, b) = pair(k, i);
            let (a, b) = (&a[..BLOCK], &b[..BLOCK]);
            for j in 0..BLOCK {
                acc[j] += t * (a[j] + b[j]);
            }
        }
        out[i..i + BLOCK].copy_from_slice(&acc);
        if i + BLOCK == n {
            break;
        }
        i = (i + BLOCK).min(n - BLOCK);
    }
}

/// Continues a row of `w` values, which starts at `row[r]`, by `r` values to both sides.
pub(super) fn extend_row<T: Copy + Default>(row: &mut [T], r: usize, w: usize, border: Border) {
    for i in 0..r {
        let left = border.index(i as isize - r as isize, w).map_or(T::default(), |x| row[r + x]);
        let right = border.index((w + i) as isize, w).map_or(T::default(), |x| row[r + x]);
        row[i] = left;
        row[r + w + i] = right;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Plane, Size};

    fn oracle(plane: &Plane, taps: &[f32], border: Border) -> Vec<f64> {
        let (w, h, r) = (plane.size.w(), plane.size.h(), taps.len() as isize - 1);
        let mut out = Vec::new();
        for y in 0..h as isize {
            for x in 0..w as isize {
                let mut sum = 0.0;
                for j in -r..=r {
                    for i in -r..=r {
                        let at = border.index(x + i, w).zip(border.index(y + j, h));
                        let v = at.map_or(0.0, |(x, y)| f64::from(plane.row(y)[x]));
                        let t = |i: isize| f64::from(taps[i.unsigned_abs()]);
                        sum += t(i) * t(j) * v;
                    }
                }
                out.push(sum);
            }
        }
        out
    }

    #[test]
    fn equals_the_double_sum_for_every_border_and_awkward_sizes() {
        for (w, h) in [(1, 1), (1, 9), (9, 1), (2, 3), (64, 5), (65, 40), (300, 3)] {
            let plane = restora_testkit::synthetic(Size::new(w, h));
            for taps in [&[1.0][..], &[0.5, 0.25], &[0.3, 0.2, 0.1, 0.04, 0.01]] {
                for border in [
                    Border::Clamp,
                    Border::Reflect,
                    Border::Reflect101,
                    Border::Wrap,
                    Border::Constant,
                ] {
                    let plane = plane.plane(0);
                    let mut out = vec![0.0; plane.size().len()];
                    convolve_symmetric(plane, taps, border, &mut out, &Context::default()).unwrap();
                    for (got, want) in out.iter().zip(oracle(&plane.to_plane(), taps, border)) {
                        assert!((f64::from(*got) - want).abs() < 1e-6, "{w}x{h} {border:?}");
                    }
                }
            }
        }
    }
}
