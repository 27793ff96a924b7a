//! Damage of one image, found without a hand-drawn mask.
//!
//! Each detector answers with a [`Mask`](restora_image::Mask), `true` where a pixel is damaged, and
//! marks nothing where it is not sure: what is marked is going to be replaced by a guess.

mod dead_lines;
mod dust;
mod rates;
mod scratches;
mod text;
mod windows;

pub use dead_lines::{DeadLines, dead_lines};
pub use dust::{DUST_TERMS, Dust, DustCandidate, dust, dust_candidates};
pub use rates::Significance;
pub use scratches::{SCRATCH_TERMS, ScratchCandidate, Scratches, scratch_candidates, scratches};
pub use text::{Text, text};
