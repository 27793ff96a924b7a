//! The forward pass.

use super::batch_norm::{self, Statistics};
use super::conv::{Conv, Ready, up_conv2};
use super::net::Net;
use super::{Value, rearrange};
use crate::kernels::Epilogue;
use crate::{NnError, Op};

/// The values of all layers, kept for the backward pass.
pub struct Tape {
    pub(crate) values: Vec<Option<Value>>,
    pub(crate) statistics: Vec<Option<Statistics>>,
}

/// What one pass is for.
pub(crate) struct Pass<'a> {
    pub ready: &'a [Option<Ready<'a>>],
    /// Batch norm takes the statistics of the batch, and all values are kept.
    pub training: bool,
    pub threads: usize,
    /// The node whose value is wanted.
    pub until: usize,
}

impl Net {
    /// Runs all layers up to `pass.until`.
    pub(crate) fn pass(&self, x: Value, pass: &Pass) -> Result<Tape, NnError> {
        let shapes = self.graph.shapes(x.shape())?;
        let nodes = self.graph.nodes();
        let n = x.n;
        let mut tape =
            Tape { values: (0..nodes.len()).map(|_| None).collect(), statistics: Vec::new() };
        tape.statistics.resize_with(nodes.len(), || None);
        tape.values[0] = Some(x);
        for (index, node) in nodes.iter().enumerate().take(pass.until + 1).skip(1) {
            if node.op == Op::Relu && self.plan.relu[node.inputs[0]] {
                tape.values[index] = tape.values[node.inputs[0]].take();
                continue;
            }
            let mut y = self.pool.value(n, shapes[index]);
            let statistics = self.layer(index, &tape, pass, &mut y);
            tape.statistics[index] = statistics;
            tape.values[index] = Some(y);
            if !pass.training {
                for &i in &node.inputs {
                    if self.plan.last_use[i] == index && i != pass.until {
                        tape.values[i].take().into_iter().for_each(|v| self.pool.give(v.data));
                    }
                }
            }
        }
        Ok(tape)
    }

    fn layer(&self, index: usize, tape: &Tape, pass: &Pass, y: &mut Value) -> Option<Statistics> {
        let node = &self.graph.nodes()[index];
        let threads = pass.threads;
        let value = |k: usize| {
            let from = node.inputs[k];
            tape.values[from]
                .as_ref()
                .unwrap_or_else(|| unreachable!("value {from} was freed early"))
        };
        let weights = self.weights(index);
        match &node.op {
            Op::Input { .. } => {}
            Op::Conv { .. } | Op::Dense { .. } => {
                let epilogue = Epilogue {
                    bias: weights.get(1).map(|b| b.data.as_slice()),
                    relu: self.plan.relu[index],
                    ..Epilogue::default()
                };
                if let (Some(conv), Some(ready)) = (Conv::of(&node.op), &pass.ready[index]) {
                    conv.forward(ready, value(0), epilogue, y, threads);
                }
            }
            Op::UpConv2 { .. } => {
                up_conv2(value(0), &weights[0].data, &weights[1].data, y, &self.pool, threads);
            }
            Op::BatchNorm { .. } => {
                let [gain, offset, mean, variance] =
                    [0, 1, 2, 3].map(|i| weights[i].data.as_slice());
                let statistics = if pass.training {
                    batch_norm::statistics(value(0), threads)
                } else {
                    Statistics { mean: mean.to_vec(), variance: variance.to_vec() }
                };
                let (scale, shift) = batch_norm::affine(&statistics, gain, offset);
                batch_norm::apply(value(0), &scale, &shift, self.plan.relu[index], y, threads);
                return Some(statistics);
            }
            Op::Relu => {
                super::parallel::zip(&mut y.data, &value(0).data, threads, |_, x| x.max(0.0));
            }
            Op::LeakyRelu { slope } => {
                let slope = *slope;
                super::parallel::zip(&mut y.data, &value(0).data, threads, move |_, x| {
                    if x > 0.0 { x } else { slope * x }
                });
            }
            Op::Sigmoid => {
                super::parallel::zip(&mut y.data, &value(0).data, threads, |_, x| {
                    1.0 / (1.0 + (-x).exp())
                });
            }
            Op::Tanh => super::parallel::zip(&mut y.data, &value(0).data, threads, |_, x| x.tanh()),
            Op::Shift { by } => {
                let by = *by;
                super::parallel::zip(&mut y.data, &value(0).data, threads, move |_, x| x + by);
            }
            Op::Add | Op::Sub => {
                let sign = if node.op == Op::Add { 1.0 } else { -1.0 };
                let (a, b) = (&value(0).data, &value(1).data);
                super::parallel::parts(&mut y.data, 1, threads, |y, from| {
                    let (a, b) = (&a[from..], &b[from..]);
                    restora_image::simd(
                        #[inline(always)]
                        || {
                            for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
                                *y = a + sign * b;
                            }
                        },
                    );
                });
            }
            Op::Concat => {
                let (a, b) = (value(0), value(1));
                rearrange::channels(a, 0, y, 0, a.c, false, threads);
                rearrange::channels(b, 0, y, a.c, b.c, false, threads);
            }
            Op::Slice { from, count } => {
                rearrange::channels(value(0), *from, y, 0, *count, false, threads);
            }
            Op::PixelUnshuffle { factor } => {
                rearrange::shuffle(value(0), y, *factor, false, threads);
            }
            Op::PixelShuffle { factor } => rearrange::shuffle(value(0), y, *factor, true, threads),
            Op::MaxPool2 => rearrange::max_pool(value(0), y, threads),
            Op::Upsample2 => rearrange::upsample2(value(0), y, threads),
            Op::Flatten => {
                rearrange::transpose(&value(0).data, &mut y.data, value(0).shape(), true);
            }
            Op::Unflatten { shape } => {
                rearrange::transpose(&value(0).data, &mut y.data, *shape, false);
            }
        }
        None
    }
}
