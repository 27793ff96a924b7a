//! What the learned estimator sees of a picture: where its colors and those of its edges lie.
//!
//! ```text
//! x = (ln r/g, ln b/g), wrapped into 64 x 64 bins of 1/24
//! pixels(x) ~ sum of |rgb| over pixels of that color
//! edges(x)  ~ the same of mean |rgb - rgb of a neighbor| over the eight neighbors
//! ```
//!
//! Each vote is shared by the four nearest bins, and each histogram sums to 1. Taken from a thumbnail of
//! at most 64 x 64 means over squares, so that noise and fine texture count the same in every picture.
//!
//! Cost: one pass over the picture for the thumbnail.
//!
//! Reference: J. T. Barron, Y.-T. Tsai, "Fast Fourier color constancy", CVPR 2017,
//! doi:10.1109/CVPR.2017.735 (section 3 and its supplement).

use super::super::illuminant::{Usable, require_linear};
use super::torus::{BINS, SIDE};
use restora_image::{Context, Image, OpError};

/// Width of a bin: the torus spans a factor of 14 in `r/g` and `b/g`. Bins of 1/32 gave the same errors.
pub const BIN: f64 = 1.0 / 24.0;
/// Pixels of the thumbnail, at most.
const THUMBNAIL: usize = 64 * 64;
/// A channel below this is dark: its logarithm is noise.
const DARK: f32 = 1e-4;

/// The histograms of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct ColorHistograms {
    pub(super) pixels: Vec<f64>,
    pub(super) edges: Vec<f64>,
    /// `(ln r/g, ln b/g)` of the mean: tells apart colors that fall into the same bin.
    pub(super) mean: [f64; 2],
}

impl ColorHistograms {
    /// Those of a picture in linear light; `None` if no pixel of it may vote.
    ///
    /// # Errors
    /// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
    pub fn of(linear: &Image, usable: Usable, cx: &Context) -> Result<Option<Self>, OpError> {
        require_linear(linear)?;
        let thumbnail = thumbnail(linear, usable, cx)?;
        let (mut pixels, mut edges) = (vec![0.0; BINS], vec![0.0; BINS]);
        let mut mean = [0.0; 3];
        for y in 0..thumbnail.height {
            for x in 0..thumbnail.width {
                let Some(color) = thumbnail.at(y as isize, x as isize) else { continue };
                vote(&mut pixels, color);
                vote(&mut edges, thumbnail.edge(y, x, color));
                mean.iter_mut().zip(color).for_each(|(m, v)| *m += f64::from(v));
            }
        }
        if !(normalize(&mut pixels) && mean.iter().all(|v| *v > 0.0)) {
            return Ok(None);
        }
        // A picture without edges is told by its pixels alone.
        normalize(&mut edges);
        let mean = [(mean[0] / mean[1]).ln(), (mean[2] / mean[1]).ln()];
        Ok(Some(Self { pixels, edges, mean }))
    }
}

/// Means over squares; black where less than half of a square may vote.
struct Thumbnail {
    width: usize,
    height: usize,
    colors: Vec<[f32; 3]>,
}

impl Thumbnail {
    /// The color at a place, if it has one and lies in the picture.
    fn at(&self, y: isize, x: isize) -> Option<[f32; 3]> {
        let inside = |v: isize, end: usize| usize::try_from(v).ok().filter(|v| *v < end);
        let (y, x) = (inside(y, self.height)?, inside(x, self.width)?);
        let color = self.colors[y * self.width + x];
        color.iter().any(|v| *v > 0.0).then_some(color)
    }

    /// Mean absolute difference to the neighbors that have a color.
    fn edge(&self, y: usize, x: usize, color: [f32; 3]) -> [f32; 3] {
        let (mut sum, mut count) = ([0.0; 3], 0.0_f32);
        for dy in -1..=1 {
            for dx in -1..=1 {
                if let (Some(near), false) =
                    (self.at(y as isize + dy, x as isize + dx), dy == 0 && dx == 0)
                {
                    for c in 0..3 {
                        sum[c] += (near[c] - color[c]).abs();
                    }
                    count += 1.0;
                }
            }
        }
        sum.map(|v| v / count.max(1.0))
    }
}

fn thumbnail(linear: &Image, usable: Usable, cx: &Context) -> Result<Thumbnail, OpError> {
    let (w, h) = (linear.size().w(), linear.size().h());
    let mut side = 1;
    while (w / side).max(1) * (h / side).max(1) > THUMBNAIL {
        side += 1;
    }
    let (across, down) = (side.min(w.max(1)), side.min(h.max(1)));
    let (width, height) = (w / across, h / down);
    let [r, g, b] = [0, 1, 2].map(|c| linear.plane(c));
    // Hidden colors do not vote.
    let visible =
        |y: usize, x: usize| linear.alpha.as_ref().is_none_or(|alpha| alpha.data[y * w + x] > 0.0);
    let least = (across * down).div_ceil(2) as u32;
    let mut colors = Vec::with_capacity(width * height);
    let (mut sums, mut counts) = (vec![[0.0; 3]; width], vec![0_u32; width]);
    for row in 0..height {
        cx.check()?;
        sums.fill([0.0; 3]);
        counts.fill(0);
        for y in row * down..(row + 1) * down {
            let (r, g, b) = (r.row(y), g.row(y), b.row(y));
            for (x, (sum, count)) in sums.iter_mut().zip(&mut counts).enumerate() {
                for i in x * across..(x + 1) * across {
                    if usable.takes(r[i], g[i], b[i]) && visible(y, i) {
                        *sum = [sum[0] + r[i], sum[1] + g[i], sum[2] + b[i]];
                        *count += 1;
                    }
                }
            }
        }
        colors.extend(sums.iter().zip(&counts).map(|(sum, count)| {
            if *count >= least { sum.map(|v| v / *count as f32) } else { [0.0; 3] }
        }));
    }
    Ok(Thumbnail { width, height, colors })
}

