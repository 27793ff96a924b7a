//! A net prepared for inference, which an image passes row by row.
//!
//! Once, from a [`Net`]: batch norms are folded into the convolutions before them, Winograd filters are
//! transformed, and bias, addition and the cut at zero become part of the convolution; unshuffling and a 1x1
//! convolution become one; the image is unshuffled and the noise subtracted while planes are read and
//! written.
//!
//! Then a band of the image's rows enters, every layer makes the rows that it can from those of its inputs,
//! and rows that nobody needs any more are dropped:
//! ```text
//! image      ======================            rows that are there
//! conv 1     ====================              a 3x3 needs one row more than it makes
//! conv 2     ==================
//! eighth     ========                          waits for whole blocks; `half` waits for `joined`
//! joined     ======
//! ```
//! Each row is computed once: there is no overlap as with tiles, and since a row comes out as the sum of
//! the same products in the same order whatever the band, results are the same bytes for bands of any
//! height and any number of threads. Memory grows with the width of an image, not its height, and
//! what a layer reads was written a moment ago and is still in the cache.

mod layer;
#[cfg(test)]
mod oracle;
mod plan;
mod rows;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use source::Source;

use super::Net;
use crate::{Graph, NnError, Shape};
use layer::{Layer, Step};
use plan::Last;
use rows::Rows;
use std::sync::Mutex;

/// Pixels of a band: the rows of a 64-channel map are then 8 MiB.
const BAND_PIXELS: usize = 32 << 10;
/// Band heights are multiples of this: four rows, a Winograd tile, at an eighth of the size.
const BAND_ROWS: usize = 32;

/// A net prepared for inference. It may be used by several threads at once.
pub struct Runner {
    graph: Graph,
    layers: Vec<Layer>,
    last: Last,
    /// Buffers of earlier passes.
    free: Mutex<Vec<Vec<Rows>>>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

/// Where the result goes.
pub(crate) struct Sink<'a> {
    /// Planes of the result, one after the other.
    pub planes: &'a mut [f32],
    /// Their rows and columns.
    pub size: [usize; 2],
    /// First column that is written.
    pub column: usize,
    /// Columns of the net's output that are written.
    pub columns: std::ops::Range<usize>,
}

/// What does not change, or only from band to band, while an input passes.
struct Pass<'a> {
    /// The shape of every layer's value.
    shapes: Vec<Shape>,
    source: &'a Source<'a>,
    threads: usize,
    /// Rows of the input that have entered, and how many there are.
    entered: usize,
    of: usize,
}

impl Runner {
    /// Prepares a net.
    pub fn new(net: &Net) -> Self {
        let (layers, last) = plan::plan(net);
        Self { graph: net.graph().clone(), layers, last, free: Mutex::default() }
    }

    /// The layers as they were before.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Runs one item: planes `[c][y][x]` of the given shape in, the output's shape and planes out. The
    /// same bytes for any number of threads; with more than one, rayon's pool does the work.
    ///
    /// # Errors
    /// [`NnError::Input`] where the shape does not fit the net, or the planes not the shape.
    pub fn run(
        &self,
        shape: Shape,
        planes: &[f32],
        threads: usize,
    ) -> Result<(Shape, Vec<f32>), NnError> {
        self.run_in_bands(shape, planes, threads, 0)
    }

    fn run_in_bands(
        &self,
        shape: Shape,
        planes: &[f32],
        threads: usize,
        band: usize,
    ) -> Result<(Shape, Vec<f32>), NnError> {
        let [c, h, w] = shape;
        let len = c.checked_mul(h).and_then(|n| n.checked_mul(w));
        if len != Some(planes.len()) || planes.is_empty() {
            let came = planes.len();
            return Err(NnError::Input(format!("shape {shape:?} came with {came} numbers")));
        }
        let [co, ho, wo] = self.output_shape(shape)?;
        let mut out = vec![0.0; co * ho * wo];
        let source =
            Source::new(&planes.chunks_exact(h * w).collect::<Vec<_>>(), &[], [h, w], h, [0, w]);
        let sink = Sink { planes: &mut out, size: [ho, wo], column: 0, columns: 0..wo };
        self.stream(shape, &source, sink, threads, band, &mut |_| Ok(()))?;
        Ok(([co, ho, wo], out))
    }

    /// # Errors
    /// [`NnError::Input`] where the shape does not fit the net.
    pub(crate) fn output_shape(&self, input: Shape) -> Result<Shape, NnError> {
        let shapes = self.graph.shapes(input)?;
        Ok(shapes[self.graph.output()])
    }

