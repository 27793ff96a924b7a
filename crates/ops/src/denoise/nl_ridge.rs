//! NL-Ridge: every patch becomes the linear combination of the patches similar to it that has the
//! least quadratic risk. Two steps: the risk is first estimated without bias from the noisy group
//! itself, then computed with the first result in place of the unknown truth.
//!
//! ```text
//! group of k similar patches of n pixels     Z = X + W,   E|w_j|^2 = d_j     (columns z_j)
//! step 1: minimize SURE                      T = I - (Z'Z)^-1 D
//! step 2: minimize the risk at the pilot P   T = I - (P'P + D)^-1 D
//! both with columns that sum to one          X ~ Z T
//! ```
//!
//! The sum constraint makes the combinations affine: a group is denoised around its mean patch. The
//! patches are put back with weights `1 / |t_j|^2` (the less noise is left, the more), in `[1, k]`.
//!
//! White noise of level `sigma` has `d_j = n sigma^2`; noise that grows with the signal (Poisson and
//! Gaussian) has `d_j = sum over the patch of (a + b signal)`, with the signal taken from the noisy
//! image and then from the pilot.
//!
//! Sizes are those of the paper's table for `sigma <= 15/255`; above, the paper grows patches of the
//! second step to 9x9 and groups to 90 and 120, and those of the first to 11x11 above 35/255. That
//! takes two to three times as long for 0.03 dB less and 0.005 dB less (Set12 images 1, 4, 7, 10 at
//! sigma 25 and 50), so 9x9 in the first step and 7x7 and 64 in the second are used for all of them.
//!
//! Cost per reference patch: about `k^2 n / 2 + k^3 / 2 + k^2 n` multiplications.
//!
//! Borders: patches are those inside the image. Color: groups are matched on the luminance of the
//! orthonormal opponent space and each plane is combined with weights of its own. Tiles give the same bytes as the whole from origins that are
//! multiples of [`Operation::alignment`], as reference patches stand on a grid.
//!
//! References: S. Herbreteau, C. Kervrann, "Towards a unified view of unsupervised non-local methods
//! for image denoising: the NL-Ridge approach", ICIP 2022, arXiv:2203.00570; "A unified framework of
//! non-local parametric methods for image denoising", arXiv:2402.13816 (Poisson and mixed noise).

use super::patch_groups::{BAND, Grid, aggregate, gather};
use super::patch_matching::Matches;
use super::patch_noise::{Noise, NoiseKind, correlated, decorrelated};
use super::patch_regression::{Regression, Shrinkage};
use restora_image::{
    Context, Image, NoiseModel, OpError, OpInfo, Operation, ParamInfo, Sample, Sigma,
};
use serde::{Deserialize, Serialize};

/// Options of [`nl_ridge`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NlRidge {
    /// Noise level, nominal range. A known level is white noise, whatever `noise` says.
    pub sigma: Sigma,
    /// What to take from the measured noise model where `sigma` is `auto`.
    pub noise: NoiseKind,
    /// Side of the window that similar patches are looked for in, pixels, `3..=255`.
    pub window: u32,
    /// Distance between reference patches, pixels, `1..=6`.
    pub step: u32,
}

impl Default for NlRidge {
    /// The paper's window and step.
    fn default() -> Self {
        Self { sigma: Sigma::Auto, noise: NoiseKind::White, window: 37, step: 4 }
    }
}

/// Name, paper and parameters of [`nl_ridge`].
pub const INFO: OpInfo = OpInfo {
    id: "nl-ridge",
    title: "NL-Ridge",
    family: "denoise",
    paper: "S. Herbreteau, C. Kervrann, Towards a unified view of unsupervised non-local methods \
            for image denoising: the NL-Ridge approach, ICIP 2022, arXiv:2203.00570",
    params: &[
        ParamInfo {
            name: "sigma",
            symbol: "sigma",
            unit: "nominal range",
            range: "auto or 0..",
            default: "\"auto\"",
            doc: "Noise level",
        },
        ParamInfo {
            name: "noise",
            symbol: "",
            unit: "",
            range: "white, signal-dependent",
            default: "\"white\"",
            doc: "What to take from the measured noise model where sigma is auto",
        },
        ParamInfo {
            name: "window",
            symbol: "w",
            unit: "pixels",
            range: "3..=255",
            default: "37",
            doc: "Side of the window that similar patches are looked for in",
        },
        ParamInfo {
            name: "step",
            symbol: "",
            unit: "pixels",
            range: "1..=6",
            default: "4",
            doc: "Distance between reference patches",
        },
    ],
};

/// Largest patch of the table below: the reach does not depend on `sigma`.
const LARGEST: u32 = 9;

