//! Local outlier factor: how much thinner the set is at a vector than at its neighbors.
//!
//! ```text
//! reach(a, b) = max(distance to the k-th neighbor of b, |a - b|)          (definition 5)
//! lrd(a)      = 1 / mean of reach(a, b) over the neighbors b of a         (definition 6)
//! LOF(a)      = mean of lrd(b) / lrd(a) over the neighbors b of a         (definition 7)
//! ```
//!
//! About 1 inside a cloud however dense, larger outside; of copies of one another (distance 0) the reach is taken as
//! a thousandth of the median distance to the k-th neighbor, where the paper has no number. A vector without
//! neighbors has 1. Cost: `n k`.
//!
//! Reference: M. Breunig, H.-P. Kriegel, R. Ng, J. Sander, "LOF: identifying density-based local outliers", SIGMOD 2000,
//! doi:10.1145/335191.335388.

use crate::search::KnnGraph;

/// Least reach, of the median distance to the k-th neighbor.
const LEAST_REACH: f32 = 1e-3;

/// The factor of each vector of the graph.
pub fn local_outlier_factor(graph: &KnnGraph) -> Vec<f32> {
    let n = graph.len();
    let farthest: Vec<f32> =
        (0..n).map(|i| graph.neighbors(i).next_back().map_or(0.0, |(_, d)| d)).collect();
    let mut sorted = farthest.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    let least = sorted.get(n / 2).map_or(0.0, |median| LEAST_REACH * median).max(f32::MIN_POSITIVE);
    let density: Vec<f64> = (0..n)
        .map(|a| {
            let reaches = graph.neighbors(a).map(|(b, d)| d.max(farthest[b]).max(least));
            let (sum, count) = reaches.fold((0.0, 0.0), |(s, c), r| (s + f64::from(r), c + 1.0));
            count / sum
        })
        .collect();
    (0..n)
        .map(|a| {
            let ratios = graph.neighbors(a).map(|(b, _)| density[b] / density[a]);
            let (sum, count) = ratios.fold((0.0, 0), |(s, c), r| (s + r, c + 1));
            if count == 0 { 1.0 } else { (sum / f64::from(count)) as f32 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{KnnGraphOptions, knn_graph};
    use restora_image::{Context, Rng};

    fn factors(points: &[[u8; 2]], k: u32) -> Vec<f32> {
        let options = KnnGraphOptions { k, probes: 1000 };
        local_outlier_factor(
            &knn_graph(points.as_flattened(), 2, &options, &Context::default()).unwrap(),
        )
    }

    #[test]
    fn four_points_have_the_factors_of_the_definition() {
        // On a line at 0, 1, 2 and 10 with k = 2: k-distances 2, 1, 2, 9; reaches 1+2, 2+2, 1+2, 8+9;
        // densities 2/3, 2/4, 2/3, 2/17.
        let found = factors(&[[0, 0], [1, 0], [2, 0], [10, 0]], 2);
        let density = [2.0 / 3.0, 0.5, 2.0 / 3.0, 2.0 / 17.0];
        let near = [[1, 2], [0, 2], [0, 1], [1, 2]];
        for (i, got) in found.iter().enumerate() {
            let mean = 0.5 * (density[near[i][0]] + density[near[i][1]]);
            let wanted = mean / density[i];
            assert!((f64::from(*got) - wanted).abs() < 1e-5, "{i}: {got} against {wanted}");
        }
    }

    #[test]
    fn clouds_of_any_density_have_none_but_a_point_beside_the_dense_one_is_one() {
        let mut rng = Rng::new(1, "clouds", 0);
        let mut cloud = |center: f64, width: f64, n: usize| -> Vec<[u8; 2]> {
            let mut draw = || (center + width * (rng.uniform() - 0.5)) as u8;
            (0..n).map(|_| [draw(), draw()]).collect()
        };
        let mut points = cloud(60.0, 20.0, 200);
        points.extend(cloud(180.0, 120.0, 200));
        // As far from the dense cloud as the points of the thin one are from each other.
        points.push([90, 60]);
        let found = factors(&points, 10);
        assert!(found[400] > 2.0, "{}", found[400]);
        assert!(found[..400].iter().all(|f| *f < found[400]));
    }

    #[test]
    fn copies_of_one_vector_are_no_outliers() {
        let mut points = vec![[7, 7]; 30];
        points.extend((0..30).map(|i| [i * 8, 200]));
        let found = factors(&points, 5);
        assert!(found.iter().all(|f| f.is_finite()));
        assert!(found[..30].iter().all(|f| (f - 1.0).abs() < 1e-6), "{:?}", &found[..30]);
    }
}
