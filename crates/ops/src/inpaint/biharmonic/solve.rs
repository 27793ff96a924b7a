//! Conjugate gradients, preconditioned by a V-cycle where holes are wide.

use super::super::groups::Group;
use super::level::Level;
use restora_image::{Context, OpError, Size, simd};

/// The square root of the energy of the error that the steps end at, as a share of the first one's: at 1e-6 a
/// hole 60 pixels wide among scattered ones was still off by 5e-4 in the middle, where an error has little energy.
const TOLERANCE: f64 = 1e-8;
/// Steps at most.
const STEPS: usize = 5000;
/// Chebyshev steps before and after the coarser level, and the share of the eigenvalues that they are for:
/// those from a 32nd of the largest up (of degrees 2 to 5 and shares 8 to 32 the fastest, by little).
const DEGREE: usize = 3;
const RATIO: f32 = 32.0;
/// The same where there is no coarser level: holes are at most some six cells wide.
const COARSEST_DEGREE: usize = 10;
const COARSEST_RATIO: f32 = 200.0;
/// The largest eigenvalue of `L L`.
const LARGEST: f32 = 64.0;

/// The levels that a group is solved on.
pub(super) struct Hierarchy {
    levels: Vec<Level>,
}

/// A group that is solved by steps.
pub(super) struct Steps {
    levels: Hierarchy,
    width: usize,
}

impl Steps {
    pub fn of(group: &Group, size: Size) -> Self {
        Self { levels: Hierarchy::new(Level::of(group, size)), width: size.w() }
    }

    /// The values of the pixels of the group in a plane, row by row, relative to `mean`.
    pub fn solve(
        &self,
        group: &Group,
        plane: &[f32],
        mean: f64,
        cx: &Context,
    ) -> Result<Vec<f64>, OpError> {
        let mut given = self.given(plane, mean);
        let solution = self.levels.solve(self.residual(&mut given), None, cx)?;
        let level = self.levels.finest();
        Ok(group.pixels().map(|pixel| solution.x[level.cell(pixel)]).collect())
    }

    /// The same from the values that the plane has there; also the energy to end at the next time, which is
    /// that of a start without them, or that of the last time.
    pub fn improve(
        &self,
        group: &Group,
        plane: &[f32],
        mean: f64,
        end: Option<f64>,
        cx: &Context,
    ) -> Result<(Vec<f64>, f64), OpError> {
        let level = self.levels.finest();
        let mut given = self.given(plane, mean);
        let end = end.unwrap_or_else(|| self.levels.end(&self.residual(&mut given)));
        for pixel in group.pixels() {
            let (x, y) = pixel;
            given[level.cell(pixel)] = f64::from(plane[y * self.width + x]) - mean;
        }
        let solution = self.levels.solve(self.residual(&mut given), Some(end), cx)?;
        let cells = group.pixels().map(|pixel| level.cell(pixel));
        Ok((cells.map(|cell| given[cell] + solution.x[cell]).collect(), end))
    }

    /// What is outside the holes, relative to `mean`; 0 in them.
    fn given(&self, plane: &[f32], mean: f64) -> Vec<f64> {
        let level = self.levels.finest();
        let mut given = vec![0.0; level.len()];
        level.read_known(plane, self.width, mean, &mut given);
        given
    }

    fn residual(&self, given: &mut [f64]) -> Vec<f64> {
        let level = self.levels.finest();
        let (mut first, mut right) = (vec![0.0; level.len()], vec![0.0; level.len()]);
        level.twice(given, &mut first, &mut right);
        for v in &mut right {
            *v = -*v;
        }
        right
    }
}

/// What steps lead to.
pub(super) struct Solution {
    pub x: Vec<f64>,
    /// Their number.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests count the steps"))]
    pub steps: usize,
}

