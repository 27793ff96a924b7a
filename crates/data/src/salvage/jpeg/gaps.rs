//! What is missing, in blocks and in pixels, and what the gaps are filled with before the missing
//! pixels are restored.

use super::Known;
use super::blocks::Blocks;
use super::scan::own_grid;
use crate::jpeg::markers::Frame;
use restora_image::{Mask, Size};
use std::collections::HashMap;

/// What is known of every block of every component.
pub(super) struct Grids(Vec<Grid>);

struct Grid {
    width: usize,
    known: Vec<Known>,
}

impl Grids {
    /// Asks `knowledge` for every set of scans that occurs in a component. One of which nothing
    /// came, not even the start of a scan (`came`), is not waited for: the others are shown without it.
    pub fn new(
        frame: &Frame,
        planes: &[Blocks],
        came: impl Fn(usize) -> bool,
        knowledge: impl Fn(usize, u128) -> Known,
    ) -> Self {
        let grid = |(i, plane): (usize, &Blocks)| {
            let mut seen = HashMap::new();
            let (width, height) = (plane.stride, plane.rows());
            let mut known = Vec::with_capacity(width * height);
            for y in 0..height {
                for x in 0..width {
                    let received = plane.received(x, y);
                    known.push(*seen.entry(received).or_insert_with(|| knowledge(i, received)));
                }
            }
            if i > 0 && !came(i) && !separate(frame) {
                known.fill(Known::Part);
            }
            Grid { width, known }
        };
        Self(planes.iter().enumerate().map(grid).collect())
    }

    /// The missing pixels, and the number of others of which not everything is known.
    pub fn pixels(&self, frame: &Frame, size: Size) -> (Mask, u64) {
        let mut missing = vec![false; size.len()];
        let mut coarse = Vec::new();
        for (i, (grid, component)) in self.0.iter().zip(&frame.components).enumerate() {
            // Blocks that only pad the last MCUs hold nothing of the picture.
            let (wide, high) = own_grid(frame, i);
            let scale = |own: u8, max: u8| 8.0 * f64::from(max) / f64::from(own);
            let (sx, sy) = (scale(component.h, frame.h_max), scale(component.v, frame.v_max));
            // A pixel's chroma is interpolated between the two nearest samples.
            let reach = |scale: f64| if scale > 8.0 { (scale / 16.0).ceil() } else { 0.0 };
            let side = |i: usize, scale: f64, len: usize| {
                let start = (i as f64 * scale - reach(scale)).max(0.0) as usize;
                let end = ((i + 1) as f64 * scale + reach(scale)).ceil() as usize;
                start.min(len)..end.min(len)
            };
            for (y, row) in grid.known.chunks_exact(grid.width.max(1)).enumerate().take(high) {
                let rows = side(y, sy, size.h());
                for (x, known) in
                    row.iter().enumerate().take(wide).filter(|(_, k)| **k != Known::All)
                {
                    let columns = side(x, sx, size.w());
                    let target = if *known == Known::Nothing {
                        &mut missing
                    } else {
                        coarse.resize(size.len(), false);
                        &mut coarse
                    };
                    for y in rows.clone() {
                        target[y * size.w()..][columns.clone()].fill(true);
                    }
                }
            }
        }
        let coarse = coarse.iter().zip(&missing).filter(|(c, m)| **c && !**m).count() as u64;
        let mask = Mask::from_fn(size, |x, y| missing[y * size.w() + x]);
        (mask, coarse)
    }

    /// Gives missing blocks the level of the nearest one above (below, at the top), and blocks of
    /// which only the level is known the slopes that it suggests.
    pub fn fill(&self, planes: &mut [Blocks], tables: &[[u16; 64]]) {
        for ((grid, plane), table) in self.0.iter().zip(planes).zip(tables) {
            let (width, height) = (grid.width, plane.rows());
            let known = |x: usize, y: usize| grid.known[y * width + x] != Known::Nothing;
            for x in 0..width {
                let mut level = (0..height)
                    .find(|y| known(x, *y))
                    .and_then(|y| plane.get(x, y))
                    .map(|block| block[0]);
                for y in 0..height {
                    if known(x, y) {
                        level = plane.get(x, y).map(|block| block[0]);
                    } else if let Some(level) = level {
                        let (block, _) = plane.entry(x, y);
                        *block = [0; 64];
                        block[0] = level;
                    }
                }
            }
            if grid.known.contains(&Known::Part) {
                grid.slopes(plane, table);
            }
        }
    }
}

/// Must every component be there? Red without green is nothing to look at; luma without chroma is.
fn separate(frame: &Frame) -> bool {
    frame.components.len() != 3 || frame.components.iter().map(|c| c.id).eq(*b"RGB")
}

impl Grid {
    /// T.81 K.8.2: the first five AC coefficients from the levels of the 3x3 neighborhood.
    fn slopes(&self, plane: &mut Blocks, table: &[u16; 64]) {
        let height = plane.rows();
        let levels: Vec<i32> = (0..height)
            .flat_map(|y| (0..self.width).map(move |x| (x, y)))
            .map(|(x, y)| plane.get(x, y).map_or(0, |block| i32::from(block[0])))
            .collect();
        for y in 0..height {
            for x in 0..self.width {
                let empty = |block: &super::bits::Block| block[1..].iter().all(|v| *v == 0);
                if self.known[y * self.width + x] != Known::Part
                    || !plane.get(x, y).is_some_and(empty)
                {
                    continue;
                }
                let level = |dx: isize, dy: isize| {
                    let x = x.saturating_add_signed(dx).min(self.width - 1);
                    let y = y.saturating_add_signed(dy).min(height - 1);
                    f64::from(levels[y * self.width + x])
                };
                let (l, r, u, d) = (level(-1, 0), level(1, 0), level(0, -1), level(0, 1));
                let center = 2.0 * level(0, 0);
                let corners = level(-1, -1) - level(1, -1) - level(-1, 1) + level(1, 1);
                let terms = [
                    1.13885 * (l - r),
                    1.13885 * (u - d),
                    0.27881 * (u + d - center),
                    0.16213 * corners,
                    0.27881 * (l + r - center),
                ];
                let (block, _) = plane.entry(x, y);
                for (k, term) in terms.into_iter().enumerate() {
                    let quantum = f64::from(table[k + 1].max(1));
                    block[k + 1] = (term * f64::from(table[0]) / (8.0 * quantum)).round() as i16;
                }
            }
        }
    }
}
