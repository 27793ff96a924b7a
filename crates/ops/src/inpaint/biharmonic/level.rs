//! The bounding box of a group of holes with a margin, and its coarser levels.

use super::super::groups::Group;
use restora_image::{Size, simd};
use std::ops::{Add, AddAssign, Mul, Sub};

/// Cells around the bounding box: the stencil reaches two, and one is for the edge of the image.
const PAD: usize = 3;
/// Known cells between two holes of a row that are taken into one run.
const GAP: usize = 4;

/// What a coarse cell gives to the four cells it is spread over, on each axis.
const WEIGHTS: [f32; 4] = [0.25, 0.75, 0.75, 0.25];

/// What vectors are made of.
pub(super) trait Real:
    Copy
    + Default
    + From<f32>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + AddAssign
{
}
impl Real for f32 {}
impl Real for f64 {}

/// Cells of a level and which of them are unknowns. Outside the holes all vectors are 0, but for
/// the cells just outside the image, which mirror its edge.
pub(super) struct Level {
    /// Cells per row and rows.
    w: usize,
    h: usize,
    /// Where the image begins and ends in cells.
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
    /// Coordinates of cell (0, 0), even: pairs of cells from an even one on become one cell of the coarser
    /// level. Zero is the edge of the image if that is in the box, else the first pixel of the group, so that
    /// results do not depend on where in an image a group lies.
    origin: (isize, isize),
    /// Coordinates of the image's first pixel and of those past its last.
    first: (isize, isize),
    end: (isize, isize),
    /// Cells of the runs of holes, and of the runs with their neighbors.
    pub holes: Vec<(usize, usize)>,
    around: Vec<(usize, usize)>,
    /// 1 in the holes, else 0.
    missing: Vec<f32>,
    /// Number of holes.
    pub unknowns: usize,
}

impl Level {
    /// The finest level.
    pub fn of(group: &Group, size: Size) -> Self {
        let (x, y, w, h) = group.bounds();
        let zero = |start: usize| if start <= PAD { 0 } else { start as isize };
        let first = (-zero(x), -zero(y));
        let end = (first.0 + size.w() as isize, first.1 + size.h() as isize);
        let (x, y) = (x as isize + first.0, y as isize + first.1);
        let origin = (even(x - PAD as isize), even(y - PAD as isize));
        let reach = |start: isize, n: usize, o: isize| (start - o) as usize + n + PAD;
        let (w, h) = (reach(x, w, origin.0), reach(y, h, origin.1));
        let mut level = Self::empty((w, h), origin, first, end);
        for pixel in group.pixels() {
            let cell = level.cell(pixel);
            level.missing[cell] = 1.0;
        }
        level.find_runs();
        level
    }

    fn empty(
        (w, h): (usize, usize),
        origin: (isize, isize),
        first: (isize, isize),
        end: (isize, isize),
    ) -> Self {
        let at = |v: isize, o: isize, n: usize| (v - o).clamp(0, n as isize) as usize;
        Self {
            w,
            h,
            left: at(first.0, origin.0, w),
            top: at(first.1, origin.1, h),
            right: at(end.0, origin.0, w),
            bottom: at(end.1, origin.1, h),
            origin,
            first,
            end,
            holes: Vec::new(),
            around: Vec::new(),
            missing: vec![0.0; w * h],
            unknowns: 0,
        }
    }

    /// The level of half the resolution. Its unknowns are the cells whose function, spread by
    /// [`Self::prolong`], lies in holes only; `None` if there are none.
    pub fn coarser(&self) -> Option<Self> {
        let half = (self.origin.0 / 2, self.origin.1 / 2);
        let origin = (even(half.0 - 2), even(half.1 - 2));
        let side = |n: usize, half: isize, o: isize| n.div_ceil(2) + (half - o) as usize + 2;
        let (w, h) = (side(self.w, half.0, origin.0), side(self.h, half.1, origin.1));
        let first = (self.first.0.div_euclid(2), self.first.1.div_euclid(2));
        let end = ((self.end.0 + 1).div_euclid(2), (self.end.1 + 1).div_euclid(2));
        let mut coarse = Self::empty((w, h), origin, first, end);
        let (dx, dy) = self.shift(&coarse);
        let fits = |x: usize, y: usize| {
            let (x, y) = (2 * x as isize + dx, 2 * y as isize + dy);
            let inside = |v: isize, first: isize, end: isize| v >= first && v < end;
            (y - 1..y + 3).filter(|y| inside(y + self.origin.1, self.first.1, self.end.1)).all(
                |y| {
                    let row = (x - 1..x + 3)
                        .filter(|x| inside(x + self.origin.0, self.first.0, self.end.0));
                    row.into_iter().all(|x| {
                        inside(y, 0, self.h as isize)
                            && inside(x, 0, self.w as isize)
                            && self.missing[y as usize * self.w + x as usize] > 0.0
                    })
                },
            )
        };
        for y in coarse.top..coarse.bottom {
            for x in coarse.left..coarse.right {
                if fits(x, y) {
                    coarse.missing[y * w + x] = 1.0;
                }
            }
        }
        coarse.find_runs();
        (coarse.unknowns > 0).then_some(coarse)
    }

