//! Homography between two lists of matched points, some of which are wrong: RANSAC, then least squares
//! over the matches that agree, and the odds that so many agree by chance.
//!
//! ```text
//! b ~ H a                        error_i = |b_i - H a_i|
//! score(H) = sum of min(error_i^2, threshold^2)             H from 4 random matches (MSAC)
//! refine:    minimize sum of log(1 + error_i^2 / c^2)       over the inliers (Cauchy)
//! NFA = (n - 4) C(n, k) C(k, 4) (pi e_k^2 / area)^(k - 4)   least over k; e_k the k-th least error
//! ```
//!
//! `NFA` is the number of homographies as good as this one to be expected among as many random points
//! (of which those that share a place with a better one do not count); where it is 1 or more nothing
//! has been found. `area` is that of the box around the points `b`.
//! Draws whose triangles turn over in part are skipped unseen. Mirrored pictures are allowed.
//!
//! References: M. A. Fischler, R. C. Bolles, "Random sample consensus", CACM 24(6), 1981,
//! doi:10.1145/358669.358692. P. H. S. Torr, A. Zisserman, "MLESAC", CVIU 78(1), 2000,
//! doi:10.1006/cviu.1999.0832. L. Moisan, P. Moulon, P. Monasse, "Automatic homographic registration
//! of a pair of images, with a contrario elimination of outliers", IPOL 2, 2012,
//! doi:10.5201/ipol.2012.mmm-oh.

use crate::MetricError;
use nalgebra::{Matrix3, SMatrix, SVector, Vector3};
use restora_image::{Context, OpError, Rng};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Matches that fix a homography.
const DRAWN: usize = 4;
/// Rounds of choosing the inliers and fitting to them.
const ROUNDS: usize = 8;
/// Steps of a fit.
const STEPS: usize = 20;

/// Options of [`homography()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Homography {
    /// Largest error of an inlier in pixels of the second picture.
    pub threshold: f64,
    /// Wanted probability of one draw without outliers.
    pub confidence: f64,
    /// Most draws.
    pub max_draws: u32,
}

impl Default for Homography {
    fn default() -> Self {
        Self { threshold: 3.0, confidence: 0.999, max_draws: 5000 }
    }
}

/// A homography that more matches agree on than chance explains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HomographyFit {
    /// Maps `(x, y, 1)` of the first picture to the second, rows first; the last entry is 1.
    pub matrix: [[f64; 3]; 3],
    /// Which matches agree.
    pub inliers: Vec<bool>,
    /// Base-10 logarithm of the number of false alarms; below 0.
    pub log10_false_alarms: f64,
}

impl HomographyFit {
    /// Where the point of the first picture lies in the second.
    pub fn apply(&self, point: [f64; 2]) -> [f64; 2] {
        let m = Matrix3::from_fn(|r, c| self.matrix[r][c]);
        project(&m, point)
    }

    /// How many matches agree.
    pub fn inlier_count(&self) -> usize {
        self.inliers.iter().filter(|&&i| i).count()
    }
}

