//! Orthonormal 8x8 DCT-II of blocks sampled on a regular grid: what the noise estimators share.

use restora_image::{PlaneRef, simd};

/// Side of a block.
pub(crate) const N: usize = 8;
/// Values in a block.
pub(crate) const NN: usize = N * N;

/// One 8x8 block: its coefficients and where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// `dct[u * 8 + v]`, `u` vertical, `v` horizontal frequency; `dct[0] / 8` is the mean.
    pub dct: [f32; NN],
    /// Pixels at or beyond the ends of the nominal range.
    pub clipped: u8,
}

impl Block {
    /// Mean of the block's pixels.
    pub fn mean(&self) -> f32 {
        self.dct[0] / N as f32
    }

    /// Energy of the coefficients for which `wanted(u + v)`, DC left out.
    pub fn energy(&self, wanted: impl Fn(usize) -> bool) -> f32 {
        let mut sum = 0.0;
        for (i, c) in self.dct.iter().enumerate().skip(1) {
            if wanted(i / N + i % N) {
                sum += c * c;
            }
        }
        sum
    }
}

/// `basis[u][x]` of the orthonormal DCT-II of length 8.
pub(crate) fn basis() -> [[f32; N]; N] {
    std::array::from_fn(|u| {
        let scale = if u == 0 { (1.0 / N as f64).sqrt() } else { (2.0 / N as f64).sqrt() };
        std::array::from_fn(|x| {
            let angle = std::f64::consts::PI * (2 * x + 1) as f64 * u as f64 / (2 * N) as f64;
            (scale * angle.cos()) as f32
        })
    })
}

/// Two-dimensional transform `D B D'`.
#[inline(always)]
pub(crate) fn dct(block: &[f32; NN], d: &[[f32; N]; N], transposed: &[[f32; N]; N]) -> [f32; NN] {
    let mut half = [[0.0f32; N]; N];
    for u in 0..N {
        for y in 0..N {
            for x in 0..N {
                half[u][x] += d[u][y] * block[y * N + x];
            }
        }
    }
    let mut out = [0.0f32; NN];
    for u in 0..N {
        let mut row = [0.0f32; N];
        for x in 0..N {
            for v in 0..N {
                row[v] += half[u][x] * transposed[x][v];
            }
        }
        out[u * N..][..N].copy_from_slice(&row);
    }
    out
}

/// The step of a grid that takes at most about `count` blocks from a plane of `width` by `height`.
pub(crate) fn grid_step(width: usize, height: usize, count: usize) -> usize {
    if width < N || height < N {
        return 1;
    }
    let positions = ((width - N + 1) * (height - N + 1)) as f64;
    ((positions / count as f64).sqrt().ceil() as usize).max(1)
}

/// All blocks whose corners lie on multiples of `step`, row by row; none if the plane is smaller
/// than a block.
pub(crate) fn blocks(plane: PlaneRef<'_>, step: usize) -> Vec<Block> {
    blocks_from(plane, [0, 0], [step, step])
}

/// Blocks of the grid of 8 pixels that begins at `corner` (column, row), spread over the plane, about `count` of
/// them.
pub(crate) fn blocks_on_grid(plane: PlaneRef<'_>, corner: [usize; 2], count: usize) -> Vec<Block> {
    let there = (plane.width() / N) * (plane.height() / N);
    let every = ((there as f64 / count as f64).sqrt().ceil() as usize).max(1);
    blocks_from(plane, corner, [N * every, N * every])
}

fn blocks_from(plane: PlaneRef<'_>, [x0, y0]: [usize; 2], [dx, dy]: [usize; 2]) -> Vec<Block> {
    let (width, height) = (plane.width(), plane.height());
    if width < N || height < N {
        return Vec::new();
    }
    let d = basis();
    let transposed: [[f32; N]; N] = std::array::from_fn(|x| std::array::from_fn(|v| d[v][x]));
    let mut out = Vec::with_capacity(((height - N) / dy + 1) * ((width - N) / dx + 1));
    simd(
        #[inline(always)]
        || {
            for y in (y0..=height - N).step_by(dy) {
                let rows: [&[f32]; N] = std::array::from_fn(|k| plane.row(y + k));
                for x in (x0..=width - N).step_by(dx) {
                    let mut block = [0.0f32; NN];
                    let mut clipped = 0;
                    for (row, line) in rows.iter().zip(block.chunks_exact_mut(N)) {
                        line.copy_from_slice(&row[x..x + N]);
                    }
                    for v in &block {
                        clipped += u8::from(*v <= 0.0 || *v >= 1.0);
                    }
                    out.push(Block { dct: dct(&block, &d, &transposed), clipped });
                }
            }
        },
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Plane, Size};

    #[test]
    fn transform_keeps_energy_and_puts_a_cosine_into_one_coefficient() {
        let d = basis();
        let plane = Plane::from_fn(Size::new(8, 8), |x, y| d[3][y] * d[5][x]);
        let found = blocks(plane.as_ref(), 1);
        assert_eq!(found.len(), 1);
        for (i, c) in found[0].dct.iter().enumerate() {
            let wanted = if i == 3 * N + 5 { 1.0 } else { 0.0 };
            assert!((c - wanted).abs() < 1e-6, "{i}: {c}");
        }
    }

    #[test]
    fn small_planes_have_no_blocks_and_large_ones_not_too_many() {
        assert!(blocks(Plane::zeros(Size::new(7, 100)).as_ref(), 1).is_empty());
        for (w, h) in [(8, 8), (481, 321), (2000, 1000)] {
            let step = grid_step(w, h, 10_000);
            let n = blocks(Plane::zeros(Size::new(w as u32, h as u32)).as_ref(), step).len();
            assert!((1..=10_500).contains(&n), "{w}x{h}: {n}");
        }
    }
}
