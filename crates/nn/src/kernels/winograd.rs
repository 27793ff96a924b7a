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
        assert_eq!(weights.len(), 9 * inputs * outputs, "a 3x3 filter");
        let area = inputs * outputs;
        let mut filter = Aligned::zeros(36 * area);
        restora_image::simd(
            #[inline(always)]
            || {
                let mut rows = vec![0.0; 18 * outputs];
                for i in 0..inputs {
                    let tap = |k: usize| &weights[k * area + i * outputs..][..outputs];
                    for (row, g) in G.iter().enumerate() {
                        for column in 0..3 {
                            let to = &mut rows[(row * 3 + column) * outputs..][..outputs];
                            combine(to, g, [tap(column), tap(3 + column), tap(6 + column)]);
                        }
                    }
                    for row in 0..6 {
                        let from = |k: usize| &rows[(row * 3 + k) * outputs..][..outputs];
                        for (column, g) in G.iter().enumerate() {
                            let to =
                                &mut filter[(row * 6 + column) * area + i * outputs..][..outputs];
                            combine(to, g, [from(0), from(1), from(2)]);
                        }
                    }
                }
            },
        );
        Self { inputs, outputs, filter }
    }

    /// The convolution that takes the gradient of the output to that of the input.
    pub fn backward(weights: &[f32], inputs: usize, outputs: usize) -> Self {
        let area = inputs * outputs;
        let mut turned = vec![0.0; weights.len()];
        for (tap, to) in turned.chunks_exact_mut(area).enumerate() {
            let from = &weights[(8 - tap) * area..][..area];
            for o in 0..outputs {
                for i in 0..inputs {
                    to[o * inputs + i] = from[i * outputs + o];
                }
            }
        }
        Self::new(&turned, outputs, inputs)
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

    /// The gradient of the filter, `[3][3][inputs][outputs]`, from the input `x` and the gradient of
    /// the output.
    ///
    /// # Panics
    /// Where a slice does not have the length of its shape.
    pub fn filter_gradient(
        x: &[f32],
        gradient: &[f32],
        at: Geometry,
        [inputs, outputs]: [usize; 2],
        threads: usize,
    ) -> Vec<f32> {
        Self::filter_gradient_at(level(), x, gradient, at, [inputs, outputs], threads)
    }

    fn filter_gradient_at(
        level: Level,
        x: &[f32],
        gradient: &[f32],
        at: Geometry,
        [inputs, outputs]: [usize; 2],
        threads: usize,
    ) -> Vec<f32> {
        assert!(x.len() == at.pixels() * inputs, "the input's shape");
        assert!(gradient.len() == at.pixels() * outputs, "the gradient's shape");
        let (tiles, area) = (at.tiles(), inputs * outputs);
        let groups = (tiles / (2 * GRADIENT_CHUNK)).clamp(1, GROUPS);
        let mut sums = vec![0.0; groups * 36 * area];
        let shared = Shared(sums.as_mut_ptr());
        let group = |index: usize| {
            let end = tiles * (index + 1) / groups;
            with_scratch(|scratch| {
                for from in (tiles * index / groups..end).step_by(GRADIENT_CHUNK) {
                    // SAFETY: each group has a part of the sums of its own.
                    let sums = unsafe { shared.get().add(index * 36 * area) };
                    let job = Job {
                        at,
                        from: [0; 3],
                        tiles: [from, end.min(from + GRADIENT_CHUNK)],
                        chunk: GRADIENT_CHUNK,
                        x: x.as_ptr(),
                        inputs,
                        outputs,
                        scratch: scratch.reserve(GRADIENT_CHUNK, inputs, outputs),
                        task: Task::FilterGradient { gradient: gradient.as_ptr(), sums },
                    };
                    // SAFETY: shapes were checked above.
                    unsafe { dispatch(level, &job) }
                }
            });
        };
        for_each(groups, threads, group);
        let (total, others) = sums.split_at_mut(36 * area);
        for other in others.chunks_exact(36 * area) {
            total.iter_mut().zip(other).for_each(|(t, o)| *t += o);
        }
        back_to_taps(total, area)
    }
}

/// `to = g[0] * a + g[1] * b + g[2] * c`.
#[inline(always)]
fn combine(to: &mut [f32], g: &[f32; 3], [a, b, c]: [&[f32]; 3]) {
    for (((to, a), b), c) in to.iter_mut().zip(a).zip(b).zip(c) {
        *to = g[0] * a + g[1] * b + g[2] * c;
    }
}

/// `G^T s G` for every pair of channels.
fn back_to_taps(sums: &[f32], area: usize) -> Vec<f32> {
    let mut taps = vec![0.0; 9 * area];
    restora_image::simd(
        #[inline(always)]
        || {
            let mut row = vec![0.0; 6 * area];
            for ky in 0..3 {
                row.fill(0.0);
                for (i, g) in G.iter().enumerate().filter(|(_, g)| g[ky] != 0.0) {
                    let from = &sums[i * 6 * area..][..6 * area];
                    row.iter_mut().zip(from).for_each(|(r, s)| *r += g[ky] * s);
                }
                for kx in 0..3 {
                    let to = &mut taps[(ky * 3 + kx) * area..][..area];
                    for (j, g) in G.iter().enumerate().filter(|(_, g)| g[kx] != 0.0) {
                        let from = &row[j * area..][..area];
                        to.iter_mut().zip(from).for_each(|(t, r)| *t += g[kx] * r);
                    }
                }
            }
        },
    );
    taps
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
