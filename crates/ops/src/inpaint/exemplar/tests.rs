use super::*;
use restora_image::{ColorSpace, Size};
use restora_testkit::{assert_info_matches, assert_inpaint_contract, synthetic_rgb};

#[test]
fn it_keeps_the_contract_of_inpainters() {
    assert_info_matches(&INFO, &Exemplar::default());
    assert_inpaint_contract(&Exemplar::default(), &synthetic_rgb(Size::new(90, 70)));
}

fn worst(a: &Image, b: &Image) -> f32 {
    a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_texture_that_repeats_goes_on_through_a_large_hole_and_no_smooth_surface_does_that() {
    // Stripes and dots of two periods.
    let texture = |x: usize, y: usize, c: usize| {
        let dot = x % 12 < 5 && y % 9 < 4;
        if dot { 0.9 - 0.2 * c as f32 } else { 0.2 + 0.1 * ((x + y) % 6 / 3) as f32 }
    };
    let size = Size::new(130, 120);
    let mut image = Image::zeros(size, ColorSpace::Srgb);
    for c in 0..3 {
        for (i, v) in image.plane_mut(c).iter_mut().enumerate() {
            *v = texture(i % size.w(), i / size.w(), c);
        }
    }
    let mask = Mask::from_fn(size, |x, y| (50..80).contains(&x) && (45..70).contains(&y));
    let crisp = Exemplar { smooth: 0.0, ..Exemplar::default() };
    let cx = Context::default();
    let off = worst(&exemplar(&image, &mask, &crisp, &cx).unwrap(), &image);
    assert!(off < 0.02, "{off}");
    let surface = navier_stokes(&image, &mask, &NavierStokes::default(), &cx).unwrap();
    assert!(worst(&surface, &image) > 0.3);
}

#[test]
fn it_is_the_mean_of_patches_and_surface_that_was_asked_for() {
    let image = synthetic_rgb(Size::new(80, 70));
    let mask = Mask::from_fn(image.size(), |x, y| (30..45).contains(&x) && (25..40).contains(&y));
    let cx = Context::default();
    let run = |smooth: f32| {
        exemplar(&image, &mask, &Exemplar { smooth, ..Exemplar::default() }, &cx).unwrap()
    };
    let (patches, surface, mixed) = (run(0.0), run(1.0), run(0.25));
    assert_eq!(surface, navier_stokes(&image, &mask, &NavierStokes::default(), &cx).unwrap());
    assert!(worst(&patches, &surface) > 0.01);
    for ((p, s), m) in patches.data().iter().zip(surface.data()).zip(mixed.data()) {
        assert!((0.75 * p + 0.25 * s - m).abs() < 1e-5);
    }
}

#[test]
fn options_out_of_range_are_refused() {
    for (name, bad) in [
        ("radius", Exemplar { radius: 0, ..Exemplar::default() }),
        ("radius", Exemplar { radius: 11, ..Exemplar::default() }),
        ("smooth", Exemplar { smooth: 1.1, ..Exemplar::default() }),
        ("smooth", Exemplar { smooth: f32::NAN, ..Exemplar::default() }),
    ] {
        let error = bad.validate().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}
