//! Elimination within one dense front, in tiles of 8 rows and up to 4 columns that stay in registers.

/// Rows of a tile; fronts have a multiple of them.
pub(super) const ROWS: usize = 8;
/// Columns of a tile at most.
const COLUMNS: usize = 4;

/// The columns of a front that are eliminated, one after another with `rows` rows each. Rows from `first`
/// on are theirs, those from [`Self::border`] on the border's. What lies above the diagonal has no
/// meaning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub pivots: usize,
    pub border: usize,
}

pub(super) fn up_to_tile(n: usize) -> usize {
    n.next_multiple_of(ROWS)
}

impl Shape {
    /// Rows of the front.
    #[inline(always)]
    pub fn rows(self) -> usize {
        up_to_tile(self.pivots) + self.below()
    }

    /// Rows of the border.
    #[inline(always)]
    pub fn below(self) -> usize {
        up_to_tile(self.border)
    }

    /// The row of the first pivot.
    #[inline(always)]
    pub fn first(self) -> usize {
        up_to_tile(self.pivots) - self.pivots
    }

    /// The row of the border's first.
    #[inline(always)]
    pub fn border_row(self) -> usize {
        up_to_tile(self.pivots)
    }

    /// Numbers that the columns take.
    pub fn len(self) -> usize {
        self.pivots * self.rows()
    }

    /// Multiplications of the elimination, nearly.
    pub fn cost(self) -> f64 {
        let (p, r) = (self.pivots as f64, self.rows() as f64);
        0.5 * p * (r * r - r * p + p * p / 3.0)
    }
}

/// Cholesky's factor of the eliminated columns, in place, and what it leaves of the border: `update`, of
/// [`Shape::below`] rows for each column of the border, is lessened by it.
#[inline(always)]
pub(super) fn eliminate(shape: Shape, front: &mut [f64], update: &mut [f64]) {
    let (rows, first) = (shape.rows(), shape.first());
    for j in (0..shape.pivots).step_by(COLUMNS) {
        let (done, rest) = front.split_at_mut(j * rows);
        let start = (first + j) / ROWS * ROWS;
        let n = (shape.pivots - j).min(COLUMNS);
        subtract(rows, done, first + j, start, n, &mut rest[start..], rows);
        panel(rows, first + j, &mut rest[..n * rows]);
    }
    let below = shape.below();
    for j in (0..shape.border).step_by(COLUMNS) {
        let n = (shape.border - j).min(COLUMNS);
        let start = shape.border_row() + j;
        let aligned = start / ROWS * ROWS;
        let to = &mut update[j * below + aligned - shape.border_row()..];
        subtract(rows, front, start, aligned, n, to, below);
    }
}

/// Factors neighboring columns by each other, the first with its diagonal in row `diagonal`.
#[inline(always)]
fn panel(rows: usize, diagonal: usize, columns: &mut [f64]) {
    let n = columns.len() / rows;
    for c in 0..n {
        let d = diagonal + c;
        let (own, others) = columns[c * rows..].split_at_mut(rows);
        let scale = 1.0 / own[d].sqrt();
        for v in &mut own[d..] {
            *v *= scale;
        }
        for (k, other) in others.chunks_exact_mut(rows).enumerate() {
            let factor = own[d + 1 + k];
            for (o, v) in other[d + 1..].iter_mut().zip(&own[d + 1..]) {
                *o -= factor * v;
            }
        }
    }
}

/// `to[i, c] -= sum over the columns k of done of done[start + i, k] done[row + c, k]`.
#[inline(always)]
fn subtract(
    rows: usize,
    done: &[f64],
    row: usize,
    start: usize,
    columns: usize,
    to: &mut [f64],
    stride: usize,
) {
    match columns {
        1 => tiles::<1>(rows, done, row, start, to, stride),
        2 => tiles::<2>(rows, done, row, start, to, stride),
        3 => tiles::<3>(rows, done, row, start, to, stride),
        _ => tiles::<4>(rows, done, row, start, to, stride),
    }
}

#[inline(always)]
fn tiles<const C: usize>(
    rows: usize,
    done: &[f64],
    row: usize,
    start: usize,
    to: &mut [f64],
    stride: usize,
) {
    for i in (0..rows - start).step_by(ROWS) {
        let mut sums = [[0.0; ROWS]; C];
        for column in done.chunks_exact(rows) {
            let factors: &[f64] = &column[row..row + C];
            let values: &[f64] = &column[start + i..][..ROWS];
            for c in 0..C {
                for r in 0..ROWS {
                    sums[c][r] += values[r] * factors[c];
                }
            }
        }
        for c in 0..C {
            for (to, sum) in to[c * stride + i..][..ROWS].iter_mut().zip(&sums[c]) {
                *to -= sum;
            }
        }
    }
}

/// Solves for the pivots, `values` being those of the rows of the front, and takes them off the border.
#[inline(always)]
pub(super) fn forward(shape: Shape, front: &[f64], values: &mut [f64]) {
    for (column, d) in front.chunks_exact(shape.rows()).zip(shape.first()..) {
        let v = values[d] / column[d];
        values[d] = v;
        for (to, l) in values[d + 1..].iter_mut().zip(&column[d + 1..]) {
            *to -= v * l;
        }
    }
}

/// The transpose of [`forward`]: the pivots from the border's values.
#[inline(always)]
pub(super) fn backward(shape: Shape, front: &[f64], values: &mut [f64]) {
    let diagonals = shape.first()..shape.border_row();
    for (column, d) in front.chunks_exact(shape.rows()).zip(diagonals).rev() {
        let sum = dot(&column[d + 1..], &values[d + 1..]);
        values[d] = (values[d] - sum) / column[d];
    }
}

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; ROWS];
    let (mut a, mut b) = (a.rchunks_exact(ROWS), b.rchunks_exact(ROWS));
    for (a, b) in a.by_ref().zip(b.by_ref()) {
        for k in 0..ROWS {
            sums[k] += a[k] * b[k];
        }
    }
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}
