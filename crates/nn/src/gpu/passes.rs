//! A [`Graph`] as operations of Burn, planes first.

use super::device::{Norms, Weights};
use crate::engine::batch_norm::EPSILON;
use crate::{Graph, NodeId, Op};
use burn_tensor::Tensor;
use burn_tensor::activation::{leaky_relu, relu, sigmoid, tanh};
use burn_tensor::module::{conv_transpose2d, conv2d, max_pool2d};
use burn_tensor::ops::{ConvOptions, ConvTransposeOptions, MaxPoolOptions};

/// Mean over items, rows and columns.
fn mean(x: Tensor<4>) -> Tensor<4> {
    x.mean_dim(0).mean_dim(2).mean_dim(3)
}

/// The value of the node `until` for the batch `x`. Batch norms take the statistics of the batch where
/// there is a place to note them, and their running ones otherwise.
pub fn pass(
    graph: &Graph,
    weights: &Weights,
    x: Tensor<4>,
    mut norms: Option<&mut Norms>,
    until: NodeId,
) -> Tensor<4> {
    let mut values: Vec<Option<Tensor<4>>> = vec![None; graph.nodes().len()];
    let mut last = vec![0; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate() {
        node.inputs.iter().for_each(|&i| last[i] = index);
    }
    values[0] = Some(x);
    for (index, node) in graph.nodes().iter().enumerate().take(until + 1).skip(1) {
        let value = |k: usize| {
            values[node.inputs[k]].clone().unwrap_or_else(|| unreachable!("freed early"))
        };
        let vector = |name: &str, part: &str| weights[&format!("{name}.{part}")].clone();
        let channels = |name: &str, part: &str| {
            let v = vector(name, part);
            let [c] = v.dims();
            v.reshape([1, c, 1, 1])
        };
        let y = match &node.op {
            Op::Input { .. } => value(0),
            Op::Conv { name, inputs, outputs, kernel, stride, bias } => {
                let w = vector(name, "weight").reshape([*outputs, *inputs, *kernel, *kernel]);
                let bias = bias.then(|| vector(name, "bias"));
                let options = ConvOptions::new([*stride; 2], [kernel / 2; 2], [1, 1], 1);
                conv2d(value(0), w, bias, options)
            }
            Op::UpConv2 { name, inputs, outputs } => {
                let w = vector(name, "weight").reshape([*inputs, *outputs, 2, 2]);
                let options = ConvTransposeOptions::new([2, 2], [0, 0], [0, 0], [1, 1], 1);
                conv_transpose2d(value(0), w, Some(vector(name, "bias")), options)
            }
            Op::BatchNorm { name, .. } => {
                let x = value(0);
                let (mean, variance) = if let Some(norms) = &mut norms {
                    let mean = mean(x.clone());
                    let variance = self::mean((x.clone() - mean.clone()).square());
                    norms.push((index, mean.clone(), variance.clone()));
                    (mean, variance)
                } else {
                    (channels(name, "running_mean"), channels(name, "running_var"))
                };
                let scale = channels(name, "weight") / (variance + EPSILON).sqrt();
                (x - mean) * scale + channels(name, "bias")
            }
            Op::Dense { name, inputs, outputs } => {
                let x = value(0);
                let n = x.dims()[0];
                let w = vector(name, "weight").reshape([*outputs, *inputs]).transpose();
                let y = x.reshape([n, *inputs]).matmul(w);
                (y + vector(name, "bias").reshape([1, *outputs])).reshape([n, *outputs, 1, 1])
            }
            Op::Relu => relu(value(0)),
            Op::LeakyRelu { slope } => leaky_relu(value(0), f64::from(*slope)),
            Op::Sigmoid => sigmoid(value(0)),
            Op::Tanh => tanh(value(0)),
            Op::Shift { by } => value(0) + *by,
            Op::Add => value(0) + value(1),
            Op::Sub => value(0) - value(1),
            Op::Concat => Tensor::cat(vec![value(0), value(1)], 1),
            Op::Slice { from, count } => value(0).narrow(1, *from, *count),
            Op::PixelUnshuffle { factor: f } => {
                let x = value(0);
                let [n, c, h, w] = x.dims();
                let parts: Tensor<6> = x.reshape([n, c, h / f, *f, w / f, *f]);
                parts.permute([0, 1, 3, 5, 2, 4]).reshape([n, c * f * f, h / f, w / f])
            }
            Op::PixelShuffle { factor: f } => {
                let x = value(0);
                let [n, c, h, w] = x.dims();
                let c = c / (f * f);
                let parts: Tensor<6> = x.reshape([n, c, *f, *f, h, w]);
                parts.permute([0, 1, 4, 2, 5, 3]).reshape([n, c, h * f, w * f])
            }
            Op::MaxPool2 => max_pool2d(value(0), MaxPoolOptions::new([2, 2])),
            Op::Upsample2 => {
                let x = value(0);
                let [n, c, h, w] = x.dims();
                let wide: Tensor<6> = x.reshape([n, c, h, 1, w, 1]);
                wide.repeat_dim(3, 2).repeat_dim(5, 2).reshape([n, c, 2 * h, 2 * w])
            }
            Op::Flatten => {
                let x = value(0);
                let [n, c, h, w] = x.dims();
                x.reshape([n, c * h * w, 1, 1])
            }
            Op::Unflatten { shape: [c, h, w] } => {
                let x = value(0);
                let n = x.dims()[0];
                x.reshape([n, *c, *h, *w])
            }
        };
        for &i in &node.inputs {
            if last[i] == index {
                values[i] = None;
            }
        }
        values[index] = Some(y);
    }
    values[until].take().unwrap_or_else(|| unreachable!("the value was computed"))
}
