//! Blind measurements against truths known by construction: pictures made by formula whose steps,
//! clipped shares, impulses and noise spectra follow from how they were made.

use restora_image::{ColorSpace, Image, Rng, Size};
use restora_metrics::no_reference::{blockiness, exposure, impulse_rate, noise_correlation};
use restora_testkit::{noisy, synthetic};

/// White noise of `sigma`, filtered along rows and along columns by kernels of unit energy, over
/// mid-gray.
fn filtered_noise(size: Size, sigma: f32, across: [f32; 3], along: [f32; 3]) -> Image {
    let large = Size::new(size.width + 2, size.height + 2);
    let white = noisy(&Image::zeros(large, ColorSpace::Gray), sigma, 11);
    let energy = |k: [f32; 3]| k.iter().map(|v| v * v).sum::<f32>().sqrt();
    let unit = 1.0 / (energy(across) * energy(along));
    Image::gray_from_fn(size, |x, y| {
        let mut sum = 0.0;
        for (j, b) in along.iter().enumerate() {
            for (i, a) in across.iter().enumerate() {
                sum += a * b * white.plane(0).at(x + i, y + j);
            }
        }
        0.5 + unit * sum
    })
}

#[test]
fn blockiness_is_the_height_of_the_steps_less_what_lies_beside_them() {
    // Stairs: up by `h` at every border across and along, flat in between. At a border e is h, at
    // the two columns beside it -h/2 (left out of the comparison), elsewhere 0: strength is h.
    for (height, offset_x, offset_y) in [(1.0f32, 0u8, 0u8), (2.0, 3, 5), (5.0, 7, 1)] {
        let h = height / 255.0;
        let steps = |v: usize, offset: u8| ((v + 8 - usize::from(offset)) / 8) as f32;
        let stairs = Image::gray_from_fn(Size::new(160, 144), |x, y| {
            h * (steps(x, offset_x) + steps(y, offset_y))
        });
        let found = blockiness(&stairs);
        assert_eq!((found.offset_x, found.offset_y), (offset_x, offset_y), "{height}: {found:?}");
        // f32 differences of values up to 1 round by 6e-8, far below 1e-6.
        assert!((found.strength - h).abs() < 1e-6, "{height}: {found:?}");
        assert!((found.confidence - 1.0).abs() < 1e-6, "{height}: {found:?}");
    }
}

#[test]
fn blockiness_counts_a_step_up_to_its_cap_of_eight() {
    let stairs = Image::gray_from_fn(Size::new(160, 160), |x, y| {
        // Blocks in a checkerboard: every border is a step of 40/255, up or down.
        if (x / 8 + y / 8) % 2 == 0 { 0.3 } else { 0.3 + 40.0 / 255.0 }
    });
    let found = blockiness(&stairs);
    assert!((found.strength - 8.0 / 255.0).abs() < 1e-6, "{found:?}");
}

#[test]
fn exposure_counts_exactly_the_clipped_shares() {
    // Of 200 x 100 pixels, rows 0..7 black, 7..10 white, the rest a ramp strictly inside.
    let inside = |x: usize| 0.2 + 0.6 * x as f32 / 199.0;
    let image = Image::gray_from_fn(Size::new(200, 100), |x, y| match y {
        0..7 => 0.0,
        7..10 => 1.0,
        _ => inside(x),
    });
    let found = exposure(&image);
    // Counts over a count: exact but for the rounding of f32.
    assert!((found.shadows - 0.07).abs() < 1e-6, "{found:?}");
    assert!((found.highlights - 0.03).abs() < 1e-6, "{found:?}");
    // Mean: 0.9 of the ramp's 0.5, 0.03 of white. Variance of the ramp's 200 equal steps:
    // 0.6^2 / 12 * 201 / 199. Sums are f64 of f32 values: 1e-6.
    let mean = 0.9 * 0.5 + 0.03;
    let ramp = 0.36 / 12.0 * 201.0 / 199.0;
    let second = 0.9 * (ramp + 0.25) + 0.03;
    assert!((f64::from(found.mean) - mean).abs() < 1e-6, "{found:?}");
    assert!((f64::from(found.contrast) - (second - mean * mean).sqrt()).abs() < 1e-6, "{found:?}");
    // Seven percent black and three percent white hold the 1 % and the 99 % quantile.
    assert_eq!((found.low, found.high), (0.0, 1.0));
}

