//! Block matching: for every reference block of a band, the most similar blocks around it.
//!
//! All reference blocks of a band are compared with one displacement at a time: squared differences
//! are summed over `step` rows, those sums over 8 rows, and the columns of a row (kept apart by
//! their remainder modulo `step`) over 8 columns. Everything is contiguous vector work, some 6
//! operations per pixel and displacement, however large a block is.

use super::transforms::SIDE;
use restora_image::{PlaneRef, Size};

/// Lanes that are handled at once, and the padding of rows.
const LANES: usize = 16;
/// Reference blocks in one piece of a row: keeps the working set in the second-level cache.
const PIECE: usize = 124;
/// Low bits of a key: number of the displacement. High bits: distance.
const NUMBER: u32 = (1 << 11) - 1;
/// Largest radius whose displacements can be numbered.
pub(super) const MAX_RADIUS: u32 = 22;
/// Value of pixels outside the image: no block that holds one is similar to anything.
const OUTSIDE: f32 = 1e9;

/// What to look for.
pub(super) struct Search {
    /// Distance of neighboring reference blocks, in pixels.
    pub step: usize,
    /// Displacements by growing length; the first is zero.
    displacements: Vec<(i32, i32)>,
    pub radius: usize,
    /// Blocks in a group at most: a power of 2.
    pub capacity: usize,
    /// Sum of squared differences below which blocks are similar.
    pub limit: f32,
}

/// Left edges of the reference blocks: the multiples of `step`, and the last position possible.
pub(super) fn reference_positions(length: usize, step: usize) -> Vec<usize> {
    let last = length - SIDE;
    let mut positions: Vec<_> = (0..=last).step_by(step).collect();
    if !last.is_multiple_of(step) {
        positions.push(last);
    }
    positions
}

/// The groups of a band of reference blocks.
pub(super) struct Matches {
    capacity: usize,
    columns: usize,
    /// Per reference block `capacity` keys in growing order behind one that is 0.
    keys: Vec<u32>,
    empty: u32,
}

impl Matches {
    /// Keys of the group of the block in row `row` and column `column` of the band, best first, the
    /// block itself at the head.
    pub(super) fn group(&self, row: usize, column: usize) -> impl Iterator<Item = u32> {
        let start = (row * self.columns + column) * (self.capacity + 1) + 1;
        let keys = &self.keys[start..][..self.capacity];
        keys.iter().copied().take_while(|k| *k < self.empty)
    }
}

/// One vector of neighboring columns.
type Vector = [f32; LANES];

/// One piece of a band: a few rows of neighboring reference blocks.
struct Piece {
    /// Position of its first block.
    x: usize,
    y: usize,
    rows: usize,
    /// Blocks on the regular grid, and the column (from `x`) of one more that is not.
    regular: usize,
    extra: Option<usize>,
    /// Number of its first block in the row.
    first: usize,
}

impl Search {
    pub(super) fn new(step: usize, radius: u32, capacity: usize, limit: f32) -> Self {
        let r = radius.min(MAX_RADIUS) as i32;
        let mut displacements: Vec<_> =
            (-r..=r).flat_map(|dy| (-r..=r).map(move |dx| (dx, dy))).collect();
        displacements.sort_by_key(|(dx, dy)| dx * dx + dy * dy);
        Self { step, displacements, radius: r as usize, capacity, limit }
    }

    /// The block that a key of the group of block `(x, y)` names; `None` if it is not inside, as may
    /// be where the image has values like [`OUTSIDE`].
    #[inline(always)]
    pub(super) fn block(
        &self,
        key: u32,
        (x, y): (usize, usize),
        size: Size,
    ) -> Option<(usize, usize)> {
        let (dx, dy) = self.displacements[(key & NUMBER) as usize];
        let x = x.checked_add_signed(dx as isize).filter(|x| x + SIDE <= size.w())?;
        let y = y.checked_add_signed(dy as isize).filter(|y| y + SIDE <= size.h())?;
        Some((x, y))
    }

