//! Turns a pipeline into the steps for one picture, by measuring it.

use crate::auto;
use crate::diagnose::{Diagnosis, diagnose};
use crate::error::Error;
use crate::pipeline::{Pipeline, Stage};
use crate::step::Step;
use restora_image::{Context, NoiseModel, Sample, Sigma};
use restora_nn::Gpu;
use restora_ops::inpaint::Telea;
use std::collections::VecDeque;

/// The steps for one picture, and why.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What the picture looks like before anything is done.
    pub diagnosis: Diagnosis,
    /// The steps, with measured levels filled in.
    pub steps: Vec<Step>,
    /// The noise that the steps are told of.
    pub noise: NoiseModel,
    /// Why these steps.
    pub reason: String,
    /// What was asked for and could not be done.
    pub left_alone: Vec<String>,
}

/// Measures `probe` (the picture, or enough of it; its mask marks what is missing of it) and fills in
/// what the pipeline leaves open. A level that is wanted after other steps is measured after them. `filler` is the
/// step that fills the holes of the picture best, and why. Nets run on `gpu` where there is one.
///
/// # Errors
/// If a step refuses the picture, or the caller cancelled.
pub fn resolve(
    pipeline: &Pipeline,
    probe: Sample,
    filler: Option<(Step, String)>,
    gpu: Option<&Gpu>,
    cx: &Context,
) -> Result<Resolved, Error> {
    let mut sample = probe;
    let (file, size) = (sample.meta.jpeg, sample.image.size());
    let diagnosis = diagnose(&sample.image, cx)?.saved(file);
    let mut latest = diagnosis.clone();
    let mut left_alone = Vec::new();
    let mut steps = Vec::new();
    let mut reasons = Vec::new();
    let open = |stage: &Stage| match stage {
        Stage::Auto(_) => true,
        Stage::Step(step) => step.wants_noise() || step.wants_jpeg(),
        Stage::Fill(_) => false,
    };
    let mut stages: VecDeque<Stage> = pipeline.steps.iter().cloned().collect();
    let mut measured_again = false;
    let mut filler = filler;
    while let Some(stage) = stages.pop_front() {
        let fills = stage == Stage::FILL;
        let planned = match &stage {
            Stage::Auto(known) => {
                let plan = match known.sigma {
                    Sigma::Known(sigma) => auto::plan(&latest.told(sigma)),
                    Sigma::Auto => auto::plan(&latest),
                };
                if plan.measure_again && measured_again {
                    // What is left of them after one pass is left.
                    continue;
                }
                if plan.measure_again {
                    measured_again = true;
                    stages.push_front(stage);
                }
                if !plan.steps.is_empty() || steps.is_empty() {
                    reasons.push(plan.reason);
                }
                plan.steps
            }
            Stage::Fill(_) => match filler.take() {
                Some((step, reason)) => {
                    reasons.push(format!("filled by {reason}"));
                    vec![step]
                }
                None => Vec::new(),
            },
            Stage::Step(step) if step.wants_noise() => {
                let noise = latest.noise_model();
                reasons.push(format!("{} at the measured noise level", step.id()));
                vec![step.with_measured(&noise)]
            }
            Stage::Step(step) if step.wants_jpeg() => {
                let found = &latest.jpeg;
                if found.quality == 0 {
                    let left = "left alone: no JPEG grid found; give quality=";
                    reasons.push(format!("{} {left}", step.id()));
                    left_alone.push(format!("{left} ({})", step.id()));
                    continue;
                }
                let told = file.is_some_and(|file| file.quality == found.quality);
                let source = if told { "as the file says" } else { "as measured" };
                reasons.push(format!("{} at quality {}, {source}", step.id(), found.quality));
                vec![step.with_jpeg(found)]
            }
            Stage::Step(step) => {
                reasons.push(format!("{} as asked", step.id()));
                vec![step.clone()]
            }
        };
        let planned: Vec<Step> = planned.into_iter().map(|step| step.on(gpu)).collect();
        if stages.iter().any(open) && !planned.is_empty() {
            sample.noise = Some(latest.noise_model());
            // To measure what comes after, holes need no better filling than the quickest.
            let quick = [Step::Telea(Telea::default())];
            let tried = if fills { &quick[..] } else { &planned };
            for (step, done) in tried.iter().zip(steps.len() as u64..) {
                let failed = |source| Error::Step { step: step.id(), source };
                step.operation().apply(&mut sample, &cx.at_step(done)).map_err(failed)?;
            }
            latest = diagnose(&sample.image, cx)?;
            if sample.image.size() == size {
                latest = latest.saved(file);
            }
        }
        steps.extend(planned);
    }
    if pipeline.steps.is_empty() {
        reasons.push("nothing was asked for".into());
    }
    let noise = latest.noise_model();
    Ok(Resolved { diagnosis, steps, noise, reason: reasons.join("; "), left_alone })
}
