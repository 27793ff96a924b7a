//! k-means: vectors in `clusters` groups, each around its mean.
//!
//! ```text
//! minimize  sum_i |x_i - c_(l_i)|^2
//! seeds:    the next center is x_i with probability ~ min_j |x_i - c_j|^2        (k-means++)
//! rounds:   l_i = argmin_j |x_i - c_j|^2,   c_j = mean of its x_i                (Lloyd)
//! ```
//!
//! A group that loses all its vectors takes the one farthest from its center. The seeds depend on the
//! seed of the context alone, and the sums run over fixed bands, so any number of threads gives the same
//! bytes. Cost: `n k d` products per round, and once for the seeds.
//!
//! References: S. P. Lloyd, "Least squares quantization in PCM", IEEE Trans. Information Theory 28(2),
//! 1982, doi:10.1109/TIT.1982.1056489. D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful
//! seeding", SODA 2007, doi:10.5555/1283383.1283494.

use crate::MetricError;
use restora_image::{Context, OpError, map_bands, simd};
use serde::{Deserialize, Serialize};

/// Vectors per band.
const BAND: usize = 1024;

/// Options of [`k_means()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KMeans {
    /// How many groups.
    pub clusters: u32,
    /// Most rounds.
    pub rounds: u32,
    /// Stop once a round lowers the sum of squares by less than this share.
    pub tolerance: f64,
}

impl Default for KMeans {
    fn default() -> Self {
        Self { clusters: 8, rounds: 100, tolerance: 1e-4 }
    }
}

/// The groups.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeansFit {
    /// One center of `dims` numbers after the other.
    pub centers: Vec<f32>,
    /// The group of each vector.
    pub labels: Vec<u32>,
    /// Sum of squared distances to the centers.
    pub inertia: f64,
    /// Rounds it took.
    pub rounds: u32,
}

/// Groups `vectors`, each of `dims` numbers, one after the other.
///
/// # Errors
/// If the numbers do not make whole vectors, one is not finite, there are fewer vectors than groups, an
/// option is out of range, or the caller cancelled.
pub fn k_means(
    vectors: &[f32],
    dims: usize,
    options: &KMeans,
    cx: &Context,
) -> Result<KMeansFit, MetricError> {
    let k = options.clusters as usize;
    validate(vectors, dims, options)?;
    let n = vectors.len() / dims;
    let mut centers = seeds(vectors, dims, k, cx)?;
    let mut nearest = assign(vectors, dims, &centers, cx)?;
    let mut inertia = total(&nearest);
    let mut rounds = 0;
    while rounds < options.rounds {
        rounds += 1;
        centers = means(vectors, dims, k, &mut nearest, cx)?;
        nearest = assign(vectors, dims, &centers, cx)?;
        let before = std::mem::replace(&mut inertia, total(&nearest));
        if before - inertia <= options.tolerance * before {
            break;
        }
    }
    debug_assert_eq!(nearest.len(), n);
    let labels = nearest.iter().map(|(label, _)| *label).collect();
    Ok(KMeansFit { centers, labels, inertia, rounds })
}

fn validate(vectors: &[f32], dims: usize, options: &KMeans) -> Result<(), MetricError> {
    if dims == 0 || !vectors.len().is_multiple_of(dims) {
        return Err(MetricError::Input(format!(
            "wanted vectors of {dims} numbers, got {} numbers in all",
            vectors.len()
        )));
    }
    let n = vectors.len() / dims;
    if options.clusters == 0 || options.clusters as usize > n {
        let got = options.clusters;
        return Err(OpError::param("clusters", "1 to the number of vectors", got).into());
    }
    if !(options.tolerance >= 0.0 && options.tolerance < 1.0) {
        let got = options.tolerance;
        return Err(OpError::param("tolerance", "0 or above and below 1", got).into());
    }
    if let Some(at) = vectors.iter().position(|v| !v.is_finite()) {
        return Err(MetricError::Input(format!(
            "vector {} has a number that is not finite",
            at / dims
        )));
    }
    Ok(())
}

/// k-means++ seeds.
fn seeds(vectors: &[f32], dims: usize, k: usize, cx: &Context) -> Result<Vec<f32>, MetricError> {
    let n = vectors.len() / dims;
    let mut rng = cx.rng("k-means", 0);
    let mut next = rng.below(n as u64) as usize;
    let mut centers = Vec::with_capacity(k * dims);
    let mut distances = vec![f32::INFINITY; n];
    for chosen in 1..=k {
        let center = &vectors[next * dims..][..dims];
        centers.extend_from_slice(center);
        if chosen == k {
            break;
        }
        let bands = map_bands(n, BAND, cx, |band| {
            let mut near = distances[band.clone()].to_vec();
            simd(
                #[inline(always)]
                || {
                    let rows = vectors[band.start * dims..band.end * dims].chunks_exact(dims);
                    for (near, row) in near.iter_mut().zip(rows) {
                        *near = near.min(squared_distance(row, center));
                    }
                },
            );
            Ok(near)
        })?;
        distances = bands.into_iter().flatten().collect();
        let sum: f64 = distances.iter().map(|d| f64::from(*d)).sum();
        let mut draw = rng.uniform() * sum;
        // All vectors may be equal to a center.
        next = distances
            .iter()
            .position(|d| {
                draw -= f64::from(*d);
                draw < 0.0
            })
            .unwrap_or(next);
    }
    Ok(centers)
}

