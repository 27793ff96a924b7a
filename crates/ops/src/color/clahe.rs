//! CLAHE: contrast-limited adaptive histogram equalization.
//!
//! ```text
//! out(x, y) = bilinear between the four nearest tiles of  T_tile(v)
//! T_tile(v) = (1 / N) sum over bins up to v of h,    h = histogram of the tile, cut at the clip limit
//! ```
//!
//! What is cut off the histogram is spread over all bins. Tiles, padding, clip limit and spreading are
//! those of OpenCV's `createCLAHE`: `tiles` across and down, the picture mirrored at its right and lower
//! edge until it divides (by whole tiles' worth of pixels in a direction that divided already, as there),
//! a limit of `clip_limit` times the mean count of 256 bins. Differs from OpenCV in that nothing is
//! rounded on the way: `T` is linear within a bin and its values are not cut to integers, so that 16-bit
//! pictures keep their steps. On 8 bits the results differ by one level at most.
//!
//! Gray pictures are equalized as they are, color pictures in CIE lightness with `a` and `b` kept. Fully
//! transparent pixels are not counted. Cost: the picture is counted once, row of tiles by row of tiles,
//! then four looks into tables per pixel; for color six roots and powers more.
//!
//! Reference: K. Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994,
//! doi:10.1016/B978-0-12-336156-1.50061-6.

use super::color_transfer::Windows;
use super::light::{decoded, encoded, power};
use restora_image::{
    Border, ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Rect, Sample, Size,
    for_each_band, map_bands, simd,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const BINS: usize = 256;
/// Rows that are read at once.
const ROWS: usize = 64;

/// Options of [`clahe`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clahe {
    /// The most a bin may count, in means over the bins, `0..=1000`; 0 is no limit.
    pub clip_limit: f32,
    /// Tiles across and down, each in `1..=64`.
    pub tiles: [u32; 2],
    /// Share of the change, `0..=1`.
    pub strength: f32,
    /// The curves of one picture.
    #[serde(skip)]
    pub curves: Option<Arc<TileCurves>>,
}

impl Default for Clahe {
    /// A mild limit; eight tiles as in OpenCV.
    fn default() -> Self {
        Self { clip_limit: 2.0, tiles: [8, 8], strength: 1.0, curves: None }
    }
}

/// Name, paper and parameters of [`clahe`].
pub const INFO: OpInfo = OpInfo {
    id: "clahe",
    title: "Contrast-limited adaptive histogram equalization",
    family: "color",
    paper: "K. Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV, 1994, \
            doi:10.1016/B978-0-12-336156-1.50061-6",
    params: &[
        ParamInfo {
            name: "clip_limit",
            symbol: "",
            unit: "means over the bins",
            range: "0..=1000",
            default: "2.0",
            doc: "The most a bin may count, which limits the gain of contrast; 0 is no limit",
        },
        ParamInfo {
            name: "tiles",
            symbol: "",
            unit: "",
            range: "two of 1..=64",
            default: "[8, 8]",
            doc: "Tiles across and down",
        },
        ParamInfo {
            name: "strength",
            symbol: "",
            unit: "",
            range: "0..=1",
            default: "1.0",
            doc: "Share of the change",
        },
    ],
};

/// The curves of the tiles of one picture, found by [`Clahe::settled`].
#[derive(Clone, Debug, PartialEq)]
pub struct TileCurves {
    across: usize,
    down: usize,
    /// Width and height of a tile.
    tile: (usize, usize),
    /// `T` at the bins, tile after tile, row by row.
    tables: Vec<[f32; BINS]>,
}

impl Clahe {
    /// The same step with the curves of a picture of `size`, of which `read` gives windows: it then does the
    /// same to every part of it, as [`Sample::origin`] places it.
    ///
    /// # Errors
    /// The errors of `read`; [`OpError::WrongSpace`]; [`OpError::Cancelled`].
    pub fn settled(&self, size: Size, read: &Windows<'_>, cx: &Context) -> Result<Self, OpError> {
        let bins = |rect| {
            let window = read(rect)?;
            Ok(bins(&lightness(&window)?, window.alpha.as_ref().map(|a| &a.data[..])))
        };
        self.counted(size, &bins, cx)
    }

