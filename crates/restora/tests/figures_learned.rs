//! The nets that are part of the program against their figures.
//!
//! White noise as the literature has it: not clipped, not rounded, its level told. Published on BSD68 at
//! 15 / 25 / 50: `BM3D` 31.07 / 28.57 / 25.62, `DnCNN` 31.73 / 29.23 / 26.23, `FFDNet` 31.63 / 29.19 / 26.29 dB; on
//! CBSD68: `CBM3D` 33.52 / 30.71 / 27.38, `FFDNet` 33.87 / 31.21 / 27.96 dB.
//!
//! Each figure is what was measured with the weights in this tree, less 0.02 dB for other machines. The
//! sums of a gray and a color net differ by 1e-5 between instruction sets, which is far below that.

use restora::data::{Limits, decode};
use restora::image::{Context, Depth, Image, Operation, Raster, Sample, Sigma};
use restora::learned_denoiser::{Learned, LearnedNoise};
use restora::tiles::{Known, Tiling, apply};
use restora::{Pipeline, resolve};
use restora_testkit::{awgn, psnr, set, shared};
use std::path::{Path, PathBuf};

fn denoised(image: &Image, learned: &Learned) -> Image {
    let mut sample = Sample::new(image.clone());
    learned.apply(&mut sample, &Context::default()).expect("applies");
    sample.image
}

/// Mean PSNR over a set at its told level.
#[track_caller]
#[expect(clippy::print_stderr, reason = "measured figures belong into the test log")]
fn white(folder: &str, sigma: f32, at_least: f64) {
    let learned = Learned { sigma: Sigma::Known(sigma / 255.0), ..Learned::default() };
    let all = set(&format!("denoise/{folder}"));
    let scores = all
        .iter()
        .enumerate()
        .map(|(i, (_, clean))| psnr(clean, &denoised(&awgn(clean, sigma, i), &learned)));
    let mean = scores.sum::<f64>() / all.len() as f64;
    eprintln!("{folder} at {sigma}: {mean:.3} dB");
    assert!(mean >= at_least, "{folder} at {sigma}: {mean:.3} dB, wanted {at_least}");
}

#[test]
#[ignore = "needs the shared sets"]
fn gray_white_noise_of_15() {
    white("BSD68", 15.0, 31.26);
}

#[test]
#[ignore = "needs the shared sets"]
fn gray_white_noise_of_25() {
    white("BSD68", 25.0, 28.84);
}

#[test]
#[ignore = "needs the shared sets"]
fn gray_white_noise_of_50() {
    white("BSD68", 50.0, 25.98);
}

#[test]
#[ignore = "needs the shared sets"]
fn color_white_noise_of_15() {
    white("CBSD68", 15.0, 33.60);
}

#[test]
#[ignore = "needs the shared sets"]
fn color_white_noise_of_25() {
    white("CBSD68", 25.0, 30.94);
}

#[test]
#[ignore = "needs the shared sets"]
fn color_white_noise_of_50() {
    white("CBSD68", 50.0, 27.69);
}

/// Noisy and clean pictures of `PolyU`, every so many of them.
fn camera(every: usize) -> Vec<(Image, Image)> {
    let folder = shared().join("data/denoise/PolyU_dev");
    let entries = std::fs::read_dir(&folder).expect("the set");
    let mut paths: Vec<PathBuf> = entries
        .map(|e| e.expect("entry").path())
        .filter(|p| p.to_string_lossy().ends_with("_real.JPG"))
        .collect();
    paths.sort();
    let read = |path: &Path| {
        let bytes = std::fs::read(path).expect("readable file");
        decode(&bytes, &Limits::default()).expect("picture").pages[0].to_image()
    };
    let clean = |p: &Path| read(Path::new(&p.to_string_lossy().replace("_real", "_mean")));
    paths.iter().step_by(every).map(|p| (read(p), clean(p))).collect()
}

/// Mean PSNR before and after, and the least gain.
fn scores(pairs: &[(Image, Image)], restored: impl Fn(&Image) -> Image) -> [f64; 3] {
    let (mut before, mut after, mut least) = (0.0, 0.0, f64::INFINITY);
    for (noisy, clean) in pairs {
        let (from, to) = (psnr(clean, noisy), psnr(clean, &restored(noisy)));
        before += from;
        after += to;
        least = least.min(to - from);
    }
    let n = pairs.len() as f64;
    [before / n, after / n, least]
}

/// All 45 crops, the net alone, not told anything.
#[test]
#[ignore = "needs the shared sets"]
fn camera_noise_without_being_told() {
    let blind = Learned { noise: LearnedNoise::Unknown, ..Learned::default() };
    let [before, after, least] = scores(&camera(1), |noisy| denoised(noisy, &blind));
    eprintln!("PolyU, blind net: {before:.3} to {after:.3} dB, least gain {least:.2} dB");
    assert!(after >= 38.43 && least > -0.1, "{after:.3} dB, least gain {least:.2} dB");
}

/// Every third crop, what `restora restore` does without options.
#[test]
#[ignore = "needs the shared sets"]
fn camera_noise_with_default_options() {
    let cx = Context::default();
    let [before, after, least] = scores(&camera(3), |noisy| {
        let mut raster = Raster::from_image(noisy, Depth::U8).expect("a picture");
        let found = resolve(&Pipeline::auto(), Sample::new(noisy.clone()), None, None, &cx)
            .expect("resolves");
        let known = Known { noise: Some(&found.noise), mask: None, id: "x" };
        apply(&mut raster, &found.steps, &known, &Tiling::default(), &cx).expect("steps apply");
        raster.to_image()
    });
    eprintln!("PolyU, default: {before:.3} to {after:.3} dB, least gain {least:.2} dB");
    assert!(after >= 38.25 && least > -0.1, "{after:.3} dB, least gain {least:.2} dB");
}

/// Beyond the levels that the nets have seen they do not fall apart. Told 75 and given the picture
/// with its contrast cut accordingly they gain as much (23.57 and 24.47 dB), so it is not done.
#[test]
#[ignore = "needs the shared sets"]
fn noise_stronger_than_any_in_training_still_falls() {
    let sigma = 100.0f32;
    let learned = Learned { sigma: Sigma::Known(sigma / 255.0), ..Learned::default() };
    for (folder, at_least) in [("BSD68", 23.55), ("CBSD68", 24.42)] {
        let all: Vec<_> =
            set(&format!("denoise/{folder}")).into_iter().enumerate().step_by(8).collect();
        let scores =
            all.iter().map(|(i, (_, c))| psnr(c, &denoised(&awgn(c, sigma, *i), &learned)));
        let mean = scores.sum::<f64>() / all.len() as f64;
        eprintln!("{folder} at {sigma}: {mean:.3} dB");
        assert!(mean >= at_least, "{folder}: {mean:.3} dB");
    }
}
