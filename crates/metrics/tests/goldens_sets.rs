//! Measures of sets of features made by formula, against NumPy, SciPy and prdc (`goldens/sets.json`, made by
//! `tools/goldens/sets.py`).

use restora_image::Context;
use restora_metrics::sets::{
    BirthdayParadox, Gaussian, KernelInceptionDistance, Memorization, Moments, PrecisionRecall,
    birthday_paradox, frechet_distance, inception_score, kernel_inception_distance, memorization,
    precision_recall,
};
use serde_json::Value;

/// The features of `tools/goldens/sets.py`.
fn features(rows: usize, dims: usize, seed: i64, shift: i64) -> Vec<f32> {
    const PRIME: i64 = 2_147_483_647;
    let value = |i: i64, c: i64| {
        let mut total = 0;
        for k in 0..4 {
            for near in 0..2 {
                let place = i * 7919 + (c + near) * 104_729 + k * 1_299_709;
                let mut h = (place + seed * 15_485_863 + 12_345) % PRIME;
                for _ in 0..3 {
                    h = (h * 48_271 + 11) % PRIME;
                    h ^= h >> 13;
                }
                total += h % 2001 - 1000;
            }
        }
        (((total * 8).div_euclid(8 + c) + shift) as f64 / 1000.0) as f32
    };
    (0..rows as i64).flat_map(|i| (0..dims as i64).map(move |c| value(i, c))).collect()
}

fn gaussian(rows: &[f32], dims: usize) -> Gaussian {
    let cx = Context::default();
    let mut moments = Moments::new(dims).expect("moments");
    rows.chunks(dims * 77).for_each(|rows| moments.add(rows, &cx).expect("rows"));
    moments.gaussian(&cx).expect("covariance")
}

/// Softmax of the first ten columns.
fn probabilities(rows: &[f32], dims: usize) -> (Vec<f32>, usize) {
    let classes = dims.min(10);
    let mut out = Vec::new();
    for row in rows.chunks(dims) {
        let row = &row[..classes];
        let most = row.iter().copied().fold(f32::MIN, f32::max);
        let powers: Vec<f64> =
            row.iter().map(|v| (f64::from(*v) - f64::from(most)).exp()).collect();
        let sum: f64 = powers.iter().sum();
        out.extend(powers.iter().map(|p| (p / sum) as f32));
    }
    (out, classes)
}

#[test]
fn measures_of_sets_are_those_of_numpy_scipy_and_prdc() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("goldens/sets.json")).expect("goldens");
    let goldens: Value = serde_json::from_str(&text).expect("JSON");
    let sets = goldens["sets"].as_array().expect("sets");
    assert_eq!(sets.len(), 5);
    let cx = Context::default();
    for set in sets {
        let number = |key: &str| set[key].as_f64().unwrap_or_else(|| panic!("no {key}"));
        let [rows, other, dims, shift] =
            ["rows", "other_rows", "dims", "shift"].map(|key| number(key) as usize);
        let (a, b) = (features(rows, dims, 1, 0), features(other, dims, 2, shift as i64));
        let held_out = features(200, dims, 3, 0);
        let near = |key: &str, got: f64, tolerance: f64| {
            let wanted = number(key);
            let gap = (got - wanted).abs() / wanted.abs().max(1e-3);
            println!("{gap:.1e} {key} of {rows} x {dims}");
            assert!(gap <= tolerance, "{key} of {rows} x {dims}: {got}, wanted {wanted}");
        };
        let frechet =
            frechet_distance(&gaussian(&a, dims), &gaussian(&b, dims), &cx).expect("distance");
        near("frechet", frechet.distance, 1e-9);
        // Few rows: all pairs, as the golden has them.
        let options = KernelInceptionDistance::default();
        let kernel = kernel_inception_distance(&a, &b, dims, &options, &cx).expect("distance");
        near("kernel", kernel.distance, 1e-9);
        let overlap =
            precision_recall(&a, &b, dims, &PrecisionRecall::default(), &cx).expect("shares");
        near("precision", overlap.precision.value, 1e-9);
        near("recall", overlap.recall.value, 1e-9);
        near("density", overlap.density.value, 1e-9);
        near("coverage", overlap.coverage.value, 1e-9);
        let one = Memorization { cells: 1, ..Memorization::default() };
        let report = memorization(&a, &held_out, &b, dims, &one, &cx).expect("report");
        near("data_copying", report.z, 1e-9);
        let (rows_of_classes, classes) = probabilities(&b, dims);
        let score = inception_score(&rows_of_classes, classes, 1, 0).expect("score");
        near("inception_score", score.value, 1e-6);
        let support = birthday_paradox(&b, dims, &BirthdayParadox::default(), &cx).expect("pairs");
        near("closest_pair", support.closest[0].distance, 1e-9);
    }
}
