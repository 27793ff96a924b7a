//! Distances of the histograms of two images: what colors they have, not where.
//!
//! ```text
//! correlation        (sum ab - sum a sum b / n) / sqrt(var a var b)
//! chi-square         sum (a - b)^2 / a                    over bins with a > 0
//! chi-square-alt     2 sum (a - b)^2 / (a + b)            over bins with a + b > 0
//! intersection       sum min(a, b)
//! bhattacharyya      sqrt(1 - sum sqrt(ab) / sqrt(sum a sum b))
//! kullback-leibler   sum a ln(a / b)                      over bins with a > 0; b = 0 counts as 1e-10
//! earth-movers       sum |A - B| of the cumulative shares: how many levels a pixel moves on average
//! ```
//!
//! `a`, `b` are counts of the reference and the distorted image as in OpenCV's `compareHist`:
//! 256 levels of a gray image; of an RGB image 8 x 8 x 8 joint bins. The earth mover's distance is
//! of one dimension: over 256 levels, of RGB the mean of the channels, which is no more than the
//! distance of the joint colors. Values are rounded to 8 bits and clipped first.
//!
//! Reference: Y. Rubner, C. Tomasi, L. J. Guibas, "The earth mover's distance as a metric for image
//! retrieval", IJCV 40(2), 2000, doi:10.1023/A:1026543900054.

use super::conventions::measure_options;
use super::maps::{level, rgb_planes};
use crate::MetricError;
use restora_image::{ColorSpace, Context, Image, PlaneRef};
use serde::{Deserialize, Serialize};

/// How two histograms are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistogramRule {
    /// Pearson's correlation of the counts: 1 is equal, more is better.
    Correlation,
    /// Chi-square of the distorted counts under the reference's.
    ChiSquare,
    /// Symmetric chi-square, for textures.
    ChiSquareAlt,
    /// Pixels in common: more is better.
    Intersection,
    /// Bhattacharyya (Hellinger) distance in `[0, 1]`.
    #[default]
    Bhattacharyya,
    /// Kullback-Leibler divergence of the counts, in nats times pixels.
    KullbackLeibler,
    /// Earth mover's distance in 8-bit levels.
    EarthMovers,
}

impl HistogramRule {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Correlation,
        Self::ChiSquare,
        Self::ChiSquareAlt,
        Self::Intersection,
        Self::Bhattacharyya,
        Self::KullbackLeibler,
        Self::EarthMovers,
    ];
}

measure_options! {
    /// Options of [`histogram_distance()`].
    HistogramDistance, "histogram-distance", "histogram distance",
    "Rubner, Tomasi, Guibas, The earth mover's distance as a metric for image retrieval, IJCV \
     40(2), 2000, doi:10.1023/A:1026543900054";
    rule: HistogramRule = HistogramRule::Bhattacharyya, "\"bhattacharyya\"",
        "correlation | chi-square | chi-square-alt | intersection | bhattacharyya | \
         kullback-leibler | earth-movers",
        "how the histograms are compared";
}

/// Distance (or likeness) of the histograms.
///
/// # Errors
/// If the images differ in size or color space, are empty, or are neither gray nor RGB.
pub fn histogram_distance(
    reference: &Image,
    distorted: &Image,
    options: &HistogramDistance,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, 1)?;
    cx.check()?;
    let planes = |image| rgb_planes(image, "histogram distance");
    let (x, y) = (planes(&pair.reference)?, planes(&pair.distorted)?);
    let gray = pair.reference.space() == ColorSpace::Gray;
    let channels = if gray { 1 } else { 3 };
    if options.rule == HistogramRule::EarthMovers {
        let distance = |c: usize| {
            earth_movers(
                &counts(&x[c..=c], 256, options.range),
                &counts(&y[c..=c], 256, options.range),
            )
        };
        return Ok((0..channels).map(distance).sum::<f64>() / channels as f64);
    }
    let bins = if gray { 256 } else { 8 };
    let of = |planes: &[PlaneRef; 3]| counts(&planes[..channels], bins, options.range);
    Ok(compared(&of(&x), &of(&y), options.rule))
}

/// Joint counts of planes, `bins` of each.
fn counts(planes: &[PlaneRef], bins: usize, range: f64) -> Vec<f64> {
    let mut counts = vec![0u32; bins.pow(planes.len() as u32)];
    let (w, h) = (planes[0].width(), planes[0].height());
    let bin = |v: f32| level(v, range).round_ties_even().clamp(0.0, 255.0) as usize * bins / 256;
    for y in 0..h {
        for x in 0..w {
            let index = planes.iter().fold(0, |index, p| index * bins + bin(p.row(y)[x]));
            counts[index] += 1;
        }
    }
    counts.into_iter().map(f64::from).collect()
}

