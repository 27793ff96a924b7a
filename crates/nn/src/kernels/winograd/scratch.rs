//! Room that a thread uses again for each chunk of tiles.

use super::chunk::spacing;
use crate::kernels::Aligned;
use std::cell::RefCell;

/// Room for a chunk: windows, sums, and one window with its border.
#[derive(Default)]
pub struct Scratch(Aligned);

impl Scratch {
    /// Room for `chunk` windows and sums.
    pub fn reserve(&mut self, chunk: usize, inputs: usize, outputs: usize) -> *mut f32 {
        let wanted = 36 * (spacing(chunk * inputs) + spacing(chunk * outputs) + inputs + outputs);
        self.0.grow(wanted);
        self.0.as_mut_ptr()
    }
}

/// Runs `f` with the room of this thread.
pub fn with_scratch(f: impl FnOnce(&mut Scratch)) {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    SCRATCH.with_borrow_mut(f);
}
