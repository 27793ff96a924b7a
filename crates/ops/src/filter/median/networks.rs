//! Medians of 3x3 and 5x5 windows by minima and maxima, over whole rows at a time.
//!
//! A column is sorted once and serves every window that it lies in. For 5x5 two rows of outputs are
//! made together: the four rows that both windows share are sorted by columns, and a network selects
//! the six values of the middle of those 20, in order, that can be the median of 25 once five more
//! are known; each output then merges them with its own fifth row.

use super::Rows;
use restora_image::{Context, OpError, for_each_band, simd};

/// Columns of a block of 5x5 windows: one AVX-512 register of bytes.
const BLOCK: usize = 64;

/// Values that have a minimum and a maximum.
pub(super) trait Lane: Copy + Default + PartialOrd + Send + Sync {}
impl Lane for u8 {}
impl Lane for f32 {}

#[inline(always)]
fn min<T: Lane>(a: T, b: T) -> T {
    if a < b { a } else { b }
}

#[inline(always)]
fn max<T: Lane>(a: T, b: T) -> T {
    if a > b { a } else { b }
}

/// `exchange!(v: a b, c d, ..)` leaves the smaller of `v[a]` and `v[b]` in `v[a]`, the larger in
/// `v[b]`, and so on in this order.
macro_rules! exchange {
    ($v:ident: $($a:literal $b:literal),+) => {
        $(($v[$a], $v[$b]) = (min($v[$a], $v[$b]), max($v[$a], $v[$b]));)+
    };
}

pub(super) fn filter<T: Lane, U: Send>(
    rows: &Rows<T>,
    out: &mut [U],
    band: usize,
    cx: &Context,
    store: impl Fn(&[T], &mut [U]) + Sync,
) -> Result<(), OpError> {
    let (w, r) = (rows.size.w(), rows.radius);
    for_each_band(out, w, band, cx, |y0, band| {
        let count = band.len() / w;
        let window = rows.window(y0, count + 1);
        let mut columns: [Vec<T>; 4] = std::array::from_fn(|_| vec![T::default(); w + 2 * r]);
        let mut pair = vec![T::default(); 2 * w];
        for y in (0..count).step_by(2) {
            let (first, second) = pair.split_at_mut(w);
            simd(
                #[inline(always)]
                || match r {
                    1 => {
                        three_by_three(&window[y..], &mut columns, first);
                        three_by_three(&window[y + 1..], &mut columns, second);
                    }
                    _ => five_by_five(&window[y..], &mut columns, first, second),
                },
            );
            let made = 2.min(count - y);
            store(&pair[..made * w], &mut band[y * w..][..made * w]);
        }
        Ok(())
    })
}

#[inline(always)]
fn three_by_three<T: Lane>(rows: &[&[T]], columns: &mut [Vec<T>; 4], out: &mut [T]) {
    let [low, mid, high, _] = columns;
    sort_three(rows[0], rows[1], rows[2], low, mid, high);
    select_three(low, mid, high, out);
}

#[inline(always)]
fn sort_three<T: Lane>(a: &[T], b: &[T], c: &[T], low: &mut [T], mid: &mut [T], high: &mut [T]) {
    let n = low.len();
    let (a, b, c, mid, high) = (&a[..n], &b[..n], &c[..n], &mut mid[..n], &mut high[..n]);
    for i in 0..n {
        let mut v = [a[i], b[i], c[i]];
        exchange!(v: 0 1, 1 2, 0 1);
        (low[i], mid[i], high[i]) = (v[0], v[1], v[2]);
    }
}

/// The median of nine is that of the largest minimum, the median of the medians and the smallest
/// maximum of the three columns.
#[inline(always)]
fn select_three<T: Lane>(low: &[T], mid: &[T], high: &[T], out: &mut [T]) {
    let n = out.len();
    let (l0, l1, l2) = (&low[..n], &low[1..=n], &low[2..n + 2]);
    let (m0, m1, m2) = (&mid[..n], &mid[1..=n], &mid[2..n + 2]);
    let (h0, h1, h2) = (&high[..n], &high[1..=n], &high[2..n + 2]);
    for i in 0..n {
        let low = max(max(l0[i], l1[i]), l2[i]);
        let high = min(min(h0[i], h1[i]), h2[i]);
        out[i] = middle(low, middle(m0[i], m1[i], m2[i]), high);
    }
}

#[inline(always)]
fn middle<T: Lane>(a: T, b: T, c: T) -> T {
    max(min(a, b), min(max(a, b), c))
}

#[inline(always)]
fn five_by_five<T: Lane>(
    rows: &[&[T]],
    columns: &mut [Vec<T>; 4],
    first: &mut [T],
    second: &mut [T],
) {
    sort_four(&rows[1..5], columns);
    select_five(columns, rows[0], rows[5], first, second);
}

