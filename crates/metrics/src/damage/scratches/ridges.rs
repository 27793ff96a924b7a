//! Thin lines of one polarity: an oriented contrast, opened along the line. In bytes, of which a vector
//! holds four times as many as of floats; a line is faint at 12 of 255.

use restora_image::{Border, Context, OpError, Size, map_bands, simd};
use std::sync::LazyLock;

/// Orientations over half a turn.
pub const ORIENTATIONS: usize = 16;
/// Distances from a line to the flanks it is compared with: lines up to about 11 pixels wide.
const FLANKS: [f32; 3] = [2.0, 4.0, 6.0];
/// Half length of the mean along a line, and of the opening along it.
const MEAN: i32 = 2;
const OPENING: i32 = 5;
/// Pixels that a response looks to: twice the opening, the farthest flank, the mean.
const MARGIN: usize = 18;
const BAND: usize = 64;

/// For light (0) and dark (1) lines: the response of each pixel and its orientation.
pub struct Ridges {
    pub size: Size,
    pub response: [Vec<u8>; 2],
    pub orientation: [Vec<u8>; 2],
}

/// Unit vector along a line of orientation `k`.
pub fn direction(k: u8) -> (f32, f32) {
    static ALL: LazyLock<[(f32, f32); ORIENTATIONS]> = LazyLock::new(|| {
        std::array::from_fn(|k| {
            let (sin, cos) = (k as f32 * std::f32::consts::PI / ORIENTATIONS as f32).sin_cos();
            (cos, sin)
        })
    });
    ALL[usize::from(k)]
}

/// The pixel offset nearest to `t` along a direction.
pub fn step((x, y): (f32, f32), t: f32) -> (i32, i32) {
    ((x * t).round() as i32, (y * t).round() as i32)
}

/// The responses of every pixel of rows that are not empty.
pub fn ridges(luma: &[u8], size: Size, cx: &Context) -> Result<Ridges, OpError> {
    let padded = Padded::new(luma, size);
    let bands = map_bands(size.h(), BAND, cx, |rows| {
        Ok(simd(
            #[inline(always)]
            || Band::of(&padded, size.w(), rows.start, rows.len()),
        ))
    })?;
    let mut out = Ridges {
        size,
        response: [Vec::with_capacity(size.len()), Vec::with_capacity(size.len())],
        orientation: [Vec::with_capacity(size.len()), Vec::with_capacity(size.len())],
    };
    for band in bands {
        for p in 0..2 {
            out.response[p].extend_from_slice(&band.response[p]);
            out.orientation[p].extend_from_slice(&band.orientation[p]);
        }
    }
    Ok(out)
}

/// A picture with [`MARGIN`] mirrored pixels around it.
struct Padded {
    stride: usize,
    data: Vec<u8>,
}

impl Padded {
    fn new(luma: &[u8], size: Size) -> Self {
        let (w, h) = (size.w(), size.h());
        let stride = w + 2 * MARGIN;
        let mirrored = |i: usize, n: usize| {
            Border::Reflect101.index(i as isize - MARGIN as isize, n).unwrap_or(0)
        };
        let left: Vec<usize> = (0..MARGIN).map(|x| mirrored(x, w)).collect();
        let right: Vec<usize> = (w + MARGIN..stride).map(|x| mirrored(x, w)).collect();
        let mut data = Vec::with_capacity(stride * (h + 2 * MARGIN));
        for y in 0..h + 2 * MARGIN {
            let row = &luma[mirrored(y, h) * w..][..w];
            data.extend(left.iter().map(|&x| row[x]));
            data.extend_from_slice(row);
            data.extend(right.iter().map(|&x| row[x]));
        }
        Self { stride, data }
    }
}

struct Band {
    response: [Vec<u8>; 2],
    orientation: [Vec<u8>; 2],
}

