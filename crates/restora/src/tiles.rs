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
//! Tile origins are multiples of what the block grids of the steps ask for, so a tiled result equals
//! the whole one to the bit for steps of finite reach, and to 1e-5 for nets.
//!
//! Steps that change the size write their tiles into a second raster, of the size of the result.

mod holes;
mod resized;
mod settle;

pub use resized::{ratio, resizes, result_size, scaled};
pub(crate) use settle::overview_of_raster;
pub use settle::settle;

use crate::step::Step;
use restora_image::{
    Context, Image, Layout, Mask, NoiseModel, OpError, Raster, Rect, Sample, Scale, Size,
};

/// Tile origins are multiples of this, and of what the steps ask for
/// ([`restora_image::Operation::alignment`]).
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

/// What tile origins are multiples of, and the margin, itself such a multiple, that `steps` need
/// together.
fn grid(steps: &[Step], tiling: &Tiling) -> (u32, u32) {
    let (mut align, mut margin) = (1, 0_u32);
    for step in steps.iter().rev() {
        let op = step.operation();
        match op.scale() {
            Scale::Same => {}
            Scale::Up(factor) => margin = margin.div_ceil(factor),
            Scale::Down(factor) => {
                (align, margin) = (align * factor, margin.saturating_mul(factor));
            }
        }
        align = least_multiple(align, op.alignment().max(1));
        margin = margin.saturating_add(op.reach().unwrap_or(tiling.global_margin));
    }
    let align = least_multiple(align, ALIGN);
    (align, margin.div_ceil(align) * align)
}

/// The side of a tile: a multiple of what tile origins are multiples of, and not 0.
fn aligned_side(side: u32, align: u32) -> u32 {
    side.div_ceil(align).max(1) * align
}

fn least_multiple(a: u32, b: u32) -> u32 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

/// What is known of a picture before the steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// What the diagnosis found.
    pub noise: Option<&'a NoiseModel>,
    /// Missing pixels.
    pub mask: Option<&'a Mask>,
    /// Name of the item, for everything random.
    pub id: &'a str,
}

