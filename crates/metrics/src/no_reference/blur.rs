//! Width of the sharpest edges, as the standard deviation of the Gaussian that would blur a step edge
//! that far.
//!
//! ```text
//! R = |grad I| / |grad (I * G(s0))|  at an edge;   for a step blurred by s: R^2 = (s^2 + s0^2) / s^2
//! s = s0 / sqrt(R^2 - 1)
//! ```
//! `sigma` is the lower quartile over the strong edges: pictures have soft regions on purpose, and
//! one sharp region makes a picture sharp. Cost: one Gaussian of a few taps over at most four
//! million pixels. Measured on luma; noise is kept out by a threshold of five times its level.
//!
//! Zhuo and Sim, "Defocus map estimation from a single image", Pattern Recognition 44, 2011,
//! doi:10.1016/j.patcog.2011.03.009.

use super::noise_level::noise_level;
use restora_image::{Image, Plane, Size, to_luma};
use serde::{Deserialize, Serialize};

/// Reblur `s0`, in pixels (the reference takes 1).
const REBLUR: f32 = 1.0;
/// Rows of at most this many pixels in total are looked at.
const PIXELS: usize = 4_000_000;
/// Edges below this gradient are not looked at, nominal range per pixel.
const LEAST_GRADIENT: f32 = 0.03;

/// What [`blur`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Blur {
    /// Standard deviation in pixels of the blur at the sharpest quarter of the edges: below about
    /// 0.7 a picture is sharp, above 1.5 visibly soft. 0 if there is no edge.
    pub sigma: f32,
    /// The median over all strong edges.
    pub typical: f32,
    /// `min(1, edge pixels / 500)`, times the agreement of horizontal and vertical edges
    /// (smaller over larger width), which fails for motion blur.
    pub confidence: f32,
}

/// Measures the width of the edges of a picture of any size.
pub fn blur(image: &Image) -> Blur {
    let plane =
        to_luma(image).ok().or_else(|| (image.channels() > 0).then(|| image.plane(0).to_plane()));
    let Some(plane) = plane else { return Blur::default() };
    let size = plane.size;
    if size.w() < 9 || size.h() < 9 {
        return Blur::default();
    }
    let noise = noise_level(&Image::from_plane(plane.clone())).model.sigma();
    // A central difference halves the noise's variance.
    let least = LEAST_GRADIENT.max(5.0 * noise * std::f32::consts::FRAC_1_SQRT_2);
    let across = widths(&plane, least);
    let along = widths(&transposed(&plane), least);
    let count = across.len() + along.len();
    let (x, y) = (quantile(across.clone(), 0.25), quantile(along.clone(), 0.25));
    let mut all = across;
    all.extend(along);
    let agreement = if x > 0.0 && y > 0.0 { x.min(y) / x.max(y) } else { 0.5 };
    Blur {
        sigma: quantile(all.clone(), 0.25),
        typical: quantile(all, 0.5),
        confidence: (count as f32 / 500.0).min(1.0) * if count == 0 { 0.0 } else { agreement },
    }
}

fn transposed(plane: &Plane) -> Plane {
    Plane::from_fn(Size::new(plane.size.height, plane.size.width), |x, y| plane.row(x)[y])
}

fn quantile(mut values: Vec<f32>, q: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f64 * q) as usize;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

/// Widths of the edges that cross rows.
fn widths(plane: &Plane, least: f32) -> Vec<f32> {
    let (width, height) = (plane.size.w(), plane.size.h());
    let mut taps = [0.0f32; 9];
    for (i, tap) in taps.iter_mut().enumerate() {
        *tap = (-0.5 * ((i as f32 - 4.0) / REBLUR).powi(2)).exp();
    }
    let sum: f32 = taps.iter().sum();
    let mut out = Vec::new();
    let mut soft = vec![0.0f32; width];
    for y in (0..height).step_by((width * height).div_ceil(PIXELS)) {
        let row = plane.row(y);
        soft.copy_from_slice(row);
        for (o, window) in soft[4..].iter_mut().zip(row.windows(9)) {
            *o = window.iter().zip(&taps).map(|(v, t)| v * t).sum::<f32>() / sum;
        }
        let slope = |r: &[f32], x: usize| 0.5 * (r[x + 1] - r[x - 1]);
        for x in 6..width - 6 {
            let g = slope(row, x).abs();
            // A local maximum of the gradient: the middle of an edge.
            if g < least || g < slope(row, x - 1).abs() || g <= slope(row, x + 1).abs() {
                continue;
            }
            let ratio = g / slope(&soft, x).abs().max(1e-6);
            if ratio > 1.0 && ratio.is_finite() {
                // The central difference itself is a box of two pixels, variance 1/3, in both
                // gradients: what is measured is s^2 + 1/3.
                let squared = REBLUR * REBLUR / (ratio * ratio - 1.0) - 1.0 / 3.0;
                out.push(squared.max(0.0).sqrt());
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::ColorSpace;
    use restora_testkit::noisy;

    /// Step edges in both directions, blurred by sigma (integral of the Gaussian in closed form,
    /// through a logistic of the same slope and variance within 1 %).
    fn edges(sigma: f32) -> Image {
        Image::gray_from_fn(Size::new(160, 160), |x, y| {
            let step = |v: f32| {
                let t = v / sigma.max(1e-3);
                0.5 * (1.0 + (0.797_884_6 * (t + 0.044_715 * t * t * t)).tanh())
            };
            let (x, y) = (x as f32, y as f32);
            0.2 + 0.3 * step(x - 40.3) + 0.3 * step(y - 80.2) - 0.2 * step(x - 120.6)
        })
    }

    #[test]
    fn widths_of_blurred_steps_are_found_within_fifteen_percent() {
        for sigma in [0.8f32, 1.5, 2.5] {
            let found = blur(&edges(sigma));
            assert!((found.typical / sigma - 1.0).abs() < 0.15, "{sigma}: {found:?}");
            assert!(found.confidence > 0.5, "{found:?}");
        }
    }

    #[test]
    fn sharp_edges_are_sharp_and_noise_is_no_edge() {
        assert!(blur(&edges(0.05)).sigma < 0.7);
        let noise = noisy(&Image::gray_from_fn(Size::new(100, 100), |_, _| 0.5), 0.1, 1);
        assert!(blur(&noise).confidence < 0.2);
    }

    #[test]
    fn tiny_pictures_give_no_confidence() {
        for (w, h) in [(0, 0), (1, 1), (8, 50), (2, 3), (40, 40)] {
            let found = blur(&Image::zeros(Size::new(w, h), ColorSpace::Srgb));
            assert_eq!(found, Blur::default());
        }
    }
}
