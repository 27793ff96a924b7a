//! Mean deviation similarity index (MDSI).
//!
//! ```text
//! GCS = alpha (GS(x, y) + GS(x, f) - GS(y, f)) + (1 - alpha) CS      f = (x + y) / 2
//! MDSI = (mean |GCS^q - mean GCS^q|^rho)^(o / rho)     alpha = 0.6, q = o = 1/4, rho = 1
//! ```
//!
//! `GS` is the similarity of gradient magnitudes (Prewitt over 3) of luminance, `CS` that of both
//! chromas of the space LHM together; c1 = 140, c2 = 55, c3 = 550. Images are first averaged over
//! cells of the shorter side / 256 (rounded) pixels, zeros outside (piq). `GCS` may be negative: its
//! root is then complex, and the deviation its magnitude. Gray pairs count as `R = G = B`. Not
//! symmetric. In `f64`.
//!
//! Reference: H. Ziaei Nafchi, A. Shahkolaei, R. Hedjam, M. Cheriet, "Mean deviation similarity
//! index: efficient and reliable full-reference image quality evaluator", IEEE Access 4, 2016,
//! doi:10.1109/ACCESS.2016.2604042.

use super::conventions::measure_options;
use super::maps::{
    Map, Outside, gradient, mixed, pooled, rgb_planes, shrinkage, similarity, sum_rows,
};
use crate::MetricError;
use restora_image::{Context, Image, OpError};
use std::f64::consts::FRAC_1_SQRT_2;

measure_options! {
    /// Options of [`mdsi()`].
    Mdsi, "mdsi", "MDSI",
    "Ziaei Nafchi, Shahkolaei, Hedjam, Cheriet, Mean deviation similarity index, IEEE Access 4, \
     2016, doi:10.1109/ACCESS.2016.2604042";
}

/// The paper's constants, sections II and III.
const C1: f64 = 140.0;
const C2: f64 = 55.0;
const C3: f64 = 550.0;
const ALPHA: f64 = 0.6;

/// The space LHM, as in piq and the authors' program.
const L: [f64; 3] = [0.2989, 0.587, 0.114];
const H: [f64; 3] = [0.3, 0.04, -0.35];
const M: [f64; 3] = [0.34, -0.6, 0.17];

/// Mean deviation similarity, 0 for identical images, less is better.
///
/// # Errors
/// If the images differ in size or color space, are less than 3 pixels wide or high, or are neither
/// gray nor RGB.
pub fn mdsi(
    reference: &Image,
    distorted: &Image,
    options: &Mdsi,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, 3)?;
    let [x, y] = [&pair.reference, &pair.distorted].map(|i| Features::of(i, options.range, cx));
    let (x, y) = (x?, y?);
    let middle = Map::build(x.luma.width, x.luma.height, cx, |row, out| {
        for (out, (a, b)) in out.iter_mut().zip(x.luma.row(row).iter().zip(y.luma.row(row))) {
            *out = f64::midpoint(*a, *b);
        }
    })?;
    let middle = slope(&middle, cx)?;
    let (w, h) = (middle.width, middle.height);
    let roots = Map::build(w, h, cx, |row, out| {
        for (i, out) in (row * w..).zip(out) {
            let (a, b, m) = (x.gradient.data[i], y.gradient.data[i], middle.data[i]);
            let edges = similarity(a, b, C1) + similarity(a, m, C2) - similarity(b, m, C2);
            let (mut above, mut below) = (C3, C3);
            for (a, b) in x.chroma.iter().zip(&y.chroma) {
                let (a, b) = (a.data[i], b.data[i]);
                above += 2.0 * a * b;
                below += a * a + b * b;
            }
            *out = signed_root(ALPHA * edges + (1.0 - ALPHA) * (above / below));
        }
    })?;
    let n = (w * h) as f64;
    let [re, im] = sum_rows(h, cx, |row| {
        roots.row(row).iter().map(|r| complex(*r)).fold([0.0; 2], |s, c| [s[0] + c[0], s[1] + c[1]])
    })?;
    let mean = [re / n, im / n];
    let [deviation] = sum_rows(h, cx, |row| {
        let off = |r: &f64| {
            let [re, im] = complex(*r);
            ((re - mean[0]).powi(2) + (im - mean[1]).powi(2)).sqrt()
        };
        [roots.row(row).iter().map(off).sum::<f64>()]
    })?;
    Ok((deviation / n).sqrt().sqrt())
}

/// Fourth root of the magnitude, with the sign.
fn signed_root(v: f64) -> f64 {
    v.abs().sqrt().sqrt().copysign(v)
}

/// The fourth root itself: that of a negative number is at 45 degrees.
fn complex(root: f64) -> [f64; 2] {
    if root < 0.0 { [-root * FRAC_1_SQRT_2; 2] } else { [root, 0.0] }
}

struct Features {
    luma: Map,
    gradient: Map,
    chroma: [Map; 2],
}

impl Features {
    fn of(image: &Image, range: f64, cx: &Context) -> Result<Self, MetricError> {
        let rgb = rgb_planes(image, "MDSI")?;
        let cell = shrinkage(image.size().w(), image.size().h());
        let margin = if cell > 1 { ((cell - 1) / 2, cell / 2) } else { (0, 0) };
        let channel =
            |weights| pooled(&mixed(rgb, weights, range, cx)?, cell, margin, Outside::Zero, cx);
        let luma = channel(L)?;
        Ok(Self { gradient: slope(&luma, cx)?, chroma: [channel(H)?, channel(M)?], luma })
    }
}

fn slope(map: &Map, cx: &Context) -> Result<Map, OpError> {
    gradient(map, 1.0 / 3.0, 1.0 / 3.0, cx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic_rgb};

    #[test]
    fn fourth_roots_are_roots() {
        for v in [-3.0, -0.1, 0.0, 0.7, 2.0] {
            let [re, im] = complex(signed_root(v));
            let square = [re * re - im * im, 2.0 * re * im];
            let fourth = [square[0].powi(2) - square[1].powi(2), 2.0 * square[0] * square[1]];
            assert!((fourth[0] - v).abs() < 1e-12 && fourth[1].abs() < 1e-12, "{v}: {fourth:?}");
        }
    }

    #[test]
    fn an_even_change_of_color_scores_0_and_edges_lost_do_not() {
        let x = synthetic_rgb(Size::new(48, 40));
        let score = |y: &Image| mdsi(&x, y, &Mdsi::default(), &Context::default()).unwrap();
        let flat = Image::zeros(x.size(), x.space());
        let mut gray = flat.clone();
        gray.data_mut().fill(0.1);
        let even = mdsi(&flat, &flat, &Mdsi::default(), &Context::default());
        assert_eq!(even, Ok(0.0));
        assert!(score(&gray) > score(&noisy(&x, 0.02, 1)));
    }
}
