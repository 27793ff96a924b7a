//! The matrix of white balance, pixel by pixel.

use super::super::light::{Encoding, decoded, encoded};
use super::{Highlights, WhiteBalance};
use restora_image::{Context, Image, OpError, for_each_band, simd};

/// Multiplies linear RGB by a matrix, in place.
pub fn mix(
    image: &mut Image,
    m: [[f32; 3]; 3],
    options: &WhiteBalance,
    cx: &Context,
) -> Result<(), OpError> {
    const ROWS: usize = 32;
    let (w, n) = (image.size().w(), image.size().len());
    let chunk = (w * ROWS).max(1);
    let (r, gb) = image.data_mut().split_at_mut(n);
    let (g, b) = gb.split_at_mut(n);
    let planes = r.chunks_mut(chunk).zip(g.chunks_mut(chunk)).zip(b.chunks_mut(chunk));
    let mut bands: Vec<_> = planes.collect();
    let srgb = options.encoding == Encoding::Srgb;
    let neutral = options.highlights == Highlights::Neutral;
    for_each_band(&mut bands, 1, 1, cx, |_, band| {
        for ((r, g), b) in band {
            simd(
                #[inline(always)]
                || mix_pixels(r, g, b, m, (srgb, neutral)),
            );
        }
        Ok(())
    })
}

#[inline(always)]
fn mix_pixels(
    r: &mut [f32],
    g: &mut [f32],
    b: &mut [f32],
    m: [[f32; 3]; 3],
    (srgb, neutral): (bool, bool),
) {
    let row = |k: usize, x: f32, y: f32, z: f32| m[k][0] * x + m[k][1] * y + m[k][2] * z;
    // Plain variables: arrays of three keep the loops from being vectorized.
    if srgb {
        for ((r, g), b) in r.iter_mut().zip(g.iter_mut()).zip(b.iter_mut()) {
            let (x, y, z) = (decoded(*r), decoded(*g), decoded(*b));
            let out = (row(0, x, y, z), row(1, x, y, z), row(2, x, y, z));
            let cut = (clipped(*r), clipped(*g), clipped(*b));
            let (x, y, z) = if neutral { raised(out, cut) } else { out };
            (*r, *g, *b) = (encoded(x), encoded(y), encoded(z));
        }
    } else {
        for ((r, g), b) in r.iter_mut().zip(g.iter_mut()).zip(b.iter_mut()) {
            let (x, y, z) = (*r, *g, *b);
            let out = (row(0, x, y, z), row(1, x, y, z), row(2, x, y, z));
            let cut = (clipped(x), clipped(y), clipped(z));
            (*r, *g, *b) = if neutral { raised(out, cut) } else { out };
        }
    }
}

/// How surely a value of the file was cut at white: 0 up to 250/255, 1 from 254/255 to white. What is
/// above was not cut there.
#[inline(always)]
fn clipped(v: f32) -> f32 {
    const BELOW: f32 = 250.0 / 255.0;
    let cut = ((v - BELOW) * (255.0 / 4.0)).clamp(0.0, 1.0);
    if v > 1.000_01 { 0.0 } else { cut }
}

type Three = (f32, f32, f32);

/// The balanced values with those that were clipped raised: to the least of the whole ones, which is
/// where gray would be, or to the largest of the clipped ones.
#[inline(always)]
fn raised((x, y, z): Three, (a, b, c): Three) -> Three {
    // Beyond every value that a gain makes of white.
    const FAR: f32 = 1e3;
    let cut = (a * x).max(b * y).max(c * z);
    let whole = ((1.0 - a) * x).max((1.0 - b) * y).max((1.0 - c) * z);
    let gray = (x + FAR * a).min(y + FAR * b).min(z + FAR * c).min(whole);
    let level = cut.max(gray);
    let raise = |v: f32, clipped: f32| v + clipped * (level - v).max(0.0);
    (raise(x, a), raise(y, b), raise(z, c))
}
