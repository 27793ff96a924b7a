//! The state of a run between two steps, in a file beside its output.

use super::{HistoryRow, TrainFiles, TrainOptions};
use crate::{Error, model};
use restora_data::write_atomically;
use restora_nn::train::Trainer;
use restora_nn::weights::safetensors::{self, Metadata};
use restora_nn::{Model, Net, NnError, Precision, Tensors, Weights};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a checkpoint holds beside the tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Progress {
    pub options: TrainOptions,
    pub step: u64,
    pub history: Vec<HistoryRow>,
    /// Pictures of the set.
    #[serde(default)]
    pub pictures: usize,
    /// Sum of the losses of the steps since the last row of the history, and their number.
    #[serde(default)]
    pub since: (f64, u64),
    /// Wall time so far.
    #[serde(default)]
    pub seconds: f64,
}

/// A run at some step.
pub struct State {
    pub trainer: Trainer,
    /// The best weights so far, where they are kept.
    pub best: Option<Tensors>,
    pub progress: Progress,
}

/// Where the checkpoint of a run lies that writes `output`.
pub fn checkpoint_path(output: &Path) -> PathBuf {
    output.with_extension("checkpoint")
}

/// The options of the interrupted run that was to write `output`; `None` where there is none.
///
/// # Errors
/// A file that is no checkpoint.
pub fn checkpoint_options(output: &Path) -> Result<Option<TrainOptions>, Error> {
    let path = checkpoint_path(output);
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(read(&path)?.1.options))
}

/// The prefix of the best weights among the tensors of a checkpoint.
const BEST: &str = "best/";

fn read(path: &Path) -> Result<(Tensors, Progress), Error> {
    let bytes = model::read_bytes(path)?;
    let (tensors, metadata) = safetensors::read(&bytes).map_err(|e| model::in_file(path, e))?;
    let Some(text) = metadata.get("progress") else {
        let name = path.display();
        return Err(Error::Input(format!("{name} is no checkpoint of a training run")));
    };
    let progress = serde_json::from_str(text)
        .map_err(|e| Error::Input(format!("{}: damaged checkpoint: {e}", path.display())))?;
    Ok((tensors, progress))
}

fn revive(path: &Path, tensors: Tensors, progress: Progress) -> Result<State, Error> {
    let (best, state): (Tensors, Tensors) =
        tensors.into_iter().partition(|(name, _)| name.starts_with(BEST));
    let trainer = &progress.options.trainer;
    progress.options.validate()?;
    // Before anything of the net's size is made, the numbers must be there.
    for (name, shape, _) in progress.options.model.graph().parameters() {
        let wanted = shape.iter().try_fold(1_usize, |n, &s| n.checked_mul(s));
        let came = state.get(&format!("net/{name}")).map(|t| t.data().len());
        if came.is_none() || came != wanted {
            let told = format!(
                "the checkpoint's `net/{name}` wants shape {shape:?}, got {came:?} numbers"
            );
            return Err(model::in_file(path, NnError::Input(told)));
        }
    }
    let trainer =
        Trainer::resume(progress.options.model.graph(), trainer.clone(), state, progress.step)
            .map_err(|e| model::in_file(path, e))?;
    let best: Tensors =
        best.into_iter().map(|(name, t)| (name[BEST.len()..].to_owned(), t)).collect();
    let best = (!best.is_empty()).then_some(best);
    Ok(State { trainer, best, progress })
}

impl State {
    /// The state to begin with: that of the checkpoint where the run goes on, the given weights, or
    /// random ones.
    pub fn start(
        options: &TrainOptions,
        files: &TrainFiles,
        pictures: usize,
    ) -> Result<Self, Error> {
        let checkpoint = checkpoint_path(&files.output);
        if files.resume && checkpoint.exists() {
            let (tensors, progress) = read(&checkpoint)?;
            let name = checkpoint.display();
            if progress.options != *options {
                return Err(Error::Usage(format!(
                    "{name} is of a run with other options; give the same ones, or none, to resume it"
                )));
            }
            if progress.pictures != pictures && progress.pictures != 0 {
                let was = progress.pictures;
                return Err(Error::Usage(format!(
                    "{name} is of a run on {was} pictures, this set has {pictures}: give the same set \
                     to resume it"
                )));
            }
            return revive(&checkpoint, tensors, progress);
        }
        let net = match &files.start {
            None => options.model.start(options.trainer.seed),
            Some(path) => {
                let mut tensors = start_weights(path)?;
                if let Model::Restorer(net) = &options.model {
                    tensors = net.adapted(tensors)?;
                }
                restora_nn::weights::check(&tensors, &options.model.graph())
                    .map_err(|e| model::in_file(path, e))?;
                Net::new(options.model.graph(), tensors)?
            }
        };
        let progress = Progress {
            options: options.clone(),
            step: 0,
            history: Vec::new(),
            pictures,
            since: (0.0, 0),
            seconds: 0.0,
        };
        Ok(Self { trainer: Trainer::new(net, options.trainer.clone())?, best: None, progress })
    }

    /// Writes the checkpoint.
    ///
    /// # Errors
    /// [`NnError::Diverged`] for weights that are no longer finite, which are not written.
    pub fn save(&mut self, path: &Path) -> Result<(), Error> {
        let (mut tensors, step) = self.trainer.state();
        if let Some((name, _)) =
            tensors.iter().find(|(_, t)| t.data().iter().any(|x| !x.is_finite()))
        {
            return Err(Error::Nn(NnError::Diverged(format!(
                "training diverged before step {step}: `{name}` is no longer finite"
            ))));
        }
        for (name, tensor) in self.best.iter().flatten() {
            tensors.insert(format!("{BEST}{name}"), tensor.clone());
        }
        self.progress.step = step;
        let text =
            serde_json::to_string(&self.progress).map_err(|e| Error::Fault(e.to_string()))?;
        let metadata = Metadata::from([("progress".to_owned(), text)]);
        let bytes = safetensors::write(&tensors, Precision::F32, &metadata)?;
        write_atomically(path, &bytes, true)?;
        Ok(())
    }
}

/// The tensors of a file of weights, or the averaged ones of a checkpoint.
fn start_weights(path: &Path) -> Result<Tensors, Error> {
    let bytes = model::read_bytes(path)?;
    if let Ok(weights) = Weights::from_bytes(&bytes) {
        return Ok(weights.tensors);
    }
    let (tensors, metadata) = safetensors::read(&bytes).map_err(|e| model::in_file(path, e))?;
    if !metadata.contains_key("progress") {
        // Weights from elsewhere with our names will do as well.
        return Ok(tensors);
    }
    drop(bytes);
    let (tensors, progress) = read(path)?;
    Ok(revive(path, tensors, progress)?.trainer.weights())
}
