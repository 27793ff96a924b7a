//! Plain arrays of numbers with a name: what a file of weights holds.

use crate::NnError;
use std::collections::BTreeMap;

/// A dense `f32` array in row-major order.
///
/// Weights have `PyTorch`'s shapes: convolution `[out, in, height, width]`, dense `[out, in]`,
/// bias and batch norm `[channels]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

/// Tensors by name, in alphabetical order.
pub type Tensors = BTreeMap<String, Tensor>;

impl Tensor {
    /// # Errors
    /// [`NnError::Corrupt`] where `data` has not the length that `shape` asks for.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Result<Self, NnError> {
        let wanted = shape.iter().try_fold(1_usize, |n, &s| n.checked_mul(s));
        if wanted != Some(data.len()) {
            let came = data.len();
            return Err(NnError::Corrupt(format!(
                "a tensor of shape {shape:?} came with {came} numbers"
            )));
        }
        Ok(Self { shape, data })
    }

    /// All zeros.
    ///
    /// # Panics
    /// Where the shape's product does not fit a `usize`; the shapes of a [`Graph`](crate::Graph) do.
    pub fn zeros(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] }
    }

    /// Lengths of the axes, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The numbers, row-major.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The numbers themselves.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}
