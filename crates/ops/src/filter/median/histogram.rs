//! Running histograms (Perreault and Hebert 2007, section III), for 8-bit data.
//!
//! One histogram per column of the window's height slides down; the window's histogram is their sum
//! and slides right: one column enters, one leaves. Two levels of 16 bins make the search short, and
//! the 16 fine bins below a coarse bin are brought up to date only when the median falls there.
//! Differently from the paper the bins are cumulative, so that the search is a count of the bins
//! that do not exceed the rank, without a branch.

use super::Rows;
use restora_image::{Context, OpError, for_each_band, simd};

/// Sixteen cumulative bins as lanes of `N` words: 16 bits each for `N` = 4, 32 bits for `N` = 8. All
/// lanes are added, subtracted and compared at once by integer arithmetic, since none overflows into
/// its neighbor: a lane holds at most `(2 r + 1) (2 r + 2)`, and the bit above is left for comparing.
#[derive(Clone, Copy)]
struct Bins<const N: usize>([u64; N]);

impl<const N: usize> Bins<N> {
    const BITS: usize = 4 * N;
    const PER_WORD: usize = 16 / N;
    const ONES: u64 = if N == 4 { 0x0001_0001_0001_0001 } else { 0x0000_0001_0000_0001 };
    const TOPS: u64 = Self::ONES << (Self::BITS - 1);
    const EMPTY: Self = Self([0; N]);

    /// `STEPS[b]` is what one value of bin `b` adds.
    const STEPS: [Self; 16] = {
        let mut steps = [Self::EMPTY; 16];
        let mut b = 0;
        while b < 16 {
            let mut j = b;
            while j < 16 {
                steps[b].0[j / Self::PER_WORD] |= 1 << (Self::BITS * (j % Self::PER_WORD));
                j += 1;
            }
            b += 1;
        }
        steps
    };

    #[inline(always)]
    fn add(&mut self, other: &Self) {
        for i in 0..N {
            self.0[i] = self.0[i].wrapping_add(other.0[i]);
        }
    }

    #[inline(always)]
    fn sub(&mut self, other: &Self) {
        for i in 0..N {
            self.0[i] = self.0[i].wrapping_sub(other.0[i]);
        }
    }

    /// How many of the cumulative bins hold at most `rank` values: the bin of the value of that rank.
    #[inline(always)]
    fn not_above(&self, rank: u64) -> usize {
        let ranks = (rank * Self::ONES) | Self::TOPS;
        // The top bit of a lane survives where the difference is not negative.
        self.0.iter().map(|w| (ranks.wrapping_sub(*w) & Self::TOPS).count_ones() as usize).sum()
    }

    #[inline(always)]
    fn lane(&self, j: usize) -> u64 {
        let shifted = self.0[j / Self::PER_WORD] >> (Self::BITS * (j % Self::PER_WORD));
        shifted & ((1 << Self::BITS) - 1)
    }
}

/// The histograms of one column: 16 coarse bins, and 16 fine bins for each of them.
#[derive(Clone)]
struct Column<const N: usize> {
    coarse: Bins<N>,
    fine: [Bins<N>; 16],
}

impl<const N: usize> Column<N> {
    #[inline(always)]
    fn enter(&mut self, v: u8) {
        let (c, f) = (usize::from(v >> 4), usize::from(v & 15));
        self.coarse.add(&Bins::STEPS[c]);
        self.fine[c].add(&Bins::STEPS[f]);
    }

    #[inline(always)]
    fn leave(&mut self, v: u8) {
        let (c, f) = (usize::from(v >> 4), usize::from(v & 15));
        self.coarse.sub(&Bins::STEPS[c]);
        self.fine[c].sub(&Bins::STEPS[f]);
    }
}

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
            if (2 * r + 1) * (2 * r + 2) < 1 << 15 {
                simd(
                    #[inline(always)]
                    || strip_of::<4>(&window, r, x0..x1, w, &mut bytes),
                );
            } else {
                simd(
                    #[inline(always)]
                    || strip_of::<8>(&window, r, x0..x1, w, &mut bytes),
                );
            }
        }
        store(&bytes, band);
        Ok(())
    })
}

#[inline(always)]
fn strip_of<const N: usize>(
    rows: &[&[u8]],
    r: usize,
    xs: std::ops::Range<usize>,
    w: usize,
    out: &mut [u8],
) {
    let empty = Column { coarse: Bins::EMPTY, fine: [Bins::EMPTY; 16] };
    let mut columns = vec![empty; xs.len() + 2 * r];
    let cut = |y: usize| &rows[y][xs.start..xs.end + 2 * r];
    for y in 0..2 * r {
        for (column, &v) in columns.iter_mut().zip(cut(y)) {
            column.enter(v);
        }
    }
    for (y, out) in out.chunks_exact_mut(w).enumerate() {
        if y > 0 {
            for (column, &v) in columns.iter_mut().zip(cut(y - 1)) {
                column.leave(v);
            }
        }
        for (column, &v) in columns.iter_mut().zip(cut(y + 2 * r)) {
            column.enter(v);
        }
        slide_right::<N>(&columns, r, &mut out[xs.clone()]);
    }
}

#[inline(always)]
fn slide_right<const N: usize>(columns: &[Column<N>], r: usize, out: &mut [u8]) {
    let n = 2 * r + 1;
    let rank = ((n * n - 1) / 2) as u64;
    let mut coarse = Bins::EMPTY;
    for column in &columns[..2 * r] {
        coarse.add(&column.coarse);
    }
    let mut fine = [Bins::EMPTY; 16];
    // The fine bins `b` are those of the window whose first column is `reached[b] - 1`; 0: of none.
    let mut reached = [0; 16];
    for (x, out) in out.iter_mut().enumerate() {
        coarse.add(&columns[x + 2 * r].coarse);
        if x > 0 {
            coarse.sub(&columns[x - 1].coarse);
        }
        let b = coarse.not_above(rank) & 15;
        let below = if b == 0 { 0 } else { coarse.lane(b - 1) };
        let bins = &mut fine[b];
        let from = reached[b];
        if from == 0 || x + 1 - from > r {
            *bins = Bins::EMPTY;
            for column in &columns[x..=x + 2 * r] {
                bins.add(&column.fine[b]);
            }
        } else {
            for i in from..=x {
                bins.add(&columns[i + 2 * r].fine[b]);
                bins.sub(&columns[i - 1].fine[b]);
            }
        }
        reached[b] = x + 1;
        *out = ((b << 4) | (bins.not_above(rank - below) & 15)) as u8;
    }
}
