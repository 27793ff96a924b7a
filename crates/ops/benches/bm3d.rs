//! BM3D on 256x256 gray, both steps and the first alone.

use restora_image::{Context, Size};
use restora_ops::denoise::{Bm3d, Bm3dStages, bm3d};
use restora_testkit::{noisy, synthetic};

fn main() {
    divan::main();
}

#[divan::bench(args = ["both", "hard-threshold"])]
fn gray_256(bencher: divan::Bencher, stages: &str) {
    let image = noisy(&synthetic(Size::new(256, 256)), 25.0 / 255.0, 1);
    let stages = if stages == "both" { Bm3dStages::Both } else { Bm3dStages::HardThreshold };
    let options = Bm3d { stages, ..Bm3d::with_sigma(25.0 / 255.0) };
    bencher.bench(|| bm3d(&image, &options, &Context::default()));
}
