//! That the files mean the same to another engine is what `tools/onnx/check.py` measures, on those
//! that `examples/onnx_cases.rs` writes.

use super::*;
use crate::models::{Architecture, DnCnn};
use crate::{Net, Tensor};

fn small() -> (Graph, Tensors) {
    let net = DnCnn { layers: 3, features: 2, ..DnCnn::default() }.start(1);
    (net.graph().clone(), net.tensors())
}

#[test]
fn the_file_holds_every_tensor_the_card_and_the_same_bytes_twice() {
    let (graph, tensors) = small();
    let card = ModelCard::new("dncnn", serde_json::Value::Null);
    let file = export(&graph, &tensors, [1, 8, 8], Some(&card)).unwrap();
    assert_eq!(export(&graph, &tensors, [1, 64, 32], Some(&card)).unwrap(), file);
    let has = |part: &[u8]| file.windows(part.len()).any(|w| w == part);
    for (name, tensor) in &tensors {
        let bytes: Vec<u8> = tensor.data().iter().flat_map(|v| v.to_le_bytes()).collect();
        assert!(has(name.as_bytes()) && has(&bytes), "{name}");
    }
    assert!(has(b"\"architecture\":\"dncnn\"") && has(b"height") && !has(b"out_height"));
}

#[test]
fn tensors_and_shapes_that_do_not_fit_are_refused() {
    let (graph, mut tensors) = small();
    assert!(export(&graph, &tensors, [2, 8, 8], None).is_err());
    tensors.insert("conv1.bias".into(), Tensor::zeros(&[3]));
    let error = export(&graph, &tensors, [1, 8, 8], None).unwrap_err();
    assert!(error.to_string().contains("`conv1.bias` has shape [3], wanted [2]"), "{error}");
}

#[test]
fn two_layers_of_one_name_are_refused() {
    let mut graph = Graph::new(1);
    let a = graph.conv("a", 0, [1, 1], 3);
    graph.conv("a", a, [1, 1], 3);
    let mut one = Graph::new(1);
    one.conv("a", 0, [1, 1], 3);
    let tensors = Net::random(one, 0).tensors();
    let error = export(&graph, &tensors, [1, 4, 4], None).unwrap_err().to_string();
    assert!(error.contains("`a.weight`"), "{error}");
}
