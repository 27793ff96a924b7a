use super::*;
use crate::models::{Architecture, DenseAutoencoder};
use crate::onnx::{
    export,
    reader::{OnnxNode, one_step},
};
use crate::{Net, Value as Batch};

/// A small autoencoder of ours with an input for it.
fn ours() -> (Net, Vec<u8>, Vec<f32>) {
    let model = DenseAutoencoder {
        shape: [1, 16, 16],
        code: 5,
        hidden: vec![20],
        ..DenseAutoencoder::default()
    };
    let net = model.start(3);
    let file = export(net.graph(), &net.tensors(), [1, 16, 16], None).unwrap();
    let picture = (0..256).map(|i| (i * i % 53) as f32 / 52.0).collect();
    (net, file, picture)
}

fn close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn a_net_of_ours_says_the_same_after_its_way_through_a_file() {
    let (net, file, picture) = ours();
    let input = || Batch::from_planes(1, [1, 16, 16], &picture).unwrap();
    let code = OnnxNet::from_bytes(&file, &OnnxValue::Named("code".into())).unwrap();
    assert_eq!(
        (code.producer(), code.channels(), code.size()),
        ("restora", Some(1), Some([16, 16]))
    );
    let found = code.run(&picture, [1, 16, 16], 1).unwrap();
    close(&found, &net.encode(input(), 1).unwrap().to_planes());
    assert_eq!(found, code.run(&picture, [1, 16, 16], 2).unwrap());
    let whole = OnnxNet::from_bytes(&file, &OnnxValue::Result).unwrap();
    let output = net.forward(input(), 1).unwrap().to_planes();
    let mean = output.iter().sum::<f32>() / 256.0;
    close(&whole.run(&picture, [1, 16, 16], 1).unwrap(), &[mean]);
    assert!(!whole.is_softmax());
}

#[test]
fn any_value_of_the_graph_is_read_by_its_name() {
    let (net, file, picture) = ours();
    let outline = Outline::of(&file).unwrap();
    let dense = outline.nodes.iter().find(|n| ["Gemm", "MatMul"].contains(&n.op.as_str())).unwrap();
    let name = dense.outputs[0].clone();
    assert!(!outline.outputs.contains(&name));
    let layer = OnnxNet::from_bytes(&file, &OnnxValue::Named(name)).unwrap();
    let found = layer.run(&picture, [1, 16, 16], 1).unwrap();
    let channels =
        net.tensors().iter().find(|(name, _)| name.ends_with("weight")).unwrap().1.shape()[0];
    assert_eq!(found.len(), channels);
}

#[test]
fn what_is_wrong_is_told() {
    let (_, file, picture) = ours();
    let error = OnnxNet::from_bytes(&file, &OnnxValue::Named("fc9".into())).unwrap_err();
    assert!(error.to_string().contains("`layer`") && error.to_string().contains("fc9"), "{error}");
    let net = OnnxNet::from_bytes(&file, &OnnxValue::Result).unwrap();
    assert!(net.run(&picture[..255], [1, 16, 16], 1).is_err());
    assert!(net.run(&picture, [1, 8, 32], 1).is_err());
    assert!(net.run(&[], [1, 0, 0], 1).is_err());
    for end in [0, 1, 10, file.len() / 2, file.len() - 1] {
        assert!(OnnxNet::from_bytes(&file[..end], &OnnxValue::Result).is_err(), "{end}");
    }
}

#[test]
fn a_softmax_is_that_of_its_operator_set() {
    let numbers = [0.5f32, -1.0, 2.0, 0.25, 1.5, -0.5];
    let shares = |group: &dyn Fn(usize) -> usize| -> Vec<f32> {
        let sum = |i: usize| -> f32 {
            (0..6).filter(|j| group(*j) == group(i)).map(|j| numbers[j].exp()).sum()
        };
        (0..6).map(|i| numbers[i].exp() / sum(i)).collect()
    };
    // What the runtime gives is averaged over places: here two.
    let averaged =
        |v: &[f32]| -> Vec<f32> { v.chunks(2).map(|v| f32::midpoint(v[0], v[1])).collect() };
    let (all, across, places) = (shares(&|_| 0), shares(&|i| i % 2), shares(&|i| i / 2));
    for (version, axis, wanted) in [
        (7, None, &all),
        (12, None, &all),
        (7, Some(1), &all),
        (11, Some(2), &places),
        (13, None, &places),
        (13, Some(1), &across),
    ] {
        for op in ["Softmax", "LogSoftmax"] {
            let wanted: Vec<f32> = if op == "Softmax" {
                wanted.clone()
            } else {
                wanted.iter().map(|v| v.ln()).collect()
            };
            let net =
                OnnxNet::from_bytes(&one_step(op, version, axis), &OnnxValue::Result).unwrap();
            close(&net.run(&numbers, [3, 1, 2], 1).unwrap(), &averaged(&wanted));
            assert_eq!(net.is_softmax(), op == "Softmax");
        }
    }
}

/// The outline of a net whose steps are `(operator, inputs)`: `w` is a constant, each value has the
/// number of its step.
fn outline(steps: &[(&str, &[&str])]) -> Outline {
    let node = |(i, (op, inputs)): (usize, &(&str, &[&str]))| OnnxNode {
        op: (*op).to_owned(),
        inputs: inputs.iter().map(ToString::to_string).collect(),
        outputs: vec![i.to_string()],
    };
    Outline {
        nodes: steps.iter().enumerate().map(node).collect(),
        constants: ["w".to_owned()].into(),
        ..Outline::default()
    }
}

#[test]
fn the_embedding_is_what_the_classifier_looks_at() {
    type Nodes = &'static [(&'static str, &'static [&'static str])];
    let cases: [(Nodes, Option<&str>); 7] = [
        // SqueezeNet: a convolution, pooled.
        (
            &[
                ("Concat", &["x"]),
                ("Dropout", &["0"]),
                ("Conv", &["1", "w", "w"]),
                ("Relu", &["2"]),
                ("GlobalAveragePool", &["3"]),
                ("Softmax", &["4"]),
            ],
            Some("1"),
        ),
        // ResNet as PyTorch writes it.
        (
            &[("GlobalAveragePool", &["x"]), ("Flatten", &["0"]), ("Gemm", &["1", "w", "w"])],
            Some("1"),
        ),
        // A product and a bias apart.
        (&[("Reshape", &["x", "w"]), ("MatMul", &["0", "w"]), ("Add", &["1", "w"])], Some("0")),
        // A projection without a bias is an embedding, and so is what is normalized.
        (&[("MatMul", &["x", "w"])], None),
        (&[("Gemm", &["x", "w", "w"]), ("BatchNormalization", &["0", "w"])], None),
        // A net that makes pictures.
        (&[("Relu", &["x"]), ("Conv", &["0", "w", "w"])], None),
        // Only a softmax tells that a product without a bias classifies.
        (&[("MatMul", &["x", "w"]), ("Softmax", &["0"])], Some("x")),
    ];
    for (steps, wanted) in cases {
        let outline = outline(steps);
        let result = (steps.len() - 1).to_string();
        assert_eq!(embedding(&outline, &result).as_deref(), wanted, "{steps:?}");
    }
}
