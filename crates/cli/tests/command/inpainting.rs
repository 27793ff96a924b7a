//! Filling what a mask marks.

use crate::support::{code, read, restora, results, tree, words, write, write_image};
use restora::data::Format;
use restora::image::{Depth, Image, Layout, Mask, Pixels, Raster, Size};
use restora_testkit::{synthetic, synthetic_rgb};
use std::path::Path;

const SIZE: Size = Size::new(64, 48);

fn hole() -> Mask {
    Mask::from_fn(SIZE, |x, y| (20..30).contains(&x) && (12..20).contains(&y))
}

fn write_mask(path: &Path, mask: &Mask) {
    let white = Image::gray_from_fn(mask.size(), |x, y| f32::from(u8::from(mask.at(x, y))));
    write_image(path, &white, Format::Png, Depth::U8);
}

/// Sixteen bits and alpha: every sample outside the hole must come back.
fn words_with_alpha() -> Raster {
    let image = synthetic_rgb(SIZE);
    let mut raster = Raster::zeros(SIZE, Layout::Rgba, Depth::U16);
    let Pixels::U16(samples) = &mut raster.pixels else { unreachable!("made of 16 bits") };
    for (i, pixel) in samples.chunks_exact_mut(4).enumerate() {
        for c in 0..3 {
            pixel[c] = (image.plane_data(c)[i] * 65535.0) as u16;
        }
        pixel[3] = 1 + (i % 60_000) as u16;
    }
    raster
}

fn samples(raster: &Raster) -> &[u16] {
    let Pixels::U16(samples) = &raster.pixels else { panic!("{:?}", raster.depth()) };
    samples
}

#[test]
fn a_mask_file_fills_its_holes_and_nothing_else_at_16_bits_and_with_alpha() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let given = words_with_alpha();
    write(&root.join("in.png"), &given, Format::Png);
    write_mask(&root.join("hole.png"), &hole());
    let line =
        "restore in.png -o out.png --inpaint telea:radius=3 --mask hole.png --mask-out masks";
    let out = restora(root, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(code(&out), 0, "{}", words(&out));
    let filled = read(&root.join("out.png"));
    let mut changed = 0;
    for (i, (a, b)) in samples(&filled).iter().zip(samples(&given)).enumerate() {
        if hole().data()[i / 4] && i % 4 < 3 {
            changed += usize::from(a != b);
        } else {
            assert_eq!(a, b, "sample {i}");
        }
    }
    assert!(changed > 100, "{changed}");
    let mask = read(&root.join("masks/in.png")).to_image();
    assert!(hole().data().iter().zip(mask.data()).all(|(m, v)| f32::from(u8::from(*m)) == *v));
}

#[test]
fn masks_of_a_folder_go_by_name_and_what_is_wrong_is_said_of_its_picture() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for name in ["a/one.png", "two.png", "three.png", "four.png", "five.png"] {
        write_image(&root.join("in").join(name), &synthetic(SIZE), Format::Png, Depth::U8);
    }
    write_mask(&root.join("masks/a/one.png"), &hole());
    write_mask(&root.join("masks/two.png"), &Mask::empty(Size::new(9, 7)));
    write_mask(&root.join("masks/four.png"), &Mask::from_fn(SIZE, |_, _| true));
    write_mask(&root.join("masks/five.png"), &Mask::empty(SIZE));
    let line = "restore in -o out --inpaint telea --mask masks --json";
    let out = restora(root, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(code(&out), 1, "{}", words(&out));
    let report: serde_json::Value = serde_json::from_str(&results(&out)).unwrap();
    let item = |id: &str| {
        let items = report["items"].as_array().unwrap().iter();
        items.clone().find(|i| i["id"] == id).unwrap_or_else(|| panic!("{report}")).clone()
    };
    let failure = |id: &str| item(id)["failure"]["message"].as_str().unwrap().to_owned();
    assert_eq!(item("a/one.png")["outcome"], "restored");
    assert!(item("a/one.png")["notes"][0].as_str().unwrap().starts_with("80 pixels"));
    assert!(failure("two.png").contains("9x7") && failure("two.png").contains("64x48"));
    assert!(failure("three.png").contains("no mask for three.png"), "{}", failure("three.png"));
    assert!(failure("four.png").contains("mask marks"), "{}", failure("four.png"));
    assert_eq!(item("five.png")["outcome"], "unchanged");
    let bytes = |folder: &str| std::fs::read(root.join(folder).join("five.png")).unwrap();
    assert!(bytes("in") == bytes("out"), "an empty mask passes the file on");
    assert_eq!(tree(&root.join("out")).len(), 2, "failed pictures leave nothing");
}

