//! Navier-Stokes inpainting: the picture's smoothness flows into the hole along its lines of equal
//! brightness, as vorticity flows in a fluid, and is diffused.
//!
//! ```text
//! stream function I (the picture),  velocity v = (-I_y, I_x),  vorticity w = L I
//! v . grad w = nu div(g(|grad w|) grad w)   in the hole,   I = picture outside              (6)
//! g(s) = 1 / (1 + (s / k)^2),   g = 1 if k = 0
//! ```
//!
//! The steady state is approached by relaxing (6) at one pixel after the other, forth and back over the
//! hole in turn: each pixel is set to what makes its own equation hold, `w` of the five pixels that see it
//! follows at once. The transport is upwind. The start is a mean of what is known within 3 pixels, weighted
//! by `1 / d^2`, from the rim inward.
//!
//! Cost: about 25 ns a missing pixel and step in color. Each plane is a fluid of its own.
//! Beside the paper: `I` and `w` are relaxed together in place of alternating time steps of `w` with Poisson
//! solves for `I`; as in the paper, a given number of steps is done, not all that convergence takes: the lowest
//! frequencies of large holes stay those of the start (PSNR of large holes falls on the way to convergence:
//! `docs/inpainting.md`). Border: the image is continued by its edge pixels under each `L`. Groups of
//! holes far apart are filled at the same time.
//!
//! Reference: M. Bertalmio, A. L. Bertozzi and G. Sapiro, "Navier-Stokes, fluid dynamics, and image and video
//! inpainting", CVPR 2001, doi:10.1109/CVPR.2001.990497.

use super::fast_marching::march;
use super::frame::{Frame, FromRim, fill_from_rim, fill_sample};
use restora_image::{Context, Image, Mask, OpError, OpInfo, Operation, ParamInfo, Sample};
use serde::{Deserialize, Serialize};

/// Options of [`navier_stokes`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NavierStokes {
    /// Diffusion of vorticity, above 0, in nominal range per pixel: above 1 there is hardly any flow.
    pub viscosity: f32,
    /// Difference of vorticity between neighbors that is diffused half as much, at least 0; 0 = all alike.
    pub k: f32,
    /// Times that every missing pixel is visited, `0..=10000`.
    pub steps: u32,
}

impl Default for NavierStokes {
    fn default() -> Self {
        Self { viscosity: 0.1, k: 0.0, steps: 20 }
    }
}

/// Name, paper and parameters of [`navier_stokes`].
pub const INFO: OpInfo = OpInfo {
    id: "navier-stokes",
    title: "Inpainting by fluid dynamics (Navier-Stokes)",
    family: "inpaint",
    paper: "M. Bertalmio, A. L. Bertozzi and G. Sapiro, Navier-Stokes, fluid dynamics, and image and \
            video inpainting, CVPR 2001, doi:10.1109/CVPR.2001.990497",
    params: &[
        ParamInfo {
            name: "viscosity",
            symbol: "nu",
            unit: "nominal range per pixel",
            range: "(0, inf)",
            default: "0.1",
            doc: "Diffusion of the smoothness; above 1 there is hardly any flow",
        },
        ParamInfo {
            name: "k",
            symbol: "k",
            unit: "nominal range per pixel^3",
            range: "[0, inf)",
            default: "0.0",
            doc: "Difference of smoothness that is diffused half as much; 0 diffuses all alike",
        },
        ParamInfo {
            name: "steps",
            symbol: "",
            unit: "",
            range: "0..=10000",
            default: "20",
            doc: "Times that every missing pixel is visited",
        },
    ],
};

/// Radius of the mean that the steps start from: of 1 to 4 the best start for large holes but for one.
const RADIUS: i32 = 3;
/// Overrelaxation: 1.0 and 1.5 need some more steps.
const RELAXATION: f32 = 1.3;

/// Fills the missing pixels of an image.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::SizeMismatch`] if the mask does not
/// fit; [`OpError::Input`] if no pixel is known; [`OpError::Cancelled`].
pub fn navier_stokes(
    input: &Image,
    mask: &Mask,
    options: &NavierStokes,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    fill_from_rim(options, input, mask, cx)
}

impl FromRim for NavierStokes {
    fn radius(&self) -> usize {
        RADIUS as usize
    }

    fn fill<const C: usize>(&self, frame: &mut Frame<C>, cx: &Context) -> Result<(), OpError> {
        start(frame, cx)?;
        let links = links(frame);
        let mut vorticity = vorticity(frame);
        for step in 0..self.steps {
            cx.check()?;
            for k in 0..links.len() {
                let k = if step % 2 == 0 { k } else { links.len() - 1 - k };
                self.relax(frame.missing[k] as usize, links[k], &mut frame.pixels, &mut vorticity);
            }
        }
        Ok(())
    }
}

