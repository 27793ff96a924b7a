//! Batch norm that follows a convolution, folded into it.
//!
//! ```text
//! g = weight / sqrt(running_var + eps)        per output channel, eps = 1e-5
//! conv.weight' = g * conv.weight
//! conv.bias'   = g * (conv.bias - running_mean) + bias
//! ```
//! Reference: Jacob et al. 2018, section 3.2, arXiv 1712.05877.

use crate::{Graph, NnError, NodeId, Op, Tensor, Tensors, weights};

/// Added to the variance, as in `PyTorch` and in our batch norm.
const EPSILON: f64 = 1e-5;

/// The same net without those batch norms that read a convolution which nobody else reads. The
/// outputs agree up to rounding (the products are made in double precision).
///
/// # Errors
/// [`NnError::Input`] where the tensors are not those of the graph.
pub fn fold_batch_norm(graph: &Graph, tensors: &Tensors) -> Result<(Graph, Tensors), NnError> {
    weights::check(tensors, graph)?;
    let nodes = graph.nodes();
    let mut readers = vec![0_usize; nodes.len()];
    nodes.iter().flat_map(|n| &n.inputs).for_each(|&i| readers[i] += 1);
    let foldable = |index: NodeId| match (&nodes[index].op, nodes[index].inputs.as_slice()) {
        (Op::BatchNorm { name, .. }, &[from]) => match &nodes[from].op {
            Op::Conv { name: conv, .. } if readers[from] == 1 && graph.code() != Some(from) => {
                // The output is the last node: it may not move.
                (index + 1 < nodes.len() || from + 1 == index).then_some((from, conv, name))
            }
            _ => None,
        },
        _ => None,
    };
    let mut folded = tensors.clone();
    let mut with_bias = vec![false; nodes.len()];
    for (from, conv, norm) in (0..nodes.len()).filter_map(foldable) {
        with_bias[from] = true;
        fold(&mut folded, conv, norm);
    }
    let mut place: Vec<NodeId> = Vec::with_capacity(nodes.len());
    let mut result: Option<Graph> = None;
    for (index, node) in nodes.iter().enumerate() {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|&i| place[i]).collect();
        let mut op = node.op.clone();
        if let Op::Conv { bias, .. } = &mut op {
            *bias |= with_bias[index];
        }
        let at = match (&mut result, op) {
            (_, Op::Input { channels }) => {
                result = Some(Graph::new(channels));
                0
            }
            (Some(_), _) if foldable(index).is_some() => inputs[0],
            (Some(result), op) => result.push(op, &inputs),
            (None, _) => return Err(NnError::Input("the graph has no input".to_owned())),
        };
        place.push(at);
    }
    let mut result = result.ok_or_else(|| NnError::Input("the graph is empty".to_owned()))?;
    if let Some(code) = graph.code() {
        result.set_code(place[code]);
    }
    Ok((result, folded))
}

/// Multiplies one batch norm into one convolution. The tensors have been checked.
fn fold(tensors: &mut Tensors, conv: &str, norm: &str) {
    let mut take = |part: &str| {
        let tensor = tensors.remove(&format!("{norm}.{part}"));
        tensor.map(Tensor::into_data).unwrap_or_default()
    };
    let (weight, bias) = (take("weight"), take("bias"));
    let (mean, variance) = (take("running_mean"), take("running_var"));
    let gain: Vec<f64> = weight
        .iter()
        .zip(&variance)
        .map(|(&w, &v)| f64::from(w) / (f64::from(v) + EPSILON).sqrt())
        .collect();
    if let Some(filters) = tensors.get_mut(&format!("{conv}.weight")) {
        let length = (filters.data().len() / gain.len().max(1)).max(1);
        for (row, &g) in filters.data_mut().chunks_exact_mut(length).zip(&gain) {
            for w in row {
                *w = (f64::from(*w) * g) as f32;
            }
        }
    }
    let name = format!("{conv}.bias");
    let channels = gain.len();
    let own = tensors.entry(name).or_insert_with(|| Tensor::zeros(&[channels]));
    for (i, b) in own.data_mut().iter_mut().enumerate() {
        *b = (gain[i] * (f64::from(*b) - f64::from(mean[i])) + f64::from(bias[i])) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Net, Value};

    #[test]
    fn a_folded_net_gives_the_same_output_and_other_batch_norms_stay() {
        let mut graph = Graph::new(2);
        let conv = |g: &mut Graph, name: &str, from, io: [usize; 2], bias| {
            let (name, [inputs, outputs]) = (name.to_owned(), io);
            g.push(Op::Conv { name, inputs, outputs, kernel: 3, stride: 1, bias }, &[from])
        };
        let norm = |g: &mut Graph, name: &str, from, channels| {
            g.push(Op::BatchNorm { name: name.to_owned(), channels }, &[from])
        };
        let first = norm(&mut graph, "first", 0, 2);
        let a = conv(&mut graph, "a", first, [2, 5], false);
        let an = norm(&mut graph, "an", a, 5);
        let r = graph.relu(an);
        let b = conv(&mut graph, "b", r, [5, 5], true);
        let bn = norm(&mut graph, "bn", b, 5);
        // Two read `c`: its batch norm must stay.
        let c = conv(&mut graph, "c", bn, [5, 5], true);
        let cn = norm(&mut graph, "cn", c, 5);
        graph.push(Op::Add, &[c, cn]);
        graph.set_code(bn);
        let mut tensors = Net::random(graph.clone(), 1).tensors();
        for (i, (name, tensor)) in tensors.iter_mut().enumerate() {
            if tensor.shape().len() == 1 {
                let low = if name.ends_with("var") { 0.3 } else { -0.5 };
                let wave = |j: usize| ((i * 7 + j * 3) as f32 * 0.7).sin().abs() + low;
                tensor.data_mut().iter_mut().enumerate().for_each(|(j, v)| *v = wave(j));
            }
        }
        let (folded, numbers) = fold_batch_norm(&graph, &tensors).unwrap();
        weights::check(&numbers, &folded).unwrap();
        assert_eq!(folded.nodes().len(), graph.nodes().len() - 2);
        assert_eq!(folded.code(), Some(4));
        let left = folded.nodes().iter().filter(|n| matches!(n.op, Op::BatchNorm { .. })).count();
        assert_eq!(left, 2);
        let planes: Vec<f32> = (0..2 * 63).map(|i| (i as f32 * 0.37).sin()).collect();
        let run = |graph: Graph, tensors| {
            let x = Value::from_planes(1, [2, 7, 9], &planes).unwrap();
            Net::new(graph, tensors).unwrap().forward(x, 1).unwrap().to_planes()
        };
        let (before, after) = (run(graph, tensors), run(folded, numbers));
        assert!(before.iter().any(|v| v.abs() > 0.5));
        for (x, y) in before.iter().zip(&after) {
            assert!((x - y).abs() < 2e-5, "{x} {y}");
        }
    }
}
