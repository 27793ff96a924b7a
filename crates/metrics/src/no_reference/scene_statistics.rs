//! Natural scene statistics: what NIQE and BRISQUE share.
//!
//! ```text
//! n = (I - mu) / (s + 1),   mu, s: mean and deviation under 7 x 7 Gaussian taps of deviation 7/6
//! AGGD(x; a, l, r) ~ exp(-(-x / bl)^a) for x < 0, exp(-(x / br)^a) for x >= 0
//! ```
//!
//! `I` is BT.601 luma in 8-bit levels; beyond the border it continues with its edge pixels. `n`, and its products
//! with its neighbors to the right, below, and on both diagonals, are fitted by asymmetric generalized
//! Gaussians, by moments. Neighbors are pixels of the region that is measured: nothing wraps around, unlike
//! the authors' programs. The next scale is half the size, by Keys' cubic without aliasing (MATLAB's `imresize`).
//!
//! Pictures above [`PIXELS`] are measured in their middle. Cost: 28 multiplications per pixel for `n`, one pass
//! over each of the five products.

use restora_image::{Image, Plane, PlaneRef, Rect, Size, simd, to_luma};
use std::sync::LazyLock;

/// Larger pictures are measured in a window of this many pixels in their middle.
const PIXELS: f64 = 4e6;

/// Deviation of the 7 x 7 window (both papers).
const WINDOW: f64 = 7.0 / 6.0;

/// Pixels on either side of the middle of the window.
const RADIUS: usize = 3;

/// Luma in 8-bit levels of the middle of a picture.
pub(super) fn levels(image: &Image) -> Option<Plane> {
    let (size, n) = (image.size(), image.size().len() as f64);
    if n == 0.0 || image.channels() == 0 {
        return None;
    }
    let share = (PIXELS / n).min(1.0).sqrt();
    let part = |full: u32| ((f64::from(full) * share) as u32).max(1);
    let (width, height) = (part(size.width), part(size.height));
    let (x, y) = ((size.width - width) / 2, (size.height - height) / 2);
    let middle = image.crop(Rect { x, y, width, height });
    let mut plane = to_luma(&middle).unwrap_or_else(|_| middle.plane(0).to_plane());
    plane.data.iter_mut().for_each(|v| *v *= 255.0);
    Some(plane)
}

/// Luma less its local mean, over its local deviation plus 1; and that deviation.
pub(super) struct Normalized {
    pub values: Plane,
    pub deviation: Plane,
}

impl Normalized {
    pub fn of(plane: PlaneRef) -> Self {
        let (w, h) = (plane.width(), plane.height());
        let (mut values, mut deviation) = (Plane::zeros(plane.size()), Plane::zeros(plane.size()));
        let tap = |k: usize| (-(k as f64).powi(2) / (2.0 * WINDOW * WINDOW)).exp();
        let total = tap(0) + 2.0 * (1..=RADIUS).map(tap).sum::<f64>();
        let taps: [f64; RADIUS + 1] = std::array::from_fn(|k| tap(k) / total);
        // Sums across of the rows under the window, of levels and of their squares.
        let mut ring = vec![[vec![0.0; w], vec![0.0; w]]; 2 * RADIUS + 1];
        let mut wide = [vec![0.0; w + 2 * RADIUS], vec![0.0; w + 2 * RADIUS]];
        let mut rows_in = 0;
        for y in 0..h {
            while rows_in < h.min(y + RADIUS + 1) {
                let row = plane.row(rows_in);
                simd(
                    #[inline(always)]
                    || across(row, &taps, &mut wide, &mut ring[rows_in % (2 * RADIUS + 1)]),
                );
                rows_in += 1;
            }
            let at = |d: isize| {
                let row = y.saturating_add_signed(d).min(h - 1);
                &ring[row % (2 * RADIUS + 1)]
            };
            let rows = [-3, -2, -1, 0, 1, 2, 3].map(at);
            let out = y * w..(y + 1) * w;
            simd(
                #[inline(always)]
                || {
                    let to = (&mut values.data[out.clone()], &mut deviation.data[out.clone()]);
                    down(&rows, &taps, plane.row(y), to);
                },
            );
        }
        Self { values, deviation }
    }
}

