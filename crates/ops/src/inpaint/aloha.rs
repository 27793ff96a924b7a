//! ALOHA: inpainting by annihilating filters. A patch made of few waves or edges is annihilated by
//! some filters, so its Hankel matrix has low rank; the missing pixels are those that make it so.
//!
//! ```text
//! H(x)[place][tap] = x[place + tap]                filter of 7x7 taps at 15x15 places of a 21x21 patch
//! min ||H(x)||_* , x = y where known     =     min (|U|^2 + |V|^2) / 2,  H(x) = U V'
//!
//! x      = H^+(U V' - Lambda) where missing, y where known
//! Lambda = Lambda + H(x) - U V'
//! U      = mu (H(x) + Lambda)  V (I + mu V'V)^-1
//! V      = mu (H(x) + Lambda)' U (I + mu U'U)^-1
//! ```
//!
//! The rank is that before the widest gap of the singular values of a first estimate (Telea's filling,
//! refined by cosine shrinkage). A patch whose spectrum has no gap is left to that estimate; so
//! is one whose completion is further than it from known pixels that were withheld from both (one in sixteen).
//! Photographs seldom have a gap: what this is for is periodic texture, stripes and straight edges.
//!
//! Differs from the paper: the singular vectors of the first estimate start the iteration, where the
//! paper runs `LMaFit` from nothing; the mean of a patch is taken out first; no pyramid of scales; patches
//! that keep their first estimate.
//!
//! Cost: 40 rounds of some 0.7 million multiplications per patch with a gap; patches stand 7 pixels apart.
//! Borders: patches are those inside the image; smaller images keep the first estimate. Planes are treated one by one. Results of windows differ
//! slightly from the whole, as patches stand on a grid.
//!
//! References: K. H. Jin, J. C. Ye, "Annihilating filter-based low-rank Hankel matrix approach for image
//! inpainting", IEEE TIP 24(11), 2015, doi:10.1109/TIP.2015.2446943; Z. Wen, W. Yin, Y. Zhang, "Solving a
//! low-rank factorization model for matrix completion by a nonlinear successive over-relaxation
//! algorithm", Mathematical Programming Computation 4, 2012, doi:10.1007/s12532-012-0044-1.

pub(crate) mod lifted;

use super::frame::{fill_sample, holes};
use super::telea::{Telea, telea};
use crate::denoise::impulse::{THRESHOLDS, shrink_scattered};
use lifted::{Lifted, SIDE};
use restora_image::{
    Context, Image, Mask, OpError, OpInfo, Operation, Plane, PlaneRef, Sample, Size, map_bands,
    simd,
};
use serde::{Deserialize, Serialize};

/// Options of [`aloha`]: there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aloha {}

/// Name and paper of [`aloha`].
pub const INFO: OpInfo = OpInfo {
    id: "aloha",
    title: "Annihilating-filter low-rank Hankel completion (ALOHA)",
    family: "inpaint",
    paper: "K. H. Jin, J. C. Ye, Annihilating filter-based low-rank Hankel matrix approach for image \
            inpainting, IEEE TIP 24(11), 2015, doi:10.1109/TIP.2015.2446943",
    params: &[],
};

/// Distance between patches in pixels.
pub(crate) const STEP: usize = 7;
/// Rows of patches that are worked on together.
pub(crate) const BAND: usize = 4;
/// One known pixel in so many is withheld.
const WITHHELD: usize = 16;
/// Rounds of shrinkage of the first estimate.
const START: u32 = 8;

/// Fills the missing pixels of every plane.
///
/// # Errors
/// [`OpError::SizeMismatch`] if the mask does not fit; [`OpError::Input`] if no pixel is known;
/// [`OpError::Cancelled`].
pub fn aloha(input: &Image, mask: &Mask, _options: &Aloha, cx: &Context) -> Result<Image, OpError> {
    cx.check()?;
    let Some(mask) = holes(input, mask)? else { return Ok(input.clone()) };
    let hidden = withheld(mask);
    let mut less = mask.clone();
    less.add(&hidden)?;
    let estimate = start(input, mask, cx)?;
    // Where withholding leaves nothing known there is nothing to judge by.
    let judged = less.count() < less.data().len();
    let mut out = input.clone();
    for c in 0..input.channels() {
        let mut plane = estimate.plane(c).to_plane();
        if judged && input.size().w() >= SIDE && input.size().h() >= SIDE {
            let rough = start_plane(input, &less, c, cx)?;
            complete(&mut plane, input.plane(c), &rough, (mask, &hidden), cx)?;
        }
        let values = out.plane_mut(c).iter_mut().zip(&plane.data).zip(mask.data());
        for ((v, filled), missing) in values {
            *v = if *missing { *filled } else { *v };
        }
    }
    Ok(out)
}

/// The known pixels that are withheld: scattered, and the same at a place whatever the mask.
pub(crate) fn withheld(mask: &Mask) -> Mask {
    Mask::from_fn(mask.size(), |x, y| {
        let scrambled = (x as u64 * 0x9E37_79B9 + y as u64 * 0x85EB_CA6B).wrapping_mul(0xC2B2_AE3D);
        !mask.at(x, y) && ((scrambled >> 16) as usize).is_multiple_of(WITHHELD)
    })
}

fn start(input: &Image, mask: &Mask, cx: &Context) -> Result<Image, OpError> {
    telea(input, mask, &Telea::default(), cx)?.map_planes(|plane| {
        let mut plane = plane.to_plane();
        shrink_scattered(&mut plane, mask, THRESHOLDS, START, cx)?;
        Ok(plane)
    })
}

