//! The generalized Anscombe transform against its formula in f64, and its inverse against the
//! expectation that it inverts, summed in f64 over the Poisson-Gaussian law itself.

use restora_image::{ChannelNoise, Context, Image, NoiseModel, Size};
use restora_ops::denoise::{anscombe, inverse_anscombe};

fn model(a: f64, b: f64) -> NoiseModel {
    let noise = ChannelNoise { a: a as f32, b: b as f32, sigma: 0.0 };
    NoiseModel { channels: vec![noise], correlation: 0.0 }
}

fn row(values: &[f64]) -> Image {
    Image::gray_from_fn(Size::new(values.len() as u32, 1), |x, _| values[x] as f32)
}

/// `D(z)` for variance `a + b z` as printed: eq. (4) of Makitalo and Foi 2013, with `z / b` photons
/// and read noise of variance `a / b^2`; 0 where the root would be of a negative number.
fn transform(z: f64, a: f64, b: f64) -> f64 {
    2.0 * (z / b + 0.375 + a / (b * b)).max(0.0).sqrt()
}

#[test]
fn anscombe_is_the_printed_formula_from_dark_to_bright() {
    // 12 photons and no read noise, 100 and a little, 500 and much, 5000 and some.
    for (a, b) in [(0.0, 1.0 / 12.0), (1e-5, 0.01), (4e-4, 0.002), (1e-6, 2e-4)] {
        let values = [-0.05, -0.001, 0.0, 0.001, 0.01, 0.05, 0.18, 0.5, 0.75, 1.0, 1.3];
        let (stable, sigma) = anscombe(&row(&values), &model(a, b), &Context::default()).unwrap();
        // White goes to 1 and the noise of one unit of D to sigma.
        let d0 = transform(0.0, a, b);
        let scale = 1.0 / (transform(1.0, a, b) - d0);
        assert!((f64::from(sigma) / scale - 1.0).abs() < 1e-6, "a {a} b {b}: {sigma}");
        for (z, got) in values.iter().zip(stable.data()) {
            let wanted = scale * (transform(*z, a, b) - d0);
            // A few roundings of f32 (6e-8 each) relative to the range of 1; where z is near -c b the
            // root is of a difference and its error grows to the root of that.
            let near_zero = z / b + 0.375 + a / (b * b) < 0.01;
            let tolerance = if near_zero { 1e-4 } else { 1e-6 };
            assert!((f64::from(*got) - wanted).abs() < tolerance, "a {a} b {b} z {z}: {got}");
        }
    }
}

/// `E D` for a mean of `photons` and read noise of `deviation` photons: the sum over counts of
/// the Poisson law times the integral over the normal law (midpoint rule over 8 deviations, which
/// for smooth integrands is exact to f64; the kink of the cut root costs 1e-5 at most).
fn mean_of_transform(photons: f64, deviation: f64) -> f64 {
    let (steps, span) = (400, 8.0);
    let constant = 0.375 + deviation * deviation;
    let mut mean = 0.0;
    let mut log_probability = -photons;
    for k in 0..(photons + 12.0 * photons.sqrt() + 30.0) as u32 {
        if k > 0 {
            log_probability += (photons / f64::from(k)).ln();
        }
        let (mut sum, mut weights) = (0.0, 0.0);
        for i in 0..steps {
            let t = span * (2.0 * (f64::from(i) + 0.5) / f64::from(steps) - 1.0);
            let w = (-0.5 * t * t).exp();
            sum += w * 2.0 * (f64::from(k) + deviation * t + constant).max(0.0).sqrt();
            weights += w;
        }
        mean += log_probability.exp() * sum / weights;
    }
    mean
}

#[test]
fn inverse_anscombe_takes_the_expectation_back_to_the_mean() {
    for deviation in [0.0, 0.5, 2.0] {
        for photons in [0.5, 1.0, 2.0, 5.0, 10.0, 40.0, 200.0] {
            // Nominal range: white is at 250 photons.
            let b = 1.0 / 250.0;
            let a = (deviation * b) * (deviation * b);
            let scale = 1.0 / (transform(1.0, a, b) - transform(0.0, a, b));
            let seen = scale * (mean_of_transform(photons, deviation) - transform(0.0, a, b));
            let back = inverse_anscombe(&row(&[seen]), &model(a, b), &Context::default()).unwrap();
            let error = f64::from(back.data()[0]) / b - photons;
            // The closed form is an approximation; the algebraic inverse is 0.25 off from two photons
            // on. Without read noise, and from five photons on with it, what is left must be below a
            // twelfth of that; at the few photons where read noise and the cut root meet, a sixth:
            // 5 % of what one pixel scatters. f32 adds 1e-6 of 250 photons.
            let bound = if deviation == 0.0 || photons >= 5.0 { 0.02 } else { 0.04 };
            assert!(error.abs() < bound, "{photons} photons, read noise {deviation}: {error}");
        }
    }
}
