use super::detection::Classes;
use super::*;
use restora_image::{Rng, Size};
use restora_testkit::{assert_contract, assert_info_matches, psnr, synthetic, synthetic_rgb};

/// Independent hits of `share` in every plane, with values from `value`.
fn hit(clean: &Image, share: f64, mut value: impl FnMut(&mut Rng) -> f32) -> Image {
    let mut rng = Rng::new(3, "hits", 0);
    let mut out = clean.clone();
    for v in out.data_mut() {
        if rng.uniform() < share {
            *v = value(&mut rng);
        }
    }
    out
}

fn salt_or_pepper(rng: &mut Rng) -> f32 {
    if rng.uniform() < 0.5 { 0.0 } else { 1.0 }
}

fn run(image: &Image, options: &Impulse) -> Image {
    impulse(image, options, &Context::default()).unwrap()
}

#[test]
fn keeps_the_promises_of_an_operation() {
    let image = hit(&synthetic_rgb(Size::new(120, 170)), 0.3, salt_or_pepper);
    let known = Impulse {
        low: Some(0.0),
        high: Some(1.0),
        density: Some(0.3),
        iterations: 2,
        ..Impulse::default()
    };
    let random = Impulse { kind: ImpulseKind::Random, iterations: 1, ..Impulse::default() };
    for op in [Impulse { iterations: 2, ..Impulse::default() }, known, random] {
        assert_contract(&op, &image);
    }
    assert_info_matches(&INFO, &Impulse::default());
}

#[test]
fn known_pixels_keep_every_bit_and_hit_ones_come_close_to_the_truth() {
    let clean = synthetic(Size::new(140, 110));
    for (share, wanted) in [(0.02, 55.0), (0.1, 48.0), (0.3, 43.0), (0.5, 39.0), (0.9, 22.0)] {
        let degraded = hit(&clean, share, salt_or_pepper);
        let out = run(&degraded, &Impulse::default());
        for ((out, degraded), clean) in out.data().iter().zip(degraded.data()).zip(clean.data()) {
            assert!(degraded != clean || out == clean, "a known pixel changed at {share}");
        }
        assert!(psnr(&clean, &out) > wanted, "{share}: {}", psnr(&clean, &out));
    }
}

#[test]
fn spike_values_need_not_be_the_ends_of_the_range() {
    let clean = synthetic(Size::new(140, 110));
    let mut first = 0.02;
    let degraded = hit(&clean, 0.2, |rng| {
        first = if rng.uniform() < 0.5 { 0.02 } else { 0.97 };
        first
    });
    assert!(psnr(&clean, &run(&degraded, &Impulse::default())) > 44.0);
    // Only bright ones: the dark end of the picture is not touched.
    let bright = hit(&clean, 0.1, |_| 1.0);
    assert!(psnr(&clean, &run(&bright, &Impulse::default())) > 48.0);
}

#[test]
fn an_image_withrestoredimpulses_is_returned_as_it_is() {
    let smooth = synthetic(Size::new(100, 80));
    // A saturated disk on a saturated background, and a page of black strokes on white.
    let disk = Image::gray_from_fn(Size::new(100, 80), |x, y| {
        let d = (x as f32 - 50.0).hypot(y as f32 - 40.0);
        ((d - 20.0) / 10.0).clamp(0.0, 1.0)
    });
    let page =
        Image::gray_from_fn(
            Size::new(100, 80),
            |x, y| {
                if (x / 3 + y / 5) % 4 == 0 { 0.0 } else { 1.0 }
            },
        );
    for clean in
        [smooth, disk, page, Image::zeros(Size::new(9, 9), restora_image::ColorSpace::Srgb)]
    {
        assert_eq!(run(&clean, &Impulse::default()), clean);
    }
}

#[test]
fn truly_black_and_white_areas_survive_between_impulses() {
    let clean =
        Image::gray_from_fn(Size::new(120, 120), |x, _| ((x as f32 - 40.0) / 40.0).clamp(0.0, 1.0));
    for share in [0.05, 0.3, 0.5] {
        let degraded = hit(&clean, share, salt_or_pepper);
        let out = run(&degraded, &Impulse::default());
        let (out_plane, clean_plane) = (out.plane(0), clean.plane(0));
        let off = |x: usize| {
            (0..120).filter(|y| (out_plane.at(x, *y) - clean_plane.at(x, *y)).abs() > 0.02).count()
        };
        let wrong: usize = (5..30).chain(90..115).map(off).sum();
        assert!(wrong < 60, "{wrong} of 6000 at {share}");
        assert!(psnr(&clean, &out) > 30.0, "{share}: {}", psnr(&clean, &out));
    }
}

#[test]
fn random_values_are_found_too() {
    let clean = synthetic(Size::new(140, 110));
    let degraded = hit(&clean, 0.1, |rng| rng.uniform() as f32);
    let random = Impulse { kind: ImpulseKind::Random, ..Impulse::default() };
    let gain = psnr(&clean, &run(&degraded, &random)) - psnr(&clean, &degraded);
    assert!(gain > 12.0, "{gain}");
}

#[test]
fn the_share_of_random_values_is_found_blindly_and_half_of_all_pixels_are_replaced() {
    let clean = synthetic(Size::new(140, 110));
    let random = Impulse { kind: ImpulseKind::Random, ..Impulse::default() };
    for (share, gain) in [(0.1, 14.0), (0.3, 14.0), (0.5, 12.0)] {
        let degraded = hit(&clean, share, |rng| rng.uniform() as f32);
        let found = random_impulse_share(degraded.plane(0), &Context::default()).unwrap();
        assert!((f64::from(found) / share - 1.0).abs() < 0.2, "{share}: {found}");
        let out = run(&degraded, &random);
        let got = psnr(&clean, &out) - psnr(&clean, &degraded);
        assert!(got > gain, "{share}: {got}");
    }
    let found = random_impulse_share(clean.plane(0), &Context::default()).unwrap();
    assert!(found < 0.02, "{found} of a clean picture");
}

#[test]
fn the_share_of_hits_is_measured_within_its_standard_error() {
    let clean = synthetic(Size::new(300, 300));
    for share in [0.02, 0.2, 0.6, 0.9] {
        let degraded = hit(&clean, share, salt_or_pepper);
        let class = Classes::new(degraded.plane(0), [0.0, 1.0]);
        let [low, high] = class.shares(degraded.plane(0), [0.0, 1.0]);
        assert!((low + high - share).abs() < 0.03 && (low - high).abs() < 0.04, "{low} {high}");
    }
}

#[test]
fn bad_options_are_errors() {
    let bad = [
        Impulse { low: Some(f32::NAN), ..Impulse::default() },
        Impulse { low: Some(1.0), high: Some(0.5), ..Impulse::default() },
        Impulse { density: Some(1.5), ..Impulse::default() },
        Impulse { iterations: 1001, ..Impulse::default() },
    ];
    for options in bad {
        let result = impulse(&synthetic(Size::new(4, 4)), &options, &Context::default());
        assert!(matches!(result, Err(OpError::Param { .. })), "{options:?}");
    }
    let mask = Mask::empty(Size::new(3, 3));
    let image = synthetic(Size::new(4, 4));
    let result = fill_scattered(image.plane(0), &mask, 1, &Context::default());
    assert!(matches!(result, Err(OpError::SizeMismatch { .. })));
}
