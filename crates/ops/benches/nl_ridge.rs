//! NL-Ridge and LIChI on a 256x256 gray image, one thread:
//! `cargo bench -p restora-ops --bench nl_ridge`.

use divan::{Bencher, black_box};
use restora_image::{Context, Image, Sigma, Size};
use restora_ops::denoise::{Lichi, NlRidge, lichi, nl_ridge};

fn main() {
    divan::main();
}

fn picture() -> Image {
    restora_testkit::noisy(&restora_testkit::synthetic(Size::new(256, 256)), 0.1, 1)
}

#[divan::bench(sample_count = 5)]
fn ridge(bencher: Bencher) {
    let image = picture();
    let options = NlRidge { sigma: Sigma::Known(0.1), ..NlRidge::default() };
    bencher.bench_local(|| nl_ridge(black_box(&image), &options, &Context::default()));
}

#[divan::bench(sample_count = 2)]
fn iterated(bencher: Bencher) {
    let image = picture();
    let options = Lichi { sigma: Sigma::Known(0.1), ..Lichi::default() };
    bencher.bench_local(|| lichi(black_box(&image), &options, &Context::default()));
}
