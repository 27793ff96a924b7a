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
