use super::*;
use restora_image::Plane;
use restora_testkit::{assert_contract, assert_info_matches, noisy, synthetic_rgb};

const ALL: [TransferMethod; 5] = [
    TransferMethod::Reinhard,
    TransferMethod::Mkl,
    TransferMethod::Histogram,
    TransferMethod::MklHistogram,
    TransferMethod::Idt,
];

/// Other colors than those of the synthetic picture, tied as values of 8 bits are.
fn reference() -> Image {
    let mut image = noisy(&synthetic_rgb(Size::new(120, 90)), 0.03, 8);
    for (c, (gain, offset)) in [(0.5, 0.4), (0.8, 0.1), (0.3, 0.05)].into_iter().enumerate() {
        for v in image.plane_mut(c) {
            *v = ((gain * *v + offset).clamp(0.0, 1.0) * 255.0).round() / 255.0;
        }
    }
    image
}

fn source() -> Image {
    let mut image = noisy(&synthetic_rgb(Size::new(150, 170)), 0.02, 3);
    image.data_mut().iter_mut().for_each(|v| *v = (v.clamp(0.0, 1.0) * 255.0).round() / 255.0);
    image
}

fn options(method: TransferMethod) -> ColorTransfer {
    ColorTransfer { method, ..ColorTransfer::default() }
}

fn counts(image: &Image, c: usize) -> Vec<f64> {
    let mut counts = vec![0.0; 64];
    for v in image.plane_data(c) {
        let level = (v.clamp(0.0, 1.0) * 255.0).round();
        counts[(level as usize) / 4] += 1.0 / image.size().len() as f64;
    }
    counts
}

/// As of the peers: 64 bins, mean over the channels.
fn distance(a: &Image, b: &Image) -> f64 {
    let bhattacharyya = |c: usize| {
        let pairs = counts(a, c).into_iter().zip(counts(b, c));
        (1.0 - pairs.map(|(x, y)| (x * y).sqrt()).sum::<f64>()).max(0.0).sqrt()
    };
    (0..a.channels()).map(bhattacharyya).sum::<f64>() / a.channels() as f64
}

#[test]
fn the_histograms_become_those_of_the_reference() {
    let cx = Context::default();
    let (from, to) = (source(), reference());
    assert!(distance(&from, &to) > 0.3);
    for method in ALL {
        let out = color_transfer(&from, &to, &options(method), &cx).unwrap();
        let most = if method.matches_histograms() { 0.02 } else { 0.6 };
        let got = distance(&out, &to);
        assert!(got < most, "{method:?}: {got}");
    }
}

#[test]
fn moments_become_those_of_the_reference_and_strength_goes_halfway() {
    let cx = Context::default();
    let (from, to) = (source(), reference());
    let whole = color_transfer(&from, &to, &options(TransferMethod::Mkl), &cx).unwrap();
    let moments = |image: &Image| Palette::of_image(image, &cx).unwrap().moments;
    let (came, wanted) = (moments(&whole), moments(&to));
    for i in 0..3 {
        assert!((came.mean()[i] - wanted.mean()[i]).abs() < 1e-4);
        for j in 0..3 {
            assert!((came.covariance()[i][j] - wanted.covariance()[i][j]).abs() < 1e-4);
        }
    }
    let half = ColorTransfer { strength: 0.5, ..options(TransferMethod::Mkl) };
    let half = color_transfer(&from, &to, &half, &cx).unwrap();
    let none = ColorTransfer { strength: 0.0, ..options(TransferMethod::Mkl) };
    assert_eq!(color_transfer(&from, &to, &none, &cx).unwrap(), from);
    for ((h, w), f) in half.data().iter().zip(whole.data()).zip(from.data()) {
        assert!((h - 0.5 * (w + f)).abs() < 1e-5);
    }
}

#[test]
fn a_picture_that_is_its_own_reference_stays_as_it_is() {
    let cx = Context::default();
    let image = source();
    for method in ALL {
        let out = color_transfer(&image, &image, &options(method), &cx).unwrap();
        let pairs = out.data().iter().zip(image.data());
        let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Within the cell of rounding; the cube of idt is coarse.
        let most = if method == TransferMethod::Idt { 0.02 } else { 0.75 / 255.0 };
        assert!(off < most, "{method:?}: {off}");
    }
}

