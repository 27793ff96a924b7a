//! Enlarging from the command line.

use crate::support::{code, read, restora, results, words, write, write_image};
use restora::data::{Density, DensityUnit, EncodeOptions, FileMeta, Format, Limits};
use restora::image::{Depth, Layout, Mask, Pixels, Plane, Raster, Size};
use restora_testkit::{psnr, synthetic, synthetic_rgb};

const METHODS: [&str; 4] = ["bicubic", "lanczos", "iterative-back-projection", "learned-upscaling"];

#[test]
fn what_is_reduced_is_enlarged_again_by_every_method_and_scored_against_the_original() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let clean = synthetic_rgb(Size::new(97, 76));
    write_image(&root.join("clean/a.png"), &clean, Format::Png, Depth::U16);
    for factor in [2u32, 3] {
        let small = format!("small{factor}");
        let damage = format!("downscale:factor={factor}");
        let out = restora(root, &["degrade", "clean", "-o", &small, "--damage", &damage]);
        assert_eq!(code(&out), 0, "{}", words(&out));
        let reduced = read(&root.join(&small).join("a.png"));
        assert_eq!(reduced.size, Size::new(97 / factor, 76 / factor));
        assert_eq!(reduced.depth(), Depth::U16);
        let mut before = 0.0;
        for name in METHODS {
            let (method, to) = (format!("{name}:factor={factor}"), format!("{name}{factor}"));
            let args = ["restore", &small, "-o", &to, "--upscale", &method, "--reference", "clean"];
            let args = [&args[..], &["--json", "--sidecar", "--report", "report.html"]].concat();
            let out = restora(root, &args);
            assert_eq!(code(&out), 0, "{}", words(&out));
            let large = read(&root.join(&to).join("a.png"));
            assert_eq!(large.size, Size::new(97 / factor * factor, 76 / factor * factor));
            assert_eq!(large.depth(), Depth::U16);
            let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
            let item = &report["items"][0];
            assert_eq!(item["steps"].as_array().unwrap().len(), 1, "{item}");
            assert_eq!(
                (&item["steps"][0]["op"], &item["steps"][0]["factor"]),
                (&name.into(), &factor.into())
            );
            assert!(item["notes"].to_string().contains(&large.size.to_string()), "{item}");
            // What is left out at the edge is left out of the reference as well.
            let inner = clean.crop(large.size.rect());
            let scored = item["scores"]["after"]["psnr"].as_f64().unwrap();
            assert!((scored - psnr(&inner, &large.to_image())).abs() < 1e-3, "{item}");
            let cubic = item["scores"]["before"]["psnr"].as_f64().unwrap();
            if name == "bicubic" {
                before = scored;
            } else {
                assert!(scored > before + 0.3, "{name}: {scored} after {before} dB");
            }
            assert!((cubic - before).abs() < 1e-3, "scored before: {cubic}, bicubic: {before}");
            let html = std::fs::read_to_string(root.join("report.html")).unwrap();
            assert!(html.contains("class=\"before\"") && html.contains(name));
        }
    }
}

#[test]
fn density_opacity_and_what_goes_before_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mut image = synthetic(Size::new(30, 20));
    image.alpha = Some(Plane::from_fn(image.size(), |x, _| if x < 15 { 1.0 } else { 0.0 }));
    let page = Raster::from_image(&image, Depth::U8).unwrap();
    let mut meta = FileMeta::new(Format::Tiff, Layout::GrayAlpha, Depth::U8);
    meta.density = Some(Density { x: 300.0, y: 150.0, unit: DensityUnit::Inch });
    meta.icc = Some(vec![7; 200]);
    let options = EncodeOptions::default();
    let pages = [page.clone(), page];
    restora::data::write_file(&root.join("a.tif"), &pages, Format::Tiff, &meta, &options, true)
        .unwrap();
    let args = ["restore", "a.tif", "-o", "b.tif", "--denoise", "gaussian:blur=0.5"];
    let out = restora(root, &[&args[..], &["--upscale", "lanczos:factor=3", "--json"]].concat());
    assert_eq!(code(&out), 0, "{}", words(&out));
    let bytes = std::fs::read(root.join("b.tif")).unwrap();
    let large = restora::data::decode(&bytes, &Limits::default()).unwrap();
    // The sheet is as large as it was.
    let density = large.meta.density.unwrap();
    assert!((density.x - 900.0).abs() < 1e-6 && (density.y - 450.0).abs() < 1e-6, "{density:?}");
    assert_eq!(large.meta.icc, meta.icc);
    assert_eq!(large.pages.len(), 2);
    for page in &large.pages {
        assert_eq!((page.size, page.layout), (Size::new(90, 60), Layout::GrayAlpha));
        let alpha = page.to_image().alpha.unwrap();
        assert_eq!((alpha.row(9)[20], alpha.row(9)[80]), (1.0, 0.0));
    }
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let steps = report["items"][0]["steps"].as_array().unwrap();
    assert_eq!((&steps[0]["op"], &steps[1]["op"]), (&"gaussian".into(), &"lanczos".into()));
}

#[test]
fn holes_are_filled_before_and_their_mask_has_the_size_of_the_result() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let size = Size::new(60, 44);
    write_image(&root.join("a.png"), &synthetic(size), Format::Png, Depth::U8);
    let mask = Mask::from_fn(size, |x, y| (20..24).contains(&x) && y > 5);
    let pixels = mask.data().iter().map(|m| if *m { 255 } else { 0 }).collect();
    let mask = Raster::new(size, Layout::Gray, Pixels::U8(pixels)).unwrap();
    write(&root.join("mask.png"), &mask, Format::Png);
    let args = ["restore", "a.png", "-o", "b.png", "--inpaint", "telea", "--mask", "mask.png"];
    let more = ["--upscale", "bicubic", "--mask-out", "masks", "--report", "r.html"];
    let out = restora(root, &[&args[..], &more].concat());
    assert_eq!(code(&out), 0, "{}", words(&out));
    assert_eq!(read(&root.join("b.png")).size, Size::new(120, 88));
    let written = read(&root.join("masks/a.png")).to_image();
    let marked = |x, y| written.plane(0).at(x, y) > 0.5;
    assert_eq!(written.size(), Size::new(120, 88));
    assert!(marked(40, 12) && marked(47, 87) && !marked(39, 40) && !marked(48, 40));
    assert!(std::fs::read_to_string(root.join("r.html")).unwrap().contains("class=\"mask\""));
    let out = restora(
        root,
        &[&args[..], &["--upscale", "bicubic", "--doubt-map", "d", "--overwrite"]].concat(),
    );
    assert_eq!(code(&out), 2);
    assert!(words(&out).contains("second run"), "{}", words(&out));
}

#[test]
fn wrong_uses_say_what_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_image(&root.join("a.png"), &synthetic(Size::new(20, 20)), Format::Png, Depth::U8);
    let refused = |args: &[&str], said: &str| {
        let out = restora(root, &[&["restore", "a.png", "-o", "b.png"], args].concat());
        assert_eq!(code(&out), 2, "{args:?}");
        assert!(words(&out).contains(said), "{args:?}: {}", words(&out));
    };
    refused(&["--upscale", "bm3d"], "iterative-back-projection");
    refused(&["--upscale", "lanczos:factor=5"], "2, 3 or 4");
    refused(&["--denoise", "lanczos,auto"], "goes before `lanczos`");
    let out = restora(root, &["methods", "--family", "upscale"]);
    for name in METHODS {
        assert!(results(&out).contains(name), "{name}");
    }
}
