//! Color histogram: which colors a picture holds, and with a pyramid roughly where.
//!
//! ```text
//! h_l,c(b) = w_l |{pixels of cell c of level l whose color is in bin b}| / |pixels|    2^l x 2^l cells
//! w_0 = 1 / 2^L,   w_l = 1 / 2^(L - l + 1)                                            levels 0 .. L
//! ```
//!
//! The numbers of all levels have sum 1, so that the sum of the lesser of two vectors' numbers is the
//! pyramid match of Lazebnik et al. Levels go before cells (row by row), cells before bins; of joint
//! bins the last channel runs fastest, as in `numpy.histogramdd` and OpenCV's `calcHist`.
//!
//! Bins are equally wide. Red, green, blue, saturation and value span `[0, 256/255)`, so that 8-bit
//! levels fall where `calcHist` with the range `[0, 256]` puts them; hue a full turn, `L*` `[0, 100)`,
//! `a*` and `b*` `[-128, 128)`. What lies outside counts in the outermost bins. A color nearer to a
//! bin's lower edge than rounding can tell is in that bin. Gray pictures have equal channels. Cost: one
//! pass; for Lab two look-ups per channel in tables that are within 0.003 units of the formulas.
//!
//! Reference: M. J. Swain, D. H. Ballard, "Color indexing", IJCV 7(1), 1991, doi:10.1007/BF00130487;
//! S. Lazebnik, C. Schmid, J. Ponce, "Beyond bags of features: spatial pyramid matching for recognizing
//! natural scene categories", CVPR 2006, doi:10.1109/CVPR.2006.68.

use crate::MetricError;
use crate::full_reference::XYZ;
use restora_image::{
    ColorSpace, Context, Image, OpError, OpInfo, ParamInfo, map_bands, simd, srgb_to_linear,
};
use serde::{Deserialize, Serialize};

/// The space whose channels are divided into bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistogramSpace {
    /// Red, green, blue as they are.
    Rgb,
    /// Hue, saturation, value of them.
    Hsv,
    /// CIE L*a*b* under D65.
    Lab,
}

/// What a bin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistogramChannels {
    /// A box of colors: `bins^3` of them.
    Joint,
    /// An interval of one channel: `3 bins` of them.
    Separate,
}

/// Options of [`color_histogram()`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColorHistogram {
    /// The color space.
    pub space: HistogramSpace,
    /// Bins of each channel.
    pub bins: u32,
    /// Bins of all channels together, or of each alone.
    pub channels: HistogramChannels,
    /// Highest level of the pyramid; 0 is the whole picture alone.
    pub levels: u32,
}

impl Default for ColorHistogram {
    fn default() -> Self {
        Self { space: HistogramSpace::Rgb, bins: 8, channels: HistogramChannels::Joint, levels: 0 }
    }
}

impl ColorHistogram {
    fn validate(&self) -> Result<(), MetricError> {
        let (range, most) = match self.channels {
            HistogramChannels::Joint => ("1 to 32 where they are joint", 32),
            HistogramChannels::Separate => ("1 to 256", 256),
        };
        if !(1..=most).contains(&self.bins) {
            return Err(OpError::param("bins", range, self.bins).into());
        }
        if self.levels > 2 {
            return Err(OpError::param("levels", "0 to 2", self.levels).into());
        }
        Ok(())
    }

    /// Numbers of one cell.
    fn cell(&self) -> usize {
        let bins = self.bins as usize;
        match self.channels {
            HistogramChannels::Joint => bins.pow(3),
            HistogramChannels::Separate => 3 * bins,
        }
    }
}

/// Names, ranges and defaults of [`ColorHistogram`], for help texts.
pub const INFO: OpInfo = OpInfo {
    id: "color-histogram",
    title: "Color histogram, also by a spatial pyramid",
    family: "features",
    paper: "Swain, Ballard, Color indexing, IJCV 7(1), 1991, doi:10.1007/BF00130487; Lazebnik, Schmid, \
            Ponce, Beyond bags of features, CVPR 2006, doi:10.1109/CVPR.2006.68",
    params: &[
        ParamInfo::plain("space", "rgb | hsv | lab", "\"rgb\"", "the color space"),
        ParamInfo::plain("bins", "1..32 joint, 1..256 separate", "8", "bins of each channel"),
        ParamInfo::plain(
            "channels",
            "joint | separate",
            "\"joint\"",
            "bins of all channels together, or of each alone",
        ),
        ParamInfo {
            symbol: "L",
            ..ParamInfo::plain(
                "levels",
                "0..2",
                "0",
                "highest level of the pyramid, of 2 x 2 cells or 4 x 4",
            )
        },
    ],
};

