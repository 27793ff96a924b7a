//! Rows of numbers that are read a chunk at a time, several times over.

use crate::NnError;
use restora_image::Context;

/// A table of `f32` that can be read again from the start: an array in memory, a file, a folder of
/// pictures decoded on the way.
pub trait Rows {
    /// Number of rows.
    fn len(&self) -> usize;

    /// Has it no rows?
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length of a row.
    fn dims(&self) -> usize;

    /// Fills `out`, whose length is a multiple of [`Rows::dims`], with the rows from `first` on. The
    /// same rows must come each time.
    ///
    /// # Errors
    /// Whatever keeps the rows from being read.
    fn read(&self, first: usize, out: &mut [f32]) -> Result<(), NnError>;
}

/// Rows in memory.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    dims: usize,
}

impl<'a> Matrix<'a> {
    /// `data` is `[n, dims]`, row-major.
    ///
    /// # Errors
    /// [`NnError::Input`] where `dims` is 0 or does not divide the length.
    pub fn new(data: &'a [f32], dims: usize) -> Result<Self, NnError> {
        if dims == 0 || !data.len().is_multiple_of(dims) {
            let len = data.len();
            return Err(NnError::Input(format!("{len} values are not rows of {dims}")));
        }
        Ok(Self { data, dims })
    }
}

impl Rows for Matrix<'_> {
    fn len(&self) -> usize {
        self.data.len() / self.dims
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn read(&self, first: usize, out: &mut [f32]) -> Result<(), NnError> {
        out.copy_from_slice(&self.data[first * self.dims..][..out.len()]);
        Ok(())
    }
}

/// Values of a chunk: 8 MiB of `f32`, 16 MiB once they are `f64`.
const CHUNK: usize = 1 << 21;

/// Rows of a chunk; depends on nothing but the length of a row, so sums do too.
pub(super) fn chunk_rows(dims: usize) -> usize {
    (CHUNK / dims.max(1)).clamp(1, 512)
}

/// Calls `work(first, values)` for each chunk in order.
pub(super) fn for_each_chunk(
    rows: &dyn Rows,
    cx: &Context,
    mut work: impl FnMut(usize, &[f32]) -> Result<(), NnError>,
) -> Result<(), NnError> {
    let (n, d) = (rows.len(), rows.dims());
    let step = chunk_rows(d);
    let mut buffer = vec![0.0; step.min(n) * d];
    for first in (0..n).step_by(step) {
        cx.check()?;
        let chunk = &mut buffer[..step.min(n - first) * d];
        rows.read(first, chunk)?;
        work(first, chunk)?;
    }
    Ok(())
}
