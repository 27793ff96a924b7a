use serde::{Deserialize, Serialize};

/// Width and height in pixels. Products are checked, never wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// Pixels per row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
}

impl Size {
    /// A size of `width` by `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels; `u64` holds every product of two `u32`.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Number of pixels as an index.
    ///
    /// # Panics
    /// If an allocation of that many pixels could not be addressed on this machine.
    pub fn len(self) -> usize {
        usize::try_from(self.pixels()).expect("more pixels than this machine can address")
    }

    /// True if there is no pixel at all.
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// `width` as an index.
    pub const fn w(self) -> usize {
        self.width as usize
    }

    /// `height` as an index.
    pub const fn h(self) -> usize {
        self.height as usize
    }

    /// The rectangle that covers the whole image.
    pub const fn rect(self) -> Rect {
        Rect { x: 0, y: 0, width: self.width, height: self.height }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// An axis-aligned window of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Rect {
    /// The size of the window.
    pub const fn size(self) -> Size {
        Size { width: self.width, height: self.height }
    }

    /// The window grown by `margin` on every side, cut at the edges of an image of size `bounds`.
    pub fn grown(self, margin: u32, bounds: Size) -> Self {
        let x = self.x.saturating_sub(margin);
        let y = self.y.saturating_sub(margin);
        let right = self.x.saturating_add(self.width).saturating_add(margin).min(bounds.width);
        let bottom = self.y.saturating_add(self.height).saturating_add(margin).min(bounds.height);
        Self { x, y, width: right - x, height: bottom - y }
    }
}
