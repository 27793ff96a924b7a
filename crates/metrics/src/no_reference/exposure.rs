//! Exposure: how much of a picture is clipped to black or white, how bright it is, how contrasty.
//!
//! ```text
//! shadows    = share of pixels with all channels <= 1/510      (8-bit black)
//! highlights = share of pixels with any channel >= 509/510     (8-bit white)
//! mean, contrast = mean and standard deviation of luma; low, high = its 1 % and 99 % quantiles
//! entropy    = - sum p log2 p over luma in 256 levels
//! ```
//! Cost: one pass over at most a million pixels, taken on a regular grid. Display-encoded values are
//! measured as they are.
//!
//! Contrast is the root-mean-square contrast of Peli, "Contrast in complex images", JOSA A 7, 1990,
//! doi:10.1364/JOSAA.7.002032.

use restora_image::{ColorSpace, Image};
use serde::{Deserialize, Serialize};

/// Pixels looked at.
const PIXELS: usize = 1_000_000;
/// Bins of the histogram that the quantiles come from.
const BINS: usize = 1024;

/// What [`exposure`] found; all values in nominal range or shares in `[0, 1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Share of pixels that are black in every channel.
    pub shadows: f32,
    /// Share of pixels that are white in some channel.
    pub highlights: f32,
    /// Mean luma.
    pub mean: f32,
    /// Standard deviation of luma.
    pub contrast: f32,
    /// 1 % quantile of luma.
    pub low: f32,
    /// 99 % quantile of luma.
    pub high: f32,
    /// Entropy of luma in 256 levels, in bits, `[0, 8]`: 0 if there is but one tone.
    #[serde(default)]
    pub entropy: f32,
    /// `min(1, pixels / 10,000)`: quantiles of one percent need at least a hundred pixels beyond
    /// them.
    pub confidence: f32,
}

/// Measures the exposure of a picture of any size; an empty one gives zeros.
pub fn exposure(image: &Image) -> Exposure {
    let size = image.size();
    let n = size.len();
    if n == 0 || image.channels() == 0 {
        return Exposure::default();
    }
    let step = n.div_ceil(PIXELS);
    let rgb = matches!(image.space(), ColorSpace::Srgb | ColorSpace::LinearRgb);
    let channels = if rgb { 3 } else { 1 };
    let (mut shadows, mut highlights, mut count) = (0u64, 0u64, 0u64);
    let (mut sum, mut squares) = (0.0f64, 0.0f64);
    let mut histogram = [0u64; BINS];
    for i in (0..n).step_by(step) {
        let at = |c: usize| image.data()[c * n + i];
        let luma = if rgb { 0.299 * at(0) + 0.587 * at(1) + 0.114 * at(2) } else { at(0) };
        if !luma.is_finite() {
            continue;
        }
        count += 1;
        shadows += u64::from((0..channels).all(|c| at(c) <= 1.0 / 510.0));
        highlights += u64::from((0..channels).any(|c| at(c) >= 509.0 / 510.0));
        sum += f64::from(luma);
        squares += f64::from(luma) * f64::from(luma);
        histogram[((luma.clamp(0.0, 1.0) * (BINS - 1) as f32).round()) as usize] += 1;
    }
    if count == 0 {
        return Exposure::default();
    }
    let total = count as f64;
    let mean = sum / total;
    let quantile = |q: f64| {
        let wanted = (q * total).max(1.0);
        let mut seen = 0;
        let bin = histogram.iter().position(|k| {
            seen += k;
            seen as f64 >= wanted
        });
        bin.unwrap_or(BINS - 1) as f32 / (BINS - 1) as f32
    };
    Exposure {
        shadows: (shadows as f64 / total) as f32,
        highlights: (highlights as f64 / total) as f32,
        mean: mean as f32,
        contrast: (squares / total - mean * mean).max(0.0).sqrt() as f32,
        low: quantile(0.01),
        high: quantile(0.99),
        entropy: entropy(&histogram, total),
        confidence: (n as f32 / 10_000.0).min(1.0),
    }
}

/// Entropy in bits of the histogram with four bins joined to one.
fn entropy(histogram: &[u64; BINS], total: f64) -> f32 {
    let levels = histogram.chunks_exact(BINS / 256).map(|bins| bins.iter().sum::<u64>());
    let shares = levels.filter(|count| *count > 0).map(|count| count as f64 / total);
    shares.map(|p| -p * p.log2()).sum::<f64>().max(0.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;

    #[test]
    fn a_ramp_has_the_moments_of_the_uniform_law() {
        let ramp = Image::gray_from_fn(Size::new(256, 100), |x, _| x as f32 / 255.0);
        let found = exposure(&ramp);
        assert!((found.mean - 0.5).abs() < 1e-3 && (found.contrast - 0.2898).abs() < 2e-3);
        assert!((found.shadows - 1.0 / 256.0).abs() < 1e-6);
        assert!((found.highlights - 1.0 / 256.0).abs() < 1e-6);
        assert!((found.low - 0.01).abs() < 0.01 && (found.high - 0.99).abs() < 0.01, "{found:?}");
        assert_eq!(found.confidence, 1.0);
        assert!((found.entropy - 8.0).abs() < 0.05, "{}", found.entropy);
        let two_tones = Image::gray_from_fn(Size::new(64, 4), |x, _| (x % 2) as f32);
        assert!((exposure(&two_tones).entropy - 1.0).abs() < 1e-6);
        assert_eq!(exposure(&Image::gray_from_fn(Size::new(9, 9), |_, _| 0.5)).entropy, 0.0);
    }

    #[test]
    fn one_white_channel_is_a_clipped_highlight_but_one_black_one_is_no_shadow() {
        let mut red = Image::zeros(Size::new(10, 10), ColorSpace::Srgb);
        red.plane_mut(0).fill(1.0);
        let found = exposure(&red);
        assert_eq!((found.highlights, found.shadows), (1.0, 0.0));
    }

    #[test]
    fn empty_and_broken_pictures_give_zeros() {
        let empty = exposure(&Image::zeros(Size::new(0, 5), ColorSpace::Gray));
        assert_eq!(empty, Exposure::default());
        let broken = Image::gray_from_fn(Size::new(3, 1), |_, _| f32::NAN);
        assert_eq!(exposure(&broken), Exposure::default());
    }
}