fn start_plane(input: &Image, mask: &Mask, c: usize, cx: &Context) -> Result<Plane, OpError> {
    let plane = Image::from_plane(input.plane(c).to_plane());
    Ok(start(&plane, mask, cx)?.plane(0).to_plane())
}

/// Corners of patches along an axis.
fn corners(length: usize) -> Vec<usize> {
    let last = length - SIDE;
    let mut corners: Vec<usize> = (0..last).step_by(STEP).collect();
    corners.push(last);
    corners
}

/// Weighted sums of the fitted patches, of a band of rows or of the plane.
pub(crate) struct Sums {
    top: usize,
    pub values: Vec<f32>,
    pub weights: Vec<f32>,
}

impl Sums {
    fn zeros(top: usize, len: usize) -> Self {
        Self { top, values: vec![0.0; len], weights: vec![0.0; len] }
    }

    /// Adds a patch, with less weight towards its rim.
    #[inline(always)]
    fn add(&mut self, pixels: &[f32; SIDE * SIDE], (x0, y0): (usize, usize), w: usize) {
        let rise = |i: usize| (i + 1).min(SIDE - i) as f32;
        for y in 0..SIDE {
            let at = (y0 + y - self.top) * w + x0;
            for x in 0..SIDE {
                let weight = rise(x) * rise(y);
                self.values[at + x] += weight * pixels[y * SIDE + x];
                self.weights[at + x] += weight;
            }
        }
    }
}

/// Sums of the patches of a plane for which `fit`, told the corner, is true, as `fit` leaves them.
/// No side of the plane is less than [`SIDE`].
pub(crate) fn over_patches(
    size: Size,
    cx: &Context,
    fit: impl Fn(&mut Lifted, (usize, usize)) -> bool + Sync,
) -> Result<Sums, OpError> {
    let (w, h) = (size.w(), size.h());
    let (xs, ys) = (corners(w), corners(h));
    let bands = map_bands(ys.len(), BAND, cx, |rows| {
        let top = ys[rows.start];
        let mut sums = Sums::zeros(top, (ys[rows.end - 1] + SIDE - top) * w);
        let mut lifted = Lifted::default();
        for &y in &ys[rows] {
            cx.check()?;
            for &x in &xs {
                simd(
                    #[inline(always)]
                    || {
                        if fit(&mut lifted, (x, y)) {
                            sums.add(&lifted.pixels, (x, y), w);
                        }
                    },
                );
            }
        }
        Ok(sums)
    })?;
    let mut all = Sums::zeros(0, w * h);
    for band in &bands {
        let at = band.top * w;
        all.values[at..].iter_mut().zip(&band.values).for_each(|(a, b)| *a += b);
        all.weights[at..].iter_mut().zip(&band.weights).for_each(|(a, b)| *a += b);
    }
    Ok(all)
}

/// Puts the mean of the patches that were completed into `estimate`, where there are any.
fn complete(
    estimate: &mut Plane,
    given: PlaneRef<'_>,
    rough: &Plane,
    (mask, hidden): (&Mask, &Mask),
    cx: &Context,
) -> Result<(), OpError> {
    let sums = over_patches(
        given.size(),
        cx,
        #[inline(always)]
        |lifted, corner| patch(lifted, corner, given, rough, (mask, hidden)),
    )?;
    for ((v, sum), weight) in estimate.data.iter_mut().zip(sums.values).zip(sums.weights) {
        if weight > 0.0 {
            *v = sum / weight;
        }
    }
    Ok(())
}

/// Completes one patch; true if that brought the withheld pixels nearer.
#[inline(always)]
fn patch(
    lifted: &mut Lifted,
    (x0, y0): (usize, usize),
    given: PlaneRef<'_>,
    rough: &Plane,
    (mask, hidden): (&Mask, &Mask),
) -> bool {
    let w = given.width();
    let mut slack = [f32::INFINITY; SIDE * SIDE];
    let mut missing = false;
    for y in 0..SIDE {
        let at = (y0 + y) * w + x0;
        for x in 0..SIDE {
            missing |= mask.data()[at + x];
            if mask.data()[at + x] || hidden.data()[at + x] {
                slack[y * SIDE + x] = 0.0;
            }
            lifted.pixels[y * SIDE + x] = rough.data[at + x];
        }
    }
    if !missing {
        return false;
    }
    let mean = lifted.pixels.iter().sum::<f32>() / lifted.pixels.len() as f32;
    lifted.pixels.iter_mut().for_each(|v| *v -= mean);
    let known = lifted.pixels;
    if !lifted.fit(&known, &slack) {
        return false;
    }
    lifted.pixels.iter_mut().for_each(|v| *v += mean);
    let (mut before, mut after) = (0.0, 0.0);
    for y in 0..SIDE {
        for x in 0..SIDE {
            if hidden.at(x0 + x, y0 + y) {
                let truth = given.at(x0 + x, y0 + y);
                let i = (y0 + y) * w + x0 + x;
                before += (rough.data[i] - truth).powi(2);
                after += (lifted.pixels[y * SIDE + x] - truth).powi(2);
            }
        }
    }
    after < before
}

impl Operation for Aloha {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        Ok(())
    }

    /// The first estimate fills a hole from its rim, however far away that is.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn alignment(&self) -> u32 {
        (STEP * BAND) as u32
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        fill_sample(self, sample, |image, mask| aloha(image, mask, self, cx))
    }
}

#[cfg(test)]
mod tests;
