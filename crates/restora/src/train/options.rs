//! What decides the outcome of a run, what is taken where nothing is said, and recipes in files.

use super::{Damage, Flips};
use crate::{Error, model};
use restora_data::split;
use restora_nn::Model;
use restora_nn::models::Conditioning;
use restora_nn::train::{Loss, Optimizer, Schedule, TrainerOptions};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that decides what comes out of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// How patches are flipped and turned.
    pub flips: Flips,
    /// How often a net that can do without is not told the noise level, `0..=1`.
    pub blind: f64,
    /// Part of the set that is kept for validation, `0..1`.
    pub validation: f64,
    /// Steps between two validations.
    pub validate_every: u64,
    /// Validations without a better one after which training ends and the best weights are kept; 0:
    /// never, and the last weights are kept.
    pub patience: u64,
}

/// Passes over the pictures that an autoencoder is trained for where nothing is said.
const EPOCHS: f64 = 50.0;
/// Steps that a denoiser is trained for where nothing is said.
const STEPS: u64 = 20_000;
/// Steps between two validations of a denoiser where nothing is said.
const VALIDATE_EVERY: u64 = 500;

impl TrainOptions {
    /// What is taken where nothing is said. A net for pictures of one size is an autoencoder: it
    /// reproduces whole pictures (a denoising one from white noise of 0.1), with the least squared
    /// error; any other is a denoiser of patches, of white noise of every level up to 50/255, with the
    /// least absolute error (Charbonnier). Filters follow Muon, which after 1000 steps of the restorer is
    /// 0.5 dB ahead of Adam at the same cost; the wide matrices of dense nets follow Adam, for they
    /// cost Muon more than it gains.
    ///
    /// # Errors
    /// [`Error::Nn`] for a net out of range.
    pub fn for_model(net: Model) -> Result<Self, Error> {
        net.validate()?;
        let damage = |text: &str| Damage::from_text(text).map(|d| vec![d]);
        let denoising = model::name(&net).contains("denoising");
        let (optimizer, peak) = match net {
            Model::DenseAutoencoder(_) | Model::DenseDenoisingAutoencoder(_) => {
                (Optimizer::Adam, 1e-3)
            }
            _ => (Optimizer::Muon { weight_decay: 0.0 }, 2e-3),
        };
        let trainer = TrainerOptions {
            optimizer,
            schedule: Schedule { peak, ..Schedule::default() },
            steps: STEPS,
            ..TrainerOptions::default()
        };
        if is_autoencoder(&net) {
            return Ok(Self {
                trainer: TrainerOptions { loss: Loss::Mse, ..trainer },
                damage: if denoising { damage("gaussian-noise:sigma=0.1")? } else { Vec::new() },
                batch: 64,
                patch: None,
                flips: Flips::None,
                blind: 0.0,
                validation: 0.1,
                validate_every: VALIDATE_EVERY,
                patience: 0,
                model: net,
            });
        }
        Ok(Self {
            trainer: TrainerOptions { loss: Loss::Charbonnier, ..trainer },
            damage: damage("gaussian-noise:sigma=0..50/255")?,
            batch: 16,
            patch: Some(64_usize.next_multiple_of(net.alignment().max(1))),
            flips: Flips::All,
            blind: if net.conditioning() == Conditioning::SigmaIfKnown { 0.2 } else { 0.0 },
            validation: 0.1,
            validate_every: VALIDATE_EVERY,
            patience: 0,
            model: net,
        })
    }

    /// The options of a run on a set of `pictures`: the defaults of the net, with the recipes of
    /// `layers` laid over them in turn, and with what follows from them where they do not say it: the
    /// steps of `epochs` passes (of 50 for an autoencoder), a validation after each pass, and a
    /// warm-up over a twentieth of the run, 200 steps at most.
    ///
    /// # Errors
    /// [`Error::Usage`] as for [`TrainOptions::with_recipe`] and [`TrainOptions::validate`].
    pub fn compose(
        net: Model,
        layers: &[Value],
        epochs: Option<f64>,
        pictures: usize,
    ) -> Result<Self, Error> {
        let mut options = Self::for_model(net)?;
        for layer in layers {
            options = options.with_recipe(layer)?;
        }
        let said = |path: &str| layers.iter().any(|l| l.pointer(path).is_some());
        let (train, _) = split(pictures, options.validation, options.trainer.seed)?;
        let steps_of = |epochs: f64| steps_of(epochs, train.len(), options.batch);
        let autoencoder = is_autoencoder(&options.model);
        if let Some(epochs) = epochs {
            if !(epochs > 0.0 && epochs.is_finite()) {
                return Err(Error::Usage(format!("`epochs` must be above 0, got {epochs}")));
            }
            options.trainer.steps = steps_of(epochs);
        } else if !said("/trainer/steps") && autoencoder {
            options.trainer.steps = steps_of(EPOCHS);
        }
        let steps = options.trainer.steps;
        if !said("/validate_every") {
            let pass = if autoencoder { steps_of(1.0) } else { VALIDATE_EVERY };
            options.validate_every = pass.min(steps).max(1);
        }
        if !said("/trainer/schedule/warm_up") {
            options.trainer.schedule.warm_up = options.trainer.schedule.warm_up.min(steps / 20);
        }
        options.validate()?;
        Ok(options)
    }

    /// Lays a recipe over these options: JSON of this struct, or of a part of it. An object that
    /// names its kind (the net, the optimizer) replaces the one that was there.
    ///
    /// # Errors
    /// [`Error::Usage`] naming what is not known or out of place.
    pub fn with_recipe(&self, recipe: &Value) -> Result<Self, Error> {
        let fault = |e: serde_json::Error| Error::Usage(format!("recipe: {e}"));
        if !recipe.is_object() {
            return Err(Error::Usage("recipe: must be a JSON object of training options".into()));
        }
        let mut whole = serde_json::to_value(self).map_err(fault)?;
        lay_over(&mut whole, recipe);
        serde_json::from_value(whole).map_err(fault)
    }

