//! Wavelet shrinkage with a threshold for every subband (`BayesShrink`), free of the grid's phase by
//! cycle spinning.
//!
//! ```text
//! T = sigma^2 / sigma_x,   sigma_x^2 = max(mean d^2 - sigma^2, 0)     per subband of coefficients d
//! d <- sign(d) max(|d| - T, 0)
//! ```
//!
//! `T` is near the soft threshold of least mean squared error if the clean coefficients of a subband
//! have a generalized Gaussian distribution of standard deviation `sigma_x`; where that is 0 the
//! subband is cleared. With `shifts = all` the transform is stationary (not subsampled), which is the
//! average over all shifts of the image, each denoised and shifted back, with the thresholds of a
//! subband pooled over the shifts; `one` is the plain orthogonal transform.
//!
//! Cost: per value and level `6 n` multiplications each way (`n` filter taps), for `one` a third of
//! that for all levels together. Memory: `4 levels + 3` planes for `all`, 3 for `one`.
//!
//! Color is denoised in the orthonormal opponent space, where the noise level of every plane is still
//! `sigma`; other spaces plane by plane. Beyond the edge the image goes on for 32 pixels or more,
//! fading from its mirror image at this edge to the mirror image at the opposite edge, so that it is
//! periodic without a jump; coefficients there do not count for the thresholds.
//!
//! References: S. G. Chang, B. Yu, M. Vetterli, "Adaptive wavelet thresholding for image denoising and
//! compression", IEEE TIP 9(9) (2000), doi:10.1109/83.862633; R. R. Coifman, D. L. Donoho,
//! "Translation-invariant de-noising", Wavelets and Statistics, Springer 1995,
//! `doi:10.1007/978-1-4612-2544-7_9`.

use restora_image::{
    Border, ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Plane, PlaneRef,
    Sample, Sigma, from_opponent, map_bands, simd, to_opponent,
};
use serde::{Deserialize, Serialize};

mod filters;
mod transform;

pub use filters::WaveletFilter;
use transform::Pyramid;

/// Which positions of the transform's grid are averaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shifts {
    /// All of them: the stationary transform.
    #[default]
    All,
    /// One: the orthogonal transform.
    One,
}

/// Options of [`wavelet`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wavelet {
    /// Noise level, nominal range; 0 changes nothing.
    pub sigma: Sigma,
    /// The orthogonal wavelet.
    pub filter: WaveletFilter,
    /// Levels of the transform.
    pub levels: u32,
    /// Cycle spinning.
    pub shifts: Shifts,
}

impl Default for Wavelet {
    fn default() -> Self {
        let (filter, shifts) = (WaveletFilter::default(), Shifts::default());
        Self { sigma: Sigma::Auto, filter, levels: 4, shifts }
    }
}

/// Name, paper and parameters of [`wavelet`].
pub const INFO: OpInfo = OpInfo {
    id: "wavelet",
    title: "Wavelet shrinkage (BayesShrink)",
    family: "denoise",
    paper: "S. G. Chang, B. Yu, M. Vetterli, Adaptive wavelet thresholding for image denoising and \
            compression, IEEE TIP 9(9), 2000, doi:10.1109/83.862633",
    params: &[
        ParamInfo {
            name: "sigma",
            symbol: "sigma",
            unit: "nominal range",
            range: "auto or 0..",
            default: "\"auto\"",
            doc: "Noise level; 0 changes nothing",
        },
        ParamInfo {
            name: "filter",
            symbol: "",
            unit: "",
            range: "haar, db2, db4, db8, sym4, sym8",
            default: "\"sym4\"",
            doc: "The orthogonal wavelet",
        },
        ParamInfo {
            name: "levels",
            symbol: "",
            unit: "",
            range: "1..=8",
            default: "4",
            doc: "Levels of the transform",
        },
        ParamInfo {
            name: "shifts",
            symbol: "",
            unit: "",
            range: "all, one",
            default: "\"all\"",
            doc: "Average over all shifts (cycle spinning), or the plain transform",
        },
    ],
};

/// Least number of pixels by which the image goes on beyond its edge.
const MARGIN: usize = 32;
/// Rows of a band.
const BAND: usize = 32;

impl Wavelet {
    /// Options for a known noise level.
    pub fn with_sigma(sigma: f32) -> Self {
        Self { sigma: Sigma::Known(sigma), ..Self::default() }
    }
}

/// Denoises gray or color.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range or sigma is not known; [`OpError::Cancelled`].
pub fn wavelet(noisy: &Image, options: &Wavelet, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    let sigma = options.sigma.known()?;
    cx.check()?;
    if sigma == 0.0 || noisy.data().is_empty() {
        return Ok(noisy.clone());
    }
    let shrink = |image: &Image| image.map_planes(|plane| shrink_plane(plane, sigma, options, cx));
    match noisy.space() {
        space @ (ColorSpace::Srgb | ColorSpace::LinearRgb) => {
            from_opponent(&shrink(&to_opponent(noisy)?)?, space)
        }
        _ => shrink(noisy),
    }
}

