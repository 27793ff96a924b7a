//! Small pictures for the report.

use crate::error::Error;
use crate::report::Preview;
use base64::Engine;
use restora_data::{EncodeOptions, FileMeta, Format};
use restora_image::{Depth, Image, Raster, Rect, Size};

/// Largest sides of the crop shown one to one.
const CROP: Size = Size::new(480, 320);
/// Largest side of the thumbnail.
const THUMBNAIL: u32 = 240;

/// The middle of a picture, one to one.
pub fn middle(raster: &Raster) -> Image {
    let size = raster.size;
    let (width, height) = (size.width.min(CROP.width), size.height.min(CROP.height));
    raster.tile(Rect { x: (size.width - width) / 2, y: (size.height - height) / 2, width, height })
}

/// The middle of the input beside that of the output, and the whole output, small.
///
/// # Errors
/// If a crop cannot be encoded.
pub fn preview(before: &Image, after: &Raster) -> Result<Preview, Error> {
    Ok(Preview {
        thumbnail: jpeg(&thumbnail(after))?,
        before: jpeg(before)?,
        after: jpeg(&middle(after))?,
        width: before.size().width,
        height: before.size().height,
    })
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
    use restora_image::{Layout, Pixels};

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
        let preview = preview(&middle(&raster), &raster).unwrap();
        assert_eq!((preview.width, preview.height), (1, 1));
    }
}
