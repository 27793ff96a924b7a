//! Gradient magnitude similarity deviation on multiple scales (MS-GMSD).
//!
//! ```text
//! GMS_j = ((2 - alpha) mx my + c) / (mx^2 + my^2 - alpha mx my + c)     alpha = 1/2, c = 170
//! MS-GMSD = sqrt(sum over scales 1..4 of w_j std(GMS_j)^2)      w = 0.096, 0.596, 0.289, 0.019
//! ```
//!
//! Scale 1 is the image itself (GMSD's is half of it), each further one the mean of 2 x 2 pixels,
//! an odd size lengthened by zeros (piq). Luma only: the chroma term of MS-GMSDc is left out, as in
//! piq's default. Constants in 8-bit levels. Cost: 16/3 of GMSD.
//!
//! Reference: B. Zhang, P. V. Sander, A. Bermak, "Gradient magnitude similarity deviation on multiple
//! scales for color image quality assessment", ICASSP 2017, doi:10.1109/ICASSP.2017.7952357.

use super::conventions::{measure_options, require_positive};
use super::gmsd::{deviation, halved};
use crate::MetricError;
use restora_image::{Context, Image, to_luma};

/// The paper's weights, finest scale first.
const WEIGHTS: [f64; 4] = [0.096, 0.596, 0.289, 0.019];
/// Least width and height: two pixels at the coarsest scale, as piq.
const LEAST: u32 = 17;

measure_options! {
    /// Options of [`ms_gmsd()`].
    MsGmsd, "ms-gmsd", "MS-GMSD",
    "Zhang, Sander, Bermak, Gradient magnitude similarity deviation on multiple scales for color \
     image quality assessment, ICASSP 2017, doi:10.1109/ICASSP.2017.7952357";
    c: f64 = 170.0, "170.0", "> 0", "keeps flat regions from counting, in squared 8-bit levels";
    masking: f64 = 0.5, "0.5", "[0, 2)", "the paper's alpha: how much strong edges hide";
}

/// Multi-scale GMSD, 0 for identical images, less is better; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are less than 17 pixels wide or high, are neither
/// gray nor RGB, or an option is out of range.
pub fn ms_gmsd(
    reference: &Image,
    distorted: &Image,
    options: &MsGmsd,
    cx: &Context,
) -> Result<f64, MetricError> {
    require_positive("c", options.c)?;
    if !(0.0..2.0).contains(&options.masking) {
        return Err(restora_image::OpError::param("masking", "in [0, 2)", options.masking).into());
    }
    let pair = options.pair(reference, distorted, LEAST)?;
    let (mut x, mut y) = (to_luma(&pair.reference)?, to_luma(&pair.distorted)?);
    let white = options.range / 255.0;
    let mut sum = 0.0;
    for (scale, weight) in WEIGHTS.into_iter().enumerate() {
        if scale > 0 {
            (x, y) = (halved(x.as_ref(), cx)?, halved(y.as_ref(), cx)?);
        }
        let c = options.c * white * white;
        let std = deviation(x.as_ref(), y.as_ref(), c, options.masking as f32, cx)?;
        sum += weight * std * std;
    }
    Ok(sum.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic};

    #[test]
    fn without_masking_the_scales_are_those_of_gmsd_added_up() {
        use crate::full_reference::{Gmsd, gmsd};
        let x = synthetic(Size::new(96, 64));
        let y = noisy(&x, 0.1, 3);
        let cx = Context::default();
        // GMSD halves first: it is scale 2 of the image and, of the halved one, scale 3, and so on.
        let mut sum = WEIGHTS[0]
            * deviation(x.plane(0), y.plane(0), 170.0 / 65025.0, 0.0, &cx).unwrap().powi(2);
        let (mut a, mut b) = (x.clone(), y.clone());
        for weight in &WEIGHTS[1..] {
            sum += weight * gmsd(&a, &b, &Gmsd::default(), &cx).unwrap().powi(2);
            let half = |i: &Image| Image::from_plane(halved(i.plane(0), &cx).unwrap());
            (a, b) = (half(&a), half(&b));
        }
        let plain = MsGmsd { masking: 0.0, ..MsGmsd::default() };
        let got = ms_gmsd(&x, &y, &plain, &cx).unwrap();
        assert!((got - sum.sqrt()).abs() < 1e-12, "{got} {}", sum.sqrt());
    }

    #[test]
    fn options_out_of_range_are_errors() {
        let x = synthetic(Size::new(32, 32));
        for (c, masking) in [(0.0, 0.5), (170.0, 2.0), (170.0, -0.1), (f64::NAN, 0.5)] {
            let options = MsGmsd { c, masking, ..MsGmsd::default() };
            let got = ms_gmsd(&x, &x, &options, &Context::default());
            assert!(matches!(got, Err(MetricError::Param { .. })));
        }
    }
}
