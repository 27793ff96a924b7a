//! The scale space: octaves of Gaussian planes and their differences.

use crate::MetricError;
use restora_image::{Border, Context, Plane, Size, for_each_band, simd};

/// One octave: `layers + 3` Gaussian planes of one size, and the `layers + 2` differences of
/// neighbors, brighter minus next blurrier with the sign of the paper: `D = G(k s) - G(s)`.
pub(super) struct Octave {
    pub gaussians: Vec<Plane>,
    pub differences: Vec<Plane>,
    /// Pixels of the picture per pixel of this octave: 0.5, 1, 2 ...
    pub step: f64,
}

impl Octave {
    /// Blurs `base` (of scale `sigma` in its own pixels) layer by layer.
    pub(super) fn new(
        base: Plane,
        step: f64,
        sigma: f64,
        layers: usize,
        cx: &Context,
    ) -> Result<Self, MetricError> {
        let ratio = 2f64.powf(1.0 / layers as f64);
        let mut gaussians = vec![base];
        let mut differences = Vec::with_capacity(layers + 2);
        for layer in 0..layers + 2 {
            let here = sigma * ratio.powi(layer as i32);
            let more = here * (ratio * ratio - 1.0).sqrt();
            let next = blur(&gaussians[layer], more, cx)?;
            differences.push(difference(&next, &gaussians[layer], cx)?);
            gaussians.push(next);
        }
        Ok(Self { gaussians, differences, step })
    }

    /// The base of the next octave: every second pixel of the plane of twice the scale.
    pub(super) fn next_base(&self) -> Plane {
        let plane = &self.gaussians[self.gaussians.len() - 3];
        let size = Size::new(plane.size.width.div_ceil(2), plane.size.height.div_ceil(2));
        let mut data = Vec::with_capacity(size.len());
        for y in 0..size.h() {
            data.extend(plane.row(2 * y).iter().step_by(2));
        }
        Plane { size, data }
    }
}

/// Twice the size by cubic interpolation: pixel `(2 x, 2 y)` is pixel `(x, y)`. Linear interpolation
/// would blur the pixels between by a variance of 1/2 more than the others.
pub(super) fn doubled(plane: &Plane) -> Plane {
    let (w, h) = (plane.size.w(), plane.size.h());
    let size = Size::new(2 * w as u32, 2 * h as u32);
    let mut data = vec![0.0; size.len()];
    let place = |i: usize, by: isize, n| Border::Reflect101.index(i as isize + by, n).unwrap_or(0);
    let between = |a: f32, b: f32, c: f32, d: f32| (9.0 * (b + c) - (a + d)) * (1.0 / 16.0);
    // Two pixels of margin on the right, one on the left.
    let mut padded = vec![0.0; w + 3];
    for (y, rows) in data.chunks_exact_mut(4 * w).enumerate() {
        let [a, b, c, d] = [-1, 0, 1, 2].map(|by| plane.row(place(y, by, h)));
        for (row, odd) in rows.chunks_exact_mut(2 * w).zip([false, true]) {
            let inner = &mut padded[1..=w];
            if odd {
                for x in 0..w {
                    inner[x] = between(a[x], b[x], c[x], d[x]);
                }
            } else {
                inner.copy_from_slice(b);
            }
            let [left, right, beyond] =
                [place(0, -1, w), place(w, 0, w), place(w, 1, w)].map(|x| padded[1 + x]);
            (padded[0], padded[w + 1], padded[w + 2]) = (left, right, beyond);
            for (pair, p) in row.chunks_exact_mut(2).zip(padded.windows(4)) {
                pair[0] = p[1];
                pair[1] = between(p[0], p[1], p[2], p[3]);
            }
        }
    }
    Plane { size, data }
}

fn difference(above: &Plane, below: &Plane, cx: &Context) -> Result<Plane, MetricError> {
    let mut out = Plane::zeros(above.size);
    let w = out.size.w();
    for_each_band(&mut out.data, w, 64, cx, |y, rows| {
        let from = y * w..y * w + rows.len();
        let (a, b) = (&above.data[from.clone()], &below.data[from]);
        for ((out, a), b) in rows.iter_mut().zip(a).zip(b) {
            *out = a - b;
        }
        Ok(())
    })?;
    Ok(out)
}

/// Gaussian blur over `4 sigma`, mirrored about the centers of the edge pixels.
pub(super) fn blur(plane: &Plane, sigma: f64, cx: &Context) -> Result<Plane, MetricError> {
    let radius = (4.0 * sigma).ceil().max(1.0) as usize;
    let weight = |i: usize| (-0.5 * (i as f64 / sigma).powi(2)).exp();
    let total = weight(0) + 2.0 * (1..=radius).map(weight).sum::<f64>();
    let taps: Vec<f32> = (0..=radius).map(|i| (weight(i) / total) as f32).collect();
    let (w, h) = (plane.size.w(), plane.size.h());
    let mut out = Plane::zeros(plane.size);
    let place = |i: isize, n| Border::Reflect101.index(i, n).unwrap_or(0);
    for_each_band(&mut out.data, w, 32, cx, |y0, rows| {
        let mut middle = vec![0.0; w + 2 * radius];
        let mut pairs = Vec::with_capacity(radius);
        for (dy, out) in rows.chunks_exact_mut(w).enumerate() {
            let y = (y0 + dy) as isize;
            pairs.clear();
            pairs.extend(
                (1..=radius as isize)
                    .map(|i| (plane.row(place(y - i, h)), plane.row(place(y + i, h)))),
            );
            simd(
                #[inline(always)]
                || vertical(plane.row(y as usize), &pairs, &taps, &mut middle[radius..][..w]),
            );
            for i in 1..=radius as isize {
                middle[radius - i as usize] = middle[radius + place(-i, w)];
                middle[radius + w - 1 + i as usize] = middle[radius + place(w as isize - 1 + i, w)];
            }
            simd(
                #[inline(always)]
                || horizontal(&middle, &taps, out),
            );
        }
        Ok(())
    })?;
    Ok(out)
}