/// Sums across of a row, continued by its edge pixels, and of its squares.
#[inline(always)]
fn across(
    row: &[f32],
    taps: &[f64; RADIUS + 1],
    wide: &mut [Vec<f64>; 2],
    out: &mut [Vec<f64>; 2],
) {
    let w = row.len();
    for (x, v) in wide[0].iter_mut().enumerate() {
        *v = f64::from(row[x.saturating_sub(RADIUS).min(w - 1)]);
    }
    let [levels, squares] = wide;
    for (square, level) in squares.iter_mut().zip(levels.iter()) {
        *square = level * level;
    }
    for (wide, out) in [levels, squares].into_iter().zip(out) {
        let wide = &wide[..w + 2 * RADIUS];
        for (x, out) in out[..w].iter_mut().enumerate() {
            *out = taps[0] * wide[x + 3]
                + taps[1] * (wide[x + 2] + wide[x + 4])
                + taps[2] * (wide[x + 1] + wide[x + 5])
                + taps[3] * (wide[x] + wide[x + 6]);
        }
    }
}

/// Sums down, and the normalized row that they give.
#[inline(always)]
fn down(
    rows: &[&[Vec<f64>; 2]; 2 * RADIUS + 1],
    taps: &[f64; RADIUS + 1],
    row: &[f32],
    (values, deviation): (&mut [f32], &mut [f32]),
) {
    let w = row.len();
    let part = |k: usize, i: usize| &rows[k][i][..w];
    let [m, s] = [0, 1].map(|i| [0, 1, 2, 3, 4, 5, 6].map(|k| part(k, i)));
    let (values, deviation) = (&mut values[..w], &mut deviation[..w]);
    for x in 0..w {
        let sum = |r: &[&[f64]; 7]| {
            taps[0] * r[3][x]
                + taps[1] * (r[2][x] + r[4][x])
                + taps[2] * (r[1][x] + r[5][x])
                + taps[3] * (r[0][x] + r[6][x])
        };
        let mean = sum(&m);
        let spread = (sum(&s) - mean * mean).abs().sqrt();
        values[x] = ((f64::from(row[x]) - mean) / (spread + 1.0)) as f32;
        deviation[x] = spread as f32;
    }
}

/// Half the size, by Keys' cubic with `a = -1/2` stretched to twice its width; mirrored at the border, an odd last
/// row or column is left out.
pub(super) fn halved(plane: PlaneRef) -> Plane {
    // Keys' cubic at 1/4, 3/4, 5/4, 7/4, over 2.
    const TAPS: [f32; 4] = [0.433_593_75, 0.113_281_25, -0.035_156_25, -0.011_718_75];
    let (w, h) = (plane.width(), plane.height());
    let (half_w, half_h) = (w / 2, h / 2);
    let mut out = Plane::zeros(Size::new(half_w as u32, half_h as u32));
    if out.data.is_empty() {
        return out;
    }
    let mirrored = |i: isize, n: usize| {
        let period = 2 * n as isize;
        let i = i.rem_euclid(period) as usize;
        if i < n { i } else { 2 * n - 1 - i }
    };
    let mut sums = vec![0.0_f32; w];
    let mut wide = vec![0.0_f32; 2 * half_w + 6];
    for (y, out) in out.data.chunks_exact_mut(half_w).enumerate() {
        let row = |d: isize| plane.row(mirrored(2 * y as isize + d, h));
        let rows = [-3, -2, -1, 0, 1, 2, 3, 4].map(row);
        simd(
            #[inline(always)]
            || {
                let r = rows.map(|r| &r[..w]);
                for (x, sum) in sums.iter_mut().enumerate() {
                    *sum = TAPS[0] * (r[3][x] + r[4][x])
                        + TAPS[1] * (r[2][x] + r[5][x])
                        + TAPS[2] * (r[1][x] + r[6][x])
                        + TAPS[3] * (r[0][x] + r[7][x]);
                }
            },
        );
        for (i, v) in wide.iter_mut().enumerate() {
            *v = sums[mirrored(i as isize - 3, w)];
        }
        for (x, out) in out.iter_mut().enumerate() {
            let v = &wide[2 * x..2 * x + 8];
            *out = TAPS[0] * (v[3] + v[4])
                + TAPS[1] * (v[2] + v[5])
                + TAPS[2] * (v[1] + v[6])
                + TAPS[3] * (v[0] + v[7]);
        }
    }
    out
}

