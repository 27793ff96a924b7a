//! Inception score: how sure a classifier is of each item, and how many classes the items are spread over.
//!
//! ```text
//! IS = exp( E_x KL( p(y|x) | p(y) ) ) = exp( H(p(y)) - E_x H(p(y|x)) ),   1 <= IS <= classes
//! ```
//!
//! Of the probabilities of any classifier; it is *the* Inception score only of the Inception net's. Rows pass
//! once and are dealt into `splits` parts at random; the score is the mean of the parts', as published (there the
//! parts are stretches of the list, which a stream does not know the length of). A score of few rows per class is too low: the entropy of a marginal of `n`
//! rows is short by about `(classes - 1) / (2 n)`. Memory: two numbers per class and part.
//!
//! References: T. Salimans et al., "Improved techniques for training GANs", NIPS 2016, arXiv 1606.03498
//! (section 4); what it does not tell: S. Barratt, R. Sharma, "A note on the Inception score", 2018,
//! arXiv 1801.01973.

use super::intervals::{self, Mean};
use super::rows::{self, Dealer};
use crate::MetricError;
use restora_image::OpError;

/// How far the sum of a row of probabilities may be from 1.
const SUM_TOLERANCE: f64 = 1e-3;

/// The sums that the score is made from.
#[derive(Clone, Debug)]
pub struct InceptionScore {
    classes: usize,
    seen: u64,
    splits: Vec<Split>,
    dealer: Dealer,
}

#[derive(Clone, Debug)]
struct Split {
    rows: u64,
    marginal: Vec<f64>,
    /// Sum of `p ln p`.
    information: f64,
}

impl InceptionScore {
    /// Of no rows of `classes` probabilities yet; the usual number of `splits` is 10.
    ///
    /// # Errors
    /// If there are not 2 to 16,384 classes, or no splits.
    pub fn new(classes: usize, splits: usize, seed: u64) -> Result<Self, MetricError> {
        rows::check_dims(classes)?;
        if classes < 2 {
            return Err(OpError::param("classes", "2 or more", classes).into());
        }
        if splits == 0 || splits > 1000 {
            return Err(OpError::param("splits", "1 to 1000", splits).into());
        }
        let split = Split { rows: 0, marginal: vec![0.0; classes], information: 0.0 };
        let dealer = Dealer::new(splits, seed);
        Ok(Self { classes, seen: 0, splits: vec![split; splits], dealer })
    }

    /// Adds rows of probabilities.
    ///
    /// # Errors
    /// If the numbers do not make whole rows, one is below 0, or a row does not sum to 1 (within 0.001: it is
    /// divided by its sum); nothing is added then.
    pub fn add(&mut self, probabilities: &[f32]) -> Result<(), MetricError> {
        rows::count(probabilities, self.classes, self.seen)?;
        for (i, row) in probabilities.chunks_exact(self.classes).enumerate() {
            let sum: f64 = row.iter().map(|p| f64::from(*p)).sum();
            if row.iter().any(|p| *p < 0.0) || (sum - 1.0).abs() > SUM_TOLERANCE {
                let row = self.seen + i as u64;
                return Err(MetricError::Input(format!(
                    "row {row} must be probabilities, 0 or above with sum 1, got the sum {sum}"
                )));
            }
        }
        for row in probabilities.chunks_exact(self.classes) {
            let split = &mut self.splits[self.dealer.next()];
            let sum: f64 = row.iter().map(|p| f64::from(*p)).sum();
            for (marginal, p) in split.marginal.iter_mut().zip(row) {
                let p = f64::from(*p) / sum;
                *marginal += p;
                split.information += p_ln_p(p);
            }
            split.rows += 1;
            self.seen += 1;
        }
        Ok(())
    }

    /// Rows so far.
    pub fn count(&self) -> u64 {
        self.seen
    }

    /// The mean score of the splits, with their spread.
    ///
    /// # Errors
    /// If there are fewer rows than splits.
    pub fn score(&self) -> Result<Mean, MetricError> {
        rows::at_least("an Inception score", self.seen as usize, self.splits.len())?;
        let scores: Vec<f64> = self.splits.iter().map(Split::score).collect();
        Ok(intervals::mean(&scores))
    }
}

impl Split {
    fn score(&self) -> f64 {
        let n = self.rows as f64;
        let marginal: f64 = self.marginal.iter().map(|p| p_ln_p(p / n)).sum();
        (self.information / n - marginal).exp()
    }
}