/// Runs `steps` over the picture in place; returns the mask of missing pixels, in the size of the result: the
/// one that was known, with what the steps added if the picture passed whole.
///
/// Every sample of the result is rounded once, at the end. Steps that fill holes are given windows
/// that hold whole holes, up to `tiling.whole_up_to` pixels.
///
/// # Errors
/// The first error of a step; [`OpError::SizeMismatch`] or [`OpError::Input`] if the mask is of
/// another size or leaves nothing to fill from.
pub fn apply(
    raster: &mut Raster,
    steps: &[Step],
    known: &Known,
    tiling: &Tiling,
    cx: &Context,
) -> Result<Option<Mask>, OpError> {
    let size = raster.size;
    let steps = &settle(raster, steps, cx)?[..];
    if steps.is_empty() || size.is_empty() {
        return Ok(None);
    }
    if let Some(mask) = known.mask.filter(|m| m.size() != size) {
        return Err(OpError::SizeMismatch { what: "mask", wanted: size, got: mask.size() });
    }
    let run = |(first, steps): (usize, &[Step]), image: Image, origin, mask| {
        let mut sample = Sample::new(image);
        sample.origin = origin;
        sample.noise = known.noise.cloned();
        sample.mask = mask;
        known.id.clone_into(&mut sample.meta.id);
        for (i, step) in steps.iter().enumerate() {
            cx.check()?;
            step.operation().apply(&mut sample, &cx.at_step((first + i) as u64))?;
        }
        Ok::<_, OpError>(sample)
    };
    if resized::most_pixels(steps, size) <= tiling.whole_up_to {
        let sample = run((0, steps), raster.to_image(), (0, 0), known.mask.cloned())?;
        *raster = Raster::from_image(&sample.image, raster.depth())?;
        return Ok(sample.mask);
    }
    if steps.iter().any(Step::fills) && known.mask.is_some_and(|m| m.count() == size.len()) {
        return Err(OpError::Input(format!("the mask marks every pixel of {size}")));
    }
    // What fills first fills each hole once, however many tiles it crosses.
    let first = known.mask.map_or(0, |_| steps.iter().take_while(|s| s.fills()).count());
    if let Some(mask) = known.mask.filter(|_| first > 0) {
        let fill = |image, at, mask| Ok(run((0, &steps[..first]), image, at, Some(mask))?.image);
        fill_holes(raster, mask, grid(&steps[..first], tiling), tiling, cx, fill)?;
    }
    let steps = &steps[first..];
    if steps.is_empty() {
        return Ok(known.mask.cloned());
    }
    let (align, margin) = grid(steps, tiling);
    // `top`: rows above are written over already.
    let tile = |raster: &Raster, core: Rect, top: u32| {
        let plain = core.grown(margin, size);
        let window = match known.mask {
            Some(mask) if steps.iter().any(Step::fills) => {
                holes::window(mask, plain, (margin, align), top, tiling.whole_up_to)
            }
            _ => plain,
        };
        let mask = known.mask.map(|mask| mask.crop(window));
        let result = run((first, steps), raster.tile(window), (window.x, window.y), mask)?;
        Ok((result.image, Rect { x: core.x - window.x, y: core.y - window.y, ..core }))
    };
    if resizes(steps) {
        let each = |raster: &Raster, core| tile(raster, core, 0);
        *raster = resized::in_tiles(raster, steps, (align, tiling), cx, each)?;
        let mask = known.mask.cloned();
        return Ok(mask.map(|mask| scaled(steps, mask, |scale, mask| mask.scaled(scale))));
    }
    let side = aligned_side(tiling.side, align);
    let strip = side.max(margin);
    let mut pending: Option<(Raster, u32)> = None;
    for y in (0..size.height).step_by(strip as usize) {
        let height = strip.min(size.height - y);
        let mut done = Raster::zeros(Size::new(size.width, height), raster.layout, raster.depth());
        for x in (0..size.width).step_by(side as usize) {
            let core = Rect { x, y, width: side.min(size.width - x), height };
            let (result, inner) = tile(raster, core, y.saturating_sub(strip))?;
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
    Ok(known.mask.cloned())
}

/// Fills the holes of a large picture in place, in windows that hold whole holes: what is known stays
/// as it is and what is missing is never read, so that no window sees what another one wrote. A hole too
/// large for a window is filled tile by tile from what is near.
fn fill_holes(
    raster: &mut Raster,
    mask: &Mask,
    (align, margin): (u32, u32),
    tiling: &Tiling,
    cx: &Context,
    fill: impl Fn(Image, (u32, u32), Mask) -> Result<Image, OpError>,
) -> Result<(), OpError> {
    let size = raster.size;
    let side = aligned_side(tiling.side, align);
    let mut left = mask.clone();
    for y in (0..size.height).step_by(side as usize) {
        for x in (0..size.width).step_by(side as usize) {
            let (width, height) = (side.min(size.width - x), side.min(size.height - y));
            let core = Rect { x, y, width, height };
            if !holes::any_missing(&left, core) {
                continue;
            }
            cx.check()?;
            let whole = holes::whole(mask, core, (margin, align), tiling.whole_up_to);
            let (held, window) = whole.unwrap_or((core, core.grown(margin, size)));
            let filled = fill(raster.tile(window), (window.x, window.y), mask.crop(window))?;
            let inner = Rect { x: held.x - window.x, y: held.y - window.y, ..held };
            raster.write_tile(&filled, inner, (held.x, held.y));
            for y in held.y..held.y + held.height {
                (held.x..held.x + held.width).for_each(|x| left.set(x as usize, y as usize, false));
            }
            cx.progress.step(u64::from(y) * u64::from(size.width) + u64::from(x), size.pixels());
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Depth;
    use restora_ops::color::{Encoding, overview};
    use restora_testkit::{noisy, synthetic_rgb};

    #[test]
    fn tiled_equals_whole_for_every_step_of_finite_reach() {
        let image = noisy(&synthetic_rgb(Size::new(230, 190)), 0.1, 5);
        let noise = NoiseModel::white(0.1, 3);
        for info in Step::catalog() {
            let step = Step::from_text(info.id).unwrap().with_measured(&noise);
            if step.operation().reach().is_none_or(|reach| reach > 90) || info.family == "degrade" {
                continue;
            }
            let run = |tiling: &Tiling| {
                let mut raster = Raster::from_image(&image, Depth::F32).unwrap();
                let cx = Context::with_threads(2);
                let known = Known { noise: Some(&noise), mask: None, id: "x" };
                apply(&mut raster, std::slice::from_ref(&step), &known, tiling, &cx).unwrap();
                raster
            };
            let whole = run(&Tiling::default());
            let tiles = Tiling { whole_up_to: 100, side: 48, global_margin: 24 };
            let tiled = run(&tiles);
            if info.id == "learned" {
                // Sixteen results of F(4x4, 3x3) come from a window of 36 values, of which each needs
                // nine: what the others hold, beyond the margin too, cancels to rounding only.
                let (tiled, whole) = (tiled.to_image(), whole.to_image());
                let pairs = tiled.data().iter().zip(whole.data());
                let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off <= 1e-5, "{}: {off}", info.id);
            } else {
                assert!(tiled == whole, "{}", info.id);
            }
        }
    }

    #[test]
    fn white_balance_of_a_large_picture_is_that_of_the_whole_in_every_tile() {
        // Red on the left, blue on the right, all under a warm light.
        let mut image = synthetic_rgb(Size::new(900, 620));
        for (c, (left, right)) in [(0.9, 0.5), (0.4, 0.45), (0.2, 0.3)].into_iter().enumerate() {
            for (i, v) in image.plane_mut(c).iter_mut().enumerate() {
                *v *= if i % 900 < 450 { left } else { right };
            }
        }
        let raster = Raster::from_image(&image, Depth::U16).unwrap();
        let cx = Context::with_threads(2);
        let small = overview_of_raster(&raster, Encoding::Srgb, &cx).unwrap();
        assert_eq!(small, overview(&raster.to_image(), Encoding::Srgb, 2, &cx).unwrap());
        let steps = [Step::from_text("white-balance:untouched=0").unwrap()];
        let run = |tiling: &Tiling| {
            let mut out = raster.clone();
            apply(&mut out, &steps, &Known { id: "x", ..Known::default() }, tiling, &cx).unwrap();
            out
        };
        let whole = run(&Tiling::default());
        assert!(whole != raster);
        assert!(run(&Tiling { whole_up_to: 100, side: 96, global_margin: 24 }) == whole);
        let settled = settle(&raster, &steps, &cx).unwrap();
        assert!(settled[0].to_string().contains("light="), "{}", settled[0]);
        let gray = Raster::zeros(Size::new(9, 9), Layout::Gray, Depth::U8);
        assert_eq!(settle(&gray, &steps, &cx).unwrap(), []);
    }

    #[test]
    fn what_is_counted_of_the_whole_picture_does_the_same_in_every_tile() {
        let cx = Context::with_threads(2);
        let mut image = noisy(&synthetic_rgb(Size::new(310, 280)), 0.02, 7);
        image.data_mut().iter_mut().for_each(|v| *v = 0.2 + 0.5 * *v);
        let raster = Raster::from_image(&image, Depth::U8).unwrap();
        let Step::ColorTransfer(transfer) = Step::from_text("color-transfer:regrain=1").unwrap()
        else {
            panic!("another step")
        };
        let transfer = transfer.with_reference(&synthetic_rgb(Size::new(50, 40)), &cx).unwrap();
        let [levels, clahe] = ["auto-levels", "clahe"].map(|t| Step::from_text(t).unwrap());
        let chain = [levels, clahe, Step::ColorTransfer(transfer)];
        for steps in [&chain[..1], &chain[1..2], &chain[2..], &chain[..]] {
            let run = |tiling: &Tiling| {
                let mut out = raster.clone();
                apply(&mut out, steps, &Known::default(), tiling, &cx).unwrap();
                out
            };
            let whole = run(&Tiling::default());
            assert!(whole != raster);
            let tiled = run(&Tiling { whole_up_to: 100, side: 96, global_margin: 24 });
            assert!(tiled == whole, "{steps:?}");
        }
    }

    #[test]
    fn a_chain_in_tiles_equals_the_whole_and_never_reads_what_it_wrote() {
        let image = noisy(&synthetic_rgb(Size::new(150, 400)), 0.1, 6);
        let steps: Vec<Step> = ["median:radius=2", "gaussian:blur=1.5", "median:radius=3"]
            .map(|t| Step::from_text(t).unwrap())
            .into();
        let run = |tiling: &Tiling| {
            let mut raster = Raster::from_image(&image, Depth::U16).unwrap();
            apply(&mut raster, &steps, &Known::default(), tiling, &Context::default()).unwrap();
            raster
        };
        let whole = run(&Tiling::default());
        assert!(run(&Tiling { whole_up_to: 0, side: 24, global_margin: 24 }) == whole);
    }

    #[test]
    fn holes_that_cross_tiles_are_filled_as_in_the_whole_and_nothing_else_changes() {
        let image = synthetic_rgb(Size::new(420, 300));
        let mask = Mask::from_fn(image.size(), |x, y| {
            (90..150).contains(&x) && (80..120).contains(&y) || y == 200 && (30..330).contains(&x)
        });
        let given = Raster::from_image(&image, Depth::U16).unwrap();
        for info in Step::catalog().into_iter().filter(|info| info.family == "inpaint") {
            let steps = [Step::from_text(info.id).unwrap()];
            let known = Known { mask: Some(&mask), ..Known::default() };
            let run = |tiling: &Tiling| {
                let mut raster = given.clone();
                apply(&mut raster, &steps, &known, tiling, &Context::default()).unwrap();
                raster
            };
            let whole = run(&Tiling::default());
            // Room for all that `exemplar` looks at around its block.
            let tiles = Tiling { whole_up_to: 110_000, side: 72, global_margin: 72 };
            let tiled = run(&tiles);
            // What stands on a grid of its own looks further than a tile's surroundings.
            if steps[0].operation().alignment() == 1 {
                assert!(tiled == whole, "{}", info.id);
            }
            let (tiled, all) = (tiled.to_image(), whole.to_image());
            for (a, b) in tiled.data().iter().zip(all.data()) {
                assert!((a - b).abs() < 0.05, "{}: {a} {b}", info.id);
            }
            // Too little room for the whole line: near to it, and only the holes change.
            let small = run(&Tiling { whole_up_to: 30_000, ..tiles }).to_image();
            let (whole, given) = (whole.to_image(), given.to_image());
            for i in 0..small.data().len() {
                let (a, b, was) = (small.data()[i], whole.data()[i], given.data()[i]);
                let missing = mask.data()[i % mask.data().len()];
                assert!(
                    if missing { (a - b).abs() < 0.05 } else { a == was },
                    "{} at {i}",
                    info.id
                );
            }
        }
    }

    #[test]
    fn a_probe_is_small_and_made_of_the_picture() {
        let size = Size::new(3000, 2000);
        let raster = Raster::zeros(size, Layout::Rgb, Depth::U8);
        let probe = probe(&raster, 300_000);
        assert!(probe.size().pixels() <= 300_000 && probe.size().pixels() > 200_000);
        for ribbon in [Size::new(1, 900_000), Size::new(900_000, 1), Size::new(20, 90_000)] {
            let probe = super::probe(&Raster::zeros(ribbon, Layout::Gray, Depth::U8), 10_000);
            assert!(probe.size().pixels() <= 10_000 && !probe.size().is_empty(), "{ribbon}");
        }
    }
}
