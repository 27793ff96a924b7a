//! Functions on a torus of 64 x 64 bins: the fast Fourier transform, by which they are convolved.
//!
//! ```text
//! f^(k) = sum over x of f(x) exp(-2 pi i k.x / 64)
//! ```
//!
//! Radix 2, decimation in time, rows then columns; 24,576 butterflies, about 0.1 ms.
//!
//! Reference: J. W. Cooley, J. W. Tukey, "An algorithm for the machine calculation of complex Fourier
//! series", Math. Comp. 19, 1965, doi:10.1090/S0025-5718-1965-0178586-1.

use std::sync::LazyLock;

/// Bins along a side.
pub(super) const SIDE: usize = 64;
/// Bins.
pub(super) const BINS: usize = SIDE * SIDE;

/// A complex function on the torus, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spectrum {
    pub re: Vec<f64>,
    pub im: Vec<f64>,
}

impl Spectrum {
    pub fn zeros() -> Self {
        Self { re: vec![0.0; BINS], im: vec![0.0; BINS] }
    }

    /// The transform of a real function.
    pub fn of(real: &[f64]) -> Self {
        let mut out = Self { re: real.to_vec(), im: vec![0.0; BINS] };
        out.transform();
        out
    }

    /// The real part of the inverse transform.
    pub fn real(mut self) -> Vec<f64> {
        // The inverse is the transform of the conjugate, conjugated and scaled; its real part does
        // not care about the last conjugation.
        for v in &mut self.im {
            *v = -*v;
        }
        self.transform();
        for v in &mut self.re {
            *v /= BINS as f64;
        }
        self.re
    }

    /// Adds `a b`.
    pub fn add_product(&mut self, a: &Self, b: &Self) {
        for k in 0..BINS {
            self.re[k] += a.re[k] * b.re[k] - a.im[k] * b.im[k];
            self.im[k] += a.re[k] * b.im[k] + a.im[k] * b.re[k];
        }
    }

    /// Adds `conj(a) b`, the transform of a correlation.
    pub fn add_correlation(&mut self, a: &Self, b: &Self) {
        for k in 0..BINS {
            self.re[k] += a.re[k] * b.re[k] + a.im[k] * b.im[k];
            self.im[k] += a.re[k] * b.im[k] - a.im[k] * b.re[k];
        }
    }

    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.re.iter_mut().zip(&other.re).for_each(|(a, b)| *a += b);
        self.im.iter_mut().zip(&other.im).for_each(|(a, b)| *a += b);
    }

    /// Divides by real numbers, one for each bin.
    pub fn divide(&mut self, by: &[f64]) {
        self.re.iter_mut().zip(by).for_each(|(a, b)| *a /= b);
        self.im.iter_mut().zip(by).for_each(|(a, b)| *a /= b);
    }

    fn transform(&mut self) {
        for _ in 0..2 {
            for (re, im) in self.re.chunks_exact_mut(SIDE).zip(self.im.chunks_exact_mut(SIDE)) {
                line(re, im);
            }
            transpose(&mut self.re);
            transpose(&mut self.im);
        }
    }
}

fn transpose(square: &mut [f64]) {
    for y in 0..SIDE {
        for x in 0..y {
            square.swap(y * SIDE + x, x * SIDE + y);
        }
    }
}

/// `exp(-2 pi i k / 64)` for `k` below 32.
static TWIDDLES: LazyLock<[(f64, f64); SIDE / 2]> = LazyLock::new(|| {
    std::array::from_fn(|k| {
        let (sin, cos) = (std::f64::consts::TAU * k as f64 / SIDE as f64).sin_cos();
        (cos, -sin)
    })
});

/// The transform of 64 numbers.
fn line(re: &mut [f64], im: &mut [f64]) {
    for i in 0..SIDE {
        let j = i.reverse_bits() >> (usize::BITS - SIDE.trailing_zeros());
        if i < j {
            re.swap(i, j);
            im.swap(i, j);
        }
    }
    let twiddles = &*TWIDDLES;
    let mut half = 1;
    while half < SIDE {
        let stride = SIDE / 2 / half;
        for start in (0..SIDE).step_by(2 * half) {
            for k in 0..half {
                let (c, s) = twiddles[k * stride];
                let (i, j) = (start + k, start + k + half);
                let (x, y) = (re[j] * c - im[j] * s, re[j] * s + im[j] * c);
                (re[j], im[j]) = (re[i] - x, im[i] - y);
                (re[i], im[i]) = (re[i] + x, im[i] + y);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    fn noise(seed: u64) -> Vec<f64> {
        let mut rng = Rng::new(seed, "torus", 0);
        (0..BINS).map(|_| rng.normal()).collect()
    }

    #[test]
    fn the_transform_is_the_sum_of_its_definition() {
        let f = noise(1);
        let got = Spectrum::of(&f);
        for (ky, kx) in [(0, 0), (0, 1), (5, 0), (31, 33), (63, 63), (32, 7)] {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, v) in f.iter().enumerate() {
                let turns = (ky * (i / SIDE) + kx * (i % SIDE)) as f64 / SIDE as f64;
                re += v * (std::f64::consts::TAU * turns).cos();
                im -= v * (std::f64::consts::TAU * turns).sin();
            }
            let k = ky * SIDE + kx;
            assert!((got.re[k] - re).abs() < 1e-9 && (got.im[k] - im).abs() < 1e-9, "{ky} {kx}");
        }
        let back = got.real();
        assert!(back.iter().zip(&f).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn products_are_convolutions_and_products_with_a_conjugate_correlations() {
        let (f, g) = (noise(2), noise(3));
        let (mut product, mut correlation) = (Spectrum::zeros(), Spectrum::zeros());
        product.add_product(&Spectrum::of(&f), &Spectrum::of(&g));
        correlation.add_correlation(&Spectrum::of(&f), &Spectrum::of(&g));
        let (convolved, correlated) = (product.real(), correlation.real());
        for (y, x) in [(0, 0), (3, 60), (63, 1)] {
            let (mut minus, mut plus) = (0.0, 0.0);
            for v in 0..SIDE {
                for u in 0..SIDE {
                    let at = |y: usize, x: usize| (y % SIDE) * SIDE + x % SIDE;
                    minus += f[at(v, u)] * g[at(SIDE + y - v, SIDE + x - u)];
                    plus += f[at(v, u)] * g[at(y + v, x + u)];
                }
            }
            let i = y * SIDE + x;
            assert!((convolved[i] - minus).abs() < 1e-9 && (correlated[i] - plus).abs() < 1e-9);
        }
    }
}
