//! Which pixels were hit.

use super::Impulse;
use restora_image::{Mask, PlaneRef};

/// Shares of hits below this are taken for bright and dark points of the picture itself. On the
/// clean images of CBSD68, Set12 and Kodak the measured share is at most 0.08 %.
const LEAST_SHARE: f64 = 0.002;
/// How far the neighbors must be from a spike value, as a part of the range, for a pixel at this value
/// to be counted as hit.
const AWAY: f32 = 0.15;
/// Radius of the window that decides whether an area is truly black or white.
pub(super) const SATURATED: usize = 3;
/// The two spike values of a plane and how often each hits.
#[derive(Clone, Copy, Debug)]
struct Spikes {
    values: [f32; 2],
    shares: [f64; 2],
}

pub(super) fn find_fixed(plane: PlaneRef<'_>, options: &Impulse) -> Mask {
    let values = spike_values(plane, options);
    let class = Classes::new(plane, values);
    let shares =
        options.density.map_or_else(|| class.shares(plane, values), |p| [f64::from(p) / 2.0; 2]);
    if values[0] >= values[1] || shares[0] + shares[1] < LEAST_SHARE {
        return Mask::empty(plane.size());
    }
    class.hits(plane, Spikes { values, shares })
}

fn spike_values(plane: PlaneRef<'_>, options: &Impulse) -> [f32; 2] {
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for y in 0..plane.height() {
        for &v in plane.row(y) {
            low = low.min(v);
            high = high.max(v);
        }
    }
    [options.low.unwrap_or(low), options.high.unwrap_or(high)]
}

const BETWEEN: u8 = 2;

/// For each pixel: 0 at the dark spike value, 1 at the bright one, 2 between.
pub(super) struct Classes {
    width: usize,
    height: usize,
    class: Vec<u8>,
}

impl Classes {
    pub(super) fn new(plane: PlaneRef<'_>, [low, high]: [f32; 2]) -> Self {
        let mut class = Vec::with_capacity(plane.size().len());
        for y in 0..plane.height() {
            class.extend(plane.row(y).iter().map(|v| match () {
                () if *v == low => 0,
                () if *v == high => 1,
                () => BETWEEN,
            }));
        }
        Self { width: plane.width(), height: plane.height(), class }
    }

    /// The shares of the two kinds of hits. For the kind `e` they are counted where four neighbors lie
    /// between the spikes and away from `e`, since the picture itself has isolated black points in
    /// dark surroundings; where two opposite ones do if those are too rare (densities beyond 80 %).
    pub(super) fn shares(&self, plane: PlaneRef<'_>, values: [f32; 2]) -> [f64; 2] {
        let margin = AWAY * (values[1] - values[0]);
        let (w, h) = (self.width, self.height);
        // Ratios p_e / (1 - p_low - p_high).
        let odds = [0, 1].map(|e: u8| {
            let (mut four, mut two) = ([0_u64; 2], [0_u64; 2]);
            let value = values[usize::from(e)];
            for y in 1..h.saturating_sub(1) {
                let row = |y: usize| (&self.class[y * w..][..w], plane.row(y));
                let (above, here, below) = (row(y - 1), row(y), row(y + 1));
                let away = |row: (&[u8], &[f32]), x: usize| {
                    row.0[x] == BETWEEN && (row.1[x] - value).abs() > margin
                };
                for x in 1..w.saturating_sub(1) {
                    if here.0[x] == e || here.0[x] == BETWEEN {
                        let c = usize::from(here.0[x] == BETWEEN);
                        let beside = away(here, x - 1) && away(here, x + 1);
                        let over = away(above, x) && away(below, x);
                        four[c] += u64::from(beside && over);
                        two[c] += u64::from(beside) + u64::from(over);
                    }
                }
            }
            let [hit, not] = if four[1] > 200 { four } else { two };
            hit as f64 / not.max(1) as f64
        });
        odds.map(|o| o / (1.0 + odds[0] + odds[1]))
    }

    fn hits(&self, plane: PlaneRef<'_>, spikes: Spikes) -> Mask {
        let size = plane.size();
        let mut mask = Mask::empty(size);
        for e in 0..2_u8 {
            let p = spikes.shares[usize::from(e)];
            if p < LEAST_SHARE / 2.0 {
                continue;
            }
            let value = spikes.values[usize::from(e)];
            let tolerance = 0.2 * (spikes.values[1] - spikes.values[0]);
            self.for_each_window(e, |x, y, same, n| {
                // More than chance explains, by three standard deviations.
                let chance = p * n + 3.0 * (n * p * (1.0 - p)).sqrt() + 1.0;
                let saturated = same > chance && self.agrees(plane, x, y, value, tolerance);
                mask.set(x, y, !saturated);
            });
        }
        mask
    }

    /// Calls `f(x, y, same, n)` for the pixels of class `e`: how many of the `n` pixels of the window
    /// around it are of this class.
    fn for_each_window(&self, e: u8, mut f: impl FnMut(usize, usize, f64, f64)) {
        let (w, h, r) = (self.width, self.height, SATURATED);
        let mut columns = vec![0_u32; w];
        for y in 0..h {
            let (top, bottom) = (y.saturating_sub(r), (y + r + 1).min(h));
            columns.fill(0);
            for row in self.class[top * w..bottom * w].chunks_exact(w) {
                columns.iter_mut().zip(row).for_each(|(n, c)| *n += u32::from(*c == e));
            }
            for x in 0..w {
                if self.class[y * w + x] == e {
                    let (left, right) = (x.saturating_sub(r), (x + r + 1).min(w));
                    let same: u32 = columns[left..right].iter().sum();
                    f(x, y, f64::from(same), ((bottom - top) * (right - left)) as f64);
                }
            }
        }
    }

    /// Is what lies between the spikes in 5x5 near `value`, or is there nothing?
    fn agrees(&self, plane: PlaneRef<'_>, x: usize, y: usize, value: f32, tolerance: f32) -> bool {
        let (mut far, mut count) = (0.0, 0.0);
        for j in y.saturating_sub(2)..(y + 3).min(self.height) {
            for i in x.saturating_sub(2)..(x + 3).min(self.width) {
                if self.class[j * self.width + i] == BETWEEN {
                    far += (plane.at(i, j) - value).abs();
                    count += 1.0;
                }
            }
        }
        far <= tolerance * count
    }
}
