//! Noise of a sensor: photon counts, and a Gaussian part that does not depend on the signal.
//!
//! ```text
//! y = b P(x / b) + sqrt(a) n,    P Poisson, n ~ N(0, 1)
//! variance = a + b x,  mean = x
//! ```
//!
//! `a` and `b` are those that the diagnosis reports. A true Poisson count, not its Gaussian
//! approximation: dark pixels have its skew. Signals below 0 count as 0 photons and keep their
//! value. Not clipped. Letters as in this project's noise model; the paper has them swapped.
//!
//! Reference: A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian noise
//! modeling and fitting for single-image raw-data", IEEE TIP 17(10), 2008,
//! doi:10.1109/TIP.2008.2001399.

use super::rows::{add_normal, not_negative, per_row};
use restora_image::{Context, Image, OpError, OpInfo, Operation, ParamInfo, Rng, Sample};
use serde::{Deserialize, Serialize};

/// Options of [`poisson_gaussian_noise`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoissonGaussianNoise {
    /// Variance at signal 0, nominal range squared.
    pub a: f32,
    /// Growth of the variance with the signal, nominal range: the value of one photon.
    pub b: f32,
}

impl Default for PoissonGaussianNoise {
    /// Deviation 0.01 in the black and 0.1 in the white: a night shot.
    fn default() -> Self {
        Self { a: 0.0001, b: 0.01 }
    }
}

/// Name, paper and parameters of [`poisson_gaussian_noise`].
pub const INFO: OpInfo = OpInfo {
    id: "poisson-gaussian-noise",
    title: "Poisson-Gaussian noise",
    family: "degrade",
    paper: "A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, Practical Poissonian-Gaussian noise \
            modeling and fitting for single-image raw-data, IEEE TIP 17(10), 2008, \
            doi:10.1109/TIP.2008.2001399",
    params: &[
        ParamInfo {
            name: "a",
            symbol: "a",
            unit: "nominal range squared",
            range: "0..",
            default: "0.0001",
            doc: "variance at signal 0 (read noise)",
        },
        ParamInfo {
            name: "b",
            symbol: "b",
            unit: "nominal range",
            range: "0..",
            default: "0.01",
            doc: "growth of the variance with the signal (shot noise)",
        },
    ],
};

/// Adds noise drawn from `rng` to every value.
///
/// # Errors
/// [`OpError::Param`] if `a` or `b` is not a finite number of at least 0; [`OpError::Cancelled`].
pub fn poisson_gaussian_noise(
    image: &Image,
    options: &PoissonGaussianNoise,
    rng: &Rng,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    let (read, photon) = (f64::from(options.a).sqrt() as f32, f64::from(options.b));
    per_row(image, rng, cx, |row, rng| {
        if photon > 0.0 {
            for v in row.iter_mut().filter(|v| **v > 0.0) {
                *v = (photon * rng.poisson(f64::from(*v) / photon)) as f32;
            }
        }
        if read > 0.0 {
            add_normal(row, read, rng);
        }
    })
}

impl Operation for PoissonGaussianNoise {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        not_negative("a", self.a)?;
        not_negative("b", self.b)
    }

    /// The random numbers belong to places of the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let rng = cx.rng(&sample.meta.id, INFO.stream());
        sample.image = poisson_gaussian_noise(&sample.image, self, &rng, cx)?;
        sample.noise = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    fn noisy(signal: f32, a: f32, b: f32) -> Vec<f64> {
        let clean = Image::gray_from_fn(Size::new(400, 250), |_, _| signal);
        let rng = Rng::new(5, "moments", 0);
        let options = PoissonGaussianNoise { a, b };
        let out = poisson_gaussian_noise(&clean, &options, &rng, &Context::default()).unwrap();
        out.data().iter().map(|v| f64::from(*v)).collect()
    }

    #[test]
    fn poisson_gaussian_noise_keeps_the_contract() {
        assert_contract(&PoissonGaussianNoise::default(), &synthetic_rgb(Size::new(50, 40)));
        assert_info_matches(&INFO, &PoissonGaussianNoise::default());
    }

    #[test]
    fn variance_is_a_plus_b_times_signal_and_the_mean_stays() {
        for signal in [0.0, 0.02, 0.3, 1.0] {
            for (a, b) in [(0.0001, 0.01), (0.0, 0.002), (0.0004, 0.0), (0.0001, 0.00001)] {
                let values = noisy(signal, a, b);
                let n = values.len() as f64;
                let mean = values.iter().sum::<f64>() / n;
                let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
                let wanted = f64::from(a) + f64::from(b) * f64::from(signal);
                // Five standard errors of 100,000 values; the variance of a Poisson variance is
                // larger by the excess kurtosis, at most 1 / 0.2 photons... hence 5 in the root.
                let bound = 5.0 * (wanted / n).sqrt() + 1e-7;
                assert!((mean - f64::from(signal)).abs() < bound, "{signal} {a} {b}: {mean}");
                let spread = (7.0 / n).sqrt() * 5.0 * wanted + 1e-12;
                assert!((variance - wanted).abs() < spread, "{signal} {a} {b}: {variance}");
            }
        }
    }

    #[test]
    fn without_read_noise_values_are_whole_numbers_of_photons() {
        let values = noisy(0.1, 0.0, 0.0625);
        assert!(values.iter().all(|v| (v / 0.0625).fract() == 0.0));
        let dark = values.iter().filter(|v| **v == 0.0).count() as f64 / values.len() as f64;
        assert!((dark - (-1.6f64).exp()).abs() < 0.007, "{dark}");
    }

    #[test]
    fn negative_signals_and_zero_options_pass_and_bad_ones_are_errors() {
        let clean = Image::gray_from_fn(Size::new(30, 20), |x, _| x as f32 / 10.0 - 1.0);
        let rng = Rng::new(0, "", 0);
        let run = |a, b| {
            let options = PoissonGaussianNoise { a, b };
            poisson_gaussian_noise(&clean, &options, &rng, &Context::default())
        };
        assert_eq!(run(0.0, 0.0).unwrap(), clean);
        assert_eq!(run(0.0, 0.1).unwrap().plane(0).at(0, 0), -1.0);
        for (a, b) in [(-1.0, 0.0), (0.0, f32::NAN), (f32::INFINITY, 0.0)] {
            assert!(matches!(run(a, b), Err(OpError::Param { .. })));
        }
    }
}
