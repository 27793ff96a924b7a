//! Measures of one image alone, 1 megapixel RGB.

use divan::{Bencher, black_box};
use restora_image::{Image, Size};
use restora_metrics::no_reference;
use restora_testkit::{noisy, synthetic_rgb};

fn main() {
    divan::main();
}

fn picture() -> Image {
    noisy(&synthetic_rgb(Size::new(1152, 896)), 0.05, 1)
}

#[divan::bench]
fn noise_level(bencher: Bencher) {
    let image = picture();
    bencher.bench(|| no_reference::noise_level(black_box(&image)));
}

#[divan::bench]
fn noise_correlation(bencher: Bencher) {
    let image = picture();
    bencher.bench(|| no_reference::noise_correlation(black_box(&image)));
}

#[divan::bench]
fn impulse_rate(bencher: Bencher) {
    let image = picture();
    bencher.bench(|| no_reference::impulse_rate(black_box(&image)));
}

#[divan::bench]
fn blockiness(bencher: Bencher) {
    let image = picture();
    bencher.bench(|| no_reference::blockiness(black_box(&image)));
}

#[divan::bench]
fn blur(bencher: Bencher) {
    let image = picture();
    bencher.bench(|| no_reference::blur(black_box(&image)));
}

#[divan::bench]
fn exposure(bencher: Bencher) {
    let image = picture();
    bencher.bench(|| no_reference::exposure(black_box(&image)));
}

#[divan::bench]
fn jpeg_quality(bencher: Bencher) {
    let image = picture();
    let grid = no_reference::blockiness(&image);
    bencher.bench(|| no_reference::jpeg_quality(black_box(&image), &grid));
}

#[divan::bench]
fn niqe(bencher: Bencher) {
    let image = picture();
    bencher.bench(|| no_reference::niqe(black_box(&image)));
}

#[divan::bench]
fn brisque(bencher: Bencher) {
    let image = picture();
    bencher.bench(|| no_reference::brisque(black_box(&image)));
}

#[divan::bench]
fn colorfulness(bencher: Bencher) {
    let image = picture();
    bencher.bench(|| no_reference::colorfulness(black_box(&image)));
}
