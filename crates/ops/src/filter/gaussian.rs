//! Gaussian filter, and the denoiser that is made of it by choosing the blur from the noise.
//!
//! ```text
//! out = g_b * in,    g_b(i, j) = t(i) t(j),    t(i) = exp(-i^2 / (2 b^2)) / sum
//! ```
//!
//! with taps out to `round(4 b)` pixels, as OpenCV has them for float images. If only the noise level
//! `sigma` is known, the blur `b` is the one of least estimated risk: for a linear filter Stein's
//! unbiased estimate of the mean squared error is closed,
//!
//! ```text
//! SURE(b) = mean (in - g_b * in)^2 - sigma^2 + 2 sigma^2 g_b(0, 0)
//! ```
//!
//! and needs no clean image. It is evaluated on a sample of the rows (at most 2^17 values per color
//! plane) and minimized by a golden-section search over `ln b`. One blur serves all planes.
//!
//! Cost: `2 (4 b + 1)` multiplications per pixel; choosing the blur adds about 2.5 ms per plane whatever the
//! size of the image. Colors are filtered plane by plane. A flat image stays flat with every border
//! but `constant`.
//!
//! Reference: C. M. Stein, "Estimation of the mean of a multivariate normal distribution", Annals of
//! Statistics 9 (1981), doi:10.1214/aos/1176345632.

use super::separable::convolve_symmetric;
use restora_image::{
    Border, Context, Image, OpError, OpInfo, Operation, ParamInfo, PlaneRef, Rect, Sample, Sigma,
};
use serde::{Deserialize, Serialize};

/// Options of [`gaussian`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gaussian {
    /// Noise level, nominal range; only needed where `blur` is not given.
    pub sigma: Sigma,
    /// Standard deviation of the filter in pixels, `0..=1000`; 0 changes nothing. `None` chooses
    /// the one of least estimated risk for `sigma`.
    pub blur: Option<f32>,
    /// Continuation beyond the edge.
    pub border: Border,
}

/// Name, paper and parameters of [`gaussian`].
pub const INFO: OpInfo = OpInfo {
    id: "gaussian",
    title: "Gaussian filter",
    family: "filter",
    paper: "C. M. Stein, Estimation of the mean of a multivariate normal distribution, Annals of \
            Statistics 9, 1981, doi:10.1214/aos/1176345632 (choice of the blur)",
    params: &[
        ParamInfo {
            name: "sigma",
            symbol: "sigma",
            unit: "nominal range",
            range: "auto or 0..",
            default: "\"auto\"",
            doc: "Noise level; only needed where blur is not given",
        },
        ParamInfo {
            name: "blur",
            symbol: "b",
            unit: "pixels",
            range: "0..=1000",
            default: "null",
            doc: "Standard deviation of the filter; chosen from sigma by least estimated risk if absent",
        },
        ParamInfo {
            name: "border",
            symbol: "",
            unit: "",
            range: "clamp, reflect, reflect101, wrap, constant",
            default: "\"reflect101\"",
            doc: "Continuation beyond the edge",
        },
    ],
};

/// Largest accepted blur in pixels.
const MAX_BLUR: f32 = 1000.0;
/// The blurs that the risk is searched over. A blur below 0.3 leaves 99 % of the weight at the
/// center; one above 8 would be asked for only where noise drowns every structure below 30 pixels.
const SEARCHED: (f64, f64) = (0.3, 8.0);
/// Values per plane on which the risk is estimated: the standard error of its noise part is then
/// `sigma^2 sqrt(2 / 2^17)`, 0.4 % of the noise variance.
const SAMPLE: usize = 1 << 17;

impl Gaussian {
    /// A filter with this standard deviation in pixels.
    pub fn with_blur(blur: f32) -> Self {
        Self { blur: Some(blur), ..Self::default() }
    }
}

/// Filters every plane of `input`.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range, or if neither `blur` nor a known `sigma` is
/// given; [`OpError::Cancelled`].
pub fn gaussian(input: &Image, options: &Gaussian, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    let blur = match options.blur {
        Some(blur) => blur,
        None => least_risk_blur(input, options.sigma.known()?, options.border, cx)?,
    };
    let taps = gaussian_taps(blur);
    let mut out = Image::zeros(input.size(), input.space());
    out.alpha.clone_from(&input.alpha);
    for c in 0..input.channels() {
        convolve_symmetric(input.plane(c), &taps, options.border, out.plane_mut(c), cx)?;
    }
    Ok(out)
}

