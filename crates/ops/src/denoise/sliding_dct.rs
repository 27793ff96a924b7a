//! Hard thresholding in the cosine transforms of all 8x8 blocks, averaged where they overlap.
//!
//! ```text
//! C = D P D^T,    C_uv <- 0 where |C_uv| <= t, (u, v) != (0, 0),    P^ = D^T C D
//! out(x) = sum_b w_b P^_b(x) / sum_b w_b,    w_b = 1 / (number of coefficients kept)
//! ```
//!
//! Blocks start at every pixel, so there is no grid to see and nothing depends on where a tile is cut.
//! Cost: 18 one-dimensional transforms of 8 values per pixel, because the vertical transforms are
//! shared by all blocks of a row of blocks, in both directions. Border: `reflect`; an output looks 7
//! pixels far.
//!
//! Reference: G. Yu, G. Sapiro, "DCT image denoising: a simple and effective image denoising
//! algorithm", IPOL 1 (2011), doi:10.5201/ipol.2011.ys-dct; weights: O. G. Guleryuz, "Weighted
//! averaging for denoising with overcomplete dictionaries", IEEE TIP 16 (2007),
//! doi:10.1109/TIP.2007.908078.

use restora_image::{Border, Context, OpError, PlaneRef, for_each_band, simd};

/// How far an output looks.
pub(crate) const REACH: usize = 7;
/// Rows and columns of a tile: its buffers (76 rows of 512 values) stay in a second-level cache, and
/// the overlap costs 11 % and 1 %.
const ROWS: usize = 64;
const COLUMNS: usize = 512;
/// Blocks transformed at a time; 16 and 32 were slower (2.0 and 1.3 times).
const L: usize = 64;

/// Thresholds `plane` at `threshold` (for white noise of `sigma` about `2.7 sigma`) into `out`.
pub(crate) fn sliding_dct(
    plane: PlaneRef<'_>,
    threshold: f32,
    out: &mut [f32],
    cx: &Context,
) -> Result<(), OpError> {
    let (w, h) = (plane.width(), plane.height());
    for_each_band(out, w, ROWS, cx, |y0, band| {
        let mut tile = Tile::new(w.min(COLUMNS));
        for x0 in (0..w).step_by(COLUMNS) {
            let width = COLUMNS.min(w - x0);
            let first = y0 as isize - REACH as isize;
            let count = band.len() / w + REACH;
            let rows: Vec<&[f32]> = (first..)
                .take(count + REACH)
                .map(|y| plane.row(Border::Reflect.index(y, h).unwrap_or_default()))
                .collect();
            tile.num.iter_mut().chain(&mut tile.den).for_each(|v| *v = 0.0);
            for b in 0..count {
                let window: [&[f32]; 8] = std::array::from_fn(|k| rows[b + k]);
                simd(
                    #[inline(always)]
                    || tile.row_of_blocks(window, x0, width, b, threshold),
                );
            }
            for (y, out) in band.chunks_exact_mut(w).enumerate() {
                let at = (y + REACH) * tile.stride;
                let sums = tile.num[at..].iter().zip(&tile.den[at..]);
                for (out, (num, den)) in out[x0..x0 + width].iter_mut().zip(sums) {
                    *out = num / den;
                }
            }
        }
        Ok(())
    })
}

/// Buffers of one tile.
struct Tile {
    /// Outputs of a row, rounded up.
    stride: usize,
    /// Vertical transforms of the current rows: 8 frequencies of `padded` columns.
    vertical: Vec<f32>,
    padded: usize,
    /// The blocks after the horizontal inverse: 8 vertical frequencies, 8 columns of a block, `blocks`.
    inverse: Vec<f32>,
    blocks: usize,
    weights: Vec<f32>,
    /// Weighted sums and sums of weights of the outputs, from 7 rows above the band on.
    num: Vec<f32>,
    den: Vec<f32>,
}

impl Tile {
    fn new(width: usize) -> Self {
        let stride = width.next_multiple_of(L);
        // Whole vectors may be read past the last block.
        let blocks = stride + L;
        let padded = blocks + 8;
        let rows = ROWS + 2 * REACH;
        Self {
            stride,
            vertical: vec![0.0; 8 * padded],
            padded,
            inverse: vec![0.0; 64 * blocks],
            blocks,
            weights: vec![0.0; blocks],
            num: vec![0.0; rows * stride],
            den: vec![0.0; rows * stride],
        }
    }

