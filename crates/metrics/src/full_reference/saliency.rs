//! Visual saliency by simple priors (SDSP), the weights of VSI.
//!
//! ```text
//! saliency = frequency prior * center prior * color prior
//! ```
//!
//! The frequency prior is the magnitude of the three channels of Lab passed through one log-Gabor
//! filter, the center prior a Gaussian about the middle, the color prior grows with the distance of
//! `a`, `b` from their least values. Computed at 256 x 256 pixels and scaled back, both bilinearly,
//! as the authors' and piq's programs do; so is the white point of Lab (D50 for sRGB colors).
//!
//! Reference: L. Zhang, Z. Gu, H. Li, "SDSP: a novel saliency detection method by combining simple
//! priors", ICIP 2013, doi:10.1109/ICIP.2013.6738036.

use super::fourier::{Fourier, frequencies};
use super::maps::{Map, levels};
use crate::MetricError;
use restora_image::{Context, OpError, PlaneRef};
use rustfft::num_complex::Complex;

const SIDE: usize = 256;
/// Center frequency and width of the filter, width of the center prior in pixels, of the color prior.
const OMEGA_0: f64 = 0.021;
const SIGMA_F: f64 = 1.34;
const SIGMA_D: f64 = 145.0;
const SIGMA_C: f64 = 0.001;

/// Saliency of an RGB image in `[0, 1]`, of its size.
pub(super) fn saliency(rgb: [PlaneRef; 3], range: f64, cx: &Context) -> Result<Map, MetricError> {
    let small = |plane| resized(&levels(plane, range, cx)?, SIDE, SIDE, Centers::Half, cx);
    let [r, g, b] = rgb.map(small);
    let [l, a, b] = lab(&[r?, g?, b?]);
    let [fl, fa, fb] = band_passed(&l, &a, &b);
    cx.check()?;
    let waves = frequencies(SIDE);
    // Rows from the lowest to the highest frequency: the coordinates of the center prior.
    let place = |i: usize| waves[(i + SIDE / 2) % SIDE] * SIDE as f64 + 1.0;
    let (scaled_a, scaled_b) = (from_0_to_1(&a), from_0_to_1(&b));
    let map = Map::build(SIDE, SIDE, cx, |y, out| {
        for (x, out) in out.iter_mut().enumerate() {
            let i = y * SIDE + x;
            let frequency = (fl[i] * fl[i] + fa[i] * fa[i] + fb[i] * fb[i]).sqrt();
            let distance = place(x).powi(2) + place(y).powi(2);
            let center = (-distance / (SIGMA_D * SIGMA_D)).exp();
            let color = scaled_a[i] * scaled_a[i] + scaled_b[i] * scaled_b[i];
            *out = frequency * center * (1.0 - (-color / (SIGMA_C * SIGMA_C)).exp());
        }
    })?;
    let mut map = resized(&map, rgb[0].width(), rgb[0].height(), Centers::Corners, cx)?;
    let scaled = from_0_to_1(&map.data);
    map.data = scaled;
    Ok(map)
}

fn from_0_to_1(values: &[f64]) -> Vec<f64> {
    let (low, high) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    values.iter().map(|v| (v - low) / (high - low + f64::EPSILON)).collect()
}

/// Lab of sRGB levels, by the D65 matrix and the D50 white point.
fn lab(rgb: &[Map; 3]) -> [Vec<f64>; 3] {
    const XYZ: [[f64; 3]; 3] = [
        [0.412_456_4, 0.357_576_1, 0.180_437_5],
        [0.212_672_9, 0.715_152_2, 0.072_175],
        [0.019_333_9, 0.119_192, 0.950_304_1],
    ];
    const WHITE: [f64; 3] = [0.964_211_994_421_199_4, 1.0, 0.825_188_284_518_828_8];
    let mut out = [(); 3].map(|()| Vec::with_capacity(SIDE * SIDE));
    for i in 0..SIDE * SIDE {
        let linear = rgb.each_ref().map(|map| {
            let v = map.data[i] / 255.0;
            if v > 0.04045 { ((v + 0.055) / 1.055).powf(2.4) } else { v / 12.92 }
        });
        let [x, y, z] = [0, 1, 2].map(|c| {
            let row = XYZ[c];
            let t = (row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2]) / WHITE[c];
            if t > 0.008_856 { t.cbrt() } else { (903.3 * t + 16.0) / 116.0 }
        });
        let color = [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)];
        out.iter_mut().zip(color).for_each(|(out, v)| out.push(v));
    }
    out
}

