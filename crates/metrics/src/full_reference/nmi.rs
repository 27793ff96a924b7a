//! Normalized mutual information.
//!
//! ```text
//! NMI = (H(x) + H(y)) / H(x, y)          in [1, 2]
//! ```
//!
//! `H` are entropies of the joint histogram of all values, with `bins` bins from each image's least
//! to its largest value (scikit-image and NumPy's edges, the last bin closed). 2 if one image
//! determines the other: it sees through any change of tones. Two flat images score 2.
//!
//! Reference: C. Studholme, D. L. G. Hill, D. J. Hawkes, "An overlap invariant entropy measure of 3D
//! medical image alignment", Pattern Recognition 32(1), 1999, doi:10.1016/S0031-3203(98)00091-0.

use super::conventions::measure_options;
use super::maps::level;
use crate::MetricError;
use restora_image::{Context, Image, OpError};

measure_options! {
    /// Options of [`nmi()`].
    Nmi, "nmi", "NMI",
    "Studholme, Hill, Hawkes, An overlap invariant entropy measure of 3D medical image alignment, \
     Pattern Recognition 32(1), 1999, doi:10.1016/S0031-3203(98)00091-0";
    bins: u32 = 100, "100", "1 .. 1024", "bins of each image";
}

/// Normalized mutual information in `[1, 2]`, 2 for identical images, more is better; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are empty, cannot be converted as asked, or `bins`
/// is out of range.
pub fn nmi(
    reference: &Image,
    distorted: &Image,
    options: &Nmi,
    cx: &Context,
) -> Result<f64, MetricError> {
    if !(1..=1024).contains(&options.bins) {
        return Err(OpError::param("bins", "1 to 1024", options.bins).into());
    }
    let pair = options.pair(reference, distorted, 1)?;
    cx.check()?;
    let bins = options.bins as usize;
    let (x, y) = (pair.reference.data(), pair.distorted.data());
    if x.iter().chain(y).any(|v| !v.is_finite()) {
        return Ok(f64::NAN);
    }
    let (edges_x, edges_y) = (Edges::of(x, bins), Edges::of(y, bins));
    let mut joint = vec![0u64; bins * bins];
    for (x, y) in x.iter().zip(y) {
        joint[edges_x.bin(*x) * bins + edges_y.bin(*y)] += 1;
    }
    let mut of_x = vec![0u64; bins];
    let mut of_y = vec![0u64; bins];
    for (i, count) in joint.iter().enumerate() {
        of_x[i / bins] += count;
        of_y[i % bins] += count;
    }
    let both = entropy(&joint);
    if both == 0.0 {
        return Ok(2.0);
    }
    Ok((entropy(&of_x) + entropy(&of_y)) / both)
}

fn entropy(counts: &[u64]) -> f64 {
    let n = counts.iter().sum::<u64>() as f64;
    let share = |c: &u64| *c as f64 / n;
    -counts.iter().filter(|c| **c > 0).map(|c| share(c) * share(c).ln()).sum::<f64>()
}

/// Equally spaced edges, computed as NumPy does: a value that lies on one is then in the same bin.
struct Edges {
    bounds: Vec<f64>,
    start: f64,
    step: f64,
}

impl Edges {
    fn of(values: &[f32], bins: usize) -> Self {
        let levels = values.iter().map(|v| level(*v, 1.0));
        let (mut start, mut stop) = levels
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if start == stop {
            (start, stop) = (start - 0.5, stop + 0.5);
        }
        let step = (stop - start) / bins as f64;
        let mut bounds: Vec<f64> = (0..=bins).map(|i| i as f64 * step + start).collect();
        bounds[bins] = stop;
        Self { bounds, start, step }
    }

    fn bin(&self, value: f32) -> usize {
        let value = level(value, 1.0);
        let last = self.bounds.len() - 2;
        let mut bin = (((value - self.start) / self.step) as usize).min(last);
        while bin > 0 && value < self.bounds[bin] {
            bin -= 1;
        }
        while bin < last && value >= self.bounds[bin + 1] {
            bin += 1;
        }
        bin
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::synthetic;

    fn score(x: &Image, y: &Image) -> f64 {
        nmi(x, y, &Nmi::default(), &Context::default()).unwrap()
    }

    #[test]
    fn the_negative_tells_all_and_an_independent_image_nothing() {
        let x = synthetic(Size::new(60, 50));
        let mut negative = x.clone();
        negative.data_mut().iter_mut().for_each(|v| *v = 3.0 - 2.0 * *v);
        assert!((score(&x, &x) - 2.0).abs() < 1e-12);
        assert!(score(&x, &negative) > 1.97);
        let bars = Image::gray_from_fn(Size::new(8, 8), |x, _| (x % 4) as f32);
        let rows = Image::gray_from_fn(Size::new(8, 8), |_, y| (y % 4) as f32);
        assert!((score(&bars, &rows) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn flat_images_tell_all_of_each_other_and_bins_are_checked() {
        let flat = Image::gray_from_fn(Size::new(4, 4), |_, _| 0.5);
        assert_eq!(score(&flat, &flat), 2.0);
        let none = Nmi { bins: 0, ..Nmi::default() };
        let got = nmi(&flat, &flat, &none, &Context::default());
        assert!(matches!(got, Err(MetricError::Param { name: "bins", .. })));
    }
}
