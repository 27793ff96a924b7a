//! `restora train`: a net from pictures.

use crate::learning_arguments::{Patch, TrainArgs};
use crate::restore::cancel_on_interrupt;
use crate::{End, print};
use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use restora::data::Dataset;
use restora::image::{Cancel, Context};
use restora::train::{
    HistoryRow, Machine, TrainFiles, TrainOptions, Trained, Watch, checkpoint_options,
    checkpoint_path, train,
};
use restora::{Error, model};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub fn run(args: &TrainArgs) -> anyhow::Result<End> {
    if !(args.checkpoint_every > 0.0 && args.checkpoint_every < 1e9) {
        let got = args.checkpoint_every;
        bail!(Error::Usage(format!("--checkpoint-every must be above 0, got {got}")));
    }
    let set = Dataset::open(&args.data, &args.set.options()?).map_err(Error::from)?;
    let options = options(args, &set)?;
    let files = TrainFiles {
        resume: args.resume,
        start: args.start.clone(),
        overwrite: args.overwrite,
        checkpoint_every: Duration::from_secs_f64(args.checkpoint_every),
        ..TrainFiles::new(&args.output)
    };
    let threads = threads(args.threads);
    let machine = Machine { threads, gpu: args.device.gpu()? };
    if let Some(file) = &args.save_recipe {
        let text = format!("{}\n", serde_json::to_string_pretty(&options)?);
        restora::data::write_atomically(file, text.as_bytes(), args.overwrite || args.resume)
            .map_err(Error::from)?;
    }
    let mut teller = Teller::new(&options, args.quiet, cancel_on_interrupt());
    let result = train(&set, &options, &files, &machine, &mut teller);
    teller.bar.finish_and_clear();
    let Some(trained) = result? else {
        eprintln!(
            "restora: interrupted after {} of {} steps; {} is left, go on with\n  restora train --resume \
             --data {} -o {}",
            teller.done,
            options.trainer.steps,
            checkpoint_path(&args.output).display(),
            args.data.display(),
            args.output.display(),
        );
        return Ok(End::Interrupted);
    };
    if let Some(file) = page_path(args) {
        let cx = Context { threads, cancel: Some(&teller.cancel), ..Context::default() };
        let mut report =
            restora::train::report(&set, &options, &trained.history, &trained.weights, &cx)?;
        report.command = std::env::args().collect::<Vec<_>>().join(" ");
        if trained.stopped_early {
            report.notes.push("Stopped early: the best weights were kept.".to_owned());
        }
        report.notes.extend(trained.unusable.iter().map(|why| format!("Not used: {why}")));
        let page = restora::training_report::page(&report)?;
        restora::data::write_atomically(&file, page.as_bytes(), true).map_err(Error::from)?;
    }
    finish(args, &trained)
}

/// Where the page goes.
fn page_path(args: &TrainArgs) -> Option<PathBuf> {
    match &args.report {
        None => Some(args.output.with_extension("html")),
        Some(file) if file == Path::new("none") => None,
        Some(file) => Some(file.clone()),
    }
}

/// The threads asked for, or all there are.
pub fn threads(asked: Option<u16>) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or_else(all, usize::from)
}

/// The options of the checkpoint or the defaults, then the recipe, then the flags.
fn options(args: &TrainArgs, set: &Dataset) -> anyhow::Result<TrainOptions> {
    let mut layers = Vec::new();
    let mut net = None;
    if args.resume
        && let Some(options) = checkpoint_options(&args.output)?
    {
        net = Some(options.model.clone());
        layers.push(serde_json::to_value(&options)?);
    }
    if let Some(file) = &args.recipe {
        let recipe = recipe(file)?;
        if let Some(object) = recipe.get("model") {
            net = Some(
                restora::nn::Model::from_json(object.clone())
                    .map_err(|e| Error::Usage(format!("{}: {e}", file.display())))?,
            );
        }
        layers.push(recipe);
    }
    let mut flags = flags(args)?;
    if let Some(text) = &args.model {
        let named = model::from_text_for(text, set)?;
        flags["model"] = serde_json::to_value(&named)?;
        net = Some(named);
    }
    layers.push(flags);
    let Some(net) = net else {
        let told = "which net? MODEL is missing, such as `restorer`, and neither a recipe nor a \
                    checkpoint names one";
        bail!(Error::Usage(told.to_owned()));
    };
    Ok(TrainOptions::compose(net, &layers, args.epochs, set.len())?)
}

fn recipe(file: &Path) -> anyhow::Result<Value> {
    let bytes =
        std::fs::read(file).map_err(|source| Error::Io { path: file.to_owned(), source })?;
    let parsed = serde_json::from_slice(&bytes);
    Ok(parsed.map_err(|e| Error::Usage(format!("recipe {}: {e}", file.display())))?)
}

