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
//! any value: an estimate of the picture and the probability that a pixel was hit are found in turn, each
//! from the other, with the share of hits (see `random.rs`); a pixel counts as hit where that is above one
//! half.
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
//! For `random` the start is the estimate, and the first threshold 0.1.
//!
//! Cost: about 55 ms per megapixel and iteration on one core with AVX-512. Planes are treated one by one, since
//! impulses usually hit the channels independently. Border: `reflect`.
//!
//! References: O. G. Guleryuz, "Nonlinear approximation based image recovery using adaptive sparse
//! reconstructions and iterated denoising", IEEE TIP 15 (2006), doi:10.1109/TIP.2005.863057 (part I)
//! and doi:10.1109/TIP.2005.863055 (part II). Kind `random` poses the problem of K. H. Jin, J. C. Ye, "Sparse and
//! low-rank decomposition of a Hankel structured matrix for impulse noise removal", IEEE TIP 27 (2018),
//! doi:10.1109/TIP.2017.2771471, arXiv:1510.05559, with sparse cosine blocks in place of low-rank Hankel matrices.

mod detection;
mod random;

use super::sliding_dct::{REACH, sliding_dct};
use detection::{SATURATED, find_fixed};
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
#[serde(default, deny_unknown_fields)]
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

/// First and last threshold of the filling, nominal range. The first keeps only edges of more than
/// a fifth of the range over a block; the last lies at the coefficients of 8-bit rounding and faint
/// texture.
pub(crate) const THRESHOLDS: (f32, f32) = (0.2, 0.01);
/// First threshold where the start is an estimate already.
const LATE_THRESHOLD: f32 = 0.1;
/// Farthest known pixel that the start looks for.
const SEARCH: usize = 16;

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
    input.map_planes(|plane| match options.kind {
        ImpulseKind::Fixed => {
            fill_scattered(plane, &find_fixed(plane, options), options.iterations, cx)
        }
        ImpulseKind::Random => Ok(without_random(plane, options.iterations, cx)?.0),
    })
}

/// A plane without its impulses of any value, and where they were.
pub(crate) fn without_random(
    plane: PlaneRef<'_>,
    iterations: u32,
    cx: &Context,
) -> Result<(Plane, Mask), OpError> {
    let found = random::find(plane, cx)?;
    let width = plane.width();
    let hit = Mask::from_fn(plane.size(), |x, y| found.trust[y * width + x] < 0.5);
    let mut filled = Plane::from_fn(plane.size(), |x, y| {
        if hit.at(x, y) { found.estimate.row(y)[x] } else { plane.at(x, y) }
    });
    shrink_scattered(&mut filled, &hit, (LATE_THRESHOLD, THRESHOLDS.1), iterations, cx)?;
    Ok((filled, hit))
}

/// The share of the pixels of a plane that are impulses of any value, in `[0.01, 0.8]`; 0 for a plane
/// without pixels. Texture counts as far as no sum of few cosines explains it.
///
/// # Errors
/// [`OpError::Cancelled`].
pub fn random_impulse_share(plane: PlaneRef<'_>, cx: &Context) -> Result<f32, OpError> {
    if plane.size().is_empty() { Ok(0.0) } else { Ok(random::find(plane, cx)?.share) }
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
    shrink_scattered(&mut filled, hit, THRESHOLDS, iterations, cx)?;
    Ok(filled)
}

/// The rounds of cosine shrinkage of [`fill_scattered`], from the estimate that `filled` holds and
/// between two thresholds.
pub(crate) fn shrink_scattered(
    filled: &mut Plane,
    hit: &Mask,
    (first, last): (f32, f32),
    iterations: u32,
    cx: &Context,
) -> Result<(), OpError> {
    let mut smooth = Plane::zeros(filled.size);
    let ratio = last / first;
    for k in 0..iterations {
        let t = first * ratio.powf(k as f32 / (iterations - 1).max(1) as f32);
        sliding_dct(filled.as_ref(), t, &mut smooth.data, cx)?;
        for ((out, smooth), hit) in filled.data.iter_mut().zip(&smooth.data).zip(hit.data()) {
            *out = if *hit { *smooth } else { *out };
        }
        cx.progress.step(u64::from(k) + 1, u64::from(iterations));
    }
    Ok(())
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

    /// The whole image where spike values or the share of hits are measured on it.
    fn reach(&self) -> Option<u32> {
        let fill = SEARCH as u32 + REACH as u32 * self.iterations;
        match self.kind {
            ImpulseKind::Fixed => {
                self.low.and(self.high).and(self.density)?;
                Some(SATURATED as u32 + fill)
            }
            ImpulseKind::Random => None,
        }
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = impulse(&sample.image, self, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
