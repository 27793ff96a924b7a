use super::*;
use proptest::{prop_assert, proptest};
use restora_image::{Size, linear_to_srgb, srgb_to_linear};
use restora_testkit::{assert_contract, assert_info_matches, psnr, synthetic, synthetic_rgb};

/// No draws but the phase and the noise.
fn plain(iso: f32) -> CameraNoise {
    CameraNoise {
        iso,
        read_spread: 0.0,
        red_gain: Gain::Known(2.0),
        blue_gain: Gain::Known(1.6),
        matrix: CameraMatrix::None,
        ..CameraNoise::default()
    }
}

fn flat(size: Size, rgb: [f32; 3]) -> Image {
    let mut image = Image::zeros(size, ColorSpace::Srgb);
    for (c, v) in rgb.into_iter().enumerate() {
        image.plane_mut(c).fill(v);
    }
    image
}

fn run(image: &Image, options: &CameraNoise) -> Image {
    camera_noise(image, options, &Rng::new(11, "test", 0), &Context::default()).unwrap()
}

/// Mean of `a(x, y) b(x + dx, y + dy)` of two planes less their means.
fn product(image: &Image, [a, b]: [usize; 2], [dx, dy]: [usize; 2]) -> f64 {
    let (w, h) = (image.size().w(), image.size().h());
    let mean =
        |c: usize| image.plane_data(c).iter().map(|v| f64::from(*v)).sum::<f64>() / (w * h) as f64;
    let (ma, mb) = (mean(a), mean(b));
    let mut sum = 0.0;
    for y in 0..h - dy {
        let (p, q) = (&image.plane(a).row(y)[..w - dx], &image.plane(b).row(y + dy)[dx..]);
        sum +=
            p.iter().zip(q).map(|(p, q)| (f64::from(*p) - ma) * (f64::from(*q) - mb)).sum::<f64>();
    }
    sum / ((w - dx) * (h - dy)) as f64
}

/// Slope of the tone curve of sRGB at a display value.
fn slope(v: f32) -> f64 {
    let x = f64::from(srgb_to_linear(v));
    let at = |x: f64| f64::from(linear_to_srgb(x as f32));
    (at(x + 0.01) - at(x - 0.01)) / 0.02
}

/// Variance of camera color at a site of flat linear `signal`, from the formula.
fn sensor_variance(iso: f64, gain: f64, signal: f64) -> f64 {
    let shot = iso * 1e-6;
    gain * gain * (shot * signal / gain + (2.18 * shot.ln() + 1.2).exp())
}

#[test]
fn camera_noise_keeps_the_contract() {
    let smooth = CameraNoise {
        luma_blur: 0.7,
        chroma_blur: 2.0,
        quality: Some(80),
        tone: ToneCurve::Smoothstep,
        demosaic: Demosaic::MalvarHeCutler,
        ..CameraNoise::default()
    };
    let white = CameraNoise { demosaic: Demosaic::None, pipeline: Pipeline::Whole, ..plain(9e3) };
    for options in [CameraNoise::default(), smooth, white] {
        assert_contract(&options, &synthetic_rgb(Size::new(50, 40)));
        assert_contract(&options, &synthetic(Size::new(50, 40)));
    }
    assert_info_matches(&INFO, &CameraNoise::default());
}

#[test]
fn without_noise_the_picture_comes_back_to_the_bit() {
    let clean = synthetic_rgb(Size::new(61, 47));
    for tone in [ToneCurve::Srgb, ToneCurve::Smoothstep] {
        for demosaic in [Demosaic::Bilinear, Demosaic::MalvarHeCutler, Demosaic::None] {
            let options = CameraNoise { iso: 0.0, tone, demosaic, ..CameraNoise::default() };
            assert_eq!(run(&clean, &options), clean);
        }
    }
    let beyond = Image::gray_from_fn(Size::new(9, 5), |x, _| x as f32 / 4.0 - 0.5);
    let options = CameraNoise { iso: 0.0, ..CameraNoise::default() };
    let clipped = beyond.data().iter().map(|v| v.clamp(0.0, 1.0)).collect::<Vec<_>>();
    assert_eq!(run(&beyond, &options).data(), clipped);
}

