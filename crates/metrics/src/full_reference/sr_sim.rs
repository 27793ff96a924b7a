//! Spectral residual based similarity (SR-SIM).
//!
//! ```text
//! S = (2 rx ry + c1) / (rx^2 + ry^2 + c1) * ((2 gx gy + c2) / (gx^2 + gy^2 + c2))^(1/2)
//! SR-SIM = sum S max(rx, ry) / sum max(rx, ry)          c1 = 0.4, c2 = 225
//! ```
//!
//! `r` is saliency by the spectral residual (Hou and Zhang): the image at a quarter of its size, of
//! whose spectrum the logarithm of the magnitude less its mean over 3 x 3 coefficients is
//! transformed back, squared, blurred (10 x 10 Gaussian taps of sigma 3.8) and scaled to `[0, 1]`.
//! `g` is the gradient magnitude by Scharr's operator. Luma averaged over cells of the shorter side /
//! 256 (rounded) pixels, zeros outside; sizes are changed by MATLAB's bicubic `imresize`. As piq, but
//! all in `f64`, where piq resizes in `f32`.
//!
//! Reference: L. Zhang, H. Li, "SR-SIM: a fast and high performance IQA index based on spectral
//! residual", ICIP 2012, doi:10.1109/ICIP.2012.6467149.

use super::conventions::measure_options;
use super::fourier::Fourier;
use super::maps::{Map, Outside, gradient, luma, pooled, shrinkage, similarity, sum_rows};
use super::moments::gaussian_taps;
use crate::MetricError;
use restora_image::{Border, Context, Image, OpError};
use rustfft::num_complex::Complex;

const C1: f64 = 0.4;
const C2: f64 = 225.0;
/// The blur must fit into a quarter of the image.
const LEAST: u32 = 40;

measure_options! {
    /// Options of [`sr_sim()`].
    SrSim, "sr-sim", "SR-SIM",
    "Zhang, Li, SR-SIM: a fast and high performance IQA index based on spectral residual, ICIP \
     2012, doi:10.1109/ICIP.2012.6467149";
}

/// Spectral residual based similarity in `[0, 1]`, 1 for identical images, more is better;
/// symmetric.
///
/// # Errors
/// If the images differ in size or color space, are less than 40 pixels wide or high, or are neither
/// gray nor RGB.
pub fn sr_sim(
    reference: &Image,
    distorted: &Image,
    options: &SrSim,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, LEAST)?;
    let cell = shrinkage(pair.size().w(), pair.size().h());
    let margin = if cell > 1 { ((cell - 1) / 2, cell / 2) } else { (0, 0) };
    let prepared = |image| -> Result<[Map; 2], MetricError> {
        let map = luma(image, "SR-SIM", options.range, cx)?;
        let map = pooled(&map, cell, margin, Outside::Zero, cx)?;
        let edges = gradient(&map, 3.0 / 16.0, 10.0 / 16.0, cx)?;
        Ok([residual_saliency(&map, cx)?, edges])
    };
    let ([rx, gx], [ry, gy]) = (prepared(&pair.reference)?, prepared(&pair.distorted)?);
    let w = rx.width;
    let [alike, weight] = sum_rows(rx.height, cx, |row| {
        let mut sums = [0.0; 2];
        for i in row * w..(row + 1) * w {
            let (a, b) = (rx.data[i], ry.data[i]);
            let edges = similarity(gx.data[i], gy.data[i], C2);
            let most = if a > b { a } else { b };
            sums[0] += similarity(a, b, C1) * edges.sqrt() * most;
            sums[1] += most;
        }
        sums
    })?;
    Ok((alike + f64::EPSILON) / (weight + f64::EPSILON))
}

fn residual_saliency(map: &Map, cx: &Context) -> Result<Map, OpError> {
    let (w, h) = (map.width.div_ceil(4), map.height.div_ceil(4));
    let small = resized(map, w, h, 0.25, 0.25, cx)?;
    let fourier = Fourier::<f64>::new(w, h);
    let spectrum = fourier.forward(small.data.iter().map(|v| Complex::new(*v, 0.0)).collect());
    // A spectrum lies column by column; the mean over 3 x 3 does not care.
    let logs = Map {
        width: h,
        height: w,
        data: spectrum.iter().map(|c| (c.norm() + f64::EPSILON).ln()).collect(),
    };
    let mut residual = vec![Complex::default(); w * h];
    for u in 0..w {
        for v in 0..h {
            let mut sum = 0.0;
            for u in [u.saturating_sub(1), u, (u + 1).min(w - 1)] {
                for v in [v.saturating_sub(1), v, (v + 1).min(h - 1)] {
                    sum += logs.data[u * h + v];
                }
            }
            let i = u * h + v;
            residual[i] = Complex::from_polar((logs.data[i] - sum / 9.0).exp(), spectrum[i].arg());
        }
    }
    let scale = 1.0 / (w * h) as f64;
    let back = fourier.inverse(&residual);
    let energy = Map {
        width: w,
        height: h,
        data: back.iter().map(|c| c.norm_sqr() * scale * scale).collect(),
    };
    let mut blurred = blurred(&energy, cx)?;
    let (low, high) = blurred.extremes();
    blurred.data.iter_mut().for_each(|v| *v = (*v - low) / (high - low + f64::EPSILON));
    let (across, down) = (map.width as f64 / w as f64, map.height as f64 / h as f64);
    resized(&blurred, map.width, map.height, across, down, cx)
}

