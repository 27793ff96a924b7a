use super::*;
use restora_image::{NoiseModel, Size};
use restora_testkit::{
    assert_contract, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
};

fn with_lambda(lambda: f32, iterations: u32) -> TvChambolle {
    TvChambolle { lambda: Some(lambda), iterations, ..TvChambolle::default() }
}

fn run(image: &Image, options: &TvChambolle) -> Image {
    tv_chambolle(image, options, &Context::default()).unwrap()
}

/// Chambolle's own iteration (his eq. 9 with step 1/4), in `f64`, on planes with one gradient.
fn semi_implicit(image: &Image, lambda: f64, iterations: usize) -> Vec<f64> {
    let (w, h, channels) = (image.size().w(), image.size().h(), image.channels());
    let n = w * h;
    let v: Vec<f64> = image.data().iter().map(|v| f64::from(*v)).collect();
    let mut p = vec![[0.0; 2]; n * channels];
    let div = |p: &[[f64; 2]], c: usize, x: usize, y: usize| {
        let i = c * n + y * w + x;
        let left = if x > 0 { p[i - 1][0] } else { 0.0 };
        let above = if y > 0 { p[i - w][1] } else { 0.0 };
        p[i][0] - left + p[i][1] - above
    };
    let u = |p: &[[f64; 2]]| -> Vec<f64> {
        (0..n * channels).map(|i| v[i] + lambda * div(p, i / n, i % n % w, i % n / w)).collect()
    };
    for _ in 0..iterations {
        let now = u(&p);
        for y in 0..h {
            for x in 0..w {
                let gradient = |c: usize| {
                    let i = c * n + y * w + x;
                    let gx = if x + 1 < w { now[i + 1] - now[i] } else { 0.0 };
                    let gy = if y + 1 < h { now[i + w] - now[i] } else { 0.0 };
                    [gx / lambda, gy / lambda]
                };
                let norm = (0..channels)
                    .map(|c| gradient(c).map(|g| g * g).iter().sum::<f64>())
                    .sum::<f64>()
                    .sqrt();
                for c in 0..channels {
                    let g = gradient(c);
                    let p = &mut p[c * n + y * w + x];
                    for k in 0..2 {
                        p[k] = (p[k] + 0.25 * g[k]) / (1.0 + 0.25 * norm);
                    }
                }
            }
        }
    }
    u(&p)
}

#[test]
fn converges_to_the_solution_that_chambolles_own_iteration_finds() {
    for image in [
        noisy(&synthetic(Size::new(13, 17)), 0.1, 1),
        noisy(&synthetic_rgb(Size::new(11, 9)), 0.1, 1),
    ] {
        let want = semi_implicit(&image, f64::from(0.07_f32), 20_000);
        let out = run(&image, &with_lambda(0.07, 2000));
        for (a, b) in out.data().iter().zip(&want) {
            assert!((f64::from(*a) - b).abs() < 1e-4, "{a} {b}");
        }
    }
}

#[test]
fn a_step_keeps_its_place_and_loses_what_the_formula_says() {
    // Two halves of 32 columns: each moves by lambda / 32 towards the other.
    let step = Image::gray_from_fn(Size::new(64, 5), |x, _| if x < 32 { 0.2 } else { 0.8 });
    let out = run(&step, &with_lambda(0.1, 3000));
    for (v, out) in step.data().iter().zip(out.data()) {
        let want = v + 0.1 / 32.0 * (0.5 - v).signum();
        assert!((out - want).abs() < 1e-4, "{out} {want}");
    }
}

#[test]
fn a_huge_weight_gives_the_mean_and_the_mean_never_changes() {
    let image = noisy(&synthetic(Size::new(15, 12)), 0.1, 2);
    let mean = |i: &Image| i.data().iter().sum::<f32>() / i.data().len() as f32;
    let flat = run(&image, &with_lambda(100.0, 10_000));
    assert!(flat.data().iter().all(|v| (v - mean(&image)).abs() < 1e-3));
    let out = run(&image, &with_lambda(0.1, 30));
    assert!((mean(&out) - mean(&image)).abs() < 1e-5);
}

#[test]
fn keeps_the_promises_of_an_operation() {
    let gray = noisy(&synthetic(Size::new(150, 130)), 0.1, 1);
    assert_contract(&TvChambolle::with_sigma(0.1), &gray);
    let rgb = noisy(&synthetic_rgb(Size::new(64, 70)), 0.1, 1);
    for coupling in [Coupling::Joint, Coupling::Separate] {
        assert_contract(&TvChambolle { coupling, ..with_lambda(0.1, 12) }, &rgb);
    }
    assert_info_matches(&INFO, &TvChambolle::default());
}

#[test]
fn no_noise_or_a_flat_image_means_no_change() {
    let image = synthetic(Size::new(40, 30));
    assert_eq!(run(&image, &TvChambolle::with_sigma(0.0)), image);
    let flat = Image::gray_from_fn(Size::new(40, 30), |_, _| 0.3);
    assert_eq!(run(&flat, &TvChambolle::with_sigma(0.1)), flat);
}

#[test]
fn noise_falls_by_the_pinned_amount() {
    for (clean, gain) in
        [(synthetic(Size::new(128, 128)), 9.0), (synthetic_rgb(Size::new(128, 128)), 9.0)]
    {
        let degraded = noisy(&clean, 0.1, 1);
        let out = run(&degraded, &TvChambolle::with_sigma(0.1));
        let rise = psnr(&clean, &out) - psnr(&clean, &degraded);
        assert!(rise > gain, "rose by {rise}");
    }
}

#[test]
fn separate_planes_are_gray_images() {
    let rgb = noisy(&synthetic_rgb(Size::new(20, 30)), 0.1, 3);
    let options = TvChambolle { coupling: Coupling::Separate, ..with_lambda(0.1, 20) };
    let out = run(&rgb, &options);
    for c in 0..3 {
        let plane = Image::from_plane(rgb.plane(c).to_plane());
        assert_eq!(run(&plane, &options).data(), &out.data()[c * 600..][..600]);
    }
}

#[test]
fn options_out_of_range_are_errors() {
    let image = synthetic(Size::new(8, 8));
    let name = |options: &TvChambolle| match tv_chambolle(&image, options, &Context::default()) {
        Err(OpError::Param { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(&TvChambolle::default()), "sigma");
    for bad in [-0.1, f32::NAN, f32::INFINITY] {
        assert_eq!(name(&TvChambolle::with_sigma(bad)), "sigma");
        assert_eq!(name(&with_lambda(bad, 10)), "lambda");
    }
    for bad in [0, 10_001] {
        assert_eq!(name(&with_lambda(0.1, bad)), "iterations");
    }
}

#[test]
fn the_measured_noise_level_is_used() {
    let image = noisy(&synthetic(Size::new(40, 30)), 0.1, 2);
    let mut sample = Sample::new(image.clone());
    sample.noise = Some(NoiseModel::white(0.1, 1));
    TvChambolle::default().apply(&mut sample, &Context::default()).unwrap();
    assert_eq!(sample.image, run(&image, &TvChambolle::with_sigma(0.1)));
}
