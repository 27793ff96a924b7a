//! The command as a user meets it.

mod color;
mod constancy;
mod damage;
mod deblocking;
mod dedupe;
mod device;
mod features;
mod inpainting;
mod learned;
mod learning;
mod matching;
mod parts;
mod pictures;
mod quality;
mod salvage;
mod search;
mod set_inspection;
mod sets;
mod support;
mod upscaling;
