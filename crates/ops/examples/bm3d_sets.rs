//! BM3D on the shared sets: PSNR and CPU time per set and noise level.
//!
//! `cargo run --release -p restora-ops --example bm3d_sets -- [SET SIGMA [EVERY]]`

#![expect(clippy::print_stdout, reason = "prints a table")]

use restora_image::Context;
use restora_ops::denoise::{Bm3d, bm3d};
use restora_testkit::{awgn, cpu_seconds, psnr, set};

fn row(name: &str, sigma: f32, every: usize) {
    let (mut sum, mut count, mut seconds, mut pixels) = (0.0, 0_u32, 0.0, 0.0);
    for (i, (_, clean)) in set(&format!("denoise/{name}")).iter().enumerate().step_by(every) {
        let noisy = awgn(clean, sigma, i);
        let mut restored = None;
        seconds += cpu_seconds(1, || {
            let options = Bm3d::with_sigma(sigma / 255.0);
            restored = bm3d(&noisy, &options, &Context::default()).ok();
        });
        sum += psnr(clean, &restored.expect("restored"));
        pixels += clean.size().len() as f64;
        count += 1;
    }
    let per_megapixel = seconds / pixels * 1e6;
    println!(
        "{name} sigma {sigma}: {:.3} dB, {count} images, {per_megapixel:.2} CPU s per megapixel",
        sum / f64::from(count)
    );
}

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let number = |i: usize| args.get(i).and_then(|a| a.parse::<f32>().ok());
    if let (Some(name), Some(sigma)) = (args.first(), number(1)) {
        row(name, sigma, number(2).map_or(1, |e| e as usize));
        return;
    }
    for sigma in [15.0, 25.0, 50.0] {
        row("Set12", sigma, 1);
    }
    row("BSD68", 25.0, 1);
    row("CBSD68", 25.0, 1);
}
