//! Orientation and descriptor of a keypoint: histograms of the gradients around it (sections 5 and 6
//! of the paper).

use super::DescriptorKind;
use restora_image::{Plane, simd};
use std::f32::consts::{FRAC_PI_2, PI, TAU};

/// Bins of the histogram of orientations.
const ORIENTATIONS: usize = 36;
/// Cells of the descriptor in each direction.
const CELLS: usize = 4;
/// Directions per cell.
const DIRECTIONS: usize = 8;
/// Width of a cell, in scales of the keypoint.
const CELL_WIDTH: f32 = 3.0;
/// Entries of the descriptor are clipped here before they are normalized again.
const CLIP: f32 = 0.2;
/// Cells with one of margin on each side, into which samples at the rim spill.
const SPREAD: usize = CELLS + 2;

type Histogram = [f32; SPREAD * SPREAD * DIRECTIONS];

/// Gradients of one row of samples, and where they fall.
#[derive(Default)]
pub(super) struct Samples {
    magnitude: Vec<f32>,
    angle: Vec<f32>,
    row: Vec<f32>,
    column: Vec<f32>,
}

/// The orientations of a keypoint at `(x, y)` of `plane`, whose scale is `scale` pixels: every peak of
/// the weighted histogram within 80 % of the highest. Radians in `[0, 2 pi)`, from +x to +y.
pub(super) fn orientations(
    plane: &Plane,
    x: f32,
    y: f32,
    scale: f32,
    samples: &mut Samples,
) -> Vec<f32> {
    let width = 1.5 * scale;
    let radius = (3.0 * width).round();
    let mut histogram = [0.0f32; ORIENTATIONS];
    let falloff = |d: f32| (-0.5 * (d / width).powi(2)).exp();
    let columns = inside(x - radius, x + radius, plane.size.w());
    let horizontal: Vec<f32> = columns.clone().map(|column| falloff(column as f32 - x)).collect();
    for row in inside(y - radius, y + radius, plane.size.h()) {
        gradients(plane, row, columns.clone(), samples);
        let vertical = falloff(row as f32 - y);
        let along = samples.angle.iter().zip(&samples.magnitude).zip(&horizontal);
        for ((angle, magnitude), horizontal) in along {
            let bin = (angle * (ORIENTATIONS as f32 / TAU) + 0.5) as usize;
            let bin = if bin < ORIENTATIONS { bin } else { 0 };
            histogram[bin] += vertical * horizontal * magnitude;
        }
    }
    let around = |i: usize, by: usize| histogram[(i + ORIENTATIONS + by - 2) % ORIENTATIONS];
    let smooth: [f32; ORIENTATIONS] = std::array::from_fn(|i| {
        (around(i, 0) + around(i, 4) + 4.0 * (around(i, 1) + around(i, 3)) + 6.0 * around(i, 2))
            / 16.0
    });
    let highest = smooth.iter().copied().fold(0.0, f32::max);
    (0..ORIENTATIONS)
        .filter_map(|i| {
            let (before, after) =
                (smooth[(i + ORIENTATIONS - 1) % ORIENTATIONS], smooth[(i + 1) % ORIENTATIONS]);
            let v = smooth[i];
            if v <= before || v <= after || v < 0.8 * highest {
                return None;
            }
            let bin = i as f32 + 0.5 * (before - after) / (before - 2.0 * v + after);
            Some((bin * (TAU / ORIENTATIONS as f32)).rem_euclid(TAU))
        })
        .collect()
}

/// The 128 bytes of a keypoint: 4 x 4 cells of 8 directions, the cells row by row in the keypoint's
/// own orientation.
pub(super) fn descriptor(
    plane: &Plane,
    x: f32,
    y: f32,
    scale: f32,
    orientation: f32,
    kind: DescriptorKind,
    samples: &mut Samples,
) -> [u8; 128] {
    let (sin, cos) = orientation.sin_cos();
    let per_cell = 1.0 / (CELL_WIDTH * scale);
    // Half the side of the square of samples, and half its diagonal.
    let half = 0.5 * (CELLS + 1) as f32 * CELL_WIDTH * scale;
    let radius = half * (sin.abs() + cos.abs());
    // The weight falls to exp(-1/2) at half the width of the descriptor.
    let falloff = |d: f32| (-0.5 * (d * per_cell / (0.5 * CELLS as f32)).powi(2)).exp();
    let all = inside(x - radius, x + radius, plane.size.w());
    let horizontal: Vec<f32> = all.clone().map(|column| falloff(column as f32 - x)).collect();
    // Neighbors fall into the same cells: two histograms in turn do not wait for each other.
    let mut histograms = [[0.0f32; SPREAD * SPREAD * DIRECTIONS]; 2];
    for row in inside(y - radius, y + radius, plane.size.h()) {
        let dy = row as f32 - y;
        // Where |cos dx + sin dy| < half and |cos dy - sin dx| < half.
        let (first, last) = overlap(reach(cos, sin * dy, half), reach(-sin, cos * dy, half));
        let columns =
            inside((x + first).max(x - radius), (x + last).min(x + radius), plane.size.w());
        if columns.is_empty() {
            continue;
        }
        gradients(plane, row, columns.clone(), samples);
        let weights = &horizontal[columns.start - all.start..][..columns.len()];
        let vertical = falloff(dy);
        let place =
            Place { dx: columns.start as f32 - x, dy, sin: sin * per_cell, cos: cos * per_cell };
        simd(
            #[inline(always)]
            || {
                bins(samples, weights, vertical, orientation, place);
                for i in 0..columns.len() {
                    scatter(
                        &mut histograms[i % 2],
                        samples.row[i],
                        samples.column[i],
                        samples.angle[i],
                        samples.magnitude[i],
                    );
                }
            },
        );
    }
    let [even, odd] = histograms;
    let histogram: Histogram = std::array::from_fn(|i| even[i] + odd[i]);
    packed(&histogram, kind)
}

