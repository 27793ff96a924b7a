//! The 8-point transforms of BM3D and the layout changes that keep them vectorized.
//!
//! A group of `n` blocks lies in memory as `[row][block][column]`. Each 8-point transform runs over
//! the slowest index, so that its arithmetic is plain vector work over `8 n` neighbors; rotating
//! the index by three bits ([`rotate_right`], three perfect shuffles) brings the columns to the
//! front for the second direction.

/// Side of a block.
pub(super) const SIDE: usize = 8;
/// Pixels of a block.
pub(super) const AREA: usize = SIDE * SIDE;

/// An invertible linear transform of 8 values whose output is scaled for the least arithmetic.
pub(super) trait Transform {
    /// Is the transform orthogonal up to the length of its rows? Then `inverse` is the transpose,
    /// and expects each coefficient divided by the squared length of its row.
    const TRANSPOSED: bool;
    fn forward(x: [f32; 8]) -> [f32; 8];
    fn inverse(y: [f32; 8]) -> [f32; 8];
}

/// The full periodic decomposition by the biorthogonal spline wavelet 1.5, by lifting.
///
/// The analysis low-pass filter is `sqrt(2)/256 * [3 -3 -22 22 128 128 22 -22 -3 3]`, the high-pass
/// filter that of Haar (Cohen, Daubechies, Feauveau 1992, doi:10.1002/cpa.3160450502). With period
/// 8 the outer taps (3) meet themselves with opposite signs; with period 4 and below the inner ones
/// (22) do so too, so that only the first level differs from Haar.
pub(super) struct Bior15;

const LIFT: f32 = 22.0 / 256.0;

impl Transform for Bior15 {
    const TRANSPOSED: bool = false;

    #[inline(always)]
    fn forward(x: [f32; 8]) -> [f32; 8] {
        let d = [x[1] - x[0], x[3] - x[2], x[5] - x[4], x[7] - x[6]];
        let mut s = [0.0; 4];
        for k in 0..4 {
            let lift = LIFT * (d[(k + 3) % 4] - d[(k + 1) % 4]);
            s[k] = 0.5 * (x[2 * k] + x[2 * k + 1]) + lift;
        }
        let (low, high) = (0.5 * (s[0] + s[1]), 0.5 * (s[2] + s[3]));
        [0.5 * (low + high), high - low, s[1] - s[0], s[3] - s[2], d[0], d[1], d[2], d[3]]
    }

    #[inline(always)]
    fn inverse(y: [f32; 8]) -> [f32; 8] {
        let (low, high) = (y[0] - 0.5 * y[1], y[0] + 0.5 * y[1]);
        let s = [low - 0.5 * y[2], low + 0.5 * y[2], high - 0.5 * y[3], high + 0.5 * y[3]];
        let d = [y[4], y[5], y[6], y[7]];
        let mut x = [0.0; 8];
        for k in 0..4 {
            let mean = s[k] - LIFT * (d[(k + 3) % 4] - d[(k + 1) % 4]);
            x[2 * k] = mean - 0.5 * d[k];
            x[2 * k + 1] = mean + 0.5 * d[k];
        }
        x
    }
}

/// The DCT-II up to the scale of its rows, in 5 multiplications (Arai, Agui, Nakajima, "A fast
/// DCT-SQ scheme for images", Trans. IEICE E71, 1988).
pub(super) struct Dct8;

/// `cos(pi/4)`
const C4: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// `cos(3 pi/8)`
const C6: f32 = 0.382_683_43;
/// `cos(pi/8) - cos(3 pi/8)`
const C2_MINUS_C6: f32 = 0.541_196_1;
/// `cos(pi/8) + cos(3 pi/8)`
const C2_PLUS_C6: f32 = 1.306_563;

impl Transform for Dct8 {
    const TRANSPOSED: bool = true;

    #[inline(always)]
    fn forward(x: [f32; 8]) -> [f32; 8] {
        let (s07, s16, s25, s34) = (x[0] + x[7], x[1] + x[6], x[2] + x[5], x[3] + x[4]);
        let (d07, d16, d25, d34) = (x[0] - x[7], x[1] - x[6], x[2] - x[5], x[3] - x[4]);
        let (e0, e1, e2, e3) = (s07 + s34, s16 + s25, s16 - s25, s07 - s34);
        let z1 = C4 * (e2 + e3);
        let (o0, o1, o2) = (d34 + d25, d25 + d16, d16 + d07);
        let z5 = C6 * (o0 - o2);
        let z2 = C2_MINUS_C6 * o0 + z5;
        let z4 = C2_PLUS_C6 * o2 + z5;
        let z3 = C4 * o1;
        let (p, q) = (d07 + z3, d07 - z3);
        [e0 + e1, p + z4, e3 + z1, q - z2, e0 - e1, q + z2, e3 - z1, p - z4]
    }

    /// The transposed flow graph: every sum becomes a fork and every fork a sum.
    #[inline(always)]
    fn inverse(y: [f32; 8]) -> [f32; 8] {
        let (e0, e1) = (y[0] + y[4], y[0] - y[4]);
        let z1 = C4 * (y[2] - y[6]);
        let e3 = y[2] + y[6] + z1;
        let (s07, s34, s16, s25) = (e0 + e3, e0 - e3, e1 + z1, e1 - z1);
        let (p, z4, q, z2) = (y[1] + y[7], y[1] - y[7], y[5] + y[3], y[5] - y[3]);
        let z5 = C6 * (z2 + z4);
        let o0 = C2_MINUS_C6 * z2 + z5;
        let o1 = C4 * (p - q);
        let o2 = C2_PLUS_C6 * z4 - z5;
        let (d34, d25, d16, d07) = (o0, o0 + o1, o1 + o2, p + q + o2);
        [s07 + d07, s16 + d16, s25 + d25, s34 + d34, s34 - d34, s25 - d25, s16 - d16, s07 - d07]
    }
}

