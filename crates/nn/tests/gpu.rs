//! The device against the CPU: `cargo test --release -p restora-nn --features gpu --test gpu -- --ignored`.
//!
//! Needs a graphics processor, or Debian's `mesa-vulkan-drivers` and the variable `RESTORA_SOFTWARE_GPU=1`.
#![cfg(feature = "gpu")]

use restora_image::{ColorSpace, Context, Image, Rng, Size};
use restora_nn::models::{
    Activation, ConvAutoencoder, ConvDenoisingAutoencoder, DenseAutoencoder,
    DenseDenoisingAutoencoder, DnCnn, FfdNet, Restorer, UNet,
};
use restora_nn::train::{Batch, Loss, Optimizer, Schedule, Trainer, TrainerOptions};
use restora_nn::{Denoiser, Gpu, Model, Net, Shape, Value, Weights};

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
    Value::from_planes(n, [c, h, w], &planes).expect("as many numbers as the shape")
}

fn gpu() -> Gpu {
    Gpu::open().expect("a graphics processor, or a software driver and RESTORA_SOFTWARE_GPU=1")
}

/// A small net of every architecture, with weights that leave nothing out: batch norms have statistics,
/// and no bias is 0.
fn nets() -> Vec<(Model, Net, Shape)> {
    let mut all = small();
    let dncnn = DnCnn { channels: 3, layers: 4, features: 12, batch_norm: false };
    all.push((Model::DnCnn(dncnn), [3, 15, 22]));
    all.push((Model::DnCnn(DnCnn { batch_norm: true, ..dncnn }), [3, 15, 22]));
    all.push((Model::FfdNet(FfdNet { channels: 1, layers: 4, features: 10 }), [2, 14, 20]));
    let net = |(model, shape): (Model, Shape)| {
        let mut tensors = Net::random(model.graph(), 7).tensors();
        for (name, tensor) in &mut tensors {
            let mut rng = Rng::new(11, name, 0);
            let few = tensor.shape().len() == 1;
            for x in tensor.data_mut() {
                let jitter = 0.2 * (rng.uniform() as f32 - 0.3);
                *x = if few { *x + jitter } else { 0.7 * *x };
            }
        }
        let net = Net::new(model.graph(), tensors).expect("tensors of the same net");
        (model, net, shape)
    };
    all.into_iter().map(net).collect()
}

/// The largest difference, in units of the largest number but not less than 1.
fn difference(came: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(came.len(), wanted.len());
    let scale = wanted.iter().fold(1.0_f32, |m, x| m.max(x.abs()));
    let all = came.iter().zip(wanted).map(|(c, w)| (c - w).abs());
    // A difference that is no number is the largest of all.
    all.fold(0.0, |m: f32, d| if d > m || d.is_nan() { d } else { m }) / scale
}

#[test]
#[ignore = "needs a graphics processor or a software driver"]
fn the_forward_pass_and_the_code_of_every_architecture_are_those_of_the_cpu() {
    let gpu = gpu();
    for (model, net, shape) in nets() {
        let there = gpu.load(&net).unwrap();
        let x = picture(2, shape);
        let wanted = net.forward(x.clone(), 1).unwrap();
        let came = there.forward(&x).unwrap();
        assert_eq!((came.n, came.shape()), (wanted.n, wanted.shape()));
        let off = difference(came.data(), wanted.data());
        println!("{model:?}: {off:.1e}");
        assert!(off <= 1e-4, "{model:?}: {off}");
        match net.encode(x.clone(), 1) {
            Ok(code) => {
                let off = difference(there.encode(&x).unwrap().data(), code.data());
                assert!(off <= 1e-4, "code of {model:?}: {off}");
            }
            Err(_) => assert!(there.encode(&x).is_err()),
        }
        assert!(there.forward(&picture(1, [shape[0] + 1, shape[1], shape[2]])).is_err());
    }
}

