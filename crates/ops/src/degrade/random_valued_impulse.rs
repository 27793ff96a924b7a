//! Random-valued impulse noise: a share of the values becomes any value.
//!
//! ```text
//! with probability p:  y uniform in [0, 1)        else y = x
//! ```
//!
//! Channels are hit independently. Harder to find than salt and pepper: a hit may look like a
//! neighbor.
//!
//! Reference: R. Garnett, T. Huegerich, C. Chui, W. He, "A universal noise removal algorithm with an
//! impulse detector", IEEE TIP 14(11), 2005, doi:10.1109/TIP.2005.857261.

use super::rows::{per_row, share};
use restora_image::{Context, Image, OpError, OpInfo, Operation, ParamInfo, Rng, Sample};
use serde::{Deserialize, Serialize};

/// Options of [`random_valued_impulse`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomValuedImpulse {
    /// Share of the values that is hit, `[0, 1]`.
    pub density: f32,
}

impl Default for RandomValuedImpulse {
    fn default() -> Self {
        Self { density: 0.1 }
    }
}

/// Name, paper and parameters of [`random_valued_impulse`].
pub const INFO: OpInfo = OpInfo {
    id: "random-valued-impulse",
    title: "Random-valued impulse noise",
    family: "degrade",
    paper: "R. Garnett, T. Huegerich, C. Chui, W. He, A universal noise removal algorithm with an \
            impulse detector, IEEE TIP 14(11), 2005, doi:10.1109/TIP.2005.857261",
    params: &[ParamInfo {
        name: "density",
        symbol: "p",
        unit: "",
        range: "0..=1",
        default: "0.1",
        doc: "share of the values that is replaced by a uniform random one",
    }],
};

/// Hits values as drawn from `rng`.
///
/// # Errors
/// [`OpError::Param`] if `density` is not in `[0, 1]`; [`OpError::Cancelled`].
pub fn random_valued_impulse(
    image: &Image,
    options: &RandomValuedImpulse,
    rng: &Rng,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    let density = f64::from(options.density);
    per_row(image, rng, cx, |row, rng| {
        for v in row {
            // Two numbers for each value, so that a place draws the same at any density.
            let (u, value) = (rng.uniform(), rng.uniform());
            if u < density {
                *v = value as f32;
            }
        }
    })
}

impl Operation for RandomValuedImpulse {
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

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let rng = cx.rng(&sample.meta.id, INFO.stream());
        sample.image = random_valued_impulse(&sample.image, self, &rng, cx)?;
        sample.noise = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    fn hit(density: f32) -> Vec<f32> {
        let mut clean = Image::zeros(Size::new(400, 250), ColorSpace::Gray);
        clean.data_mut().fill(2.0);
        let options = RandomValuedImpulse { density };
        let rng = Rng::new(6, "rate", 0);
        random_valued_impulse(&clean, &options, &rng, &Context::default()).unwrap().into_vec()
    }

    #[test]
    fn random_valued_impulse_keeps_the_contract() {
        assert_contract(&RandomValuedImpulse::default(), &synthetic_rgb(Size::new(50, 40)));
        assert_info_matches(&INFO, &RandomValuedImpulse::default());
    }

    #[test]
    fn the_rate_is_as_asked_and_the_new_values_are_uniform() {
        for density in [0.05, 0.3, 1.0] {
            let values: Vec<f32> = hit(density).into_iter().filter(|v| *v != 2.0).collect();
            let rate = values.len() as f32 / 1e5;
            // Five standard errors of 100,000 draws are at most 0.0079.
            assert!((rate - density).abs() < 0.0079, "{rate}");
            for tenth in 0..10 {
                let low = tenth as f32 / 10.0;
                let inside = values.iter().filter(|v| (low..low + 0.1).contains(*v)).count() as f32;
                let share = inside / values.len() as f32;
                // Five standard errors of 5,000 draws or more.
                assert!((share - 0.1).abs() < 0.022, "{density} {tenth}: {share}");
            }
        }
    }

    #[test]
    fn a_place_hit_at_a_low_density_gets_the_same_value_at_a_higher_one() {
        let (low, high) = (hit(0.1), hit(0.4));
        assert!(low.iter().zip(&high).all(|(l, h)| *l == 2.0 || l == h));
        assert!(hit(0.0).iter().all(|v| *v == 2.0));
        for density in [-0.1, 1.5, f32::NAN] {
            let options = RandomValuedImpulse { density };
            assert!(matches!(options.validate(), Err(OpError::Param { name: "density", .. })));
        }
    }
}
