use super::*;
use crate::denoise::{Impulse, ImpulseKind, impulse};
use restora_image::{ColorSpace, Rng, Size};
use restora_testkit::{assert_contract, assert_info_matches, psnr, synthetic, synthetic_rgb};

/// A share of the samples replaced by values of the whole range.
fn hit(clean: &Image, share: f64) -> Image {
    let mut rng = Rng::new(5, "hits", 0);
    let mut out = clean.clone();
    for v in out.data_mut() {
        if rng.uniform() < share {
            *v = rng.uniform() as f32;
        }
    }
    out
}

fn start(image: &Image) -> Image {
    let options = Impulse { kind: ImpulseKind::Random, ..Impulse::default() };
    impulse(image, &options, &Context::default()).unwrap()
}

fn restored(image: &Image) -> Image {
    robust_aloha(image, &RobustAloha::default(), &Context::default()).unwrap()
}

fn waves(x: usize, y: usize, shift: f32) -> f32 {
    let (x, y) = (x as f32, y as f32);
    0.5 + 0.2 * (1.1 * x + 0.6 * y + shift).sin() + 0.15 * (0.4 * x - 1.3 * y).cos()
}

#[test]
fn robust_aloha_keeps_the_promises_of_an_operation() {
    let op = RobustAloha::default();
    assert_contract(&op, &hit(&synthetic(Size::new(50, 40)), 0.1));
    assert_contract(&op, &hit(&synthetic_rgb(Size::new(40, 30)), 0.1));
    assert_info_matches(&INFO, &op);
}

#[test]
fn waves_with_a_quarter_of_the_pixels_replaced_are_recovered_to_40_db() {
    let clean = Image::gray_from_fn(Size::new(84, 63), |x, y| waves(x, y, 0.0));
    let damaged = hit(&clean, 0.25);
    let (before, after) = (psnr(&clean, &start(&damaged)), psnr(&clean, &restored(&damaged)));
    assert!(after > 40.0 && after > before + 5.0, "{before:.2} {after:.2}");
}

#[test]
fn planes_are_treated_one_by_one() {
    let damaged = [0.0, 0.7]
        .map(|shift| hit(&Image::gray_from_fn(Size::new(42, 42), |x, y| waves(x, y, shift)), 0.25));
    let [a, b] = &damaged;
    let data = [a.data(), b.data(), a.data()].concat();
    let rgb = Image::from_vec(a.size(), ColorSpace::Srgb, data).unwrap();
    let out = restored(&rgb);
    for (c, gray) in [a, b, a].into_iter().enumerate() {
        assert_eq!(out.plane(c).to_plane(), restored(gray).plane(0).to_plane());
    }
}

#[test]
fn pixels_that_were_not_hit_keep_every_bit() {
    let clean = Image::gray_from_fn(Size::new(63, 63), |x, y| waves(x, y, 0.3));
    let damaged = hit(&clean, 0.2);
    let out = restored(&damaged);
    let pixels = clean.data().iter().zip(damaged.data()).zip(out.data());
    let kept = pixels.clone().filter(|((c, d), o)| c == d && d == o).count();
    let spared = pixels.filter(|((c, d), _)| c == d).count();
    assert!(kept * 100 >= spared * 95, "{kept} of {spared}");
}

#[test]
fn where_no_spectrum_has_a_gap_the_start_stays() {
    let mut rng = Rng::new(3, "noise", 0);
    let noise = Image::gray_from_fn(Size::new(64, 64), |_, _| rng.uniform() as f32);
    assert_eq!(restored(&noise), start(&noise));
}