/// The histogram of a gray or RGB image: `bins^3` or `3 bins` numbers for each of the 1, 5 or 21 cells
/// of levels 0, 1 or 2, of sum 1.
///
/// # Errors
/// If an option is out of range, the image is empty or neither gray nor RGB, or the caller cancelled.
pub fn color_histogram(
    image: &Image,
    options: &ColorHistogram,
    cx: &Context,
) -> Result<Vec<f32>, MetricError> {
    options.validate()?;
    let size = image.size();
    let planes = match image.space() {
        ColorSpace::Gray => [0, 0, 0].map(|c| image.plane(c)),
        ColorSpace::Srgb | ColorSpace::LinearRgb => [0, 1, 2].map(|c| image.plane(c)),
        got => {
            let wanted = "gray or RGB";
            return Err(OpError::WrongSpace { op: "color histogram", wanted, got }.into());
        }
    };
    if size.is_empty() {
        return Err(MetricError::TooSmall { metric: "color histogram", wanted: 1, got: size });
    }
    let (grid, cell, bins) = (1 << options.levels, options.cell(), options.bins);
    let lab = (options.space == HistogramSpace::Lab)
        .then(|| Lab::new(image.space() == ColorSpace::LinearRgb));
    // Bands of fixed number, for each holds all bins.
    let bands = map_bands(size.h(), size.h().div_ceil(8).max(16), cx, |band| {
        let mut counts = vec![0u32; grid * grid * cell];
        let mut color = [(); 3].map(|()| vec![0.0f32; size.w()]);
        let mut codes = [(); 3].map(|()| vec![0i32; size.w()]);
        for y in band {
            for (row, plane) in color.iter_mut().zip(planes) {
                row.copy_from_slice(plane.row(y));
            }
            let [a, b, c] = &mut color;
            match options.space {
                HistogramSpace::Rgb => {}
                HistogramSpace::Hsv => simd(
                    #[inline(always)]
                    || hue_saturation_value(a, b, c),
                ),
                HistogramSpace::Lab => lab.iter().for_each(|lab| lab.of(a, b, c)),
            }
            for (i, (code, color)) in codes.iter_mut().zip(&color).enumerate() {
                let [low, high] = options.space.range(i);
                let (scale, most) = (bins as f32 / (high - low), bins as f32 - 1.0);
                simd(
                    #[inline(always)]
                    || {
                        for (code, v) in code.iter_mut().zip(color) {
                            *code = ((v - low) * scale + TIE).max(0.0).min(most) as i32;
                        }
                    },
                );
            }
            let [a, b, c] = &codes;
            for column in 0..grid {
                // The pixels x with x grid / w = column, in whole numbers.
                let edge = |column: usize| (column * size.w()).div_ceil(grid);
                let pixels = edge(column)..edge(column + 1);
                let at = (y * grid / size.h() * grid + column) * cell;
                let counts = &mut counts[at..][..cell];
                let (a, b, c) = (&a[pixels.clone()], &b[pixels.clone()], &c[pixels]);
                let n = bins as usize;
                for ((a, b), c) in a.iter().zip(b).zip(c) {
                    let [a, b, c] = [*a as usize, *b as usize, *c as usize];
                    match options.channels {
                        HistogramChannels::Joint => counts[(a * n + b) * n + c] += 1,
                        HistogramChannels::Separate => {
                            counts[a] += 1;
                            counts[n + b] += 1;
                            counts[2 * n + c] += 1;
                        }
                    }
                }
            }
        }
        Ok(counts)
    })?;
    let mut finest = vec![0u64; grid * grid * cell];
    for counts in bands {
        for (sum, count) in finest.iter_mut().zip(counts) {
            *sum += u64::from(count);
        }
    }
    let votes = match options.channels {
        HistogramChannels::Joint => 1.0,
        HistogramChannels::Separate => 3.0,
    };
    Ok(pyramid(&finest, options, votes * size.len() as f64))
}

