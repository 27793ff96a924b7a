//! The backward pass: gradients of all weights, and of the input, from that of the output.

use super::batch_norm::{self, Statistics};
use super::conv::{Conv, bias_gradient, gather};
use super::forward::{Pass, Tape};
use super::net::Net;
use super::{Value, rearrange};
use crate::{NnError, NodeId, Op};

/// What a loss says about an output: its value and its gradient.
pub type LossGradient = (f64, Value);

/// What a training step found.
pub struct Step {
    /// The loss.
    pub loss: f64,
    /// The gradient of every parameter, in the net's own layout; empty for those not trained.
    pub(crate) gradients: Vec<Vec<f32>>,
    /// The gradient of the input, if it was asked for.
    pub input_gradient: Option<Value>,
}

impl Step {
    /// The gradients in the order of [`Net::parameters`], each in the net's own layout; empty for what is
    /// not trained.
    pub fn gradients(&self) -> &[Vec<f32>] {
        &self.gradients
    }
}

impl Net {
    /// One forward and backward pass over a batch, which also moves the running statistics of batch
    /// norms. The weights stay.
    ///
    /// # Errors
    /// [`NnError::Input`] where the batch does not fit the net.
    pub fn step(
        &mut self,
        x: Value,
        wants_input_gradient: bool,
        threads: usize,
        loss: impl FnOnce(&Value) -> LossGradient,
    ) -> Result<Step, NnError> {
        let ready = self.ready(threads);
        let pass = Pass { ready: &ready, training: true, threads, until: self.graph.output() };
        let tape = self.pass(x, &pass);
        ready.into_iter().flatten().for_each(|r| r.recycle(&self.pool));
        let mut tape = tape?;
        let output = tape.values[self.graph.output()].as_ref();
        let (loss, gradient) =
            loss(output.unwrap_or_else(|| unreachable!("the output was computed")));
        let mut step = self.backward(&tape, gradient, wants_input_gradient, threads);
        step.loss = loss;
        for (node, statistics) in tape.statistics.iter().enumerate() {
            let Some(statistics) = statistics else { continue };
            let from = self.graph.nodes()[node].inputs[0];
            let pixels = tape.values[from].as_ref().map_or(1, Value::pixels);
            self.move_statistics(node, statistics, pixels);
        }
        tape.values.drain(..).flatten().for_each(|v| self.pool.give(v.data));
        Ok(step)
    }

    /// Moves the running statistics of the batch norm `node` towards those of a batch of so many pixels.
    pub(crate) fn move_statistics(&mut self, node: usize, batch: &Statistics, pixels: usize) {
        let n = pixels as f32;
        let unbiased = n / (n - 1.0).max(1.0);
        let first = self.first[node];
        let mut blend = |k: usize, new: &[f32], factor: f32| {
            for (old, new) in self.parameters[first + k].data.iter_mut().zip(new) {
                *old += batch_norm::MOMENTUM * (new * factor - *old);
            }
        };
        blend(2, &batch.mean, 1.0);
        blend(3, &batch.variance, unbiased);
    }

    fn backward(
        &self,
        tape: &Tape,
        gradient: Value,
        wants_input_gradient: bool,
        threads: usize,
    ) -> Step {
        let nodes = self.graph.nodes();
        let gradients = (0..nodes.len()).map(|_| None).collect();
        let mut waiting = Waiting { gradients, net: self, all: wants_input_gradient };
        waiting.gradients[self.graph.output()] = Some(gradient);
        let mut gradients = vec![Vec::new(); self.parameters.len()];
        for index in (1..nodes.len()).rev() {
            let Some(g) = waiting.gradients[index].take() else { continue };
            self.layer_backward(index, tape, g, &mut waiting, &mut gradients, threads);
        }
        let input_gradient = waiting.gradients[0].take();
        Step { loss: 0.0, gradients, input_gradient }
    }

