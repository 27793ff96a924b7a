//! Bytes on disk: which files are there, what is in them, and how it gets back.
//!
//! ```text
//!  Input -> walk -> Entry -> read -> bytes -> decode -> Raster + FileMeta
//!                                                         |
//!  path <- AtomicFile <- encode_to <-----------------------'
//! ```
//!
//! Sets of pictures to train on, in folders, archives and array files, are a [`Dataset`]; tables
//! of codes go out through a [`TableWriter`] and come back through a [`TableReader`].
//!
//! Invariants:
//! - the header is read and checked against [`Limits`] before anything of the picture's size is
//!   allocated;
//! - a file is decoded whole or not at all: a truncated or damaged one is [`DataError::Corrupt`],
//!   never a picture with a gray rest. JPEG needs a check of its own for that (`jpeg/entropy.rs`);
//!   what is left of a damaged JPEG or PNG is had from [`salvage`] alone, with a mask of the rest;
//! - decoders write into the one `Vec` of the [`restora_image::Raster`], encoders stream rows out
//!   of it; there is no second copy of a large picture;
//! - nothing here changes the content of a picture, except that EXIF orientation is applied;
//! - no input makes a public function panic. Decoders of other crates run inside the one
//!   `catch_unwind` of [`decode`].

mod atomic;
mod bmp;
mod bytes;
mod dataset;
mod decode;
mod encode;
mod error;
mod exif;
mod format;
mod gif;
mod glob;
mod jpeg;
mod limits;
mod meta;
mod orient;
mod png;
mod pnm;
mod qoi;
mod salvage;
mod table;
mod tiff;
mod walk;
mod webp;

pub use atomic::{AtomicFile, TEMPORARY_SUFFIX, remove_stale_temporaries, write_atomically};
pub use dataset::{Axes, Dataset, DatasetOptions, Item, Numbers, SetFormat, npz_numbers, split};
pub use decode::{Decoded, decode, read_header};
pub use encode::{EncodeOptions, PngCompression, Sink, encode, encode_to, fit, lost, write_file};
pub use error::{DataError, ItemError};
pub use exif::capture_time;
pub use format::{Format, sniff};
pub use limits::{Header, Limits};
pub use meta::{Density, DensityUnit, FileMeta, JpegDetail, PngDetail, PnmDetail, TiffDetail};
pub use salvage::{Damage, Salvaged, salvage, salvage_header};
pub use table::{TableFormat, TableLabels, TableReader, TableWriter};
pub use walk::{Entry, Input, Source, Walk, walk};
