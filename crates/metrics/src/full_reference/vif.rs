//! Visual information fidelity in the pixel domain (VIF, `vifp`).
//!
//! ```text
//! VIF = sum of log(1 + g^2 sx^2 / (sv^2 + sn^2)) / sum of log(1 + sx^2 / sn^2)
//! g = sxy / sx^2      sv^2 = sy^2 - g sxy
//! ```
//!
//! over the windows of four scales; window `j` has 2^(5-j) + 1 Gaussian taps whose sigma is a fifth
//! of that, and each scale is the one before filtered by its window and halved. Windows inside the
//! image only. This is the authors' `vifp_mscale`, not the wavelet VIF of the paper, and what most
//! figures named VIF are. `x` is the reference, `y` the distorted image; piq's `vif_p(x, y)` takes
//! its second argument for the reference. Not symmetric; above 1 if the distorted image has more
//! contrast. Color images are compared by their BT.601 luma (piq).
//!
//! All in `f64`; logarithms of products of 16 terms in place of sums of logarithms.
//!
//! Reference: H. R. Sheikh, A. C. Bovik, "Image information and visual quality", IEEE TIP 15(2),
//! 2006, doi:10.1109/TIP.2005.859378.

use super::conventions::{measure_options, require_positive};
use super::maps::{Map, luma};
use super::moments::{Row, STRIP, Tally, gaussian_taps, windows};
use crate::MetricError;
use restora_image::{Context, Image, OpError, simd};

measure_options! {
    /// Options of [`vif()`].
    Vif, "vif", "VIF",
    "Sheikh, Bovik, Image information and visual quality, IEEE TIP 15(2), 2006, \
     doi:10.1109/TIP.2005.859378";
    noise_variance: f64 = 2.0, "2.0", "> 0", "variance of the visual noise, in 8-bit levels";
}

/// Variances below this are none (`vifp_mscale`'s constant is 1e-10, piq's this).
const NONE: f64 = 1e-8;
/// Least width and height: the window of the coarsest scale must fit.
const LEAST: u32 = 41;

/// Visual information fidelity, 0 and up, 1 for identical images, more is better.
///
/// # Errors
/// If the images differ in size or color space, are less than 41 pixels wide or high, are neither
/// gray nor RGB, or `noise_variance` is not above 0.
pub fn vif(
    reference: &Image,
    distorted: &Image,
    options: &Vif,
    cx: &Context,
) -> Result<f64, MetricError> {
    require_positive("noise_variance", options.noise_variance)?;
    let pair = options.pair(reference, distorted, LEAST)?;
    let noise = options.noise_variance;
    let map = |image| luma(image, "VIF", options.range, cx);
    let (x, y) = (map(&pair.reference)?, map(&pair.distorted)?);
    let mut sum = scale::<17>(&x, &y, noise, cx)?;
    let (x, y) = (halved::<9>(&x, cx)?, halved::<9>(&y, cx)?);
    sum.join(scale::<9>(&x, &y, noise, cx)?);
    let (x, y) = (halved::<5>(&x, cx)?, halved::<5>(&y, cx)?);
    sum.join(scale::<5>(&x, &y, noise, cx)?);
    let (x, y) = (halved::<3>(&x, cx)?, halved::<3>(&y, cx)?);
    sum.join(scale::<3>(&x, &y, noise, cx)?);
    // piq's guard against a reference without any information, which adds to decimal logarithms.
    let guard = NONE * std::f64::consts::LN_10;
    Ok((sum.kept + guard) / (sum.there + guard))
}

/// The information of one scale.
fn scale<const N: usize>(
    x: &Map,
    y: &Map,
    noise: f64,
    cx: &Context,
) -> Result<Information, OpError> {
    let taps = gaussian_taps::<N>(N as f64 / 5.0);
    windows(x, y, &taps, || Information::none(noise), cx)
}

/// Every second pixel of the map filtered by the window of the next scale.
fn halved<const N: usize>(map: &Map, cx: &Context) -> Result<Map, OpError> {
    let taps = gaussian_taps::<N>(N as f64 / 5.0);
    let filtered = (map.width + 1 - N, map.height + 1 - N);
    Map::build(filtered.0.div_ceil(2), filtered.1.div_ceil(2), cx, |y, out| {
        simd(
            #[inline(always)]
            || {
                let mut down = vec![0.0; map.width];
                for (k, tap) in taps.iter().enumerate() {
                    for (sum, v) in down.iter_mut().zip(map.row(2 * y + k)) {
                        *sum += tap * v;
                    }
                }
                for (x, out) in out.iter_mut().enumerate() {
                    *out = taps.iter().zip(&down[2 * x..]).map(|(t, v)| t * v).sum();
                }
            },
        );
    })
}

/// Terms multiplied before their logarithm is taken: of 8-bit images they are below 1e4 each.
const FACTORS: usize = 16;

/// Natural logarithms, summed.
struct Information {
    noise: f64,
    kept: f64,
    there: f64,
    factors: usize,
    kept_product: [f64; STRIP],
    there_product: [f64; STRIP],
}

