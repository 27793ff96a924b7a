//! What is left of a damaged file, with an exact mask of what is not.
//!
//! ```text
//!  bytes -> salvage -> Raster, with something plausible in the gaps
//!                   -> Mask, true where a pixel is missing
//!                   -> Damage: how much, and what happened
//! ```
//!
//! A pixel that the mask leaves out has the value that the undamaged file would have given, unless
//! it is counted as doubtful: then detail that came later in the file is missing, or damage before it
//! may have changed it.

mod jpeg;
mod png;

use crate::{DataError, Decoded, Format, Header, Limits, decode, orient};
use restora_image::{Layout, Mask, Pixels, Raster};
use serde::{Deserialize, Serialize};

/// What is left of a damaged file.
#[derive(Clone, Debug)]
pub struct Salvaged {
    /// The picture and what was readable beside it. Missing pixels hold what their neighbors
    /// suggest, so that they do not disturb; they are meant to be filled.
    pub decoded: Decoded,
    /// The missing pixels of the upright picture.
    pub mask: Mask,
    /// How bad it is.
    pub damage: Damage,
}

/// Findings that are listed.
const MOST_FOUND: usize = 20;

/// How much of a damaged file is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Pixels that are missing.
    pub missing_pixels: u64,
    /// Rows, as stored, in which at least one pixel is missing.
    pub missing_rows: u32,
    /// Pixels that are there, but coarser than they were, or behind damage and perhaps wrong.
    pub doubtful_pixels: u64,
    /// What was found, in reading order.
    pub found: Vec<String>,
}

impl Damage {
    fn new(mask: &Mask, doubtful_pixels: u64, mut found: Vec<String>) -> Self {
        if found.len() > MOST_FOUND {
            let more = found.len() - MOST_FOUND;
            found.truncate(MOST_FOUND);
            found.push(format!("and {more} more"));
        }
        let rows = mask.data().chunks(mask.size().w().max(1)).filter(|row| row.contains(&true));
        Self {
            missing_rows: rows.count() as u32,
            missing_pixels: mask.count() as u64,
            doubtful_pixels,
            found,
        }
    }
}

/// The format of a file whose first bytes may be damaged: only those that can be salvaged.
fn format_of(bytes: &[u8]) -> Option<Format> {
    let same = |wanted: &[u8]| wanted.iter().zip(bytes).filter(|(a, b)| a == b).count();
    if same(b"\x89PNG\r\n\x1a\n") >= 6 {
        Some(Format::Png)
    } else if same(&[0xFF, 0xD8, 0xFF]) >= 2 {
        Some(Format::Jpeg)
    } else {
        None
    }
}

/// Decodes what is left of a JPEG or PNG that [`crate::decode`] refuses as damaged. The work is
/// bounded by the length of the file and the limits.
///
/// # Errors
/// [`DataError::Corrupt`] if its header is lost or less than a hundredth of its pixels is left,
/// [`DataError::Unsupported`] for formats and variants that cannot be salvaged,
/// [`DataError::Limit`].
pub fn salvage(bytes: &[u8], limits: &Limits) -> Result<Salvaged, DataError> {
    limits.check_file(bytes.len() as u64)?;
    let unable = || {
        let formats = "JPEG and PNG can be salvaged";
        DataError::Unsupported(format!("not a file of which something can be salvaged: {formats}"))
    };
    let format = format_of(bytes).ok_or_else(unable)?;
    let mut salvaged = decode::contained(format, || match format {
        Format::Jpeg => jpeg::salvage(bytes, limits),
        Format::Png => png::salvage(bytes, limits),
        _ => Err(unable()),
    })?;
    let orientation = decode::make_upright(&mut salvaged.decoded);
    if orientation != 1 {
        salvaged.mask = upright(&salvaged.mask, orientation);
    }
    Ok(salvaged)
}

/// The header of a file as far as it can be read or mended, for [`salvage`].
///
/// # Errors
/// As [`salvage`].
pub fn salvage_header(bytes: &[u8], limits: &Limits) -> Result<Header, DataError> {
    limits.check_file(bytes.len() as u64)?;
    match format_of(bytes) {
        Some(Format::Jpeg) => jpeg::salvage_header(bytes, limits),
        Some(Format::Png) => png::salvage_header(bytes, limits),
        _ => Err(DataError::Unsupported("JPEG and PNG can be salvaged".into())),
    }
}

/// A sound JPEG of several sequential scans as a stream of one.
pub(crate) fn one_scan(bytes: &[u8]) -> Result<Vec<u8>, DataError> {
    jpeg::one_scan(bytes)
}

/// The mask turned as the picture is.
fn upright(mask: &Mask, orientation: u8) -> Mask {
    let pixels = mask.data().iter().map(|m| u8::from(*m)).collect();
    let raster = Raster { size: mask.size(), layout: Layout::Gray, pixels: Pixels::U8(pixels) };
    let turned = orient::upright(raster, orientation);
    let Pixels::U8(pixels) = turned.pixels else { return mask.clone() };
    Mask::from_fn(turned.size, |x, y| pixels[y * turned.size.w() + x] != 0)
}
