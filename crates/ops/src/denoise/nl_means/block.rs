//! The inner loops of non-local means: one block of output pixels, one displacement at a time.

use restora_image::{Border, Image, PlaneRef};
use std::f32::consts::LOG2_E;

/// Row lengths are rounded up to a multiple of this, four vectors of AVX-512: the scalar ends of
/// vectorized loops took a third of the time. What is computed beyond a row is never read.
const LANES: usize = 64;

/// `w` as a function of the sum, not the mean, of squared differences over a patch.
#[derive(Clone, Copy)]
pub struct Weights {
    /// `log2(e) / (h^2 n)` with `n` values per patch.
    slope: f32,
    /// `log2(e) 2 sigma^2 / h^2`.
    offset: f32,
    /// `log2(e) / (2 rho^2)`.
    falloff: f32,
}

impl Weights {
    pub fn new(sigma: f32, h: f32, rho: Option<f32>, r: usize, channels: usize) -> Self {
        let n = ((2 * r + 1).pow(2) * channels) as f32;
        let scale = LOG2_E / (h * h);
        let falloff = rho.map_or(0.0, |rho| LOG2_E / (2.0 * rho * rho));
        Self { slope: scale / n, offset: 2.0 * sigma * sigma * scale, falloff }
    }

    #[inline(always)]
    fn at(self, sum: f32, far: f32) -> f32 {
        exp2_negative((sum * self.slope - self.offset).max(0.0) + far)
    }
}

/// `2^-t` for `t >= 0`, as good as 0 from `t = 126` on; relative error below 4e-6.
#[inline(always)]
pub fn exp2_negative(t: f32) -> f32 {
    // Interpolates 2^-f at the Chebyshev nodes of [-1/2, 1/2].
    const P: [f32; 5] = [1.0, -0.693_121, 0.240_223_5, -0.055_921_976, 0.009_666_368];
    // Adding it rounds to an integer, which is then in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let t = t.min(126.0);
    let rounded = t + ROUND;
    let f = t - (rounded - ROUND);
    let p = (((P[4] * f + P[3]) * f + P[2]) * f + P[1]) * f + P[0];
    p * f32::from_bits((127_u32 << 23).wrapping_sub(rounded.to_bits() << 23))
}

/// The planes with a mirrored margin, row by row, all of one stride.
pub struct Padded {
    planes: Vec<Vec<f32>>,
    stride: usize,
    margin: usize,
}

impl Padded {
    pub fn new(image: &Image, margin: usize) -> Self {
        let (w, h) = (image.size().w(), image.size().h());
        let stride = w + 2 * margin;
        let mirror = |n: usize| -> Vec<usize> {
            (0..n + 2 * margin)
                .map(|i| {
                    let i = i as isize - margin as isize;
                    Border::Reflect.index(i, n).expect("not constant")
                })
                .collect()
        };
        let (columns, rows) = (mirror(w), mirror(h));
        let pad = |plane: PlaneRef<'_>| {
            let mut data = Vec::with_capacity(stride * rows.len());
            for &y in &rows {
                let row = plane.row(y);
                data.extend(columns[..margin].iter().map(|&x| row[x]));
                data.extend_from_slice(row);
                data.extend(columns[margin + w..].iter().map(|&x| row[x]));
            }
            // Rows are read up to LANES values too far.
            data.resize(data.len() + LANES, 0.0);
            data
        };
        Self { planes: image.planes().map(pad).collect(), stride, margin }
    }

    /// `n` values of plane `c` from `(x, y)` on, which may lie in the margin.
    #[inline(always)]
    fn row(&self, c: usize, x: isize, y: isize, n: usize) -> &[f32] {
        let m = self.margin as isize;
        &self.planes[c][(y + m) as usize * self.stride + (x + m) as usize..][..n]
    }
}

