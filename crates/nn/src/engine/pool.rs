//! Buffers that are used again: fresh memory costs a page fault for every 4 KiB.

use super::Value;
use crate::Shape;
use std::collections::HashMap;
use std::sync::Mutex;

/// Buffers by length. What one holds is left over from its last use.
#[derive(Debug, Default)]
pub struct Pool(Mutex<HashMap<usize, Vec<Vec<f32>>>>);

impl Pool {
    /// A buffer of this length with whatever was in it.
    pub fn take(&self, len: usize) -> Vec<f32> {
        let mut free = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        free.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| vec![0.0; len])
    }

    /// A value of this shape with whatever was in it.
    pub fn value(&self, n: usize, [c, h, w]: Shape) -> Value {
        Value { n, h, w, c, data: self.take(n * c * h * w) }
    }

    /// Gives a buffer back.
    pub fn give(&self, buffer: Vec<f32>) {
        let mut free = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        free.entry(buffer.len()).or_default().push(buffer);
    }
}