    fn layer_backward(
        &self,
        index: usize,
        tape: &Tape,
        mut g: Value,
        waiting: &mut Waiting,
        gradients: &mut [Vec<f32>],
        threads: usize,
    ) {
        let node = &self.graph.nodes()[index];
        let kept = |i: usize| {
            tape.values[i].as_ref().unwrap_or_else(|| unreachable!("value {i} was kept"))
        };
        let from = node.inputs[0];
        let first = self.first[index];
        match &node.op {
            Op::Input { .. } => {}
            Op::Conv { .. } | Op::Dense { .. } => {
                let Some(conv) = Conv::of(&node.op) else { return };
                gradients[first] = conv.weight_gradient(kept(from), &g, &self.pool, threads);
                if self.weights(index).len() > 1 {
                    gradients[first + 1] = bias_gradient(&g, threads);
                }
                let (x, weights) = (kept(from), &self.parameters[first].data);
                waiting.add(from, x.n, x.shape(), |to, accumulate| {
                    conv.input_gradient(weights, &g, to, accumulate, &self.pool, threads);
                });
                self.pool.give(g.data);
            }
            Op::UpConv2 { inputs, outputs, .. } => {
                gradients[first + 1] = bias_gradient(&g, threads);
                let wide = gather(&g, &self.pool, threads);
                let conv = Conv { inputs: *inputs, outputs: 4 * outputs, kernel: 1, stride: 1 };
                gradients[first] = conv.weight_gradient(kept(from), &wide, &self.pool, threads);
                let (x, weights) = (kept(from), &self.parameters[first].data);
                waiting.add(from, x.n, x.shape(), |to, accumulate| {
                    conv.input_gradient(weights, &wide, to, accumulate, &self.pool, threads);
                });
                self.pool.give(wide.data);
                self.pool.give(g.data);
            }
            Op::BatchNorm { .. } => {
                if let Some(statistics) = &tape.statistics[index] {
                    let gain = &self.parameters[first].data;
                    let (gains, offsets) =
                        batch_norm::backward(kept(from), statistics, gain, &mut g, threads);
                    gradients[first] = gains;
                    gradients[first + 1] = offsets;
                }
                waiting.give(from, g, threads);
            }
            Op::Relu => {
                super::parallel::zip(&mut g.data, &kept(index).data, threads, |g, y| {
                    if y > 0.0 { g } else { 0.0 }
                });
                waiting.give(from, g, threads);
            }
            Op::LeakyRelu { slope } => {
                let slope = *slope;
                super::parallel::zip(&mut g.data, &kept(index).data, threads, move |g, y| {
                    if y > 0.0 { g } else { slope * g }
                });
                waiting.give(from, g, threads);
            }
            Op::Sigmoid => {
                super::parallel::zip(&mut g.data, &kept(index).data, threads, |g, y| {
                    g * y * (1.0 - y)
                });
                waiting.give(from, g, threads);
            }
            Op::Tanh => {
                super::parallel::zip(&mut g.data, &kept(index).data, threads, |g, y| {
                    g * (1.0 - y * y)
                });
                waiting.give(from, g, threads);
            }
            Op::Shift { .. } => waiting.give(from, g, threads),
            Op::Add | Op::Sub => {
                let other = node.inputs[1];
                let sign = if node.op == Op::Add { 1.0 } else { -1.0 };
                waiting.add(other, g.n, g.shape(), |to, add| {
                    super::parallel::zip(&mut to.data, &g.data, threads, move |t, g| {
                        if add { t + sign * g } else { sign * g }
                    });
                });
                waiting.give(from, g, threads);
            }
            Op::Concat => {
                let mut at = 0;
                for &i in &node.inputs {
                    let x = kept(i);
                    waiting.add(i, x.n, x.shape(), |to, add| {
                        rearrange::channels(&g, at, to, 0, x.c, add, threads);
                    });
                    at += x.c;
                }
                self.pool.give(g.data);
            }
            Op::Slice { from: channel, count } => {
                let x = kept(from);
                waiting.add_to_zeros(from, x, |to| {
                    rearrange::channels(&g, 0, to, *channel, *count, true, threads);
                });
                self.pool.give(g.data);
            }
            Op::PixelUnshuffle { factor } | Op::PixelShuffle { factor } => {
                let up = matches!(node.op, Op::PixelUnshuffle { .. });
                if waiting.wants(from) {
                    let mut back = self.pool.value(g.n, kept(from).shape());
                    rearrange::shuffle(&g, &mut back, *factor, up, threads);
                    waiting.give(from, back, threads);
                }
                self.pool.give(g.data);
            }
            Op::MaxPool2 => {
                let x = kept(from);
                waiting.add(from, x.n, x.shape(), |to, add| {
                    rearrange::max_pool_gradient(x, &g, to, add, threads);
                });
                self.pool.give(g.data);
            }
            Op::Upsample2 => {
                waiting.add_to_zeros(from, kept(from), |to| {
                    rearrange::upsample2_gradient(&g, to, threads);
                });
                self.pool.give(g.data);
            }
            Op::Flatten => {
                let mut back = self.pool.value(g.n, kept(from).shape());
                let shape = back.shape();
                rearrange::transpose(&g.data, &mut back.data, shape, false);
                waiting.give(from, back, threads);
                self.pool.give(g.data);
            }
            Op::Unflatten { shape } => {
                let mut back = self.pool.value(g.n, kept(from).shape());
                rearrange::transpose(&g.data, &mut back.data, *shape, true);
                waiting.give(from, back, threads);
                self.pool.give(g.data);
            }
        }
    }