/// Sums for the output pixels of one block, and the row buffers of the displacement at work.
pub struct Tile<'a> {
    image: &'a Padded,
    weights: Weights,
    x0: isize,
    y0: isize,
    width: usize,
    height: usize,
    /// Length of a row of `sums`.
    stride: usize,
    r: usize,
    s: usize,
    /// `sum of W v` per plane, then `sum of W`.
    sums: Vec<Vec<f32>>,
    /// Rings of `2 r + 1` rows: squared differences, and weights.
    squares: Vec<Vec<f32>>,
    patch_weights: Vec<Vec<f32>>,
    columns: Vec<f32>,
    joint: Vec<f32>,
}

impl<'a> Tile<'a> {
    pub fn new(
        image: &'a Padded,
        weights: Weights,
        (x0, y0): (usize, usize),
        (width, height): (usize, usize),
        (r, s): (usize, usize),
    ) -> Self {
        let stride = width.next_multiple_of(LANES);
        let longest = (width + s + 4 * r).next_multiple_of(LANES);
        let ring = vec![vec![0.0; longest]; 2 * r + 1];
        // The patch itself has weight 1 at each of its pixels.
        let own = ((2 * r + 1) * (2 * r + 1)) as f32;
        let mut sums: Vec<Vec<f32>> = Vec::with_capacity(image.planes.len() + 1);
        for c in 0..image.planes.len() {
            let mut sum = Vec::with_capacity(stride * height);
            for y in 0..height {
                let row = image.row(c, x0 as isize, (y0 + y) as isize, stride);
                sum.extend(row.iter().map(|v| own * v));
            }
            sums.push(sum);
        }
        sums.push(vec![own; stride * height]);
        Self {
            image,
            weights,
            x0: x0 as isize,
            y0: y0 as isize,
            width,
            height,
            stride,
            r,
            s,
            sums,
            squares: ring.clone(),
            patch_weights: ring,
            // The windows that end a rounded-up row, and the row from its start at the partners.
            columns: vec![0.0; longest + 2 * r],
            joint: vec![0.0; longest + s],
        }
    }

    /// Adds what every displacement contributes.
    #[inline(always)]
    pub fn run(&mut self) {
        let s = self.s as isize;
        for dy in 0..=s {
            // One of each pair of opposite displacements.
            for dx in if dy == 0 { 1 } else { -s }..=s {
                self.displacement(dx, dy);
            }
        }
    }

    #[inline(always)]
    fn displacement(&mut self, dx: isize, dy: isize) {
        let (r, k) = (self.r as isize, 2 * self.r + 1);
        // W is needed at the pixels of the block, and at those whose partner lies in the block.
        let left = self.x0 - dx.max(0);
        let n = self.width + dx.unsigned_abs();
        let [n, n1, n2] = [n, n + k - 1, n + 2 * (k - 1)].map(|n| n.next_multiple_of(LANES));
        let top = self.y0 - dy;
        let far = (dx * dx + dy * dy) as f32 * self.weights.falloff;
        let rows = self.height + dy as usize;
        for i in 0..rows + 2 * (k - 1) {
            let y = top - 2 * r + i as isize;
            let square = &mut self.squares[i % k][..n2];
            for c in 0..self.image.planes.len() {
                let a = self.image.row(c, left - 2 * r, y, n2);
                let b = self.image.row(c, left - 2 * r + dx, y + dy, n2);
                squared_difference(square, a, b, c == 0);
            }
            if i + 1 < k {
                continue;
            }
            let oldest = (i + 1) % k;
            let (ring, columns) = (&self.squares, &mut self.columns[..n2]);
            sum_of(k, row_of(ring, oldest), columns, same);
            let (weights, columns) = (self.weights, &self.columns);
            sum_of(
                k,
                window_of(columns),
                &mut self.patch_weights[i % k][..n1],
                #[inline(always)]
                |sum| weights.at(sum, far),
            );
            if i + 1 < 2 * k - 1 {
                continue;
            }
            let (ring, columns) = (&self.patch_weights, &mut self.columns[..n1]);
            sum_of(k, row_of(ring, oldest), columns, same);
            sum_of(k, window_of(&self.columns), &mut self.joint[..n], same);
            self.contribute(dx, dy, y - 2 * r);
        }
    }

