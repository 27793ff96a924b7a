//! One layer of a prepared net: which rows it can make, which it needs, and how they are made.

use super::rows::Rows;
use super::source::Source;
use crate::engine::conv::Conv;
use crate::engine::parallel::parts;
use crate::kernels::{Aligned, Band, Epilogue, MatrixRef, Winograd, gemm};
use crate::{NodeId, Op, Shape};

/// A layer: one or several nodes of the graph.
pub struct Layer {
    /// The node whose value it makes.
    pub node: NodeId,
    pub work: Work,
    /// The layers that it reads.
    pub inputs: Vec<usize>,
}

/// What a layer does. Where a convolution has a second input, that is added before the cut at zero.
pub enum Work {
    /// The image, unshuffled.
    Unshuffled { factor: usize },
    /// 3x3 with stride 1.
    Winograd { filter: Winograd, bias: Vec<f32>, relu: bool },
    /// Any other convolution, or a dense layer.
    Conv { conv: Conv, weights: Aligned, bias: Vec<f32>, relu: bool },
    /// Unshuffle and 1x1: a matrix for every row of a block.
    Down { weights: Vec<Aligned>, factor: usize, bias: Vec<f32>, relu: bool },
    /// Transposed 2x2 with stride 2: a matrix for every row of a block.
    Up { weights: [Aligned; 2], bias: Vec<f32> },
    /// `scale * x + shift` by channel.
    Affine { scale: Vec<f32>, shift: Vec<f32> },
    /// A node as it is.
    Plain(Op),
}

/// The rows of a layer's inputs, of those that are made in this step, and the sizes of the maps.
pub struct Step<'a> {
    pub inputs: Vec<&'a Rows>,
    pub input_shapes: Vec<Shape>,
    pub shape: Shape,
    /// Rows to be made.
    pub from: usize,
    pub to: usize,
    pub source: &'a Source<'a>,
    pub threads: usize,
}

impl Work {
    /// How many rows of `h` it can make when `have` of the `of` rows of an input are there.
    pub fn rows(&self, have: usize, of: usize, h: usize) -> usize {
        if have >= of {
            return h;
        }
        let rows = match self {
            Self::Winograd { .. } => have.saturating_sub(1) / 4 * 4,
            Self::Conv { conv, .. } => {
                (have + conv.kernel / 2 + conv.stride).saturating_sub(conv.kernel) / conv.stride
            }
            Self::Down { factor, .. } | Self::Plain(Op::PixelUnshuffle { factor }) => have / factor,
            Self::Plain(Op::MaxPool2) => have / 2,
            Self::Plain(Op::PixelShuffle { factor }) => have * factor,
            Self::Up { .. } | Self::Plain(Op::Upsample2) => 2 * have,
            Self::Plain(Op::Flatten | Op::Unflatten { .. }) => 0,
            _ => have,
        };
        rows.min(h)
    }

    /// So many of `rows` rows as make whole tiles, where the map does not end there.
    pub fn whole(&self, rows: usize) -> usize {
        if matches!(self, Self::Winograd { .. }) { rows / 4 * 4 } else { rows }
    }

    /// The first row of an input that is still read when the rows before `next` are made.
    pub fn needs(&self, next: usize) -> usize {
        match self {
            Self::Winograd { .. } => next.saturating_sub(1),
            Self::Conv { conv, .. } => (next * conv.stride).saturating_sub(conv.kernel / 2),
            Self::Down { factor, .. } | Self::Plain(Op::PixelUnshuffle { factor }) => next * factor,
            Self::Plain(Op::MaxPool2) => next * 2,
            Self::Plain(Op::PixelShuffle { factor }) => next / factor,
            Self::Up { .. } | Self::Plain(Op::Upsample2) => next / 2,
            Self::Plain(Op::Flatten | Op::Unflatten { .. }) => 0,
            _ => next,
        }
    }

