//! Parts that several convolutional nets are made of.

use crate::{Graph, NodeId, Op};

/// `count` times `x + second(relu(first(x)))`, 3x3 convolutions that keep the width. Tensors:
/// `name.0.first`, `name.0.second`, `name.1.first` and so on.
pub(super) fn blocks(
    g: &mut Graph,
    name: &str,
    mut x: NodeId,
    width: usize,
    count: usize,
) -> NodeId {
    for i in 0..count {
        let y = g.conv(&format!("{name}.{i}.first"), x, [width, width], 3);
        let y = g.relu(y);
        let y = g.conv(&format!("{name}.{i}.second"), y, [width, width], 3);
        x = g.push(Op::Add, &[y, x]);
    }
    x
}

/// How much smaller than usual a tensor of [`blocks`] begins: its second layers a tenth, so that deep
/// nets begin near the identity and train at high rates (after Zhang, Dauphin, Ma 2019, arXiv
/// 1901.09321).
pub(super) fn quiet(name: &str) -> f32 {
    if name.ends_with(".second.weight") { 0.1 } else { 1.0 }
}

/// A 2x2 convolution with stride 2.
pub(super) fn down(g: &mut Graph, name: &str, x: NodeId, [from, to]: [usize; 2]) -> NodeId {
    let x = g.push(Op::PixelUnshuffle { factor: 2 }, &[x]);
    g.conv(name, x, [4 * from, to], 1)
}

/// A 2x2 transposed convolution with stride 2.
pub(super) fn up(g: &mut Graph, name: &str, x: NodeId, [inputs, outputs]: [usize; 2]) -> NodeId {
    g.push(Op::UpConv2 { name: name.to_owned(), inputs, outputs }, &[x])
}
