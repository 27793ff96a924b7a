//! Estimators of the light on an overview of 512 x 512, and the operations on a 768 x 512 picture, one
//! thread.

use divan::{Bencher, counter::ItemsCount};
use restora_image::{ColorSpace, Context, Image, Operation, Sample, Size};
use restora_ops::color::{
    AutoLevels, Clahe, ColorTransfer, EdgeOrder, GrayEdge, Illuminant, LightMethod, TransferMethod,
    Usable, WhiteBalance, bright_dark_pca, gray_edge, gray_world, shades_of_gray, white_patch,
};

fn main() {
    divan::main();
}

fn estimate(bencher: Bencher, light: impl Fn(&Image, &Context) -> Option<Illuminant> + Sync) {
    let image = restora_testkit::synthetic_rgb(Size::new(512, 512));
    let linear = image.relabeled(ColorSpace::LinearRgb).expect("three planes");
    bencher
        .counter(ItemsCount::new(linear.size().len()))
        .bench(|| light(&linear, &Context::default()));
}

#[divan::bench]
fn gray_world_512(bencher: Bencher) {
    estimate(bencher, |i, cx| gray_world(i, Usable::default(), cx).expect("light"));
}

#[divan::bench]
fn learned_512(bencher: Bencher) {
    estimate(bencher, |i, cx| LightMethod::Learned.estimate(i, cx).expect("light"));
}

#[divan::bench]
fn white_patch_512(bencher: Bencher) {
    estimate(bencher, |i, cx| white_patch(i, Usable::default(), cx).expect("light"));
}

#[divan::bench]
fn shades_of_gray_512(bencher: Bencher) {
    estimate(bencher, |i, cx| shades_of_gray(i, 6.0, Usable::default(), cx).expect("light"));
}

#[divan::bench(args = [EdgeOrder::First, EdgeOrder::Second])]
fn gray_edge_512(bencher: Bencher, order: EdgeOrder) {
    let options = GrayEdge { order, ..GrayEdge::default() };
    estimate(bencher, |i, cx| gray_edge(i, &options, Usable::default(), cx).expect("light"));
}

#[divan::bench]
fn bright_dark_pca_512(bencher: Bencher) {
    estimate(bencher, |i, cx| bright_dark_pca(i, 0.035, Usable::default(), cx).expect("light"));
}

fn change(bencher: Bencher, op: &dyn Operation) {
    let image = restora_testkit::synthetic_rgb(Size::new(768, 512));
    bencher
        .counter(ItemsCount::new(image.size().len()))
        .with_inputs(|| Sample::new(image.clone()))
        .bench_local_refs(|sample| op.apply(sample, &Context::default()).expect("balanced"));
}

#[divan::bench]
fn auto_levels(bencher: Bencher) {
    change(bencher, &AutoLevels::default());
}

#[divan::bench]
fn clahe(bencher: Bencher) {
    change(bencher, &Clahe::default());
}

#[divan::bench(args = [
    TransferMethod::Reinhard,
    TransferMethod::Mkl,
    TransferMethod::Histogram,
    TransferMethod::MklHistogram,
    TransferMethod::Idt,
])]
fn color_transfer(bencher: Bencher, method: TransferMethod) {
    let reference = restora_testkit::synthetic_rgb(Size::new(500, 400));
    let options = ColorTransfer { method, ..ColorTransfer::default() };
    let options = options.with_reference(&reference, &Context::default());
    change(bencher, &options.expect("a reference"));
}

#[divan::bench]
fn white_balance_by_gains(bencher: Bencher) {
    change(bencher, &WhiteBalance { gains: Some([1.2, 1.0, 0.8]), ..WhiteBalance::default() });
}

#[divan::bench]
fn white_balance_estimated(bencher: Bencher) {
    change(bencher, &WhiteBalance { untouched: Some(0.0), ..WhiteBalance::default() });
}
