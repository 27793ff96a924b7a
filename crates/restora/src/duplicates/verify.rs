//! Do two pictures come from one source? A map between them is proposed, by matched keypoints or by a flip
//! or turn of the whole; the evidence is how improbable the map is by chance, and how alike the small pictures
//! are under it.

use super::Map;
use super::look::turning;
use super::signature::Signature;
use crate::error::Error;
use restora_image::{Context, Plane, Size};
use restora_metrics::features::{Homography, homography};

/// Largest error of a keypoint, as a share of the larger side: 4 pixels of 512.
const THRESHOLD: f64 = 4.0 / 512.0;
/// Wilder distortions are no copies: enlargement; how much it differs over the picture; how much it differs by
/// direction. A picture squeezed from 16:9 to 4:3 or to a square is stretched by up to 1.8.
const MOST_SCALE: f64 = 32.0;
const MOST_BEND: f64 = 4.0;
const MOST_STRETCH: f64 = 3.0;
/// Least correlation of the small pictures where they overlap.
const LEAST_CORRELATION: f64 = 0.2;
/// Fewer pixels of a small picture say nothing.
const LEAST_OVERLAP: usize = 24;
/// Cells in each direction in which gradients are compared, and fewest of them that say more than the whole.
const CELLS: usize = 4;
const LEAST_CELLS: usize = 4;
/// Mean square of the differences of neighbors below which a cell is flat: (6 / 255)^2.
const FLAT: f64 = 5.5e-4;

/// `matched` are places in the first and second picture.
pub fn verify_keypoints(
    first: &Signature,
    second: &Signature,
    matched: &[([f64; 2], [f64; 2])],
) -> Result<Option<Map>, Error> {
    let (from, to): (Vec<_>, Vec<_>) = matched.iter().copied().unzip();
    let side = second.width.max(second.height);
    let options = Homography {
        threshold: (THRESHOLD * f64::from(side)).max(1.5),
        max_draws: 1000,
        ..Homography::default()
    };
    let Some(fit) = homography(&from, &to, &options, &Context::default())? else { return Ok(None) };
    let inliers = fit.inlier_count();
    Ok(described(fit.matrix, inliers, fit.log10_false_alarms, first, second))
}

/// `how` is a flip or turn of the whole first picture.
pub fn verify_turn(first: &Signature, second: &Signature, how: u32) -> Option<Map> {
    let size = |s: &Signature| Size::new(s.width, s.height);
    described(turning(how, size(first), size(second)), 0, 0.0, first, second)
}

fn apply(m: &[[f64; 3]; 3], [x, y]: [f64; 2]) -> [f64; 2] {
    let [u, v, w] = m.map(|row| row[0] * x + row[1] * y + row[2]);
    [u / w, v / w]
}

/// The map in words, or `None` for one that no copy has.
fn described(
    matrix: [[f64; 3]; 3],
    inliers: usize,
    log10_false_alarms: f64,
    first: &Signature,
    second: &Signature,
) -> Option<Map> {
    let [scale, rotation] = similarity(&matrix, first)?;
    let found = likeness(&matrix, first, second)?;
    if found.correlation < LEAST_CORRELATION {
        return None;
    }
    let [[a, b, _], [c, d, _], _] = matrix;
    let mirrored = a * d - b * c < 0.0;
    let Likeness { overlap, correlation, edges } = found;
    let overlap_of_second = overlap_of(&inverse(&matrix)?, second, first);
    Some(Map {
        homography: matrix,
        scale,
        rotation,
        mirrored,
        overlap,
        overlap_of_second,
        correlation,
        edges,
        look_ratio: 1.0,
        inliers,
        log10_false_alarms,
    })
}

/// Enlargement and turn in the middle of the first picture, or `None` for a map that no copy has.
fn similarity(matrix: &[[f64; 3]; 3], first: &Signature) -> Option<[f64; 2]> {
    let (w, h) = (f64::from(first.width), f64::from(first.height));
    let step = 0.01 * w.max(h);
    // Image of a small triangle: its sides and its area.
    let around = |x: f64, y: f64| {
        let [p, q, r] = [[x, y], [x + step, y], [x, y + step]].map(|p| apply(matrix, p));
        let side = |q: [f64; 2]| [(q[0] - p[0]) / step, (q[1] - p[1]) / step];
        let (u, v) = (side(q), side(r));
        (u, v, u[0] * v[1] - u[1] * v[0])
    };
    let (along, down, area) = around(0.5 * w, 0.5 * h);
    let corners = [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]];
    let mut bent = corners.iter().map(|[x, y]| around(x * w, y * h).2 / area);
    let scale = area.abs().sqrt();
    // Larger over smaller singular value.
    let squares = along.iter().chain(&down).map(|v| v * v).sum::<f64>();
    let half = 0.5 * squares;
    let largest = (half + (half * half - area * area).max(0.0).sqrt()).sqrt();
    let stretch = largest * largest / area.abs();
    let copies = bent.all(|b| (1.0 / MOST_BEND..=MOST_BEND).contains(&b))
        && (1.0 / MOST_SCALE..=MOST_SCALE).contains(&scale)
        && stretch <= MOST_STRETCH;
    // A mirrored picture is turned after it was mirrored left to right.
    let along = if area < 0.0 { along.map(|v| -v) } else { along };
    let rotation = along[1].atan2(along[0]).to_degrees();
    copies.then_some([scale, if rotation <= -180.0 { 180.0 } else { rotation }])
}