    /// Cell 2 x + shift is the left one of the two that cell x of `coarse` covers.
    fn shift(&self, coarse: &Self) -> (isize, isize) {
        (2 * coarse.origin.0 - self.origin.0, 2 * coarse.origin.1 - self.origin.1)
    }

    pub fn len(&self) -> usize {
        self.w * self.h
    }

    /// The cell of a pixel of the plane.
    pub fn cell(&self, (x, y): (usize, usize)) -> usize {
        let x = x as isize + self.first.0 - self.origin.0;
        let y = y as isize + self.first.1 - self.origin.1;
        y as usize * self.w + x as usize
    }

    /// Runs of holes, those less than [`GAP`] cells apart joined, and the same with the cells beside,
    /// above and below them that lie in the image.
    fn find_runs(&mut self) {
        let mut near = vec![false; self.len()];
        for y in self.top..self.bottom {
            let mut x = self.left;
            let row = y * self.w;
            let cells = &self.missing[row..row + self.w];
            while let Some(a) = cells[x..self.right].iter().position(|m| *m > 0.0).map(|i| x + i) {
                let n = cells[a..self.right].iter().position(|m| *m == 0.0);
                let b = n.map_or(self.right, |n| a + n);
                self.unknowns += b - a;
                match self.holes.last_mut() {
                    Some(last) if last.1 >= row && row + a <= last.1 + GAP => last.1 = row + b,
                    _ => self.holes.push((row + a, row + b)),
                }
                x = b;
            }
        }
        for &(a, b) in &self.holes {
            near[a - 1..=b].fill(true);
            near[a - self.w..b - self.w].fill(true);
            near[a + self.w..b + self.w].fill(true);
        }
        for y in self.top..self.bottom {
            let row = &near[y * self.w..][..self.w];
            let mut x = self.left;
            while let Some(a) = row[x..self.right].iter().position(|n| *n).map(|i| x + i) {
                let b = row[a..self.right].iter().position(|n| !*n).map_or(self.right, |i| a + i);
                self.around.push((y * self.w + a, y * self.w + b));
                x = b;
            }
        }
    }

    /// Copies what is outside the holes as far from them as the stencil reaches, less `mean`.
    pub fn read_known(&self, plane: &[f32], width: usize, mean: f64, out: &mut [f64]) {
        let pixel = |cell: usize| {
            let x = (cell % self.w) as isize + self.origin.0 - self.first.0;
            let y = (cell / self.w) as isize + self.origin.1 - self.first.1;
            y as usize * width + x as usize
        };
        let mut read = |from: usize, to: usize| {
            for cell in from..to {
                if self.missing[cell] == 0.0 {
                    out[cell] = f64::from(plane[pixel(cell)]) - mean;
                }
            }
        };
        for &(a, b) in &self.around {
            let (x, y) = (a % self.w, a / self.w);
            let end = x + b - a;
            let wide = (x.saturating_sub(1).max(self.left), (end + 1).min(self.right));
            for row in y.saturating_sub(1).max(self.top)..(y + 2).min(self.bottom) {
                let (from, to) = if row == y { wide } else { (x, end) };
                read(row * self.w + from, row * self.w + to);
            }
        }
    }

