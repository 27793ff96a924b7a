//! Small pictures for the report.

use crate::error::Error;
use crate::report::Preview;
use base64::Engine;
use restora_data::{EncodeOptions, FileMeta, Format};
use restora_image::{Depth, Image, Layout, Mask, Pixels, Raster, Rect, Size};

/// Largest sides of the crop shown one to one.
const CROP: Size = Size::new(480, 320);
/// Largest side of the thumbnail.
const THUMBNAIL: u32 = 240;

/// Red, green, blue and opacity of a filled pixel in the overlay, and of those at its outline.
const FILLED: [u8; 4] = [255, 0, 170, 70];
const OUTLINE: [u8; 4] = [255, 0, 170, 255];

/// A part of a picture before anything was done to it, one to one.
pub struct Crop {
    rect: Rect,
    before: Image,
}

impl Crop {
    /// The middle of a picture; where most is missing, if next to nothing of that is in the middle.
    pub fn of(raster: &Raster, mask: Option<&Mask>) -> Self {
        let rect = mask.map_or(middle(raster.size), place);
        Self { rect, before: raster.tile(rect) }
    }

    /// The crop beside that of the output, the whole output, small, and what of the crop is in `filled`.
    ///
    /// # Errors
    /// If a crop cannot be encoded.
    pub fn preview(&self, after: &Raster, filled: Option<&Mask>) -> Result<Preview, Error> {
        let filled = filled.map(|mask| mask.crop(self.rect)).filter(|mask| mask.count() > 0);
        Ok(Preview {
            thumbnail: jpeg(&thumbnail(after))?,
            before: jpeg(&self.before)?,
            after: jpeg(&after.tile(self.rect))?,
            filled: filled.map(|mask| overlay(&mask)).transpose()?,
            width: self.rect.width,
            height: self.rect.height,
        })
    }
}

fn middle(size: Size) -> Rect {
    let (width, height) = (size.width.min(CROP.width), size.height.min(CROP.height));
    Rect { x: (size.width - width) / 2, y: (size.height - height) / 2, width, height }
}

/// The middle, or of the crops half a crop apart the one with most missing pixels, if the middle has
/// less than a quarter as many.
fn place(mask: &Mask) -> Rect {
    let size = mask.size();
    let middle = middle(size);
    let count = |rect: Rect| mask.crop(rect).count();
    let (mut best, mut most) = (middle, 4 * count(middle));
    for y in (0..=size.height - middle.height).step_by(CROP.height as usize / 2) {
        for x in (0..=size.width - middle.width).step_by(CROP.width as usize / 2) {
            let rect = Rect { x, y, ..middle };
            let n = count(rect);
            if n > most {
                (best, most) = (rect, n);
            }
        }
    }
    best
}

