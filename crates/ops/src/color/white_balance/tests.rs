use super::*;
use restora_image::{Size, linear_to_srgb, srgb_to_linear};
use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

const METHODS: [LightMethod; 6] = [
    LightMethod::GrayWorld,
    LightMethod::WhitePatch,
    LightMethod::ShadesOfGray,
    LightMethod::GrayEdge,
    LightMethod::GrayEdge2,
    LightMethod::BrightDarkPca,
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
            &WhiteBalance { method, untouched: Some(0.0), ..WhiteBalance::default() },
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
    for method in METHODS {
        for adaptation in [Adaptation::VonKries, Adaptation::Bradford] {
            let options = WhiteBalance {
                method,
                adaptation,
                untouched: Some(0.0),
                ..WhiteBalance::default()
            };
            let out = balanced(&cast([1.0, 0.72, 0.42]), &options);
            let [r, g, b] = [0, 1, 2].map(|c| out.plane_data(c));
            for i in 0..r.len() {
                let off = (r[i] - g[i]).abs().max((b[i] - g[i]).abs());
                assert!(off < 1e-4, "{method:?} {adaptation:?}: {off}");
            }
        }
    }
}

#[test]
fn luminance_of_gray_stays() {
    let image = cast([1.0, 0.72, 0.42]);
    let out = balanced(&image, &WhiteBalance { untouched: Some(0.0), ..WhiteBalance::default() });
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
        let options = WhiteBalance { gains: Some(gains), strength, ..WhiteBalance::default() };
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
    let settled = options.settled(&small, &cx).unwrap();
    assert!(settled.is_told() && !settled.is_identity(), "{settled:?}");
    let (whole, parts) = (balanced(&image, &options), balanced(&image, &settled));
    assert!(largest_difference(&whole, &parts) < 1e-6);
    let plain = cast([1.0, 0.97, 0.93]);
    let small = overview(&plain, Encoding::Srgb, 1, &cx).unwrap();
    assert!(options.settled(&small, &cx).unwrap().is_identity());
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
