//! An image through a net on a graphics processor, square by square.

use crate::{Graph, NnError, Value};
use restora_image::{Border, Context};

/// Most pixels on the side of a square, without its margin.
const SIDE: usize = 1024;
/// Bytes of the largest value that a square makes of itself, about: a convolution may spread its input
/// out as a matrix, nine times that, and a device binds a few hundred megabytes at once.
const LARGEST: usize = 64 << 20;

/// How images are cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Pixels on the side of a square, without its margin.
    pub side: usize,
    /// The margin.
    pub margin: usize,
    /// Squares begin at multiples of this.
    pub align: usize,
}

impl Cut {
    /// The largest squares, for a graph of so many channels in, whose values are small enough.
    pub fn of(graph: &Graph, channels: usize, reach: usize, align: usize) -> Self {
        let margin = reach.next_multiple_of(align);
        let bytes = |side: usize| {
            let n = (side + 2 * margin).next_multiple_of(align);
            let shapes = graph.shapes([channels, n, n]).unwrap_or_default();
            4 * shapes.iter().map(|s| s.iter().product::<usize>()).max().unwrap_or(0)
        };
        let mut side = SIDE;
        // Below the margin most of the work would be done twice.
        while side > margin.max(64) && bytes(side) > LARGEST {
            side /= 2;
        }
        Self { side: side.next_multiple_of(align), margin, align }
    }

    /// Passes planes of `size` (rows, columns), and planes of one value each, through `net`.
    pub fn pass(
        &self,
        net: impl Fn(&Value) -> Result<Value, NnError>,
        planes: &[&[f32]],
        constants: &[f32],
        size: [usize; 2],
        out: &mut [f32],
        cx: &Context,
    ) -> Result<(), NnError> {
        let [h, w] = size;
        let [rows, columns] = size.map(|n| self.along(n));
        let channels = planes.len() + constants.len();
        let total = (rows.len() * columns.len()) as u64;
        let squares = rows.iter().flat_map(|r| columns.iter().map(move |c| (r, c)));
        for ((y, x), done) in squares.zip(0..) {
            cx.check()?;
            cx.progress.step(done, total);
            let mut square = Vec::with_capacity(channels * y.from.len() * x.from.len());
            for plane in planes {
                for &row in &y.from {
                    let row = &plane[row * w..][..w];
                    square.extend(x.from.iter().map(|&column| row[column]));
                }
            }
            for &constant in constants {
                square.resize(square.len() + y.from.len() * x.from.len(), constant);
            }
            let shape = [channels, y.from.len(), x.from.len()];
            let restored = net(&Value::from_planes(1, shape, &square)?)?.to_planes();
            let area = shape[1] * shape[2];
            for (plane, to) in restored.chunks_exact(area).zip(out.chunks_exact_mut(h * w)) {
                for row in y.start..y.end {
                    let from = (row - y.start + y.skip) * shape[2] + x.skip;
                    to[row * w + x.start..row * w + x.end]
                        .copy_from_slice(&plane[from..from + x.end - x.start]);
                }
            }
        }
        cx.progress.step(total, total);
        Ok(())
    }

    /// The cuts of `n` rows or columns, which are continued by reflection to the alignment.
    fn along(&self, n: usize) -> Vec<Part> {
        let padded = n.next_multiple_of(self.align);
        let part = |start: usize| {
            let end = n.min(start + self.side);
            let first = start.saturating_sub(self.margin);
            let last = padded.min((end + self.margin).next_multiple_of(self.align));
            let inside = |i: usize| Border::Reflect.index(i as isize, n).unwrap_or(0);
            Part { start, end, skip: start - first, from: (first..last).map(inside).collect() }
        };
        (0..n).step_by(self.side).map(part).collect()
    }
}

/// Rows, or columns, of a square.
struct Part {
    /// The first that is kept.
    start: usize,
    /// Behind the last that is kept.
    end: usize,
    /// How many the margin puts before them.
    skip: usize,
    /// Where each comes from.
    from: Vec<usize>,
}
