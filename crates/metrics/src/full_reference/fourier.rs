//! Two-dimensional Fourier transforms, on spectra that lie column by column.
//!
//! `spectrum[u * height + v]` is the coefficient of `u` waves across and `v` down: rows are
//! transformed, the plane is transposed, columns are transformed, and nothing is turned back.

use rustfft::{Fft, FftNum, FftPlanner, num_complex::Complex};
use std::sync::Arc;

/// The transforms of one size.
pub(crate) struct Fourier<T: FftNum + Default> {
    width: usize,
    height: usize,
    rows: [Arc<dyn Fft<T>>; 2],
    columns: [Arc<dyn Fft<T>>; 2],
}

const FORWARD: usize = 0;
const INVERSE: usize = 1;

impl<T: FftNum + Default> Fourier<T> {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let mut planner = FftPlanner::new();
        let mut both = |n| [planner.plan_fft_forward(n), planner.plan_fft_inverse(n)];
        Self { width, height, rows: both(width), columns: both(height) }
    }

    /// Spectrum of a plane that lies row by row; not scaled.
    pub(crate) fn forward(&self, mut plane: Vec<Complex<T>>) -> Vec<Complex<T>> {
        self.rows[FORWARD].process(&mut plane);
        let mut spectrum = transposed(&plane, self.width, self.height);
        self.columns[FORWARD].process(&mut spectrum);
        spectrum
    }

    /// Plane of a spectrum, times the number of pixels.
    pub(crate) fn inverse(&self, spectrum: &[Complex<T>]) -> Vec<Complex<T>> {
        let mut plane = vec![Complex::default(); spectrum.len()];
        let column = |u: usize, out: &mut [Complex<T>]| {
            out.copy_from_slice(&spectrum[u * self.height..][..self.height]);
        };
        self.columns_back(column, &mut plane);
        self.rows_back(&mut plane);
        plane
    }

    /// First half of [`Self::inverse`], of a spectrum whose columns `fill` gives: each is used while it
    /// is in the first-level cache. What comes out lies row by row.
    pub(crate) fn columns_back(
        &self,
        fill: impl Fn(usize, &mut [Complex<T>]),
        plane: &mut [Complex<T>],
    ) {
        // Eight complex numbers of `f32` are one line of the cache.
        const BLOCK: usize = 8;
        let (w, h) = (self.width, self.height);
        let mut block = vec![Complex::default(); BLOCK * h];
        let fft = &self.columns[INVERSE];
        let mut scratch = vec![Complex::default(); fft.get_inplace_scratch_len()];
        for u0 in (0..w).step_by(BLOCK) {
            let n = BLOCK.min(w - u0);
            let block = &mut block[..n * h];
            for (i, column) in block.chunks_exact_mut(h).enumerate() {
                fill(u0 + i, column);
            }
            fft.process_with_scratch(block, &mut scratch);
            for (v, row) in plane.chunks_exact_mut(w).enumerate() {
                for (i, out) in row[u0..u0 + n].iter_mut().enumerate() {
                    *out = block[i * h + v];
                }
            }
        }
    }

    /// Second half of [`Self::inverse`], of any number of whole rows.
    pub(crate) fn rows_back(&self, rows: &mut [Complex<T>]) {
        self.rows[INVERSE].process(rows);
    }

    /// Where the coefficient of the opposite wave of `u`, `v` lies.
    #[inline(always)]
    pub(crate) fn opposite(&self, u: usize, v: usize) -> usize {
        let back = |i: usize, n: usize| if i == 0 { 0 } else { n - i };
        back(u, self.width) * self.height + back(v, self.height)
    }
}

/// A matrix of rows of `width` values, turned.
fn transposed<T: Copy + Default>(from: &[T], width: usize, height: usize) -> Vec<T> {
    // A block of 16 x 16 complex numbers of `f32` is 2 KiB: both sides stay in the first-level cache.
    const BLOCK: usize = 16;
    let mut to = vec![T::default(); from.len()];
    for y0 in (0..height).step_by(BLOCK) {
        for x0 in (0..width).step_by(BLOCK) {
            for x in x0..(x0 + BLOCK).min(width) {
                let y1 = (y0 + BLOCK).min(height);
                let out = &mut to[x * height..][y0..y1];
                for (y, out) in (y0..y1).zip(out) {
                    *out = from[y * width + x];
                }
            }
        }
    }
    to
}

/// Frequencies of the indices of a transform of `n`, in waves per pixel, as the programs of these
/// measures have them: an odd number of values is spread over `n - 1` steps, so that the highest is
/// exactly 1/2.
pub(crate) fn frequencies(n: usize) -> Vec<f64> {
    let steps = if n % 2 == 1 { (n - 1).max(1) } else { n } as f64;
    let half = n.div_ceil(2);
    let signed = |i: usize| if i < half { i as f64 } else { i as f64 - n as f64 };
    (0..n).map(|i| signed(i) / steps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spectrum_is_the_sum_of_its_definition_and_comes_back() {
        let (w, h) = (6, 5);
        let value =
            |x: usize, y: usize| Complex::new((x * y + x) as f64, (y * y) as f64 - x as f64);
        let plane: Vec<_> = (0..w * h).map(|i| value(i % w, i / w)).collect();
        let fourier = Fourier::new(w, h);
        let spectrum = fourier.forward(plane.clone());
        for u in 0..w {
            for v in 0..h {
                let mut sum = Complex::default();
                for (i, p) in plane.iter().enumerate() {
                    let turns = (u * (i % w)) as f64 / w as f64 + (v * (i / w)) as f64 / h as f64;
                    sum += p * Complex::from_polar(1.0, -std::f64::consts::TAU * turns);
                }
                assert!((spectrum[u * h + v] - sum).norm() < 1e-9);
            }
        }
        let back = fourier.inverse(&spectrum);
        assert!(back.iter().zip(&plane).all(|(b, p)| (b / 30.0 - p).norm() < 1e-12));
    }

    #[test]
    fn frequencies_of_odd_sizes_reach_a_half() {
        assert_eq!(frequencies(4), [0.0, 0.25, -0.5, -0.25]);
        assert_eq!(frequencies(5), [0.0, 0.25, 0.5, -0.5, -0.25]);
        assert_eq!(frequencies(1), [0.0]);
    }
}