/// The homography that maps most of `from` to `to`, point by point; `None` where none is better than
/// chance. The draws depend on the seed of the context alone.
///
/// # Errors
/// If the lists differ in length, a coordinate is not finite, an option is out of range, or the caller
/// cancelled.
pub fn homography(
    from: &[[f64; 2]],
    to: &[[f64; 2]],
    options: &Homography,
    cx: &Context,
) -> Result<Option<HomographyFit>, MetricError> {
    validate(from, to, options)?;
    let n = from.len();
    if n <= DRAWN {
        return Ok(None);
    }
    let (Some(a), Some(b)) = (Normalized::of(from), Normalized::of(to)) else { return Ok(None) };
    let threshold = options.threshold * b.scale;
    let Some(mut model) = ransac(&a.points, &b.points, threshold, options, cx)? else {
        return Ok(None);
    };
    let mut inliers = Vec::new();
    for _ in 0..ROUNDS {
        let now: Vec<bool> =
            (0..n).map(|i| error(&model, a.points[i], b.points[i]) <= threshold).collect();
        if now == inliers {
            break;
        }
        let Some(fitted) = fit(&model, &a.points, &b.points, &now) else { break };
        (model, inliers) = (fitted, now);
    }
    let log10_false_alarms = log10_false_alarms(&model, &a.points, &b.points, threshold);
    if log10_false_alarms >= 0.0 {
        return Ok(None);
    }
    let Some(back) = b.transform().try_inverse() else { return Ok(None) };
    let whole = back * model * a.transform();
    if whole[(2, 2)].abs() < 1e-12 * whole.norm() {
        return Ok(None);
    }
    let whole = whole / whole[(2, 2)];
    let matrix = [0, 1, 2].map(|r| [0, 1, 2].map(|c| whole[(r, c)]));
    Ok(Some(HomographyFit { matrix, inliers, log10_false_alarms }))
}

fn validate(from: &[[f64; 2]], to: &[[f64; 2]], options: &Homography) -> Result<(), MetricError> {
    if from.len() != to.len() {
        let (from, to) = (from.len(), to.len());
        return Err(MetricError::Input(format!(
            "points must come in pairs, got {from} of the first picture and {to} of the second"
        )));
    }
    if from.iter().chain(to).flatten().any(|v| !v.is_finite()) {
        return Err(MetricError::Input("a point has a coordinate that is not finite".into()));
    }
    if !(options.threshold.is_finite() && options.threshold > 0.0) {
        return Err(OpError::param("threshold", "above 0", options.threshold).into());
    }
    if !(options.confidence > 0.0 && options.confidence < 1.0) {
        return Err(OpError::param("confidence", "above 0 and below 1", options.confidence).into());
    }
    if options.max_draws == 0 {
        return Err(OpError::param("max_draws", "1 or more", options.max_draws).into());
    }
    Ok(())
}

/// Points moved and scaled so that equations in them are well conditioned.
struct Normalized {
    points: Vec<[f64; 2]>,
    center: [f64; 2],
    scale: f64,
}

impl Normalized {
    /// `None` where all points are one.
    fn of(points: &[[f64; 2]]) -> Option<Self> {
        let n = points.len() as f64;
        let center = [0, 1].map(|i| points.iter().map(|p| p[i]).sum::<f64>() / n);
        let away = |p: &[f64; 2]| (p[0] - center[0]).hypot(p[1] - center[1]);
        let mean = points.iter().map(away).sum::<f64>() / n;
        if mean < 1e-9 {
            return None;
        }
        let scale = 1.0 / mean;
        let moved = |p: &[f64; 2]| [0, 1].map(|i| (p[i] - center[i]) * scale);
        Some(Self { points: points.iter().map(moved).collect(), center, scale })
    }

    fn transform(&self) -> Matrix3<f64> {
        let (s, [x, y]) = (self.scale, self.center);
        Matrix3::new(s, 0.0, -s * x, 0.0, s, -s * y, 0.0, 0.0, 1.0)
    }
}

fn project(m: &Matrix3<f64>, [x, y]: [f64; 2]) -> [f64; 2] {
    let p = m * Vector3::new(x, y, 1.0);
    [p[0] / p[2], p[1] / p[2]]
}

fn error(m: &Matrix3<f64>, a: [f64; 2], b: [f64; 2]) -> f64 {
    let [x, y] = project(m, a);
    let e = (x - b[0]).hypot(y - b[1]);
    if e.is_nan() { f64::INFINITY } else { e }
}