    /// Runs the net without keeping anything.
    ///
    /// # Errors
    /// [`NnError::Input`] where the batch does not fit the net.
    pub fn forward(&self, x: Value, threads: usize) -> Result<Value, NnError> {
        self.value(self.graph.output(), x, threads)
    }

    /// The code of an autoencoder.
    ///
    /// # Errors
    /// [`NnError::Input`] where the net has no code or the batch does not fit it.
    pub fn encode(&self, x: Value, threads: usize) -> Result<Value, NnError> {
        let Some(code) = self.graph.code() else {
            return Err(NnError::Input("this net has no code: it is no autoencoder".to_owned()));
        };
        self.value(code, x, threads)
    }

    /// The value of any layer. That of a convolution or a dense layer is what a rectifier after it
    /// leaves.
    ///
    /// # Errors
    /// [`NnError::Input`] where there is no such layer or the batch does not fit the net.
    pub fn value(&self, until: NodeId, x: Value, threads: usize) -> Result<Value, NnError> {
        if until > self.graph.output() {
            let last = self.graph.output();
            return Err(NnError::Input(format!("a layer up to {last} is wanted, got {until}")));
        }
        let ready = self.ready(threads);
        let tape = self.pass(x, &Pass { ready: &ready, training: false, threads, until });
        ready.into_iter().flatten().for_each(|r| r.recycle(&self.pool));
        let mut tape = tape?;
        Ok(tape.values[until].take().unwrap_or_else(|| unreachable!("the value was computed")))
    }
}

/// Gradients that wait for their layer's turn.
struct Waiting<'a> {
    gradients: Vec<Option<Value>>,
    net: &'a Net,
    /// Is the gradient of the input wanted too?
    all: bool,
}

impl Waiting<'_> {
    /// Is the gradient of node `of` of any use?
    fn wants(&self, of: usize) -> bool {
        self.all || self.net.plan.learns[of]
    }

    /// `f(gradient, add to it?)` writes or adds the gradient of node `of`.
    fn add(&mut self, of: usize, n: usize, shape: crate::Shape, f: impl FnOnce(&mut Value, bool)) {
        if !self.wants(of) {
            return;
        }
        if let Some(sum) = &mut self.gradients[of] {
            f(sum, true);
        } else {
            let mut new = self.net.pool.value(n, shape);
            f(&mut new, false);
            self.gradients[of] = Some(new);
        }
    }

    /// As [`Waiting::add`], for an `f` that only adds.
    fn add_to_zeros(&mut self, of: usize, x: &Value, f: impl FnOnce(&mut Value)) {
        self.add(of, x.n, x.shape(), |to, add| {
            if !add {
                to.data.fill(0.0);
            }
            f(to);
        });
    }

    fn give(&mut self, of: usize, gradient: Value, threads: usize) {
        if !self.wants(of) {
            self.net.pool.give(gradient.data);
        } else if let Some(sum) = &mut self.gradients[of] {
            super::parallel::zip(&mut sum.data, &gradient.data, threads, |s, g| s + g);
            self.net.pool.give(gradient.data);
        } else {
            self.gradients[of] = Some(gradient);
        }
    }
}