/// Per lag `0..8` the autocorrelation of each row of the transform's matrix: the covariance of a
/// coefficient of white noise of variance 1 with that of a window shifted by the lag.
pub(super) fn autocorrelations<T: Transform>() -> [[f64; 8]; SIDE] {
    let mut columns = [[0.0; 8]; 8];
    for (i, column) in columns.iter_mut().enumerate() {
        let mut unit = [0.0; 8];
        unit[i] = 1.0;
        *column = T::forward(unit);
    }
    std::array::from_fn(|lag| {
        std::array::from_fn(|u| {
            let pairs = columns.iter().zip(&columns[lag..]);
            pairs.map(|(a, b)| f64::from(a[u]) * f64::from(b[u])).sum()
        })
    })
}

/// Applies an 8-point map over the slowest of the two indices of `data` (8 rows of equal length).
#[inline(always)]
pub(super) fn over_rows(data: &mut [f32], map: impl Fn([f32; 8]) -> [f32; 8]) {
    let m = data.len() / 8;
    let (a, rest) = data.split_at_mut(m);
    let (b, rest) = rest.split_at_mut(m);
    let (c, rest) = rest.split_at_mut(m);
    let (d, rest) = rest.split_at_mut(m);
    let (e, rest) = rest.split_at_mut(m);
    let (f, rest) = rest.split_at_mut(m);
    let (g, rest) = rest.split_at_mut(m);
    let h = &mut rest[..m];
    for i in 0..m {
        let y = map([a[i], b[i], c[i], d[i], e[i], f[i], g[i], h[i]]);
        (a[i], b[i], c[i], d[i]) = (y[0], y[1], y[2], y[3]);
        (e[i], f[i], g[i], h[i]) = (y[4], y[5], y[6], y[7]);
    }
}

/// One perfect shuffle: even elements to the first half, odd ones to the second.
#[inline(always)]
fn unzip(from: &[f32], to: &mut [f32]) {
    let (even, odd) = to.split_at_mut(from.len() / 2);
    for ((pair, e), o) in from.as_chunks::<2>().0.iter().zip(even).zip(odd) {
        *e = pair[0];
        *o = pair[1];
    }
}

/// The inverse of [`unzip`].
#[inline(always)]
pub(super) fn zip(from: &[f32], to: &mut [f32]) {
    let (even, odd) = from.split_at(from.len() / 2);
    for ((pair, e), o) in to.as_chunks_mut::<2>().0.iter_mut().zip(even).zip(odd) {
        *pair = [*e, *o];
    }
}

/// Turns `[row][block][column]` in `a` into `[column][row][block]` in `b`; `a` is overwritten.
#[inline(always)]
pub(super) fn rotate_right(a: &mut [f32], b: &mut [f32]) {
    unzip(a, b);
    unzip(b, a);
    unzip(a, b);
}

/// Turns `[column][row][block]` in `a` into `[row][block][column]` in `b`; `a` is overwritten.
#[inline(always)]
pub(super) fn rotate_left(a: &mut [f32], b: &mut [f32]) {
    zip(a, b);
    zip(b, a);
    zip(a, b);
}

/// Haar analysis along the blocks of `[row][block][column]`, sums and differences unscaled.
///
/// Halves are paired, so with blocks in bit-reversed order neighbors in the sorted group meet.
/// Block 0 ends as the sum of all; the differences of step `l` (of `2^l` blocks) in `n/2^l..`.
#[inline(always)]
pub(super) fn haar_forward(data: &mut [f32], n: usize) {
    for row in data.chunks_exact_mut(n * SIDE) {
        let mut half = n / 2;
        while half > 0 {
            let (low, high) = row[..2 * half * SIDE].split_at_mut(half * SIDE);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
            half /= 2;
        }
    }
}

/// Inverse of [`haar_forward`] for coefficients divided by [`haar_gain`].
#[inline(always)]
pub(super) fn haar_inverse(data: &mut [f32], n: usize) {
    for row in data.chunks_exact_mut(n * SIDE) {
        let mut half = 1;
        while half < n {
            let (low, high) = row[..2 * half * SIDE].split_at_mut(half * SIDE);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
            half *= 2;
        }
    }
}

/// Number of blocks in coefficient `slot` of [`haar_forward`] over `n` blocks: the gain of a white
/// noise's variance.
pub(super) fn haar_gain(slot: usize, n: usize) -> usize {
    if slot == 0 { n } else { n >> slot.ilog2() }
}

/// Kaiser window of `SIDE` samples.
pub(super) fn kaiser(beta: f64) -> [f32; SIDE] {
    // Modified Bessel function of order 0, by its power series.
    let bessel = |x: f64| {
        let (mut sum, mut term) = (1.0, 1.0);
        for k in 1..30 {
            term *= (x / 2.0 / f64::from(k)).powi(2);
            sum += term;
        }
        sum
    };
    std::array::from_fn(|i| {
        let t = 2.0 * i as f64 / (SIDE - 1) as f64 - 1.0;
        (bessel(beta * (1.0 - t * t).max(0.0).sqrt()) / bessel(beta)) as f32
    })
}
