//! The three small transforms, one vector of channels at a time.

use crate::kernels::lane::Lane;

/// `B^T` of six numbers.
#[inline(always)]
unsafe fn b_transposed<L: Lane>(d: [L; 6]) -> [L; 6] {
    // SAFETY: arithmetic only.
    unsafe {
        let [four, minus_five, minus_four, two, minus_two] =
            [4.0, -5.0, -4.0, 2.0, -2.0].map(|x| L::splat(x));
        let (odd, even) = (d[3].sub(d[1]), d[4].sub(d[2]));
        [
            four.mul_add(d[0], minus_five.mul_add(d[2], d[4])),
            minus_four.mul_add(d[1].add(d[2]), d[3].add(d[4])),
            four.mul_add(d[1].sub(d[2]), d[4].sub(d[3])),
            two.mul_add(odd, even),
            minus_two.mul_add(odd, even),
            four.mul_add(d[1], minus_five.mul_add(d[3], d[5])),
        ]
    }
}

/// `A^T` of six numbers.
#[inline(always)]
unsafe fn a_transposed<L: Lane>(m: [L; 6]) -> [L; 4] {
    // SAFETY: arithmetic only.
    unsafe {
        let (p, q) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (r, s) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(p.add(r)),
            L::splat(2.0).mul_add(s, q),
            L::splat(4.0).mul_add(r, p),
            L::splat(8.0).mul_add(s, q.add(m[5])),
        ]
    }
}

/// `A` of four numbers.
#[inline(always)]
unsafe fn a<L: Lane>(y: [L; 4]) -> [L; 6] {
    // SAFETY: arithmetic only.
    unsafe {
        let (even, odd) = (y[0].add(y[2]), y[1].add(y[3]));
        let far = L::splat(4.0).mul_add(y[2], y[0]);
        let wide = L::splat(4.0).mul_add(y[3], y[1]);
        let two = L::splat(2.0);
        [
            y[0],
            even.add(odd),
            even.sub(odd),
            two.mul_add(wide, far),
            L::splat(-2.0).mul_add(wide, far),
            y[3],
        ]
    }
}

/// `V = B^T d B` of one vector of channels; element `e` goes to `e * stride`.
#[inline(always)]
pub unsafe fn window_transform<L: Lane, const FULL: bool>(
    from: *const f32,
    row: usize,
    column: usize,
    to: *mut f32,
    stride: usize,
    tail: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut d = [[L::splat(0.0); 6]; 6];
        for (r, out) in d.iter_mut().enumerate() {
            let mut line = [L::splat(0.0); 6];
            for (c, x) in line.iter_mut().enumerate() {
                *x = L::read::<FULL>(from.add(r * row + c * column), tail);
            }
            *out = b_transposed(line);
        }
        for c in 0..6 {
            let v = b_transposed([d[0][c], d[1][c], d[2][c], d[3][c], d[4][c], d[5][c]]);
            for (r, &v) in v.iter().enumerate() {
                v.write::<FULL>(to.add((r * 6 + c) * stride), tail);
            }
        }
    }
}

/// `A dY A^T` of one vector of channels.
#[inline(always)]
pub unsafe fn gradient_transform<L: Lane, const FULL: bool>(
    from: *const f32,
    row: usize,
    column: usize,
    to: *mut f32,
    stride: usize,
    tail: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut d = [[L::splat(0.0); 6]; 4];
        for (r, out) in d.iter_mut().enumerate() {
            let mut line = [L::splat(0.0); 4];
            for (c, x) in line.iter_mut().enumerate() {
                *x = L::read::<FULL>(from.add(r * row + c * column), tail);
            }
            *out = a(line);
        }
        for c in 0..6 {
            for (r, &v) in a([d[0][c], d[1][c], d[2][c], d[3][c]]).iter().enumerate() {
                v.write::<FULL>(to.add((r * 6 + c) * stride), tail);
            }
        }
    }
}

/// Where a tile goes.
pub struct Out {
    pub y: *mut f32,
    pub add: Option<*const f32>,
    pub accumulate: bool,
    pub rows: usize,
    pub columns: usize,
    pub row: usize,
    pub column: usize,
    pub floor: f32,
}

/// `Y = A^T M A` of one vector of channels, and the epilogue.
#[inline(always)]
pub unsafe fn tile_transform<L: Lane, const FULL: bool>(
    from: *const f32,
    stride: usize,
    out: &Out,
    channel: usize,
    bias: Option<*const f32>,
    tail: usize,
) {
    // SAFETY: the caller's; only rows and columns inside the image are touched.
    unsafe {
        let mut m = [[L::splat(0.0); 4]; 6];
        for (r, out) in m.iter_mut().enumerate() {
            let mut line = [L::splat(0.0); 6];
            for (c, x) in line.iter_mut().enumerate() {
                *x = L::read::<FULL>(from.add((r * 6 + c) * stride), tail);
            }
            *out = a_transposed(line);
        }
        let bias = bias.map_or(L::splat(0.0), |b| L::read::<FULL>(b, tail));
        let floor = L::splat(out.floor);
        // Whole tiles are written without a branch, so that nothing has to lie in memory in between.
        if out.rows == 4 && out.columns == 4 {
            for c in 0..4 {
                let column = a_transposed([m[0][c], m[1][c], m[2][c], m[3][c], m[4][c], m[5][c]]);
                for (r, &sum) in column.iter().enumerate() {
                    let at = r * out.row + c * out.column + channel;
                    finish::<L, FULL>(sum.add(bias), floor, out, at, tail);
                }
            }
            return;
        }
        for c in 0..out.columns {
            let column = a_transposed([m[0][c], m[1][c], m[2][c], m[3][c], m[4][c], m[5][c]]);
            for (r, &sum) in column.iter().enumerate().take(out.rows) {
                let at = r * out.row + c * out.column + channel;
                finish::<L, FULL>(sum.add(bias), floor, out, at, tail);
            }
        }
    }
}

/// Adds what is to be added to a sum, cuts it at zero and writes it.
#[inline(always)]
unsafe fn finish<L: Lane, const FULL: bool>(
    mut sum: L,
    floor: L,
    out: &Out,
    at: usize,
    tail: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        if let Some(add) = out.add {
            sum = sum.add(L::read::<FULL>(add.add(at), tail));
        }
        if out.accumulate {
            sum = sum.add(L::read::<FULL>(out.y.add(at), tail));
        }
        sum.max(floor).write::<FULL>(out.y.add(at), tail);
    }
}
