//! Groups of similar patches: the grid of reference patches, gathering, aggregation. Shared by the
//! denoisers that work on groups.
//!
//! Reference patches stand on a grid of `step` pixels, plus the last row and column of patches. The
//! `count` most similar patches of a window of `2 radius + 1` squared make a group; the reference patch
//! always belongs to it and ties go to the earlier patch in raster order. Bands of grid rows are worked on in parallel and their sums added
//! in order, so results are the same bytes for any number of threads. Bands come in waves, so that
//! memory is bounded by the image and a few bands.

use super::patch_matching::Matches;
use restora_image::{Context, OpError, Size, map_bands, simd};

/// Where patches are and how they are grouped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    /// Size of the image.
    pub size: Size,
    /// Side of a patch in pixels, at most that of the image.
    pub patch: usize,
    /// Distance between reference patches in pixels, at most a patch: every pixel is in one.
    pub step: usize,
    /// Patches are looked for up to so many pixels away in both directions.
    pub radius: usize,
    /// Patches per group; fewer where the window has fewer.
    pub count: usize,
}

/// Grid rows per band: fixed, as the order of sums depends on it.
pub(crate) const BAND: usize = 8;
/// Values that are handled together.
pub(crate) const LANES: usize = 16;
/// Largest side of a patch.
pub(crate) const MAX_PATCH: usize = 16;

impl Grid {
    pub fn new(size: Size, patch: u32, step: u32, window: u32, count: u32) -> Self {
        let patch = (patch as usize).min(size.w()).min(size.h());
        // Where the image is smaller than a step: a divisor, so that tiles still fit the grid.
        let step =
            (1..=patch.min(step as usize)).rev().find(|s| (step as usize).is_multiple_of(*s));
        Self {
            size,
            patch,
            step: step.unwrap_or(1),
            radius: window as usize / 2,
            count: count as usize,
        }
    }

    /// Positions of reference patches along an axis of `length` pixels.
    pub fn positions(&self, length: usize) -> Vec<usize> {
        let last = length - self.patch;
        let mut positions: Vec<usize> = (0..=last).step_by(self.step).collect();
        if positions.last() != Some(&last) {
            positions.push(last);
        }
        positions
    }

    /// How far an output pixel of one stage looks, in pixels.
    pub const fn reach(patch: u32, window: u32) -> u32 {
        2 * (window / 2 + patch - 1)
    }
}

/// Weighted sums of the patches of a band.
#[derive(Debug)]
pub(crate) struct Sums {
    /// First image row.
    top: usize,
    width: usize,
    patch: usize,
    /// One plane per output.
    planes: Vec<Vec<f32>>,
    weights: Vec<Vec<f32>>,
}

impl Sums {
    /// Adds a patch with its upper left corner at pixel `at` of the image to output `output`.
    #[inline(always)]
    pub fn add(&mut self, output: usize, at: usize, weight: f32, patch: &[f32]) {
        let (w, p) = (self.width, self.patch);
        let plane = &mut self.planes[output][at - self.top * w..];
        match p {
            6 => add_rows::<6>(plane, w, weight, patch),
            7 => add_rows::<7>(plane, w, weight, patch),
            8 => add_rows::<8>(plane, w, weight, patch),
            9 => add_rows::<9>(plane, w, weight, patch),
            10 => add_rows::<10>(plane, w, weight, patch),
            11 => add_rows::<11>(plane, w, weight, patch),
            _ => {
                for (row, values) in plane.chunks_mut(w).zip(patch[..p * p].chunks_exact(p)) {
                    for (s, v) in row.iter_mut().zip(values) {
                        *s += weight * v;
                    }
                }
            }
        }
    }

    /// Adds the weight itself.
    #[inline(always)]
    pub fn add_weight(&mut self, plane: usize, at: usize, weight: f32) {
        let (w, p) = (self.width, self.patch);
        for row in self.weights[plane][at - self.top * w..].chunks_mut(w).take(p) {
            for s in &mut row[..p] {
                *s += weight;
            }
        }
    }
}

