//! Aggregation: weighted means of all estimates of a pixel.

use super::collaborative::{Estimates, slot_of};
use super::transforms::SIDE;
use restora_image::{Context, Image, OpError, for_each_band, simd};

/// What a band adds to the output, over the rows that its groups reach.
pub(super) struct Part {
    pub(super) top: usize,
    /// Per channel: weighted estimates, then weights at the blocks' corners.
    pub(super) sums: Vec<f32>,
}

/// Adds the estimates of a group. The sum of the windows is made from the weights at the corners,
/// once for all blocks at the same place.
#[inline(always)]
pub(super) fn aggregate(
    sum: &mut [f32],
    weights: &mut [f32],
    width: usize,
    top: usize,
    blocks: &[(usize, usize)],
    estimates: &Estimates<'_>,
    window: &[f32; SIDE],
) {
    let (n, weight) = (blocks.len(), estimates.weight);
    let mut scaled = [[0.0; SIDE]; SIDE];
    for r in 0..SIDE {
        for c in 0..SIDE {
            scaled[r][c] = weight * window[r] * window[c];
        }
    }
    for (j, &(x, y)) in blocks.iter().enumerate() {
        let corner = (y - top) * width + x;
        weights[corner] += weight;
        let slot = slot_of(j, n) * SIDE;
        for (r, scaled) in scaled.iter().enumerate() {
            let from = &estimates.values[r * n * SIDE + slot..][..SIDE];
            let to = &mut sum[corner + r * width..][..SIDE];
            for i in 0..SIDE {
                to[i] += scaled[i] * from[i];
            }
        }
    }
}

/// The restored image from what all bands add to it.
pub(super) fn combine(
    parts: Vec<Part>,
    noisy: &Image,
    window: &[f32; SIDE],
    cx: &Context,
) -> Result<Image, OpError> {
    let (size, channels) = (noisy.size(), noisy.channels());
    let n = size.len();
    let mut sums = vec![0.0; 2 * n * channels];
    for part in parts {
        let length = part.sums.len() / (2 * channels);
        for (sum, part_sum) in sums.chunks_exact_mut(n).zip(part.sums.chunks_exact(length)) {
            for (s, p) in sum[part.top * size.w()..][..length].iter_mut().zip(part_sum) {
                *s += p;
            }
        }
    }
    let mut out = Image::zeros(size, noisy.space());
    out.alpha.clone_from(&noisy.alpha);
    for (plane, sums) in out.planes_mut().zip(sums.chunks_exact(2 * n)) {
        let (estimates, weights) = sums.split_at(n);
        for_each_band(plane, size.w(), 32, cx, |y0, rows| {
            simd(
                #[inline(always)]
                || normalize(estimates, weights, window, size.w(), y0, rows),
            );
            Ok(())
        })?;
    }
    Ok(out)
}

/// Divides the sum of estimates by the sum of windows, for the rows `out` from `y0`.
#[inline(always)]
fn normalize(
    estimates: &[f32],
    weights: &[f32],
    window: &[f32; SIDE],
    width: usize,
    y0: usize,
    out: &mut [f32],
) {
    let mut padded = vec![0.0; width + SIDE - 1];
    for (i, out) in out.chunks_exact_mut(width).enumerate() {
        let y = y0 + i;
        padded.fill(0.0);
        for r in 0..SIDE.min(y + 1) {
            let row = &weights[(y - r) * width..][..width];
            for (p, w) in padded[SIDE - 1..].iter_mut().zip(row) {
                *p += window[r] * w;
            }
        }
        let estimates = &estimates[y * width..][..width];
        out.fill(0.0);
        for k in 0..SIDE {
            for (o, p) in out.iter_mut().zip(&padded[SIDE - 1 - k..]) {
                *o += window[k] * p;
            }
        }
        for (o, e) in out.iter_mut().zip(estimates) {
            *o = e / *o;
        }
    }
}