    /// Makes the rows of a step.
    pub fn run(&self, step: &Step, y: &mut [f32]) {
        let [c, h, w] = step.shape;
        let (from, to, threads) = (step.from, step.to, step.threads);
        let add = || step.inputs.get(1).map(|a| a.range(from, to));
        let input = |k: usize| step.inputs[k].range(from, to);
        match self {
            Self::Unshuffled { factor } => {
                rows(y, w * c, threads, |y, i| step.source.unshuffled(from + i, *factor, y));
            }
            Self::Winograd { filter, bias, relu } => {
                let x = step.inputs[0];
                let add = step.inputs.get(1);
                let add_from = add.map_or(0, |a| a.from);
                let epilogue = Epilogue {
                    bias: Some(bias),
                    add: add.map(|a| a.all()),
                    accumulate: false,
                    relu: *relu,
                };
                let band = Band { h, w, from, to, x_from: x.from, add_from };
                filter.apply_band(x.all(), &band, epilogue, y, threads);
            }
            Self::Conv { conv, weights, bias, relu } => {
                let add = add();
                rows(y, w * c, threads, |y, i| {
                    window_rows(*conv, step, from + i, weights, y);
                    finish(y, bias, add.map(|a| &a[i * w * c..]), *relu);
                });
            }
            Self::Down { weights, factor, bias, relu } => {
                let ([ci, _, wi], x, add) = (step.input_shapes[0], step.inputs[0], add());
                rows(y, w * c, threads, |y, i| {
                    for (dy, weights) in weights.iter().enumerate() {
                        let row = (from + i) * factor + dy;
                        let a = MatrixRef::rows(x.range(row, row + 1), factor * ci);
                        gemm([wi / factor, c, factor * ci], a, weights, y, dy > 0);
                    }
                    finish(y, bias, add.map(|a| &a[i * w * c..]), *relu);
                });
            }
            Self::Up { weights, bias } => {
                let ([ci, _, wi], x, add) = (step.input_shapes[0], step.inputs[0], add());
                rows(y, w * c, threads, |y, i| {
                    let row = from + i;
                    let a = MatrixRef::rows(x.range(row / 2, row / 2 + 1), ci);
                    gemm([wi, 2 * c, ci], a, &weights[row % 2], y, false);
                    finish(y, bias, add.map(|a| &a[i * w * c..]), false);
                });
            }
            Self::Affine { scale, shift } => {
                let x = input(0);
                rows(y, w * c, threads, |y, i| {
                    restora_image::simd(
                        #[inline(always)]
                        || {
                            let x = x[i * w * c..].chunks_exact(c);
                            for (y, x) in y.chunks_exact_mut(c).zip(x) {
                                for (((y, x), a), b) in y.iter_mut().zip(x).zip(scale).zip(shift) {
                                    *y = a * x + b;
                                }
                            }
                        },
                    );
                });
            }
            Self::Plain(op) => plain(op, step, y),
        }
    }
}

/// `f(row, its index)` for all rows of `row` numbers.
fn rows(y: &mut [f32], row: usize, threads: usize, f: impl Fn(&mut [f32], usize) + Sync + Send) {
    parts(y, row, threads, |part, start| {
        for (k, y) in part.chunks_exact_mut(row.max(1)).enumerate() {
            f(y, start / row + k);
        }
    });
}

/// Bias, addend and cut at zero of one row.
fn finish(y: &mut [f32], bias: &[f32], add: Option<&[f32]>, relu: bool) {
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    restora_image::simd(
        #[inline(always)]
        || {
            if let Some(add) = add {
                y.iter_mut().zip(add).for_each(|(y, a)| *y += a);
            }
            for pixel in y.chunks_exact_mut(bias.len()) {
                pixel.iter_mut().zip(bias).for_each(|(y, b)| *y = (*y + b).max(floor));
            }
        },
    );
}

/// One row of a convolution of any size and stride: its windows as rows of a matrix.
fn window_rows(conv: Conv, step: &Step, row: usize, weights: &[f32], y: &mut [f32]) {
    let [ci, hi, wi] = step.input_shapes[0];
    let (k, pad, x) = (conv.kernel, conv.kernel / 2, step.inputs[0]);
    let columns = k * k * ci;
    let pixels = y.len() / conv.outputs;
    if k == 1 && conv.stride == 1 {
        let a = MatrixRef::rows(x.range(row, row + 1), ci);
        gemm([pixels, conv.outputs, ci], a, weights, y, false);
        return;
    }
    let mut windows = vec![0.0; pixels * columns];
    for ky in 0..k {
        let Some(from) = (row * conv.stride + ky).checked_sub(pad).filter(|&r| r < hi) else {
            continue;
        };
        let from = x.range(from, from + 1);
        for (ox, window) in windows.chunks_exact_mut(columns).enumerate() {
            // The taps `first .. last` of this row of the kernel lie inside the image.
            let left = ox * conv.stride;
            let (first, last) = (pad.saturating_sub(left), k.min((wi + pad).saturating_sub(left)));
            if first < last {
                let pixels = &from[(left + first - pad) * ci..(left + last - pad) * ci];
                window[(ky * k + first) * ci..][..pixels.len()].copy_from_slice(pixels);
            }
        }
    }
    let a = MatrixRef::rows(&windows, columns);
    gemm([pixels, conv.outputs, columns], a, weights, y, false);
}

