//! The pass of an image through a backbone.

use super::{Backbone, Conv, FeatureMap, Layer, Ready};
use crate::NnError;
use crate::engine::parallel::parts;
use crate::kernels::{Epilogue, Geometry, MatrixRef, gemm};
use restora_image::Context;

/// Added under the root of L2 pooling (eq. (2) of DISTS).
const UNDER_ROOT: f32 = 1e-12;

impl Backbone {
    /// Passes planes `[c][y][x]` of three channels, normalized as the net wants them, and hands out the map at each
    /// tap. The same bytes for any number of threads.
    ///
    /// # Errors
    /// [`NnError::Input`] where the planes are not three of that size, or the size is below
    /// [`BackboneKind::least_side`](super::BackboneKind::least_side); [`NnError::Cancelled`].
    pub fn taps(
        &self,
        planes: &[f32],
        [height, width]: [usize; 2],
        cx: &Context,
    ) -> Result<Vec<FeatureMap>, NnError> {
        let least = self.kind.least_side();
        if planes.len() != 3 * height * width || height.min(width) < least {
            return Err(NnError::Input(format!(
                "{} wants three channels of at least {least} x {least} pixels, got {width} x {height}",
                self.kind
            )));
        }
        let n = height * width;
        let mut map = FeatureMap { channels: 3, height, width, data: vec![0.0; 3 * n] };
        for (i, pixel) in map.data.chunks_exact_mut(3).enumerate() {
            for (c, v) in pixel.iter_mut().enumerate() {
                *v = planes[c * n + i];
            }
        }
        let mut taps = Vec::new();
        let layers = self.layers.iter().enumerate();
        let last = self.layers.len() - 1;
        for (index, layer) in layers {
            if cx.check().is_err() {
                return Err(NnError::Cancelled);
            }
            map = match layer {
                Layer::Conv(conv) => conv.apply(&map, cx.threads),
                Layer::Fire(parts) => {
                    let [squeeze, one, three] = &**parts;
                    let squeezed = squeeze.apply(&map, cx.threads);
                    beside(&one.apply(&squeezed, cx.threads), &three.apply(&squeezed, cx.threads))
                }
                Layer::Pool { kernel, ceil } => max_pool(&map, *kernel, *ceil, cx.threads),
                Layer::PoolL2 => l2_pool(&map, cx.threads),
                Layer::Tap if index == last => {
                    taps.push(map);
                    return Ok(taps);
                }
                Layer::Tap => {
                    taps.push(map.clone());
                    map
                }
            };
        }
        Ok(taps)
    }
}

impl Conv {
    /// The convolution with bias and a cut at zero.
    fn apply(&self, x: &FeatureMap, threads: usize) -> FeatureMap {
        let side = |n: usize| (n + 2 * self.pad - self.kernel) / self.stride + 1;
        let (height, width) = (side(x.height), side(x.width));
        let mut data = vec![0.0; height * width * self.outputs];
        match &self.ready {
            Ready::Winograd(filter) => {
                let at = Geometry { n: 1, h: height, w: width };
                let epilogue =
                    Epilogue { bias: Some(&self.bias), relu: true, ..Epilogue::default() };
                filter.apply(&x.data, at, epilogue, &mut data, threads);
            }
            Ready::Rows(weights) => {
                let columns = self.kernel * self.kernel * self.inputs;
                let out = self.outputs;
                parts(&mut data, out, threads, |y, from| {
                    let (first, pixels) = (from / out, y.len() / out);
                    let windows = self.windows(x, width, first..first + pixels);
                    let a = MatrixRef::rows(&windows, columns);
                    gemm([pixels, out, columns], a, weights, y, false);
                    for row in y.chunks_exact_mut(out) {
                        for (y, bias) in row.iter_mut().zip(&self.bias) {
                            *y = (*y + bias).max(0.0);
                        }
                    }
                });
            }
        }
        FeatureMap { channels: self.outputs, height, width, data }
    }

