//! Histogram matching: the monotone curve that gives a channel the histogram of another picture.
//!
//! ```text
//! y = F_r^(-1)(F_s(x))
//! ```
//!
//! `F` are cumulative histograms of 65,536 bins, linear within a bin. Cost: one look into a table per
//! value. Beyond the values that are counted the curve goes on with slope 1.
//!
//! Reference: R. C. Gonzalez, R. E. Woods, "Digital image processing", section 3.3.2, Prentice Hall, 2002
//! (no DOI).

/// Bins; bin `i` holds the values that round to `i / (BINS - 1)`.
pub(super) const BINS: usize = 1 << 16;
const WHITE: f32 = (BINS - 1) as f32;

/// The bin of a value.
#[inline(always)]
pub(super) fn bin(v: f32) -> usize {
    (v.clamp(0.0, 1.0) * WHITE + 0.5) as usize
}

/// The values that a histogram counts apart; beyond them its first and last bins count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Domain {
    low: f32,
    span: f32,
}

impl Domain {
    /// Of pictures.
    pub const NOMINAL: Self = Self { low: 0.0, span: 1.0 };
    /// Of what a map makes of a picture.
    pub const WIDE: Self = Self { low: -1.0, span: 3.0 };

    #[inline(always)]
    pub fn place(self, v: f32) -> f32 {
        (v - self.low) * (1.0 / self.span)
    }
}

/// A monotone curve.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    domain: Domain,
    /// At the lower edge, the center and the upper edge of every bin: it may jump between bins.
    table: Vec<[f32; 3]>,
}

impl Curve {
    /// The curve between two histograms, the source's over `domain`; `None` if one is empty.
    pub fn between(source: &[u64], domain: Domain, reference: &[u64]) -> Option<Self> {
        let (from, to) = (source.iter().sum::<u64>(), reference.iter().sum::<u64>());
        if from == 0 || to == 0 {
            return None;
        }
        let mut quantile = Quantile { counts: reference, total: to as f64, bin: 0, below: 0.0 };
        let mut before = 0.0;
        let places = source.iter().map(|count| {
            let count = *count as f64;
            let share = |part: f64| (before + part * count) / from as f64;
            let place = [
                quantile.at(share(0.0), Side::Above),
                quantile.at(share(0.5), Side::Above),
                quantile.at(share(1.0), Side::Below),
            ];
            before += count;
            place
        });
        Some(Self { domain, table: places.collect() })
    }

    #[inline(always)]
    pub fn at(&self, v: f32) -> f32 {
        let at = self.domain.place(v);
        let inside = at.clamp(0.0, 1.0);
        let place = inside * WHITE + 0.5;
        let i = (place as usize).min(BINS - 1);
        let [low, center, high] = self.table[i];
        let part = 2.0 * (place - i as f32);
        let (from, to, t) =
            if part < 1.0 { (low, center, part) } else { (center, high, part - 1.0) };
        from + t * (to - from) + self.domain.span * (at - inside)
    }
}

/// Counts are whole numbers; shares of them come with the rounding of a division.
const ROUNDING: f64 = 1e-6;

/// Which end of a gap between the values of a picture is meant.
#[derive(Clone, Copy)]
enum Side {
    Below,
    Above,
}

/// Walks up a histogram along with rising shares.
struct Quantile<'a> {
    counts: &'a [u64],
    total: f64,
    bin: usize,
    below: f64,
}

impl Quantile<'_> {
    /// The value below which this share lies.
    fn at(&mut self, share: f64, side: Side) -> f32 {
        let wanted = share * self.total;
        loop {
            let reached = self.below + self.counts[self.bin] as f64;
            let passes = self.counts[self.bin] == 0
                || match side {
                    Side::Below => reached < wanted - ROUNDING,
                    Side::Above => reached <= wanted + ROUNDING,
                };
            // Nothing lies beyond the last bin that is not empty.
            if !passes || reached >= self.total || self.bin + 1 == BINS {
                break;
            }
            self.below = reached;
            self.bin += 1;
        }
        let count = (self.counts[self.bin] as f64).max(1.0);
        let within = ((wanted - self.below) / count).clamp(0.0, 1.0);
        (((self.bin as f64 - 0.5 + within) / f64::from(WHITE)).clamp(0.0, 1.0)) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    fn histogram(values: &[f32]) -> Vec<u64> {
        let mut counts = vec![0; BINS];
        for v in values {
            counts[bin(*v)] += 1;
        }
        counts
    }

    #[test]
    fn sorted_values_take_the_places_of_the_sorted_reference() {
        let mut rng = Rng::new(3, "curve", 0);
        let mut from: Vec<f32> = (0..5000).map(|_| rng.uniform().powi(2) as f32).collect();
        let mut to: Vec<f32> = (0..5000).map(|_| 0.2 + 0.5 * rng.uniform() as f32).collect();
        let curve = Curve::between(&histogram(&from), Domain::NOMINAL, &histogram(&to)).unwrap();
        from.sort_by(f32::total_cmp);
        to.sort_by(f32::total_cmp);
        for (a, b) in from.iter().zip(&to) {
            // A few ranks share a bin of the source.
            assert!((curve.at(*a) - b).abs() < 2e-3, "{a}: {} {b}", curve.at(*a));
        }
        assert!(from.windows(2).all(|p| curve.at(p[0]) <= curve.at(p[1])));
        let (least, most) = (to[0], to[4999]);
        let whole = (0..=1000_u16).map(|i| curve.at(f32::from(i) / 1000.0));
        whole.for_each(|v| assert!(v >= least - 1e-4 && v <= most + 1e-4, "{v}"));
    }

    #[test]
    fn a_picture_keeps_its_own_histogram_and_a_spike_takes_the_median_of_its_ranks() {
        let values: Vec<f32> = (0..4000_u16).map(|i| f32::from(i) / 4000.0).collect();
        let own = histogram(&values);
        let same = Curve::between(&own, Domain::NOMINAL, &own).unwrap();
        assert!(values.iter().all(|v| (same.at(*v) - v).abs() < 1e-4));
        assert!((same.at(1.5) - same.at(1.0) - 0.5).abs() < 1e-6);
        let spike = Curve::between(&histogram(&[0.3; 10]), Domain::NOMINAL, &own).unwrap();
        assert!((spike.at(bin(0.3) as f32 / WHITE) - 0.5).abs() < 1e-3);
        assert_eq!(Curve::between(&own, Domain::NOMINAL, &vec![0; BINS]), None);
    }
}