fn shrink_plane(
    plane: PlaneRef<'_>,
    sigma: f32,
    options: &Wavelet,
    cx: &Context,
) -> Result<Plane, OpError> {
    let (w, h) = (plane.width(), plane.height());
    let period = |n: usize| (n + MARGIN).next_multiple_of((1 << options.levels).max(32));
    let periodic = periodic(plane, period(w), period(h));
    let stationary = options.shifts == Shifts::All;
    let filter = options.filter.taps();
    let mut pyramid = Pyramid::new(periodic, period(w), options.levels, filter, stationary, cx)?;
    for level in &mut pyramid.levels {
        // Coefficients of the image proper.
        let scale = if stationary { 1 } else { period(w) / level.width };
        let (w, h) = (w.div_ceil(scale), h.div_ceil(scale));
        for band in 1..4 {
            let power = map_bands(h, BAND, cx, |rows| {
                Ok(rows.map(|y| squares(&level.row(y, band)[..w])).sum::<f64>())
            })?;
            let power = power.iter().sum::<f64>() / (w * h) as f64;
            let threshold = bayes_threshold(f64::from(sigma), power);
            level.for_each_row(band, cx, |row| soft(row, threshold))?;
        }
    }
    let out = pyramid.reconstruct(cx)?;
    Ok(Plane::from_fn(plane.size(), |x, y| out[y * period(w) + x]))
}

/// `sigma^2 / sigma_x` (eq. 12 of Chang et al.), infinite where the subband is noise.
fn bayes_threshold(sigma: f64, power: f64) -> f32 {
    let signal = (power - sigma * sigma).max(0.0).sqrt();
    (sigma * sigma / signal).min(f64::from(f32::MAX)) as f32
}

fn squares(row: &[f32]) -> f64 {
    simd(
        #[inline(always)]
        || {
            // Sixteen sums of f32 over one row, then f64: the same for every instruction set.
            let (chunks, rest) = row.as_chunks::<16>();
            let mut sums = [0.0_f32; 16];
            for chunk in chunks {
                for (sum, v) in sums.iter_mut().zip(chunk) {
                    *sum += v * v;
                }
            }
            sums.iter().map(|s| f64::from(*s)).sum::<f64>()
                + rest.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>()
        },
    )
}

fn soft(row: &mut [f32], threshold: f32) {
    simd(
        #[inline(always)]
        || {
            for v in row {
                *v -= v.max(-threshold).min(threshold);
            }
        },
    );
}

/// The plane as one period of `width` by `height`, which goes on over the edge without a jump.
fn periodic(plane: PlaneRef<'_>, width: usize, height: usize) -> Vec<f32> {
    let (w, h) = (plane.width(), plane.height());
    let mut data = vec![0.0; width * height];
    for y in 0..h {
        let out = &mut data[y * width..][..width];
        out[..w].copy_from_slice(plane.row(y));
        let row = plane.row(y);
        for (x, out) in out.iter_mut().enumerate().skip(w) {
            let (near, far, t) = faded(x, w, width);
            *out = row[near] + t * (row[far] - row[near]);
        }
    }
    let (inside, beyond) = data.split_at_mut(width * h);
    for (i, out) in beyond.chunks_exact_mut(width).enumerate() {
        let (near, far, t) = faded(h + i, h, height);
        let (near, far) = (&inside[near * width..][..width], &inside[far * width..][..width]);
        for ((out, near), far) in out.iter_mut().zip(near).zip(far) {
            *out = near + t * (far - near);
        }
    }
    data
}

/// For position `i` beyond an edge at `n`: the mirrored position at this edge, that at the edge where
/// the next period begins, and how far the way to it has gone.
fn faded(i: usize, n: usize, period: usize) -> (usize, usize, f32) {
    let mirror = |i: isize| Border::Reflect.index(i, n).expect("not constant");
    let t = (i - n + 1) as f32 / (period - n + 1) as f32;
    (mirror(i as isize), mirror(i as isize - period as isize), t)
}

impl Operation for Wavelet {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        self.sigma.validate()?;
        if !(1..=8).contains(&self.levels) {
            return Err(OpError::param("levels", "in 1..=8", self.levels));
        }
        Ok(())
    }

    /// The thresholds depend on the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let sigma = self.sigma.or_measured(sample.noise.as_ref());
        sample.image = wavelet(&sample.image, &Self { sigma, ..self.clone() }, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
