use super::*;
use proptest::prelude::*;
use restora_image::{Cancel, ErrorKind, Rng};

/// `n` rows of `d` values in a subspace of dimension `rank` through a point off the origin, plus noise.
fn low_rank(n: usize, d: usize, rank: usize, noise: f64, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed, "pca test", 0);
    let basis: Vec<f64> = (0..rank * d).map(|_| rng.normal()).collect();
    let mut rows = Vec::with_capacity(n * d);
    for _ in 0..n {
        // Falling variances, so that each component is defined.
        let z: Vec<f64> = (0..rank).map(|r| rng.normal() * 0.7_f64.powi(r as i32)).collect();
        for j in 0..d {
            let on = (0..rank).map(|r| z[r] * basis[r * d + j]).sum::<f64>();
            rows.push((0.5 + on + noise * rng.normal()) as f32);
        }
    }
    rows
}

fn fitted(rows: &[f32], d: usize, k: usize, solver: Solver) -> Pca {
    let options = PcaOptions { solver, ..PcaOptions::default() };
    Pca::fit(&Matrix::new(rows, d).unwrap(), k, &options, &Context::default()).unwrap()
}

fn mse(pca: &Pca, rows: &[f32]) -> f64 {
    pca.mse(&Matrix::new(rows, pca.dims()).unwrap(), &Context::default()).unwrap()
}

#[test]
fn data_on_a_plane_are_recovered_exactly() {
    for solver in [Solver::Exact, Solver::Randomized] {
        let rows = low_rank(70, 23, 2, 0.0, 1);
        let pca = fitted(&rows, 23, 2, solver);
        assert!(mse(&pca, &rows) < 1e-12, "{solver:?}: {}", mse(&pca, &rows));
        assert!((pca.explained_variance_ratio().iter().sum::<f32>() - 1.0).abs() < 1e-6);
        // One direction is not enough.
        assert!(mse(&fitted(&rows, 23, 1, solver), &rows) > 1e-2);
    }
}

#[test]
fn points_along_an_axis_have_the_known_mean_direction_and_variance() {
    let rows = [1.0_f32, 5.0, 2.0, 5.0, 3.0, 5.0, 6.0, 5.0];
    let pca = fitted(&rows, 2, 1, Solver::Auto);
    assert_eq!(pca.mean(), [3.0, 5.0]);
    assert!((pca.components()[0] - 1.0).abs() < 1e-6 && pca.components()[1].abs() < 1e-6);
    // (4 + 1 + 0 + 9) / 3
    assert!((pca.explained_variance()[0] - 14.0 / 3.0).abs() < 1e-5);
    let codes = pca.encode(&rows, &Context::default()).unwrap();
    assert_eq!(codes.iter().map(|c| c.round()).collect::<Vec<_>>(), [-2.0, -1.0, 0.0, 3.0]);
}

/// Straight from the definition: each component is an eigenvector of the covariance and its variance
/// the eigenvalue; the error left is the variance not explained.
#[test]
fn components_are_eigenvectors_of_the_covariance_formed_entry_by_entry() {
    let (n, d, k) = (40, 9, 4);
    let rows = low_rank(n, d, 6, 0.05, 2);
    let x = |i: usize, j: usize| f64::from(rows[i * d + j]);
    let mean: Vec<f64> = (0..d).map(|j| (0..n).map(|i| x(i, j)).sum::<f64>() / n as f64).collect();
    let c = |a: usize, b: usize| {
        (0..n).map(|i| (x(i, a) - mean[a]) * (x(i, b) - mean[b])).sum::<f64>() / (n - 1) as f64
    };
    let whole: f64 = (0..d).map(|j| c(j, j)).sum();
    let pca = fitted(&rows, d, k, Solver::Exact);
    for (v, l) in pca.components().chunks_exact(d).zip(pca.explained_variance()) {
        for a in 0..d {
            let cv: f64 = (0..d).map(|b| c(a, b) * f64::from(v[b])).sum();
            assert!((cv - f64::from(l * v[a])).abs() < 1e-6 * whole);
        }
    }
    let kept: f64 = pca.explained_variance().iter().map(|v| f64::from(*v)).sum();
    let left = (whole - kept) * (n - 1) as f64 / (n * d) as f64;
    assert!((mse(&pca, &rows) - left).abs() < 1e-6 * whole);
}

#[test]
fn the_randomized_solver_agrees_with_the_exact_one() {
    // Several chunks, so that sums across them are tested: 40 960 values fill one chunk's 512 rows.
    let (n, d, k) = (1300, 80, 5);
    let rows = low_rank(n, d, 12, 0.1, 3);
    let (a, b) = (fitted(&rows, d, k, Solver::Exact), fitted(&rows, d, k, Solver::Randomized));
    for i in 0..k {
        let (x, y) = (&a.components()[i * d..][..d], &b.components()[i * d..][..d]);
        let dot: f32 = x.iter().zip(y).map(|(x, y)| x * y).sum();
        assert!(dot > 0.99999, "component {i}: {dot}");
        assert!((a.explained_variance[i] / b.explained_variance[i] - 1.0).abs() < 1e-4);
    }
    assert!((a.total_variance / b.total_variance - 1.0).abs() < 1e-6);
    assert!((mse(&a, &rows) / mse(&b, &rows) - 1.0).abs() < 1e-6);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let rows = low_rank(600, 200, 8, 0.1, 4);
    for solver in [Solver::Exact, Solver::Randomized] {
        let options = PcaOptions { solver, ..PcaOptions::default() };
        let matrix = Matrix::new(&rows, 200).unwrap();
        let [one, many] = [1, 4].map(|threads| {
            let cx = Context::with_threads(threads);
            let pca = Pca::fit(&matrix, 6, &options, &cx).unwrap();
            let codes = pca.encode(&rows, &cx).unwrap();
            let back = pca.decode(&codes, &cx).unwrap();
            (pca, codes, back)
        });
        assert_eq!(one, many);
    }
}

