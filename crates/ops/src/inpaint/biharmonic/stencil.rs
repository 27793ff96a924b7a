//! The squared Laplacian of an image, entry by entry, and what is known around a group of holes.

use super::super::groups::Group;
use restora_image::{Mask, Size};

/// Pixels that the squared Laplacian couples to one, itself not among them.
pub(super) const NEIGHBORS: [(isize, isize); 12] = [
    (0, -2),
    (-1, -1),
    (0, -1),
    (1, -1),
    (-2, 0),
    (-1, 0),
    (1, 0),
    (2, 0),
    (-1, 1),
    (0, 1),
    (1, 1),
    (0, 2),
];

/// The pixels of an image, as the nodes of a grid whose Laplacian is squared.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    size: Size,
}

impl Grid {
    pub fn new(size: Size) -> Self {
        Self { size }
    }

    /// The pixel so far from another, if the image has it.
    #[inline(always)]
    pub fn at(self, (x, y): (usize, usize), (dx, dy): (isize, isize)) -> Option<(usize, usize)> {
        let (x, y) = (x.wrapping_add_signed(dx), y.wrapping_add_signed(dy));
        (x < self.size.w() && y < self.size.h()).then_some((x, y))
    }

    /// Does the image have all the pixels that the stencil reaches from one?
    #[inline(always)]
    fn is_inner(self, (x, y): (usize, usize)) -> bool {
        x >= 2 && y >= 2 && x + 2 < self.size.w() && y + 2 < self.size.h()
    }

    /// Pixels beside one: its edge pixels continue an image, so that they count for nothing beyond it.
    #[inline(always)]
    fn degree(self, (x, y): (usize, usize)) -> i32 {
        let side = |i: usize, n: usize| i32::from(i > 0) + i32::from(i + 1 < n);
        side(x, self.size.w()) + side(y, self.size.h())
    }

    /// The entry of `L L` at a pixel and itself.
    #[inline(always)]
    pub fn own(self, pixel: (usize, usize)) -> f64 {
        let degree = self.degree(pixel);
        f64::from(degree * degree + degree)
    }

    /// The entry of `L L` at a pixel and the one so far from it, one of [`NEIGHBORS`] inside the image:
    /// the sum over the ways of two steps.
    #[inline(always)]
    pub fn between(self, pixel: (usize, usize), (dx, dy): (isize, isize)) -> f64 {
        match (dx.abs(), dy.abs()) {
            (2, 0) | (0, 2) => 1.0,
            (1, 1) => 2.0,
            _ => {
                let other = self.at(pixel, (dx, dy)).unwrap_or(pixel);
                -f64::from(self.degree(pixel) + self.degree(other))
            }
        }
    }
}

/// What is known as far around a group as the stencil reaches.
pub(super) struct Known {
    /// The mean, each value as often as it is coupled to a missing one; all are taken relative to it.
    pub mean: f64,
    pub least: f32,
    pub largest: f32,
}

impl Known {
    pub fn around(group: &Group, plane: &[f32], mask: &Mask) -> Self {
        let grid = Grid::new(mask.size());
        let (w, missing) = (mask.size().w(), mask.data());
        let steps = NEIGHBORS.map(|(dx, dy)| dy * w as isize + dx);
        let mut known = Self { mean: 0.0, least: f32::INFINITY, largest: f32::NEG_INFINITY };
        let mut count = 0.0;
        let mut see = |i: usize| {
            if !missing[i] {
                known.least = known.least.min(plane[i]);
                known.largest = known.largest.max(plane[i]);
                known.mean += f64::from(plane[i]);
                count += 1.0;
            }
        };
        for pixel in group.pixels() {
            if grid.is_inner(pixel) {
                let i = pixel.1 * w + pixel.0;
                for step in steps {
                    see(i.wrapping_add_signed(step));
                }
            } else {
                for (x, y) in NEIGHBORS.iter().filter_map(|step| grid.at(pixel, *step)) {
                    see(y * w + x);
                }
            }
        }
        known.mean /= f64::max(count, 1.0);
        known
    }

    /// A value within the range of the known ones.
    pub fn within(&self, value: f32) -> f32 {
        value.max(self.least).min(self.largest)
    }
}
