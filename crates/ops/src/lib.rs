//! Image in, image out.
//!
//! One algorithm is one file named as the literature names it. Nothing here reads a file, measures
//! an image or knows of another room.

pub mod color;
pub mod deblock;
pub mod degrade;
pub mod denoise;
pub mod filter;
pub mod inpaint;
pub mod upscale;