/// An asymmetric generalized Gaussian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Aggd {
    /// 2 is a Gaussian, 1 Laplace's distribution.
    pub shape: f64,
    /// Deviations of the negative and of the positive values.
    pub left: f64,
    pub right: f64,
}

impl Aggd {
    /// `beta / deviation`.
    fn scale(self) -> f64 {
        (0.5 * (ln_gamma(1.0 / self.shape) - ln_gamma(3.0 / self.shape))).exp()
    }

    /// The scales `bl` and `br`.
    pub fn scales(self) -> [f64; 2] {
        [self.left * self.scale(), self.right * self.scale()]
    }

    /// Its mean, `(br - bl) G(2 / a) / G(1 / a)`.
    pub fn mean(self) -> f64 {
        let [left, right] = self.scales();
        (right - left) * (ln_gamma(2.0 / self.shape) - ln_gamma(1.0 / self.shape)).exp()
    }
}

/// Sums over values by which an [`Aggd`] is fitted.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    negative: f64,
    negative_squares: f64,
    positive: f64,
    positive_squares: f64,
    absolute: f64,
    count: f64,
}

impl Moments {
    /// Adds `f(0) .. f(n)`.
    #[inline(always)]
    fn add(&mut self, n: usize, f: impl Fn(usize) -> f32) {
        const LANES: usize = 16;
        let mut sums = [[0.0_f32; LANES]; 5];
        let mut add = |lane: usize, x: f32| {
            let (square, below, above) = (x * x, x < 0.0, x > 0.0);
            sums[0][lane] += if below { 1.0 } else { 0.0 };
            sums[1][lane] += if below { square } else { 0.0 };
            sums[2][lane] += if above { 1.0 } else { 0.0 };
            sums[3][lane] += if above { square } else { 0.0 };
            sums[4][lane] += x.abs();
        };
        for i in 0..n / LANES {
            for lane in 0..LANES {
                add(lane, f(i * LANES + lane));
            }
        }
        for i in n / LANES * LANES..n {
            add(i % LANES, f(i));
        }
        let total = sums.map(|lanes| lanes.iter().map(|v| f64::from(*v)).sum::<f64>());
        self.negative += total[0];
        self.negative_squares += total[1];
        self.positive += total[2];
        self.positive_squares += total[3];
        self.absolute += total[4];
        self.count += n as f64;
    }

    /// The distribution with these moments; `None` where the values have not two signs.
    fn fit(&self) -> Option<Aggd> {
        let left = (self.negative_squares / self.negative).sqrt();
        let right = (self.positive_squares / self.positive).sqrt();
        let square = (self.negative_squares + self.positive_squares) / self.count;
        if !(left > 0.0 && right > 0.0 && square.is_finite()) {
            return None;
        }
        let g = left / right;
        let ratio = (self.absolute / self.count).powi(2) / square;
        let skewed = ratio * (g.powi(3) + 1.0) * (g + 1.0) / (g * g + 1.0).powi(2);
        Some(Aggd { shape: shape(skewed), left, right })
    }
}

