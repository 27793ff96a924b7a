//! The figures that the local filters promise on the shared sets.

use restora_image::{Context, Image, Operation, Sample, Sigma};
use restora_ops::denoise::Impulse;
use restora_ops::filter::{AdaptiveMedian, Bilateral, Gaussian, Guided};
use restora_testkit::{awgn, psnr, salt_and_pepper, set};

/// Mean PSNR over every `step`-th image of a set of `degrade(clean, index)` restored by `op`.
fn mean_psnr(
    folder: &str,
    step: usize,
    degrade: impl Fn(&Image, usize) -> Image,
    op: &dyn Operation,
) -> f64 {
    let scores: Vec<f64> = set(folder)
        .iter()
        .enumerate()
        .step_by(step)
        .map(|(i, (_, clean))| {
            let mut sample = Sample::new(degrade(clean, i));
            op.apply(&mut sample, &Context::default()).expect("restores");
            psnr(clean, &sample.image)
        })
        .collect();
    scores.iter().sum::<f64>() / scores.len() as f64
}

fn at_least(what: &str, got: f64, wanted: f64) {
    assert!(got >= wanted, "{what}: {got:.3} dB, wanted {wanted}");
}

const LEVELS: [f32; 3] = [15.0, 25.0, 50.0];

#[test]
#[ignore = "needs the shared sets"]
fn gaussian_told_the_noise_level_reaches_the_best_hand_picked_blur() {
    for (folder, step, wanted) in
        [("denoise/Set12", 1, [28.73, 26.47, 23.75]), ("denoise/BSD68", 2, [28.47, 26.21, 23.57])]
    {
        for (level, wanted) in LEVELS.into_iter().zip(wanted) {
            let op = Gaussian { sigma: Sigma::Known(level / 255.0), ..Gaussian::default() };
            let got = mean_psnr(folder, step, |clean, i| awgn(clean, level, i), &op);
            at_least(&format!("gaussian {folder} {level}"), got, wanted);
        }
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn salt_and_pepper_is_removed_blindly() {
    for (percent, wanted) in [(10, 37.0), (30, 31.9), (50, 28.8)] {
        let degrade = |clean: &Image, i| salt_and_pepper(clean, percent as f32 / 100.0, i);
        let got = mean_psnr("denoise/Set12", 1, degrade, &Impulse::default());
        at_least(&format!("salt and pepper Set12 {percent} %"), got, wanted);
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn clean_images_have_no_impulses() {
    for folder in ["denoise/Set12", "denoise/CBSD68", "denoise/Kodak24_dev"] {
        for (name, clean) in set(folder) {
            let mut sample = Sample::new(clean.clone());
            Impulse::default().apply(&mut sample, &Context::default()).expect("restores");
            assert!(
                sample.image == clean,
                "{folder}/{name} changed: {}",
                psnr(&clean, &sample.image)
            );
        }
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn adaptive_median_is_at_or_above_the_recipe_of_the_peers() {
    for (percent, wanted) in [(10, 32.51), (30, 28.92), (50, 25.88)] {
        let degrade = |clean: &Image, i| salt_and_pepper(clean, percent as f32 / 100.0, i);
        let got = mean_psnr("denoise/Set12", 1, degrade, &AdaptiveMedian::default());
        at_least(&format!("adaptive median Set12 {percent} %"), got, wanted);
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn bilateral_told_the_noise_level_reaches_the_hand_picked_one() {
    for (folder, step, wanted) in
        [("denoise/Set12", 1, [30.30, 27.45, 24.04]), ("denoise/BSD68", 1, [29.65, 26.98, 23.86])]
    {
        for (level, wanted) in LEVELS.into_iter().zip(wanted) {
            let op = Bilateral { sigma: Sigma::Known(level / 255.0), ..Bilateral::default() };
            let got = mean_psnr(folder, step, |clean, i| awgn(clean, level, i), &op);
            at_least(&format!("bilateral {folder} {level}"), got, wanted);
        }
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn guided_told_the_noise_level_denoises_as_measured() {
    for (level, wanted) in LEVELS.into_iter().zip([29.9, 27.0, 22.9]) {
        let op = Guided { sigma: Sigma::Known(level / 255.0), ..Guided::default() };
        let got = mean_psnr("denoise/Set12", 1, |clean, i| awgn(clean, level, i), &op);
        at_least(&format!("guided Set12 {level}"), got, wanted);
    }
}
