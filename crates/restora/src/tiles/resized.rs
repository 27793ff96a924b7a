//! Steps that change the size of the picture.

use super::{Tiling, aligned_side};
use crate::step::Step;
use restora_image::{Context, Image, OpError, Raster, Rect, Scale, Size};

/// Does a step change the size?
pub fn resizes(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.operation().scale() != Scale::Same)
}

/// What the steps make of a size, of a mask, of a window: whatever follows a [`Scale`].
pub fn scaled<T>(steps: &[Step], from: T, by: impl Fn(Scale, T) -> T) -> T {
    steps.iter().fold(from, |it, step| by(step.operation().scale(), it))
}

/// How many pixels of the result stand where how many of the picture were, along each side.
pub fn ratio(steps: &[Step]) -> (u32, u32) {
    let ratio = |(up, down): (u32, u32), step: &Step| match step.operation().scale() {
        Scale::Same => (up, down),
        Scale::Up(factor) => (up.saturating_mul(factor), down),
        Scale::Down(factor) => (up, down.saturating_mul(factor)),
    };
    steps.iter().fold((1, 1), ratio)
}

/// The size of the result.
///
/// # Errors
/// As [`Scale::checked_size`].
pub fn result_size(steps: &[Step], size: Size) -> Result<Size, OpError> {
    steps.iter().try_fold(size, |size, step| step.operation().scale().checked_size(size))
}

/// The largest size on the way, in pixels.
pub fn most_pixels(steps: &[Step], size: Size) -> u64 {
    let mut most = size.pixels();
    let mut now = size;
    for step in steps {
        now = step.operation().scale().size(now);
        most = most.max(now.pixels());
    }
    most
}

/// Fills the raster of the result tile by tile: nothing that is read is written over.
pub fn in_tiles(
    raster: &Raster,
    steps: &[Step],
    (align, tiling): (u32, &Tiling),
    cx: &Context,
    tile: impl Fn(&Raster, Rect) -> Result<(Image, Rect), OpError>,
) -> Result<Raster, OpError> {
    let size = raster.size;
    let mut out = Raster::zeros(result_size(steps, size)?, raster.layout, raster.depth());
    // As many pixels in the largest picture of a tile as elsewhere.
    let growth = (most_pixels(steps, size) as f64 / size.pixels().max(1) as f64).sqrt();
    let side = aligned_side((f64::from(tiling.side) / growth) as u32, align);
    for y in (0..size.height).step_by(side as usize) {
        for x in (0..size.width).step_by(side as usize) {
            let (width, height) = (side.min(size.width - x), side.min(size.height - y));
            let (image, inner) = tile(raster, Rect { x, y, width, height })?;
            let rect = |rect| scaled(steps, rect, Scale::rect);
            let to = rect(Rect { x, y, width, height });
            out.write_tile(&image, rect(inner), (to.x, to.y));
            cx.progress.step(u64::from(y) * u64::from(size.width) + u64::from(x), size.pixels());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiles::{Known, apply};
    use restora_image::{Depth, Layout, Mask};
    use restora_testkit::{noisy, synthetic_rgb};

    #[test]
    fn a_chain_that_changes_the_size_equals_the_whole_in_tiles_with_its_mask() {
        let image = noisy(&synthetic_rgb(Size::new(157, 211)), 0.1, 6);
        let mask = Mask::from_fn(image.size(), |x, y| x == 40 && y > 9);
        for chain in [
            &["median:radius=2", "lanczos:factor=3"][..],
            &["bicubic", "gaussian:blur=1.5", "downscale:factor=3"],
            &["downscale:factor=2", "gaussian-noise:sigma=0"],
            &["telea", "iterative-back-projection:passes=3"],
        ] {
            let steps: Vec<Step> = chain.iter().map(|t| Step::from_text(t).unwrap()).collect();
            let run = |tiling: &Tiling| {
                // What is filled first is written down before the rest: floats keep it as it is.
                let mut raster = Raster::from_image(&image, Depth::F32).unwrap();
                let known = Known { mask: Some(&mask), ..Known::default() };
                let left = apply(&mut raster, &steps, &known, tiling, &Context::default());
                (left.unwrap().unwrap(), raster)
            };
            let (mask, whole) = run(&Tiling::default());
            assert_eq!(whole.size, result_size(&steps, image.size()).unwrap());
            assert_eq!(mask.size(), whole.size);
            let tiling = Tiling { whole_up_to: 20_000, side: 48, global_margin: 24 };
            let (tiled_mask, tiled) = run(&tiling);
            assert!(tiled == whole && tiled_mask == mask, "{chain:?}");
        }
    }

    #[test]
    fn what_looks_at_the_whole_picture_cannot_follow_another_size() {
        let steps = ["lanczos", "clahe"].map(|t| Step::from_text(t).unwrap());
        let mut raster = Raster::zeros(Size::new(40, 30), Layout::Gray, Depth::U8);
        let cx = Context::default();
        let error = apply(&mut raster, &steps, &Known::default(), &Tiling::default(), &cx);
        assert!(error.unwrap_err().to_string().contains("clahe"));
    }
}
