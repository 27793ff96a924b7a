//! The quality that a picture was once saved with as JPEG, from its pixels alone.
//!
//! ```text
//! c = k Q + e:  coefficients of the 8x8 DCT on the block grid lie near multiples of the step Q
//! L(q) = mean over |c| > 2 of log(eps + (1 - eps) Q N(c mod Q; 0, s)),   Q = Q(q) of the coefficient
//! ```
//!
//! `N` is the density of the errors that rounding to whole levels leaves (`s` = 0.5 of 255), `Q` times it the
//! likelihood against coefficients that lie anywhere. The quality with the largest `L` explains them best:
//! steps too small explain less, steps that do not divide the true ones are off at once. Coefficients
//! near 0 are left out, because every step explains them, and blocks with a pixel that is clipped in some
//! channel: strong compression of colors clips, which moves luminance off its steps. Looked at: the luminance of
//! up to 4,096 blocks, the frequencies whose table rules quality up to 95. Tables that are not multiples of those of the standard are not
//! recognized, nor is a picture that was scaled or retouched all over since.
//!
//! Reference: Z. Fan, R. L. de Queiroz, "Identification of bitmap compression history: JPEG detection and
//! quantizer estimation", IEEE TIP 12(2), 2003, doi:10.1109/TIP.2002.807361; the likelihood over one
//! quality for all frequencies is ours.

use super::block_dct::{N, NN, blocks_on_grid};
use super::blockiness::Blockiness;
use restora_image::{Image, Plane, jpeg_tables, to_luma};
use serde::{Deserialize, Serialize};

/// Blocks looked at.
const BLOCKS: usize = 4096;
/// Standard deviation of a coefficient that was rounded to levels of 1/255, with what conversion of
/// colors adds.
const SPREAD: f32 = 0.5;
/// Coefficients below this (of 255) are explained by every table.
const LEAST: f32 = 2.0;
/// Coefficients that follow no table: clipped or retouched places.
const OUTLIERS: f32 = 0.02;
/// Above this the steps are too small to be told from rounding.
const BEST: u32 = 95;
/// Highest sum of the two frequencies of a coefficient that is looked at.
const HIGHEST: usize = 6;
/// Coefficients that a verdict needs.
const ENOUGH: usize = 64;

/// What [`jpeg_quality`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JpegQuality {
    /// Quality on the scale of the Independent JPEG Group, `1..=95`; 0 if none was found.
    pub quality: u8,
    /// Column of the first block border, `0..8`.
    pub offset_x: u8,
    /// Row of the first block border.
    pub offset_y: u8,
    /// That it was saved so, in `[0, 1]`: 1 where the coefficients are e times likelier and more so under
    /// its tables.
    pub confidence: f32,
}

/// Looks for the traces of quantization on the grid that [`super::blockiness()`] found, which at high quality it
/// may have missed, and on that of a picture that was not cropped since.
pub fn jpeg_quality(image: &Image, grid: &Blockiness) -> JpegQuality {
    let Ok(mut luma) = to_luma(image) else { return JpegQuality::default() };
    let pixels = image.size().len();
    for plane in image.data().chunks(pixels.max(1)).take(image.channels()) {
        for (luma, v) in luma.data.iter_mut().zip(plane) {
            if *v <= 0.0 || *v >= 1.0 {
                // The mark of a clipped block.
                *luma = 1.0;
            }
        }
    }
    let here = on_grid(&luma, grid.offset_x, grid.offset_y);
    let uncropped = on_grid(&luma, 0, 0);
    if here.confidence > uncropped.confidence { here } else { uncropped }
}

