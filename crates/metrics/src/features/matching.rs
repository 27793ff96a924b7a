//! Pairs of descriptors that are alike: for each of the first picture the nearest of the second, if it
//! is clearly nearer than the second nearest.
//!
//! ```text
//! match i -> j:  j = argmin |a_i - b_j|,   |a_i - b_j| < ratio * |a_i - b_k| for all k != j
//! ```
//!
//! Exhaustive, so exact: 128 products of bytes per pair of descriptors. `mutual` also wants `i` to be
//! the nearest of `j`.
//!
//! Reference: D. G. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60(2),
//! 2004, section 7.1, doi:10.1023/B:VISI.0000029664.99615.94.

use crate::MetricError;
use restora_image::{Context, OpError, map_bands, simd};
use serde::{Deserialize, Serialize};

/// Options of [`matching()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matching {
    /// The nearest must be nearer than this times the distance of the second nearest.
    pub ratio: f64,
    /// Must both be nearest to each other?
    pub mutual: bool,
}

impl Default for Matching {
    fn default() -> Self {
        Self { ratio: 0.8, mutual: false }
    }
}

/// Descriptor `a` of the first picture looks like descriptor `b` of the second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// Index in the first list.
    pub a: u32,
    /// Index in the second list.
    pub b: u32,
    /// Euclidean distance of the descriptors.
    pub distance: f32,
}

/// The matches from `a` to `b`, in the order of `a`.
///
/// # Errors
/// If `ratio` is not in `(0, 1]`, or the caller cancelled.
pub fn matching(
    a: &[[u8; 128]],
    b: &[[u8; 128]],
    options: &Matching,
    cx: &Context,
) -> Result<Vec<Match>, MetricError> {
    if !(options.ratio > 0.0 && options.ratio <= 1.0) {
        return Err(OpError::param("ratio", "above 0 and at most 1", options.ratio).into());
    }
    let forward = nearest(a, b, cx)?;
    let backward = if options.mutual { Some(nearest(b, a, cx)?) } else { None };
    let ratio = (options.ratio * options.ratio) as f32;
    let kept = forward.iter().enumerate().filter(|(i, n)| {
        (n.first as f32) < ratio * n.second as f32
            && backward.as_ref().is_none_or(|back| back[n.index as usize].index as usize == *i)
    });
    Ok(kept
        .map(|(i, n)| Match { a: i as u32, b: n.index, distance: (n.first as f32).sqrt() })
        .collect())
}

/// The nearest descriptor, its squared distance, and that of the second nearest.
#[derive(Clone, Copy)]
struct Nearest {
    index: u32,
    first: u32,
    second: u32,
}

fn nearest(
    from: &[[u8; 128]],
    to: &[[u8; 128]],
    cx: &Context,
) -> Result<Vec<Nearest>, MetricError> {
    let bands = map_bands(from.len(), 32, cx, |band| {
        let mut found = Vec::with_capacity(band.len());
        simd(
            #[inline(always)]
            || {
                for query in &from[band] {
                    found.push(nearest_of(query, to));
                }
            },
        );
        Ok(found)
    })?;
    Ok(bands.into_iter().flatten().collect())
}

#[inline(always)]
fn nearest_of(query: &[u8; 128], to: &[[u8; 128]]) -> Nearest {
    let mut best = Nearest { index: 0, first: u32::MAX, second: u32::MAX };
    for (index, other) in to.iter().enumerate() {
        let distance = squared_distance(query, other);
        if distance < best.first {
            best = Nearest { index: index as u32, first: distance, second: best.first };
        } else if distance < best.second {
            best.second = distance;
        }
    }
    best
}

#[inline(always)]
fn squared_distance(a: &[u8; 128], b: &[u8; 128]) -> u32 {
    let mut sum = 0i32;
    for i in 0..128 {
        let gap = i16::from(a[i]) - i16::from(b[i]);
        sum += i32::from(gap) * i32::from(gap);
    }
    sum as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    fn descriptors(count: usize, seed: u64) -> Vec<[u8; 128]> {
        let mut rng = Rng::new(seed, "descriptors", 0);
        (0..count).map(|_| std::array::from_fn(|_| rng.below(120) as u8)).collect()
    }

    #[test]
    fn the_matches_are_those_of_the_definition_for_any_number_of_threads() {
        let a = descriptors(70, 1);
        // Noisy copies of every second one, in reverse, among strangers.
        let mut b = descriptors(50, 2);
        b.extend(a.iter().step_by(2).rev().map(|d| d.map(|v| v ^ 3)));
        let naive = |ratio: f64, mutual: bool| -> Vec<(u32, u32)> {
            let distance = |x: &[u8; 128], y: &[u8; 128]| -> f64 {
                x.iter().zip(y).map(|(p, q)| (f64::from(*p) - f64::from(*q)).powi(2)).sum::<f64>()
            };
            let order = |x: &[u8; 128], to: &[[u8; 128]]| {
                let mut all: Vec<_> = (0..to.len()).map(|j| (distance(x, &to[j]), j)).collect();
                all.sort_by(|p, q| p.0.total_cmp(&q.0));
                all
            };
            (0..a.len())
                .filter_map(|i| {
                    let all = order(&a[i], &b);
                    let back = order(&b[all[0].1], &a)[0].1 == i;
                    (all[0].0.sqrt() < ratio * all[1].0.sqrt() && (back || !mutual))
                        .then_some((i as u32, all[0].1 as u32))
                })
                .collect()
        };
        for (ratio, mutual) in [(0.8, false), (0.99, false), (0.99, true)] {
            let options = Matching { ratio, mutual };
            let one = matching(&a, &b, &options, &Context::default()).unwrap();
            let got: Vec<_> = one.iter().map(|m| (m.a, m.b)).collect();
            assert_eq!(got, naive(ratio, mutual));
            assert!(got.len() >= 35);
            assert_eq!(Ok(one), matching(&a, &b, &options, &Context::with_threads(4)));
        }
    }

    #[test]
    fn nothing_matches_an_empty_list_and_a_lone_one_matches_by_default() {
        let a = descriptors(3, 1);
        let run = |b: &[[u8; 128]]| matching(&a, b, &Matching::default(), &Context::default());
        assert_eq!(run(&[]), Ok(vec![]));
        assert_eq!(run(&a[..1]).unwrap().len(), 3);
    }

    #[test]
    fn a_ratio_out_of_range_is_refused() {
        for ratio in [0.0, 1.1, f64::NAN] {
            let options = Matching { ratio, mutual: false };
            let error = matching(&[], &[], &options, &Context::default()).unwrap_err();
            assert!(error.to_string().contains("`ratio` must be above 0"), "{error}");
        }
    }
}
