//! What is counted of the colors of a picture, strip by strip: moments, histograms, a sample.
//!
//! ```text
//! u = v + q/2 d / (|d| + q)        d = mean of v over 5 x 5 - v
//! ```
//!
//! Values of 8 bits tie: a histogram cannot say which of them becomes the brighter one. Where all values
//! are multiples of q = 1/255, each moves within the cell that rounding left of it, towards the mean of its
//! neighbors: ties are broken by local means (Coltuc), and what varies smoothly stays smooth.
//! Rounding `u` gives the picture back. Pixels that are fully transparent are not counted.
//!
//! Reference: D. Coltuc, P. Bolon, J.-M. Chassery, "Exact histogram specification", IEEE TIP 15(5), 2006,
//! doi:10.1109/TIP.2005.864170.

use super::curve::{BINS, Domain, bin};
use super::reinhard::to_l_alpha_beta;
use restora_image::{Context, Image, OpError, Rect, Size, map_bands, simd, to_luma};

/// Reads a window of a picture; called from several threads.
pub type Windows<'a> = dyn Fn(Rect) -> Result<Image, OpError> + Sync + 'a;

/// How far the mean of the neighbors looks.
pub(super) const RADIUS: u32 = 2;
/// The step between values of 8 bits.
const STEP: f32 = 1.0 / 255.0;
/// Values further from a multiple of the step are not of 8 bits.
const ON_GRID: f32 = 1e-3;
/// Rows that are read at once, and the most bands that are counted apart.
const ROWS: usize = 64;
const BANDS: usize = 16;
/// About so many pixels are kept as a sample.
const SAMPLE: f64 = 32_768.0;

/// Sums, for mean and covariance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in super::super) struct Moments {
    count: f64,
    sum: [f64; 3],
    products: [[f64; 3]; 3],
}

impl Moments {
    pub fn add(&mut self, v: [f32; 3]) {
        let v = v.map(f64::from);
        self.count += 1.0;
        for i in 0..3 {
            self.sum[i] += v[i];
            for j in i..3 {
                self.products[i][j] += v[i] * v[j];
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        for i in 0..3 {
            self.sum[i] += other.sum[i];
            for j in i..3 {
                self.products[i][j] += other.products[i][j];
            }
        }
    }

    pub fn mean(&self) -> [f64; 3] {
        self.sum.map(|s| s / self.count.max(1.0))
    }

    pub fn covariance(&self) -> [[f64; 3]; 3] {
        let m = self.mean();
        let at = |i: usize, j: usize| self.products[i][j] / self.count.max(1.0) - m[i] * m[j];
        std::array::from_fn(|i| std::array::from_fn(|j| at(i.min(j), i.max(j))))
    }
}

/// What is known of the colors of a picture.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Palette {
    /// Of the values; those of a gray picture count as three equal ones.
    pub moments: Moments,
    /// In `l alpha beta`, of the sample.
    pub opponent: Moments,
    /// Counts of `u`, one histogram for each channel.
    pub histograms: Vec<Vec<u64>>,
    /// Pixels on a regular grid.
    pub sample: Vec<[f32; 3]>,
    /// Are all values of 8 bits?
    pub stepped: bool,
}

impl Palette {
    /// Counts a picture of `size` and so many `channels` that `read` gives windows of.
    pub fn of(
        size: Size,
        channels: usize,
        read: &Windows<'_>,
        cx: &Context,
    ) -> Result<Self, OpError> {
        let stepped = is_stepped(size, read, cx)?;
        let apart = ((size.pixels() as f64 / SAMPLE).sqrt().ceil() as usize).max(1);
        let empty = || Self {
            moments: Moments::default(),
            opponent: Moments::default(),
            histograms: vec![vec![0; BINS]; channels],
            sample: Vec::new(),
            stepped,
        };
        let parts = strips(size, read, cx, empty, |palette, window, rows, y0| {
            let values = settled_values(window, stepped);
            let w = size.w();
            for (y, row) in rows.clone().map(|y| (y0 + y - rows.start, y * w)) {
                for x in (0..w).filter(|x| is_visible(window, row + x)) {
                    let v = color(&values, row + x);
                    palette.moments.add(v);
                    for (histogram, v) in palette.histograms.iter_mut().zip(v) {
                        histogram[bin(v)] += 1;
                    }
                    if y % apart == apart / 2 && x % apart == apart / 2 {
                        palette.sample.push(v);
                    }
                }
            }
        })?;
        let mut all = empty();
        for part in parts {
            all.moments.merge(&part.moments);
            add_all(&mut all.histograms, &part.histograms);
            all.sample.extend(part.sample);
        }
        if channels == 3 {
            all.sample.iter().for_each(|v| all.opponent.add(to_l_alpha_beta(*v)));
        }
        Ok(all)
    }

