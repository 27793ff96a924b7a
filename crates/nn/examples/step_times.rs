//! Seconds of a training step and of a forward pass: `cargo run --release -p restora-nn --example step_times`.

use restora_nn::models::{Architecture, Restorer};
use restora_nn::train::{Batch, Loss, Trainer, TrainerOptions};
use restora_nn::{NnError, Value};
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "the times are the result")]
fn main() -> Result<(), NnError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let restorer = Restorer::default();
    let [n, side] = [8, 96];
    let options = TrainerOptions { loss: Loss::Psnr, ..TrainerOptions::default() };
    let mut trainer = Trainer::new(restorer.start(1), options)?;
    let batch = || -> Result<Batch, NnError> {
        let noise = |i: usize| ((i * 7919) % 1000) as f32 / 1000.0;
        let input: Vec<f32> = (0..n * 3 * side * side).map(noise).collect();
        Ok(Batch {
            input: Value::from_planes(n, [3, side, side], &input)?,
            target: Value::zeros(n, [1, side, side]),
        })
    };
    for _ in 0..3 {
        let batch = batch()?;
        let start = Instant::now();
        trainer.step(batch, threads)?;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "restorer step, {n} of {side}x{side}: {seconds:.3} s, {:.2} Mpixel/s",
            (n * side * side) as f64 / seconds / 1e6
        );
    }
    let mut dncnn = restora_nn::Graph::new(1);
    let mut x = dncnn.conv("first", 0, [1, 64], 3);
    for i in 0..15 {
        x = dncnn.relu(x);
        x = dncnn.conv(&format!("m{i}"), x, [64, 64], 3);
    }
    x = dncnn.relu(x);
    dncnn.conv("last", x, [64, 1], 3);
    let dncnn = restora_nn::Net::random(dncnn, 1);
    let small = Restorer { widths: [32, 64, 96], blocks: [1, 2, 3, 2, 2], channels: 1 }.start(1);
    let other = Restorer { widths: [40, 64, 96], blocks: [1, 1, 3, 1, 2], channels: 1 }.start(1);
    for (name, net, c) in
        [("dncnn", &dncnn, 1), ("restorer", trainer.net(), 3), ("32", &small, 3), ("40", &other, 3)]
    {
        let run = || {
            let x = Value::zeros(1, [c, 512, 512]);
            net.forward(x, 1).map(drop)
        };
        println!(
            "{name} forward, 512x512: {:.3} CPU s",
            restora_testkit::cpu_seconds(4, || run().unwrap_or(()))
        );
    }
    Ok(())
}
