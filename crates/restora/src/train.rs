//! Training of a net on a set of pictures: data, damage, loop, checkpoints.
//!
//! Every random choice comes from the seed and the number of the step, and a checkpoint holds weights,
//! their average, and the optimizer's moments: a run that was killed and resumed writes the same
//! weights, to the byte, as one that was not, on the same machine.

mod batches;
mod checkpoint;
mod damage;
mod flips;
mod options;
mod report;
mod score;

pub use checkpoint::{checkpoint_options, checkpoint_path};
pub use damage::Damage;
pub use flips::Flips;
pub use options::{TrainOptions, is_autoencoder, steps_of};
pub use report::report;

use crate::Error;
use batches::Batches;
use checkpoint::State;
use restora_data::{AtomicFile, Dataset, split, write_atomically};
use restora_nn::{Gpu, NnError, Precision, Weights};
use score::score;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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

/// What a run computes with.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Threads of the CPU. The result does not depend on them.
    pub threads: usize,
    /// Computes the gradients, where there is one: the same numbers to rounding, and checkpoints that
    /// the CPU can go on from.
    pub gpu: Option<Gpu>,
}

impl Machine {
    /// The CPU alone.
    pub fn cpu(threads: usize) -> Self {
        Self { threads, gpu: None }
    }
}

/// Where a run writes to, and whether it goes on from there.
#[derive(Clone, Debug)]
pub struct TrainFiles {
    /// The weights. Beside them lie `.history.json` and, while the run is not done, `.checkpoint`.
    pub output: PathBuf,
    /// Goes on from the checkpoint, or begins where there is none yet.
    pub resume: bool,
    /// Weights to start from: a file of weights, or a checkpoint.
    pub start: Option<PathBuf>,
    /// Replaces an earlier file.
    pub overwrite: bool,
    /// Longest time between two checkpoints. There is one at each validation as well.
    pub checkpoint_every: Duration,
}

impl TrainFiles {
    /// A new run that writes `output`, with a checkpoint every minute.
    pub fn new(output: impl Into<PathBuf>) -> Self {
        Self {
            output: output.into(),
            resume: false,
            start: None,
            overwrite: false,
            checkpoint_every: Duration::from_mins(1),
        }
    }

    /// Where the history is written.
    pub fn history_path(&self) -> PathBuf {
        self.output.with_extension("history.json")
    }
}

/// Who is told how a run goes, and may stop it. A closure over rows is one.
pub trait Watch {
    /// A row of the history. `false` stops the run and leaves a checkpoint.
    fn row(&mut self, row: &HistoryRow) -> bool;

    /// A step, with the number of steps done, the loss of its batch, and the items of a batch.
    /// `false` stops the run and leaves a checkpoint.
    fn step(&mut self, _done: u64, _loss: f64, _batch: usize) -> bool {
        true
    }
}

impl<F: FnMut(&HistoryRow) -> bool> Watch for F {
    fn row(&mut self, row: &HistoryRow) -> bool {
        self(row)
    }
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
    /// Pictures that could not be used, as far as they were drawn, with the reason.
    pub unusable: Vec<String>,
}

/// Items that validation looks at.
const VALIDATION_ITEMS: usize = 64;

/// Trains a net.
///
/// `watch` is told every step and every row of the history and may stop the run by returning `false`,
/// which leaves a checkpoint and gives `None`.
///
/// Pictures that cannot be read or do not fit are passed over; they are listed in what is returned.
///
/// # Errors
/// Options out of range, files that cannot be written (found out before the first step) or that are
/// there already, a set without a usable picture, and [`NnError::Diverged`], which names the last
/// good checkpoint.
pub fn train(
    set: &Dataset,
    options: &TrainOptions,
    files: &TrainFiles,
    machine: &Machine,
    watch: &mut dyn Watch,
) -> Result<Option<Trained>, Error> {
    options.validate()?;
    let checkpoint = checkpoint_path(&files.output);
    check_files(files, &checkpoint)?;
    let threads = machine.threads.max(1);
    let pool = pool(threads)?;
    let (train_items, validation_items) =
        split(set.len(), options.validation, options.trainer.seed)?;
    let batches = Batches::new(set, train_items, options);
    let held = Batches::for_validation(set, validation_items, options);
    let mut state = State::start(options, files, set.len())?;
    state.trainer = state.trainer.on(machine.gpu.clone());
    let validation = match held.len().min(VALIDATION_ITEMS) {
        0 => None,
        n => Some(pool.install(|| held.fixed(0..n))?),
    };
    let (before, clock) = (state.progress.seconds, Instant::now());
    let mut saved = Instant::now();
    let done = |state: &State| {
        state.trainer.steps_done() >= options.trainer.steps
            || is_stuck(&state.progress.history, options.patience)
    };
    let mut next = if done(&state) {
        None
    } else {
        Some(pool.install(|| batches.batch(state.trainer.steps_done(), options.batch))?)
    };
    while let Some(batch) = next.take() {
        let after = state.trainer.steps_done() + 1;
        let trainer = &mut state.trainer;
        let (report, following) = pool.install(|| {
            rayon::join(|| trainer.step(batch, threads), || batches.batch(after, options.batch))
        });
        let report = report.map_err(|e| told(e, &checkpoint))?;
        let progress = &mut state.progress;
        progress.since.0 += report.loss;
        progress.since.1 += 1;
        progress.seconds = before + clock.elapsed().as_secs_f64();
        let mut goes_on = watch.step(after, report.loss, options.batch);
        if after % options.validate_every == 0 || after == options.trainer.steps {
            let scores = match &validation {
                Some(batch) => {
                    Some(pool.install(|| score(&state.trainer, options, batch, threads))?)
                }
                None => None,
            };
            if scores.is_some_and(|s| !(s.loss.is_finite() && s.psnr.is_finite())) {
                let text = format!(
                    "training diverged at step {after}: the loss on the validation \
                                    pictures is no longer finite"
                );
                return Err(told(NnError::Diverged(text), &checkpoint));
            }
            let progress = &mut state.progress;
            progress.seconds = before + clock.elapsed().as_secs_f64();
            let last = progress.history.last().map_or(0.0, |r| r.seconds);
            let (sum, steps) = std::mem::take(&mut progress.since);
            let row = HistoryRow {
                step: after,
                loss: sum / steps.max(1) as f64,
                validation_loss: scores.map(|s| s.loss),
                validation_psnr: scores.map(|s| s.psnr),
                validation_input_psnr: scores.map(|s| s.input_psnr),
                rate: report.rate,
                items_per_second: (steps as usize * options.batch) as f64
                    / (progress.seconds - last).max(1e-9),
                seconds: progress.seconds,
            };
            progress.history.push(row);
            if options.patience > 0 && best(&progress.history) + 1 == progress.history.len() {
                state.best = Some(state.trainer.weights());
            }
            save(&mut state, &checkpoint)?;
            saved = Instant::now();
            goes_on &= watch.row(&row);
        }
        if done(&state) {
            break;
        }
        if !goes_on {
            save(&mut state, &checkpoint)?;
            return Ok(None);
        }
        if saved.elapsed() >= files.checkpoint_every {
            save(&mut state, &checkpoint)?;
            saved = Instant::now();
        }
        next = Some(following?);
    }
    let history = std::mem::take(&mut state.progress.history);
    let weights = finished(&mut state, options, &history, [batches.len(), set.len()]);
    let replace = files.overwrite || files.resume;
    write_atomically(&files.output, &weights.to_bytes(Precision::F32)?, replace)?;
    let text = serde_json::to_string_pretty(&history).map_err(|e| Error::Fault(e.to_string()))?;
    write_atomically(&files.history_path(), text.as_bytes(), true)?;
    let _ = std::fs::remove_file(&checkpoint);
    let unusable = [batches.unusable(), held.unusable()].concat();
    let stopped_early = state.trainer.steps_done() < options.trainer.steps;
    Ok(Some(Trained { weights, history, stopped_early, unusable }))
}

