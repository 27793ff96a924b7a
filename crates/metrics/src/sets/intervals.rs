//! How far an estimate may be off: 95 % intervals of shares, counts, means and jackknifed values.
//!
//! References: E. B. Wilson, J. American Statistical Association 22(158), 1927,
//! doi:10.1080/01621459.1927.10502953 (shares); F. Garwood, Biometrika 28(3-4), 1936,
//! doi:10.1093/biomet/28.3-4.437 (counts).

use serde::Serialize;

/// The quantile 0.975 of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A value, with what a finite sample adds to it taken away, and its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// As computed from all rows.
    pub value: f64,
    /// Without the bias that falls with the number of rows; may fall below 0 where the value cannot.
    pub corrected: f64,
    /// Standard error of both.
    pub standard_error: f64,
    /// 95 % interval around the corrected value.
    pub interval: [f64; 2],
}

/// A share of items, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// From 0 to 1.
    pub value: f64,
    /// Items counted.
    pub items: usize,
    /// 95 % interval: what another draw of these items would give, all else equal.
    pub interval: [f64; 2],
}

/// A mean, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Values averaged.
    pub items: usize,
    /// Standard deviation of one value.
    pub deviation: f64,
    /// Standard error of the mean.
    pub standard_error: f64,
    /// 95 % interval.
    pub interval: [f64; 2],
}

/// From the value of all groups and the values without each.
pub(super) fn jackknife(value: f64, without: &[f64]) -> Estimate {
    let g = without.len() as f64;
    let mean = without.iter().sum::<f64>() / g;
    let squares: f64 = without.iter().map(|v| (v - mean) * (v - mean)).sum();
    let standard_error = ((g - 1.0) / g * squares).sqrt();
    let corrected = g * value - (g - 1.0) * mean;
    let half = t(without.len() - 1) * standard_error;
    Estimate { value, corrected, standard_error, interval: [corrected - half, corrected + half] }
}

/// Wilson's interval.
pub(super) fn share(hits: usize, items: usize) -> Share {
    let (n, p) = (items as f64, hits as f64 / items as f64);
    let center = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    // At 0 and 1 the ends are exact; rounding must not put them beside.
    let low = if hits == 0 { 0.0 } else { center - half };
    let high = if hits == items { 1.0 } else { center + half };
    Share { value: p, items, interval: [low, high] }
}

/// Of independent values.
pub(super) fn mean(values: &[f64]) -> Mean {
    let n = values.len();
    let value = values.iter().sum::<f64>() / n as f64;
    let squares: f64 = values.iter().map(|v| (v - value) * (v - value)).sum();
    let deviation = if n > 1 { (squares / (n - 1) as f64).sqrt() } else { f64::INFINITY };
    let standard_error = deviation / (n as f64).sqrt();
    let half = if n > 1 { t(n - 1) * standard_error } else { f64::INFINITY };
    Mean { value, items: n, deviation, standard_error, interval: [value - half, value + half] }
}

/// Garwood's interval of the mean of a Poisson count.
pub(super) fn poisson(count: f64) -> [f64; 2] {
    // P(N >= k | mean) = P(k, mean), the lower incomplete gamma function; it grows with the mean.
    let solve = |k: f64, share: f64| {
        let (mut low, mut high) = (0.0, k + 10.0 * k.sqrt() + 10.0);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if lower_gamma(k, middle) < share { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    };
    [if count > 0.0 { solve(count, 0.025) } else { 0.0 }, solve(count + 1.0, 0.975)]
}

/// The quantile 0.975 of Student's distribution of `freedom` degrees: Fisher's expansion around the normal
/// one, within 0.003 from four degrees on, and the values themselves below.
pub(super) fn t(freedom: usize) -> f64 {
    const FEW: [f64; 4] = [f64::INFINITY, 12.706_205, 4.302_653, 3.182_446];
    if let Some(t) = FEW.get(freedom) {
        return *t;
    }
    let (z, v) = (Z, freedom as f64);
    let odd = |c: [f64; 4]| z * (c[0] + z * z * (c[1] + z * z * (c[2] + z * z * c[3])));
    z + odd([1.0, 1.0, 0.0, 0.0]) / (4.0 * v)
        + odd([3.0, 16.0, 5.0, 0.0]) / (96.0 * v * v)
        + odd([-15.0, 17.0, 19.0, 3.0]) / (384.0 * v * v * v)
        + odd([-945.0, -1920.0, 1482.0, 776.0]) / (92_160.0 * v.powi(4))
        + z.powi(9) * 79.0 / (92_160.0 * v.powi(4))
}

/// Regularized lower incomplete gamma function: its series below the turn, the continued fraction of the
/// rest above it.
fn lower_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > 1e-17 * sum {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return front * sum;
    }
    // Lentz.
    let (mut b, mut c) = (x + 1.0 - a, 1e300);
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..100_000 {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    1.0 - front * fraction
}

/// Stirling's series, the argument raised to 10 first.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 1.0);
    while x < 10.0 {
        shift *= x;
        x += 1.0;
    }
    let r = 1.0 / x;
    let tail = r * (1.0 / 12.0 - r * r * (1.0 / 360.0 - r * r * (1.0 / 1260.0 - r * r / 1680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + tail - shift.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(got: f64, wanted: f64, tolerance: f64) {
        assert!((got - wanted).abs() <= tolerance, "{got}, wanted {wanted}");
    }

    #[test]
    fn quantiles_of_student_are_those_of_the_tables() {
        for (freedom, wanted, tolerance) in [
            (1, 12.706, 1e-3),
            (4, 2.776_445, 3e-3),
            (7, 2.364_624, 2e-4),
            (9, 2.262_157, 1e-4),
            (99, 1.984_217, 1e-6),
        ] {
            assert_near(t(freedom), wanted, tolerance);
        }
    }

    #[test]
    fn intervals_of_counts_are_those_of_the_tables() {
        // Garwood's, by the quantiles of chi squared.
        for (count, low, high) in [
            (0.0, 0.0, 3.688_879),
            (1.0, 0.025_318, 5.571_643),
            (10.0, 4.795_389, 18.390_356),
            (100.0, 81.363_97, 121.627_24),
        ] {
            let got = poisson(count);
            assert_near(got[0], low, 1e-5 * (1.0 + low));
            assert_near(got[1], high, 1e-5 * high);
        }
        let large = poisson(1e6);
        assert!(large[0] < 1e6 - 1900.0 && large[0] > 1e6 - 2000.0 && large[1] > 1e6 + 1900.0);
    }

    #[test]
    fn shares_never_leave_zero_to_one() {
        // 50 of 100: Wilson's 0.4038 to 0.5962.
        let half = share(50, 100);
        assert_near(half.interval[0], 0.403_832, 1e-6);
        assert_near(half.interval[1], 0.596_168, 1e-6);
        assert_eq!(share(0, 10).interval[0], 0.0);
        assert_eq!(share(10, 10).interval[1], 1.0);
    }

    #[test]
    fn means_and_jackknives_of_a_mean_agree() {
        let values: [f64; 6] = [1.0, 4.0, 2.0, 8.0, 5.0, 7.0];
        let plain = mean(&values);
        let without: Vec<f64> = values.iter().map(|v| (27.0 - v) / 5.0).collect();
        let knife = jackknife(4.5, &without);
        assert_near(knife.corrected, 4.5, 1e-12);
        assert_near(knife.standard_error, plain.standard_error, 1e-12);
        assert_near(plain.interval[1] - plain.value, 2.570_582 * plain.standard_error, 2e-3);
    }
}