/// The best model of random draws.
fn ransac(
    a: &[[f64; 2]],
    b: &[[f64; 2]],
    threshold: f64,
    options: &Homography,
    cx: &Context,
) -> Result<Option<Matrix3<f64>>, MetricError> {
    let n = a.len();
    let mut rng = cx.rng("homography", 0);
    let mut best = (f64::INFINITY, None);
    let mut wanted = f64::from(options.max_draws);
    let mut draw = 0;
    while f64::from(draw) < wanted {
        draw += 1;
        if draw % 64 == 0 {
            cx.check()?;
        }
        let chosen = choose(n, &mut rng);
        let (p, q) = (chosen.map(|i| a[i]), chosen.map(|i| b[i]));
        let Some(model) = turns_alike(&p, &q).then(|| through(&p, &q)).flatten() else { continue };
        let (mut score, mut inliers) = (0.0, 0);
        for i in 0..n {
            let e = error(&model, a[i], b[i]).min(threshold);
            score += e * e;
            inliers += usize::from(e < threshold);
            if score >= best.0 {
                break;
            }
        }
        if score < best.0 {
            best = (score, Some(model));
            let clean = (inliers as f64 / n as f64).powi(DRAWN as i32);
            let draws = (1.0 - options.confidence).ln() / (1.0 - clean).ln();
            if clean >= 1.0 {
                break;
            }
            wanted = wanted.min(draws.ceil());
        }
    }
    Ok(best.1)
}

/// Four different indices below `n`.
fn choose(n: usize, rng: &mut Rng) -> [usize; DRAWN] {
    let mut chosen = [usize::MAX; DRAWN];
    for i in 0..DRAWN {
        chosen[i] = loop {
            let candidate = rng.below(n as u64) as usize;
            if !chosen[..i].contains(&candidate) {
                break candidate;
            }
        };
    }
    chosen
}

/// Do all four triangles keep their sense, or all lose it? No plane seen from one side does otherwise.
fn turns_alike(p: &[[f64; 2]; DRAWN], q: &[[f64; 2]; DRAWN]) -> bool {
    let turn = |t: &[[f64; 2]; DRAWN], i: usize| {
        let [a, b, c] = [t[i], t[(i + 1) % DRAWN], t[(i + 2) % DRAWN]];
        (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    };
    let products: [f64; DRAWN] = std::array::from_fn(|i| turn(p, i) * turn(q, i));
    products.iter().all(|&t| t > 1e-9) || products.iter().all(|&t| t < -1e-9)
}

/// The homography through four matches.
fn through(p: &[[f64; 2]; DRAWN], q: &[[f64; 2]; DRAWN]) -> Option<Matrix3<f64>> {
    let mut system = SMatrix::<f64, 8, 8>::zeros();
    let mut right = SVector::<f64, 8>::zeros();
    for (i, ([x, y], [u, v])) in p.iter().zip(q).enumerate() {
        let rows = [
            [*x, *y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y],
            [0.0, 0.0, 0.0, *x, *y, 1.0, -v * x, -v * y],
        ];
        for (r, (row, value)) in rows.iter().zip([u, v]).enumerate() {
            system.set_row(2 * i + r, &SVector::from(*row).transpose());
            right[2 * i + r] = *value;
        }
    }
    let h = system.lu().solve(&right)?;
    Some(Matrix3::new(h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], 1.0))
}

