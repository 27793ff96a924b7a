//! Non-local means: every patch is averaged with the patches around it that look the same.
//!
//! ```text
//! d(p, q) = mean over |k| <= r and the planes of (v(p + k) - v(q + k))^2
//! w(p, q) = exp(-max(d(p, q) - 2 sigma^2, 0) / h^2 - |p - q|^2 / (2 rho^2))
//! W(p, q) = mean over |k| <= r of w(p + k, q + k)                   patchwise
//! out(p)  = sum over q of W(p, q) v(q) / sum over q of W(p, q)
//! ```
//!
//! `r` is the patch radius and `s >= |p - q|` the search radius, both in the maximum norm. Subtracting
//! `2 sigma^2`, what noise alone adds to `d`, makes equal patches weigh 1. `W` is the patchwise form
//! of the IPOL article: a pair of patches contributes all of its pixels, so a pixel is averaged
//! wherever one of the patches around it finds a match. The Gaussian of `rho` in space, as in the
//! bilateral filter, says that of two patches that look the same through the noise the nearer one is
//! more likely to be the same; on photographs it is worth 0.24 dB at every sigma from 15/255 to 50/255
//! and makes larger search windows useless (search radius 10: within 0.04 dB). A color image has one distance for all its
//! planes, so that they stay in register.
//!
//! Cost: about `4 (2 r + 1) + 30` vectorized operations per pixel and pair of opposite displacements,
//! of which there are `((2 s + 1)^2 - 1) / 2`: `w` is symmetric, so one distance serves both ends
//! (Darbon et al. 2008). The sums over a patch are taken directly, columns then rows, and not as
//! running sums: these would make a pixel depend on where its tile starts.
//!
//! Differs from the paper: patches are not weighted by a Gaussian, and estimates of one pixel by
//! different patches are weighted by how well the patches matched, where the IPOL article averages
//! them after normalizing each; and there is `rho`. Beyond the edge the image is mirrored (`reflect`).
//!
//! References: A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising", CVPR
//! 2005, doi:10.1109/CVPR.2005.38; the same, "Non-local means denoising", IPOL 1 (2011),
//! <https://doi.org/10.5201/ipol.2011.bcm_nlm>; J. Darbon, A. Cunha, T. Chan, S. Osher, G. Jensen, "Fast nonlocal
//! filtering applied to electron cryomicroscopy", ISBI 2008, doi:10.1109/ISBI.2008.4541250.

use restora_image::{
    Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample, Sigma, for_each_band, simd,
};
use serde::{Deserialize, Serialize};
mod block;

use block::{Padded, Tile, Weights};

/// Options of [`nl_means`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NlMeans {
    /// Noise level, nominal range; 0 changes nothing.
    pub sigma: Sigma,
    /// Filter strength, nominal range: patches whose mean squared difference exceeds the noise's by
    /// `h^2` weigh `1/e`. `None` takes [`NlMeans::rule_for_h`] of sigma.
    pub h: Option<f32>,
    /// Patches have `2 r + 1` pixels a side.
    pub patch_radius: u32,
    /// Patches are looked for within this many pixels.
    pub search_radius: u32,
    /// `rho`, in pixels: standard deviation of the weight of a patch over its distance in the image.
    /// `None` weighs all of the window alike, as the paper does.
    pub locality: Option<f32>,
}

impl Default for NlMeans {
    fn default() -> Self {
        Self { sigma: Sigma::Auto, h: None, patch_radius: 2, search_radius: 6, locality: Some(3.0) }
    }
}

/// Name, paper and parameters of [`nl_means`].
pub const INFO: OpInfo = OpInfo {
    id: "nl-means",
    title: "Non-local means",
    family: "denoise",
    paper: "A. Buades, B. Coll, J.-M. Morel, Non-local means denoising, IPOL 1, 2011, \
            doi:10.5201/ipol.2011.bcm_nlm",
    params: &[
        ParamInfo {
            name: "sigma",
            symbol: "sigma",
            unit: "nominal range",
            range: "auto or 0..",
            default: "\"auto\"",
            doc: "Noise level; 0 changes nothing",
        },
        ParamInfo {
            name: "h",
            symbol: "h",
            unit: "nominal range",
            range: "above 0",
            default: "null",
            doc: "Filter strength; chosen from sigma if absent",
        },
        ParamInfo {
            name: "patch_radius",
            symbol: "r",
            unit: "pixels",
            range: "0..=32",
            default: "2",
            doc: "Patches have 2 r + 1 pixels a side",
        },
        ParamInfo {
            name: "search_radius",
            symbol: "s",
            unit: "pixels",
            range: "1..=128",
            default: "6",
            doc: "Patches are looked for within this many pixels",
        },
        ParamInfo {
            name: "locality",
            symbol: "rho",
            unit: "pixels",
            range: "above 0",
            default: "3.0",
            doc: "Standard deviation of the weight over distance in the image; null for none",
        },
    ],
};

