//! How a file enters the belt: whole, or what is left of it.

use super::PROBE_PIXELS;
use super::item::Belt;
use super::missing::pictured;
use crate::pipeline::{Pipeline, Stage};
use crate::tiles;
use restora_data::{Damage, DataError, Decoded, Header};
use restora_image::{ErrorKind, Image, Mask, OpError, Raster, Rect};

/// Fewest rows without a missing pixel that a picture is measured on alone.
const LEAST_ROWS: usize = 64;

/// What is lost of a salvaged picture.
pub struct Lost {
    pub mask: Mask,
    pub damage: Damage,
}

impl Lost {
    /// For people.
    pub fn words(&self, filled: bool) -> String {
        let Damage { missing_pixels, missing_rows, doubtful_pixels, found, .. } = &self.damage;
        let percent = |n: u64| 100.0 * n as f64 / self.mask.data().len().max(1) as f64;
        let lost = if *missing_pixels == 0 {
            "no pixel is missing".to_owned()
        } else {
            let share = percent(*missing_pixels);
            let end = if filled { "are lost, and filled with invention" } else { "are lost" };
            format!("{missing_pixels} pixels ({share:.2} %) in {missing_rows} rows {end}")
        };
        let doubtful = if *doubtful_pixels == 0 {
            String::new()
        } else {
            let share = percent(*doubtful_pixels);
            format!("; {doubtful_pixels} ({share:.2} %) are coarser or unverified")
        };
        let found = found.join("; ");
        let found = if found.is_empty() { found } else { format!(" ({found})") };
        format!("salvaged: {lost}{doubtful}{found}")
    }
}

impl Belt<'_> {
    fn salvageable(&self, error: &DataError) -> bool {
        // A file whose first bytes are hit is of no known kind.
        self.options.salvage && matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported)
    }

    /// The header, or what can be told of it.
    pub fn header(&self, bytes: &[u8]) -> Result<Header, DataError> {
        let limits = &self.options.limits;
        restora_data::read_header(bytes, limits).or_else(|error| {
            if !self.salvageable(&error) {
                return Err(error);
            }
            restora_data::salvage_header(bytes, limits).map_err(|_| error)
        })
    }

    /// The pages, or what is left of them.
    pub fn open(&self, bytes: &[u8]) -> Result<(Decoded, Option<Lost>), DataError> {
        let limits = &self.options.limits;
        match restora_data::decode(bytes, limits) {
            Ok(decoded) => Ok((decoded, None)),
            Err(error) if self.salvageable(&error) => {
                let whole = matches!(error, DataError::Unsupported(_));
                match restora_data::salvage(bytes, limits) {
                    Ok(saved) => {
                        let lost = Lost { mask: saved.mask, damage: saved.damage };
                        Ok((saved.decoded, Some(lost)))
                    }
                    // What a sound file is refused for says more.
                    Err(DataError::Unsupported(_)) if whole => Err(error),
                    Err(other) => Err(other),
                }
            }
            Err(error) => Err(error),
        }
    }
}

/// The pipeline for a picture: where something is missing, something fills it.
pub fn filling(mut pipeline: Pipeline, lost: Option<&Lost>) -> Pipeline {
    let missing = lost.is_some_and(|lost| lost.damage.missing_pixels > 0);
    if missing && !pipeline.steps.iter().any(Stage::fills) {
        pipeline.steps.insert(0, Stage::FILL);
    }
    pipeline
}

/// Enough of a page to measure it, with the mask of what is missing there: of a salvaged page, if it
/// can be, rows of which nothing is missing.
pub fn probe(
    page: &Raster,
    mask: Option<&Mask>,
    salvaged: bool,
) -> Result<(Image, Option<Mask>), OpError> {
    let Some(mask) = mask else { return Ok((tiles::probe(page, PROBE_PIXELS), None)) };
    let width = page.size.w().max(1);
    let (mut best, mut start) = (0..0, 0);
    for (y, row) in mask.data().chunks(width).enumerate() {
        if row.contains(&true) {
            start = y + 1;
        } else if y + 1 - start > best.len() {
            best = start..y + 1;
        }
    }
    if !salvaged || best.len() < LEAST_ROWS {
        let marked = tiles::probe(&pictured(mask)?, PROBE_PIXELS);
        let holes = Mask::from_fn(marked.size(), |x, y| marked.plane(0).at(x, y) > 0.5);
        return Ok((tiles::probe(page, PROBE_PIXELS), Some(holes)));
    }
    let most = (PROBE_PIXELS / width as u64).max(LEAST_ROWS as u64) as usize;
    let height = best.len().min(most);
    let y = best.start + (best.len() - height) / 2;
    let rect = Rect { x: 0, y: y as u32, width: page.size.width, height: height as u32 };
    Ok((page.tile(rect), Some(mask.crop(rect))))
}
