//! The face of the command line.

use crate::constancy::{CONSTANCY_HELP, ConstancyArgs};
use crate::device::Device;
use crate::features::{FEATURES_HELP, FeaturesArgs};
use crate::learning_arguments::{
    AnomalyArgs, EncodeArgs, ModelArgs, ReconstructArgs, TRAIN_HELP, TrainArgs,
};
use crate::looking_arguments::{CompareArgs, DedupeArgs, InspectArgs, MatchArgs};
use crate::search::{INDEX_HELP, IndexArgs, SEARCH_HELP, SearchArgs};
use crate::sets::{SETS_HELP, SetsArgs};
use clap::{Args, Parser, Subcommand, ValueEnum};
use restora::data::Format;
use restora::image::{Depth, Sigma};
use restora::masks::MaskSource;
use std::path::PathBuf;

/// Diagnose, repair and prove: restore folders of damaged pictures.
#[derive(Debug, Parser)]
#[command(name = "restora", version, propagate_version = true, max_term_width = 100)]
pub struct Restora {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Restore pictures: measure each one, then do only what helps
    #[command(after_help = RESTORE_HELP)]
    Restore(RestoreArgs),
    /// Damage pictures in a seeded, reproducible way, for tests and training
    #[command(after_help = DEGRADE_HELP)]
    Degrade(DegradeArgs),
    /// Measure noise, impulses, JPEG blocks, blur and exposure of pictures
    Inspect(InspectArgs),
    /// Score distorted pictures against their references
    Compare(CompareArgs),
    /// Find duplicates: equal files, equal pixels, and crops, turns, resizes and other copies
    #[command(after_help = DEDUPE_HELP)]
    Dedupe(DedupeArgs),
    /// Look at pictures once and keep what copies are found by, in a file that grows
    #[command(after_help = INDEX_HELP)]
    Index(IndexArgs),
    /// Find copies of pictures among those of an index
    #[command(after_help = SEARCH_HELP)]
    Search(SearchArgs),
    /// Measure how far a set of generated pictures is from a set of real ones, and what it copies
    #[command(after_help = SETS_HELP)]
    Sets(Box<SetsArgs>),
    /// Find what two pictures have in common, and how one maps onto the other
    #[command(after_help = MATCH_HELP)]
    Match(MatchArgs),
    /// Write features of pictures as a table: histograms, textures, outlines, hashes
    #[command(after_help = FEATURES_HELP)]
    Features(Box<FeaturesArgs>),
    /// List methods with their options and papers
    Methods(MethodsArgs),
    /// Train a net on your own pictures
    #[command(after_help = TRAIN_HELP, args_override_self = true)]
    Train(Box<TrainArgs>),
    /// Write what a trained net makes of each picture, with its error
    Reconstruct(Box<ReconstructArgs>),
    /// Write the codes of an autoencoder as a table
    Encode(Box<EncodeArgs>),
    /// Sort pictures by how badly an autoencoder reproduces them
    Anomaly(Box<AnomalyArgs>),
    /// Show, import and export files of weights
    Model(Box<ModelArgs>),
    /// Train estimators of the light on pictures, and measure estimators against known lights
    #[command(after_help = CONSTANCY_HELP)]
    Constancy(Box<ConstancyArgs>),
}