#[test]
fn the_whole_pipeline_keeps_even_colors_and_softens_pictures_within_a_bound() {
    for rgb in [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.8, 0.5, 0.3], [0.2, 0.6, 0.5], [0.5; 3]] {
        let clean = flat(Size::new(24, 18), rgb);
        for demosaic in [Demosaic::Bilinear, Demosaic::MalvarHeCutler] {
            let pipeline = Pipeline::Whole;
            let options = CameraNoise { iso: 0.0, demosaic, pipeline, ..CameraNoise::default() };
            let out = run(&clean, &options);
            for (a, b) in out.data().iter().zip(clean.data()) {
                assert!((a - b).abs() < 1e-4, "{rgb:?}: {a} for {b}");
            }
        }
    }
    // Channels that agree in detail, as those of photographs do.
    let gray = synthetic(Size::new(128, 96));
    let data = gray.data().repeat(3);
    let clean = Image::from_vec(gray.size(), ColorSpace::Srgb, data).unwrap();
    let loss = |demosaic| {
        let pipeline = Pipeline::Whole;
        psnr(&clean, &run(&clean, &CameraNoise { demosaic, pipeline, ..plain(0.0) }))
    };
    let (bilinear, malvar) = (loss(Demosaic::Bilinear), loss(Demosaic::MalvarHeCutler));
    println!("{bilinear:.2} {malvar:.2}");
    assert!(bilinear > 33.0 && malvar > bilinear + 1.0, "{bilinear} {malvar}");
}

#[test]
fn variance_in_flat_color_is_the_formula_through_the_filters() {
    let rgb = [0.55f32, 0.5, 0.45];
    let clean = flat(Size::new(400, 400), rgb);
    // Sums of squares of the filters, mean over the four sites: shares of red, green and blue.
    let (side, far) = (2.0 * 31.5 / 256.0, 45.0 / 256.0);
    let malvar_red = (1.0 + 2.0 * 32.0 / 64.0 + 16.0 / 64.0) / 4.0;
    let malvar_green = [20.0 / 256.0, 0.5 + 0.5 * 16.0 / 64.0, 20.0 / 256.0];
    let malvar = [[malvar_red, side, far], malvar_green, [far, side, malvar_red]];
    let even = |red: f64, green: f64| [[red, 0.0, 0.0], [0.0, green, 0.0], [0.0, 0.0, red]];
    for (demosaic, shares) in [
        (Demosaic::None, even(1.0, 1.0)),
        (Demosaic::Bilinear, even(0.5625, 0.625)),
        (Demosaic::MalvarHeCutler, malvar),
    ] {
        for iso in [200.0, 1600.0] {
            let out = run(&clean, &CameraNoise { demosaic, ..plain(iso) });
            let sensor: [f64; 3] = std::array::from_fn(|k| {
                let signal = f64::from(srgb_to_linear(rgb[k]));
                sensor_variance(f64::from(iso), [2.0, 1.0, 1.6][k], signal)
            });
            for c in 0..3 {
                let linear: f64 = (0..3).map(|k| shares[c][k] * sensor[k]).sum();
                let wanted = slope(rgb[c]).powi(2) * linear;
                let got = product(&out, [c, c], [0, 0]);
                // 160,000 correlated values: 0.6 %; curvature of the tone curve: 1 % at 1600.
                assert!(
                    (got / wanted - 1.0).abs() < 0.03,
                    "{demosaic:?} {iso} {c}: {got} {wanted}"
                );
            }
        }
    }
}

