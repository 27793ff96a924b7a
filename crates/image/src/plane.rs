use crate::{Rect, Size};

/// One channel that owns its pixels, dense, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// Width and height.
    pub size: Size,
    /// `size.len()` values, row by row.
    pub data: Vec<f32>,
}

impl Plane {
    /// A plane of zeros.
    pub fn zeros(size: Size) -> Self {
        Self { size, data: vec![0.0; size.len()] }
    }

    /// A plane whose value at `(x, y)` is `value(x, y)`.
    pub fn from_fn(size: Size, mut value: impl FnMut(usize, usize) -> f32) -> Self {
        let mut data = Vec::with_capacity(size.len());
        for y in 0..size.h() {
            for x in 0..size.w() {
                data.push(value(x, y));
            }
        }
        Self { size, data }
    }

    /// A view of the whole plane.
    pub fn as_ref(&self) -> PlaneRef<'_> {
        PlaneRef { data: &self.data, size: self.size, stride: self.size.w() }
    }

    /// A mutable view of the whole plane.
    pub fn as_mut(&mut self) -> PlaneMut<'_> {
        PlaneMut { stride: self.size.w(), size: self.size, data: &mut self.data }
    }

    /// Row `y`.
    pub fn row(&self, y: usize) -> &[f32] {
        let w = self.size.w();
        &self.data[y * w..][..w]
    }
}

/// A view of one channel. Stride lives only here, so that cropping and tiling are free.
#[derive(Clone, Copy, Debug)]
pub struct PlaneRef<'a> {
    data: &'a [f32],
    size: Size,
    stride: usize,
}

impl<'a> PlaneRef<'a> {
    /// A view of `data`, whose rows start `stride` values apart.
    ///
    /// # Panics
    /// If `data` is too short.
    pub fn new(data: &'a [f32], size: Size, stride: usize) -> Self {
        assert!(
            size.is_empty()
                || (stride >= size.w() && data.len() >= (size.h() - 1) * stride + size.w())
        );
        Self { data, size, stride }
    }

    /// Width and height.
    pub fn size(self) -> Size {
        self.size
    }

    /// Pixels per row.
    pub fn width(self) -> usize {
        self.size.w()
    }

    /// Number of rows.
    pub fn height(self) -> usize {
        self.size.h()
    }

    /// Row `y`.
    #[inline]
    pub fn row(self, y: usize) -> &'a [f32] {
        &self.data[y * self.stride..][..self.size.w()]
    }

    /// The value at column `x` of row `y`.
    #[inline]
    pub fn at(self, x: usize, y: usize) -> f32 {
        self.data[y * self.stride + x]
    }

    /// A window of this view.
    ///
    /// # Panics
    /// If the window does not lie inside.
    pub fn crop(self, r: Rect) -> Self {
        assert!(r.x + r.width <= self.size.width && r.y + r.height <= self.size.height);
        if r.size().is_empty() {
            return Self::new(&[], r.size(), 0);
        }
        Self::new(&self.data[r.y as usize * self.stride + r.x as usize..], r.size(), self.stride)
    }

    /// A dense copy.
    pub fn to_plane(self) -> Plane {
        let mut data = Vec::with_capacity(self.size.len());
        for y in 0..self.height() {
            data.extend_from_slice(self.row(y));
        }
        Plane { size: self.size, data }
    }
}

/// A dense mutable view of one channel.
#[derive(Debug)]
pub struct PlaneMut<'a> {
    data: &'a mut [f32],
    size: Size,
    stride: usize,
}

impl PlaneMut<'_> {
    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Row `y`.
    pub fn row_mut(&mut self, y: usize) -> &mut [f32] {
        &mut self.data[y * self.stride..][..self.size.w()]
    }
}
