use super::*;
use crate::train::{Batch, Optimizer, Schedule, Trainer, TrainerOptions};
use crate::{Precision, Value, Weights};

/// A small net of every architecture, with a shape that it takes.
fn small() -> Vec<(Model, Shape)> {
    let dense = DenseAutoencoder {
        shape: [1, 8, 12],
        code: 10,
        hidden: vec![30],
        activation: Activation::Tanh,
        ..DenseAutoencoder::default()
    };
    let denoising = DenseDenoisingAutoencoder {
        shape: [3, 8, 8],
        hidden: vec![24, 20],
        code: 16,
        ..DenseDenoisingAutoencoder::default()
    };
    let conv = ConvAutoencoder { shape: [1, 8, 16], code: 12, widths: vec![6, 8], blocks: 1 };
    let conv_denoising = ConvDenoisingAutoencoder { channels: 3, widths: [8, 10], blocks: 1 };
    let unet = UNet { channels: 1, depth: 2, base: 6, batch_norm: false };
    vec![
        (Model::Restorer(Restorer { channels: 1, widths: [6, 8, 10], blocks: [1; 5] }), [3, 16, 8]),
        (Model::DenseAutoencoder(dense), [1, 8, 12]),
        (Model::DenseDenoisingAutoencoder(denoising), [3, 8, 8]),
        (Model::ConvAutoencoder(conv), [1, 8, 16]),
        (Model::ConvDenoisingAutoencoder(conv_denoising), [3, 12, 8]),
        (Model::UNet(unet), [1, 8, 16]),
        (Model::UNet(UNet { batch_norm: true, ..unet }), [1, 8, 16]),
    ]
}

/// A smooth picture in `0..1`.
fn picture(n: usize, [c, h, w]: Shape) -> Value {
    let planes: Vec<f32> = (0..n * c * h * w)
        .map(|i| {
            let (x, y, plane) = (i % w, i / w % h, i / (w * h));
            0.5 + 0.4 * (0.5 * x as f32 + plane as f32).sin() * (0.4 * y as f32).cos()
        })
        .collect();
    Value::from_planes(n, [c, h, w], &planes).unwrap()
}

#[test]
fn a_card_gives_back_its_model() {
    for (model, _) in small() {
        model.validate().unwrap();
        assert_eq!(Model::of(&model.card()).unwrap(), model);
        let mut card = model.card();
        card.architecture = "oracle".to_owned();
        assert!(Model::of(&card).unwrap_err().to_string().contains("oracle"));
    }
}

#[test]
fn what_comes_out_has_the_shape_of_the_picture() {
    for (model, shape) in small() {
        let [c, h, w] = shape;
        assert_eq!(c, model.channels() + model.conditioning().channels());
        assert!(h % model.alignment() == 0 && w % model.alignment() == 0, "{model:?}");
        assert!(model.fixed_shape().is_none_or(|fixed| fixed == shape));
        let graph = model.graph();
        let wanted = [model.channels(), h, w];
        assert_eq!(graph.shapes(shape).unwrap()[graph.output()], wanted, "{model:?}");
        assert_eq!(model.start(1).forward(picture(2, shape), 1).unwrap().shape(), wanted);
    }
}

#[test]
fn the_loss_falls_along_every_gradient_as_fast_as_that_says() {
    for (model, shape) in small() {
        let mut net = Net::random(model.graph(), 3);
        net.scale(|name| 0.7 * blocks::quiet(name));
        crate::engine::tests::assert_slopes(net, 2, shape);
    }
}

#[test]
fn every_model_learns_one_picture_by_heart() {
    for (model, shape) in small() {
        let schedule = Schedule { peak: 1e-2, warm_up: 20, ..Schedule::default() };
        let options = TrainerOptions {
            optimizer: Optimizer::Adam,
            schedule,
            steps: 300,
            ema: 0.0,
            ..TrainerOptions::default()
        };
        let mut trainer = Trainer::new(model.start(2), options).unwrap();
        let mut input = picture(1, shape);
        let mut target = picture(1, [model.channels(), shape[1], shape[2]]);
        // What hands its input on by birth has to learn something else.
        if matches!(model, Model::Restorer(_)) {
            target.data_mut().iter_mut().for_each(|x| *x = 1.0 - *x);
        }
        input.data_mut().iter_mut().enumerate().for_each(|(i, x)| *x += 0.1 * (i as f32).sin());
        let mut losses = (0..300).map(|_| {
            let batch = Batch { input: input.clone(), target: target.clone() };
            trainer.step(batch, 1).unwrap().loss
        });
        let (first, last) = (losses.next().unwrap(), losses.last().unwrap());
        assert!(last < 2e-3 && last < 0.1 * first, "{model:?}: {last} after {first}");
    }
}

#[test]
fn weights_that_are_saved_and_loaded_give_the_same_bytes() {
    for (model, shape) in small() {
        let net = model.start(3);
        let weights = Weights { card: model.card(), tensors: net.tensors() };
        let bytes = weights.to_bytes(Precision::F32).unwrap();
        let loaded = Weights::from_bytes(&bytes).unwrap();
        assert_eq!(loaded.to_bytes(Precision::F32).unwrap(), bytes);
        let again = Net::new(Model::of(&loaded.card).unwrap().graph(), loaded.tensors).unwrap();
        let run = |net: &Net| net.forward(picture(2, shape), 1).unwrap();
        assert_eq!(run(&again), run(&net));
    }
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    for (json, part) in [
        (r#"{"architecture": "restorer", "channels": 2}"#, "1 or 3 channels"),
        (r#"{"architecture": "dense-autoencoder", "code": 0}"#, "`code` must be in 1..=65536"),
        (r#"{"architecture": "dense-autoencoder", "hidden": [5, 0]}"#, "`hidden`"),
        (
            r#"{"architecture": "dense-autoencoder", "shape": [1, 9999999999, 9999999999]}"#,
            "`shape`",
        ),
        (r#"{"architecture": "dense-autoencoder", "activation": "swish"}"#, "swish"),
        (r#"{"architecture": "dense-denoising-autoencoder", "shape": [2, 8, 8]}"#, "`channels`"),
        (r#"{"architecture": "conv-autoencoder", "shape": [1, 28, 28]}"#, "multiples of 8"),
        (r#"{"architecture": "conv-autoencoder", "widths": []}"#, "`widths`"),
        (r#"{"architecture": "conv-autoencoder", "colour": 1}"#, "colour"),
        (r#"{"architecture": "conv-denoising-autoencoder", "blocks": 99}"#, "`blocks`"),
        (r#"{"architecture": "unet", "depth": 7}"#, "`depth` must be in 1..=6, got 7"),
        (r#"{"architecture": "unet", "base": 0}"#, "`base`"),
    ] {
        let error = Model::from_json(serde_json::from_str(json).unwrap()).unwrap_err().to_string();
        assert!(error.contains(part), "{json}: {error}");
    }
}

#[test]
fn a_card_that_claims_a_huge_net_is_refused_before_memory_is_taken() {
    let json = r#"{"architecture": "dense-autoencoder", "shape": [1, 4096, 4096], "code": 65536}"#;
    let model = Model::from_json(serde_json::from_str(json).unwrap()).unwrap();
    let small = DenseAutoencoder { shape: [1, 2, 2], code: 1, ..DenseAutoencoder::default() };
    let error = Net::new(model.graph(), small.start(1).tensors()).unwrap_err().to_string();
    assert!(error.contains("wanted [65536, 16777216]"), "{error}");
}
