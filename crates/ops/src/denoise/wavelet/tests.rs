use super::*;
use restora_image::{NoiseModel, Size};
use restora_testkit::{
    assert_contract, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
};

const FILTERS: [WaveletFilter; 6] = [
    WaveletFilter::Haar,
    WaveletFilter::Db2,
    WaveletFilter::Db4,
    WaveletFilter::Db8,
    WaveletFilter::Sym4,
    WaveletFilter::Sym8,
];

fn run(image: &Image, options: &Wavelet) -> Image {
    wavelet(image, options, &Context::default()).unwrap()
}

fn pyramid(plane: &Plane, levels: u32, filter: WaveletFilter, stationary: bool) -> Pyramid {
    let width = plane.size.w();
    let cx = Context::default();
    Pyramid::new(plane.data.clone(), width, levels, filter.taps(), stationary, &cx).unwrap()
}

fn random(width: u32, height: u32) -> Plane {
    let size = Size::new(width, height);
    noisy(&Image::zeros(size, ColorSpace::Gray), 1.0, 7).plane(0).to_plane()
}

#[test]
fn reconstruction_is_perfect() {
    let plane = random(48, 32);
    for filter in FILTERS {
        for stationary in [false, true] {
            for levels in [1, 2, 4] {
                let back = pyramid(&plane, levels, filter, stationary);
                let back = back.reconstruct(&Context::default()).unwrap();
                for (a, b) in plane.data.iter().zip(&back) {
                    assert!((a - b).abs() < 1e-5, "{filter:?} {stationary} {levels}: {a} {b}");
                }
            }
        }
    }
}

