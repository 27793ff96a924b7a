//! Planes of `f64` in 8-bit levels, and the linear maps that measures share.
//!
//! `v / 255 * 255` in `f32` gives the integer back for each of the 256 levels, so that measures of
//! 8-bit images see the very numbers that the peers see.

use crate::MetricError;
use restora_image::{ColorSpace, Context, Image, OpError, PlaneRef, for_each_band, map_bands};

/// Rows per band: fixed, so that sums are the same bytes for any number of threads.
const BAND: usize = 16;

/// Luma of BT.601, the first row of YIQ.
pub(super) const LUMA: [f64; 3] = [0.299, 0.587, 0.114];
/// In-phase chroma of YIQ, as in the reference programs of FSIM and `HaarPSI`.
pub(super) const YIQ_I: [f64; 3] = [0.5959, -0.2746, -0.3213];
/// Quadrature chroma of YIQ.
pub(super) const YIQ_Q: [f64; 3] = [0.2115, -0.5227, 0.3112];

/// A plane of numbers.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub width: usize,
    pub height: usize,
    pub data: Vec<f64>,
}

/// What lies outside a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    Zero,
    Replicate,
}

impl Map {
    /// Filled row by row.
    pub(super) fn build(
        width: usize,
        height: usize,
        cx: &Context,
        fill: impl Fn(usize, &mut [f64]) + Sync,
    ) -> Result<Self, OpError> {
        let mut data = vec![0.0; width * height];
        for_each_band(&mut data, width, BAND, cx, |y0, rows| {
            for (i, row) in rows.chunks_exact_mut(width.max(1)).enumerate() {
                fill(y0 + i, row);
            }
            Ok(())
        })?;
        Ok(Self { width, height, data })
    }

    pub(super) fn row(&self, y: usize) -> &[f64] {
        &self.data[y * self.width..][..self.width]
    }

    /// Least and largest value.
    pub(super) fn extremes(&self) -> (f64, f64) {
        let start = (f64::INFINITY, f64::NEG_INFINITY);
        self.data.iter().fold(start, |(low, high), &v| (low.min(v), high.max(v)))
    }
}

/// Sums of a row function over all rows, band by band.
pub(super) fn sum_rows<const N: usize>(
    height: usize,
    cx: &Context,
    row: impl Fn(usize) -> [f64; N] + Sync,
) -> Result<[f64; N], OpError> {
    let add = |mut sum: [f64; N], more: [f64; N]| {
        sum.iter_mut().zip(more).for_each(|(s, m)| *s += m);
        sum
    };
    let bands = map_bands(height, BAND, cx, |band| Ok(band.map(&row).fold([0.0; N], add)))?;
    Ok(bands.into_iter().fold([0.0; N], add))
}

/// One value in 8-bit levels, exact for those of 8-bit images at range 1.
#[inline(always)]
pub(super) fn level(value: f32, range: f64) -> f64 {
    f64::from(value * 255.0) / range
}

/// A plane in 8-bit levels.
pub(super) fn levels(plane: PlaneRef, range: f64, cx: &Context) -> Result<Map, OpError> {
    Map::build(plane.width(), plane.height(), cx, |y, out| row_levels(plane.row(y), range, out))
}

/// A row in 8-bit levels.
pub(super) fn row_levels(row: &[f32], range: f64, out: &mut [f64]) {
    for (out, v) in out.iter_mut().zip(row) {
        *out = level(*v, range);
    }
}

/// The three planes of an RGB image; a gray one three times over.
///
/// # Errors
/// For an image that is neither.
pub(super) fn rgb_planes<'a>(
    image: &'a Image,
    op: &'static str,
) -> Result<[PlaneRef<'a>; 3], MetricError> {
    match image.space() {
        ColorSpace::Gray => Ok([image.plane(0); 3]),
        ColorSpace::Srgb | ColorSpace::LinearRgb => Ok([0, 1, 2].map(|c| image.plane(c))),
        got => Err(OpError::WrongSpace { op, wanted: "gray or RGB", got }.into()),
    }
}

/// A weighted sum of red, green and blue in 8-bit levels.
pub(super) fn mixed(
    rgb: [PlaneRef; 3],
    weights: [f64; 3],
    range: f64,
    cx: &Context,
) -> Result<Map, OpError> {
    Map::build(rgb[0].width(), rgb[0].height(), cx, |y, out| {
        row_mixed(rgb.map(|plane| plane.row(y)), weights, range, out);
    })
}

/// A row of a weighted sum of red, green and blue in 8-bit levels.
pub(super) fn row_mixed([r, g, b]: [&[f32]; 3], weights: [f64; 3], range: f64, out: &mut [f64]) {
    for x in 0..out.len() {
        let [r, g, b] = [r[x], g[x], b[x]].map(|v| level(v, range));
        out[x] = weights[0] * r + weights[1] * g + weights[2] * b;
    }
}