/// The pixels of `from..=to` whose gradient can be taken.
fn inside(from: f32, to: f32, n: usize) -> std::ops::Range<usize> {
    let start = from.ceil().max(1.0) as usize;
    let end = ((to.floor() + 1.0).max(0.0) as usize).min(n.saturating_sub(1));
    start..end.max(start)
}

/// Where `|a d + b| < half`.
fn reach(a: f32, b: f32, half: f32) -> (f32, f32) {
    if a.abs() < 1e-6 {
        return if b.abs() < half { (f32::MIN, f32::MAX) } else { (1.0, -1.0) };
    }
    let (one, two) = ((-half - b) / a, (half - b) / a);
    (one.min(two), one.max(two))
}

fn overlap(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    (a.0.max(b.0), a.1.min(b.1))
}

/// Magnitude and angle of the gradient at `columns` of `row`.
fn gradients(plane: &Plane, row: usize, columns: std::ops::Range<usize>, samples: &mut Samples) {
    let n = columns.len();
    samples.magnitude.resize(n, 0.0);
    samples.angle.resize(n, 0.0);
    let right = &plane.row(row)[columns.start + 1..][..n];
    let left = &plane.row(row)[columns.start - 1..][..n];
    let down = &plane.row(row + 1)[columns.start..][..n];
    let up = &plane.row(row - 1)[columns.start..][..n];
    let (magnitude, angle) = (&mut samples.magnitude[..n], &mut samples.angle[..n]);
    simd(
        #[inline(always)]
        || {
            for i in 0..n {
                let (dx, dy) = (right[i] - left[i], down[i] - up[i]);
                magnitude[i] = (dx * dx + dy * dy).sqrt();
                angle[i] = atan2(dy, dx);
            }
        },
    );
}

/// Angle in `[0, 2 pi]`, within 1e-5 (M. Abramowitz, I. Stegun, Handbook of Mathematical Functions,
/// 4.4.49).
#[inline(always)]
fn atan2(y: f32, x: f32) -> f32 {
    let (a, b) = (x.abs(), y.abs());
    let t = a.min(b) / (a.max(b) + f32::MIN_POSITIVE);
    let s = t * t;
    let mut angle =
        t * (0.999_866 + s * (-0.330_299_5 + s * (0.180_141 + s * (-0.085_133 + s * 0.020_835_1))));
    angle = if b > a { FRAC_PI_2 - angle } else { angle };
    angle = if x < 0.0 { PI - angle } else { angle };
    if y < 0.0 { TAU - angle } else { angle }
}

/// First sample of a row against the keypoint, and the rotation into its cells.
#[derive(Clone, Copy)]
struct Place {
    dx: f32,
    dy: f32,
    sin: f32,
    cos: f32,
}

/// Turns the gradients of a row into cells (with the margin), directions and weighted magnitudes.
#[inline(always)]
fn bins(samples: &mut Samples, weights: &[f32], vertical: f32, orientation: f32, place: Place) {
    let n = weights.len();
    samples.row.resize(n, 0.0);
    samples.column.resize(n, 0.0);
    let (magnitude, angle) = (&mut samples.magnitude[..n], &mut samples.angle[..n]);
    let (row, column) = (&mut samples.row[..n], &mut samples.column[..n]);
    // Cell 0 has its center at 1 of the spread histogram.
    let middle = 0.5 * (SPREAD - 1) as f32;
    let top = (SPREAD - 1) as f32 - 1e-3;
    for i in 0..n {
        let dx = place.dx + i as f32;
        column[i] = (place.cos * dx + place.sin * place.dy + middle).clamp(0.0, top);
        row[i] = (place.cos * place.dy - place.sin * dx + middle).clamp(0.0, top);
        magnitude[i] *= weights[i] * vertical;
        let turned = (angle[i] - orientation) * (DIRECTIONS as f32 / TAU);
        angle[i] = if turned < 0.0 { turned + DIRECTIONS as f32 } else { turned };
    }
}

