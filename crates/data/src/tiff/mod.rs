//! TIFF 6.0 and `BigTIFF`: several pages, strips and tiles, either byte order.
//!
//! Read: gray, RGB and palette with at most one extra sample; unsigned integers of 1 to 16 bits,
//! floats of 16, 32 and 64; chunky and planar; no compression, LZW, Deflate, `PackBits`; all three
//! predictors. Rows go straight from the decompressor into the raster, so a file of one huge strip
//! needs no second copy. Reduced-resolution pages and masks are passed over.
//!
//! Written: little-endian, chunky strips, in the compression of the source, `BigTIFF` where 4 GiB do
//! not suffice.

mod error;
pub(crate) mod ifd;
mod page;
mod predictor;
mod read;
mod rows;
pub(crate) mod tag;
mod write;

pub(crate) use error::{corrupt, unsupported};
pub(crate) use read::{decode, header};
pub(crate) use tag::DESCRIPTIVE;
pub(crate) use write::encode;
