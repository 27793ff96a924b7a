//! `restora inspect FOLDER --report`: the set as a whole.

use crate::support::{code, restora, results, words, write_image};
use restora::data::Format;
use restora::image::{ColorSpace, Depth, Image, Rng, Size};
use serde_json::Value;
use std::path::Path;

const SIZE: Size = Size::new(120, 100);

/// Noisy stripes, upright or lying, of their own width and phase.
fn stripes(seed: u64, upright: bool) -> Image {
    let mut rng = Rng::new(seed, "stripes", 0);
    let (period, phase) = (9.0 + 3.0 * rng.uniform() as f32, 6.0 * rng.uniform() as f32);
    let mut image = Image::gray_from_fn(SIZE, |x, y| {
        let at = if upright { x } else { y } as f32;
        0.5 + 0.3 * (std::f32::consts::TAU * (at / period + phase)).sin().signum()
    });
    // Marks that make each picture another source.
    for _ in 0..60 {
        let (x, y) = (rng.below(112) as usize, rng.below(92) as usize);
        let value = rng.uniform() as f32;
        for row in y..y + 2 + rng.below(6) as usize {
            let side = 2 + rng.below(6) as usize;
            image.plane_mut(0)[row * SIZE.w() + x..][..side].fill(value);
        }
    }
    image
}

/// Two classes in two splits, with one of every kind of fault.
fn build(root: &Path) {
    let png = |name: &str, image: &Image| {
        write_image(&root.join("in").join(name), image, Format::Png, Depth::U8);
    };
    let mut seed = 0;
    for (split, count) in [("train", 16), ("test", 8)] {
        for upright in [true, false] {
            for i in 0..count {
                seed += 1;
                let class = if upright { "upright" } else { "lying" };
                png(&format!("{split}/{class}/{i}.png"), &stripes(seed, upright));
            }
        }
    }
    png("train/lying/wrong label.png", &stripes(900, true));
    std::fs::copy(root.join("in/train/lying/3.png"), root.join("in/test/lying/leak.png"))
        .expect("written");
    std::fs::copy(root.join("in/train/lying/5.png"), root.join("in/train/upright/twin.png"))
        .expect("written");
    png("train/upright/blank.png", &Image::gray_from_fn(SIZE, |_, _| 0.5));
    let mut dark = stripes(901, true);
    dark.plane_mut(0).iter_mut().for_each(|v| *v *= 0.2);
    png("train/upright/dark.png", &dark);
    let mut bright = stripes(902, false);
    bright.plane_mut(0).iter_mut().for_each(|v| *v = 0.8 + 0.2 * *v);
    png("train/lying/bright.png", &bright);
    let wide = Image::gray_from_fn(Size::new(600, 90), |x, y| ((x / 7 + y / 5) % 5) as f32 / 4.0);
    png("train/lying/wide.png", &wide);
    std::fs::write(root.join("in/train/lying/broken.png"), b"\x89PNG\r\n\x1a\n").expect("written");
}

