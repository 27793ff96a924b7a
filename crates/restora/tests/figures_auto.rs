//! The automatic policy against its figures, on 8-bit pictures as files hold them.

use restora::auto::plan;
use restora::data::{EncodeOptions, FileMeta, Format, Limits, decode, encode};
use restora::diagnose::diagnose;
use restora::image::{Context, Depth, Image, Layout, NoiseModel, Raster, Sample};
use restora::tiles::{Known, Tiling, apply};
use restora::{Pipeline, Step, resolve};
use restora_testkit::{awgn, psnr, salt_and_pepper, set, shared};
use std::path::{Path, PathBuf};

fn rounded(image: &Image) -> Raster {
    Raster::from_image(image, Depth::U8).expect("a gray or RGB picture")
}

fn applied(raster: &Raster, steps: &[Step], noise: &NoiseModel) -> Raster {
    let mut out = raster.clone();
    let cx = Context::default();
    let known = Known { noise: Some(noise), mask: None, id: "test" };
    apply(&mut out, steps, &known, &Tiling::default(), &cx).expect("steps apply");
    out
}

/// What `restora restore` does without options, and why.
fn restored(raster: &Raster) -> (Raster, String) {
    let cx = Context::default();
    let found = resolve(&Pipeline::auto(), Sample::new(raster.to_image()), None, None, &cx)
        .expect("resolves");
    (applied(raster, &found.steps, &found.noise), found.reason)
}

fn read(path: &Path) -> Image {
    let bytes = std::fs::read(path).expect("readable file");
    decode(&bytes, &Limits::default()).expect("picture").pages[0].to_image()
}

/// The picture after it was written as a JPEG file and read again.
fn through_jpeg(raster: &Raster) -> Image {
    let meta = FileMeta::new(Format::Jpeg, Layout::Rgb, Depth::U8);
    let pages = std::slice::from_ref(raster);
    let bytes = encode(pages, Format::Jpeg, &meta, &EncodeOptions::default()).expect("encodes");
    decode(&bytes, &Limits::default()).expect("picture").pages[0].to_image()
}

#[test]
#[ignore = "needs the shared sets"]
fn clean_photographs_come_out_unharmed() {
    for folder in ["denoise/Kodak24_dev", "samples_open"] {
        for (name, clean) in set(folder) {
            let (out, reason) = restored(&rounded(&clean));
            let score = psnr(&clean, &out.to_image());
            assert!(score >= 48.0, "{name}: {score:.2} dB, {reason}");
        }
    }
}

/// Reduced pictures have as much texture as noise would be. One of the 24 still passes for it (`dandelion` by 2, 39.1 dB
/// against the input): wanted is none.
#[test]
#[ignore = "needs the shared sets"]
fn reduced_photographs_come_out_unharmed_but_for_one() {
    let cx = Context::default();
    let mut harmed = Vec::new();
    for (name, clean) in set("samples_open") {
        for factor in [2, 3] {
            let mut sample = Sample::new(clean.clone());
            let step = Step::from_text(&format!("downscale:factor={factor}")).expect("a step");
            step.operation().apply(&mut sample, &cx).expect("applies");
            let small = rounded(&sample.image);
            let (out, reason) = restored(&small);
            let score = psnr(&small.to_image(), &out.to_image());
            if score < 48.0 {
                harmed.push(format!("{name} by {factor}: {score:.2} dB, {reason}"));
            }
        }
    }
    eprintln!("harmed: {harmed:#?}");
    assert!(harmed.len() <= 1, "{harmed:#?}");
}

