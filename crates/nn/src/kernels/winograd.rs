//! 3x3 convolution by Winograd's minimal filtering F(4x4, 3x3), forward and backward.
//!
//! A tile of 4x4 results needs a window `d` of 6x6 inputs (zero outside the image):
//! ```text
//! U = G g G^T          filter, once per set of weights
//! V = B^T d B          window
//! M = sum over input channels of U * V, element by element: 36 matrix products over many tiles
//! Y = A^T M A          tile
//! ```
//! That is 2.25 multiplications per result and channel instead of 9. Backward, the gradient of the input is
//! the same convolution with the filter turned and its channels swapped; that of the filter is
//! `G^T (sum over tiles of V^T (A dY A^T)) G`.
//!
//! Values are channels-last `[n][y][x][c]`, filters `[ky][kx][in][out]`. Error against double
//! precision: about 4e-6 for 64 channels of size 1.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, arXiv 1509.09308.

mod chunk;
mod filter;
mod scratch;
mod transform;

pub use chunk::{Job, run};

use super::shared::Shared;
use super::{Aligned, Level, level};
use chunk::{Task, dispatch};
use rayon::prelude::*;
use scratch::with_scratch;

/// Tiles whose windows and sums lie in the cache together: 24 * 36 * 2 * 64 numbers are 442 KiB.
const CHUNK: usize = 24;
/// Tiles that a group adds up for the gradient of the filter before the next ones.
const GRADIENT_CHUNK: usize = 48;
/// Groups of tiles that are added up independently, whatever the number of threads.
const GROUPS: usize = 8;

/// Parts of the 36 products, where there are fewer groups than that.
const PARTS: usize = 2;

/// `G`: how a row of the filter becomes six numbers.
const G: [[f32; 3]; 6] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// Items, rows and columns of the feature maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Items.
    pub n: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
}

impl Geometry {
    /// Pixels of all items.
    pub fn pixels(self) -> usize {
        self.n * self.h * self.w
    }

    fn tiles(self) -> usize {
        self.n * self.h.div_ceil(4) * self.w.div_ceil(4)
    }

    /// Item, first row and first column of tile `t`.
    #[inline(always)]
    fn tile(self, t: usize) -> [usize; 3] {
        let (rows, columns) = (self.h.div_ceil(4), self.w.div_ceil(4));
        [t / (rows * columns), t / columns % rows * 4, t % columns * 4]
    }
}

/// Rows `from..to` of one feature map of `h` rows and `w` columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Rows of the map.
    pub h: usize,
    /// Columns of the map.
    pub w: usize,
    /// First row to be made: a multiple of 4.
    pub from: usize,
    /// Behind the last row to be made: a multiple of 4, or `h`.
    pub to: usize,
    /// The row at which the input's slice begins.
    pub x_from: usize,
    /// The row at which the addend's slice begins.
    pub add_from: usize,
}

/// Which tiles are convolved, and where the slices begin.
struct Pass {
    level: Level,
    at: Geometry,
    from: [usize; 3],
    tiles: [usize; 2],
    threads: usize,
}

/// Tiles of a chunk: [`CHUNK`], or fewer so that every thread has as much to do as the others; a multiple
/// of 6, the rows of a block of the matrix product.
fn chunk_size(tiles: usize, threads: usize) -> usize {
    let rounds = tiles.div_ceil(CHUNK * threads.max(1)).max(1);
    tiles.div_ceil(rounds * threads.max(1)).next_multiple_of(6).clamp(6, CHUNK)
}

/// What happens to a sum before it is written: `relu(sum + bias + add)`, each part if asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// One number per output channel.
    pub bias: Option<&'a [f32]>,
    /// A value of the output's shape.
    pub add: Option<&'a [f32]>,
    /// Adds what the output held before.
    pub accumulate: bool,
    /// Cuts at zero.
    pub relu: bool,
}

/// A filter of `[3][3][inputs][outputs]`, made ready.
pub struct Winograd {
    inputs: usize,
    outputs: usize,
    /// `U` as `[36][inputs][outputs]`.
    filter: Aligned,
}

impl Winograd {
    /// Makes the filter ready.
    ///
    /// # Panics
    /// Where the weights are not `9 * inputs * outputs`.
    pub fn new(weights: &[f32], inputs: usize, outputs: usize) -> Self {
        Self::forward_in(Aligned::default(), weights, [inputs, outputs], 1)
    }

