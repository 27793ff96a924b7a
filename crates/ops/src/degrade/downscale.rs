//! Reduction by a whole factor, as the literature on super-resolution makes its test pictures.
//!
//! ```text
//! out(i) = sum_k h((k - (s - 1) / 2) / s) in(s i + k) / sum,    h = Keys' cubic with a = -1/2
//! ```
//!
//! The kernel is as wide as `s` wants it, so that the result does not alias: MATLAB's `imresize(x, 1/s)`. Rows
//! and columns at the bottom and at the right that do not fill a pixel are left out first, as there. The image is
//! mirrored about its edges; every plane for itself, in any color space; opacity in the same way. Cost: `4 s (1 + s)`
//! multiplications per pixel of the result.
//!
//! Reference: R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29(6),
//! 1981, doi:10.1109/TASSP.1981.1163711.

use crate::upscale::bicubic::keys;
use crate::upscale::check_factor;
use crate::upscale::polyphase::{HIDDEN_REACH, Polyphase};
use restora_image::{Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample, Scale};
use serde::{Deserialize, Serialize};

/// Options of [`downscale`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Downscale {
    /// How many times narrower and lower: 2, 3 or 4.
    pub factor: u32,
}

impl Default for Downscale {
    fn default() -> Self {
        Self { factor: 2 }
    }
}

/// Name, paper and parameters of [`downscale`].
pub const INFO: OpInfo = OpInfo {
    id: "downscale",
    title: "Bicubic reduction without aliasing",
    family: "degrade",
    paper: "R. G. Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29(6), 1981, \
            doi:10.1109/TASSP.1981.1163711",
    params: &[ParamInfo {
        name: "factor",
        symbol: "s",
        unit: "",
        range: "2 | 3 | 4",
        default: "2",
        doc: "how many times narrower and lower",
    }],
};

/// Reduces an image.
///
/// # Errors
/// [`OpError::Param`]; [`OpError::Input`] if the image is narrower or lower than the factor;
/// [`OpError::Cancelled`].
pub fn downscale(clean: &Image, options: &Downscale, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    taps(options.factor).resize(clean, cx)
}

/// The taps.
pub(crate) fn taps(factor: u32) -> Polyphase {
    Polyphase::reducing(factor, 2, keys)
}

impl Operation for Downscale {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        check_factor(self.factor)
    }

    fn reach(&self) -> Option<u32> {
        Some(2 * self.factor + HIDDEN_REACH)
    }

    fn alignment(&self) -> u32 {
        self.factor
    }

    fn scale(&self) -> Scale {
        Scale::Down(self.factor)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let image = downscale(&sample.image, self, cx)?;
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
            assert_contract(&Downscale { factor }, &synthetic_rgb(Size::new(51, 62)));
        }
        assert_info_matches(&INFO, &Downscale::default());
        assert!(Downscale { factor: 1 }.validate().is_err());
        assert!(Downscale { factor: 5 }.validate().is_err());
    }

    #[test]
    fn ramps_stay_and_what_does_not_fill_a_pixel_is_left_out() {
        for factor in 2..=4u32 {
            let s = factor as usize;
            let ramp =
                Image::gray_from_fn(Size::new(61, 50), |x, y| 0.01 * x as f32 - 0.004 * y as f32);
            let out = downscale(&ramp, &Downscale { factor }, &Context::default()).unwrap();
            assert_eq!(out.size(), Size::new(61 / factor, 50 / factor));
            for y in 2..out.size().h() - 2 {
                for x in 2..out.size().w() - 2 {
                    let at = |i: usize| (s * i) as f32 + 0.5 * (s - 1) as f32;
                    let want = 0.01 * at(x) - 0.004 * at(y);
                    assert!((out.plane(0).at(x, y) - want).abs() < 1e-5);
                }
            }
            let beyond = Image::gray_from_fn(Size::new(60 / factor * factor + 1, 40), |x, _| {
                f32::from(x as u32 >= 60 / factor * factor)
            });
            let out = downscale(&beyond, &Downscale { factor }, &Context::default()).unwrap();
            assert!(out.data().iter().all(|v| *v == 0.0), "a column that is left out shows");
        }
    }

    #[test]
    fn a_picture_that_would_vanish_is_an_error() {
        let image = Image::gray_from_fn(Size::new(9, 3), |_, _| 0.5);
        let error = downscale(&image, &Downscale { factor: 4 }, &Context::default()).unwrap_err();
        assert!(error.to_string().contains("9x3"), "{error}");
    }
}
