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
    Map::build(plane.width(), plane.height(), cx, |y, out| {
        for (out, v) in out.iter_mut().zip(plane.row(y)) {
            *out = level(*v, range);
        }
    })
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
    [r, g, b]: [PlaneRef; 3],
    weights: [f64; 3],
    range: f64,
    cx: &Context,
) -> Result<Map, OpError> {
    Map::build(r.width(), r.height(), cx, |y, out| {
        let (r, g, b) = (r.row(y), g.row(y), b.row(y));
        for x in 0..out.len() {
            let [r, g, b] = [r[x], g[x], b[x]].map(|v| level(v, range));
            out[x] = weights[0] * r + weights[1] * g + weights[2] * b;
        }
    })
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

/// Means of 2 x 2 values; if a size is odd, zeros follow the last row and column.
pub(super) fn halved(map: &Map, cx: &Context) -> Result<Map, OpError> {
    let (w, h) = (map.width, map.height);
    Map::build(w.div_ceil(2), h.div_ceil(2), cx, |y, out| {
        for row in (2 * y..2 * y + 2).filter(|row| *row < h) {
            for (out, cell) in out.iter_mut().zip(map.row(row).chunks(2)) {
                *out += cell.iter().sum::<f64>() / 4.0;
            }
        }
    })
}

/// `(2 x y + c) / (x^2 + y^2 + c)`, the similarity that most of these measures are made of.
#[inline(always)]
pub(super) fn similarity(x: f64, y: f64, c: f64) -> f64 {
    (2.0 * x * y + c) / (x * x + y * y + c)
}