#[test]
fn bilinear_noise_is_correlated_as_the_triangle_and_the_plus_are() {
    let out = run(&flat(Size::new(400, 400), [0.5; 3]), &plain(200.0));
    for (c, one, two) in [(0, 2.0 / 3.0, 1.0 / 6.0), (1, 0.4, 0.05), (2, 2.0 / 3.0, 1.0 / 6.0)] {
        let variance = product(&out, [c, c], [0, 0]);
        for (lag, wanted) in [([1, 0], one), ([0, 1], one), ([2, 0], two), ([0, 2], two)] {
            let got = product(&out, [c, c], lag) / variance;
            assert!((got - wanted).abs() < 0.015, "{c} {lag:?}: {got}, wanted {wanted}");
        }
        assert!((product(&out, [c, c], [3, 0]) / variance).abs() < 0.015);
    }
}

#[test]
fn channels_are_correlated_as_the_color_matrix_mixes_them() {
    let rgb = [0.5f32; 3];
    let clean = flat(Size::new(400, 400), rgb);
    let options = CameraNoise { matrix: CameraMatrix::Ilce7r, ..plain(200.0) };
    let out = run(&clean, &options);
    let m = Camera::drawn(&options, true, Rng::new(11, "test", 0).child(0)).inverse;
    let signal = f64::from(srgb_to_linear(0.5));
    let sensor = [(2.0, 0.5625), (1.0, 0.625), (1.6, 0.5625)]
        .map(|(gain, share)| share * sensor_variance(200.0, gain, signal));
    for (a, b) in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)] {
        let covariance = |a: usize, b: usize| {
            let terms = (0..3).map(|k| f64::from(m[a][k]) * f64::from(m[b][k]) * sensor[k]);
            slope(0.5).powi(2) * terms.sum::<f64>()
        };
        let scale = (covariance(a, a) * covariance(b, b)).sqrt();
        let (got, wanted) = (product(&out, [a, b], [0, 0]) / scale, covariance(a, b) / scale);
        assert!((got - wanted).abs() < 0.02, "{a} {b}: {got}, wanted {wanted}");
    }
    // The matrix sharpens color: red and green noise lean against each other.
    assert!(product(&out, [0, 1], [0, 0]) < 0.0);
}

#[test]
fn chroma_smoothing_leaves_luma_noise_that_all_channels_share() {
    let clean = flat(Size::new(300, 300), [0.5; 3]);
    let luma = |image: &Image| restora_image::to_luma(image).unwrap().data;
    let (sharp, soft) = (plain(800.0), CameraNoise { chroma_blur: 3.0, ..plain(800.0) });
    let correlation = |image: &Image| {
        let v = [0, 1].map(|c| product(image, [c, c], [0, 0]));
        product(image, [0, 1], [0, 0]) / (v[0] * v[1]).sqrt()
    };
    let (before, after) = (run(&clean, &sharp), run(&clean, &soft));
    assert!(correlation(&before).abs() < 0.02 && correlation(&after) > 0.8);
    // The margins differ, and with them the draws' places, but not what luma looks like.
    let level = |values: Vec<f32>| {
        let n = values.len() as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        (values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n).sqrt()
    };
    assert!((level(luma(&after)) / level(luma(&before)) - 1.0).abs() < 0.02);
    let smooth = run(&clean, &CameraNoise { luma_blur: 1.0, chroma_blur: 1.0, ..plain(800.0) });
    assert!(product(&smooth, [1, 1], [0, 0]) < 0.5 * product(&before, [1, 1], [0, 0]));
}

#[test]
fn gray_noise_is_white_in_linear_light() {
    for v in [0.3f32, 0.7] {
        let clean = Image::gray_from_fn(Size::new(400, 400), |_, _| v);
        let out = run(&clean, &plain(1000.0));
        let wanted = slope(v).powi(2) * sensor_variance(1000.0, 1.0, f64::from(srgb_to_linear(v)));
        let got = product(&out, [0, 0], [0, 0]);
        assert!((got / wanted - 1.0).abs() < 0.03, "{got} {wanted}");
        assert!((product(&out, [0, 0], [1, 0]) / got).abs() < 0.015);
    }
}

