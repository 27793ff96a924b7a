//! How a file enters the belt: whole, or what is left of it.

use super::PROBE_PIXELS;
use super::item::Belt;
use super::missing::pictured;
use crate::pipeline::{Pipeline, Stage};
use crate::tiles;
use restora_data::{Damage, DataError, Decoded, FileMeta, Header};
use restora_image::{ErrorKind, Image, Mask, OpError, Raster, Rect, SavedJpeg, Size};

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

/// What a JPEG file says of its compression, for its picture of `size` as it stands upright: blocks that began at a
/// border begin at the other one where the picture was mirrored.
pub fn saved_jpeg(meta: &FileMeta, size: Size) -> Option<SavedJpeg> {
    let quality = meta.jpeg?.quality;
    let turned = |orientations: [u8; 4], n: u32| {
        if orientations.contains(&meta.orientation) { (n % 8) as u8 } else { 0 }
    };
    let offset_x = turned([2, 3, 6, 7], size.width);
    Some(SavedJpeg { quality, offset_x, offset_y: turned([3, 4, 7, 8], size.height) })
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
    // The grid of JPEG blocks stays in phase.
    let y = (best.start + (best.len() - height) / 2).next_multiple_of(8);
    let height = height.min(best.end - y);
    let rect = Rect { x: 0, y: y as u32, width: page.size.width, height: height as u32 };
    Ok((page.tile(rect), Some(mask.crop(rect))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_data::{Format, JpegDetail};
    use restora_image::{Depth, Layout};

    #[test]
    fn the_grid_of_a_picture_that_was_turned_begins_where_its_blocks_do() {
        let mut meta = FileMeta::new(Format::Jpeg, Layout::Rgb, Depth::U8);
        assert_eq!(saved_jpeg(&meta, Size::new(10, 21)), None);
        let subsampling = (2, 2);
        meta.jpeg = Some(JpegDetail { quality: 30, subsampling, progressive: false });
        let grids = [(0, 0), (2, 0), (2, 5), (0, 5), (0, 0), (2, 0), (2, 5), (0, 5)];
        for (orientation, (offset_x, offset_y)) in (1..=8).zip(grids) {
            meta.orientation = orientation;
            let wanted = SavedJpeg { quality: 30, offset_x, offset_y };
            assert_eq!(saved_jpeg(&meta, Size::new(10, 21)), Some(wanted), "{orientation}");
        }
    }

    #[test]
    fn what_a_salvaged_page_is_measured_on_begins_on_the_grid_of_blocks() {
        let mask = Mask::from_fn(Size::new(40, 300), |_, y| !(13..=270).contains(&y));
        let page = Raster::zeros(mask.size(), Layout::Gray, Depth::U8);
        let (image, holes) = probe(&page, Some(&mask), true).unwrap();
        assert_eq!((image.size(), holes.unwrap().count()), (Size::new(40, 255), 0));
    }
}
