//! A 768 x 512 color image enlarged, and reduced, one thread.

use divan::{Bencher, counter::ItemsCount};
use restora_image::{Context, Operation, Sample, Size};
use restora_ops::degrade::Downscale;
use restora_ops::upscale::{Bicubic, IterativeBackProjection, Lanczos};

fn main() {
    divan::main();
}

fn resize(bencher: Bencher, op: &dyn Operation) {
    let image = restora_testkit::synthetic_rgb(Size::new(768, 512));
    bencher
        .counter(ItemsCount::new(op.scale().size(image.size()).len()))
        .with_inputs(|| Sample::new(image.clone()))
        .bench_local_refs(|sample| op.apply(sample, &Context::default()).expect("another size"));
}

#[divan::bench(args = [2, 3])]
fn bicubic(bencher: Bencher, factor: u32) {
    resize(bencher, &Bicubic { factor });
}

#[divan::bench(args = [2, 3])]
fn lanczos(bencher: Bencher, factor: u32) {
    resize(bencher, &Lanczos { factor, lobes: 3 });
}

#[divan::bench(args = [2, 3])]
fn iterative_back_projection(bencher: Bencher, factor: u32) {
    resize(bencher, &IterativeBackProjection { factor, ..Default::default() });
}

#[divan::bench(args = [2, 3])]
fn downscale(bencher: Bencher, factor: u32) {
    resize(bencher, &Downscale { factor });
}
