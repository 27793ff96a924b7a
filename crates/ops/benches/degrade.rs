//! Damage on a 768 x 512 color image, one thread.

use divan::{Bencher, counter::ItemsCount};
use restora_image::{Context, Image, Operation, Sample, Size};
use restora_ops::degrade::{
    Blur, BlurShape, CameraNoise, CorrelatedNoise, GaussianNoise, Jpeg, MissingBlocks,
    MissingPixels, PoissonGaussianNoise, RandomValuedImpulse, SaltAndPepper, Scratches,
};

fn main() {
    divan::main();
}

fn damage(bencher: Bencher, op: &dyn Operation) {
    let clean: Image = restora_testkit::synthetic_rgb(Size::new(768, 512));
    bencher
        .counter(ItemsCount::new(clean.size().len()))
        .with_inputs(|| Sample::new(clean.clone()))
        .bench_local_refs(|sample| op.apply(sample, &Context::default()).expect("damage"));
}

#[divan::bench]
fn gaussian_noise(bencher: Bencher) {
    damage(bencher, &GaussianNoise::default());
}

#[divan::bench]
fn poisson_gaussian_noise(bencher: Bencher) {
    damage(bencher, &PoissonGaussianNoise::default());
}

#[divan::bench]
fn camera_noise(bencher: Bencher) {
    damage(bencher, &CameraNoise::default());
}

/// What a training loop draws: a patch, with an in-camera denoiser.
#[divan::bench]
fn camera_noise_smoothed_patch_of_128(bencher: Bencher) {
    let clean: Image = restora_testkit::synthetic_rgb(Size::new(128, 128));
    let options = CameraNoise { luma_blur: 0.6, chroma_blur: 2.5, ..CameraNoise::default() };
    bencher
        .counter(ItemsCount::new(clean.size().len()))
        .with_inputs(|| Sample::new(clean.clone()))
        .bench_local_refs(|sample| options.apply(sample, &Context::default()).expect("damage"));
}

#[divan::bench]
fn correlated_noise(bencher: Bencher) {
    damage(bencher, &CorrelatedNoise::default());
}

#[divan::bench]
fn salt_and_pepper(bencher: Bencher) {
    damage(bencher, &SaltAndPepper::default());
}

#[divan::bench]
fn random_valued_impulse(bencher: Bencher) {
    damage(bencher, &RandomValuedImpulse::default());
}

#[divan::bench]
fn jpeg(bencher: Bencher) {
    damage(bencher, &Jpeg::default());
}

#[divan::bench]
fn blur_gaussian(bencher: Bencher) {
    damage(bencher, &Blur::default());
}

#[divan::bench]
fn blur_disk_radius_4(bencher: Bencher) {
    damage(bencher, &Blur { shape: BlurShape::Disk, size: 4.0, angle: 0.0 });
}

#[divan::bench]
fn missing_pixels(bencher: Bencher) {
    damage(bencher, &MissingPixels::default());
}

#[divan::bench]
fn scratches(bencher: Bencher) {
    damage(bencher, &Scratches::default());
}

#[divan::bench]
fn missing_blocks(bencher: Bencher) {
    damage(bencher, &MissingBlocks::default());
}
