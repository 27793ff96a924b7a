//! What JPEG left in a picture: the block grid and the quality, and what follows from them.
//!
//! A decoded coefficient `c = k Q` says that the true one lay in the cell `[c - Q/2, c + Q/2]`. Projection into
//! the cells takes back what a smoother did too much:
//!
//! ```text
//! coefficient = clamp(coefficient of the estimate, c - w Q, c + w Q)
//! ```
//!
//! with `w` below 1/2 because coefficients lie rather in the middle of their cells (Laplacian statistics) or
//! near it.
//!
//! References: A. Zakhor, "Iterative procedures for reduction of blocking effects in transform image coding",
//! IEEE TCSVT 2(1), 1992, doi:10.1109/76.134377 (projection); A. Foi, V. Katkovnik, K. Egiazarian, "Pointwise
//! shape-adaptive DCT for high-quality denoising and deblocking of grayscale and color images", IEEE TIP
//! 16(5), 2007, doi:10.1109/TIP.2007.891788 (level of the quantization noise).

use crate::denoise::sliding_dct::{dct8, idct8};
use restora_image::{Context, Image, OpError, for_each_band, jpeg_tables, simd};
use serde::{Deserialize, Serialize};

const N: usize = 8;

/// What JPEG left. An open quality is measured by the belt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JpegTrace {
    /// Quality on the scale of the Independent JPEG Group, `1..=100`.
    pub quality: Option<u32>,
    /// Column of the first block border, `0..8`.
    pub offset_x: u32,
    /// Row of the first block border, `0..8`.
    pub offset_y: u32,
}

impl JpegTrace {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`OpError::Param`] naming what is out of range.
    pub fn validate(&self) -> Result<(), OpError> {
        if let Some(quality) = self.quality.filter(|q| !(1..=100).contains(q)) {
            return Err(OpError::param("quality", "in 1..=100", quality));
        }
        for (name, value) in [("offset_x", self.offset_x), ("offset_y", self.offset_y)] {
            if value >= N as u32 {
                return Err(OpError::param(name, "in 0..=7", value));
            }
        }
        Ok(())
    }

    /// The quality, given or measured.
    ///
    /// # Errors
    /// [`OpError::Param`] if it is open.
    pub fn quality(&self) -> Result<u32, OpError> {
        let open = || OpError::param("quality", "measured first, or given as a number", "null");
        self.quality.ok_or_else(open)
    }

    /// Level of the quantization noise in nominal range: `sigma^2 = 0.69 mean(Q)^1.3` over the nine lowest
    /// frequencies, of 255.
    ///
    /// # Errors
    /// As [`JpegTrace::quality`].
    pub fn noise(&self, table: fn(u32) -> [u16; 64]) -> Result<f32, OpError> {
        let table = table(self.quality()?);
        let lowest = (0..3).flat_map(|y| (0..3).map(move |x| f32::from(table[y * N + x])));
        let mean = lowest.sum::<f32>() / 9.0;
        Ok((0.69 * mean.powf(1.3)).sqrt() / 255.0)
    }

    /// Holds the blocks of plane 0 of `estimate` to the cells that `decoded`, the luminance of the file, lies in,
    /// each `w` of its step wide to both sides. Blocks cut by the border of the picture are left as they are.
    ///
    /// # Errors
    /// As [`JpegTrace::quality`]; [`OpError::Cancelled`].
    pub fn hold_to_cells(
        &self,
        estimate: &mut Image,
        decoded: &Image,
        width: f32,
        cx: &Context,
    ) -> Result<(), OpError> {
        let steps = jpeg_tables::luminance(self.quality()?).map(|q| f32::from(q) / 255.0);
        let (w, top) = (estimate.size().w(), self.offset_y as usize);
        let known = decoded.plane_data(0).get(top * w..).unwrap_or_default();
        let rows = estimate.plane_mut(0).get_mut(top * w..).unwrap_or_default();
        for_each_band(rows, w, N, cx, |y0, band| {
            if band.len() == N * w {
                let known = &known[y0 * w..][..band.len()];
                simd(
                    #[inline(always)]
                    || held(band, known, [w, self.offset_x as usize], &steps, width),
                );
            }
            Ok(())
        })
    }
}

