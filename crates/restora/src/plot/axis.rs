//! Ranges and ticks.

/// Can an axis reach it? Differences of such numbers do not overflow.
pub(super) fn drawable(v: f64) -> bool {
    v.abs() <= 1e300
}

/// One axis: a range, linear or logarithmic, and where its ticks are.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that holds all `values`, with about `wanted` ticks; only positive ones if `log`.
    /// `margin` is the part of the range left free at both ends.
    pub(super) fn of(
        values: impl Iterator<Item = f64>,
        log: bool,
        margin: f64,
        wanted: usize,
    ) -> Self {
        let place = |v: f64| if log { v.log10() } else { v };
        let (mut low, mut high) = values
            .filter(|v| drawable(*v) && (!log || *v > 0.0))
            .map(place)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let half = (high - low) / 2.0;
        let least = if log { 0.05 } else { (low.abs().max(high.abs()) * 1e-9).max(1e-300) };
        if half < least {
            let more = if log {
                0.3
            } else if low == 0.0 {
                1.0
            } else {
                low.abs() * 0.1
            };
            (low, high) = (low - more, high + more);
        } else {
            (low, high) = (low - 2.0 * half * margin, high + 2.0 * half * margin);
        }
        let mut axis = Self { low, high, log, ticks: Vec::new() };
        axis.ticks = if log { axis.decades(wanted) } else { axis.at_least_two(wanted) };
        axis
    }

    /// An axis from `low` to `high` exactly.
    pub(super) fn fixed(low: f64, high: f64, wanted: usize) -> Self {
        let mut axis = Self { low, high, log: false, ticks: Vec::new() };
        axis.ticks = axis.at_least_two(wanted);
        axis
    }

    /// A step just above the wish can leave one tick or none in the range.
    fn at_least_two(&self, wanted: usize) -> Vec<(f64, String)> {
        let mut ticks = Vec::new();
        for more in [0, 2, 5] {
            if ticks.len() < 2 {
                ticks = self.steps(wanted + more);
            }
        }
        ticks
    }

    /// Where `v` lies, 0 at the low end and 1 at the high; nothing for what cannot be drawn.
    pub(super) fn place(&self, v: f64) -> Option<f64> {
        let v = if self.log { v.log10() } else { v };
        let at = (v - self.low) / (self.high - self.low);
        (drawable(v) && at.is_finite()).then_some(at)
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn steps(&self, wanted: usize) -> Vec<(f64, String)> {
        let (low, high) = (self.low, self.high);
        let rough = (high - low) / wanted.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let nice = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power);
        let step = nice.clone().find(|s| *s >= rough * 0.999).unwrap_or(10.0 * power);
        let first = (low / step - 1e-9).ceil();
        let last = (high / step + 1e-9).floor();
        let values: Vec<f64> = (0..=((last - first).clamp(0.0, 50.0) as usize))
            .map(|i| (first + i as f64) * step)
            .collect();
        let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        values.into_iter().filter_map(|v| Some((self.place(v)?, label(v, step, largest)))).collect()
    }

    fn decades(&self, wanted: usize) -> Vec<(f64, String)> {
        let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
        let every = ((last - first) as usize).div_ceil(wanted.max(1)).max(1);
        let within = |multiples: &[f64]| -> Vec<f64> {
            (first..=last)
                .filter(|p| p.rem_euclid(every as i32) == 0)
                .flat_map(|p| multiples.iter().map(move |m| m * 10_f64.powi(p)))
                .filter(|v| self.place(*v).is_some_and(|at| (-1e-9..=1.0 + 1e-9).contains(&at)))
                .collect()
        };
        let mut values = within(&[1.0]);
        for multiples in [&[1.0, 3.0][..], &[1.0, 2.0, 5.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]] {
            if values.len() < 4 {
                values = within(multiples);
            }
        }
        if values.len() < 3 {
            // A narrow range: equal steps of the value, which lie unequally.
            let (low, high) = (10_f64.powf(self.low), 10_f64.powf(self.high));
            let linear = Self::fixed(low, high, 4);
            return linear
                .ticks
                .into_iter()
                .filter_map(|(at, text)| Some((self.place(low + at * (high - low))?, text)))
                .collect();
        }
        values.into_iter().filter_map(|v| Some((self.place(v)?, label(v, v / 2.0, v)))).collect()
    }
}

