//! Intervals of the filled pixels of a 512 x 512 color image, half of them missing, one thread.

use divan::{Bencher, black_box, counter::ItemsCount};
use restora_image::{Context, Mask, Size};
use restora_ops::inpaint::doubt::{self, DoubtModel};

fn main() {
    divan::main();
}

#[divan::bench]
fn doubt(bencher: Bencher) {
    let size = Size::new(512, 512);
    let image = restora_testkit::synthetic_rgb(size);
    let mask = Mask::from_fn(size, |x, y| (x * 7919 + y * 104_729) % 13 % 2 == 0);
    let model = DoubtModel { coefficients: [0.6, 0.45, -0.02, 0.62, 0.36, -0.58] };
    bencher.counter(ItemsCount::new(mask.count())).bench(|| {
        doubt::doubt(black_box(&image), &mask, &model, &Context::default()).expect("doubt")
    });
}
