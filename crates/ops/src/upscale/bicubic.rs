//! Bicubic interpolation: cubic convolution by Keys' kernel.
//!
//! ```text
//! out(u) = sum_k h(u - k) in(k)
//! h(x) = 3/2 |x|^3 - 5/2 |x|^2 + 1              |x| <= 1            (a = -1/2)
//!       -1/2 |x|^3 + 5/2 |x|^2 - 4 |x| + 2      1 < |x| < 2
//! ```
//!
//! What MATLAB's `imresize` and Pillow's `BICUBIC` do (OpenCV's `INTER_CUBIC` has a = -3/4); polynomials of
//! the second degree are met exactly. Cost: `4 (1 + 1/s)` multiplications per pixel of the result. The image
//! is mirrored about its edges; every plane for itself, in any color space; opacity in the same way, within
//! `[0, 1]`.
//!
//! Reference: R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29(6),
//! 1981, doi:10.1109/TASSP.1981.1163711.

use super::polyphase::{HIDDEN_REACH, Polyphase};
use super::{FACTOR, check_factor};
use restora_image::{Context, Image, OpError, OpInfo, Operation, Sample, Scale};
use serde::{Deserialize, Serialize};

/// Options of [`bicubic`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bicubic {
    /// How many times wider and higher: 2, 3 or 4.
    pub factor: u32,
}

impl Default for Bicubic {
    fn default() -> Self {
        Self { factor: 2 }
    }
}

/// Name, paper and parameters of [`bicubic`].
pub const INFO: OpInfo = OpInfo {
    id: "bicubic",
    title: "Bicubic interpolation",
    family: "upscale",
    paper: "R. G. Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29(6), 1981, \
            doi:10.1109/TASSP.1981.1163711",
    params: &[FACTOR],
};

/// Enlarges an image.
///
/// # Errors
/// [`OpError::Param`]; [`OpError::Input`] if the result would be too large to be addressed;
/// [`OpError::Cancelled`].
pub fn bicubic(image: &Image, options: &Bicubic, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    Polyphase::enlarging(options.factor, 2, keys).resize(image, cx)
}

/// Keys' kernel with a = -1/2.
pub(crate) fn keys(x: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

impl Operation for Bicubic {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        check_factor(self.factor)
    }

    fn reach(&self) -> Option<u32> {
        Some(2 + HIDDEN_REACH)
    }

    fn scale(&self) -> Scale {
        Scale::Up(self.factor)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let image = bicubic(&sample.image, self, cx)?;
        sample.resized(image, self.scale());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    #[test]
    fn every_factor_keeps_the_contract() {
        for factor in 2..=4 {
            assert_contract(&Bicubic { factor }, &synthetic_rgb(Size::new(50, 60)));
        }
        assert_info_matches(&INFO, &Bicubic::default());
        assert!(Bicubic { factor: 1 }.validate().is_err());
        assert!(Bicubic { factor: 5 }.validate().is_err());
    }

    #[test]
    fn a_parabola_is_met_exactly_and_a_constant_to_its_edges() {
        let value = |x: f64, y: f64| 0.3 - 0.02 * x + 0.001 * x * x + 0.003 * x * y - 0.002 * y * y;
        let image = Image::gray_from_fn(Size::new(20, 17), |x, y| value(x as f64, y as f64) as f32);
        let flat = Image::gray_from_fn(Size::new(3, 2), |_, _| 0.7);
        for factor in 2..=4u32 {
            let s = factor as usize;
            let out = bicubic(&image, &Bicubic { factor }, &Context::default()).unwrap();
            for y in 2 * s..15 * s {
                for x in 2 * s..18 * s {
                    let at = |i: usize| (i as f64 + 0.5) / s as f64 - 0.5;
                    let got = f64::from(out.plane(0).at(x, y));
                    assert!((got - value(at(x), at(y))).abs() < 1e-6, "{x} {y} by {s}");
                }
            }
            let out = bicubic(&flat, &Bicubic { factor }, &Context::default()).unwrap();
            assert!(out.data().iter().all(|v| (v - 0.7).abs() < 1e-6));
        }
    }
}
