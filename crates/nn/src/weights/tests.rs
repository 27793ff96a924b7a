use super::*;
use crate::{Op, Tensor};
use serde_json::json;

fn net() -> Graph {
    let mut graph = Graph::new(1);
    let a = graph.conv("a", 0, [1, 2], 3);
    let n = graph.push(Op::BatchNorm { name: "n".into(), channels: 2 }, &[a]);
    graph.conv("b", n, [2, 1], 1);
    graph
}

fn weights() -> Weights {
    let tensors = net().parameters().into_iter().enumerate();
    let tensors = tensors.map(|(i, (name, shape, _))| {
        let count = shape.iter().product();
        let numbers = (0..count).map(|j| ((i * 31 + j * 7) as f32 * 0.37).sin()).collect();
        (name, Tensor::new(shape, numbers).unwrap())
    });
    let mut card = ModelCard::new("dncnn", json!({"channels": 1, "slope": 0.1}));
    card.data = "photos_open, 2,000 pictures".into();
    card.seed = Some(u64::MAX);
    card.scores.insert("PSNR".into(), 0.1 + 0.2);
    card.recipe = json!({"steps": 100, "rate": 1e-3, "nested": [1, [2.5, null]]});
    Weights { card, tensors: tensors.collect() }
}

#[test]
fn weights_and_card_come_back_and_again_the_same_bytes() {
    let bytes = weights().to_bytes(Precision::F32).unwrap();
    assert_eq!(Weights::from_bytes(&bytes).unwrap(), weights());
    for precision in [Precision::F32, Precision::F16, Precision::Int8] {
        let bytes = weights().to_bytes(precision).unwrap();
        let back = Weights::from_bytes(&bytes).unwrap();
        assert_eq!(back.card, weights().card);
        back.check(&net()).unwrap();
        assert_eq!(back.to_bytes(precision).unwrap(), bytes, "{precision:?}");
    }
}

#[test]
fn a_file_without_a_card_or_with_a_broken_one_says_so() {
    let tensors = weights().tensors;
    let with = |texts: &[(&str, &str)]| {
        let texts = texts.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        let bytes = safetensors::write(&tensors, Precision::F32, &texts).unwrap();
        Weights::from_bytes(&bytes).unwrap_err()
    };
    assert!(matches!(with(&[]), NnError::Unsupported(m) if m.contains("no model card")));
    assert!(
        matches!(with(&[("restora", "{}")]), NnError::Corrupt(m) if m.contains("architecture"))
    );
    let deep = format!(r#"{{"architecture":"x","config":{}"#, "[".repeat(10_000));
    assert!(matches!(with(&[("restora", &deep)]), NnError::Corrupt(m) if m.contains("recursion")));
}

#[test]
fn a_score_that_is_not_a_number_is_not_written() {
    let mut w = weights();
    w.card.scores.insert("SSIM".into(), f64::NAN);
    assert!(w.to_bytes(Precision::F32).unwrap_err().to_string().contains("`SSIM`"));
}

#[test]
fn one_error_names_every_tensor_that_does_not_fit() {
    let mut w = weights();
    w.check(&net()).unwrap();
    w.tensors.remove("a.bias");
    w.tensors.insert("b.weight".into(), Tensor::zeros(&[2, 1, 1, 1]));
    w.tensors.insert("c.weight".into(), Tensor::zeros(&[3]));
    let error = w.check(&net()).unwrap_err().to_string();
    assert_eq!(
        error,
        "the weights do not fit the net in 3 tensors: `a.bias` [2] is missing; \
         `b.weight` has shape [2, 1, 1, 1], wanted [1, 2, 1, 1]; `c.weight` [3] is not of this net"
    );
}
