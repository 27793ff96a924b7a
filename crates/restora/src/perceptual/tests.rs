use super::*;
use restora_image::Size;
use restora_nn::{BackboneKind, Tensor};
use restora_testkit::{noisy, synthetic_rgb};
use serde_json::Value;

/// `count` numbers in `[0, 1)`, as `tools/goldens/perceptual.py` makes them.
fn numbers(seed: u32, count: usize) -> Vec<f64> {
    let mixed = |i: usize| {
        let mut h =
            (i as u32).wrapping_mul(0x9E37_79B1).wrapping_add(seed.wrapping_mul(0x85EB_CA77));
        for (shift, factor) in [(15, 0x2C1B_3C6D), (12, 0x297A_2D39)] {
            h ^= h >> shift;
            h = h.wrapping_mul(factor);
        }
        f64::from(h ^ (h >> 15)) / 4_294_967_296.0
    };
    (0..count).map(mixed).collect()
}

fn tensor(shape: &[usize], seed: u32, value: impl Fn(f64) -> f64) -> Tensor {
    let numbers = numbers(seed, shape.iter().product());
    Tensor::new(shape.to_vec(), numbers.into_iter().map(|v| value(v) as f32).collect()).unwrap()
}

fn backbone(kind: BackboneKind) -> Tensors {
    let parameters = kind.parameters().into_iter().enumerate();
    let one = |(seed, (name, shape)): (usize, (String, Vec<usize>))| {
        let bound = match shape[..] {
            [_, inputs, k, _] => (6.0 / (inputs * k * k) as f64).sqrt(),
            _ => 0.1,
        };
        (name, tensor(&shape, seed as u32, |u| (2.0 * u - 1.0) * bound))
    };
    parameters.map(one).collect()
}

fn linear(kind: BackboneKind) -> Tensors {
    let layers = kind.channels().iter().enumerate();
    let layer = |(i, c): (usize, &usize)| {
        (format!("lin{i}.model.1.weight"), tensor(&[1, *c, 1, 1], 1000 + i as u32, |u| u))
    };
    layers.map(layer).collect()
}

fn alpha_beta() -> Tensors {
    let part = |seed| tensor(&[1, 1475, 1, 1], seed, |u| 0.1 + u);
    [("alpha".to_owned(), part(2000)), ("beta".to_owned(), part(2001))].into()
}

fn pair(w: usize, h: usize) -> [Image; 2] {
    let (first, second) = (numbers(3000, 3 * w * h), numbers(3001, 3 * w * h));
    let x: Vec<f64> = first
        .iter()
        .enumerate()
        .map(|(i, u)| 0.5 * u + 0.5 * ((i % w) as f64 / w as f64))
        .collect();
    let y: Vec<f64> = x.iter().zip(&second).map(|(x, u)| 0.8 * x + 0.2 * u).collect();
    [x, y].map(|v| {
        let v = v.into_iter().map(|v| v as f32).collect();
        Image::from_vec(Size::new(w as u32, h as u32), ColorSpace::Srgb, v).unwrap()
    })
}

fn kind(name: &str) -> BackboneKind {
    match name {
        "alex" => BackboneKind::AlexNet,
        "vgg" => BackboneKind::Vgg16,
        _ => BackboneKind::SqueezeNet,
    }
}

fn lpips(name: &str, version: LpipsVersion) -> Perceptual {
    let kind = kind(name);
    Perceptual::Lpips(Lpips::new(&backbone(kind), &linear(kind), version).unwrap())
}

#[test]
fn distances_are_those_of_the_papers_in_pytorch() {
    let text = include_str!("../../../../goldens/perceptual.json");
    let goldens: Value = serde_json::from_str(text).unwrap();
    let cases = goldens["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let word = |key: &str| case[key].as_str().unwrap();
        let [w, h] = ["width", "height"].map(|key| case[key].as_u64().unwrap() as usize);
        let measure = if word("measure") == "dists" {
            let net = backbone(BackboneKind::Vgg16);
            Perceptual::Dists(Dists::new(&net, &alpha_beta()).unwrap())
        } else {
            let old = word("version") == "0.0";
            lpips(word("net"), if old { LpipsVersion::V0_0 } else { LpipsVersion::V0_1 })
        };
        let [x, y] = pair(w, h);
        let got = measure.score(&x, &y, &Context::default()).unwrap();
        let wanted = case["score"].as_f64().unwrap();
        // Ours is in single precision.
        assert!((got / wanted - 1.0).abs() < 1e-5, "{case}: {got}");
        assert_eq!(measure.score(&x, &y, &Context::with_threads(3)).unwrap(), got, "{case}");
    }
}

