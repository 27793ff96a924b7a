//! Running means and extremes, and small statistics that the detectors share.

use restora_image::{Image, Plane};

/// The least (or largest) value of the square of side `2 radius + 1` around each pixel, which the
/// border cuts: by doubling, across and then down.
pub fn extreme(
    plane: &[u8],
    w: usize,
    radius: usize,
    pick: impl Fn(u8, u8) -> u8 + Copy,
) -> Vec<u8> {
    let h = plane.len() / w;
    let mut rows = plane.to_vec();
    for row in rows.chunks_exact_mut(w) {
        windows(row, radius, pick);
    }
    // Down: whole rows at a time, in the same way.
    let mut out = rows.clone();
    let mut reached = 0;
    while reached < radius {
        let step = (reached + 1).min(radius - reached);
        let before = out.clone();
        for y in 0..h {
            for other in [y.checked_sub(step), Some(y + step).filter(|o| *o < h)] {
                let Some(other) = other else { continue };
                let (here, there) = (&mut out[y * w..][..w], &before[other * w..][..w]);
                here.iter_mut().zip(there).for_each(|(a, b)| *a = pick(*a, *b));
            }
        }
        reached += step;
    }
    out
}

/// The least (or largest) value within `radius` of each value of a row.
fn windows(row: &mut [u8], radius: usize, pick: impl Fn(u8, u8) -> u8 + Copy) {
    let n = row.len();
    let mut reached = 0;
    while reached < radius {
        let step = (reached + 1).min(radius - reached);
        let before = row.to_vec();
        if step < n {
            row[step..].iter_mut().zip(&before).for_each(|(a, b)| *a = pick(*a, *b));
            row[..n - step].iter_mut().zip(&before[step..]).for_each(|(a, b)| *a = pick(*a, *b));
        }
        reached += step;
    }
}

/// Sums over rectangles of bytes, from sums over all that lies above and to the left. They wrap around;
/// their differences are right as long as a window holds less than 2^32.
pub struct Sums {
    w: usize,
    h: usize,
    table: Vec<u32>,
}

impl Sums {
    /// Of rows of `w`.
    pub fn new(bytes: &[u8], w: usize) -> Self {
        let h = bytes.len() / w;
        let mut table = vec![0u32; (w + 1) * (h + 1)];
        for (y, row) in bytes.chunks_exact(w).enumerate() {
            let (above, here) = table[y * (w + 1)..][..2 * (w + 1)].split_at_mut(w + 1);
            let mut sum = 0u32;
            for ((out, above), v) in here[1..].iter_mut().zip(&above[1..]).zip(row) {
                sum = sum.wrapping_add(u32::from(*v));
                *out = above.wrapping_add(sum);
            }
        }
        Self { w, h, table }
    }

    /// The mean over the square of side `2 radius + 1` around a place, which the border cuts.
    pub fn mean(&self, x: usize, y: usize, radius: usize) -> f32 {
        let (left, right) = (x.saturating_sub(radius), (x + radius + 1).min(self.w));
        let (top, bottom) = (y.saturating_sub(radius), (y + radius + 1).min(self.h));
        let at = |x: usize, y: usize| self.table[y * (self.w + 1) + x];
        let sum = at(right, bottom)
            .wrapping_sub(at(left, bottom))
            .wrapping_sub(at(right, top))
            .wrapping_add(at(left, top));
        sum as f32 / ((right - left) * (bottom - top)) as f32
    }
}

/// A plane of 255 in bytes.
pub fn bytes(luma: &Plane) -> Vec<u8> {
    // The cast rounds towards 0 and clamps.
    luma.data.iter().map(|v| (v + 0.5) as u8).collect()
}

/// The middle one of values that are not none.
pub fn median(values: &[f32]) -> f32 {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// Mean distance from `center`.
pub fn scatter(values: &[f32], center: f32) -> f32 {
    values.iter().map(|v| (v - center).abs()).sum::<f32>() / values.len() as f32
}

/// Largest difference of two channels at a pixel, of 255.
pub fn chroma(image: &Image, i: usize) -> f32 {
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for c in 0..image.channels() {
        let v = image.plane_data(c)[i];
        (low, high) = (low.min(v), high.max(v));
    }
    255.0 * (high - low)
}

/// The tones of a plane that 1 % of its pixels lie below, and above; of a sample of them.
pub fn ends(luma: &Plane) -> (f32, f32) {
    let every = luma.data.len().div_ceil(100_000).max(1);
    let mut tones: Vec<f32> = luma.data.iter().step_by(every).copied().collect();
    let last = tones.len() - 1;
    let low = *tones.select_nth_unstable_by(last / 100, f32::total_cmp).1;
    (low, *tones.select_nth_unstable_by(last - last / 100, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_extremes_are_those_of_each_window() {
        let (w, h) = (13, 9);
        let plane: Vec<u8> = (0..w * h).map(|i| (i * 73 % 251) as u8).collect();
        for radius in [1, 2, 5, 20] {
            let least = extreme(&plane, w, radius, u8::min);
            for y in 0..h {
                for x in 0..w {
                    let rows = y.saturating_sub(radius)..(y + radius + 1).min(h);
                    let wanted = rows
                        .flat_map(|j| {
                            &plane[j * w..][x.saturating_sub(radius)..(x + radius + 1).min(w)]
                        })
                        .min();
                    assert_eq!(Some(&least[y * w + x]), wanted, "{x}, {y}, {radius}");
                }
            }
        }
    }

    #[test]
    fn sums_are_those_of_each_window() {
        let (w, h) = (13, 9);
        let plane: Vec<u8> = (0..w * h).map(|i| (i * 73 % 251) as u8).collect();
        let sums = Sums::new(&plane, w);
        for (x, y, radius) in [(0usize, 0usize, 1), (6, 4, 2), (12, 8, 3), (5, 5, 20)] {
            let rows = y.saturating_sub(radius)..(y + radius + 1).min(h);
            let columns = x.saturating_sub(radius)..(x + radius + 1).min(w);
            let all: Vec<f32> = rows
                .flat_map(|j| plane[j * w..][columns.clone()].iter().map(|v| f32::from(*v)))
                .collect();
            let wanted = all.iter().sum::<f32>() / all.len() as f32;
            assert!((sums.mean(x, y, radius) - wanted).abs() < 1e-4, "{x}, {y}, {radius}");
        }
    }
}
