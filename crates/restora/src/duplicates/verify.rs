//! Does a homography explain the matched keypoints of two pictures, and do both show the same there?

use super::Map;
use super::signature::Signature;
use crate::error::Error;
use restora_image::{Context, Plane};
use restora_metrics::features::{Homography, HomographyFit, homography};

/// Largest error of a keypoint, as a share of the larger side: 4 pixels of 512.
const THRESHOLD: f64 = 4.0 / 512.0;
/// Wilder distortions are no copies: enlargement, and how it differs over the picture.
const MOST_SCALE: f64 = 32.0;
const MOST_BEND: f64 = 4.0;
/// Least correlation of the small pictures where they overlap. Two pictures with the same caption or
/// logo agree there and nowhere else.
const LEAST_CORRELATION: f64 = 0.5;
/// Fewer pixels of a small picture say nothing.
const LEAST_OVERLAP: usize = 24;

/// Why two pictures are taken for copies.
pub struct Evidence {
    pub log10_false_alarms: f64,
    pub map: Map,
}

/// `matched` are places in the first and second picture.
pub fn verify(
    first: &Signature,
    second: &Signature,
    matched: &[([f64; 2], [f64; 2])],
) -> Result<Option<Evidence>, Error> {
    let (from, to): (Vec<_>, Vec<_>) = matched.iter().copied().unzip();
    let side = second.picture.width.max(second.picture.height);
    let options = Homography {
        threshold: (THRESHOLD * f64::from(side)).max(1.5),
        max_draws: 1000,
        ..Homography::default()
    };
    let Some(fit) = homography(&from, &to, &options, &Context::default())? else { return Ok(None) };
    let Some([scale, rotation]) = similarity(&fit, first) else { return Ok(None) };
    let Some((overlap, correlation)) = correlation(&fit, first, second) else { return Ok(None) };
    if correlation < LEAST_CORRELATION {
        return Ok(None);
    }
    let [[a, b, _], [c, d, _], _] = fit.matrix;
    let map = Map {
        homography: fit.matrix,
        scale,
        rotation,
        mirrored: a * d - b * c < 0.0,
        overlap,
        correlation,
        inliers: fit.inlier_count(),
    };
    Ok(Some(Evidence { log10_false_alarms: fit.log10_false_alarms, map }))
}

/// Enlargement and turn in the middle of the first picture, or `None` for a map that no copy has.
fn similarity(fit: &HomographyFit, first: &Signature) -> Option<[f64; 2]> {
    let (w, h) = (f64::from(first.picture.width), f64::from(first.picture.height));
    let step = 0.01 * w.max(h);
    // Image of a small triangle: its area and its sense.
    let around = |x: f64, y: f64| {
        let [p, q, r] = [[x, y], [x + step, y], [x, y + step]].map(|p| fit.apply(p));
        let (u, v) = ([q[0] - p[0], q[1] - p[1]], [r[0] - p[0], r[1] - p[1]]);
        (u, (u[0] * v[1] - u[1] * v[0]) / (step * step))
    };
    let (along, area) = around(0.5 * w, 0.5 * h);
    let corners = [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]];
    let bent = corners.map(|[x, y]| around(x * w, y * h).1 / area);
    let scale = area.abs().sqrt();
    let copies = bent.iter().all(|b| (1.0 / MOST_BEND..=MOST_BEND).contains(b))
        && (1.0 / MOST_SCALE..=MOST_SCALE).contains(&scale);
    // A mirrored picture is turned after it was mirrored left to right.
    let along = if area < 0.0 { along.map(|v| -v) } else { along };
    let rotation = along[1].atan2(along[0]).to_degrees();
    copies.then_some([scale, if rotation <= -180.0 { 180.0 } else { rotation }])
}

/// Share of the first picture that lies in the second, and the correlation of the small pictures there.
fn correlation(fit: &HomographyFit, first: &Signature, second: &Signature) -> Option<(f64, f64)> {
    let (a, b) = (&first.thumbnail, &second.thumbnail);
    let scale = |s: &Signature| f64::from(s.picture.width) / s.thumbnail.size.w() as f64;
    let (to_full, to_small) = (scale(first), 1.0 / scale(second));
    let mut pairs = Vec::with_capacity(a.data.len());
    for y in 0..a.size.h() {
        for x in 0..a.size.w() {
            let full = |v: usize| (v as f64 + 0.5) * to_full - 0.5;
            let [u, v] = fit.apply([full(x), full(y)]);
            let small = |v: f64| (v + 0.5) * to_small - 0.5;
            if let Some(value) = bilinear(b, small(u), small(v)) {
                pairs.push((f64::from(a.row(y)[x]), value));
            }
        }
    }
    if pairs.len() < LEAST_OVERLAP {
        return None;
    }
    let n = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (p, q) = (mean(|v| v.0), mean(|v| v.1));
    let (mut pp, mut qq, mut pq) = (0.0, 0.0, 0.0);
    for (x, y) in &pairs {
        pp += (x - p) * (x - p);
        qq += (y - q) * (y - q);
        pq += (x - p) * (y - q);
    }
    let length = (pp * qq).sqrt();
    Some((n / a.data.len() as f64, if length > 0.0 { pq / length } else { 0.0 }))
}

fn bilinear(plane: &Plane, x: f64, y: f64) -> Option<f64> {
    let (w, h) = (plane.size.w(), plane.size.h());
    // Pixels reach half a pixel beyond their centers; half a pixel more for what the map is off.
    let inside = |v: f64, n: usize| (-1.0..=n as f64).contains(&v);
    if !inside(x, w) || !inside(y, h) {
        return None;
    }
    let (x, y) = (x.clamp(0.0, (w - 1) as f64), y.clamp(0.0, (h - 1) as f64));
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = (x - left as f64, y - top as f64);
    let row = |y: usize| {
        let row = plane.row(y.min(h - 1));
        let at = |x: usize| f64::from(row[x.min(w - 1)]);
        (1.0 - fx) * at(left) + fx * at(left + 1)
    };
    Some((1.0 - fy) * row(top) + fy * row(top + 1))
}
