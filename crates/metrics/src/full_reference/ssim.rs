//! Structural similarity index (SSIM).
//!
//! ```text
//! SSIM = mean of (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2))
//! C1 = (0.01 range)^2    C2 = (0.03 range)^2
//! ```
//!
//! `mx`, `sx`, `sxy` are mean, variance and covariance under a sliding window. The defaults are the
//! paper's and its MATLAB code's: 11 Gaussian taps of sigma 1.5, population covariance, only the
//! pixels whose window lies inside. Color images score the mean over their channels.
//!
//! | peer | window | border |
//! |---|---|---|
//! | Wang's `ssim_index.m`, piq `downsample=False`, scikit-image `gaussian_weights=True, sigma=1.5, use_sample_covariance=False` | `gaussian` | `valid` |
//! | scikit-image by default | `uniform` | `valid` |
//! | OpenCV `quality::QualitySSIM` | `gaussian` | `reflect101` |
//! | MATLAB's toolbox `ssim` of gray pictures | `gaussian` | `replicate` |
//!
//! Sum `p = x + y` and difference `q = x - y` are filtered in place of `x` and `y`: with
//! `4 mx my = mp^2 - mq^2` and so on, four filtered maps (`p`, `q`, `p^2`, `q^2`) do instead of
//! five, and equal images score exactly 1. All in `f64`: agreement with `f64` peers is then bound
//! by the `f32` pixels alone. Strips of 64 columns keep the rows under the window in the
//! first-level cache. Cost per pixel and map: 2 x 11 taps, each pair of equal weights added first.
//!
//! Reference: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from
//! error visibility to structural similarity", IEEE TIP 13(4), 2004, doi:10.1109/TIP.2003.819861.

use super::conventions::{GrayConversion, OutOfRange, Pair};
use crate::MetricError;
use restora_image::{Border, Context, Image, Plane, PlaneRef, Size, map_bands, simd};
use serde::{Deserialize, Serialize};

/// The sliding window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// 11 x 11 Gaussian taps of sigma 1.5, population covariance: the paper's.
    #[default]
    Gaussian,
    /// 7 x 7 equal taps, sample covariance (divided by 48, not 49): scikit-image's default.
    Uniform,
}

impl Window {
    /// Taps in each direction.
    pub(super) fn taps(self) -> u32 {
        match self {
            Self::Gaussian => 11,
            Self::Uniform => 7,
        }
    }
}

/// Which windows count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SsimBorder {
    /// Only those that lie inside the image; it must be at least as large as the window.
    #[default]
    Valid,
    /// One for each pixel, the image mirrored about its edges (SciPy `reflect`).
    Reflect,
    /// One for each pixel, the image mirrored about the centers of its edge pixels (OpenCV's
    /// default border).
    Reflect101,
    /// One for each pixel, the edge pixels repeated (MATLAB's toolbox).
    Replicate,
}

impl SsimBorder {
    /// How pictures are padded; `None` where they are not.
    pub(super) fn padding(self) -> Option<Border> {
        match self {
            Self::Valid => None,
            Self::Reflect => Some(Border::Reflect),
            Self::Reflect101 => Some(Border::Reflect101),
            Self::Replicate => Some(Border::Clamp),
        }
    }
}

/// Options of [`ssim()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ssim {
    /// Compare as gray?
    pub gray: GrayConversion,
    /// Clip to `[0, range]` first?
    pub out_of_range: OutOfRange,
    /// Dynamic range of the data: white, in nominal range.
    pub range: f64,
    /// The sliding window.
    pub window: Window,
    /// Which windows count.
    pub border: SsimBorder,
}

impl Default for Ssim {
    fn default() -> Self {
        Self {
            gray: GrayConversion::None,
            out_of_range: OutOfRange::Keep,
            range: 1.0,
            window: Window::Gaussian,
            border: SsimBorder::Valid,
        }
    }
}

