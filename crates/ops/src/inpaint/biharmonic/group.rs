//! Holes that have to be solved together, and their system.

use restora_image::{Context, Mask, OpError, simd};

/// Known pixels between two holes of a row that are taken into one run: longer runs are faster, and
/// what is known in them is masked out.
const GAP: usize = 4;
/// The residual that the steps end at, as a share of the first one.
const TOLERANCE: f64 = 1e-8;
/// Steps at most: a hole 1000 pixels deep has converged by then as far as 16 bits show.
const STEPS: usize = 20_000;
/// Cells around the bounding box: the stencil reaches two, and one is for the edge of the image.
const PAD: usize = 3;

/// Pixels `x0..x1` of row `y`.
#[derive(Clone, Copy, Debug)]
struct Run {
    y: usize,
    x0: usize,
    x1: usize,
}

/// Holes within reach of each other's stencils.
pub(super) struct Group {
    runs: Vec<Run>,
}

/// The groups of a mask, in the order of their first pixel.
pub(super) fn groups(mask: &Mask) -> Vec<Group> {
    let runs = runs(mask);
    let mut parent: Vec<usize> = (0..runs.len()).collect();
    let row_start: Vec<usize> =
        (0..=mask.size().h()).map(|y| runs.partition_point(|run| run.y < y)).collect();
    for y in 0..mask.size().h() {
        let here = row_start[y]..row_start[y + 1];
        // Holes of a row that a stencil of radius 2 spans are one run already.
        for above in [y.checked_sub(1), y.checked_sub(2)].into_iter().flatten() {
            let mut j = row_start[above];
            for i in here.clone() {
                while j < row_start[above + 1] && runs[j].x1 + 2 < runs[i].x0 {
                    j += 1;
                }
                let mut k = j;
                while k < row_start[above + 1] && runs[k].x0 <= runs[i].x1 + 2 {
                    join(&mut parent, i, k);
                    k += 1;
                }
            }
        }
    }
    let mut number = vec![usize::MAX; runs.len()];
    let mut groups: Vec<Group> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        let root = root(&mut parent, i);
        if number[root] == usize::MAX {
            number[root] = groups.len();
            groups.push(Group { runs: Vec::new() });
        }
        groups[number[root]].runs.push(*run);
    }
    groups
}

fn root(parent: &mut [usize], mut i: usize) -> usize {
    while parent[i] != i {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    i
}

/// Joins two sets under the smaller root.
fn join(parent: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a.max(b)] = a.min(b);
}

/// Runs of missing pixels, those less than [`GAP`] known ones apart joined, row by row.
fn runs(mask: &Mask) -> Vec<Run> {
    let (w, h) = (mask.size().w(), mask.size().h());
    let mut runs: Vec<Run> = Vec::new();
    for y in 0..h {
        let row = &mask.data()[y * w..][..w];
        let mut x = 0;
        while let Some(from) = row[x..].iter().position(|m| *m).map(|i| x + i) {
            let end = row[from..].iter().position(|m| !*m).map_or(w, |i| from + i);
            match runs.last_mut() {
                Some(last) if last.y == y && from <= last.x1 + GAP => last.x1 = end,
                _ => runs.push(Run { y, x0: from, x1: end }),
            }
            x = end;
        }
    }
    runs
}

impl Group {
    /// Indices of its missing pixels in a plane of the mask's size, in order.
    pub fn pixels<'a>(&'a self, mask: &'a Mask) -> impl Iterator<Item = usize> + 'a {
        let w = mask.size().w();
        let all = self.runs.iter().flat_map(move |r| r.y * w + r.x0..r.y * w + r.x1);
        all.filter(move |&i| mask.data()[i])
    }

    /// The values of [`Self::pixels`].
    pub fn solve(&self, plane: &[f32], mask: &Mask, cx: &Context) -> Result<Vec<f32>, OpError> {
        let grid = Grid::new(self, mask);
        let mut given = vec![0.0; grid.len()];
        let mean = grid.read_known(plane, mask, &mut given);
        let (mut first, mut w) = (vec![0.0; grid.len()], vec![0.0; grid.len()]);
        grid.twice(&mut given, &mut first, &mut w);
        // The holes of `given` are 0, so that all of `w` comes from what is known: the right side.
        let mut residual: Vec<f64> = w.iter().map(|v| -v).collect();
        let mut x = given;
        x.fill(0.0);
        let mut p = residual.clone();
        let mut norm = grid.dot(&residual, &residual);
        let end = norm * TOLERANCE * TOLERANCE;
        for step in 0..STEPS {
            if norm <= end {
                break;
            }
            if step % 16 == 0 {
                cx.check()?;
            }
            grid.twice(&mut p, &mut first, &mut w);
            let alpha = norm / grid.dot(&p, &w);
            if !alpha.is_finite() {
                break;
            }
            grid.add(&mut x, alpha, &p);
            grid.add(&mut residual, -alpha, &w);
            let next = grid.dot(&residual, &residual);
            grid.scale_and_add(&mut p, next / norm, &residual);
            norm = next;
        }
        Ok(self.pixels(mask).map(|i| (x[grid.cell(i)] + mean) as f32).collect())
    }
}

/// The bounding box of a group with a margin. Outside its holes all vectors are 0.
struct Grid {
    /// Cells per row and rows.
    w: usize,
    h: usize,
    /// Where the image begins and ends in cells; the cells just outside mirror its edge.
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
    /// The image pixel of cell (0, 0), which may lie outside.
    origin: (isize, isize),
    image_width: usize,
    /// Cells of the runs, and of the runs with their neighbors.
    holes: Vec<(usize, usize)>,
    around: Vec<(usize, usize)>,
    /// 1 in the holes, else 0.
    missing: Vec<f64>,
}

