//! Label errors by confident learning: items that a classifier, which did not see them, is surer to be of another class
//! than it is of the members of that class.
//!
//! ```text
//! t_c     = mean of p_i(c) over the items labeled c                                        (eq. 2)
//! C[g][c] = number of items labeled g for which c has the largest p_i among the classes
//!           with p_i >= t                                                                  (eq. 1)
//! Q[g][c] = C[g][c] / sum of row g, times the share of items labeled g                     (eq. 3)
//! ```
//! The sum of `Q` off the diagonal estimates the share of wrong labels. Of each given label `g` as many items are suspects as its row
//! of `Q` says (the paper's pruning by class, section 2.3): those with another likeliest class `c` and the largest
//! `p_i(c) - p_i(g)`. The thresholds are each class's own, so that rare and hard classes are not suspected as a whole. The
//! probabilities `p_i(c)` must not have been learned from label `i`: [`neighbor_votes`] asks the neighbors, without the item.
//!
//! Reference: C. Northcutt, L. Jiang, I. Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 70,
//! 2021, doi:10.1613/jair.1.12125, arXiv:1911.00068.

use crate::MetricError;
use crate::search::KnnGraph;
use serde::Serialize;

/// An item whose label is likely wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LabelSuspect {
    /// Its number.
    pub item: usize,
    /// The label it has.
    pub given: u32,
    /// The label it should have.
    pub suggested: u32,
    /// Probability of the given label.
    pub given_probability: f32,
    /// Probability of the suggested label.
    pub suggested_probability: f32,
}

/// What [`label_errors`] found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LabelErrors {
    /// The suspects, surest first: by the margin of the suggested over the given label.
    pub suspects: Vec<LabelSuspect>,
    /// Estimated share of wrong labels, in `[0, 1]`.
    pub share: f64,
    /// Share of items whose own label is the likeliest: how well the probabilities know the classes at all.
    pub agreement: f64,
}

/// Finds label errors. `labels[i]` is below `classes`; `probabilities(i, row)` fills the row of item `i`, one number per
/// class, with a sum of 1 (or of 0: nothing known, never suspected).
///
/// # Errors
/// If a label is not below `classes`.
pub fn label_errors(
    labels: &[u32],
    classes: usize,
    probabilities: &dyn Fn(usize, &mut [f32]),
) -> Result<LabelErrors, MetricError> {
    if let Some(wrong) = labels.iter().find(|label| **label as usize >= classes) {
        let told = format!("labels must be below the number of classes {classes}, got {wrong}");
        return Err(MetricError::Input(told));
    }
    let mut row = vec![0.0f32; classes];
    let (mut sums, mut members) = (vec![0.0f64; classes], vec![0u64; classes]);
    let mut agree = 0u64;
    for (i, label) in labels.iter().enumerate() {
        let own = *label as usize;
        probabilities(i, &mut row);
        sums[own] += f64::from(row[own]);
        members[own] += 1;
        agree += u64::from(row[own] > 0.0 && row.iter().all(|p| *p <= row[own]));
    }
    let threshold = |c: usize| (sums[c] / members[c].max(1) as f64) as f32;
    let thresholds: Vec<f32> = (0..classes).map(threshold).collect();
    let mut counted = vec![0u64; classes];
    let mut elsewhere = vec![0u64; classes];
    let mut candidates: Vec<Vec<LabelSuspect>> = vec![Vec::new(); classes];
    for (i, label) in labels.iter().enumerate() {
        let own = *label as usize;
        probabilities(i, &mut row);
        let sure = |c: &usize| row[*c] > 0.0 && row[*c] >= thresholds[*c] && members[*c] > 0;
        // Of equally likely classes the given one.
        let likelier =
            |a: &usize, b: &usize| row[*a].total_cmp(&row[*b]).then((*a == own).cmp(&(*b == own)));
        if let Some(best) = (0..classes).filter(sure).max_by(likelier) {
            counted[own] += 1;
            elsewhere[own] += u64::from(best != own);
        }
        if let Some(best) = (0..classes).max_by(likelier).filter(|best| *best != own) {
            candidates[own].push(LabelSuspect {
                item: i,
                given: *label,
                suggested: best as u32,
                given_probability: row[own],
                suggested_probability: row[best],
            });
        }
    }
    let n = labels.len().max(1) as f64;
    let agreement = agree as f64 / n;
    let mut found = LabelErrors { agreement, ..LabelErrors::default() };
    let margin = |s: &LabelSuspect| s.suggested_probability - s.given_probability;
    let surest = |a: &LabelSuspect, b: &LabelSuspect| {
        margin(b).total_cmp(&margin(a)).then(a.item.cmp(&b.item))
    };
    for (class, mut of_class) in candidates.into_iter().enumerate() {
        let share = elsewhere[class] as f64 / counted[class].max(1) as f64;
        let wrong = share * members[class] as f64;
        found.share += wrong / n;
        of_class.sort_by(surest);
        of_class.truncate(wrong.round() as usize);
        found.suspects.extend(of_class);
    }
    found.suspects.sort_by(surest);
    Ok(found)
}