#[test]
fn exposure_of_a_gaussian_is_its_mean_its_deviation_and_its_tails() {
    let (mean, sigma) = (0.45f32, 0.08f32);
    let flat = Image::gray_from_fn(Size::new(400, 300), |_, _| mean);
    let found = exposure(&noisy(&flat, sigma, 3));
    // n = 120,000. Standard errors: of the mean sigma / sqrt n = 2.3e-4, of the deviation
    // sigma / sqrt 2n = 1.6e-4, of the 1 % quantile sqrt(0.01 * 0.99 / n) / (phi(2.326) / sigma)
    // = 8.6e-4. Four of each, and half a bin (1/2046) for the quantiles.
    assert!((found.mean - mean).abs() < 9.3e-4, "{found:?}");
    assert!((found.contrast - sigma).abs() < 6.6e-4, "{found:?}");
    for (quantile, truth) in
        [(found.low, mean - 2.3263 * sigma), (found.high, mean + 2.3263 * sigma)]
    {
        assert!((quantile - truth).abs() < 4.0e-3, "{quantile} for {truth}");
    }
    assert_eq!((found.shadows, found.highlights), (0.0, 0.0));
}

/// Salt and pepper in equal parts, and impulses of random values inside the range, at known rates.
fn impulses(clean: &Image, salt_and_pepper: f64, random: f64) -> Image {
    let mut rng = Rng::new(5, "known impulses", 0);
    let mut out = clean.clone();
    for v in out.data_mut() {
        let (u, value) = (rng.uniform(), rng.uniform());
        if u < salt_and_pepper {
            *v = f32::from(u8::from(value < 0.5));
        } else if u < salt_and_pepper + random {
            *v = (0.01 + 0.98 * value) as f32;
        }
    }
    out
}

/// `P(X >= k)` for `X` binomial over `n` trials.
fn binomial_tail(n: i32, p: f64, k: i32) -> f64 {
    let choose = |m: i32| (0..m).map(|i| f64::from(n - i) / f64::from(i + 1)).product::<f64>();
    (k..=n).map(|m| choose(m) * p.powi(m) * (1.0 - p).powi(n - m)).sum()
}

/// Four standard errors of the median share of 192 windows of 1024 pixels (1.253 times that of the
/// mean), and half a count of a window, because the median of counts is a count.
fn window_error(rate: f64) -> f64 {
    4.0 * 1.253 * (rate * (1.0 - rate) / 1024.0 / 192.0).sqrt() + 0.5 / 1024.0
}

#[test]
fn impulse_rate_is_the_density_of_salt_and_pepper() {
    let clean = synthetic(Size::new(512, 384));
    for rate in [0.02f64, 0.1, 0.3, 0.5] {
        let found = impulse_rate(&impulses(&clean, rate, 0.0));
        // The picture keeps 0.1 from either end, so that every impulse stands out but those taken
        // for a black or white area: with 10 or more of 24 neighbors of their own kind.
        let seen = rate * (1.0 - binomial_tail(24, 0.5 * rate, 10));
        let off = (f64::from(found.salt_and_pepper) - seen).abs();
        assert!(off < window_error(seen), "{seen} of {rate}: {found:?}");
        assert!(found.confidence > 0.95, "{rate}: {found:?}");
    }
    let none = impulse_rate(&clean);
    assert_eq!((none.salt_and_pepper, none.random_valued), (0.0, 0.0));
}

#[test]
fn impulse_rate_of_random_values_is_the_share_that_stands_out() {
    // On flat 0.5 an impulse of value v, uniform in [0.01, 0.99], has ROAD 4 |v - 0.5| unless a
    // neighboring impulse is nearer to it than 0.5 is (1 % of them at a rate of 0.1). That is above
    // 0.5 where |v - 0.5| > 1/8: 0.73 / 0.98 of the impulses are seen. None is at an end of the range.
    let flat = Image::gray_from_fn(Size::new(512, 384), |_, _| 0.5);
    for rate in [0.05f64, 0.1] {
        let found = impulse_rate(&impulses(&flat, 0.0, rate));
        let seen = rate * 0.73 / 0.98;
        let off = (f64::from(found.random_valued) - seen).abs();
        assert!(off < window_error(seen), "{seen} of {rate}: {found:?}");
        assert_eq!(found.salt_and_pepper, 0.0);
    }
}

