use super::*;
use crate::{Graph, NodeId, Op};
use restora_image::Rng;

fn random(n: usize, shape: [usize; 3], seed: u64) -> Value {
    let mut rng = Rng::new(seed, "value", 0);
    let planes: Vec<f32> =
        (0..n * shape.iter().product::<usize>()).map(|_| rng.normal() as f32).collect();
    Value::from_planes(n, shape, &planes).unwrap()
}

/// Half the squared distance to a fixed target, and its gradient.
fn loss(output: &Value) -> LossGradient {
    let target = random(output.n, output.shape(), 99);
    let mut gradient = output.clone();
    gradient.data.iter_mut().zip(&target.data).for_each(|(g, t)| *g -= t);
    (gradient.data.iter().map(|&g| 0.5 * f64::from(g).powi(2)).sum(), gradient)
}

/// Compares the gradients of every parameter and of the input with central differences of the loss.
fn assert_gradients(graph: &Graph, n: usize, shape: [usize; 3]) {
    let x = random(n, shape, 1);
    let mut net = Net::random(graph.clone(), 3);
    let tensors = net.tensors();
    let step = net.step(x.clone(), true, 2, loss).unwrap();
    let at = |tensors: &crate::Tensors, x: &Value| {
        Net::new(graph.clone(), tensors.clone())
            .unwrap()
            .step(x.clone(), false, 1, loss)
            .unwrap()
            .loss
    };
    let close = |name: &str, came: f32, f: &dyn Fn(f32) -> f64| {
        let h = 3e-3;
        let wanted = (f(h) - f(-h)) / f64::from(2.0 * h);
        let scale = wanted.abs().max(f64::from(came).abs()).max(1.0);
        assert!((f64::from(came) - wanted).abs() < 0.03 * scale, "{name}: {came} against {wanted}");
    };
    for (parameter, gradient) in
        net.parameters.iter().zip(&step.gradients).filter(|(p, _)| p.trained)
    {
        let mut as_file = parameter.clone();
        as_file.data.clone_from(gradient);
        let shell = Net { parameters: vec![as_file], ..Net::random(Graph::new(1), 0) };
        let in_file_order = shell.tensors().remove(&parameter.name).unwrap();
        let count = gradient.len();
        for i in [0, count / 3, count / 2, count - 1] {
            close(&parameter.name, in_file_order.data()[i], &|h| {
                let mut moved = tensors.clone();
                moved.get_mut(&parameter.name).unwrap().data_mut()[i] += h;
                at(&moved, &x)
            });
        }
    }
    let gradient = step.input_gradient.unwrap();
    for i in [0, x.data.len() / 2, x.data.len() - 1] {
        close("input", gradient.data[i], &|h| {
            let mut moved = x.clone();
            moved.data[i] += h;
            at(&tensors, &moved)
        });
    }
}

