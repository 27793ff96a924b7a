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

use super::gemm::Product;
use super::lane::Lane;
use super::{Level, Shared, level};
use rayon::prelude::*;
use std::cell::RefCell;

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
    filter: Vec<f32>,
}

impl Winograd {
    /// Makes the filter ready.
    ///
    /// # Panics
    /// Where the weights are not `9 * inputs * outputs`.
    pub fn new(weights: &[f32], inputs: usize, outputs: usize) -> Self {
        assert_eq!(weights.len(), 9 * inputs * outputs, "a 3x3 filter");
        let area = inputs * outputs;
        let mut filter = vec![0.0; 36 * area];
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
        assert!(epilogue.bias.is_none_or(|b| b.len() == self.outputs), "the bias's shape");
        assert!(epilogue.add.is_none_or(|a| a.len() == y.len()), "the addend's shape");
        let (tiles, y) = (at.tiles(), Shared(y.as_mut_ptr()));
        let chunk = |index: usize| {
            with_scratch(|scratch| {
                let to = y.get();
                let job = Job {
                    at,
                    tiles: [index * CHUNK, tiles.min((index + 1) * CHUNK)],
                    chunk: CHUNK,
                    x: x.as_ptr(),
                    inputs: self.inputs,
                    outputs: self.outputs,
                    scratch: scratch.reserve(CHUNK, self.inputs, self.outputs),
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
        for_each(tiles.div_ceil(CHUNK), threads, chunk);
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

/// Room for a chunk: windows, sums, and one window with its border.
#[derive(Default)]
struct Scratch(Vec<f32>);

impl Scratch {
    fn reserve(&mut self, chunk: usize, inputs: usize, outputs: usize) -> *mut f32 {
        let wanted = 36 * (chunk + 1) * (inputs + outputs);
        if self.0.len() < wanted {
            self.0.resize(wanted, 0.0);
        }
        self.0.as_mut_ptr()
    }
}

fn with_scratch(f: impl FnOnce(&mut Scratch)) {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    SCRATCH.with_borrow_mut(f);
}

/// One chunk of tiles.
pub struct Job {
    at: Geometry,
    tiles: [usize; 2],
    chunk: usize,
    x: *const f32,
    inputs: usize,
    outputs: usize,
    scratch: *mut f32,
    task: Task,
}

#[derive(Clone, Copy)]
enum Task {
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
    },
}

/// # Safety
/// The pointers of the job are good for its shapes, and the processor has the level.
unsafe fn dispatch(level: Level, job: &Job) {
    // SAFETY: the caller's.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => super::avx512::winograd(job),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => super::avx2::winograd(job),
            Level::Baseline => super::portable::winograd(job),
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

/// # Safety
/// As for [`dispatch`], from a function that enables the instructions of `L`.
#[inline(always)]
pub unsafe fn run<L: Lane>(job: &Job) {
    let (ci, co, room) = (job.inputs, job.outputs, job.chunk);
    let [first, end] = job.tiles;
    let count = end - first;
    // SAFETY: `reserve` made room for both blocks and the border windows behind them.
    unsafe {
        let windows = job.scratch;
        let sums = windows.add(36 * room * ci);
        let border = sums.add(36 * room * co);
        for t in 0..count {
            let tile = job.at.tile(first + t);
            let (from, row) = window(job.x, job.at, tile, ci, [6, 1], border);
            per_vector!(L, ci, |c, FULL, tail| {
                window_transform::<L, FULL>(
                    from.add(c),
                    row,
                    ci,
                    windows.add(t * ci + c),
                    room * ci,
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
                        a: windows.add(e * room * ci),
                        a_row: ci,
                        a_column: 1,
                        b: filter.add(e * ci * co),
                        b_row: co,
                        c: sums.add(e * room * co),
                        c_row: co,
                        accumulate: false,
                    });
                }
                let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
                for t in 0..count {
                    let [item, y0, x0] = job.at.tile(first + t);
                    let rows = (job.at.h - y0).min(4);
                    let columns = (job.at.w - x0).min(4);
                    let offset = ((item * job.at.h + y0) * job.at.w + x0) * co;
                    let out = Out {
                        y: y.add(offset),
                        add: add.map(|a| a.add(offset)),
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
                            room * co,
                            &out,
                            c,
                            bias,
                            tail,
                        );
                    });
                }
            }
            Task::FilterGradient { gradient, sums: totals } => {
                for t in 0..count {
                    let tile = job.at.tile(first + t);
                    let (from, row) = window(gradient, job.at, tile, co, [4, 0], border);
                    per_vector!(L, co, |c, FULL, tail| {
                        gradient_transform::<L, FULL>(
                            from.add(c),
                            row,
                            co,
                            sums.add(t * co + c),
                            room * co,
                            tail,
                        );
                    });
                }
                for e in 0..36 {
                    L::multiply(&Product {
                        m: ci,
                        n: co,
                        k: count,
                        a: windows.add(e * room * ci),
                        a_row: 1,
                        a_column: ci,
                        b: sums.add(e * room * co),
                        b_row: co,
                        c: totals.add(e * ci * co),
                        c_row: co,
                        accumulate: true,
                    });
                }
            }
        }
    }
}

/// A `side` by `side` window that begins `before` rows and columns before the tile: the pointer to its first
/// number and the distance of its rows. At the border it is copied, zeros outside.
#[inline(always)]
unsafe fn window(
    x: *const f32,
    at: Geometry,
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
            return (item.add((y0 - before) * row + (x0 - before) * channels), row);
        }
        border.write_bytes(0, side * side * channels);
        let (left, right) = (before.saturating_sub(x0), (at.w + before - x0).min(side));
        for r in before.saturating_sub(y0)..(at.h + before - y0).min(side) {
            let from = item.add((y0 + r - before) * row + (x0 + left - before) * channels);
            let to = border.add((r * side + left) * channels);
            to.copy_from_nonoverlapping(from, (right - left) * channels);
        }
        (border, side * channels)
    }
}

/// `B^T` of six numbers.
#[inline(always)]
unsafe fn b_transposed<L: Lane>(d: [L; 6]) -> [L; 6] {
    // SAFETY: arithmetic only.
    unsafe {
        let [four, minus_five, minus_four, two, minus_two] =
            [4.0, -5.0, -4.0, 2.0, -2.0].map(|x| L::splat(x));
        let (odd, even) = (d[3].sub(d[1]), d[4].sub(d[2]));
        [
            four.mul_add(d[0], minus_five.mul_add(d[2], d[4])),
            minus_four.mul_add(d[1].add(d[2]), d[3].add(d[4])),
            four.mul_add(d[1].sub(d[2]), d[4].sub(d[3])),
            two.mul_add(odd, even),
            minus_two.mul_add(odd, even),
            four.mul_add(d[1], minus_five.mul_add(d[3], d[5])),
        ]
    }
}

/// `A^T` of six numbers.
#[inline(always)]
unsafe fn a_transposed<L: Lane>(m: [L; 6]) -> [L; 4] {
    // SAFETY: arithmetic only.
    unsafe {
        let (p, q) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (r, s) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(p.add(r)),
            L::splat(2.0).mul_add(s, q),
            L::splat(4.0).mul_add(r, p),
            L::splat(8.0).mul_add(s, q.add(m[5])),
        ]
    }
}

