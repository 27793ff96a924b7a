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
    size: Size,
    rect: Rect,
    before: Image,
}

impl Crop {
    /// The middle of a picture; where most is missing, if next to nothing of that is in the middle.
    pub fn of(raster: &Raster, mask: Option<&Mask>) -> Self {
        let rect = mask.map_or(middle(raster.size), place);
        Self { size: raster.size, rect, before: raster.tile(rect) }
    }

    /// The crop beside that of the output, the whole output, small, and what of the crop is in `filled`, which is
    /// of the size of the output. Where that is another than the input's, the input is shown at it, its pixels
    /// repeated or left out.
    ///
    /// # Errors
    /// If a crop cannot be encoded.
    pub fn preview(&self, after: &Raster, filled: Option<&Mask>) -> Result<Preview, Error> {
        let rect = self.rect_in(after.size);
        let filled = filled.map(|mask| mask.crop(rect)).filter(|mask| mask.count() > 0);
        Ok(Preview {
            thumbnail: jpeg(&thumbnail(after))?,
            before: jpeg(&self.before_at(rect, after.size))?,
            after: jpeg(&after.tile(rect))?,
            filled: filled.map(|mask| overlay(&mask)).transpose()?,
            width: rect.width,
            height: rect.height,
        })
    }

    /// The crop in a picture of the same content of another size: no larger than crops are.
    fn rect_in(&self, size: Size) -> Rect {
        if size == self.size {
            return self.rect;
        }
        let span = |at: u32, len: u32, from: u32, to: u32, most: u32| {
            let place = |at: u32| (u64::from(at) * u64::from(to) / u64::from(from.max(1))) as u32;
            let (start, end) = (place(at), place(at + len));
            let len = (end - start).clamp(1, most).min(to);
            ((start + (end - start).saturating_sub(len) / 2).min(to - len), len)
        };
        let Rect { x, y, width, height } = self.rect;
        let (x, width) = span(x, width, self.size.width, size.width, CROP.width);
        let (y, height) = span(y, height, self.size.height, size.height, CROP.height);
        Rect { x, y, width, height }
    }

    /// The nearest pixels of the input for a window of a picture of `size`.
    fn before_at(&self, rect: Rect, size: Size) -> Image {
        if size == self.size {
            return self.before.clone();
        }
        let nearest = |at: u32, from: u32, to: u32, first: u32, len: u32| {
            let middle = (2 * u64::from(at) + 1) * u64::from(from) / (2 * u64::from(to.max(1)));
            (middle as u32).saturating_sub(first).min(len.saturating_sub(1)) as usize
        };
        let mut out = Image::zeros(rect.size(), self.before.space());
        for c in 0..out.channels() {
            let from = self.before.plane(c);
            for (j, row) in out.plane_mut(c).chunks_exact_mut(rect.size().w().max(1)).enumerate() {
                let (at, inner) = (rect.y + j as u32, self.rect);
                let y = nearest(at, self.size.height, size.height, inner.y, inner.height);
                for (i, v) in row.iter_mut().enumerate() {
                    let at = rect.x + i as u32;
                    *v = from.at(nearest(at, self.size.width, size.width, inner.x, inner.width), y);
                }
            }
        }
        out
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

/// A small picture of the whole, as base64 of a JPEG file.
///
/// # Errors
/// If it cannot be encoded.
pub fn small(raster: &Raster) -> Result<String, Error> {
    jpeg(&thumbnail(raster))
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
    fn an_output_of_another_size_is_shown_at_its_own_with_the_same_part_of_the_input() {
        let size = Size::new(900, 700);
        let value = |x: usize, y: usize| (x + 3 * y) as f32;
        let raster = |size: Size, step: usize| {
            let image = Image::gray_from_fn(size, |x, y| value(x / step, y / step));
            Raster::from_image(&image, Depth::F32).unwrap()
        };
        let crop = Crop::of(&raster(size, 1), None);
        for factor in [2, 3] {
            let large = raster(Size::new(900 * factor, 700 * factor), factor as usize);
            let rect = crop.rect_in(large.size);
            assert_eq!((rect.width, rect.height), (CROP.width, CROP.height));
            assert_eq!(crop.before_at(rect, large.size), large.tile(rect));
            let preview = crop.preview(&large, None).unwrap();
            assert_eq!((preview.width, preview.height), (CROP.width, CROP.height));
        }
        let small = raster(Size::new(450, 350), 1);
        let rect = crop.rect_in(small.size);
        assert_eq!((rect.width, rect.height), (240, 160));
        let before = crop.before_at(rect, small.size);
        let (x, y) = (2 * rect.x as usize, 2 * rect.y as usize);
        assert_eq!(before.plane(0).at(5, 7), value(x + 11, y + 15));
        // One pixel of three.
        let tiny = Crop::of(&raster(Size::new(3, 3), 1), None);
        assert_eq!(tiny.preview(&raster(Size::new(1, 1), 1), None).unwrap().width, 1);
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