    /// # Errors
    /// [`Error::Usage`] naming the first option out of range.
    pub fn validate(&self) -> Result<(), Error> {
        self.model.validate()?;
        self.trainer.optimizer.validate()?;
        self.trainer.schedule.validate()?;
        let usage = |text: String| Err(Error::Usage(text));
        if self.batch == 0 || self.validate_every == 0 || self.trainer.steps == 0 {
            return usage("`batch`, `validate_every` and `steps` must be 1 or more".to_owned());
        }
        let TrainerOptions { ema, clip, .. } = self.trainer;
        if !(0.0..1.0).contains(&ema) {
            return usage(format!("`ema` must be in 0..1, got {ema}"));
        }
        if !(clip >= 0.0 && clip.is_finite()) {
            return usage(format!("`clip` must be 0 or more, got {clip}"));
        }
        if !(0.0..=1.0).contains(&self.blind) {
            return usage(format!("`blind` must be in 0..=1, got {}", self.blind));
        }
        if !(0.0..1.0).contains(&self.validation) {
            return usage(format!("`validation` must be in 0..1, got {}", self.validation));
        }
        if self.patience > 0 && self.validation == 0.0 {
            return usage("`patience` needs pictures for validation, got `validation` 0".into());
        }
        let alignment = self.model.alignment();
        if let Some(side) = self.patch.filter(|s| *s == 0 || !s.is_multiple_of(alignment)) {
            return usage(format!(
                "`patch` must be a multiple of {alignment} for this net, got {side}"
            ));
        }
        if let (Some(side), Some(size)) = (self.patch, model::fixed_size(&self.model))
            && (side, side) != (size.width as usize, size.height as usize)
        {
            return usage(format!("`patch` must be whole pictures of {size} for this net"));
        }
        Ok(())
    }
}

/// Is the net made for whole pictures of one size?
pub fn is_autoencoder(net: &Model) -> bool {
    model::fixed_size(net).is_some()
}

/// Steps of so many passes over so many pictures, at least 1.
pub fn steps_of(epochs: f64, pictures: usize, batch: usize) -> u64 {
    ((epochs * pictures as f64 / batch.max(1) as f64).ceil() as u64).max(1)
}

/// Puts the values of `top` in place of those of `under`, object by object.
fn lay_over(under: &mut Value, top: &Value) {
    let names_kind = |o: &serde_json::Map<String, Value>| {
        ["architecture", "rule"].iter().any(|k| o.contains_key(*k))
    };
    match (under, top) {
        (Value::Object(under), Value::Object(top)) if !names_kind(top) => {
            for (key, value) in top {
                lay_over(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, top) => *under = top.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn options() -> TrainOptions {
        TrainOptions::for_model(model::from_text("restorer").unwrap()).unwrap()
    }

    #[test]
    fn the_defaults_are_valid_and_a_denoiser_gets_noise_and_patches() {
        let options = options();
        options.validate().unwrap();
        assert_eq!((options.patch, options.trainer.loss), (Some(64), Loss::Charbonnier));
        assert_eq!(options.damage.len(), 1);
    }

    #[test]
    fn a_recipe_changes_what_it_names_and_nothing_else() {
        let before = options();
        let recipe = json!({
            "trainer": {"steps": 7, "optimizer": {"rule": "sgd", "momentum": 0.5}},
            "damage": ["clean"], "model": {"architecture": "restorer", "channels": 3},
        });
        let after = before.with_recipe(&recipe).unwrap();
        assert_eq!(after.trainer.steps, 7);
        assert_eq!(after.trainer.optimizer, Optimizer::Sgd { momentum: 0.5 });
        assert_eq!((after.model.channels(), after.batch), (3, before.batch));
        assert_eq!(after.with_recipe(&serde_json::to_value(&before).unwrap()).unwrap(), before);
    }

    #[test]
    fn a_recipe_with_an_unknown_or_wrong_part_is_refused_by_name() {
        for (recipe, word) in [
            (json!({"bacth": 4}), "bacth"),
            (json!({"trainer": {"step": 4}}), "step"),
            (json!({"batch": "many"}), "many"),
            (json!({"damage": ["fog"]}), "fog"),
            (json!([1]), "object"),
        ] {
            let error = options().with_recipe(&recipe).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn what_is_not_said_follows_from_what_is() {
        let net = || model::from_text("restorer").unwrap();
        let plain = TrainOptions::compose(net(), &[], None, 100).unwrap();
        let t = &plain.trainer;
        assert_eq!((t.steps, t.schedule.warm_up, plain.validate_every), (20_000, 200, 500));
        let short = json!({"trainer": {"steps": 40}});
        let short = TrainOptions::compose(net(), &[short], None, 100).unwrap();
        assert_eq!((short.trainer.schedule.warm_up, short.validate_every), (2, 40));
        let layers = [json!({"batch": 9, "validate_every": 3}), json!({"validation": 0.5})];
        let passes = TrainOptions::compose(net(), &layers, Some(2.0), 90).unwrap();
        assert_eq!((passes.trainer.steps, passes.validate_every), (10, 3));
        assert!(TrainOptions::compose(net(), &[], Some(-1.0), 90).is_err());
    }

    #[test]
    fn an_epoch_is_every_picture_once() {
        assert_eq!(steps_of(1.0, 100, 64), 2);
        assert_eq!(steps_of(50.0, 128, 64), 100);
        assert_eq!(steps_of(1.0, 0, 64), 1);
    }
}
