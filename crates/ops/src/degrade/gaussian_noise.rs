//! Additive white Gaussian noise.
//!
//! ```text
//! y = x + sigma n,    n ~ N(0, 1), independent for each pixel and channel
//! ```
//!
//! The noise of the denoising literature; not clipped. Cost: one normal number per value.
//!
//! Reference: G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates",
//! Annals of Mathematical Statistics 29, 1958, doi:10.1214/aoms/1177706645.

use super::rows::{add_normal, given, per_row};
use restora_image::{Context, Image, OpError, OpInfo, Operation, ParamInfo, Rng, Sample, Sigma};
use serde::{Deserialize, Serialize};

/// Options of [`gaussian_noise`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianNoise {
    /// Standard deviation, nominal range; `auto` is an error.
    pub sigma: Sigma,
}

impl Default for GaussianNoise {
    fn default() -> Self {
        Self { sigma: Sigma::Known(25.0 / 255.0) }
    }
}

/// Name, paper and parameters of [`gaussian_noise`].
pub const INFO: OpInfo = OpInfo {
    id: "gaussian-noise",
    title: "Additive white Gaussian noise",
    family: "degrade",
    paper: "G. E. P. Box, M. E. Muller, A note on the generation of random normal deviates, Annals \
            of Mathematical Statistics 29, 1958, doi:10.1214/aoms/1177706645",
    params: &[ParamInfo {
        name: "sigma",
        symbol: "sigma",
        unit: "nominal range",
        range: "0..",
        default: "0.09803922",
        doc: "standard deviation of the noise; takes 25/255",
    }],
};

/// Adds noise drawn from `rng` to every value.
///
/// # Errors
/// [`OpError::Param`] if `sigma` is not a finite number of at least 0; [`OpError::Cancelled`].
pub fn gaussian_noise(
    image: &Image,
    options: &GaussianNoise,
    rng: &Rng,
    cx: &Context,
) -> Result<Image, OpError> {
    let sigma = given(options.sigma)?;
    per_row(image, rng, cx, |row, rng| add_normal(row, sigma, rng))
}

impl Operation for GaussianNoise {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        given(self.sigma).map(|_| ())
    }

    /// The random numbers belong to places of the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let rng = cx.rng(&sample.meta.id, INFO.stream());
        sample.image = gaussian_noise(&sample.image, self, &rng, cx)?;
        // What was known of the noise is no longer true.
        sample.noise = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    fn with(sigma: f32) -> GaussianNoise {
        GaussianNoise { sigma: Sigma::Known(sigma) }
    }

    #[test]
    fn gaussian_noise_keeps_the_contract() {
        assert_contract(&GaussianNoise::default(), &synthetic_rgb(Size::new(50, 40)));
        assert_info_matches(&INFO, &GaussianNoise::default());
    }

    #[test]
    fn mean_deviation_and_kurtosis_are_those_of_the_normal_distribution() {
        let clean = Image::zeros(Size::new(300, 200), ColorSpace::Srgb);
        let rng = Rng::new(1, "moments", 0);
        let noisy = gaussian_noise(&clean, &with(0.1), &rng, &Context::default()).unwrap();
        let n = noisy.data().len() as f64;
        let moment =
            |k: i32| noisy.data().iter().map(|v| (f64::from(*v) / 0.1).powi(k)).sum::<f64>() / n;
        // Five standard errors: sqrt(1/n), sqrt(2/n), sqrt(96/n) of n = 180,000.
        assert!(moment(1).abs() < 0.012, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.017, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.12, "{}", moment(4));
    }

    #[test]
    fn noise_is_white_within_rows_between_rows_and_between_channels() {
        let size = Size::new(256, 256);
        let clean = Image::zeros(size, ColorSpace::Srgb);
        let rng = Rng::new(2, "white", 0);
        let noisy = gaussian_noise(&clean, &with(1.0), &rng, &Context::default()).unwrap();
        let d = noisy.data();
        for lag in [1, 2, 256, 257, 65536] {
            let pairs = d.len() - lag;
            let sum: f64 = (0..pairs).map(|i| f64::from(d[i]) * f64::from(d[i + lag])).sum();
            // Five standard errors of 131,072 or more pairs.
            assert!((sum / pairs as f64).abs() < 0.014, "lag {lag}: {sum}");
        }
    }

    #[test]
    fn the_noise_depends_on_seed_item_and_step_only() {
        let noisy = |seed, id: &str, step: u64| {
            let mut sample = Sample::new(Image::zeros(Size::new(9, 7), ColorSpace::Gray));
            sample.meta.id = id.into();
            let cx = Context { seed, ..Context::default() }.at_step(step);
            GaussianNoise::default().apply(&mut sample, &cx).unwrap();
            sample.image
        };
        assert_eq!(noisy(1, "a", 0), noisy(1, "a", 0));
        for other in [noisy(2, "a", 0), noisy(1, "b", 0), noisy(1, "a", 1)] {
            assert_ne!(noisy(1, "a", 0), other);
        }
    }

    #[test]
    fn zero_changes_nothing_and_bad_sigmas_are_errors() {
        let clean = synthetic_rgb(Size::new(20, 10));
        let rng = Rng::new(0, "", 0);
        let run = |o: &GaussianNoise| gaussian_noise(&clean, o, &rng, &Context::default());
        assert_eq!(run(&with(0.0)).unwrap(), clean);
        let auto = GaussianNoise { sigma: Sigma::Auto };
        for bad in [with(-1.0), with(f32::NAN), with(f32::INFINITY), auto] {
            assert!(matches!(run(&bad), Err(OpError::Param { name: "sigma", .. })));
            assert!(bad.validate().is_err());
        }
        let read: GaussianNoise = serde_json::from_str(r#"{"sigma": "25/255"}"#).unwrap();
        assert_eq!(read, GaussianNoise::default());
    }
}