/// 10 x 10 Gaussian taps from 4 pixels before to 5 after, zeros outside.
fn blurred(map: &Map, cx: &Context) -> Result<Map, OpError> {
    let (w, h) = (map.width, map.height);
    let taps = gaussian_taps::<10>(3.8);
    let at = |i: usize, k: usize, n: usize| (i + k).checked_sub(4).filter(|i| *i < n);
    let down = Map::build(w, h, cx, |y, out| {
        for (k, tap) in taps.iter().enumerate() {
            let Some(row) = at(y, k, h) else { continue };
            out.iter_mut().zip(map.row(row)).for_each(|(out, v)| *out += tap * v);
        }
    })?;
    Map::build(w, h, cx, |y, out| {
        let row = down.row(y);
        for (x, out) in out.iter_mut().enumerate() {
            let term = |(k, tap): (usize, &f64)| Some(tap * row[at(x, k, w)?]);
            *out = taps.iter().enumerate().filter_map(term).sum();
        }
    })
}

/// MATLAB's `imresize`: Keys' cubic with a = -1/2, widened where it reduces, the image mirrored.
fn resized(
    map: &Map,
    width: usize,
    height: usize,
    across: f64,
    down: f64,
    cx: &Context,
) -> Result<Map, OpError> {
    let (columns, rows) = (taps(map.width, width, across), taps(map.height, height, down));
    let tall = Map::build(map.width, height, cx, |y, out| {
        for (row, tap) in &rows[y] {
            out.iter_mut().zip(map.row(*row)).for_each(|(out, v)| *out += tap * v);
        }
    })?;
    Map::build(width, height, cx, |y, out| {
        let row = tall.row(y);
        for (out, taps) in out.iter_mut().zip(&columns) {
            *out = taps.iter().map(|(i, tap)| tap * row[*i]).sum();
        }
    })
}

/// For each output pixel the input pixels and their weights.
fn taps(from: usize, to: usize, scale: f64) -> Vec<Vec<(usize, f64)>> {
    let shrink = scale.min(1.0);
    let reach = 2.0 / shrink;
    let tap = |i: usize| {
        let center = (i as f64 + 0.5) / scale - 0.5;
        let first = (center - reach).ceil() as isize;
        let last = (center + reach).floor() as isize;
        let weight = |j: isize| cubic((center - j as f64) * shrink);
        let sum: f64 = (first..=last).map(weight).sum();
        let place = |j| Border::Reflect.index(j, from).unwrap_or(0);
        (first..=last).map(|j| (place(j), weight(j) / sum)).collect()
    };
    (0..to).map(tap).collect()
}

/// Keys' cubic convolution kernel.
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x <= 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resizing_keeps_ramps_and_sums_of_weights() {
        for (from, to) in [(40, 10), (41, 11), (10, 40), (11, 41)] {
            let scale = if to < from { 0.25 } else { to as f64 / from as f64 };
            for (i, taps) in taps(from, to, scale).iter().enumerate() {
                let sum: f64 = taps.iter().map(|(_, t)| t).sum();
                assert!((sum - 1.0).abs() < 1e-12);
                let center = (i as f64 + 0.5) / scale - 0.5;
                let reach = 2.0 / scale.min(1.0);
                if center - reach > 0.0 && center + reach < from as f64 - 1.0 {
                    let place: f64 = taps.iter().map(|(j, t)| *j as f64 * t).sum();
                    assert!((place - center).abs() < 1e-9, "{from} {to} {i}: {place} {center}");
                }
            }
        }
    }

    #[test]
    fn the_blur_of_a_point_is_the_taps_themselves() {
        let cx = Context::default();
        let mut point = Map { width: 21, height: 19, data: vec![0.0; 21 * 19] };
        point.data[9 * 21 + 10] = 1.0;
        let got = blurred(&point, &cx).unwrap();
        let taps = gaussian_taps::<10>(3.8);
        for (j, down) in taps.iter().enumerate() {
            for (i, across) in taps.iter().enumerate() {
                let at = (9 + 4 - j) * 21 + 10 + 4 - i;
                assert!((got.data[at] - down * across).abs() < 1e-15);
            }
        }
        assert!((got.data.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
