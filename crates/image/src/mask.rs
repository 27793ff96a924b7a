use crate::{OpError, Rect, Scale, Size};

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

    /// The mask of the image once its size is changed: every pixel that a missing one has become, or has a
    /// part in, is marked.
    #[must_use]
    pub fn scaled(&self, scale: Scale) -> Self {
        let size = scale.size(self.size);
        match scale {
            Scale::Same => self.clone(),
            Scale::Up(factor) => {
                let factor = factor as usize;
                Self::from_fn(size, |x, y| self.at(x / factor, y / factor))
            }
            Scale::Down(factor) => {
                let factor = factor as usize;
                let any = |x: usize, y: usize| {
                    let mut rows = y * factor..(y + 1) * factor;
                    rows.any(|y| (x * factor..(x + 1) * factor).any(|x| self.at(x, y)))
                };
                Self::from_fn(size, any)
            }
        }
    }

    /// Number of missing pixels.
    pub fn count(&self) -> usize {
        self.data.iter().filter(|m| **m).count()
    }
}
