//! Products and distances of every row of one set with every row of another, tile by tile: one matrix
//! product each, in double precision, so that no set of pairs ever lies in memory whole.
//!
//! `|a - b|^2 = |a|^2 + |b|^2 - 2 a.b` loses digits where rows are nearly equal; those few pairs are
//! computed from their differences. A pair's value does not depend on where in a tile it lies.

use nalgebra::{DMatrixView, DMatrixViewMut, Dyn};

/// Rows of a tile, each way.
pub(super) const TILE: usize = 256;
/// Squared distances below this share of the squared lengths are computed from differences: the product's
/// rounding is then below `1e-9` of every distance.
const NEARLY_EQUAL: f64 = 1e-6;

/// Rows around a center, with their squared lengths.
pub(super) struct Cloud<'a> {
    rows: &'a [f32],
    dims: usize,
    center: &'a [f64],
    squares: Vec<f64>,
}

impl<'a> Cloud<'a> {
    /// Distances do not depend on `center`; rounding is least where it is amid the rows.
    pub fn new(rows: &'a [f32], center: &'a [f64]) -> Self {
        let dims = center.len();
        let square = |row: &[f32]| {
            row.iter().zip(center).map(|(v, c)| (f64::from(*v) - c) * (f64::from(*v) - c)).sum()
        };
        Self { rows, dims, center, squares: rows.chunks_exact(dims).map(square).collect() }
    }

    pub fn len(&self) -> usize {
        self.squares.len()
    }

    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.rows[i * self.dims..][..self.dims]
    }
}

/// The mean of rows.
pub(super) fn mean(rows: &[f32], dims: usize) -> Vec<f64> {
    let mut mean = vec![0.0; dims];
    for row in rows.chunks_exact(dims) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += f64::from(*v));
    }
    let n = (rows.len() / dims).max(1) as f64;
    for m in &mut mean {
        *m /= n;
    }
    mean
}

/// Scratch of a task.
pub(super) struct Tiles {
    /// Numbers in a row here: narrow rows are filled up with zeros, so that their products too take the path of
    /// large matrices, where a sum's order does not depend on the place in the tile.
    width: usize,
    a: Vec<f64>,
    b: Vec<f64>,
    out: Vec<f64>,
}

impl Tiles {
    pub fn new(dims: usize) -> Self {
        let width = dims.max(8);
        let side = vec![0.0; TILE * width];
        Self { width, a: side.clone(), b: side, out: vec![0.0; TILE * TILE] }
    }

    /// The rows `first..` of `cloud`, at most [`TILE`], come first in the pairs from here on.
    pub fn start(&mut self, cloud: &Cloud, first: usize) {
        load(&mut self.a, self.width, cloud, first);
    }

    /// Products of the rows started with rows `first..` of `b`: those of the first with each, then those of
    /// the second, [`TILE`] apart.
    pub fn products(&mut self, b: &Cloud, first: usize) -> &mut [f64] {
        load(&mut self.b, self.width, b, first);
        let d = self.width;
        let started = DMatrixView::from_slice(&self.a, d, TILE);
        let others = DMatrixView::<f64, Dyn, Dyn>::from_slice_with_strides_generic(
            &self.b,
            Dyn(TILE),
            Dyn(d),
            Dyn(d),
            Dyn(1),
        );
        DMatrixViewMut::from_slice(&mut self.out, TILE, TILE).gemm(1.0, &others, &started, 0.0);
        &mut self.out
    }

    /// Squared distances, laid out as [`Tiles::products`]. `at` is where `a`'s rows were started.
    pub fn distances(&mut self, a: &Cloud, at: usize, b: &Cloud, first: usize) -> &[f64] {
        self.products(b, first);
        let rows = TILE.min(a.len() - at);
        let columns = TILE.min(b.len() - first);
        let squares = &b.squares[first..first + columns];
        for (i, out) in self.out.chunks_exact_mut(TILE).take(rows).enumerate() {
            let own = a.squares[at + i];
            let mut close = false;
            for (out, square) in out.iter_mut().zip(squares) {
                let both = own + square;
                *out = both - 2.0 * *out;
                close |= *out < NEARLY_EQUAL * both;
            }
            if !close {
                continue;
            }
            for (j, (out, square)) in out.iter_mut().zip(squares).enumerate() {
                if *out < NEARLY_EQUAL * (own + square) {
                    *out = squared_distance(a.row(at + i), b.row(first + j));
                }
            }
        }
        &self.out
    }
}

/// What lies behind the last row keeps older numbers: finite, and never looked at.
fn load(side: &mut [f64], width: usize, cloud: &Cloud, first: usize) {
    let rows = cloud.rows[first * cloud.dims..].chunks_exact(cloud.dims);
    for (out, row) in side.chunks_exact_mut(width).zip(rows) {
        for ((out, v), c) in out.iter_mut().zip(row).zip(cloud.center) {
            *out = f64::from(*v) - c;
        }
    }
}

pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

/// A nearest row: its number and squared distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Nearest {
    pub row: u64,
    pub square: f64,
}

impl Nearest {
    pub const NONE: Self = Self { row: u64::MAX, square: f64::INFINITY };
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    #[test]
    fn distances_are_those_of_the_differences_far_from_zero_too() {
        let mut rng = Rng::new(2, "tiles", 0);
        for (n, m, dims) in [(1, 1, 1), (3, 300, 2), (257, 5, 6), (20, 260, 33)] {
            let mut draw = |n: usize| -> Vec<f32> {
                (0..n * dims).map(|_| 1000.0 + rng.normal() as f32).collect()
            };
            let (a, mut b) = (draw(n), draw(m));
            let near = n.min(m) / 2 * dims;
            b[..near].copy_from_slice(&a[..near]);
            b.iter_mut().take(near).step_by(7).for_each(|v| *v += 1e-3);
            let center = mean(&a, dims);
            let (ca, cb) = (Cloud::new(&a, &center), Cloud::new(&b, &center));
            let mut tiles = Tiles::new(dims);
            for i in (0..n).step_by(TILE) {
                tiles.start(&ca, i);
                for j in (0..m).step_by(TILE) {
                    let out = tiles.distances(&ca, i, &cb, j).to_vec();
                    for (k, l) in
                        (0..TILE.min(n - i)).flat_map(|k| (0..TILE.min(m - j)).map(move |l| (k, l)))
                    {
                        let wanted = squared_distance(ca.row(i + k), cb.row(j + l));
                        let got = out[k * TILE + l];
                        assert!((got - wanted).abs() <= 1e-9 * wanted, "{got} {wanted}");
                    }
                }
            }
        }
    }
}