/// Mean structural similarity in `[-1, 1]`, 1 for identical images; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are smaller than the window (with
/// [`SsimBorder::Valid`]) or empty, or cannot be converted as asked.
pub fn ssim(
    reference: &Image,
    distorted: &Image,
    options: &Ssim,
    cx: &Context,
) -> Result<f64, MetricError> {
    let Ssim { gray, out_of_range, range, window, border } = *options;
    let pair = Pair::new(reference, distorted, gray, out_of_range, range)?;
    let padding = border.padding();
    pair.require("SSIM", if padding.is_some() { 1 } else { window.taps() })?;
    let mut sum = 0.0;
    for (x, y) in pair.reference.planes().zip(pair.distorted.planes()) {
        let means = if let Some(padding) = padding {
            let margin = window.taps() as usize / 2;
            let (x, y) = (padded(x, margin, padding), padded(y, margin, padding));
            similarity(x.as_ref(), y.as_ref(), window, range, cx)?
        } else {
            similarity(x, y, window, range, cx)?
        };
        sum += means.ssim;
    }
    Ok(sum / pair.channels() as f64)
}

pub(super) fn padded(plane: PlaneRef, margin: usize, border: Border) -> Plane {
    let (w, h) = (plane.width(), plane.height());
    let place = |i: usize, n| border.index(i as isize - margin as isize, n).unwrap_or(0);
    let columns: Vec<usize> = (0..w + 2 * margin).map(|x| place(x, w)).collect();
    let size = Size::new((w + 2 * margin) as u32, (h + 2 * margin) as u32);
    let mut data = Vec::with_capacity(size.len());
    for y in 0..size.h() {
        let row = plane.row(place(y, h));
        data.extend(columns.iter().map(|&x| row[x]));
    }
    Plane { size, data }
}

/// Means over all windows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Means {
    /// Of luminance times contrast-structure.
    pub ssim: f64,
    /// Of contrast-structure alone.
    pub contrast: f64,
}

/// Output rows per band: fixed, so that sums are the same bytes for any number of threads. The 10
/// rows that bands share cost 4 % of the horizontal pass.
const BAND: usize = 128;
/// Output columns per strip: four maps of 11 rows of 64 `f64` are 22 KiB, two thirds of a 32 KiB
/// first-level cache.
const STRIP: usize = 64;
/// Room for a strip and its margins on both sides.
const WIDE: usize = STRIP + 16;

/// Mean similarity over all windows inside two planes of one size, at least as large as the window.
pub(super) fn similarity(
    x: PlaneRef,
    y: PlaneRef,
    window: Window,
    range: f64,
    cx: &Context,
) -> Result<Means, MetricError> {
    let constants = Constants {
        // In terms of p and q both fractions carry a factor of 2.
        c1: 2.0 * (0.01 * range).powi(2),
        c2: 2.0 * (0.03 * range).powi(2),
        // Sample covariance: n / (n - 1) for n = 49.
        norm: if window == Window::Uniform { 49.0 / 48.0 } else { 1.0 },
    };
    match window {
        Window::Gaussian => windows::<11>(x, y, &gaussian_taps(), &constants, cx),
        Window::Uniform => windows::<7>(x, y, &[1.0 / 7.0; 7], &constants, cx),
    }
}

struct Constants {
    c1: f64,
    c2: f64,
    norm: f64,
}

pub(super) fn gaussian_taps() -> [f64; 11] {
    let tap = |i: usize| (-(i as f64 - 5.0).powi(2) / (2.0 * 1.5 * 1.5)).exp();
    let sum: f64 = (0..11).map(tap).sum();
    std::array::from_fn(|i| tap(i) / sum)
}

fn windows<const N: usize>(
    x: PlaneRef,
    y: PlaneRef,
    taps: &[f64; N],
    constants: &Constants,
    cx: &Context,
) -> Result<Means, MetricError> {
    let (columns, rows) = (x.width() + 1 - N, x.height() + 1 - N);
    let bands = map_bands(rows, BAND, cx, |band| {
        let mut sum = Means::default();
        for x0 in (0..columns).step_by(STRIP) {
            let part = simd(
                #[inline(always)]
                || strip(x, y, x0, columns, band.clone(), taps, constants),
            );
            sum.ssim += part.ssim;
            sum.contrast += part.contrast;
        }
        Ok(sum)
    })?;
    let count = columns as f64 * rows as f64;
    Ok(Means {
        ssim: bands.iter().map(|b| b.ssim).sum::<f64>() / count,
        contrast: bands.iter().map(|b| b.contrast).sum::<f64>() / count,
    })
}