    #[inline(always)]
    fn row_of_blocks(&mut self, rows: [&[f32]; 8], x0: usize, width: usize, b: usize, t: f32) {
        self.forward_vertical(rows, x0, width);
        let blocks = width + REACH;
        for i in (0..blocks).step_by(L) {
            self.threshold_blocks(i, t);
        }
        self.collect(width, b);
    }

    /// `V_v(x) = sum_k D_vk P(k, x)` for the columns `x0 - 7 .. x0 + width + 7`.
    #[inline(always)]
    fn forward_vertical(&mut self, rows: [&[f32]; 8], x0: usize, width: usize) {
        let n = rows[0].len();
        let out = split_rows::<8>(&mut self.vertical, self.padded);
        let column = |x: isize| -> [f32; 8] {
            let x = Border::Reflect.index(x, n).unwrap_or_default();
            std::array::from_fn(|k| rows[k][x])
        };
        for i in (0..REACH).chain(width + REACH..width + 2 * REACH) {
            let v = dct8(column((x0 + i) as isize - REACH as isize));
            for k in 0..8 {
                out[k][i] = v[k];
            }
        }
        let rows: [&[f32]; 8] = std::array::from_fn(|k| &rows[k][x0..x0 + width]);
        let mut out = out.map(|row| &mut row[REACH..REACH + width]);
        let mut i = 0;
        while i < width {
            if width >= L {
                // The last block overlaps its neighbor instead of being short.
                i = i.min(width - L);
                set::<L>(&mut out, i, &each_column::<L>(&rows, i, dct8));
                i += L;
            } else {
                set::<1>(&mut out, i, &each_column::<1>(&rows, i, dct8));
                i += 1;
            }
        }
    }

    /// Blocks `i..i + L`: horizontal transform, threshold, horizontal inverse.
    #[inline(always)]
    fn threshold_blocks(&mut self, i: usize, t: f32) {
        let mut coefficients = [[[0.0_f32; L]; 8]; 8];
        let mut kept = [1.0_f32; L];
        for (v, coefficients) in coefficients.iter_mut().enumerate() {
            let row = &self.vertical[v * self.padded + i..][..L + 7];
            let shifted: [&[f32]; 8] = std::array::from_fn(|k| &row[k..]);
            let s = each_column::<L>(&shifted, 0, dct8);
            let always = if v == 0 { f32::INFINITY } else { 0.0 };
            for u in 0..8 {
                let always = if u == 0 { always } else { 0.0 };
                for j in 0..L {
                    let keep = s[u][j].abs() + always > t;
                    coefficients[u][j] = if keep { s[u][j] } else { 0.0 };
                    kept[j] += if keep { 1.0 } else { 0.0 };
                }
            }
        }
        let weights = &mut self.weights[i..i + L];
        for j in 0..L {
            // The constant coefficient was counted twice.
            weights[j] = 1.0 / (kept[j] - 1.0);
        }
        let weights: &[f32; L] = weights.first_chunk().expect("L values");
        for (v, c) in coefficients.iter().enumerate() {
            let rows: [&[f32]; 8] = std::array::from_fn(|u| &c[u][..]);
            let mut pixels = each_column::<L>(&rows, 0, idct8);
            for row in &mut pixels {
                for j in 0..L {
                    row[j] *= weights[j];
                }
            }
            let to = &mut self.inverse[8 * v * self.blocks..];
            set::<L>(&mut split_rows::<8>(to, self.blocks), i, &pixels);
        }
    }

    /// Adds the blocks of one row of blocks to the outputs: along the row first, then the vertical
    /// inverse, once for all blocks.
    #[inline(always)]
    fn collect(&mut self, width: usize, b: usize) {
        let (stride, padded, blocks) = (self.stride, self.padded, self.blocks);
        let num = split_rows::<8>(&mut self.num[b * stride..], stride);
        let den = split_rows::<8>(&mut self.den[b * stride..], stride);
        for i in (0..width).step_by(L) {
            for v in 0..8 {
                // The transformed rows are read no more.
                let sum = sum_of_blocks(&self.inverse[8 * v * blocks..], blocks, i);
                self.vertical[v * padded + i..][..L].copy_from_slice(&sum);
            }
            let rows: [&[f32]; 8] = std::array::from_fn(|k| &self.vertical[k * padded..][..padded]);
            let pixels = each_column::<L>(&rows, i, idct8);
            let weights = sum_of_blocks(&self.weights, 0, i);
            for k in 0..8 {
                let num = num[k][i..].first_chunk_mut::<L>().expect("L values");
                let den = den[k][i..].first_chunk_mut::<L>().expect("L values");
                for j in 0..L {
                    num[j] += pixels[k][j];
                    den[j] += weights[j];
                }
            }
        }
    }
}

