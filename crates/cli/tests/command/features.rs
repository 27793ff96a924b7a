//! `restora features`.

use crate::support::{code, restora, results, words, write_image};
use restora::data::Format;
use restora::image::{Context, Depth, Image, Size};
use restora::{Extractor, image::ColorSpace};
use std::path::Path;

fn picture(seed: usize, width: u32) -> Image {
    let size = Size::new(width, 40);
    let value = |i: usize| (i * (i + 7 * seed) % 97) as f32 / 96.0;
    let data = (0..3 * size.len()).map(|i| (value(i) * 255.0).round() / 255.0).collect();
    Image::from_vec(size, ColorSpace::Srgb, data).expect("a picture")
}

/// Two classes of two pictures, and a file that is none.
fn set(root: &Path) {
    for (name, seed) in [("a/1.png", 1), ("a/2.png", 2), ("b/3.png", 3), ("b/5.png", 5)] {
        let path = root.join("set").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        write_image(&path, &picture(seed, 30 + 9 * seed as u32), Format::Png, Depth::U8);
    }
    std::fs::write(root.join("set/b/4.png"), b"no picture").expect("a file");
}

#[test]
fn a_table_has_a_row_per_picture_and_tells_the_bad_one() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    set(root);
    let args = ["features", "set", "-o", "f.csv", "--features", "lbp", "-f", "d-hash"];
    let out = restora(root, &args);
    assert_eq!(code(&out), 1, "{}", words(&out));
    assert!(words(&out).contains("4.png"), "{}", words(&out));
    let told = "f.csv: 4 rows of 74 numbers: lbp (c0 to c9), d-hash (c10 to c73)\n";
    assert_eq!(results(&out), told);
    let text = std::fs::read_to_string(root.join("f.csv")).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0][..3], ["id", "label", "c0"]);
    let names: Vec<_> = lines[1..].iter().map(|line| (line[0], line[1])).collect();
    assert_eq!(names, [("a/1.png", "a"), ("a/2.png", "a"), ("b/3.png", "b"), ("b/5.png", "b")]);
    let found: Vec<f32> = lines[3][2..].iter().map(|v| v.parse().unwrap()).collect();
    let of = |text: &str| {
        Extractor::parse(text).unwrap().extract(&picture(3, 57), &Context::default()).unwrap()
    };
    assert_eq!(found, [of("lbp"), of("d-hash")].concat());

    // The table is there already.
    let again = restora(root, &args);
    assert_eq!(code(&again), 1);
    assert!(words(&again).contains("f.csv"), "{}", words(&again));
    for file in ["f.npy", "f.parquet"] {
        let args = ["features", "set/a", "-o", file, "--features", "hog:size=32", "--quiet"];
        let out = restora(root, &args);
        assert_eq!((code(&out), results(&out).as_str()), (0, ""), "{}", words(&out));
        assert!(std::fs::metadata(root.join(file)).unwrap().len() > 2 * 4 * 324);
    }
}

#[test]
fn features_are_listed_and_what_is_wrong_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    set(root);
    let out = restora(root, &["methods", "--family", "features"]);
    let listed = results(&out);
    for info in Extractor::catalog() {
        assert!(listed.contains(info.id), "{listed}");
    }
    let out = restora(root, &["methods", "hog"]);
    assert!(results(&out).contains("orientations") && results(&out).contains("size"));
    for (args, wanted) in [
        (["set", "-o", "f.csv", "-f", "outlines"], "lbp"),
        (["set", "-o", "f.csv", "-f", "hog:cell=0"], "cell"),
        (["set", "-o", "f.txt", "-f", "hog"], ".parquet"),
    ] {
        let out = restora(root, &[&["features"], &args[..]].concat());
        assert_eq!(code(&out), 2, "{}", words(&out));
        assert!(words(&out).contains(wanted), "{}", words(&out));
    }
    assert!(!root.join("f.csv").exists());
}