#[test]
fn transparent_pixels_and_pixels_of_a_color_are_filled() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mut image = synthetic_rgb(SIZE);
    for (i, missing) in hole().data().iter().enumerate() {
        if *missing {
            (0..3).for_each(|c| image.plane_mut(c)[i] = if c == 1 { 1.0 } else { 0.0 });
        }
    }
    write_image(&root.join("key.png"), &image, Format::Png, Depth::U8);
    image.alpha =
        Some(restora::image::Plane::from_fn(SIZE, |x, y| if hole().at(x, y) { 0.0 } else { 1.0 }));
    write_image(&root.join("alpha.png"), &image, Format::Png, Depth::U8);
    let fill = |name: &str, mask: &str| {
        let to = format!("{name}-out.png");
        let from = format!("{name}.png");
        let out =
            restora(root, &["restore", &from, "-o", &to, "--inpaint", "telea", "--mask", mask]);
        assert_eq!(code(&out), 0, "{}", words(&out));
        read(&root.join(to)).to_image()
    };
    let (by_color, by_alpha) = (fill("key", "color:#00ff00"), fill("alpha", "alpha"));
    assert_eq!(by_color.data(), by_alpha.data());
    assert!(by_alpha.alpha.unwrap().data.iter().all(|a| *a == 1.0), "filled pixels are seen");
    let clean = synthetic_rgb(SIZE);
    let pairs = by_color.data().iter().zip(clean.data());
    assert!(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 0.2);
}

#[test]
fn what_is_missing_to_fill_and_to_write_masks_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("in.png"), &synthetic(SIZE), Format::Png, Depth::U8);
    let run = |line: &str| {
        let out = restora(root, &line.split(' ').collect::<Vec<_>>());
        (code(&out), results(&out) + &words(&out))
    };
    let (exit, said) = run("restore in.png -o out.png --inpaint telea");
    assert!(exit == 1 && said.contains("needs a mask"), "{exit}: {said}");
    let (exit, said) = run("restore in.png -o out.png --mask-out masks");
    assert!(exit == 2 && said.contains("--inpaint"), "{exit}: {said}");
    let (exit, said) = run("restore in.png -o out.png --inpaint median --mask in.png");
    assert!(exit == 2 && said.contains("telea"), "{exit}: {said}");
}

#[test]
fn a_mask_alone_is_filled_by_what_suits_its_holes() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mut rng = restora::image::Rng::new(8, "rough", 0);
    let rough = Image::gray_from_fn(SIZE, |_, _| rng.uniform() as f32);
    let plain = Image::gray_from_fn(SIZE, |x, y| 0.4 + 0.001 * (x + y) as f32);
    let stroke = Image::gray_from_fn(SIZE, |x, y| f32::from(u8::from(x / 4 == y / 4)));
    write_image(&root.join("in/rough.png"), &rough, Format::Png, Depth::U8);
    write_image(&root.join("in/plain.png"), &plain, Format::Png, Depth::U8);
    write_image(&root.join("stroke.png"), &stroke, Format::Png, Depth::U8);
    let ids = |line: &str| {
        let out = restora(root, &line.split(' ').collect::<Vec<_>>());
        assert_eq!(code(&out), 0, "{}", words(&out));
        let report: serde_json::Value = serde_json::from_str(&results(&out)).unwrap();
        let items = report["items"].as_array().unwrap().iter();
        items.map(|item| item["steps"][0]["op"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let chosen = ["biharmonic", "hbe"];
    assert_eq!(ids("restore in -o one --mask stroke.png --json"), chosen);
    assert_eq!(ids("restore in -o two --mask stroke.png --inpaint auto --json"), chosen);
    let named = ids("restore in -o three --mask stroke.png --inpaint telea --json");
    assert_eq!(named, ["telea", "telea"]);
}