/// `sum_k data[k stride + 7 - k + i + j]`: column `k` of the block that starts `k` columns before.
#[inline(always)]
fn sum_of_blocks(data: &[f32], stride: usize, i: usize) -> [f32; L] {
    let mut sum = [0.0; L];
    for k in 0..8 {
        let row: &[f32; L] = data[k * stride + REACH - k + i..].first_chunk().expect("L values");
        for j in 0..L {
            sum[j] += row[j];
        }
    }
    sum
}

/// Transforms the columns `i..i + N` of eight rows.
#[inline(always)]
fn each_column<const N: usize>(
    rows: &[&[f32]; 8],
    i: usize,
    transform: impl Fn([f32; 8]) -> [f32; 8],
) -> [[f32; N]; 8] {
    let s: [&[f32; N]; 8] = std::array::from_fn(|k| rows[k][i..].first_chunk().expect("N values"));
    let mut out = [[0.0; N]; 8];
    for j in 0..N {
        let t = transform([s[0][j], s[1][j], s[2][j], s[3][j], s[4][j], s[5][j], s[6][j], s[7][j]]);
        for k in 0..8 {
            out[k][j] = t[k];
        }
    }
    out
}

#[inline(always)]
fn set<const N: usize>(rows: &mut [&mut [f32]; 8], i: usize, values: &[[f32; N]; 8]) {
    for k in 0..8 {
        rows[k][i..i + N].copy_from_slice(&values[k]);
    }
}

/// The first `N` rows of `stride` values.
#[inline(always)]
fn split_rows<const N: usize>(data: &mut [f32], stride: usize) -> [&mut [f32]; N] {
    let mut rows = data.chunks_exact_mut(stride);
    std::array::from_fn(|_| rows.next().expect("buffers have N rows"))
}

// cos(k pi / 16) / 2, and 1 / sqrt(8).
const C1: f32 = 0.490_392_64;
const C2: f32 = 0.461_939_77;
const C3: f32 = 0.415_734_8;
const C4: f32 = 0.353_553_4;
const C5: f32 = 0.277_785_1;
const C6: f32 = 0.191_341_71;
const C7: f32 = 0.097_545_16;

/// Orthonormal DCT-II of 8 values.
#[inline(always)]
pub(crate) fn dct8(x: [f32; 8]) -> [f32; 8] {
    let (s0, s1, s2, s3) = (x[0] + x[7], x[1] + x[6], x[2] + x[5], x[3] + x[4]);
    let (d0, d1, d2, d3) = (x[0] - x[7], x[1] - x[6], x[2] - x[5], x[3] - x[4]);
    let (e0, e1, e2, e3) = (s0 + s3, s1 + s2, s1 - s2, s0 - s3);
    [
        C4 * (e0 + e1),
        (C1 * d0 + C3 * d1) + (C5 * d2 + C7 * d3),
        C2 * e3 + C6 * e2,
        (C3 * d0 - C7 * d1) - (C1 * d2 + C5 * d3),
        C4 * (e0 - e1),
        (C5 * d0 - C1 * d1) + (C7 * d2 + C3 * d3),
        C6 * e3 - C2 * e2,
        (C7 * d0 - C5 * d1) + (C3 * d2 - C1 * d3),
    ]
}

