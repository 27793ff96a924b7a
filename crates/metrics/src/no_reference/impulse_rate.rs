//! Share of pixels that are impulses: salt-and-pepper (at the ends of the range) and random-valued.
//!
//! A pixel at an end of the range is salt or pepper if the pixels around it that are *not* at an end
//! are far from it; one inside the range is a random-valued impulse if even its four most similar
//! neighbors are far from it:
//! ```text
//! ROAD(x) = sum of the 4 smallest |I(x) - I(y)| over the 8 neighbors y
//! ```
//! Impulses are everywhere, specks of the scene are not: the rate is the median over square windows,
//! and its confidence the evenness of the windows. Cost: one pass over at most 300,000 pixels
//! per channel.
//!
//! Garnett, Huegerich, Chui, He, "A universal noise removal algorithm with an impulse detector",
//! IEEE TIP 14, 2005, doi:10.1109/TIP.2005.857261.

use restora_image::{Image, PlaneRef};
use serde::{Deserialize, Serialize};

/// Side of a window in which impulses are counted.
const WINDOW: usize = 32;
/// Pixels looked at per channel.
const PIXELS: usize = 300_000;
/// How far salt and pepper lie from the pixels around them, at least.
const CONTRAST: f32 = 0.1;
/// The same in units of what other pixels differ from their neighbors: clipped Gaussian noise reaches
/// it in one pixel of some thousands.
const DEVIATIONS: f32 = 3.5;
/// Least ROAD of a random-valued impulse (four differences of 40/255: the reference's examples use
/// thresholds of 80 to 160 of 255).
const ROAD: f32 = 0.5;
/// The same in units of the noise: a pixel three deviations off reaches 8.6 (the four nearest of
/// eight normal neighbors have a mean of 0.85), which one Gaussian pixel in 700 does.
const ROAD_DEVIATIONS: f32 = 12.0;

/// What [`impulse_rate`] found; rates are shares of the pixels, over all channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImpulseRate {
    /// Rate of pixels driven to black or white.
    pub salt_and_pepper: f32,
    /// Rate of random-valued impulses, as far as they stand out (about two thirds of them do).
    pub random_valued: f32,
    /// How far to trust the rates, in `[0, 1]`: for a positive rate the share of windows that hold
    /// at least a third of it, else the share of windows that hold none; times
    /// `min(1, windows / 16)`.
    pub confidence: f32,
    /// Share of the windows that hold at least a third of the rate of random-valued impulses (of none, where that
    /// is 0). Impulses at 10 % and more are everywhere; on a page of print margins are free of them.
    #[serde(default)]
    pub random_evenness: f32,
}

/// Counts impulses in a picture of any size.
pub fn impulse_rate(image: &Image) -> ImpulseRate {
    let (mut extreme, mut random) = (Vec::new(), Vec::new());
    for plane in image.planes() {
        windows(plane, &mut extreme, &mut random);
    }
    if extreme.is_empty() {
        return ImpulseRate::default();
    }
    let count = (extreme.len() as f32 / 16.0).min(1.0);
    let (salt_and_pepper, even_extreme) = rate(extreme);
    let (random_valued, even_random) = rate(random);
    let evenness =
        if salt_and_pepper == 0.0 && random_valued > 0.0 { even_random } else { even_extreme };
    let confidence = evenness * count;
    ImpulseRate { salt_and_pepper, random_valued, confidence, random_evenness: even_random }
}

/// Median of the windows' shares and the share of windows that agree with it.
fn rate(mut shares: Vec<f32>) -> (f32, f32) {
    shares.sort_by(f32::total_cmp);
    let median = shares[shares.len() / 2];
    let agree = if median > 0.0 {
        shares.iter().filter(|s| **s >= median / 3.0).count()
    } else {
        shares.iter().filter(|s| **s == 0.0).count()
    };
    (median, agree as f32 / shares.len() as f32)
}

