//! What is to be done to every picture, before it is known which picture.

use crate::error::Error;
use crate::option_text::continues_list;
use crate::step::Step;
use restora_data::Limits;
use restora_image::{Context, Scale, Sigma};
use serde::{Deserialize, Serialize};

/// One entry of a [`Pipeline`]: a step; `auto`, which the diagnosis of each picture turns into
/// the steps that help it (possibly none); or `auto-inpaint`, which its holes turn into one that fills them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Stage {
    /// `{"op": "auto"}`.
    Auto(AutoStage),
    /// `{"op": "auto-inpaint"}`.
    Fill(FillStage),
    /// A named step.
    Step(Step),
}

/// Marks the place where the plan of the diagnosis goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoStage {
    op: AutoTag,
    /// The noise level, if it is known.
    #[serde(default)]
    pub sigma: Sigma,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AutoTag {
    Auto,
}

/// Marks the place where the method of [`crate::auto::filler`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillStage {
    op: FillTag,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FillTag {
    AutoInpaint,
}

impl Stage {
    /// Is it a step that fills missing pixels?
    pub fn fills(&self) -> bool {
        match self {
            Self::Step(step) => step.fills(),
            Self::Fill(_) => true,
            Self::Auto(_) => false,
        }
    }

    /// The stage that the holes fill in.
    pub const FILL: Self = Self::Fill(FillStage { op: FillTag::AutoInpaint });

    /// The stage that the diagnosis fills in.
    pub const AUTO: Self = Self::Auto(AutoStage { op: AutoTag::Auto, sigma: Sigma::Auto });
}

/// A chain of stages; in JSON `{"steps": [{"op": "median", "radius": 1}, {"op": "auto"}]}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    /// The stages, in order.
    pub steps: Vec<Stage>,
}

impl Pipeline {
    /// The default of `restora restore`: diagnose, then do what helps.
    pub fn auto() -> Self {
        Self { steps: vec![Stage::AUTO] }
    }

    /// Reads words such as `auto`, `none`, `median:radius=2` or `impulse,bm3d:sigma=25/255`.
    /// Between steps stand `+` or commas; a comma before a `key=value` or a number continues the step.
    ///
    /// # Errors
    /// [`Error::Pipeline`] for an unknown name, an unknown option or a value out of range.
    pub fn from_texts<S: AsRef<str>>(texts: &[S]) -> Result<Self, Error> {
        let mut words: Vec<String> = Vec::new();
        for text in texts {
            for chain in text.as_ref().split('+') {
                for (i, part) in chain.split(',').enumerate() {
                    let name_end = part.find(':').unwrap_or(part.len());
                    let name = &part[..name_end];
                    let continues = name.contains('=') || continues_list(name);
                    match words.last_mut() {
                        Some(last) if i > 0 && continues => {
                            let separator = if last.contains(':') { ',' } else { ':' };
                            last.push(separator);
                            last.push_str(part);
                        }
                        _ => words.push(part.trim().to_owned()),
                    }
                }
            }
        }
        let mut steps = Vec::new();
        for word in words {
            match word.as_str() {
                "none" => {}
                "auto" => steps.push(Stage::AUTO),
                "auto-inpaint" => steps.push(Stage::FILL),
                _ => steps.push(Stage::Step(Step::from_text(&word).map_err(|e| match e {
                    Error::Pipeline(m) if m.starts_with("no step") => {
                        Error::Pipeline(format!("{m}, auto, auto-inpaint, none"))
                    }
                    other => other,
                })?)),
            }
        }
        Ok(Self { steps })
    }

