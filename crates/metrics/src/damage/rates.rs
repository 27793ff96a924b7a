//! How sure a score is: what undamaged photographs reach.

use restora_image::Image;

/// Pictures whose colors are off those of the other pixels as bright by less than this on average, of
/// 255, have none: a toned gray picture has 1 to 4, a photograph in color 10 to 40.
const COLORLESS: f32 = 6.0;

/// The rate of what bears witness that a picture is damaged, in a megapixel.
pub const CERTAIN: f32 = 0.1;

/// Scores that so many curves or spots of undamaged photographs reach in a megapixel: rate, score.
pub struct Rates {
    pub color: [(f32, f32); 6],
    pub gray: [(f32, f32); 6],
}

impl Rates {
    /// The score that is reached at a rate: between the measured ones along the logarithm of the
    /// rate.
    pub fn score(&self, image: &Image, rate: f32) -> f32 {
        let rates = if has_color(image) { &self.color } else { &self.gray };
        let above = rates.iter().position(|r| r.0 >= rate).unwrap_or(rates.len() - 1).max(1);
        let ((r0, s0), (r1, s1)) = (rates[above - 1], rates[above]);
        s0 + (s1 - s0) * (rate / r0).ln() / (r1 / r0).ln()
    }
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
            assert!((rates.score(image, 3.0) - wanted).abs() < 1e-6);
        }
        assert!((rates.score(&gray, 31.622_776) - 0.0).abs() < 1e-4);
        assert!((rates.score(&gray, 0.1) - 5.0).abs() < 1e-4);
    }
}
