//! Coefficients of a picture, and what is known of each block.

use super::bits::Block;

/// The blocks of one component. Memory is taken row by row, as blocks come in.
pub(super) struct Blocks {
    /// Blocks per row.
    pub stride: usize,
    rows: Vec<Row>,
}

#[derive(Clone, Default)]
struct Row {
    blocks: Vec<Block>,
    /// For each block, the scans that have brought it what they had to, one bit each.
    received: Vec<u128>,
}

impl Blocks {
    pub fn new(stride: usize, rows: usize) -> Self {
        Self { stride, rows: vec![Row::default(); rows] }
    }

    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The block, and its scans.
    pub fn entry(&mut self, x: usize, y: usize) -> (&mut Block, &mut u128) {
        let stride = self.stride;
        let row = &mut self.rows[y];
        if row.blocks.is_empty() {
            row.blocks = vec![[0; 64]; stride];
            row.received = vec![0; stride];
        }
        (&mut row.blocks[x], &mut row.received[x])
    }

    /// The block; none if nothing came for its row.
    pub fn get(&self, x: usize, y: usize) -> Option<&Block> {
        self.rows[y].blocks.get(x)
    }

    /// The scans that brought something for the block.
    pub fn received(&self, x: usize, y: usize) -> u128 {
        self.rows[y].received.get(x).copied().unwrap_or(0)
    }
}
