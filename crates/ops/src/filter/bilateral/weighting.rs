//! The window, and the weighted means of a row over it.

use super::super::separable::extend_row;
use super::Plan;
use restora_image::{Border, Image};

/// Columns summed at a time.
const L: usize = 64;

/// An offset in the window and its weight in space.
#[derive(Clone, Copy)]
pub(super) struct Offset {
    x: usize,
    y: usize,
    weight: f32,
}

/// The window, from its upper left corner.
pub(super) fn disk(plan: Plan) -> Vec<Offset> {
    let r = plan.radius as isize;
    let mut offsets = Vec::new();
    for y in -r..=r {
        for x in -r..=r {
            let d = (x * x + y * y) as f32;
            if x * x + y * y <= r * r {
                let weight = (-0.5 * d / (plan.space * plan.space)).exp();
                offsets.push(Offset { x: (x + r) as usize, y: (y + r) as usize, weight });
            }
        }
    }
    offsets
}

/// `count` rows from `y0 - r` on, continued by `r` to both sides, plane after plane.
pub(super) fn extended(
    image: &Image,
    y0: usize,
    count: usize,
    r: usize,
    border: Border,
) -> Vec<f32> {
    let (w, h) = (image.size().w(), image.size().h());
    let mut out = vec![0.0; image.channels() * count * (w + 2 * r)];
    let mut rows = out.chunks_exact_mut(w + 2 * r);
    for plane in image.planes() {
        for (y, row) in (y0 as isize - r as isize..).take(count).zip(&mut rows) {
            if let Some(y) = border.index(y, h) {
                row[r..r + w].copy_from_slice(plane.row(y));
                extend_row(row, r, w, border);
            }
        }
    }
    out
}

/// The rows that a band looks at.
pub(super) struct View<'a> {
    pub(super) values: &'a [f32],
    pub(super) guides: &'a [f32],
    pub(super) padded: usize,
    pub(super) count: usize,
    pub(super) r: usize,
}

impl View<'_> {
    #[inline(always)]
    pub(super) fn row<const C: usize>(
        &self,
        y: usize,
        offsets: &[Offset],
        range: f32,
        out: &mut [f32],
        w: usize,
    ) {
        let mut x = 0;
        while x < w {
            if w >= L {
                // The last block overlaps its neighbor instead of being short.
                x = x.min(w - L);
                let result = self.block::<C, L>(x, y, offsets, range);
                for c in 0..C {
                    out[c * w + x..][..L].copy_from_slice(&result[c]);
                }
                x += L;
            } else {
                let result = self.block::<C, 1>(x, y, offsets, range);
                for c in 0..C {
                    out[c * w + x] = result[c][0];
                }
                x += 1;
            }
        }
    }

    #[inline(always)]
    fn block<const C: usize, const N: usize>(
        &self,
        x: usize,
        y: usize,
        offsets: &[Offset],
        range: f32,
    ) -> [[f32; N]; C] {
        let factor = factor(range, C);
        let at = |data: &'_ [f32], c: usize, dx: usize, dy: usize| -> [f32; N] {
            let start = (c * self.count + y + dy) * self.padded + x + dx;
            *data[start..].first_chunk().expect("rows are continued by the radius")
        };
        let center: [[f32; N]; C] = std::array::from_fn(|c| at(self.guides, c, self.r, self.r));
        let (mut sums, mut weights) = ([[0.0; N]; C], [0.0; N]);
        for o in offsets {
            let guide: [[f32; N]; C] = std::array::from_fn(|c| at(self.guides, c, o.x, o.y));
            let value: [[f32; N]; C] = std::array::from_fn(|c| at(self.values, c, o.x, o.y));
            for j in 0..N {
                let mut distance = 0.0;
                for c in 0..C {
                    let d = guide[c][j] - center[c][j];
                    distance += d * d;
                }
                let weight = o.weight * exp2(distance * factor);
                weights[j] += weight;
                for c in 0..C {
                    sums[c][j] += weight * value[c][j];
                }
            }
        }
        for c in 0..C {
            for j in 0..N {
                sums[c][j] /= weights[j];
            }
        }
        sums
    }

    /// As [`Self::row`] for any number of planes, pixel by pixel.
    pub(super) fn row_of_any(
        &self,
        y: usize,
        offsets: &[Offset],
        range: f32,
        out: &mut [f32],
        w: usize,
        channels: usize,
    ) {
        let factor = factor(range, channels);
        let at = |c: usize, dy: usize, x: usize| (c * self.count + y + dy) * self.padded + x;
        for x in 0..w {
            let (mut sums, mut weights) = (vec![0.0; channels], 0.0);
            for o in offsets {
                let distance: f32 = (0..channels)
                    .map(|c| {
                        let center = self.guides[at(c, self.r, x + self.r)];
                        (self.guides[at(c, o.y, x + o.x)] - center).powi(2)
                    })
                    .sum();
                let weight = o.weight * exp2(distance * factor);
                weights += weight;
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum += weight * self.values[at(c, o.y, x + o.x)];
                }
            }
            for (c, sum) in sums.iter().enumerate() {
                out[c * w + x] = sum / weights;
            }
        }
    }
}

/// What makes the sum of squared differences of `channels` planes the exponent of 2.
#[inline(always)]
fn factor(range: f32, channels: usize) -> f32 {
    -0.5 * std::f32::consts::LOG2_E / (range * range * channels as f32)
}

/// `2^z` for `z <= 0` (0 below -126), by a polynomial for the fraction in `[-1/2, 1/2]` (Taylor series
/// of degree 6, relative error below 2e-7) and the integer part as exponent bits.
#[inline(always)]
pub(super) fn exp2(z: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    let z = if z > -126.0 { z } else { -126.0 };
    let shifted = z + MAGIC;
    let f = z - (shifted - MAGIC);
    let p = 1.0
        + f * (std::f32::consts::LN_2
            + f * (0.240_226_5
                + f * (0.055_504_11
                    + f * (0.009_618_129 + f * (0.001_333_355_8 + f * 0.000_154_035_3)))));
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000))
}
