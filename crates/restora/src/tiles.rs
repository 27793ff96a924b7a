//! Passes a picture of any size through the belt in bounded memory.
//!
//! Small pictures go through whole. Large ones stay a compact [`Raster`] in the depth of their file
//! while tiles of them, each with a margin as wide as the steps look, pass as [`Image`]s; results
//! are written back one strip of tiles late, so that no second picture is ever held:
//!
//! ```text
//! strip i+1 is computed from rows that strip i has not overwritten yet, then strip i is written
//! ```
//!
//! Tile origins are multiples of [`ALIGN`], which every block grid in `restora-ops` divides, so a
//! tiled result equals the whole one to the bit for steps of finite reach.

use crate::step::Step;
use restora_image::{
    Context, Image, Layout, Mask, NoiseModel, OpError, Raster, Rect, Sample, Size,
};

/// Tile origins are multiples of this: of the block steps 1, 2, 3, 4, 6, 8, 12 and of JPEG's 8.
pub const ALIGN: u32 = 24;

/// How a picture is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Pictures up to this many pixels pass whole.
    pub whole_up_to: u64,
    /// Side of a tile without its margin; a multiple of [`ALIGN`].
    pub side: u32,
    /// Margin for steps that look at the whole image.
    pub global_margin: u32,
}

impl Default for Tiling {
    /// Up to 6 megapixels whole, else tiles of 1,536 pixels: the working set of the heaviest step
    /// then stays near half a gigabyte.
    fn default() -> Self {
        Self { whole_up_to: 6_000_000, side: 64 * ALIGN, global_margin: 5 * ALIGN }
    }
}

/// Margin that `steps` need together, a multiple of [`ALIGN`].
fn margin(steps: &[Step], tiling: &Tiling) -> u32 {
    let reach = |s: &Step| s.operation().reach().unwrap_or(tiling.global_margin);
    steps.iter().map(reach).fold(0, u32::saturating_add).div_ceil(ALIGN) * ALIGN
}

/// Runs `steps` over the picture in place; returns the mask of missing pixels that they left, if the
/// picture passed whole.
///
/// `noise` is what the diagnosis found, `id` names the item for everything random. Every sample of
/// the result is rounded once, at the end.
///
/// # Errors
/// The first error of a step.
pub fn apply(
    raster: &mut Raster,
    steps: &[Step],
    noise: Option<&NoiseModel>,
    id: &str,
    tiling: &Tiling,
    cx: &Context,
) -> Result<Option<Mask>, OpError> {
    let size = raster.size;
    if steps.is_empty() || size.is_empty() {
        return Ok(None);
    }
    let run = |image: Image| -> Result<Sample, OpError> {
        let mut sample = Sample::new(image);
        sample.noise = noise.cloned();
        id.clone_into(&mut sample.meta.id);
        for step in steps {
            cx.check()?;
            step.operation().apply(&mut sample, cx)?;
        }
        Ok(sample)
    };
    if size.pixels() <= tiling.whole_up_to {
        let sample = run(raster.to_image())?;
        *raster = Raster::from_image(&sample.image, raster.depth())?;
        return Ok(sample.mask);
    }
    let margin = margin(steps, tiling);
    let strip = tiling.side.max(margin);
    let mut pending: Option<(Raster, u32)> = None;
    for y in (0..size.height).step_by(strip as usize) {
        let height = strip.min(size.height - y);
        let mut done = Raster::zeros(Size::new(size.width, height), raster.layout, raster.depth());
        for x in (0..size.width).step_by(tiling.side as usize) {
            let core = Rect { x, y, width: tiling.side.min(size.width - x), height };
            let window = core.grown(margin, size);
            let result = run(raster.tile(window))?.image;
            let inner = Rect { x: core.x - window.x, y: core.y - window.y, ..core };
            done.write_tile(&result, inner, (x, 0));
            cx.progress.step(u64::from(y) * u64::from(size.width) + u64::from(x), size.pixels());
        }
        if let Some((rows, at)) = pending.replace((done, y)) {
            raster.write_rows(&rows, at);
        }
    }
    if let Some((rows, at)) = pending {
        raster.write_rows(&rows, at);
    }
    Ok(None)
}

/// A picture small enough to be measured at once: the raster itself up to `limit` pixels, else nine
/// windows spread over it and laid side by side. Windows start at multiples of 8, so that the grid of
/// JPEG blocks stays in phase.
pub fn probe(raster: &Raster, limit: u64) -> Image {
    let size = raster.size;
    if size.pixels() <= limit {
        return raster.to_image();
    }
    let side = ((limit as f64 / 9.0).sqrt() as u32 / 8 * 8).max(8);
    let (w, h) =
        (side.min(size.width / 3 / 8 * 8).max(8), side.min(size.height / 3 / 8 * 8).max(8));
    if w > size.width || h > size.height || size.width < 24 || size.height < 24 {
        // A ribbon: its middle part is all there is to see.
        let width =
            size.width.min(u32::try_from(limit).unwrap_or(u32::MAX) / size.height.clamp(1, 8));
        let height =
            size.height.min(u32::try_from(limit).unwrap_or(u32::MAX) / width.max(1)).max(1);
        return raster.tile(Rect { x: 0, y: 0, width, height });
    }
    let mut mosaic = Raster::zeros(Size::new(3 * w, 3 * h), raster.layout, raster.depth());
    for j in 0..3 {
        for i in 0..3 {
            let x = (size.width - w) / 2 * i / 8 * 8;
            let y = (size.height - h) / 2 * j / 8 * 8;
            let tile = raster.tile(Rect { x, y, width: w, height: h });
            mosaic.write_tile(&tile, tile.size().rect(), (i * w, j * h));
        }
    }
    mosaic.to_image()
}

/// Bytes that [`apply`] needs beside the raster itself, roughly: for admitting items to memory.
pub fn working_set(size: Size, layout: Layout, tiling: &Tiling) -> u64 {
    // Twelve planes in flight per channel: image, result, and ten of scratch (measured on BM3D and
    // LIChI, the heaviest).
    let per_pixel = 12 * 4 * layout.samples() as u64;
    size.pixels().min(tiling.whole_up_to) * per_pixel
}
