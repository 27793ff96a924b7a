//! CPU and wall time of BM3D on 256x256 gray at sigma 25/255, on 1 and 2 threads.
//!
//! `cargo run --release -p restora-ops --example bm3d_speed`

#![expect(clippy::print_stdout, reason = "prints a table")]

use restora_image::{Context, Size};
use restora_ops::denoise::{Bm3d, Bm3dStages, bm3d};
use restora_testkit::{cpu_seconds, noisy, synthetic};
use std::time::Instant;

fn main() {
    let sigma = 25.0 / 255.0;
    let image = noisy(&synthetic(Size::new(256, 256)), sigma, 1);
    for (name, stages) in [("both", Bm3dStages::Both), ("first", Bm3dStages::HardThreshold)] {
        let options = Bm3d { stages, ..Bm3d::with_sigma(sigma) };
        for threads in [1, 2] {
            let cx = Context::with_threads(threads);
            let mut wall = f64::INFINITY;
            let cpu = cpu_seconds(8, || {
                let start = Instant::now();
                let _ = bm3d(&image, &options, &cx);
                wall = wall.min(start.elapsed().as_secs_f64());
            });
            println!(
                "{name}, {threads} threads: {:.1} CPU ms, {:.1} wall ms",
                cpu * 1e3,
                wall * 1e3
            );
        }
    }
}