/// What the flags say, as a recipe.
fn flags(args: &TrainArgs) -> anyhow::Result<Value> {
    let optimizer = match (args.optimizer.as_deref(), args.momentum, args.weight_decay) {
        (None, _, _) => Value::Null,
        (Some("sgd"), momentum, None) => {
            json!({"rule": "sgd", "momentum": momentum.unwrap_or(0.9)})
        }
        (Some("adamw"), None, decay) => {
            json!({"rule": "adam-w", "weight_decay": decay.unwrap_or(0.01)})
        }
        (Some("muon"), None, decay) => {
            json!({"rule": "muon", "weight_decay": decay.unwrap_or(0.0)})
        }
        (Some(rule), None, None) => json!({"rule": rule}),
        (Some(rule), _, _) => bail!(Error::Usage(format!(
            "--momentum is for sgd and --weight-decay for adamw and muon, got them with {rule}"
        ))),
    };
    let patch = match args.patch {
        None => json!({}),
        Some(Patch::Whole) => json!({"patch": null}),
        Some(Patch::Side(side)) => json!({"patch": side}),
    };
    let schedule = without_nulls(json!({
        "peak": args.learning_rate,
        "warm_up": args.warm_up,
        "cosine": args.schedule.as_deref().map(|s| s == "cosine"),
        "floor": args.floor,
    }));
    let trainer = without_nulls(json!({
        "loss": args.loss,
        "optimizer": optimizer,
        "schedule": schedule,
        "steps": args.steps,
        "clip": args.clip,
        "ema": args.ema,
        "seed": args.seed,
    }));
    let mut all = without_nulls(json!({
        "trainer": trainer,
        "batch": args.batch,
        "flips": args.flips,
        "blind": args.blind,
        "validation": args.validation,
        "validate_every": args.validate_every,
        "patience": args.patience,
    }));
    if !args.damage.is_empty() {
        all["damage"] = json!(args.damage);
    }
    if let (Some(all), Value::Object(patch)) = (all.as_object_mut(), patch) {
        all.extend(patch);
    }
    Ok(all)
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, v| !v.is_null());
    }
    value
}

/// What is told in the end.
fn finish(args: &TrainArgs, trained: &Trained) -> anyhow::Result<End> {
    let name = args.output.display();
    let unusable = trained.unusable.len();
    if unusable > 0 {
        eprintln!("restora: {unusable} pictures could not be used");
        for why in trained.unusable.iter().take(SHOWN) {
            eprintln!("  {why}");
        }
        if unusable > SHOWN {
            eprintln!("  ... and {} more", unusable - SHOWN);
        }
    }
    if !args.quiet {
        let steps = trained.history.last().map_or(0, |r| r.step);
        let seconds = trained.history.last().map_or(0.0, |r| r.seconds);
        let early = if trained.stopped_early { ", stopped early, best weights kept" } else { "" };
        let scores = trained.weights.card.scores.get("validation PSNR, dB");
        let psnr = scores.map_or(String::new(), |p| format!(", validation PSNR {p:.2} dB"));
        print(&format!("{name}: {steps} steps in {seconds:.0} s{psnr}{early}\n"))?;
    }
    Ok(if unusable > 0 { End::SomeFailed } else { End::Done })
}

/// Unusable pictures that are listed.
const SHOWN: usize = 10;

/// Tells how the run goes: a bar on a terminal, else a line for each row of the history.
struct Teller {
    bar: ProgressBar,
    lines: bool,
    steps: u64,
    done: u64,
    /// Running mean of the loss.
    loss: f64,
    validated: String,
    since: (Instant, u64),
    cancel: Cancel,
}

impl Teller {
    fn new(options: &TrainOptions, quiet: bool, cancel: Cancel) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let steps = options.trainer.steps;
        let shown = terminal && !quiet;
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} steps  {msg}  {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(steps), target).with_style(style);
        Self {
            bar,
            lines: !terminal && !quiet,
            steps,
            done: 0,
            loss: f64::NAN,
            validated: String::new(),
            since: (Instant::now(), 0),
            cancel,
        }
    }
}

/// PSNR in dB from which a picture counts as undamaged.
const CLEAN: f64 = 100.0;
/// Share of the last running mean of the loss that stays at each step.
const SMOOTH: f64 = 0.98;

impl Watch for Teller {
    fn step(&mut self, done: u64, loss: f64, batch: usize) -> bool {
        if self.done == 0 {
            // A resumed run: the time left is that of the steps of this one.
            self.bar.set_position(done - 1);
            self.bar.reset_eta();
            self.since = (Instant::now(), done - 1);
        }
        self.done = done;
        self.loss =
            if self.loss.is_nan() { loss } else { SMOOTH * self.loss + (1.0 - SMOOTH) * loss };
        let seconds = self.since.0.elapsed().as_secs_f64().max(1e-9);
        let rate = (done - self.since.1) as f64 * batch as f64 / seconds;
        self.bar
            .set_message(format!("loss {:.5}{}  {rate:.0} pictures/s", self.loss, self.validated));
        self.bar.set_position(done);
        !self.cancel.is_cancelled()
    }

    fn row(&mut self, row: &HistoryRow) -> bool {
        self.validated = row.validation_psnr.map_or(String::new(), |p| format!("  PSNR {p:.2} dB"));
        if self.lines {
            let left = (self.steps - row.step) as f64 * self.since.0.elapsed().as_secs_f64()
                / (row.step - self.since.1).max(1) as f64;
            let optional = |name: &str, v: Option<f64>, digits: usize, unit: &str| {
                v.map_or(String::new(), |v| format!("  {name} {v:.digits$}{unit}"))
            };
            // A net that is given the clean picture has nothing to be compared with.
            let damaged = row.validation_input_psnr.filter(|p| *p < CLEAN);
            eprintln!(
                "step {}/{}  loss {:.6}{}{}{}  rate {:.2e}  {:.0} pictures/s  {left:.0} s left",
                row.step,
                self.steps,
                row.loss,
                optional("validation", row.validation_loss, 6, ""),
                optional("PSNR", row.validation_psnr, 2, " dB"),
                optional("of the input", damaged, 2, " dB"),
                row.rate,
                row.items_per_second,
            );
        }
        !self.cancel.is_cancelled()
    }
}