/// What the spectrum's lag-one correlations and deviation are for separable noise with correlations
/// 1, r1, r2 along each axis: `E P(u, v) = q_v q_u` with `q = diag(D R D')`, by the formula of the
/// module, in f64.
fn expected(across: [f64; 3], along: [f64; 3]) -> (f64, f64, f64) {
    let d: [[f64; 8]; 8] = std::array::from_fn(|u| {
        let scale = if u == 0 { 0.125f64.sqrt() } else { 0.5 };
        std::array::from_fn(|i| {
            scale * (std::f64::consts::PI * (2 * i + 1) as f64 * u as f64 / 16.0).cos()
        })
    });
    let spectrum = |r: [f64; 3]| -> [f64; 8] {
        std::array::from_fn(|u| {
            let at = |i: usize, j: usize| r.get(i.abs_diff(j)).copied().unwrap_or(0.0);
            (0..64).map(|k| d[u][k / 8] * at(k / 8, k % 8) * d[u][k % 8]).sum()
        })
    };
    let (qx, qy) = (spectrum(across), spectrum(along));
    let mut power: Vec<f64> = (0..64).map(|i| qy[i / 8] * qx[i % 8]).collect();
    power[0] = 0.5 * (power[1] + power[8]); // DC is taken from its neighbors
    let total: f64 = power.iter().sum();
    let lag = |of: fn(usize) -> usize| {
        let g = |u: usize| d[u].windows(2).map(|p| p[0] * p[1]).sum::<f64>();
        (0..64).map(|i| power[i] * g(of(i))).sum::<f64>() / 7.0 / (total / 8.0)
    };
    (lag(|i| i % 8), lag(|i| i / 8), (total / 64.0).sqrt())
}

#[test]
fn noise_correlation_is_that_of_the_kernel_that_made_it() {
    // Correlation of a kernel at lag l: sum k_i k_(i+l) / sum k_i^2. (1 2 1): 2/3 and 1/6.
    let lags = |k: [f32; 3]| {
        let [a, b, c] = k.map(f64::from);
        let energy = a * a + b * b + c * c;
        [1.0, (a * b + b * c) / energy, a * c / energy]
    };
    let (none, two, three) = ([0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 2.0, 1.0]);
    for (across, along) in [(none, none), (three, none), (none, two), ([1.0, 4.0, 1.0], three)] {
        let sigma = 0.03;
        let found = noise_correlation(&filtered_noise(Size::new(512, 512), sigma, across, along));
        let (horizontal, vertical, level) = expected(lags(across), lags(along));
        // Some 500 neighborhoods of 256 pixels are measured and overlap: 60,000 independent pixels at
        // least, so a standard error of 0.004 for a correlation. Four of them.
        assert!((f64::from(found.horizontal) - horizontal).abs() < 0.016, "{horizontal} {found:?}");
        assert!((f64::from(found.vertical) - vertical).abs() < 0.016, "{vertical} {found:?}");
        // Of the deviation 1 / sqrt(2 * 60,000) = 0.3 %, up to twice that where correlation leaves
        // fewer degrees of freedom. Four of them.
        let ratio = f64::from(found.sigma / sigma) / level;
        assert!((ratio - 1.0).abs() < 0.024, "{ratio}: {found:?}");
        assert_eq!(found.confidence, 1.0, "{found:?}");
    }
}

#[test]
fn noise_correlation_finds_one_level_at_all_frequencies_of_white_noise() {
    let found =
        noise_correlation(&noisy(&Image::gray_from_fn(Size::new(512, 512), |_, _| 0.5), 0.03, 7));
    // 15 and 21 of 64 coefficients of 60,000 pixels: standard errors of 0.6 and 0.5 % of the level.
    for level in [found.middle, found.high] {
        assert!((level / 0.03 - 1.0).abs() < 0.025, "{found:?}");
    }
}