    /// Passes an input of this shape through the net, in bands of `band` rows (0: chosen here). Only rows
    /// that the sink has are written. `check(rows that are done)` may stop it.
    pub(crate) fn stream(
        &self,
        input: Shape,
        source: &Source,
        mut sink: Sink,
        threads: usize,
        band: usize,
        check: &mut dyn FnMut(usize) -> Result<(), NnError>,
    ) -> Result<(), NnError> {
        let shapes = self.graph.shapes(input)?;
        let shapes: Vec<Shape> = self.layers.iter().map(|l| shapes[l.node]).collect();
        let mut values = {
            let mut free = self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            free.pop().unwrap_or_default()
        };
        values.resize_with(self.layers.len(), Rows::default);
        for (value, [c, _, w]) in values.iter_mut().zip(&shapes) {
            value.reset(c * w);
        }
        let band = match band {
            0 => (BAND_PIXELS * threads.max(1) / input[2].max(1)).next_multiple_of(BAND_ROWS),
            band => band,
        };
        let mut pass = Pass { shapes, source, threads, entered: 0, of: input[1] };
        let mut written = 0;
        let result = loop {
            if let Err(stop) = check(written) {
                break Err(stop);
            }
            pass.entered = input[1].min(pass.entered + band);
            for index in 0..self.layers.len() {
                self.advance(index, &pass, &mut values);
            }
            self.write(&values, &pass, &mut written, &mut sink);
            self.drop_rows(&mut values, written);
            if pass.entered == input[1] {
                break Ok(());
            }
        };
        let mut free = self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        free.push(values);
        result
    }

    /// Makes the rows of one layer that can be made.
    fn advance(&self, index: usize, pass: &Pass, values: &mut [Rows]) {
        let &Pass { ref shapes, source, threads, entered, of } = pass;
        let (layer, shape) = (&self.layers[index], shapes[index]);
        let (before, rest) = values.split_at_mut(index);
        let from = rest[0].end();
        let to = if layer.inputs.is_empty() {
            if entered == of { shape[1] } else { entered * shape[1] / of }
        } else {
            // A second input of a convolution is an addend: it is needed as far as rows are made.
            let first = layer.inputs[0];
            let can = layer.work.rows(before[first].end(), shapes[first][1], shape[1]);
            layer.inputs[1..].iter().fold(can, |n, &i| n.min(before[i].end()))
        };
        let to = if to == shape[1] { to } else { layer.work.whole(to) };
        if to <= from {
            return;
        }
        let step = Step {
            inputs: layer.inputs.iter().map(|&i| &before[i]).collect(),
            input_shapes: layer.inputs.iter().map(|&i| shapes[i]).collect(),
            shape,
            from,
            to,
            source,
            threads,
        };
        let y = rest[0].append(to);
        layer.work.run(&step, y);
    }

    /// Writes the rows of the last value that are new.
    fn write(&self, values: &[Rows], pass: &Pass, written: &mut usize, sink: &mut Sink) {
        let (Some(value), Some(&[channels, _, w])) = (values.last(), pass.shapes.last()) else {
            return;
        };
        let f = self.last.shuffle;
        let end = (value.end() * f).min(sink.size[0]);
        let width = sink.columns.len();
        for row in *written..end {
            let y = value.range(row / f, row / f + 1);
            debug_assert_eq!(y.len(), w * channels);
            for c in 0..channels / (f * f) {
                let at = (c * sink.size[0] + row) * sink.size[1] + sink.column;
                let to = &mut sink.planes[at..at + width];
                pass.source.write(self.last, [row, c], sink.columns.clone(), y, channels, to);
            }
        }
        *written = end.max(*written);
    }

    /// Drops the rows that nobody reads any more.
    fn drop_rows(&self, values: &mut [Rows], written: usize) {
        let mut needed = vec![usize::MAX; values.len()];
        if let Some(last) = needed.last_mut() {
            *last = written / self.last.shuffle;
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let next = values[index].end();
            for (k, &i) in layer.inputs.iter().enumerate() {
                let plain = matches!(layer.work, layer::Work::Plain(_));
                let row = if k == 0 || plain { layer.work.needs(next) } else { next };
                needed[i] = needed[i].min(row);
            }
        }
        for (value, needed) in values.iter_mut().zip(needed) {
            value.drop_before(needed);
        }
    }
}
