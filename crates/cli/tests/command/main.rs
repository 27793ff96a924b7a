//! The command as a user meets it.

mod color;
mod constancy;
mod damage;
mod deblocking;
mod dedupe;
mod device;
mod inpainting;
mod learned;
mod learning;
mod matching;
mod parts;
mod pictures;
mod salvage;
mod support;
mod upscaling;
