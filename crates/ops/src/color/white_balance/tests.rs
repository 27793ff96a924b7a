use super::*;
use restora_image::{Size, linear_to_srgb, srgb_to_linear};
use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

const METHODS: [LightMethod; 8] = [
    LightMethod::Consensus,
    LightMethod::GrayWorld,
    LightMethod::WhitePatch,
    LightMethod::ShadesOfGray,
    LightMethod::GrayEdge,
    LightMethod::GrayEdge2,
    LightMethod::BrightDarkPca,
    LightMethod::Learned,
];

/// A gray picture under a light, in sRGB.
fn cast(gains: [f32; 3]) -> Image {
    let gray = restora_testkit::synthetic(Size::new(70, 50));
    let data = gains
        .iter()
        .flat_map(|g| gray.data().iter().map(move |v| linear_to_srgb(g * srgb_to_linear(*v))));
    Image::from_vec(gray.size(), ColorSpace::Srgb, data.collect()).unwrap()
}

fn balanced(image: &Image, options: &WhiteBalance) -> Image {
    white_balance(image, options, &Context::default()).unwrap()
}

fn largest_difference(a: &Image, b: &Image) -> f32 {
    a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn white_balance_keeps_the_contract() {
    let image = synthetic_rgb(Size::new(80, 100));
    assert_info_matches(&INFO, &WhiteBalance::default());
    for method in METHODS {
        assert_contract(
            &WhiteBalance { method: Some(method), untouched: Some(0.0), ..WhiteBalance::default() },
            &image,
        );
    }
    for options in [
        WhiteBalance::default(),
        WhiteBalance { gains: Some([1.5, 1.0, 0.7]), ..WhiteBalance::default() },
        WhiteBalance {
            temperature: Some(3000.0),
            tint: 5.0,
            adaptation: Adaptation::Bradford,
            ..WhiteBalance::default()
        },
    ] {
        assert_contract(&options, &image);
        assert_contract(&options, &restora_testkit::synthetic(Size::new(40, 60)));
    }
}

#[test]
fn a_gray_picture_under_a_light_comes_out_gray_by_every_method_and_model() {
    // Not the consensus, which knows that photographs are not gray.
    for method in METHODS.into_iter().skip(1) {
        for adaptation in [Adaptation::VonKries, Adaptation::Bradford] {
            let options = WhiteBalance {
                method: Some(method),
                adaptation,
                untouched: Some(0.0),
                ..WhiteBalance::default()
            };
            let out = balanced(&cast([1.0, 0.72, 0.42]), &options);
            let [r, g, b] = [0, 1, 2].map(|c| out.plane_data(c));
            for i in 0..r.len() {
                let off = (r[i] - g[i]).abs().max((b[i] - g[i]).abs());
                // A model is as exact as the bins that it was shown.
                let most = if method == LightMethod::Learned { 0.01 } else { 1e-4 };
                assert!(off < most, "{method:?} {adaptation:?}: {off}");
            }
        }
    }
}

#[test]
fn burnt_out_white_stays_white_and_whole_colors_are_scaled() {
    let colors: [[f32; 3]; 5] =
        [[1.0, 1.0, 1.0], [1.0, 0.95, 0.72], [1.0, 0.15, 0.1], [0.9, 0.7, 0.4], [1.0, 1.0, 0.75]];
    let data = (0..3).flat_map(|c| colors.map(|v| v[c])).collect();
    let image = Image::from_vec(Size::new(5, 1), ColorSpace::Srgb, data).unwrap();
    for light in [[1.0, 0.72, 0.42], [0.7, 0.86, 1.0], [0.75, 1.0, 0.7]] {
        for adaptation in [Adaptation::VonKries, Adaptation::Bradford] {
            let options =
                WhiteBalance { light: Some(light), adaptation, ..WhiteBalance::default() };
            let out = balanced(&image, &options);
            let scaled = WhiteBalance { highlights: Highlights::Scaled, ..options };
            let scaled = balanced(&image, &scaled);
            let at = |image: &Image, i: usize| [0, 1, 2].map(|c| image.plane_data(c)[i].min(1.0));
            let spread = |v: [f32; 3]| v[0].max(v[1]).max(v[2]) - v[0].min(v[1]).min(v[2]);
            assert!(spread(at(&out, 0)) < 1e-3, "{light:?} {:?}", at(&out, 0));
            assert!(spread(at(&scaled, 0)) > 0.03, "{light:?}");
            // Red that is red, and colors without a clipped channel, are only scaled.
            for i in [2, 3] {
                assert_eq!(at(&out, i), at(&scaled, i), "{light:?}");
            }
            for i in 0..5 {
                assert!(at(&out, i).iter().zip(at(&scaled, i)).all(|(o, s)| *o >= s - 1e-6));
            }
        }
    }
    // Paper under tungsten, its red clipped, comes out nearly white.
    let light = Some([1.0, 0.72, 0.42]);
    let out = balanced(&image, &WhiteBalance { light, ..WhiteBalance::default() });
    let [r, g, b] = [0, 1, 2].map(|c| out.plane_data(c)[1]);
    assert!((r - g.min(b)).abs() < 1e-5 && g.max(b) - r < 0.06, "{r} {g} {b}");
    // Values beyond white are whole.
    let bright = Image::from_vec(Size::new(1, 1), ColorSpace::Srgb, vec![1.4, 1.3, 1.2]).unwrap();
    let out = balanced(&bright, &WhiteBalance { light, ..WhiteBalance::default() });
    assert!(out.data()[0] < 1.3, "{:?}", out.data());
}

#[test]
fn hidden_colors_do_not_tell_the_light() {
    let mut image = restora_testkit::noisy(&cast([1.0, 0.6, 0.28]), 0.02, 3);
    let mut hidden = image.clone();
    let w = image.size().w();
    let alpha = restora_image::Plane::from_fn(image.size(), |x, y| {
        if x < 20 || (x / 5 + y / 7) % 6 == 0 { 0.0 } else { 0.7 }
    });
    for c in 0..3 {
        let plane = hidden.plane_mut(c);
        for i in (0..plane.len()).filter(|i| alpha.data[*i] == 0.0) {
            plane[i] = [0.1, 0.9, 0.2][c] + 0.05 * (i % w % 2) as f32;
        }
    }
    hidden.alpha = Some(alpha.clone());
    image.alpha = Some(alpha);
    for factor in [1, 2] {
        let cx = Context::default();
        let [shown, hidden] =
            [&image, &hidden].map(|i| overview(i, Encoding::Srgb, factor, &cx).unwrap());
        for method in METHODS {
            let light = |image| method.estimate(image, &cx).unwrap();
            // Gray edge is left with no pixel far enough from all hidden ones at half the size.
            assert_eq!(light(&shown), light(&hidden), "{method:?} {factor}");
        }
        assert!(LightMethod::GrayWorld.estimate(&hidden, &cx).unwrap().is_some());
    }
}

#[test]
fn luminance_of_gray_stays() {
    let image = cast([1.0, 0.72, 0.42]);
    let method = LightMethod::GrayEdge;
    let out = balanced(
        &image,
        &WhiteBalance { method: Some(method), untouched: Some(0.0), ..WhiteBalance::default() },
    );
    let y = |image: &Image, i: usize| {
        let weights = [0.2126, 0.7152, 0.0722];
        (0..3).map(|c| weights[c] * srgb_to_linear(image.plane_data(c)[i])).sum::<f32>()
    };
    for i in (0..3500).step_by(97) {
        assert!((y(&image, i) - y(&out, i)).abs() < 1e-4);
    }
}

#[test]
fn gains_are_factors_of_linear_light_and_strength_is_their_share() {
    let image = synthetic_rgb(Size::new(20, 20));
    let gains = [1.5, 1.0, 0.5];
    for strength in [1.0, 0.5, 0.0] {
        let highlights = Highlights::Scaled;
        let options =
            WhiteBalance { gains: Some(gains), strength, highlights, ..WhiteBalance::default() };
        let out = balanced(&image, &options);
        for c in 0..3 {
            for (a, b) in image.plane_data(c).iter().zip(out.plane_data(c)) {
                let wanted = linear_to_srgb(srgb_to_linear(*a) * gains[c].powf(strength));
                assert!((b - wanted).abs() < 4e-6, "{strength} {c}: {b} {wanted}");
            }
        }
        if strength == 0.0 {
            assert_eq!(out, image);
        }
    }
    let linear =
        WhiteBalance { gains: Some(gains), encoding: Encoding::Linear, ..WhiteBalance::default() };
    assert_eq!(balanced(&image, &linear).plane_data(0)[7], 1.5 * image.plane_data(0)[7]);
}

#[test]
fn daylight_changes_nothing_and_tungsten_is_cooled() {
    let image = synthetic_rgb(Size::new(20, 20));
    let at = |kelvin| {
        let options = WhiteBalance { temperature: Some(kelvin), ..WhiteBalance::default() };
        balanced(&image, &options)
    };
    assert!(largest_difference(&image, &at(6504.0)) < 2e-3);
    let cooled = at(3000.0);
    let sum = |image: &Image, c| image.plane_data(c).iter().sum::<f32>();
    assert!(sum(&cooled, 0) < 0.95 * sum(&image, 0) && sum(&cooled, 2) > 1.1 * sum(&image, 2));
}

#[test]
fn a_settled_step_does_the_same_to_every_part_and_nothing_where_there_is_no_cast() {
    let cx = Context::default();
    let image = cast([1.0, 0.6, 0.28]);
    let options = WhiteBalance::default();
    let small = overview(&image, Encoding::Srgb, 1, &cx).unwrap();
    let settled = options.settled(&small, None, &cx).unwrap();
    assert!(settled.is_told() && !settled.is_identity(), "{settled:?}");
    let (whole, parts) = (balanced(&image, &options), balanced(&image, &settled));
    assert!(largest_difference(&whole, &parts) < 1e-6);
    let plain = cast([1.0, 0.97, 0.93]);
    let small = overview(&plain, Encoding::Srgb, 1, &cx).unwrap();
    assert!(options.settled(&small, None, &cx).unwrap().is_identity());
    assert_eq!(balanced(&plain, &options), plain);
}

#[test]
fn linear_raw_data_is_taken_at_its_word() {
    let image = cast([1.0, 0.9, 0.8]).relabeled(ColorSpace::LinearRgb).unwrap();
    let out = balanced(&image, &WhiteBalance::default());
    assert_eq!(out.space(), ColorSpace::LinearRgb);
    assert!(out != image);
}

#[test]
fn bad_options_and_spaces_are_errors() {
    let good = WhiteBalance::default();
    for bad in [
        WhiteBalance { gains: Some([0.0, 1.0, 1.0]), ..good.clone() },
        WhiteBalance { gains: Some([1.0, f32::NAN, 1.0]), ..good.clone() },
        WhiteBalance { light: Some([1.0, -1.0, 1.0]), ..good.clone() },
        WhiteBalance { temperature: Some(500.0), ..good.clone() },
        WhiteBalance { tint: 5.0, ..good.clone() },
        WhiteBalance { gains: Some([1.0; 3]), session: Session::Track, ..good.clone() },
        WhiteBalance { strength: 1.5, ..good.clone() },
        WhiteBalance { untouched: Some(-0.1), ..good.clone() },
        WhiteBalance { gains: Some([1.0; 3]), temperature: Some(5000.0), ..good.clone() },
    ] {
        assert!(matches!(bad.validate(), Err(OpError::Param { .. })), "{bad:?}");
    }
    let lab = Image::zeros(Size::new(3, 3), ColorSpace::Lab);
    let result = white_balance(&lab, &good, &Context::default());
    assert!(matches!(result, Err(OpError::WrongSpace { .. })));
}
