//! Training of a net on a set of pictures: data, damage, loop, checkpoints.
//!
//! Every random choice comes from the seed and the number of the step, and a checkpoint holds weights,
//! their average, and the optimizer's moments: a run that was killed and resumed writes the same
//! weights, to the byte, as one that was not, on the same machine.

mod batches;
mod damage;

pub use damage::Damage;

use crate::Error;
use batches::{Batches, Drawing};
use rayon::prelude::*;
use restora_data::{Dataset, split, write_atomically};
use restora_nn::train::{Batch, Trainer, TrainerOptions};
use restora_nn::weights::safetensors::{self, Metadata};
use restora_nn::{Model, Precision, Tensors, Weights};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Everything that decides what comes out of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainOptions {
    /// The net.
    pub model: Model,
    /// Loss, optimizer, schedule, steps, seed.
    pub trainer: TrainerOptions,
    /// What is done to clean pictures; empty trains the net to reproduce its input.
    pub damage: Vec<Damage>,
    /// Patches of a step.
    pub batch: usize,
    /// Side of a patch; `None` takes whole pictures, which must then have one size.
    pub patch: Option<usize>,
    /// Flips and turns patches.
    pub flips: bool,
    /// How often a net that can do without is not told the noise level, `0..=1`.
    pub blind: f64,
    /// Part of the set that is kept for validation, `0..1`.
    pub validation: f64,
    /// Steps between two validations.
    pub validate_every: u64,
    /// Validations without a better one after which training ends; 0: never.
    pub patience: u64,
}

/// A line of the history.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// Steps done.
    pub step: u64,
    /// Mean loss of the steps since the last row.
    pub loss: f64,
    /// Loss on the validation items, with the averaged weights.
    pub validation_loss: Option<f64>,
    /// PSNR there, in dB, mean over items.
    pub validation_psnr: Option<f64>,
    /// PSNR there of what went in.
    pub validation_input_psnr: Option<f64>,
    /// Learning rate.
    pub rate: f32,
    /// Items per second of wall time.
    pub items_per_second: f64,
    /// Seconds of wall time in all.
    pub seconds: f64,
}

/// Where a run writes to, and whether it goes on from there.
#[derive(Clone, Debug)]
pub struct TrainFiles {
    /// The weights. Beside them lie `.checkpoint` and `.history.json`.
    pub output: PathBuf,
    /// Goes on from the checkpoint.
    pub resume: bool,
    /// Weights to start from.
    pub start: Option<PathBuf>,
    /// Replaces an earlier file.
    pub overwrite: bool,
}

/// What a run left.
#[derive(Debug)]
pub struct Trained {
    /// The weights, as written.
    pub weights: Weights,
    /// The whole history.
    pub history: Vec<HistoryRow>,
    /// Did it end before its last step because validation got no better?
    pub stopped_early: bool,
}

/// Items that validation looks at.
const VALIDATION_ITEMS: usize = 64;

/// What a checkpoint holds beside the tensors.
#[derive(Serialize, Deserialize)]
struct Progress {
    options: TrainOptions,
    step: u64,
    history: Vec<HistoryRow>,
}

/// Trains a net.
///
/// `watch` is told every row of the history and may stop the run by returning `false`, which leaves
/// a checkpoint.
///
/// # Errors
/// Options out of range, pictures that cannot be read, files that cannot be written, and
/// [`restora_nn::NnError::Diverged`], which leaves the last good checkpoint.
pub fn train(
    set: &Dataset,
    options: &TrainOptions,
    files: &TrainFiles,
    threads: usize,
    watch: &mut dyn FnMut(&HistoryRow) -> bool,
) -> Result<Option<Trained>, Error> {
    options.validate()?;
    let (train_items, validation_items) =
        split(set.len(), options.validation, options.trainer.seed)?;
    let drawing = Drawing {
        side: options.patch,
        flips: options.flips,
        blind: options.blind,
        damage: &options.damage,
        seed: options.trainer.seed,
    };
    let batches = Batches::new(set, train_items, &options.model, &drawing);
    let held =
        Batches::new(set, validation_items, &options.model, &Drawing { flips: false, ..drawing });
    let validation = match held.len().min(VALIDATION_ITEMS) {
        0 => None,
        n => Some(held.fixed(0..n)?),
    };
    let checkpoint = files.output.with_extension("checkpoint");
    let (mut trainer, mut history) = start(options, files, &checkpoint)?;
    let before = history.last().map_or(0.0, |r| r.seconds);
    let (clock, mut sum, mut steps) = (Instant::now(), 0.0, 0_u64);
    let mut next = Some(batches.batch(trainer.steps_done(), options.batch)?);
    while trainer.steps_done() < options.trainer.steps {
        let Some(batch) = next.take() else { break };
        let after = trainer.steps_done() + 1;
        let (report, following) =
            rayon::join(|| trainer.step(batch, threads), || batches.batch(after, options.batch));
        let report = report?;
        next = Some(following?);
        sum += report.loss;
        steps += 1;
        if after % options.validate_every != 0 && after != options.trainer.steps {
            continue;
        }
        let seconds = before + clock.elapsed().as_secs_f64();
        let last = history.last().map_or(0.0, |r| r.seconds);
        let scores =
            validation.as_ref().map(|v| score(&trainer, options, v, threads)).transpose()?;
        history.push(HistoryRow {
            step: after,
            loss: sum / steps as f64,
            validation_loss: scores.map(|s| s.loss),
            validation_psnr: scores.map(|s| s.psnr),
            validation_input_psnr: scores.map(|s| s.input_psnr),
            rate: report.rate,
            items_per_second: (steps as usize * options.batch) as f64 / (seconds - last).max(1e-9),
            seconds,
        });
        (sum, steps) = (0.0, 0);
        save_checkpoint(&trainer, options, &history, &checkpoint)?;
        let goes_on = history.last().is_none_or(&mut *watch);
        if is_stuck(&history, options.patience) {
            break;
        }
        if !goes_on && after < options.trainer.steps {
            return Ok(None);
        }
    }
    let stopped_early = trainer.steps_done() < options.trainer.steps;
    let mut card = options.model.card();
    card.seed = Some(options.trainer.seed);
    card.recipe = serde_json::to_value(options).unwrap_or_default();
    card.data = format!("{} of {} pictures", batches.len(), set.len());
    let weights = Weights { card, tensors: trainer.weights() };
    write_atomically(
        &files.output,
        &weights.to_bytes(Precision::F32)?,
        files.overwrite || files.resume,
    )?;
    let _ = std::fs::remove_file(&checkpoint);
    Ok(Some(Trained { weights, history, stopped_early }))
}

