//! `restora match`.

use crate::support::{code, restora, words, write_image};
use restora::data::Format;
use restora::image::{ColorSpace, Depth, Image, Rng, Size};

/// Overlapping bright and dark squares of many sizes.
fn squares(seed: u64) -> Image {
    let mut rng = Rng::new(seed, "squares", 0);
    let mut image = Image::zeros(Size::new(200, 160), ColorSpace::Gray);
    for _ in 0..160 {
        let (x, y) = (rng.below(190) as usize, rng.below(150) as usize);
        let (side, value) = (4 + rng.below(20) as usize, rng.uniform() as f32);
        for row in y..(y + side).min(160) {
            image.plane_mut(0)[row * 200..][x..(x + side).min(200)].fill(value);
        }
    }
    image
}

#[test]
fn a_crop_is_found_in_its_picture_with_a_drawing_and_another_picture_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let whole = squares(1);
    let crop = Image::gray_from_fn(Size::new(120, 100), |x, y| whole.plane(0).at(x + 50, y + 30));
    write_image(&root.join("whole.png"), &whole, Format::Png, Depth::U8);
    write_image(&root.join("crop.png"), &crop, Format::Png, Depth::U8);
    write_image(&root.join("other.png"), &squares(2), Format::Png, Depth::U8);

    let out = restora(root, &["match", "crop.png", "whole.png", "--json", "--picture", "m.png"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let entry = |r: usize, c: usize| report["homography"][r][c].as_f64().unwrap();
    assert!((entry(0, 2) - 50.0).abs() < 0.2 && (entry(1, 2) - 30.0).abs() < 0.2, "{report}");
    assert!(report["log10_false_alarms"].as_f64().unwrap() < -20.0);
    assert_eq!(
        report["points"].as_array().unwrap().len() as u64,
        report["matches"].as_u64().unwrap()
    );
    assert!(std::fs::read(root.join("m.png")).unwrap().starts_with(b"\x89PNG"));

    // The drawing is there already.
    let out = restora(root, &["match", "crop.png", "whole.png", "--picture", "m.png"]);
    assert_ne!(code(&out), 0);
    assert!(words(&out).contains("m.png"), "{}", words(&out));

    let out = restora(root, &["match", "crop.png", "other.png"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("nothing in common that chance does not explain"), "{text}");
}

#[test]
fn bad_options_and_files_are_told_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("a.png"), &squares(1), Format::Png, Depth::U8);
    for (arguments, wanted) in [
        (["a.png", "a.png", "--ratio", "1.5"], "`ratio` must be above 0"),
        (["a.png", "a.png", "--descriptor", "surf"], "--descriptor: unknown variant `surf`"),
        (["a.png", "a.png", "--threshold", "0"], "`threshold` must be above 0"),
        (["a.png", "none.png", "--ratio", "0.8"], "none.png"),
    ] {
        let out = restora(root, &[&["match"][..], &arguments[..]].concat());
        // Wrong usage, or a file that cannot be read.
        let wanted_code = if wanted == "none.png" { 1 } else { 2 };
        assert_eq!(code(&out), wanted_code, "{}", words(&out));
        assert!(words(&out).contains(wanted), "{}", words(&out));
    }
}
