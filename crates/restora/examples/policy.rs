//! Diagnoses, plans and restores files as the default pipeline does, and scores them: a `*_real.JPG`
//! against its `*_mean.JPG`, anything else against itself, rounded to 8 bits.
//!
//! `cargo run --release -p restora --example policy -- FILE...`

use restora::data::{Limits, decode};
use restora::diagnose::diagnose;
use restora::image::{Context, Image, Sample};

fn read(path: &str) -> Image {
    let bytes = std::fs::read(path).expect("readable file");
    decode(&bytes, &Limits::default()).expect("picture").pages[0].to_image()
}

fn psnr(clean: &Image, restored: &Image) -> f64 {
    let sum: f64 = clean
        .data()
        .iter()
        .zip(restored.data())
        .map(|(a, b)| {
            (f64::from(*a) - f64::from((b * 255.0).round().clamp(0.0, 255.0) / 255.0)).powi(2)
        })
        .sum();
    -10.0 * (sum / clean.data().len() as f64).log10()
}

#[expect(clippy::print_stdout, reason = "an example")]
fn main() {
    let cx = Context::default();
    let (mut before, mut after, mut n) = (0.0, 0.0, 0.0);
    for path in std::env::args().skip(1) {
        let noisy = read(&path);
        let clean = if path.contains("_real") {
            read(&path.replace("_real", "_mean"))
        } else {
            noisy.clone()
        };
        let d = diagnose(&noisy, &cx).expect("not cancelled");
        let plan = restora::auto::plan(&d);
        let mut sample = Sample::new(noisy.clone());
        sample.noise = Some(d.noise_model());
        for step in &plan.steps {
            step.operation().apply(&mut sample, &cx).expect("applies");
        }
        let (from, to) = (psnr(&clean, &noisy), psnr(&clean, &sample.image));
        let name = path.rsplit('/').next().unwrap_or_default();
        let c = &d.correlation;
        println!(
            "{name:34.34} {from:.2} -> {to:.2} ({:+.2}) mid {:.1} {:.2} {:.2}: {}",
            to - from,
            255.0 * c.middle,
            c.evenness_low,
            c.evenness_wide,
            plan.reason
        );
        if from.is_finite() {
            before += from;
            after += to;
            n += 1.0;
        }
    }
    if n > 0.0 {
        println!("mean {:.2} -> {:.2} ({:+.2})", before / n, after / n, (after - before) / n);
    }
}
