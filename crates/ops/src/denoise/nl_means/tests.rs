use super::block::exp2_negative;
use super::*;
use restora_image::{Border, NoiseModel, Rect, Size};
use restora_testkit::{
    assert_contract, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
};

fn known(sigma: f32, patch_radius: u32, search_radius: u32) -> NlMeans {
    NlMeans { patch_radius, search_radius, ..NlMeans::with_sigma(sigma) }
}

/// The formula of the module, in `f64`, pixel by pixel.
fn oracle(image: &Image, sigma: f64, h: f64, rho: f64, r: isize, s: isize) -> Vec<f64> {
    let (wd, ht) = (image.size().w() as isize, image.size().h() as isize);
    let at = |c: usize, x: isize, y: isize| {
        let x = Border::Reflect.index(x, wd as usize).unwrap();
        let y = Border::Reflect.index(y, ht as usize).unwrap();
        f64::from(image.plane(c).at(x, y))
    };
    let patch = || (-r..=r).flat_map(move |j| (-r..=r).map(move |i| (i, j)));
    let n = ((2 * r + 1) * (2 * r + 1)) as f64;
    let channels = image.channels();
    let distance = |x: isize, y: isize, dx: isize, dy: isize| -> f64 {
        let sum: f64 = (0..channels)
            .flat_map(|c| patch().map(move |k| (c, k)))
            .map(|(c, (i, j))| (at(c, x + i, y + j) - at(c, x + i + dx, y + j + dy)).powi(2))
            .sum();
        sum / (n * channels as f64)
    };
    let weight = |x: isize, y: isize, dx: isize, dy: isize| {
        let far = (dx * dx + dy * dy) as f64 / (2.0 * rho * rho);
        (-(distance(x, y, dx, dy) - 2.0 * sigma * sigma).max(0.0) / (h * h) - far).exp()
    };
    let mut out = Vec::new();
    for c in 0..channels {
        for y in 0..ht {
            for x in 0..wd {
                let (mut values, mut weights) = (0.0, 0.0);
                for dy in -s..=s {
                    for dx in -s..=s {
                        let joint =
                            patch().map(|(i, j)| weight(x + i, y + j, dx, dy)).sum::<f64>() / n;
                        values += joint * at(c, x + dx, y + dy);
                        weights += joint;
                    }
                }
                out.push(values / weights);
            }
        }
    }
    out
}

#[test]
fn equals_the_formula() {
    let gray = noisy(&synthetic(Size::new(23, 11)), 0.1, 3);
    let rgb = noisy(&synthetic_rgb(Size::new(9, 8)), 0.1, 4);
    let narrow = gray.crop(Rect { x: 3, y: 0, width: 2, height: 11 });
    for (image, r, s, locality) in [
        (&gray, 0, 2, None),
        (&gray, 1, 3, Some(1.5)),
        (&gray, 2, 2, Some(3.0)),
        (&rgb, 1, 2, None),
        (&rgb, 3, 2, Some(2.0)),
        (&narrow, 4, 3, Some(4.0)),
    ] {
        let options = NlMeans { h: Some(0.08), locality, ..known(0.1, r, s) };
        let out = nl_means(image, &options, &Context::default()).unwrap();
        let rho = f64::from(locality.unwrap_or(f32::MAX));
        let want =
            oracle(image, f64::from(0.1_f32), f64::from(0.08_f32), rho, r as isize, s as isize);
        for (a, b) in out.data().iter().zip(&want) {
            // Weights are within 4e-6 and sums of f32 within 1e-6 of their size.
            assert!((f64::from(*a) - b).abs() < 2e-5, "r {r} s {s}: {a} {b}");
        }
    }
}

#[test]
fn keeps_the_promises_of_an_operation() {
    let gray = noisy(&synthetic(Size::new(280, 70)), 0.1, 1);
    assert_contract(&NlMeans::with_sigma(0.1), &gray);
    let rgb = noisy(&synthetic_rgb(Size::new(60, 50)), 0.1, 1);
    for (r, s) in [(0, 1), (1, 9), (3, 2), (5, 4)] {
        assert_contract(&known(0.1, r, s), &rgb);
    }
    assert_info_matches(&INFO, &NlMeans::default());
}

