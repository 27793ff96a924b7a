//! JPEG (ITU-T T.81): pixels by `zune-jpeg`, written by `jpeg-encoder`, completeness by our own check.
//!
//! Decoders fill what is missing of a truncated JPEG with gray and report success: T.81 lets them
//! resynchronize, and viewers want to show something. A restored picture with a gray half is worse
//! than an error, so the `entropy` module first reads every Huffman code of every scan, without transforming
//! anything, and demands that each scan holds all its blocks, that nothing but padding is left over
//! and that all coefficients of a progressive picture arrived with all their bits. It costs about a
//! third of the decoding.

pub(crate) mod bits;
mod density;
pub(crate) mod entropy;
mod error;
pub(crate) mod markers;
mod read;
mod write;

pub(crate) use density::jfif_density;
pub(crate) use error::{corrupt, unsupported};
pub(crate) use read::{Found, decode, header, header_of};
pub(crate) use write::encode;