    /// As [`Winograd::new`], in memory that is used again.
    ///
    /// # Panics
    /// As there.
    pub fn forward_in(
        room: Aligned,
        weights: &[f32],
        [inputs, outputs]: [usize; 2],
        threads: usize,
    ) -> Self {
        let filter = filter::forward(room, weights, [inputs, outputs], threads);
        Self { inputs, outputs, filter }
    }

    /// The convolution that takes the gradient of the output of `weights`, `[3][3][inputs][outputs]`, to that of
    /// the input.
    ///
    /// # Panics
    /// As for [`Winograd::new`].
    pub fn backward_in(
        room: Aligned,
        weights: &[f32],
        [inputs, outputs]: [usize; 2],
        threads: usize,
    ) -> Self {
        let filter = filter::backward(room, weights, [inputs, outputs], threads);
        Self { inputs: outputs, outputs: inputs, filter }
    }

    /// The memory, for another one.
    pub fn into_room(self) -> Aligned {
        self.filter
    }

    /// Convolves `x` into `y`, with as many threads as the pool has if `threads > 1`.
    ///
    /// # Panics
    /// Where a slice does not have the length of its shape.
    pub fn apply(
        &self,
        x: &[f32],
        at: Geometry,
        epilogue: Epilogue,
        y: &mut [f32],
        threads: usize,
    ) {
        self.apply_at(level(), x, at, epilogue, y, threads);
    }

    fn apply_at(
        &self,
        level: Level,
        x: &[f32],
        at: Geometry,
        epilogue: Epilogue,
        y: &mut [f32],
        threads: usize,
    ) {
        assert!(x.len() == at.pixels() * self.inputs, "the input's shape");
        assert!(y.len() == at.pixels() * self.outputs, "the output's shape");
        assert!(epilogue.add.is_none_or(|a| a.len() == y.len()), "the addend's shape");
        let job = Pass { level, at, from: [0; 3], tiles: [0, at.tiles()], threads };
        self.pass(&job, x, epilogue, y);
    }

    /// Convolves a band of rows of one feature map. The slices begin at rows of their own, so the input and
    /// the addend may be what is left of maps that are produced row by row.
    ///
    /// # Panics
    /// Where the band begins in the middle of a tile, or a slice does not hold its rows.
    pub fn apply_band(
        &self,
        x: &[f32],
        band: &Band,
        epilogue: Epilogue,
        y: &mut [f32],
        threads: usize,
    ) {
        self.apply_band_at(level(), x, band, epilogue, y, threads);
    }

    fn apply_band_at(
        &self,
        level: Level,
        x: &[f32],
        band: &Band,
        epilogue: Epilogue,
        y: &mut [f32],
        threads: usize,
    ) {
        let &Band { h, w, from, to, x_from, add_from } = band;
        assert!(from.is_multiple_of(4) && from <= to && to <= h, "a band of whole tiles");
        assert!(to.is_multiple_of(4) || to == h, "a band of whole tiles");
        let holds = |slice: &[f32], first: usize, rows: [usize; 2], channels: usize| {
            first <= rows[0] && slice.len() >= (rows[1].max(first) - first) * w * channels
        };
        let seen = [from.saturating_sub(1), h.min(to + 1)];
        assert!(holds(x, x_from, seen, self.inputs), "the input's rows");
        assert!(y.len() == (to - from) * w * self.outputs, "the output's rows");
        let add = |a: &[f32]| holds(a, add_from, [from, to], self.outputs);
        assert!(epilogue.add.is_none_or(add), "the addend's rows");
        let at = Geometry { n: 1, h, w };
        let columns = w.div_ceil(4);
        let tiles = [from / 4 * columns, to.div_ceil(4) * columns];
        self.pass(
            &Pass { level, at, from: [x_from, from, add_from], tiles, threads },
            x,
            epilogue,
            y,
        );
    }