#[inline(always)]
fn add_rows<const P: usize>(plane: &mut [f32], w: usize, weight: f32, patch: &[f32]) {
    for r in 0..P {
        let row = &mut plane[r * w..][..P];
        let values = &patch[r * P..][..P];
        for i in 0..P {
            row[i] += weight * values[i];
        }
    }
}

/// Copies the patch with its upper left corner at pixel `at` of `plane`.
#[inline(always)]
pub(crate) fn gather(out: &mut [f32], plane: &[f32], at: usize, width: usize, patch: usize) {
    match patch {
        6 => copy_rows::<6>(out, &plane[at..], width),
        7 => copy_rows::<7>(out, &plane[at..], width),
        8 => copy_rows::<8>(out, &plane[at..], width),
        9 => copy_rows::<9>(out, &plane[at..], width),
        10 => copy_rows::<10>(out, &plane[at..], width),
        11 => copy_rows::<11>(out, &plane[at..], width),
        _ => {
            for (to, from) in out.chunks_exact_mut(patch).zip(plane[at..].chunks(width)).take(patch)
            {
                to.copy_from_slice(&from[..patch]);
            }
        }
    }
}

#[inline(always)]
fn copy_rows<const P: usize>(out: &mut [f32], plane: &[f32], width: usize) {
    for r in 0..P {
        out[r * P..][..P].copy_from_slice(&plane[r * width..][..P]);
    }
}

/// Calls `work` with the pixel positions of the patches of every group and returns the weighted
/// means of what it adds: `outputs` planes end to end, with `weights` planes of weights that the
/// outputs take in turn. `scratch` makes the memory that `work` reuses.
pub(crate) fn aggregate<S>(
    grid: &Grid,
    matches: &Matches,
    outputs: usize,
    weights: usize,
    cx: &Context,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &[usize], &mut Sums) + Sync,
) -> Result<Vec<f32>, OpError> {
    let (w, h, p, r) = (grid.size.w(), grid.size.h(), grid.patch, grid.radius);
    let side = 2 * r + 1;
    let (xs, ys) = (grid.positions(w), grid.positions(h));
    let mut values = vec![0.0; w * h * outputs];
    let mut totals = vec![0.0; w * h * weights];
    let count = ys.len().div_ceil(BAND);
    let wave = (4 * cx.threads).max(8);
    for first in (0..count).step_by(wave) {
        let sums = map_bands(wave.min(count - first), 1, cx, |i| {
            let band = first + i.start;
            let rows = &ys[band * BAND..((band + 1) * BAND).min(ys.len())];
            let top = rows[0].saturating_sub(r);
            let bottom = (rows[rows.len() - 1] + r + p).min(h);
            let zeros = |n| vec![vec![0.0; (bottom - top) * w]; n];
            let mut sums =
                Sums { top, width: w, patch: p, planes: zeros(outputs), weights: zeros(weights) };
            let mut memory = scratch();
            let mut at = Vec::with_capacity(grid.count);
            let matches = &matches.bands[band];
            let mut displacements = matches.displacements.iter().map(|d| usize::from(*d));
            let mut counts = matches.counts.iter();
            for &y in rows {
                cx.check()?;
                for (&x, &n) in xs.iter().zip(&mut counts) {
                    at.clear();
                    let own = displacements.by_ref().take(usize::from(n));
                    at.extend(own.map(|d| (y + d / side - r) * w + x + d % side - r));
                    simd(
                        #[inline(always)]
                        || work(&mut memory, &at, &mut sums),
                    );
                }
            }
            Ok(sums)
        })?;
        for band in &sums {
            add_band(&mut values, &band.planes, band.top * w, w * h);
            add_band(&mut totals, &band.weights, band.top * w, w * h);
        }
    }
    for (i, plane) in values.chunks_exact_mut(w * h).enumerate() {
        for (v, total) in plane.iter_mut().zip(&totals[i % weights * w * h..]) {
            *v /= total;
        }
    }
    Ok(values)
}

fn add_band(planes: &mut [f32], band: &[Vec<f32>], start: usize, len: usize) {
    for (plane, sums) in planes.chunks_exact_mut(len).zip(band) {
        for (a, b) in plane[start..].iter_mut().zip(sums) {
            *a += b;
        }
    }
}
