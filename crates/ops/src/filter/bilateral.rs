//! Bilateral filter: a weighted mean of the neighbors, with weights that fall with the distance in
//! space and with the distance in value.
//!
//! ```text
//! out(p) = sum_q w(p, q) in(q) / sum_q w(p, q),    |p - q| <= r
//! w(p, q) = exp(-|p - q|^2 / (2 s^2)) exp(-|g(p) - g(q)|^2 / (2 k^2))
//! ```
//!
//! `g` is the image itself (Tomasi and Manduchi) or, because the noise of a single pixel makes a poor
//! witness, the image after a small Gaussian blur (`guide_blur`; a joint bilateral filter). Colors are
//! filtered together: the distance in value is the root mean square over the planes, so that
//! `sigma_range` means the same for gray and color.
//!
//! Given only the noise level `sigma`, the options that are absent follow from it; see [`Bilateral`].
//!
//! Cost: about 16 operations per pixel and neighbor, over rows; the window is the disk of radius `r`.
//! The exponential is a polynomial with a relative error below 3e-7. Default border: `reflect101`.
//!
//! Reference: C. Tomasi, R. Manduchi, "Bilateral filtering for gray and color images", ICCV 1998,
//! doi:10.1109/ICCV.1998.710815; joint filtering: E. Eisemann, F. Durand, ACM TOG 23 (2004),
//! doi:10.1145/1015706.1015778.

mod weighting;

use super::{gaussian_taps, separable::convolve_symmetric};
use restora_image::{
    Border, Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample, Sigma, for_each_band,
    simd,
};
use serde::{Deserialize, Serialize};
use weighting::{View, disk, extended};

/// Options of [`bilateral`]. What is `None` follows from the noise level `sigma`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bilateral {
    /// Noise level, nominal range; needed where an option below is not given.
    pub sigma: Sigma,
    /// Standard deviation `s` of the weights in space, pixels, `0.1..=100`; `None`: 2.
    pub sigma_space: Option<f32>,
    /// Standard deviation `k` of the weights in value, nominal range, more than 0; `None`: 2.5 times
    /// the noise that is left in the guide.
    pub sigma_range: Option<f32>,
    /// Standard deviation of the blur of the guide, pixels, `0..=100`; 0 is the filter of Tomasi and
    /// Manduchi; `None`: 2.2 times the root of `sigma` (nominal range).
    pub guide_blur: Option<f32>,
    /// Radius of the window, pixels, `1..=300`; `None`: `ceil(2 s)`.
    pub radius: Option<u32>,
    /// Continuation beyond the edge.
    pub border: Border,
}

/// Name, paper and parameters of [`bilateral`].
pub const INFO: OpInfo = OpInfo {
    id: "bilateral",
    title: "Bilateral filter",
    family: "filter",
    paper: "C. Tomasi, R. Manduchi, Bilateral filtering for gray and color images, ICCV 1998, \
            doi:10.1109/ICCV.1998.710815",
    params: &[
        ParamInfo {
            name: "sigma",
            symbol: "sigma",
            unit: "nominal range",
            range: "auto or 0..",
            default: "\"auto\"",
            doc: "Noise level; needed where another option is not given",
        },
        ParamInfo {
            name: "sigma_space",
            symbol: "s",
            unit: "pixels",
            range: "0.1..=100",
            default: "null",
            doc: "Standard deviation of the weights in space; from sigma if absent",
        },
        ParamInfo {
            name: "sigma_range",
            symbol: "k",
            unit: "nominal range",
            range: "more than 0",
            default: "null",
            doc: "Standard deviation of the weights in value; from sigma if absent",
        },
        ParamInfo {
            name: "guide_blur",
            symbol: "",
            unit: "pixels",
            range: "0..=100",
            default: "null",
            doc: "Blur of the image that the weights in value come from; from sigma if absent",
        },
        ParamInfo {
            name: "radius",
            symbol: "r",
            unit: "pixels",
            range: "1..=300",
            default: "null",
            doc: "Radius of the window; 2 sigma_space if absent",
        },
        ParamInfo {
            name: "border",
            symbol: "",
            unit: "",
            range: "clamp, reflect, reflect101, wrap, constant",
            default: "\"reflect101\"",
            doc: "Continuation beyond the edge",
        },
    ],
};

/// Rows in a band.
const BAND: usize = 32;

/// All numbers of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plan {
    space: f32,
    range: f32,
    guide_blur: f32,
    radius: usize,
}

/// Filters `input`, all planes together.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range, or if one is not given and `sigma` is not known;
/// [`OpError::Cancelled`].
pub fn bilateral(input: &Image, options: &Bilateral, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    let Some(plan) = options.plan()? else { return Ok(input.clone()) };
    if input.data().is_empty() {
        return Ok(input.clone());
    }
    if plan.guide_blur == 0.0 {
        return filter(input, input, plan, options.border, cx);
    }
    let mut guide = Image::zeros(input.size(), input.space());
    let taps = gaussian_taps(plan.guide_blur);
    for c in 0..input.channels() {
        convolve_symmetric(input.plane(c), &taps, options.border, guide.plane_mut(c), cx)?;
    }
    filter(input, &guide, plan, options.border, cx)
}

