//! Classical denoisers on a 768x512 image, one thread: `cargo bench -p restora-ops --bench denoise`.

use divan::{Bencher, black_box};
use restora_image::{Context, Image, Size};
use restora_ops::denoise;
use restora_testkit::{noisy, synthetic, synthetic_rgb};

const SIGMA: f32 = 25.0 / 255.0;

fn main() {
    divan::main();
}

fn picture(channels: usize) -> Image {
    let size = Size::new(768, 512);
    let clean = if channels == 1 { synthetic(size) } else { synthetic_rgb(size) };
    noisy(&clean, SIGMA, 1)
}

#[divan::bench(args = [1, 3])]
fn nl_means(bencher: Bencher, channels: usize) {
    let image = picture(channels);
    let options = denoise::NlMeans::with_sigma(SIGMA);
    bencher.bench_local(|| denoise::nl_means(black_box(&image), &options, &Context::default()));
}

#[divan::bench(args = [1, 3])]
fn tv_chambolle(bencher: Bencher, channels: usize) {
    let image = picture(channels);
    let options = denoise::TvChambolle::with_sigma(SIGMA);
    bencher.bench_local(|| denoise::tv_chambolle(black_box(&image), &options, &Context::default()));
}

#[divan::bench(args = [1, 3])]
fn wavelet_one_shift(bencher: Bencher, channels: usize) {
    let image = picture(channels);
    let shifts = denoise::Shifts::One;
    let options = denoise::Wavelet { shifts, ..denoise::Wavelet::with_sigma(SIGMA) };
    bencher.bench_local(|| denoise::wavelet(black_box(&image), &options, &Context::default()));
}

#[divan::bench(args = [1, 3])]
fn wavelet_all_shifts(bencher: Bencher, channels: usize) {
    let image = picture(channels);
    let options = denoise::Wavelet::with_sigma(SIGMA);
    bencher.bench_local(|| denoise::wavelet(black_box(&image), &options, &Context::default()));
}

#[divan::bench]
fn robust_aloha(bencher: Bencher) {
    let size = Size::new(128, 128);
    let waves = Image::gray_from_fn(size, |x, y| {
        let (x, y) = (x as f32, y as f32);
        0.5 + 0.2 * (1.1 * x + 0.6 * y).sin() + 0.15 * (0.4 * x - 1.3 * y).cos()
    });
    let (rng, options) = (restora_image::Rng::new(1, "bench", 0), denoise::RobustAloha::default());
    let damage = restora_ops::degrade::RandomValuedImpulse { density: 0.3 };
    let cx = Context::default();
    let hit = restora_ops::degrade::random_valued_impulse(&waves, &damage, &rng, &cx).expect("hit");
    bencher.bench_local(|| denoise::robust_aloha(black_box(&hit), &options, &Context::default()));
}
