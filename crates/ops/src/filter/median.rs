//! Median filter: each pixel becomes the median of the square window around it. Exact for every
//! depth and radius.
//!
//! ```text
//! out(x, y) = median { in(x + i, y + j) : -r <= i, j <= r }
//! ```
//!
//! | data | radius | method | cost per pixel |
//! |---|---|---|---|
//! | any | 1, 2 | min/max networks over whole rows, sorted columns shared by neighbors | constant |
//! | 8-bit | 3.. | running two-level histograms (Perreault and Hebert) | constant |
//! | other | 3.. | ranks of a block in a sliding bit set (Suomela) | `4 r + 2` bit flips |
//!
//! An image is 8-bit data if every value of the plane is exactly `k / 255`; this is found in the one
//! pass that converts it. Colors are filtered plane by plane. The default border is `clamp`, as in
//! OpenCV.
//!
//! References: S. Perreault, P. Hebert, "Median filtering in constant time", IEEE TIP 16 (2007),
//! doi:10.1109/TIP.2007.902329; J. Suomela, "Median filtering is equivalent to sorting",
//! arXiv:1406.1717; sharing sorted columns: A. Adams, "Fast median filters using separable sorting
//! networks", ACM TOG 40 (2021), doi:10.1145/3450626.3459773.

mod histogram;
mod networks;
mod ordinal;
#[cfg(test)]
mod tests;

use super::separable::extend_row;
use restora_image::{
    Border, Context, Image, OpError, OpInfo, Operation, ParamInfo, PlaneRef, Sample, Size,
    for_each_band, simd,
};
use serde::{Deserialize, Serialize};

/// Options of [`median`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Median {
    /// The window is `2 radius + 1` pixels wide and high; `0..=1000`, 0 changes nothing.
    pub radius: u32,
    /// Continuation beyond the edge.
    pub border: Border,
}

impl Default for Median {
    fn default() -> Self {
        Self { radius: 1, border: Border::Clamp }
    }
}

/// Name, paper and parameters of [`median`].
pub const INFO: OpInfo = OpInfo {
    id: "median",
    title: "Median filter",
    family: "filter",
    paper: "S. Perreault, P. Hebert, Median filtering in constant time, IEEE TIP 16, 2007, \
            doi:10.1109/TIP.2007.902329",
    params: &[
        ParamInfo {
            name: "radius",
            symbol: "r",
            unit: "pixels",
            range: "0..=1000",
            default: "1",
            doc: "The window is 2 radius + 1 pixels wide and high",
        },
        ParamInfo {
            name: "border",
            symbol: "",
            unit: "",
            range: "clamp, reflect, reflect101, wrap, constant",
            default: "\"clamp\"",
            doc: "Continuation beyond the edge",
        },
    ],
};

const MAX_RADIUS: u32 = 1000;
/// Rows of a band of the networks; even, because they make two rows at a time.
const BAND: usize = 32;

/// Filters every plane of `input`.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::Cancelled`].
pub fn median(input: &Image, options: &Median, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    if options.radius == 0 || input.size().is_empty() {
        return Ok(input.clone());
    }
    let mut out = Image::zeros(input.size(), input.space());
    out.alpha.clone_from(&input.alpha);
    for c in 0..input.channels() {
        median_plane(input.plane(c), options, out.plane_mut(c), cx)?;
    }
    Ok(out)
}

/// Filters one channel of 8-bit samples: `size.len()` values, row by row.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::Input`] if `pixels` has another
/// length; [`OpError::Cancelled`].
pub fn median_u8(
    pixels: &[u8],
    size: Size,
    options: &Median,
    cx: &Context,
) -> Result<Vec<u8>, OpError> {
    options.validate()?;
    cx.check()?;
    if pixels.len() != size.len() {
        let got = pixels.len();
        return Err(OpError::Input(format!("a {size} plane has {} values, got {got}", size.len())));
    }
    if options.radius == 0 || size.is_empty() {
        return Ok(pixels.to_vec());
    }
    let (w, r) = (size.w(), options.radius as usize);
    let mut rows = Rows::new(size, r, options.border);
    for_each_band(&mut rows.data, w + 2 * r, BAND, cx, |y0, band| {
        for (y, row) in (y0..).zip(band.chunks_exact_mut(w + 2 * r)) {
            row[r..r + w].copy_from_slice(&pixels[y * w..][..w]);
            extend_row(row, r, w, options.border);
        }
        Ok(())
    })?;
    let mut out = vec![0; size.len()];
    bytes_into(&rows, &mut out, cx, |from, to| to.copy_from_slice(from))?;
    Ok(out)
}