/// The fits of a region: of the normalized luma, then of its products with its four neighbors.
pub(super) fn fits(values: PlaneRef) -> Option<[Aggd; 5]> {
    let (w, h) = (values.width(), values.height());
    let mut all = [Moments::default(); 5];
    for y in 0..h {
        simd(
            #[inline(always)]
            || {
                let here = &values.row(y)[..w];
                all[0].add(w, |x| here[x]);
                let (first, second) = (&here[..w.max(1) - 1], &here[1.min(w)..]);
                let n = second.len();
                all[1].add(n, |x| first[x] * second[x]);
                if y + 1 < h {
                    let below = &values.row(y + 1)[..w];
                    all[2].add(w, |x| here[x] * below[x]);
                    let (left, right) = (&below[..w.max(1) - 1], &below[1.min(w)..]);
                    all[3].add(n, |x| first[x] * right[x]);
                    all[4].add(n, |x| second[x] * left[x]);
                }
            },
        );
    }
    let mut fitted = [Aggd { shape: 2.0, left: 0.0, right: 0.0 }; 5];
    for (fitted, moments) in fitted.iter_mut().zip(&all) {
        *fitted = moments.fit()?;
    }
    Some(fitted)
}

/// The shape for which `(E|x|)^2 / E x^2 = G(2/a)^2 / (G(1/a) G(3/a))` is this; within 0.2 and 10, as in the
/// authors' programs.
fn shape(ratio: f64) -> f64 {
    const LEAST: f64 = 0.2;
    const STEP: f64 = 0.001;
    static TABLE: LazyLock<Vec<f64>> = LazyLock::new(|| {
        let at = |i: u32| {
            let a = LEAST + STEP * f64::from(i);
            (2.0 * ln_gamma(2.0 / a) - ln_gamma(1.0 / a) - ln_gamma(3.0 / a)).exp()
        };
        (0..=9800).map(at).collect()
    });
    let above = TABLE.partition_point(|r| *r < ratio).clamp(1, TABLE.len() - 1);
    let (low, high) = (TABLE[above - 1], TABLE[above]);
    let part = ((ratio - low) / (high - low)).clamp(0.0, 1.0);
    LEAST + STEP * ((above - 1) as f64 + part)
}

