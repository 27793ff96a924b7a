//! PSNR with a penalty for blocks (PSNR-B).
//!
//! ```text
//! PSNR-B = 10 log10(range^2 / (MSE + BEF))
//! BEF = eta (D_B - D_C) if D_B > D_C, else 0      eta = log2(8) / log2(min(width, height))
//! ```
//!
//! `D_B` is the mean squared difference of the distorted image's neighbors across the borders of
//! blocks of 8 x 8 pixels, `D_C` that of all others. Luma of color images. Never above PSNR; not
//! symmetric.
//!
//! Reference: C. Yim, A. C. Bovik, "Quality assessment of deblocked images", IEEE TIP 20(1), 2011,
//! doi:10.1109/TIP.2010.2061859.

use super::conventions::measure_options;
use super::maps::{luma, sum_rows};
use super::psnr::from_mse;
use crate::MetricError;
use restora_image::{Context, Image};

const BLOCK: usize = 8;

measure_options! {
    /// Options of [`psnr_b()`].
    PsnrB, "psnr-b", "PSNR-B",
    "Yim, Bovik, Quality assessment of deblocked images, IEEE TIP 20(1), 2011, \
     doi:10.1109/TIP.2010.2061859";
}

/// PSNR with a penalty for blocks in dB, more is better, infinite for identical images without
/// blocks.
///
/// # Errors
/// If the images differ in size or color space, are less than 9 pixels wide or high, or are neither
/// gray nor RGB.
pub fn psnr_b(
    reference: &Image,
    distorted: &Image,
    options: &PsnrB,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, BLOCK as u32 + 1)?;
    let map = |image| luma(image, "PSNR-B", options.range, cx);
    let (x, y) = (map(&pair.reference)?, map(&pair.distorted)?);
    let (w, h) = (y.width, y.height);
    let [error, border, inside] = sum_rows(h, cx, |row| {
        let mut sums = [0.0; 3];
        let here = y.row(row);
        for (a, b) in x.row(row).iter().zip(here) {
            sums[0] += (a - b).powi(2);
        }
        for (i, pair) in here.windows(2).enumerate() {
            let at = if (i + 1) % BLOCK == 0 { 1 } else { 2 };
            sums[at] += (pair[0] - pair[1]).powi(2);
        }
        if row + 1 < h {
            let at = if (row + 1) % BLOCK == 0 { 1 } else { 2 };
            for (a, b) in here.iter().zip(y.row(row + 1)) {
                sums[at] += (a - b).powi(2);
            }
        }
        sums
    })?;
    let borders = (w - 1) / BLOCK * h + (h - 1) / BLOCK * w;
    let others = (w - 1) * h + (h - 1) * w - borders;
    let (border, inside) = (border / borders as f64, inside / others as f64);
    let eta = (BLOCK as f64).log2() / (w.min(h) as f64).log2();
    let blocks = if border > inside { eta * (border - inside) } else { 0.0 };
    Ok(from_mse(error / (w * h) as f64 + blocks, 255.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::full_reference::{Psnr, psnr};
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic};

    fn score(x: &Image, y: &Image) -> f64 {
        psnr_b(x, y, &PsnrB::default(), &Context::default()).unwrap()
    }

    #[test]
    fn blocks_cost_what_the_formula_says_and_the_same_error_elsewhere_nothing() {
        // A checkerboard of blocks, 0 and 0.2: every border differs by 51 levels, nothing else does.
        let size = Size::new(32, 24);
        let flat = Image::gray_from_fn(size, |_, _| 0.0);
        let board =
            Image::gray_from_fn(size, |x, y| if (x / 8 + y / 8) % 2 == 0 { 0.2 } else { 0.0 });
        let wanted = 10.0 * (65025.0 / (51.0f64.powi(2) * (0.5 + 3.0 / 24.0f64.log2()))).log10();
        assert!((score(&flat, &board) - wanted).abs() < 1e-6);
        let shifted =
            Image::gray_from_fn(
                size,
                |x, y| if ((x + 4) / 8 + (y + 4) / 8) % 2 == 0 { 0.2 } else { 0.0 },
            );
        let plain = psnr(&flat, &shifted, &Psnr::default(), &Context::default()).unwrap();
        assert!((score(&flat, &shifted) - plain).abs() < 1e-9);
    }

    #[test]
    fn without_blocks_it_is_near_psnr_and_never_above() {
        let x = synthetic(Size::new(64, 57));
        let y = noisy(&x, 0.1, 2);
        let plain = psnr(&x, &y, &Psnr::default(), &Context::default()).unwrap();
        let got = score(&x, &y);
        assert!(got <= plain + 1e-9 && got > plain - 0.5, "{got} {plain}");
    }
}
