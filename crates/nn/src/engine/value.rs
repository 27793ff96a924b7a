//! What flows through a net: a batch of feature maps, channels last.

use crate::{NnError, Shape};

/// `n` feature maps of `h` rows, `w` columns and `c` channels, stored `[n][y][x][c]`. Vectors have one
/// row and one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Items.
    pub n: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
    /// Channels.
    pub c: usize,
    pub(crate) data: Vec<f32>,
}

impl Value {
    /// All zeros.
    pub fn zeros(n: usize, [c, h, w]: Shape) -> Self {
        Self { n, h, w, c, data: vec![0.0; n * c * h * w] }
    }

    /// A batch from numbers stored `[n][c][y][x]`.
    ///
    /// # Errors
    /// [`NnError::Input`] where the length does not fit the shape.
    pub fn from_planes(n: usize, shape: Shape, planes: &[f32]) -> Result<Self, NnError> {
        let [c, h, w] = shape;
        if planes.len() != n * c * h * w {
            let came = planes.len();
            return Err(NnError::Input(format!(
                "{n} items of shape {shape:?} came with {came} numbers"
            )));
        }
        let mut value = Self::zeros(n, shape);
        let area = h * w;
        if area > 0 && c > 0 {
            for (item, planes) in
                value.data.chunks_exact_mut(area * c).zip(planes.chunks_exact(area * c))
            {
                for (channel, plane) in planes.chunks_exact(area).enumerate() {
                    for (pixel, &x) in item.chunks_exact_mut(c).zip(plane) {
                        pixel[channel] = x;
                    }
                }
            }
        }
        Ok(value)
    }

    /// The numbers as `[n][c][y][x]`.
    pub fn to_planes(&self) -> Vec<f32> {
        let (area, c) = (self.h * self.w, self.c);
        let mut planes = vec![0.0; self.data.len()];
        if area > 0 && c > 0 {
            for (item, planes) in
                self.data.chunks_exact(area * c).zip(planes.chunks_exact_mut(area * c))
            {
                for (channel, plane) in planes.chunks_exact_mut(area).enumerate() {
                    for (pixel, x) in item.chunks_exact(c).zip(plane) {
                        *x = pixel[channel];
                    }
                }
            }
        }
        planes
    }

    /// Item `i` alone.
    ///
    /// # Panics
    /// Where there are not so many.
    pub fn item(&self, i: usize) -> Self {
        let len = self.h * self.w * self.c;
        Self { n: 1, data: self.data[i * len..(i + 1) * len].to_vec(), ..*self }
    }

    /// The numbers, channels last.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The numbers, channels last.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Channels, rows, columns.
    pub fn shape(&self) -> Shape {
        [self.c, self.h, self.w]
    }

    /// Pixels of all items.
    pub(crate) fn pixels(&self) -> usize {
        self.n * self.h * self.w
    }
}