#[test]
fn saved_and_loaded_is_the_same() {
    let pca = fitted(&low_rank(30, 7, 3, 0.1, 5), 7, 3, Solver::Auto);
    assert_eq!(Pca::from_tensors(&pca.to_tensors()).unwrap(), pca);
}

#[test]
fn tensors_that_are_not_a_pca_are_refused_by_name() {
    let pca = fitted(&low_rank(30, 7, 3, 0.1, 5), 7, 3, Solver::Auto);
    let refused = |change: &dyn Fn(&mut Tensors)| {
        let mut tensors = pca.to_tensors();
        change(&mut tensors);
        let error = Pca::from_tensors(&tensors).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        error.to_string()
    };
    let put = |t: &mut Tensors, name: &str, shape: &[usize]| {
        t.insert(name.into(), Tensor::zeros(shape));
    };
    let message = refused(&|t| {
        t.remove("pca.mean");
        put(t, "encoder.weight", &[2]);
    });
    assert!(message.contains("pca.mean") && message.contains("encoder.weight"), "{message}");
    assert!(refused(&|t| put(t, "pca.mean", &[8])).contains("[8]"));
    assert!(refused(&|t| put(t, "pca.components", &[9, 7])).contains("[9, 7]"));
    assert!(refused(&|t| put(t, "pca.components", &[0, 7])).contains("[0, 7]"));
    assert!(refused(&|t| put(t, "pca.components", &[21])).contains("[21]"));
    let nan = refused(&|t| t.get_mut("pca.mean").unwrap().data_mut()[3] = f32::NAN);
    assert!(nan.contains("pca.mean") && nan.contains("finite"), "{nan}");
}

#[test]
fn bad_options_and_data_are_errors() {
    let cx = Context::default();
    let fit = |rows: &[f32], d, k, options: &PcaOptions| {
        Pca::fit(&Matrix::new(rows, d).unwrap(), k, options, &cx)
            .map_err(|e| (e.kind(), e.to_string()))
    };
    let rows = low_rank(4, 3, 2, 0.1, 6);
    let options = PcaOptions::default();
    assert_eq!(fit(&rows, 3, 0, &options).unwrap_err().0, ErrorKind::Param);
    assert_eq!(fit(&rows, 3, 4, &options).unwrap_err().0, ErrorKind::Param);
    assert_eq!(fit(&rows[..6], 3, 3, &options).unwrap_err().0, ErrorKind::Param);
    assert_eq!(fit(&[], 3, 1, &options).unwrap_err().0, ErrorKind::Input);
    let many = PcaOptions { power_iterations: 101, ..options };
    assert_eq!(fit(&rows, 3, 1, &many).unwrap_err().0, ErrorKind::Param);
    let exact = PcaOptions { solver: Solver::Exact, ..options };
    assert_eq!(fit(&vec![0.0; 2 * 8193], 8193, 1, &exact).unwrap_err().0, ErrorKind::Limit);
    let mut bad = rows.clone();
    bad[7] = f32::INFINITY;
    let (kind, message) = fit(&bad, 3, 1, &options).unwrap_err();
    assert!(kind == ErrorKind::Input && message.contains("row 2") && message.contains("inf"));
    let pca = fit(&rows, 3, 2, &options).unwrap();
    assert!(pca.encode(&rows[..5], &cx).is_err() && pca.decode(&rows[..5], &cx).is_err());
    assert!(pca.mse(&Matrix::new(&rows, 4).unwrap(), &cx).is_err());
    assert!(pca.mse(&Matrix::new(&[], 3).unwrap(), &cx).is_err());
    assert!(Matrix::new(&rows, 0).is_err() && Matrix::new(&rows, 5).is_err());
}

#[test]
fn a_cancelled_fit_stops() {
    let cancel = Cancel::default();
    cancel.cancel();
    let cx = Context { cancel: Some(&cancel), ..Context::default() };
    let rows = low_rank(4, 3, 2, 0.1, 6);
    let came = Pca::fit(&Matrix::new(&rows, 3).unwrap(), 1, &PcaOptions::default(), &cx);
    assert!(matches!(came, Err(NnError::Cancelled)));
}

proptest! {
    /// Whatever the size, and however degenerate the data: finite, orthonormal, falling.
    #[test]
    fn components_are_orthonormal_and_variances_fall(
        n in 1_usize..12, d in 1_usize..12, rank in 0_usize..4, exact in any::<bool>(), seed in any::<u64>(),
        size in prop_oneof![Just(1.0_f32), Just(1e-12), Just(1e12)],
    ) {
        let rows: Vec<f32> = low_rank(n, d, rank, 0.0, seed).iter().map(|v| v * size).collect();
        let k = n.min(d);
        let pca = fitted(&rows, d, k, if exact { Solver::Exact } else { Solver::Randomized });
        for (i, a) in pca.components().chunks_exact(d).enumerate() {
            for (j, b) in pca.components().chunks_exact(d).enumerate() {
                let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                prop_assert!((dot - f32::from(u8::from(i == j))).abs() < 1e-4, "{} {} {}", i, j, dot);
            }
            let largest = a.iter().fold(0.0_f32, |m, v| if v.abs() > m.abs() { *v } else { m });
            prop_assert!(largest > 0.0);
        }
        prop_assert!(pca.explained_variance().is_sorted_by(|a, b| a >= b));
        prop_assert!(pca.explained_variance_ratio().iter().all(|v| (0.0..=1.0001).contains(v)));
    }
}
