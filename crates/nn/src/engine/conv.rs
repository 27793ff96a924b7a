//! Convolution of any size and stride: 3x3 by Winograd, 1x1 as a matrix product, the others by gathering
//! windows into rows.

use super::parallel::{for_each, map, parts, sum};
use super::rearrange::turn;
use super::{Pool, Value};
use crate::kernels::{Epilogue, Geometry, MatrixRef, Winograd, gemm, gemm_in_tiles};

/// Pixels whose windows lie in memory at a time.
const BAND: usize = 192;
/// A product of fewer rows is cut into tiles, one of more into bands.
const FEW: usize = 768;
/// Weights of one layer from which their gradient is cut into tiles rather than summed in groups.
const MANY: usize = 1 << 16;
/// Groups of items whose weight gradients are added up independently.
const GROUPS: usize = 8;

/// Shape of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
}

/// Weights `[ky][kx][in][out]` made ready for the forward pass.
pub enum Ready<'a> {
    Winograd(Winograd),
    Rows(&'a [f32]),
}

impl Conv {
    fn is_winograd(self) -> bool {
        self.kernel == 3 && self.stride == 1
    }

    fn is_pointwise(self) -> bool {
        self.kernel == 1 && self.stride == 1
    }

    pub fn ready<'a>(self, weights: &'a [f32], pool: &Pool, threads: usize) -> Ready<'a> {
        if self.is_winograd() {
            let io = [self.inputs, self.outputs];
            let room = pool.take_filter(36 * io[0] * io[1]);
            Ready::Winograd(Winograd::forward_in(room, weights, io, threads))
        } else {
            Ready::Rows(weights)
        }
    }

    pub fn forward(
        self,
        ready: &Ready,
        x: &Value,
        epilogue: Epilogue,
        y: &mut Value,
        threads: usize,
    ) {
        let at = Geometry { n: x.n, h: x.h, w: x.w };
        match ready {
            Ready::Winograd(w) => w.apply(&x.data, at, epilogue, &mut y.data, threads),
            Ready::Rows(weights) if self.is_pointwise() && x.pixels() < FEW => {
                let (co, size) = (self.outputs, [x.pixels(), self.outputs, self.inputs]);
                let a = MatrixRef::rows(&x.data, self.inputs);
                gemm_in_tiles(size, a, weights, &mut y.data, epilogue.accumulate, threads);
                parts(&mut y.data, co, threads, |y, from| finish(y, from, epilogue));
            }
            Ready::Rows(weights) => {
                let (width, out, columns) = (y.w, self.outputs, self.columns());
                let shape = (y.h, y.w);
                parts(&mut y.data, out * width, threads, |y, from| {
                    let pixels = y.len() / out;
                    let first = from / out;
                    let rows = self.windows(x, shape, first..first + pixels);
                    let rows = rows.as_deref().unwrap_or_else(|| &x.data[first * columns..]);
                    gemm(
                        [pixels, out, columns],
                        MatrixRef::rows(rows, columns),
                        weights,
                        y,
                        epilogue.accumulate,
                    );
                    finish(y, from, epilogue);
                });
            }
        }
    }

    fn columns(self) -> usize {
        self.kernel * self.kernel * self.inputs
    }

    /// The windows of these output pixels, a row each; `None` where they are the input itself.
    fn windows(
        self,
        x: &Value,
        (h, w): (usize, usize),
        pixels: std::ops::Range<usize>,
    ) -> Option<Vec<f32>> {
        if self.is_pointwise() {
            return None;
        }
        let mut rows = vec![0.0; pixels.len() * self.columns()];
        for (row, pixel) in rows.chunks_exact_mut(self.columns()).zip(pixels) {
            let (item, oy, ox) = (pixel / (h * w), pixel / w % h, pixel % w);
            self.taps(x, [item, oy, ox], |tap, from| {
                let to = tap * self.inputs;
                row[to..to + self.inputs].copy_from_slice(&x.data[from..from + self.inputs]);
            });
        }
        Some(rows)
    }

    /// `f(tap, offset of the input pixel)` for the taps that lie inside the image.
    fn taps(self, x: &Value, [item, oy, ox]: [usize; 3], mut f: impl FnMut(usize, usize)) {
        let pad = self.kernel / 2;
        for ky in 0..self.kernel {
            let y = oy * self.stride + ky;
            if y < pad || y - pad >= x.h {
                continue;
            }
            for kx in 0..self.kernel {
                let column = ox * self.stride + kx;
                if column >= pad && column - pad < x.w {
                    let pixel = (item * x.h + y - pad) * x.w + column - pad;
                    f(ky * self.kernel + kx, pixel * x.c);
                }
            }
        }
    }

    /// Adds the gradient of the input to `to`, or writes it.
    pub fn input_gradient(
        self,
        weights: &[f32],
        gradient: &Value,
        to: &mut Value,
        accumulate: bool,
        pool: &Pool,
        threads: usize,
    ) {
        let (ci, co) = (self.inputs, self.outputs);
        if self.is_winograd() {
            let at = Geometry { n: to.n, h: to.h, w: to.w };
            let epilogue = Epilogue { accumulate, ..Epilogue::default() };
            let room = pool.take_filter(36 * ci * co);
            let backward = Winograd::backward_in(room, weights, [ci, co], threads);
            backward.apply(&gradient.data, at, epilogue, &mut to.data, threads);
            pool.give_filter(backward.into_room());
            return;
        }
        let columns = self.columns();
        let pixels = gradient.pixels();
        if self.is_pointwise() && pixels < FEW && pixels * (ci + co) < ci * co {
            // The smaller operand is turned: the product is that of the transposes.
            let mut turned = pool.take(gradient.data.len());
            turn(&gradient.data, co, &mut turned, false, threads);
            let mut product = pool.take(to.data.len());
            let a = MatrixRef::rows(weights, co);
            gemm_in_tiles([ci, pixels, co], a, &turned, &mut product, false, threads);
            turn(&product, pixels, &mut to.data, accumulate, threads);
            pool.give(turned);
            pool.give(product);
            return;
        }
        // Row `o` holds the weights of output `o` for every tap and input.
        let mut turned = pool.take(weights.len());
        turn(weights, co, &mut turned, false, threads);
        if self.is_pointwise() {
            let a = MatrixRef::rows(&gradient.data, co);
            gemm_in_tiles([pixels, ci, co], a, &turned, &mut to.data, accumulate, threads);
            pool.give(turned);
            return;
        }
        let (area, out_area) = (to.h * to.w * ci, gradient.h * gradient.w);
        let geometry = Value { n: 1, h: to.h, w: to.w, c: ci, data: Vec::new() };
        parts(&mut to.data, area, threads, |items, from| {
            for (k, item) in items.chunks_exact_mut(area).enumerate() {
                if !accumulate {
                    item.fill(0.0);
                }
                let index = from / area + k;
                let pixels = gradient.w;
                let mut windows = vec![0.0; pixels * columns];
                for row in 0..gradient.h {
                    let a = &gradient.data[(index * out_area + row * pixels) * co..];
                    gemm(
                        [pixels, columns, co],
                        MatrixRef::rows(a, co),
                        &turned,
                        &mut windows,
                        false,
                    );
                    for (x, window) in windows.chunks_exact(columns).enumerate() {
                        self.taps(&geometry, [0, row, x], |tap, at| {
                            let from = &window[tap * ci..][..ci];
                            item[at..at + ci].iter_mut().zip(from).for_each(|(t, f)| *t += f);
                        });
                    }
                }
            }
        });
        pool.give(turned);
    }

    /// The gradient of the weights, `[ky][kx][in][out]`.
    pub fn weight_gradient(
        self,
        x: &Value,
        gradient: &Value,
        pool: &Pool,
        threads: usize,
    ) -> Vec<f32> {
        if self.is_winograd() {
            let at = Geometry { n: x.n, h: x.h, w: x.w };
            let io = [self.inputs, self.outputs];
            let mut room = pool.take(Winograd::gradient_room(at, io));
            let mut taps = pool.take(9 * io[0] * io[1]);
            let (x, gradient) = (&x.data, &gradient.data);
            Winograd::filter_gradient(x, gradient, at, io, &mut room, &mut taps, threads);
            pool.give(room);
            return taps;
        }
        let (columns, co) = (self.columns(), self.outputs);
        let pixels = gradient.pixels();
        if self.is_pointwise() && (pixels < FEW || columns * co >= MANY) {
            let mut total = pool.take(columns * co);
            let a = MatrixRef::transposed(&x.data, columns);
            gemm_in_tiles([columns, co, pixels], a, &gradient.data, &mut total, false, threads);
            return total;
        }
        let groups = pixels.div_ceil(BAND).clamp(1, GROUPS);
        let sums = map(groups, threads, |group| {
            let mut sum = vec![0.0; columns * co];
            let end = pixels * (group + 1) / groups;
            let mut first = pixels * group / groups;
            while first < end {
                let last = end.min(first + BAND);
                let rows = self.windows(x, (gradient.h, gradient.w), first..last);
                let rows = rows.as_deref().unwrap_or_else(|| &x.data[first * columns..]);
                let a = MatrixRef::transposed(rows, columns);
                gemm([columns, co, last - first], a, &gradient.data[first * co..], &mut sum, true);
                first = last;
            }
            sum
        });
        let mut sums = sums.into_iter();
        let mut total = sums.next().unwrap_or_default();
        for sum in sums {
            total.iter_mut().zip(&sum).for_each(|(t, s)| *t += s);
        }
        total
    }
}