    /// Matches all reference blocks at rows `y, y + step ..` (`rows` of them) and the columns of
    /// [`reference_positions`]. Must be called inside [`restora_image::simd`].
    #[inline(always)]
    pub(super) fn band(&self, guide: PlaneRef<'_>, y: usize, rows: usize) -> Matches {
        let last = guide.width() - SIDE;
        let regular = last / self.step + 1;
        let has_extra = !last.is_multiple_of(self.step);
        let columns = regular + usize::from(has_extra);
        // The block itself heads its group; everything else has to be nearer than the limit.
        let empty = (self.limit.to_bits() & !NUMBER).max(1);
        let stride = self.capacity + 1;
        let mut keys = vec![empty; rows * columns * stride];
        for list in keys.chunks_exact_mut(stride) {
            list[..2].fill(0);
        }
        let mut matches = Matches { capacity: self.capacity, columns, keys, empty };
        let pieces = regular.div_ceil(PIECE);
        let length = regular.div_ceil(pieces);
        for first in (0..regular).step_by(length) {
            let x = first * self.step;
            let count = length.min(regular - first);
            let extra = (has_extra && first + count == regular).then(|| last - x);
            let piece = Piece { x, y, rows, regular: count, extra, first };
            match self.step {
                1 => self.piece::<1>(guide, &piece, &mut matches),
                2 => self.piece::<2>(guide, &piece, &mut matches),
                3 => self.piece::<3>(guide, &piece, &mut matches),
                _ => self.piece::<4>(guide, &piece, &mut matches),
            }
        }
        matches
    }

    #[inline(always)]
    fn piece<const STEP: usize>(&self, guide: PlaneRef<'_>, piece: &Piece, matches: &mut Matches) {
        let radius = self.radius;
        let lanes = piece.regular + usize::from(piece.extra.is_some());
        let padded = lanes.next_multiple_of(LANES);
        // Columns (divided by STEP) that the blocks of the piece touch.
        let last_column = piece.extra.unwrap_or(0).max((piece.regular - 1) * STEP) + SIDE - 1;
        let width = (last_column / STEP + 1).next_multiple_of(LANES);
        let margin = radius.div_ceil(STEP);
        let stride = width + 2 * margin;
        let height = STEP * (piece.rows - 1) + SIDE;

        // Pixels as [row][column mod STEP][column / STEP], with a margin of the search radius.
        let mut pixels = vec![OUTSIDE; (height + 2 * radius) * STEP * stride];
        let x0 = piece.x as isize - (margin * STEP) as isize;
        for (row, lines) in pixels.chunks_exact_mut(STEP * stride).enumerate() {
            let Some(y) = (piece.y + row).checked_sub(radius).filter(|y| *y < guide.height())
            else {
                continue;
            };
            let source = guide.row(y);
            for (i, v) in lines.iter_mut().enumerate() {
                let x = x0 + ((i % stride) * STEP + i / stride) as isize;
                if let Some(inside) = usize::try_from(x).ok().and_then(|x| source.get(x)) {
                    *v = *inside;
                }
            }
        }

        // Worst key that each block still holds; 0 (nothing is better) for lanes without a block.
        let mut limits = vec![0; piece.rows * padded];
        for row in limits.chunks_exact_mut(padded) {
            row[..lanes].fill(matches.empty);
        }

        // A block's rows are `whole` times STEP rows, and `rest` more. The last `whole` sums over
        // STEP rows are kept per vector of columns.
        let (whole, rest) = (SIDE / STEP, SIDE % STEP);
        let needed = if rest > 0 { whole } else { whole - 1 };
        let mut history = vec![[[0.0; LANES]; SIDE]; STEP * width / LANES];
        let column_stride = width + 2 * LANES;
        let mut columns = vec![0.0; STEP * column_stride];

        for (number, &(dx, dy)) in self.displacements.iter().enumerate().skip(1) {
            for g in 0..piece.rows + needed {
                let top = radius + g * STEP;
                let rows = STEP.min(height + radius - top);
                for phase in 0..STEP {
                    let shifted = phase as i32 + dx;
                    let other = shifted.rem_euclid(STEP as i32) as usize;
                    let offset = margin as i32 + shifted.div_euclid(STEP as i32);
                    // Rows beyond the last block's repeat its last one: their sum is never used.
                    let mut pairs: [(&[Vector], &[Vector]); STEP] = [(&[], &[]); STEP];
                    for (j, pair) in pairs.iter_mut().enumerate() {
                        let y = top + j.min(rows - 1);
                        let there = (y as i32 + dy) as usize;
                        let a = &pixels[(y * STEP + phase) * stride + margin..][..width];
                        let b = &pixels[(there * STEP + other) * stride + offset as usize..];
                        *pair = (a.as_chunks().0, b[..width].as_chunks().0);
                    }
                    let history = &mut history[phase * (width / LANES)..][..width / LANES];
                    let column = &mut columns[phase * column_stride..][..width];
                    sum_rows::<STEP>(&pairs, history, column.as_chunks_mut::<LANES>().0);
                }
                if let Some(row) = g.checked_sub(needed) {
                    let limits = &mut limits[row * padded..][..padded];
                    let first = row * matches.columns + piece.first;
                    let keys = &mut matches.keys[first * (self.capacity + 1)..];
                    let offer = Offer { number: number as u32, capacity: self.capacity, piece };
                    offer.row::<STEP>(&columns, column_stride, limits, keys);
                }
            }
        }
    }
}

