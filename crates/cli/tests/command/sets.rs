//! `restora sets`.

use crate::support::{code, restora, results, words, write_image};
use restora::data::{Format, TableFormat, TableLabels, TableWriter};
use restora::image::{Depth, Image, Rng, Size};
use serde_json::Value;
use std::path::Path;

fn table(root: &Path, name: &str, rows: &[f32], columns: usize) {
    let path = root.join(name);
    let format = TableFormat::from_path(&path).expect("a table");
    let mut out =
        TableWriter::create(&path, format, columns, TableLabels::None, true).expect("a file");
    for (i, row) in rows.chunks(columns).enumerate() {
        out.push(&i.to_string(), None, row).expect("a row");
    }
    out.commit().expect("written");
}

fn normal(n: usize, seed: u64, shift: f32) -> Vec<f32> {
    let mut rows = vec![0.0; n * 5];
    Rng::new(seed, "normal", 0).fill_normal(&mut rows);
    rows.iter().map(|v| v + shift).collect()
}

#[test]
fn tables_of_features_are_measured_with_the_name_of_the_features() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    table(root, "real.npy", &normal(600, 1, 0.0), 5);
    table(root, "made.csv", &normal(500, 2, 0.5), 5);
    table(root, "held.npy", &normal(300, 3, 0.0), 5);
    let sure: Vec<f32> =
        (0..500).flat_map(|i| [f32::from(i % 2 == 0), f32::from(i % 2 == 1)]).collect();
    table(root, "classes.npy", &sure, 2);
    let all = ["sets", "real.npy", "made.csv", "--held-out", "held.npy", "--feature-name", "mine"];
    let with = |more: &[&str]| restora(root, &[&all[..], more].concat());
    let out = with(&["--json", "--probabilities", "classes.npy", "-j", "2"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let report: Value = serde_json::from_str(&results(&out)).unwrap();
    assert_eq!(report["features"], "mine");
    assert_eq!([&report["real"]["items"], &report["generated"]["items"]], [600, 500]);
    // Five columns, shifted by 0.5 each.
    let distance = report["frechet_distance"]["jackknife"]["corrected"].as_f64().unwrap();
    assert!((distance - 1.25).abs() < 0.4, "{distance}");
    for measure in ["kernel_distance", "precision_recall", "birthday_paradox", "memorization"] {
        assert!(report[measure].is_object(), "{measure}");
    }
    let score = report["inception_score"]["value"].as_f64().unwrap();
    assert!((1.95..=2.0).contains(&score), "{score}");

    let out = with(&["--measures", "frechet-distance,precision-recall,memorization"]);
    let text = results(&out);
    for wanted in
        ["Frechet distance (mine)", "coverage (mine)", "data copying z (mine)", "most like copies"]
    {
        assert!(text.contains(wanted), "{text}");
    }
    assert!(!text.contains("FID") && !text.contains("kernel"), "{text}");
}

#[test]
fn pictures_are_measured_by_a_named_extractor_and_damaged_ones_told() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    // Stripes of a random direction in one set, noise in the other.
    for i in 0..30 {
        let mut rng = Rng::new(i, "pictures", 0);
        let (x0, y0) = (rng.uniform() as f32, rng.uniform() as f32);
        let size = Size::new(24, 24);
        let stripes =
            Image::gray_from_fn(size, |x, y| 0.5 + 0.4 * (x as f32 * x0 + y as f32 * y0).sin());
        let noise = Image::gray_from_fn(size, |_, _| rng.uniform() as f32);
        for (set, image) in [("stripes", &stripes), ("noise", &noise)] {
            write_image(&root.join(set).join(format!("{i:02}.png")), image, Format::Png, Depth::U8);
        }
        let other = if i % 2 == 0 { "even" } else { "odd" };
        write_image(
            &root.join(other).join(format!("{i:02}.png")),
            &stripes,
            Format::Png,
            Depth::U8,
        );
    }
    std::fs::write(root.join("odd/99.png"), b"\x89PNG\r\n\x1a\n broken").unwrap();
    let run = |a: &str, b: &str| restora(root, &["sets", a, b, "--features", "lbp", "--json"]);
    let distance = |out: &std::process::Output| -> f64 {
        let report: Value = serde_json::from_str(&results(out)).unwrap();
        assert_eq!(report["features"], "lbp");
        report["frechet_distance"]["distance"].as_f64().unwrap()
    };
    let (halves, apart) = (run("even", "odd"), run("stripes", "noise"));
    assert_eq!((code(&halves), code(&apart)), (1, 0), "{}", words(&halves));
    assert!(words(&halves).contains("99.png"), "{}", words(&halves));
    assert!(distance(&apart) > 5.0 * distance(&halves));
    let copies = restora(
        root,
        &["sets", "stripes", "even", "--features", "lbp", "--held-out", "odd", "--cells", "1"],
    );
    let text = results(&copies);
    // Every even picture is a copy; the nearest bears its name.
    let rows: Vec<&str> = text.split("most like copies").nth(1).unwrap().lines().skip(3).collect();
    assert!(!rows.is_empty());
    for row in rows {
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!((cells[0], cells[2]), (cells[1], "0"), "{row}");
    }
    let bare = restora(root, &["sets", "stripes", "noise"]);
    assert_eq!(code(&bare), 2);
    assert!(words(&bare).contains("--features hog"), "{}", words(&bare));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    table(root, "a.npy", &normal(20, 1, 0.0), 5);
    table(root, "b.npy", &normal(20, 1, 0.0), 10);
    let refused = |more: &[&str], status: i32, wanted: &str| {
        let out = restora(root, &[&["sets"], more].concat());
        assert_eq!(code(&out), status, "{}", words(&out));
        assert!(words(&out).contains(wanted), "{}", words(&out));
    };
    refused(&["a.npy", "b.npy"], 1, "5 features each, the generated ones 10");
    refused(
        &["a.npy", "a.npy", "--measures", "fid"],
        2,
        "there are frechet-distance, kernel-distance",
    );
    refused(&["a.npy", "a.npy", "--measures", "memorization"], 2, "needs held-out items");
    refused(&["a.npy", "a.npy", "--neighbors", "0"], 2, "`neighbors`");
    refused(&["a.npy", "missing.npy"], 1, "missing.npy");
    refused(&["a.npy", "a.txt"], 2, "say what makes features of them");
    refused(&["a.npy", "a.npy", "--features", "fid"], 2, "no feature is named `fid`");
    let out = restora(root, &["sets", "a.npy", "a.npy", "--measures", "frechet-distance"]);
    assert_eq!(code(&out), 0);
    assert!(results(&out).contains("Frechet distance (a.npy)"));
}
