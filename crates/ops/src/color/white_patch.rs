//! White patch, or max-RGB: the brightest surface reflects all of the light.
//!
//! ```text
//! e_c = max over the usable pixels of v_c
//! ```
//!
//! Cost: one pass. Linear RGB only. Differs from the paper in which pixels vote ([`Usable`]): one
//! clipped pixel would make the light white.
//!
//! Reference: E. H. Land, J. J. `McCann`, "Lightness and retinex theory", Journal of the Optical Society
//! of America 61(1), 1971, doi:10.1364/JOSA.61.000001.

use super::illuminant::{Illuminant, Usable};
use super::shades_of_gray::shades_of_gray;
use restora_image::{Context, Image, OpError};

/// The light of a picture in linear RGB by its brightest values; `None` if there is no usable pixel.
///
/// # Errors
/// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
pub fn white_patch(
    linear: &Image,
    usable: Usable,
    cx: &Context,
) -> Result<Option<Illuminant>, OpError> {
    shades_of_gray(linear, f64::INFINITY, usable, cx)
}

#[cfg(test)]
mod tests {
    use super::super::illuminant::tests::{assert_finds_the_light_of_a_gray_scene, gray_scene};
    use super::*;

    #[test]
    fn the_brightest_values_are_the_light_and_clipped_ones_do_not_count() {
        let cx = Context::default();
        assert_finds_the_light_of_a_gray_scene(|image, usable| white_patch(image, usable, &cx));
        let mut image = gray_scene([0.9, 0.8, 0.7]);
        let before = white_patch(&image, Usable::default(), &cx).unwrap();
        for c in 0..3 {
            image.plane_mut(c)[17] = 1.0;
        }
        assert_eq!(white_patch(&image, Usable::default(), &cx).unwrap(), before);
        let clipped = white_patch(&image, Usable::ALL, &cx).unwrap().unwrap();
        assert_eq!(clipped.log_chroma(), [0.0, 0.0]);
    }
}
