//! Batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167), with the cut at zero in the same pass.

use super::Value;
use super::parallel::{parts, sum};

/// What is added to a variance before its root, as in `PyTorch`.
pub const EPSILON: f32 = 1e-5;
/// Weight of the newest batch in the running statistics, as in `PyTorch`.
pub const MOMENTUM: f32 = 0.1;

/// Mean and variance of every channel over a batch.
#[derive(Clone, Debug)]
pub struct Statistics {
    pub mean: Vec<f32>,
    /// The biased one, which normalizes.
    pub variance: Vec<f32>,
}

/// `scale * x + shift` per channel, from statistics and the trained gain and offset.
pub fn affine(s: &Statistics, gain: &[f32], offset: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let scale: Vec<f32> =
        gain.iter().zip(&s.variance).map(|(g, v)| g / (v + EPSILON).sqrt()).collect();
    let shift = offset.iter().zip(&s.mean).zip(&scale).map(|((o, m), s)| o - m * s).collect();
    (scale, shift)
}

/// Mean and variance by two passes, so that a large mean does not swallow the variance.
pub fn statistics(x: &Value, threads: usize) -> Statistics {
    let (c, rows) = (x.c, x.pixels());
    let n = rows.max(1) as f32;
    let mut mean = sum(rows, c, threads, |range, total| {
        let x = &x.data[range.start * c..range.end * c];
        restora_image::simd(
            #[inline(always)]
            || {
                for row in x.chunks_exact(c) {
                    total.iter_mut().zip(row).for_each(|(t, x)| *t += x);
                }
            },
        );
    });
    for m in &mut mean {
        *m /= n;
    }
    let mut variance = sum(rows, c, threads, |range, total| {
        let x = &x.data[range.start * c..range.end * c];
        restora_image::simd(
            #[inline(always)]
            || {
                for row in x.chunks_exact(c) {
                    for ((t, x), m) in total.iter_mut().zip(row).zip(&mean) {
                        *t += (x - m) * (x - m);
                    }
                }
            },
        );
    });
    for v in &mut variance {
        *v /= n;
    }
    Statistics { mean, variance }
}

/// `y = scale * x + shift`, cut at zero if `relu`.
pub fn apply(x: &Value, scale: &[f32], shift: &[f32], relu: bool, y: &mut Value, threads: usize) {
    let (c, data) = (x.c, &x.data);
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    parts(&mut y.data, c, threads, |y, from| {
        restora_image::simd(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_exact_mut(c).zip(data[from..].chunks_exact(c)) {
                    for (((y, x), a), b) in y.iter_mut().zip(x).zip(scale).zip(shift) {
                        *y = (a * x + b).max(floor);
                    }
                }
            },
        );
    });
}

/// Gradients of gain and offset; that of the input replaces the gradient of the output.
pub fn backward(
    x: &Value,
    s: &Statistics,
    gain: &[f32],
    gradient: &mut Value,
    threads: usize,
) -> (Vec<f32>, Vec<f32>) {
    let (c, rows) = (x.c, x.pixels());
    let inverse: Vec<f32> = s.variance.iter().map(|v| 1.0 / (v + EPSILON).sqrt()).collect();
    let dy = &gradient.data;
    let both = sum(rows, 2 * c, threads, |range, total| {
        let (gains, offsets) = total.split_at_mut(c);
        let (from, to) = (range.start * c, range.end * c);
        let (x, dy) = (&x.data[from..to], &dy[from..to]);
        restora_image::simd(
            #[inline(always)]
            || {
                for (x, g) in x.chunks_exact(c).zip(dy.chunks_exact(c)) {
                    let sums = gains.iter_mut().zip(offsets.iter_mut()).zip(&s.mean);
                    for (((gain, offset), mean), (x, g)) in sums.zip(x.iter().zip(g)) {
                        *gain += g * (x - mean);
                        *offset += g;
                    }
                }
                gains.iter_mut().zip(&inverse).for_each(|(g, i)| *g *= i);
            },
        );
    });
    let (gains, offsets) = both.split_at(c);
    let n = rows.max(1) as f32;
    let data = &x.data;
    // dx = gain / std * (dy - mean(dy) - x_hat * mean(dy * x_hat)), as a * dy + b * x + d.
    let a: Vec<f32> = gain.iter().zip(&inverse).map(|(g, i)| g * i).collect();
    let b: Vec<f32> = (0..c).map(|i| -a[i] * inverse[i] * gains[i] / n).collect();
    let d: Vec<f32> = (0..c).map(|i| -a[i] * offsets[i] / n - b[i] * s.mean[i]).collect();
    parts(&mut gradient.data, c, threads, |g, from| {
        restora_image::simd(
            #[inline(always)]
            || {
                for (g, x) in g.chunks_exact_mut(c).zip(data[from..].chunks_exact(c)) {
                    for ((((g, x), a), b), d) in g.iter_mut().zip(x).zip(&a).zip(&b).zip(&d) {
                        *g = a * *g + b * x + d;
                    }
                }
            },
        );
    });
    (gains.to_vec(), offsets.to_vec())
}