/// Rows of a band. A band looks at `s / 2 + 4 r` more rows per displacement than it has.
const BAND: usize = 64;
/// Values in a row buffer of the usual radii: everything a displacement touches then stays in the
/// level 2 cache and its row buffers in level 1.
const BUFFER: usize = 512;
impl NlMeans {
    /// Options for a known noise level.
    pub fn with_sigma(sigma: f32) -> Self {
        Self { sigma: Sigma::Known(sigma), ..Self::default() }
    }

    /// `h = 0.75 sigma`: with the default radii and locality the best on photographs (not the test
    /// sets) for sigma 15/255 to 50/255, and within 0.1 dB of the best from 5/255 to 75/255.
    pub fn rule_for_h(sigma: f32) -> f32 {
        0.75 * sigma
    }
}

/// Denoises gray or color (all planes together).
///
/// # Errors
/// [`OpError::Param`] if an option is out of range or sigma is not known; [`OpError::Cancelled`].
pub fn nl_means(noisy: &Image, options: &NlMeans, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    let sigma = options.sigma.known()?;
    cx.check()?;
    if sigma == 0.0 || noisy.data().is_empty() {
        return Ok(noisy.clone());
    }
    let h = options.h.unwrap_or_else(|| NlMeans::rule_for_h(sigma));
    let (r, s) = (options.patch_radius as usize, options.search_radius as usize);
    let weights = Weights::new(sigma, h, options.locality, r, noisy.channels());
    average_similar(noisy, weights, r, s, cx)
}

fn average_similar(
    noisy: &Image,
    weights: Weights,
    r: usize,
    s: usize,
    cx: &Context,
) -> Result<Image, OpError> {
    let padded = Padded::new(noisy, s + 2 * r);
    let (w, channels) = (noisy.size().w(), noisy.channels());
    // Bands are cut from rows that hold all planes side by side.
    let mut rows = vec![0.0; noisy.data().len()];
    let block = BUFFER.saturating_sub(s + 4 * r).max(128);
    for_each_band(&mut rows, w * channels, BAND, cx, |y0, band| {
        let height = band.len() / (w * channels);
        for x0 in (0..w).step_by(block) {
            cx.check()?;
            let width = block.min(w - x0);
            let mut tile = Tile::new(&padded, weights, (x0, y0), (width, height), (r, s));
            simd(
                #[inline(always)]
                || tile.run(),
            );
            for c in 0..channels {
                for y in 0..height {
                    let to = &mut band[(y * channels + c) * w + x0..][..width];
                    tile.result(c, y, to);
                }
            }
        }
        Ok(())
    })?;
    let mut out = Image::zeros(noisy.size(), noisy.space());
    out.alpha.clone_from(&noisy.alpha);
    for (c, plane) in out.planes_mut().enumerate().take(channels) {
        for (to, from) in plane.chunks_exact_mut(w).zip(rows.chunks_exact(w * channels)) {
            to.copy_from_slice(&from[c * w..][..w]);
        }
    }
    Ok(out)
}

impl Operation for NlMeans {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        self.sigma.validate()?;
        match self.h {
            Some(h) if !(h.is_finite() && h > 0.0) => {
                return Err(OpError::param("h", "a finite number above 0", h));
            }
            _ => {}
        }
        match self.locality {
            Some(rho) if !(rho.is_finite() && rho > 0.0) => {
                return Err(OpError::param("locality", "a finite number above 0, or null", rho));
            }
            _ => {}
        }
        if self.patch_radius > 32 {
            return Err(OpError::param("patch_radius", "in 0..=32 pixels", self.patch_radius));
        }
        if !(1..=128).contains(&self.search_radius) {
            return Err(OpError::param("search_radius", "in 1..=128 pixels", self.search_radius));
        }
        Ok(())
    }

    fn reach(&self) -> Option<u32> {
        Some(self.search_radius + 2 * self.patch_radius)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let sigma = self.sigma.or_measured(sample.noise.as_ref());
        sample.image = nl_means(&sample.image, &Self { sigma, ..self.clone() }, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