impl Ready<'_> {
    /// Gives memory back.
    pub fn recycle(self, pool: &Pool) {
        if let Self::Winograd(w) = self {
            pool.give_filter(w.into_room());
        }
    }
}

/// Bias, addend and cut of a part of the output that begins at element `from`.
fn finish(y: &mut [f32], from: usize, epilogue: Epilogue) {
    restora_image::simd(
        #[inline(always)]
        || {
            if let Some(bias) = epilogue.bias {
                for row in y.chunks_exact_mut(bias.len()) {
                    row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                }
            }
            if let Some(add) = epilogue.add {
                y.iter_mut().zip(&add[from..]).for_each(|(y, a)| *y += a);
            }
            if epilogue.relu {
                for y in y {
                    *y = y.max(0.0);
                }
            }
        },
    );
}

/// The gradient of a bias: the sum over all pixels.
pub fn bias_gradient(gradient: &Value, threads: usize) -> Vec<f32> {
    let c = gradient.c;
    sum(gradient.pixels(), c, threads, |rows, total| {
        restora_image::simd(
            #[inline(always)]
            || {
                for row in gradient.data[rows.start * c..rows.end * c].chunks_exact(c) {
                    total.iter_mut().zip(row).for_each(|(t, r)| *t += r);
                }
            },
        );
    })
}