/// Shares a sample among the four cells around it and, in each, the two directions.
#[inline(always)]
fn scatter(histogram: &mut Histogram, row: f32, column: f32, direction: f32, magnitude: f32) {
    let (r, c) = (row as usize, column as usize);
    let (fr, fc) = (row - r as f32, column - c as f32);
    let (low, high) = (magnitude * (1.0 - fr), magnitude * fr);
    let shares = [low * (1.0 - fc), low * fc, high * (1.0 - fc), high * fc];
    let mut near = [0.0f32; DIRECTIONS];
    for (i, near) in near.iter_mut().enumerate() {
        let gap = (direction - i as f32).abs();
        *near = (1.0 - gap.min(DIRECTIONS as f32 - gap)).max(0.0);
    }
    let cell = (r * SPREAD + c) * DIRECTIONS;
    let (upper, lower) = histogram[cell..].split_at_mut(SPREAD * DIRECTIONS);
    for (rows, shares) in [(upper, &shares[..2]), (lower, &shares[2..])] {
        let bins: &mut [f32; 2 * DIRECTIONS] =
            (&mut rows[..2 * DIRECTIONS]).try_into().expect("two cells");
        for i in 0..DIRECTIONS {
            bins[i] += shares[0] * near[i];
            bins[DIRECTIONS + i] += shares[1] * near[i];
        }
    }
}

fn packed(histogram: &Histogram, kind: DescriptorKind) -> [u8; 128] {
    let mut values = [0.0f32; CELLS * CELLS * DIRECTIONS];
    for (i, cell) in values.chunks_exact_mut(DIRECTIONS).enumerate() {
        let from = ((i / CELLS + 1) * SPREAD + i % CELLS + 1) * DIRECTIONS;
        cell.copy_from_slice(&histogram[from..][..DIRECTIONS]);
    }
    let norm = |v: &[f32]| v.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    let top = CLIP * norm(&values);
    for v in &mut values {
        *v = v.min(top);
    }
    match kind {
        DescriptorKind::Sift => {
            let scale = 1.0 / norm(&values);
            values.map(|v| byte(v * scale))
        }
        DescriptorKind::RootSift => {
            let scale = 1.0 / values.iter().sum::<f32>().max(f32::MIN_POSITIVE);
            values.map(|v| byte((v * scale).sqrt()))
        }
    }
}

/// A number of `[0, 1]`, of which few lie above 1/2, as a byte.
fn byte(v: f32) -> u8 {
    (512.0 * v).round().min(255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_angle_is_within_a_hundred_thousandth() {
        for i in 0..1000 {
            let wanted = i as f32 * TAU / 1000.0;
            let got = atan2(3.0 * wanted.sin(), 3.0 * wanted.cos());
            let gap = (got - wanted).abs();
            assert!(gap.min(TAU - gap) < 2e-5, "{wanted}: {got}");
        }
        assert_eq!(atan2(0.0, 0.0), 0.0);
    }

    #[test]
    fn a_sample_is_shared_by_distance_and_nothing_is_lost() {
        let mut histogram = [0.0; SPREAD * SPREAD * DIRECTIONS];
        scatter(&mut histogram, 2.25, 3.5, 7.75, 2.0);
        assert!((histogram.iter().sum::<f32>() - 2.0).abs() < 1e-6);
        let bin = |r: usize, c: usize, d: usize| histogram[(r * SPREAD + c) * DIRECTIONS + d];
        assert_eq!(bin(2, 3, 7), 2.0 * 0.75 * 0.5 * 0.25);
        assert_eq!(bin(3, 4, 0), 2.0 * 0.25 * 0.5 * 0.75);
    }

    #[test]
    fn a_ramp_points_its_own_way() {
        let size = restora_image::Size::new(41, 41);
        for degrees in [0.0f32, 30.0, 100.0, 200.0, 350.0] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let plane = Plane::from_fn(size, |x, y| 0.01 * (x as f32 * cos + y as f32 * sin));
            let mut samples = Samples::default();
            let got = orientations(&plane, 20.0, 20.0, 2.0, &mut samples);
            assert_eq!(got.len(), 1);
            assert!((got[0].to_degrees() - degrees).abs() < 5.01, "{degrees}: {got:?}");
        }
    }
}
