//! Removes impulses (salt and pepper, dead pixels, transmission errors): finds the pixels that were
//! hit, and fills only those from the others. All other pixels keep every bit.
//!
//! **Which pixels.** `fixed` impulses all have one of two values, the darkest and the brightest of the
//! plane unless given. How often they hit follows from pixels whose four neighbors were not hit: if
//! hits are independent, then of those pixels
//!
//! ```text
//! #(pixel at the spike value) / #(pixel not hit) = p_e / (1 - p_low - p_high)
//! ```
//!
//! whatever the picture shows, while saturated areas, where spike values sit side by side, do not
//! enter (nor do places whose neighbors are close to the spike value). Below 0.2 % the plane is taken to have no impulses and is returned as it is. Otherwise every
//! pixel at a spike value counts as hit, except in an area that is truly black or white: more such
//! pixels in 7x7 than chance explains, and nothing between that contradicts. `random` impulses have
//! any value: a pixel is hit where the four nearest in value of its eight neighbors are still far
//! (ROAD, Garnett et al.), or where a first restoration is far from it.
//!
//! **What they were.** A weighted mean of the nearest known pixels is the start; then, with a falling
//! threshold `t_k`, the hit pixels are replaced again and again by what remains of the picture when
//! the cosine coefficients below `t_k` in all 8x8 blocks are set to 0 (Guleryuz): strong structure is
//! carried into the gaps first, then finer and finer structure.
//!
//! ```text
//! x_(k+1) = x_0 where known, S_(t_k)(x_k) where hit,    t_k = 0.2 .. 0.01, geometric
//! ```
//!
//! Cost: about 55 ms per megapixel and iteration on one core with AVX-512. Planes are treated one by one, since
//! impulses usually hit the channels independently. Border: `reflect`.
//!
//! References: O. G. Guleryuz, "Nonlinear approximation based image recovery using adaptive sparse
//! reconstructions and iterated denoising", IEEE TIP 15 (2006), doi:10.1109/TIP.2005.863057 (part I)
//! and doi:10.1109/TIP.2005.863055 (part II); R. Garnett et al., "A universal noise removal algorithm
//! with an impulse detector", IEEE TIP 14 (2005), doi:10.1109/TIP.2005.857261.

use super::sliding_dct::{REACH, sliding_dct};
use restora_image::{
    Context, Image, Mask, OpError, OpInfo, Operation, ParamInfo, Plane, PlaneRef, Sample,
    for_each_band,
};
use serde::{Deserialize, Serialize};

/// Which values impulses have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImpulseKind {
    /// One dark and one bright value (salt and pepper).
    #[default]
    Fixed,
    /// Any value.
    Random,
}

/// Options of [`impulse`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Impulse {
    /// Which values impulses have.
    pub kind: ImpulseKind,
    /// Value of the dark impulses; `None`: the darkest of the plane. `fixed` only.
    pub low: Option<f32>,
    /// Value of the bright impulses; `None`: the brightest of the plane. `fixed` only.
    pub high: Option<f32>,
    /// Share of pixels hit, half of them dark, `0..=1`; `None`: measured per plane. `fixed` only.
    pub density: Option<f32>,
    /// Rounds of the filling; 0 leaves the weighted mean of the nearest known pixels.
    pub iterations: u32,
}

impl Default for Impulse {
    fn default() -> Self {
        Self { kind: ImpulseKind::Fixed, low: None, high: None, density: None, iterations: 16 }
    }
}

/// Name, paper and parameters of [`impulse`].
pub const INFO: OpInfo = OpInfo {
    id: "impulse",
    title: "Impulse removal by detection and iterated cosine shrinkage",
    family: "denoise",
    paper: "O. G. Guleryuz, Nonlinear approximation based image recovery using adaptive sparse \
            reconstructions and iterated denoising, IEEE TIP 15, 2006, doi:10.1109/TIP.2005.863057",
    params: &[
        ParamInfo {
            name: "kind",
            symbol: "",
            unit: "",
            range: "fixed, random",
            default: "\"fixed\"",
            doc: "Which values impulses have: one dark and one bright, or any",
        },
        ParamInfo {
            name: "low",
            symbol: "",
            unit: "nominal range",
            range: "finite",
            default: "null",
            doc: "Value of dark impulses; the darkest of the plane if absent",
        },
        ParamInfo {
            name: "high",
            symbol: "",
            unit: "nominal range",
            range: "finite",
            default: "null",
            doc: "Value of bright impulses; the brightest of the plane if absent",
        },
        ParamInfo {
            name: "density",
            symbol: "p",
            unit: "",
            range: "0..=1",
            default: "null",
            doc: "Share of pixels hit, half of them dark; measured if absent",
        },
        ParamInfo {
            name: "iterations",
            symbol: "K",
            unit: "",
            range: "0..=1000",
            default: "16",
            doc: "Rounds of the filling",
        },
    ],
};

