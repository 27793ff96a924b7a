use crate::{OpError, Rect, Size};

/// Which pixels are missing. `true` = missing, to be filled, everywhere in this project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    size: Size,
    data: Vec<bool>,
}

impl Mask {
    /// A mask that marks nothing.
    pub fn empty(size: Size) -> Self {
        Self { size, data: vec![false; size.len()] }
    }

    /// A mask that marks `(x, y)` where `missing(x, y)`.
    pub fn from_fn(size: Size, mut missing: impl FnMut(usize, usize) -> bool) -> Self {
        let mut mask = Self::empty(size);
        for y in 0..size.h() {
            for x in 0..size.w() {
                mask.data[y * size.w() + x] = missing(x, y);
            }
        }
        mask
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Is the pixel missing?
    pub fn at(&self, x: usize, y: usize) -> bool {
        self.data[y * self.size.w() + x]
    }

    /// Marks or clears a pixel.
    pub fn set(&mut self, x: usize, y: usize, missing: bool) {
        self.data[y * self.size.w() + x] = missing;
    }

    /// One `bool` per pixel, row by row.
    pub fn data(&self) -> &[bool] {
        &self.data
    }

    /// A copy of a window.
    ///
    /// # Panics
    /// If the window does not lie inside.
    #[must_use]
    pub fn crop(&self, rect: Rect) -> Self {
        let mut data = Vec::with_capacity(rect.size().len());
        for y in rect.y as usize..rect.y as usize + rect.size().h() {
            let start = y * self.size.w() + rect.x as usize;
            data.extend_from_slice(&self.data[start..][..rect.size().w()]);
        }
        Self { size: rect.size(), data }
    }

    /// Marks as well what `other` marks.
    ///
    /// # Errors
    /// [`OpError::SizeMismatch`] if `other` is of another size.
    pub fn add(&mut self, other: &Self) -> Result<(), OpError> {
        if other.size != self.size {
            return Err(OpError::SizeMismatch { what: "mask", wanted: self.size, got: other.size });
        }
        for (m, o) in self.data.iter_mut().zip(&other.data) {
            *m |= o;
        }
        Ok(())
    }

    /// Number of missing pixels.
    pub fn count(&self) -> usize {
        self.data.iter().filter(|m| **m).count()
    }
}
