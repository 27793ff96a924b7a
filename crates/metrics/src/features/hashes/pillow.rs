//! Pillow's `convert("L")` and `resize(..., LANCZOS)` of 8-bit images, in its arithmetic.
//!
//! The filter of three lobes is widened by the factor of reduction and cut at the edges; weights are
//! fixed-point numbers of 22 bits; rows are rounded to 8 bits before columns are filtered. A
//! direction whose size does not change is left alone.
//!
//! Reference: C. E. Duchon, "Lanczos filtering in one and two dimensions", Journal of Applied Meteorology
//! 18(8), 1979, doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2.

use crate::MetricError;
use restora_image::{ColorSpace, Image, OpError};

/// Bits behind the point of a weight: 32 less 8 of the pixel and 2 for sums beyond the range.
const BITS: u32 = 22;
/// Half the width of the filter.
const LOBES: f64 = 3.0;

/// Gray levels, row by row.
pub(super) struct Gray {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

/// Luma in integers, of values rounded to 8 bits.
pub(super) fn gray(image: &Image) -> Result<Gray, MetricError> {
    let size = image.size();
    if size.is_empty() {
        return Err(MetricError::TooSmall { metric: "a hash", wanted: 1, got: size });
    }
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
    let pixels = match image.space() {
        ColorSpace::Gray => image.data().iter().map(|v| byte(*v)).collect(),
        ColorSpace::Srgb | ColorSpace::LinearRgb => {
            let [r, g, b] = [0, 1, 2].map(|c| image.plane_data(c));
            let luma = |i: usize| {
                let [r, g, b] = [r[i], g[i], b[i]].map(|v| u32::from(byte(v)));
                ((19595 * r + 38470 * g + 7471 * b + 32768) >> 16) as u8
            };
            (0..size.len()).map(luma).collect()
        }
        got => {
            let wanted = "gray or RGB";
            return Err(OpError::WrongSpace { op: "a hash", wanted, got }.into());
        }
    };
    Ok(Gray { width: size.w(), height: size.h(), pixels })
}

/// At another size.
pub(super) fn resized(gray: &Gray, width: usize, height: usize) -> Gray {
    let mut pixels = gray.pixels.clone();
    if width != gray.width {
        let taps = taps(gray.width, width);
        pixels = pixels
            .chunks_exact(gray.width)
            .flat_map(|row| taps.iter().map(|t| t.apply(|i| row[i])))
            .collect();
    }
    if height != gray.height {
        let taps = taps(gray.height, height);
        let column = |t: &Taps, x: usize| t.apply(|y| pixels[y * width + x]);
        pixels = taps
            .iter()
            .flat_map(|t| (0..width).map(move |x| (t, x)))
            .map(|(t, x)| column(t, x))
            .collect();
    }
    Gray { width, height, pixels }
}

/// The weights of one output pixel.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

impl Taps {
    fn apply(&self, pixel: impl Fn(usize) -> u8) -> u8 {
        let half = 1 << (BITS - 1);
        let term = |(k, weight): (usize, &i32)| i32::from(pixel(self.first + k)) * weight;
        let sum: i32 = self.weights.iter().enumerate().map(term).sum::<i32>() + half;
        (sum >> BITS).clamp(0, 255) as u8
    }
}

fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let widened = scale.max(1.0);
    let reach = LOBES * widened;
    let tap = |i: usize| {
        let center = (i as f64 + 0.5) * scale;
        let first = (center - reach + 0.5).max(0.0) as usize;
        let end = ((center + reach + 0.5) as usize).min(from);
        let weight = |j: usize| lanczos((j as f64 - center + 0.5) / widened);
        let sum: f64 = (first..end).map(weight).sum();
        let fixed = |j: usize| (weight(j) / sum * f64::from(1 << BITS)).round() as i32;
        Taps { first, weights: (first..end).map(fixed).collect() }
    };
    (0..to).map(tap).collect()
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| {
        let x = x * std::f64::consts::PI;
        if x == 0.0 { 1.0 } else { x.sin() / x }
    };
    if (-LOBES..LOBES).contains(&x) { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(width: usize, height: usize, pixels: &[u8]) -> Gray {
        Gray { width, height, pixels: pixels.to_vec() }
    }

    #[test]
    fn resized_lines_are_those_of_pillow() {
        type Size = (usize, usize);
        // Pillow 13.0.0: `Image.fromarray(a).resize((5, 1), Image.LANCZOS)` and so on, of
        // a[i] = (7 i^2 + 31 i) mod 256.
        let pixels: Vec<u8> = (0..24u32).map(|i| ((7 * i * i + 31 * i) % 256) as u8).collect();
        let cases: [(Size, Size, &[u8]); 4] = [
            ((24, 1), (5, 1), &[96, 148, 128, 141, 118]),
            (
                (6, 4),
                (3, 7),
                &[
                    0, 139, 160, 51, 135, 164, 119, 130, 186, 108, 126, 242, 45, 130, 251, 23, 135,
                    187, 20, 139, 139,
                ],
            ),
            (
                (4, 6),
                (9, 6),
                &[
                    0, 3, 18, 41, 60, 86, 122, 150, 163, 255, 212, 127, 73, 124, 182, 142, 68, 25,
                    206, 165, 103, 81, 156, 238, 230, 180, 146, 106, 96, 81, 44, 0, 5, 110, 219,
                    255, 230, 249, 255, 237, 124, 17, 0, 31, 58, 86, 96, 115, 162, 225, 235, 167,
                    86, 37,
                ],
            ),
            ((1, 24), (1, 7), &[71, 151, 140, 117, 159, 114, 132]),
        ];
        for ((w, h), (width, height), wanted) in cases {
            let got = resized(&line(w, h, &pixels[..w * h]), width, height);
            assert_eq!(got.pixels, wanted, "{w}x{h} to {width}x{height}");
        }
    }
}
