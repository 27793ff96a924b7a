//! What the referee says other programs give, against what they gave: `goldens/referee.json`, made by
//! `tools/goldens/referee.py`.

use restora::image::{ColorSpace, Context, Image, Size};
use restora::referee::{MEASURES, RefereedPair, Ruling, referee};
use serde_json::Value;

const SIZE: Size = Size::new(601, 530);

/// The pair of the script, by the same integers.
fn picture(distorted: bool) -> Image {
    let wave = |v: i64, n: i64| (v.rem_euclid(2 * n) - n).abs();
    let value = |x: i64, y: i64, c: i64| {
        let plain = 20
            + wave(3 * x + 2 * y + 40 * c, 97)
            + wave(x - 2 * y + 31 * c, 61)
            + ((x / 37 + y / 29 + c) % 3) * 25;
        let noise = (x * 7919 + y * 104_729 + c * 1_299_709 + x * y * 31) % 41 - 20;
        let v = if distorted { (plain + noise).div_euclid(8) * 8 + 5 * (c - 1) } else { plain };
        v.clamp(0, 255) as f32 / 255.0
    };
    let (w, h) = (SIZE.w() as i64, SIZE.h() as i64);
    let data = (0..3).flat_map(|c| (0..h).flat_map(move |y| (0..w).map(move |x| value(x, y, c))));
    Image::from_vec(SIZE, ColorSpace::Srgb, data.collect()).expect("one value per pixel")
}

fn rulings() -> Vec<Ruling> {
    let (reference, distorted) = (picture(false), picture(true));
    let pair = RefereedPair { reference: &reference, distorted: &distorted, white: 255.0 };
    referee(&pair, &MEASURES, &Context::default()).expect("rulings")
}

#[test]
fn every_program_gives_what_the_referee_says() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../goldens/referee.json")).unwrap();
    let rulings = rulings();
    // Key of the file, program, a part of the call, relative tolerance. piq and torchmetrics compute in f64 here;
    // pytorch-msssim makes its window in f32, OpenCV computes in f32.
    let cases = [
        ("mse", "scikit-image", "scikit-image", "mean_squared_error", 1e-9),
        ("psnr", "scikit-image", "scikit-image", "(a, b)", 1e-9),
        ("psnr", "scikit-image rgb2gray", "scikit-image", "rgb2gray", 1e-7),
        ("psnr", "OpenCV", "OpenCV", "PSNR(a, b)", 1e-9),
        ("psnr", "OpenCV gray", "OpenCV", "cvtColor", 1e-9),
        ("psnr", "OpenCV QualityPSNR", "OpenCV", "mean of", 1e-9),
        ("psnr", "Pillow", "Pillow", "convert", 1e-9),
        ("psnr", "piq", "piq", "psnr(b, a, data_range=255)", 1e-9),
        ("psnr", "piq gray", "piq", "convert_to_greyscale", 1e-7),
        ("psnr", "torchmetrics", "torchmetrics", "peak", 1e-6),
        (
            "ssim",
            "scikit-image",
            "scikit-image",
            "structural_similarity(a, b, channel_axis=-1)",
            1e-7,
        ),
        ("ssim", "scikit-image gaussian", "scikit-image", "gaussian_weights", 1e-7),
        ("ssim", "scikit-image rgb2gray", "scikit-image", "rgb2gray", 1e-6),
        ("ssim", "OpenCV", "OpenCV", "quality", 1e-5),
        ("ssim", "piq", "piq", "ssim(b, a, data_range=255)", 1e-6),
        ("ssim", "piq downsample=False", "piq", "downsample=False", 1e-7),
        ("ssim", "pytorch-msssim", "pytorch-msssim", "ssim", 1e-5),
        ("ssim", "torchmetrics", "torchmetrics", "data_range=255", 1e-6),
        ("ssim", "torchmetrics no range", "torchmetrics", "measure(b, a)", 1e-6),
        ("ms-ssim", "piq", "piq", "multi_scale", 1e-6),
        ("ms-ssim", "pytorch-msssim", "pytorch-msssim", "ms_ssim", 1e-5),
        ("ms-ssim", "torchmetrics", "torchmetrics", "multiscale", 1e-6),
        ("gmsd", "OpenCV", "OpenCV", "quality", 2e-5),
        ("gmsd", "piq", "piq", "gmsd", 1e-6),
        ("vif", "piq (a, b)", "piq", "vif_p(a, b", 1e-7),
        ("vif", "piq (b, a)", "piq", "vif_p(b, a", 1e-7),
        ("fsim", "piq", "piq", "fsim(b, a, data_range=255)", 1e-6),
        ("fsim", "piq chromatic=False", "piq", "chromatic=False", 1e-6),
    ];
    let mut seen = 0;
    for (measure, key, tool, call, tolerance) in cases {
        let wanted = golden["scores"][measure][key].as_f64().expect(key);
        let ruling = rulings.iter().find(|r| r.measure.facts().name == measure).expect(measure);
        let row = ruling.rows.iter().find(|r| r.tool == tool && r.call.contains(call));
        let got = row.unwrap_or_else(|| panic!("{measure}: {tool} {call}")).score.expect("a score");
        let gap = (got - wanted).abs() / wanted.abs();
        println!("{measure:8} {key:24} {got:12.8} {wanted:12.8} {gap:.1e}");
        assert!(gap <= tolerance, "{measure}, {key}: {got} against {wanted}, {gap:.1e}");
        seen += 1;
    }
    let there: usize =
        golden["scores"].as_object().unwrap().values().map(|v| v.as_object().unwrap().len()).sum();
    assert_eq!(seen, there, "every golden has a case");
}

#[test]
fn a_cause_is_told_of_every_number_that_differs_and_of_no_other() {
    for ruling in rulings() {
        let ours = ruling.ours.unwrap();
        for row in &ruling.rows {
            let theirs = row.score.unwrap();
            let differs = (ours - theirs).abs() > 2e-6 * ours.abs().max(theirs.abs());
            assert_eq!(differs, !row.causes.is_empty(), "{} {}", row.tool, row.call);
            if let [cause] = row.causes.as_slice() {
                // What makes no difference worth telling is left out.
                assert!(
                    (cause.score.unwrap() - theirs).abs() <= 3e-6 * theirs.abs(),
                    "{}",
                    row.call
                );
            }
        }
    }
}

#[test]
fn gray_pairs_have_no_rows_of_color_and_identical_ones_agree_but_for_added_constants() {
    let gray =
        Image::gray_from_fn(Size::new(200, 180), |x, y| ((x * 7 + y * 13) % 256) as f32 / 255.0);
    let pair = RefereedPair { reference: &gray, distorted: &gray, white: 255.0 };
    for ruling in referee(&pair, &MEASURES, &Context::default()).unwrap() {
        assert!(ruling.rows.iter().all(|r| !r.call.contains("rgb2gray")));
        for row in &ruling.rows {
            let wanted = match (ruling.measure.facts().name, row.tool) {
                ("psnr", "piq") => Some(80.0),
                ("psnr", "OpenCV") => Some(361.2),
                _ => ruling.ours,
            };
            match (row.score.unwrap(), wanted.unwrap()) {
                (got, wanted) if wanted.is_infinite() => assert_eq!(got, wanted),
                (got, wanted) => {
                    assert!((got - wanted).abs() < 0.01, "{} {got} {wanted}", row.call);
                }
            }
        }
    }
}