const RESTORE_HELP: &str = "\
Examples:
  restora restore scans -o restored --report report.html
  restora restore photo.png -o clean.png --denoise bm3d --sigma 25/255
  restora restore in -o out --denoise median:radius=1 --denoise nl-ridge
  restora restore in -o out --denoise learned:noise=unknown
  restora restore scan.png -o whole.png --inpaint telea --mask holes.png
  restora restore broken -o whole --salvage --denoise none --mask-out invented
  restora restore scan.png -o whole.png --inpaint telea --mask detect:scratches --mask-out mask.png
  restora restore in -o out --denoise learned:model=mine.safetensors
  restora restore saved.jpg -o whole.png --deblock learned-deblocking
  restora restore in -o out --color white-balance
  restora restore in -o out --denoise auto --color white-balance:temperature=3200,tint=4
  restora restore raw.tif -o out.tif --color white-balance:method=gray-edge,encoding=linear
  restora restore shoot -o out --color white-balance:session=track
  restora restore in -o out --color color-transfer:reference=like.jpg,strength=0.8
  restora restore in -o out --color auto-levels --color clahe:clip-limit=3
  restora restore small.png -o large.png --upscale learned-upscaling:factor=3
  restora restore in -o out --dry-run > plan.json && restora restore in -o out --pipeline plan.json

`restora methods` lists every method with its options.";

const DEDUPE_HELP: &str = "\
Examples:
  restora dedupe photos --report duplicates.html
  restora dedupe photos --json > duplicates.json
  restora dedupe photos --index photos.index    # looks at new and changed pictures only

Nothing is moved or deleted. Of each cluster the picture of most pixels is marked as the one to keep.";

const MATCH_HELP: &str = "\
Examples:
  restora match a.jpg b.jpg --picture matches.png
  restora match page.png scan.jpg --json > map.json

Keypoints and descriptors are SIFT's; the homography is found by RANSAC, and is given only where chance
does not explain it.";

const DEGRADE_HELP: &str = "\
Examples:
  restora degrade clean -o noisy --damage gaussian-noise:sigma=25/255 --seed 1
  restora degrade clean -o noisy --damage blur --damage poisson-gaussian-noise --depth f32 --format tiff

`restora methods --family degrade` lists every damage with its options.";

/// What to read.
#[derive(Args, Clone, Debug)]
pub struct InputArgs {
    /// A folder (read recursively), a file, a quoted glob such as 'scans/**/*.tif', or - for standard
    /// input
    #[arg(value_name = "IN", required_unless_present = "list")]
    pub input: Option<PathBuf>,
    /// A text file that names one picture per line
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    pub list: Option<PathBuf>,
    /// Refuse pictures of more pixels, in millions
    #[arg(long, value_name = "MP", default_value_t = 500.0)]
    pub max_megapixels: f64,
}