#[test]
#[ignore = "needs a graphics processor or a software driver"]
fn the_gradients_of_every_architecture_are_those_of_the_cpu() {
    let gpu = gpu();
    for (model, mut net, shape) in nets() {
        // Noise: in a picture as smooth as that a rectifier may stand on its corner, where a gradient is
        // one thing or another.
        let mut x = picture(3, shape);
        let mut rng = Rng::new(1, "noise", 0);
        x.data_mut().iter_mut().for_each(|x| *x += 0.1 * rng.normal() as f32);
        let [_, h, w] = shape;
        let mut target = picture(3, [model.channels(), h, w]);
        target.data_mut().iter_mut().enumerate().for_each(|(i, x)| *x += (i as f32).cos());
        let judge = |output: &Value| Loss::Mse.of(output, &target).unwrap();
        let mut other = Net::new(model.graph(), net.tensors()).unwrap();
        let wanted = net.step(x.clone(), false, 1, judge).unwrap();
        let came = gpu.step(&mut other, &x, judge).unwrap();
        assert!((came.loss / wanted.loss - 1.0).abs() < 1e-5, "{model:?}");
        let largest = wanted.gradients().iter().flatten().fold(0.0_f32, |m, g| m.max(g.abs()));
        let mut worst = 0.0_f32;
        for ((p, came), wanted) in
            net.parameters().iter().zip(came.gradients()).zip(wanted.gradients())
        {
            assert_eq!(came.len(), wanted.len(), "{}", p.name);
            for (c, w) in came.iter().zip(wanted) {
                assert!((c - w).abs() <= 1e-5 * largest, "{model:?}, {}: {c} against {w}", p.name);
                worst = worst.max((c - w).abs() / largest);
            }
        }
        println!("{model:?}: {worst:.1e} of the largest");
        // The running statistics moved alike.
        let moved = other.tensors();
        for (name, tensor) in net.tensors() {
            assert!(difference(moved[&name].data(), tensor.data()) <= 1e-5, "{model:?}, {name}");
        }
    }
}

#[test]
#[ignore = "needs a graphics processor or a software driver"]
fn a_training_follows_that_of_the_cpu_which_can_go_on_from_it() {
    let gpu = gpu();
    for (model, net, shape) in nets() {
        let options = TrainerOptions {
            optimizer: Optimizer::Adam,
            schedule: Schedule { peak: 2e-3, warm_up: 1, ..Schedule::default() },
            steps: 8,
            ..TrainerOptions::default()
        };
        let start = || Net::new(model.graph(), net.tensors()).unwrap();
        let mut here = Trainer::new(start(), options.clone()).unwrap();
        let mut there = Trainer::new(start(), options.clone()).unwrap().on(Some(gpu.clone()));
        let [_, h, w] = shape;
        let batch = |step: usize| {
            let mut input = picture(2, shape);
            let noise = |(i, x): (usize, &mut f32)| *x += 0.1 * ((i + 31 * step) as f32).sin();
            input.data_mut().iter_mut().enumerate().for_each(noise);
            Batch { input, target: picture(2, [model.channels(), h, w]) }
        };
        let mut first = f64::NAN;
        for step in 0..6 {
            let wanted = here.step(batch(step), 1).unwrap().loss;
            let came = there.step(batch(step), 1).unwrap().loss;
            if step == 0 {
                first = wanted;
            }
            assert!((came / wanted - 1.0).abs() < 1e-3, "{model:?}, {step}: {came}, {wanted}");
        }
        // Its checkpoint is one of the CPU's, too.
        let (tensors, done) = there.state();
        let mut on = Trainer::resume(model.graph(), options, tensors, done).unwrap();
        let (wanted, came) =
            (here.step(batch(6), 1).unwrap().loss, on.step(batch(6), 1).unwrap().loss);
        assert!((came / wanted - 1.0).abs() < 1e-3, "{model:?}: {came}, {wanted}");
        assert!(came < first, "{model:?}: {came} after {first}");
    }
}

fn image(w: u32, h: u32, space: ColorSpace) -> Image {
    let mut rng = Rng::new(3, "image", 0);
    let mut image = Image::zeros(Size::new(w, h), space);
    image.data_mut().iter_mut().for_each(|x| *x = rng.uniform() as f32);
    image
}

#[test]
#[ignore = "needs a graphics processor or a software driver"]
fn a_denoiser_equals_that_of_the_cpu_from_any_thread() {
    let gpu = gpu();
    for channels in [1, 3] {
        let model =
            Model::Restorer(Restorer { channels, widths: [6, 8, 10], blocks: [0, 0, 1, 0, 0] });
        let tensors = Net::random(model.graph(), 5).tensors();
        let weights = || Weights { card: model.card(), tensors: tensors.clone() };
        let here = Denoiser::new(weights()).unwrap();
        let there = Denoiser::on(&gpu, weights()).unwrap();
        let cx = Context::default();
        for (w, h) in [(1, 1), (2, 3), (41, 1), (70, 53)] {
            for space in [ColorSpace::Gray, ColorSpace::Srgb] {
                let image = image(w, h, space);
                let wanted = here.denoise(&image, Some(0.1), &cx).unwrap();
                let came = there.denoise(&image, Some(0.1), &cx).unwrap();
                let off = difference(came.data(), wanted.data());
                assert!(off <= 1e-4, "{w}x{h} {space:?}: {off}");
            }
        }
        let image = image(40, 30, ColorSpace::Gray);
        let wanted = there.denoise(&image, None, &cx).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let came = there.denoise(&image, None, &Context::default()).unwrap();
                    assert!(difference(came.data(), wanted.data()) <= 1e-5);
                });
            }
        });
    }
}
