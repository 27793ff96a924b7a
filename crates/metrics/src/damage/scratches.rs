//! Scratches and cracks: thin light or dark curves that lie over the scene.
//!
//! ```text
//! A(x)  = mean of 5 pixels along the line                      in 16 orientations
//! r(x)  = max over d of A(x) - max(A(x + d n), A(x - d n))     light; dark alike; d = 2, 4, 6
//! R(x)  = opening of r by 11 pixels along the line             a line is long
//! ```
//!
//! Ridges of `R` across the line are its center; they are chained into curves, over gaps up to 24
//! pixels where two ends point at each other and have one tone. Photographs are full of such curves:
//! wires, branches, hair, edges of windows. What a scratch is known by is not its contrast but that it
//! belongs to another layer: one tone all along, though the ground changes; the same ground on both
//! sides; the tone at an end of the picture's range, and without color; quiet surroundings. The score
//! of a curve is the logarithm of the odds of these together (logistic regression on curves of
//! photographs, and of the same with drawn scratches), and curves are marked down to the score at which
//! undamaged photographs would have a tenth as many ([`Significance`]): significance in the sense of the
//! a-contrario method, with photographs as the background model in place of noise.
//!
//! A curve is marked as wide as half of its contrast reaches, and one pixel more for its soft
//! border. Scratches of the tone and color of the scene around them, and ones wider than about 11
//! pixels, are not found. Works on luma; cost: about 600 operations a pixel.
//!
//! References: A. Newson, A. Almansa, Y. Gousseau, P. Perez, "Robust automatic line scratch detection
//! in films", IEEE TIP 23(3), 2014, doi:10.1109/TIP.2014.2300824; A. C. Kokaram, "Detection and
//! removal of line scratches in degraded motion picture sequences", EUSIPCO 1996.

mod chains;
mod evidence;
mod ridges;
mod widen;

use super::rates::{Rates, Significance};
use super::windows::{bytes, median};
use chains::{Curve, curves, pieces};
use evidence::Surroundings;
use restora_image::{Context, Image, Mask, OpError, Plane, to_luma};
use ridges::ridges;
use widen::draw;

pub use evidence::SCRATCH_TERMS;

/// Options of [`scratches`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scratches {
    /// How sure it must be of a curve.
    pub significance: Significance,
}

impl Default for Scratches {
    fn default() -> Self {
        Self { significance: Significance::ASKED }
    }
}

/// Least response of a center line, of 255.
const LOW: u8 = 12;
/// Least number of pixels of a curve.
const SHORTEST: usize = 16;

/// Weights of the terms of the evidence, as `examples/damage_weights.rs` of the crate `restora` fits
/// them on the open photographs.
const WEIGHTS: [f32; SCRATCH_TERMS] = [
    0.325, -0.121, 4.551, 1.429, -0.914, 2.872, -2.344, -2.141, 0.564, -1.284, -2.207, -0.456,
    -0.233, -0.099, 0.122, 0.189, 0.977, -0.765, -1.541, -4.367,
];
/// Scores that so many curves of undamaged photographs reach in a megapixel: rate, score. Counted on
/// 148 photographs (15 megapixels) by weights that were fitted on others.
const RATES: Rates = Rates {
    color: [(0.1, 6.2), (0.3, 5.19), (1.0, 4.05), (3.0, 3.3), (10.0, 2.08), (100.0, -0.8)],
    gray: [(0.1, 5.35), (0.3, 4.49), (1.0, 3.36), (3.0, 2.32), (10.0, 1.35), (100.0, -1.35)],
};

/// A curve that may be a scratch.
#[derive(Clone, Debug, PartialEq)]
pub struct ScratchCandidate {
    /// The pixels of its center line, column and row.
    pub pixels: Vec<(u32, u32)>,
    /// What speaks for and against it.
    pub terms: [f32; SCRATCH_TERMS],
    /// Logarithm of its odds to be a scratch.
    pub score: f32,
}

/// Marks the scratches of a picture.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::WrongSpace`] for an image that is
/// neither gray nor RGB; [`OpError::Cancelled`].
pub fn scratches(image: &Image, options: &Scratches, cx: &Context) -> Result<Mask, OpError> {
    options.significance.validate()?;
    let (luma, found) = candidates(image, cx)?;
    let scores: Vec<f32> = found.iter().map(|f| f.score).collect();
    let least = RATES.least_score(image, &scores, options.significance);
    let mut mask = Mask::empty(image.size());
    for found in found.iter().filter(|f| f.score > least) {
        draw(&mut mask, &luma, found.polarity, &found.curve);
    }
    Ok(mask)
}

/// Every curve that is looked at, for fitting and for judging the weights.
///
/// # Errors
/// As [`scratches`].
pub fn scratch_candidates(image: &Image, cx: &Context) -> Result<Vec<ScratchCandidate>, OpError> {
    let candidate = |found: Found| ScratchCandidate {
        pixels: found.curve.links.iter().map(|l| (l.0, l.1)).collect(),
        terms: found.terms,
        score: found.score,
    };
    Ok(candidates(image, cx)?.1.into_iter().map(candidate).collect())
}

struct Found {
    polarity: usize,
    curve: Curve,
    terms: [f32; SCRATCH_TERMS],
    score: f32,
}

/// The luma of a picture, of 255, and its curves.
fn candidates(image: &Image, cx: &Context) -> Result<(Plane, Vec<Found>), OpError> {
    cx.check()?;
    let mut luma = to_luma(image)?;
    let mut found = Vec::new();
    if image.size().is_empty() {
        return Ok((luma, found));
    }
    luma.data.iter_mut().for_each(|v| *v *= 255.0);
    let ridges = ridges(&bytes(&luma), luma.size, cx)?;
    let pieces = [pieces(&ridges, 0, LOW), pieces(&ridges, 1, LOW)];
    cx.check()?;
    let centers = pieces.iter().flatten().flatten().map(|l| (l.0, l.1));
    let around = Surroundings::new(image, &luma, &ridges, centers);
    for (polarity, pieces) in pieces.iter().enumerate() {
        cx.check()?;
        let tone = |piece: &Vec<chains::Link>| {
            let w = luma.size.w();
            let tones = piece.iter().map(|l| luma.data[l.1 as usize * w + l.0 as usize]);
            tones.sum::<f32>() / piece.len() as f32
        };
        let tones: Vec<f32> = pieces.iter().map(tone).collect();
        for curve in curves(pieces, &tones) {
            if curve.links.len() >= SHORTEST {
                let terms = around.terms(&ridges, polarity, &curve);
                let score = terms.iter().zip(&WEIGHTS).map(|(t, w)| t * w).sum();
                found.push(Found { polarity, curve, terms, score });
            }
        }
    }
    drop(around);
    Ok((luma, found))
}

#[cfg(test)]
mod tests;
