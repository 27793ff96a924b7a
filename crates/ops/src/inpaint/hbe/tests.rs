use super::*;
use crate::inpaint::{Biharmonic, biharmonic};
use restora_image::{ColorSpace, Size};
use restora_testkit::{
    assert_info_matches, assert_inpaint_contract_within, psnr, synthetic, synthetic_rgb,
};

#[test]
fn hbe_keeps_the_promises_of_an_inpainter() {
    let quick = Hbe { iterations: 2, count: 20, window: 15 };
    assert_inpaint_contract_within(0.03, &quick, &synthetic(Size::new(90, 64)));
    assert_inpaint_contract_within(0.03, &Hbe::default(), &synthetic_rgb(Size::new(90, 64)));
    assert_info_matches(&INFO, &Hbe::default());
    for wrong in [
        Hbe { iterations: 51, ..Hbe::default() },
        Hbe { count: 1, ..Hbe::default() },
        Hbe { window: 6, ..Hbe::default() },
    ] {
        assert!(matches!(wrong.validate(), Err(OpError::Param { .. })), "{wrong:?}");
    }
    let lab = Image::zeros(Size::new(9, 9), ColorSpace::Lab);
    let mask = Mask::from_fn(lab.size(), |x, _| x == 4);
    let got = hbe(&lab, &mask, &Hbe::default(), &Context::default());
    assert!(matches!(got, Err(OpError::WrongSpace { .. })));
}

#[test]
fn a_texture_with_most_pixels_missing_comes_back_where_smooth_surfaces_fail() {
    let clean = Image::gray_from_fn(Size::new(96, 80), |x, y| {
        0.5 + 0.2 * (0.9 * x as f32 + 0.5 * y as f32).sin() + 0.1 * (1.3 * y as f32).sin()
    });
    let mask = Mask::from_fn(clean.size(), |x, y| (x * 7919 + y * 104_729 + x * y * 31) % 10 < 6);
    let cx = Context::default();
    let smooth = biharmonic(&clean, &mask, &Biharmonic::default(), &cx).unwrap();
    let start = hbe(&clean, &mask, &Hbe { iterations: 0, ..Hbe::default() }, &cx).unwrap();
    let out = hbe(&clean, &mask, &Hbe::default(), &cx).unwrap();
    let (smooth, start, out) = (psnr(&clean, &smooth), psnr(&clean, &start), psnr(&clean, &out));
    assert!(out > smooth + 10.0 && out > start + 10.0, "{smooth:.2} {start:.2} {out:.2}");
}

#[test]
fn a_texture_goes_on_through_a_hole_wider_than_patches() {
    let clean = Image::gray_from_fn(Size::new(120, 90), |x, y| {
        0.5 + 0.3 * (0.7 * x as f32 + 0.4 * y as f32).sin() * (0.5 * y as f32).cos()
    });
    let mask = Mask::from_fn(clean.size(), |x, y| (50..74).contains(&x) && (30..54).contains(&y));
    let cx = Context::default();
    let smooth = biharmonic(&clean, &mask, &Biharmonic::default(), &cx).unwrap();
    let out = hbe(&clean, &mask, &Hbe::default(), &cx).unwrap();
    let (smooth, out) = (psnr(&clean, &smooth), psnr(&clean, &out));
    assert!(out > smooth + 6.0, "{smooth:.2} {out:.2}");
}

#[test]
fn patches_without_a_known_pixel_are_found_and_no_others() {
    let size = Size::new(40, 30);
    let holes = |x: usize, y: usize| {
        x < 6 || (10..17).contains(&x) && (8..15).contains(&y) || x >= 30 && y >= 20
    };
    let found = missing_patches(&Mask::from_fn(size, holes));
    let wide = Mask::from_fn(size, |x, y| x >= 10 && holes(x, y));
    assert!(found == wide);
}