/// The quality that explains the coefficients of one grid best.
fn on_grid(luma: &Plane, offset_x: u8, offset_y: u8) -> JpegQuality {
    let blocks = blocks_on_grid(luma.as_ref(), [offset_x, offset_y].map(usize::from), BLOCKS);
    let mut coefficients: Vec<(usize, f32)> = Vec::new();
    for block in blocks.iter().filter(|b| b.clipped == 0) {
        for i in (1..NN).filter(|i| i / N + i % N <= HIGHEST) {
            let c = 255.0 * block.dct[i];
            if c.abs() > LEAST {
                coefficients.push((i, c));
            }
        }
    }
    let likelihood = |quality: u32| {
        let table = jpeg_tables::luminance(quality).map(f32::from);
        let sum: f64 = coefficients.iter().map(|&(i, c)| f64::from(ratio(c, table[i]))).sum();
        sum / coefficients.len() as f64
    };
    let enough = coefficients.len() >= ENOUGH;
    let scored = (1..=BEST).filter(|_| enough).map(|quality| (quality, likelihood(quality)));
    let (quality, best) = scored.fold((0, 0.0), |a, b| if b.1 > a.1 { b } else { a });
    JpegQuality { quality: quality as u8, offset_x, offset_y, confidence: best.min(1.0) as f32 }
}

/// Logarithm of how much likelier a coefficient is under a step than anywhere.
fn ratio(c: f32, step: f32) -> f32 {
    let off = (c - step * (c / step).round()) / SPREAD;
    let density = (-0.5 * off * off).exp() / (SPREAD * (2.0 * std::f32::consts::PI).sqrt());
    (OUTLIERS + (1.0 - OUTLIERS) * step * density).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::no_reference::block_dct::basis;
    use crate::no_reference::blockiness;
    use restora_image::{Rect, Size};
    use restora_testkit::{noisy, synthetic};

    /// The luminance as it comes back from a JPEG file.
    fn saved(image: &Image, quality: u32) -> Image {
        let (d, table) = (basis(), jpeg_tables::luminance(quality).map(f32::from));
        let plane = image.plane(0).to_plane();
        let mut out = image.clone();
        let width = image.size().w();
        for (y0, x0) in (0..image.size().h())
            .step_by(N)
            .flat_map(|y| (0..width).step_by(N).map(move |x| (y, x)))
        {
            let mut kept = [0.0; NN];
            for (i, kept) in kept.iter_mut().enumerate() {
                let basis = |j: usize| d[i / N][j / N] * d[i % N][j % N];
                let level = |j: usize| 255.0 * plane.as_ref().at(x0 + j % N, y0 + j / N) - 128.0;
                let c: f32 = (0..NN).map(|j| basis(j) * level(j)).sum();
                *kept = (c / table[i]).round() * table[i];
            }
            for j in 0..NN {
                let basis = |i: usize| d[i / N][j / N] * d[i % N][j % N];
                let level: f32 = (0..NN).map(|i| basis(i) * kept[i]).sum();
                let level = (level + 128.0).round().clamp(0.0, 255.0);
                out.data_mut()[(y0 + j / N) * width + x0 + j % N] = level / 255.0;
            }
        }
        out
    }

    fn found(image: &Image) -> JpegQuality {
        jpeg_quality(image, &blockiness(image))
    }

    #[test]
    fn the_quality_is_found() {
        let clean = noisy(&synthetic(Size::new(320, 256)), 20.0 / 255.0, 4);
        for quality in [5, 10, 20, 40, 60, 75, 90] {
            let found = found(&saved(&clean, quality));
            assert_eq!(u32::from(found.quality), quality, "{found:?}");
            assert!(found.confidence > 0.5, "{quality}: {found:?}");
        }
    }

    #[test]
    fn a_cropped_picture_keeps_its_quality() {
        let clean = noisy(&synthetic(Size::new(320, 256)), 8.0 / 255.0, 4);
        let part = saved(&clean, 30).crop(Rect { x: 3, y: 6, width: 300, height: 240 });
        let found = found(&part);
        assert_eq!((found.quality, found.offset_x, found.offset_y), (30, 5, 2));
    }

    #[test]
    fn pictures_that_never_were_jpeg_have_none() {
        let size = Size::new(320, 256);
        for sigma in [0.0, 0.002, 0.02, 0.1] {
            let mut image = noisy(&synthetic(size), sigma, 7);
            for v in image.data_mut() {
                *v = (*v * 255.0).round().clamp(0.0, 255.0) / 255.0;
            }
            let found = found(&image);
            assert!(found.confidence < 0.1, "{sigma}: {found:?}");
        }
        let tiny = found(&synthetic(Size::new(20, 20)));
        assert_eq!(tiny, JpegQuality::default());
    }
}
