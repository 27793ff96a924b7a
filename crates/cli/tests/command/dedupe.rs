//! `restora dedupe`.

use crate::support::{SQUARES as SIZE, code, moved, restora, results, squares, words, write_image};
use restora::data::Format;
use restora::image::{ColorSpace, Depth, Image, Size};
use serde_json::Value;

#[test]
fn copies_of_all_kinds_are_one_cluster_and_other_pictures_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let png = |name: &str, image: &Image| {
        write_image(&root.join("in").join(name), image, Format::Png, Depth::U8);
    };
    let (w, h) = (SIZE.w(), SIZE.h());
    let original = squares(1);
    png("original.png", &original);
    std::fs::copy(root.join("in/original.png"), root.join("in/equal file.png")).unwrap();
    write_image(&root.join("in/equal pixels.bmp"), &original, Format::Bmp, Depth::U8);
    write_image(&root.join("in/saved.jpg"), &original, Format::Jpeg, Depth::U8);
    png("mirrored.png", &moved(&original, SIZE, |x, y| (w - 1 - x, y)));
    png("turned.png", &moved(&original, Size::new(240, 320), |x, y| (y, h - 1 - x)));
    png("crop.png", &moved(&original, Size::new(200, 160), |x, y| (x + 90, y + 50)));
    let mut dark = original.clone();
    for (c, gain) in [0.7, 0.5, 0.4].into_iter().enumerate() {
        dark.plane_mut(c).iter_mut().for_each(|v| *v *= gain);
    }
    png("recolored.png", &dark);
    for seed in 2..8 {
        png(&format!("other {seed}.png"), &squares(seed));
    }
    std::fs::write(root.join("in/broken.png"), b"\x89PNG\r\n\x1a\n").unwrap();

    let out = restora(root, &["dedupe", "in", "--json", "--report", "d.html"]);
    assert_eq!(code(&out), 1, "one file is broken: {}", words(&out));
    assert!(words(&out).contains("broken.png"));
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    let name = |i: &Value| found["pictures"][i.as_u64().unwrap() as usize]["id"].as_str().unwrap();
    let clusters = found["clusters"].as_array().unwrap();
    assert_eq!(clusters.len(), 1, "{found}");
    let keeper = name(&clusters[0]["keeper"]);
    let mut members: Vec<&str> =
        clusters[0]["copies"].as_array().unwrap().iter().map(name).collect();
    members.push(keeper);
    members.sort_unstable();
    let wanted = [
        "crop.png",
        "equal file.png",
        "equal pixels.bmp",
        "mirrored.png",
        "original.png",
        "recolored.png",
        "saved.jpg",
        "turned.png",
    ];
    assert_eq!(members, wanted);
    // Of equal sizes the file with most bytes.
    assert_eq!(keeper, "equal pixels.bmp");
    let pair = |a: &str, b: &str| {
        let pairs = found["pairs"].as_array().unwrap();
        let is = |p: &&Value| {
            let ends = [name(&p["first"]), name(&p["second"])];
            ends.contains(&a) && ends.contains(&b)
        };
        pairs.iter().find(is).cloned().unwrap_or(Value::Null)
    };
    assert_eq!(pair("original.png", "equal file.png")["likeness"], "same-file");
    assert_eq!(pair("equal file.png", "equal pixels.bmp")["likeness"], "same-pixels");
    let mirrored = pair("equal pixels.bmp", "mirrored.png");
    assert_eq!(mirrored["map"]["mirrored"], true, "{mirrored}");
    let turned = pair("equal pixels.bmp", "turned.png");
    assert!((turned["map"]["rotation"].as_f64().unwrap() - 90.0).abs() < 1.0, "{turned}");
    let crop = pair("crop.png", "equal pixels.bmp");
    assert!(crop["map"]["overlap"].as_f64().unwrap() > 0.99, "{crop}");
    assert!(crop["probability"].as_f64().unwrap() > 0.999);
    let html = std::fs::read_to_string(root.join("d.html")).unwrap();
    assert_eq!(html.matches("data:image/jpeg;base64,").count(), 8);
    assert!(html.contains("mirrored") && html.contains("turned 90") && html.contains("broken.png"));
}

#[test]
fn a_folder_without_duplicates_says_so_and_bad_options_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for seed in 1..4 {
        let path = root.join(format!("in/{seed}.png"));
        write_image(&path, &squares(seed), Format::Png, Depth::U8);
    }
    // A flat picture has no keypoints.
    let flat = Image::zeros(Size::new(40, 30), ColorSpace::Gray);
    write_image(&root.join("in/flat.png"), &flat, Format::Png, Depth::U8);
    let out = restora(root, &["dedupe", "in", "-j", "2"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    assert_eq!(results(&out), "no duplicates among 4 pictures\n");
    for (arguments, wanted) in [
        (["--keypoints", "3"], "keypoints must be 16 to 1000, got 3"),
        (["--probability", "1"], "probability must be 0 or above and below 1, got 1"),
    ] {
        let out = restora(root, &[&["dedupe", "in"][..], &arguments[..]].concat());
        assert_eq!(code(&out), 2);
        assert!(words(&out).contains(wanted), "{}", words(&out));
    }
    std::fs::create_dir(root.join("empty")).unwrap();
    assert_eq!(code(&restora(root, &["dedupe", "empty"])), 3);
}

#[test]
fn an_index_gives_the_same_duplicates_and_spares_what_it_knows() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let png = |name: &str, image: &Image| {
        write_image(&root.join("in").join(name), image, Format::Png, Depth::U8);
    };
    let original = squares(1);
    png("original.png", &original);
    png("mirrored.png", &moved(&original, SIZE, |x, y| (SIZE.w() - 1 - x, y)));
    png("other.png", &squares(2));
    let plain = restora(root, &["dedupe", "in", "--json"]);
    for _ in 0..2 {
        let indexed = restora(root, &["dedupe", "in", "--json", "--index", "in.index"]);
        assert_eq!(code(&indexed), 0, "{}", words(&indexed));
        assert_eq!(results(&indexed), results(&plain));
    }
    std::fs::remove_file(root.join("in/mirrored.png")).unwrap();
    let out = restora(root, &["dedupe", "in", "--index", "in.index"]);
    assert_eq!(results(&out), "no duplicates among 2 pictures\n");
}
