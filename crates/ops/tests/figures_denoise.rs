//! Mean PSNR of the classical denoisers on the shared sets, against the peers' rows.
//! `RESTORA_SHARED=.. cargo test --release -p restora-ops --test figures_denoise -- --ignored --nocapture`

use restora_image::{Context, Image, OpError};
use restora_ops::denoise::{
    NlMeans, Shifts, TvChambolle, Wavelet, nl_means, tv_chambolle, wavelet,
};
use restora_testkit::{awgn, psnr, set};

type Denoiser = fn(&Image, f32) -> Result<Image, OpError>;

/// Mean PSNR over every `step`-th image of a set, for sigma 15, 25, 50.
fn scores(folder: &str, step: usize, denoise: Denoiser) -> [f64; 3] {
    let images = set(&format!("denoise/{folder}"));
    [15.0, 25.0, 50.0].map(|sigma| {
        let scores: Vec<f64> = images
            .iter()
            .enumerate()
            .step_by(step)
            .map(|(i, (_, clean))| {
                let restored = denoise(&awgn(clean, sigma, i), sigma / 255.0).expect("denoised");
                psnr(clean, &restored)
            })
            .collect();
        scores.iter().sum::<f64>() / scores.len() as f64
    })
}

#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn assert_at_least(what: &str, got: [f64; 3], wanted: [f64; 3]) {
    println!("{what}: {got:.3?}, wanted {wanted:.2?}");
    assert!(got.iter().zip(wanted).all(|(got, wanted)| *got >= wanted), "{what}");
}

#[test]
#[ignore = "needs the shared sets"]
fn non_local_means_is_above_its_figures() {
    let run: Denoiser = |n, sigma| nl_means(n, &NlMeans::with_sigma(sigma), &Context::default());
    assert_at_least("nl-means, Set12", scores("Set12", 1, run), [31.3, 28.8, 25.2]);
    // The row of scikit-image's fast non-local means.
    assert_at_least("nl-means, BSD68", scores("BSD68", 1, run), [30.20, 27.68, 24.57]);
}

#[test]
#[ignore = "needs the shared sets"]
fn total_variation_is_at_or_above_its_peers_row() {
    let run: Denoiser =
        |n, sigma| tv_chambolle(n, &TvChambolle::with_sigma(sigma), &Context::default());
    assert_at_least("tv-chambolle, Set12", scores("Set12", 1, run), [30.52, 28.04, 24.99]);
    assert_at_least("tv-chambolle, BSD68", scores("BSD68", 1, run), [29.90, 27.46, 24.75]);
}

#[test]
#[ignore = "needs the shared sets"]
fn wavelet_shrinkage_is_above_its_peers_rows() {
    let one: Denoiser = |n, sigma| {
        let options = Wavelet { shifts: Shifts::One, ..Wavelet::with_sigma(sigma) };
        wavelet(n, &options, &Context::default())
    };
    let all: Denoiser = |n, sigma| wavelet(n, &Wavelet::with_sigma(sigma), &Context::default());
    assert_at_least("wavelet, one shift, Set12", scores("Set12", 1, one), [29.43, 26.82, 23.66]);
    assert_at_least("wavelet, one shift, BSD68", scores("BSD68", 1, one), [29.00, 26.29, 23.65]);
    // The row of 8x8 cycle spinning; on BSD68 it was measured at sigma 25 only.
    assert_at_least("wavelet, all shifts, Set12", scores("Set12", 1, all), [30.28, 27.69, 24.27]);
    assert_at_least("wavelet, all shifts, BSD68", scores("BSD68", 1, all), [29.00, 27.08, 23.65]);
}