fn compared(a: &[f64], b: &[f64], rule: HistogramRule) -> f64 {
    let pairs = || a.iter().copied().zip(b.iter().copied());
    let total = |v: &[f64]| v.iter().sum::<f64>();
    match rule {
        HistogramRule::Correlation => {
            let n = a.len() as f64;
            let (sa, sb) = (total(a), total(b));
            let product = pairs().map(|(a, b)| a * b).sum::<f64>() - sa * sb / n;
            let variance = |v: &[f64], s: f64| v.iter().map(|v| v * v).sum::<f64>() - s * s / n;
            let denominator = variance(a, sa) * variance(b, sb);
            // Two histograms that are flat are as alike as can be.
            if denominator.abs() > f64::EPSILON { product / denominator.sqrt() } else { 1.0 }
        }
        HistogramRule::ChiSquare => {
            pairs().filter(|(a, _)| *a > 0.0).map(|(a, b)| (a - b).powi(2) / a).sum()
        }
        HistogramRule::ChiSquareAlt => {
            let filled = pairs().filter(|(a, b)| a + b > 0.0);
            2.0 * filled.map(|(a, b)| (a - b).powi(2) / (a + b)).sum::<f64>()
        }
        HistogramRule::Intersection => pairs().map(|(a, b)| a.min(b)).sum(),
        HistogramRule::Bhattacharyya => {
            let common: f64 = pairs().map(|(a, b)| (a * b).sqrt()).sum();
            (1.0 - common / (total(a) * total(b)).sqrt()).max(0.0).sqrt()
        }
        HistogramRule::KullbackLeibler => {
            let filled = pairs().filter(|(a, _)| *a > 0.0);
            filled.map(|(a, b)| a * (a / if b > 0.0 { b } else { 1e-10 }).ln()).sum()
        }
        HistogramRule::EarthMovers => earth_movers(a, b),
    }
}

/// Of two histograms of one dimension, in bins.
fn earth_movers(a: &[f64], b: &[f64]) -> f64 {
    let (sa, sb) = (a.iter().sum::<f64>(), b.iter().sum::<f64>());
    let (mut carried, mut work) = (0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        carried += a / sa - b / sb;
        work += f64::abs(carried);
    }
    work
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{synthetic, synthetic_rgb};

    fn score(x: &Image, y: &Image, rule: HistogramRule) -> f64 {
        let options = HistogramDistance { rule, ..HistogramDistance::default() };
        histogram_distance(x, y, &options, &Context::default()).unwrap()
    }

    #[test]
    fn brighter_by_7_levels_moves_every_pixel_by_7_levels() {
        let x = Image::gray_from_fn(Size::new(20, 10), |x, y| (x + 9 * y) as f32 / 255.0);
        let mut y = x.clone();
        y.data_mut().iter_mut().for_each(|v| *v += 7.0 / 255.0);
        assert!((score(&x, &y, HistogramRule::EarthMovers) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn a_shuffled_image_has_the_same_histogram() {
        for x in [synthetic(Size::new(30, 20)), synthetic_rgb(Size::new(30, 20))] {
            let mut y = x.clone();
            for plane in y.planes_mut() {
                plane.reverse();
            }
            let wanted = [1.0, 0.0, 0.0, 600.0, 0.0, 0.0, 0.0];
            for (rule, wanted) in HistogramRule::ALL.into_iter().zip(wanted) {
                assert!((score(&x, &y, rule) - wanted).abs() < 1e-7, "{rule:?}");
            }
        }
    }

    #[test]
    fn images_without_a_common_level_are_as_far_as_can_be() {
        let flat = |v: f32| Image::gray_from_fn(Size::new(10, 10), |_, _| v);
        let (black, white) = (flat(0.0), flat(1.0));
        assert_eq!(score(&black, &white, HistogramRule::Bhattacharyya), 1.0);
        assert_eq!(score(&black, &white, HistogramRule::Intersection), 0.0);
        assert_eq!(score(&black, &white, HistogramRule::EarthMovers), 255.0);
        assert_eq!(score(&black, &white, HistogramRule::ChiSquare), 100.0);
        assert_eq!(score(&black, &white, HistogramRule::ChiSquareAlt), 400.0);
        let nats = 100.0 * (100.0f64 / 1e-10).ln();
        assert!((score(&black, &white, HistogramRule::KullbackLeibler) - nats).abs() < 1e-9);
    }
}
