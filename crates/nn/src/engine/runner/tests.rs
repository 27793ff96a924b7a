use super::*;
use crate::{NodeId, Op, Value};
use restora_image::Rng;

pub(super) fn numbers(n: usize) -> Vec<f32> {
    let mut rng = Rng::new(3, "runner", 0);
    (0..n).map(|_| rng.uniform() as f32 - 0.5).collect()
}

/// Random weights, with batch norms that do something.
pub(super) fn net(graph: Graph) -> Net {
    let mut tensors = Net::random(graph.clone(), 7).tensors();
    for (name, tensor) in &mut tensors {
        if tensor.shape().len() == 1 {
            let mut rng = Rng::new(1, name, 0);
            tensor.data_mut().iter_mut().for_each(|x| *x = 0.3 + rng.uniform() as f32);
        }
    }
    Net::new(graph, tensors).unwrap()
}

fn assert_same(graph: Graph, shape: Shape, layers: usize) {
    let (net, planes) = (net(graph), numbers(shape.iter().product()));
    let wanted = net.forward(Value::from_planes(1, shape, &planes).unwrap(), 1).unwrap();
    let runner = Runner::new(&net);
    assert_eq!(
        runner.layers.len(),
        layers,
        "{:?}",
        runner.layers.iter().map(|l| l.node).collect::<Vec<_>>()
    );
    let (shape_out, first) = runner.run_in_bands(shape, &planes, 1, 0).unwrap();
    assert_eq!(shape_out, wanted.shape());
    for (i, (came, wanted)) in first.iter().zip(wanted.to_planes()).enumerate() {
        let scale = wanted.abs().max(1.0);
        assert!((came - wanted).abs() < 2e-5 * scale, "element {i}: {came} against {wanted}");
    }
    for (threads, band) in [(1, 32), (3, 8), (2, 64)] {
        let (_, again) = runner.run_in_bands(shape, &planes, threads, band).unwrap();
        assert!(again == first, "{threads} threads, bands of {band} rows");
    }
}

fn conv(
    graph: &mut Graph,
    name: &str,
    from: NodeId,
    io: [usize; 2],
    kernel: usize,
    stride: usize,
) -> NodeId {
    let [inputs, outputs] = io;
    graph.push(Op::Conv { name: name.into(), inputs, outputs, kernel, stride, bias: true }, &[from])
}

#[test]
fn a_residual_chain_with_batch_norm_is_one_layer_per_convolution() {
    let mut g = Graph::new(2);
    let mut x = conv(&mut g, "a", 0, [2, 20], 3, 1);
    for i in 0..3 {
        let before = x;
        x = conv(&mut g, &format!("b{i}"), x, [20, 20], 3, 1);
        x = g.push(Op::BatchNorm { name: format!("n{i}"), channels: 20 }, &[x]);
        if i == 1 {
            x = g.push(Op::Add, &[before, x]);
        }
        x = g.relu(x);
    }
    let x = conv(&mut g, "c", x, [20, 2], 3, 1);
    g.push(Op::Sub, &[0, x]);
    assert_same(g, [2, 75, 33], 6);
}

#[test]
fn a_u_shape_equals_the_training_engine() {
    let mut g = Graph::new(3);
    let small = g.push(Op::PixelUnshuffle { factor: 2 }, &[0]);
    let half = conv(&mut g, "a", small, [12, 9], 3, 1);
    let down = g.push(Op::PixelUnshuffle { factor: 2 }, &[half]);
    let down = conv(&mut g, "down", down, [36, 10], 1, 1);
    let down = conv(&mut g, "b", down, [10, 10], 3, 1);
    let up = g.push(Op::UpConv2 { name: "up".into(), inputs: 10, outputs: 9 }, &[down]);
    let x = g.push(Op::Add, &[up, half]);
    let x = conv(&mut g, "c", x, [9, 12], 3, 1);
    let noise = g.push(Op::PixelShuffle { factor: 2 }, &[x]);
    let image = g.push(Op::Slice { from: 0, count: 3 }, &[0]);
    g.push(Op::Sub, &[image, noise]);
    assert_same(g, [3, 132, 44], 6);
}

#[test]
fn pools_strides_and_joins_equal_the_training_engine() {
    let mut g = Graph::new(2);
    let a = conv(&mut g, "a", 0, [2, 5], 5, 1);
    let a = g.push(Op::LeakyRelu { slope: 0.1 }, &[a]);
    let p = g.push(Op::MaxPool2, &[a]);
    let b = conv(&mut g, "b", p, [5, 6], 3, 2);
    let b = g.push(Op::Sigmoid, &[b]);
    let u = g.push(Op::Upsample2, &[b]);
    let joined = g.push(Op::Concat, &[u, p]);
    let cut = g.push(Op::Slice { from: 3, count: 7 }, &[joined]);
    let n = g.push(Op::BatchNorm { name: "n".into(), channels: 7 }, &[cut]);
    let n = g.push(Op::Tanh, &[n]);
    let up = g.push(Op::UpConv2 { name: "up".into(), inputs: 7, outputs: 4 }, &[n]);
    let s = g.push(Op::PixelShuffle { factor: 2 }, &[up]);
    let s = g.push(Op::PixelUnshuffle { factor: 2 }, &[s]);
    let t = g.push(Op::Sub, &[s, up]);
    let r = g.push(Op::Relu, &[t]);
    let r = g.push(Op::Add, &[r, s]);
    conv(&mut g, "last", r, [4, 3], 3, 1);
    assert_same(g, [2, 72, 40], 18);
}

#[test]
fn vectors_pass_too() {
    let mut g = Graph::new(1);
    let f = g.shift(0, -0.5);
    let f = g.push(Op::Flatten, &[f]);
    let a = g.dense("a", f, 40 * 8, 7);
    let a = g.relu(a);
    let b = g.dense("b", a, 7, 40 * 8);
    let b = g.push(Op::Unflatten { shape: [1, 40, 8] }, &[b]);
    conv(&mut g, "c", b, [1, 1], 3, 1);
    assert_same(g, [1, 40, 8], 7);
}
