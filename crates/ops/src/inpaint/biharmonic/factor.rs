//! Direct solution: the multifrontal method, Cholesky's factorization of a sparse matrix front by front.
//!
//! A front is a dense matrix over the pixels of a [`Node`] and those later in the order that they are coupled
//! to, directly or by what was eliminated before: its border. What its elimination leaves of the border goes
//! to the front that takes it up.
//!
//! Reference: I. S. Duff and J. K. Reid, "The multifrontal solution of indefinite sparse symmetric linear
//! equations", ACM Transactions on Mathematical Software 9(3), 1983, doi:10.1145/356044.356047.

use super::super::groups::Group;
use super::dense::{Shape, backward, eliminate, forward};
use super::dissection::{Dissection, Node};
use super::stencil::{Grid, NEIGHBORS};
use restora_image::{Context, OpError, Size, simd};
use std::ops::Range;

/// Numbers of a factor at most: a quarter of a gigabyte.
const LARGEST: usize = 1 << 25;
/// Numbers per unknown at least: 35 to 60 for strokes four to eight wide.
const LEAST: usize = 16;
/// Not a pixel of the group.
const OTHER: u32 = u32::MAX;

/// The factored system of a group.
pub(super) struct Factor {
    size: Size,
    pixels: Vec<(u32, u32)>,
    places: Places,
    fronts: Vec<Front>,
    /// Borders of the fronts, one after another.
    borders: Vec<u32>,
    /// Columns of the fronts, one after another.
    columns: Vec<f64>,
    links: Vec<Link>,
}

/// What a pixel outside the group brings to the equation of one inside.
struct Link {
    place: u32,
    pixel: u32,
    weight: f32,
}

struct Front {
    node: Node,
    shape: Shape,
    /// Where its border is in [`Factor::borders`].
    border: Range<usize>,
}

/// The place of every pixel in the order, by its position in the bounding box.
struct Places {
    left: usize,
    top: usize,
    width: usize,
    of: Vec<u32>,
}

impl Places {
    fn new(group: &Group, pixels: &[(u32, u32)]) -> Self {
        let (x, y, w, h) = group.bounds();
        // The stencil reaches two: what lies beyond is not of the group.
        let mut places = Self { left: x, top: y, width: w + 4, of: vec![OTHER; (w + 4) * (h + 4)] };
        for (i, &(x, y)) in pixels.iter().enumerate() {
            let at = places.index(x as usize, y as usize);
            places.of[at] = i as u32;
        }
        places
    }

    #[inline(always)]
    fn index(&self, x: usize, y: usize) -> usize {
        (y - self.top + 2) * self.width + x - self.left + 2
    }

    /// The places of [`NEIGHBORS`] in the order.
    #[inline(always)]
    fn around(&self, (x, y): (u32, u32)) -> [u32; 12] {
        let at = self.index(x as usize, y as usize);
        let mut places = [OTHER; 12];
        for (place, (dx, dy)) in places.iter_mut().zip(NEIGHBORS) {
            *place = self.of[at.wrapping_add_signed(dy * self.width as isize + dx)];
        }
        places
    }
}

impl Factor {
    /// Factors the system of a group of an image of `size`; `None` where that takes more than `cost`
    /// multiplications per unknown, or the factor would be too large.
    ///
    /// # Errors
    /// [`OpError::Cancelled`].
    pub fn of(group: &Group, size: Size, cost: f64, cx: &Context) -> Result<Option<Self>, OpError> {
        if group.len() > LARGEST / LEAST {
            return Ok(None);
        }
        let pixels: Vec<(u32, u32)> = group.pixels().map(|(x, y)| (x as u32, y as u32)).collect();
        let budget = cost * pixels.len() as f64;
        let Some(Dissection { pixels, nodes }) = Dissection::of(pixels, budget) else {
            return Ok(None);
        };
        let places = Places::new(group, &pixels);
        let mut factor = Self {
            size,
            pixels,
            places,
            fronts: Vec::with_capacity(nodes.len()),
            borders: Vec::new(),
            columns: Vec::new(),
            links: Vec::new(),
        };
        if !factor.find_fronts(nodes, budget) {
            return Ok(None);
        }
        factor.eliminate(cx)?;
        Ok(Some(factor))
    }

    /// Finds the borders of all fronts; false if the elimination costs too much.
    fn find_fronts(&mut self, nodes: Vec<Node>, mut budget: f64) -> bool {
        let mut seen_by = vec![OTHER; self.pixels.len()];
        // Fronts that nothing has taken up.
        let mut open: Vec<usize> = Vec::new();
        let mut len = 0;
        for (id, node) in nodes.into_iter().enumerate() {
            let start = self.borders.len();
            let mut see = |place: u32, borders: &mut Vec<u32>| {
                let later = place != OTHER && place as usize >= node.end;
                if later && seen_by[place as usize] != id as u32 {
                    seen_by[place as usize] = id as u32;
                    borders.push(place);
                }
            };
            for child in open.drain(open.len() - node.children..) {
                for i in self.fronts[child].border.clone() {
                    see(self.borders[i], &mut self.borders);
                }
            }
            for pixel in &self.pixels[node.start..node.end] {
                self.places
                    .around(*pixel)
                    .into_iter()
                    .for_each(|place| see(place, &mut self.borders));
            }
            self.borders[start..].sort_unstable();
            let border = start..self.borders.len();
            let shape = Shape { pivots: node.end - node.start, border: border.len() };
            len += shape.len();
            budget -= shape.cost();
            if budget < 0.0 || len > LARGEST {
                return false;
            }
            open.push(id);
            self.fronts.push(Front { node, shape, border });
        }
        self.columns = vec![0.0; len];
        true
    }

