use crate::{ColorSpace, OpError, Plane, PlaneRef, Rect, Size};

/// A planar image: channel after channel, row by row, `f32`, nominal range `[0, 1]`.
///
/// Values may leave the nominal range; nothing clamps or rounds them before [`crate::Raster`] does
/// so once, at the end. `alpha`, where there is one, has the same size and is not touched by
/// operations on the colors.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    size: Size,
    space: ColorSpace,
    data: Vec<f32>,
    /// Opacity in `[0, 1]`, not multiplied into the colors.
    pub alpha: Option<Plane>,
}

impl Image {
    /// A black image.
    pub fn zeros(size: Size, space: ColorSpace) -> Self {
        Self { size, space, data: vec![0.0; size.len() * space.channels()], alpha: None }
    }

    /// An image from its planes laid end to end (`[c][y][x]`).
    ///
    /// # Errors
    /// If `data` does not have `channels * height * width` values.
    pub fn from_vec(size: Size, space: ColorSpace, data: Vec<f32>) -> Result<Self, OpError> {
        let wanted = size.len() * space.channels();
        if data.len() != wanted {
            return Err(OpError::Input(format!(
                "a {size} image in {space:?} has {wanted} values, got {}",
                data.len()
            )));
        }
        Ok(Self { size, space, data, alpha: None })
    }

    /// A gray image whose value at `(x, y)` is `value(x, y)`.
    pub fn gray_from_fn(size: Size, value: impl FnMut(usize, usize) -> f32) -> Self {
        Self::from_plane(Plane::from_fn(size, value))
    }

    /// A gray image made of one plane.
    pub fn from_plane(plane: Plane) -> Self {
        Self { size: plane.size, space: ColorSpace::Gray, data: plane.data, alpha: None }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The color space of the planes.
    pub fn space(&self) -> ColorSpace {
        self.space
    }

    /// Number of color planes, without alpha.
    pub fn channels(&self) -> usize {
        self.space.channels()
    }

    /// A view of plane `c`.
    pub fn plane(&self, c: usize) -> PlaneRef<'_> {
        let n = self.size.len();
        PlaneRef::new(&self.data[c * n..][..n], self.size, self.size.w())
    }

    /// The values of plane `c`, row by row.
    pub fn plane_data(&self, c: usize) -> &[f32] {
        let n = self.size.len();
        &self.data[c * n..][..n]
    }

    /// The values of plane `c`, row by row.
    pub fn plane_mut(&mut self, c: usize) -> &mut [f32] {
        let n = self.size.len();
        &mut self.data[c * n..][..n]
    }

    /// All planes, mutable at once.
    pub fn planes_mut(&mut self) -> std::slice::ChunksExactMut<'_, f32> {
        self.data.chunks_exact_mut(self.size.len().max(1))
    }

    /// Views of all planes.
    pub fn planes(&self) -> impl Iterator<Item = PlaneRef<'_>> {
        (0..self.channels()).map(|c| self.plane(c))
    }

    /// All values, plane after plane.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All values, plane after plane.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The values, plane after plane; alpha is dropped.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }

    /// The same planes under another name of color space with as many channels.
    ///
    /// # Errors
    /// If the number of channels differs.
    pub fn relabeled(self, space: ColorSpace) -> Result<Self, OpError> {
        let alpha = self.alpha;
        let mut image = Self::from_vec(self.size, space, self.data)?;
        image.alpha = alpha;
        Ok(image)
    }

    /// An image with the same size, color space and alpha, and each plane computed by `plane`.
    ///
    /// # Errors
    /// The first error of `plane`.
    pub fn map_planes(
        &self,
        mut plane: impl FnMut(PlaneRef<'_>) -> Result<Plane, OpError>,
    ) -> Result<Self, OpError> {
        let mut data = Vec::with_capacity(self.data.len());
        for p in self.planes() {
            let out = plane(p)?;
            debug_assert_eq!(out.size, self.size);
            if data.is_empty() && self.channels() == 1 {
                data = out.data;
            } else {
                data.extend_from_slice(&out.data);
            }
        }
        Ok(Self { size: self.size, space: self.space, data, alpha: self.alpha.clone() })
    }

    /// A copy of a window, alpha included.
    ///
    /// # Panics
    /// If the window does not lie inside.
    pub fn crop(&self, rect: Rect) -> Self {
        let mut data = Vec::with_capacity(rect.size().len() * self.channels());
        for p in self.planes() {
            let window = p.crop(rect);
            for y in 0..window.height() {
                data.extend_from_slice(window.row(y));
            }
        }
        let alpha = self.alpha.as_ref().map(|a| a.as_ref().crop(rect).to_plane());
        Self { size: rect.size(), space: self.space, data, alpha }
    }
}