#[test]
fn noise_is_as_strong_at_the_borders_and_dark_counts_are_whole_photons() {
    let clean = flat(Size::new(3, 20_000), [0.5; 3]);
    let out = run(&clean, &CameraNoise { luma_blur: 0.8, chroma_blur: 1.5, ..plain(1600.0) });
    for c in 0..3 {
        let column = |x: usize| {
            let rows = out.plane_data(c).chunks_exact(3);
            rows.map(|row| f64::from(row[x] - 0.5).powi(2)).sum::<f64>()
        };
        assert!((column(0) / column(1) - 1.0).abs() < 0.05, "{c}");
    }
    let mut raw = Image::gray_from_fn(Size::new(400, 250), |_, _| 0.04);
    let mut camera = Camera::drawn(&plain(10_000.0), false, Rng::new(0, "", 0));
    camera.read = 0.0;
    add_noise(&mut raw, &camera, &Rng::new(3, "", 0), &Context::default()).unwrap();
    let counts = raw.data().iter().map(|v| f64::from(*v) / 0.01).collect::<Vec<_>>();
    assert!(counts.iter().all(|n| (n - n.round()).abs() < 1e-4));
    let none = counts.iter().filter(|n| **n == 0.0).count() as f64 / counts.len() as f64;
    assert!((none - (-4.0f64).exp()).abs() < 0.003, "{none}");
}

#[test]
fn jpeg_is_the_last_step() {
    let clean = synthetic_rgb(Size::new(48, 40));
    let options = CameraNoise { quality: Some(75), ..plain(1600.0) };
    let file = Jpeg { quality: 75, subsampling: Subsampling::Quarter };
    let wanted = jpeg(&run(&clean, &plain(1600.0)), &file, &Context::default()).unwrap();
    assert_eq!(run(&clean, &options), wanted);
}

#[test]
fn wrong_spaces_and_bad_options_are_errors() {
    let rng = Rng::new(0, "", 0);
    let linear = Image::zeros(Size::new(4, 4), ColorSpace::LinearRgb);
    let result = camera_noise(&linear, &plain(100.0), &rng, &Context::default());
    assert!(matches!(result, Err(OpError::WrongSpace { .. })));
    for (options, name) in [
        (plain(-1.0), "iso"),
        (plain(f32::NAN), "iso"),
        (CameraNoise { read_spread: 9.0, ..plain(1.0) }, "read_spread"),
        (CameraNoise { red_gain: Gain::Known(0.0), ..plain(1.0) }, "red_gain"),
        (CameraNoise { blue_gain: Gain::Known(f32::INFINITY), ..plain(1.0) }, "blue_gain"),
        (CameraNoise { luma_blur: -0.1, ..plain(1.0) }, "luma_blur"),
        (CameraNoise { chroma_blur: 11.0, ..plain(1.0) }, "chroma_blur"),
        (CameraNoise { quality: Some(0), ..plain(1.0) }, "quality"),
    ] {
        let error = options.validate().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    let read = |text: &str| serde_json::from_str::<CameraNoise>(text);
    assert_eq!(read(r#"{"red_gain": 2}"#).unwrap().red_gain, Gain::Known(2.0));
    assert_eq!(read(r#"{"red_gain": "drawn"}"#).unwrap(), CameraNoise::default());
    assert!(read(r#"{"red_gain": "auto"}"#).unwrap_err().to_string().contains("drawn"));
}

proptest! {
    #[test]
    fn output_is_in_range_for_any_size_and_strength(
        w in 1u32..20, h in 1u32..20, iso in 0f32..1e5, blur in 0f32..3.0, malvar: bool,
    ) {
        let demosaic = if malvar { Demosaic::MalvarHeCutler } else { Demosaic::Bilinear };
        let options = CameraNoise { iso, luma_blur: blur, demosaic, ..CameraNoise::default() };
        let out = run(&synthetic_rgb(Size::new(w, h)), &options);
        prop_assert!(out.data().iter().all(|v| (0.0..=1.0).contains(v)));
    }
}
