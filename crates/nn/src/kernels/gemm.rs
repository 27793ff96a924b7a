//! Matrix product in registers.
//!
//! A block of `R` rows and `V` vectors of the result stays in registers while the inner dimension
//! passes: each step loads `V` vectors of B, spreads `R` numbers of A, and does `R * V` fused
//! multiply-adds (24 of 32 registers with AVX-512, 12 of 16 with AVX2). B is cut into panels of
//! `V` vectors and [`DEPTH`] rows so that a panel stays in the cache while all rows of A pass.
//! Each element is summed in the order of the inner dimension, so the result does not depend on threads.

use super::lane::Lane;
use super::shared::Shared;
use super::{Level, level};
use rayon::prelude::*;

/// Rows of B that are worked on at a time: 256 rows of 64 numbers are 64 KiB.
const DEPTH: usize = 256;

/// Rows and columns of a tile of [`gemm_in_tiles`]: whole blocks of every level's registers.
const TILE: [usize; 2] = [192, 64];
/// Rows from which tiles are as wide as the matrix: there are enough of them, and A is read once.
const TALL: usize = 4 * TILE[0];

/// A matrix inside a slice: element `(i, j)` is at `i * row + j * column`.
#[derive(Clone, Copy, Debug)]
pub struct MatrixRef<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// Distance between rows.
    pub row: usize,
    /// Distance between columns.
    pub column: usize,
}

impl<'a> MatrixRef<'a> {
    /// A matrix whose rows lie one after the other.
    pub fn rows(data: &'a [f32], columns: usize) -> Self {
        Self { data, row: columns, column: 1 }
    }

    /// The transpose of a matrix whose rows lie one after the other.
    pub fn transposed(data: &'a [f32], columns: usize) -> Self {
        Self { data, row: 1, column: columns }
    }
}

/// The arguments of one product, with pointers.
#[derive(Clone, Copy)]
pub struct Product {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: *const f32,
    pub a_row: usize,
    pub a_column: usize,
    pub b: *const f32,
    pub b_row: usize,
    pub c: *mut f32,
    pub c_row: usize,
    pub accumulate: bool,
}

/// `c = a * b`, or `c += a * b`, with `a` of `m` by `k`, `b` of `k` by `n` (rows one after the other)
/// and `c` of `m` by `n` likewise. One thread.
///
/// # Panics
/// Where a slice is too short.
pub fn gemm([m, n, k]: [usize; 3], a: MatrixRef, b: &[f32], c: &mut [f32], accumulate: bool) {
    gemm_at(level(), [m, n, k], a, b, c, accumulate);
}

/// As [`gemm`], in tiles that are spread over the pool's threads if `threads > 1`: for matrices of few rows too.
///
/// # Panics
/// Where a slice is too short.
pub fn gemm_in_tiles(
    size: [usize; 3],
    a: MatrixRef,
    b: &[f32],
    c: &mut [f32],
    accumulate: bool,
    threads: usize,
) {
    let Some(whole) = checked(size, a, b, c, accumulate) else { return };
    let [m, n, k] = size;
    if k == 0 || m * n * k <= TILE[0] * TILE[1] {
        // SAFETY: the lengths were checked.
        return unsafe { run(level(), &whole) };
    }
    let width = if m >= TALL { n } else { TILE[1] };
    let (rows, columns) = (m.div_ceil(TILE[0]), n.div_ceil(width));
    let (a_at, b_at, c_at) =
        (Shared(whole.a.cast_mut()), Shared(whole.b.cast_mut()), Shared(whole.c));
    let (a_row, a_column, level) = (whole.a_row, whole.a_column, level());
    let tile = |index: usize| {
        let (i, j) = (index % rows * TILE[0], index / rows * width);
        // SAFETY: the tile lies inside the product, whose lengths were checked, and no other one writes to
        // its part of C.
        unsafe {
            let part = Product {
                m: TILE[0].min(m - i),
                n: width.min(n - j),
                k,
                a: a_at.get().add(i * a_row),
                a_row,
                a_column,
                b: b_at.get().add(j),
                b_row: n,
                c: c_at.get().add(i * n + j),
                c_row: n,
                accumulate,
            };
            run(level, &part);
        }
    };
    if threads > 1 && rows * columns > 1 {
        (0..rows * columns).into_par_iter().for_each(tile);
    } else {
        (0..rows * columns).for_each(tile);
    }
}

fn gemm_at(
    level: Level,
    size: [usize; 3],
    a: MatrixRef,
    b: &[f32],
    c: &mut [f32],
    accumulate: bool,
) {
    if let Some(p) = checked(size, a, b, c, accumulate) {
        // SAFETY: the lengths were checked, and the level is one that the processor has.
        unsafe { run(level, &p) }
    }
}

/// The product, if there is anything to do.
fn checked(
    [m, n, k]: [usize; 3],
    a: MatrixRef,
    b: &[f32],
    c: &mut [f32],
    accumulate: bool,
) -> Option<Product> {
    if m == 0 || n == 0 {
        return None;
    }
    assert!(k == 0 || a.data.len() > (m - 1) * a.row + (k - 1) * a.column, "matrix A is too short");
    assert!(b.len() >= k * n && c.len() >= m * n, "matrix B or C is too short");
    Some(Product {
        m,
        n,
        k,
        a: a.data.as_ptr(),
        a_row: a.row,
        a_column: a.column,
        b: b.as_ptr(),
        b_row: n,
        c: c.as_mut_ptr(),
        c_row: n,
        accumulate,
    })
}

