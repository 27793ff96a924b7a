use super::*;
use restora_image::{Rng, Size};
use restora_testkit::{noisy, synthetic, synthetic_rgb};

#[test]
fn white_noise_on_a_picture_is_found_within_three_percent() {
    for (sigma, seed) in [(0.02, 1), (0.1, 2), (0.3, 3)] {
        let found = noise_level(&noisy(&synthetic_rgb(Size::new(200, 150)), sigma, seed));
        for c in &found.model.channels {
            assert!((c.sigma / sigma - 1.0).abs() < 0.03, "{sigma}: {c:?}");
            assert_eq!(c.b, 0.0);
        }
        assert!(found.confidence > 0.85, "{}", found.confidence);
    }
}

#[test]
fn a_clean_flat_picture_has_no_noise_and_a_tiny_one_no_confidence() {
    let found = noise_level(&Image::gray_from_fn(Size::new(64, 64), |_, _| 0.5));
    assert!(found.model.sigma() < 1e-6);
    for (w, h) in [(0, 0), (1, 1), (1, 9), (7, 300), (2, 3)] {
        let tiny = noise_level(&Image::zeros(Size::new(w, h), ColorSpace::Srgb));
        assert_eq!((tiny.model.channels.len(), tiny.confidence), (3, 0.0));
    }
    let few = noise_level(&noisy(&synthetic(Size::new(12, 12)), 0.1, 1));
    assert!(few.confidence < 0.5);
}

#[test]
fn clipped_and_rounded_noise_is_found_within_ten_percent() {
    for (sigma, bound) in [(5.0f32, 0.03), (25.0, 0.03), (50.0, 0.05), (75.0, 0.1)] {
        let sigma = sigma / 255.0;
        let mut image = noisy(&synthetic(Size::new(256, 256)), sigma, 5);
        for v in image.data_mut() {
            *v = (v.clamp(0.0, 1.0) * 255.0).round() / 255.0;
        }
        let found = noise_level(&image).model.sigma();
        assert!((found / sigma - 1.0).abs() < bound, "{sigma}: {found}");
    }
}

#[test]
fn black_borders_do_not_hide_the_noise() {
    let mut image = noisy(&synthetic(Size::new(256, 256)), 0.1, 5);
    for (i, v) in image.data_mut().iter_mut().enumerate() {
        *v = if i % 256 < 60 { 0.0 } else { v.clamp(0.0, 1.0) };
    }
    let found = noise_level(&image).model.sigma();
    assert!((found / 0.1 - 1.0).abs() < 0.06, "{found}");
}

#[test]
fn growth_of_the_variance_with_the_signal_is_found() {
    let mut image = synthetic(Size::new(400, 300));
    let (a, b) = (0.0004f32, 0.01f32);
    let mut rng = Rng::new(9, "shot", 0);
    for v in image.data_mut() {
        *v = (1.5 * (*v - 0.4)).max(0.02);
        *v += (a + b * *v).sqrt() * rng.normal() as f32;
    }
    let found = noise_level(&image);
    let c = found.model.channels[0];
    assert!((c.b / b - 1.0).abs() < 0.15 && (c.a - a).abs() < 5e-4, "{c:?}");
    assert!(found.slope_confidence > 0.8);
}

#[test]
fn one_level_is_one_level_whatever_the_channel() {
    let mut image = synthetic_rgb(Size::new(200, 200));
    let mut rng = Rng::new(3, "channels", 0);
    for c in 0..3 {
        for v in image.plane_mut(c) {
            *v += 0.02 * (c + 1) as f32 * rng.normal() as f32;
        }
    }
    for (c, found) in noise_level(&image).model.channels.iter().enumerate() {
        let sigma = 0.02 * (c + 1) as f32;
        assert!((found.sigma / sigma - 1.0).abs() < 0.04, "{c}: {found:?}");
    }
}