    /// All chunks of a pass whose slices were checked.
    fn pass(&self, pass: &Pass, x: &[f32], epilogue: Epilogue, y: &mut [f32]) {
        assert!(epilogue.bias.is_none_or(|b| b.len() == self.outputs), "the bias's shape");
        let &Pass { level, at, from, tiles: [first, end], threads } = pass;
        let y = Shared(y.as_mut_ptr());
        let size = chunk_size(end - first, threads);
        let chunk = |index: usize| {
            with_scratch(|scratch| {
                let to = y.get();
                let start = first + index * size;
                let job = Job {
                    at,
                    from,
                    tiles: [start, end.min(start + size)],
                    chunk: size,
                    x: x.as_ptr(),
                    inputs: self.inputs,
                    outputs: self.outputs,
                    scratch: scratch.reserve(size, self.inputs, self.outputs),
                    task: Task::Convolve {
                        filter: self.filter.as_ptr(),
                        y: to,
                        bias: epilogue.bias.map(<[f32]>::as_ptr),
                        add: epilogue.add.map(<[f32]>::as_ptr),
                        accumulate: epilogue.accumulate,
                        relu: epilogue.relu,
                    },
                };
                // SAFETY: shapes were checked above, and each chunk writes tiles of its own.
                unsafe { dispatch(level, &job) }
            });
        };
        for_each((end - first).div_ceil(size), threads, chunk);
    }

    /// Numbers that [`Winograd::filter_gradient`] needs room for.
    pub fn gradient_room(at: Geometry, [inputs, outputs]: [usize; 2]) -> usize {
        groups(at) * 36 * inputs * outputs
    }

    /// The gradient of the filter, `[3][3][inputs][outputs]`, from the input `x` and the gradient of
    /// the output.
    ///
    /// # Panics
    /// Where a slice does not have the length of its shape, or `room` not that of [`Winograd::gradient_room`].
    pub fn filter_gradient(
        x: &[f32],
        gradient: &[f32],
        at: Geometry,
        io: [usize; 2],
        room: &mut [f32],
        taps: &mut [f32],
        threads: usize,
    ) {
        let arguments = Operands { level: level(), x, gradient, at, io };
        Self::filter_gradient_at(&arguments, room, taps, threads);
    }

    fn filter_gradient_at(from: &Operands, room: &mut [f32], taps: &mut [f32], threads: usize) {
        let &Operands { level, x, gradient, at, io: [inputs, outputs] } = from;
        assert!(x.len() == at.pixels() * inputs, "the input's shape");
        assert!(gradient.len() == at.pixels() * outputs, "the gradient's shape");
        let (tiles, area, groups) = (at.tiles(), inputs * outputs, groups(at));
        assert!(taps.len() == 9 * area && room.len() == groups * 36 * area, "the filter's shape");
        if tiles == 0 {
            return taps.fill(0.0);
        }
        let sums = Shared(room.as_mut_ptr());
        // The 36 products of few tiles are divided among threads too; each part transforms the tiles again.
        let parts = if groups < PARTS && area >= 96 * 96 { PARTS } else { 1 };
        let group = |index: usize| {
            let (index, part) = (index / parts, index % parts);
            let end = tiles * (index + 1) / groups;
            with_scratch(|scratch| {
                let first = tiles * index / groups;
                for from in (first..end).step_by(GRADIENT_CHUNK) {
                    // SAFETY: each group has a part of the sums of its own.
                    let sums = unsafe { sums.get().add(index * 36 * area) };
                    let job = Job {
                        at,
                        from: [0; 3],
                        tiles: [from, end.min(from + GRADIENT_CHUNK)],
                        chunk: GRADIENT_CHUNK,
                        x: x.as_ptr(),
                        inputs,
                        outputs,
                        scratch: scratch.reserve(GRADIENT_CHUNK, inputs, outputs),
                        task: Task::FilterGradient {
                            gradient: gradient.as_ptr(),
                            sums,
                            accumulate: from > first,
                            elements: [36 * part / parts, 36 * (part + 1) / parts],
                        },
                    };
                    // SAFETY: shapes were checked above; each part writes elements of its own.
                    unsafe { dispatch(level, &job) }
                }
            });
        };
        for_each(groups * parts, threads, group);
        filter::to_taps(room, area, taps, threads);
    }
}

/// What the gradient of a filter is made of.
struct Operands<'a> {
    level: Level,
    x: &'a [f32],
    gradient: &'a [f32],
    at: Geometry,
    io: [usize; 2],
}

/// Groups of tiles whose sums are apart.
fn groups(at: Geometry) -> usize {
    (at.tiles() / (2 * GRADIENT_CHUNK)).clamp(1, GROUPS)
}

fn for_each(count: usize, threads: usize, f: impl Fn(usize) + Sync + Send) {
    if threads > 1 && count > 1 {
        (0..count).into_par_iter().for_each(f);
    } else {
        (0..count).for_each(f);
    }
}

#[cfg(test)]
mod tests;
