//! Robust ALOHA: removes impulses of any value by annihilating filters. A patch made of few waves or
//! edges has a Hankel matrix of low rank, impulses make it a sum of a low-rank and a sparse one; the
//! two are told apart.
//!
//! ```text
//! min ||H(x)||_* + tau |y - x|_1     =     min (|U|^2 + |V|^2) / 2 + tau |y - x|_1,  H(x) = U V'
//!
//! m      = H^+(U V' - Lambda)
//! x      = y + soft(m - y, tau / mu)                the rest, y - x, are the impulses
//! Lambda = Lambda + H(x) - U V'
//! U, V   as in the completion, `inpaint::aloha`
//! ```
//!
//! A second pass completes the patch where `|y - x|` stands out (three times its robust deviation, at
//! least 2/255), so that the soft threshold biases nothing. Three sweeps over the patches, each starting
//! from what the one before left; the first from the filling of the pixels that `impulse:kind=random`
//! finds. The rank is that before the widest gap of the singular values of the start. A patch keeps what
//! `impulse:kind=random` makes of it if its spectrum has no gap, if it has no hit pixel, or if known pixels
//! that were withheld (one in sixteen) are not brought nearer. Pixels that no patch doubts keep every bit.
//!
//! Photographs seldom have a gap, and there it is `impulse:kind=random` at a higher price: this is for
//! waves, stripes, halftones and other periodic texture. Figures: `docs/methods/robust-aloha.md`.
//!
//! Differs from the paper: one proximal step in place of a splitting variable for the impulses; the
//! start; the second pass and the sweeps; patches that are left to another method. Planes are treated one
//! by one, as impulses usually hit the channels independently; the paper's joint matrix of the channels is
//! not built.
//!
//! Cost: that of `impulse:kind=random`, a second filling, and 246 rounds of some 0.7 million
//! multiplications per patch with a gap; patches stand 7 pixels apart. Border: patches are those
//! inside the image; smaller images keep the start. Results of windows differ slightly from the
//! whole, as patches stand on a grid.
//!
//! Reference: K. H. Jin, J. C. Ye, "Sparse and low-rank decomposition of a Hankel structured matrix for
//! impulse noise removal", IEEE TIP 27(3), 2018, doi:10.1109/TIP.2017.2771471, arXiv:1510.05559.

use super::impulse::{fill_scattered, without_random};
use crate::inpaint::aloha::lifted::{Lifted, SIDE};
use crate::inpaint::aloha::{BAND, STEP, over_patches, withheld};
use restora_image::{Context, Image, Mask, OpError, OpInfo, Operation, Plane, PlaneRef, Sample};
use serde::{Deserialize, Serialize};

/// Options of [`robust_aloha`]: there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RobustAloha {}

/// Name and paper of [`robust_aloha`].
pub const INFO: OpInfo = OpInfo {
    id: "robust-aloha",
    title: "Robust annihilating-filter decomposition, for impulses of any value (robust ALOHA)",
    family: "denoise",
    paper: "K. H. Jin, J. C. Ye, Sparse and low-rank decomposition of a Hankel structured matrix for \
            impulse noise removal, IEEE TIP 27(3), 2018, doi:10.1109/TIP.2017.2771471",
    params: &[],
};

/// Rounds of the filling that makes the start.
const ITERATIONS: u32 = 16;
/// `tau / mu`: how far a pixel is drawn towards its given value in a round.
const PULL: f32 = 0.02;
/// Times that all patches are decomposed, each from what the one before left: neighbors with a gap
/// mend the start of those without.
const SWEEPS: usize = 3;
/// A pixel is an impulse if it is off by more robust deviations of the patch than this ..
const DEVIATIONS: f32 = 3.0;
/// .. and more than this: four times what rounding to 8 bits does.
const FLOOR: f32 = 2.0 / 255.0;
/// Deviation of a normal distribution whose absolute median is 1.
const NORMAL: f32 = 1.4826;
/// Off by less than this, a mean of patches says that a pixel was not hit.
const ROUNDING: f32 = 1e-5;

/// Finds and removes the impulses of every plane.
///
/// # Errors
/// [`OpError::Cancelled`].
pub fn robust_aloha(input: &Image, _options: &RobustAloha, cx: &Context) -> Result<Image, OpError> {
    cx.check()?;
    if input.size().is_empty() {
        return Ok(input.clone());
    }
    input.map_planes(|given| {
        let (mut out, hit) = without_random(given, ITERATIONS, cx)?;
        if given.width() >= SIDE && given.height() >= SIDE {
            decompose(&mut out, given, &hit, cx)?;
        }
        Ok(out)
    })
}

/// What a plane is fitted to and judged by.
struct Evidence<'a> {
    given: PlaneRef<'a>,
    hit: &'a Mask,
    /// Pixels that were withheld from `rough`, none of them hit.
    hidden: &'a Mask,
    rough: &'a Plane,
}

