//! The belt: a picture enters, each step changes it, it leaves, and the report says what was done.
//!
//! ```text
//!  path --> decode --> diagnose --> steps in tiles --> encode --> score --> Report
//! ```
//!
//! This crate is the facade that every door (command line, Python, Spark, browser) goes through. It
//! re-exports the rooms as modules: [`image`], [`ops`], [`metrics`], [`nn`], [`data`].

pub mod auto;
pub mod constancy;
pub mod damage;
pub mod diagnose;
pub mod doubt_map;
pub mod duplicates;
mod error;
pub mod extractor;
pub mod html;
mod journal;
pub mod learned;
pub mod learned_deblocker;
pub mod learned_denoiser;
pub mod learned_inpainter;
pub mod learned_upscaler;
pub mod masks;
pub mod matching;
pub mod model;
pub mod nearest;
pub mod nets;
mod option_text;
pub mod pairs;
pub mod perceptual;
pub mod pipeline;
pub mod plot;
mod preview;
pub mod quality;
pub mod referee;
pub mod region;
pub mod report;
mod resolve;
pub mod run;
pub mod set_inspection;
pub mod sets;
mod step;
pub mod tiles;
pub mod train;
pub mod training_report;
mod turns;

pub use error::Error;
pub use extractor::Extractor;
pub use pipeline::Pipeline;
pub use resolve::{Resolved, resolve};
pub use restora_data as data;
pub use restora_image as image;
pub use restora_metrics as metrics;
pub use restora_nn as nn;
pub use restora_ops as ops;
pub use step::Step;
