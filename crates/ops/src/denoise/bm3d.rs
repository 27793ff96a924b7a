//! BM3D and CBM3D: similar blocks are stacked, and each stack is denoised in its three-dimensional
//! spectrum, first by hard thresholding, then by a Wiener filter that takes the first result as the
//! truth.
//!
//! ```text
//! group(R)   = the N blocks B in the search window of reference block R with the least
//!              |z_B - z_R|^2, if below tau                          matching, eqs. (1) to (3)
//! estimate   = T^-1( shrink( T(group) ) ),  T = 2-D transform x Haar along the group
//! shrink     : c if |c| > lambda s, else 0                          step 1, eqs. (4) to (6)
//!              c p^2 / (p^2 + mu^2 s^2), p = T(pilot group)         step 2, eqs. (8), (9)
//! output     = sum of w K estimate / sum of w K over all blocks     aggregation, eq. (12)
//!              w = 1 / (sum of s^2 kept), or 1 / (sum of factor^2 s^2);  K = Kaiser window
//! ```
//!
//! Blocks are 8x8, reference blocks `step` pixels apart; step 1 uses the biorthogonal wavelet 1.5,
//! step 2 the DCT and groups matched on the result of step 1. Color images
//! are taken to the orthonormal opponent space, groups are formed on its luminance alone, and each
//! plane is filtered with those groups (CBM3D).
//!
//! Cost: matching `O(pixels * window)`, about 4 vector operations per pixel and displacement;
//! filtering one group per `step^2` pixels. Memory: some 4 planes per channel.
//!
//! Differences from the 2007 paper, after Mäkinen, Azzari, Foi 2020: `s^2` is the exact variance of
//! the noise in each coefficient, blocks that overlap included (0.01 to 0.05 dB), and `w` is one over the sum
//! of those variances that the shrinkage lets through (0.03 dB). Also: groups of 16 in both steps,
//! 32 beyond sigma 40/255; the mean of a group is never shrunk; the first matching threshold grows with the noise; distances are compared
//! to 13 significant bits, so that a distance and its displacement fit one 32-bit key.
//!
//! Border: blocks lie inside the image (images smaller than a block are reflected to its size); the
//! last possible row and column of blocks always are reference blocks. A tile gives the same bytes
//! as the whole image at least [`Operation::reach`] away from its cut edges if its origin is a
//! multiple of [`Operation::alignment`], and differs by rounding only if it is one of `step`.
//!
//! K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, "Image denoising by sparse 3-D transform-domain
//! collaborative filtering", IEEE TIP 16(8), 2007, doi:10.1109/TIP.2007.901238; the same, "Color
//! image denoising via sparse 3D collaborative filtering with grouping constraint in
//! luminance-chrominance space", ICIP 2007, doi:10.1109/ICIP.2007.4378954; Y. Mäkinen, L. Azzari,
//! A. Foi, IEEE TIP 29, 2020, doi:10.1109/TIP.2020.3014721; M. Lebrun, IPOL 2012,
//! doi:10.5201/ipol.2012.l-bm3d.

mod aggregation;
mod collaborative;
mod matching;
mod transforms;

use super::anscombe::stabilized;
use super::patch_noise::NoiseKind;
use aggregation::{Part, aggregate, combine};
use collaborative::{Tables, Workspace, hard_threshold, wiener};
use matching::{MAX_RADIUS, Search, reference_positions};
use restora_image::{
    Border, ColorSpace, Context, Image, NoiseModel, OpError, OpInfo, Operation, ParamInfo, Sample,
    Sigma, Size, from_opponent, map_bands, simd, to_opponent,
};
use serde::{Deserialize, Serialize};
use transforms::{Bior15, Dct8, SIDE, kaiser};

/// Rows of reference blocks in a band, the unit of parallel work.
const BAND: u32 = 16;

/// Which of the two steps to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bm3dStages {
    /// Hard thresholding, then Wiener filtering.
    #[default]
    Both,
    /// Hard thresholding only: half the time, some 0.7 dB less.
    HardThreshold,
}