/// How to go about it.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RunArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// Where results go: a folder that mirrors the input, a file for a single input file, or - for
    /// standard output
    #[arg(short, long, value_name = "OUT", required_unless_present = "dry_run")]
    pub output: Option<PathBuf>,
    /// Print the steps for every picture as JSON and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write this format instead of the input's
    #[arg(long, value_enum)]
    pub format: Option<FormatName>,
    /// Write this sample depth instead of the input's
    #[arg(long, value_enum)]
    pub depth: Option<DepthName>,
    /// Quality of written JPEGs
    #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,
    /// Score input and output against this folder of clean pictures with the same names, or this file
    #[arg(long, value_name = "REF")]
    pub reference: Option<PathBuf>,
    /// Write a self-contained HTML report
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print the whole report as JSON
    #[arg(long)]
    pub json: bool,
    /// Write a record NAME.restora.json beside each output
    #[arg(long)]
    pub sidecar: bool,
    /// Go on with an interrupted run
    #[arg(long)]
    pub resume: bool,
    /// Replace files that are already there
    #[arg(long)]
    pub overwrite: bool,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Memory that pictures in flight may take together, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 1.5)]
    pub memory: f64,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// No progress and no table
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Args, Debug)]
pub struct RestoreArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Method with options, NAME:key=value,key=value; repeat to chain. auto measures each picture
    /// and picks method and strength, or nothing [default: auto, or nothing with --inpaint,
    /// --deblock, --color or --upscale]
    #[arg(short, long, value_name = "METHOD")]
    pub denoise: Vec<String>,
    /// Fill what --mask marks, before anything else: METHOD:key=value; repeat to chain. auto picks by
    /// the size of the holes and the texture around them [default: auto where something is missing]
    #[arg(long, value_name = "METHOD")]
    pub inpaint: Vec<String>,
    /// What is missing: a picture (white = missing) for every picture of its size, a folder of such
    /// with the same names, alpha (what is transparent), color:#RRGGBB[:tolerance=N], auto (all damage
    /// that is certain; without --inpaint it is filled as part of the automatic choice), or
    /// detect:NAME,NAME of impulses, scratches, dust, text, dead-lines; scratches:false-marks=30 and
    /// dust:false-marks=30 (a megapixel of an undamaged photograph) find more, and more wrongly
    #[arg(long, value_name = "MASK")]
    pub mask: Option<MaskSource>,
    /// Decode what is left of damaged JPEG and PNG files, fill what is lost (as --inpaint says), and
    /// say so; without it they fail
    #[arg(long)]
    pub salvage: bool,
    /// Write the masks of what was filled into this folder, or for one picture into this PNG (white =
    /// filled): to be edited, and given back as --mask
    #[arg(long, value_name = "OUT")]
    pub mask_out: Option<PathBuf>,
    /// Write how far each filled pixel may be off into this folder: half-widths of 90 % intervals as 16-bit PNG,
    /// 65535 = the whole range
    #[arg(long, value_name = "FOLDER")]
    pub doubt_map: Option<PathBuf>,
    /// Undo JPEG compression, before --denoise: METHOD:key=value. The quality is measured where it is not given
    #[arg(long, value_name = "METHOD")]
    pub deblock: Vec<String>,
    /// white-balance, color-transfer, auto-levels or clahe with options, NAME:key=value,key=value; repeat to
    /// chain. Done after --denoise, which is none if only this is given
    #[arg(short, long, value_name = "METHOD")]
    pub color: Vec<String>,
    /// Enlarge by 2, 3 or 4, after everything else: METHOD:factor=N (2 if not given). Nothing else is done if only
    /// this is given
    #[arg(long, value_name = "METHOD")]
    pub upscale: Option<String>,
    /// Noise level for the methods that take one: 25/255, 0.098 or auto
    #[arg(short, long, default_value = "auto")]
    pub sigma: Sigma,
    /// Where nets are computed
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,
    /// Run the steps of this JSON file, as --dry-run prints it
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["denoise", "inpaint", "deblock", "color", "upscale", "sigma"])]
    pub pipeline: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct DegradeArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Damage with options, NAME:key=value,key=value; repeat to chain
    #[arg(short, long, value_name = "DAMAGE", required = true)]
    pub damage: Vec<String>,
    /// Write the masks of missing pixels and scratches into this folder (white = missing)
    #[arg(long, value_name = "FOLDER")]
    pub mask_out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct MethodsArgs {
    /// Show the options of this method
    pub name: Option<String>,
    /// Only this family: filter, denoise, inpaint, deblock, color, upscale, degrade,
    /// features
    #[arg(long)]
    pub family: Option<String>,
    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormatName {
    Jpeg,
    Png,
    Webp,
    Tiff,
    Bmp,
    Pnm,
    Qoi,
    Gif,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Jpeg => Self::Jpeg,
            FormatName::Png => Self::Png,
            FormatName::Webp => Self::WebP,
            FormatName::Tiff => Self::Tiff,
            FormatName::Bmp => Self::Bmp,
            FormatName::Pnm => Self::Pnm,
            FormatName::Qoi => Self::Qoi,
            FormatName::Gif => Self::Gif,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DepthName {
    #[value(name = "8", alias = "u8")]
    U8,
    #[value(name = "16", alias = "u16")]
    U16,
    #[value(name = "f32", aliases = ["32", "float"])]
    F32,
}

impl From<DepthName> for Depth {
    fn from(name: DepthName) -> Self {
        match name {
            DepthName::U8 => Self::U8,
            DepthName::U16 => Self::U16,
            DepthName::F32 => Self::F32,
        }
    }
}