    /// Reads the JSON of a pipeline and checks every option.
    ///
    /// # Errors
    /// [`Error::Pipeline`] saying where the JSON is off.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|e| Error::Pipeline(format!("the pipeline is not JSON: {e}")))?;
        let list = match &value {
            serde_json::Value::Object(object) => object.get("steps"),
            list => Some(list),
        };
        let Some(serde_json::Value::Array(entries)) = list else {
            return Err(Error::Pipeline(
                "a pipeline is {\"steps\": [{\"op\": \"bm3d\", ...}, ...]}, or that list alone"
                    .into(),
            ));
        };
        let mut steps = Vec::new();
        for (i, entry) in entries.iter().enumerate() {
            let at = |m: String| Error::Pipeline(format!("step {}: {m}", i + 1));
            match entry.get("op").and_then(|op| op.as_str()) {
                None => return Err(at(format!("wanted an object with \"op\", got {entry}"))),
                Some("none") => {}
                Some("auto") => {
                    let stage = serde_json::from_value::<AutoStage>(entry.clone());
                    steps.push(Stage::Auto(stage.map_err(|e| at(e.to_string()))?));
                }
                Some("auto-inpaint") => {
                    let stage = serde_json::from_value::<FillStage>(entry.clone());
                    steps.push(Stage::Fill(stage.map_err(|e| at(e.to_string()))?));
                }
                Some(_) => {
                    let step: Step =
                        serde_json::from_value(entry.clone()).map_err(|e| at(e.to_string()))?;
                    step.validate().map_err(|e| at(e.to_string()))?;
                    steps.push(Stage::Step(step));
                }
            }
        }
        Ok(Self { steps })
    }

    /// The steps of a pipeline that leaves nothing to the diagnosis.
    ///
    /// # Errors
    /// [`Error::Pipeline`] if there is an `auto` or `auto-inpaint` in it.
    pub fn named_steps(&self) -> Result<Vec<Step>, Error> {
        let named = |stage: &Stage| match stage {
            Stage::Step(step) => Ok(step.clone()),
            Stage::Auto(_) => Err(Error::Pipeline("`auto` needs a diagnosis".into())),
            Stage::Fill(_) => Err(Error::Pipeline("`auto-inpaint` needs the holes".into())),
        };
        self.steps.iter().map(named).collect()
    }

    /// Is any of it left to the diagnosis?
    pub fn has_auto(&self) -> bool {
        self.steps.iter().any(|stage| matches!(stage, Stage::Auto(_)))
    }

    /// The steps that change the size of a picture.
    pub fn resizing(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter_map(|stage| match stage {
            Stage::Step(step) if step.operation().scale() != Scale::Same => Some(step),
            _ => None,
        })
    }

    /// Checks that nothing follows a change of size that is told by the picture as it came: its noise, its
    /// traces of JPEG, its holes, its colors.
    ///
    /// # Errors
    /// [`Error::Pipeline`] naming both steps.
    pub fn check_order(&self) -> Result<(), Error> {
        let mut resized = None;
        for stage in &self.steps {
            let (name, measures) = match stage {
                Stage::Auto(_) => ("auto", true),
                Stage::Fill(_) => ("auto-inpaint", true),
                Stage::Step(step) => {
                    let wants = step.wants_noise() || step.wants_jpeg() || step.looks_at_whole();
                    (step.id(), wants || step.fills())
                }
            };
            if let (Some(resized), true) = (resized, measures) {
                return Err(Error::Pipeline(format!(
                    "`{name}` measures the picture as it came, or has its mask: it goes before `{resized}`, \
                     which changes the size"
                )));
            }
            if matches!(stage, Stage::Step(step) if step.operation().scale() != Scale::Same) {
                resized = Some(name);
            }
        }
        Ok(())
    }

    /// May pictures meet a net in it?
    pub fn may_run_nets(&self) -> bool {
        let may = |stage: &Stage| match stage {
            Stage::Auto(_) => true,
            Stage::Fill(_) => false,
            Stage::Step(step) => step.runs_net(),
        };
        self.steps.iter().any(may)
    }

    /// The pipeline with the reference pictures of its steps read from their files.
    ///
    /// # Errors
    /// As [`Step::with_reference`].
    pub fn with_references(&self, limits: &Limits, cx: &Context) -> Result<Self, Error> {
        let read = |stage: &Stage| match stage {
            Stage::Step(step) => step.with_reference(limits, cx).map(Stage::Step),
            Stage::Auto(_) | Stage::Fill(_) => Ok(stage.clone()),
        };
        Ok(Self { steps: self.steps.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// Gives every stage that wants a noise level this one (in nominal range); `false` if none does.
    pub fn set_sigma(&mut self, sigma: f32) -> bool {
        let mut taken = false;
        for stage in &mut self.steps {
            match stage {
                Stage::Auto(auto) if auto.sigma == Sigma::Auto => {
                    auto.sigma = Sigma::Known(sigma);
                    taken = true;
                }
                Stage::Step(step) if step.wants_noise() => {
                    *step = step.with_option("sigma", sigma.into());
                    taken = true;
                }
                _ => {}
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_chain_steps_and_continue_options() {
        let texts = ["gaussian:blur=1.5,border=clamp,auto", "none+gaussian"];
        let pipeline = Pipeline::from_texts(&texts).unwrap();
        let again = Pipeline::from_texts(&["gaussian:blur=1.5:border=clamp", "auto", "gaussian"]);
        assert_eq!(pipeline, again.unwrap());
        assert_eq!(pipeline.steps.len(), 3);
    }

    #[test]
    fn json_round_trips_and_errors_say_where() {
        let mut pipeline = Pipeline::from_texts(&["auto-inpaint,auto", "gaussian"]).unwrap();
        assert!(pipeline.set_sigma(0.1));
        let text = serde_json::to_string(&pipeline).unwrap();
        assert_eq!(Pipeline::from_json(&text).unwrap(), pipeline);
        let list = serde_json::to_string(&pipeline.steps).unwrap();
        assert_eq!(Pipeline::from_json(&list).unwrap(), pipeline);
        let message = |text: &str| Pipeline::from_json(text).unwrap_err().to_string();
        assert!(message(r#"{"steps":[{"op":"gaussian"},{"op":"gauss"}]}"#).starts_with("step 2"));
        assert!(message(r#"[{"op":"gaussian","blurr":1}]"#).contains("blurr"));
        assert!(message("7").contains("steps"));
    }

    #[test]
    fn the_command_line_takes_dashes_in_options_and_json_does_not() {
        let dashes = Pipeline::from_texts(&["bm3d:search-radius=9"]).unwrap();
        assert_eq!(dashes, Pipeline::from_texts(&["bm3d:search_radius=9"]).unwrap());
        let json = r#"[{"op": "bm3d", "search_radius": 9}]"#;
        assert_eq!(dashes, Pipeline::from_json(json).unwrap());
        let message = Pipeline::from_json(&json.replace('_', "-")).unwrap_err().to_string();
        assert!(message.contains("search-radius"), "{message}");
    }

    #[test]
    fn what_measures_the_picture_goes_before_a_change_of_its_size() {
        for (text, fine) in [
            ("auto,lanczos", true),
            ("clahe,telea,bicubic,median,bm3d:sigma=0.1", true),
            ("downscale,gaussian-noise", true),
            ("lanczos,auto", false),
            ("lanczos,bm3d", false),
            ("downscale,clahe", false),
            ("bicubic,telea", false),
            ("lanczos,deblock-bm3d", false),
        ] {
            let checked = Pipeline::from_texts(&[text]).unwrap().check_order();
            assert_eq!(checked.is_ok(), fine, "{text}: {checked:?}");
        }
        let message = Pipeline::from_texts(&["lanczos,auto"]).unwrap().check_order().unwrap_err();
        let message = message.to_string();
        assert!(message.contains("`auto`") && message.contains("`lanczos`"), "{message}");
    }

    #[test]
    fn nets_are_met_in_auto_and_where_they_are_named() {
        for (text, may) in [
            ("auto", true),
            ("median,learned", true),
            ("lanczos,learned-upscaling", true),
            ("bm3d", false),
            ("none", false),
        ] {
            assert_eq!(Pipeline::from_texts(&[text]).unwrap().may_run_nets(), may, "{text}");
        }
    }

    #[test]
    fn lists_of_numbers_are_read_and_written_with_commas() {
        let texts = ["white-balance:gains=1.25,1,4/5,strength=0.5,gaussian"];
        let pipeline = Pipeline::from_texts(&texts).unwrap();
        let steps = pipeline.named_steps().unwrap();
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[0].option("strength").unwrap(), 0.5);
        assert_eq!(steps[0].to_string(), "white-balance:gains=1.25,1,0.8:strength=0.5");
        assert_eq!(Pipeline::from_texts(&[steps[0].to_string()]).unwrap().steps.len(), 1);
        let message = |text: &str| Pipeline::from_texts(&[text]).unwrap_err().to_string();
        assert!(message("white-balance:gains=1,2").contains("length 3"));
        assert!(message("gaussian:1").contains("key=value"));
    }

    #[test]
    fn an_unknown_method_names_the_known_ones() {
        let message = Pipeline::from_texts(&["gausian"]).unwrap_err().to_string();
        assert!(message.contains("gaussian") && message.contains("auto"), "{message}");
        assert!(Pipeline::from_texts(&["gaussian:blur=-1"]).is_err());
        assert!(Pipeline::from_texts(&["gaussian:blur"]).is_err());
    }
}