#[test]
fn gray_pictures_take_the_brightness_of_the_reference() {
    let cx = Context::default();
    let gray = Image::from_plane(source().plane(1).to_plane());
    let luma = Image::from_plane(restora_image::to_luma(&reference()).unwrap());
    for method in ALL {
        let out = color_transfer(&gray, &reference(), &options(method), &cx).unwrap();
        assert_eq!(out.space(), ColorSpace::Gray);
        let mean =
            |i: &Image| i.data().iter().map(|v| f64::from(*v)).sum::<f64>() / i.data().len() as f64;
        assert!((mean(&out) - mean(&luma)).abs() < 2e-3, "{method:?}");
        if method.matches_histograms() {
            assert!(distance(&out, &luma) < 0.03, "{method:?}: {}", distance(&out, &luma));
        }
    }
    let out = color_transfer(&source(), &gray, &options(TransferMethod::Histogram), &cx).unwrap();
    assert!(
        distance(
            &out,
            &Image::from_vec(gray.size(), ColorSpace::Srgb, gray.data().repeat(3)).unwrap()
        ) < 0.02
    );
}

#[test]
fn transparent_pixels_count_in_neither_picture() {
    let cx = Context::default();
    let hidden = |image: &Image| {
        let (mut out, w) = (image.clone(), image.size().w());
        for c in 0..3 {
            let plane = out.plane_mut(c);
            (0..plane.len()).filter(|i| i % w < 40).for_each(|i| plane[i] = [1.0, 0.0, 1.0][c]);
        }
        out.alpha = Some(Plane::from_fn(out.size(), |x, _| if x < 40 { 0.0 } else { 1.0 }));
        out
    };
    let (from, to) = (hidden(&source()), hidden(&reference()));
    let out = color_transfer(&from, &to, &options(TransferMethod::MklHistogram), &cx).unwrap();
    let shown = |i: &Image| {
        let Size { width, height } = i.size();
        i.crop(restora_image::Rect { x: 40, y: 0, width: width - 40, height })
    };
    assert!(distance(&shown(&out), &shown(&to)) < 0.02);
    assert_eq!(out.alpha, from.alpha);
    let mut none = to.clone();
    none.alpha = Some(Plane::zeros(none.size()));
    let error = color_transfer(&from, &none, &ColorTransfer::default(), &cx).unwrap_err();
    assert!(error.to_string().contains("opaque"), "{error}");
}

#[test]
fn regraining_keeps_the_gradients_of_the_source() {
    let cx = Context::default();
    let (from, to) = (source(), reference());
    let roughness = |image: &Image| {
        let plane = image.plane(2);
        let pairs = (0..170).flat_map(|y| (1..150).map(move |x| (x, y)));
        let gap = |(x, y)| {
            f64::from(
                plane.at(x, y) - plane.at(x - 1, y) - from.plane(2).at(x, y)
                    + from.plane(2).at(x - 1, y),
            )
            .powi(2)
        };
        pairs.map(gap).sum::<f64>()
    };
    let run = |regrain: f32| {
        let options = ColorTransfer { regrain, ..options(TransferMethod::Idt) };
        roughness(&color_transfer(&from, &to, &options, &cx).unwrap())
    };
    let (plain, smooth, smoother) = (run(0.0), run(1.0), run(5.0));
    assert!(smooth < 0.8 * plain && smoother < smooth, "{plain} {smooth} {smoother}");
}

#[test]
fn the_contract_holds_before_and_after_the_map_is_found() {
    let cx = Context::default();
    let image = noisy(&synthetic_rgb(Size::new(330, 300)), 0.05, 2);
    for method in ALL {
        let asked = options(method).with_reference(&reference(), &cx).unwrap();
        assert_contract(&asked, &image);
        for regrain in [0.0, 1.0] {
            if regrain > 0.0 && method != TransferMethod::Mkl {
                continue;
            }
            let asked = ColorTransfer { regrain, ..asked.clone() };
            let read = |rect| Ok(image.crop(rect));
            let settled = asked.settled(image.size(), 3, &read, &cx).unwrap();
            assert!(settled.reach().is_some());
            assert_contract(&settled, &image);
            assert_eq!(settled.as_asked(), ColorTransfer { regrain, ..options(method) });
        }
    }
    assert_info_matches(&INFO, &ColorTransfer::default());
}

#[test]
fn what_cannot_be_done_is_said() {
    let cx = Context::default();
    let image = source();
    let mut sample = Sample::new(image.clone());
    let error = ColorTransfer::default().apply(&mut sample, &cx).unwrap_err();
    assert!(error.to_string().contains("reference"), "{error}");
    for bad in [
        ColorTransfer { strength: 1.1, ..ColorTransfer::default() },
        ColorTransfer { strength: f32::NAN, ..ColorTransfer::default() },
        ColorTransfer { regrain: -1.0, ..ColorTransfer::default() },
    ] {
        assert!(matches!(bad.validate(), Err(OpError::Param { .. })), "{bad:?}");
    }
    let linear = image.clone().relabeled(ColorSpace::LinearRgb).unwrap();
    assert!(color_transfer(&linear, &image, &ColorTransfer::default(), &cx).is_err());
    assert!(color_transfer(&image, &linear, &ColorTransfer::default(), &cx).is_err());
}