/// Shares of hits below this are taken for bright and dark points of the picture itself. On the
/// clean images of CBSD68, Set12 and Kodak the measured share is at most 0.08 %.
const LEAST_SHARE: f64 = 0.002;
/// How far the neighbors must be from a spike value, as a part of the range, for a pixel at this value
/// to be counted as hit.
const AWAY: f32 = 0.15;
/// First and last threshold of the filling, nominal range. The first keeps only edges of more than
/// a fifth of the range over a block; the last lies at the coefficients of 8-bit rounding and faint
/// texture.
const THRESHOLDS: (f32, f32) = (0.2, 0.01);
/// Farthest known pixel that the start looks for.
const SEARCH: usize = 16;
/// Radius of the window that decides whether an area is truly black or white.
const SATURATED: usize = 3;
/// A pixel is suspected of a random impulse where its four nearest of eight neighbors are further
/// than this, together. Chosen by hand, like the next: low enough to suspect most hits, since the
/// second test clears texture.
const ROAD: f32 = 0.35;
/// .. and is one if a restoration without the suspects is further than this from it.
const FAR: f32 = 0.12;

/// Finds and removes the impulses of every plane.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::Cancelled`].
pub fn impulse(input: &Image, options: &Impulse, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    if input.size().is_empty() {
        return Ok(input.clone());
    }
    input.map_planes(|plane| {
        let hit = match options.kind {
            ImpulseKind::Fixed => find_fixed(plane, options),
            ImpulseKind::Random => find_random(plane, options.iterations, cx)?,
        };
        fill_scattered(plane, &hit, options.iterations, cx)
    })
}

/// The pixels of a plane that were hit by impulses of one dark and one bright value; nothing is
/// marked in a plane without impulses. `iterations` is not used.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range.
pub fn impulse_mask(plane: PlaneRef<'_>, options: &Impulse) -> Result<Mask, OpError> {
    options.validate()?;
    Ok(find_fixed(plane, options))
}

/// The two spike values of a plane and how often each hits.
#[derive(Clone, Copy, Debug)]
struct Spikes {
    values: [f32; 2],
    shares: [f64; 2],
}

