use super::weighting::exp2;
use super::*;
use restora_image::{ColorSpace, Size};
use restora_testkit::{
    assert_contract, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
};

fn classic(space: f32, range: f32, radius: u32) -> Bilateral {
    Bilateral {
        sigma_space: Some(space),
        sigma_range: Some(range),
        guide_blur: Some(0.0),
        radius: Some(radius),
        ..Bilateral::default()
    }
}

fn run(image: &Image, options: &Bilateral) -> Image {
    bilateral(image, options, &Context::default()).unwrap()
}

/// The definition, in `f64`.
fn oracle(image: &Image, guide: &Image, options: &Bilateral) -> Vec<f64> {
    let (w, h, n) = (image.size().w(), image.size().h(), image.channels());
    let (s, k) = (f64::from(options.sigma_space.unwrap()), f64::from(options.sigma_range.unwrap()));
    let r = options.radius.unwrap() as isize;
    let mut out = vec![0.0; image.data().len()];
    for y in 0..h {
        for x in 0..w {
            let (mut sums, mut weights) = (vec![0.0; n], 0.0);
            for j in -r..=r {
                for i in -r..=r {
                    if i * i + j * j > r * r {
                        continue;
                    }
                    let at = options
                        .border
                        .index(x as isize + i, w)
                        .zip(options.border.index(y as isize + j, h));
                    let read = |image: &Image, c: usize| {
                        at.map_or(0.0, |(x, y)| f64::from(image.plane(c).at(x, y)))
                    };
                    let d = (0..n)
                        .map(|c| (read(guide, c) - f64::from(guide.plane(c).at(x, y))).powi(2))
                        .sum::<f64>()
                        / n as f64;
                    let space = (i * i + j * j) as f64 / (2.0 * s * s);
                    let weight = (-space - d / (2.0 * k * k)).exp();
                    weights += weight;
                    for (c, sum) in sums.iter_mut().enumerate() {
                        *sum += weight * read(image, c);
                    }
                }
            }
            for c in 0..n {
                out[(c * h + y) * w + x] = sums[c] / weights;
            }
        }
    }
    out
}

#[test]
fn keeps_the_promises_of_an_operation() {
    let image = synthetic_rgb(Size::new(90, 70));
    assert_contract(&classic(1.5, 0.1, 4), &image);
    assert_contract(&Bilateral { sigma: Sigma::Known(0.1), ..Bilateral::default() }, &image);
    assert_info_matches(&INFO, &Bilateral::default());
}

#[test]
fn equals_the_definition_for_gray_color_and_other_planes() {
    for (w, h) in [(1, 1), (2, 3), (70, 9), (130, 6)] {
        let rgb = noisy(&synthetic_rgb(Size::new(w, h)), 0.05, 1);
        let gray = noisy(&synthetic(Size::new(w, h)), 0.05, 2);
        let two = Image::from_vec(
            rgb.size(),
            ColorSpace::Raw(2),
            rgb.data()[..2 * rgb.size().len()].to_vec(),
        );
        for image in [rgb, gray, two.unwrap()] {
            for border in [Border::Reflect101, Border::Constant] {
                let options = Bilateral { border, ..classic(1.3, 0.08, 3) };
                let got = run(&image, &options);
                for (got, want) in got.data().iter().zip(oracle(&image, &image, &options)) {
                    assert!((f64::from(*got) - want).abs() < 2e-6, "{w}x{h} {got} {want}");
                }
            }
        }
    }
}

#[test]
fn a_blurred_guide_only_changes_the_weights() {
    let image = noisy(&synthetic(Size::new(40, 30)), 0.1, 3);
    let options = Bilateral { guide_blur: Some(0.8), ..classic(1.5, 0.1, 4) };
    let guide = super::super::gaussian(
        &image,
        &super::super::Gaussian::with_blur(0.8),
        &Context::default(),
    );
    let want = oracle(&image, &guide.unwrap(), &options);
    for (got, want) in run(&image, &options).data().iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 2e-6);
    }
}

#[test]
fn the_exponential_is_right_to_the_seventh_digit() {
    for i in 0..=12_500 {
        let z = -0.01 * i as f32;
        let (got, want) = (f64::from(exp2(z)), f64::from(z).exp2());
        assert!((got / want - 1.0).abs() < 3e-7, "{z}: {got} {want}");
    }
    assert_eq!(exp2(0.0), 1.0);
    assert!(exp2(-1e30) < 2e-38 && exp2(f32::NEG_INFINITY) < 2e-38);
}

#[test]
fn flat_stays_flat_noise_falls_and_a_strong_edge_stays_sharp() {
    let flat = Image::gray_from_fn(Size::new(70, 9), |_, _| 0.3);
    let out = run(&flat, &classic(2.0, 0.1, 5));
    assert!(out.data().iter().all(|v| (v - 0.3).abs() < 1e-6));
    let edge = Image::gray_from_fn(Size::new(80, 60), |x, _| if x < 40 { 0.2 } else { 0.8 });
    let degraded = noisy(&edge, 0.05, 4);
    let out = run(&degraded, &Bilateral { sigma: Sigma::Known(0.05), ..Bilateral::default() });
    assert!(psnr(&edge, &out) > psnr(&edge, &degraded) + 7.0);
    assert!(out.plane(0).at(39, 30) < 0.3 && out.plane(0).at(40, 30) > 0.7);
}

#[test]
fn bad_options_are_errors_and_no_noise_is_the_identity() {
    let image = synthetic(Size::new(9, 9));
    let with = |f: &dyn Fn(&mut Bilateral)| {
        let mut options = classic(1.0, 0.1, 2);
        f(&mut options);
        bilateral(&image, &options, &Context::default())
    };
    for bad in [f32::NAN, -1.0, 1e9] {
        assert!(matches!(with(&|o| o.sigma_space = Some(bad)), Err(OpError::Param { .. })));
        assert!(matches!(with(&|o| o.guide_blur = Some(bad)), Err(OpError::Param { .. })));
    }
    assert!(matches!(with(&|o| o.sigma_range = Some(0.0)), Err(OpError::Param { .. })));
    assert!(matches!(with(&|o| o.radius = Some(0)), Err(OpError::Param { .. })));
    assert!(matches!(with(&|o| o.sigma_range = None), Err(OpError::Param { name: "sigma", .. })));
    let none = Bilateral { sigma: Sigma::Known(0.0), ..Bilateral::default() };
    assert_eq!(run(&image, &none), image);
}
