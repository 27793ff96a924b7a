//! Histograms of oriented gradients (HOG): the outline of what is seen, whatever its color and light.
//!
//! ```text
//! g = (I(x + 1, y) - I(x - 1, y), I(x, y + 1) - I(x, y - 1))        0 at the edges
//! cell: sum of |g| per orientation (modulo a half turn) / pixels of the cell
//! block of cells: v -> v / sqrt(|v|^2 + e^2) -> min(v, 0.2) -> v / sqrt(|v|^2 + e^2)       (L2-Hys)
//! ```
//!
//! Equal to scikit-image's `hog` (no interpolation between bins, gradients in 8-bit levels, e = 1e-5).
//! Of a color image each pixel takes the channel of largest gradient. Rows and columns beyond the last
//! whole cell are left out. Cost: one pass.
//!
//! Reference: N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005,
//! doi:10.1109/CVPR.2005.177.

use crate::MetricError;
use restora_image::{ColorSpace, Context, Image, OpError, OpInfo, ParamInfo, map_bands};
use serde::{Deserialize, Serialize};

/// Keeps flat blocks finite.
const EPSILON: f64 = 1e-5;
/// Entries of a block are clipped here.
const CLIP: f64 = 0.2;

/// Options of [`hog()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hog {
    /// Bins over a half turn.
    pub orientations: u32,
    /// Width and height of a cell in pixels.
    pub cell: u32,
    /// Width and height of a block in cells; blocks move by one cell.
    pub block: u32,
}

impl Default for Hog {
    fn default() -> Self {
        Self { orientations: 9, cell: 8, block: 2 }
    }
}

impl Hog {
    fn validate(&self) -> Result<(), MetricError> {
        let fields = [
            ("orientations", self.orientations, 360),
            ("cell", self.cell, 1024),
            ("block", self.block, 64),
        ];
        for (name, value, most) in fields {
            if !(1..=most).contains(&value) {
                let wanted = match most {
                    360 => "1 to 360",
                    1024 => "1 to 1024",
                    _ => "1 to 64",
                };
                return Err(OpError::param(name, wanted, value).into());
            }
        }
        Ok(())
    }
}

/// Names, ranges and defaults of [`Hog`], for help texts.
pub const INFO: OpInfo = OpInfo {
    id: "hog",
    title: "Histograms of oriented gradients",
    family: "features",
    paper: "Dalal, Triggs, Histograms of oriented gradients for human detection, CVPR 2005, \
            doi:10.1109/CVPR.2005.177",
    params: &[
        ParamInfo::plain("orientations", "1..360", "9", "bins over a half turn"),
        ParamInfo::plain("cell", "1..1024", "8", "width and height of a cell in pixels"),
        ParamInfo::plain("block", "1..64", "2", "width and height of a block in cells"),
    ],
};

/// The blocks of a gray or RGB image, row by row; in each the cells row by row, in each its
/// orientations. Empty where the image holds no whole block.
///
/// # Errors
/// If an option is out of range, the image is neither gray nor RGB, or the caller cancelled.
pub fn hog(image: &Image, options: &Hog, cx: &Context) -> Result<Vec<f32>, MetricError> {
    options.validate()?;
    if !matches!(image.space(), ColorSpace::Gray | ColorSpace::Srgb | ColorSpace::LinearRgb) {
        let got = image.space();
        return Err(OpError::WrongSpace { op: "HOG", wanted: "gray or RGB", got }.into());
    }
    let (bins, side, block) =
        (options.orientations as usize, options.cell as usize, options.block as usize);
    let (across, down) = (image.size().w() / side, image.size().h() / side);
    if across < block || down < block {
        return Ok(Vec::new());
    }
    let rows = map_bands(down, 1, cx, |band| Ok(row_of_cells(image, band.start, across, options)))?;
    let cells: Vec<f64> = rows.into_iter().flatten().collect();
    let mut out = Vec::new();
    for y in 0..=down - block {
        for x in 0..=across - block {
            let mut values = Vec::with_capacity(block * block * bins);
            for dy in 0..block {
                let from = ((y + dy) * across + x) * bins;
                values.extend_from_slice(&cells[from..][..block * bins]);
            }
            normalize(&mut values);
            for v in &mut values {
                *v = v.min(CLIP);
            }
            normalize(&mut values);
            out.extend(values.iter().map(|v| *v as f32));
        }
    }
    Ok(out)
}