/// Logarithm of the gamma function above 0, by Stirling's series from 10 on (error below 1e-13).
fn ln_gamma(mut x: f64) -> f64 {
    let mut product = 1.0;
    while x < 10.0 {
        product *= x;
        x += 1.0;
    }
    let i = 1.0 / (x * x);
    let series =
        (1.0 / 12.0 - i * (1.0 / 360.0 - i * (1.0 / 1260.0 - i * (1.0 / 1680.0 - i / 1188.0)))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;
    use restora_testkit::synthetic;

    #[test]
    fn the_gamma_function_is_that_of_factorials_and_of_a_half() {
        assert!((ln_gamma(0.5) - 0.5 * std::f64::consts::PI.ln()).abs() < 1e-13);
        let mut factorial = 0.0;
        for n in 1..20 {
            assert!((ln_gamma(f64::from(n)) - factorial).abs() < 1e-12, "{n}");
            factorial += f64::from(n).ln();
        }
    }

    #[test]
    fn a_fit_finds_the_distribution_that_the_values_are_of() {
        let mut rng = Rng::new(3, "aggd", 0);
        // Gaussian: shape 2; Laplace: shape 1. Negative values half as wide.
        let gaussian: Vec<f32> = (0..200_000).map(|_| rng.normal() as f32).collect();
        let laplace: Vec<f32> = (0..200_000)
            .map(|_| {
                let (size, sign) = (-(1.0 - rng.uniform()).ln(), rng.uniform());
                (if sign < 0.5 { size } else { -size }) as f32
            })
            .collect();
        for (values, wanted, deviation) in
            [(gaussian, 2.0, 1.0), (laplace, 1.0, std::f64::consts::SQRT_2)]
        {
            let mut moments = Moments::default();
            moments.add(values.len(), |i| values[i]);
            let fit = moments.fit().unwrap();
            assert!((fit.shape / wanted - 1.0).abs() < 0.02, "{fit:?}");
            for side in [fit.left, fit.right] {
                assert!((side / deviation - 1.0).abs() < 0.02, "{fit:?}");
            }
            assert!(fit.mean().abs() < 0.02, "{fit:?}");
        }
        // An asymmetric one, drawn side by side: a side of scale b has the share b / (bl + br).
        let skewed: Vec<f32> = (0..300_000)
            .map(|i| {
                let size = rng.normal().abs() as f32;
                if i % 3 == 0 { -size } else { 2.0 * size }
            })
            .collect();
        let mut moments = Moments::default();
        moments.add(skewed.len(), |i| skewed[i]);
        let fit = moments.fit().unwrap();
        assert!((fit.shape - 2.0).abs() < 0.05, "{fit:?}");
        assert!((fit.left - 1.0).abs() < 0.01 && (fit.right - 2.0).abs() < 0.02, "{fit:?}");
        // Of two half Gaussians: (2 * 2 - 1) / 3 * sqrt(2 / pi).
        assert!((fit.mean() - (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.01, "{fit:?}");
    }

    #[test]
    fn the_normalized_luma_is_that_of_the_formula() {
        for (w, h) in [(1, 1), (1, 9), (9, 1), (2, 3), (24, 17)] {
            let plane = levels(&synthetic(Size::new(w, h))).unwrap();
            let got = Normalized::of(plane.as_ref());
            let tap = |k: i64| (-(k * k) as f64 / (2.0 * WINDOW * WINDOW)).exp();
            let total = (-3..=3).map(tap).sum::<f64>().powi(2);
            for y in 0..i64::from(h) {
                for x in 0..i64::from(w) {
                    let (mut mean, mut square) = (0.0, 0.0);
                    for (i, j) in (-3..=3).flat_map(|i| (-3..=3).map(move |j| (i, j))) {
                        let (px, py) = (
                            (x + i).clamp(0, i64::from(w) - 1),
                            (y + j).clamp(0, i64::from(h) - 1),
                        );
                        let v = f64::from(plane.as_ref().at(px as usize, py as usize));
                        mean += tap(i) * tap(j) / total * v;
                        square += tap(i) * tap(j) / total * v * v;
                    }
                    let spread = (square - mean * mean).abs().sqrt();
                    let (x, y) = (x as usize, y as usize);
                    let wanted = (f64::from(plane.as_ref().at(x, y)) - mean) / (spread + 1.0);
                    assert!((f64::from(got.values.as_ref().at(x, y)) - wanted).abs() < 1e-5);
                    assert!((f64::from(got.deviation.as_ref().at(x, y)) - spread).abs() < 1e-3);
                }
            }
        }
    }

    #[test]
    fn halving_keeps_constants_and_ramps() {
        let ramp = Plane::from_fn(Size::new(41, 30), |x, y| x as f32 + 2.0 * y as f32);
        let half = halved(ramp.as_ref());
        assert_eq!(half.size, Size::new(20, 15));
        for y in 2..13 {
            for x in 2..18 {
                let wanted = 2.0 * x as f32 + 0.5 + 2.0 * (2.0 * y as f32 + 0.5);
                assert!((half.as_ref().at(x, y) - wanted).abs() < 1e-4);
            }
        }
        for (w, h) in [(1, 1), (1, 9), (2, 2), (3, 2)] {
            let flat = halved(Plane::from_fn(Size::new(w, h), |_, _| 7.0).as_ref());
            assert_eq!(flat.size, Size::new(w / 2, h / 2));
            assert!(flat.data.iter().all(|v| (v - 7.0).abs() < 1e-5));
        }
    }
}
