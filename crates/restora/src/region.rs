//! Scores of a part of two pictures: inside or outside a mask, or the part that both have.

use crate::error::Error;
use crate::masks::MaskSource;
use crate::pairs::read_page;
use restora_data::Limits;
use restora_image::{Context, Depth, Mask, Rect, Size};
use restora_metrics::full_reference::{
    CompareOptions, Comparison, OutOfRange, compare, compare_within,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Which pixels of a mask are scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Those that it marks.
    #[default]
    Inside,
    /// All others.
    Outside,
}

/// The part of two pictures that is scored.
#[derive(Clone, Debug, Default)]
pub struct Region {
    /// Marks it; read as for inpainting, from the scored picture where it is in the picture itself.
    pub mask: Option<MaskSource>,
    /// Which of its pixels count.
    pub side: Side,
    /// Cuts both to what they have in common, from the upper left corner: a picture that was reduced by a whole number
    /// has lost what did not fill a pixel at the right and below.
    pub crop: bool,
}

/// Scores, and of what.
#[derive(Clone, Debug, Serialize)]
pub struct RegionReport {
    /// The scores.
    #[serde(flatten)]
    pub scores: Comparison,
    /// Pixels that count.
    pub pixels: u64,
    /// The size that both were cut to, if they were.
    pub cropped: Option<Size>,
}

/// Scores a part of a file against that of its reference. `out_of_range` is as in [`crate::pairs::score`].
///
/// # Errors
/// If the files or the mask do not fit each other, or cannot be read.
pub fn compare_region(
    (reference, distorted): (&Path, &Path),
    region: &Region,
    options: &CompareOptions,
    out_of_range: Option<OutOfRange>,
    limits: &Limits,
    cx: &Context,
) -> Result<RegionReport, Error> {
    if reference.is_dir() || distorted.is_dir() {
        return Err(Error::Usage("a part is compared of two files, not of folders".into()));
    }
    let (clean, scored) = (read_page(reference, limits)?, read_page(distorted, limits)?);
    let name = Path::new(distorted.file_name().unwrap_or_default());
    let mask = region.mask.as_ref().map(|mask| mask.mask(name, (0, &scored), limits, cx));
    let mut mask = mask.transpose()?;
    let by_depth = if clean.depth() == Depth::F32 { OutOfRange::Keep } else { OutOfRange::Clip };
    let options = CompareOptions { out_of_range: out_of_range.unwrap_or(by_depth), ..*options };
    let (mut clean, mut scored) = (clean.to_image(), scored.to_image());
    let common = Size::new(
        clean.size().width.min(scored.size().width),
        clean.size().height.min(scored.size().height),
    );
    let cut = region.crop && (clean.size() != common || scored.size() != common);
    if cut {
        let rect = Rect { x: 0, y: 0, width: common.width, height: common.height };
        (clean, scored) = (clean.crop(rect), scored.crop(rect));
        mask = mask.map(|mask| mask.crop(rect));
    }
    let cropped = cut.then_some(common);
    let Some(mask) = mask else {
        let scores = compare(&clean, &scored, &options, cx)?;
        return Ok(RegionReport { scores, pixels: clean.size().pixels(), cropped });
    };
    let chosen = match region.side {
        Side::Inside => mask,
        Side::Outside => Mask::from_fn(mask.size(), |x, y| !mask.at(x, y)),
    };
    let scores = compare_within(&clean, &scored, &chosen, &options, cx)?;
    Ok(RegionReport { scores, pixels: chosen.count() as u64, cropped })
}