    /// Adds `W` of row `y` to the sums of both ends of the displacement.
    #[inline(always)]
    fn contribute(&mut self, dx: isize, dy: isize, y: isize) {
        let (width, channels) = (self.stride, self.image.planes.len());
        let from = (y - self.y0, dx.max(0) as usize, self.x0 + dx, y + dy);
        let to = (y + dy - self.y0, (-dx).max(0) as usize, self.x0 - dx, y);
        // W starts at x0 - max(dx, 0): the block itself at max(dx, 0), its partners at max(-dx, 0).
        for (row, start, partner_x, partner_y) in [to, from] {
            if row < 0 || row >= self.height as isize {
                continue;
            }
            let joint = &self.joint[start..][..width];
            for c in 0..channels {
                let partner = self.image.row(c, partner_x, partner_y, width);
                let sum = &mut self.sums[c][row as usize * width..][..width];
                for ((s, w), v) in sum.iter_mut().zip(joint).zip(partner) {
                    *s += w * v;
                }
            }
            let sum = &mut self.sums[channels][row as usize * width..][..width];
            for (s, w) in sum.iter_mut().zip(joint) {
                *s += w;
            }
        }
    }

    pub fn result(&self, c: usize, y: usize, out: &mut [f32]) {
        let values = &self.sums[c][y * self.stride..][..self.width];
        let weights = &self.sums[self.image.planes.len()][y * self.stride..][..self.width];
        for ((out, v), w) in out.iter_mut().zip(values).zip(weights) {
            *out = v / w;
        }
    }
}

#[inline(always)]
fn squared_difference(out: &mut [f32], a: &[f32], b: &[f32], first: bool) {
    let pairs = out.iter_mut().zip(a).zip(b);
    if first {
        pairs.for_each(|((out, a), b)| *out = (a - b) * (a - b));
    } else {
        pairs.for_each(|((out, a), b)| *out += (a - b) * (a - b));
    }
}

/// Row `j` of a ring, oldest first.
#[inline(always)]
fn row_of<'a>(ring: &'a [Vec<f32>], oldest: usize) -> impl Fn(usize) -> &'a [f32] {
    #[inline(always)]
    move |j| {
        let i = oldest + j;
        &ring[if i < ring.len() { i } else { i - ring.len() }]
    }
}

/// The values from number `j` on.
#[inline(always)]
fn window_of<'a>(values: &'a [f32]) -> impl Fn(usize) -> &'a [f32] {
    #[inline(always)]
    move |j| &values[j..]
}

#[inline(always)]
fn same(v: f32) -> f32 {
    v
}

/// `out[x] = map(row(0)[x] + .. + row(k - 1)[x])` for odd `k`, added in this order: the same bytes
/// wherever a tile starts. Two rows per pass halve the traffic; the bounds checks of indexed loops
/// would cost them their vectors at the end of the row.
#[inline(always)]
fn sum_of<'a>(
    k: usize,
    row: impl Fn(usize) -> &'a [f32],
    out: &mut [f32],
    map: impl Fn(f32) -> f32,
) {
    if k == 1 {
        for (out, a) in out.iter_mut().zip(row(0)) {
            *out = map(*a);
        }
        return;
    }
    if k == 3 {
        for (((out, a), b), c) in out.iter_mut().zip(row(0)).zip(row(1)).zip(row(2)) {
            *out = map(a + b + c);
        }
        return;
    }
    for (((out, a), b), c) in out.iter_mut().zip(row(0)).zip(row(1)).zip(row(2)) {
        *out = a + b + c;
    }
    for j in (3..k - 2).step_by(2) {
        for ((out, a), b) in out.iter_mut().zip(row(j)).zip(row(j + 1)) {
            *out = *out + a + b;
        }
    }
    for ((out, a), b) in out.iter_mut().zip(row(k - 2)).zip(row(k - 1)) {
        *out = map(*out + a + b);
    }
}
