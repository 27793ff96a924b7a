//! LIChI (linear and iterative combinations of patches): NL-Ridge's closed-form combinations, applied
//! again and again to an image from which the noise is taken little by little.
//!
//! ```text
//! pilot   P = Y T,   T = I - (1 + a^2) (Y'Y + a^2 D)^-1 D              a = 1/2 (Noisier2Noise)
//! m = 1 .. M:        tau_m = 0.75 (1 - m / M)
//!   group            t = max(1 - std(Y - Z) / sigma, tau_m)             noise left in Z, as a share
//!                    T = I - (P'P + t^2 D)^-1 t^2 D                     columns sum to one
//!   estimate         X = Z T                                            becomes the next pilot P
//!   next input       Z = (1 - tau_m / t) X + (tau_m / t) Z              tau_m of the noise is kept
//! ```
//!
//! with the columns of `Y`, `Z`, `P` the patches of a group in the noisy image, in the image denoised so
//! far (first `Z = Y`) and in the pilot, and `D = n sigma^2 I`, or the sum over each patch of
//! `a + b signal`. Keeping a share of the noise lets a later, better pilot decide about it; the result
//! is the last `Z`. Groups are found on `Z`, again in every third iteration. Patches are put back
//! with weights `1 / |t_j|^2`, at most `k`.
//!
//! Cost per reference patch and iteration: about `k^2 n + k^3 / 2 + k^2 n / 2` multiplications,
//! `k = 64`, `n = 36`.
//!
//! Measured at sigma 25: Set12 30.24 dB (BM3D 29.99), every fourth BSD68 image 28.75 dB (BM3D 28.53).
//! The parameters are the paper's; none of twelve that were moved (window, groups, patches, steps,
//! kept noise, strength of the pilot) gained more than 0.01 dB on Set12 images 1, 4, 7 at sigma 25.
//!
//! Borders: patches are those inside the image. Color: groups are found on the luminance of the
//! orthonormal opponent space and each plane is combined with weights of its own; one set of weights
//! for the three planes stacked, as the authors have it, is 0.8 dB worse (30.61 against 31.41 on CBSD68
//! images 1, 18, 35, 52 at sigma 25). Tiles give the same bytes as the whole from origins that are
//! multiples of [`Operation::alignment`], as reference patches stand on a grid.
//!
//! Reference: S. Herbreteau, C. Kervrann, "Linear combinations of patches are unreasonably effective
//! for single-image denoising", IEEE Transactions on Image Processing 33 (2024),
//! doi:10.1109/TIP.2024.3436651, arXiv:2212.00422. Poisson and mixed noise as in arXiv:2402.13816.

use super::nl_ridge::combine;
use super::patch_groups::{BAND, Grid, LANES, aggregate, gather};
use super::patch_matching::Matches;
use super::patch_noise::{Noise, NoiseKind, correlated, decorrelated};
use super::patch_regression::{Regression, Shrinkage};
use restora_image::{
    Context, Image, NoiseModel, OpError, OpInfo, Operation, ParamInfo, Sample, Sigma,
};
use serde::{Deserialize, Serialize};

/// Options of [`lichi`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lichi {
    /// Noise level, nominal range. A known level is white noise, whatever `noise` says.
    pub sigma: Sigma,
    /// What to take from the measured noise model where `sigma` is `auto`.
    pub noise: NoiseKind,
    /// Side of the window that similar patches are looked for in, pixels, `3..=255`.
    pub window: u32,
    /// Distance between reference patches, pixels, `1..=6`.
    pub step: u32,
    /// Number of iterations, `1..=50`.
    pub iterations: u32,
}

impl Default for Lichi {
    /// The paper's parameters.
    fn default() -> Self {
        Self { sigma: Sigma::Auto, noise: NoiseKind::White, window: 65, step: 3, iterations: 9 }
    }
}

/// Name, paper and parameters of [`lichi`].
pub const INFO: OpInfo = OpInfo {
    id: "lichi",
    title: "LIChI",
    family: "denoise",
    paper: "S. Herbreteau, C. Kervrann, Linear combinations of patches are unreasonably effective \
            for single-image denoising, IEEE Transactions on Image Processing 33, 2024, \
            doi:10.1109/TIP.2024.3436651, arXiv:2212.00422",
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
            default: "65",
            doc: "Side of the window that similar patches are looked for in",
        },
        ParamInfo {
            name: "step",
            symbol: "",
            unit: "pixels",
            range: "1..=6",
            default: "3",
            doc: "Distance between reference patches",
        },
        ParamInfo {
            name: "iterations",
            symbol: "M",
            unit: "",
            range: "1..=50",
            default: "9",
            doc: "Number of iterations",
        },
    ],
};

/// Patch side and group size of the first pilot.
const PILOT: (u32, u32) = (11, 16);
/// Patch side and group size of the iterations.
const ITERATED: (u32, u32) = (6, 64);
/// Noise added for the first pilot, as a share of the noise.
const ALPHA: f32 = 0.5;
/// Share of the noise that the first iterations keep.
const KEPT: f32 = 0.75;
/// Iterations that share their groups.
const REGROUP: u32 = 3;

/// Denoises a gray or RGB image with white noise of the level `options.sigma`.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range or `sigma` is not known;
/// [`OpError::WrongSpace`] for anything but gray and RGB; [`OpError::Cancelled`].
pub fn lichi(noisy: &Image, options: &Lichi, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    let sigma = options.sigma.known()?;
    denoise(noisy, options, &Noise::White(sigma * sigma), cx)
}