/// # Safety
/// As for [`product`], with the instructions of the level.
unsafe fn run(level: Level, p: &Product) {
    // SAFETY: the caller's.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => super::avx512::product(p),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => super::avx2::product(p),
            Level::Baseline => super::portable::product(p),
        }
    }
}

/// # Safety
/// All elements that the sizes and strides name lie inside their allocations; `c` overlaps neither
/// `a` nor `b`; the processor has the instructions of `L`.
#[inline(always)]
pub unsafe fn product<L: Lane>(p: &Product) {
    let mut from = 0;
    // SAFETY: the caller's; the panels partition the product.
    unsafe {
        loop {
            let depth = DEPTH.min(p.k - from);
            let part = Product {
                k: depth,
                a: p.a.add(from * p.a_column),
                b: p.b.add(from * p.b_row),
                accumulate: p.accumulate || from > 0,
                ..*p
            };
            columns::<L>(&part);
            from += depth;
            if from >= p.k {
                return;
            }
        }
    }
}

#[inline(always)]
unsafe fn columns<L: Lane>(p: &Product) {
    let mut j = 0;
    // SAFETY: the caller's; `j < n` throughout.
    unsafe {
        while j < p.n {
            let part = Product { b: p.b.add(j), c: p.c.add(j), ..*p };
            let left = p.n - j;
            let whole = left / L::WIDTH;
            j += match whole {
                _ if whole >= 4 && L::REGISTERS >= 29 => rows::<L, 4, true>(&part, 0),
                _ if whole >= 3 && L::REGISTERS >= 28 => rows::<L, 3, true>(&part, 0),
                _ if whole >= 2 => rows::<L, 2, true>(&part, 0),
                1 => rows::<L, 1, true>(&part, 0),
                _ => rows::<L, 1, false>(&part, left),
            };
        }
    }
}

/// All rows of a panel of `V` vectors; the last vector has `tail` numbers unless `FULL`.
#[inline(always)]
unsafe fn rows<L: Lane, const V: usize, const FULL: bool>(p: &Product, tail: usize) -> usize {
    let mut i = 0;
    macro_rules! blocks {
        ($($r:literal)*) => {$(
            while p.m - i >= $r && L::REGISTERS > $r * V + V {
                block::<L, $r, V, FULL>(p, i, tail);
                i += $r;
            }
        )*};
    }
    // SAFETY: the caller's; rows `i .. i + R` exist.
    unsafe {
        blocks!(12 8 6 4 2 1);
    }
    if FULL { V * L::WIDTH } else { tail }
}

#[inline(always)]
unsafe fn block<L: Lane, const R: usize, const V: usize, const FULL: bool>(
    p: &Product,
    i: usize,
    tail: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut sum = [[L::splat(0.0); V]; R];
        let a = p.a.add(i * p.a_row);
        for step in 0..p.k {
            let mut b = [L::splat(0.0); V];
            for (v, b) in b.iter_mut().enumerate() {
                *b = L::read::<FULL>(p.b.add(step * p.b_row + v * L::WIDTH), tail);
            }
            for r in 0..R {
                let x = L::splat(*a.add(r * p.a_row + step * p.a_column));
                for v in 0..V {
                    sum[r][v] = x.mul_add(b[v], sum[r][v]);
                }
            }
        }
        for (r, row) in sum.iter().enumerate() {
            for (v, &sum) in row.iter().enumerate() {
                let to = p.c.add((i + r) * p.c_row + v * L::WIDTH);
                let sum = if p.accumulate { sum.add(L::read::<FULL>(to, tail)) } else { sum };
                sum.write::<FULL>(to, tail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::levels;
    use proptest::prelude::*;

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = restora_image::Rng::new(seed, "gemm", 0);
        (0..n).map(|_| rng.uniform() as f32 - 0.5).collect()
    }

    proptest! {
        #[test]
        fn every_level_agrees_with_the_sum_in_double_precision(
            m in 1_usize..30, n in 1_usize..150, k in 0_usize..40, deep in any::<bool>(),
            transposed in any::<bool>(), accumulate in any::<bool>(),
        ) {
            let k = if deep { k + 2 * DEPTH - 7 } else { k };
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let a = if transposed { MatrixRef::transposed(&a, m) } else { MatrixRef::rows(&a, k) };
            for level in levels() {
                let mut c = numbers(m * n, 3);
                let before = c.clone();
                gemm_at(level, [m, n, k], a, &b, &mut c, accumulate);
                for i in 0..m {
                    for j in 0..n {
                        let start = if accumulate { f64::from(before[i * n + j]) } else { 0.0 };
                        let wanted = (0..k).fold(start, |s, p| {
                            s + f64::from(a.data[i * a.row + p * a.column]) * f64::from(b[p * n + j])
                        });
                        prop_assert!((f64::from(c[i * n + j]) - wanted).abs() < 1e-4, "{level:?} {i} {j}");
                    }
                }
            }
        }
    }

    #[test]
    fn tiles_give_the_same_bytes_as_the_whole_on_any_number_of_threads() {
        for [m, n, k] in [[64, 200, 300], [1, 1, 1], [200, 64, 7], [800, 70, 33]] {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let mut whole = numbers(m * n, 3);
            let mut tiled = [whole.clone(), whole.clone()];
            gemm([m, n, k], MatrixRef::rows(&a, k), &b, &mut whole, true);
            for (tiled, threads) in tiled.iter_mut().zip([1, 3]) {
                gemm_in_tiles([m, n, k], MatrixRef::rows(&a, k), &b, tiled, true, threads);
                assert!(*tiled == whole, "{m} {n} {k} {threads}");
            }
        }
    }
}
