//! Which nodes of a graph are run together.

use super::layer::{Layer, Work};
use crate::engine::conv::Conv;
use crate::engine::{Net, batch_norm};
use crate::kernels::{Aligned, Winograd};
use crate::{NodeId, Op};

/// What happens to the value of the last layer on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// Depth to space by this.
    pub shuffle: usize,
    /// The result is the image (its first channels) minus the value.
    pub residual: bool,
}

/// The layers of a net and what happens to the value of the last one.
pub fn plan(net: &Net) -> (Vec<Layer>, Last) {
    let nodes = net.graph().nodes();
    let mut plan = Plan { net, readers: vec![0; nodes.len()], layers: Vec::new() };
    let (out, last) = plan.last();
    plan.count_readers(out);
    let mut made: Vec<Option<usize>> = vec![None; nodes.len()];
    for index in 0..=out {
        if plan.readers[index] == 0 || made[index].is_some() {
            continue;
        }
        let Some((end, layer)) = plan.layer(index, &made) else { continue };
        plan.layers.push(layer);
        made[end] = Some(plan.layers.len() - 1);
    }
    (plan.layers, last)
}

struct Plan<'a> {
    net: &'a Net,
    /// Nodes that read this one and whose value is wanted; the output has one more.
    readers: Vec<usize>,
    layers: Vec<Layer>,
}