#[inline(always)]
fn sort_four<T: Lane>(rows: &[&[T]], sorted: &mut [Vec<T>; 4]) {
    let [s0, s1, s2, s3] = sorted;
    let n = s0.len();
    let (s1, s2, s3) = (&mut s1[..n], &mut s2[..n], &mut s3[..n]);
    let (a, b, c, d) = (&rows[0][..n], &rows[1][..n], &rows[2][..n], &rows[3][..n]);
    for i in 0..n {
        let mut v = [a[i], b[i], c[i], d[i]];
        exchange!(v: 0 1, 2 3, 0 2, 1 3, 1 2);
        (s0[i], s1[i], s2[i], s3[i]) = (v[0], v[1], v[2], v[3]);
    }
}

#[inline(always)]
fn select_five<T: Lane>(
    columns: &[Vec<T>; 4],
    above: &[T],
    below: &[T],
    first: &mut [T],
    second: &mut [T],
) {
    let n = first.len();
    let mut i = 0;
    while i + BLOCK <= n {
        five_block::<T, BLOCK>(columns, above, below, i, first, second);
        i += BLOCK;
    }
    if i < n && n >= BLOCK {
        // The last block overlaps its neighbor instead of being short.
        five_block::<T, BLOCK>(columns, above, below, n - BLOCK, first, second);
    } else {
        (i..n).for_each(|i| five_block::<T, 1>(columns, above, below, i, first, second));
    }
}

/// Outputs `i..i + L` of both rows. Arrays of a fixed length let the compiler drop the bounds checks
/// and keep the 20 values of 64 columns in 20 registers.
#[inline(always)]
fn five_block<T: Lane, const L: usize>(
    columns: &[Vec<T>; 4],
    above: &[T],
    below: &[T],
    i: usize,
    first: &mut [T],
    second: &mut [T],
) {
    let [s0, s1, s2, s3] = columns;
    let s = [shifts::<T, L>(s0, i), shifts(s1, i), shifts(s2, i), shifts(s3, i)];
    let (above, below) = (shifts::<T, L>(above, i), shifts::<T, L>(below, i));
    let (mut one, mut two) = ([T::default(); L], [T::default(); L]);
    for j in 0..L {
        let mut v = [T::default(); 20];
        for c in 0..5 {
            for k in 0..4 {
                v[4 * c + k] = s[k][c][j];
            }
        }
        let middle = middle_of_twenty(v);
        one[j] =
            with_five(middle, [above[0][j], above[1][j], above[2][j], above[3][j], above[4][j]]);
        two[j] =
            with_five(middle, [below[0][j], below[1][j], below[2][j], below[3][j], below[4][j]]);
    }
    first[i..i + L].copy_from_slice(&one);
    second[i..i + L].copy_from_slice(&two);
}

/// Five windows of `L` values, from columns `i`, `i + 1`, .. `i + 4` of the row on.
#[inline(always)]
fn shifts<T, const L: usize>(row: &[T], i: usize) -> [&[T; L]; 5] {
    std::array::from_fn(|c| row[i + c..].first_chunk().expect("rows have two more values per side"))
}

/// Values number 8 to 13 of 20, in order; `v` is five columns of four sorted values each. The network
/// was found by a random search that removes and moves exchanges of a merge sort and keeps what is
/// right for all 5^5 arrangements of zeros and ones in sorted columns (the 0-1 principle); 100 minima
/// and maxima.
#[inline(always)]
fn middle_of_twenty<T: Lane>(mut v: [T; 20]) -> [T; 6] {
    exchange!(v: 0 4, 2 6, 11 15, 1 5, 2 4, 1 2, 9 13, 3 7, 3 5, 10 14, 11 13, 8 12, 3 4, 10 12, 13 14, 0 8, 5 6, 9 10, 11 12, 2 10, 6 14, 6 10, 1 9, 4 12, 4 8, 6 8, 10 12, 5 13, 5 19, 7 15, 3 11, 11 19, 7 11, 5 9, 3 5, 7 9, 3 4, 7 8, 5 6, 9 10, 9 17, 10 18, 8 16, 6 10, 2 4, 13 17, 6 8, 5 9, 7 9, 4 8, 7 8, 11 13, 11 12, 12 16, 10 12, 9 10, 11 12);
    [v[7], v[8], v[9], v[10], v[11], v[12]]
}

/// The median of 25, value number 13, from values number 8 to 13 of 20 of them and the other five:
/// number 6 of these eleven. Number `k` of two sorted lists is the least `max(a_i, b_(k - i))`.
#[inline(always)]
fn with_five<T: Lane>(a: [T; 6], mut b: [T; 5]) -> T {
    exchange!(b: 0 3, 1 4, 0 2, 1 3, 0 1, 2 4, 1 2, 3 4, 2 3);
    let near = min(min(max(a[4], b[0]), max(a[3], b[1])), max(a[2], b[2]));
    let far = min(max(a[1], b[3]), max(a[0], b[4]));
    min(a[5], min(near, far))
}