    /// Of a picture in memory.
    pub fn of_image(image: &Image, cx: &Context) -> Result<Self, OpError> {
        Self::of(image.size(), image.channels(), &|rect| Ok(image.crop(rect)), cx)
    }

    /// Of the brightness (BT.601) of a picture in memory.
    pub fn of_luma(image: &Image, cx: &Context) -> Result<Self, OpError> {
        let mut gray = Image::from_plane(to_luma(image)?);
        gray.alpha.clone_from(&image.alpha);
        Self::of_image(&gray, cx)
    }

    /// The values of a channel that a share `clip` of the pixels lies below and above; of 8 bits
    /// where all are.
    pub fn ends(&self, channel: usize, clip: f32) -> (f32, f32) {
        let histogram = &self.histograms[channel];
        let total = histogram.iter().sum::<u64>() as f64;
        let value = |end: Option<usize>| {
            let value = end.map_or(0.0, |i| i as f32 / (BINS - 1) as f32);
            if self.stepped { (value / STEP).round() * STEP } else { value }
        };
        let walk = || {
            let mut sum = 0.0;
            move |i: &usize| {
                sum += histogram[*i] as f64;
                sum > f64::from(clip) * total
            }
        };
        (value((0..BINS).find(walk())), value((0..BINS).rev().find(walk())))
    }

