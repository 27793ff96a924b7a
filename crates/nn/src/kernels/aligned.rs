//! Numbers that begin at a cache line: a vector of 16 that straddles two lines costs two accesses.

/// The unit of memory.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// A slice of numbers that begins at a multiple of 64 bytes.
#[derive(Debug, Default)]
pub struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    /// Zeros.
    pub fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0.0; 16]); len.div_ceil(16)], len }
    }

    /// Exactly this many numbers; what they are is left open.
    pub fn set_len(&mut self, len: usize) {
        self.grow(len);
        self.len = len;
    }

    /// At least this many numbers; what was there stays.
    pub fn grow(&mut self, len: usize) {
        if len > self.len {
            let lines = len.div_ceil(16).max(self.lines.len());
            self.lines.resize(lines, Line([0.0; 16]));
            self.len = len;
        }
    }
}

impl From<&[f32]> for Aligned {
    fn from(from: &[f32]) -> Self {
        let mut to = Self::zeros(from.len());
        to.copy_from_slice(from);
        to
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: the lines hold at least `len` numbers, one after the other.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl std::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
