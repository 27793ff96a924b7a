//! GIST: the layout of a scene, as energies of oriented waves on a coarse grid.
//!
//! ```text
//! u = ln(1 + 255 (I - min I) / (max I - min I))      v = u - u * g     w = v / (0.2 + sqrt(v^2 * g))
//! G_s,o(f, t) = exp(-3.5 (f / f_s - 1)^2 - 2 pi (n_o / 8)^2 (t - t_o)^2)         f_s = 0.3 / 1.85^s
//! gist_s,o(cell) = mean over the cell of |w * G_s,o|              t_o = -pi o / n_o, modulo a full turn
//! ```
//!
//! `g` is a Gaussian low pass of gain 1/2 at 4 waves per picture. Angles and frequencies (waves per
//! pixel) are those of the Fourier plane; a filter sees one half of it, so that its response is complex
//! and its magnitude smooth. Pictures are continued by reflection, by 5 pixels for the first step and by
//! 32 for the filters. Scales, constants and steps are those of the authors' program, whose picture is
//! 256 x 256 and whose four scales have eight orientations each: 512 numbers for a 4 x 4 grid. Scale by
//! scale, orientation by orientation, then the cells row by row (there: column by column); with color the
//! three channels one after another, over one local contrast. Gray of a color image is BT.601 luma
//! (there: the mean of the channels).
//!
//! Cost: a Fourier transform per filter.
//!
//! Reference: A. Oliva, A. Torralba, "Modeling the shape of the scene: a holistic representation of the
//! spatial envelope", IJCV 42(3), 2001, doi:10.1023/A:1011139631724.

use crate::MetricError;
use crate::full_reference::fourier::Fourier;
use restora_image::{
    Border, ColorSpace, Context, Image, OpError, OpInfo, ParamInfo, map_bands, simd, to_luma,
};
use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};
use std::f64::consts::{LN_2, PI};

/// Waves per picture that the low pass halves.
const LOW_PASS: f64 = 4.0;
/// Keeps the contrast of even places finite.
const CONTRAST: f32 = 0.2;
/// Pixels by which the picture is continued for the low pass, and for the filters.
const MARGINS: [usize; 2] = [5, 32];
/// Frequency of the finest scale in waves per pixel, and by what the next one's is less.
const FINEST: f64 = 0.3;
const RATIO: f64 = 1.85;

/// Is the picture seen in gray, or each of its channels?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GistColor {
    /// BT.601 luma.
    Gray,
    /// Red, green and blue.
    Rgb,
}

/// Options of [`gist()`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gist {
    /// Orientations of each scale, the finest scale first.
    pub orientations: Vec<u32>,
    /// Cells in a row and in a column of the grid.
    pub grid: u32,
    /// Gray or color.
    pub color: GistColor,
}

impl Default for Gist {
    fn default() -> Self {
        Self { orientations: vec![8, 8, 8, 8], grid: 4, color: GistColor::Gray }
    }
}

impl Gist {
    fn validate(&self) -> Result<(), MetricError> {
        let counts = &self.orientations;
        if !(1..=6).contains(&counts.len()) || counts.iter().any(|n| !(1..=32).contains(n)) {
            let wanted = "one to six numbers from 1 to 32";
            return Err(OpError::param("orientations", wanted, format!("{counts:?}")).into());
        }
        if !(1..=16).contains(&self.grid) {
            return Err(OpError::param("grid", "1 to 16", self.grid).into());
        }
        Ok(())
    }
}

/// Names, ranges and defaults of [`Gist`], for help texts.
pub const INFO: OpInfo = OpInfo {
    id: "gist",
    title: "GIST: the layout of a scene",
    family: "features",
    paper: "Oliva, Torralba, Modeling the shape of the scene: a holistic representation of the spatial \
            envelope, IJCV 42(3), 2001, doi:10.1023/A:1011139631724",
    params: &[
        ParamInfo::plain(
            "orientations",
            "1..32 each",
            "[8,8,8,8]",
            "orientations of each scale, from fine to coarse",
        ),
        ParamInfo::plain("grid", "1..16", "4", "cells in a row and in a column"),
        ParamInfo::plain("color", "gray | rgb", "\"gray\"", "luma, or each channel"),
    ],
};

