//! Training and measuring estimators of the light from the command line.

use crate::support::{code, read, restora, results, words, write_image};
use restora::data::Format;
use restora::image::{ColorSpace, Depth, Image, Rng, Size, linear_to_srgb, srgb_to_linear};
use std::fmt::Write as _;
use std::path::Path;

/// Patches of gray and of muted colors, under a light.
fn scene(index: u64, light: [f32; 3]) -> Image {
    let mut rng = Rng::new(9, "scene", index);
    let patches: Vec<[f32; 3]> = (0..24)
        .map(|k| {
            let gray = 0.15 + 0.5 * rng.uniform();
            let off = if k % 2 == 0 { 0.0 } else { 0.2 };
            [0, 1, 2].map(|_| (gray + off * (rng.uniform() - 0.3)) as f32)
        })
        .collect();
    let size = Size::new(48, 48);
    let mut image = Image::zeros(size, ColorSpace::Srgb);
    for c in 0..3 {
        for (i, v) in image.plane_mut(c).iter_mut().enumerate() {
            let patch = patches[(i / 48 / 8 * 4 + i % 48 / 12) % 24][c];
            *v = linear_to_srgb(light[c] * srgb_to_linear(patch));
        }
    }
    image
}

fn photographs(root: &Path) {
    for i in 0..16 {
        let name = root.join(format!("photos/p{i:02}.png"));
        write_image(&name, &scene(i, [1.0; 3]), Format::Png, Depth::U8);
    }
}

#[test]
fn a_model_is_trained_on_photographs_tested_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    photographs(root);
    let out = restora(root, &["constancy", "train", "--data", "photos", "-o", "mine.json"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    assert!(results(&out).starts_with("mine.json: 48 pictures"), "{}", results(&out));
    let text = std::fs::read_to_string(root.join("mine.json")).unwrap();
    assert!(text.len() < 200_000 && text.contains("\"data\":\"photos\""), "{}", text.len());

    // The same bytes again; never over a file that is there.
    let again = ["constancy", "train", "--data", "photos", "-o", "mine.json", "-j", "1"];
    assert_eq!(code(&restora(root, &again)), 2);
    let out = restora(root, &[&again[..], &["--overwrite"]].concat());
    assert_eq!(code(&out), 0, "{}", words(&out));
    assert!(std::fs::read_to_string(root.join("mine.json")).unwrap() == text);

    // Measured lights: other scenes under one light, told in a table.
    let light = [1.0, 0.7, 0.45];
    let mut table = String::from("name,r,g,b\n");
    for i in 0..6 {
        let name = format!("t{i}");
        write_image(
            &root.join("warm").join(format!("{name}.png")),
            &scene(100 + i, light),
            Format::Png,
            Depth::U16,
        );
        writeln!(table, "{name},{},{},{}", light[0], light[1], light[2]).unwrap();
    }
    std::fs::write(root.join("lights.csv"), table).unwrap();
    let measure = |more: &[&str]| -> f64 {
        let args = ["constancy", "test", "--data", "warm", "--lights", "lights.csv"];
        let out = restora(root, &[&args[..], &["--encoding", "srgb", "--json"], more].concat());
        assert_eq!(code(&out), 0, "{}", words(&out));
        let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(report["pictures"].as_array().unwrap().len(), 6);
        report["errors"]["mean"].as_f64().unwrap()
    };
    let (mine, gray) = (measure(&["--model", "mine.json"]), measure(&["--method", "gray-world"]));
    assert!(mine < 3.0 && gray < 20.0, "{mine} {gray}");
    let table = restora(root, &["constancy", "test", "--data", "photos", "--folds", "4"]);
    assert_eq!(code(&table), 0, "{}", words(&table));
    assert!(results(&table).contains("worst quarter"), "{}", results(&table));

    // In the belt.
    let color = "white-balance:method=learned,untouched=0,model=mine.json";
    let out = restora(root, &["restore", "warm/t0.png", "-o", "out.png", "--color", color]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let (plain, after) = (scene(100, [1.0; 3]), read(&root.join("out.png")).to_image());
    let off = |image: &Image| {
        let mean = |c: usize| f64::from(image.plane_data(c).iter().sum::<f32>());
        (mean(0)
            / mean(2)
            / (f64::from(plain.plane_data(0).iter().sum::<f32>())
                / f64::from(plain.plane_data(2).iter().sum::<f32>())))
        .ln()
        .abs()
    };
    let before = off(&scene(100, light));
    assert!(off(&after) < 0.3 * before, "{} of {before}", off(&after));
}

#[test]
fn what_cannot_be_is_told_with_the_exit_code_of_its_kind() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    photographs(root);
    std::fs::write(root.join("wrong.json"), "{}").unwrap();
    let wrong: [(&[&str], i32); 7] = [
        (&["constancy", "test", "--data", "photos", "--method", "gray-wood"], 2),
        (&["constancy", "test", "--data", "photos", "--folds", "1"], 2),
        (&["constancy", "test", "--data", "photos", "--model", "wrong.json"], 1),
        (&["constancy", "test", "--data", "photos", "--model", "absent.json"], 1),
        (&["constancy", "train", "--data", "photos", "-o", "a.json", "--lambda", "-1"], 2),
        (&["constancy", "train", "--data", "absent", "-o", "a.json"], 1),
        (&["restore", "photos", "-o", "out", "--color", "white-balance:model=wrong.json"], 2),
    ];
    for (args, wanted) in wrong {
        let out = restora(root, args);
        assert_eq!(code(&out), wanted, "{args:?}: {}", words(&out));
        assert!(!words(&out).is_empty(), "{args:?}");
    }
    assert!(!root.join("a.json").exists());
}
