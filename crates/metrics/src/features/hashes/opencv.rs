//! OpenCV's arithmetic on 8-bit pictures: gray, two kinds of resizing, blur, equalized histogram.
//!
//! `resize(..., INTER_LINEAR_EXACT)` weighs by fixed-point numbers of 8 bits, rows before columns, and
//! rounds once; `INTER_CUBIC` by 11 bits, with `a = -0.75`; both sample between two pixels however much
//! a picture is reduced. `GaussianBlur` of 8-bit pictures weighs by 8 bits. `cvtColor` weighs by 15.
//!
//! Reference: R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP
//! 29(6), 1981, doi:10.1109/TASSP.1981.1163711.

use crate::MetricError;
use restora_image::{ColorSpace, Image, OpError, simd};

/// Bits of the weights of linear interpolation, of blur, and of cubic interpolation.
const LINEAR: u32 = 8;
const CUBIC: u32 = 11;

/// One channel of 8 bits, row by row.
#[derive(Clone)]
pub(super) struct Bytes {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

/// Is it a picture that has a hash?
fn check(image: &Image) -> Result<(), MetricError> {
    let size = image.size();
    if size.is_empty() {
        return Err(MetricError::TooSmall { metric: "a hash", wanted: 1, got: size });
    }
    if !matches!(image.space(), ColorSpace::Gray | ColorSpace::Srgb | ColorSpace::LinearRgb) {
        let (wanted, got) = ("gray or RGB", image.space());
        return Err(OpError::WrongSpace { op: "a hash", wanted, got }.into());
    }
    Ok(())
}

/// The channels of a gray or an RGB image, rounded to 8 bits.
pub(super) fn channels(image: &Image) -> Result<Vec<Bytes>, MetricError> {
    check(image)?;
    let size = image.size();
    let channel = |c: usize| {
        let mut pixels = vec![0; image.plane_data(c).len()];
        round(image.plane_data(c), &mut pixels);
        Bytes { width: size.w(), height: size.h(), pixels }
    };
    Ok((0..image.channels()).map(channel).collect())
}

/// Values rounded to 8 bits, halves up.
fn round(from: &[f32], to: &mut [u8]) {
    simd(
        #[inline(always)]
        || {
            for (to, v) in to.iter_mut().zip(from) {
                let v = v.clamp(0.0, 1.0) * 255.0;
                let whole = v as i32;
                *to = (whole + i32::from(v - whole as f32 >= 0.5)) as u8;
            }
        },
    );
}

/// `cvtColor(..., COLOR_BGR2GRAY)`; one channel is gray.
pub(super) fn gray(channels: &[Bytes]) -> Bytes {
    let [r, g, b] = channels else { return channels[0].clone() };
    let luma = |((r, g), b): ((&u8, &u8), &u8)| {
        let [r, g, b] = [r, g, b].map(|v| u32::from(*v));
        ((9798 * r + 19235 * g + 3735 * b + (1 << 14)) >> 15) as u8
    };
    let pixels = r.pixels.iter().zip(&g.pixels).zip(&b.pixels).map(luma).collect();
    Bytes { pixels, ..*r }
}

/// Gray of a gray or an RGB image, rounded to 8 bits, at another size by `INTER_LINEAR_EXACT`. Of a large
/// picture few rows are looked at.
pub(super) fn small_gray(image: &Image, width: usize, height: usize) -> Result<Bytes, MetricError> {
    check(image)?;
    let (w, h) = (image.size().w(), image.size().h());
    let (across, down) = (linear(w, width), linear(h, height));
    let small = |c: usize| {
        let row = |y: usize, out: &mut [u8]| round(image.plane(c).row(y), out);
        weighed(row, w, h, (&across, &down), LINEAR)
    };
    Ok(gray(&(0..image.channels()).map(small).collect::<Vec<_>>()))
}

/// What an output pixel is made of: input pixels, none outside, and their fixed-point weights.
struct Tap<const N: usize>([(usize, i64); N]);

impl Bytes {
    /// `INTER_CUBIC`.
    pub fn cubic(&self, width: usize, height: usize) -> Self {
        self.weighed(&cubic(self.width, width), &cubic(self.height, height), CUBIC)
    }

    /// Gaussian blur of 7 taps; `half` are those from the rim to the center, 256 with their mirror.
    pub fn blurred(&self, half: [i64; 4]) -> Self {
        let taps = |n: usize| -> Vec<Tap<7>> {
            let tap = |i: usize| {
                Tap([0, 1, 2, 3, 4, 5, 6].map(|k| (reflect(i + k, 3, n), half[k.min(6 - k)])))
            };
            (0..n).map(tap).collect()
        };
        self.weighed(&taps(self.width), &taps(self.height), LINEAR)
    }

    fn weighed<const N: usize>(&self, across: &[Tap<N>], down: &[Tap<N>], bits: u32) -> Self {
        let row = |y: usize, out: &mut [u8]| {
            out.copy_from_slice(&self.pixels[y * self.width..][..self.width]);
        };
        weighed(row, self.width, self.height, (across, down), bits)
    }

