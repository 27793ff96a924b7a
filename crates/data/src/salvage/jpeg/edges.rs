//! How well blocks continue each other: values along their edges, without transforming the rest.

use super::bits::Block;
use crate::jpeg::markers::ZIGZAG;
use std::sync::LazyLock;

/// `BASIS[u][x]`: C(u) / 2 cos((2 x + 1) u pi / 16) (T.81 A.3.3).
static BASIS: LazyLock<[[f32; 8]; 8]> = LazyLock::new(|| {
    std::array::from_fn(|u| {
        std::array::from_fn(|x| {
            let scale = if u == 0 { 0.5f64.sqrt() } else { 1.0 };
            let angle = (2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0;
            (0.5 * scale * angle.cos()) as f32
        })
    })
});

/// The four edges of a block, in levels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edges {
    pub top: [f32; 8],
    pub bottom: [f32; 8],
    pub left: [f32; 8],
    pub right: [f32; 8],
    /// Standard deviation of the block.
    pub activity: f32,
}

impl Edges {
    pub fn of(block: &Block, table: &[u16; 64]) -> Self {
        let basis = &*BASIS;
        let mut power = 0f32;
        // Even and odd frequencies across the edge: the far edge has the odd ones negated.
        let (mut rows, mut columns) = ([[0f32; 8]; 2], [[0f32; 8]; 2]);
        for v in 0..8 {
            for u in 0..8 {
                let place = usize::from(ZIGZAG[8 * v + u]);
                if block[place] == 0 {
                    continue;
                }
                let value = f32::from(block[place]) * f32::from(table[place]);
                if place > 0 {
                    power += value * value;
                }
                rows[v & 1][u] += value * basis[v][0];
                columns[u & 1][v] += value * basis[u][0];
            }
        }
        let line = |even: &[f32; 8], odd: &[f32; 8], sign: f32| -> [f32; 8] {
            let mut out = [0f32; 8];
            for u in 0..8 {
                let value = even[u] + sign * odd[u];
                for x in 0..8 {
                    out[x] += value * basis[u][x];
                }
            }
            out
        };
        Self {
            top: line(&rows[0], &rows[1], 1.0),
            bottom: line(&rows[0], &rows[1], -1.0),
            left: line(&columns[0], &columns[1], 1.0),
            right: line(&columns[0], &columns[1], -1.0),
            activity: power.sqrt() / 8.0,
        }
    }
}

/// Mean difference of two edges, and mean distance.
pub(super) fn step(known: &[f32; 8], next: &[f32; 8], offset: f32) -> (f32, f32) {
    let (mut sum, mut distance) = (0f32, 0f32);
    for (a, b) in known.iter().zip(next) {
        let difference = b + offset - a;
        sum += difference;
        distance += difference.abs();
    }
    (sum / 8.0, distance / 8.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_those_of_the_transformed_block() {
        let mut block = [0i16; 64];
        for (i, value) in block.iter_mut().enumerate() {
            *value = ((i * 37 + 11) % 23) as i16 - 11;
        }
        let table: [u16; 64] = std::array::from_fn(|i| 1 + i as u16 / 3);
        let pixel = |x: usize, y: usize| -> f32 {
            let mut sum = 0.0;
            for v in 0..8 {
                for u in 0..8 {
                    let place = usize::from(ZIGZAG[8 * v + u]);
                    let value = f32::from(block[place]) * f32::from(table[place]);
                    sum += value * BASIS[u][x] * BASIS[v][y];
                }
            }
            sum
        };
        let edges = Edges::of(&block, &table);
        for i in 0..8 {
            for (got, want) in [
                (edges.top[i], pixel(i, 0)),
                (edges.bottom[i], pixel(i, 7)),
                (edges.left[i], pixel(0, i)),
                (edges.right[i], pixel(7, i)),
            ] {
                assert!((got - want).abs() < 1e-2, "{got} {want}");
            }
        }
    }
}
