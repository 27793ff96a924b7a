//! Which inpainter for which holes.
//!
//! | holes | method |
//! |---|---|
//! | wider than [`WIDEST`] pixels, or more than [`MOST`] in all | `telea`: nobody knows what was there, or would wait for it |
//! | in plain surroundings (below [`PLAIN`]) | `biharmonic` |
//! | all others | `hbe`, which starts from exemplars where whole patches are missing |
//!
//! PSNR of `hbe` / `biharmonic` / `navier-stokes` / `telea` on ten of the training photographs, by the mean difference
//! between known neighbors (of 255) in the squares of 32x32 pixels that the holes are in:
//!
//! | difference | half of the pixels | text | scratches |
//! |---|---|---|---|
//! | below 0.5 | 53.7 / **55.3** / 55.3 / 53.3 | 53.2 / **54.1** / 54.1 / 51.8 | 51.0 / 51.1 / **51.2** / 50.6 |
//! | to 1.7 | **47.0** / 46.5 / 46.6 / 43.6 | 47.1 / 47.0 / **47.1** / 45.0 | 39.8 / **41.0** / 40.0 / 38.3 |
//! | to 5.0 | **39.1** / 37.6 / 37.7 / 35.0 | **38.1** / 35.9 / 36.0 / 34.3 | **33.1** / 31.8 / 31.8 / 31.1 |
//! | to 11 | **31.4** / 29.3 / 29.4 / 27.4 | **30.7** / 28.5 / 28.4 / 27.0 | **27.0** / 24.9 / 24.9 / 24.5 |
//! | above | **23.9** / 22.2 / 22.1 / 21.4 | **23.6** / 21.1 / 21.0 / 20.5 | **21.5** / 19.6 / 19.9 / 19.8 |
//!
//! Where `biharmonic` is even it is taken, at a tenth of the cost.

use crate::step::Step;
use restora_image::{Image, Mask, Raster, Rect};
use restora_ops::inpaint::{Biharmonic, Hbe, Telea};

/// Side of the largest square without a known pixel that is filled with texture, in pixels.
const WIDEST: u32 = 128;
/// Missing pixels that are filled with texture, at some 50 us each.
const MOST: usize = 4_000_000;
/// Mean difference between known neighbors, of 255, below which surroundings are plain.
const PLAIN: f64 = 1.5;
/// Side of the squares that surroundings are measured in.
const SQUARE: u32 = 32;

/// The step that fills the holes of a page best, and why.
pub fn filler(page: &Raster, mask: &Mask) -> (Step, String) {
    let (wide, missing) = (widest(mask), mask.count());
    if wide > WIDEST {
        let reason = format!("telea, since holes are {wide} pixels wide");
        return (Step::Telea(Telea::default()), reason);
    }
    if missing > MOST {
        let reason = format!("telea, since {missing} pixels are missing");
        return (Step::Telea(Telea::default()), reason);
    }
    let texture = texture(page, mask);
    if texture < PLAIN {
        let reason = format!("biharmonic, in plain surroundings ({texture:.1}/255)");
        (Step::Biharmonic(Biharmonic::default()), reason)
    } else {
        let reason = format!("hbe, in texture ({texture:.1}/255)");
        (Step::Hbe(Hbe::default()), reason)
    }
}

/// Side of the largest square of missing pixels.
fn widest(mask: &Mask) -> u32 {
    let size = mask.size();
    // The largest square that ends at each pixel of the row above, and of this one so far.
    let mut above = vec![0; size.w() + 1];
    let mut most = 0;
    for y in 0..size.h() {
        let mut row = vec![0; size.w() + 1];
        for x in (0..size.w()).filter(|x| mask.at(*x, y)) {
            row[x + 1] = 1 + row[x].min(above[x]).min(above[x + 1]);
            most = most.max(row[x + 1]);
        }
        above = row;
    }
    most
}

/// Mean absolute difference between known neighbors near the holes, of 255, each square counted by what is
/// missing of it; infinite where nothing near is known.
fn texture(page: &Raster, mask: &Mask) -> f64 {
    let size = mask.size();
    let (mut sum, mut weight) = (0.0, 0.0);
    for y in (0..size.height).step_by(SQUARE as usize) {
        for x in (0..size.width).step_by(SQUARE as usize) {
            let (width, height) = (SQUARE.min(size.width - x), SQUARE.min(size.height - y));
            let square = Rect { x, y, width, height };
            let holes = mask.crop(square);
            let missing = holes.count() as f64;
            if missing > 0.0
                && let Some(difference) = mean_difference(&page.tile(square), &holes)
            {
                sum += missing * difference;
                weight += missing;
            }
        }
    }
    if weight > 0.0 { 255.0 * sum / weight } else { f64::INFINITY }
}

/// Mean absolute difference of the mean of all planes between known pixels side by side.
fn mean_difference(image: &Image, holes: &Mask) -> Option<f64> {
    let (w, n) = (image.size().w(), image.size().len());
    let mut gray = vec![0.0; n];
    for plane in image.data().chunks_exact(n) {
        gray.iter_mut().zip(plane).for_each(|(g, v)| *g += v / image.channels() as f32);
    }
    let (mut sum, mut pairs) = (0.0, 0);
    for i in 0..n {
        let right = (i % w + 1 < w).then_some(i + 1);
        let below = (i + w < n).then_some(i + w);
        for j in [right, below].into_iter().flatten() {
            if !holes.data()[i] && !holes.data()[j] {
                sum += f64::from((gray[i] - gray[j]).abs());
                pairs += 1;
            }
        }
    }
    (pairs > 0).then(|| sum / f64::from(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Depth, Rng, Size};

    fn id(image: &Image, mask: &Mask) -> &'static str {
        filler(&Raster::from_image(image, Depth::U8).unwrap(), mask).0.id()
    }

    #[test]
    fn texture_plain_surroundings_and_wide_holes_have_their_methods() {
        let size = Size::new(300, 260);
        let mut rng = Rng::new(3, "texture", 0);
        let rough = Image::gray_from_fn(size, |_, _| rng.uniform() as f32);
        let plain = Image::gray_from_fn(size, |x, y| 0.001 * (x + y) as f32);
        let stroke = Mask::from_fn(size, |x, y| x / 5 == y / 5);
        assert_eq!((id(&rough, &stroke), id(&plain, &stroke)), ("hbe", "biharmonic"));
        let gap = Mask::from_fn(size, |x, y| (20..160).contains(&x) && y < 140);
        assert_eq!((id(&rough, &gap), id(&plain, &gap)), ("telea", "telea"));
        // Plain where the hole is, whatever the rest is like.
        let half = Image::gray_from_fn(size, |x, y| {
            if x < 150 { plain.plane(0).at(x, y) } else { rough.plane(0).at(x, y) }
        });
        let there =
            |from: usize| Mask::from_fn(size, |x, y| (from..from + 6).contains(&x) && y > 99);
        assert_eq!((id(&half, &there(40)), id(&half, &there(240))), ("biharmonic", "hbe"));
    }

    #[test]
    fn the_widest_square_is_found_in_a_band_and_at_the_border() {
        let size = Size::new(50, 40);
        assert_eq!(widest(&Mask::empty(size)), 0);
        assert_eq!(widest(&Mask::from_fn(size, |_, y| (10..17).contains(&y))), 7);
        assert_eq!(widest(&Mask::from_fn(size, |x, y| x >= 30 && y >= 28)), 12);
        assert_eq!(widest(&Mask::from_fn(size, |x, y| (x + y) % 2 == 0)), 1);
    }
}