/// One row of blocks, from column `left` on.
#[inline(always)]
fn held(band: &mut [f32], known: &[f32], [w, left]: [usize; 2], steps: &[f32; 64], width: f32) {
    let mut x0 = left;
    while x0 + N <= w {
        let block = |rows: &[f32]| -> Block {
            std::array::from_fn(|y| std::array::from_fn(|x| rows[y * w + x0 + x]))
        };
        // Frequencies `[horizontal][vertical]`; the tables list them the other way round.
        let forward = |b: Block| transposed(b.map(dct8)).map(dct8);
        let (decoded, mut c) = (forward(block(known)), forward(block(band)));
        for (i, c) in c.as_flattened_mut().iter_mut().enumerate() {
            // Levels are counted from the middle: the mean of a block is quantized from there.
            let middle = if i == 0 { N as f32 * 128.0 / 255.0 } else { 0.0 };
            let q = steps[i % N * N + i / N];
            let center = ((decoded[i / N][i % N] - middle) / q).round() * q + middle;
            *c = c.clamp(center - width * q, center + width * q);
        }
        for (y, line) in transposed(c.map(idct8)).map(idct8).iter().enumerate() {
            band[y * w + x0..][..N].copy_from_slice(line);
        }
        x0 += N;
    }
}

type Block = [[f32; N]; N];

#[inline(always)]
fn transposed(block: Block) -> Block {
    std::array::from_fn(|i| std::array::from_fn(|j| block[j][i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::degrade::{Jpeg, Subsampling, jpeg};
    use restora_image::{Image, Rect, Size};
    use restora_testkit::{noisy, synthetic};

    fn saved(image: &Image, quality: u32) -> Image {
        let options = Jpeg { quality, subsampling: Subsampling::Full };
        jpeg(image, &options, &Context::default()).unwrap()
    }

    fn trace(quality: u32) -> JpegTrace {
        JpegTrace { quality: Some(quality), ..JpegTrace::default() }
    }

    #[test]
    fn the_decoded_picture_lies_in_its_own_cells() {
        let decoded = saved(&noisy(&synthetic(Size::new(64, 48)), 0.05, 1), 20);
        let mut held = decoded.clone();
        trace(20).hold_to_cells(&mut held, &decoded, 0.3, &Context::default()).unwrap();
        for (a, b) in held.data().iter().zip(decoded.data()) {
            assert!((a - b).abs() < 1.5 / 255.0, "{a} {b}");
        }
    }

    #[test]
    fn another_picture_is_pulled_into_the_cells_wherever_the_grid_lies() {
        let clean = noisy(&synthetic(Size::new(72, 56)), 0.05, 1);
        let decoded = saved(&clean, 10).crop(Rect { x: 5, y: 2, width: 64, height: 48 });
        let flat = Image::gray_from_fn(decoded.size(), |_, _| 0.5);
        let trace = JpegTrace { quality: Some(10), offset_x: 3, offset_y: 6 };
        let off = |image: &Image| {
            let pairs = image.data().iter().zip(decoded.data());
            pairs.map(|(a, b)| f64::from((a - b).powi(2))).sum::<f64>()
        };
        let mut held = flat.clone();
        trace.hold_to_cells(&mut held, &decoded, 0.3, &Context::default()).unwrap();
        assert!(off(&held) < 0.3 * off(&flat), "{} {}", off(&held), off(&flat));
        // Rows above the first whole block and columns beside it stay.
        assert!(held.data()[..6 * 64] == flat.data()[..6 * 64]);
        assert_eq!(held.data()[20 * 64..][..3], [0.5; 3]);
    }

    #[test]
    fn the_level_of_the_quantization_noise_is_the_papers() {
        // Mean step at quality 50: (16+11+10+12+12+14+14+13+16) / 9 = 13.1.
        let level = 255.0 * trace(50).noise(jpeg_tables::luminance).unwrap();
        assert!((level - (0.69 * 13.111f32.powf(1.3)).sqrt()).abs() < 1e-3, "{level}");
    }

    #[test]
    fn what_is_out_of_range_or_open_is_named() {
        for (trace, name) in [
            (JpegTrace { quality: Some(0), ..JpegTrace::default() }, "quality"),
            (JpegTrace { offset_x: 8, ..JpegTrace::default() }, "offset_x"),
            (JpegTrace { offset_y: 9, ..JpegTrace::default() }, "offset_y"),
        ] {
            assert!(trace.validate().unwrap_err().to_string().contains(name));
        }
        assert!(JpegTrace::default().quality().is_err());
    }
}
