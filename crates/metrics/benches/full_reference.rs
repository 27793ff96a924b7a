//! Full-reference measures of a 768 x 512 gray pair, one thread.

use divan::{Bencher, counter::ItemsCount};
use restora_image::{Context, Image, Size};
use restora_metrics::MetricError;
use restora_metrics::full_reference::{
    CompareOptions, Mae, MsSsim, Mse, Psnr, Ssim, Window, compare, mae, ms_ssim, mse, psnr, ssim,
};

fn main() {
    divan::main();
}

fn measure(bencher: Bencher, score: impl Fn(&Image, &Image) -> Result<f64, MetricError> + Sync) {
    let clean = restora_testkit::synthetic(Size::new(768, 512));
    let noisy = restora_testkit::noisy(&clean, 0.1, 1);
    bencher
        .counter(ItemsCount::new(clean.size().len()))
        .bench(|| score(&clean, &noisy).expect("score"));
}

#[divan::bench]
fn mse_gray(bencher: Bencher) {
    measure(bencher, |x, y| mse(x, y, &Mse::default(), &Context::default()));
}

#[divan::bench]
fn mae_gray(bencher: Bencher) {
    measure(bencher, |x, y| mae(x, y, &Mae::default(), &Context::default()));
}

#[divan::bench]
fn psnr_gray(bencher: Bencher) {
    measure(bencher, |x, y| psnr(x, y, &Psnr::default(), &Context::default()));
}

#[divan::bench]
fn ssim_gaussian_gray(bencher: Bencher) {
    measure(bencher, |x, y| ssim(x, y, &Ssim::default(), &Context::default()));
}

#[divan::bench]
fn ssim_uniform_gray(bencher: Bencher) {
    let options = Ssim { window: Window::Uniform, ..Ssim::default() };
    measure(bencher, |x, y| ssim(x, y, &options, &Context::default()));
}

#[divan::bench]
fn ms_ssim_gray(bencher: Bencher) {
    measure(bencher, |x, y| ms_ssim(x, y, &MsSsim::default(), &Context::default()));
}

#[divan::bench]
fn compare_gray(bencher: Bencher) {
    measure(bencher, |x, y| {
        compare(x, y, &CompareOptions::default(), &Context::default()).map(|c| c.psnr)
    });
}
