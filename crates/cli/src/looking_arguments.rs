//! The face of the commands that look at pictures and change none.

use crate::arguments::InputArgs;
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each a flag of the command"
)]
pub struct InspectArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,
    /// Look for scratches, dust, burnt-in text and dead lines too
    #[arg(long)]
    pub damage: bool,
    /// Measure how good each picture looks too: NIQE and BRISQUE (less is better), colorfulness
    #[arg(long)]
    pub quality: bool,
    /// Measure what is left of damaged JPEG and PNG files, and say what is lost
    #[arg(long)]
    pub salvage: bool,
    /// Look at the pictures as a set too (classes, splits, copies, leaks, outliers, labels to check) and write
    /// an HTML page of it, or all of it as JSON if FILE ends in .json
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// By what pictures of the set are near each other; several count together
    #[arg(long, value_name = "NAME[:OPTIONS]", default_values = ["hog", "color-histogram"], requires = "report")]
    pub features: Vec<String>,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// No progress
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct CompareArgs {
    /// The clean picture, or a folder of them
    #[arg(value_name = "REF")]
    pub reference: PathBuf,
    /// The picture to score, or a folder with the same relative names
    #[arg(value_name = "DIST")]
    pub distorted: PathBuf,
    /// Print pairs and means as JSON
    #[arg(long)]
    pub json: bool,
    /// Print a table of comma-separated values, one line per pair
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Measures, separated by commas, or `all`; docs/measures.md says what each sees
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "mse,mae,psnr,ssim,ms-ssim"
    )]
    pub measures: Vec<String>,
    /// A learned measure with its weights: lpips:backbone=FILE,linear=FILE or dists:backbone=FILE,weights=FILE
    #[arg(long, value_name = "MEASURE", conflicts_with_all = ["mask", "crop"])]
    pub perceptual: Vec<String>,
    /// Show what other programs (scikit-image, MATLAB, piq, pytorch-msssim, torchmetrics, OpenCV) give for two
    /// files, and which of their conventions makes the difference
    #[arg(long, conflicts_with_all = ["csv", "mask", "crop", "perceptual"])]
    pub explain: bool,
    /// Score only the part of two files that a mask marks, by MSE, MAE, PSNR and SSIM (windows centered there): a
    /// picture, white = marked; alpha; color:#RRGGBB of DIST
    #[arg(long, value_name = "MASK", conflicts_with_all = ["csv", "measures"])]
    pub mask: Option<String>,
    /// Which pixels of the mask count: inside or outside
    #[arg(long, value_name = "SIDE", default_value = "inside", requires = "mask")]
    pub mask_side: String,
    /// Cut two files of different sizes to what both have, from the upper left corner
    #[arg(long, conflicts_with_all = ["csv", "measures"])]
    pub crop: bool,
    /// Gray conversion of color pairs: none (mean over channels), pillow-l, bt601
    #[arg(long, value_name = "CONVERSION", default_value = "none")]
    pub gray: String,
    /// Window of SSIM: gaussian (11 taps, MATLAB) or uniform (7 taps, scikit-image's default)
    #[arg(long, default_value = "gaussian")]
    pub window: String,
    /// Which windows of SSIM count: valid, reflect, reflect101, replicate
    #[arg(long, default_value = "valid")]
    pub border: String,
    /// Difference between white and black, in nominal range
    #[arg(long, default_value_t = 1.0)]
    pub range: f64,
    /// Unit of MSE (squared) and MAE: 8-bit (white is 255) or nominal (white is 1)
    #[arg(long, default_value = "8-bit")]
    pub unit: String,
    /// How MS-SSIM halves odd sizes: replicate (piq), zero (pytorch-msssim) or drop (torchmetrics)
    #[arg(long, default_value = "replicate")]
    pub pooling: String,
    /// Values outside [0, range]: clip, keep, or auto: clip them if the reference is made of integers,
    /// which cannot hold them
    #[arg(long, value_name = "RULE", default_value = "auto")]
    pub out_of_range: String,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

#[derive(Args, Debug)]
pub struct DedupeArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// Write the clusters side by side as an HTML page
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print pictures, pairs and clusters as JSON
    #[arg(long)]
    pub json: bool,
    /// Keep what is known of each picture in this file, and look only at those that are new or changed
    #[arg(long, value_name = "FILE")]
    pub index: Option<PathBuf>,
    /// Keypoints of each picture that are compared, 16 to 1000
    #[arg(long, value_name = "N", default_value_t = 120)]
    pub keypoints: u32,
    /// Least probability that two pictures are of one source
    #[arg(long, value_name = "P", default_value_t = 0.9)]
    pub probability: f64,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// No progress
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Args, Debug)]
pub struct MatchArgs {
    /// One picture
    #[arg(value_name = "FIRST")]
    pub first: PathBuf,
    /// The other
    #[arg(value_name = "SECOND")]
    pub second: PathBuf,
    /// Draw both side by side with lines between the matches (.png or .svg)
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// Replace an existing picture
    #[arg(long)]
    pub overwrite: bool,
    /// Print everything, each match too, as JSON
    #[arg(long)]
    pub json: bool,
    /// How descriptors are normalized: root-sift, sift
    #[arg(long, default_value = "root-sift")]
    pub descriptor: String,
    /// Keep only so many keypoints of each picture, those of highest contrast; 0 keeps all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_keypoints: u32,
    /// The nearest descriptor must be nearer than this times the second nearest
    #[arg(long, default_value_t = 0.8)]
    pub ratio: f64,
    /// Both must be nearest to each other
    #[arg(long)]
    pub mutual: bool,
    /// Largest error of a match that agrees, in pixels of the second picture
    #[arg(long, value_name = "PX", default_value_t = 3.0)]
    pub threshold: f64,
    /// Seed of the random draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}
