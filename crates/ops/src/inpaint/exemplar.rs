//! Exemplar-based inpainting: the hole is made of patches of its surroundings, so that every patch
//! that touches it is like one that is known.
//!
//! ```text
//! minimize  sum_p |patch at p - patch at s(p)|^2   over the hole's colors and the sources s in turn:
//! s(p) = the known patch most like that at p          (searched by PatchMatch)
//! I(x) = sum_p w(p) I(s(p) + x - p) / sum_p w(p),     p the centers of the patches over x
//! w(p) = 1.3^-(distance of p to the rim) exp(-d(p)^2 / 2 sigma^2),   sigma^2 = 75 % quantile of d^2
//! ```
//!
//! The two steps take turns at each level of a pyramid, from that where the hole is as small as a
//! patch to the finest. The result is mixed with the surface of `navier-stokes` by `smooth`: patches look
//! right and are wrong in detail, and the mean of two guesses is nearer to the truth than either.
//!
//! Cost: about 40 us a missing pixel in color. Sources lie within 20 to 60 pixels of a group of holes (twice its
//! side), and patches in the image. Beside the papers: there is no order of filling as Criminisi's, since all
//! patches are found together; the energy is that of Wexler et al. without time; distances to the rim are in
//! city blocks. A group of holes without a known patch near it is filled by `navier-stokes` alone. Three
//! planes are matched together, any other number each on its own.
//!
//! Reference: A. Criminisi, P. Perez and K. Toyama, "Region filling and object removal by exemplar-based image
//! inpainting", IEEE TIP 13(9), 2004, doi:10.1109/TIP.2004.833105; Y. Wexler, E. Shechtman and M. Irani,
//! "Space-time completion of video", IEEE PAMI 29(3), 2007, doi:10.1109/TPAMI.2007.60; C. Barnes et al.,
//! "`PatchMatch`: a randomized correspondence algorithm for structural image editing", ACM TOG 28(3), 2009,
//! doi:10.1145/1531326.1531330.

mod scene;
mod sources;

use super::frame::{fill_sample, holes};
use super::groups::{Group, for_each_group, groups};
use super::navier_stokes::{NavierStokes, navier_stokes};
use restora_image::{Context, Image, Mask, OpError, OpInfo, Operation, ParamInfo, Sample};
use scene::Scene;
use serde::{Deserialize, Serialize};
use sources::Sources;

/// Options of [`exemplar`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exemplar {
    /// Radius of a patch in pixels, `1..=10`.
    pub radius: u32,
    /// Share of the smooth surface, in `[0, 1]`: 0 looks crisp, 0.5 has the least squared error.
    pub smooth: f32,
}

impl Default for Exemplar {
    fn default() -> Self {
        Self { radius: 4, smooth: 0.5 }
    }
}

/// Name, papers and parameters of [`exemplar`].
pub const INFO: OpInfo = OpInfo {
    id: "exemplar",
    title: "Exemplar-based inpainting (PatchMatch)",
    family: "inpaint",
    paper: "A. Criminisi, P. Perez and K. Toyama, Region filling and object removal by exemplar-based \
            image inpainting, IEEE TIP 13(9), 2004, doi:10.1109/TIP.2004.833105; Y. Wexler, E. Shechtman \
            and M. Irani, Space-time completion of video, IEEE PAMI 29(3), 2007, doi:10.1109/TPAMI.2007.60",
    params: &[
        ParamInfo {
            name: "radius",
            symbol: "r",
            unit: "pixels",
            range: "1..=10",
            default: "4",
            doc: "Radius of a patch",
        },
        ParamInfo {
            name: "smooth",
            symbol: "",
            unit: "",
            range: "[0, 1]",
            default: "0.5",
            doc: "Share of a smooth surface; 0 looks crisp, 0.5 has the least squared error",
        },
    ],
};

/// Turns of searching and mixing at each level.
const ROUNDS: u64 = 4;
/// Pixels around a group in which sources lie: twice its longer side, within these bounds.
const SEARCH: (usize, usize) = (20, 60);

/// Fills the missing pixels of an image.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::SizeMismatch`] if the mask does not
/// fit; [`OpError::Input`] if no pixel is known; [`OpError::Cancelled`].
pub fn exemplar(
    input: &Image,
    mask: &Mask,
    options: &Exemplar,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    let Some(mask) = holes(input, mask)? else { return Ok(input.clone()) };
    let base = navier_stokes(input, mask, &NavierStokes::default(), cx)?;
    let groups = groups(mask, 2 * options.radius as usize + 1);
    let mut out = base.clone();
    let together = if input.channels() == 3 { 3 } else { 1 };
    for first in (0..input.channels()).step_by(together) {
        let filled = for_each_group(&groups, cx, |group| match together {
            3 => fill::<3>(&base, mask, group, first, options, cx),
            _ => fill::<1>(&base, mask, group, first, options, cx),
        })?;
        for c in 0..together {
            let plane = out.plane_mut(first + c);
            for (group, colors) in groups.iter().zip(&filled) {
                for ((x, y), color) in group.pixels().zip(colors.chunks_exact(together)) {
                    let v = &mut plane[y * mask.size().w() + x];
                    *v = options.smooth * *v + (1.0 - options.smooth) * color[c];
                }
            }
        }
    }
    Ok(out)
}

/// The colors of the pixels of a group, from patches.
fn fill<const C: usize>(
    base: &Image,
    mask: &Mask,
    group: &Group,
    first: usize,
    options: &Exemplar,
    cx: &Context,
) -> Result<Vec<f32>, OpError> {
    let r = options.radius as usize;
    let (_, _, w, h) = group.bounds();
    let search = (2 * w.max(h)).clamp(SEARCH.0, SEARCH.1);
    let mut levels = vec![Scene::<C>::around(base, mask, group, first, search)];
    while let Some(coarser) = levels[levels.len() - 1].coarser(r) {
        levels.push(coarser);
    }
    let mut above: Option<(Scene<C>, Sources)> = None;
    while let Some(mut scene) = levels.pop() {
        let mut sources = Sources::new(&scene, r, cx.seed);
        if let Some((coarse, theirs)) = &above {
            scene.take_colors(coarse);
            sources.take(&scene, coarse, theirs);
            scene.mix(&mut sources);
        }
        for round in 0..ROUNDS {
            cx.check()?;
            sources.search(&scene, round);
            scene.mix(&mut sources);
        }
        above = Some((scene, sources));
    }
    // There is always a finest level.
    Ok(above.map_or_else(Vec::new, |(scene, _)| scene.colors_of_hole()))
}

impl Operation for Exemplar {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if !(1..=10).contains(&self.radius) {
            return Err(OpError::param("radius", "in 1..=10", self.radius));
        }
        if !(0.0..=1.0).contains(&self.smooth) {
            return Err(OpError::param("smooth", "in [0, 1]", self.smooth));
        }
        Ok(())
    }

    /// A hole is filled from its surroundings, however far it reaches.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        fill_sample(self, sample, |image, mask| exemplar(image, mask, self, cx))
    }
}

#[cfg(test)]
mod tests;