/// The energies of a gray or RGB image: `grid^2` for each orientation of each scale, times three in
/// color. A gray image in color is one whose channels are equal.
///
/// # Errors
/// If an option is out of range, the image has fewer pixels than the grid has cells in a row or column,
/// is neither gray nor RGB, or the caller cancelled.
pub fn gist(image: &Image, options: &Gist, cx: &Context) -> Result<Vec<f32>, MetricError> {
    options.validate()?;
    let size = image.size();
    if size.w().min(size.h()) < options.grid as usize {
        return Err(MetricError::TooSmall { metric: "GIST", wanted: options.grid, got: size });
    }
    let planes: Vec<Vec<f32>> = match (options.color, image.space()) {
        (GistColor::Rgb, ColorSpace::Srgb | ColorSpace::LinearRgb) => {
            (0..3).map(|c| image.plane_data(c).to_vec()).collect()
        }
        _ => vec![to_luma(image)?.data],
    };
    let (w, h) = (size.w(), size.h());
    let contrasts = normalized(planes, w, h);
    let bank = Bank::new(w, h, options);
    let mut all = Vec::new();
    for plane in contrasts {
        cx.check()?;
        all.extend(bank.energies(&plane, cx)?);
    }
    if options.color == GistColor::Rgb && image.space() == ColorSpace::Gray {
        all = all.repeat(3);
    }
    Ok(all)
}

/// Logarithm, then without its low frequencies, then over the local contrast of all planes.
fn normalized(mut planes: Vec<Vec<f32>>, w: usize, h: usize) -> Vec<Vec<f32>> {
    let margin = MARGINS[0];
    let (wide, high) = (w + 2 * margin, h + 2 * margin);
    let values = || planes.iter().flatten();
    let (low, top) = values().fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    let scale = if top > low { 255.0 / (top - low) } else { 0.0 };
    for v in planes.iter_mut().flatten() {
        *v = ((*v - low) * scale).ln_1p();
    }
    let fourier = Fourier::<f32>::new(wide, high);
    // In waves per longer side, the gain at the frequency of each coefficient.
    let longer = wide.max(high) as f64;
    let spread = LOW_PASS * LOW_PASS / LN_2;
    let gain = |n: usize| -> Vec<f32> {
        frequencies(n).map(|f| (-(f * longer).powi(2) / spread).exp() as f32).collect()
    };
    let (across, down) = (gain(wide), gain(high));
    let low_pass = |plane: Vec<Complex<f32>>| {
        let mut spectrum = fourier.forward(plane);
        let each = 1.0 / (wide * high) as f32;
        for (column, x) in spectrum.chunks_exact_mut(high).zip(&across) {
            for (v, y) in column.iter_mut().zip(&down) {
                *v *= x * y * each;
            }
        }
        fourier.inverse(&spectrum)
    };
    let mut filtered: Vec<Vec<f32>> = planes
        .iter()
        .map(|plane| {
            let plane = continued(plane, w, h, margin);
            let low = low_pass(plane.iter().map(|v| Complex::new(*v, 0.0)).collect());
            plane.iter().zip(low).map(|(v, low)| v - low.re).collect()
        })
        .collect();
    let share = 1.0 / filtered.len() as f32;
    let squares = (0..wide * high).map(|i| {
        let mean = share * filtered.iter().map(|plane| plane[i]).sum::<f32>();
        Complex::new(mean * mean, 0.0)
    });
    let contrast = low_pass(squares.collect());
    for plane in &mut filtered {
        for (v, c) in plane.iter_mut().zip(&contrast) {
            *v /= CONTRAST + c.re.abs().sqrt();
        }
        let inside = plane.chunks_exact(wide).skip(margin).take(h);
        *plane = inside.flat_map(|row| &row[margin..margin + w]).copied().collect();
    }
    filtered
}

/// A plane continued by reflection on all sides.
fn continued(plane: &[f32], w: usize, h: usize, margin: usize) -> Vec<f32> {
    let place = |i: usize, n| Border::Reflect.index(i as isize - margin as isize, n).unwrap_or(0);
    let columns: Vec<usize> = (0..w + 2 * margin).map(|x| place(x, w)).collect();
    let rows = (0..h + 2 * margin).map(|y| &plane[place(y, h) * w..][..w]);
    rows.flat_map(|row| columns.iter().map(|x| row[*x])).collect()
}

