//! Biharmonic inpainting: the smoothest surface, by its second derivatives, through what is known.
//!
//! ```text
//! L (L u) = 0 in the hole,   u = picture outside,   (L u)(p) = sum of u(q) - u(p) over the neighbors q
//! ```
//!
//! with the five-point Laplacian `L`, that is the 13-point stencil of the bilaplacian. The system of
//! every group of holes that do not touch each other's stencils is symmetric and positive definite and is
//! solved on its own, in `f64`:
//!
//! - thin or small, and scattered pixels: by Cholesky's factorization along a nested dissection of the
//!   pixels, once for all planes (`factor.rs`);
//! - wide, where that costs more: by conjugate gradients, preconditioned by one multigrid V-cycle in `f32`
//!   (Chebyshev smoothing; bilinear prolongation between centers of cells, whose refinements are quadratic
//!   B-splines and so have finite bending energy; unknowns of a coarse level are the functions that lie in
//!   holes only), until the energy of the error has fallen by `1e-16`.
//!
//! Cost: strokes 0.5 microseconds a missing pixel of three planes, half of the pixels missing 1.6, a hole of
//! 400x400 0.11 s a plane (20 to 60 steps, nearly independent of the depth). Memory: a factor has 33 million
//! numbers at most; steps take 80 bytes a pixel of a strip of two million and thread, and groups that spread
//! further are filled strip by strip (`strips.rs`). Values stay within the range of what is known around the
//! group: the smoothest surface overshoots in large holes.
//! Border: the image is continued by its edge pixels under each `L`.
//!
//! Reference: S. B. Damelin and N. S. Hoang, "On surface completion and image inpainting by biharmonic
//! functions: numerical aspects", International Journal of Mathematics and Mathematical Sciences 2018,
//! doi:10.1155/2018/3950312.

mod dense;
mod dissection;
mod factor;
mod level;
mod solve;
mod stencil;
mod strips;

use super::frame::{fill_sample, holes};
use super::groups::{Group, for_each_group, groups};
use factor::Factor;
use rayon::prelude::*;
use restora_image::{Context, Image, Mask, OpError, OpInfo, Operation, Sample, Size};
use serde::{Deserialize, Serialize};
use solve::Steps;
use stencil::Known;
use strips::{LARGE, fill_large};

/// Options of [`biharmonic`]: there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Biharmonic {}

/// Name and paper of [`biharmonic`].
pub const INFO: OpInfo = OpInfo {
    id: "biharmonic",
    title: "Biharmonic inpainting",
    family: "inpaint",
    paper: "S. B. Damelin and N. S. Hoang, On surface completion and image inpainting by biharmonic \
            functions: numerical aspects, IJMMS 2018, doi:10.1155/2018/3950312",
    params: &[],
};

/// When groups are factored, and when they are parted.
#[derive(Clone, Copy)]
struct Plan {
    /// Multiplications per unknown that a factor may cost.
    cost: f64,
    /// Pixels of a strip.
    strip: usize,
}

impl Default for Plan {
    /// Half of the pixels missing at random cost a little less and take 0.28 s by factoring, 0.32 s by steps;
    /// four fifths cost more and take 0.9 and 0.38 s.
    fn default() -> Self {
        Self { cost: 6000.0, strip: 1 << 21 }
    }
}

/// Fills the missing pixels of every plane.
///
/// # Errors
/// [`OpError::SizeMismatch`] if the mask does not fit; [`OpError::Input`] if no pixel is known;
/// [`OpError::Cancelled`].
pub fn biharmonic(
    input: &Image,
    mask: &Mask,
    _options: &Biharmonic,
    cx: &Context,
) -> Result<Image, OpError> {
    cx.check()?;
    let Some(mask) = holes(input, mask)? else { return Ok(input.clone()) };
    let groups = groups(mask, 2);
    let plan = Plan::default();
    let mut out = input.clone();
    let (large, small): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| {
        let (_, _, w, h) = group.bounds();
        w * h > LARGE
    });
    for group in &large {
        fill_large(group, plan, &mut out, mask, cx)?;
    }
    let solved = for_each_group(&small, cx, |group| {
        let solver = Solver::of(group, mask.size(), plan.cost, cx)?;
        for_each_plane(input, cx, |_, plane| {
            let known = Known::around(group, plane, mask);
            let values = solver.solve(group, plane, known.mean, cx)?;
            Ok(values.iter().map(|v| known.within((v + known.mean) as f32)).collect::<Vec<_>>())
        })
    })?;
    let w = mask.size().w();
    for (group, planes) in small.iter().zip(&solved) {
        for (c, values) in planes.iter().enumerate() {
            let plane = out.plane_mut(c);
            for ((x, y), v) in group.pixels().zip(values) {
                plane[y * w + x] = *v;
            }
        }
    }
    Ok(out)
}

/// What `solve` gives for every plane of an image; in parallel if wanted.
fn for_each_plane<T: Send>(
    image: &Image,
    cx: &Context,
    solve: impl Fn(usize, &[f32]) -> Result<T, OpError> + Sync,
) -> Result<Vec<T>, OpError> {
    let solve = |c: usize| solve(c, image.plane_data(c));
    if cx.threads > 1 {
        (0..image.channels()).into_par_iter().map(solve).collect()
    } else {
        (0..image.channels()).map(solve).collect()
    }
}

/// How a group is solved.
enum Solver {
    Direct(Factor),
    Steps(Steps),
}

impl Solver {
    fn of(group: &Group, size: Size, cost: f64, cx: &Context) -> Result<Self, OpError> {
        let factor = Factor::of(group, size, cost, cx)?;
        Ok(factor.map_or_else(|| Self::Steps(Steps::of(group, size)), Self::Direct))
    }

    /// The values of the pixels of the group in one plane, relative to `mean`.
    fn solve(
        &self,
        group: &Group,
        plane: &[f32],
        mean: f64,
        cx: &Context,
    ) -> Result<Vec<f64>, OpError> {
        match self {
            Self::Direct(factor) => Ok(factor.solve(group, plane, mean)),
            Self::Steps(steps) => steps.solve(group, plane, mean, cx),
        }
    }
}

impl Operation for Biharmonic {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        Ok(())
    }

    /// A hole is filled from its rim, however far away that is.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        fill_sample(self, sample, |image, mask| biharmonic(image, mask, self, cx))
    }
}

#[cfg(test)]
mod tests;
