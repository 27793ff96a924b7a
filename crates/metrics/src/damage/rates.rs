//! How sure a score is: what undamaged photographs reach.
//!
//! Reference: Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal
//! Statistical Society B 57(1), 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

use restora_image::{Image, OpError};

/// Pictures whose colors are off those of the other pixels as bright by less than this on average, of
/// 255, have none: a toned gray picture has 1 to 4, a photograph in color 10 to 40.
const COLORLESS: f32 = 6.0;

/// How sure a detector that weighs evidence must be of what it marks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Significance {
    /// Marks are scores that this many curves or spots of undamaged photographs reach in a megapixel,
    /// `0.1..=100`.
    FalseMarks(f32),
    /// Marks go down to where as many curves or spots of undamaged photographs would be this share of
    /// those of the picture, in `(0, 1)`, and there are none if they are fewer than `least`: a picture full of
    /// scratches is marked to fainter ones than a picture with a few, and an undamaged one not at all. The rule
    /// of Benjamini and Hochberg, with photographs as the background.
    FalseShare {
        /// By the mean of photographs; busy ones have five times as many.
        share: f32,
        /// Fewest marks.
        least: u32,
    },
}

impl Significance {
    /// Where a picture is known to be damaged.
    pub const ASKED: Self = Self::FalseShare { share: 0.1, least: 1 };
    /// Where nothing is known of a picture. Of 148 open photographs this marks none for scratches; and one
    /// of 99, a drawing of dots, for dust.
    pub const UNASKED: Self = Self::FalseShare { share: 0.03, least: 3 };

    /// # Errors
    /// [`OpError::Param`] if a number is out of range.
    pub fn validate(self) -> Result<(), OpError> {
        match self {
            Self::FalseMarks(rate) if !(0.1..=MOST).contains(&rate) => {
                Err(OpError::param("false_marks", "in 0.1..=100", rate))
            }
            Self::FalseShare { share, .. } if !(share > 0.0 && share < 1.0) => {
                Err(OpError::param("share", "above 0 and below 1", share))
            }
            _ => Ok(()),
        }
    }
}

/// The largest rate that was measured.
const MOST: f32 = 100.0;

/// Scores that so many curves or spots of undamaged photographs reach in a megapixel: rate, score.
pub struct Rates {
    pub color: [(f32, f32); 6],
    pub gray: [(f32, f32); 6],
}

impl Rates {
    /// The score above which marks are significant, of all the scores of a picture.
    pub fn least_score(&self, image: &Image, scores: &[f32], wanted: Significance) -> f32 {
        let rates = if has_color(image) { &self.color } else { &self.gray };
        let (share, least) = match wanted {
            Significance::FalseMarks(rate) => return score_at(rates, rate),
            Significance::FalseShare { share, least } => (share, least as usize),
        };
        let megapixels = image.size().len() as f32 / 1e6;
        let mut scores = scores.to_vec();
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        let enough = |n: usize, score: f32| {
            let rate = rate_at(rates, score);
            n >= least && rate <= MOST && rate * megapixels <= share * n as f32
        };
        let last = scores.iter().enumerate().rev().find(|(i, score)| enough(i + 1, **score));
        last.map_or(f32::INFINITY, |(_, score)| score.next_down())
    }
}

/// The score that is reached at a rate: between the measured ones along the logarithm of the rate.
fn score_at(rates: &[(f32, f32); 6], rate: f32) -> f32 {
    let above = rates.iter().position(|r| r.0 >= rate).unwrap_or(rates.len() - 1).max(1);
    let ((r0, s0), (r1, s1)) = (rates[above - 1], rates[above]);
    s0 + (s1 - s0) * (rate / r0).ln() / (r1 / r0).ln()
}

/// The rate at which a score is reached, beyond the measured ones as between the last.
fn rate_at(rates: &[(f32, f32); 6], score: f32) -> f32 {
    let below = rates.iter().position(|r| r.1 <= score).unwrap_or(rates.len() - 1).max(1);
    let ((r0, s0), (r1, s1)) = (rates[below - 1], rates[below]);
    r0 * ((r1 / r0).ln() * (score - s0) / (s1 - s0)).exp()
}

