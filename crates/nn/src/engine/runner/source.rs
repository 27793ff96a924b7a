//! What goes into a net row by row, and what comes out.

use super::plan::Last;
use restora_image::Border;

/// Planes of the input as the net sees them: a window of an image, continued by reflection, and planes of one
/// value each.
pub struct Source<'a> {
    /// Planes of the image, one after the other, and how many rows and columns they have.
    planes: Vec<&'a [f32]>,
    /// The value of each further plane.
    constants: &'a [f32],
    image_width: usize,
    /// The row of the image for every row of the net's input.
    rows: Vec<usize>,
    /// The column of the image for every column of the net's input.
    columns: Vec<usize>,
}

impl<'a> Source<'a> {
    /// The rows `0..h` and the columns `from..from + w` of planes of `size` (rows, columns), reflected where
    /// they end.
    pub fn new(
        planes: &[&'a [f32]],
        constants: &'a [f32],
        size: [usize; 2],
        h: usize,
        [from, w]: [usize; 2],
    ) -> Self {
        let index = |i: usize, n: usize| Border::Reflect.index(i as isize, n).unwrap_or(0);
        Self {
            planes: planes.to_vec(),
            constants,
            image_width: size[1],
            rows: (0..h).map(|i| index(i, size[0])).collect(),
            columns: (from..from + w).map(|i| index(i, size[1])).collect(),
        }
    }

    /// Row `row` of the input after space to depth by `factor`, channels last.
    pub fn unshuffled(&self, row: usize, factor: usize, y: &mut [f32]) {
        let channels = (self.planes.len() + self.constants.len()) * factor * factor;
        for dy in 0..factor {
            let at = self.rows[row * factor + dy] * self.image_width;
            for (c, plane) in self.planes.iter().enumerate() {
                let from = &plane[at..at + self.image_width];
                for dx in 0..factor {
                    let to = y[(c * factor + dy) * factor + dx..].iter_mut().step_by(channels);
                    let columns = self.columns[dx..].iter().step_by(factor);
                    to.zip(columns).for_each(|(y, &x)| *y = from[x]);
                }
            }
        }
        for (k, &value) in self.constants.iter().enumerate() {
            let first = (self.planes.len() + k) * factor * factor;
            for pixel in y.chunks_exact_mut(channels) {
                pixel[first..first + factor * factor].fill(value);
            }
        }
    }

    /// Writes row `row` of the output, columns `columns` of it, to `to` (a plane's row from the first of
    /// these columns on): channel `c` of a value's row `y` after [`Last`].
    pub fn write(
        &self,
        last: Last,
        [row, c]: [usize; 2],
        columns: std::ops::Range<usize>,
        y: &[f32],
        channels: usize,
        to: &mut [f32],
    ) {
        let f = last.shuffle;
        let first = c * f * f + row % f * f;
        if f == 1 && channels == 1 {
            to.copy_from_slice(&y[columns.clone()]);
        } else {
            for (to, x) in to.iter_mut().zip(columns.clone()) {
                *to = y[x / f * channels + first + x % f];
            }
        }
        if last.residual {
            let image = match self.planes.get(c) {
                Some(plane) => &plane[self.rows[row] * self.image_width..][..self.image_width],
                None => {
                    return to
                        .iter_mut()
                        .for_each(|t| *t = self.constants[c - self.planes.len()] - *t);
                }
            };
            for (to, &x) in to.iter_mut().zip(&self.columns[columns]) {
                *to = image[x] - *to;
            }
        }
    }
}