fn p_ln_p(p: f64) -> f64 {
    if p > 0.0 { p * p.ln() } else { 0.0 }
}

/// The score of rows of probabilities that are all there.
///
/// # Errors
/// As [`InceptionScore::new`], [`InceptionScore::add`] and [`InceptionScore::score`].
pub fn inception_score(
    probabilities: &[f32],
    classes: usize,
    splits: usize,
    seed: u64,
) -> Result<Mean, MetricError> {
    let mut score = InceptionScore::new(classes, splits, seed)?;
    score.add(probabilities)?;
    score.score()
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    #[test]
    fn sure_and_even_items_score_the_number_of_classes_and_unsure_ones_one() {
        let sure: Vec<f32> =
            (0..40).flat_map(|i| (0..4).map(move |c| f32::from(u8::from(i / 10 == c)))).collect();
        let score = inception_score(&sure, 4, 1, 0).unwrap();
        assert!((score.value - 4.0).abs() < 1e-12);
        assert!((inception_score(&[0.25; 80], 4, 10, 0).unwrap().value - 1.0).abs() < 1e-12);
        // Always the same class: sure, and no spread.
        let one: Vec<f32> = (0..20).flat_map(|_| [1.0, 0.0]).collect();
        assert!((inception_score(&one, 2, 2, 0).unwrap().value - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_score_is_the_divergence_from_the_marginal_however_rows_are_cut() {
        let (n, classes) = (60, 5);
        let mut rng = Rng::new(1, "classes", 0);
        let mut rows = Vec::new();
        for _ in 0..n {
            let row: Vec<f64> = (0..classes).map(|_| (2.0 * rng.normal()).exp()).collect();
            let sum: f64 = row.iter().sum();
            rows.extend(row.iter().map(|p| (p / sum) as f32));
        }
        let mut scores = Vec::new();
        let mut dealer = Dealer::new(3, 8);
        let parts: Vec<usize> = (0..n).map(|_| dealer.next()).collect();
        for split in 0..3 {
            let all = rows.chunks(classes).zip(&parts);
            let part: Vec<&[f32]> =
                all.filter(|(_, part)| **part == split).map(|(row, _)| row).collect();
            assert_eq!(part.len(), 20);
            let marginal: Vec<f64> = (0..classes)
                .map(|c| part.iter().map(|r| f64::from(r[c])).sum::<f64>() / part.len() as f64)
                .collect();
            let divergence = |row: &&[f32]| -> f64 {
                row.iter()
                    .zip(&marginal)
                    .map(|(p, m)| f64::from(*p) * (f64::from(*p) / m).ln())
                    .sum()
            };
            scores.push((part.iter().map(divergence).sum::<f64>() / part.len() as f64).exp());
        }
        let mut score = InceptionScore::new(classes, 3, 8).unwrap();
        rows.chunks(7 * classes).for_each(|rows| score.add(rows).unwrap());
        let got = score.score().unwrap();
        assert!((got.value - scores.iter().sum::<f64>() / 3.0).abs() < 1e-6);
        assert_eq!(got, inception_score(&rows, classes, 3, 8).unwrap());
    }

    #[test]
    fn classes_made_in_turn_do_not_end_in_a_part_each() {
        let sure: Vec<f32> = (0..4000)
            .flat_map(|i| (0..10).map(move |c| f32::from(u8::from(i % 10 == c))))
            .collect();
        let score = inception_score(&sure, 10, 10, 0).unwrap();
        assert!(score.value > 9.0, "{score:?}");
    }

    #[test]
    fn rows_that_are_no_probabilities_are_refused_by_number_and_not_added() {
        let mut score = InceptionScore::new(2, 2, 0).unwrap();
        let refused =
            |score: &mut InceptionScore, rows: &[f32]| score.add(rows).unwrap_err().to_string();
        assert!(refused(&mut score, &[0.5, 0.5, 0.9, 0.3]).contains("row 1 must be probabilities"));
        assert!(refused(&mut score, &[1.5, -0.5]).contains("row 0"));
        assert!(refused(&mut score, &[1.0]).contains("rows of 2 numbers"));
        assert_eq!(score.count(), 0);
        score.add(&[0.5, 0.5]).unwrap();
        assert!(score.score().unwrap_err().to_string().contains("at least 2 rows, got 1"));
        assert!(InceptionScore::new(1, 1, 0).is_err() && InceptionScore::new(5, 0, 0).is_err());
    }
}
