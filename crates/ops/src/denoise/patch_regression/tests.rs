use super::*;
use restora_image::Rng;

/// Solves `a x = b` by Gauss elimination with pivoting.
fn gauss(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|p, q| a[*p][i].abs().total_cmp(&a[*q][i].abs())).unwrap();
        a.swap(i, pivot);
        b.swap(i, pivot);
        for r in i + 1..n {
            let f = a[r][i] / a[i][i];
            for c in i..n {
                a[r][c] -= f * a[i][c];
            }
            b[r] -= f * b[i];
        }
    }
    for i in (0..n).rev() {
        for c in i + 1..n {
            b[i] -= a[i][c] * b[c];
        }
        b[i] /= a[i][i];
    }
    b
}

/// The constrained problem as the papers state it, one Lagrangian system per patch:
/// minimize `t'(P'P + ridge D) t - 2 t'(P'P - (shrink - ridge) D) e_j` with `1't = 1`.
fn oracle(guide: &[Vec<f64>], energy: &[f64], shrink: f64, ridge: f64, j: usize) -> Vec<f64> {
    let k = guide.len();
    let mut a = vec![vec![0.0; k + 1]; k + 1];
    let mut b = vec![0.0; k + 1];
    for r in 0..k {
        for c in 0..k {
            a[r][c] = guide[r].iter().zip(&guide[c]).map(|(x, y)| x * y).sum();
        }
        b[r] = a[r][j];
        a[r][r] += ridge * energy[r];
        (a[r][k], a[k][r]) = (1.0, 1.0);
    }
    b[j] -= (shrink - ridge) * energy[j];
    b[k] = 1.0;
    gauss(a, b)[..k].to_vec()
}

struct Case {
    guide: Vec<Vec<f64>>,
    noisy: Vec<Vec<f64>>,
    energy: Vec<f64>,
}

/// A group of similar patches: a common patch at gray level 0.5, small differences, noise.
fn case(k: usize, n: usize, sigma: f64, uneven: bool, seed: u64) -> Case {
    let mut rng = Rng::new(seed, "group", 0);
    let common: Vec<f64> = (0..n).map(|_| 0.5 + 0.1 * rng.normal()).collect();
    let mut patch = || -> Vec<f64> {
        common.iter().map(|v| f64::from((v + 0.05 * rng.normal()) as f32)).collect()
    };
    let guide: Vec<_> = (0..k).map(|_| patch()).collect();
    let noisy = (0..k).map(|_| patch()).collect();
    let level = |j: usize| if uneven { 1.0 + (j % 5) as f64 / 4.0 } else { 1.0 };
    let energy = (0..k).map(|j| f64::from((n as f64 * sigma * sigma * level(j)) as f32)).collect();
    Case { guide, noisy, energy }
}

fn solved(case: &Case, how: Shrinkage) -> Regression {
    let (k, n) = (case.guide.len(), case.guide[0].len());
    let mut group = Regression::default();
    group.reset(k, n);
    let single = |patch: &[f64]| patch.iter().map(|v| *v as f32).collect::<Vec<_>>();
    for j in 0..k {
        group.set_guide(j, &single(&case.guide[j]));
        group.noisy_mut(j).copy_from_slice(&single(&case.noisy[j]));
        group.energy[j] = case.energy[j] as f32;
    }
    group.solve(how);
    group
}

#[test]
fn coefficients_are_those_of_the_normal_equations_with_a_lagrange_multiplier() {
    for (k, n, how) in [
        (1, 9, Shrinkage::PILOT),
        (2, 4, Shrinkage::PILOT),
        (18, 49, Shrinkage::SURE),
        (21, 50, Shrinkage::noisier(0.5)),
        (55, 49, Shrinkage::PILOT),
        (64, 36, Shrinkage::PILOT),
        (67, 121, Shrinkage::PILOT),
    ] {
        for uneven in [false, true] {
            let case = case(k, n, 0.04, uneven, (k * n) as u64);
            let group = solved(&case, how);
            for j in 0..k {
                let t = oracle(&case.guide, &case.energy, how.shrink.into(), how.ridge.into(), j);
                assert!((t.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                let variance: f64 = t.iter().map(|t| t * t).sum();
                assert!((f64::from(group.variance[j]) - variance).abs() < 2e-3 * variance);
                for i in 0..n {
                    let want: f64 = (0..k).map(|l| t[l] * case.noisy[l][i]).sum();
                    let got = f64::from(group.restored(j)[i]);
                    assert!((got - want).abs() < 2e-4, "{k} {n} {how:?}: {got} {want}");
                }
            }
        }
    }
}

#[test]
fn without_noise_every_patch_stays_as_it_is() {
    let mut case = case(20, 64, 1e-5, false, 4);
    case.noisy = case.guide.clone();
    for how in [Shrinkage::PILOT, Shrinkage::SURE] {
        let group = solved(&case, how);
        for j in 0..20 {
            for i in 0..64 {
                let got = f64::from(group.restored(j)[i]);
                assert!((got - case.noisy[j][i]).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn equal_patches_become_their_mean() {
    let mut case = case(12, 25, 0.1, false, 8);
    case.guide = vec![case.guide[0].clone(); 12];
    let group = solved(&case, Shrinkage::PILOT);
    for i in 0..25 {
        let mean = (0..12).map(|j| case.noisy[j][i]).sum::<f64>() / 12.0;
        for j in 0..12 {
            assert!((f64::from(group.restored(j)[i]) - mean).abs() < 1e-5);
        }
    }
    assert!(group.variance[..12].iter().all(|v| (v - 1.0 / 12.0).abs() < 1e-4));
}

#[test]
fn no_affine_combination_has_a_lower_estimated_risk() {
    // SURE of column t for patch j, up to a constant: |Z t - z_j|^2 + 2 d t_j.
    let mut case = case(8, 30, 0.05, false, 5);
    case.noisy = case.guide.clone();
    let risk = |t: &[f64], j: usize| {
        let distance: f64 = (0..30)
            .map(|i| (0..8).map(|l| t[l] * case.noisy[l][i]).sum::<f64>() - case.noisy[j][i])
            .map(|d| d * d)
            .sum();
        distance + 2.0 * case.energy[j] * t[j]
    };
    let group = solved(&case, Shrinkage::SURE);
    let mut rng = Rng::new(1, "directions", 0);
    for j in 0..8 {
        let t: Vec<f64> = (0..8).map(|l| group.theta[l * group.k_stride + j].into()).collect();
        for _ in 0..50 {
            let direction: Vec<f64> = (0..8).map(|_| rng.normal()).collect();
            let mean = direction.iter().sum::<f64>() / 8.0;
            for size in [0.01, 0.1] {
                let moved: Vec<f64> =
                    t.iter().zip(&direction).map(|(t, d)| t + size * (d - mean)).collect();
                assert!(risk(&moved, j) > risk(&t, j) - 1e-7);
            }
        }
    }
}

#[test]
fn a_group_that_cannot_be_solved_stays_noisy() {
    let mut case = case(9, 16, 0.1, false, 2);
    case.guide[3][3] = f64::NAN;
    let group = solved(&case, Shrinkage::PILOT);
    assert_eq!(group.restored, group.noisy);
    assert!(group.variance.iter().all(|v| *v == 1.0));
}
