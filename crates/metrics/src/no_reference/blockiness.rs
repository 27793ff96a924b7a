//! Strength and phase of the 8x8 grid that JPEG leaves: how much larger steps between neighbors are
//! across block borders than beside them.
//!
//! ```text
//! e(x) = min(|I(x) - I(x+1)|, c) - (min(|I(x-1) - I(x)|, c) + min(|I(x+1) - I(x+2)|, c)) / 2
//! s(k) = mean of e over columns x = k - 1 mod 8;  strength = s(k*) - mean of s(k), k != k*
//! ```
//! and the same along rows. `c` (8/255) keeps edges of the scene from drowning the grid. Cost: one
//! pass over at most two million pixels. Measured on luma.
//!
//! Wang, Sheikh, Bovik, "No-reference perceptual quality assessment of JPEG compressed images", ICIP
//! 2002, doi:10.1109/ICIP.2002.1038064 (border differences); phase by search as in Fan and de
//! Queiroz, IEEE TIP 12, 2003, doi:10.1109/TIP.2002.807361.

use restora_image::{Image, Plane, to_luma};
use serde::{Deserialize, Serialize};

/// Differences beyond this are edges of the scene.
const CAP: f32 = 8.0 / 255.0;
/// Rows (or columns) looked at in each direction.
const LINES: usize = 1024;

/// What [`blockiness`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Blockiness {
    /// Mean excess of the step across a block border, nominal range; 0 without a grid. About
    /// 0.2/255 at JPEG quality 90, 1/255 at 50, 3/255 at 10.
    pub strength: f32,
    /// Column of the first block border, `0..8`: 0 for a picture that was not cropped since.
    pub offset_x: u8,
    /// Row of the first block border.
    pub offset_y: u8,
    /// That there is such a grid, in `[0, 1]`: how far the strongest phase stands out of the other
    /// seven, in units of their scatter (0 at 3, 1 at 12), the weaker direction counting.
    pub confidence: f32,
}

/// Looks for a JPEG grid in a picture of any size; below 24 pixels in a direction it finds nothing.
pub fn blockiness(image: &Image) -> Blockiness {
    let plane =
        to_luma(image).ok().or_else(|| (image.channels() > 0).then(|| image.plane(0).to_plane()));
    let Some(plane) = plane else { return Blockiness::default() };
    let (width, height) = (plane.size.w(), plane.size.h());
    if width < 24 || height < 24 {
        return Blockiness::default();
    }
    let (across, along) = (phases_x(&plane), phases_y(&plane));
    let ((x, strength_x, score_x), (y, strength_y, score_y)) =
        (stand_out(across), stand_out(along));
    let confidence = ((score_x.min(score_y) - 3.0) / 9.0).clamp(0.0, 1.0) as f32;
    Blockiness {
        strength: if confidence > 0.0 { 0.5 * (strength_x + strength_y).max(0.0) } else { 0.0 },
        offset_x: x as u8,
        offset_y: y as u8,
        confidence,
    }
}

fn capped(a: f32, b: f32) -> f32 {
    (a - b).abs().min(CAP)
}

/// Mean excess of the steps to the left of columns `k mod 8`.
fn phases_x(plane: &Plane) -> [f64; 8] {
    let (mut sums, mut counts) = ([0.0f64; 8], [0u64; 8]);
    for y in (0..plane.size.h()).step_by(plane.size.h().div_ceil(LINES)) {
        let row = plane.row(y);
        for (x, w) in row.windows(4).enumerate() {
            let excess = capped(w[1], w[2]) - 0.5 * (capped(w[0], w[1]) + capped(w[2], w[3]));
            sums[(x + 2) % 8] += f64::from(excess);
            counts[(x + 2) % 8] += 1;
        }
    }
    std::array::from_fn(|k| sums[k] / counts[k].max(1) as f64)
}

/// Mean excess of the steps above rows `k mod 8`.
fn phases_y(plane: &Plane) -> [f64; 8] {
    let (mut sums, mut counts) = ([0.0f64; 8], [0u64; 8]);
    let step = plane.size.w().div_ceil(LINES);
    for y in 0..plane.size.h() - 3 {
        let rows: [&[f32]; 4] = std::array::from_fn(|i| plane.row(y + i));
        for x in (0..plane.size.w()).step_by(step) {
            let excess = capped(rows[1][x], rows[2][x])
                - 0.5 * (capped(rows[0][x], rows[1][x]) + capped(rows[2][x], rows[3][x]));
            sums[(y + 2) % 8] += f64::from(excess);
            counts[(y + 2) % 8] += 1;
        }
    }
    std::array::from_fn(|k| sums[k] / counts[k].max(1) as f64)
}

/// The strongest phase, its excess over the mean of the others, and that in units of their scatter.
fn stand_out(phases: [f64; 8]) -> (usize, f32, f64) {
    let best = (0..8).max_by(|a, b| phases[*a].total_cmp(&phases[*b])).unwrap_or(0);
    // A border step lowers the excess of the two phases beside it: leave them out.
    let others: Vec<f64> =
        (2..7).map(|d| phases[(best + d) % 8]).filter(|v| v.is_finite()).collect();
    let mean = others.iter().sum::<f64>() / others.len().max(1) as f64;
    let scatter = (others.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
        / others.len().max(1) as f64)
        .sqrt()
        .max(1e-5);
    let excess = phases[best] - mean;
    (best, excess as f32, excess / scatter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::{noisy, synthetic};

    /// A picture with every 8x8 block shifted by a seeded amount.
    fn blocky(amount: f32, shift: usize) -> Image {
        let size = Size::new(200, 168);
        let steps = noisy(&Image::zeros(Size::new(40, 40), ColorSpace::Gray), amount, 3);
        let clean = noisy(&synthetic(size), 1.0 / 255.0, 8);
        Image::gray_from_fn(size, |x, y| {
            clean.plane(0).at(x, y) + steps.plane(0).at((x + 8 - shift) / 8, (y + 8 - shift) / 8)
        })
    }

    #[test]
    fn the_grid_and_its_phase_are_found() {
        for shift in [0usize, 3, 7] {
            let found = blockiness(&blocky(3.0 / 255.0, shift));
            assert_eq!((found.offset_x, found.offset_y), (shift as u8, shift as u8), "{found:?}");
            assert!(found.confidence > 0.5 && found.strength > 0.5 / 255.0, "{found:?}");
        }
    }

    #[test]
    fn strength_grows_with_the_steps_and_vanishes_without_them() {
        let strengths = [2.0f32, 4.0, 8.0].map(|a| blockiness(&blocky(a / 255.0, 0)).strength);
        assert!(strengths[0] < strengths[1] && strengths[1] < strengths[2], "{strengths:?}");
        let none = blockiness(&noisy(&synthetic(Size::new(200, 200)), 0.02, 1));
        assert!(none.confidence < 0.2, "{none:?}");
    }

    #[test]
    fn small_and_flat_pictures_have_no_grid() {
        for (w, h) in [(0, 0), (1, 1), (23, 100), (64, 64)] {
            let found = blockiness(&Image::zeros(Size::new(w, h), ColorSpace::Srgb));
            assert_eq!((found.strength, found.confidence), (0.0, 0.0));
        }
    }
}
