//! Color histograms and GIST of a picture made by formula (`goldens/features.json`, made by
//! `tools/goldens/features.py`).

use restora_image::{ColorSpace, Context, Image, Size, to_luma};
use restora_metrics::features::{ColorHistogram, Gist, color_histogram, gist};
use serde_json::Value;

/// The picture of `tools/goldens/features.py`.
fn picture(size: Size) -> Image {
    let mut image = Image::zeros(size, ColorSpace::Srgb);
    for c in 0..3usize {
        let plane = image.plane_mut(c);
        for y in 0..size.h() {
            for x in 0..size.w() {
                let h = (x * 7349 + y * 9151 + c * 3571 + 17) % 65521;
                let bars = if (x / 5 + (c + 1) * (y / 7)) % 3 == c { 90 } else { 0 };
                let shade = x * (1 + c) % 128 + (y * (3 - c)) / 2 % 60;
                let bars = i64::from(bars * u8::from(x > 20)) - i64::from(bars / 2);
                let level = shade as i64 + bars + (h * h % 65521 % 23) as i64;
                plane[y * size.w() + x] = level.clamp(0, 255) as f32 / 255.0;
            }
        }
    }
    image
}

fn goldens() -> Value {
    let text = include_str!("../../../goldens/features.json");
    serde_json::from_str(text).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

#[test]
fn color_histograms_are_those_of_opencv_and_numpy() {
    let image = picture(Size::new(72, 56));
    let pixels = (72 * 56) as f64;
    let mut checked = 0;
    for case in goldens()["histograms"].as_array().expect("cases") {
        let options: ColorHistogram =
            serde_json::from_value(case["options"].clone()).expect("options");
        let found = color_histogram(&image, &options, &Context::default()).expect("histogram");
        let wanted = numbers(&case["pixels"]);
        assert_eq!(found.len(), wanted.len(), "{options:?}");
        let votes = if case["options"]["channels"] == "joint" { pixels } else { 3.0 * pixels };
        let scale = votes * f64::from(1u32 << options.levels);
        let moved: f64 =
            found.iter().zip(&wanted).map(|(a, b)| (f64::from(*a) * scale - b).abs()).sum();
        // Whole numbers of pixels, all in the same bins.
        println!("{options:?}: {moved:.2} of {scale} moved");
        assert!(moved < 0.5, "{options:?}: {moved}");
        checked += 1;
    }
    assert_eq!(checked, 12);
}

#[test]
fn gist_is_its_formula_in_double_precision() {
    let mut checked = 0;
    for case in goldens()["gist"].as_array().expect("cases") {
        let side = |i: usize| case["size"][i].as_u64().expect("a side") as usize;
        let (w, h) = (side(0), side(1));
        let options: Gist = serde_json::from_value(case["options"].clone()).expect("options");
        let mut image = picture(Size::new(72, 56));
        if case["options"].get("color").is_none() {
            let luma = to_luma(&image).expect("luma");
            image = Image::gray_from_fn(Size::new(w as u32, h as u32), |x, y| luma.row(y)[x]);
        }
        let found = gist(&image, &options, &Context::default()).expect("GIST");
        let wanted = numbers(&case["values"]);
        assert_eq!(found.len(), wanted.len(), "{options:?}");
        let largest = wanted.iter().fold(0.0f64, |a, b| a.max(*b));
        let gap = found.iter().zip(&wanted).map(|(a, b)| (f64::from(*a) - b).abs());
        let gap = gap.fold(0.0, f64::max) / largest;
        println!("{options:?}: largest gap {gap:.1e} of the largest number");
        // Transforms are f32 here.
        assert!(gap < 1e-5, "{options:?}: {gap}");
        checked += 1;
    }
    assert_eq!(checked, 3);
}