/// Appends the shares of the two kinds of impulses in the windows of a plane. Windows that lie at an
/// end of the range for the most part say nothing about salt and pepper and are left out.
fn windows(plane: PlaneRef<'_>, extreme: &mut Vec<f32>, random: &mut Vec<f32>) {
    let (width, height) = (plane.width(), plane.height());
    if width < 8 || height < 8 {
        return;
    }
    let side = WINDOW.min(width).min(height);
    let total = (width / side) * (height / side);
    let every = (total * side * side).div_ceil(PIXELS);
    let columns = width / side;
    let scatter = scatter(plane);
    let contrast = CONTRAST.max(DEVIATIONS * scatter);
    let far = ROAD.max(ROAD_DEVIATIONS * scatter);
    for i in (0..total).step_by(every) {
        let (x0, y0) = ((i % columns) * side, (i / columns) * side);
        let (mut ends, mut lone, mut roads, mut inside) = (0u32, 0u32, 0u32, 0u32);
        for y in y0.max(1)..(y0 + side).min(height - 1) {
            for x in x0.max(1)..(x0 + side).min(width - 1) {
                let v = plane.at(x, y);
                inside += 1;
                if at_end(v) {
                    ends += 1;
                    lone += u32::from(stands_out(plane, x, y, contrast));
                } else {
                    roads += u32::from(road_exceeds(plane, x, y, far));
                }
            }
        }
        if inside == 0 {
            continue;
        }
        if lone > 0 || ends < inside / 2 {
            extreme.push(lone as f32 / inside as f32);
        }
        random.push(roads as f32 / inside as f32);
    }
    if extreme.is_empty() && !random.is_empty() {
        extreme.push(0.0);
    }
}

/// Standard deviation, from the median, of the differences between horizontal neighbors that are not
/// at an end of the range.
fn scatter(plane: PlaneRef<'_>) -> f32 {
    let mut differences = Vec::new();
    for y in (0..plane.height()).step_by(plane.height().div_ceil(64)) {
        let pairs = plane.row(y).windows(2).filter(|p| !at_end(p[0]) && !at_end(p[1]));
        differences.extend(pairs.map(|p| (p[1] - p[0]).abs()));
    }
    if differences.is_empty() {
        return 0.0;
    }
    let middle = differences.len() / 2;
    // 0.6745: median of |N(0, 1)|; a difference has twice the variance.
    *differences.select_nth_unstable_by(middle, f32::total_cmp).1 / 0.6745 / 2.0f32.sqrt()
}

fn at_end(v: f32) -> bool {
    v <= 0.5 / 255.0 || v >= 254.5 / 255.0
}

/// Is a pixel at an end of the range far from the mean of those around it that are not? Looks one
/// pixel far, then two, then three, until there are at least three such pixels.
fn stands_out(plane: PlaneRef<'_>, x: usize, y: usize, contrast: f32) -> bool {
    let v = plane.at(x, y);
    // A pixel among many of its own kind is part of a black or white area of the scene, or of its
    // border: at a rate of 0.5 one in four neighbors is of the same kind.
    let mut same = 0;
    for ny in y.saturating_sub(2)..=(y + 2).min(plane.height() - 1) {
        for nx in x.saturating_sub(2)..=(x + 2).min(plane.width() - 1) {
            same += u32::from((plane.at(nx, ny) - v).abs() < 0.5 / 255.0);
        }
    }
    if same > 10 {
        return false;
    }
    for radius in 1..=3usize {
        let (mut sum, mut count) = (0.0f32, 0u32);
        for ny in y.saturating_sub(radius)..=(y + radius).min(plane.height() - 1) {
            for nx in x.saturating_sub(radius)..=(x + radius).min(plane.width() - 1) {
                let n = plane.at(nx, ny);
                if !at_end(n) {
                    sum += n;
                    count += 1;
                }
            }
        }
        if count >= 3 {
            return (v - sum / count as f32).abs() > contrast;
        }
    }
    false
}