/// The nearest center of each vector, and its squared distance.
pub(super) fn assign(
    vectors: &[f32],
    dims: usize,
    centers: &[f32],
    cx: &Context,
) -> Result<Vec<(u32, f32)>, MetricError> {
    let bands = map_bands(vectors.len() / dims, BAND, cx, |band| {
        let mut out = Vec::with_capacity(band.len());
        simd(
            #[inline(always)]
            || {
                for row in vectors[band.start * dims..band.end * dims].chunks_exact(dims) {
                    let mut best = (0, f32::INFINITY);
                    for (label, center) in centers.chunks_exact(dims).enumerate() {
                        let distance = squared_distance(row, center);
                        if distance < best.1 {
                            best = (label as u32, distance);
                        }
                    }
                    out.push(best);
                }
            },
        );
        Ok(out)
    })?;
    Ok(bands.into_iter().flatten().collect())
}

#[inline(always)]
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (a_chunks, b_chunks) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 =
        a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for i in 0..16 {
            let gap = a[i] - b[i];
            lanes[i] += gap * gap;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

fn total(nearest: &[(u32, f32)]) -> f64 {
    nearest.iter().map(|(_, d)| f64::from(*d)).sum()
}

/// The mean of each group.
fn means(
    vectors: &[f32],
    dims: usize,
    k: usize,
    nearest: &mut [(u32, f32)],
    cx: &Context,
) -> Result<Vec<f32>, MetricError> {
    cx.check()?;
    let mut counts = vec![0u64; k];
    for (label, _) in nearest.iter() {
        counts[*label as usize] += 1;
    }
    for empty in 0..k {
        if counts[empty] > 0 {
            continue;
        }
        let farthest = (0..nearest.len()).max_by(|&a, &b| nearest[a].1.total_cmp(&nearest[b].1));
        if let Some(i) = farthest.filter(|&i| counts[nearest[i].0 as usize] > 1) {
            counts[nearest[i].0 as usize] -= 1;
            counts[empty] = 1;
            nearest[i] = (empty as u32, 0.0);
        }
    }
    let mut sums = vec![0.0f64; k * dims];
    for ((label, _), row) in nearest.iter().zip(vectors.chunks_exact(dims)) {
        let sum = &mut sums[*label as usize * dims..][..dims];
        for (sum, v) in sum.iter_mut().zip(row) {
            *sum += f64::from(*v);
        }
    }
    let mean = |(i, sum): (usize, &f64)| (*sum / counts[i / dims].max(1) as f64) as f32;
    Ok(sums.iter().enumerate().map(mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    /// `count` points around each of `centers`.
    fn clouds(centers: &[[f32; 3]], count: usize, sigma: f32) -> Vec<f32> {
        let mut rng = Rng::new(5, "clouds", 0);
        let around = |_| centers.iter().flatten().copied().collect::<Vec<f32>>();
        let mut all: Vec<f32> = (0..count).flat_map(around).collect();
        for v in &mut all {
            *v += sigma * rng.normal() as f32;
        }
        all
    }

    const CENTERS: [[f32; 3]; 4] =
        [[0.0, 0.0, 0.0], [5.0, 0.0, 0.0], [0.0, 5.0, 1.0], [-4.0, 2.0, 8.0]];

    #[test]
    fn clouds_apart_are_found_for_any_number_of_threads() {
        let vectors = clouds(&CENTERS, 600, 0.3);
        let options = KMeans { clusters: 4, ..KMeans::default() };
        let fit = k_means(&vectors, 3, &options, &Context::default()).unwrap();
        assert_eq!(Ok(fit.clone()), k_means(&vectors, 3, &options, &Context::with_threads(4)));
        for (i, wanted) in CENTERS.iter().enumerate() {
            let label = fit.labels[i] as usize;
            let center = &fit.centers[label * 3..][..3];
            assert!(center.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 0.05), "{center:?}");
            assert!(fit.labels.iter().skip(i).step_by(4).all(|l| *l as usize == label));
        }
        // Variance 0.09 in three dimensions.
        assert!((fit.inertia / 2400.0 - 0.27).abs() < 0.02, "{}", fit.inertia);
    }

    #[test]
    fn as_many_groups_as_vectors_leave_nothing_and_one_group_is_the_mean() {
        let vectors = clouds(&CENTERS, 5, 1.0);
        let all = KMeans { clusters: 20, ..KMeans::default() };
        let fit = k_means(&vectors, 3, &all, &Context::default()).unwrap();
        assert_eq!(fit.inertia, 0.0);
        let one = KMeans { clusters: 1, ..KMeans::default() };
        let fit = k_means(&vectors, 3, &one, &Context::default()).unwrap();
        for (c, center) in fit.centers.iter().enumerate() {
            let mean = vectors.iter().skip(c).step_by(3).sum::<f32>() / 20.0;
            assert!((center - mean).abs() < 1e-5);
        }
    }

    #[test]
    fn equal_vectors_do_no_harm() {
        let fit = k_means(&[1.0; 40], 4, &KMeans::default(), &Context::default()).unwrap();
        assert_eq!(fit.inertia, 0.0);
        assert!(fit.centers.iter().all(|c| c.is_finite()));
    }

    #[test]
    fn bad_input_is_refused_by_name() {
        let run = |v: &[f32], dims, o: KMeans| {
            k_means(v, dims, &o, &Context::default()).unwrap_err().to_string()
        };
        let good = KMeans { clusters: 1, ..KMeans::default() };
        assert!(run(&[1.0; 5], 2, good).contains("wanted vectors of 2 numbers, got 5"));
        assert!(run(&[1.0; 5], 0, good).contains("of 0 numbers"));
        assert!(run(&[1.0; 4], 2, KMeans { clusters: 3, ..good }).contains("`clusters`"));
        assert!(run(&[1.0; 4], 2, KMeans { tolerance: -1.0, ..good }).contains("`tolerance`"));
        assert!(run(&[1.0, 2.0, f32::NAN, 0.0], 2, good).contains("vector 1 has a number"));
    }
}
