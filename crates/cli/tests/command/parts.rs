//! Comparing a part of two pictures.

use crate::support::{code, restora, results, words, write_image};
use restora::data::Format;
use restora::image::{Depth, Image, Rect, Size};
use restora_testkit::synthetic_rgb;

fn scores(folder: &std::path::Path, more: &[&str]) -> serde_json::Value {
    let args = [&["compare", "a.png", "b.png", "--json"], more].concat();
    let out = restora(folder, &args);
    assert_eq!(code(&out), 0, "{}", words(&out));
    serde_json::from_slice(&out.stdout).expect("JSON")
}

#[test]
fn only_the_pixels_of_a_mask_are_scored() {
    let dir = tempfile::tempdir().unwrap();
    let size = Size::new(60, 40);
    let clean = synthetic_rgb(size);
    let mut other = clean.clone();
    for (i, v) in other.data_mut().iter_mut().enumerate() {
        if i % 60 < 20 {
            *v = 1.0 - *v;
        }
    }
    write_image(&dir.path().join("a.png"), &clean, Format::Png, Depth::U8);
    write_image(&dir.path().join("b.png"), &other, Format::Png, Depth::U8);
    let mask = Image::gray_from_fn(size, |x, _| if x < 20 { 1.0 } else { 0.0 });
    write_image(&dir.path().join("m.png"), &mask, Format::Png, Depth::U8);
    let inside = scores(dir.path(), &["--mask", "m.png"]);
    let outside = scores(dir.path(), &["--mask", "m.png", "--mask-side", "outside"]);
    assert_eq!((&inside["pixels"], &outside["pixels"]), (&800.into(), &1600.into()));
    assert_eq!((&outside["psnr"], &outside["mse"]), (&"inf".into(), &0.0.into()));
    assert!(inside["psnr"].as_f64().unwrap() < 20.0, "{inside}");
    assert!(inside["ssim"].as_f64() < outside["ssim"].as_f64(), "{inside} {outside}");
    let wrong = restora(dir.path(), &["compare", "a.png", "b.png", "--mask", "m.png", "--csv"]);
    assert_eq!(code(&wrong), 2, "{}", words(&wrong));
}

#[test]
fn sizes_that_differ_are_cut_where_asked_and_a_hint_is_given_where_not() {
    let dir = tempfile::tempdir().unwrap();
    let clean = synthetic_rgb(Size::new(61, 40));
    let part = clean.crop(Rect { x: 0, y: 0, width: 60, height: 39 });
    write_image(&dir.path().join("a.png"), &clean, Format::Png, Depth::U8);
    write_image(&dir.path().join("b.png"), &part, Format::Png, Depth::U8);
    let found = scores(dir.path(), &["--crop"]);
    assert_eq!((&found["psnr"], &found["pixels"]), (&"inf".into(), &2340.into()), "{found}");
    let cut = restora(dir.path(), &["compare", "a.png", "b.png", "--crop"]);
    assert!(words(&cut).contains("cut to 60x39"), "{}", words(&cut));
    assert!(results(&cut).contains("inf"), "{}", results(&cut));
    let whole = restora(dir.path(), &["compare", "a.png", "b.png"]);
    assert_eq!(code(&whole), 1);
    assert!(words(&whole).contains("--crop"), "{}", words(&whole));
}
