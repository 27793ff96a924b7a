//! Spatially correlated Gaussian noise: grain, or white noise after a demosaicker or a resize.
//!
//! ```text
//! y = x + sigma (g * n) / |g|,    g Gaussian kernel of deviation k, |g|^2 = sum g^2
//! correlation at distance d = exp(-d^2 / (4 k^2))
//! ```
//!
//! The white field is drawn beyond the edges by the reach of the kernel, so that level and
//! correlation are the same everywhere, borders included; division by `|g|` gives the asked level
//! exactly in the mean over draws. Channels are independent. Cost: one normal number and two sweeps
//! per value.
//!
//! Reference: Y. Makinen, L. Azzari, A. Foi, "Collaborative filtering of correlated noise: exact
//! transform-domain variance for improved shrinkage and patch matching", IEEE TIP 29, 2020,
//! doi:10.1109/TIP.2020.3014721 (noise as a kernel on white noise, eq. (2)).

use super::rows::{given, per_row};
use crate::filter::gaussian_taps;
use crate::filter::separable::convolve_symmetric;
use restora_image::{
    Border, ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Rng, Sample, Sigma,
    Size,
};
use serde::{Deserialize, Serialize};

/// Options of [`correlated_noise`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorrelatedNoise {
    /// Standard deviation of the noise, nominal range; `auto` is an error.
    pub sigma: Sigma,
    /// Standard deviation of the kernel in pixels, `0..=50`; 0 gives white noise.
    pub kernel: f32,
}

impl Default for CorrelatedNoise {
    fn default() -> Self {
        Self { sigma: Sigma::Known(25.0 / 255.0), kernel: 1.0 }
    }
}

/// Name, paper and parameters of [`correlated_noise`].
pub const INFO: OpInfo = OpInfo {
    id: "correlated-noise",
    title: "Spatially correlated Gaussian noise",
    family: "degrade",
    paper: "Y. Makinen, L. Azzari, A. Foi, Collaborative filtering of correlated noise, IEEE TIP \
            29, 2020, doi:10.1109/TIP.2020.3014721",
    params: &[
        ParamInfo {
            name: "sigma",
            symbol: "sigma",
            unit: "nominal range",
            range: "0..",
            default: "0.09803922",
            doc: "standard deviation of the noise; takes 25/255",
        },
        ParamInfo {
            name: "kernel",
            symbol: "k",
            unit: "pixels",
            range: "0..=50",
            default: "1.0",
            doc: "standard deviation of the Gaussian kernel that correlates it",
        },
    ],
};

/// Adds noise drawn from `rng` to every value.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::Cancelled`].
pub fn correlated_noise(
    image: &Image,
    options: &CorrelatedNoise,
    rng: &Rng,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    let sigma = given(options.sigma)?;
    let mut out = image.clone();
    if image.size().is_empty() {
        return Ok(out);
    }
    let taps = gaussian_taps(options.kernel);
    let margin = taps.len() - 1;
    // The kernel is separable: |g| is the product of the norms along columns and rows, which agree.
    let squares = |t: &f32| f64::from(*t).powi(2);
    let norm = 2.0 * taps.iter().map(squares).sum::<f64>() - squares(&taps[0]);
    let scale = (f64::from(sigma) / norm) as f32;
    let (w, h) = (image.size().w(), image.size().h());
    let wide = Size::new((w + 2 * margin) as u32, (h + 2 * margin) as u32);
    let mut filtered = vec![0.0; wide.len()];
    for c in 0..image.channels() {
        let white = Image::zeros(wide, ColorSpace::Gray);
        let white = per_row(&white, &rng.child(c as u64), cx, |row, rng| {
            rng.fill_normal(row);
        })?;
        convolve_symmetric(white.plane(0), &taps, Border::Clamp, &mut filtered, cx)?;
        let inner = filtered.chunks_exact(wide.w()).skip(margin);
        for (row, noise) in out.plane_mut(c).chunks_exact_mut(w).zip(inner) {
            for (v, n) in row.iter_mut().zip(&noise[margin..]) {
                *v += scale * n;
            }
        }
    }
    Ok(out)
}