/// Squared differences of STEP pairs of rows, and with those of the rows before them (`history`)
/// their sums over the 8 rows of a block.
#[inline(always)]
fn sum_rows<const STEP: usize>(
    pairs: &[(&[Vector], &[Vector]); STEP],
    history: &mut [[Vector; SIDE]],
    columns: &mut [Vector],
) {
    let (whole, rest) = (SIDE / STEP, SIDE % STEP);
    let n = columns.len();
    let mut pairs = *pairs;
    for (a, b) in &mut pairs {
        (*a, *b) = (&a[..n], &b[..n]);
    }
    for (i, (past, column)) in history[..n].iter_mut().zip(columns).enumerate() {
        let mut sum = [0.0; LANES];
        let mut part = [0.0; LANES];
        for (j, (a, b)) in pairs.iter().enumerate() {
            if j == rest {
                part = sum;
            }
            for l in 0..LANES {
                let d = a[i][l] - b[i][l];
                sum[l] += d * d;
            }
        }
        // Without a rest the newest whole sum belongs to the block.
        let (mut total, kept) = if rest > 0 { (part, whole) } else { (sum, whole - 1) };
        for past in &past[SIDE - kept..] {
            for l in 0..LANES {
                total[l] += past[l];
            }
        }
        for k in SIDE - kept..SIDE - 1 {
            past[k] = past[k + 1];
        }
        past[SIDE - 1] = sum;
        *column = total;
    }
}

/// One displacement, offered to the blocks of a row.
struct Offer<'a> {
    number: u32,
    capacity: usize,
    piece: &'a Piece,
}

impl Offer<'_> {
    /// Sums over 8 columns, and the nearest are kept.
    #[inline(always)]
    fn row<const STEP: usize>(
        &self,
        columns: &[f32],
        stride: usize,
        limits: &mut [u32],
        keys: &mut [u32],
    ) {
        let limits = limits.as_chunks_mut::<LANES>().0;
        let n = limits.len();
        let mut terms: [&[Vector]; SIDE] = [&[]; SIDE];
        for (k, term) in terms.iter_mut().enumerate() {
            *term = &columns[(k % STEP) * stride + k / STEP..][..n * LANES].as_chunks().0[..n];
        }
        let extra = self.piece.extra.map_or(0.0, |x| {
            let t = |k: usize| columns[((x + k) % STEP) * stride + (x + k) / STEP];
            (1..SIDE).fold(t(0), |sum, k| sum + t(k))
        });
        for (chunk, limit) in limits.iter_mut().enumerate() {
            let mut d = terms[0][chunk];
            for term in &terms[1..] {
                for l in 0..LANES {
                    d[l] += term[chunk][l];
                }
            }
            let mut new = [0; LANES];
            for l in 0..LANES {
                new[l] = (d[l].to_bits() & !NUMBER) | self.number;
            }
            if chunk == self.piece.regular / LANES && self.piece.extra.is_some() {
                new[self.piece.regular % LANES] = (extra.to_bits() & !NUMBER) | self.number;
            }
            let mut better = 0_u32;
            for l in 0..LANES {
                better |= if new[l] < limit[l] { 1 << l } else { 0 };
            }
            while better != 0 {
                let lane = better.trailing_zeros() as usize;
                better &= better - 1;
                let start = (chunk * LANES + lane) * (self.capacity + 1);
                let list = &mut keys[start..][..=self.capacity];
                limit[lane % LANES] = match self.capacity {
                    16 => insert::<17>(list, new[lane % LANES]),
                    _ => insert::<33>(list, new[lane % LANES]),
                };
            }
        }
    }
}

/// Puts a key into a sorted list in place of the largest; `list[0]` stays. Returns the new largest.
#[inline(always)]
fn insert<const N: usize>(list: &mut [u32], key: u32) -> u32 {
    let Some(list) = list.first_chunk_mut::<N>() else { return 0 };
    let old = *list;
    for i in 1..N {
        list[i] = old[i].min(old[i - 1].max(key));
    }
    list[N - 1]
}
