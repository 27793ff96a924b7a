//! Buffers that are used again: fresh memory costs a page fault for every 4 KiB.

use super::Value;
use crate::Shape;
use crate::kernels::Aligned;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Buffers by length. What one holds is left over from its last use.
#[derive(Debug, Default)]
pub struct Pool {
    shelves: Mutex<HashMap<usize, Shelf>>,
    /// Memory of filters, the last given last.
    filters: Mutex<HashMap<usize, Vec<Aligned>>>,
}

/// The buffers of one length.
#[derive(Debug, Default)]
struct Shelf {
    free: Vec<Vec<f32>>,
    /// How many were made here. No more are kept, whatever others give.
    made: usize,
}

impl Pool {
    /// A buffer of this length with whatever was in it.
    pub fn take(&self, len: usize) -> Vec<f32> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf = shelves.entry(len).or_default();
        shelf.free.pop().unwrap_or_else(|| {
            shelf.made += 1;
            vec![0.0; len]
        })
    }

    /// A value of this shape with whatever was in it.
    pub fn value(&self, n: usize, [c, h, w]: Shape) -> Value {
        Value { n, h, w, c, data: self.take(n * c * h * w) }
    }

    /// Memory for a filter of this many numbers, if one was given back.
    pub fn take_filter(&self, len: usize) -> Aligned {
        let mut filters = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        filters.get_mut(&len).and_then(Vec::pop).unwrap_or_default()
    }

    /// Gives the memory of a filter back.
    pub fn give_filter(&self, filter: Aligned) {
        let mut filters = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        filters.entry(filter.len()).or_default().push(filter);
    }

    /// Gives a buffer back. One that was made elsewhere (the input of a step) is kept only in place of
    /// one that went away.
    pub fn give(&self, buffer: Vec<f32>) {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf = shelves.entry(buffer.len()).or_default();
        if shelf.free.len() < shelf.made {
            shelf.free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_keeps_no_more_buffers_than_it_made() {
        let pool = Pool::default();
        let (first, second) = (pool.take(8), pool.take(8));
        for _ in 0..10 {
            pool.give(vec![0.0; 8]);
            pool.give(vec![0.0; 9]);
        }
        pool.give(first);
        pool.give(second);
        let shelves = pool.shelves.lock().unwrap();
        assert_eq!(shelves[&8].free.len(), 2);
        assert_eq!(shelves[&9].free.len(), 0);
    }
}
