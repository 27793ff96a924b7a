//! The light of a shoot: before the run, every picture is looked at once, so that each is balanced with
//! those taken before and after it.

use super::RunOptions;
use super::gate::Gate;
use crate::error::Error;
use crate::pipeline::{Pipeline, Stage};
use crate::step::Step;
use crate::tiles;
use rayon::prelude::*;
use restora_data::{Entry, Input, Source, capture_time, decode, read_header};
use restora_image::{Context, OpError};
use restora_ops::color::{Evidence, Illuminant, LightMethod, Session, WhiteBalance, light_track};
use std::collections::HashMap;

/// What was found for the white balance steps that ask for a track: by stage, by item.
#[derive(Default)]
pub struct Lights(Vec<(usize, HashMap<String, Option<Illuminant>>)>);

impl Lights {
    /// Looks at the pictures of `input`, if a step asks for it. A picture that cannot be read says
    /// nothing here; it fails later, on the belt.
    pub fn of(
        input: &Input,
        options: &RunOptions,
        pool: &rayon::ThreadPool,
        cx: &Context,
    ) -> Result<Self, Error> {
        let asked = |stage: &Stage| match stage {
            Stage::Step(Step::WhiteBalance(o)) if o.session == Session::Track => Some(o.clone()),
            _ => None,
        };
        let steps: Vec<(usize, WhiteBalance)> = (options.pipeline.steps.iter().enumerate())
            .filter_map(|(i, stage)| Some((i, asked(stage)?)))
            .collect();
        if steps.is_empty() {
            return Ok(Self::default());
        }
        let entries: Vec<Entry> = restora_data::walk(input)
            .filter_map(Result::ok)
            .filter(|entry| matches!(entry.source, Source::Path(_)))
            .collect();
        let gate = Gate::new(options.memory);
        let look = |entry: &Entry| look(entry, &steps, options, &gate, cx);
        let mut looks: Vec<Look> =
            pool.install(|| entries.par_iter().map(look).collect::<Result<_, _>>())?;
        // Names are in order; times decide where all have one.
        if looks.iter().all(|look| look.time.is_some()) {
            looks.sort_by(|a, b| a.time.cmp(&b.time));
        }
        let lights = steps.iter().enumerate().map(|(k, (stage, step))| {
            let seen: Vec<_> = looks.iter().map(|look| look.seen[k]).collect();
            let track = light_track(&seen, step.share_untouched());
            let named = looks.iter().map(|look| look.id.clone()).zip(track);
            (*stage, named.collect())
        });
        Ok(Self(lights.collect()))
    }

    /// The pipeline for one item.
    pub fn pipeline(&self, asked: &Pipeline, id: &str) -> Pipeline {
        let mut pipeline = asked.clone();
        for (stage, lights) in &self.0 {
            if let Some(light) = lights.get(id)
                && let Some(Stage::Step(Step::WhiteBalance(step))) = pipeline.steps.get_mut(*stage)
            {
                *step = step.under(*light);
            }
        }
        pipeline
    }
}

/// What was seen of a picture, for every step that asked.
struct Look {
    id: String,
    time: Option<String>,
    seen: Vec<Option<Evidence>>,
}

fn look(
    entry: &Entry,
    steps: &[(usize, WhiteBalance)],
    options: &RunOptions,
    gate: &Gate,
    cx: &Context,
) -> Result<Look, Error> {
    cx.check()?;
    let nothing = Look { id: entry.id.clone(), time: None, seen: vec![None; steps.len()] };
    let Ok(bytes) = entry.read(&options.limits) else { return Ok(nothing) };
    let Ok(header) = read_header(&bytes, &options.limits) else { return Ok(nothing) };
    let _admission = gate.enter(bytes.len() as u64 + header.bytes);
    let Ok(decoded) = decode(&bytes, &options.limits) else { return Ok(nothing) };
    let time = decoded.meta.exif.as_deref().and_then(capture_time);
    let page = decoded.pages.first().filter(|p| p.layout.colors() == 3 && !p.size.is_empty());
    let Some(page) = page else { return Ok(Look { time, ..nothing }) };
    let mut known: Vec<(LightMethod, Option<Evidence>)> = Vec::new();
    let seen = steps.iter().map(|(_, step)| {
        if let Some((_, seen)) = known.iter().find(|(method, _)| *method == step.estimator()) {
            return Ok(*seen);
        }
        let small = tiles::overview_of_raster(page, step.encoding, cx)?;
        let seen = step.estimator().evidence(&small, cx)?;
        known.push((step.estimator(), seen));
        Ok(seen)
    });
    let seen = seen.collect::<Result<Vec<_>, OpError>>()?;
    Ok(Look { time, seen, ..nothing })
}