/// `y[2h + dy][2w + dx] = x[h][w] * weights[.][dy][dx][.] + bias`: weights are `[in][dy][dx][out]`.
pub fn up_conv2(
    x: &Value,
    weights: &[f32],
    bias: &[f32],
    y: &mut Value,
    pool: &Pool,
    threads: usize,
) {
    let co = bias.len();
    let mut wide = pool.value(x.n, [4 * co, x.h, x.w]);
    let conv = Conv { inputs: x.c, outputs: 4 * co, kernel: 1, stride: 1 };
    conv.forward(&Ready::Rows(weights), x, Epilogue::default(), &mut wide, threads);
    spread(&wide, y, bias, threads);
    pool.give(wide.data);
}

/// Channels `(dy, dx, o)` of a pixel become the channels `o` of four pixels, plus a bias.
fn spread(wide: &Value, y: &mut Value, bias: &[f32], threads: usize) {
    let (w, width, co) = (wide.w, y.w, bias.len());
    parts(&mut y.data, 2 * width * co, threads, |part, from| {
        for (k, pair) in part.chunks_exact_mut(2 * width * co).enumerate() {
            let row = from / (2 * width * co) + k;
            let from = &wide.data[row * w * 4 * co..][..w * 4 * co];
            let (above, below) = pair.split_at_mut(width * co);
            for (x, pixel) in from.chunks_exact(4 * co).enumerate() {
                above[2 * x * co..][..2 * co].copy_from_slice(&pixel[..2 * co]);
                below[2 * x * co..][..2 * co].copy_from_slice(&pixel[2 * co..]);
            }
            finish(pair, 0, Epilogue { bias: Some(bias), ..Epilogue::default() });
        }
    });
}

/// The inverse of [`spread`].
pub fn gather(y: &Value, pool: &Pool, threads: usize) -> Value {
    let co = y.c;
    let mut wide = pool.value(y.n, [4 * co, y.h / 2, y.w / 2]);
    let (w, width) = (wide.w, y.w);
    let data = &y.data;
    parts(&mut wide.data, w * 4 * co, threads, |part, from| {
        for (k, row) in part.chunks_exact_mut(w * 4 * co).enumerate() {
            let index = from / (w * 4 * co) + k;
            let pair = &data[index * 2 * width * co..][..2 * width * co];
            let (above, below) = pair.split_at(width * co);
            for (x, pixel) in row.chunks_exact_mut(4 * co).enumerate() {
                pixel[..2 * co].copy_from_slice(&above[2 * x * co..][..2 * co]);
                pixel[2 * co..].copy_from_slice(&below[2 * x * co..][..2 * co]);
            }
        }
    });
    wide
}

/// `f` for every item of `y`, which is written, with its index.
pub fn items(y: &mut Value, threads: usize, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
    let len = y.h * y.w * y.c;
    let shared: Vec<_> = y.data.chunks_exact_mut(len.max(1)).map(std::sync::Mutex::new).collect();
    for_each(shared.len(), threads, |i| {
        let mut item = shared[i].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        f(i, &mut item);
    });
}
