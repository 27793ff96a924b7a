//! Damage that nobody drew a mask of.

use crate::support::{code, read, restora, results, words, write_image};
use restora::data::Format;
use restora::image::{Depth, Image, Mask, Size};
use restora_testkit::{noisy, synthetic_rgb};

const SIZE: Size = Size::new(160, 130);

/// A photograph with a dead row and a dead column.
fn struck() -> (Image, Image, Mask) {
    let clean = noisy(&synthetic_rgb(SIZE), 0.005, 1);
    let truth = Mask::from_fn(SIZE, |x, y| x == 51 || y == 90);
    let mut damaged = clean.clone();
    for plane in damaged.planes_mut() {
        for (v, _) in plane.iter_mut().zip(truth.data()).filter(|(_, m)| **m) {
            *v = 1.0;
        }
    }
    (clean, damaged, truth)
}

fn line(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn a_found_mask_is_written_edited_and_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let (clean, damaged, truth) = struck();
    write_image(&root.join("in.png"), &damaged, Format::Png, Depth::U8);
    let found =
        "restore in.png -o out.png --inpaint telea --mask detect:dead-lines --mask-out mask.png";
    let out = restora(root, &line(found));
    assert_eq!(code(&out), 0, "{}", words(&out));
    let mut mask = read(&root.join("mask.png")).to_image();
    let marked: Vec<bool> = mask.data().iter().map(|v| *v > 0.5).collect();
    assert_eq!(marked, truth.data());
    let error = |name: &str, at: &dyn Fn(usize) -> bool| {
        let image = read(&root.join(name)).to_image();
        let pairs = image.plane_data(0).iter().zip(clean.plane_data(0)).enumerate();
        pairs.filter(|(i, _)| at(*i)).map(|(_, (a, b))| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(error("out.png", &|_| true) < 0.1, "{}", error("out.png", &|_| true));

    // The row is what the user wants to keep.
    let w = SIZE.w();
    mask.plane_mut(0)[90 * w..91 * w].fill(0.0);
    write_image(&root.join("edited.png"), &mask, Format::Png, Depth::U8);
    let again = "restore in.png -o kept.png --inpaint telea --mask edited.png";
    let out = restora(root, &line(again));
    assert_eq!(code(&out), 0, "{}", words(&out));
    assert!(error("kept.png", &|i| i / w == 90 && i % w != 51) > 0.2);
    assert!(error("kept.png", &|i| i / w != 90 && (i / w).abs_diff(90) > 8) < 0.1);
}

#[test]
fn inspect_tells_of_damage_and_auto_repairs_it_and_leaves_clean_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let (clean, damaged, _) = struck();
    write_image(&root.join("in/clean.png"), &clean, Format::Png, Depth::U8);
    write_image(&root.join("in/struck.png"), &damaged, Format::Png, Depth::U8);
    let out = restora(root, &line("inspect in --damage --json"));
    let report: serde_json::Value = serde_json::from_str(&results(&out)).unwrap();
    let damage = |i: usize| &report[i]["diagnosis"]["damage"];
    assert_eq!(damage(0).as_array().map(Vec::len), Some(0), "{report}");
    assert_eq!(damage(1)[0]["detector"], "dead-lines", "{report}");
    let out = restora(root, &line("inspect in --damage"));
    assert!(results(&out).contains("dead-lines 1.39 %"), "{}", results(&out));
    let out = restora(root, &line("inspect in"));
    assert!(!results(&out).contains("dead-lines"), "nobody asked: {}", results(&out));

    let text = "restore in -o out --mask auto --mask-out masks --doubt-map doubt --json";
    let out = restora(root, &line(text));
    assert_eq!(code(&out), 0, "{}", words(&out));
    let report: serde_json::Value = serde_json::from_str(&results(&out)).unwrap();
    let steps = |i: usize| report["items"][i]["steps"].as_array().unwrap().clone();
    assert!(steps(0).is_empty(), "{report}");
    assert_eq!(
        std::fs::read(root.join("out/clean.png")).unwrap(),
        std::fs::read(root.join("in/clean.png")).unwrap()
    );
    assert_eq!(steps(1)[0]["op"], "hbe", "{report}");
    let restored = read(&root.join("out/struck.png")).to_image();
    let off = restored.data().iter().zip(clean.data()).map(|(a, b)| (a - b).abs());
    let worst = off.fold(0.0, f32::max);
    assert!(worst < 0.1, "{worst}: {report}");
    assert!(root.join("masks/struck.png").exists() && root.join("doubt/struck.png").exists());
}

#[test]
fn found_masks_of_a_folder_are_shown_and_go_back_one_edited() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let (_, damaged, truth) = struck();
    write_image(&root.join("in/cut.png"), &damaged, Format::Png, Depth::U8);
    write_image(&root.join("in/sub/cut.png"), &damaged, Format::Png, Depth::U8);
    // A picture of the same name but for its extension, with a row of its own.
    let mut other = damaged.clone();
    for plane in other.planes_mut() {
        plane[20 * SIZE.w()..21 * SIZE.w()].fill(0.0);
    }
    write_image(&root.join("in/cut.tif"), &other, Format::Tiff, Depth::U8);
    let text = "restore in -o out --inpaint telea --mask auto --mask-out masks --doubt-map doubt \
                --report report.html";
    let out = restora(root, &line(text));
    assert_eq!(code(&out), 0, "{}{}", words(&out), results(&out));
    let page = std::fs::read_to_string(root.join("report.html")).unwrap();
    assert_eq!(page.matches("class=\"mask\"").count(), 3, "masks are laid over the pictures");
    let marks = |name: &str| -> Vec<bool> {
        let mask = read(&root.join(name)).to_image();
        mask.data().iter().map(|v| *v > 0.5).collect()
    };
    assert_eq!(marks("masks/cut.png"), truth.data());
    assert_eq!(marks("masks/sub/cut.png"), truth.data());
    let both = Mask::from_fn(SIZE, |x, y| truth.at(x, y) || y == 20);
    assert_eq!(marks("masks/cut.tif.png"), both.data());
    assert!(root.join("doubt/cut.png").exists() && root.join("doubt/cut.tif.png").exists());

    // Given back as they are they do the same again; the one that was edited keeps what it no longer marks.
    let kept = Mask::from_fn(SIZE, |x, _| x == 51);
    let white = Image::gray_from_fn(SIZE, |x, y| f32::from(u8::from(kept.at(x, y))));
    write_image(&root.join("masks/cut.tif.png"), &white, Format::Png, Depth::U8);
    let out = restora(root, &line("restore in -o again --inpaint telea --mask masks"));
    assert_eq!(code(&out), 0, "{}{}", words(&out), results(&out));
    for name in ["cut.png", "sub/cut.png"] {
        let of = |folder: &str| read(&root.join(folder).join(name)).to_image();
        assert_eq!(of("again").data(), of("out").data(), "{name}");
    }
    let (again, given) = (read(&root.join("again/cut.tif")), read(&root.join("in/cut.tif")));
    let (again, given) = (again.to_image(), given.to_image());
    let (w, mut changed) = (SIZE.w(), 0);
    for (i, (a, b)) in again.plane_data(0).iter().zip(given.plane_data(0)).enumerate() {
        changed += usize::from(a != b);
        assert!(a == b || i % w == 51, "{i}");
    }
    assert!(changed > 100, "{changed}");
}