impl NavierStokes {
    /// Makes (6) hold at pixel `p`, nearly.
    #[inline]
    fn relax<const C: usize>(
        &self,
        p: usize,
        beside: [u32; 4],
        pixels: &mut [[f32; C]],
        vorticity: &mut [[f32; C]],
    ) {
        let [up, left, right, down] = beside.map(|i| i as usize);
        let (u_up, u_left, u_right, u_down) =
            (pixels[up], pixels[left], pixels[right], pixels[down]);
        let here = vorticity[p];
        let (w_up, w_left, w_right, w_down) =
            (vorticity[up], vorticity[left], vorticity[right], vorticity[down]);
        let mut change = [0.0; C];
        for c in 0..C {
            let (up, left) = (w_up[c] - here[c], w_left[c] - here[c]);
            let (right, down) = (w_right[c] - here[c], w_down[c] - here[c]);
            let vx = -0.5 * (u_down[c] - u_up[c]);
            let vy = 0.5 * (u_right[c] - u_left[c]);
            let along_x = if vx > 0.0 { -left } else { right };
            let along_y = if vy > 0.0 { -up } else { down };
            let transport = vx * along_x + vy * along_y;
            let g = [up, left, right, down].map(|d| self.diffusivity(d));
            let diffused = g[0] * up + g[1] * left + g[2] * right + g[3] * down;
            // A pixel has -4 in its own vorticity and 1 in that of each neighbor.
            let own = 5.0 * (self.viscosity * (g[0] + g[1] + g[2] + g[3]) + vx.abs() + vy.abs());
            change[c] = RELAXATION * (transport - self.viscosity * diffused) / own;
        }
        for c in 0..C {
            pixels[p][c] += change[c];
            vorticity[p][c] -= 4.0 * change[c];
        }
        for q in [up, left, right, down] {
            for c in 0..C {
                vorticity[q][c] += change[c];
            }
        }
    }

    #[inline]
    fn diffusivity(&self, d: f32) -> f32 {
        if self.k > 0.0 { 1.0 / (1.0 + (d / self.k) * (d / self.k)) } else { 1.0 }
    }
}

/// Means from the rim inward.
fn start<const C: usize>(frame: &mut Frame<C>, cx: &Context) -> Result<(), OpError> {
    let width = frame.width;
    let mut t = vec![f32::INFINITY; frame.known.len()];
    let rim = frame.rim();
    for &i in &rim {
        t[i as usize] = 0.0;
    }
    let order = march(&mut t, width, &rim, f32::INFINITY, cx, |i| frame.is_missing(i))?;
    let square = (-RADIUS..=RADIUS).flat_map(|dy| (-RADIUS..=RADIUS).map(move |dx| (dx, dy)));
    let near: Vec<(isize, f32)> = square
        .map(|(dx, dy)| (dy as isize * width as isize + dx as isize, (dx * dx + dy * dy) as f32))
        .filter(|&(_, d2)| d2 > 0.0 && d2 <= (RADIUS * RADIUS) as f32)
        .map(|(offset, d2)| (offset, 1.0 / d2))
        .collect();
    for &p in &order {
        let p = p as usize;
        let mut sum = [0.0; C];
        let mut weights = 0.0;
        for &(offset, weight) in &near {
            let q = p.wrapping_add_signed(offset);
            if frame.known[q] {
                weights += weight;
                for (sum, v) in sum.iter_mut().zip(frame.pixels[q]) {
                    *sum += weight * v;
                }
            }
        }
        frame.pixels[p] = sum.map(|s| s / weights);
        frame.known[p] = true;
    }
    Ok(())
}

/// The neighbors of each missing pixel; those outside the image are the pixel itself, so that
/// differences to them are 0.
fn links<const C: usize>(frame: &Frame<C>) -> Vec<[u32; 4]> {
    let links = frame
        .missing
        .iter()
        .map(|&p| frame.beside(p as usize).map(|j| if frame.known[j] { j as u32 } else { p }));
    links.collect()
}

/// `L` of the picture at the missing pixels and their neighbors.
fn vorticity<const C: usize>(frame: &Frame<C>) -> Vec<[f32; C]> {
    let mut vorticity = vec![[0.0; C]; frame.pixels.len()];
    for &p in &frame.missing {
        let p = p as usize;
        for i in frame.beside(p).into_iter().filter(|&i| frame.known[i]).chain([p]) {
            let mut sum = [0.0; C];
            for j in frame.beside(i).into_iter().filter(|&j| frame.known[j]) {
                for c in 0..C {
                    sum[c] += frame.pixels[j][c] - frame.pixels[i][c];
                }
            }
            vorticity[i] = sum;
        }
    }
    vorticity
}

impl Operation for NavierStokes {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if !(self.viscosity > 0.0 && self.viscosity.is_finite()) {
            return Err(OpError::param("viscosity", "above 0", self.viscosity));
        }
        if !(self.k >= 0.0 && self.k.is_finite()) {
            return Err(OpError::param("k", "0 or above", self.k));
        }
        match self.steps {
            0..=10_000 => Ok(()),
            n => Err(OpError::param("steps", "in 0..=10000", n)),
        }
    }

    /// A hole is filled from its rim, however far away that is.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        fill_sample(self, sample, |image, mask| navier_stokes(image, mask, self, cx))
    }
}

#[cfg(test)]
mod tests;