    /// Was any pixel counted?
    pub fn is_empty(&self) -> bool {
        self.moments.count == 0.0
    }
}

/// Counts what `map` makes of the picture, over [`Domain::WIDE`].
pub(super) fn histograms(
    size: Size,
    read: &Windows<'_>,
    stepped: bool,
    map: impl Fn([f32; 3]) -> [f32; 3] + Sync,
    cx: &Context,
) -> Result<Vec<Vec<u64>>, OpError> {
    let empty = || vec![vec![0; BINS]; 3];
    let parts = strips(size, read, cx, empty, |counts, window, rows, _| {
        let values = settled_values(window, stepped);
        let w = size.w();
        for i in (rows.start * w..rows.end * w).filter(|i| is_visible(window, *i)) {
            for (histogram, v) in counts.iter_mut().zip(map(color(&values, i))) {
                histogram[bin(Domain::WIDE.place(v))] += 1;
            }
        }
    })?;
    let mut all = empty();
    for part in &parts {
        add_all(&mut all, part);
    }
    Ok(all)
}

fn add_all(to: &mut [Vec<u64>], from: &[Vec<u64>]) {
    for (to, from) in to.iter_mut().zip(from) {
        to.iter_mut().zip(from).for_each(|(t, f)| *t += f);
    }
}

/// Calls `count(result, window, rows, y0)` for strips of the picture, `rows` those of the window that lie
/// in the strip, `y0` the first of them in the picture; one result for each band of strips, in order.
fn strips<R: Send>(
    size: Size,
    read: &Windows<'_>,
    cx: &Context,
    empty: impl Fn() -> R + Sync,
    count: impl Fn(&mut R, &Image, std::ops::Range<usize>, usize) + Sync,
) -> Result<Vec<R>, OpError> {
    if size.is_empty() {
        return Ok(Vec::new());
    }
    let band = ROWS.max(size.h().div_ceil(BANDS));
    map_bands(size.h(), band, cx, |band| {
        let mut result = empty();
        for y0 in band.clone().step_by(ROWS) {
            cx.check()?;
            let height = ROWS.min(band.end - y0) as u32;
            let strip = Rect { x: 0, y: y0 as u32, width: size.width, height };
            let outer = strip.grown(RADIUS, size);
            let first = y0 - outer.y as usize;
            count(&mut result, &read(outer)?, first..first + height as usize, y0);
        }
        Ok(result)
    })
}

/// Are all values multiples of a step of 8 bits?
fn is_stepped(size: Size, read: &Windows<'_>, cx: &Context) -> Result<bool, OpError> {
    for y in (0..size.height).step_by(ROWS) {
        cx.check()?;
        let height = (ROWS as u32).min(size.height - y);
        let strip = read(Rect { x: 0, y, width: size.width, height })?;
        let off = |v: &f32| ((v * 255.0).round() - v * 255.0).abs() > ON_GRID;
        if strip.data().iter().any(off) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_visible(image: &Image, i: usize) -> bool {
    image.alpha.as_ref().is_none_or(|alpha| alpha.data[i] > 0.0)
}

/// The color of a pixel; a gray one has three equal values.
#[inline]
pub(super) fn color(planes: &[Vec<f32>], i: usize) -> [f32; 3] {
    match planes {
        [r, g, b] => [r[i], g[i], b[i]],
        [v, ..] => [v[i]; 3],
        [] => [0.0; 3],
    }
}

/// The planes of `u`: the values themselves where they are not stepped.
pub(super) fn settled_values(image: &Image, stepped: bool) -> Vec<Vec<f32>> {
    let (w, h) = (image.size().w(), image.size().h());
    let planes = (0..image.channels()).map(|c| image.plane_data(c).to_vec());
    if !stepped || image.size().is_empty() {
        return planes.collect();
    }
    let r = RADIUS as usize;
    let side = 2 * r + 1;
    planes
        .map(|v| {
            let mut across = vec![0.0_f32; w * h];
            let mut wide = vec![0.0_f32; w + 2 * r];
            for (row, out) in v.chunks_exact(w).zip(across.chunks_exact_mut(w)) {
                wide[..r].fill(row[0]);
                wide[r..r + w].copy_from_slice(row);
                wide[r + w..].fill(row[w - 1]);
                simd(
                    #[inline(always)]
                    || {
                        for k in 0..side {
                            out.iter_mut().zip(&wide[k..k + w]).for_each(|(o, v)| *o += v);
                        }
                    },
                );
            }
            let mut out = v.clone();
            let mut sum = vec![0.0_f32; w];
            for (y, row) in out.chunks_exact_mut(w).enumerate() {
                sum.fill(0.0);
                for k in 0..side {
                    let near = (y + k).saturating_sub(r).min(h - 1);
                    let near = &across[near * w..][..w];
                    sum.iter_mut().zip(near).for_each(|(s, v)| *s += v);
                }
                simd(
                    #[inline(always)]
                    || {
                        for (v, s) in row.iter_mut().zip(&sum) {
                            let d = s * (1.0 / (side * side) as f32) - *v;
                            *v += 0.5 * STEP * d / (d.abs() + STEP);
                        }
                    },
                );
            }
            out
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Plane};
    use restora_testkit::synthetic_rgb;
    use std::collections::BTreeMap;

    fn stepped_rgb() -> Image {
        let mut image = synthetic_rgb(Size::new(90, 150));
        image.data_mut().iter_mut().for_each(|v| *v = (*v * 255.0).round() / 255.0);
        image
    }

    #[test]
    fn ties_are_broken_within_the_cell_and_by_the_mean_of_the_neighbors() {
        let image = stepped_rgb();
        let values = settled_values(&image, true);
        let mean = |c: usize, i: usize| {
            let (x, y) = ((i % 90) as i32, (i / 90) as i32);
            let mut sum = 0.0;
            for (dy, dx) in (-2..=2).flat_map(|dy| (-2..=2).map(move |dx| (dy, dx))) {
                let (x, y) = ((x + dx).clamp(0, 89) as usize, (y + dy).clamp(0, 149) as usize);
                sum += f64::from(image.plane(c).at(x, y));
            }
            sum / 25.0
        };
        for c in 0..3 {
            let mut ties: BTreeMap<u32, Vec<(f64, f32)>> = BTreeMap::new();
            for (i, (u, v)) in values[c].iter().zip(image.plane_data(c)).enumerate() {
                assert_eq!((u * 255.0).round(), (v * 255.0).round());
                ties.entry((v * 255.0).round() as u32).or_default().push((mean(c, i), *u));
            }
            for group in ties.values_mut() {
                group.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(group.windows(2).all(|p| p[0].1 <= p[1].1 + 1e-6));
            }
        }
        assert_eq!(settled_values(&image, false)[1], image.plane_data(1));
    }

    #[test]
    fn counts_are_those_of_the_whole_and_transparent_pixels_are_left_out() {
        let mut image = stepped_rgb();
        let alpha = Plane::from_fn(image.size(), |x, _| if x < 30 { 0.0 } else { 0.5 });
        for c in 0..3 {
            let plane = image.plane_mut(c);
            (0..plane.len()).filter(|i| i % 90 < 30).for_each(|i| plane[i] = 1.0);
        }
        image.alpha = Some(alpha);
        let palette = Palette::of_image(&image, &Context::default()).unwrap();
        assert!(palette.stepped);
        for (c, histogram) in palette.histograms.iter().enumerate() {
            assert_eq!(histogram.iter().sum::<u64>(), 60 * 150);
            let kept = (0..90 * 150).filter(|i| i % 90 >= 30);
            let values: Vec<f64> = kept.map(|i| f64::from(image.plane_data(c)[i])).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert!((palette.moments.mean()[c] - mean).abs() < 1e-3);
        }
        let again = Palette::of_image(&image, &Context::with_threads(3)).unwrap();
        assert!(again == palette);
        let fine = synthetic_rgb(Size::new(40, 40));
        assert!(!Palette::of_image(&fine, &Context::default()).unwrap().stepped);
        let empty = Image::zeros(Size::new(0, 5), ColorSpace::Srgb);
        assert!(Palette::of_image(&empty, &Context::default()).unwrap().is_empty());
    }
}