/// `A` of four numbers.
#[inline(always)]
unsafe fn a<L: Lane>(y: [L; 4]) -> [L; 6] {
    // SAFETY: arithmetic only.
    unsafe {
        let (even, odd) = (y[0].add(y[2]), y[1].add(y[3]));
        let far = L::splat(4.0).mul_add(y[2], y[0]);
        let wide = L::splat(4.0).mul_add(y[3], y[1]);
        let two = L::splat(2.0);
        [
            y[0],
            even.add(odd),
            even.sub(odd),
            two.mul_add(wide, far),
            L::splat(-2.0).mul_add(wide, far),
            y[3],
        ]
    }
}

/// `V = B^T d B` of one vector of channels; element `e` goes to `e * stride`.
#[inline(always)]
unsafe fn window_transform<L: Lane, const FULL: bool>(
    from: *const f32,
    row: usize,
    column: usize,
    to: *mut f32,
    stride: usize,
    tail: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut d = [[L::splat(0.0); 6]; 6];
        for (r, out) in d.iter_mut().enumerate() {
            let mut line = [L::splat(0.0); 6];
            for (c, x) in line.iter_mut().enumerate() {
                *x = L::read::<FULL>(from.add(r * row + c * column), tail);
            }
            *out = b_transposed(line);
        }
        for c in 0..6 {
            let v = b_transposed([d[0][c], d[1][c], d[2][c], d[3][c], d[4][c], d[5][c]]);
            for (r, &v) in v.iter().enumerate() {
                v.write::<FULL>(to.add((r * 6 + c) * stride), tail);
            }
        }
    }
}