/// Pixels whose sums stay in registers while the taps pass by.
const LANES: usize = 64;

#[inline(always)]
fn vertical(center: &[f32], pairs: &[(&[f32], &[f32])], taps: &[f32], out: &mut [f32]) {
    let mut x = 0;
    while x + LANES <= out.len() {
        let mut sum = [0.0f32; LANES];
        let row: &[f32; LANES] = center[x..][..LANES].try_into().expect("lanes");
        for i in 0..LANES {
            sum[i] = taps[0] * row[i];
        }
        for ((above, below), &tap) in pairs.iter().zip(&taps[1..]) {
            let above: &[f32; LANES] = above[x..][..LANES].try_into().expect("lanes");
            let below: &[f32; LANES] = below[x..][..LANES].try_into().expect("lanes");
            for i in 0..LANES {
                sum[i] += tap * (above[i] + below[i]);
            }
        }
        out[x..][..LANES].copy_from_slice(&sum);
        x += LANES;
    }
    for x in x..out.len() {
        let mut sum = taps[0] * center[x];
        for ((above, below), tap) in pairs.iter().zip(&taps[1..]) {
            sum += tap * (above[x] + below[x]);
        }
        out[x] = sum;
    }
}

/// `row` goes `taps.len() - 1` values beyond `out` on either side.
#[inline(always)]
fn horizontal(row: &[f32], taps: &[f32], out: &mut [f32]) {
    let radius = taps.len() - 1;
    let mut x = 0;
    while x + LANES <= out.len() {
        let mut sum = [0.0f32; LANES];
        let center: &[f32; LANES] = row[x + radius..][..LANES].try_into().expect("lanes");
        for i in 0..LANES {
            sum[i] = taps[0] * center[i];
        }
        for (t, &tap) in taps.iter().enumerate().skip(1) {
            let left: &[f32; LANES] = row[x + radius - t..][..LANES].try_into().expect("lanes");
            let right: &[f32; LANES] = row[x + radius + t..][..LANES].try_into().expect("lanes");
            for i in 0..LANES {
                sum[i] += tap * (left[i] + right[i]);
            }
        }
        out[x..][..LANES].copy_from_slice(&sum);
        x += LANES;
    }
    for x in x..out.len() {
        let mut sum = taps[0] * row[x + radius];
        for (t, tap) in taps.iter().enumerate().skip(1) {
            sum += tap * (row[x + radius - t] + row[x + radius + t]);
        }
        out[x] = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_testkit::synthetic;

    #[test]
    fn blur_is_the_sum_of_weighted_neighbors_mirrored_at_the_edges() {
        for size in [Size::new(83, 9), Size::new(5, 3), Size::new(1, 1)] {
            let plane = synthetic(size).plane(0).to_plane();
            let (sigma, radius) = (1.7f64, 7isize);
            let weight = |i: isize| (-0.5 * (i as f64 / sigma).powi(2)).exp();
            let total: f64 = (-radius..=radius).map(weight).sum();
            let got = blur(&plane, sigma, &Context::default()).unwrap();
            let place = |i, n| Border::Reflect101.index(i, n).unwrap();
            for y in 0..size.h() {
                for x in 0..size.w() {
                    let mut sum = 0.0;
                    for dy in -radius..=radius {
                        for dx in -radius..=radius {
                            let row = plane.row(place(y as isize + dy, size.h()));
                            let value = f64::from(row[place(x as isize + dx, size.w())]);
                            sum += weight(dx) * weight(dy) * value / (total * total);
                        }
                    }
                    assert!((f64::from(got.row(y)[x]) - sum).abs() < 2e-6, "{size} at {x}, {y}");
                }
            }
        }
    }

    #[test]
    fn doubling_keeps_every_pixel_at_twice_its_place_and_a_square_a_square() {
        let value = |x: f32, y: f32| 3.0 * x * x + 7.0 * y * y + x * y;
        let plane = Plane::from_fn(Size::new(8, 7), |x, y| value(x as f32, y as f32));
        let twice = doubled(&plane);
        assert_eq!(twice.size, Size::new(16, 14));
        for y in 2..11 {
            for x in 2..13 {
                let wanted = value(0.5 * x as f32, 0.5 * y as f32);
                assert!((twice.row(y)[x] - wanted).abs() < 1e-3, "{x}, {y}");
            }
        }
        assert_eq!(twice.row(0)[0], plane.row(0)[0]);
        let one = Plane { size: Size::new(1, 1), data: vec![0.5] };
        assert_eq!(doubled(&one).data, [0.5; 4]);
    }

    #[test]
    fn the_next_octave_starts_at_twice_the_scale() {
        let plane = synthetic(Size::new(64, 40)).plane(0).to_plane();
        let base = blur(&plane, 1.6, &Context::default()).unwrap();
        let octave = Octave::new(base.clone(), 1.0, 1.6, 3, &Context::default()).unwrap();
        assert_eq!((octave.gaussians.len(), octave.differences.len()), (6, 5));
        let next = octave.next_base();
        assert_eq!(next.size, Size::new(32, 20));
        let wanted = blur(&plane, 3.2, &Context::default()).unwrap();
        let inner = (6..14).flat_map(|y| (6..26).map(move |x| (x, y)));
        for (x, y) in inner {
            assert!((next.row(y)[x] - wanted.row(2 * y)[2 * x]).abs() < 2e-3);
        }
    }
}
