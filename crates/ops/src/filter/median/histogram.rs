//! Running histograms (Perreault and Hebert 2007, section III), for 8-bit data.
//!
//! One histogram per column of the window's height slides down; the window's histogram is their sum
//! and slides right: one column enters, one leaves. Two levels of 16 bins make the search short, and
//! the 16 fine bins below a coarse bin are brought up to date only when the median falls there.
//! Differently from the paper the bins are cumulative, so that the search is a count of the bins
//! that do not exceed the rank, without a branch.

use super::Rows;
use restora_image::{Context, OpError, for_each_band, simd};

type Bins<K> = [K; 16];

/// `STEPS[b]` adds one value of bin `b` to cumulative bins.
const STEPS: [Bins<u16>; 16] = {
    let mut steps = [[0; 16]; 16];
    let mut b = 0;
    while b < 16 {
        let mut j = b;
        while j < 16 {
            steps[b][j] = 1;
            j += 1;
        }
        b += 1;
    }
    steps
};

/// The histograms of one column: 16 coarse bins, and 16 fine bins for each of them.
#[derive(Clone, Default)]
struct Column {
    coarse: Bins<u16>,
    fine: [Bins<u16>; 16],
}

/// A counter that holds the number of pixels of the window.
trait Count: Copy + Default + PartialOrd + From<u16> + std::ops::Sub<Output = Self> {
    fn moved(self, enter: u16, leave: u16) -> Self;
    fn of(n: usize) -> Self;
}

macro_rules! count {
    ($t:ty) => {
        impl Count for $t {
            #[inline(always)]
            fn moved(self, enter: u16, leave: u16) -> Self {
                // The sum may pass the top before the difference brings it back.
                self.wrapping_add(Self::from(enter)).wrapping_sub(Self::from(leave))
            }

            #[inline(always)]
            fn of(n: usize) -> Self {
                n as Self
            }
        }
    };
}
count!(u16);
count!(u32);

pub(super) fn filter<U: Send>(
    rows: &Rows<u8>,
    out: &mut [U],
    cx: &Context,
    store: impl Fn(&[u8], &mut [U]) + Sync,
) -> Result<(), OpError> {
    let (w, r) = (rows.size.w(), rows.radius);
    // Filling the columns costs 2 r rows per band, and 2 r columns per strip; a strip of 256 columns
    // keeps its histograms (544 bytes each) in a second-level cache.
    let band_rows = (4 * r).max(64);
    let strip = (4 * r).max(256);
    for_each_band(out, w, band_rows, cx, |y0, band| {
        let height = band.len() / w;
        let window = rows.window(y0, height);
        let mut bytes = vec![0; w * height];
        for x0 in (0..w).step_by(strip) {
            cx.check()?;
            let x1 = (x0 + strip).min(w);
            // SAFE width of the counters: the window has (2 r + 1)^2 pixels.
            if (2 * r + 1).pow(2) <= usize::from(u16::MAX) {
                simd(
                    #[inline(always)]
                    || strip_of::<u16>(&window, r, x0..x1, w, &mut bytes),
                );
            } else {
                simd(
                    #[inline(always)]
                    || strip_of::<u32>(&window, r, x0..x1, w, &mut bytes),
                );
            }
        }
        store(&bytes, band);
        Ok(())
    })
}

#[inline(always)]
fn strip_of<K: Count>(
    rows: &[&[u8]],
    r: usize,
    xs: std::ops::Range<usize>,
    w: usize,
    out: &mut [u8],
) {
    let mut columns = vec![Column::default(); xs.len() + 2 * r];
    let cut = |y: usize| &rows[y][xs.start..xs.end + 2 * r];
    for y in 0..2 * r {
        for (column, &v) in columns.iter_mut().zip(cut(y)) {
            enter(column, v);
        }
    }
    for (y, out) in out.chunks_exact_mut(w).enumerate() {
        if y == 0 {
            for (column, &v) in columns.iter_mut().zip(cut(2 * r)) {
                enter(column, v);
            }
        } else {
            let moved = cut(y + 2 * r).iter().zip(cut(y - 1));
            for (column, (&new, &old)) in columns.iter_mut().zip(moved) {
                enter(column, new);
                leave(column, old);
            }
        }
        slide_right::<K>(&columns, r, &mut out[xs.clone()]);
    }
}

#[inline(always)]
fn enter(column: &mut Column, v: u8) {
    let (c, f) = (usize::from(v >> 4), usize::from(v & 15));
    for j in 0..16 {
        column.coarse[j] = column.coarse[j].wrapping_add(STEPS[c][j]);
        column.fine[c][j] = column.fine[c][j].wrapping_add(STEPS[f][j]);
    }
}

#[inline(always)]
fn leave(column: &mut Column, v: u8) {
    let (c, f) = (usize::from(v >> 4), usize::from(v & 15));
    for j in 0..16 {
        column.coarse[j] = column.coarse[j].wrapping_sub(STEPS[c][j]);
        column.fine[c][j] = column.fine[c][j].wrapping_sub(STEPS[f][j]);
    }
}

#[inline(always)]
fn slide_right<K: Count>(columns: &[Column], r: usize, out: &mut [u8]) {
    let n = 2 * r + 1;
    let rank = K::of((n * n - 1) / 2);
    let zeros = [0; 16];
    // On the heap, because bins kept in registers across the loop were taken apart by the optimizer:
    // twice the time.
    let mut state = vec![[K::default(); 16]; 17];
    let Some((coarse, fine)) = state.split_first_mut() else { return };
    for column in &columns[..2 * r] {
        step(coarse, &column.coarse, &zeros);
    }
    // The fine bins `b` are those of the window whose first column is `reached[b] - 1`; 0: of none.
    let mut reached = [0; 16];
    for (x, out) in out.iter_mut().enumerate() {
        let left = if x == 0 { &zeros } else { &columns[x - 1].coarse };
        step(coarse, &columns[x + 2 * r].coarse, left);
        let b = (not_above(coarse, rank) & 15) as usize;
        let below = if b == 0 { K::default() } else { coarse[b - 1] };
        let bins = &mut fine[b];
        let from = reached[b];
        if from == 0 || x + 1 - from > r {
            *bins = [K::default(); 16];
            for column in &columns[x..=x + 2 * r] {
                step(bins, &column.fine[b], &zeros);
            }
        } else {
            for i in from..=x {
                step(bins, &columns[i + 2 * r].fine[b], &columns[i - 1].fine[b]);
            }
        }
        reached[b] = x + 1;
        *out = (b as u8) << 4 | (not_above(bins, rank - below) & 15);
    }
}

#[inline(always)]
fn step<K: Count>(bins: &mut Bins<K>, enter: &Bins<u16>, leave: &Bins<u16>) {
    for j in 0..16 {
        bins[j] = bins[j].moved(enter[j], leave[j]);
    }
}

/// How many of the cumulative bins hold at most `rank` values: the bin of the value of that rank.
#[inline(always)]
fn not_above<K: Count>(bins: &Bins<K>, rank: K) -> u8 {
    bins.iter().map(|b| u8::from(*b <= rank)).sum()
}
