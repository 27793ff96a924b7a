//! How good the averaged weights are on the items kept for validation.

use super::TrainOptions;
use crate::Error;
use rayon::prelude::*;
use restora_nn::train::{Batch, Trainer};

#[derive(Clone, Copy)]
pub struct Scores {
    pub loss: f64,
    pub psnr: f64,
    pub input_psnr: f64,
}

/// Loss and PSNR with the averaged weights, item by item so that memory stays small.
///
/// # Errors
/// Those of the net.
pub fn score(
    trainer: &Trainer,
    options: &TrainOptions,
    batch: &Batch,
    threads: usize,
) -> Result<Scores, Error> {
    let net = restora_nn::Net::new(options.model.graph(), trainer.weights())?;
    let on_device = trainer.gpu().map(|gpu| gpu.load(&net)).transpose()?;
    let n = batch.input.n;
    let one = |i: usize| -> Result<[f64; 3], Error> {
        let (input, target) = (batch.input.item(i), batch.target.item(i));
        let output = match &on_device {
            Some(net) => net.forward(&input)?,
            None => net.forward(input.clone(), 1)?,
        };
        let psnr = |x: &[f32]| {
            let squares = x.iter().zip(target.data()).map(|(a, b)| f64::from(a - b).powi(2));
            -10.0 * (squares.sum::<f64>() / target.data().len() as f64).max(1e-12).log10()
        };
        let c = target.c;
        let image: Vec<f32> =
            input.data().chunks_exact(input.c).flat_map(|p| p[..c].to_vec()).collect();
        let loss = trainer.options().loss.of(&output, &target)?.0;
        Ok([loss, psnr(output.data()), psnr(&image)])
    };
    let all: Result<Vec<_>, Error> = if threads > 1 {
        (0..n).into_par_iter().map(one).collect()
    } else {
        (0..n).map(one).collect()
    };
    let mean = |k: usize, all: &[[f64; 3]]| all.iter().map(|s| s[k]).sum::<f64>() / n as f64;
    let all = all?;
    Ok(Scores { loss: mean(0, &all), psnr: mean(1, &all), input_psnr: mean(2, &all) })
}