/// Three real planes through the filter, which is real and even: two go as one complex plane.
fn band_passed(l: &[f64], a: &[f64], b: &[f64]) -> [Vec<f64>; 3] {
    let fourier = Fourier::<f64>::new(SIDE, SIDE);
    let waves = frequencies(SIDE);
    let scale = 1.0 / (SIDE * SIDE) as f64;
    let mut filter = vec![0.0; SIDE * SIDE];
    for (u, fx) in waves.iter().enumerate() {
        for (v, fy) in waves.iter().enumerate().skip(usize::from(u == 0)) {
            let radius = fx.hypot(*fy);
            if radius <= 0.5 {
                let octaves = (radius / OMEGA_0).ln();
                let band = (-octaves * octaves / (2.0 * SIGMA_F * SIGMA_F)).exp();
                filter[u * SIDE + v] = scale * band;
            }
        }
    }
    let passed = |plane: Vec<Complex<f64>>| {
        let mut spectrum = fourier.forward(plane);
        spectrum.iter_mut().zip(&filter).for_each(|(s, f)| *s *= f);
        fourier.inverse(&spectrum)
    };
    let both = passed(l.iter().zip(a).map(|(l, a)| Complex::new(*l, *a)).collect());
    let last = passed(b.iter().map(|b| Complex::new(*b, 0.0)).collect());
    [
        both.iter().map(|c| c.re).collect(),
        both.iter().map(|c| c.im).collect(),
        last.iter().map(|c| c.re).collect(),
    ]
}

/// Where the pixels of a resized image lie.
#[derive(Clone, Copy, PartialEq)]
enum Centers {
    /// Pixels are areas: half a pixel from the edge (`PyTorch`'s `align_corners=False`).
    Half,
    /// The corners lie on the corners.
    Corners,
}

/// Bilinear interpolation, without a filter where it reduces.
fn resized(
    map: &Map,
    width: usize,
    height: usize,
    centers: Centers,
    cx: &Context,
) -> Result<Map, OpError> {
    let taps = |from: usize, to: usize| -> Vec<(usize, usize, f64)> {
        let place = |i: usize| match centers {
            Centers::Half => ((i as f64 + 0.5) * (from as f64 / to as f64) - 0.5).max(0.0),
            Centers::Corners if to > 1 => i as f64 * ((from - 1) as f64 / (to - 1) as f64),
            Centers::Corners => 0.0,
        };
        let tap = |i: usize| {
            let at = place(i);
            let low = (at as usize).min(from - 1);
            (low, (low + 1).min(from - 1), at - low as f64)
        };
        (0..to).map(tap).collect()
    };
    let (columns, rows) = (taps(map.width, width), taps(map.height, height));
    Map::build(width, height, cx, |y, out| {
        let (top, bottom, down) = rows[y];
        let (top, bottom) = (map.row(top), map.row(bottom));
        for (out, &(left, right, across)) in out.iter_mut().zip(&columns) {
            let mix = |row: &[f64]| (1.0 - across) * row[left] + across * row[right];
            *out = (1.0 - down) * mix(top) + down * mix(bottom);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_stays_a_ramp_when_resized() {
        let cx = Context::default();
        let ramp = Map::build(5, 4, &cx, |y, row| {
            row.iter_mut().enumerate().for_each(|(x, v)| *v = (3 * x + 10 * y) as f64);
        })
        .unwrap();
        let corners = resized(&ramp, 9, 7, Centers::Corners, &cx).unwrap();
        for y in 0..7 {
            for x in 0..9 {
                let wanted = 1.5 * x as f64 + 5.0 * y as f64;
                assert!((corners.data[y * 9 + x] - wanted).abs() < 1e-12);
            }
        }
        let half = resized(&ramp, 10, 4, Centers::Half, &cx).unwrap();
        let row: Vec<f64> = half.row(1)[..4].to_vec();
        assert_eq!(row, [10.0, 10.75, 12.25, 13.75]);
    }

    #[test]
    fn a_gray_image_is_salient_nowhere() {
        let flat = vec![0.5; 30 * 20];
        let plane = PlaneRef::new(&flat, restora_image::Size::new(30, 20), 30);
        let map = saliency([plane; 3], 1.0, &Context::default()).unwrap();
        assert_eq!((map.width, map.height), (30, 20));
        assert!(map.data.iter().all(|v| *v == 0.0));
    }
}