/// Horizontally filtered `p`, `q`, `p^2`, `q^2` of one row.
type Maps = [[f64; STRIP]; 4];

/// Sums over the windows whose left edges are at `x0..x0 + STRIP` (as far as `columns` goes) and
/// top edges at `band`.
#[inline(always)]
fn strip<const N: usize>(
    x: PlaneRef,
    y: PlaneRef,
    x0: usize,
    columns: usize,
    band: std::ops::Range<usize>,
    taps: &[f64; N],
    constants: &Constants,
) -> Means {
    let mut ring: [Maps; N] = [[[0.0; STRIP]; 4]; N];
    let mut wide = [[0.0; WIDE]; 4];
    let (mut ssim, mut contrast) = ([0.0; STRIP], [0.0; STRIP]);
    let count = (columns - x0).min(STRIP);
    let width = count + N - 1;
    for row in band.start..band.end + N - 1 {
        products(&x.row(row)[x0..][..width], &y.row(row)[x0..][..width], &mut wide);
        for (wide, out) in wide.iter().zip(&mut ring[row % N]) {
            across(wide, taps, out);
        }
        if row + 1 >= band.start + N {
            let rows: [&Maps; N] = std::array::from_fn(|k| &ring[(row + 1 + k) % N]);
            score(&rows, taps, constants, &mut ssim, &mut contrast);
        }
    }
    Means { ssim: ssim[..count].iter().sum(), contrast: contrast[..count].iter().sum() }
}

#[inline(always)]
fn products(x: &[f32], y: &[f32], wide: &mut [[f64; WIDE]; 4]) {
    let n = x.len().min(WIDE);
    let (x, y) = (&x[..n], &y[..n]);
    let [p, q, pp, qq] = wide;
    let (p, q, pp, qq) = (&mut p[..n], &mut q[..n], &mut pp[..n], &mut qq[..n]);
    for i in 0..n {
        let (x, y) = (f64::from(x[i]), f64::from(y[i]));
        p[i] = x + y;
        q[i] = x - y;
        pp[i] = p[i] * p[i];
        qq[i] = q[i] * q[i];
    }
}

#[inline(always)]
fn across<const N: usize>(wide: &[f64; WIDE], taps: &[f64; N], out: &mut [f64; STRIP]) {
    for i in 0..STRIP {
        let mut sum = taps[N / 2] * wide[i + N / 2];
        for k in 0..N / 2 {
            sum += taps[k] * (wide[i + k] + wide[i + N - 1 - k]);
        }
        out[i] = sum;
    }
}

#[inline(always)]
fn score<const N: usize>(
    rows: &[&Maps; N],
    taps: &[f64; N],
    constants: &Constants,
    ssim: &mut [f64; STRIP],
    contrast: &mut [f64; STRIP],
) {
    let Constants { c1, c2, norm } = *constants;
    for i in 0..STRIP {
        let mut mean = [0.0; 4];
        for (m, mean) in mean.iter_mut().enumerate() {
            *mean = taps[N / 2] * rows[N / 2][m][i];
            for k in 0..N / 2 {
                *mean += taps[k] * (rows[k][m][i] + rows[N - 1 - k][m][i]);
            }
        }
        let [p, q, pp, qq] = mean;
        let (p2, q2) = (p * p, q * q);
        let (vp, vq) = (norm * (pp - p2), norm * (qq - q2));
        // p2 - q2 = 4 mx my, p2 + q2 = 2 (mx^2 + my^2), vp - vq = 4 sxy, vp + vq = 2 (sx^2 + sy^2)
        let structure = (vp - vq + c2) / (vp + vq + c2);
        contrast[i] += structure;
        ssim[i] += structure * ((p2 - q2 + c1) / (p2 + q2 + c1));
    }
}

#[cfg(test)]
mod tests;