    /// `equalizeHist`.
    pub fn equalized(&self) -> Self {
        let mut counts = [0u32; 256];
        self.pixels.iter().for_each(|v| counts[usize::from(*v)] += 1);
        let darkest = counts.iter().position(|n| *n > 0).unwrap_or(0);
        let rest = self.pixels.len() as u32 - counts[darkest];
        if rest == 0 {
            return self.clone();
        }
        let scale = 255.0 / rest as f32;
        let mut levels = [0u8; 256];
        let mut below = 0;
        for v in darkest + 1..256 {
            below += counts[v];
            levels[v] = (below as f32 * scale).round_ties_even() as u8;
        }
        Self { pixels: self.pixels.iter().map(|v| levels[usize::from(*v)]).collect(), ..*self }
    }
}

/// Sums across of those rows that are needed, of sums down.
fn weighed<const N: usize>(
    row: impl Fn(usize, &mut [u8]),
    w: usize,
    h: usize,
    (across, down): (&[Tap<N>], &[Tap<N>]),
    bits: u32,
) -> Bytes {
    let width = across.len();
    let mut needed = vec![false; h];
    down.iter().flat_map(|tap| tap.0).for_each(|(y, _)| needed[y] = true);
    let (mut rows, mut from) = (vec![0; width * h], vec![0; w]);
    for (y, out) in rows.chunks_exact_mut(width).enumerate().filter(|(y, _)| needed[*y]) {
        row(y, &mut from);
        for (out, tap) in out.iter_mut().zip(across) {
            *out = tap.sum(|x| i64::from(from[x]));
        }
    }
    let mut pixels = Vec::with_capacity(width * down.len());
    let half = 1i64 << (2 * bits - 1);
    for tap in down {
        pixels.extend((0..width).map(|x| {
            let sum = tap.sum(|y| rows[y * width + x]);
            ((sum + half) >> (2 * bits)).clamp(0, 255) as u8
        }));
    }
    Bytes { width, height: down.len(), pixels }
}

impl<const N: usize> Tap<N> {
    fn sum(&self, pixel: impl Fn(usize) -> i64) -> i64 {
        self.0.iter().map(|(i, weight)| weight * pixel(*i)).sum()
    }
}

/// `at - before` mirrored at the first and last of `n` pixels, which are not repeated.
pub(super) fn reflect(at: usize, before: usize, n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    let period = 2 * (n - 1);
    let i = (at + period * before.div_ceil(period) - before) % period;
    i.min(period - i)
}

/// For each of `to` pixels: the one of `from` to the left of its center, and how far beyond.
fn places(from: usize, to: usize) -> impl Iterator<Item = (i64, f64)> {
    let scale = from as f64 / to as f64;
    (0..to).map(move |i| {
        let place = scale * (i as f64 + 0.5) - 0.5;
        (place.floor() as i64, place - place.floor())
    })
}

fn linear(from: usize, to: usize) -> Vec<Tap<2>> {
    let last = from - 1;
    let one = 1i64 << LINEAR;
    let tap = |(left, beyond): (i64, f64)| {
        if left < 0 || left >= last as i64 {
            let i = left.clamp(0, last as i64) as usize;
            return Tap([(i, one), (i, 0)]);
        }
        let weight = (beyond * one as f64).round_ties_even() as i64;
        Tap([(left as usize, one - weight), (left as usize + 1, weight)])
    };
    places(from, to).map(tap).collect()
}

fn cubic(from: usize, to: usize) -> Vec<Tap<4>> {
    const A: f32 = -0.75;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let tap = |(left, beyond): (i64, f64)| {
        let x = beyond as f32;
        let far = ((A * (x + 1.0) - 5.0 * A) * (x + 1.0) + 8.0 * A) * (x + 1.0) - 4.0 * A;
        let (second, third) = (near(x), near(1.0 - x));
        let weights = [far, second, third, 1.0 - far - second - third];
        Tap([0, 1, 2, 3].map(|k| {
            let i = (left - 1 + k as i64).clamp(0, from as i64 - 1) as usize;
            (i, (weights[k] * (1 << CUBIC) as f32).round_ties_even() as i64)
        }))
    };
    places(from, to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: &[u8] = &[19, 123, 155, 86, 129, 189, 95, 131, 223, 61, 129, 214, 27, 123, 147];
    const CUBIC_PIXELS: &[u8] =
        &[0, 67, 192, 109, 114, 153, 111, 161, 138, 78, 189, 236, 63, 0, 255, 212, 12, 81, 178, 96];
    const BLURRED: &[u8] = &[
        83, 92, 117, 149, 176, 185, 81, 90, 116, 151, 178, 188, 76, 86, 115, 152, 182, 193, 73, 84,
        113, 153, 184, 195,
    ];
    const EQUALIZED: &[u8] = &[
        0, 33, 111, 155, 211, 89, 177, 55, 188, 100, 233, 166, 133, 67, 22, 255, 222, 244, 11, 44,
        122, 144, 200, 78,
    ];

    fn picture(width: usize, height: usize) -> Bytes {
        let pixels = (0..width * height).map(|i| ((7 * i * i + 31 * i) % 256) as u8).collect();
        Bytes { width, height, pixels }
    }

    #[test]
    fn pixels_beyond_the_edge_are_mirrored_without_the_edge() {
        let seen: Vec<usize> = (0..9).map(|at| reflect(at, 3, 3)).collect();
        assert_eq!(seen, [1, 2, 1, 0, 1, 2, 1, 0, 1]);
        assert_eq!([reflect(0, 3, 2), reflect(4, 3, 2), reflect(5, 3, 1)], [1, 1, 0]);
    }

    #[test]
    fn resized_blurred_and_equalized_pictures_are_those_of_opencv() {
        // OpenCV 5.0.0 of a[i] = (7 i^2 + 31 i) mod 256, 6 wide and 4 high.
        let a = picture(6, 4);
        let exact = a.weighed(&linear(6, 3), &linear(4, 5), LINEAR);
        assert_eq!(exact.pixels, EXACT);
        // OpenCV sums columns in f32, which may round the other way.
        let off = |(a, b): (&u8, &u8)| a.abs_diff(*b);
        assert!(a.cubic(4, 5).pixels.iter().zip(CUBIC_PIXELS).map(off).max() <= Some(1));
        assert_eq!(a.blurred([8, 28, 56, 72]).pixels, BLURRED);
        assert_eq!(a.equalized().pixels, EQUALIZED);
    }
}