/// Options of [`bm3d`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bm3d {
    /// Standard deviation of the noise, in nominal range; 0 leaves the image as it is. A known level
    /// is white noise, whatever `noise` says.
    pub sigma: Sigma,
    /// What to take from the measured noise model where `sigma` is `auto`.
    pub noise: NoiseKind,
    /// Which of the two steps to run.
    pub stages: Bm3dStages,
    /// Distance of neighboring reference blocks in pixels, `1..=4`.
    pub step: u32,
    /// Similar blocks are searched this far in each direction, in pixels, `1..=22`.
    pub search_radius: u32,
}

impl Default for Bm3d {
    fn default() -> Self {
        Self {
            sigma: Sigma::Auto,
            noise: NoiseKind::White,
            stages: Bm3dStages::Both,
            step: 3,
            search_radius: 19,
        }
    }
}

/// Name, paper and options.
pub const INFO: OpInfo = OpInfo {
    id: "bm3d",
    title: "Block-matching and 3D filtering (BM3D, CBM3D)",
    family: "denoise",
    paper: "Dabov, Foi, Katkovnik, Egiazarian, \"Image denoising by sparse 3-D transform-domain \
            collaborative filtering\", IEEE TIP 2007, doi:10.1109/TIP.2007.901238",
    params: &[
        ParamInfo {
            name: "sigma",
            symbol: "sigma",
            unit: "nominal range",
            range: "auto or >= 0",
            default: "\"auto\"",
            doc: "standard deviation of the noise",
        },
        ParamInfo {
            name: "noise",
            symbol: "",
            unit: "",
            range: "white, signal-dependent",
            default: "\"white\"",
            doc: "what to take from the measured noise model where sigma is auto",
        },
        ParamInfo {
            name: "stages",
            symbol: "",
            unit: "",
            range: "both | hard-threshold",
            default: "\"both\"",
            doc: "both steps, or the first one only (twice as fast, some 0.7 dB less)",
        },
        ParamInfo {
            name: "step",
            symbol: "N_step",
            unit: "pixels",
            range: "1..=4",
            default: "3",
            doc: "distance of neighboring reference blocks; larger is faster",
        },
        ParamInfo {
            name: "search_radius",
            symbol: "(N_S - 1) / 2",
            unit: "pixels",
            range: "1..=22",
            default: "19",
            doc: "how far similar blocks are searched in each direction",
        },
    ],
};

impl Bm3d {
    /// These options with a known noise level.
    pub fn with_sigma(sigma: f32) -> Self {
        Self { sigma: Sigma::Known(sigma), ..Self::default() }
    }
}

/// What differs between the two steps.
struct Stage {
    search: Search,
    tables: Tables,
    window: [f32; SIDE],
}

/// Threshold of the first step in standard deviations. With exact variances, Mäkinen et al. 2020 take
/// 3.0; on 25 photographs outside every test set 2.7 to 2.85 gave 0.02 to 0.04 dB more.
const LAMBDA: f64 = 2.85;
/// Weight of the noise in the Wiener factors (Mäkinen et al. 2020: 0.4; chosen with `LAMBDA`).
const MU_SQUARED: f64 = 0.5;
/// Blocks in a group at most, and beyond `HIGH_NOISE`. Groups of 32 (as in the second step of Dabov
/// et al. 2007) gain nothing at moderate noise, cost twice as much, and give 0.03 dB at sigma 50/255.
const GROUP: [usize; 2] = [16, 32];
/// Where Dabov et al. 2007 switch to their profile for high noise.
const HIGH_NOISE: f64 = 40.0 / 255.0;
/// Mean squared difference below which blocks are similar in the two steps. The first is that of the
/// paper, over what the noise itself adds; the second is wider than its 400: 0.01 dB.
const TAU: [f64; 2] = [3000.0 / (255.0 * 255.0), 1200.0 / (255.0 * 255.0)];
/// Noise below this is none: far below one step of 16-bit samples.
const LEAST_SIGMA: f64 = 1e-6;
/// Noise above this is treated as this: its squares and sums stay far below those of blocks that are
/// not in the image.
const MOST_SIGMA: f64 = 1e6;
/// Shape of the Kaiser window (the same profile).
const BETA: f64 = 2.0;