fn plain(op: &Op, step: &Step, y: &mut [f32]) {
    let [c, _, w] = step.shape;
    let (from, to, threads) = (step.from, step.to, step.threads);
    let input = |k: usize| step.inputs[k].range(from, to);
    let row_of = |k: usize, row: usize| step.inputs[k].range(row, row + 1);
    let each = |y: &mut [f32], f: &(dyn Fn(f32) -> f32 + Sync)| {
        let x = input(0);
        parts(y, 1, threads, |y, start| {
            y.iter_mut().zip(&x[start..]).for_each(|(y, &x)| *y = f(x));
        });
    };
    match op {
        Op::Relu => each(y, &|x| x.max(0.0)),
        Op::LeakyRelu { slope } => each(y, &|x| if x > 0.0 { x } else { slope * x }),
        Op::Sigmoid => each(y, &|x| 1.0 / (1.0 + (-x).exp())),
        Op::Tanh => each(y, &f32::tanh),
        Op::Shift { by } => each(y, &|x| x + by),
        Op::Add | Op::Sub => {
            let (a, b) = (input(0), input(1));
            let sign = if *op == Op::Add { 1.0 } else { -1.0 };
            parts(y, 1, threads, |y, start| {
                restora_image::simd(
                    #[inline(always)]
                    || {
                        for ((y, a), b) in y.iter_mut().zip(&a[start..]).zip(&b[start..]) {
                            *y = a + sign * b;
                        }
                    },
                );
            });
        }
        Op::Concat => {
            let first = step.input_shapes[0][0];
            let (a, b) = (input(0), input(1));
            parts(y, c, threads, |y, start| {
                let a = a[start / c * first..].chunks_exact(first);
                let b = b[start / c * (c - first)..].chunks_exact(c - first);
                for ((y, a), b) in y.chunks_exact_mut(c).zip(a).zip(b) {
                    y[..first].copy_from_slice(a);
                    y[first..].copy_from_slice(b);
                }
            });
        }
        Op::Slice { from, count } => {
            let (x, channels) = (input(0), step.input_shapes[0][0]);
            parts(y, *count, threads, |y, start| {
                let x = x[start / count * channels..].chunks_exact(channels);
                for (y, x) in y.chunks_exact_mut(*count).zip(x) {
                    y.copy_from_slice(&x[*from..from + count]);
                }
            });
        }
        Op::PixelUnshuffle { factor: f } => {
            let ci = step.input_shapes[0][0];
            rows(y, w * c, threads, |y, i| {
                for dy in 0..*f {
                    let x = row_of(0, (from + i) * f + dy);
                    for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(f * ci)) {
                        for (dx, x) in x.chunks_exact(ci).enumerate() {
                            let to = y[dy * f + dx..].iter_mut().step_by(f * f);
                            to.zip(x).for_each(|(y, x)| *y = *x);
                        }
                    }
                }
            });
        }
        Op::PixelShuffle { factor: f } => {
            let ci = step.input_shapes[0][0];
            rows(y, w * c, threads, |y, i| {
                let (dy, x) = ((from + i) % f, row_of(0, (from + i) / f));
                for (y, x) in y.chunks_exact_mut(f * c).zip(x.chunks_exact(ci)) {
                    for (dx, y) in y.chunks_exact_mut(c).enumerate() {
                        let x = x[dy * f + dx..].iter().step_by(f * f);
                        y.iter_mut().zip(x).for_each(|(y, x)| *y = *x);
                    }
                }
            });
        }
        Op::MaxPool2 => rows(y, w * c, threads, |y, i| {
            let [above, below] = [0, 1].map(|dy| row_of(0, (from + i) * 2 + dy));
            let pairs = above.chunks_exact(2 * c).zip(below.chunks_exact(2 * c));
            for (y, (above, below)) in y.chunks_exact_mut(c).zip(pairs) {
                for (k, y) in y.iter_mut().enumerate() {
                    *y = above[k].max(above[k + c]).max(below[k]).max(below[k + c]);
                }
            }
        }),
        Op::Upsample2 => rows(y, w * c, threads, |y, i| {
            let row = from + i;
            let x = row_of(0, row / 2);
            for (y, x) in y.chunks_exact_mut(2 * c).zip(x.chunks_exact(c)) {
                y[..c].copy_from_slice(x);
                y[c..].copy_from_slice(x);
            }
        }),
        Op::Flatten => {
            crate::engine::rearrange::transpose(
                step.inputs[0].all(),
                y,
                step.input_shapes[0],
                true,
            );
        }
        Op::Unflatten { shape } => {
            crate::engine::rearrange::transpose(step.inputs[0].all(), y, *shape, false);
        }
        Op::Input { .. } => rows(y, w * c, threads, |y, i| step.source.unshuffled(from + i, 1, y)),
        Op::Conv { .. } | Op::UpConv2 { .. } | Op::BatchNorm { .. } | Op::Dense { .. } => {
            unreachable!("{op:?} has a layer of its own")
        }
    }
}
