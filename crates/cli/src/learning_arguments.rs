//! The face of the commands that train nets and use them.

use crate::device::Device;
use clap::{Args, Subcommand};
use restora::data::{Axes, DatasetOptions, Limits};
use restora::image::{Sigma, Size};
use std::path::PathBuf;

pub const TRAIN_HELP: &str = "\
Examples:
  restora train restorer --data photos -o mine.safetensors
  restora train restorer:channels=3 --data photos --damage 0.7*gaussian-noise:sigma=0..50/255 \\
    --damage 0.3*gaussian-noise:sigma=0..25/255+jpeg:quality=40..95 --steps 50000 -o mine.safetensors
  restora train --resume --data photos -o mine.safetensors
  restora train restorer --data photos --recipe recipe.json -o mine.safetensors

An interrupted or killed run goes on with --resume and writes the same bytes as an uninterrupted one.";

/// How a set of pictures is read.
#[derive(Args, Clone, Debug)]
pub struct SetArgs {
    /// One class label per picture: IDX, NPY, raw bytes, or text, one a line
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// The array of pictures in an NPZ
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// The array of labels in an NPZ
    #[arg(long, value_name = "NAME")]
    pub label_key: Option<String>,
    /// Pixels in a row, for items that are plain lists of numbers
    #[arg(long, value_name = "PIXELS")]
    pub width: Option<u32>,
    /// Where an array of four dimensions has its channels
    #[arg(long, value_name = "ORDER", value_parser = ["channels-first", "channels-last"])]
    pub axes: Option<String>,
    /// The file is one picture made of cells of this size, such as 32x32
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub cell: Option<Size>,
    /// Take only the first so many pictures
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// Refuse pictures of more pixels, in millions
    #[arg(long, value_name = "MP", default_value_t = 500.0)]
    pub max_megapixels: f64,
}

impl SetArgs {
    /// How the set is read.
    pub fn options(&self) -> anyhow::Result<DatasetOptions> {
        let axes = self.axes.as_deref().map(|axes| match axes {
            "channels-first" => Axes::ChannelsFirst,
            _ => Axes::ChannelsLast,
        });
        if !(self.max_megapixels > 0.0 && self.max_megapixels.is_finite()) {
            let got = self.max_megapixels;
            let told = format!("--max-megapixels must be above 0, got {got}");
            anyhow::bail!(restora::Error::Usage(told));
        }
        Ok(DatasetOptions {
            limits: Limits { max_pixels: (self.max_megapixels * 1e6) as u64, ..Limits::default() },
            labels: self.labels.clone(),
            key: self.key.clone(),
            label_key: self.label_key.clone(),
            width: self.width,
            axes,
            cell: self.cell,
            count: self.count,
        })
    }
}

fn size(text: &str) -> Result<Size, String> {
    let wrong = || format!("a size is WIDTHxHEIGHT such as 32x32, got `{text}`");
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    match (width.trim().parse(), height.trim().parse()) {
        (Ok(width), Ok(height)) if width > 0 && height > 0 => Ok(Size { width, height }),
        _ => Err(wrong()),
    }
}

/// Side of a patch, or whole pictures.
#[derive(Clone, Copy, Debug)]
pub enum Patch {
    Side(usize),
    Whole,
}

fn patch(text: &str) -> Result<Patch, String> {
    if text == "whole" {
        return Ok(Patch::Whole);
    }
    let side = text.parse().map_err(|_| format!("a number of pixels or `whole`, got `{text}`"))?;
    Ok(Patch::Side(side))
}

