//! Detectors of damage on 768 x 512 colors, one thread.

use divan::{Bencher, counter::ItemsCount};
use restora_image::{Context, Image, Mask, OpError, Size};
use restora_metrics::damage::{
    DeadLines, Dust, Scratches, Text, dead_lines, dust, scratches, text,
};

fn main() {
    divan::main();
}

fn look(bencher: Bencher, detect: impl Fn(&Image) -> Result<Mask, OpError> + Sync) {
    let image =
        restora_testkit::noisy(&restora_testkit::synthetic_rgb(Size::new(768, 512)), 0.02, 1);
    bencher.counter(ItemsCount::new(image.size().len())).bench(|| detect(&image).expect("mask"));
}

#[divan::bench]
fn scratches_color(bencher: Bencher) {
    look(bencher, |x| scratches(x, &Scratches::default(), &Context::default()));
}

#[divan::bench]
fn dust_color(bencher: Bencher) {
    look(bencher, |x| dust(x, &Dust::default(), &Context::default()));
}

#[divan::bench]
fn text_color(bencher: Bencher) {
    look(bencher, |x| text(x, &Text::default(), &Context::default()));
}

#[divan::bench]
fn dead_lines_color(bencher: Bencher) {
    look(bencher, |x| dead_lines(x, &DeadLines::default(), &Context::default()));
}
