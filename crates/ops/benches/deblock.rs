//! Deblocking of a 512 x 512 color image saved at quality 20, one thread.

use divan::{Bencher, counter::ItemsCount};
use restora_image::{Context, Operation, Sample, Size};
use restora_ops::deblock::DeblockBm3d;
use restora_ops::degrade::{Jpeg, jpeg};

fn main() {
    divan::main();
}

#[divan::bench]
fn deblock_bm3d(bencher: Bencher) {
    let clean = restora_testkit::synthetic_rgb(Size::new(512, 512));
    let options = Jpeg { quality: 20, ..Jpeg::default() };
    let saved = jpeg(&clean, &options, &Context::default()).expect("saved");
    let step = DeblockBm3d { quality: Some(20), ..DeblockBm3d::default() };
    bencher
        .counter(ItemsCount::new(saved.size().len()))
        .with_inputs(|| Sample::new(saved.clone()))
        .bench_local_refs(|sample| step.apply(sample, &Context::default()).expect("deblocked"));
}