#[derive(Args, Clone, Debug)]
pub struct TrainArgs {
    /// The net with its options, NAME:key=value,key=value; not needed with --resume, or where the
    /// recipe names it
    #[arg(value_name = "MODEL")]
    pub model: Option<String>,
    /// A folder, a quoted glob, a list (@files.txt), a zip of pictures, IDX (MNIST), CIFAR, NPY, NPZ,
    /// a CSV of pixels, or a mosaic with --cell
    #[arg(long, value_name = "SET")]
    pub data: PathBuf,
    #[command(flatten)]
    pub set: SetArgs,
    /// The weights to write (safetensors). Beside them come .history.json, .html, and .checkpoint
    /// until the run is done
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// What is done to clean pictures, [WEIGHT*]NAME:key=value+NAME:key=from..to; repeat for
    /// alternatives; clean does nothing. Autoencoders: clean; denoisers: gaussian-noise:sigma=0..50/255
    #[arg(short, long, value_name = "DAMAGE")]
    pub damage: Vec<String>,
    /// What is made small [default: mse for autoencoders, charbonnier for denoisers]
    #[arg(long, value_parser = ["mse", "l1", "charbonnier", "psnr", "cross-entropy"])]
    pub loss: Option<String>,
    /// How weights follow gradients [default: muon; adam for dense nets]
    #[arg(long, value_parser = ["sgd", "adam", "adamw", "adamax", "muon"])]
    pub optimizer: Option<String>,
    /// Momentum of sgd [default: 0.9]
    #[arg(long, value_name = "0..1", requires = "optimizer")]
    pub momentum: Option<f32>,
    /// Weight decay of adamw [default: 0.01] or muon [default: 0]
    #[arg(long, value_name = "0..=1", requires = "optimizer")]
    pub weight_decay: Option<f32>,
    /// The highest learning rate [default: 0.002; 0.001 for dense nets]
    #[arg(long, value_name = "RATE")]
    pub learning_rate: Option<f32>,
    /// Steps over which the learning rate rises [default: a twentieth of the run, 200 at most]
    #[arg(long, value_name = "STEPS")]
    pub warm_up: Option<u64>,
    /// The learning rate after that [default: cosine]
    #[arg(long, value_parser = ["cosine", "constant"])]
    pub schedule: Option<String>,
    /// The last learning rate of the cosine as a part of the highest [default: 0.001]
    #[arg(long, value_name = "0..=1")]
    pub floor: Option<f32>,
    /// Passes over the pictures [default: 50 for autoencoders]
    #[arg(long, conflicts_with = "steps")]
    pub epochs: Option<f64>,
    /// Steps [default: 20000 for denoisers]
    #[arg(long)]
    pub steps: Option<u64>,
    /// Decay of the running average of the weights, which is what is kept; 0: none [default: 0.999]
    #[arg(long, value_name = "0..1")]
    pub ema: Option<f32>,
    /// Longest gradient; 0: any [default: 1]
    #[arg(long, value_name = "NORM")]
    pub clip: Option<f32>,
    /// Patches or pictures of a step [default: 64 for autoencoders, 16 for denoisers]
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Side of the square patches that are cut out, or `whole` [default: whole for autoencoders, 64
    /// for denoisers]
    #[arg(long, value_name = "PIXELS", value_parser = patch)]
    pub patch: Option<Patch>,
    /// Flip and turn patches: `horizontal` for faces and other pictures that must stay upright
    /// [default: all for denoisers, none for autoencoders]
    #[arg(long, value_name = "WHICH", value_parser = ["none", "horizontal", "all"])]
    pub flips: Option<String>,
    /// How often a net that can do without is not told the noise level [default: 0.2]
    #[arg(long, value_name = "0..=1")]
    pub blind: Option<f64>,
    /// Part of the pictures that is kept for validation [default: 0.1]
    #[arg(long, value_name = "0..1")]
    pub validation: Option<f64>,
    /// Steps between two validations [default: a pass for autoencoders, 500 for denoisers]
    #[arg(long, value_name = "STEPS")]
    pub validate_every: Option<u64>,
    /// Validations without a better one after which the run ends and the best weights are kept; 0:
    /// never [default: 0]
    #[arg(long, value_name = "N")]
    pub patience: Option<u64>,
    /// Seed of everything random [default: 0]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Go on with the interrupted run that was to write --output; other options need not be repeated
    #[arg(long, conflicts_with_all = ["overwrite", "start"])]
    pub resume: bool,
    /// Start from these weights, or from a checkpoint
    #[arg(long, value_name = "WEIGHTS")]
    pub start: Option<PathBuf>,
    /// JSON of training options, all or some; flags go before it
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Write all training options as JSON that --recipe reads
    #[arg(long, value_name = "FILE")]
    pub save_recipe: Option<PathBuf>,
    /// The HTML page with curves and pictures [default: beside the output]; none: no page
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Replace files that are already there
    #[arg(long)]
    pub overwrite: bool,
    /// Seconds between two checkpoints, at most
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub checkpoint_every: f64,
    /// Where nets are computed
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// No progress
    #[arg(short, long)]
    pub quiet: bool,
}

/// A net, and the pictures that go through it.
#[derive(Args, Clone, Debug)]
pub struct ThroughArgs {
    /// The net: a file of weights that `restora train` or `restora model import` wrote
    #[arg(short, long, value_name = "FILE")]
    pub model: PathBuf,
    /// Where nets are computed
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Replace files that are already there
    #[arg(long)]
    pub overwrite: bool,
    /// No table
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Args, Clone, Debug)]
pub struct ReconstructArgs {
    #[command(flatten)]
    pub through: ThroughArgs,
    /// A folder, a quoted glob, a list (@files.txt), a zip of pictures, IDX (MNIST), CIFAR, NPY, NPZ,
    /// a CSV of pixels, or a mosaic with --cell
    #[arg(value_name = "IN")]
    pub data: PathBuf,
    #[command(flatten)]
    pub set: SetArgs,
    /// The folder that what the net makes of each picture is written into
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// Noise level for a net that is told it: 25/255 or 0.098
    #[arg(short, long)]
    pub sigma: Option<Sigma>,
    /// Print the table as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
pub struct EncodeArgs {
    #[command(flatten)]
    pub through: ThroughArgs,
    /// A folder, a quoted glob, a list (@files.txt), a zip of pictures, IDX (MNIST), CIFAR, NPY, NPZ,
    /// a CSV of pixels, or a mosaic with --cell
    #[arg(long, value_name = "SET")]
    pub data: PathBuf,
    #[command(flatten)]
    pub set: SetArgs,
    /// The table of codes: .npy, .csv or .parquet
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Args, Clone, Debug)]
pub struct AnomalyArgs {
    #[command(flatten)]
    pub through: ThroughArgs,
    /// A folder, a quoted glob, a list (@files.txt), a zip of pictures, IDX (MNIST), CIFAR, NPY, NPZ,
    /// a CSV of pixels, or a mosaic with --cell
    #[arg(long, value_name = "SET")]
    pub data: PathBuf,
    #[command(flatten)]
    pub set: SetArgs,
    /// The table of errors, worst first: .csv
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A class that is no anomaly, by name or number; repeat for more [default: 0, where the labels are
    /// 0 and 1]
    #[arg(long, value_name = "CLASS")]
    pub normal: Vec<String>,
    /// Write an HTML page with the worst and the best pictures and the ROC curve
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print all errors and the ROC-AUC as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
pub struct ModelArgs {
    #[command(subcommand)]
    pub command: ModelCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum ModelCommand {
    /// Print a net's card, tensors, size and cost
    Show {
        /// A file of weights
        file: PathBuf,
        /// Print everything as JSON
        #[arg(long)]
        json: bool,
    },
    /// Turn weights from elsewhere (.pth, .safetensors) into ours
    Import(ImportArgs),
    /// Write weights as ONNX, or at another precision
    Export {
        /// A file of weights
        file: PathBuf,
        /// What is written: .onnx or .safetensors
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Number format of a .safetensors
        #[arg(long, value_parser = ["f32", "f16", "int8"], default_value = "f32")]
        precision: String,
        /// What the model card says from now on of `data`, `license` or `version`; repeat for more
        #[arg(long, value_name = "NAME=TEXT")]
        card: Vec<String>,
        /// Replace a file that is already there
        #[arg(long)]
        overwrite: bool,
    },
}

#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// The file from elsewhere
    pub file: PathBuf,
    /// What is written
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The net, NAME:key=value. The usual layouts of dncnn and ffdnet are known: their options are
    /// found in the file, and those given are checked
    #[arg(short, long, value_name = "MODEL")]
    pub architecture: String,
    /// Rules that rename tensors, lines of from=to, or -from to leave one out, or JSON
    #[arg(long, value_name = "FILE")]
    pub key_map: Option<PathBuf>,
    /// How an ffdnet orders the parts of its input: row-major, or column-major as those of
    /// MATLAB
    #[arg(long, value_parser = ["row-major", "column-major"], default_value = "row-major")]
    pub sub_images: String,
    /// Terms of the weights, for their card
    #[arg(long, default_value = "")]
    pub license: String,
    /// Replace a file that is already there
    #[arg(long)]
    pub overwrite: bool,
}