#[test]
fn one_level_is_the_sum_of_the_formula() {
    let plane = random(12, 8);
    for (stationary, down) in [(false, 2), (true, 1)] {
        for filter in [WaveletFilter::Db2, WaveletFilter::Sym4] {
            let h = filter.taps();
            let n = h.len();
            let g: Vec<f64> =
                (0..n).map(|k| if k % 2 == 0 { h[n - 1 - k] } else { -h[n - 1 - k] }).collect();
            let pyramid = pyramid(&plane, 1, filter, stationary);
            let level = &pyramid.levels[0];
            assert_eq!((level.width, level.height), (12 / down, 8 / down));
            for (band, (fx, fy)) in [(h, h), (&g, h), (h, &g), (&g, &g)].into_iter().enumerate() {
                for y in 0..level.height {
                    for x in 0..level.width {
                        let mut want = 0.0;
                        for (j, fy) in fy.iter().enumerate() {
                            for (i, fx) in fx.iter().enumerate() {
                                let at = (y * down + j) % 8 * 12 + (x * down + i) % 12;
                                want += fx * fy * f64::from(plane.data[at]);
                            }
                        }
                        let got = f64::from(level.row(y, band)[x]);
                        assert!((got - want).abs() < 1e-5, "band {band}: {got} {want}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_orthogonal_transform_keeps_energy_and_the_stationary_one_white_noise() {
    let plane = random(64, 64);
    let energy = |v: &[f32]| v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
    for filter in FILTERS {
        let orthogonal = pyramid(&plane, 3, filter, false);
        let mut sum = 0.0;
        for (l, level) in orthogonal.levels.iter().enumerate() {
            let first = usize::from(l < 2);
            for y in 0..level.height {
                sum += (first..4).map(|band| energy(level.row(y, band))).sum::<f64>();
            }
        }
        assert!((sum / energy(&plane.data) - 1.0).abs() < 1e-5, "{filter:?}");
        let stationary = pyramid(&plane, 2, filter, true);
        for level in &stationary.levels {
            for band in 1..4 {
                let power: f64 = (0..64).map(|y| energy(level.row(y, band))).sum();
                assert!((power / 4096.0 - 1.0).abs() < 0.2, "{filter:?} {power}");
            }
        }
    }
}

#[test]
fn all_shifts_are_the_mean_of_shifted_transforms() {
    // With a fixed threshold: thresholds of single shifts are not pooled.
    let (plane, cx) = (random(16, 16), Context::default());
    let shrunk = |plane: &Plane, stationary| {
        let mut p = pyramid(plane, 2, WaveletFilter::Sym4, stationary);
        for level in &mut p.levels {
            for band in 1..4 {
                level.for_each_row(band, &cx, |row| soft(row, 0.7)).unwrap();
            }
        }
        p.reconstruct(&cx).unwrap()
    };
    let mut mean = vec![0.0; 256];
    for sy in 0..4 {
        for sx in 0..4 {
            let shifted =
                Plane::from_fn(plane.size, |x, y| plane.data[(y + sy) % 16 * 16 + (x + sx) % 16]);
            let out = shrunk(&shifted, false);
            for y in 0..16 {
                for x in 0..16 {
                    mean[(y + sy) % 16 * 16 + (x + sx) % 16] += out[y * 16 + x] / 16.0;
                }
            }
        }
    }
    for (a, b) in shrunk(&plane, true).iter().zip(&mean) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn the_threshold_is_that_of_the_paper() {
    assert!((bayes_threshold(0.3, 0.25) - 0.225).abs() < 1e-6);
    assert_eq!(bayes_threshold(0.3, 0.09), f32::MAX);
    assert_eq!(bayes_threshold(0.3, 0.01), f32::MAX);
    let mut row = [0.5, -0.5, 0.1, -0.1, 0.0];
    soft(&mut row, 0.2);
    assert_eq!(row, [0.3, -0.3, 0.0, 0.0, 0.0]);
    soft(&mut row, f32::MAX);
    assert_eq!(row, [0.0; 5]);
}

#[test]
fn the_period_goes_over_the_edge_without_a_jump() {
    let plane = Plane::from_fn(Size::new(40, 30), |x, y| (x + 2 * y) as f32);
    let data = periodic(plane.as_ref(), 96, 64);
    let at = |x: usize, y: usize| data[y % 64 * 96 + x % 96];
    for y in 0..64 {
        for x in 0..96 {
            // The largest slope inside is 2, and a fade of 34 rows over a difference of 88 adds 2.6.
            assert!((at(x + 1, y) - at(x, y)).abs() < 5.0 && (at(x, y + 1) - at(x, y)).abs() < 5.0);
        }
    }
    assert_eq!(at(39, 29), 97.0);
}

#[test]
fn keeps_the_promises_of_an_operation() {
    let gray = noisy(&synthetic(Size::new(101, 67)), 0.1, 1);
    let rgb = noisy(&synthetic_rgb(Size::new(50, 60)), 0.1, 1);
    assert_contract(&Wavelet::with_sigma(0.1), &gray);
    for filter in FILTERS {
        for (shifts, levels) in [(Shifts::All, 2), (Shifts::One, 6)] {
            assert_contract(&Wavelet { filter, levels, shifts, ..Wavelet::with_sigma(0.1) }, &rgb);
        }
    }
    assert_info_matches(&INFO, &Wavelet::default());
}

#[test]
fn a_flat_image_stays_flat_and_no_noise_means_no_change() {
    let flat = Image::gray_from_fn(Size::new(40, 30), |_, _| 0.3);
    let image = synthetic(Size::new(40, 30));
    for shifts in [Shifts::All, Shifts::One] {
        let out = run(&flat, &Wavelet { shifts, ..Wavelet::with_sigma(0.1) });
        assert!(out.data().iter().all(|v| (v - 0.3).abs() < 1e-5));
        assert_eq!(run(&image, &Wavelet { shifts, ..Wavelet::with_sigma(0.0) }), image);
    }
}

#[test]
fn noise_falls_by_the_pinned_amount_and_the_mean_stays() {
    for (shifts, gain) in [(Shifts::All, 9.0), (Shifts::One, 7.5)] {
        for clean in [synthetic(Size::new(128, 128)), synthetic_rgb(Size::new(128, 128))] {
            let degraded = noisy(&clean, 0.1, 1);
            let out = run(&degraded, &Wavelet { shifts, ..Wavelet::with_sigma(0.1) });
            let rise = psnr(&clean, &out) - psnr(&clean, &degraded);
            assert!(rise > gain, "{shifts:?}: rose by {rise}");
            let mean = |i: &Image| i.data().iter().sum::<f32>() / i.data().len() as f32;
            assert!((mean(&out) - mean(&degraded)).abs() < 2e-3);
        }
    }
}

#[test]
fn options_out_of_range_are_errors() {
    let image = synthetic(Size::new(8, 8));
    let name = |options: &Wavelet| match wavelet(&image, options, &Context::default()) {
        Err(OpError::Param { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(&Wavelet::default()), "sigma");
    for sigma in [-0.1, f32::NAN, f32::INFINITY] {
        assert_eq!(name(&Wavelet::with_sigma(sigma)), "sigma");
    }
    for levels in [0, 9] {
        assert_eq!(name(&Wavelet { levels, ..Wavelet::with_sigma(0.1) }), "levels");
    }
}

#[test]
fn the_measured_noise_level_is_used() {
    let image = noisy(&synthetic(Size::new(40, 30)), 0.1, 2);
    let mut sample = Sample::new(image.clone());
    sample.noise = Some(NoiseModel::white(0.1, 1));
    Wavelet::default().apply(&mut sample, &Context::default()).unwrap();
    assert_eq!(sample.image, run(&image, &Wavelet::with_sigma(0.1)));
}