    /// The same, where `read` gives the [`bins`] of windows.
    fn counted(
        &self,
        size: Size,
        read: &(dyn Fn(Rect) -> Result<Vec<u16>, OpError> + Sync),
        cx: &Context,
    ) -> Result<Self, OpError> {
        let [across, down] = self.tiles.map(|n| n as usize);
        if size.is_empty() {
            let curves = TileCurves { across: 0, down: 0, tile: (1, 1), tables: Vec::new() };
            return Ok(Self { curves: Some(Arc::new(curves)), ..self.clone() });
        }
        let (w, h) = (size.w(), size.h());
        let divides = w % across == 0 && h % down == 0;
        let padded = |n: usize, tiles: usize| if divides { n } else { n + tiles - n % tiles };
        let tile = (padded(w, across) / across, padded(h, down) / down);
        let source = |i: usize, n: usize| Border::Reflect101.index(i as isize, n).unwrap_or(0);
        let columns: Vec<usize> = (0..tile.0 * across).map(|x| source(x, w)).collect();
        let rows = map_bands(down, 1, cx, |row| {
            let mut counts = vec![[0_u32; BINS]; across];
            let end = (row.start + 1) * tile.1;
            for y0 in (row.start * tile.1..end).step_by(ROWS) {
                cx.check()?;
                let rows: Vec<usize> = (y0..(y0 + ROWS).min(end)).map(|y| source(y, h)).collect();
                let first = rows.iter().copied().min().unwrap_or(0);
                let last = rows.iter().copied().max().unwrap_or(0);
                let height = (last - first + 1) as u32;
                let window = Rect { x: 0, y: first as u32, width: size.width, height };
                let levels = read(window)?;
                for y in rows {
                    let bins = &levels[(y - first) * w..][..w];
                    for (counts, columns) in counts.iter_mut().zip(columns.chunks_exact(tile.0)) {
                        for x in columns {
                            if let Some(count) = counts.get_mut(usize::from(bins[*x])) {
                                *count += 1;
                            }
                        }
                    }
                }
            }
            Ok(counts)
        })?;
        let tables = rows.into_iter().flatten().map(|h| table(h, self.clip_limit)).collect();
        let curves = TileCurves { across, down, tile, tables };
        Ok(Self { curves: Some(Arc::new(curves)), ..self.clone() })
    }

    /// The same step without the curves of a picture: as it was asked for.
    #[must_use]
    pub fn as_asked(&self) -> Self {
        Self { curves: None, ..self.clone() }
    }
}

/// The curve of a tile: its cut histogram, summed. Where nothing is counted, values stay.
fn table(mut counts: [u32; BINS], clip_limit: f32) -> [f32; BINS] {
    let total: u32 = counts.iter().sum();
    if total == 0 {
        return std::array::from_fn(|i| i as f32 / 255.0);
    }
    if clip_limit > 0.0 {
        let limit = ((f64::from(clip_limit) * f64::from(total) / BINS as f64) as u32).max(1);
        let mut cut = 0;
        for count in &mut counts {
            cut += count.saturating_sub(limit);
            *count = (*count).min(limit);
        }
        let share = cut / BINS as u32;
        for count in &mut counts {
            *count += share;
        }
        let rest = (cut % BINS as u32) as usize;
        let step = BINS.checked_div(rest).unwrap_or(1).max(1);
        for count in counts.iter_mut().step_by(step).take(rest) {
            *count += 1;
        }
    }
    let mut sum = 0;
    counts.map(|count| {
        sum += count;
        (f64::from(sum) / f64::from(total)) as f32
    })
}

