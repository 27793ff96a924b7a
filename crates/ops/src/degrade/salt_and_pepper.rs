//! Salt-and-pepper noise: a share of the values becomes white or black.
//!
//! ```text
//! u uniform in [0, 1):   u < p (1 - s) -> 0     u >= 1 - p s -> 1     else unchanged
//! ```
//!
//! Channels are hit independently, as dead or saturated photosites are.
//!
//! Reference: R. H. Chan, C.-W. Ho, M. Nikolova, "Salt-and-pepper noise removal by median-type noise
//! detectors and detail-preserving regularization", IEEE TIP 14(10), 2005,
//! doi:10.1109/TIP.2005.852196.

use super::rows::{per_row, share};
use restora_image::{Context, Image, OpError, OpInfo, Operation, ParamInfo, Rng, Sample};
use serde::{Deserialize, Serialize};

/// Options of [`salt_and_pepper`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SaltAndPepper {
    /// Share of the values that is hit, `[0, 1]`.
    pub density: f32,
    /// Share of the hit values that becomes white, `[0, 1]`.
    pub salt: f32,
}

impl Default for SaltAndPepper {
    fn default() -> Self {
        Self { density: 0.1, salt: 0.5 }
    }
}

/// Name, paper and parameters of [`salt_and_pepper`].
pub const INFO: OpInfo = OpInfo {
    id: "salt-and-pepper",
    title: "Salt-and-pepper noise",
    family: "degrade",
    paper: "R. H. Chan, C.-W. Ho, M. Nikolova, Salt-and-pepper noise removal by median-type noise \
            detectors and detail-preserving regularization, IEEE TIP 14(10), 2005, \
            doi:10.1109/TIP.2005.852196",
    params: &[
        ParamInfo {
            name: "density",
            symbol: "p",
            unit: "",
            range: "0..=1",
            default: "0.1",
            doc: "share of the values that is hit",
        },
        ParamInfo {
            name: "salt",
            symbol: "s",
            unit: "",
            range: "0..=1",
            default: "0.5",
            doc: "share of the hit values that becomes white, the others become black",
        },
    ],
};

/// Hits values as drawn from `rng`.
///
/// # Errors
/// [`OpError::Param`] if a share is not in `[0, 1]`; [`OpError::Cancelled`].
pub fn salt_and_pepper(
    image: &Image,
    options: &SaltAndPepper,
    rng: &Rng,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    let (density, salt) = (f64::from(options.density), f64::from(options.salt));
    let (black, white) = (density * (1.0 - salt), 1.0 - density * salt);
    per_row(image, rng, cx, |row, rng| {
        for v in row {
            let u = rng.uniform();
            if u < black {
                *v = 0.0;
            } else if u >= white {
                *v = 1.0;
            }
        }
    })
}

impl Operation for SaltAndPepper {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        share("density", self.density)?;
        share("salt", self.salt)
    }

    /// The random numbers belong to places of the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let rng = cx.rng(&sample.meta.id, INFO.stream());
        sample.image = salt_and_pepper(&sample.image, self, &rng, cx)?;
        sample.noise = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    fn hit(density: f32, salt: f32) -> Image {
        let mut clean = Image::zeros(Size::new(300, 200), ColorSpace::Srgb);
        clean.data_mut().fill(0.5);
        let options = SaltAndPepper { density, salt };
        salt_and_pepper(&clean, &options, &Rng::new(4, "rate", 0), &Context::default()).unwrap()
    }

    #[test]
    fn salt_and_pepper_keeps_the_contract() {
        assert_contract(&SaltAndPepper::default(), &synthetic_rgb(Size::new(50, 40)));
        assert_info_matches(&INFO, &SaltAndPepper::default());
    }

    #[test]
    fn rates_of_salt_and_of_pepper_are_as_asked_and_nothing_else_changes() {
        for (density, salt) in [(0.1, 0.5), (0.5, 0.2), (0.9, 0.5), (0.3, 1.0), (0.3, 0.0)] {
            let out = hit(density, salt);
            for plane in out.planes() {
                let values: Vec<f32> = (0..200).flat_map(|y| plane.row(y).to_vec()).collect();
                let rate = |v: f32| values.iter().filter(|x| **x == v).count() as f32 / 60_000.0;
                // Five standard errors of 60,000 draws are at most 0.0103.
                assert!((rate(1.0) - density * salt).abs() < 0.0103, "{density} {salt}");
                assert!((rate(0.0) - density * (1.0 - salt)).abs() < 0.0103, "{density} {salt}");
                assert!(values.iter().all(|v| [0.0, 0.5, 1.0].contains(v)));
            }
        }
    }

    #[test]
    fn densities_0_and_1_are_exact_and_bad_shares_are_errors() {
        assert!(hit(0.0, 0.5).data().iter().all(|v| *v == 0.5));
        assert!(hit(1.0, 1.0).data().iter().all(|v| *v == 1.0));
        assert!(hit(1.0, 0.0).data().iter().all(|v| *v == 0.0));
        for (density, salt) in [(-0.1, 0.5), (1.1, 0.5), (0.1, f32::NAN)] {
            let options = SaltAndPepper { density, salt };
            assert!(matches!(options.validate(), Err(OpError::Param { .. })));
        }
    }
}