impl Information {
    fn none(noise: f64) -> Self {
        let (kept_product, there_product) = ([1.0; STRIP], [1.0; STRIP]);
        Self { noise, kept: 0.0, there: 0.0, factors: 0, kept_product, there_product }
    }

    fn flush(&mut self) {
        let logs = |product: &mut [f64; STRIP]| {
            let sum = product.iter().map(|p| p.ln()).sum::<f64>();
            product.fill(1.0);
            sum
        };
        self.kept += logs(&mut self.kept_product);
        self.there += logs(&mut self.there_product);
        self.factors = 0;
    }
}

impl Tally for Information {
    #[inline(always)]
    fn add(&mut self, row: &Row, count: usize) {
        let noise = self.noise;
        let (mut kept, mut there) = ([1.0; STRIP], [1.0; STRIP]);
        for i in 0..STRIP {
            // `max` would turn NaN into 0.
            let positive = |v: f64| if v < 0.0 { 0.0 } else { v };
            let (vx, vy) = (positive(row.var_x[i]), positive(row.var_y[i]));
            let mut g = row.covariance[i] / (vx + NONE);
            let mut rest = vy - g * row.covariance[i];
            // Without contrast in the reference nothing is kept of it; without contrast in the
            // distorted image, or with the inverse one, neither.
            let (x_flat, y_flat) = (vx < NONE, vy < NONE);
            rest = if x_flat { vy } else { rest };
            rest = if y_flat { 0.0 } else { rest };
            g = if x_flat | y_flat { 0.0 } else { g };
            rest = if g < 0.0 { vy } else { rest };
            g = positive(g);
            rest = if rest <= NONE { NONE } else { rest };
            let vx = if x_flat { 0.0 } else { vx };
            kept[i] = 1.0 + g * g * vx / (rest + noise);
            there[i] = 1.0 + vx / noise;
        }
        for i in 0..count {
            self.kept_product[i] *= kept[i];
            self.there_product[i] *= there[i];
        }
        self.factors += 1;
        if self.factors == FACTORS {
            self.flush();
        }
    }

    fn end_strip(&mut self) {
        self.flush();
    }

    fn join(&mut self, other: Self) {
        self.kept += other.kept;
        self.there += other.there;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic};

    fn score(x: &Image, y: &Image) -> f64 {
        vif(x, y, &Vif::default(), &Context::default()).unwrap()
    }

    /// The statistics of one window, straight from their definitions.
    fn window(x: &Map, y: &Map, taps: &[f64], x0: usize, y0: usize) -> [f64; 3] {
        let n = taps.len();
        let mean = |value: &dyn Fn(usize) -> f64| -> f64 {
            let mut sum = 0.0;
            for j in 0..n {
                for i in 0..n {
                    sum += taps[i] * taps[j] * value((y0 + j) * x.width + x0 + i);
                }
            }
            sum
        };
        let (mx, my) = (mean(&|i| x.data[i]), mean(&|i| y.data[i]));
        [
            mean(&|i| (x.data[i] - mx).powi(2)),
            mean(&|i| (y.data[i] - my).powi(2)),
            mean(&|i| (x.data[i] - mx) * (y.data[i] - my)),
        ]
    }

    #[test]
    fn a_scale_holds_the_information_of_the_formula() {
        let cx = Context::default();
        let x = synthetic(Size::new(61, 45));
        let map = |i: &Image| luma(i, "VIF", 1.0, &cx).unwrap();
        let (a, b) = (map(&x), map(&noisy(&x, 0.05, 2)));
        let taps = gaussian_taps::<17>(17.0 / 5.0);
        let (mut kept, mut there) = (0.0, 0.0);
        for y0 in 0..45 - 16 {
            for x0 in 0..61 - 16 {
                let [vx, vy, cov] = window(&a, &b, &taps, x0, y0);
                let g = (cov / vx).max(0.0);
                kept += (1.0 + g * g * vx / (vy - g * cov + 2.0)).ln();
                there += (1.0 + vx / 2.0).ln();
            }
        }
        let got = scale::<17>(&a, &b, 2.0, &cx).unwrap();
        assert!((got.kept / kept - 1.0).abs() < 1e-9, "{} {kept}", got.kept);
        assert!((got.there / there - 1.0).abs() < 1e-9, "{} {there}", got.there);
    }

    #[test]
    fn more_contrast_is_more_than_1_and_the_negative_nothing() {
        let x = synthetic(Size::new(90, 80));
        let changed = |gain: f32| {
            let mut y = x.clone();
            y.data_mut().iter_mut().for_each(|v| *v = 0.5 + gain * (*v - 0.5));
            y
        };
        assert!((score(&x, &x) - 1.0).abs() < 1e-6);
        assert!(score(&x, &changed(1.3)) > 1.0 && score(&x, &changed(0.7)) < 1.0);
        assert!(score(&x, &changed(-1.0)) < 1e-3);
        let flat = changed(0.0);
        assert!(score(&x, &flat) < 1e-3 && (score(&flat, &flat) - 1.0).abs() < 1e-9);
    }
}