/// The bins of levels; [`BINS`] where the opacity is 0.
fn bins(levels: &[f32], alpha: Option<&[f32]>) -> Vec<u16> {
    let mut bins = vec![0; levels.len()];
    simd(
        #[inline(always)]
        || {
            for (bin, v) in bins.iter_mut().zip(levels) {
                *bin = (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u16;
            }
        },
    );
    for (bin, a) in bins.iter_mut().zip(alpha.unwrap_or_default()) {
        let seen = *a > 0.0;
        if !seen {
            *bin = BINS as u16;
        }
    }
    bins
}

/// What is equalized: the values of gray, the lightness of color, 0 to 1.
fn lightness(image: &Image) -> Result<Vec<f32>, OpError> {
    match image.space() {
        ColorSpace::Gray => Ok(image.data().to_vec()),
        ColorSpace::Srgb => {
            let [r, g, b] = [0, 1, 2].map(|c| image.plane_data(c));
            let mut out = vec![0.0; r.len()];
            simd(
                #[inline(always)]
                || {
                    for (((o, r), g), b) in out.iter_mut().zip(r).zip(g).zip(b) {
                        *o = 1.16 * root(row(1, decoded(*r), decoded(*g), decoded(*b))) - 0.16;
                    }
                },
            );
            Ok(out)
        }
        got => Err(OpError::WrongSpace { op: "CLAHE", wanted: "gray or sRGB", got }),
    }
}

/// Equalizes a picture, gray or sRGB.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::WrongSpace`]; [`OpError::Cancelled`].
pub fn clahe(image: &Image, options: &Clahe, cx: &Context) -> Result<Image, OpError> {
    equalized(image, (0, 0), options, cx)
}

/// The part of a picture that begins at `origin`.
fn equalized(
    image: &Image,
    origin: (u32, u32),
    options: &Clahe,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    let levels = lightness(image)?;
    let mut out = image.clone();
    if image.size().is_empty() || options.strength == 0.0 {
        return Ok(out);
    }
    let curves = if let Some(curves) = &options.curves {
        curves.clone()
    } else {
        let all = bins(&levels, image.alpha.as_ref().map(|a| &a.data[..]));
        let rows = |rect: Rect| {
            let w = image.size().w();
            Ok(all[rect.y as usize * w..][..rect.height as usize * w].to_vec())
        };
        let settled = options.counted(image.size(), &rows, cx)?;
        settled.curves.ok_or_else(|| OpError::Input("no curves were found".into()))?
    };
    let w = image.size().w();
    let places: Vec<Between> =
        (0..w).map(|x| Between::of(origin.0 as usize + x, curves.tile.0, curves.across)).collect();
    let mut change = levels;
    for_each_band(&mut change, w, 16, cx, |y0, band| {
        for (dy, row) in band.chunks_exact_mut(w).enumerate() {
            let y = Between::of(origin.1 as usize + y0 + dy, curves.tile.1, curves.down);
            for (v, x) in row.iter_mut().zip(&places) {
                *v = options.strength * (curves.at(*v, x, &y) - *v);
            }
        }
        Ok(())
    })?;
    if image.space() == ColorSpace::Gray {
        out.data_mut().iter_mut().zip(&change).for_each(|(v, d)| *v += d);
        return Ok(out);
    }
    let (r, gb) = out.data_mut().split_at_mut(change.len());
    let (g, b) = gb.split_at_mut(change.len());
    let chunk = 16 * w;
    let planes = r.chunks_mut(chunk).zip(g.chunks_mut(chunk)).zip(b.chunks_mut(chunk));
    let mut bands: Vec<_> = planes.zip(change.chunks(chunk)).collect();
    for_each_band(&mut bands, 1, 1, cx, |_, band| {
        for (((r, g), b), change) in band {
            simd(
                #[inline(always)]
                || lighten(r, g, b, change),
            );
        }
        Ok(())
    })?;
    Ok(out)
}

/// The two tiles whose centers lie around a row or column, and the weight of the second.
struct Between {
    low: usize,
    high: usize,
    weight: f32,
}

impl Between {
    fn of(i: usize, tile: usize, tiles: usize) -> Self {
        let place = i as f32 * (1.0 / tile as f32) - 0.5;
        let low = place.floor();
        let inside = |t: f32| (t.max(0.0) as usize).min(tiles - 1);
        Self { low: inside(low), high: inside(low + 1.0), weight: place - low }
    }
}

impl TileCurves {
    #[inline]
    fn at(&self, v: f32, x: &Between, y: &Between) -> f32 {
        let inside = v.clamp(0.0, 1.0);
        let place = inside * 255.0;
        let bin = (place as usize).min(BINS - 2);
        let part = place - bin as f32;
        let of = |row: usize, column: usize| {
            let table = &self.tables[row * self.across + column];
            table[bin] + part * (table[bin + 1] - table[bin])
        };
        let above = of(y.low, x.low) * (1.0 - x.weight) + of(y.low, x.high) * x.weight;
        let below = of(y.high, x.low) * (1.0 - x.weight) + of(y.high, x.high) * x.weight;
        above * (1.0 - y.weight) + below * y.weight + (v - inside)
    }
}

/// Linear sRGB to XYZ over that of white (IEC 61966-2-1), so that gray has three equal values.
const TO_XYZ: [[f32; 3]; 3] = [
    [0.433_887_3, 0.376_224, 0.189_888_6],
    [0.212_639, 0.715_168_7, 0.072_192_3],
    [0.017_75, 0.109_447_6, 0.872_802_3],
];
const TO_RGB: [[f32; 3]; 3] = [
    [3.080_399, -1.537_383, -0.543_015_9],
    [-0.921_223_4, 1.875_967_5, 0.045_255_9],
    [0.052_873_9, -0.203_977, 1.151_103],
];

/// Row `k` of [`TO_XYZ`].
#[inline(always)]
fn row(k: usize, x: f32, y: f32, z: f32) -> f32 {
    let m = &TO_XYZ[k];
    m[0] * x + m[1] * y + m[2] * z
}

/// `f` of CIE 1976: the cube root, with a straight line near black.
#[inline(always)]
fn root(t: f32) -> f32 {
    let line = (24_389.0 / 27.0 * t + 16.0) * (1.0 / 116.0);
    let cube = power(t.max(1e-6), 1.0 / 3.0);
    if t > 216.0 / 24_389.0 { cube } else { line }
}

/// Its inverse.
#[inline(always)]
fn cube(f: f32) -> f32 {
    let line = (116.0 * f - 16.0) * (27.0 / 24_389.0);
    if f > 6.0 / 29.0 { f * f * f } else { line }
}

/// Adds to the lightness (0 to 1) and keeps `a` and `b`: all three roots move alike.
#[inline(always)]
fn lighten(r: &mut [f32], g: &mut [f32], b: &mut [f32], change: &[f32]) {
    for (((r, g), b), change) in r.iter_mut().zip(g).zip(b).zip(change) {
        let (x, y, z) = (decoded(*r), decoded(*g), decoded(*b));
        let step = change * (1.0 / 1.16);
        let moved = |k: usize| cube(root(row(k, x, y, z)) + step);
        let (x, y, z) = (moved(0), moved(1), moved(2));
        let back = |m: [f32; 3]| encoded(m[0] * x + m[1] * y + m[2] * z);
        (*r, *g, *b) = (back(TO_RGB[0]), back(TO_RGB[1]), back(TO_RGB[2]));
    }
}

impl Operation for Clahe {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if !(0.0..=1000.0).contains(&self.clip_limit) {
            return Err(OpError::param("clip_limit", "in [0, 1000]", self.clip_limit));
        }
        if self.tiles.iter().any(|n| !(1..=64).contains(n)) {
            let [across, down] = self.tiles;
            return Err(OpError::param("tiles", "two of 1 to 64", format!("{across},{down}")));
        }
        if !(0.0..=1.0).contains(&self.strength) {
            return Err(OpError::param("strength", "in [0, 1]", self.strength));
        }
        Ok(())
    }

    /// The curves are of the whole picture; once they are there, every pixel is for itself.
    fn reach(&self) -> Option<u32> {
        self.curves.as_ref().map(|_| 0)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = equalized(&sample.image, sample.origin, self, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
