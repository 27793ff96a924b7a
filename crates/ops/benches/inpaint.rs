//! Holes of a 512 x 512 color image, one thread: half of the pixels, lines, a block.

use divan::{Bencher, counter::ItemsCount};
use restora_image::{Context, Mask, Operation, Sample, Size};
use restora_ops::inpaint::{Aloha, Biharmonic, Exemplar, Hbe, NavierStokes, Telea};

fn main() {
    divan::main();
}

const SIZE: Size = Size::new(512, 512);

fn fill(bencher: Bencher, op: &dyn Operation, holes: &str) {
    let mask = Mask::from_fn(SIZE, |x, y| match holes {
        "scattered" => (x * 7919 + y * 104_729) % 13 % 2 == 0,
        "lines" => (x + 3 * y) % 60 < 4,
        _ => (200..280).contains(&x) && (200..260).contains(&y),
    });
    let image = restora_testkit::synthetic_rgb(SIZE);
    bencher
        .counter(ItemsCount::new(mask.count()))
        .with_inputs(|| Sample { mask: Some(mask.clone()), ..Sample::new(image.clone()) })
        .bench_local_refs(|sample| op.apply(sample, &Context::default()).expect("filled"));
}

#[divan::bench(args = ["scattered", "lines", "block"])]
fn biharmonic(bencher: Bencher, holes: &str) {
    fill(bencher, &Biharmonic::default(), holes);
}

#[divan::bench(args = ["scattered", "lines", "block"])]
fn telea(bencher: Bencher, holes: &str) {
    fill(bencher, &Telea::default(), holes);
}

#[divan::bench(args = ["scattered", "lines", "block"])]
fn navier_stokes(bencher: Bencher, holes: &str) {
    fill(bencher, &NavierStokes::default(), holes);
}

#[divan::bench(args = ["scattered", "lines", "block"])]
fn hbe(bencher: Bencher, holes: &str) {
    fill(bencher, &Hbe::default(), holes);
}

#[divan::bench(args = ["scattered", "lines", "block"])]
fn aloha(bencher: Bencher, holes: &str) {
    fill(bencher, &Aloha::default(), holes);
}

#[divan::bench(args = ["lines", "block"])]
fn exemplar(bencher: Bencher, holes: &str) {
    fill(bencher, &Exemplar::default(), holes);
}