/// Puts the mean of the patches that were decomposed into `out`, where there are any.
fn decompose(
    out: &mut Plane,
    given: PlaneRef<'_>,
    hit: &Mask,
    cx: &Context,
) -> Result<(), OpError> {
    let hidden = withheld(hit);
    let mut less = hit.clone();
    less.add(&hidden)?;
    let rough = fill_scattered(given, &less, ITERATIONS, cx)?;
    let evidence = Evidence { given, hit, hidden: &hidden, rough: &rough };
    let mut start = rough.clone();
    for _ in 1..SWEEPS {
        let sums = over_patches(
            given.size(),
            cx,
            #[inline(always)]
            |lifted, corner| patch(lifted, corner, &start, &evidence).is_some(),
        )?;
        for ((v, sum), weight) in start.data.iter_mut().zip(sums.values).zip(sums.weights) {
            if weight > 0.0 {
                *v = sum / weight;
            }
        }
    }
    let sums = over_patches(
        given.size(),
        cx,
        #[inline(always)]
        |lifted, corner| {
            let outlier = patch(lifted, corner, &start, &evidence);
            outlier.map(|outlier| reveal(lifted, corner, outlier, &evidence)).is_some()
        },
    )?;
    let width = given.width();
    for (i, (sum, weight)) in sums.values.iter().zip(&sums.weights).enumerate() {
        if *weight > 0.0 {
            let (y, v) = (given.at(i % width, i / width), sum / weight);
            out.data[i] = if (v - y).abs() <= ROUNDING { y } else { v };
        }
    }
    Ok(())
}

/// Decomposes one patch, the withheld pixels being unknown. If that brought those nearer than `rough`,
/// the difference from which on a pixel is an impulse.
#[inline(always)]
fn patch(
    lifted: &mut Lifted,
    (x0, y0): (usize, usize),
    start: &Plane,
    of: &Evidence<'_>,
) -> Option<f32> {
    let w = of.given.width();
    let mut given = [0.0; SIDE * SIDE];
    let mut rough = [0.0; SIDE * SIDE];
    let mut hidden = [false; SIDE * SIDE];
    let mut hits = 0;
    for y in 0..SIDE {
        let at = (y0 + y) * w + x0;
        let i = y * SIDE;
        given[i..][..SIDE].copy_from_slice(&of.given.row(y0 + y)[x0..][..SIDE]);
        rough[i..][..SIDE].copy_from_slice(&of.rough.data[at..][..SIDE]);
        hidden[i..][..SIDE].copy_from_slice(&of.hidden.data()[at..][..SIDE]);
        lifted.pixels[i..][..SIDE].copy_from_slice(&start.data[at..][..SIDE]);
        hits += of.hit.data()[at..][..SIDE].iter().filter(|h| **h).count();
    }
    if hits == 0 {
        return None;
    }
    let mean = lifted.pixels.iter().sum::<f32>() / lifted.pixels.len() as f32;
    lifted.pixels.iter_mut().for_each(|v| *v -= mean);
    for v in &mut given {
        *v -= mean;
    }
    if !lifted.fit(&given, &hidden.map(|h| if h { 0.0 } else { PULL })) {
        return None;
    }
    let outlier = threshold(&given, &lifted.pixels);
    let slack = std::array::from_fn(|i| {
        let impulse = (given[i] - lifted.pixels[i]).abs() > outlier;
        if impulse || hidden[i] { 0.0 } else { f32::INFINITY }
    });
    for (v, (y, slack)) in lifted.pixels.iter_mut().zip(given.iter().zip(&slack)) {
        *v = if *slack > 0.0 { *y } else { *v };
    }
    if !lifted.fit(&given, &slack) {
        return None;
    }
    let (mut before, mut after) = (0.0, 0.0);
    for i in 0..SIDE * SIDE {
        if hidden[i] {
            before += (rough[i] - mean - given[i]).abs();
            after += (lifted.pixels[i] - given[i]).abs();
        }
        lifted.pixels[i] += mean;
    }
    (after < before).then_some(outlier)
}

/// Puts the withheld pixels back that are no impulses.
#[inline(always)]
fn reveal(lifted: &mut Lifted, (x0, y0): (usize, usize), outlier: f32, of: &Evidence<'_>) {
    for (i, v) in lifted.pixels.iter_mut().enumerate() {
        let (x, y) = (x0 + i % SIDE, y0 + i / SIDE);
        if of.hidden.at(x, y) && (*v - of.given.at(x, y)).abs() <= outlier {
            *v = of.given.at(x, y);
        }
    }
}

/// The difference from which on a pixel is an impulse.
#[inline(always)]
fn threshold(given: &[f32; SIDE * SIDE], fitted: &[f32; SIDE * SIDE]) -> f32 {
    let mut off: [f32; SIDE * SIDE] = std::array::from_fn(|i| (given[i] - fitted[i]).abs());
    let (_, median, _) = off.select_nth_unstable_by(SIDE * SIDE / 2, f32::total_cmp);
    (DEVIATIONS * NORMAL * *median).max(FLOOR)
}

impl Operation for RobustAloha {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        Ok(())
    }

    /// The share of hits is measured on the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn alignment(&self) -> u32 {
        (STEP * BAND) as u32
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = robust_aloha(&sample.image, self, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
