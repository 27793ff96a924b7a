//! The receiver operating characteristic of scores that should separate two classes, and the area
//! under it.
//!
//! ```text
//! AUC = P(s+ > s-) + P(s+ = s-) / 2       s+, s- = scores of a positive and a negative at random
//! ```
//!
//! That is the statistic of Mann and Whitney over the number of pairs: a tie counts one half, and the
//! area under the curve by the trapezoid rule is the same number. 1 is a perfect separation with the
//! positives above, 0.5 none. Cost `n log n`.
//!
//! Reference: J. A. Hanley, B. J. `McNeil`, "The meaning and use of the area under a receiver operating
//! characteristic (ROC) curve", Radiology 143(1), 1982, doi:10.1148/radiology.143.1.7063747.

use crate::MetricError;
use serde::{Deserialize, Serialize};

/// What calling positive every score at or above a threshold gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// The least score that is called positive; infinite at the first point, where none is.
    pub threshold: f64,
    /// Negatives that are called positive, of all negatives.
    pub false_positive_rate: f64,
    /// Positives that are called positive, of all positives.
    pub true_positive_rate: f64,
}

/// Area under the ROC curve in `[0, 1]`: how often a positive scores above a negative.
///
/// # Errors
/// [`MetricError::Input`] where the lengths differ, a score is NaN, or a class is absent.
pub fn roc_auc(scores: &[f64], positive: &[bool]) -> Result<f64, MetricError> {
    let (groups, positives, negatives) = groups(scores, positive)?;
    // Whole numbers up to the last step, so that the order of the pairs cannot matter.
    let (mut above, mut twice) = (0_u128, 0_u128);
    for (_, p, n) in groups {
        twice += u128::from(n) * (2 * above + u128::from(p));
        above += u128::from(p);
    }
    Ok(twice as f64 / (2.0 * positives as f64 * negatives as f64))
}

/// The curve from (0, 0) to (1, 1), one point per distinct score, thresholds falling.
///
/// # Errors
/// As [`roc_auc`].
pub fn roc_curve(scores: &[f64], positive: &[bool]) -> Result<Vec<RocPoint>, MetricError> {
    let (groups, positives, negatives) = groups(scores, positive)?;
    let (mut p, mut n) = (0, 0);
    let mut point = |(threshold, more_p, more_n): (f64, u64, u64)| {
        (p, n) = (p + more_p, n + more_n);
        RocPoint {
            threshold,
            false_positive_rate: n as f64 / negatives as f64,
            true_positive_rate: p as f64 / positives as f64,
        }
    };
    let start = point((f64::INFINITY, 0, 0));
    Ok(std::iter::once(start).chain(groups.into_iter().map(point)).collect())
}

/// A score with how many positives and negatives have it.
type Group = (f64, u64, u64);

/// Distinct scores, falling, and the numbers of positives and negatives.
fn groups(scores: &[f64], positive: &[bool]) -> Result<(Vec<Group>, u64, u64), MetricError> {
    let refuse = |message| Err(MetricError::Input(message));
    if scores.len() != positive.len() {
        let (scores, labels) = (scores.len(), positive.len());
        return refuse(format!("ROC needs a label for each score, got {scores} and {labels}"));
    }
    if let Some(at) = scores.iter().position(|s| s.is_nan()) {
        return refuse(format!("ROC needs scores that are numbers, got NaN at place {at}"));
    }
    let positives = positive.iter().filter(|p| **p).count() as u64;
    let negatives = positive.len() as u64 - positives;
    if positives == 0 || negatives == 0 {
        return refuse(format!(
            "ROC needs both classes, got {positives} positives and {negatives} negatives"
        ));
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut groups: Vec<Group> = Vec::new();
    for i in order {
        // `==`, so that 0 and -0 are a tie.
        if groups.last().is_none_or(|g| g.0 != scores[i]) {
            groups.push((scores[i], 0, 0));
        }
        if let Some((_, p, n)) = groups.last_mut() {
            *(if positive[i] { p } else { n }) += 1;
        }
    }
    Ok((groups, positives, negatives))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn oracle(scores: &[f64], positive: &[bool]) -> f64 {
        let (mut sum, mut pairs) = (0.0, 0.0);
        for (s, _) in scores.iter().zip(positive).filter(|(_, p)| **p) {
            for (t, _) in scores.iter().zip(positive).filter(|(_, p)| !**p) {
                sum += if s > t { 1.0 } else { 0.0 } + if s == t { 0.5 } else { 0.0 };
                pairs += 1.0;
            }
        }
        sum / pairs
    }

    /// scikit-learn 1.5's documented example of `roc_auc_score`: 0.75.
    #[test]
    fn the_textbook_example_has_the_textbook_area() {
        let (scores, positive) = ([0.1, 0.4, 0.35, 0.8], [false, false, true, true]);
        assert_eq!(roc_auc(&scores, &positive), Ok(0.75));
        let curve = roc_curve(&scores, &positive).unwrap();
        let rates: Vec<_> =
            curve.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
        assert_eq!(rates, [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        assert_eq!(curve[1].threshold, 0.8);
    }

    #[test]
    fn separated_classes_have_area_one_and_equal_scores_one_half() {
        assert_eq!(roc_auc(&[1.0, 2.0, 3.0], &[false, false, true]), Ok(1.0));
        assert_eq!(roc_auc(&[1.0, 2.0, 3.0], &[true, true, false]), Ok(0.0));
        assert_eq!(roc_auc(&[7.0; 5], &[true, false, true, false, false]), Ok(0.5));
        assert_eq!(roc_auc(&[0.0, -0.0], &[true, false]), Ok(0.5));
        assert_eq!(roc_auc(&[f64::INFINITY, f64::NEG_INFINITY], &[true, false]), Ok(1.0));
    }

    #[test]
    fn one_class_a_missing_label_or_nan_is_an_error() {
        for (scores, positive) in [
            (&[1.0, 2.0][..], &[true, true][..]),
            (&[1.0, 2.0], &[false, false]),
            (&[1.0, 2.0], &[false]),
            (&[1.0, f64::NAN], &[false, true]),
            (&[], &[]),
        ] {
            assert!(matches!(roc_auc(scores, positive), Err(MetricError::Input(_))));
            assert!(roc_curve(scores, positive).is_err());
        }
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_order_and_that_under_the_curve(
            rows in prop::collection::vec((0_i32..12, any::<bool>()), 2..80)
        ) {
            let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.0) / 3.0).collect();
            let positive: Vec<bool> = rows.iter().map(|r| r.1).collect();
            prop_assume!(positive.iter().any(|p| *p) && positive.iter().any(|p| !*p));
            let auc = roc_auc(&scores, &positive).unwrap();
            prop_assert!((auc - oracle(&scores, &positive)).abs() < 1e-12);
            let curve = roc_curve(&scores, &positive).unwrap();
            let area: f64 = curve.windows(2).map(|w| {
                (w[1].false_positive_rate - w[0].false_positive_rate)
                    * (w[1].true_positive_rate + w[0].true_positive_rate) / 2.0
            }).sum();
            prop_assert!((auc - area).abs() < 1e-12);
            let last = curve[curve.len() - 1];
            prop_assert_eq!((last.false_positive_rate, last.true_positive_rate), (1.0, 1.0));
            let flipped: Vec<f64> = scores.iter().map(|s| -s).collect();
            prop_assert!((roc_auc(&flipped, &positive).unwrap() - (1.0 - auc)).abs() < 1e-12);
        }
    }
}
