//! Recipes on the SMILEs faces, and their errors on all the faces that were kept out of training.

use restora::Error;
use restora::data::{Dataset, DatasetOptions, split};
use restora::image::{Context, Rng, Sample, Size};
use restora::nn::{Net, Value, Weights};
use restora::train::{Damage, HistoryRow, Machine, TrainFiles, TrainOptions, train};
use std::path::Path;

/// The 13,165 faces of 32x32.
pub fn open(shared: &Path) -> Dataset {
    let name = "data/small_images/faces/smiles_gray32_13165_mosaic115cols.png";
    let cell = Some(Size { width: 32, height: 32 });
    let options = DatasetOptions { cell, count: Some(13_165), ..DatasetOptions::default() };
    Dataset::open(&shared.join(name), &options).expect("the faces")
}

/// A recipe of the repository.
pub fn recipe(name: &str) -> TrainOptions {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/recipes");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).expect("a recipe");
    serde_json::from_str(&text).expect("options of a training run")
}

/// Trains with one thread, without leaving files. `watch` is told step, loss and validation loss.
pub fn run(set: &Dataset, options: &TrainOptions, mut watch: impl FnMut(u64, f64, f64)) -> Weights {
    let folder = tempfile::tempdir().expect("a folder");
    let files = TrainFiles::new(folder.path().join("model.safetensors"));
    let trained = train(set, options, &files, &Machine::cpu(1), &mut |row: &HistoryRow| {
        watch(row.step, row.loss, row.validation_loss.unwrap_or(f64::NAN));
        true
    });
    trained.expect("training").expect("no one stopped it").weights
}

/// Mean squared error on the faces kept out, in units of `0..1`, of what the net makes of them; and of
/// what it was given, which differs where the recipe has damage.
pub fn errors(set: &Dataset, options: &TrainOptions, weights: &Weights) -> Result<[f64; 2], Error> {
    let net = Net::new(options.model.graph(), weights.tensors.clone())?;
    let (_, held) = split(set.len(), options.validation, options.trainer.seed)?;
    let mut sums = [0.0; 2];
    for chunk in held.chunks(64) {
        let (mut clean, mut given) = (Vec::new(), Vec::new());
        for &i in chunk {
            let image = set.get(i).map_err(|e| Error::Fault(e.to_string()))?.image();
            let mut rng = Rng::new(1, "held out", i as u64);
            let mut sample = Sample::new(image.clone());
            for step in Damage::draw(&options.damage, &mut rng)?.0 {
                let cx = Context { seed: rng.next_u64(), ..Context::default() };
                step.operation()
                    .apply(&mut sample, &cx)
                    .map_err(|source| Error::Step { step: step.id(), source })?;
            }
            clean.extend_from_slice(image.data());
            given.extend_from_slice(sample.image.data());
        }
        let came = net.forward(Value::from_planes(chunk.len(), [1, 32, 32], &given)?, 1)?;
        let squares = |x: &[f32]| -> f64 {
            x.iter().zip(&clean).map(|(a, b)| f64::from(a - b).powi(2)).sum()
        };
        sums[0] += squares(&came.to_planes());
        sums[1] += squares(&given);
    }
    Ok(sums.map(|s| s / (held.len() * 1024) as f64))
}