impl Plan<'_> {
    fn op(&self, node: NodeId) -> &Op {
        &self.net.graph().nodes()[node].op
    }

    fn inputs(&self, node: NodeId) -> &[NodeId] {
        &self.net.graph().nodes()[node].inputs
    }

    /// The node whose value the last layer makes.
    fn last(&self) -> (NodeId, Last) {
        let mut out = self.net.graph().output();
        let mut last = Last { shuffle: 1, residual: false };
        if *self.op(out) == Op::Sub {
            let [image, noise] = [0, 1].map(|i| self.inputs(out)[i]);
            let is_image = image == 0
                || (matches!(self.op(image), Op::Slice { from: 0, .. })
                    && self.inputs(image)[0] == 0);
            if is_image && noise != 0 {
                last.residual = true;
                out = noise;
            }
        }
        if let Op::PixelShuffle { factor } = *self.op(out) {
            last.shuffle = factor;
            out = self.inputs(out)[0];
        }
        (out, last)
    }

    fn count_readers(&mut self, out: NodeId) {
        self.readers[out] = 1;
        for node in (0..=out).rev().filter(|&n| n <= out) {
            if self.readers[node] > 0 {
                for &i in &self.net.graph().nodes()[node].inputs {
                    self.readers[i] += 1;
                }
            }
        }
        // The image itself needs no layer where it is only unshuffled.
        let nodes = self.net.graph().nodes();
        let unshuffled = (1..=out).filter(|&n| {
            self.readers[n] > 0
                && matches!(nodes[n].op, Op::PixelUnshuffle { .. })
                && nodes[n].inputs[0] == 0
        });
        self.readers[0] -= unshuffled.count();
    }

    /// The only node that reads this one.
    fn only_reader(&self, node: NodeId) -> Option<NodeId> {
        let mut readers = (node + 1..self.readers.len())
            .filter(|&n| self.readers[n] > 0 && self.inputs(n).contains(&node));
        let reader = readers.next()?;
        (self.readers[node] == 1).then_some(reader)
    }

    /// The layer that begins at this node, and the node whose value it makes.
    fn layer(&self, index: NodeId, made: &[Option<usize>]) -> Option<(NodeId, Layer)> {
        let net = self.net;
        let from = |node: NodeId| made[node];
        let data = |node: NodeId, i: usize| net.weights(node)[i].data.as_slice();
        let op = self.op(index);
        match op {
            Op::Conv { .. } | Op::Dense { .. } => {
                let input = from(self.inputs(index)[0])?;
                Some(self.conv(index, input, None, made))
            }
            Op::PixelUnshuffle { factor } if self.inputs(index)[0] == 0 => {
                let work = Work::Unshuffled { factor: *factor };
                Some((index, Layer { node: index, work, inputs: Vec::new() }))
            }
            Op::PixelUnshuffle { factor } => {
                let input = from(self.inputs(index)[0])?;
                let next = self
                    .only_reader(index)
                    .filter(|&n| matches!(self.op(n), Op::Conv { kernel: 1, stride: 1, .. }));
                Some(match next {
                    Some(conv) => self.conv(conv, input, Some(*factor), made),
                    None => self.plain(index, vec![input]),
                })
            }
            Op::UpConv2 { outputs, .. } => {
                let input = from(self.inputs(index)[0])?;
                let (weights, co) = (data(index, 0), *outputs);
                let half = |dy: usize| {
                    let rows = weights.chunks_exact(4 * co);
                    let rows = rows.flat_map(|row| row[2 * dy * co..][..2 * co].to_vec());
                    Aligned::from(rows.collect::<Vec<f32>>().as_slice())
                };
                let work = Work::Up { weights: [half(0), half(1)], bias: data(index, 1).repeat(2) };
                let mut layer = Layer { node: index, work, inputs: vec![input] };
                let mut end = index;
                if let Some(add) = self.added(index, index, made) {
                    (end, layer.node) = (add.0, add.0);
                    layer.inputs.push(add.1);
                }
                Some((end, layer))
            }
            Op::BatchNorm { .. } => {
                let input = from(self.inputs(index)[0])?;
                let (scale, shift) = self.affine(index);
                let work = Work::Affine { scale, shift };
                Some((index, Layer { node: index, work, inputs: vec![input] }))
            }
            Op::Input { .. } => Some(self.plain(index, Vec::new())),
            _ => {
                let inputs = self.inputs(index).iter().map(|&i| from(i)).collect::<Option<_>>()?;
                Some(self.plain(index, inputs))
            }
        }
    }

    fn plain(&self, node: NodeId, inputs: Vec<usize>) -> (NodeId, Layer) {
        (node, Layer { node, work: Work::Plain(self.op(node).clone()), inputs })
    }

    fn affine(&self, node: NodeId) -> (Vec<f32>, Vec<f32>) {
        let [gain, offset, mean, variance] = [0, 1, 2, 3].map(|i| &self.net.weights(node)[i].data);
        let statistics = batch_norm::Statistics { mean: mean.clone(), variance: variance.clone() };
        batch_norm::affine(&statistics, gain, offset)
    }

    /// The addition that alone reads `node`, and the layer of its other input, if that comes before
    /// `first`.
    fn added(
        &self,
        node: NodeId,
        first: NodeId,
        made: &[Option<usize>],
    ) -> Option<(NodeId, usize)> {
        let add = self.only_reader(node).filter(|&n| *self.op(n) == Op::Add)?;
        let other = self.inputs(add).iter().copied().find(|&i| i != node)?;
        Some((add, (other < first).then_some(made[other])??))
    }

    /// A convolution with the batch norm, the addition and the cut at zero behind it, and the unshuffling
    /// by `down` before it.
    fn conv(
        &self,
        index: NodeId,
        input: usize,
        down: Option<usize>,
        made: &[Option<usize>],
    ) -> (NodeId, Layer) {
        let conv = Conv::of(self.op(index)).unwrap_or_else(|| unreachable!("a convolution"));
        let tensors = self.net.weights(index);
        let mut weights = tensors[0].data.clone();
        let mut bias = tensors.get(1).map_or_else(|| vec![0.0; conv.outputs], |b| b.data.clone());
        let (mut end, mut relu, mut inputs) = (index, false, vec![input]);
        if let Some(norm) =
            self.only_reader(end).filter(|&n| matches!(self.op(n), Op::BatchNorm { .. }))
        {
            let (scale, shift) = self.affine(norm);
            for row in weights.chunks_exact_mut(conv.outputs) {
                row.iter_mut().zip(&scale).for_each(|(w, s)| *w *= s);
            }
            for ((b, scale), shift) in bias.iter_mut().zip(&scale).zip(&shift) {
                *b = *b * scale + shift;
            }
            end = norm;
        }
        if let Some((add, other)) = self.added(end, index, made) {
            inputs.push(other);
            end = add;
        }
        if let Some(cut) = self.only_reader(end).filter(|&n| *self.op(n) == Op::Relu) {
            relu = true;
            end = cut;
        }
        let work = match down {
            Some(factor) => {
                let weights = down_weights(&weights, factor, conv);
                Work::Down { weights, factor, bias, relu }
            }
            None if conv.kernel == 3 && conv.stride == 1 => {
                let filter = Winograd::new(&weights, conv.inputs, conv.outputs);
                Work::Winograd { filter, bias, relu }
            }
            None => Work::Conv { conv, weights: Aligned::from(weights.as_slice()), bias, relu },
        };
        (end, Layer { node: end, work, inputs })
    }
}

/// The weights `[channel, dy, dx][out]` of an unshuffled map as one matrix `[dx, channel][out]` for every row
/// `dy` of a block: a row of the map is then read as it lies.
fn down_weights(weights: &[f32], f: usize, conv: Conv) -> Vec<Aligned> {
    let (co, channels) = (conv.outputs, conv.inputs / (f * f));
    (0..f)
        .map(|dy| {
            let mut matrix = Aligned::zeros(f * channels * co);
            for (i, row) in matrix.chunks_exact_mut(co).enumerate() {
                let (dx, c) = (i / channels, i % channels);
                row.copy_from_slice(&weights[(c * f * f + dy * f + dx) * co..][..co]);
            }
            matrix
        })
        .collect()
}