/// Has a picture colors of its own, or at most a tone (sepia) that follows from its brightness?
fn has_color(image: &Image) -> bool {
    if image.channels() != 3 {
        return false;
    }
    let n = image.size().len();
    let planes = [0, 1, 2].map(|c| image.plane_data(c));
    // Differences of red and green, and of blue and green, by brightness.
    let samples: Vec<(usize, [f32; 2])> = (0..n)
        .step_by(n.div_ceil(10_000).max(1))
        .map(|i| {
            let [r, g, b] = planes.map(|p| 255.0 * p[i]);
            ((g / 16.0).clamp(0.0, 15.0) as usize, [r - g, b - g])
        })
        .collect();
    let mut sums = [[0.0f32; 3]; 16];
    for (bin, [a, b]) in &samples {
        let sum = &mut sums[*bin];
        (sum[0], sum[1], sum[2]) = (sum[0] + a, sum[1] + b, sum[2] + 1.0);
    }
    let off: f32 = samples
        .iter()
        .map(|(bin, [a, b])| {
            let [sa, sb, n] = sums[*bin];
            (a - sa / n).abs().max((b - sb / n).abs())
        })
        .sum();
    off / samples.len().max(1) as f32 >= COLORLESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};

    #[test]
    fn scores_lie_between_those_that_were_measured() {
        let rates = Rates {
            color: [(0.1, 6.0), (0.3, 5.0), (1.0, 4.0), (3.0, 3.0), (10.0, 2.0), (100.0, 0.0)],
            gray: [(0.1, 5.0), (0.3, 4.0), (1.0, 3.0), (3.0, 2.0), (10.0, 1.0), (100.0, -1.0)],
        };
        let size = Size::new(20, 10);
        let gray = Image::gray_from_fn(size, |x, _| x as f32 / 20.0);
        let plane = gray.data();
        let red = vec![1.0; size.len()];
        let of =
            |planes: [&[f32]; 3]| Image::from_vec(size, ColorSpace::Srgb, planes.concat()).unwrap();
        let turned: Vec<f32> = (0..size.len()).map(|i| (i / 20) as f32 / 10.0).collect();
        let sepia: Vec<f32> = plane.iter().map(|v| 0.7 * v).collect();
        for (image, wanted) in [
            (&gray, 2.0),
            (&of([plane, plane, plane]), 2.0),
            (&of([plane, plane, &sepia]), 2.0),
            (&of([&red, plane, plane]), 2.0),
            (&of([&turned, plane, plane]), 3.0),
        ] {
            let score = rates.least_score(image, &[], Significance::FalseMarks(3.0));
            assert!((score - wanted).abs() < 1e-6);
        }
        assert!((score_at(&rates.gray, 31.622_776) - 0.0).abs() < 1e-4);
        assert!((score_at(&rates.gray, 0.1) - 5.0).abs() < 1e-4);
        for rate in [0.1, 0.2, 1.0, 7.0, 100.0] {
            let back = rate_at(&rates.gray, score_at(&rates.gray, rate));
            assert!((back / rate - 1.0).abs() < 1e-4, "{rate}: {back}");
        }
        // Beyond: a third for each step of the score.
        assert!((rate_at(&rates.gray, 6.0) - 0.1 / 3.0).abs() < 1e-4);
        assert!(rate_at(&rates.gray, -1.5) > MOST);
    }

    #[test]
    fn a_share_of_false_marks_is_reached_only_where_a_picture_has_more_than_photographs() {
        let rates = Rates {
            color: [(0.1, 6.0), (0.3, 5.0), (1.0, 4.0), (3.0, 3.0), (10.0, 2.0), (100.0, 0.0)],
            gray: [(0.1, 6.0), (0.3, 5.0), (1.0, 4.0), (3.0, 3.0), (10.0, 2.0), (100.0, 0.0)],
        };
        let image = Image::zeros(Size::new(1000, 1000), ColorSpace::Gray);
        let least = |scores: &[f32], share: f32, least: u32| {
            rates.least_score(&image, scores, Significance::FalseShare { share, least })
        };
        // What photographs have: 1 above 4, 3 above 3, 10 above 2.
        let clean = [4.1, 3.5, 3.1, 2.9, 2.8, 2.6, 2.5, 2.4, 2.2, 2.1, 1.0, 0.5];
        assert!(least(&clean, 0.1, 1).is_infinite());
        let damaged = [[4.5; 20].as_slice(), &clean].concat();
        // 1 of 21 is less than a tenth, and so are 2 (at a score of 3.4) of 22 but not 3 of 23.
        let reached = least(&damaged, 0.1, 1);
        assert!(reached < 3.5 && reached > 3.1, "{reached}");
        assert!(least(&damaged, 0.1, 23).is_infinite());
        assert!(least(&[], 0.1, 1).is_infinite());
        // One mark beyond all photographs.
        assert!(least(&[9.0], 0.1, 1) < 9.0);
        assert!(least(&[9.0], 0.1, 2).is_infinite());
    }
}