fn median_plane(
    plane: PlaneRef<'_>,
    options: &Median,
    out: &mut [f32],
    cx: &Context,
) -> Result<(), OpError> {
    if let Some(rows) = Rows::bytes(plane, options, cx)? {
        return bytes_into(&rows, out, cx, |from, to| {
            simd(
                #[inline(always)]
                || to.iter_mut().zip(from).for_each(|(to, from)| *to = nominal(*from as f32)),
            );
        });
    }
    let (w, r) = (plane.width(), options.radius as usize);
    let mut rows = Rows::new(plane.size(), r, options.border);
    for_each_band(&mut rows.data, w + 2 * r, BAND, cx, |y0, band| {
        for (y, row) in (y0..).zip(band.chunks_exact_mut(w + 2 * r)) {
            row[r..r + w].copy_from_slice(plane.row(y));
            extend_row(row, r, w, options.border);
        }
        Ok(())
    })?;
    if r <= 2 {
        networks::filter(&rows, out, BAND, cx, |from: &[f32], to| to.copy_from_slice(from))
    } else {
        ordinal::filter(&rows, out, cx)
    }
}

fn bytes_into<U: Send>(
    rows: &Rows<u8>,
    out: &mut [U],
    cx: &Context,
    store: impl Fn(&[u8], &mut [U]) + Sync,
) -> Result<(), OpError> {
    if rows.radius <= 2 {
        networks::filter(rows, out, BAND, cx, store)
    } else {
        histogram::filter(rows, out, cx, store)
    }
}

/// A plane whose rows are continued by `radius` values to both sides.
struct Rows<T> {
    size: Size,
    radius: usize,
    border: Border,
    data: Vec<T>,
    /// The row beyond a constant border.
    outside: Vec<T>,
}

impl<T: Copy + Default> Rows<T> {
    fn new(size: Size, radius: usize, border: Border) -> Self {
        let padded = size.w() + 2 * radius;
        let data = vec![T::default(); padded * size.h()];
        Self { size, radius, border, data, outside: vec![T::default(); padded] }
    }

    /// Row `y`, which may lie outside, with its continuation.
    fn row(&self, y: isize) -> &[T] {
        let n = self.outside.len();
        let inside = self.border.index(y, self.size.h());
        inside.map_or(&self.outside, |y| &self.data[y * n..][..n])
    }

    /// The rows that `count` outputs from row `y0` on look at.
    fn window(&self, y0: usize, count: usize) -> Vec<&[T]> {
        let first = y0 as isize - self.radius as isize;
        (first..).take(count + 2 * self.radius).map(|y| self.row(y)).collect()
    }
}

impl Rows<u8> {
    /// The plane as bytes, if every value is exactly `k / 255`.
    fn bytes(plane: PlaneRef<'_>, options: &Median, cx: &Context) -> Result<Option<Self>, OpError> {
        let (w, r) = (plane.width(), options.radius as usize);
        // A look at one row saves the pass in almost all planes that are not 8-bit data.
        let mut probe = vec![0; w];
        if !to_bytes(plane.row(plane.height() / 2), &mut probe) {
            return Ok(None);
        }
        let mut rows = Self::new(plane.size(), r, options.border);
        let exact = std::sync::atomic::AtomicBool::new(true);
        for_each_band(&mut rows.data, w + 2 * r, BAND, cx, |y0, band| {
            for (y, row) in (y0..).zip(band.chunks_exact_mut(w + 2 * r)) {
                if !to_bytes(plane.row(y), &mut row[r..r + w]) {
                    exact.store(false, std::sync::atomic::Ordering::Relaxed);
                    break;
                }
                extend_row(row, r, w, options.border);
            }
            Ok(())
        })?;
        Ok(exact.into_inner().then_some(rows))
    }
}

/// `k / 255` for an integer `k` of `0..=255`, correctly rounded without a division: 1/255 is split
/// into a part of 16 bits, whose product with `k` is exact, and the rest.
#[inline(always)]
fn nominal(k: f32) -> f32 {
    const HIGH: f32 = 65793.0 / 16_777_216.0;
    const LOW: f32 = (1.0 / 255.0 - 65793.0 / 16_777_216.0) as f32;
    k * HIGH + k * LOW
}

/// Writes `k` where `row` holds `k / 255`; false if any value is another.
fn to_bytes(row: &[f32], out: &mut [u8]) -> bool {
    simd(
        #[inline(always)]
        || {
            // Adding 2^23 rounds to an integer and leaves it in the low bits of the sum.
            const MAGIC: f32 = 8_388_608.0;
            let (mut beyond, mut off) = (0, 0);
            for (out, &v) in out.iter_mut().zip(row) {
                let sum = v * 255.0 + MAGIC;
                *out = sum.to_bits() as u8;
                beyond |= sum.to_bits() ^ MAGIC.to_bits();
                off |= u32::from(nominal(sum - MAGIC) != v);
            }
            beyond < 256 && off == 0
        },
    )
}

impl Operation for Median {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if self.radius > MAX_RADIUS {
            return Err(OpError::param("radius", "in 0..=1000 pixels", self.radius));
        }
        Ok(())
    }

    fn reach(&self) -> Option<u32> {
        Some(self.radius)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = median(&sample.image, self, cx)?;
        Ok(())
    }
}