fn find_fixed(plane: PlaneRef<'_>, options: &Impulse) -> Mask {
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
struct Classes {
    width: usize,
    height: usize,
    class: Vec<u8>,
}

impl Classes {
    fn new(plane: PlaneRef<'_>, [low, high]: [f32; 2]) -> Self {
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
    fn shares(&self, plane: PlaneRef<'_>, values: [f32; 2]) -> [f64; 2] {
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

fn find_random(plane: PlaneRef<'_>, iterations: u32, cx: &Context) -> Result<Mask, OpError> {
    let size = plane.size();
    let suspects = Mask::from_fn(size, |x, y| road(plane, x, y) > ROAD);
    let restored = fill_scattered(plane, &suspects, iterations.min(6), cx)?;
    let mut smooth = Plane::zeros(size);
    sliding_dct(restored.as_ref(), THRESHOLDS.0, &mut smooth.data, cx)?;
    Ok(Mask::from_fn(size, |x, y| (plane.at(x, y) - smooth.row(y)[x]).abs() > FAR))
}

/// Rank-ordered absolute differences: the sum of the four least to the eight neighbors (fewer at the
/// border of the image).
fn road(plane: PlaneRef<'_>, x: usize, y: usize) -> f32 {
    let (w, h) = (plane.width(), plane.height());
    let mut differences = [f32::INFINITY; 8];
    let mut count = 0;
    for j in y.saturating_sub(1)..(y + 2).min(h) {
        for i in x.saturating_sub(1)..(x + 2).min(w) {
            if (i, j) != (x, y) {
                differences[count] = (plane.at(i, j) - plane.at(x, y)).abs();
                count += 1;
            }
        }
    }
    differences.sort_unstable_by(f32::total_cmp);
    differences[..count.min(4)].iter().sum()
}

/// Fills the pixels that `hit` marks, scattered over the plane, from all others.
///
/// # Errors
/// [`OpError::SizeMismatch`] if the mask has another size; [`OpError::Cancelled`].
pub fn fill_scattered(
    plane: PlaneRef<'_>,
    hit: &Mask,
    iterations: u32,
    cx: &Context,
) -> Result<Plane, OpError> {
    let size = plane.size();
    if hit.size() != size {
        return Err(OpError::SizeMismatch { what: "mask", wanted: size, got: hit.size() });
    }
    let mut filled = plane.to_plane();
    if hit.data().iter().all(|h| !h) {
        return Ok(filled);
    }
    let w = size.w();
    for_each_band(&mut filled.data, w, 32, cx, |y0, band| {
        for (i, out) in band.iter_mut().enumerate() {
            let (x, y) = (i % w, y0 + i / w);
            if hit.at(x, y) {
                *out = nearest_mean(plane, hit, x, y);
            }
        }
        Ok(())
    })?;
    let mut smooth = Plane::zeros(size);
    let ratio = THRESHOLDS.1 / THRESHOLDS.0;
    for k in 0..iterations {
        let t = THRESHOLDS.0 * ratio.powf(k as f32 / (iterations - 1).max(1) as f32);
        sliding_dct(filled.as_ref(), t, &mut smooth.data, cx)?;
        for ((out, smooth), hit) in filled.data.iter_mut().zip(&smooth.data).zip(hit.data()) {
            *out = if *hit { *smooth } else { *out };
        }
        cx.progress.step(u64::from(k) + 1, u64::from(iterations));
    }
    Ok(filled)
}

/// The mean of the known pixels of the smallest window with at least three, weighted by the inverse
/// fourth power of the distance; the pixel itself if there is none within [`SEARCH`] pixels.
fn nearest_mean(plane: PlaneRef<'_>, hit: &Mask, x: usize, y: usize) -> f32 {
    let (w, h) = (plane.width(), plane.height());
    let (mut sum, mut weights, mut count) = (0.0, 0.0, 0);
    for r in 1..=SEARCH {
        for j in y.saturating_sub(r)..(y + r + 1).min(h) {
            for i in x.saturating_sub(r)..(x + r + 1).min(w) {
                let (dx, dy) = (i.abs_diff(x), j.abs_diff(y));
                if dx.max(dy) == r && !hit.at(i, j) {
                    let d = (dx * dx + dy * dy) as f32;
                    sum += plane.at(i, j) / (d * d);
                    weights += 1.0 / (d * d);
                    count += 1;
                }
            }
        }
        if count >= 3 {
            break;
        }
    }
    if count == 0 { plane.at(x, y) } else { sum / weights }
}

impl Operation for Impulse {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        for (name, value) in [("low", self.low), ("high", self.high)] {
            if let Some(v) = value.filter(|v| !v.is_finite()) {
                return Err(OpError::param(name, "finite", v));
            }
        }
        if let (Some(low), Some(high)) = (self.low, self.high)
            && low >= high
        {
            return Err(OpError::param("low", "less than `high`", low));
        }
        if let Some(p) = self.density.filter(|p| !(0.0..=1.0).contains(p)) {
            return Err(OpError::param("density", "in 0..=1", p));
        }
        if self.iterations > 1000 {
            return Err(OpError::param("iterations", "in 0..=1000", self.iterations));
        }
        Ok(())
    }

    /// The whole image where spike values or their density are measured on it.
    fn reach(&self) -> Option<u32> {
        let fill = SEARCH as u32 + REACH as u32 * self.iterations;
        match self.kind {
            ImpulseKind::Fixed => {
                self.low.and(self.high).and(self.density)?;
                Some(SATURATED as u32 + fill)
            }
            // Restored once to find the hits, and once to remove them.
            ImpulseKind::Random => {
                let find = 1 + SEARCH as u32 + REACH as u32 * (self.iterations.min(6) + 1);
                Some(find + fill)
            }
        }
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = impulse(&sample.image, self, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