impl Band {
    #[inline(always)]
    fn of(padded: &Padded, width: usize, y0: usize, rows: usize) -> Self {
        let stride = padded.stride;
        // All buffers are windows of the padded plane: row 0 is MARGIN rows above the band.
        let window = &padded.data[y0 * stride..(y0 + rows + 2 * MARGIN) * stride];
        let len = window.len();
        let mut mean = vec![0u8; len];
        let mut contrast = [vec![0u8; len], vec![0u8; len]];
        let mut eroded = vec![0u8; len];
        let mut opened = vec![0u8; len];
        let mut band = Self {
            response: [vec![0; width * rows], vec![0; width * rows]],
            orientation: [vec![0; width * rows], vec![0; width * rows]],
        };
        for k in 0..ORIENTATIONS as u8 {
            let along = direction(k);
            let normal = (-along.1, along.0);
            let offset = |(x, y): (i32, i32)| y as isize * stride as isize + x as isize;
            // Steps of a slanted line may round to one pixel.
            let line = |half: i32| {
                let mut all: Vec<(i32, i32)> =
                    (-half..=half).map(|i| step(along, i as f32)).collect();
                all.dedup();
                all.into_iter().map(offset)
            };
            // Rows farther from the band are computed as far as the next step looks.
            let reach = (2 * OPENING + 6) as usize;
            let range = |reach: usize| {
                let from = (MARGIN - reach) * stride + MARGIN;
                let to = (MARGIN + rows + reach) * stride - MARGIN;
                (from.saturating_sub(reach), (to + reach).min(len))
            };
            let (from, to) = range(reach);
            let taps: [_; 2 * MEAN as usize + 1] = std::array::from_fn(|i| {
                let o = offset(step(along, (i as i32 - MEAN) as f32));
                shifted(window, from, to, o)
            });
            mean_of(&mut mean[from..to], taps);
            let (from, to) = range(2 * OPENING as usize);
            let [light, dark] = &mut contrast;
            let (light, dark) = (&mut light[from..to], &mut dark[from..to]);
            light.fill(0);
            dark.fill(0);
            for d in FLANKS {
                let o = offset(step(normal, d));
                let flanks = (shifted(&mean, from, to, o), shifted(&mean, from, to, -o));
                contrasts(light, dark, &mean[from..to], flanks);
            }
            for p in 0..2 {
                let (from, to) = range(OPENING as usize);
                eroded[from..to].fill(u8::MAX);
                for o in line(OPENING) {
                    least(&mut eroded[from..to], shifted(&contrast[p], from, to, o));
                }
                let (from, to) = range(0);
                opened[from..to].fill(0);
                for o in line(OPENING) {
                    most(&mut opened[from..to], shifted(&eroded, from, to, o));
                }
                for y in 0..rows {
                    let row = &opened[(MARGIN + y) * stride + MARGIN..][..width];
                    let here = y * width..(y + 1) * width;
                    let response = &mut band.response[p][here.clone()];
                    let orientation = &mut band.orientation[p][here];
                    keep_best(response, orientation, row, k);
                }
            }
        }
        band
    }
}

#[inline(always)]
fn shifted(data: &[u8], from: usize, to: usize, offset: isize) -> &[u8] {
    &data[from.wrapping_add_signed(offset)..to.wrapping_add_signed(offset)]
}

/// Means of five, rounded: 13108 / 65536 is so little above a fifth that no sum of five bytes is led to the next.
#[inline(always)]
fn mean_of(out: &mut [u8], taps: [&[u8]; 2 * MEAN as usize + 1]) {
    let [a, b, c, d, e] = taps.map(|tap| &tap[..out.len()]);
    for (i, o) in out.iter_mut().enumerate() {
        let sum = [a[i], b[i], c[i], d[i], e[i]].map(u16::from).iter().sum::<u16>() + 2;
        *o = ((u32::from(sum) * 13108) >> 16) as u8;
    }
}

#[inline(always)]
fn least(out: &mut [u8], values: &[u8]) {
    out.iter_mut().zip(values).for_each(|(o, v)| *o = (*o).min(*v));
}

#[inline(always)]
fn most(out: &mut [u8], values: &[u8]) {
    out.iter_mut().zip(values).for_each(|(o, v)| *o = (*o).max(*v));
}

/// Raises the contrasts of light and dark lines to those against two flanks: the nearer flank counts.
#[inline(always)]
fn contrasts(light: &mut [u8], dark: &mut [u8], mean: &[u8], flanks: (&[u8], &[u8])) {
    let lines = light.iter_mut().zip(dark.iter_mut()).zip(mean);
    for (((light, dark), m), (a, b)) in lines.zip(flanks.0.iter().zip(flanks.1)) {
        *light = (*light).max(m.saturating_sub(*a.max(b)));
        *dark = (*dark).max((*a.min(b)).saturating_sub(*m));
    }
}

#[inline(always)]
fn keep_best(response: &mut [u8], orientation: &mut [u8], row: &[u8], k: u8) {
    for ((best, which), v) in response.iter_mut().zip(orientation).zip(row) {
        *which = if *v > *best { k } else { *which };
        *best = (*best).max(*v);
    }
}