/// Compares the norm of the gradient of every tensor with the slope of the loss along it. Corners of
/// rectifiers, which spoil differences along a single weight, even out here.
pub(crate) fn assert_slopes(mut net: Net, n: usize, shape: [usize; 3]) {
    let x = random(n, shape, 1);
    let found = net.step(x.clone(), false, 1, loss).unwrap();
    for (i, gradient) in found.gradients.iter().enumerate() {
        if !net.parameters[i].trained {
            continue;
        }
        let norm = gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        let start = net.parameters[i].data.clone();
        let mut at = |h: f64| {
            for ((w, s), g) in net.parameters[i].data.iter_mut().zip(&start).zip(gradient) {
                *w = s + (h / norm * f64::from(*g)) as f32;
            }
            net.step(x.clone(), false, 1, loss).unwrap().loss
        };
        let h = 5e-4;
        let slope = (at(h) - at(-h)) / (2.0 * h);
        at(0.0);
        let name = &net.parameters[i].name;
        assert!(norm > 0.0 && (slope / norm - 1.0).abs() < 0.03, "{name}: {norm} against {slope}");
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
fn gradients_of_convolutions_match_finite_differences() {
    for (kernel, stride) in [(3, 1), (1, 1), (5, 1), (3, 2), (2, 2), (5, 3)] {
        let mut graph = Graph::new(3);
        let a = conv(&mut graph, "a", 0, [3, 5], kernel, stride);
        let a = graph.push(Op::Tanh, &[a]);
        conv(&mut graph, "b", a, [5, 4], 3, 1);
        assert_gradients(&graph, 2, [3, 7, 9]);
    }
}

#[test]
fn gradients_of_batch_norm_and_residuals_match_finite_differences() {
    let mut graph = Graph::new(2);
    let a = conv(&mut graph, "a", 0, [2, 6], 3, 1);
    let b = graph.push(Op::BatchNorm { name: "n".into(), channels: 6 }, &[a]);
    let r = graph.push(Op::Tanh, &[b]);
    let c = conv(&mut graph, "c", r, [6, 6], 3, 1);
    let s = graph.push(Op::Add, &[r, c]);
    let d = conv(&mut graph, "d", s, [6, 2], 1, 1);
    graph.push(Op::Sub, &[0, d]);
    assert_gradients(&graph, 3, [2, 6, 8]);
}

#[test]
fn gradients_of_a_u_shape_match_finite_differences() {
    let mut graph = Graph::new(2);
    let u = graph.push(Op::PixelUnshuffle { factor: 2 }, &[0]);
    let a = conv(&mut graph, "a", u, [8, 4], 3, 1);
    let p = graph.push(Op::MaxPool2, &[a]);
    let b = conv(&mut graph, "b", p, [4, 6], 3, 1);
    let b = graph.push(Op::Sigmoid, &[b]);
    let up = graph.push(Op::UpConv2 { name: "up".into(), inputs: 6, outputs: 3 }, &[b]);
    let nearest = graph.push(Op::Upsample2, &[b]);
    let joined = graph.push(Op::Concat, &[up, nearest]);
    let cut = graph.push(Op::Slice { from: 2, count: 5 }, &[joined]);
    let joined = graph.push(Op::Concat, &[cut, a]);
    let c = conv(&mut graph, "c", joined, [9, 8], 3, 1);
    graph.push(Op::PixelShuffle { factor: 2 }, &[c]);
    assert_gradients(&graph, 2, [2, 8, 12]);
}

#[test]
fn gradients_of_a_dense_autoencoder_match_finite_differences() {
    let mut graph = Graph::new(2);
    let f = graph.shift(0, -0.5);
    let f = graph.push(Op::Flatten, &[f]);
    let a = graph.dense("a", f, 24, 7);
    let a = graph.push(Op::Tanh, &[a]);
    let b = graph.dense("b", a, 7, 24);
    graph.push(Op::Unflatten { shape: [2, 3, 4] }, &[b]);
    assert_gradients(&graph, 3, [2, 3, 4]);
}

#[test]
fn weights_come_out_as_they_went_in_and_wrong_ones_are_all_named() {
    let mut graph = Graph::new(2);
    let a = conv(&mut graph, "a", 0, [2, 3], 3, 1);
    graph.push(Op::UpConv2 { name: "up".into(), inputs: 3, outputs: 2 }, &[a]);
    let mut tensors = Net::random(graph.clone(), 1).tensors();
    assert_eq!(Net::new(graph.clone(), tensors.clone()).unwrap().tensors(), tensors);
    tensors.remove("a.bias");
    tensors.insert("extra".into(), crate::Tensor::zeros(&[1]));
    tensors.insert("up.bias".into(), crate::Tensor::zeros(&[3]));
    let message = Net::new(graph, tensors).unwrap_err().to_string();
    for part in ["`a.bias` is missing", "`extra` is not part", "`up.bias` is [3], wanted [2]"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_gradients() {
    let mut graph = Graph::new(3);
    let a = conv(&mut graph, "a", 0, [3, 20], 3, 1);
    let a = graph.push(Op::BatchNorm { name: "n".into(), channels: 20 }, &[a]);
    let a = graph.relu(a);
    conv(&mut graph, "b", a, [20, 3], 5, 2);
    let run = |threads| {
        let step = Net::random(graph.clone(), 3)
            .step(random(3, [3, 50, 40], 1), true, threads, loss)
            .unwrap();
        (step.loss, step.gradients, step.input_gradient)
    };
    assert_eq!(run(1), run(3));
}