/// The model of least Cauchy loss over the inliers, by Gauss-Newton steps from `start`.
fn fit(
    start: &Matrix3<f64>,
    a: &[[f64; 2]],
    b: &[[f64; 2]],
    inliers: &[bool],
) -> Option<Matrix3<f64>> {
    let mut chosen: Vec<([f64; 2], [f64; 2])> =
        a.iter().zip(b).zip(inliers).filter(|(_, i)| **i).map(|((a, b), _)| (*a, *b)).collect();
    if chosen.len() < DRAWN {
        return None;
    }
    // The scale of the errors from their median, which is 1.1774 sigma in two dimensions; 2.3849 sigma
    // keep 95 % of the efficiency of least squares.
    chosen.sort_by(|p, q| error(start, p.0, p.1).total_cmp(&error(start, q.0, q.1)));
    let (p, q) = chosen[chosen.len() / 2];
    let c = (error(start, p, q) / 1.1774 * 2.3849).max(1e-9);
    let mut model = *start;
    for _ in 0..STEPS {
        let mut normal = SMatrix::<f64, 8, 8>::zeros();
        let mut right = SVector::<f64, 8>::zeros();
        for ([x, y], to) in &chosen {
            let z = model[(2, 0)] * x + model[(2, 1)] * y + 1.0;
            let [u, v] = project(&model, [*x, *y]);
            let gap = [to[0] - u, to[1] - v];
            let weight = 1.0 / (1.0 + (gap[0] * gap[0] + gap[1] * gap[1]) / (c * c));
            let rows = [
                [*x, *y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y],
                [0.0, 0.0, 0.0, *x, *y, 1.0, -v * x, -v * y],
            ];
            for (row, gap) in rows.iter().zip(gap) {
                let j = SVector::<f64, 8>::from(*row) / z;
                normal += weight * j * j.transpose();
                right += weight * gap * j;
            }
        }
        let step = normal.cholesky()?.solve(&right);
        for i in 0..8 {
            model[(i / 3, i % 3)] += step[i];
        }
        if step.norm() < 1e-12 {
            break;
        }
    }
    model.iter().all(|v| v.is_finite()).then_some(model)
}

fn log10_false_alarms(m: &Matrix3<f64>, a: &[[f64; 2]], b: &[[f64; 2]], threshold: f64) -> f64 {
    let errors = distinct_errors(m, a, b, threshold);
    let n = errors.len();
    if n <= DRAWN {
        return f64::INFINITY;
    }
    let span = |i: usize| {
        let (low, high) = b.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| {
            (low.min(p[i]), high.max(p[i]))
        });
        high - low
    };
    let area = (span(0) * span(1)).max(f64::MIN_POSITIVE);
    let mut log_factorial = vec![0.0f64; n + 1];
    for i in 1..=n {
        log_factorial[i] = log_factorial[i - 1] + (i as f64).ln();
    }
    let log_choose =
        |n: usize, k: usize| log_factorial[n] - log_factorial[k] - log_factorial[n - k];
    // No point is known better than to a hundredth of the threshold: a handful of exact matches of
    // rounded coordinates proves nothing.
    let least = 0.01 * threshold;
    let one = |k: usize| {
        let e = errors[k - 1].max(least);
        let chance = (std::f64::consts::PI * e * e / area).min(1.0);
        ((n - DRAWN) as f64).ln()
            + log_choose(n, k)
            + log_choose(k, DRAWN)
            + (k - DRAWN) as f64 * chance.ln()
    };
    let within = (DRAWN + 1..=n).filter(|&k| errors[k - 1] <= threshold);
    within.map(one).fold(f64::INFINITY, f64::min) / std::f64::consts::LN_10
}

/// The errors in rising order, without those of matches that share a cell of `threshold` pixels with
/// a better one in either picture: they are no evidence of their own. A homography that throws half of
/// one picture onto a single point of the other would else look certain.
fn distinct_errors(m: &Matrix3<f64>, a: &[[f64; 2]], b: &[[f64; 2]], threshold: f64) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> =
        a.iter().zip(b).enumerate().map(|(i, (a, b))| (error(m, *a, *b), i)).collect();
    order.sort_by(|p, q| p.0.total_cmp(&q.0));
    let cell = |p: [f64; 2]| p.map(|v| (v / threshold).floor() as i64);
    let (mut seen_a, mut seen_b) = (HashSet::new(), HashSet::new());
    order.retain(|&(_, i)| {
        let (a, b) = (cell(a[i]), cell(b[i]));
        let new = !seen_a.contains(&a) && !seen_b.contains(&b);
        if new {
            seen_a.insert(a);
            seen_b.insert(b);
        }
        new
    });
    order.into_iter().map(|(e, _)| e).collect()
}

#[cfg(test)]
mod tests;