/// Luma of a color image in 8-bit levels, a gray image as it is.
pub(super) fn luma(
    image: &Image,
    op: &'static str,
    range: f64,
    cx: &Context,
) -> Result<Map, MetricError> {
    if image.space() == ColorSpace::Gray {
        return Ok(levels(image.plane(0), range, cx)?);
    }
    Ok(mixed(rgb_planes(image, op)?, LUMA, range, cx)?)
}

/// Means of `k x k` values, the map lengthened by `before` and `after` in both directions; what does
/// not fill a cell is left out.
pub(super) fn pooled(
    map: &Map,
    k: usize,
    (before, after): (usize, usize),
    outside: Outside,
    cx: &Context,
) -> Result<Map, OpError> {
    if k == 1 && before + after == 0 {
        return Ok(map.clone());
    }
    let (w, h) = (map.width, map.height);
    if before + after == 0 {
        return pooled_rows(w, h, k, cx, |y, out| out.copy_from_slice(map.row(y)));
    }
    let scale = 1.0 / (k * k) as f64;
    let (across, down) = ((w + before + after) / k, (h + before + after) / k);
    let at = |i: usize, n: usize| -> Option<usize> {
        let inside = i.checked_sub(before).filter(|i| *i < n);
        match outside {
            Outside::Zero => inside,
            Outside::Replicate => Some(i.saturating_sub(before).min(n - 1)),
        }
    };
    Map::build(across, down, cx, |y, out| {
        for row in (k * y..k * (y + 1)).filter_map(|row| at(row, h)) {
            let row = map.row(row);
            for (x, out) in out.iter_mut().enumerate() {
                *out += (k * x..k * (x + 1)).filter_map(|i| Some(row[at(i, w)?])).sum::<f64>();
            }
        }
        for v in out.iter_mut() {
            *v *= scale;
        }
    })
}

/// Means of `k x k` values of a map whose rows `fill` gives, which is never there as a whole.
pub(super) fn pooled_rows(
    w: usize,
    h: usize,
    k: usize,
    cx: &Context,
    fill: impl Fn(usize, &mut [f64]) + Sync,
) -> Result<Map, OpError> {
    let scale = 1.0 / (k * k) as f64;
    let (across, down) = (w / k, h / k);
    let mut data = vec![0.0; across * down];
    for_each_band(&mut data, across, BAND, cx, |y0, rows| {
        let mut row = vec![0.0; w];
        for (y, out) in rows.chunks_exact_mut(across.max(1)).enumerate() {
            for y in k * (y0 + y)..k * (y0 + y + 1) {
                fill(y, &mut row);
                for (out, cell) in out.iter_mut().zip(row.chunks_exact(k)) {
                    *out += cell.iter().sum::<f64>();
                }
            }
            for v in out.iter_mut() {
                *v *= scale;
            }
        }
        Ok(())
    })?;
    Ok(Map { width: across, height: down, data })
}

/// By what factor some measures shrink a picture first: the shorter side over 256, rounded (half to
/// even, as Python does; MATLAB rounds half up), at least 1.
pub(super) fn shrinkage(width: usize, height: usize) -> usize {
    let ratio = width.min(height) as f64 / 256.0;
    (ratio.round_ties_even() as usize).max(1)
}

/// Magnitude of the gradient by 3 x 3 differences whose three rows weigh `side`, `center`, `side`;
/// zeros outside.
pub(super) fn gradient(map: &Map, side: f64, center: f64, cx: &Context) -> Result<Map, OpError> {
    Map::build(map.width, map.height, cx, |y, out| row_gradient(map, y, side, center, out))
}

/// A row of [`gradient`].
pub(super) fn row_gradient(map: &Map, y: usize, side: f64, center: f64, out: &mut [f64]) {
    let (w, h) = (map.width, map.height);
    let nothing = vec![0.0; w];
    let row = |y: Option<usize>| y.filter(|y| *y < h).map_or(&nothing[..], |y| map.row(y));
    let (up, here, down) = (row(y.checked_sub(1)), row(Some(y)), row(Some(y + 1)));
    // Sums down and differences along columns, with a zero on both sides.
    let (mut sums, mut slopes) = (vec![0.0; w + 2], vec![0.0; w + 2]);
    for x in 0..w {
        sums[x + 1] = side * (up[x] + down[x]) + center * here[x];
        slopes[x + 1] = down[x] - up[x];
    }
    let (sums, slopes, out) = (&sums[..w + 2], &slopes[..w + 2], &mut out[..w]);
    for x in 0..w {
        let dx = sums[x + 2] - sums[x];
        let dy = side * (slopes[x] + slopes[x + 2]) + center * slopes[x + 1];
        out[x] = (dx * dx + dy * dy).sqrt();
    }
}

/// `(2 x y + c) / (x^2 + y^2 + c)`, the similarity that most of these measures are made of.
#[inline(always)]
pub(super) fn similarity(x: f64, y: f64, c: f64) -> f64 {
    (2.0 * x * y + c) / (x * x + y * y + c)
}