/// Fills `row` with the shares that each class has among the neighbors of item `i`: what the neighbors say of an item that
/// has no vote itself. Nearer ones count more, by `exp(-d^2 / 2 s^2)` with `s` the mean distance of the neighbors.
pub fn neighbor_votes(graph: &KnnGraph, labels: &[u32], i: usize, row: &mut [f32]) {
    row.fill(0.0);
    let (sum, count) = graph.neighbors(i).fold((0.0, 0.0), |(s, c), (_, d)| (s + d, c + 1.0));
    let width = (sum / f32::max(count, 1.0)).max(f32::MIN_POSITIVE);
    let mut total = 0.0;
    for (j, distance) in graph.neighbors(i) {
        let weight = (-0.5 * (distance / width).powi(2)).exp();
        row[labels[j] as usize] += weight;
        total += weight;
    }
    if total > 0.0 {
        for p in row {
            *p /= total;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{KnnGraphOptions, knn_graph};
    use restora_image::{Context, Rng};

    #[test]
    fn thresholds_are_the_means_of_the_classes_and_the_count_is_the_papers() {
        // Two classes: the second is hard, its members are given 0.6 at most.
        let rows = [[0.9f32, 0.1], [0.8, 0.2], [0.3, 0.7], [0.5, 0.5], [0.4, 0.6], [0.95, 0.05]];
        let labels = [0, 0, 0, 1, 1, 1];
        let fill = |i: usize, row: &mut [f32]| row.copy_from_slice(&rows[i]);
        let found = label_errors(&labels, 2, &fill).unwrap();
        // t_0 = (0.9 + 0.8 + 0.3) / 3 = 0.667, t_1 = (0.5 + 0.6 + 0.05) / 3 = 0.383.
        let suspects: Vec<_> =
            found.suspects.iter().map(|s| (s.item, s.given, s.suggested)).collect();
        assert_eq!(suspects, [(5, 1, 0), (2, 0, 1)]);
        assert!((found.share - 2.0 / 6.0).abs() < 1e-12);
        assert!((found.agreement - 4.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn labels_flipped_in_two_clouds_are_found_and_no_other() {
        let mut rng = Rng::new(2, "flips", 0);
        let n = 400;
        let codes: Vec<u8> = (0..n)
            .flat_map(|i| {
                let center = if i < n / 2 { 80.0 } else { 170.0 };
                std::array::from_fn::<u8, 4, _>(|_| (center + 12.0 * rng.normal()) as u8)
            })
            .collect();
        let flipped = [3, 77, 150, 201, 333];
        let labels: Vec<u32> =
            (0..n).map(|i| u32::from((i >= n / 2) != flipped.contains(&i))).collect();
        let graph = knn_graph(&codes, 4, &KnnGraphOptions::default(), &Context::default()).unwrap();
        let found =
            label_errors(&labels, 2, &|i, row| neighbor_votes(&graph, &labels, i, row)).unwrap();
        let mut items: Vec<_> = found.suspects.iter().map(|s| s.item).collect();
        items.sort_unstable();
        assert_eq!(items, flipped);
        assert!((found.share - 5.0 / 400.0).abs() < 2e-3, "{}", found.share);
    }

    #[test]
    fn nothing_is_said_of_items_that_nothing_is_known_of() {
        let found = label_errors(&[0, 1, 1], 2, &|_, row| row.fill(0.0)).unwrap();
        assert_eq!(found, LabelErrors::default());
        let error = label_errors(&[0, 2], 2, &|_, row| row.fill(0.0)).unwrap_err();
        assert!(error.to_string().contains("below the number of classes 2, got 2"));
    }
}
