//! Shades of gray: between gray world and white patch, a mean that gives bright pixels more weight.
//!
//! ```text
//! e_c = (mean over the usable pixels of v_c^p)^(1/p)
//! ```
//!
//! `p = 1` is gray world, `p` infinite is white patch; the paper finds 6 the best. Negative values count
//! as 0. Cost: one pass. Linear RGB only.
//!
//! Reference: G. D. Finlayson, E. Trezzi, "Shades of gray and colour constancy", 12th Color Imaging
//! Conference, 2004 (no DOI); as the zeroth order of doi:10.1109/TIP.2007.901808.

use super::illuminant::{Illuminant, Minkowski, Usable, for_each_usable};
use restora_image::{Context, Image, OpError};

/// The light of a picture in linear RGB by its Minkowski mean; `None` if no usable pixel says anything.
///
/// # Errors
/// [`OpError::Param`] if `p` is below 1; [`OpError::WrongSpace`] for anything but linear RGB;
/// [`OpError::Cancelled`].
pub fn shades_of_gray(
    linear: &Image,
    p: f64,
    usable: Usable,
    cx: &Context,
) -> Result<Option<Illuminant>, OpError> {
    let mut mean = Minkowski::new(p)?;
    for_each_usable(linear, usable, cx, |_, rgb| mean.add(rgb))?;
    Ok(mean.light())
}

#[cfg(test)]
mod tests {
    use super::super::illuminant::tests::{assert_finds_the_light_of_a_gray_scene, gray_scene};
    use super::*;

    #[test]
    fn the_norm_goes_from_the_mean_to_the_maximum() {
        let cx = Context::default();
        for p in [1.0, 2.5, 6.0, f64::INFINITY] {
            assert_finds_the_light_of_a_gray_scene(|i, u| shades_of_gray(i, p, u, &cx));
        }
        // One bright red spot pulls the estimate the more the higher p is.
        let mut image = gray_scene([0.5, 0.5, 0.5]);
        image.plane_mut(0)[100] = 0.9;
        let red = |p| shades_of_gray(&image, p, Usable::default(), &cx).unwrap().unwrap().rgb()[0];
        assert!(red(1.0) < red(3.0) && red(3.0) < red(6.0) && red(6.0) < red(40.0));
        assert!(red(400.0) < red(f64::INFINITY) && red(f64::INFINITY) - red(400.0) < 0.02);
        assert!(matches!(
            shades_of_gray(&image, 0.5, Usable::ALL, &cx),
            Err(OpError::Param { .. })
        ));
    }

    #[test]
    fn the_sum_is_the_formula() {
        let image = gray_scene([0.9, 0.6, 0.3]);
        let n = image.size().len() as f64;
        let wanted = [0, 1, 2].map(|c| {
            let sum = image.plane_data(c).iter().map(|v| f64::from(*v).powf(6.0)).sum::<f64>();
            (sum / n).powf(1.0 / 6.0)
        });
        let found = shades_of_gray(&image, 6.0, Usable::ALL, &Context::default());
        let (found, wanted) = (found.unwrap().unwrap(), Illuminant::new(wanted).unwrap());
        assert!(found.rgb().iter().zip(wanted.rgb()).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