/// A color votes by its strength, shared by the four bins around it.
fn vote(histogram: &mut [f64], [r, g, b]: [f32; 3]) {
    if r.min(g).min(b) <= DARK {
        return;
    }
    let [r, g, b] = [r, g, b].map(f64::from);
    let weight = (r * r + g * g + b * b).sqrt();
    for (bin, share) in around([(r / g).ln(), (b / g).ln()]) {
        histogram[bin] += weight * share;
    }
}

/// The four bins around a place, and their shares of it.
pub(super) fn around([x, y]: [f64; 2]) -> [(usize, f64); 4] {
    let split = |v: f64| {
        let v = v / BIN;
        let low = v.floor();
        ((low as i64).rem_euclid(SIDE as i64) as usize, v - low)
    };
    let ((i, a), (j, b)) = (split(x), split(y));
    let at = |di: usize, dj: usize| (i + di) % SIDE * SIDE + (j + dj) % SIDE;
    [
        (at(0, 0), (1.0 - a) * (1.0 - b)),
        (at(0, 1), (1.0 - a) * b),
        (at(1, 0), a * (1.0 - b)),
        (at(1, 1), a * b),
    ]
}

/// Makes the sum 1, if there is anything to sum.
fn normalize(histogram: &mut [f64]) -> bool {
    let sum: f64 = histogram.iter().sum();
    if sum > 0.0 && sum.is_finite() {
        for v in histogram {
            *v /= sum;
        }
        return true;
    }
    histogram.fill(0.0);
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};

    fn picture(size: Size, color: impl Fn(usize, usize) -> [f32; 3]) -> Image {
        let mut image = Image::zeros(size, ColorSpace::LinearRgb);
        for i in 0..size.len() {
            let rgb = color(i / size.w(), i % size.w());
            for c in 0..3 {
                image.plane_mut(c)[i] = rgb[c];
            }
        }
        image
    }

    fn of(image: &Image) -> Option<ColorHistograms> {
        ColorHistograms::of(image, Usable::default(), &Context::default()).unwrap()
    }

    #[test]
    fn colors_vote_where_they_are_and_edges_where_their_differences_are() {
        // Two grays under a light of r/g = e^(6/24), b/g = e^(-12/24): pixels and edges fall into one bin.
        let light = [(6.0_f32 / 24.0).exp(), 1.0, (-12.0_f32 / 24.0).exp()];
        let image = picture(Size::new(20, 10), |_, x| {
            light.map(|l| l * if x % 2 == 0 { 0.2 } else { 0.5 })
        });
        let found = of(&image).unwrap();
        let bin = 6 * SIDE + (SIDE - 12);
        for histogram in [&found.pixels, &found.edges] {
            assert!((histogram[bin] - 1.0).abs() < 1e-4, "{}", histogram[bin]);
            assert!((histogram.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
        assert!((found.mean[0] - 0.25).abs() < 1e-5 && (found.mean[1] + 0.5).abs() < 1e-5);
    }

    #[test]
    fn a_cast_shifts_the_histograms() {
        let size = Size::new(50, 40);
        let scene = |y: usize, x: usize| {
            [0.1 + 0.01 * y as f32, 0.2 + 0.005 * x as f32, 0.15 + 0.002 * (x + y) as f32]
        };
        // Of the same strength, so that votes weigh alike; a shift by whole bins.
        let gain = (5.0_f32 / 24.0).exp();
        let (plain, cast) = (
            of(&picture(size, scene)).unwrap(),
            of(&picture(size, |y, x| {
                let [r, g, b] = scene(y, x);
                [r * gain, g, b]
            }))
            .unwrap(),
        );
        let center = |h: &[f64]| {
            let turns = |i: usize| std::f64::consts::TAU * (i / SIDE) as f64 / SIDE as f64;
            let (s, c) = h.iter().enumerate().fold((0.0, 0.0), |(s, c), (i, v)| {
                (s + v * turns(i).sin(), c + v * turns(i).cos())
            });
            s.atan2(c) * SIDE as f64 / std::f64::consts::TAU
        };
        let shift = center(&cast.edges) - center(&plain.edges);
        assert!((shift - 5.0).abs() < 0.2, "{shift}");
        assert!((cast.mean[0] - plain.mean[0] - 5.0 / 24.0).abs() < 1e-5);
    }

    #[test]
    fn large_pictures_say_what_their_thumbnails_say() {
        let scene = |y: usize, x: usize| [0.1 + 0.01 * y as f32, 0.3, 0.6 - 0.009 * x as f32];
        let small = of(&picture(Size::new(60, 40), scene)).unwrap();
        let large = of(&picture(Size::new(240, 160), |y, x| scene(y / 4, x / 4))).unwrap();
        for (a, b) in small.pixels.iter().zip(&large.pixels) {
            assert!((a - b).abs() < 1e-6);
        }
    }

    #[test]
    fn pictures_that_say_nothing_have_none() {
        for size in [Size::new(0, 4), Size::new(1, 1), Size::new(90, 1), Size::new(1, 70)] {
            assert_eq!(of(&Image::zeros(size, ColorSpace::LinearRgb)), None);
        }
        assert_eq!(of(&picture(Size::new(9, 9), |_, _| [1.0; 3])), None);
        // One color has no edges.
        let flat = of(&picture(Size::new(9, 9), |_, _| [0.5; 3])).unwrap();
        assert!((flat.pixels[0] - 1.0).abs() < 1e-12 && flat.edges.iter().all(|v| *v == 0.0));
    }
}