impl Stage {
    fn hard(options: &Bm3d, sigma: f64) -> Self {
        let variance = sigma * sigma;
        let group = GROUP[usize::from(sigma > HIGH_NOISE)];
        Self {
            search: search(options, group, TAU[0] + 2.0 * variance),
            tables: Tables::new::<Bior15>(LAMBDA * LAMBDA * variance, group),
            window: kaiser(BETA),
        }
    }

    fn wiener(options: &Bm3d, sigma: f64) -> Self {
        let group = GROUP[usize::from(sigma > HIGH_NOISE)];
        Self {
            search: search(options, group, TAU[1]),
            tables: Tables::new::<Dct8>(MU_SQUARED * sigma * sigma, group),
            window: kaiser(BETA),
        }
    }
}

fn search(options: &Bm3d, group: usize, tau: f64) -> Search {
    Search::new(options.step as usize, options.search_radius, group, (tau * 64.0) as f32)
}

/// Removes white Gaussian noise of a known level from a gray or RGB image.
///
/// # Errors
/// [`OpError::Param`] for options out of range or a noise level that is not known,
/// [`OpError::WrongSpace`] for anything but gray and RGB, [`OpError::Cancelled`].
pub fn bm3d(noisy: &Image, options: &Bm3d, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    let sigma = f64::from(options.sigma.known()?).min(MOST_SIGMA);
    let wrong = OpError::WrongSpace { op: "bm3d", wanted: "gray or RGB", got: noisy.space() };
    match noisy.space() {
        _ if noisy.size().is_empty() => Ok(noisy.clone()),
        ColorSpace::Gray | ColorSpace::Srgb | ColorSpace::LinearRgb if sigma < LEAST_SIGMA => {
            cx.check()?;
            Ok(noisy.clone())
        }
        ColorSpace::Gray => planes(noisy, options, sigma, cx),
        space @ (ColorSpace::Srgb | ColorSpace::LinearRgb) => {
            from_opponent(&planes(&to_opponent(noisy)?, options, sigma, cx)?, space)
        }
        _ => Err(wrong),
    }
}

/// Denoises a gray or RGB image whose noise has variance `a + b * signal`, one `(a, b)` of `model` per
/// channel: [`bm3d`] between the generalized Anscombe transform and its unbiased inverse.
/// `options.sigma` and `options.noise` do not matter.
///
/// # Errors
/// As [`bm3d`]; [`OpError::Param`] if `model` does not fit the image.
pub fn bm3d_signal_dependent(
    noisy: &Image,
    model: &NoiseModel,
    options: &Bm3d,
    cx: &Context,
) -> Result<Image, OpError> {
    stabilized(noisy, model, cx, |image, sigma| {
        bm3d(image, &Bm3d { sigma: Sigma::Known(sigma), ..options.clone() }, cx)
    })
}

/// Both steps on all planes of an image, grouped on the first.
fn planes(noisy: &Image, options: &Bm3d, sigma: f64, cx: &Context) -> Result<Image, OpError> {
    let size = noisy.size();
    if size.w() < SIDE || size.h() < SIDE {
        let grown = reflected(noisy, Size::new(size.width.max(8), size.height.max(8)))?;
        let mut out = planes(&grown, options, sigma, cx)?.crop(size.rect());
        out.alpha.clone_from(&noisy.alpha);
        return Ok(out);
    }
    let stage = Stage::hard(options, sigma);
    let basic = run(noisy, None, &stage, cx)?;
    match options.stages {
        Bm3dStages::HardThreshold => Ok(basic),
        Bm3dStages::Both => run(noisy, Some(&basic), &Stage::wiener(options, sigma), cx),
    }
}

/// The image continued by reflection to the right and below.
fn reflected(image: &Image, size: Size) -> Result<Image, OpError> {
    let mut data = Vec::with_capacity(size.len() * image.channels());
    let (w, h) = (image.size().w(), image.size().h());
    let at = |i: usize, n: usize| Border::Reflect.index(i as isize, n).unwrap_or(0);
    for plane in image.planes() {
        for y in 0..size.h() {
            let row = plane.row(at(y, h));
            data.extend((0..size.w()).map(|x| row[at(x, w)]));
        }
    }
    Image::from_vec(size, image.space(), data)
}