/// A number with the digits that a step of `step` needs.
fn label(v: f64, step: f64, largest: f64) -> String {
    if v == 0.0 || v.abs() < step * 1e-6 {
        return "0".into();
    }
    let digits = |step: f64| (-(step * 1.0001).log10().floor()).clamp(0.0, 12.0) as usize;
    if !(1e-3..1e9).contains(&largest) {
        let power = v.abs().log10().floor();
        let unit = 10_f64.powf(power);
        return tidy(&format!("{:.*}", digits(step / unit), v / unit)) + &format!("e{power}");
    }
    for (least, unit, name) in [(1e6, 1e6, "M"), (1e4, 1e3, "k")] {
        if largest >= least {
            return tidy(&format!("{:.*}", digits(step / unit), v / unit)) + name;
        }
    }
    tidy(&format!("{:.*}", digits(step), v))
}

/// Without zeros after the last digit that says something.
fn tidy(number: &str) -> String {
    if !number.contains('.') {
        return number.into();
    }
    number.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Rng;

    fn labels(values: &[f64], log: bool) -> Vec<String> {
        let axis = Axis::of(values.iter().copied(), log, 0.0, 6);
        axis.ticks.into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn ticks_are_numbers_that_people_use() {
        assert_eq!(labels(&[0.0, 10.0], false), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(&[0.0, 200_000.0], false), ["0", "50k", "100k", "150k", "200k"]);
        assert_eq!(labels(&[-0.1, 0.1], false), ["-0.1", "-0.05", "0", "0.05", "0.1"]);
        assert_eq!(labels(&[30.1, 30.9], false), ["30.2", "30.4", "30.6", "30.8"]);
        assert_eq!(labels(&[0.0, 4e-5], false), ["0", "1e-5", "2e-5", "3e-5", "4e-5"]);
        assert_eq!(labels(&[1e-4, 1.0], true), ["1e-4", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(labels(&[0.004, 0.1], true), ["0.005", "0.01", "0.02", "0.05", "0.1"]);
        assert_eq!(labels(&[3e6, 5e6], false), ["3M", "3.5M", "4M", "4.5M", "5M"]);
    }

    #[test]
    fn any_range_has_a_few_ticks_inside_it_in_order() {
        let mut rng = Rng::new(1, "axis", 0);
        for case in 0..3000 {
            let size = 10_f64.powf(rng.uniform() * 40.0 - 20.0);
            let from = if case % 3 == 0 { 0.0 } else { (rng.uniform() - 0.5) * size };
            let spread = size * 10_f64.powf(-rng.uniform() * 6.0);
            for log in [false, true] {
                let values =
                    [from, from + spread].map(|v| if log { v.abs().max(1e-30) } else { v });
                let axis = Axis::of(values.into_iter(), log, 0.03, 6);
                let count = axis.ticks.len();
                assert!((2..=14).contains(&count), "{values:?} {log}: {:?}", axis.ticks);
                assert!(axis.ticks.is_sorted_by(|a, b| a.0 < b.0), "{values:?} {:?}", axis.ticks);
                assert!(axis.ticks.iter().all(|t| (-1e-6..=1.000001).contains(&t.0)));
            }
        }
    }

    #[test]
    fn nothing_one_value_and_extremes_have_an_axis() {
        for log in [false, true] {
            for values in [&[][..], &[f64::NAN], &[0.0], &[3.0], &[-2.0; 4], &[f64::MAX, f64::MIN]]
            {
                let axis = Axis::of(values.iter().copied(), log, 0.05, 6);
                assert!(axis.low < axis.high && axis.high.is_finite(), "{values:?}");
                assert!(!axis.ticks.is_empty(), "{values:?} {log}");
            }
        }
    }
}
