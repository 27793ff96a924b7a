use super::*;
use restora_image::Size;
use restora_testkit::{assert_info_matches, assert_inpaint_contract, synthetic_rgb};

#[test]
fn it_keeps_the_contract_of_inpainters() {
    assert_info_matches(&INFO, &Telea::default());
    assert_inpaint_contract(&Telea::default(), &synthetic_rgb(Size::new(90, 70)));
}

#[test]
fn a_plane_is_continued_into_single_pixels_to_rounding_at_the_border_too() {
    let plane = |x: usize, y: usize| 0.3 + 0.01 * x as f32 - 0.005 * y as f32;
    let image = Image::gray_from_fn(Size::new(30, 30), plane);
    let mask = Mask::from_fn(image.size(), |x, y| x % 14 == 0 && x < 28 && y % 14 == 3);
    let out = telea(&image, &mask, &Telea::default(), &Context::default()).unwrap();
    let pairs = out.data().iter().zip(image.data());
    let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < 1e-6, "{off}");
}

#[test]
fn an_edge_goes_on_through_a_hole_and_hardly_overshoots() {
    let image = Image::gray_from_fn(Size::new(60, 40), |x, _| if x < 30 { 0.2 } else { 0.7 });
    let mask = Mask::from_fn(image.size(), |x, y| (20..40).contains(&x) && (10..30).contains(&y));
    let out = telea(&image, &mask, &Telea::default(), &Context::default()).unwrap();
    assert!(out.data().iter().all(|v| (0.1..=0.8).contains(v)));
    let (left, right) = (out.plane(0).at(23, 20), out.plane(0).at(36, 20));
    assert!(left < 0.3 && right > 0.6, "{left} {right}");
}

#[test]
fn a_radius_out_of_range_is_refused() {
    for radius in [0, 51] {
        let error = Telea { radius }.validate().unwrap_err().to_string();
        assert!(error.contains("radius") && error.contains("1..=50"), "{error}");
    }
}
