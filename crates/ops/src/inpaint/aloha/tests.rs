use super::*;
use restora_image::Size;
use restora_testkit::{
    assert_info_matches, assert_inpaint_contract_within, psnr, synthetic, synthetic_rgb,
};

fn scattered(size: Size, tenths: u64) -> Mask {
    let mut rng = restora_image::Rng::new(tenths, "aloha", 0);
    Mask::from_fn(size, |_, _| rng.below(10) < tenths)
}

fn scores(clean: &Image, mask: &Mask) -> (f64, f64) {
    let cx = Context::default();
    let rough = start(clean, mask, &cx).unwrap();
    let out = aloha(clean, mask, &Aloha::default(), &cx).unwrap();
    (psnr(clean, &rough), psnr(clean, &out))
}

#[test]
fn aloha_keeps_the_promises_of_an_inpainter() {
    assert_inpaint_contract_within(0.05, &Aloha::default(), &synthetic(Size::new(90, 64)));
    assert_inpaint_contract_within(0.05, &Aloha::default(), &synthetic_rgb(Size::new(90, 64)));
    assert_info_matches(&INFO, &Aloha::default());
}

#[test]
fn waves_of_a_few_frequencies_are_completed_far_beyond_the_first_estimate() {
    let clean = Image::gray_from_fn(Size::new(84, 63), |x, y| {
        let (x, y) = (x as f32, y as f32);
        0.5 + 0.2 * (1.1 * x + 0.6 * y).sin() + 0.15 * (0.4 * x - 1.3 * y).cos()
    });
    let (rough, out) = scores(&clean, &scattered(clean.size(), 5));
    assert!(out > rough + 10.0, "{rough:.2} {out:.2}");
}

#[test]
fn where_no_spectrum_has_a_gap_the_first_estimate_stays() {
    let mut rng = restora_image::Rng::new(3, "noise", 0);
    let clean = Image::gray_from_fn(Size::new(64, 64), |_, _| rng.uniform() as f32);
    let mask = scattered(clean.size(), 3);
    let cx = Context::default();
    let out = aloha(&clean, &mask, &Aloha::default(), &cx).unwrap();
    let rough = start(&clean, &mask, &cx).unwrap();
    for (i, missing) in mask.data().iter().enumerate() {
        assert_eq!(out.data()[i], if *missing { rough.data()[i] } else { clean.data()[i] });
    }
}