/// Its inverse, the orthonormal DCT-III.
#[inline(always)]
pub(crate) fn idct8(c: [f32; 8]) -> [f32; 8] {
    let (p, m) = (C4 * (c[0] + c[4]), C4 * (c[0] - c[4]));
    let (q, n) = (C2 * c[2] + C6 * c[6], C6 * c[2] - C2 * c[6]);
    let (s0, s3, s1, s2) = (p + q, p - q, m + n, m - n);
    let d0 = (C1 * c[1] + C3 * c[3]) + (C5 * c[5] + C7 * c[7]);
    let d1 = (C3 * c[1] - C7 * c[3]) - (C1 * c[5] + C5 * c[7]);
    let d2 = (C5 * c[1] - C1 * c[3]) + (C7 * c[5] + C3 * c[7]);
    let d3 = (C7 * c[1] - C5 * c[3]) + (C3 * c[5] - C1 * c[7]);
    [s0 + d0, s1 + d1, s2 + d2, s3 + d3, s3 - d3, s2 - d2, s1 - d1, s0 - d0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Plane, Rect, Size};
    use restora_testkit::{noisy, psnr, synthetic};

    fn run(plane: PlaneRef<'_>, threshold: f32, threads: usize) -> Plane {
        let mut out = Plane::zeros(plane.size());
        let cx = Context::with_threads(threads);
        sliding_dct(plane, threshold, &mut out.data, &cx).unwrap();
        out
    }

    /// Every block on its own, in `f64`, from the definition of the transform.
    fn oracle(plane: PlaneRef<'_>, threshold: f64) -> Vec<f64> {
        let (w, h) = (plane.width(), plane.height());
        let d = |u: usize, k: usize| -> f64 {
            let scale = if u == 0 { 0.125_f64.sqrt() } else { 0.5 };
            scale * (std::f64::consts::PI * (2 * k + 1) as f64 * u as f64 / 16.0).cos()
        };
        let (mut num, mut den) = (vec![0.0; w * h], vec![0.0; w * h]);
        for y0 in -7..h as isize {
            for x0 in -7..w as isize {
                let at = |y: isize, x: isize| {
                    let y = Border::Reflect.index(y0 + y, h).unwrap();
                    f64::from(plane.at(Border::Reflect.index(x0 + x, w).unwrap(), y))
                };
                let (mut c, mut kept) = ([[0.0; 8]; 8], 0.0);
                for v in 0..8 {
                    for u in 0..8 {
                        for y in 0..8 {
                            for x in 0..8 {
                                c[v][u] += d(v, y) * d(u, x) * at(y as isize, x as isize);
                            }
                        }
                        if c[v][u].abs() > threshold || (u, v) == (0, 0) {
                            kept += 1.0;
                        } else {
                            c[v][u] = 0.0;
                        }
                    }
                }
                for y in 0..8 {
                    for x in 0..8 {
                        let (i, j) = (x0 + x as isize, y0 + y as isize);
                        if (0..w as isize).contains(&i) && (0..h as isize).contains(&j) {
                            let mut p = 0.0;
                            for v in 0..8 {
                                for u in 0..8 {
                                    p += d(v, y) * d(u, x) * c[v][u];
                                }
                            }
                            num[j as usize * w + i as usize] += p / kept;
                            den[j as usize * w + i as usize] += 1.0 / kept;
                        }
                    }
                }
            }
        }
        num.iter().zip(&den).map(|(n, d)| n / d).collect()
    }

    #[test]
    fn equals_every_block_transformed_on_its_own() {
        for (w, h) in [(1, 1), (2, 3), (9, 1), (23, 17)] {
            let image = noisy(&synthetic(Size::new(w, h)), 0.1, 3);
            for threshold in [0.0, 0.15, 10.0] {
                let got = run(image.plane(0), threshold, 1);
                let want = oracle(image.plane(0), f64::from(threshold));
                for (got, want) in got.data.iter().zip(want) {
                    assert!((f64::from(*got) - want).abs() < 1e-5, "{w}x{h} {threshold}");
                }
            }
        }
    }

    #[test]
    fn tiles_and_threads_change_nothing_and_noise_goes_away() {
        let clean = synthetic(Size::new(600, 150));
        let image = noisy(&clean, 0.1, 4);
        let whole = run(image.plane(0), 0.27, 1);
        assert_eq!(whole, run(image.plane(0), 0.27, 3));
        let outer = Rect { x: 61, y: 33, width: 200, height: 90 };
        let tile = run(image.plane(0).crop(outer), 0.27, 1);
        let inner = Rect { x: 7, y: 7, width: 186, height: 76 };
        let same = Rect { x: 68, y: 40, ..inner };
        assert_eq!(tile.as_ref().crop(inner).to_plane(), whole.as_ref().crop(same).to_plane());
        let out = restora_image::Image::from_plane(whole);
        assert!(psnr(&clean, &out) > psnr(&clean, &image) + 10.0);
    }
}