    /// Fills [`Self::columns`].
    fn eliminate(&mut self, cx: &Context) -> Result<(), OpError> {
        let grid = Grid::new(self.size);
        let w = self.size.w();
        // Rows of the current front's pixels, by their places.
        let mut row_of = vec![0_u32; self.pixels.len()];
        // What fronts left that nothing has taken up, one after another.
        let mut updates: Vec<f64> = Vec::new();
        let mut open: Vec<&Front> = Vec::new();
        let mut rest = &mut self.columns[..];
        for (id, front) in self.fronts.iter().enumerate() {
            if id % 256 == 0 {
                cx.check()?;
            }
            let (columns, later) = rest.split_at_mut(front.shape.len());
            rest = later;
            let (node, shape) = (&front.node, front.shape);
            let (rows, below) = (shape.rows(), shape.below());
            for (row, place) in (node.start..node.end).enumerate() {
                row_of[place] = (shape.first() + row) as u32;
            }
            let border = &self.borders[front.border.clone()];
            for (row, place) in border.iter().enumerate() {
                row_of[*place as usize] = (shape.border_row() + row) as u32;
            }
            for (place, column) in (node.start..).zip(columns.chunks_exact_mut(rows)) {
                let (x, y) = self.pixels[place];
                let pixel = (x as usize, y as usize);
                column[row_of[place] as usize] = grid.own(pixel);
                for (step, other) in NEIGHBORS.iter().zip(self.places.around((x, y))) {
                    if other == OTHER {
                        if let Some((x, y)) = grid.at(pixel, *step) {
                            let weight = grid.between(pixel, *step) as f32;
                            let pixel = (y * w + x) as u32;
                            self.links.push(Link { place: place as u32, pixel, weight });
                        }
                    } else if other as usize > place {
                        column[row_of[other as usize] as usize] = grid.between(pixel, *step);
                    }
                }
            }
            let children = open.split_off(open.len() - node.children);
            let size = |front: &Front| front.shape.below() * front.shape.border;
            let own = updates.len();
            updates.resize(own + size(front), 0.0);
            let (left, update) = updates.split_at_mut(own);
            let mut end = own;
            for child in children.iter().rev() {
                let stride = child.shape.below();
                let from = &left[end - size(child)..end];
                end -= size(child);
                let places = &self.borders[child.border.clone()];
                for (j, place) in places.iter().enumerate() {
                    let from = &from[j * stride..][..places.len()];
                    let place = *place as usize;
                    let to = if place < node.end {
                        &mut columns[(place - node.start) * rows..][..rows]
                    } else {
                        &mut update[(row_of[place] as usize - shape.border_row()) * below..]
                            [..below]
                    };
                    let above = rows - to.len();
                    for (v, place) in from[j..].iter().zip(&places[j..]) {
                        to[row_of[*place as usize] as usize - above] += v;
                    }
                }
            }
            simd(
                #[inline(always)]
                || eliminate(shape, columns, update),
            );
            updates.drain(end..own);
            open.push(front);
        }
        Ok(())
    }

    /// The values of the pixels of the group in a plane, row by row; relative to `mean`, which should be in
    /// the midst of them.
    pub fn solve(&self, group: &Group, plane: &[f32], mean: f64) -> Vec<f64> {
        let mut values = vec![0.0; self.pixels.len()];
        for link in &self.links {
            let v = f64::from(plane[link.pixel as usize]) - mean;
            values[link.place as usize] -= f64::from(link.weight) * v;
        }
        let tallest = self.fronts.iter().map(|f| f.shape.rows()).max().unwrap_or(0);
        let mut local = vec![0.0; tallest];
        simd(
            #[inline(always)]
            || self.substitute(&mut values, &mut local),
        );
        let value = |(x, y)| values[self.places.of[self.places.index(x, y)] as usize];
        group.pixels().map(value).collect()
    }

    /// Solves for `values`, with `local` for the rows of a front.
    #[inline(always)]
    fn substitute(&self, values: &mut [f64], local: &mut [f64]) {
        let mut start = 0;
        for front in &self.fronts {
            let (shape, node) = (front.shape, &front.node);
            let columns = &self.columns[start..][..shape.len()];
            start += shape.len();
            let local = &mut local[..shape.rows()];
            local.fill(0.0);
            let pivots = shape.first()..shape.border_row();
            local[pivots.clone()].copy_from_slice(&values[node.start..node.end]);
            forward(shape, columns, local);
            values[node.start..node.end].copy_from_slice(&local[pivots]);
            let border = &self.borders[front.border.clone()];
            for (v, place) in local[shape.border_row()..].iter().zip(border) {
                values[*place as usize] += v;
            }
        }
        for front in self.fronts.iter().rev() {
            let (shape, node) = (front.shape, &front.node);
            start -= shape.len();
            let columns = &self.columns[start..][..shape.len()];
            let local = &mut local[..shape.rows()];
            local.fill(0.0);
            let pivots = shape.first()..shape.border_row();
            local[pivots.clone()].copy_from_slice(&values[node.start..node.end]);
            let border = &self.borders[front.border.clone()];
            for (v, place) in local[shape.border_row()..].iter_mut().zip(border) {
                *v = values[*place as usize];
            }
            backward(shape, columns, local);
            values[node.start..node.end].copy_from_slice(&local[pivots]);
        }
    }
}
