//! Bounds the memory of the items in flight.

use std::sync::{Condvar, Mutex, PoisonError};

/// Lets items in while their working sets fit together; one alone always fits.
pub struct Gate {
    capacity: u64,
    taken: Mutex<u64>,
    freed: Condvar,
}

impl Gate {
    /// A gate for `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        Self { capacity, taken: Mutex::new(0), freed: Condvar::new() }
    }

    /// Waits until `bytes` fit.
    pub fn enter(&self, bytes: u64) -> Admission<'_> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken > 0 && *taken + bytes > self.capacity {
            taken = self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += bytes;
        Admission { gate: self, bytes }
    }
}

/// A place taken at a [`Gate`], given back when dropped.
pub struct Admission<'a> {
    gate: &'a Gate,
    bytes: u64,
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        *self.gate.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.gate.freed.notify_all();
    }
}