/// Denoises a gray or RGB image whose noise has variance `a + b * signal`, one `(a, b)` of `model`
/// per channel. `options.sigma` and `options.noise` do not matter.
///
/// # Errors
/// As [`lichi`]; [`OpError::Param`] if `model` does not fit the image.
pub fn lichi_signal_dependent(
    noisy: &Image,
    model: &NoiseModel,
    options: &Lichi,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    denoise(noisy, options, &Noise::of_model(model, noisy)?, cx)
}

fn denoise(noisy: &Image, options: &Lichi, noise: &Noise, cx: &Context) -> Result<Image, OpError> {
    cx.check()?;
    let y = decorrelated(noisy, INFO.id)?;
    if noise.is_zero() || noisy.size().is_empty() {
        return Ok(noisy.clone());
    }
    let grid = |(patch, count)| Grid::new(y.size(), patch, options.step, options.window, count);
    let how = Shrinkage::noisier(ALPHA);
    let mut pilot = combine(&y, None, noise, &grid(PILOT), how, cx)?;
    let mut z = y.clone();
    let grid = grid(ITERATED);
    let mut matches = Matches::default();
    let last = options.iterations;
    cx.progress.step(1, u64::from(last) + 1);
    for m in 1..=last {
        if (m - 1) % REGROUP == 0 {
            matches = Matches::find(z.plane(0), &grid, cx)?;
        }
        let tau = KEPT * (1.0 - m as f32 / last as f32);
        (pilot, z) = iterate(&y, &z, &pilot, noise, tau, &grid, &matches, cx)?;
        cx.progress.step(u64::from(m) + 1, u64::from(last) + 1);
    }
    correlated(z, noisy)
}

/// One iteration: the next pilot, and the next input, which keeps `tau` of the noise.
#[expect(clippy::too_many_arguments, reason = "the three images, the noise and the groups")]
fn iterate(
    y: &Image,
    z: &Image,
    pilot: &Image,
    noise: &Noise,
    tau: f32,
    grid: &Grid,
    matches: &Matches,
    cx: &Context,
) -> Result<(Image, Image), OpError> {
    let energies = noise.energies(pilot, grid.patch)?;
    let (w, p, planes) = (grid.size.w(), grid.patch, y.channels());
    let n = p * p;
    let scratch = || (Regression::default(), vec![0.0; n]);
    let mut pilot = aggregate(
        grid,
        matches,
        2 * planes,
        planes,
        cx,
        scratch,
        #[inline(always)]
        |(group, patch), at, sums| {
            let k = at.len();
            group.reset(k, n);
            for c in 0..planes {
                let (y, z, pilot) = (y.plane_data(c), z.plane_data(c), pilot.plane_data(c));
                let mut energy = 0.0;
                let (mut total, mut squares) = ([0.0; LANES], [0.0; LANES]);
                for (j, &at) in at.iter().enumerate() {
                    gather(patch, pilot, at, w, p);
                    group.set_guide(j, patch);
                    gather(group.noisy_mut(j), z, at, w, p);
                    gather(patch, y, at, w, p);
                    removed(group.noisy(j), patch, &mut total, &mut squares);
                    group.energy[j] = energies.at(c, at);
                    energy += group.energy[j];
                }
                let count = (k * n) as f32;
                let mean = total.iter().sum::<f32>() / count;
                let variance = squares.iter().sum::<f32>() / count - mean * mean;
                // The share of the noise that is left in z.
                let t = (1.0 - (variance.max(0.0) * count / energy).sqrt()).max(tau + 1e-6);
                for e in &mut group.energy[..k] {
                    *e *= t * t;
                }
                group.solve(Shrinkage::PILOT);
                let keep = tau / t;
                for (j, &at) in at.iter().enumerate() {
                    let weight = 1.0 / group.variance[j].max(1.0 / k as f32);
                    sums.add(c, at, weight, group.restored(j));
                    for ((v, x), z) in patch.iter_mut().zip(group.restored(j)).zip(group.noisy(j)) {
                        *v = x + keep * (z - x);
                    }
                    sums.add(planes + c, at, weight, patch);
                    sums.add_weight(c, at, weight);
                }
            }
        },
    )?;
    let z = pilot.split_off(pilot.len() / 2);
    let image = |data| Image::from_vec(y.size(), y.space(), data);
    Ok((image(pilot)?, image(z)?))
}

/// Adds up `z - y` and its squares, in [`LANES`] sums that are independent of each other.
#[inline(always)]
fn removed(z: &[f32], y: &[f32], total: &mut [f32; LANES], squares: &mut [f32; LANES]) {
    let (z, z_rest) = z.as_chunks::<LANES>();
    let (y, y_rest) = y.as_chunks::<LANES>();
    for (z, y) in z.iter().zip(y) {
        for l in 0..LANES {
            let d = z[l] - y[l];
            total[l] += d;
            squares[l] += d * d;
        }
    }
    for (l, (z, y)) in z_rest.iter().zip(y_rest).enumerate() {
        let d = z - y;
        total[l] += d;
        squares[l] += d * d;
    }
}

impl Operation for Lichi {
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
        if !(1..=50).contains(&self.iterations) {
            return Err(OpError::param("iterations", "in 1..=50", self.iterations));
        }
        Ok(())
    }

    fn reach(&self) -> Option<u32> {
        let iteration = Grid::reach(ITERATED.0, self.window);
        Some(Grid::reach(PILOT.0, self.window) + self.iterations * iteration)
    }

    fn alignment(&self) -> u32 {
        self.step * BAND as u32
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = match (&sample.noise, self.sigma, self.noise) {
            (Some(model), Sigma::Auto, NoiseKind::SignalDependent) => {
                lichi_signal_dependent(&sample.image, model, self, cx)?
            }
            (model, sigma, _) => {
                let told = Self { sigma: sigma.or_measured(model.as_ref()), ..self.clone() };
                lichi(&sample.image, &told, cx)?
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
