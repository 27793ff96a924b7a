//! Gray world: the average of a scene is gray, so what it is in the picture is the color of the light.
//!
//! ```text
//! e_c = mean over the usable pixels of v_c
//! ```
//!
//! Cost: one pass. Linear RGB only. Differs from the paper in which pixels vote ([`Usable`]).
//!
//! Reference: G. Buchsbaum, "A spatial processor model for object colour perception", Journal of the
//! Franklin Institute 310(1), 1980, doi:10.1016/0016-0032(80)90058-7.

use super::illuminant::{Illuminant, Usable};
use super::shades_of_gray::shades_of_gray;
use restora_image::{Context, Image, OpError};

/// The light of a picture in linear RGB by its mean; `None` if no usable pixel says anything.
///
/// # Errors
/// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
pub fn gray_world(
    linear: &Image,
    usable: Usable,
    cx: &Context,
) -> Result<Option<Illuminant>, OpError> {
    shades_of_gray(linear, 1.0, usable, cx)
}

#[cfg(test)]
mod tests {
    use super::super::illuminant::tests::{assert_finds_the_light_of_a_gray_scene, gray_scene};
    use super::*;

    #[test]
    fn the_mean_of_the_picture_is_the_light() {
        let cx = Context::default();
        assert_finds_the_light_of_a_gray_scene(|image, usable| gray_world(image, usable, &cx));
        let mut image = gray_scene([0.9, 0.8, 0.7]);
        image.plane_mut(0)[..600].fill(0.1);
        let mean = [0, 1, 2].map(|c| {
            let plane = image.plane_data(c);
            plane.iter().map(|v| f64::from(*v)).sum::<f64>() / plane.len() as f64
        });
        let found = gray_world(&image, Usable::ALL, &cx).unwrap().unwrap();
        let wanted = Illuminant::new(mean).unwrap();
        assert!(found.rgb().iter().zip(wanted.rgb()).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
