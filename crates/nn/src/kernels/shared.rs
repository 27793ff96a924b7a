//! Disjoint writes from several threads.

/// A pointer that threads may share because each writes to places of its own.
#[derive(Clone, Copy)]
pub struct Shared(pub *mut f32);
// SAFETY: whoever makes one sees to it that no two threads touch the same place.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// The pointer itself: a closure that calls this takes the whole of it, not the field.
    pub fn get(self) -> *mut f32 {
        self.0
    }
}
