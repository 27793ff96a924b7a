use crate::{OpError, Rect, Size};

/// How an operation changes the size of its image: by a whole number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Not at all.
    #[default]
    Same,
    /// Every pixel becomes so many in both directions.
    Up(u32),
    /// So many pixels in both directions become one; what does not fill one is left out at the right
    /// and at the bottom.
    Down(u32),
}

impl Scale {
    /// The column or row that `at` becomes, where `at` is the edge of a window: a multiple of the factor
    /// if the size falls, or the end of the image.
    pub const fn edge(self, at: u32) -> u32 {
        match self {
            Self::Same => at,
            Self::Up(factor) => at.saturating_mul(factor),
            Self::Down(factor) => at / factor,
        }
    }

    /// The size of the result for an image of `size`.
    pub const fn size(self, size: Size) -> Size {
        Size::new(self.edge(size.width), self.edge(size.height))
    }

    /// The window of the result that belongs to a window of the image.
    pub const fn rect(self, rect: Rect) -> Rect {
        let (x, y) = (self.edge(rect.x), self.edge(rect.y));
        let (right, bottom) = (self.edge(rect.x + rect.width), self.edge(rect.y + rect.height));
        Rect { x, y, width: right - x, height: bottom - y }
    }

    /// The size of the result, if it can be had.
    ///
    /// # Errors
    /// [`OpError::Input`] if a side would pass 2^32 pixels, or nothing would be left of an image that has
    /// pixels.
    pub fn checked_size(self, size: Size) -> Result<Size, OpError> {
        if let Self::Up(factor) = self {
            let fits = |side: u32| side.checked_mul(factor).is_some();
            if !fits(size.width) || !fits(size.height) {
                let message = format!("{size} enlarged by {factor} has sides beyond 2^32 pixels");
                return Err(OpError::Input(message));
            }
        }
        let out = self.size(size);
        if let Self::Down(factor) = self
            && out.is_empty()
            && !size.is_empty()
        {
            let message = format!("nothing is left of {size} reduced by {factor}");
            return Err(OpError::Input(message));
        }
        Ok(out)
    }

    /// How many pixels of an image one of the result spans, in each direction.
    pub const fn pixels_per_result(self) -> u32 {
        match self {
            Self::Down(factor) => factor,
            Self::Same | Self::Up(_) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_sizes_follow_the_factor_and_what_cannot_be_is_an_error() {
        let rect = Rect { x: 6, y: 12, width: 7, height: 3 };
        assert_eq!(Scale::Up(3).rect(rect), Rect { x: 18, y: 36, width: 21, height: 9 });
        assert_eq!(Scale::Down(3).rect(rect), Rect { x: 2, y: 4, width: 2, height: 1 });
        assert_eq!(Scale::Same.rect(rect), rect);
        assert_eq!(Scale::Down(2).checked_size(Size::new(5, 4)), Ok(Size::new(2, 2)));
        assert_eq!(Scale::Up(2).checked_size(Size::new(0, 4)), Ok(Size::new(0, 8)));
        assert_eq!(Scale::Down(2).checked_size(Size::new(0, 4)), Ok(Size::new(0, 2)));
        assert!(Scale::Down(4).checked_size(Size::new(9, 3)).is_err());
        assert!(Scale::Up(2).checked_size(Size::new(1 << 31, 1)).is_err());
    }
}
