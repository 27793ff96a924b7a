//! Dense blocks of `ROWS` by `LANES` values, the steps of products and eliminations.
//!
//! Matrices are slices with a row length that is a multiple of [`LANES`]; rows are indexed in
//! multiples of [`ROWS`] and columns in multiples of [`LANES`].

use super::super::patch_groups::LANES;

/// Rows that are handled together; divides [`LANES`].
pub(crate) const ROWS: usize = 4;

pub(crate) type Lanes = [f32; LANES];

#[inline(always)]
pub(crate) fn lanes(values: &[f32], at: usize) -> Lanes {
    values.as_chunks::<LANES>().0[at / LANES]
}

/// Sum in a fixed order, pairwise.
#[inline(always)]
pub(crate) fn sum(v: Lanes) -> f32 {
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
pub(crate) fn product(
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
pub(crate) fn store(out: &mut [f32], stride: usize, i: usize, c: usize, block: &[Lanes; ROWS]) {
    let out = out.as_chunks_mut::<LANES>().0;
    for (r, row) in block.iter().enumerate() {
        out[(i + r) * (stride / LANES) + c / LANES] = *row;
    }
}

/// `U^-T` for the diagonal block at `j` of `Q = U^T U`; `None` unless it is safely positive.
#[inline(always)]
fn inverse_factor(q: &[f32], stride: usize, j: usize) -> Option<[[f32; ROWS]; ROWS]> {
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
fn normalize(panel: &mut [f32], stride: usize, c: usize, inverse: &[[f32; ROWS]; ROWS]) {
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
fn subtract(
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

/// Eliminates `[Q | I]` to `[U | V]` with `Q = U^T U` and `V = U^-T`, a panel of rows at a time; only the
/// upper triangle of `Q` is read. False if `Q` is not numerically positive.
#[inline(always)]
pub(crate) fn eliminate(upper: &mut [f32], lower: &mut [f32], ks: usize) -> bool {
    lower.fill(0.0);
    for i in 0..ks {
        lower[i * ks + i] = 1.0;
    }
    for j in (0..ks).step_by(ROWS) {
        let (from, to) = (j / LANES * LANES, j / LANES * LANES + LANES);
        let Some(inverse) = inverse_factor(upper, ks, j) else { return false };
        let (done, rest) = upper.split_at_mut((j + ROWS) * ks);
        let panel = &mut done[j * ks..];
        for c in (from..ks).step_by(LANES) {
            normalize(panel, ks, c, &inverse);
        }
        let (done, v_rest) = lower.split_at_mut((j + ROWS) * ks);
        let v_panel = &mut done[j * ks..];
        for c in (0..to).step_by(LANES) {
            normalize(v_panel, ks, c, &inverse);
        }
        let below = rest.chunks_exact_mut(ROWS * ks).zip(v_rest.chunks_exact_mut(ROWS * ks));
        for (q, (rows, v_rows)) in below.enumerate() {
            let i = j + ROWS + ROWS * q;
            let mut factors = [[0.0; ROWS]; ROWS];
            for (l, f) in factors.iter_mut().enumerate() {
                f.copy_from_slice(&panel[l * ks + i..][..ROWS]);
            }
            for c in (i / LANES * LANES..ks).step_by(LANES) {
                subtract(rows, panel, &factors, ks, c);
            }
            for c in (0..to).step_by(LANES) {
                subtract(v_rows, v_panel, &factors, ks, c);
            }
        }
    }
    true
}
