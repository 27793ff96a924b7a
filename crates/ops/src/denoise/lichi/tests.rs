use super::*;
use restora_image::{ChannelNoise, ColorSpace, Size};
use restora_testkit::{
    assert_contract, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
};

fn told(sigma: f32) -> Lichi {
    Lichi { sigma: Sigma::Known(sigma), ..Lichi::default() }
}

#[test]
fn the_promises_of_an_operation_hold() {
    let small = Lichi { window: 5, iterations: 2, ..told(0.1) };
    assert_eq!((small.reach(), small.alignment()), (Some(24 + 2 * 14), 24));
    assert_contract(&small, &noisy(&synthetic(Size::new(131, 130)), 0.1, 1));
    assert_contract(
        &Lichi { iterations: 1, ..small },
        &noisy(&synthetic_rgb(Size::new(101, 90)), 0.05, 2),
    );
    assert_info_matches(&INFO, &Lichi::default());
}

#[test]
fn noise_goes_away_and_the_mean_stays() {
    for clean in [synthetic(Size::new(72, 64)), synthetic_rgb(Size::new(56, 48))] {
        let degraded = noisy(&clean, 0.1, 5);
        let options = Lichi { window: 37, ..told(0.1) };
        let restored = lichi(&degraded, &options, &Context::default()).unwrap();
        let (before, after) = (psnr(&clean, &degraded), psnr(&clean, &restored));
        assert!(after > before + 11.0, "{before} {after}");
        let mean = |i: &Image| i.data().iter().sum::<f32>() / i.data().len() as f32;
        assert!((mean(&degraded) - mean(&restored)).abs() < 1e-3);
    }
}

#[test]
fn iterations_restore_more_than_the_pilot_alone() {
    let clean = synthetic(Size::new(96, 80));
    let degraded = noisy(&clean, 0.1, 3);
    let score = |iterations| {
        let options = Lichi { window: 37, iterations, ..told(0.1) };
        psnr(&clean, &lichi(&degraded, &options, &Context::default()).unwrap())
    };
    let (one, nine) = (score(1), score(9));
    assert!(nine > one + 0.2, "{one} {nine}");
}

#[test]
fn no_noise_changes_nothing_and_hardly_any_changes_hardly_anything() {
    let image = synthetic(Size::new(33, 28));
    let cx = Context::default();
    assert_eq!(lichi(&image, &told(0.0), &cx).unwrap(), image);
    let small = Lichi { window: 9, ..told(1e-4) };
    for (a, b) in image.data().iter().zip(lichi(&image, &small, &cx).unwrap().data()) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
}

#[test]
fn a_flat_image_stays_flat() {
    let flat = Image::gray_from_fn(Size::new(30, 24), |_, _| 0.3);
    let restored = lichi(&flat, &Lichi { window: 15, ..told(0.1) }, &Context::default()).unwrap();
    assert!(restored.data().iter().all(|v| (v - 0.3).abs() < 1e-5));
}

#[test]
fn shot_noise_is_removed_better_with_its_model_than_as_white_noise() {
    let clean = synthetic(Size::new(120, 96));
    let channel = ChannelNoise { a: 0.0, b: 0.02, sigma: 0.1 };
    let mut degraded = clean.clone();
    let mut rng = restora_image::Rng::new(3, "shot noise", 0);
    for v in degraded.data_mut() {
        *v = (rng.poisson(f64::from(*v / channel.b)) * f64::from(channel.b)) as f32;
    }
    let model = NoiseModel { channels: vec![channel], correlation: 0.0 };
    let restore = |noise| {
        let mut sample = Sample::new(degraded.clone());
        sample.noise = Some(model.clone());
        let options = Lichi { noise, window: 33, ..Lichi::default() };
        options.apply(&mut sample, &Context::default()).unwrap();
        psnr(&clean, &sample.image)
    };
    let (white, modeled) = (restore(NoiseKind::White), restore(NoiseKind::SignalDependent));
    assert!(modeled > white + 0.1, "{white} {modeled}");
}

#[test]
fn bad_options_and_spaces_are_errors() {
    let image = synthetic(Size::new(12, 12));
    let cx = Context::default();
    for (options, name) in [
        (Lichi { window: 2, ..told(0.1) }, "window"),
        (Lichi { step: 7, ..told(0.1) }, "step"),
        (Lichi { iterations: 0, ..told(0.1) }, "iterations"),
        (Lichi { iterations: 51, ..told(0.1) }, "iterations"),
        (told(f32::INFINITY), "sigma"),
        (Lichi::default(), "sigma"),
    ] {
        match lichi(&image, &options, &cx) {
            Err(OpError::Param { name: got, .. }) => assert_eq!(got, name),
            other => panic!("{options:?}: {other:?}"),
        }
    }
    let raw = Image::zeros(Size::new(3, 3), ColorSpace::Raw(2));
    assert!(matches!(lichi(&raw, &told(0.1), &cx), Err(OpError::WrongSpace { .. })));
    let model = NoiseModel::white(0.1, 3);
    let unfit = lichi_signal_dependent(&image, &model, &Lichi::default(), &cx);
    assert!(matches!(unfit, Err(OpError::Param { name: "noise", .. })));
}