#[test]
fn identical_pictures_are_at_no_distance_and_noise_is_further() {
    let clean = synthetic_rgb(Size::new(48, 40));
    let dists =
        Perceptual::Dists(Dists::new(&backbone(BackboneKind::Vgg16), &alpha_beta()).unwrap());
    for measure in [lpips("squeeze", LpipsVersion::V0_1), dists] {
        let at =
            |sigma| measure.score(&clean, &noisy(&clean, sigma, 1), &Context::default()).unwrap();
        assert!(at(0.0).abs() < 1e-12, "{}: {}", measure.key(), at(0.0));
        assert!(at(0.02) > 1e-6 && at(0.02) < at(0.1), "{}", measure.key());
    }
}

#[test]
fn what_does_not_fit_is_said() {
    let measure = lpips("squeeze", LpipsVersion::V0_1);
    let cx = Context::default();
    let at = |w, h, space| Image::zeros(Size::new(w, h), space);
    let small = at(24, 40, ColorSpace::Srgb);
    let error = measure.score(&small, &small, &cx).unwrap_err().to_string();
    assert!(error.contains("25 x 25"), "{error}");
    let (a, b) = (at(40, 40, ColorSpace::Srgb), at(41, 40, ColorSpace::Srgb));
    assert!(measure.score(&a, &b, &cx).unwrap_err().to_string().contains("sizes"));
    let lab = at(40, 40, ColorSpace::Lab);
    assert!(measure.score(&lab, &lab, &cx).unwrap_err().to_string().contains("sRGB"));
    // A gray picture is three equal channels.
    let gray = restora_testkit::synthetic(Size::new(40, 40));
    let mut color = at(40, 40, ColorSpace::Srgb);
    for plane in color.planes_mut() {
        plane.copy_from_slice(gray.plane_data(0));
    }
    assert_eq!(measure.score(&gray, &a, &cx).unwrap(), measure.score(&color, &a, &cx).unwrap());

    let net = backbone(BackboneKind::SqueezeNet);
    let of = |net: &Tensors, linear: &Tensors| {
        Lpips::new(net, linear, LpipsVersion::V0_1).unwrap_err().to_string()
    };
    let error = of(&net, &linear(BackboneKind::AlexNet));
    assert!(error.contains("SqueezeNet 1.1") && error.contains("lin1"), "{error}");
    let mut short = net.clone();
    short.remove("features.9.expand3x3.bias");
    let error = of(&short, &linear(BackboneKind::SqueezeNet));
    assert!(error.contains("`features.9.expand3x3.bias` is missing"), "{error}");
    let error = Dists::new(&net, &alpha_beta()).unwrap_err().to_string();
    assert!(error.contains("VGG16"), "{error}");
    let error = of(&alpha_beta(), &alpha_beta());
    assert!(error.contains("alexnet"), "{error}");
}

#[test]
fn the_text_form_says_what_is_missing() {
    for (text, words) in [
        ("fid", "no learned measure is named `fid`"),
        ("lpips", "`backbone` is missing: weights of torchvision's alexnet"),
        ("lpips:backbone=a.pth", "`linear` is missing: the authors'"),
        ("lpips:backbone=a,linear=b,version=2", "`version` is 0.0 or 0.1, got `2`"),
        ("lpips:backbone=a,backbone=b", "given twice"),
        ("lpips:net=a", "`net` is unknown"),
        ("lpips:a", "has no `=`"),
        ("dists:backbone=a", "`weights` is missing"),
    ] {
        let error = Perceptual::from_text(text).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("wanted `lpips:"), "{text}: {error}");
    }
    let error = Perceptual::from_text("dists:backbone=no-such-file,weights=b").unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}