#[test]
fn every_fault_of_a_set_is_told_and_shown_on_one_page() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    build(root);
    let out = restora(root, &["inspect", "in", "--report", "set.json"]);
    assert_eq!(code(&out), 1, "one file is broken: {}", words(&out));
    let text = std::fs::read_to_string(root.join("set.json")).unwrap();
    let set: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(set["classes"], serde_json::json!(["lying", "upright"]));
    assert_eq!(set["splits"], serde_json::json!(["test", "train"]));
    let id = |v: &Value| {
        set["pictures"][v.as_u64().unwrap() as usize]["id"].as_str().unwrap().to_owned()
    };
    let pairs: Vec<(String, String)> = set["copies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (id(&p["first"]), id(&p["second"])))
        .collect();
    let wanted = [
        ("test/lying/leak.png", "train/lying/3.png"),
        ("train/lying/5.png", "train/upright/twin.png"),
    ];
    assert_eq!(pairs, wanted.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let kinds = |kind: &str| -> Vec<String> {
        let all = set["findings"].as_array().unwrap().iter();
        all.filter(|f| f["kind"] == kind).map(|f| id(&f["picture"])).collect()
    };
    assert_eq!(kinds("low-information"), ["train/upright/blank.png"]);
    assert_eq!(kinds("dark"), ["train/upright/dark.png"]);
    assert_eq!(kinds("bright"), ["train/lying/bright.png"]);
    assert_eq!(kinds("odd-size"), ["train/lying/wide.png"]);
    let suspects: Vec<String> =
        set["labels"]["suspects"].as_array().unwrap().iter().map(|s| id(&s["picture"])).collect();
    for wrong in ["train/lying/wrong label.png", "train/upright/twin.png"] {
        assert!(suspects.iter().take(4).any(|s| s == wrong), "{suspects:?}");
    }
    assert!(set["labels"]["agreement"].as_f64().unwrap() > 0.85, "{}", set["labels"]["agreement"]);

    let out = restora(root, &["inspect", "in", "--report", "set.html"]);
    let told = results(&out);
    for line in ["classes", "leaks across splits", "labels to check", "low information"] {
        assert!(told.contains(line), "{told}");
    }
    let page = std::fs::read_to_string(root.join("set.html")).unwrap();
    for part in [
        "Leaks across splits (1)",
        "Copies of different classes (1)",
        "wrong label.png",
        "broken.png",
        "data:image/jpeg;base64,",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("NaN"));
}

#[test]
fn a_folder_without_classes_or_neighbors_is_still_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for i in 0..3 {
        let name = root.join(format!("in/{i}.png"));
        write_image(&name, &stripes(i, true), Format::Png, Depth::U8);
    }
    let out = restora(root, &["inspect", "in", "--report", "set.html"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let page = std::fs::read_to_string(root.join("set.html")).unwrap();
    assert!(!page.contains("Classes and splits") && page.contains("Sizes and formats"));
}

#[test]
fn an_unknown_feature_is_refused_before_anything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let out = restora(dir.path(), &["inspect", ".", "--report", "x.html", "--features", "gits"]);
    assert_eq!(code(&out), 2);
    assert!(words(&out).contains("gits") && words(&out).contains("hog"), "{}", words(&out));
    let out = restora(dir.path(), &["inspect", ".", "--features", "hog"]);
    assert_eq!(code(&out), 2, "features alone mean nothing: {}", words(&out));
}

#[test]
fn what_other_programs_give_is_explained_for_two_files() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let size = Size::new(170, 165);
    let value = |x: u32, y: u32, c: u32| ((x * 3 + y * 5 + 40 * c) % 200) as f32 / 255.0;
    let mut a = Image::zeros(size, ColorSpace::Srgb);
    for c in 0..3 {
        for (i, v) in a.plane_mut(c as usize).iter_mut().enumerate() {
            *v = value(i as u32 % size.width, i as u32 / size.width, c);
        }
    }
    let mut b = a.clone();
    b.plane_mut(1).iter_mut().step_by(3).for_each(|v| *v += 0.1);
    write_image(&root.join("a.png"), &a, Format::Png, Depth::U8);
    write_image(&root.join("b.png"), &b, Format::Png, Depth::U8);
    let out = restora(root, &["compare", "a.png", "b.png", "--explain"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let told = results(&out);
    for part in
        ["scikit-image", "piq", "torchmetrics", "OpenCV", "MATLAB", "7 equal taps", "the same"]
    {
        assert!(told.contains(part), "{told}");
    }
    let out = restora(
        root,
        &["compare", "a.png", "b.png", "--explain", "--json", "--measures", "psnr,dss"],
    );
    let rulings: Value = serde_json::from_str(&results(&out)).unwrap();
    assert_eq!(rulings.as_array().unwrap().len(), 1);
    assert_eq!(rulings[0]["measure"], "psnr");
    let ours = rulings[0]["ours"].as_f64().unwrap();
    let piq = rulings[0]["rows"].as_array().unwrap().iter().find(|r| r["tool"] == "piq").unwrap();
    assert!((piq["score"].as_f64().unwrap() - ours).abs() < 1e-2);
    let out = restora(root, &["compare", ".", ".", "--explain"]);
    assert_eq!(code(&out), 2);
    assert!(words(&out).contains("two files"), "{}", words(&out));
}
