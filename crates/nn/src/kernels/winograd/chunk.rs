//! One chunk of tiles: windows, 36 matrix products, tiles.

use super::Geometry;
use super::transform::{Out, gradient_transform, tile_transform, window_transform};
use crate::kernels::Level;
use crate::kernels::gemm::Product;
use crate::kernels::lane::Lane;

/// One chunk of tiles.
pub struct Job {
    pub at: Geometry,
    /// The rows at which the input, the output and the addend begin in memory.
    pub from: [usize; 3],
    pub tiles: [usize; 2],
    pub chunk: usize,
    pub x: *const f32,
    pub inputs: usize,
    pub outputs: usize,
    pub scratch: *mut f32,
    pub task: Task,
}

#[derive(Clone, Copy)]
pub enum Task {
    Convolve {
        filter: *const f32,
        y: *mut f32,
        bias: Option<*const f32>,
        add: Option<*const f32>,
        accumulate: bool,
        relu: bool,
    },
    FilterGradient {
        gradient: *const f32,
        sums: *mut f32,
        /// Are the products added to what is there?
        accumulate: bool,
        /// Which of the 36 products are made.
        elements: [usize; 2],
    },
}

/// # Safety
/// The pointers of the job are good for its shapes, and the processor has the level.
pub unsafe fn dispatch(level: Level, job: &Job) {
    // SAFETY: the caller's.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => crate::kernels::avx512::winograd(job),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => crate::kernels::avx2::winograd(job),
            Level::Baseline => crate::kernels::portable::winograd(job),
        }
    }
}

/// Runs the body for each vector of `$channels`: the last one may be cut.
macro_rules! per_vector {
    ($lane:ident, $channels:expr, |$c:ident, $full:ident, $tail:ident| $body:block) => {{
        let mut $c = 0;
        while $c + $lane::WIDTH <= $channels {
            const $full: bool = true;
            let $tail = $lane::WIDTH;
            $body
            $c += $lane::WIDTH;
        }
        if $c < $channels {
            const $full: bool = false;
            let $tail = $channels - $c;
            $body
        }
    }};
}

/// Distance of the 36 matrices of a chunk: at least `len`, and an odd number of cache lines. At 24 tiles of 64
/// channels the plain distance would put all 36 numbers of a transform into two of the 64 sets of a
/// first-level cache (measured: transforms took 37 % of `DnCNN`'s time).
pub const fn spacing(len: usize) -> usize {
    (len.div_ceil(16) | 1) * 16
}

/// # Safety
/// As for [`dispatch`], from a function that enables the instructions of `L`.
#[inline(always)]
pub unsafe fn run<L: Lane>(job: &Job) {
    let (ci, co, room) = (job.inputs, job.outputs, job.chunk);
    let [first, end] = job.tiles;
    let count = end - first;
    // SAFETY: `reserve` made room for both blocks and the border windows behind them.
    unsafe {
        let (apart, sums_apart) = (spacing(room * ci), spacing(room * co));
        let windows = job.scratch;
        let sums = windows.add(36 * apart);
        let border = sums.add(36 * sums_apart);
        for t in 0..count {
            let tile = job.at.tile(first + t);
            let (from, row) = window(job.x, job.at, job.from[0], tile, ci, [6, 1], border);
            per_vector!(L, ci, |c, FULL, tail| {
                window_transform::<L, FULL>(
                    from.add(c),
                    row,
                    ci,
                    windows.add(t * ci + c),
                    apart,
                    tail,
                );
            });
        }
        match job.task {
            Task::Convolve { filter, y, bias, add, accumulate, relu } => {
                for e in 0..36 {
                    L::multiply(&Product {
                        m: count,
                        n: co,
                        k: ci,
                        a: windows.add(e * apart),
                        a_row: ci,
                        a_column: 1,
                        b: filter.add(e * ci * co),
                        b_row: co,
                        c: sums.add(e * sums_apart),
                        c_row: co,
                        accumulate: false,
                    });
                }
                let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
                for t in 0..count {
                    let [item, y0, x0] = job.at.tile(first + t);
                    let rows = (job.at.h - y0).min(4);
                    let columns = (job.at.w - x0).min(4);
                    let offset = |from: usize| ((item * job.at.h + y0 - from) * job.at.w + x0) * co;
                    let out = Out {
                        y: y.add(offset(job.from[1])),
                        add: add.map(|a| a.add(offset(job.from[2]))),
                        accumulate,
                        rows,
                        columns,
                        row: job.at.w * co,
                        column: co,
                        floor,
                    };
                    per_vector!(L, co, |c, FULL, tail| {
                        let bias = bias.map(|b| b.add(c));
                        tile_transform::<L, FULL>(
                            sums.add(t * co + c),
                            sums_apart,
                            &out,
                            c,
                            bias,
                            tail,
                        );
                    });
                }
            }
            Task::FilterGradient { gradient, sums: totals, accumulate, elements } => {
                for t in 0..count {
                    let tile = job.at.tile(first + t);
                    let (from, row) = window(gradient, job.at, 0, tile, co, [4, 0], border);
                    per_vector!(L, co, |c, FULL, tail| {
                        gradient_transform::<L, FULL>(
                            from.add(c),
                            row,
                            co,
                            sums.add(t * co + c),
                            sums_apart,
                            tail,
                        );
                    });
                }
                for e in elements[0]..elements[1] {
                    L::multiply(&Product {
                        m: ci,
                        n: co,
                        k: count,
                        a: windows.add(e * apart),
                        a_row: 1,
                        a_column: ci,
                        b: sums.add(e * sums_apart),
                        b_row: co,
                        c: totals.add(e * ci * co),
                        c_row: co,
                        accumulate,
                    });
                }
            }
        }
    }
}

/// Memory begins at row `first`. A `side` by `side` window that begins `before` rows and columns before the tile: the pointer to its first
/// number and the distance of its rows. At the border it is copied, zeros outside.
#[inline(always)]
unsafe fn window(
    x: *const f32,
    at: Geometry,
    first: usize,
    [item, y0, x0]: [usize; 3],
    channels: usize,
    [side, before]: [usize; 2],
    border: *mut f32,
) -> (*const f32, usize) {
    let inside =
        y0 >= before && x0 >= before && y0 - before + side <= at.h && x0 - before + side <= at.w;
    let row = at.w * channels;
    // SAFETY: the window lies inside the image, or only its part inside is read.
    unsafe {
        let item = x.add(item * at.h * row);
        if inside {
            return (item.add((y0 - before - first) * row + (x0 - before) * channels), row);
        }
        border.write_bytes(0, side * side * channels);
        let (left, right) = (before.saturating_sub(x0), (at.w + before - x0).min(side));
        for r in before.saturating_sub(y0)..(at.h + before - y0).min(side) {
            let from = item.add((y0 + r - before - first) * row + (x0 + left - before) * channels);
            let to = border.add((r * side + left) * channels);
            to.copy_from_nonoverlapping(from, (right - left) * channels);
        }
        (border, side * channels)
    }
}