impl TrainOptions {
    /// # Errors
    /// [`Error::Usage`] naming the first option out of range.
    pub fn validate(&self) -> Result<(), Error> {
        self.model.validate()?;
        let usage = |text: String| Err(Error::Usage(text));
        if self.batch == 0 || self.validate_every == 0 || self.trainer.steps == 0 {
            return usage("`batch`, `validate_every` and `steps` must be 1 or more".to_owned());
        }
        if !(0.0..=1.0).contains(&self.blind) {
            return usage(format!("`blind` must be in 0..=1, got {}", self.blind));
        }
        let alignment = self.model.alignment();
        if let Some(side) = self.patch.filter(|s| *s == 0 || !s.is_multiple_of(alignment)) {
            return usage(format!(
                "`patch` must be a multiple of {alignment} for this net, got {side}"
            ));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Scores {
    loss: f64,
    psnr: f64,
    input_psnr: f64,
}

/// Loss and PSNR with the averaged weights, item by item so that memory stays small.
fn score(
    trainer: &Trainer,
    options: &TrainOptions,
    batch: &Batch,
    threads: usize,
) -> Result<Scores, Error> {
    let net = restora_nn::Net::new(options.model.graph(), trainer.weights())?;
    let n = batch.input.n;
    let one = |i: usize| -> Result<[f64; 3], Error> {
        let (input, target) = (batch.input.item(i), batch.target.item(i));
        let output = net.forward(input.clone(), 1)?;
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

/// Has validation got no better for so many rows?
fn is_stuck(history: &[HistoryRow], patience: u64) -> bool {
    let losses: Vec<f64> = history.iter().filter_map(|r| r.validation_loss).collect();
    let best = losses.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
    patience > 0 && losses.len() as u64 > best as u64 + patience
}

fn start(
    options: &TrainOptions,
    files: &TrainFiles,
    checkpoint: &Path,
) -> Result<(Trainer, Vec<HistoryRow>), Error> {
    if files.resume && checkpoint.exists() {
        let (tensors, metadata) = safetensors::read(&read(checkpoint)?)?;
        let progress: Option<Progress> =
            metadata.get("progress").and_then(|p| serde_json::from_str(p).ok());
        let Some(progress) = progress else {
            return Err(Error::Usage(format!(
                "{} is no checkpoint of a training run",
                checkpoint.display()
            )));
        };
        if progress.options != *options {
            return Err(Error::Usage(format!(
                "{} is of a run with other options; give the same ones to resume it",
                checkpoint.display()
            )));
        }
        let trainer = Trainer::resume(
            options.model.graph(),
            options.trainer.clone(),
            tensors,
            progress.step,
        )?;
        return Ok((trainer, progress.history));
    }
    let net = match &files.start {
        None => options.model.start(options.trainer.seed),
        Some(path) => {
            let weights = Weights::from_bytes(&read(path)?)?;
            restora_nn::Net::new(options.model.graph(), weights.tensors)?
        }
    };
    Ok((Trainer::new(net, options.trainer.clone())?, Vec::new()))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}

fn save_checkpoint(
    trainer: &Trainer,
    options: &TrainOptions,
    history: &[HistoryRow],
    path: &Path,
) -> Result<(), Error> {
    let (tensors, step): (Tensors, u64) = trainer.state();
    let progress = Progress { options: options.clone(), step, history: history.to_vec() };
    let text = serde_json::to_string(&progress).map_err(|e| Error::Fault(e.to_string()))?;
    let metadata = Metadata::from([("progress".to_owned(), text)]);
    let bytes = safetensors::write(&tensors, Precision::F32, &metadata)?;
    write_atomically(path, &bytes, true)?;
    Ok(())
}