/// One step: matching, filtering, aggregation.
fn run(
    noisy: &Image,
    pilot: Option<&Image>,
    stage: &Stage,
    cx: &Context,
) -> Result<Image, OpError> {
    let size = noisy.size();
    let rows = reference_positions(size.h(), stage.search.step);
    // Rows off the regular grid (the last one at most) are bands of their own.
    let regular = (size.h() - SIDE) / stage.search.step + 1;
    let bands: Vec<_> = (0..regular)
        .step_by(BAND as usize)
        .map(|first| first..(first + BAND as usize).min(regular))
        .chain((regular < rows.len()).then_some(regular..rows.len()))
        .collect();
    let parts = map_bands(bands.len(), 1, cx, |i| {
        let band = bands[i.start].clone();
        let (y, count) = (rows[band.start], band.len());
        simd(
            #[inline(always)]
            || filter_band(noisy, pilot, stage, y, count, cx),
        )
    })?;
    combine(parts, noisy, &stage.window, cx)
}

/// Groups, filters and sums up the reference blocks of a band.
#[inline(always)]
fn filter_band(
    noisy: &Image,
    pilot: Option<&Image>,
    stage: &Stage,
    y: usize,
    count: usize,
    cx: &Context,
) -> Result<Part, OpError> {
    let (search, size) = (&stage.search, noisy.size());
    let matches = search.band(pilot.unwrap_or(noisy).plane(0), y, count);
    cx.check()?;
    let radius = search.radius;
    let top = y.saturating_sub(radius);
    let bottom = (y + (count - 1) * search.step + radius + SIDE).min(size.h());
    let length = (bottom - top) * size.w();
    let mut sums = vec![0.0; 2 * length * noisy.channels()];
    let mut space = Workspace::default();
    let mut blocks = Vec::with_capacity(search.capacity);
    let xs = reference_positions(size.w(), search.step);
    for row in 0..count {
        cx.check()?;
        let y = y + row * search.step;
        for (column, &x) in xs.iter().enumerate() {
            blocks.clear();
            let keys = matches.group(row, column);
            blocks.extend(keys.filter_map(|key| search.block(key, (x, y), size)));
            blocks.truncate(1 << blocks.len().max(1).ilog2());
            stage.tables.noise(&blocks, &mut space);
            for (c, sums) in sums.chunks_exact_mut(2 * length).enumerate() {
                let plane = noisy.plane(c);
                let estimates = match pilot {
                    None => hard_threshold::<Bior15>(plane, &blocks, &stage.tables, &mut space),
                    Some(pilot) => {
                        let pilot = pilot.plane(c);
                        wiener::<Dct8>(plane, pilot, &blocks, &stage.tables, &mut space)
                    }
                };
                let (sum, weights) = sums.split_at_mut(length);
                aggregate(sum, weights, size.w(), top, &blocks, &estimates, &stage.window);
            }
        }
    }
    Ok(Part { top, sums })
}

impl Operation for Bm3d {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        self.sigma.validate()?;
        if !(1..=4).contains(&self.step) {
            return Err(OpError::param("step", "in 1..=4", self.step));
        }
        if !(1..=MAX_RADIUS).contains(&self.search_radius) {
            return Err(OpError::param("search_radius", "in 1..=22", self.search_radius));
        }
        Ok(())
    }

    /// A pixel is covered by blocks 7 away at most, found by reference blocks `radius` further away,
    /// compared with blocks `radius` away from those; per step.
    fn reach(&self) -> Option<u32> {
        let once = 2 * self.search_radius + 2 * (SIDE as u32 - 1);
        Some(match self.stages {
            Bm3dStages::Both => 2 * once,
            Bm3dStages::HardThreshold => once,
        })
    }

    /// The grid of reference blocks, and the bands in which their estimates are summed up.
    fn alignment(&self) -> u32 {
        BAND * self.step
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = match (&sample.noise, self.sigma, self.noise) {
            (Some(model), Sigma::Auto, NoiseKind::SignalDependent) => {
                bm3d_signal_dependent(&sample.image, model, self, cx)?
            }
            (model, sigma, _) => {
                let told = Self { sigma: sigma.or_measured(model.as_ref()), ..self.clone() };
                bm3d(&sample.image, &told, cx)?
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