    /// The windows of these output pixels, a row each; zeros outside.
    fn windows(&self, x: &FeatureMap, width: usize, pixels: std::ops::Range<usize>) -> Vec<f32> {
        let (k, c) = (self.kernel, self.inputs);
        let mut rows = vec![0.0; pixels.len() * k * k * c];
        for (row, pixel) in rows.chunks_exact_mut(k * k * c).zip(pixels) {
            let (top, left) = (pixel / width * self.stride, pixel % width * self.stride);
            // Columns of the window that lie inside.
            let start = self.pad.saturating_sub(left).min(k);
            let end = k.min((x.width + self.pad).saturating_sub(left)).max(start);
            for (ky, row) in row.chunks_exact_mut(k * c).enumerate() {
                let inside = (top + ky).checked_sub(self.pad).filter(|y| *y < x.height);
                if let Some(y) = inside {
                    let from = (y * x.width + left + start - self.pad) * c;
                    let count = (end - start) * c;
                    row[start * c..][..count].copy_from_slice(&x.data[from..from + count]);
                }
            }
        }
        rows
    }
}

/// Channels of two maps of one size, one after the other.
fn beside(a: &FeatureMap, b: &FeatureMap) -> FeatureMap {
    let channels = a.channels + b.channels;
    let mut data = Vec::with_capacity(a.data.len() + b.data.len());
    for (a, b) in a.data.chunks_exact(a.channels).zip(b.data.chunks_exact(b.channels)) {
        data.extend_from_slice(a);
        data.extend_from_slice(b);
    }
    FeatureMap { channels, height: a.height, width: a.width, data }
}

/// The largest of windows at stride 2, without padding. `ceil` as in `PyTorch`: the last window may end outside.
fn max_pool(x: &FeatureMap, kernel: usize, ceil: bool, threads: usize) -> FeatureMap {
    let side = |n: usize| {
        let room = n.saturating_sub(kernel);
        1 + if ceil { room.div_ceil(2) } else { room / 2 }
    };
    let (height, width, c) = (side(x.height), side(x.width), x.channels);
    let mut data = vec![0.0; height * width * c];
    parts(&mut data, width * c, threads, |y, from| {
        for (i, row) in y.chunks_exact_mut(width * c).enumerate() {
            let top = 2 * (from / (width * c) + i);
            for (column, y) in row.chunks_exact_mut(c).enumerate() {
                y.fill(f32::NEG_INFINITY);
                for sy in top..x.height.min(top + kernel) {
                    for sx in 2 * column..x.width.min(2 * column + kernel) {
                        let x = &x.data[(sy * x.width + sx) * c..][..c];
                        y.iter_mut().zip(x).for_each(|(y, x)| *y = y.max(*x));
                    }
                }
            }
        }
    });
    FeatureMap { channels: c, height, width, data }
}

/// The root of the mean of squares under (1/4 1/2 1/4) both ways at stride 2; zeros outside.
fn l2_pool(x: &FeatureMap, threads: usize) -> FeatureMap {
    const TAPS: [f32; 3] = [0.25, 0.5, 0.25];
    let (height, width, c) = (x.height.div_ceil(2), x.width.div_ceil(2), x.channels);
    let mut data = vec![0.0; height * width * c];
    parts(&mut data, width * c, threads, |y, from| {
        for (i, row) in y.chunks_exact_mut(width * c).enumerate() {
            let middle = 2 * (from / (width * c) + i);
            for (column, y) in row.chunks_exact_mut(c).enumerate() {
                for (ky, down) in TAPS.iter().enumerate() {
                    let Some(sy) = (middle + ky).checked_sub(1).filter(|y| *y < x.height) else {
                        continue;
                    };
                    for (kx, across) in TAPS.iter().enumerate() {
                        let sx = (2 * column + kx).checked_sub(1).filter(|sx| *sx < x.width);
                        let Some(sx) = sx else { continue };
                        let x = &x.data[(sy * x.width + sx) * c..][..c];
                        y.iter_mut().zip(x).for_each(|(y, x)| *y += down * across * x * x);
                    }
                }
                for y in y {
                    *y = (*y + UNDER_ROOT).sqrt();
                }
            }
        }
    });
    FeatureMap { channels: c, height, width, data }
}
