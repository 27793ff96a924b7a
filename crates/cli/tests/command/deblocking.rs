//! Undoing JPEG: where the quality comes from.

use crate::support::{code, read, restora, results, words, write_image};
use restora::data::{EncodeOptions, FileMeta, Format};
use restora::image::{Depth, Image, Layout, Raster, Size};
use restora_testkit::{noisy, synthetic};

#[test]
fn a_jpeg_file_is_deblocked_at_the_quality_that_it_says_itself() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    // So flat that its pixels do not tell.
    let flat = Image::gray_from_fn(Size::new(96, 64), |x, _| 0.4 + x as f32 / 2000.0);
    let raster = Raster::from_image(&flat, Depth::U8).unwrap();
    for quality in [30, 88] {
        let meta = FileMeta::new(Format::Jpeg, Layout::Gray, Depth::U8);
        let options = EncodeOptions { jpeg_quality: quality, ..EncodeOptions::default() };
        let pages = std::slice::from_ref(&raster);
        let bytes = restora::data::encode(pages, Format::Jpeg, &meta, &options).unwrap();
        std::fs::write(root.join("flat.jpg"), &bytes).unwrap();
        let args = [
            "restore",
            "flat.jpg",
            "-o",
            "out",
            "--deblock",
            "deblock-bm3d",
            "--json",
            "--dry-run",
        ];
        let out = restora(root, &args);
        assert_eq!(code(&out), 0, "{}", words(&out));
        let plan: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let item = &plan["items"][0];
        assert_eq!(item["steps"][0]["quality"], quality, "{item}");
        let reason = format!("deblock-bm3d at quality {quality}, as the file says");
        assert_eq!(item["reason"], reason.as_str());
    }
}

#[test]
fn where_no_grid_is_found_the_quality_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let clean = noisy(&synthetic(Size::new(96, 64)), 0.02, 1);
    write_image(&root.join("a.png"), &clean, Format::Png, Depth::U8);
    let out = restora(root, &["restore", "a.png", "-o", "b.png", "--deblock", "deblock-bm3d"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let wanted = "left alone: no JPEG grid found; give quality=";
    assert!(words(&out).contains(&format!("a.png: {wanted}")), "{}", words(&out));
    assert!(results(&out).contains("none"), "{}", results(&out));
    assert_eq!(read(&root.join("b.png")), read(&root.join("a.png")));
    let args = ["restore", "a.png", "-o", "c.png", "--deblock", "deblock-bm3d", "--json"];
    let report: serde_json::Value = serde_json::from_slice(&restora(root, &args).stdout).unwrap();
    let item = &report["items"][0];
    assert!(item["reason"].as_str().unwrap().contains(wanted), "{item}");
    assert!(item["notes"][0].as_str().unwrap().contains(wanted), "{item}");
}
