//! The affine map between two clouds of colors of least mean squared change: Monge-Kantorovich, linear.
//!
//! ```text
//! y = T (x - m_s) + m_r        T = A^(-1/2) (A^(1/2) B A^(1/2))^(1/2) A^(-1/2)
//! ```
//!
//! `A`, `B` are the covariances of source and reference. Afterwards mean and covariance are those of the
//! reference, to the last digit. Cost: nine multiplications per pixel. Differs from the paper in that
//! variances are held above that of rounding to 8 bits, so that a picture of one color is not amplified.
//!
//! Reference: F. Pitié, A. Kokaram, "The linear Monge-Kantorovitch linear colour mapping for
//! example-based colour transfer", CVMP 2007, doi:10.1049/cp:20070055.

use super::palette::Moments;

/// Variance of the error of rounding to 8 bits.
const ROUNDING: f64 = 1.0 / (12.0 * 255.0 * 255.0);

type Matrix = [[f64; 3]; 3];

/// `y = matrix x + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    pub matrix: [[f32; 3]; 3],
    pub offset: [f32; 3],
}

impl Affine {
    #[inline(always)]
    pub fn at(&self, v: [f32; 3]) -> [f32; 3] {
        let m = &self.matrix;
        std::array::from_fn(|k| m[k][0] * v[0] + m[k][1] * v[1] + m[k][2] * v[2] + self.offset[k])
    }
}

/// The map from the colors of `source` to those of `reference`.
pub(super) fn mkl(source: &Moments, reference: &Moments) -> Affine {
    let (root, inverse_root) = roots(source.covariance(), ROUNDING);
    let (middle, _) = roots(product(product(root, reference.covariance()), root), 0.0);
    let t = product(product(inverse_root, middle), inverse_root);
    let (from, to) = (source.mean(), reference.mean());
    let offset = std::array::from_fn(|i| to[i] - (0..3).map(|j| t[i][j] * from[j]).sum::<f64>());
    Affine { matrix: t.map(|row| row.map(|v| v as f32)), offset: offset.map(|v: f64| v as f32) }
}

fn product(a: Matrix, b: Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

/// The symmetric root of a symmetric matrix and its inverse, eigenvalues held above `least`.
fn roots(m: Matrix, least: f64) -> (Matrix, Matrix) {
    let (values, vectors) = eigen(m);
    let build = |f: &dyn Fn(f64) -> f64| -> Matrix {
        std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                (0..3).map(|k| f(values[k].max(least)) * vectors[i][k] * vectors[j][k]).sum()
            })
        })
    };
    (build(&f64::sqrt), build(&|v| 1.0 / v.sqrt()))
}

/// Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi's rotations.
fn eigen(mut m: Matrix) -> ([f64; 3], Matrix) {
    let mut v: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    // Converges quadratically: 3 x 3 needs five sweeps at most.
    for (p, q) in [(0, 1), (0, 2), (1, 2)].into_iter().cycle().take(30) {
        if m[p][q].abs() < 1e-300 {
            continue;
        }
        let theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
        let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
        let c = 1.0 / t.hypot(1.0);
        let s = t * c;
        for k in 0..3 {
            (m[k][p], m[k][q]) = (c * m[k][p] - s * m[k][q], s * m[k][p] + c * m[k][q]);
        }
        for k in 0..3 {
            (m[p][k], m[q][k]) = (c * m[p][k] - s * m[q][k], s * m[p][k] + c * m[q][k]);
            (v[k][p], v[k][q]) = (c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]);
        }
    }
    ([m[0][0], m[1][1], m[2][2]], v)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    fn cloud(seed: u64, mix: Matrix, mean: [f64; 3]) -> (Vec<[f32; 3]>, Moments) {
        let mut rng = Rng::new(seed, "cloud", 0);
        let mut moments = Moments::default();
        let colors: Vec<[f32; 3]> = (0..2000)
            .map(|_| {
                let z = [0, 1, 2].map(|_| rng.uniform() - 0.5);
                std::array::from_fn(|i| {
                    (mean[i] + (0..3).map(|j| mix[i][j] * z[j]).sum::<f64>()) as f32
                })
            })
            .collect();
        for c in &colors {
            moments.add(*c);
        }
        (colors, moments)
    }

    #[test]
    fn mean_and_covariance_become_those_of_the_reference_and_the_matrix_is_symmetric() {
        let (from, source) =
            cloud(1, [[0.5, 0.1, 0.0], [0.2, 0.4, 0.1], [0.0, 0.1, 0.3]], [0.4, 0.5, 0.3]);
        let (_, reference) =
            cloud(2, [[0.2, 0.0, 0.1], [-0.1, 0.5, 0.0], [0.1, 0.2, 0.6]], [0.6, 0.3, 0.5]);
        let map = mkl(&source, &reference);
        let mut after = Moments::default();
        for c in &from {
            after.add(map.at(*c));
        }
        for i in 0..3 {
            assert!((after.mean()[i] - reference.mean()[i]).abs() < 1e-6);
            for j in 0..3 {
                let off = after.covariance()[i][j] - reference.covariance()[i][j];
                assert!(off.abs() < 1e-6, "{i} {j}: {off}");
                // The optimal map is the gradient of a convex function.
                assert!((map.matrix[i][j] - map.matrix[j][i]).abs() < 1e-5);
            }
        }
        let same = mkl(&source, &source);
        for (i, row) in same.matrix.iter().enumerate() {
            for (j, v) in row.iter().enumerate() {
                assert!((v - f32::from(u8::from(i == j))).abs() < 1e-5, "{same:?}");
            }
        }
    }

    #[test]
    fn a_picture_of_one_color_takes_the_mean_and_stays_of_one_color() {
        let mut flat = Moments::default();
        (0..9).for_each(|_| flat.add([0.2, 0.3, 0.4]));
        let (_, reference) =
            cloud(2, [[0.2, 0.0, 0.1], [-0.1, 0.5, 0.0], [0.1, 0.2, 0.6]], [0.6, 0.3, 0.5]);
        let out = mkl(&flat, &reference).at([0.2, 0.3, 0.4]);
        for (v, m) in out.iter().zip(reference.mean()) {
            assert!((f64::from(*v) - m).abs() < 1e-4, "{out:?}");
        }
        assert!(mkl(&flat, &flat).at([0.2, 0.3, 0.4]).iter().all(|v| v.is_finite()));
    }
}
