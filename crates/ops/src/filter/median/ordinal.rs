//! Sliding bit sets over ranks (Suomela, arXiv:1406.1717, section 3), for data of any depth.
//!
//! The pixels that a block of outputs looks at are sorted once; from then on a pixel is its rank, and
//! the window a set of ranks, one bit each. A pointer stays at the word that holds the median and
//! knows how many members lie before it, so that moving the window is one bit flip per pixel that
//! enters or leaves, and finding the median a walk over a few words.

use super::Rows;
use restora_image::{Context, OpError, for_each_band};

/// Outputs of a block in each direction: the sort covers `(block + 2 r)^2` pixels, at most 2.3 times
/// as many as it has outputs.
fn block(r: usize) -> usize {
    (4 * r).clamp(32, 256)
}

pub(super) fn filter(rows: &Rows<f32>, out: &mut [f32], cx: &Context) -> Result<(), OpError> {
    let (w, r) = (rows.size.w(), rows.radius);
    for_each_band(out, w, block(r), cx, |y0, band| {
        let height = band.len() / w;
        let window = rows.window(y0, height);
        for x0 in (0..w).step_by(block(r)) {
            cx.check()?;
            let width = block(r).min(w - x0);
            Block::new(&window, x0, width + 2 * r).filter(r, width, &mut |x, y, v| {
                band[y * w + x0 + x] = v;
            });
        }
        Ok(())
    })
}

struct Block {
    /// Rank of each pixel, row by row; no two are equal.
    ranks: Vec<u32>,
    /// The values by rank.
    sorted: Vec<f32>,
    width: usize,
    height: usize,
}

impl Block {
    fn new(rows: &[&[f32]], x0: usize, width: usize) -> Self {
        let height = rows.len();
        let values = || rows.iter().flat_map(|row| &row[x0..x0 + width]);
        let mut order: Vec<u64> =
            values().zip(0_u64..).map(|(v, i)| u64::from(ordered_bits(*v)) << 32 | i).collect();
        order.sort_unstable();
        let mut ranks = vec![0; order.len()];
        let mut sorted = vec![0.0; order.len()];
        for (rank, key) in order.iter().enumerate() {
            let i = (key & 0xFFFF_FFFF) as usize;
            ranks[i] = rank as u32;
            sorted[rank] = rows[i / width][x0 + i % width];
        }
        Self { ranks, sorted, width, height }
    }

    /// Runs through the outputs row by row, back and forth, so that the window always moves by one.
    fn filter(&self, r: usize, width: usize, put: &mut impl FnMut(usize, usize, f32)) {
        let n = 2 * r + 1;
        let mut set = Members::new(self.ranks.len(), (n * n - 1) / 2);
        let at = |x: usize, y: usize| self.ranks[y * self.width + x] as usize;
        for y in 0..n {
            self.ranks[y * self.width..][..n].iter().for_each(|i| set.insert(*i as usize));
        }
        let mut x = 0;
        for y in 0..=self.height - n {
            if y > 0 {
                (x..x + n).for_each(|i| {
                    set.remove(at(i, y - 1));
                    set.insert(at(i, y + 2 * r));
                });
            }
            put(x, y, self.sorted[set.median()]);
            for _ in 1..width {
                let (enters, leaves, next) =
                    if y % 2 == 0 { (x + n, x, x + 1) } else { (x - 1, x + 2 * r, x - 1) };
                (y..y + n).for_each(|j| {
                    set.remove(at(leaves, j));
                    set.insert(at(enters, j));
                });
                x = next;
                put(x, y, self.sorted[set.median()]);
            }
        }
    }
}

/// An integer that is ordered as the float is.
fn ordered_bits(v: f32) -> u32 {
    let bits = v.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// A set of ranks that knows its member number `target`.
struct Members {
    words: Vec<u64>,
    target: usize,
    /// The word that held the median last.
    pointer: usize,
    /// Members in the words before the pointer.
    before: usize,
}

impl Members {
    fn new(ranks: usize, target: usize) -> Self {
        Self { words: vec![0; ranks.div_ceil(64)], target, pointer: 0, before: 0 }
    }

    #[inline(always)]
    fn insert(&mut self, rank: usize) {
        self.words[rank / 64] |= 1 << (rank % 64);
        self.before += usize::from(rank / 64 < self.pointer);
    }

    #[inline(always)]
    fn remove(&mut self, rank: usize) {
        self.words[rank / 64] &= !(1 << (rank % 64));
        self.before -= usize::from(rank / 64 < self.pointer);
    }

    fn median(&mut self) -> usize {
        while self.before > self.target {
            self.pointer -= 1;
            self.before -= self.words[self.pointer].count_ones() as usize;
        }
        loop {
            let inside = self.words[self.pointer].count_ones() as usize;
            if self.before + inside > self.target {
                break;
            }
            self.before += inside;
            self.pointer += 1;
        }
        let mut word = self.words[self.pointer];
        for _ in 0..self.target - self.before {
            word &= word - 1;
        }
        64 * self.pointer + word.trailing_zeros() as usize
    }
}
