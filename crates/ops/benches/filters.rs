//! Local filters on a 768x512 gray image, one thread: `cargo bench -p restora-ops --bench filters`.

use divan::{Bencher, black_box};
use restora_image::{Context, Image, Size};
use restora_ops::filter;

fn main() {
    divan::main();
}

/// A picture of 8-bit values.
fn picture() -> Image {
    let mut image =
        restora_testkit::noisy(&restora_testkit::synthetic(Size::new(768, 512)), 0.05, 1);
    for v in image.data_mut() {
        *v = (*v * 255.0).round().clamp(0.0, 255.0) / 255.0;
    }
    image
}

#[divan::bench(args = [0.8, 2.0, 10.0])]
fn gaussian(bencher: Bencher, blur: f32) {
    let image = picture();
    let options = filter::Gaussian::with_blur(blur);
    bencher.bench_local(|| filter::gaussian(black_box(&image), &options, &Context::default()));
}

#[divan::bench(args = [1, 2, 3, 7, 15, 31])]
fn median_8_bit(bencher: Bencher, radius: u32) {
    let image = picture();
    let options = filter::Median { radius, ..filter::Median::default() };
    bencher.bench_local(|| filter::median(black_box(&image), &options, &Context::default()));
}

#[divan::bench(args = [1, 2, 3, 7])]
fn median_float(bencher: Bencher, radius: u32) {
    let image = restora_testkit::noisy(&picture(), 0.01, 2);
    let options = filter::Median { radius, ..filter::Median::default() };
    bencher.bench_local(|| filter::median(black_box(&image), &options, &Context::default()));
}

#[divan::bench]
fn adaptive_median(bencher: Bencher) {
    let (image, options) = (picture(), filter::AdaptiveMedian::default());
    bencher
        .bench_local(|| filter::adaptive_median(black_box(&image), &options, &Context::default()));
}

#[divan::bench(args = [0.0, 0.8])]
fn bilateral_d9(bencher: Bencher, guide_blur: f32) {
    let image = picture();
    let options = filter::Bilateral {
        sigma_space: Some(1.5),
        sigma_range: Some(0.3),
        guide_blur: Some(guide_blur),
        radius: Some(4),
        ..filter::Bilateral::default()
    };
    bencher.bench_local(|| filter::bilateral(black_box(&image), &options, &Context::default()));
}

#[divan::bench(args = [1, 8, 30])]
fn guided(bencher: Bencher, radius: u32) {
    let image = picture();
    let options = filter::Guided { radius, eps: Some(0.01), ..filter::Guided::default() };
    bencher.bench_local(|| filter::guided(black_box(&image), &options, &Context::default()));
}

#[divan::bench]
fn impulse_30_percent(bencher: Bencher) {
    let mut image = picture();
    let mut rng = restora_image::Rng::new(1, "impulses", 0);
    for v in image.data_mut() {
        let u = rng.uniform();
        *v = if u < 0.15 {
            0.0
        } else if u >= 0.85 {
            1.0
        } else {
            *v
        };
    }
    let options = restora_ops::denoise::Impulse::default();
    bencher.bench_local(|| {
        restora_ops::denoise::impulse(black_box(&image), &options, &Context::default())
    });
}