/// The taps `t(0), t(1), .., t(r)`, `r = round(4 blur)`, with `t(0) + 2 (t(1) + .. + t(r)) = 1`.
/// A blur that is not positive gives the single tap 1.
pub fn gaussian_taps(blur: f32) -> Vec<f32> {
    let b = f64::from(blur).min(f64::from(MAX_BLUR));
    if b.is_nan() || b <= 0.0 {
        return vec![1.0];
    }
    let t: Vec<f64> =
        (0..=radius(blur)).map(|i| (-0.5 * (f64::from(i) / b).powi(2)).exp()).collect();
    let sum = 2.0 * t.iter().sum::<f64>() - t[0];
    t.iter().map(|t| (t / sum) as f32).collect()
}

fn radius(blur: f32) -> u32 {
    (4.0 * blur).round() as u32
}

/// The blur, in pixels, that minimizes Stein's unbiased risk estimate of `input` for white noise of
/// `sigma`. 0 if every blur of the search would do more harm than good.
///
/// # Errors
/// [`OpError::Param`] if `sigma` is negative or not finite; [`OpError::Cancelled`].
pub fn least_risk_blur(
    input: &Image,
    sigma: f32,
    border: Border,
    cx: &Context,
) -> Result<f32, OpError> {
    let variance = f64::from(Sigma::Known(sigma).known()?).powi(2);
    if variance == 0.0 || input.data().is_empty() {
        return Ok(0.0);
    }
    let windows: Vec<PlaneRef<'_>> =
        input.planes().flat_map(|plane| sampled_rows(plane).map(move |r| plane.crop(r))).collect();
    let risk = |b: f64| -> Result<f64, OpError> {
        let taps = gaussian_taps(b as f32);
        let (mut sum, mut count) = (0.0, 0);
        for window in &windows {
            let mut out = vec![0.0; window.size().len()];
            convolve_symmetric(*window, &taps, border, &mut out, cx)?;
            for (y, out) in out.chunks_exact(window.width()).enumerate() {
                let row = window.row(y);
                sum += row.iter().zip(out).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
            }
            count += out.len();
        }
        Ok(sum / count as f64 - variance + 2.0 * variance * f64::from(taps[0]).powi(2))
    };
    let blur = golden_section(SEARCHED.0.ln(), SEARCHED.1.ln(), 0.02, |t| risk(t.exp()))?.exp();
    // The risk of doing nothing is the variance.
    Ok(if risk(blur)? < variance { blur as f32 } else { 0.0 })
}

/// Windows of whole rows, spread evenly, with at most [`SAMPLE`] values together.
fn sampled_rows(plane: PlaneRef<'_>) -> impl Iterator<Item = Rect> + use<> {
    const ROWS: usize = 64;
    let (w, h) = (plane.width(), plane.height());
    let (count, rows) = if w * h <= SAMPLE {
        (1, h)
    } else {
        let count = (SAMPLE / (w * ROWS)).max(1);
        (count, ROWS.min((SAMPLE / w).max(1)).min(h / count))
    };
    (0..count).map(move |i| {
        let y = if count == 1 { (h - rows) / 2 } else { i * (h - rows) / (count - 1) };
        Rect { x: 0, y: y as u32, width: w as u32, height: rows as u32 }
    })
}

/// The minimum of a function of one valley on `[a, b]`, to within `tolerance`.
fn golden_section(
    mut a: f64,
    mut b: f64,
    tolerance: f64,
    mut f: impl FnMut(f64) -> Result<f64, OpError>,
) -> Result<f64, OpError> {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut c, mut d) = (b - ratio * (b - a), a + ratio * (b - a));
    let (mut fc, mut fd) = (f(c)?, f(d)?);
    while b - a > tolerance {
        if fc < fd {
            (b, d, fd) = (d, c, fc);
            c = b - ratio * (b - a);
            fc = f(c)?;
        } else {
            (a, c, fc) = (c, d, fd);
            d = a + ratio * (b - a);
            fd = f(d)?;
        }
    }
    Ok(f64::midpoint(a, b))
}

