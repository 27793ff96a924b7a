//! Missing pixels: a share of the pixels is lost, and known to be.
//!
//! ```text
//! with probability p:  pixel = 0 in all channels, marked in the mask
//! ```
//!
//! The test case of inpainting (50 % and 80 % random). Opacity is kept.
//!
//! Reference: M. Bertalmio, G. Sapiro, V. Caselles, C. Ballester, "Image inpainting", SIGGRAPH 2000,
//! doi:10.1145/344779.344972.

use super::rows::share;
use restora_image::{Context, Image, Mask, OpError, OpInfo, Operation, ParamInfo, Rng, Sample};
use serde::{Deserialize, Serialize};

/// Options of [`missing_pixels`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MissingPixels {
    /// Share of the pixels that is lost, `[0, 1]`.
    pub density: f32,
}

impl Default for MissingPixels {
    fn default() -> Self {
        Self { density: 0.5 }
    }
}

/// Name, paper and parameters of [`missing_pixels`].
pub const INFO: OpInfo = OpInfo {
    id: "missing-pixels",
    title: "Missing pixels",
    family: "degrade",
    paper: "M. Bertalmio, G. Sapiro, V. Caselles, C. Ballester, Image inpainting, SIGGRAPH 2000, \
            doi:10.1145/344779.344972",
    params: &[ParamInfo {
        name: "density",
        symbol: "p",
        unit: "",
        range: "0..=1",
        default: "0.5",
        doc: "share of the pixels that is lost",
    }],
};

/// Loses pixels as drawn from `rng`; the mask marks them.
///
/// # Errors
/// [`OpError::Param`] if `density` is not in `[0, 1]`; [`OpError::Cancelled`].
pub fn missing_pixels(
    image: &Image,
    options: &MissingPixels,
    rng: &Rng,
    cx: &Context,
) -> Result<(Image, Mask), OpError> {
    options.validate()?;
    cx.check()?;
    let density = f64::from(options.density);
    let mut mask = Mask::empty(image.size());
    for y in 0..image.size().h() {
        let mut rng = rng.child(y as u64);
        for x in 0..image.size().w() {
            mask.set(x, y, rng.uniform() < density);
        }
        cx.check()?;
    }
    let mut out = image.clone();
    for plane in out.planes_mut() {
        for (v, missing) in plane.iter_mut().zip(mask.data()) {
            if *missing {
                *v = 0.0;
            }
        }
    }
    Ok((out, mask))
}

impl Operation for MissingPixels {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        share("density", self.density)
    }

    /// The random numbers belong to places of the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    /// Adds to the mask of the sample.
    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let rng = cx.rng(&sample.meta.id, INFO.stream());
        let (image, mut mask) = missing_pixels(&sample.image, self, &rng, cx)?;
        if let Some(earlier) = &sample.mask {
            mask.add(earlier)?;
        }
        sample.image = image;
        sample.mask = Some(mask);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    #[test]
    fn missing_pixels_keeps_the_contract() {
        assert_contract(&MissingPixels::default(), &synthetic_rgb(Size::new(50, 40)));
        assert_info_matches(&INFO, &MissingPixels::default());
    }

    #[test]
    fn the_mask_marks_exactly_the_pixels_that_were_lost_at_the_asked_rate() {
        let mut clean = Image::zeros(Size::new(300, 200), ColorSpace::Srgb);
        clean.data_mut().fill(0.5);
        for density in [0.0, 0.2, 0.8, 1.0] {
            let rng = Rng::new(7, "lost", 0);
            let options = MissingPixels { density };
            let (out, mask) = missing_pixels(&clean, &options, &rng, &Context::default()).unwrap();
            let rate = mask.count() as f32 / 60_000.0;
            // Five standard errors of 60,000 draws are at most 0.0103; 0 and 1 are exact.
            let bound = if density.fract() == 0.0 { 0.0 } else { 0.0103 };
            assert!((rate - density).abs() <= bound, "{density}: {rate}");
            for plane in out.planes() {
                for y in 0..200 {
                    for (x, v) in plane.row(y).iter().enumerate() {
                        assert_eq!(*v, if mask.at(x, y) { 0.0 } else { 0.5 });
                    }
                }
            }
        }
    }

    #[test]
    fn a_sample_keeps_the_mask_it_came_with() {
        let mut sample = Sample::new(synthetic_rgb(Size::new(8, 8)));
        sample.mask = Some(Mask::from_fn(Size::new(8, 8), |x, y| (x, y) == (3, 5)));
        MissingPixels { density: 0.0 }.apply(&mut sample, &Context::default()).unwrap();
        let mask = sample.mask.unwrap();
        assert!(mask.at(3, 5) && mask.count() == 1);
        for density in [-0.1, 1.5, f32::NAN] {
            let options = MissingPixels { density };
            assert!(matches!(options.validate(), Err(OpError::Param { name: "density", .. })));
        }
    }
}
