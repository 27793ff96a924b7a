//! Biharmonic inpainting: the smoothest surface, by its second derivatives, through what is known.
//!
//! ```text
//! L (L u) = 0 in the hole,   u = picture outside,   (L u)(p) = sum of u(q) - u(p) over the neighbors q
//! ```
//!
//! with the five-point Laplacian `L`, that is the 13-point stencil of the bilaplacian. The system of
//! every group of holes that do not touch each other's stencils is symmetric and positive definite and is
//! solved on its own by conjugate gradients in `f64`, preconditioned by one multigrid V-cycle in `f32`
//! (Chebyshev smoothing; bilinear prolongation between centers of cells, whose refinements are quadratic
//! B-splines and so have finite bending energy; unknowns of a coarse level are the functions that lie in
//! holes only), until the energy of the error has fallen by `1e-12`.
//!
//! Cost: 20 to 60 steps, nearly independent of the depth of a hole: a hole of 400x400 takes 0.11 s a plane,
//! 512x512 in color 0.02 to 0.4 s. Memory: 75 bytes a pixel of a group's bounding box and thread. Values stay
//! within the range of what is known around the group: the smoothest surface overshoots in large holes.
//! Border: the image is continued by its edge pixels under each `L`.
//!
//! Reference: S. B. Damelin and N. S. Hoang, "On surface completion and image inpainting by biharmonic
//! functions: numerical aspects", International Journal of Mathematics and Mathematical Sciences 2018,
//! doi:10.1155/2018/3950312.

mod level;
mod solve;

use super::frame::{fill_sample, holes};
use super::groups::{Group, for_each_group, groups};
use level::Level;
use rayon::prelude::*;
use restora_image::{Context, Image, Mask, OpError, OpInfo, Operation, Sample};
use serde::{Deserialize, Serialize};
use solve::Hierarchy;

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
    let channels: Vec<usize> = (0..input.channels()).collect();
    let solved = for_each_group(&groups, cx, |group| {
        let levels = Hierarchy::new(Level::of(group, mask));
        let solve = |&c: &usize| solve(&levels, group, input.plane_data(c), mask, cx);
        if cx.threads > 1 {
            channels.par_iter().map(solve).collect::<Result<Vec<_>, _>>()
        } else {
            channels.iter().map(solve).collect()
        }
    })?;
    let mut out = input.clone();
    let w = mask.size().w();
    for (group, planes) in groups.iter().zip(&solved) {
        for (c, values) in planes.iter().enumerate() {
            let plane = out.plane_mut(c);
            for ((x, y), v) in group.pixels().zip(values) {
                plane[y * w + x] = *v;
            }
        }
    }
    Ok(out)
}

/// The values of the pixels of a group in one plane.
fn solve(
    levels: &Hierarchy,
    group: &Group,
    plane: &[f32],
    mask: &Mask,
    cx: &Context,
) -> Result<Vec<f32>, OpError> {
    let level = levels.finest();
    let mut given = vec![0.0; level.len()];
    let known = level.read_known(plane, mask, &mut given);
    let (mut first, mut right) = (vec![0.0; level.len()], vec![0.0; level.len()]);
    // The holes of `given` are 0, so that all of `right` comes from what is known.
    level.twice(&mut given, &mut first, &mut right);
    for v in &mut right {
        *v = -*v;
    }
    let (x, _) = levels.solve(right, cx)?;
    let value = |pixel| (x[level.cell(pixel)] + known.mean) as f32;
    Ok(group.pixels().map(|pixel| value(pixel).clamp(known.least, known.largest)).collect())
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