/// Patch sides and group sizes of both steps, for a standard deviation of the noise.
fn sizes(sigma: f32) -> [(u32, u32); 2] {
    if sigma <= 15.5 / 255.0 { [(7, 18), (7, 55)] } else { [(9, 18), (7, 64)] }
}

/// Denoises a gray or RGB image with white noise of the level `options.sigma`.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range or `sigma` is not known;
/// [`OpError::WrongSpace`] for anything but gray and RGB; [`OpError::Cancelled`].
pub fn nl_ridge(noisy: &Image, options: &NlRidge, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    let sigma = options.sigma.known()?;
    denoise(noisy, options, &Noise::White(sigma * sigma), sigma, cx)
}

/// Denoises a gray or RGB image whose noise has variance `a + b * signal`, one `(a, b)` of `model`
/// per channel. `options.sigma` and `options.noise` do not matter.
///
/// # Errors
/// As [`nl_ridge`]; [`OpError::Param`] if `model` does not fit the image.
pub fn nl_ridge_signal_dependent(
    noisy: &Image,
    model: &NoiseModel,
    options: &NlRidge,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    denoise(noisy, options, &Noise::of_model(model, noisy)?, model.sigma(), cx)
}

fn denoise(
    noisy: &Image,
    options: &NlRidge,
    noise: &Noise,
    sigma: f32,
    cx: &Context,
) -> Result<Image, OpError> {
    cx.check()?;
    let y = decorrelated(noisy, INFO.id)?;
    if noise.is_zero() || noisy.size().is_empty() {
        return Ok(noisy.clone());
    }
    let [(p1, k1), (p2, k2)] = sizes(sigma);
    let grid = Grid::new(y.size(), p1, options.step, options.window, k1);
    let pilot = combine(&y, None, noise, &grid, Shrinkage::SURE, cx)?;
    let grid = Grid::new(y.size(), p2, options.step, options.window, k2);
    let restored = combine(&y, Some(&pilot), noise, &grid, Shrinkage::PILOT, cx)?;
    correlated(restored, noisy)
}

/// One step: groups found on the first plane of the guide, patches of `noisy` combined with the
/// weights that the guide asks for. No guide means the noisy image itself.
pub(super) fn combine(
    noisy: &Image,
    pilot: Option<&Image>,
    noise: &Noise,
    grid: &Grid,
    how: Shrinkage,
    cx: &Context,
) -> Result<Image, OpError> {
    let guide = pilot.unwrap_or(noisy);
    let matches = Matches::find(guide.plane(0), grid, cx)?;
    let energies = noise.energies(guide, grid.patch)?;
    let (w, p, planes) = (grid.size.w(), grid.patch, noisy.channels());
    let scratch = || (Regression::default(), vec![0.0; p * p]);
    let data = aggregate(
        grid,
        &matches,
        planes,
        planes,
        cx,
        scratch,
        #[inline(always)]
        |(group, patch), at, sums| {
            group.reset(at.len(), p * p);
            for c in 0..planes {
                for (j, &at) in at.iter().enumerate() {
                    gather(group.noisy_mut(j), noisy.plane_data(c), at, w, p);
                    if pilot.is_some() {
                        gather(patch, guide.plane_data(c), at, w, p);
                        group.set_guide(j, patch);
                    }
                    group.energy[j] = energies.at(c, at);
                }
                if pilot.is_none() {
                    group.guide_by_noisy();
                }
                group.solve(how);
                for (j, &corner) in at.iter().enumerate() {
                    let weight = 1.0 / group.variance[j].clamp(1.0 / at.len() as f32, 1.0);
                    sums.add(c, corner, weight, group.restored(j));
                    sums.add_weight(c, corner, weight);
                }
            }
        },
    )?;
    Image::from_vec(noisy.size(), noisy.space(), data)
}

impl Operation for NlRidge {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        self.sigma.validate()?;
        if !(3..=255).contains(&self.window) {
            return Err(OpError::param("window", "in 3..=255", self.window));
        }
        if !(1..=6).contains(&self.step) {
            return Err(OpError::param("step", "in 1..=6", self.step));
        }
        Ok(())
    }

    fn reach(&self) -> Option<u32> {
        Some(2 * Grid::reach(LARGEST, self.window))
    }

    fn alignment(&self) -> u32 {
        self.step * BAND as u32
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = match (&sample.noise, self.sigma, self.noise) {
            (Some(model), Sigma::Auto, NoiseKind::SignalDependent) => {
                nl_ridge_signal_dependent(&sample.image, model, self, cx)?
            }
            (model, sigma, _) => {
                let told = Self { sigma: sigma.or_measured(model.as_ref()), ..self.clone() };
                nl_ridge(&sample.image, &told, cx)?
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
