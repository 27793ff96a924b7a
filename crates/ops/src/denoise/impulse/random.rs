//! Impulses of any value: how probable each pixel is one, and what it was, each from the other.
//!
//! ```text
//! r = |y - s|                                      s: the estimate of the picture
//! w = (1 - p) L(r; b) / ((1 - p) L(r; b) + p)      a pixel that was not hit is off by L, Laplace of scale b
//! z = w y + (1 - w) s,     s <- S_t(z)             cosine shrinkage, t falls geometrically
//! p = mean of 1 - w,       b = mean of r with weights w, nearby
//! ```
//!
//! The share `p` of hits comes out of it, so nothing need be known.

use super::super::sliding_dct::sliding_dct;
use crate::filter::{Median, median};
use restora_image::{Border, Context, Image, OpError, Plane, PlaneRef, for_each_band};

/// Rounds, and the thresholds of the first and of the last.
const ROUNDS: u32 = 24;
const THRESHOLDS: (f32, f32) = (0.25, 0.05);
/// Radius of the window of the scale `b`.
const NEARBY: usize = 4;
/// Pixels that the scale of the whole plane counts for among those nearby.
const PRIOR: f32 = 8.0;
/// Least scale: three steps of 8 bits.
const LEAST_SCALE: f32 = 3.0 / 255.0;
/// Range of the share of hits, and its first value.
const SHARE: (f32, f32) = (0.01, 0.8);
const FIRST_SHARE: f32 = 0.3;
/// First trust: pixels this near to the median of 3x3.
const NEAR: f32 = 0.15;

/// What was found out about a plane.
pub(super) struct Found {
    /// The picture without impulses.
    pub estimate: Plane,
    /// For each pixel, how probable it was not hit.
    pub trust: Vec<f32>,
    /// Share of the pixels that were hit.
    pub share: f32,
}

pub(super) fn find(plane: PlaneRef<'_>, cx: &Context) -> Result<Found, OpError> {
    let size = plane.size();
    let given = plane.to_plane();
    let options = Median { radius: 1, border: Border::Reflect };
    let start = median(&Image::from_plane(given.clone()), &options, cx)?;
    let mut estimate = start.plane(0).to_plane();
    let mut trust: Vec<f32> = (given.data.iter().zip(&estimate.data))
        .map(|(y, s)| if (y - s).abs() < NEAR { 1.0 } else { 0.0 })
        .collect();
    let mut share = FIRST_SHARE;
    let mut mixed = Plane::zeros(size);
    let mut distance = vec![0.0; given.data.len()];
    let ratio = THRESHOLDS.1 / THRESHOLDS.0;
    for k in 0..ROUNDS {
        for ((r, y), s) in distance.iter_mut().zip(&given.data).zip(&estimate.data) {
            *r = (y - s).abs();
        }
        let scale = scales(&distance, &trust, size.w(), cx)?;
        let prior = (1.0 - share) / share;
        for ((w, r), b) in trust.iter_mut().zip(&distance).zip(&scale) {
            let odds = prior * (-r / b).exp() / (2.0 * b);
            *w = odds / (odds + 1.0);
        }
        let sum: f64 = trust.iter().map(|w| f64::from(*w)).sum();
        share = (1.0 - (sum / trust.len() as f64) as f32).clamp(SHARE.0, SHARE.1);
        for (((z, w), y), s) in
            mixed.data.iter_mut().zip(&trust).zip(&given.data).zip(&estimate.data)
        {
            *z = s + w * (y - s);
        }
        let t = THRESHOLDS.0 * ratio.powf(k as f32 / (ROUNDS - 1) as f32);
        sliding_dct(mixed.as_ref(), t, &mut estimate.data, cx)?;
    }
    Ok(Found { estimate, trust, share })
}

/// The weighted mean of `distance` around each pixel, drawn to that of the plane.
fn scales(
    distance: &[f32],
    trust: &[f32],
    width: usize,
    cx: &Context,
) -> Result<Vec<f32>, OpError> {
    let weighted: Vec<f32> = distance.iter().zip(trust).map(|(r, w)| r * w).collect();
    let total = |values: &[f32]| values.iter().map(|v| f64::from(*v)).sum::<f64>();
    let whole = (total(&weighted) / total(trust).max(1e-9)) as f32;
    let mut scale = box_sums(&weighted, width, cx)?;
    for (b, n) in scale.iter_mut().zip(box_sums(trust, width, cx)?) {
        *b = ((*b + PRIOR * whole) / (n + PRIOR)).max(LEAST_SCALE);
    }
    Ok(scale)
}

/// Sums over the windows of `2 NEARBY + 1` pixels, as far as they lie inside.
fn box_sums(values: &[f32], width: usize, cx: &Context) -> Result<Vec<f32>, OpError> {
    let height = values.len() / width.max(1);
    let mut across = vec![0.0; values.len()];
    for_each_band(&mut across, width, 32, cx, |y0, band| {
        for (y, out) in (y0..).zip(band.chunks_exact_mut(width)) {
            let row = &values[y * width..][..width];
            for (x, out) in out.iter_mut().enumerate() {
                *out = row[x.saturating_sub(NEARBY)..(x + NEARBY + 1).min(width)].iter().sum();
            }
        }
        Ok(())
    })?;
    let mut out = vec![0.0; values.len()];
    for_each_band(&mut out, width, 32, cx, |y0, band| {
        for (y, out) in (y0..).zip(band.chunks_exact_mut(width)) {
            for j in y.saturating_sub(NEARBY)..(y + NEARBY + 1).min(height) {
                for (out, v) in out.iter_mut().zip(&across[j * width..]) {
                    *out += v;
                }
            }
        }
        Ok(())
    })?;
    Ok(out)
}