impl Operation for CorrelatedNoise {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        given(self.sigma)?;
        if !(0.0..=50.0).contains(&self.kernel) {
            return Err(OpError::param("kernel", "in [0, 50]", self.kernel));
        }
        Ok(())
    }

    /// The random numbers belong to places of the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let rng = cx.rng(&sample.meta.id, INFO.stream());
        sample.image = correlated_noise(&sample.image, self, &rng, cx)?;
        sample.noise = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    fn field(kernel: f32) -> Image {
        let clean = Image::zeros(Size::new(400, 300), ColorSpace::Srgb);
        let options = CorrelatedNoise { sigma: Sigma::Known(0.1), kernel };
        correlated_noise(&clean, &options, &Rng::new(3, "field", 0), &Context::default()).unwrap()
    }

    #[test]
    fn correlated_noise_keeps_the_contract() {
        assert_contract(&CorrelatedNoise::default(), &synthetic_rgb(Size::new(50, 40)));
        assert_info_matches(&INFO, &CorrelatedNoise::default());
    }

    #[test]
    fn level_and_correlation_are_as_asked() {
        for kernel in [0.0, 0.7, 1.0, 2.0] {
            let noise = field(kernel);
            let product = |dx: usize, dy: usize| {
                let (mut sum, mut count) = (0.0, 0.0);
                for plane in noise.planes() {
                    for y in 0..300 - dy {
                        let (a, b) = (&plane.row(y)[..400 - dx], &plane.row(y + dy)[dx..]);
                        sum += a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
                        count += a.len() as f64;
                    }
                }
                sum / count
            };
            let variance = product(0, 0);
            // About n / (4 pi k^2) = 7,000 independent values at k = 2: five standard errors of
            // their variance are 8 %.
            assert!((variance / 0.01 - 1.0).abs() < 0.08, "{kernel}: {variance}");
            for d in [1, 2, 3] {
                // The law of the continuous kernel holds from 0.7 pixels up within 1 %.
                let k = f64::from(kernel);
                let wanted =
                    if kernel == 0.0 { 0.0 } else { (-((d * d) as f64) / (4.0 * k * k)).exp() };
                for (dx, dy) in [(d, 0), (0, d)] {
                    let got = product(dx, dy) / variance;
                    assert!((got - wanted).abs() < 0.03, "{kernel} {d}: {got} {wanted}");
                }
            }
        }
    }

    #[test]
    fn corners_have_the_level_of_the_center() {
        let (mut corner, mut center) = (0.0, 0.0);
        let clean = Image::zeros(Size::new(9, 9), ColorSpace::Gray);
        let options = CorrelatedNoise { sigma: Sigma::Known(1.0), kernel: 2.0 };
        for seed in 0..2000 {
            let rng = Rng::new(seed, "corner", 0);
            let noise = correlated_noise(&clean, &options, &rng, &Context::default()).unwrap();
            corner += f64::from(noise.plane(0).at(0, 0)).powi(2) / 2000.0;
            center += f64::from(noise.plane(0).at(4, 4)).powi(2) / 2000.0;
        }
        // Five standard errors of 2,000 squares.
        assert!((corner - 1.0).abs() < 0.16 && (center - 1.0).abs() < 0.16, "{corner} {center}");
    }

    #[test]
    fn channels_are_independent_and_bad_options_are_errors() {
        let noise = field(1.0);
        let (a, b) = (noise.plane(0), noise.plane(1));
        let sum: f64 = (0..300)
            .flat_map(|y| a.row(y).iter().zip(b.row(y)))
            .map(|(a, b)| f64::from(a * b))
            .sum();
        assert!((sum / 120_000.0 / 0.01).abs() < 0.05);
        for kernel in [-1.0, 51.0, f32::NAN] {
            let options = CorrelatedNoise { kernel, ..CorrelatedNoise::default() };
            assert!(matches!(options.validate(), Err(OpError::Param { name: "kernel", .. })));
        }
    }
}