fn filter(
    input: &Image,
    guide: &Image,
    plan: Plan,
    border: Border,
    cx: &Context,
) -> Result<Image, OpError> {
    let channels = input.channels();
    let (w, r) = (input.size().w(), plan.radius);
    let offsets = disk(plan);
    let padded = w + 2 * r;
    // Rows of output, all planes side by side, so that a band is one slice.
    let mut rows = vec![0.0; input.data().len()];
    for_each_band(&mut rows, w * channels, BAND, cx, |y0, band| {
        let count = band.len() / (w * channels) + 2 * r;
        let values = extended(input, y0, count, r, border);
        let guides = extended(guide, y0, count, r, border);
        let view = View { values: &values, guides: &guides, padded, count, r };
        for (y, out) in band.chunks_exact_mut(w * channels).enumerate() {
            simd(
                #[inline(always)]
                || match channels {
                    1 => view.row::<1>(y, &offsets, plan.range, out, w),
                    3 => view.row::<3>(y, &offsets, plan.range, out, w),
                    _ => view.row_of_any(y, &offsets, plan.range, out, w, channels),
                },
            );
        }
        Ok(())
    })?;
    let mut out = Image::zeros(input.size(), input.space());
    out.alpha.clone_from(&input.alpha);
    for c in 0..channels {
        let plane = out.plane_mut(c).chunks_exact_mut(w);
        for (to, from) in plane.zip(rows.chunks_exact(w * channels)) {
            to.copy_from_slice(&from[c * w..][..w]);
        }
    }
    Ok(out)
}

impl Bilateral {
    /// The options that are given, and for the others the rule; `None` if there is nothing to do
    /// because the noise level is 0.
    fn plan(&self) -> Result<Option<Plan>, OpError> {
        let given = (self.sigma_space, self.sigma_range, self.guide_blur);
        let sigma = match given {
            (Some(_), Some(_), Some(_)) => 1.0,
            (Some(_), Some(_), None) if self.sigma == Sigma::Auto => 0.0,
            _ => self.sigma.known()?,
        };
        if sigma == 0.0 && self.sigma_range.is_none() {
            return Ok(None);
        }
        let rule = Rule::for_noise(sigma);
        let guide_blur = self.guide_blur.unwrap_or(rule.guide_blur);
        let space = self.sigma_space.unwrap_or(rule.space);
        Ok(Some(Plan {
            space,
            // Follows the blur that is given.
            range: self.sigma_range.unwrap_or(RANGE * sigma * remaining_noise(guide_blur)),
            guide_blur,
            radius: self.radius.map_or_else(|| window(space), |r| r as usize),
        }))
    }
}

fn window(space: f32) -> usize {
    (2.0 * space).ceil() as usize
}

/// Blur of the guide for noise of level 1, in pixels: the blur is this times the root of the noise
/// level, 0.5 / 0.7 / 1.0 for 15 / 25 / 50 of 255.
const GUIDE_BLUR: f32 = 2.2;
/// `sigma_range` as a multiple of the noise that is left in the guide.
const RANGE: f32 = 2.5;

/// What follows from the noise level alone.
struct Rule {
    space: f32,
    guide_blur: f32,
}

impl Rule {
    /// Read off a grid over blur, space and range on seven images at 15, 25 and 50 of 255: in
    /// every column of the grid the best range was 2.5 times the noise left after the blur.
    fn for_noise(sigma: f32) -> Self {
        Rule { space: 2.0, guide_blur: GUIDE_BLUR * sigma.sqrt() }
    }
}

/// Standard deviation of white noise of level 1 after a Gaussian blur.
fn remaining_noise(blur: f32) -> f32 {
    let taps = gaussian_taps(blur);
    2.0 * taps.iter().map(|t| t * t).sum::<f32>() - taps[0] * taps[0]
}

impl Operation for Bilateral {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        self.sigma.validate()?;
        let outside = |v: Option<f32>, low: f32, high: f32| v.filter(|v| !(low..=high).contains(v));
        if let Some(v) = outside(self.sigma_space, 0.1, 100.0) {
            return Err(OpError::param("sigma_space", "in 0.1..=100 pixels", v));
        }
        if let Some(v) = outside(self.sigma_range, f32::MIN_POSITIVE, f32::MAX) {
            return Err(OpError::param("sigma_range", "more than 0", v));
        }
        if let Some(v) = outside(self.guide_blur, 0.0, 100.0) {
            return Err(OpError::param("guide_blur", "in 0..=100 pixels", v));
        }
        match self.radius {
            Some(r) if !(1..=300).contains(&r) => {
                Err(OpError::param("radius", "in 1..=300 pixels", r))
            }
            _ => Ok(()),
        }
    }

    /// Radius of the window and of the blur of the guide; `None` while they are not known.
    fn reach(&self) -> Option<u32> {
        let plan = self.plan().ok()?;
        Some(plan.map_or(0, |p| p.radius as u32 + gaussian_taps(p.guide_blur).len() as u32 - 1))
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let sigma = self.sigma.or_measured(sample.noise.as_ref());
        sample.image = bilateral(&sample.image, &Self { sigma, ..self.clone() }, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