#[test]
#[ignore = "needs the shared sets"]
fn compressed_photographs_come_out_no_worse() {
    let cx = Context::default();
    for quality in [50, 75, 90, 95] {
        let (mut before, mut after, mut n) = (0.0, 0.0, 0.0);
        for (name, clean) in set("denoise/Kodak24_dev").into_iter().step_by(2) {
            let mut sample = Sample::new(clean.clone());
            let step = Step::from_text(&format!("jpeg:quality={quality}")).expect("a step");
            step.operation().apply(&mut sample, &cx).expect("applies");
            let damaged = rounded(&sample.image);
            let (out, reason) = restored(&damaged);
            let (from, to) = (psnr(&clean, &damaged.to_image()), psnr(&clean, &out.to_image()));
            assert!(to > from - 0.1, "{name} at {quality}: {from:.2} to {to:.2} dB, {reason}");
            before += from;
            after += to;
            n += 1.0;
        }
        eprintln!("JPEG {quality}: {:.2} to {:.2} dB", before / n, after / n);
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn auto_is_within_a_tenth_of_a_decibel_of_the_told_level_on_cbsd68() {
    // All 68 (four CPU minutes): 35.73 / 30.26 / 26.13 dB, told 35.73 / 30.27 / 26.06 dB.
    let cx = Context::default();
    let images = set("denoise/CBSD68");
    for sigma in [10.0f32, 25.0, 50.0] {
        let (mut auto, mut told, mut n) = (0.0, 0.0, 0.0);
        for (i, (name, clean)) in images.iter().enumerate().step_by(8) {
            let noisy = rounded(&awgn(clean, sigma, i));
            let (out, reason) = restored(&noisy);
            let diagnosis =
                diagnose(&noisy.to_image(), &cx).expect("diagnosis").told(sigma / 255.0);
            let best = applied(&noisy, &plan(&diagnosis).steps, &diagnosis.noise_model());
            let (a, t) = (psnr(clean, &out.to_image()), psnr(clean, &best.to_image()));
            if a < t - 0.2 {
                eprintln!("{name} at {sigma}: {a:.2} against {t:.2} dB, {reason}");
            }
            auto += a;
            told += t;
            n += 1.0;
        }
        let (auto, told) = (auto / n, told / n);
        eprintln!("sigma {sigma}: auto {auto:.3} dB, told {told:.3} dB");
        assert!(auto > told - 0.1, "sigma {sigma}: {auto:.3} against {told:.3} dB");
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn salt_and_pepper_is_found_and_removed_blindly() {
    for (density, wanted) in [(0.1f32, 37.0), (0.3, 31.9), (0.5, 28.8)] {
        let images = set("denoise/Set12");
        let mut sum = 0.0;
        for (i, (name, clean)) in images.iter().enumerate() {
            let (out, reason) = restored(&rounded(&salt_and_pepper(clean, density, i)));
            let score = psnr(clean, &out.to_image());
            eprintln!("{name} at {density}: {score:.2} dB, {reason}");
            sum += score;
        }
        let mean = sum / images.len() as f64;
        eprintln!("salt and pepper {density}: {mean:.2} dB");
        assert!(mean >= wanted, "{density}: {mean:.2} dB");
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn camera_noise_falls_and_no_picture_is_hurt_on_polyu() {
    let folder = shared().join("data/denoise/PolyU_dev");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the set")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.to_string_lossy().ends_with("_real.JPG"))
        .collect();
    paths.sort();
    let (mut before, mut after, mut worst) = (0.0, 0.0, f64::INFINITY);
    for path in &paths {
        let noisy = read(path);
        let clean = read(Path::new(&path.to_string_lossy().replace("_real", "_mean")));
        let raster = rounded(&noisy);
        let (out, reason) = restored(&raster);
        // An untouched picture is copied, a changed one is written as JPEG again.
        let out = if out == raster { noisy.clone() } else { through_jpeg(&out) };
        let (from, to) = (psnr(&clean, &noisy), psnr(&clean, &out));
        let name = path.file_stem().map(|n| n.to_string_lossy().into_owned());
        eprintln!("{}: {from:.2} to {to:.2} dB, {reason}", name.unwrap_or_default());
        before += from;
        after += to;
        worst = worst.min(to - from);
    }
    let n = paths.len() as f64;
    eprintln!("PolyU: {:.2} to {:.2} dB, least gain {worst:.2} dB", before / n, after / n);
    assert!(after / n >= before / n + 1.5 && worst > -0.1);
}
