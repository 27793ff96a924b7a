//! The figures of NL-Ridge and LIChI on the shared sets.
//!
//! Whole sets take minutes, so subsets are asserted here, with the value that was measured together
//! with the whole set less 0.01 dB; `cargo run --release -p restora-ops --example nl_ridge_sets`
//! shows whole sets.

#![expect(clippy::print_stdout, reason = "measured figures belong into the test log")]

use restora_image::{Context, Operation, Sample, Sigma};
use restora_ops::denoise::{Lichi, NlRidge};
use restora_testkit::{awgn, psnr, set};

/// Asserts the mean PSNR over every `step`-th image of a set, of images up to `width` wide.
fn reaches(op: &dyn Operation, folder: &str, (step, width): (usize, u32), level: f32, wanted: f64) {
    let scores: Vec<f64> = set(folder)
        .iter()
        .enumerate()
        .step_by(step)
        .filter(|(_, (_, clean))| clean.size().width <= width)
        .map(|(i, (_, clean))| {
            let mut sample = Sample::new(awgn(clean, level, i));
            op.apply(&mut sample, &Context::default()).expect("restores");
            psnr(clean, &sample.image)
        })
        .collect();
    let got = scores.iter().sum::<f64>() / scores.len() as f64;
    let id = op.info().id;
    println!("{id} {folder} {level}: {got:.3} dB, wanted {wanted}");
    assert!(got >= wanted, "{id} {folder} {level}: {got:.3} dB, wanted {wanted}");
}

fn ridge(level: f32) -> NlRidge {
    NlRidge { sigma: Sigma::Known(level / 255.0), ..NlRidge::default() }
}

fn iterated(level: f32) -> Lichi {
    Lichi { sigma: Sigma::Known(level / 255.0), ..Lichi::default() }
}

#[test]
#[ignore = "needs the shared sets"]
fn nl_ridge_on_set12_images_1_4_7_10_and_some_of_cbsd68() {
    for (level, wanted) in [(15.0, 31.70), (25.0, 29.20), (50.0, 25.95)] {
        reaches(&ridge(level), "denoise/Set12", (3, 512), level, wanted);
    }
    reaches(&ridge(25.0), "denoise/CBSD68", (17, 512), 25.0, 31.11);
}

#[test]
#[ignore = "needs the shared sets"]
fn lichi_on_set12_images_1_4_7() {
    for (level, wanted) in [(15.0, 31.86), (25.0, 29.33), (50.0, 26.05)] {
        reaches(&iterated(level), "denoise/Set12", (3, 256), level, wanted);
    }
}

#[test]
#[ignore = "needs the shared sets"]
fn lichi_on_two_images_of_bsd68() {
    reaches(&iterated(25.0), "denoise/BSD68", (34, 512), 25.0, 26.77);
}