    /// `w = L (L u)` in the holes; `v` takes `L u`.
    pub fn twice<T: Real>(&self, u: &mut [T], v: &mut [T], w: &mut [T]) {
        self.mirror(u);
        self.laplace(&self.around, u, v);
        self.mirror(v);
        self.laplace(&self.holes, v, w);
        for &(a, b) in &self.holes {
            for (w, missing) in w[a..b].iter_mut().zip(&self.missing[a..b]) {
                *w = *w * T::from(*missing);
            }
        }
    }

    fn laplace<T: Real>(&self, runs: &[(usize, usize)], u: &[T], out: &mut [T]) {
        let four = T::from(4.0);
        simd(
            #[inline(always)]
            || {
                for &(a, b) in runs {
                    let n = b - a;
                    let (up, down) = (&u[a - self.w..][..n], &u[a + self.w..][..n]);
                    let (left, right) = (&u[a - 1..][..n], &u[a + 1..][..n]);
                    let (here, out) = (&u[a..b], &mut out[a..b]);
                    for i in 0..n {
                        out[i] = (up[i] + down[i]) + (left[i] + right[i]) - four * here[i];
                    }
                }
            },
        );
    }

    /// Continues the image by its edge pixels, where the box passes the edge.
    fn mirror<T: Real>(&self, u: &mut [T]) {
        let w = self.w;
        for y in self.top..self.bottom {
            if self.left > 0 {
                u[y * w + self.left - 1] = u[y * w + self.left];
            }
            if self.right < w {
                u[y * w + self.right] = u[y * w + self.right - 1];
            }
        }
        if self.top > 0 {
            u.copy_within(self.top * w..(self.top + 1) * w, (self.top - 1) * w);
        }
        if self.bottom < self.h {
            u.copy_within((self.bottom - 1) * w..self.bottom * w, self.bottom * w);
        }
    }

    /// `to += spread(from)` of the coarser level, in the holes: bilinear between centers of cells,
    /// which refined for ever gives quadratic B-splines, whose bending is finite.
    pub fn prolong(&self, coarse: &Self, from: &mut [f32], to: &mut [f32]) {
        coarse.mirror(from);
        let (dx, dy) = self.shift(coarse);
        for &(a, b) in &self.holes {
            let y = (a / self.w) as isize - dy;
            let x0 = (a % self.w) as isize - dx;
            let near = (y >> 1) as usize;
            let far = if y & 1 == 0 { near - 1 } else { near + 1 };
            let (near, far) =
                (&from[near * coarse.w..][..coarse.w], &from[far * coarse.w..][..coarse.w]);
            for i in 0..b - a {
                let x = x0 + i as isize;
                let j = (x >> 1) as usize;
                let k = if x & 1 == 0 { j - 1 } else { j + 1 };
                let value = 0.75 * (0.75 * near[j] + 0.25 * near[k])
                    + 0.25 * (0.75 * far[j] + 0.25 * far[k]);
                to[a + i] = value * self.missing[a + i];
            }
        }
    }

    /// The transpose of [`Self::prolong`], times 4: what the coarser equation `L L e = f` has on its
    /// right, its cells being twice as wide.
    pub fn restrict(&self, from: &mut [f32], coarse: &Self, to: &mut [f32]) {
        self.mirror(from);
        // The last cell of an odd image has a coarse cell of its own.
        if self.end.0 % 2 != 0 && self.right < self.w {
            (self.top..self.bottom).for_each(|y| from[y * self.w + self.right] = 0.0);
        }
        if self.end.1 % 2 != 0 && self.bottom < self.h {
            from[self.bottom * self.w..][..self.w].fill(0.0);
        }
        let (dx, dy) = self.shift(coarse);
        for &(a, b) in &coarse.holes {
            let y = 2 * (a / coarse.w) as isize + dy;
            let x0 = 2 * (a % coarse.w) as isize + dx;
            for i in 0..b - a {
                if coarse.missing[a + i] == 0.0 {
                    to[a + i] = 0.0;
                    continue;
                }
                let x = x0 + 2 * i as isize;
                let mut sum = 0.0;
                for (j, wy) in WEIGHTS.iter().enumerate() {
                    let at = (y + j as isize - 1) * self.w as isize + x - 1;
                    let row = &from[at as usize..][..4];
                    let along: f32 = row.iter().zip(WEIGHTS).map(|(v, w)| v * w).sum();
                    sum += wy * along;
                }
                to[a + i] = 4.0 * sum;
            }
        }
    }
}

fn even(v: isize) -> isize {
    v - v.rem_euclid(2)
}
