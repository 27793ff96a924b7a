//! Seconds of a training step and of a forward pass: `cargo run --release -p restora-nn --example step_times`.

use restora_nn::models::Restorer;
use restora_nn::train::{Batch, Loss, Trainer, TrainerOptions};
use restora_nn::{NnError, Value};
use std::time::Instant;

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
    for _ in 0..3 {
        let x = Value::zeros(1, [3, 512, 512]);
        let start = Instant::now();
        trainer.net().forward(x, threads)?;
        println!("restorer forward, 512x512: {:.3} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}