/// A pool of so many threads.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build()
        .map_err(|e| Error::Usage(format!("no pool of {threads} threads: {e}")))
}

/// The weights to keep, with their card.
fn finished(
    state: &mut State,
    options: &TrainOptions,
    history: &[HistoryRow],
    [used, there]: [usize; 2],
) -> Weights {
    let kept = if state.best.is_some() { history.get(best(history)) } else { history.last() };
    let mut card = options.model.card();
    card.seed = Some(options.trainer.seed);
    // By way of text, where 0.999 in single precision is 0.999; as a value it is 0.9990000128746033.
    let recipe = serde_json::to_string(options).unwrap_or_default();
    card.recipe = serde_json::from_str(&recipe).unwrap_or_default();
    card.data = format!("{used} of {there} pictures");
    if let Some(psnr) = kept.and_then(|row| row.validation_psnr) {
        card.scores.insert("validation PSNR, dB".to_owned(), psnr);
    }
    let tensors = state.best.take().unwrap_or_else(|| state.trainer.weights());
    Weights { card, tensors }
}

/// May the run write what it is going to write? Asked before it has cost hours.
fn check_files(files: &TrainFiles, checkpoint: &Path) -> Result<(), Error> {
    let name = files.output.display();
    let checkpoint_is_there = checkpoint.exists();
    if files.output.exists() && !files.overwrite && !(files.resume && checkpoint_is_there) {
        let why = if files.resume { " and there is no checkpoint to resume" } else { "" };
        return Err(Error::Usage(format!("{name} is already there{why}; --overwrite replaces it")));
    }
    if checkpoint_is_there && !files.resume && !files.overwrite {
        return Err(Error::Usage(format!(
            "{} is of an interrupted run: --resume goes on with it, --overwrite begins anew",
            checkpoint.display()
        )));
    }
    if checkpoint == files.output {
        return Err(Error::Usage(format!("{name}: the ending `.checkpoint` is taken")));
    }
    drop(AtomicFile::create(&files.output, true)?);
    drop(AtomicFile::create(checkpoint, true)?);
    Ok(())
}

fn save(state: &mut State, checkpoint: &Path) -> Result<(), Error> {
    state.save(checkpoint).map_err(|e| match e {
        Error::Nn(e) => told(e, checkpoint),
        other => other,
    })
}

/// A divergence with what is left of the run.
fn told(error: NnError, checkpoint: &Path) -> Error {
    let NnError::Diverged(text) = error else { return Error::Nn(error) };
    let left = if checkpoint.exists() {
        format!("the last good checkpoint is {0}; --start {0} begins from it", checkpoint.display())
    } else {
        "there was no checkpoint yet".to_owned()
    };
    Error::Nn(NnError::Diverged(format!("{text}; {left}")))
}

/// The row with the least loss on the validation items, the first of several.
fn best(history: &[HistoryRow]) -> usize {
    let losses = history.iter().map(|r| r.validation_loss.unwrap_or(f64::INFINITY)).enumerate();
    losses.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(i, _)| i)
}

/// Has validation got no better for so many rows?
fn is_stuck(history: &[HistoryRow], patience: u64) -> bool {
    let measured = history.iter().any(|r| r.validation_loss.is_some());
    patience > 0 && measured && history.len() as u64 > best(history) as u64 + patience
}
