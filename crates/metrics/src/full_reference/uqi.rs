//! Universal image quality index (UQI).
//!
//! ```text
//! UQI = mean of 4 sxy mx my / ((sx^2 + sy^2)(mx^2 + my^2))
//! ```
//!
//! SSIM without its constants, so that flat or black windows count for much; a window that is flat
//! in both images or black in both scores 0, as in torchmetrics, whose guard of 2.2e-16 is kept.
//! Windows inside the image; 11 Gaussian taps of sigma 1.5 (torchmetrics) or the paper's 8 x 8 equal
//! ones. Color images score the mean over their channels. In `f64`, in 8-bit levels.
//!
//! Reference: Z. Wang, A. C. Bovik, "A universal image quality index", IEEE Signal Processing
//! Letters 9(3), 2002, doi:10.1109/97.995823.

use super::conventions::measure_options;
use super::maps::levels;
use super::moments::{Row, STRIP, Tally, gaussian_taps, windows};
use crate::MetricError;
use restora_image::{Context, Image};
use serde::{Deserialize, Serialize};

/// The sliding window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UqiWindow {
    /// 11 x 11 Gaussian taps of sigma 1.5.
    #[default]
    Gaussian,
    /// 8 x 8 equal taps: the paper's.
    Uniform,
}

measure_options! {
    /// Options of [`uqi()`].
    Uqi, "uqi", "UQI",
    "Wang, Bovik, A universal image quality index, IEEE Signal Processing Letters 9(3), 2002, \
     doi:10.1109/97.995823";
    window: UqiWindow = UqiWindow::Gaussian, "\"gaussian\"", "gaussian | uniform",
        "11 Gaussian taps (torchmetrics) or 8 equal ones (the paper)";
}

/// Universal quality index in `[-1, 1]`, 1 for identical images without flat windows, more is
/// better; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are smaller than the window, or cannot be converted
/// as asked.
pub fn uqi(
    reference: &Image,
    distorted: &Image,
    options: &Uqi,
    cx: &Context,
) -> Result<f64, MetricError> {
    let least = if options.window == UqiWindow::Gaussian { 11 } else { 8 };
    let pair = options.pair(reference, distorted, least)?;
    let mut sum = 0.0;
    for (x, y) in pair.reference.planes().zip(pair.distorted.planes()) {
        let (x, y) = (levels(x, options.range, cx)?, levels(y, options.range, cx)?);
        let mean: Mean = match options.window {
            UqiWindow::Gaussian => windows(&x, &y, &gaussian_taps::<11>(1.5), Mean::default, cx)?,
            UqiWindow::Uniform => windows(&x, &y, &[0.125; 8], Mean::default, cx)?,
        };
        sum += mean.sum / mean.count as f64;
    }
    Ok(sum / pair.channels() as f64)
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Tally for Mean {
    #[inline(always)]
    fn add(&mut self, row: &Row, count: usize) {
        let mut index = [0.0; STRIP];
        for i in 0..STRIP {
            let positive = |v: f64| if v < 0.0 { 0.0 } else { v };
            let (mx, my) = (row.mean_x[i], row.mean_y[i]);
            let contrast = positive(row.var_x[i]) + positive(row.var_y[i]);
            let above = 4.0 * mx * my * row.covariance[i];
            index[i] = above / ((mx * mx + my * my) * contrast + f64::EPSILON);
        }
        self.sum += index[..count].iter().sum::<f64>();
        self.count += count;
    }

    fn join(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic};

    #[test]
    fn the_index_of_one_window_is_the_formula() {
        let x = synthetic(Size::new(8, 8));
        let y = noisy(&x, 0.1, 4);
        let values = |i: &Image| i.data().iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
        let (a, b) = (values(&x), values(&y));
        let mean = |v: &[f64]| v.iter().sum::<f64>() / 64.0;
        let (ma, mb) = (mean(&a), mean(&b));
        let cov = |p: &[f64], mp: f64, q: &[f64], mq: f64| {
            p.iter().zip(q).map(|(p, q)| (p - mp) * (q - mq)).sum::<f64>() / 64.0
        };
        let wanted = 4.0 * cov(&a, ma, &b, mb) * ma * mb
            / ((cov(&a, ma, &a, ma) + cov(&b, mb, &b, mb)) * (ma * ma + mb * mb));
        let options = Uqi { window: UqiWindow::Uniform, ..Uqi::default() };
        let got = uqi(&x, &y, &options, &Context::default()).unwrap();
        assert!((got - wanted).abs() < 1e-6, "{got} {wanted}");
    }

    #[test]
    fn the_window_must_fit() {
        let x = synthetic(Size::new(10, 30));
        let got = uqi(&x, &x, &Uqi::default(), &Context::default());
        assert!(matches!(got, Err(MetricError::TooSmall { wanted: 11, .. })));
    }
}
