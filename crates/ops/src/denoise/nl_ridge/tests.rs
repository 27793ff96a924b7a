use super::*;
use restora_image::{ChannelNoise, ColorSpace, Rect, Size};
use restora_testkit::{
    assert_contract, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
};

fn told(sigma: f32) -> NlRidge {
    NlRidge { sigma: Sigma::Known(sigma), ..NlRidge::default() }
}

#[test]
fn the_promises_of_an_operation_hold() {
    let small = NlRidge { window: 7, ..told(0.1) };
    assert_eq!(small.reach(), Some(44));
    assert_contract(&small, &noisy(&synthetic(Size::new(131, 150)), 0.1, 1));
    assert_contract(&small, &noisy(&synthetic_rgb(Size::new(120, 141)), 0.05, 2));
    assert_contract(&told(0.04), &noisy(&synthetic(Size::new(60, 50)), 0.04, 3));
    assert_info_matches(&INFO, &NlRidge::default());
}

#[test]
fn noise_goes_away_and_the_mean_stays() {
    for (clean, gain) in
        [(synthetic(Size::new(96, 80)), 11.0), (synthetic_rgb(Size::new(80, 64)), 11.0)]
    {
        let degraded = noisy(&clean, 0.1, 5);
        let restored = nl_ridge(&degraded, &told(0.1), &Context::default()).unwrap();
        let (before, after) = (psnr(&clean, &degraded), psnr(&clean, &restored));
        assert!(after > before + gain, "{before} {after}");
        let mean = |i: &Image| i.data().iter().sum::<f32>() / i.data().len() as f32;
        assert!((mean(&degraded) - mean(&restored)).abs() < 1e-3);
    }
}

#[test]
fn no_noise_changes_nothing_and_hardly_any_changes_hardly_anything() {
    let image = synthetic(Size::new(40, 33));
    assert_eq!(nl_ridge(&image, &told(0.0), &Context::default()).unwrap(), image);
    let model = NoiseModel::white(0.0, 1);
    let cx = Context::default();
    assert_eq!(nl_ridge_signal_dependent(&image, &model, &NlRidge::default(), &cx).unwrap(), image);
    let restored = nl_ridge(&image, &told(1e-4), &Context::default()).unwrap();
    for (a, b) in image.data().iter().zip(restored.data()) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
}

#[test]
fn a_flat_image_stays_flat() {
    let flat = Image::gray_from_fn(Size::new(30, 24), |_, _| 0.3);
    let restored = nl_ridge(&flat, &told(0.1), &Context::default()).unwrap();
    assert!(restored.data().iter().all(|v| (v - 0.3).abs() < 1e-5));
}

#[test]
fn a_model_without_growth_is_white_noise() {
    let degraded = noisy(&synthetic_rgb(Size::new(40, 36)), 0.08, 9);
    let cx = Context::default();
    let model = NoiseModel::white(0.08, 3);
    let modeled = nl_ridge_signal_dependent(&degraded, &model, &NlRidge::default(), &cx).unwrap();
    let white = nl_ridge(&degraded, &told(0.08), &cx).unwrap();
    for (a, b) in modeled.data().iter().zip(white.data()) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn shot_noise_is_removed_better_with_its_model_than_as_white_noise() {
    let clean = synthetic(Size::new(160, 128));
    let channel = ChannelNoise { a: 0.0, b: 0.02, sigma: 0.1 };
    let mut degraded = clean.clone();
    let mut rng = restora_image::Rng::new(3, "shot noise", 0);
    for v in degraded.data_mut() {
        *v = (rng.poisson(f64::from(*v / channel.b)) * f64::from(channel.b)) as f32;
    }
    let cx = Context::default();
    let model = NoiseModel { channels: vec![channel], correlation: 0.0 };
    let restore = |noise| {
        let mut sample = Sample::new(degraded.clone());
        sample.noise = Some(model.clone());
        NlRidge { noise, ..NlRidge::default() }.apply(&mut sample, &cx).unwrap();
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
        (NlRidge { window: 2, ..told(0.1) }, "window"),
        (NlRidge { window: 256, ..told(0.1) }, "window"),
        (NlRidge { step: 0, ..told(0.1) }, "step"),
        (told(f32::NAN), "sigma"),
        (told(-1.0), "sigma"),
        (NlRidge::default(), "sigma"),
    ] {
        match nl_ridge(&image, &options, &cx) {
            Err(OpError::Param { name: got, .. }) => assert_eq!(got, name),
            other => panic!("{options:?}: {other:?}"),
        }
    }
    let lab = Image::zeros(Size::new(3, 3), ColorSpace::Lab);
    assert!(matches!(nl_ridge(&lab, &told(0.1), &cx), Err(OpError::WrongSpace { .. })));
}

#[test]
fn alpha_and_color_space_stay() {
    let mut image = noisy(&synthetic_rgb(Size::new(30, 20)), 0.1, 1)
        .crop(Rect { x: 0, y: 0, width: 20, height: 20 })
        .relabeled(ColorSpace::LinearRgb)
        .unwrap();
    image.alpha = Some(restora_image::Plane::zeros(image.size()));
    let out = nl_ridge(&image, &told(0.1), &Context::default()).unwrap();
    assert_eq!((out.space(), &out.alpha), (image.space(), &image.alpha));
}
