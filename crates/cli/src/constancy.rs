//! `restora constancy`: estimators of the light, trained and measured.

use crate::learning_arguments::SetArgs;
use crate::restore::cancel_on_interrupt;
use crate::table::table;
use crate::train::threads;
use crate::{End, print};
use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use restora::Error;
use restora::constancy::{
    LightErrors, LightRow, Lights, LitSet, Shown, cross_validate, default_fit, known_errors,
    read_lit, read_model, train, write_model,
};
use restora::data::Dataset;
use restora::image::{Cancel, Context};
use restora::ops::color::{Encoding, LightFit, LightMethod};
use serde_json::json;
use std::path::PathBuf;

pub const CONSTANCY_HELP: &str = "\
Examples:
  restora constancy train --data raw_thumbnails.npz -o camera.json
  restora constancy train --data photos -o mine.json           # neutral photographs, lit anew
  restora constancy test --data raw_thumbnails.npz --folds 3
  restora constancy test --data other_camera.npz --model camera.json
  restora constancy test --data other_camera.npz --method bright-dark-pca
  restora restore in -o out --color white-balance:method=learned,model=mine.json";

#[derive(Args, Clone, Debug)]
pub struct ConstancyArgs {
    #[command(subcommand)]
    pub command: ConstancyCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum ConstancyCommand {
    /// Fit a model to pictures whose light is known, or to neutral photographs under synthesized light
    Train(FitArgs),
    /// Errors of a model, of a method, or of training by cross-validation
    Test(TestArgs),
}

/// The set and its lights.
#[derive(Args, Clone, Debug)]
pub struct LitArgs {
    /// An NPZ of pictures and lights, a folder, a quoted glob, a list (@files.txt), a zip, NPY, ...
    #[arg(long, value_name = "SET")]
    pub data: PathBuf,
    #[command(flatten)]
    pub set: SetArgs,
    /// The lights: an array of the NPZ by name, or a file of lines name,r,g,b (or r,g,b in the order of the
    /// set), linear RGB [default: the usual arrays of an NPZ; else the pictures are taken as neutral]
    #[arg(long, value_name = "KEY|FILE", conflicts_with = "synthesize")]
    pub lights: Option<String>,
    /// Take the pictures as neutral and put N lights on each [default where there are no lights: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub synthesize: Option<u32>,
    /// How values stand for light [default: linear with measured lights, else srgb]
    #[arg(long, value_enum)]
    pub encoding: Option<EncodingName>,
    #[command(flatten)]
    pub fit: FitOptions,
    /// Seed of synthesized lights and of folds
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum EncodingName {
    Srgb,
    Linear,
}

/// How models are fitted.
#[derive(Args, Clone, Debug)]
pub struct FitOptions {
    /// Learn how often each light is, which ties the model to its sensor [default: with measured lights]
    #[arg(long, value_enum)]
    pub prior: Option<Prior>,
    /// Penalty of large filters [default: 1e-6; 1e-5 for synthesized lights]
    #[arg(long, value_name = "NUMBER")]
    pub lambda: Option<f64>,
    /// Penalty of rough filters [default: 1e-4; 1e-3 for synthesized lights]
    #[arg(long, value_name = "NUMBER")]
    pub smooth: Option<f64>,
    /// Steps of the fit, at most [default: 60]
    #[arg(long)]
    pub steps: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Prior {
    Learned,
    None,
}

#[derive(Args, Clone, Debug)]
pub struct FitArgs {
    #[command(flatten)]
    pub lit: LitArgs,
    /// The model to write (JSON)
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// What the model was trained on, for its card [default: the name of the set]
    #[arg(long, value_name = "TEXT")]
    pub about: Option<String>,
    /// Terms of use of the model, for its card
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub license: String,
    /// Replace the file if it is there
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Args, Clone, Debug)]
pub struct TestArgs {
    #[command(flatten)]
    pub lit: LitArgs,
    /// A model in place of the one that is part of the program
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "folds"])]
    pub model: Option<PathBuf>,
    /// An estimator by name: gray-world, white-patch, shades-of-gray, gray-edge, gray-edge-2,
    /// bright-dark-pca [default: learned]
    #[arg(long, value_name = "METHOD", conflicts_with = "folds")]
    pub method: Option<String>,
    /// Cross-validate: train on all parts but one and measure on that one, for each of N parts
    #[arg(long, value_name = "N")]
    pub folds: Option<usize>,
    /// Parts are runs of the set and not drawn by the seed: for sets in the order of their taking
    #[arg(long, requires = "folds")]
    pub blocks: bool,
    /// Print errors, and those of every picture, as JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &ConstancyArgs) -> anyhow::Result<End> {
    match &args.command {
        ConstancyCommand::Train(args) => fit(args),
        ConstancyCommand::Test(args) => test(args),
    }
}