/// What was filled in color, with an outline, and nothing elsewhere, as PNG.
fn overlay(mask: &Mask) -> Result<String, Error> {
    let (w, h) = (mask.size().w(), mask.size().h());
    let mut pixels = Vec::with_capacity(4 * w * h);
    for y in 0..h {
        for x in 0..w {
            let inside = |dx: usize, dy: usize| {
                let (x, y) = ((x + dx).wrapping_sub(1), (y + dy).wrapping_sub(1));
                x >= w || y >= h || mask.at(x, y)
            };
            let within = inside(0, 1) && inside(2, 1) && inside(1, 0) && inside(1, 2);
            pixels.extend_from_slice(match (mask.at(x, y), within) {
                (false, _) => &[0; 4],
                (true, true) => &FILLED,
                (true, false) => &OUTLINE,
            });
        }
    }
    let raster = Raster::new(mask.size(), Layout::Rgba, Pixels::U8(pixels))?;
    let meta = FileMeta::new(Format::Png, Layout::Rgba, Depth::U8);
    let bytes = restora_data::encode(&[raster], Format::Png, &meta, &EncodeOptions::default())?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn jpeg(image: &Image) -> Result<String, Error> {
    let mut opaque = image.clone();
    opaque.alpha = None;
    let raster = Raster::from_image(&opaque, Depth::U8)?;
    let options = EncodeOptions { jpeg_quality: 90, ..EncodeOptions::default() };
    let meta = FileMeta::new(Format::Jpeg, raster.layout, Depth::U8);
    let bytes = restora_data::encode(&[raster], Format::Jpeg, &meta, &options)?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// Area average of at most 8x8 evenly spread pixels per cell, so that the cost does not grow with
/// the picture.
fn thumbnail(raster: &Raster) -> Image {
    let size = raster.size;
    let scale = f64::from(THUMBNAIL) / f64::from(size.width.max(size.height).max(1));
    if scale >= 1.0 {
        return raster.to_image();
    }
    let side = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
    let small = Size::new(side(size.width), side(size.height));
    let empty = raster.tile(Rect { x: 0, y: 0, width: 1, height: 1 });
    let mut out = Image::zeros(small, empty.space());
    for y in 0..small.height {
        let span = |i: u32, n: u32, small: u32| {
            let at = |i: u32| (u64::from(i) * u64::from(n) / u64::from(small)) as u32;
            (at(i), at(i + 1).max(at(i) + 1).min(n))
        };
        let (top, bottom) = span(y, size.height, small.height);
        let step_y = ((bottom - top) / 8).max(1);
        let rows: Vec<Image> = (top..bottom)
            .step_by(step_y as usize)
            .map(|y| raster.tile(Rect { x: 0, y, width: size.width, height: 1 }))
            .collect();
        for x in 0..small.width {
            let (left, right) = span(x, size.width, small.width);
            let step_x = ((right - left) / 8).max(1) as usize;
            for c in 0..out.channels() {
                let (mut sum, mut count) = (0.0, 0.0);
                for row in &rows {
                    for v in
                        row.plane(c).row(0)[left as usize..right as usize].iter().step_by(step_x)
                    {
                        sum += v;
                        count += 1.0;
                    }
                }
                out.plane_mut(c)[y as usize * small.w() + x as usize] = sum / count;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_keeps_the_mean_of_a_constant_and_the_aspect() {
        let raster =
            Raster::new(Size::new(1000, 501), Layout::Rgb, Pixels::U8(vec![51; 1000 * 501 * 3]))
                .unwrap();
        let small = thumbnail(&raster);
        assert_eq!(small.size(), Size::new(240, 120));
        assert!(small.data().iter().all(|v| (v - 0.2).abs() < 1e-5));
    }

    #[test]
    fn the_tiniest_picture_has_a_preview() {
        let raster = Raster::new(Size::new(1, 1), Layout::Gray, Pixels::F32(vec![3.0])).unwrap();
        let preview = Crop::of(&raster, None).preview(&raster, None).unwrap();
        assert_eq!((preview.width, preview.height, preview.filled), (1, 1, None));
    }

    #[test]
    fn the_crop_shows_the_middle_unless_what_is_missing_lies_elsewhere() {
        let size = Size::new(2000, 1500);
        let raster = Raster::zeros(size, Layout::Gray, Depth::U8);
        let shows = |mask: &Mask| {
            let crop = Crop::of(&raster, Some(mask));
            (crop.rect, crop.preview(&raster, Some(mask)).unwrap().filled.is_some())
        };
        let nothing = Mask::empty(size);
        assert_eq!(shows(&nothing), (middle(size), false));
        let corner = Mask::from_fn(size, |x, y| x > 1900 && y > 1400);
        let (rect, filled) = shows(&corner);
        assert!(filled && rect.x > 1400 && rect.y > 1000, "{rect:?}");
        let both =
            Mask::from_fn(size, |x, y| corner.at(x, y) || x.abs_diff(1000) + y.abs_diff(750) < 90);
        assert_eq!(shows(&both), (middle(size), true));
    }

    #[test]
    fn the_overlay_marks_filled_pixels_their_outline_strongly_and_no_others() {
        let mask = Mask::from_fn(Size::new(9, 7), |x, y| (2..7).contains(&x) && y < 4);
        let png = overlay(&mask).unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(png).unwrap();
        let page = restora_data::decode(&bytes, &restora_data::Limits::default()).unwrap().pages;
        let Pixels::U8(v) = &page[0].pixels else { panic!("8 bits were written") };
        let opacity = |x: usize, y: usize| v[4 * (y * 9 + x) + 3];
        assert_eq!(opacity(1, 1), 0);
        assert_eq!(opacity(2, 1), OUTLINE[3]);
        assert_eq!(opacity(4, 3), OUTLINE[3]);
        // The edge of the crop is no outline.
        assert_eq!(opacity(4, 0), FILLED[3]);
    }
}
