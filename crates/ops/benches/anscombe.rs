//! Variance stabilization of a 768x512 image, one thread, there and back.

use divan::{Bencher, black_box};
use restora_image::{ChannelNoise, Context, Image, NoiseModel, Size};
use restora_ops::denoise;
use restora_testkit::synthetic;

fn main() {
    divan::main();
}

fn picture() -> (Image, NoiseModel) {
    let noise = ChannelNoise { a: 1e-4, b: 0.01, sigma: 0.0 };
    let model = NoiseModel { channels: vec![noise], correlation: 0.0 };
    (synthetic(Size::new(768, 512)), model)
}

#[divan::bench]
fn anscombe(bencher: Bencher) {
    let (image, model) = picture();
    bencher.bench_local(|| denoise::anscombe(black_box(&image), &model, &Context::default()));
}

#[divan::bench]
fn inverse_anscombe(bencher: Bencher) {
    let (image, model) = picture();
    bencher
        .bench_local(|| denoise::inverse_anscombe(black_box(&image), &model, &Context::default()));
}
