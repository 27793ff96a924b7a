//! Dense blocks of `ROWS` by `LANES` values, the steps of products and eliminations.
//!
//! Matrices are slices with a row length that is a multiple of [`LANES`]; rows are indexed in
//! multiples of [`ROWS`] and columns in multiples of [`LANES`].

use super::super::patch_groups::LANES;

/// Rows that are handled together; divides [`LANES`].
pub(super) const ROWS: usize = 4;

pub(super) type Lanes = [f32; LANES];

#[inline(always)]
pub(super) fn lanes(values: &[f32], at: usize) -> Lanes {
    values.as_chunks::<LANES>().0[at / LANES]
}

/// Sum in a fixed order, pairwise.
#[inline(always)]
pub(super) fn sum(v: Lanes) -> f32 {
    let mut v = v;
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            v[i] += v[i + half];
        }
    }
    v[0]
}

/// Rows `i..i + ROWS`, columns `c..c + LANES` of `A^T B`, over the given rows of both.
#[inline(always)]
pub(super) fn product(
    a: &[f32],
    a_stride: usize,
    i: usize,
    b: &[f32],
    b_stride: usize,
    c: usize,
    rows: std::ops::Range<usize>,
) -> [Lanes; ROWS] {
    let (a, b) = (a.as_chunks::<ROWS>().0, b.as_chunks::<LANES>().0);
    let (a_step, b_step) = (a_stride / ROWS, b_stride / LANES);
    let (i, c) = (i / ROWS, c / LANES);
    let [mut p, mut q, mut r, mut s] = [[0.0; LANES]; ROWS];
    for l in rows {
        let x = &a[l * a_step + i];
        let y = &b[l * b_step + c];
        for t in 0..LANES {
            p[t] += x[0] * y[t];
        }
        for t in 0..LANES {
            q[t] += x[1] * y[t];
        }
        for t in 0..LANES {
            r[t] += x[2] * y[t];
        }
        for t in 0..LANES {
            s[t] += x[3] * y[t];
        }
    }
    [p, q, r, s]
}

#[inline(always)]
pub(super) fn store(out: &mut [f32], stride: usize, i: usize, c: usize, block: &[Lanes; ROWS]) {
    let out = out.as_chunks_mut::<LANES>().0;
    for (r, row) in block.iter().enumerate() {
        out[(i + r) * (stride / LANES) + c / LANES] = *row;
    }
}

/// `U^-T` for the diagonal block at `j` of `Q = U^T U`; `None` unless it is safely positive.
#[inline(always)]
pub(super) fn inverse_factor(q: &[f32], stride: usize, j: usize) -> Option<[[f32; ROWS]; ROWS]> {
    let mut u = [[0.0; ROWS]; ROWS];
    for (r, row) in u.iter_mut().enumerate() {
        row.copy_from_slice(&q[(j + r) * stride + j..][..ROWS]);
    }
    let mut v = [[0.0; ROWS]; ROWS];
    for i in 0..ROWS {
        v[i][i] = 1.0;
        for l in 0..i {
            let f = u[l][i];
            for c in 0..ROWS {
                u[i][c] -= f * u[l][c];
                v[i][c] -= f * v[l][c];
            }
        }
        let pivot = u[i][i];
        if pivot.is_nan() || pivot <= 1e-20 {
            return None;
        }
        let inverse = 1.0 / pivot.sqrt();
        for c in 0..ROWS {
            u[i][c] *= inverse;
            v[i][c] *= inverse;
        }
    }
    Some(v)
}

/// Multiplies columns `c..c + LANES` of the panel's rows by `inverse`, lower triangular.
#[inline(always)]
pub(super) fn normalize(panel: &mut [f32], stride: usize, c: usize, inverse: &[[f32; ROWS]; ROWS]) {
    let (panel, step) = (panel.as_chunks_mut::<LANES>().0, stride / LANES);
    for r in (0..ROWS).rev() {
        let mut acc = [0.0; LANES];
        for l in 0..=r {
            let row = &panel[l * step + c / LANES];
            for i in 0..LANES {
                acc[i] += inverse[r][l] * row[i];
            }
        }
        panel[r * step + c / LANES] = acc;
    }
}

/// Subtracts the panel's rows, times their factors, from the rows at columns `c..c + LANES`.
#[inline(always)]
pub(super) fn subtract(
    rows: &mut [f32],
    panel: &[f32],
    factors: &[[f32; ROWS]; ROWS],
    stride: usize,
    c: usize,
) {
    let (rows, panel) = (rows.as_chunks_mut::<LANES>().0, panel.as_chunks::<LANES>().0);
    let (step, c) = (stride / LANES, c / LANES);
    for r in 0..ROWS {
        let mut acc = rows[r * step + c];
        for l in 0..ROWS {
            let p = &panel[l * step + c];
            for i in 0..LANES {
                acc[i] -= factors[l][r] * p[i];
            }
        }
        rows[r * step + c] = acc;
    }
}