#[test]
fn a_flat_image_stays_flat_and_no_noise_means_no_change() {
    let flat = Image::gray_from_fn(Size::new(40, 30), |_, _| 0.3);
    let out = nl_means(&flat, &NlMeans::with_sigma(0.1), &Context::default()).unwrap();
    assert!(out.data().iter().all(|v| (v - 0.3).abs() < 1e-6));
    let image = synthetic(Size::new(40, 30));
    let same = nl_means(&image, &NlMeans::with_sigma(0.0), &Context::default()).unwrap();
    assert_eq!(same, image);
}

#[test]
fn a_strong_filter_is_the_mean_over_the_search_window() {
    let image = noisy(&synthetic(Size::new(20, 20)), 0.1, 5);
    let options = NlMeans { h: Some(1e6), locality: None, ..known(0.1, 1, 3) };
    let out = nl_means(&image, &options, &Context::default()).unwrap();
    let window = image.crop(Rect { x: 7, y: 7, width: 7, height: 7 });
    let mean = window.data().iter().sum::<f32>() / 49.0;
    assert!((out.plane(0).at(10, 10) - mean).abs() < 1e-5);
}

#[test]
fn noise_falls_by_the_pinned_amount_and_the_mean_stays() {
    for (clean, gain) in
        [(synthetic(Size::new(128, 128)), 11.0), (synthetic_rgb(Size::new(128, 128)), 12.0)]
    {
        let degraded = noisy(&clean, 0.1, 1);
        let out = nl_means(&degraded, &NlMeans::with_sigma(0.1), &Context::default()).unwrap();
        let rise = psnr(&clean, &out) - psnr(&clean, &degraded);
        assert!(rise > gain, "rose by {rise}");
        let mean = |i: &Image| i.data().iter().sum::<f32>() / i.data().len() as f32;
        assert!((mean(&out) - mean(&degraded)).abs() < 1e-3);
    }
}

#[test]
fn mirroring_the_input_mirrors_the_output() {
    let image = noisy(&synthetic(Size::new(45, 31)), 0.1, 9);
    let flip = |i: &Image| {
        let size = i.size();
        Image::gray_from_fn(size, |x, y| i.plane(0).at(size.w() - 1 - x, size.h() - 1 - y))
    };
    let run = |i: &Image| nl_means(i, &NlMeans::with_sigma(0.1), &Context::default()).unwrap();
    for (a, b) in flip(&run(&image)).data().iter().zip(run(&flip(&image)).data()) {
        assert!((a - b).abs() < 2e-6);
    }
}

#[test]
fn options_out_of_range_are_errors() {
    let image = synthetic(Size::new(8, 8));
    let name = |options: &NlMeans| match nl_means(&image, options, &Context::default()) {
        Err(OpError::Param { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(&NlMeans::default()), "sigma");
    for sigma in [-0.1, f32::NAN, f32::INFINITY] {
        assert_eq!(name(&NlMeans::with_sigma(sigma)), "sigma");
    }
    for h in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let locality = NlMeans { locality: Some(h), ..NlMeans::with_sigma(0.1) };
        assert_eq!(name(&locality), "locality");
        assert_eq!(name(&NlMeans { h: Some(h), ..NlMeans::with_sigma(0.1) }), "h");
    }
    assert_eq!(name(&known(0.1, 33, 6)), "patch_radius");
    assert_eq!(name(&known(0.1, 2, 0)), "search_radius");
    assert_eq!(name(&known(0.1, 2, 129)), "search_radius");
}

#[test]
fn the_measured_noise_level_is_used() {
    let image = noisy(&synthetic(Size::new(40, 30)), 0.1, 2);
    let mut sample = Sample::new(image.clone());
    sample.noise = Some(NoiseModel::white(0.1, 1));
    NlMeans::default().apply(&mut sample, &Context::default()).unwrap();
    let told = nl_means(&image, &NlMeans::with_sigma(0.1), &Context::default()).unwrap();
    assert_eq!(sample.image, told);
}

#[test]
fn the_fast_exponential_is_within_its_bound() {
    for i in 0..12_600 {
        let t = i as f32 / 100.0;
        let want = (-f64::from(t)).exp2();
        assert!((f64::from(exp2_negative(t)) / want - 1.0).abs() < 4e-6, "{t}");
    }
    assert!(exp2_negative(1e30) < 2e-38);
}