#[test]
fn maps_and_masks_that_cannot_be_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let (clean, damaged, _) = struck();
    write_image(&root.join("in.png"), &damaged, Format::Png, Depth::U8);
    write_image(&root.join("clean.png"), &clean, Format::Png, Depth::U8);
    let text = "restore in.png -o out.png --inpaint aloha --mask auto --doubt-map doubt";
    let out = restora(root, &line(text));
    assert_eq!(code(&out), 2, "{}", words(&out));
    assert!(words(&out).contains("not for aloha"), "{}", words(&out));
    let out = restora(root, &line("restore in.png -o out.png --doubt-map doubt"));
    assert_eq!(code(&out), 2, "{}", words(&out));
    assert!(words(&out).contains("--inpaint"), "{}", words(&out));
    assert!(!root.join("out.png").exists() && !root.join("doubt").exists());
    // A mask is no place for a picture.
    let text = "restore in.png -o out --inpaint telea --mask auto --mask-out out";
    let out = restora(root, &line(text));
    assert_eq!(code(&out), 1, "{}", words(&out));
    assert!(results(&out).contains("another output of this run"), "{}", results(&out));
}

#[test]
fn a_search_that_finds_nothing_says_so_and_leaves_an_empty_mask() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(
        &root.join("in.png"),
        &noisy(&synthetic_rgb(SIZE), 0.005, 1),
        Format::Png,
        Depth::U8,
    );
    let text = "restore in.png -o out.png --inpaint telea --mask auto --mask-out mask.png --json";
    let out = restora(root, &line(text));
    assert_eq!(code(&out), 0, "{}", words(&out));
    assert!(results(&out).contains("the mask marks nothing"), "{}", results(&out));
    assert_eq!(
        std::fs::read(root.join("out.png")).unwrap(),
        std::fs::read(root.join("in.png")).unwrap()
    );
    let mask = read(&root.join("mask.png")).to_image();
    assert!(mask.data().iter().all(|v| *v == 0.0));
    let out = restora(root, &line("restore in.png -o b.png --inpaint telea --mask detect:dirt"));
    assert_eq!(code(&out), 2);
    assert!(words(&out).contains("impulses, scratches, dust, text, dead-lines"), "{}", words(&out));
}
