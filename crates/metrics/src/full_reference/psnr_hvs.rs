//! PSNR by the human visual system, with (PSNR-HVS-M) and without (PSNR-HVS) masking.
//!
//! ```text
//! PSNR-HVS = 10 log10(255^2 / mean of (d_mn C_mn)^2)          over the DCT of 8 x 8 blocks
//! ```
//!
//! `d` is the difference of coefficients, `C = 25.735 / Q` the contrast sensitivity, from the
//! luminance table of JPEG. With masking `d` is first lowered by what the texture of either block
//! hides: its energy weighed by `(10 / Q)^2`, times the ratio of the variances of its quarters to its
//! own, times 1/32. The authors' program; luma of color images; blocks begin every 8 pixels and what
//! does not fill one is left out.
//!
//! Reference: N. Ponomarenko, F. Silvestri, K. Egiazarian, M. Carli, J. Astola, V. Lukin, "On
//! between-coefficient contrast masking of DCT basis functions", VPQM 2007; K. Egiazarian et al., "New
//! full-reference quality metrics based on HVS", VPQM 2006. Evaluated in N. Ponomarenko et al., "Image
//! database TID2013", doi:10.1016/j.image.2014.10.009.

use super::block_dct::{SIDE, basis, transformed};
use super::conventions::measure_options;
use super::maps::{Map, luma};
use super::psnr::from_mse;
use crate::MetricError;
use restora_image::{Context, Image, jpeg_tables::LUMINANCE, map_bands};
use serde::{Deserialize, Serialize};

/// Does texture hide errors?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Masking {
    /// No: PSNR-HVS.
    Off,
    /// Yes: PSNR-HVS-M.
    #[default]
    On,
}

measure_options! {
    /// Options of [`psnr_hvs()`].
    PsnrHvs, "psnr-hvs", "PSNR-HVS",
    "Ponomarenko et al., On between-coefficient contrast masking of DCT basis functions, VPQM 2007; \
     evaluated in doi:10.1016/j.image.2014.10.009";
    masking: Masking = Masking::On, "\"on\"", "off | on", "does texture hide errors? (PSNR-HVS-M)";
}

/// PSNR-HVS or PSNR-HVS-M in dB, more is better, infinite for identical images (the authors' program
/// says 100000); symmetric.
///
/// # Errors
/// If the images differ in size or color space, are less than 8 pixels wide or high, or are neither
/// gray nor RGB.
pub fn psnr_hvs(
    reference: &Image,
    distorted: &Image,
    options: &PsnrHvs,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, SIDE as u32)?;
    let map = |image| luma(image, "PSNR-HVS", options.range, cx);
    let (x, y) = (map(&pair.reference)?, map(&pair.distorted)?);
    let basis = basis();
    let (across, down) = (x.width / SIDE, x.height / SIDE);
    let rows = map_bands(down, 1, cx, |row| {
        let mut sum = 0.0;
        for column in 0..across {
            let block = |map: &Map| Block::of(map, column * SIDE, row.start * SIDE, &basis);
            sum += visible(&block(&x), &block(&y), options.masking);
        }
        Ok(sum)
    })?;
    let count = (across * down * SIDE * SIDE) as f64;
    Ok(from_mse(rows.iter().sum::<f64>() / count, 255.0))
}

/// Contrast sensitivity over the inverse of the table's step, and the masking of a step of 10.
const SENSITIVITY: f64 = 25.735_088;
const MASKED_STEP: f64 = 10.0;

struct Block {
    coefficients: [f64; SIDE * SIDE],
    /// The largest difference that is not seen, for a masking weight of 1.
    hidden: f64,
}

impl Block {
    fn of(map: &Map, x0: usize, y0: usize, basis: &[[f64; SIDE]; SIDE]) -> Self {
        let coefficients = transformed(map, x0, y0, basis);
        let energy: f64 = (1..SIDE * SIDE)
            .map(|i| coefficients[i].powi(2) * (MASKED_STEP / f64::from(LUMINANCE[i])).powi(2))
            .sum();
        // MATLAB's `var(v) * length(v)`: the sum of squared deviations times n / (n - 1).
        let spread = |x0: usize, y0: usize, side: usize| {
            let values = || (y0..y0 + side).flat_map(|y| &map.row(y)[x0..x0 + side]);
            let n = (side * side) as f64;
            let mean = values().sum::<f64>() / n;
            values().map(|v| (v - mean).powi(2)).sum::<f64>() * n / (n - 1.0)
        };
        let whole = spread(x0, y0, SIDE);
        let half = SIDE / 2;
        let quarters: f64 = [(0, 0), (half, 0), (half, half), (0, half)]
            .map(|(x, y)| spread(x0 + x, y0 + y, half))
            .iter()
            .sum();
        let evenness = if whole == 0.0 { 0.0 } else { quarters / whole };
        Self { coefficients, hidden: (energy * evenness).sqrt() / 32.0 }
    }
}

/// The visible squared error of a block.
fn visible(x: &Block, y: &Block, masking: Masking) -> f64 {
    let hidden = match masking {
        Masking::Off => 0.0,
        // NaN is passed on.
        Masking::On => {
            if x.hidden > y.hidden {
                x.hidden
            } else {
                y.hidden
            }
        }
    };
    let mut sum = 0.0;
    for i in 0..SIDE * SIDE {
        let step = f64::from(LUMINANCE[i]);
        let mut difference = (x.coefficients[i] - y.coefficients[i]).abs();
        if i > 0 {
            let threshold = hidden / (MASKED_STEP / step).powi(2);
            difference = if difference < threshold { 0.0 } else { difference - threshold };
        }
        sum += (difference * SENSITIVITY / step).powi(2);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic};

    fn score(x: &Image, y: &Image, masking: Masking) -> f64 {
        psnr_hvs(x, y, &PsnrHvs { masking, ..PsnrHvs::default() }, &Context::default()).unwrap()
    }

    #[test]
    fn an_offset_is_the_dc_coefficient_alone() {
        let x = synthetic(Size::new(32, 24));
        let mut y = x.clone();
        y.data_mut().iter_mut().for_each(|v| *v += 5.0 / 255.0);
        // 40 in the DC coefficient of 64 pixels: 5^2 at a sensitivity of 1.608443.
        let wanted = 10.0 * (65025.0 / (5.0 * 1.608_443f64).powi(2)).log10();
        for masking in [Masking::Off, Masking::On] {
            assert!((score(&x, &y, masking) - wanted).abs() < 1e-4);
        }
    }

    #[test]
    fn texture_hides_noise_and_a_flat_reference_does_not_hide_a_wave() {
        let grain = noisy(&synthetic(Size::new(64, 64)), 0.1, 1);
        let more = noisy(&grain, 0.02, 2);
        let plain = score(&grain, &more, Masking::Off);
        assert!(score(&grain, &more, Masking::On) > plain + 1.0);
        // Wave (0, 1) of amplitude 10 in an otherwise flat block, by hand.
        let flat = Image::gray_from_fn(Size::new(8, 8), |_, _| 0.5);
        let wave = basis()[1];
        let y =
            Image::gray_from_fn(Size::new(8, 8), |x, _| (127.5 + 10.0 * wave[x]) as f32 / 255.0);
        let coefficient = 10.0 * 8.0f64.sqrt();
        let off = 10.0 * (65025.0 * 64.0 / (coefficient * 2.339_554).powi(2)).log10();
        assert!((score(&flat, &y, Masking::Off) - off).abs() < 1e-4);
    }
}