impl Hierarchy {
    pub fn new(finest: Level) -> Self {
        let mut levels = vec![finest];
        while let Some(coarser) = levels[levels.len() - 1].coarser() {
            levels.push(coarser);
        }
        Self { levels }
    }

    pub fn finest(&self) -> &Level {
        &self.levels[0]
    }

    /// The energy of the error to end at, from the residual of a start without values.
    fn end(&self, residual: &[f64]) -> f64 {
        let level = self.finest();
        let first = if self.levels.len() > 1 {
            let mut cycle = Cycle::new(&self.levels);
            copy(level, residual, &mut cycle.vectors[0].b);
            cycle.run(&self.levels, 0);
            dot(level, residual, &cycle.vectors[0].z)
        } else {
            dot(level, residual, residual)
        };
        first * TOLERANCE * TOLERANCE
    }

    /// Solves `L L x = residual` in the holes, until the energy of the error is `end`, or by default a share
    /// of the first one's.
    pub fn solve(
        &self,
        mut residual: Vec<f64>,
        end: Option<f64>,
        cx: &Context,
    ) -> Result<Solution, OpError> {
        let level = self.finest();
        let n = level.len();
        let (mut first, mut w) = (vec![0.0; n], vec![0.0; n]);
        let mut x = vec![0.0; n];
        let mut p = vec![0.0; n];
        let mut cycle = (self.levels.len() > 1).then(|| Cycle::new(&self.levels));
        let mut norm = 0.0;
        let mut end = end;
        let mut steps = 0;
        for step in 0..STEPS {
            steps = step;
            let next = if let Some(cycle) = &mut cycle {
                copy(level, &residual, &mut cycle.vectors[0].b);
                cycle.run(&self.levels, 0);
                dot(level, &residual, &cycle.vectors[0].z)
            } else {
                dot(level, &residual, &residual)
            };
            let beta = if step == 0 { 0.0 } else { next / norm };
            match &cycle {
                Some(cycle) => scale_and_add(level, &mut p, beta, &cycle.vectors[0].z),
                None => scale_and_add(level, &mut p, beta, &residual),
            }
            norm = next;
            if norm <= *end.get_or_insert(norm * TOLERANCE * TOLERANCE) {
                break;
            }
            if step % 16 == 0 {
                cx.check()?;
            }
            level.twice(&mut p, &mut first, &mut w);
            let alpha = norm / dot(level, &p, &w);
            if !alpha.is_finite() {
                break;
            }
            add(level, &mut x, alpha, &p);
            add(level, &mut residual, -alpha, &w);
        }
        Ok(Solution { x, steps })
    }
}

/// Vectors of a level: right side, result, step, and what the operator needs.
struct Vectors {
    b: Vec<f32>,
    z: Vec<f32>,
    d: Vec<f32>,
    first: Vec<f32>,
    w: Vec<f32>,
}

struct Cycle {
    vectors: Vec<Vectors>,
}

impl Cycle {
    fn new(levels: &[Level]) -> Self {
        let zeros = |level: &Level| vec![0.0; level.len()];
        let vectors = levels.iter().map(|l| Vectors {
            b: zeros(l),
            z: zeros(l),
            d: zeros(l),
            first: zeros(l),
            w: zeros(l),
        });
        Self { vectors: vectors.collect() }
    }

    /// `z`, nearly the solution of `L L z = b`, from level `l` down.
    fn run(&mut self, levels: &[Level], l: usize) {
        let level = &levels[l];
        let last = l + 1 == levels.len();
        for &(a, b) in &level.holes {
            self.vectors[l].z[a..b].fill(0.0);
        }
        if last {
            self.vectors[l].smooth(level, COARSEST_DEGREE, COARSEST_RATIO, false);
            return;
        }
        self.vectors[l].smooth(level, DEGREE, RATIO, true);
        let (fine, coarse) = self.vectors.split_at_mut(l + 1);
        level.restrict(&mut fine[l].b, &levels[l + 1], &mut coarse[0].b);
        self.run(levels, l + 1);
        let (fine, coarse) = self.vectors.split_at_mut(l + 1);
        let v = &mut fine[l];
        level.prolong(&levels[l + 1], &mut coarse[0].z, &mut v.d);
        v.step(level, true);
        v.smooth(level, DEGREE, RATIO, false);
    }
}