fn normalize(values: &mut [f64]) {
    let length = (values.iter().map(|v| v * v).sum::<f64>() + EPSILON * EPSILON).sqrt();
    for v in values {
        *v /= length;
    }
}

/// The histograms of a row of cells.
fn row_of_cells(image: &Image, row: usize, across: usize, options: &Hog) -> Vec<f64> {
    let (bins, side) = (options.orientations as usize, options.cell as usize);
    let (w, h) = (image.size().w(), image.size().h());
    let mut cells = vec![0.0f64; across * bins];
    for y in row * side..(row + 1) * side {
        for x in 0..across * side {
            let gradient = |c: usize| {
                let plane = image.plane(c);
                let level = |x, y| f64::from(plane.at(x, y)) * 255.0;
                let dx = if x == 0 || x + 1 == w { 0.0 } else { level(x + 1, y) - level(x - 1, y) };
                let dy = if y == 0 || y + 1 == h { 0.0 } else { level(x, y + 1) - level(x, y - 1) };
                (dx, dy)
            };
            let mut strongest = gradient(0);
            for c in 1..image.channels() {
                let other = gradient(c);
                if other.0.hypot(other.1) > strongest.0.hypot(strongest.1) {
                    strongest = other;
                }
            }
            let (dx, dy) = strongest;
            let degrees = dy.atan2(dx).to_degrees().rem_euclid(180.0);
            let bin = ((degrees * bins as f64 / 180.0) as usize).min(bins - 1);
            cells[x / side * bins + bin] += dx.hypot(dy) / (side * side) as f64;
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{assert_info_matches, synthetic, synthetic_rgb};

    #[test]
    fn a_ramp_fills_the_bin_of_its_direction_alone() {
        for (degrees, bin) in [(10.0f64, 0), (50.0, 2), (130.0, 6), (170.0, 8), (190.0, 0)] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let image = Image::gray_from_fn(Size::new(48, 40), |x, y| {
                (0.01 * (x as f64 * cos + y as f64 * sin)) as f32
            });
            let found = hog(&image, &Hog::default(), &Context::default()).unwrap();
            assert_eq!(found.len(), 5 * 4 * 4 * 9);
            // A block in the middle: four cells, of equal weight after clipping.
            let block = &found[(5 + 2) * 36..][..36];
            for (i, v) in block.iter().enumerate() {
                let wanted = if i % 9 == bin { 0.5 } else { 0.0 };
                assert!((v - wanted).abs() < 1e-3, "{degrees} at {i}: {v}");
            }
        }
    }

    #[test]
    fn light_and_threads_do_not_matter() {
        let image = synthetic(Size::new(64, 50));
        let mut darker = image.clone();
        for v in darker.data_mut() {
            *v = 0.5 * *v + 0.1;
        }
        let run =
            |i: &Image, threads| hog(i, &Hog::default(), &Context::with_threads(threads)).unwrap();
        let (a, b) = (run(&image, 1), run(&darker, 1));
        // The synthetic picture has sharp edges everywhere but in a few flat blocks.
        let gap = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(gap < 1e-3, "{gap}");
        assert_eq!(a, run(&image, 4));
    }

    #[test]
    fn color_takes_the_channel_of_largest_gradient() {
        let color = synthetic_rgb(Size::new(32, 32));
        let mut only = color.clone();
        only.plane_mut(0).fill(0.3);
        only.plane_mut(2).fill(0.6);
        let green = Image::from_plane(only.plane(1).to_plane());
        let run = |i: &Image| hog(i, &Hog::default(), &Context::default()).unwrap();
        assert_eq!(run(&only), run(&green));
        assert_ne!(run(&color), run(&green));
    }

    #[test]
    fn an_image_without_a_whole_block_has_none_and_bad_options_are_refused() {
        let run =
            |size, o: Hog| hog(&Image::zeros(size, ColorSpace::Gray), &o, &Context::default());
        for size in [Size::new(0, 0), Size::new(15, 100), Size::new(100, 8)] {
            assert_eq!(run(size, Hog::default()), Ok(vec![]));
        }
        let bad = [
            ("orientations", Hog { orientations: 0, ..Hog::default() }),
            ("cell", Hog { cell: 0, ..Hog::default() }),
            ("block", Hog { block: 65, ..Hog::default() }),
        ];
        for (name, options) in bad {
            let error = run(Size::new(32, 32), options).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn info_lists_every_option_with_its_default() {
        assert_info_matches(&INFO, &Hog::default());
    }
}