impl Operation for Gaussian {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        self.sigma.validate()?;
        match self.blur {
            Some(b) if !(0.0..=MAX_BLUR).contains(&b) => {
                Err(OpError::param("blur", "in 0..=1000 pixels", b))
            }
            _ => Ok(()),
        }
    }

    /// The radius of the taps; the whole image where the blur is chosen from it.
    fn reach(&self) -> Option<u32> {
        self.blur.map(radius)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let sigma = self.sigma.or_measured(sample.noise.as_ref());
        sample.image = gaussian(&sample.image, &Self { sigma, ..self.clone() }, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{NoiseModel, Size};
    use restora_testkit::{
        assert_contract, assert_info_matches, noisy, psnr, synthetic, synthetic_rgb,
    };

    #[test]
    fn keeps_the_promises_of_an_operation() {
        let image = synthetic_rgb(Size::new(90, 80));
        for op in [
            Gaussian::with_blur(2.0),
            Gaussian::with_blur(0.0),
            Gaussian { sigma: Sigma::Known(0.1), ..Gaussian::default() },
        ] {
            assert_contract(&op, &image);
        }
        assert_info_matches(&INFO, &Gaussian::default());
    }

    #[test]
    fn taps_are_a_normalized_gaussian_out_to_four_sigma() {
        let t = gaussian_taps(2.0);
        assert_eq!(t.len(), 9);
        assert!((2.0 * t.iter().sum::<f32>() - t[0] - 1.0).abs() < 1e-6);
        for i in 1..9 {
            let want = (-0.5 * (i as f32 / 2.0).powi(2)).exp();
            assert!((t[i] / t[0] - want).abs() < 1e-6);
        }
        for nothing in [0.0, -1.0, f32::NAN] {
            assert_eq!(gaussian_taps(nothing), [1.0]);
        }
    }

    #[test]
    fn two_blurs_in_a_row_are_one_of_the_added_variance() {
        let image = synthetic(Size::new(64, 48));
        let blur = |image: &Image, b| {
            gaussian(image, &Gaussian::with_blur(b), &Context::default()).unwrap()
        };
        let twice = blur(&blur(&image, 3.0), 4.0);
        let once = blur(&image, 5.0);
        for (a, b) in twice.data().iter().zip(once.data()) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    #[test]
    fn a_flat_image_stays_flat_and_a_blur_wider_than_the_image_is_fine() {
        let flat = Image::gray_from_fn(Size::new(70, 5), |_, _| 0.3);
        for border in [Border::Clamp, Border::Reflect, Border::Reflect101, Border::Wrap] {
            let options = Gaussian { border, ..Gaussian::with_blur(60.0) };
            let out = gaussian(&flat, &options, &Context::default()).unwrap();
            assert!(out.data().iter().all(|v| (v - 0.3).abs() < 1e-6));
        }
    }

    #[test]
    fn bad_options_and_an_unknown_noise_level_are_errors() {
        let image = synthetic(Size::new(8, 8));
        let run = |options: &Gaussian| gaussian(&image, options, &Context::default());
        for blur in [-0.1, 1001.0, f32::NAN, f32::INFINITY] {
            assert!(matches!(
                run(&Gaussian::with_blur(blur)),
                Err(OpError::Param { name: "blur", .. })
            ));
        }
        let noise = Gaussian { sigma: Sigma::Known(f32::NAN), ..Gaussian::default() };
        assert!(matches!(run(&noise), Err(OpError::Param { name: "sigma", .. })));
        assert!(matches!(run(&Gaussian::default()), Err(OpError::Param { name: "sigma", .. })));
    }

    #[test]
    fn the_blur_of_least_estimated_risk_is_nearly_the_best_there_is() {
        let clean = synthetic_rgb(Size::new(300, 500));
        for sigma in [0.03, 0.1, 0.2] {
            let degraded = noisy(&clean, sigma, 1);
            let score = |options: &Gaussian| {
                psnr(&clean, &gaussian(&degraded, options, &Context::default()).unwrap())
            };
            let best = (1..40)
                .map(|i| score(&Gaussian::with_blur(0.15 * i as f32)))
                .fold(f64::MIN, f64::max);
            let chosen = score(&Gaussian { sigma: Sigma::Known(sigma), ..Gaussian::default() });
            assert!(chosen > best - 0.1, "{sigma}: {chosen} against {best}");
        }
    }

    #[test]
    fn the_measured_noise_level_is_used_and_a_clean_image_is_left_alone() {
        let image = synthetic(Size::new(80, 60));
        let mut sample = Sample::new(noisy(&image, 0.1, 2));
        sample.noise = Some(NoiseModel::white(0.1, 1));
        let known = Gaussian { sigma: Sigma::Known(0.1), ..Gaussian::default() };
        let told = gaussian(&sample.image, &known, &Context::default()).unwrap();
        Gaussian::default().apply(&mut sample, &Context::default()).unwrap();
        assert_eq!(sample.image, told);
        let zero = Gaussian { sigma: Sigma::Known(0.0), ..Gaussian::default() };
        assert_eq!(gaussian(&image, &zero, &Context::default()).unwrap(), image);
    }
}
