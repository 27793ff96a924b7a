//! Muon: descent along the orthogonal matrix nearest to the momentum, so that every direction in which a
//! layer can change moves as fast as the one with the largest gradient.
//!
//! The momentum `M` is divided by its norm and five steps of the Newton-Schulz iteration
//! `X <- a X + b X G + c X G^2`, `G = X^T X`, draw its singular values towards 1 (they end in 0.7..1.2:
//! enough, and faster than exact ones). The step is scaled so that its root mean square is 0.2, as large
//! as Adam's, and the rates of one serve the other.
//!
//! Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; scale: Liu et al. 2025,
//! arXiv 2502.16982.

use crate::kernels::{MatrixRef, gemm};

/// Share of the last momentum that goes on.
const MOMENTUM: f32 = 0.95;
/// The polynomial of the iteration.
const A: f32 = 3.4445;
const B: f32 = -4.775;
const C: f32 = 2.0315;
const ITERATIONS: usize = 5;
/// Root mean square of a step at rate 1.
const SIZE: f32 = 0.2;

/// Moves a matrix of rows of `columns` numbers along `gradient * scale`.
pub fn update(
    weights: &mut [f32],
    columns: usize,
    gradient: &[f32],
    momentum: &mut [f32],
    [rate, scale]: [f32; 2],
) {
    // Nesterov: the gradient is seen as if the momentum had already moved on.
    let mut x = vec![0.0; weights.len()];
    for ((m, g), x) in momentum.iter_mut().zip(gradient).zip(&mut x) {
        *m = MOMENTUM * *m + scale * g;
        *x = MOMENTUM * *m + scale * g;
    }
    let rows = weights.len() / columns;
    orthogonal(&mut x, columns);
    let step = rate * SIZE * (rows.max(columns) as f32).sqrt();
    for (w, x) in weights.iter_mut().zip(&x) {
        *w -= step * x;
    }
}

/// Puts the singular values of a matrix of rows of `columns` numbers near 1.
fn orthogonal(x: &mut [f32], columns: usize) {
    let rows = x.len() / columns;
    if rows < columns {
        let mut turned = transposed(x, columns);
        orthogonal(&mut turned, rows);
        x.copy_from_slice(&transposed(&turned, rows));
        return;
    }
    let n = columns;
    let norm = x.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt() as f32;
    let inverse = 1.0 / (norm + 1e-12);
    for v in x.iter_mut() {
        *v *= inverse;
    }
    let (mut g, mut polynomial) = (vec![0.0; n * n], vec![0.0; n * n]);
    let mut next = vec![0.0; x.len()];
    for _ in 0..ITERATIONS {
        gemm([n, n, rows], MatrixRef::transposed(x, n), x, &mut g, false);
        gemm([n, n, n], MatrixRef::rows(&g, n), &g, &mut polynomial, false);
        for (p, g) in polynomial.iter_mut().zip(&g) {
            *p = B * g + C * *p;
        }
        for diagonal in polynomial.iter_mut().step_by(n + 1) {
            *diagonal += A;
        }
        gemm([rows, n, n], MatrixRef::rows(x, n), &polynomial, &mut next, false);
        x.copy_from_slice(&next);
    }
}

fn transposed(x: &[f32], columns: usize) -> Vec<f32> {
    let rows = x.len() / columns;
    (0..columns).flat_map(|c| (0..rows).map(move |r| x[r * columns + c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singular_values_come_near_one_in_tall_and_wide_matrices() {
        for (rows, columns) in [(36, 8), (8, 36), (16, 16)] {
            let mut rng = restora_image::Rng::new(1, "muon", 0);
            let mut x: Vec<f32> = (0..rows * columns).map(|_| rng.normal() as f32).collect();
            orthogonal(&mut x, columns);
            let tall = if rows < columns { transposed(&x, columns) } else { x.clone() };
            let n = rows.min(columns);
            // Singular values in 0.5..1.3 bound |x v|^2 for every v; random ones and axes are tried.
            for _ in 0..50 {
                let v: Vec<f32> = (0..n).map(|_| rng.normal() as f32).collect();
                let length: f32 = v.iter().map(|v| v * v).sum();
                let image: f32 = tall
                    .chunks_exact(n)
                    .map(|row| row.iter().zip(&v).map(|(a, b)| a * b).sum::<f32>().powi(2))
                    .sum();
                assert!((0.25..1.7).contains(&(image / length)), "{}", image / length);
            }
        }
    }

    #[test]
    fn a_step_is_as_large_as_adams() {
        let mut rng = restora_image::Rng::new(2, "muon", 0);
        let gradient: Vec<f32> = (0..72 * 8).map(|_| rng.normal() as f32).collect();
        let (mut w, mut m) = (vec![0.0; 72 * 8], vec![0.0; 72 * 8]);
        update(&mut w, 8, &gradient, &mut m, [1.0, 1e-3]);
        let square = w.iter().map(|w| w * w).sum::<f32>() / w.len() as f32;
        assert!((0.15..0.25).contains(&square.sqrt()), "{}", square.sqrt());
        let along: f32 = w.iter().zip(&gradient).map(|(w, g)| w * g).sum();
        assert!(along < 0.0);
    }
}