impl Vectors {
    /// `z += d`, and `b -= L L d` if wanted.
    fn step(&mut self, level: &Level, residual: bool) {
        add32(level, &mut self.z, 1.0, &self.d);
        if residual {
            level.twice(&mut self.d, &mut self.first, &mut self.w);
            add32(level, &mut self.b, -1.0, &self.w);
        }
    }

    /// Chebyshev's steps for the eigenvalues from `LARGEST / ratio` up; `b` becomes the residual.
    fn smooth(&mut self, level: &Level, degree: usize, ratio: f32, residual: bool) {
        let (hi, lo) = (LARGEST, LARGEST / ratio);
        let (theta, delta) = (0.5 * (hi + lo), 0.5 * (hi - lo));
        let sigma = theta / delta;
        let mut rho = 1.0 / sigma;
        combine(level, &mut self.d, 0.0, 1.0 / theta, &self.b);
        for _ in 1..degree {
            self.step(level, true);
            let next = 1.0 / (2.0 * sigma - rho);
            combine(level, &mut self.d, next * rho, 2.0 * next / delta, &self.b);
            rho = next;
        }
        self.step(level, residual);
    }
}

/// `d = f d + g b`.
fn combine(level: &Level, d: &mut [f32], f: f32, g: f32, b: &[f32]) {
    simd(
        #[inline(always)]
        || {
            for &(from, to) in &level.holes {
                for (d, b) in d[from..to].iter_mut().zip(&b[from..to]) {
                    *d = f * *d + g * b;
                }
            }
        },
    );
}

fn add32(level: &Level, to: &mut [f32], factor: f32, what: &[f32]) {
    simd(
        #[inline(always)]
        || {
            for &(a, b) in &level.holes {
                for (to, what) in to[a..b].iter_mut().zip(&what[a..b]) {
                    *to += factor * what;
                }
            }
        },
    );
}

fn copy(level: &Level, from: &[f64], to: &mut [f32]) {
    for &(a, b) in &level.holes {
        for (to, from) in to[a..b].iter_mut().zip(&from[a..b]) {
            *to = *from as f32;
        }
    }
}

fn dot<T: Copy + Into<f64>>(level: &Level, a: &[f64], b: &[T]) -> f64 {
    let mut sums = [0.0; 8];
    simd(
        #[inline(always)]
        || {
            for &(from, to) in &level.holes {
                let (mut a, mut b) = (a[from..to].chunks_exact(8), b[from..to].chunks_exact(8));
                for (a, b) in a.by_ref().zip(b.by_ref()) {
                    for k in 0..8 {
                        sums[k] += a[k] * b[k].into();
                    }
                }
                for (k, (a, b)) in a.remainder().iter().zip(b.remainder()).enumerate() {
                    sums[k] += a * (*b).into();
                }
            }
        },
    );
    sums.iter().sum()
}

fn add(level: &Level, to: &mut [f64], factor: f64, what: &[f64]) {
    simd(
        #[inline(always)]
        || {
            for &(a, b) in &level.holes {
                for (to, what) in to[a..b].iter_mut().zip(&what[a..b]) {
                    *to += factor * what;
                }
            }
        },
    );
}

fn scale_and_add<T: Copy + Into<f64>>(level: &Level, p: &mut [f64], factor: f64, what: &[T]) {
    simd(
        #[inline(always)]
        || {
            for &(a, b) in &level.holes {
                for (p, what) in p[a..b].iter_mut().zip(&what[a..b]) {
                    *p = (*what).into() + factor * *p;
                }
            }
        },
    );
}