/// Frequencies of the indices of a transform of `n`, in waves per pixel.
fn frequencies(n: usize) -> impl Iterator<Item = f64> {
    let half = n.div_ceil(2);
    (0..n).map(move |i| if i < half { i as f64 } else { i as f64 - n as f64 } / n as f64)
}

/// The filters of one size of picture.
struct Bank<'a> {
    options: &'a Gist,
    /// Width and height of the picture, and of it continued.
    inner: [usize; 2],
    outer: [usize; 2],
    fourier: Fourier<f32>,
    /// Frequency and angle of each coefficient.
    polar: Vec<[f32; 2]>,
}

impl<'a> Bank<'a> {
    fn new(w: usize, h: usize, options: &'a Gist) -> Self {
        let [wide, high] = [w, h].map(|n| n + 2 * MARGINS[1]);
        let down: Vec<f64> = frequencies(high).collect();
        let polar = frequencies(wide)
            .flat_map(|x| down.iter().map(move |y| [x.hypot(*y) as f32, y.atan2(x) as f32]))
            .collect();
        Self {
            options,
            inner: [w, h],
            outer: [wide, high],
            fourier: Fourier::new(wide, high),
            polar,
        }
    }

    fn energies(&self, plane: &[f32], cx: &Context) -> Result<Vec<f32>, MetricError> {
        let [w, h] = self.inner;
        let continued = continued(plane, w, h, MARGINS[1]);
        let spectrum =
            self.fourier.forward(continued.into_iter().map(|v| Complex::new(v, 0.0)).collect());
        let mut all = Vec::new();
        for (scale, &count) in self.options.orientations.iter().enumerate() {
            let center = FINEST / RATIO.powi(scale as i32);
            // Spectrum times the part of the filter that all orientations share, with the angles.
            let part: Vec<(Complex<f32>, f32)> = spectrum
                .iter()
                .zip(&self.polar)
                .map(|(v, [f, angle])| {
                    let radial = (-3.5 * (f / center as f32 - 1.0).powi(2)).exp();
                    (v * radial, *angle)
                })
                .collect();
            let narrow = (2.0 * PI * (f64::from(count) / 8.0).powi(2)) as f32;
            let found = map_bands(count as usize, 1, cx, |band| {
                let turn = (PI * band.start as f64 / f64::from(count)) as f32;
                let (half_turn, full_turn) = (PI as f32, 2.0 * PI as f32);
                let turned: Vec<Complex<f32>> = part
                    .iter()
                    .map(|(v, angle)| {
                        let t = angle + turn;
                        let t = if t > half_turn { t - full_turn } else { t };
                        v * (-narrow * t * t).exp()
                    })
                    .collect();
                let response = self.fourier.inverse(&turned);
                Ok(self.cells(&response))
            })?;
            all.extend(found.into_iter().flatten());
        }
        Ok(all)
    }

    /// Means of the magnitude over the cells.
    fn cells(&self, response: &[Complex<f32>]) -> Vec<f32> {
        let [w, h] = self.inner;
        let (grid, wide) = (self.options.grid as usize, self.outer[0]);
        let mut sums = vec![(0.0f64, 0u32); grid * grid];
        let edge = |cell: usize, n: usize| MARGINS[1] + cell * n / grid;
        let mut magnitudes = vec![0.0f32; wide];
        for row in 0..grid {
            for y in edge(row, h)..edge(row + 1, h) {
                let line = &response[y * wide..][..wide];
                simd(
                    #[inline(always)]
                    || {
                        for (m, v) in magnitudes.iter_mut().zip(line) {
                            *m = (v.re * v.re + v.im * v.im).sqrt();
                        }
                    },
                );
                for column in 0..grid {
                    let part = &magnitudes[edge(column, w)..edge(column + 1, w)];
                    let (sum, count) = &mut sums[row * grid + column];
                    *sum += f64::from(part.iter().sum::<f32>());
                    *count += part.len() as u32;
                }
            }
        }
        let pixels = (self.outer[0] * self.outer[1]) as f64;
        sums.iter().map(|(sum, count)| (sum / f64::from((*count).max(1)) / pixels) as f32).collect()
    }
}

#[cfg(test)]
mod tests;
