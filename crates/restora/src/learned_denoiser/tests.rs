use super::*;
use crate::{Step, model};
use restora_image::{Image, NoiseModel, Plane, Size};
use restora_nn::{Model, ModelCard, Net, Precision, Weights};
use restora_testkit::{
    assert_contract_within, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
};
use std::path::Path;

fn told(sigma: f32) -> Learned {
    Learned { sigma: Sigma::Known(sigma), ..Learned::default() }
}

fn blind() -> Learned {
    Learned { noise: LearnedNoise::Unknown, ..Learned::default() }
}

fn run(learned: &Learned, image: &Image) -> Result<Image, OpError> {
    let mut sample = Sample::new(image.clone());
    learned.apply(&mut sample, &Context::default()).map(|()| sample.image)
}

/// A file with a small net of random weights.
fn file(folder: &Path, name: &str, model: &Model, seed: u64) -> PathBuf {
    let tensors = Net::random(model.graph(), seed).tensors();
    let card = ModelCard { version: "7".into(), ..model.card() };
    let path = folder.join(name);
    let bytes = Weights { card, tensors }.to_bytes(Precision::F32).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn the_options_are_those_of_the_information() {
    assert_info_matches(&INFO, &Learned::default());
}

#[test]
fn both_nets_keep_the_contract() {
    // Within 1e-5 as the header says: a window's far values cancel to rounding only. A wrong margin or
    // grid is off by 1e-3 and more.
    // The whole one has to be wider and higher than the reach for the tiles to prove anything.
    let size = Size::new(330, 390);
    assert!(blind().reach().unwrap() < 110);
    assert_contract_within(1e-5, &told(0.1), &noisy(&synthetic(size), 0.1, 3));
    assert_contract_within(1e-5, &blind(), &noisy(&synthetic_rgb(size), 0.1, 4));
}

#[test]
fn noise_falls_told_and_blind_and_the_mean_stays() {
    let size = Size::new(160, 120);
    for clean in [synthetic(size), synthetic_rgb(size)] {
        for sigma in [10.0, 25.0, 50.0, 75.0] {
            let sigma = sigma / 255.0;
            let image = noisy(&clean, sigma, 5);
            let mean = |i: &Image| i.data().iter().sum::<f32>() / i.data().len() as f32;
            for learned in [told(sigma), blind()] {
                let out = run(&learned, &image).unwrap();
                let gain = psnr(&clean, &out) - psnr(&clean, &image);
                assert!(gain > 5.5, "{learned:?}: {gain:.2} dB");
                assert!((mean(&out) - mean(&clean)).abs() < 0.01, "{learned:?}");
            }
        }
    }
}

#[test]
fn a_measured_level_is_the_same_as_a_told_one_and_without_any_it_is_an_error() {
    let image = noisy(&synthetic(Size::new(64, 48)), 0.1, 1);
    let mut sample = Sample::new(image.clone());
    sample.noise = Some(NoiseModel::white(0.1, 1));
    Learned::default().apply(&mut sample, &Context::default()).unwrap();
    assert!(sample.image == run(&told(0.1), &image).unwrap());
    let message = run(&Learned::default(), &image).unwrap_err().to_string();
    assert!(message.contains("sigma"), "{message}");
}

#[test]
fn strength_mixes_and_alpha_stays() {
    let mut image = noisy(&synthetic_rgb(Size::new(40, 30)), 0.1, 1);
    image.alpha = Some(Plane::zeros(image.size()));
    let full = run(&told(0.1), &image).unwrap();
    assert_eq!(full.alpha, image.alpha);
    assert!(run(&Learned { strength: 0.0, ..told(0.1) }, &image).unwrap() == image);
    let half = run(&Learned { strength: 0.5, ..told(0.1) }, &image).unwrap();
    for ((half, full), old) in half.data().iter().zip(full.data()).zip(image.data()) {
        assert!((half - 0.5 * (full + old)).abs() < 1e-6);
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let image = synthetic(Size::new(16, 16));
    for (learned, word) in [
        (told(-0.1), "sigma"),
        (told(11.0), "10"),
        (Learned { noise: LearnedNoise::Unknown, ..told(0.1) }, "unknown"),
        (Learned { strength: 1.5, ..blind() }, "strength"),
        (Learned { strength: f32::NAN, ..blind() }, "strength"),
        (Learned { model: Some("no/such/file".into()), ..blind() }, "no/such/file"),
    ] {
        let message = run(&learned, &image).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    let linear = Image::zeros(Size::new(8, 8), ColorSpace::LinearRgb);
    assert!(matches!(run(&blind(), &linear), Err(OpError::WrongSpace { .. })));
}

#[test]
fn a_net_from_a_file_takes_gray_and_color_and_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let model = model::from_text("dncnn:layers=3:features=4").unwrap();
    let path = file(folder.path(), "net.safetensors", &model, 1);
    let learned = Learned { model: Some(path.clone()), ..blind() };
    let color = synthetic_rgb(Size::new(24, 20));
    let first = run(&learned, &color).unwrap();
    let red = color.plane_data(0).to_vec();
    let red = Image::from_vec(color.size(), ColorSpace::Gray, red).unwrap();
    assert_eq!(run(&learned, &red).unwrap().data(), first.plane_data(0));
    let used = learned.net(3).unwrap().used(learned.model.as_deref());
    assert_eq!((used.architecture.as_str(), used.channels), ("dncnn", 1));
    assert!(used.to_string().contains("version 7") && used.to_string().contains("net.safet"));

    let other = model::from_text("dncnn:layers=4:features=4").unwrap();
    file(folder.path(), "net.safetensors", &other, 2);
    assert!(run(&learned, &color).unwrap() != first);
    assert_ne!(learned.net(3).unwrap().used(learned.model.as_deref()).crc32, used.crc32);
    std::fs::write(&path, b"not a net").unwrap();
    assert!(run(&learned, &color).unwrap_err().to_string().contains("net.safetensors"));
    let dense = model::from_text("dense-autoencoder:shape=1,8,8:code=4").unwrap();
    let path = file(folder.path(), "dense.safetensors", &dense, 2);
    let message = run(&Learned { model: Some(path), ..blind() }, &color).unwrap_err().to_string();
    assert!(message.contains("any size"), "{message}");
}

#[test]
fn a_step_of_unknown_noise_wants_no_level() {
    let step = Step::from_text("learned:noise=unknown").unwrap();
    assert!(!step.wants_noise());
    assert_eq!(step.with_measured(&NoiseModel::white(0.1, 3)), step);
    assert!(Step::from_text("learned").unwrap().wants_noise());
    assert!(Step::from_text("learned:noise=unknown:sigma=0.1").is_err());
    assert!(step.weights(3).unwrap().is_some());
    assert!(Step::from_text("bm3d").unwrap().weights(3).unwrap().is_none());
}