/// The inverse map, but for a factor, which maps do not have.
fn inverse(m: &[[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let minor = |r: usize, c: usize| {
        let at = |i: usize, j: usize| m[(r + i) % 3][(c + j) % 3];
        at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1)
    };
    let inverse = std::array::from_fn(|r| std::array::from_fn(|c| minor(c, r)));
    let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
    (determinant != 0.0).then_some(inverse)
}

/// Share of `from` that `map` takes into `to`, by 32 x 32 points.
fn overlap_of(map: &[[f64; 3]; 3], from: &Signature, to: &Signature) -> f64 {
    const SIDE: usize = 32;
    let place = |i: usize, n: u32| (i as f64 + 0.5) / SIDE as f64 * f64::from(n) - 0.5;
    let inside = |v: f64, n: u32| (-0.5..=f64::from(n) - 0.5).contains(&v);
    let shown = |i: &usize| {
        let [x, y] = apply(map, [place(i % SIDE, from.width), place(i / SIDE, from.height)]);
        inside(x, to.width) && inside(y, to.height)
    };
    (0..SIDE * SIDE).filter(shown).count() as f64 / (SIDE * SIDE) as f64
}

/// How alike the small pictures are.
struct Likeness {
    /// Share of the first picture that lies in the second.
    overlap: f64,
    /// Correlation of the values there.
    correlation: f64,
    /// Correlation of the gradients there: the median over the cells that are not flat, so that a frame or a
    /// caption that two pictures share does not make them alike.
    edges: f64,
}

fn likeness(matrix: &[[f64; 3]; 3], first: &Signature, second: &Signature) -> Option<Likeness> {
    let (a, b) = (first.thumbnail.plane(), second.thumbnail.plane());
    let scale = |s: &Signature, p: &Plane| {
        [f64::from(s.width) / p.size.w() as f64, f64::from(s.height) / p.size.h() as f64]
    };
    let (to_full, of_full) = (scale(first, &a), scale(second, &b));
    // The second picture as the first one is seen; NaN where it does not reach.
    let warped: Vec<f64> = (0..a.data.len())
        .map(|i| {
            let (x, y) = (i % a.size.w(), i / a.size.w());
            let full = |v: usize, k: usize| (v as f64 + 0.5) * to_full[k] - 0.5;
            let [u, v] = apply(matrix, [full(x, 0), full(y, 1)]);
            let small = |v: f64, k: usize| (v + 0.5) / of_full[k] - 0.5;
            bilinear(&b, small(u, 0), small(v, 1)).unwrap_or(f64::NAN)
        })
        .collect();
    let mut values = Correlation::default();
    let mut cells: [Correlation; CELLS * CELLS] = Default::default();
    let (w, h) = (a.size.w(), a.size.h());
    for (i, (x, y)) in a.data.iter().zip(&warped).enumerate() {
        if y.is_nan() {
            continue;
        }
        values.add(f64::from(*x), *y);
        let edges = &mut cells[i / w * CELLS / h * CELLS + i % w * CELLS / w];
        let mut step = |j: usize| {
            if let Some(other) = warped.get(j).filter(|v| !v.is_nan()) {
                edges.add(f64::from(a.data[j] - x), other - y);
            }
        };
        if (i + 1) % w > 0 {
            step(i + 1);
        }
        step(i + w);
    }
    if (values.n as usize) < LEAST_OVERLAP {
        return None;
    }
    let overlap = values.n / a.data.len() as f64;
    Some(Likeness { overlap, correlation: values.about_means(), edges: edges(&cells) })
}

fn edges(cells: &[Correlation]) -> f64 {
    let busy = |c: &&Correlation| c.n >= 4.0 && c.xx.max(c.yy) > FLAT * c.n;
    let mut each: Vec<f64> = cells.iter().filter(busy).map(Correlation::about_zero).collect();
    if each.len() < LEAST_CELLS {
        let sum = |of: fn(&Correlation) -> f64| cells.iter().map(of).sum::<f64>();
        let whole = Correlation {
            xx: sum(|c| c.xx),
            yy: sum(|c| c.yy),
            xy: sum(|c| c.xy),
            ..Correlation::default()
        };
        return whole.about_zero();
    }
    let middle = each.len() / 2;
    *each.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Sums of a correlation.
#[derive(Default)]
struct Correlation {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Correlation {
    fn add(&mut self, x: f64, y: f64) {
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.yy += y * y;
        self.xy += x * y;
    }

    fn about_zero(&self) -> f64 {
        let length = (self.xx * self.yy).sqrt();
        if length > 0.0 { self.xy / length } else { 0.0 }
    }

    fn about_means(&self) -> f64 {
        let (p, q) = (self.x / self.n, self.y / self.n);
        let xx = (self.xx - self.n * p * p).max(0.0);
        let yy = (self.yy - self.n * q * q).max(0.0);
        let length = (xx * yy).sqrt();
        if length > 1e-9 * self.n { (self.xy - self.n * p * q) / length } else { 0.0 }
    }
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
