use super::*;
use crate::{Net, Value, models};

fn tensor(shape: &[usize], seed: usize) -> Tensor {
    let mut t = Tensor::zeros(shape);
    let wave = |i: usize| ((seed * 31 + i * 17) as f32 * 0.61).sin() * 0.4;
    t.data_mut().iter_mut().enumerate().for_each(|(i, v)| *v = wave(i));
    t
}

/// `(name, shape)` with numbers that differ.
fn tensors(list: &[(&str, &[usize])]) -> Tensors {
    list.iter().enumerate().map(|(i, (n, s))| ((*n).to_owned(), tensor(s, i))).collect()
}

#[test]
fn a_chain_whose_numbers_count_the_relus_becomes_ours() {
    // More than ten layers: numbers are compared as numbers.
    let mut file = Tensors::new();
    for i in 0..12 {
        let io = [if i == 11 { 3 } else { 4 }, if i == 0 { 3 } else { 4 }, 3, 3];
        file.insert(format!("model.{}.weight", 2 * i), tensor(&io, i));
        file.insert(format!("model.{}.bias", 2 * i), tensor(&io[..1], 50 + i));
    }
    let (config, ours) = dncnn(file.clone()).unwrap();
    assert_eq!(config, DnCnn { channels: 3, layers: 12, features: 4, batch_norm: false });
    for i in 0..12 {
        assert_eq!(ours[&format!("conv{i}.weight")], file[&format!("model.{}.weight", 2 * i)]);
        assert_eq!(ours[&format!("conv{i}.bias")], file[&format!("model.{}.bias", 2 * i)]);
    }
}

#[test]
fn a_bias_before_batch_norm_goes_into_its_mean() {
    let with_bias = tensors(&[
        ("module.net.0.weight", &[4, 1, 3, 3]),
        ("module.net.2.weight", &[4, 4, 3, 3]),
        ("module.net.2.bias", &[4]),
        ("module.net.3.weight", &[4]),
        ("module.net.3.bias", &[4]),
        ("module.net.3.running_mean", &[4]),
        ("module.net.3.running_var", &[4]),
        ("module.net.3.num_batches_tracked", &[]),
        ("module.net.5.weight", &[1, 4, 3, 3]),
    ]);
    let (config, ours) = dncnn(with_bias.clone()).unwrap();
    assert_eq!(config, DnCnn { channels: 1, layers: 3, features: 4, batch_norm: true });
    assert_eq!(ours["conv0.bias"].data(), [0.0; 4]);
    for i in 0..4 {
        let (mean, bias) =
            (&with_bias["module.net.3.running_mean"], &with_bias["module.net.2.bias"]);
        assert_eq!(ours["bn1.running_mean"].data()[i], mean.data()[i] - bias.data()[i]);
    }
}

#[test]
fn what_is_no_chain_or_another_net_is_refused_with_names() {
    let refused = |list: &[(&str, &[usize])], part: &str| {
        let error = dncnn(tensors(list)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    let [a, b, c] = [[4, 1, 3, 3], [4, 4, 3, 3], [1, 4, 3, 3]];
    refused(&[], "0 convolutions");
    refused(&[("head.weight", &a)], "`head.weight` has no number");
    refused(&[("a.0.weight", &a), ("b.1.weight", &b)], "`b.1.weight` beside those of `a.`");
    refused(&[("a.0.weight", &a), ("a.1.bias", &[4])], "layer 1 has bias");
    refused(&[("a.0.weight", &a), ("a.0.alpha", &[4])], "layer 0 has alpha, weight");
    let wide = [4, 4, 5, 5];
    let list: [(&str, &[usize]); 3] =
        [("a.0.weight", &a), ("a.1.weight", &wide), ("a.2.weight", &c)];
    refused(&list, "`conv1.weight` has shape [4, 4, 5, 5], wanted [4, 4, 3, 3]");
    let zero = [0, 4, 3, 3];
    let list: [(&str, &[usize]); 3] =
        [("a.0.weight", &a), ("a.1.weight", &b), ("a.2.weight", &zero)];
    refused(&list, "`channels` must be 1 or 3, got 0");
    let error = ffdnet(tensors(&list), SubImages::ColumnMajor).unwrap_err();
    assert!(error.to_string().contains("`channels`"), "{error}");
}

#[test]
fn sub_images_in_columns_give_the_transposed_image_s_result() {
    // A net that reads sub-images by columns is, on the transposed image and with transposed
    // kernels, the net that reads them by rows: so both imports must agree up to a transposition.
    let file = tensors(&[
        ("conv0.weight", &[6, 5, 3, 3]),
        ("conv0.bias", &[6]),
        ("conv1.weight", &[6, 6, 3, 3]),
        ("conv1.bias", &[6]),
        ("conv2.weight", &[4, 6, 3, 3]),
        ("conv2.bias", &[4]),
    ]);
    let mut turned = file.clone();
    for t in turned.values_mut().filter(|t| t.shape().len() == 4) {
        for k in t.data_mut().chunks_exact_mut(9) {
            for (a, b) in [(1, 3), (2, 6), (5, 7)] {
                k.swap(a, b);
            }
        }
    }
    let run = |file: Tensors, order, image: &[f32]| {
        let (config, ours) = ffdnet(file, order).unwrap();
        assert_eq!(config, models::FfdNet { channels: 1, layers: 3, features: 6 });
        let input = [image, &[0.1; 64]].concat();
        let x = Value::from_planes(1, [2, 8, 8], &input).unwrap();
        Net::new(config.graph(), ours).unwrap().forward(x, 1).unwrap().to_planes()
    };
    let transposed = |v: &[f32]| -> Vec<f32> { (0..64).map(|i| v[i % 8 * 8 + i / 8]).collect() };
    let image: Vec<f32> = (0..64).map(|i| (i as f32 * 0.73).sin()).collect();
    let columns = run(file.clone(), SubImages::ColumnMajor, &image);
    let rows = run(turned, SubImages::RowMajor, &transposed(&image));
    for (a, b) in columns.iter().zip(transposed(&rows)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    let unlike = run(file, SubImages::RowMajor, &image);
    assert!(columns.iter().zip(&unlike).any(|(a, b)| (a - b).abs() > 1e-2));
}