impl Grid {
    fn new(group: &Group, mask: &Mask) -> Self {
        let runs = &group.runs;
        let x0 = runs.iter().map(|r| r.x0).min().unwrap_or(0);
        let x1 = runs.iter().map(|r| r.x1).max().unwrap_or(0);
        let (y0, y1) = (runs[0].y, runs[runs.len() - 1].y + 1);
        let (w, h) = (x1 - x0 + 2 * PAD, y1 - y0 + 2 * PAD);
        let origin = (x0 as isize - PAD as isize, y0 as isize - PAD as isize);
        let cell =
            |v: usize, origin: isize, n: usize| (v as isize - origin).clamp(0, n as isize) as usize;
        let mut grid = Self {
            w,
            h,
            left: cell(0, origin.0, w),
            top: cell(0, origin.1, h),
            right: cell(mask.size().w(), origin.0, w),
            bottom: cell(mask.size().h(), origin.1, h),
            origin,
            image_width: mask.size().w(),
            holes: Vec::new(),
            around: Vec::new(),
            missing: vec![0.0; w * h],
        };
        for run in runs {
            let start = grid.cell(run.y * grid.image_width + run.x0);
            grid.holes.push((start, start + run.x1 - run.x0));
        }
        for i in group.pixels(mask) {
            let cell = grid.cell(i);
            grid.missing[cell] = 1.0;
        }
        grid.around = grid.grown();
        grid
    }

    fn len(&self) -> usize {
        self.w * self.h
    }

    /// The cell of a pixel of the plane.
    fn cell(&self, pixel: usize) -> usize {
        let (x, y) = ((pixel % self.image_width) as isize, (pixel / self.image_width) as isize);
        (y - self.origin.1) as usize * self.w + (x - self.origin.0) as usize
    }

    /// The runs with the cells beside, above and below them that lie in the image.
    fn grown(&self) -> Vec<(usize, usize)> {
        let mut near = vec![false; self.len()];
        for &(a, b) in &self.holes {
            near[a - 1..=b].fill(true);
            near[a - self.w..b - self.w].fill(true);
            near[a + self.w..b + self.w].fill(true);
        }
        let mut around = Vec::new();
        for y in self.top..self.bottom {
            let row = &near[y * self.w..][..self.w];
            let mut x = self.left;
            while let Some(a) = row[x..self.right].iter().position(|n| *n).map(|i| x + i) {
                let b = row[a..self.right].iter().position(|n| !*n).map_or(self.right, |i| a + i);
                around.push((y * self.w + a, y * self.w + b));
                x = b;
            }
        }
        around
    }

    /// Copies what is known near the holes, less its mean, which is returned.
    fn read_known(&self, plane: &[f32], mask: &Mask, out: &mut [f64]) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        let known = |x: usize, y: usize| {
            let (x, y) = (x as isize + self.origin.0, y as isize + self.origin.1);
            let i = y as usize * self.image_width + x as usize;
            (!mask.data()[i]).then(|| f64::from(plane[i]))
        };
        for y in self.top..self.bottom {
            for x in self.left..self.right {
                if let Some(v) = known(x, y) {
                    sum += v;
                    count += 1.0;
                }
            }
        }
        let mean = sum / f64::max(count, 1.0);
        for y in self.top..self.bottom {
            for x in self.left..self.right {
                out[y * self.w + x] = known(x, y).map_or(0.0, |v| v - mean);
            }
        }
        mean
    }

    /// `w = L (L u)` in the holes; `v` takes `L u`.
    fn twice(&self, u: &mut [f64], v: &mut [f64], w: &mut [f64]) {
        self.mirror(u);
        self.laplace(&self.around, u, v);
        self.mirror(v);
        self.laplace(&self.holes, v, w);
        for &(a, b) in &self.holes {
            for (w, missing) in w[a..b].iter_mut().zip(&self.missing[a..b]) {
                *w *= missing;
            }
        }
    }

    fn laplace(&self, runs: &[(usize, usize)], u: &[f64], out: &mut [f64]) {
        simd(
            #[inline(always)]
            || {
                for &(a, b) in runs {
                    let n = b - a;
                    let (up, down) = (&u[a - self.w..][..n], &u[a + self.w..][..n]);
                    let (left, right) = (&u[a - 1..][..n], &u[a + 1..][..n]);
                    let (here, out) = (&u[a..b], &mut out[a..b]);
                    for i in 0..n {
                        out[i] = (up[i] + down[i]) + (left[i] + right[i]) - 4.0 * here[i];
                    }
                }
            },
        );
    }

    /// Continues the image by its edge pixels, where the box passes the edge.
    fn mirror(&self, u: &mut [f64]) {
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

    fn dot(&self, a: &[f64], b: &[f64]) -> f64 {
        let mut sums = [0.0; 8];
        for &(from, to) in &self.holes {
            let (mut a, mut b) = (a[from..to].chunks_exact(8), b[from..to].chunks_exact(8));
            for (a, b) in a.by_ref().zip(b.by_ref()) {
                for k in 0..8 {
                    sums[k] += a[k] * b[k];
                }
            }
            for (k, (a, b)) in a.remainder().iter().zip(b.remainder()).enumerate() {
                sums[k] += a * b;
            }
        }
        sums.iter().sum()
    }

    fn add(&self, to: &mut [f64], factor: f64, what: &[f64]) {
        for &(a, b) in &self.holes {
            for (to, what) in to[a..b].iter_mut().zip(&what[a..b]) {
                *to += factor * what;
            }
        }
    }

    fn scale_and_add(&self, p: &mut [f64], factor: f64, what: &[f64]) {
        for &(a, b) in &self.holes {
            for (p, what) in p[a..b].iter_mut().zip(&what[a..b]) {
                *p = what + factor * *p;
            }
        }
    }
}