impl LitArgs {
    fn open(&self, cx: &Context) -> anyhow::Result<LitSet> {
        let set = Dataset::open(&self.data, &self.set.options()?).map_err(Error::from)?;
        let lights = match (&self.lights, self.synthesize) {
            (Some(name), _) if PathBuf::from(name).is_file() => Lights::Table(name.into()),
            (Some(name), _) => Lights::Key(name.clone()),
            (None, Some(count)) => Lights::Synthesized(count),
            (None, None) => Lights::Found,
        };
        let encoding = self.encoding.map(|name| match name {
            EncodingName::Srgb => Encoding::Srgb,
            EncodingName::Linear => Encoding::Linear,
        });
        let lit = read_lit(&self.data, &set, &lights, encoding, cx)?;
        for why in lit.left_out.iter().take(10) {
            eprintln!("restora: left out: {why}");
        }
        Ok(lit)
    }

    /// The options of the fit for this set.
    fn fit(&self, set: &LitSet) -> LightFit {
        let plain = default_fit(set.synthesized);
        LightFit {
            lambda: self.fit.lambda.unwrap_or(plain.lambda),
            smooth: self.fit.smooth.unwrap_or(plain.smooth),
            steps: self.fit.steps.unwrap_or(plain.steps),
            prior: self.fit.prior.map_or(plain.prior, |p| p == Prior::Learned),
            ..plain
        }
    }

    fn context<'a>(&self, cancel: &'a Cancel) -> Context<'a> {
        let threads = threads(self.threads);
        Context { threads, seed: self.seed, cancel: Some(cancel), ..Context::default() }
    }
}

fn end(set: &LitSet) -> End {
    if set.left_out.is_empty() { End::Done } else { End::SomeFailed }
}

fn fit(args: &FitArgs) -> anyhow::Result<End> {
    if args.output.exists() && !args.overwrite {
        let name = args.output.display();
        bail!(Error::Usage(format!("{name} is there already; --overwrite replaces it")));
    }
    let cancel = cancel_on_interrupt();
    let cx = args.lit.context(&cancel);
    let set = args.lit.open(&cx)?;
    let model = train(&set, Some(args.lit.fit(&set)), &cx)?;
    let rows = known_errors(Shown::Model(&model), &set, &cx)?;
    let errors = LightErrors::of(&rows).map_or([0.0; 2], |e| [e.mean, e.median]);
    let name = || args.lit.data.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let card = |card| restora::ops::color::LightCard {
        data: args.about.clone().unwrap_or_else(name),
        license: args.license.clone(),
        scores: [("on the training set: mean, median, degrees".to_owned(), errors)].into(),
        ..card
    };
    write_model(&args.output, model, card, args.overwrite)?;
    print(&format!(
        "{}: {} pictures, on themselves {:.2} / {:.2} degrees (mean / median)\n",
        args.output.display(),
        set.pictures.len(),
        errors[0],
        errors[1],
    ))?;
    Ok(end(&set))
}

fn test(args: &TestArgs) -> anyhow::Result<End> {
    let cancel = cancel_on_interrupt();
    let cx = args.lit.context(&cancel);
    let method = match &args.method {
        None => LightMethod::Learned,
        Some(name) => serde_json::from_value(json!(name))
            .map_err(|e| Error::Usage(format!("--method: {e}")))?,
    };
    let model = args.model.as_deref().map(read_model).transpose()?;
    let set = args.lit.open(&cx)?;
    let rows = match (args.folds, &model) {
        (Some(folds), _) => {
            cross_validate(&set, Some(args.lit.fit(&set)), folds, args.blocks, &cx)?
        }
        (None, Some(model)) => known_errors(Shown::Model(model), &set, &cx)?,
        (None, None) => known_errors(Shown::Method(method), &set, &cx)?,
    };
    let Some(errors) = LightErrors::of(&rows) else { return Ok(End::NothingToDo) };
    if args.json {
        let all = json!({ "errors": errors, "pictures": rows, "left_out": set.left_out });
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    } else {
        print(&words(&errors, &rows))?;
    }
    Ok(end(&set))
}

/// The table on the terminal, in degrees.
fn words(errors: &LightErrors, rows: &[LightRow]) -> String {
    let mut lines = vec![
        ("pictures", errors.count.to_string()),
        ("mean", format!("{:.2}", errors.mean)),
        ("median", format!("{:.2}", errors.median)),
        ("trimean", format!("{:.2}", errors.trimean)),
        ("best quarter", format!("{:.2}", errors.best_quarter)),
        ("worst quarter", format!("{:.2}", errors.worst_quarter)),
        ("reproduction, mean", format!("{:.2}", errors.reproduction)),
    ];
    if let Some(expected) = errors.expected {
        lines.push(("expected by the model, mean", format!("{expected:.2}")));
    }
    if let Some(surer) = errors.surer_half {
        lines.push(("mean of the surer half", format!("{surer:.2}")));
    }
    let without = rows.iter().filter(|r| r.estimate.is_none()).count();
    if without > 0 {
        lines.push(("without an estimate", without.to_string()));
    }
    let lines: Vec<_> = lines.into_iter().map(|(name, v)| vec![name.to_owned(), v]).collect();
    table(&["angular error", "degrees"], &[1], &lines)
}