/// Is ROAD above `far`?
#[inline]
fn road_exceeds(plane: PlaneRef<'_>, x: usize, y: usize, far: f32) -> bool {
    let v = plane.at(x, y);
    let rows = [plane.row(y - 1), plane.row(y), plane.row(y + 1)];
    let at = |dx: usize, dy: usize| (rows[dy][x + dx - 1] - v).abs();
    let mut differences =
        [at(0, 0), at(1, 0), at(2, 0), at(0, 1), at(2, 1), at(0, 2), at(1, 2), at(2, 2)];
    // Four neighbors within a quarter of it settle the matter for nearly every pixel.
    let near = differences.iter().filter(|d| **d <= 0.25 * far).count();
    if near >= 4 {
        return false;
    }
    differences.sort_by(f32::total_cmp);
    differences[..4].iter().sum::<f32>() > far
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Rng, Size};
    use restora_testkit::{noisy, synthetic, synthetic_rgb};

    fn damaged(image: &Image, rate: f64, random: bool) -> Image {
        let mut rng = Rng::new(1, "impulses", 0);
        let mut out = image.clone();
        for v in out.data_mut() {
            *v = (*v * 255.0).round().clamp(0.0, 255.0) / 255.0;
            if rng.uniform() < rate {
                let u = rng.uniform() as f32;
                *v = if random { u } else { u.round() };
            }
        }
        out
    }

    #[test]
    fn rates_of_salt_and_pepper_are_found() {
        for rate in [0.01, 0.1, 0.3, 0.5] {
            let found = impulse_rate(&damaged(&synthetic_rgb(Size::new(160, 160)), rate, false));
            assert!(
                (f64::from(found.salt_and_pepper) / rate - 1.0).abs() < 0.2,
                "{rate}: {found:?}"
            );
            assert!(found.confidence > 0.8, "{rate}: {found:?}");
        }
    }

    #[test]
    fn random_valued_impulses_are_found() {
        let found = impulse_rate(&damaged(&synthetic(Size::new(200, 200)), 0.2, true));
        assert!(found.random_valued > 0.08 && found.salt_and_pepper < 0.01, "{found:?}");
        assert!(found.random_evenness > 0.99, "{found:?}");
    }

    #[test]
    fn impulses_that_leave_margins_free_are_not_everywhere() {
        let size = Size::new(256, 256);
        let (page, print) = (synthetic(size), damaged(&synthetic(size), 0.3, true));
        let image = Image::gray_from_fn(size, |x, y| {
            if x < 64 { page.plane(0).at(x, y) } else { print.plane(0).at(x, y) }
        });
        let found = impulse_rate(&image);
        assert!(found.random_valued > 0.08, "{found:?}");
        assert!((0.7..0.8).contains(&found.random_evenness), "{found:?}");
    }

    #[test]
    fn black_and_white_areas_text_and_gaussian_noise_are_no_impulses() {
        let areas = Image::gray_from_fn(Size::new(160, 160), |x, y| match (x / 40 + y / 40) % 3 {
            0 => 0.0,
            1 => 1.0,
            _ => 0.5,
        });
        let found = impulse_rate(&areas);
        assert!(found.salt_and_pepper < 0.003 && found.random_valued < 0.003, "{found:?}");
        let mut clipped = noisy(&synthetic(Size::new(160, 160)), 0.1, 3);
        for v in clipped.data_mut() {
            *v = v.clamp(0.0, 1.0);
        }
        let found = impulse_rate(&clipped);
        assert!(found.salt_and_pepper < 0.01 && found.random_valued < 0.005, "{found:?}");
        let strong = impulse_rate(&noisy(&synthetic_rgb(Size::new(160, 160)), 0.2, 3));
        assert!(strong.random_valued < 0.005, "{strong:?}");
    }

    #[test]
    fn any_size_works() {
        for (w, h) in [(0, 0), (1, 1), (1, 50), (2, 3), (8, 8), (40, 9)] {
            let found = impulse_rate(&Image::zeros(Size::new(w, h), ColorSpace::Srgb));
            assert_eq!((found.salt_and_pepper, found.random_valued), (0.0, 0.0));
        }
    }
}