/// `A dY A^T` of one vector of channels.
#[inline(always)]
unsafe fn gradient_transform<L: Lane, const FULL: bool>(
    from: *const f32,
    row: usize,
    column: usize,
    to: *mut f32,
    stride: usize,
    tail: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut d = [[L::splat(0.0); 6]; 4];
        for (r, out) in d.iter_mut().enumerate() {
            let mut line = [L::splat(0.0); 4];
            for (c, x) in line.iter_mut().enumerate() {
                *x = L::read::<FULL>(from.add(r * row + c * column), tail);
            }
            *out = a(line);
        }
        for c in 0..6 {
            for (r, &v) in a([d[0][c], d[1][c], d[2][c], d[3][c]]).iter().enumerate() {
                v.write::<FULL>(to.add((r * 6 + c) * stride), tail);
            }
        }
    }
}

/// Where a tile goes.
struct Out {
    y: *mut f32,
    add: Option<*const f32>,
    accumulate: bool,
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
    floor: f32,
}

/// `Y = A^T M A` of one vector of channels, and the epilogue.
#[inline(always)]
unsafe fn tile_transform<L: Lane, const FULL: bool>(
    from: *const f32,
    stride: usize,
    out: &Out,
    channel: usize,
    bias: Option<*const f32>,
    tail: usize,
) {
    // SAFETY: the caller's; only rows and columns inside the image are touched.
    unsafe {
        let mut m = [[L::splat(0.0); 4]; 6];
        for (r, out) in m.iter_mut().enumerate() {
            let mut line = [L::splat(0.0); 6];
            for (c, x) in line.iter_mut().enumerate() {
                *x = L::read::<FULL>(from.add((r * 6 + c) * stride), tail);
            }
            *out = a_transposed(line);
        }
        let bias = bias.map_or(L::splat(0.0), |b| L::read::<FULL>(b, tail));
        let floor = L::splat(out.floor);
        for c in 0..out.columns {
            let column = a_transposed([m[0][c], m[1][c], m[2][c], m[3][c], m[4][c], m[5][c]]);
            for (r, &sum) in column.iter().enumerate().take(out.rows) {
                let at = r * out.row + c * out.column + channel;
                let mut sum = sum.add(bias);
                if let Some(add) = out.add {
                    sum = sum.add(L::read::<FULL>(add.add(at), tail));
                }
                if out.accumulate {
                    sum = sum.add(L::read::<FULL>(out.y.add(at), tail));
                }
                sum.max(floor).write::<FULL>(out.y.add(at), tail);
            }
        }
    }
}

#[cfg(test)]
#[path = "winograd_tests.rs"]
mod tests;