/// The levels from the counts of the finest one, weighted.
fn pyramid(finest: &[u64], options: &ColorHistogram, votes: f64) -> Vec<f32> {
    let (levels, cell) = (options.levels, options.cell());
    let grid = 1usize << levels;
    let mut out = Vec::new();
    for level in 0..=levels {
        let side = 1usize << level;
        let mut counts = vec![0u64; side * side * cell];
        for (i, fine) in finest.chunks_exact(cell).enumerate() {
            let [x, y] = [i % grid, i / grid].map(|v| v >> (levels - level));
            for (sum, count) in counts[(y * side + x) * cell..].iter_mut().zip(fine) {
                *sum += count;
            }
        }
        let halvings = if level == 0 { levels } else { levels - level + 1 };
        let weight = 0.5f64.powi(halvings as i32);
        out.extend(counts.iter().map(|count| (weight * *count as f64 / votes) as f32));
    }
    out
}

/// Part of a bin within which a color counts as on its lower edge.
const TIE: f32 = 1e-4;

impl HistogramSpace {
    /// What the bins of a channel divide.
    fn range(self, channel: usize) -> [f32; 2] {
        match (self, channel) {
            (Self::Hsv, 0) => [0.0, 1.0],
            (Self::Lab, 0) => [0.0, 100.0],
            (Self::Lab, _) => [-128.0, 128.0],
            _ => [0.0, 256.0 / 255.0],
        }
    }
}

/// Red, green and blue become hue (in turns), saturation and value.
#[inline(always)]
fn hue_saturation_value(r: &mut [f32], g: &mut [f32], b: &mut [f32]) {
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        let (red, green, blue) = (*r, *g, *b);
        let value = red.max(green).max(blue);
        let chroma = value - red.min(green).min(blue);
        let over = 1.0 / if chroma > 0.0 { chroma } else { 1.0 };
        let sixth = if value == red {
            (green - blue) * over
        } else if value == green {
            2.0 + (blue - red) * over
        } else {
            4.0 + (red - green) * over
        };
        *r = if sixth < 0.0 { sixth + 6.0 } else { sixth } / 6.0;
        *g = chroma / if value > 0.0 { value } else { 1.0 };
        *b = value;
    }
}

/// Steps of the tables.
const STEPS: usize = 4096;

/// Lab by tables, between whose entries is interpolated.
struct Lab {
    /// Linear light of values in `[0, 1]`.
    light: Vec<f32>,
    /// The root that Lab takes of `X / X_n` in `[0, 1]`.
    root: Vec<f32>,
}

impl Lab {
    fn new(linear: bool) -> Self {
        let table =
            |f: &dyn Fn(f32) -> f32| (0..=STEPS + 1).map(|i| f(i as f32 / STEPS as f32)).collect();
        Self {
            light: table(&|v| if linear { v } else { srgb_to_linear(v) }),
            root: table(&|t| if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 }),
        }
    }

    /// Red, green and blue become L*, a* and b*.
    fn of(&self, r: &mut [f32], g: &mut [f32], b: &mut [f32]) {
        // White is what the matrix makes of it, so that gray has a* = b* = 0.
        let m = XYZ.map(|row| row.map(|weight| (weight / row.iter().sum::<f64>()) as f32));
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let [red, green, blue] = [*r, *g, *b].map(|v| looked_up(&self.light, v));
            let [x, y, z] =
                m.map(|m| looked_up(&self.root, m[0] * red + m[1] * green + m[2] * blue));
            *r = 116.0 * y - 16.0;
            *g = 500.0 * (x - y);
            *b = 200.0 * (y - z);
        }
    }
}

#[inline(always)]
fn looked_up(table: &[f32], v: f32) -> f32 {
    let at = (v * STEPS as f32).max(0.0).min(STEPS as f32);
    let i = at as usize;
    table[i] + (at - i as f32) * (table[i + 1] - table[i])
}

#[cfg(test)]
mod tests;
