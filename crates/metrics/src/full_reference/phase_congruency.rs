//! Phase congruency of two images (Kovesi), the feature map of FSIM.
//!
//! ```text
//! PC = sum over orientations of max(E - T, 0) / sum over orientations and scales of A
//! E  = sum over scales of (e me + o mo - |e mo - o me|)
//! ```
//!
//! `e + i o` is the response of a log-Gabor filter, `A` its magnitude, `(me, mo)` the direction of
//! their sum over scales, `T` the energy that noise of the level found at the finest scale would
//! have. Filters are real in the frequency domain, so that one inverse transform gives `e` and `o`.
//! Both images go through one forward transform as real and imaginary part. The sums of squared
//! filters in `T` are taken in the frequency domain (Parseval) and need no transform.
//!
//! Reference: P. Kovesi, "Image features from phase congruency", Videre 1(3), 1999; constants of FSIM,
//! doi:10.1109/TIP.2011.2109730.

use super::fourier::{Fourier, frequencies};
use super::maps::Map;
use restora_image::{Context, OpError, map_bands, simd};
use rustfft::num_complex::Complex;
use std::f64::consts::{FRAC_PI_4, PI};

const SCALES: usize = 4;
const ORIENTATIONS: usize = 4;
/// Wavelength of the finest filter in pixels; each coarser one doubles it.
const FINEST: f64 = 6.0;
/// Width of a filter: standard deviation over center frequency.
const SIGMA_F: f64 = 0.55;
/// Width of a filter in angle.
const THETA_SIGMA: f64 = PI / (ORIENTATIONS as f64 * 1.2);
/// Standard deviations of the noise above its mean that count as noise.
const K: f64 = 2.0;

/// Phase congruency of two planes of one size, row by row.
pub(super) fn phase_congruency(x: &Map, y: &Map, cx: &Context) -> Result<[Vec<f32>; 2], OpError> {
    let (w, h) = (x.width, x.height);
    let fourier = Fourier::<f32>::new(w, h);
    let filters = Filters::new(w, h, &fourier);
    cx.check()?;
    let spectra = spectra(x, y, &fourier);
    // One task for each orientation of each image.
    let parts = map_bands(2 * ORIENTATIONS, 1, cx, |task| {
        let (image, orientation) = (task.start / ORIENTATIONS, task.start % ORIENTATIONS);
        Ok(oriented(&spectra[image], orientation, &filters, &fourier))
    })?;
    let (of_x, of_y) = parts.split_at(ORIENTATIONS);
    Ok([of_x, of_y].map(|parts| {
        let ratio = |i: usize| {
            let energy: f32 = parts.iter().map(|p| p.energy[i]).sum();
            let amplitude: f32 = parts.iter().map(|p| p.amplitude[i]).sum();
            if amplitude == 0.0 { 0.0 } else { energy / amplitude }
        };
        (0..w * h).map(ratio).collect()
    }))
}

/// Spectra of both planes less their means, which no filter passes.
fn spectra(x: &Map, y: &Map, fourier: &Fourier<f32>) -> [Vec<Complex<f32>>; 2] {
    let (w, h) = (x.width, x.height);
    let mean = |map: &Map| map.data.iter().sum::<f64>() / map.data.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let pair = |(x, y): (&f64, &f64)| Complex::new((x - mx) as f32, (y - my) as f32);
    let both = fourier.forward(x.data.iter().zip(&y.data).map(pair).collect());
    // Scaled by the number of pixels, which the inverse is not.
    let scale = 0.5 / (w * h) as f32;
    let mut out = [both.clone(), both.clone()];
    for u in 0..w {
        for v in 0..h {
            let (z, back) = (both[u * h + v], both[fourier.opposite(u, v)].conj());
            out[0][u * h + v] = (z + back) * scale;
            let i = (z - back) * scale;
            out[1][u * h + v] = Complex::new(i.im, -i.re);
        }
    }
    out
}

/// What one orientation adds.
struct Oriented {
    energy: Vec<f32>,
    amplitude: Vec<f32>,
}

fn oriented(
    spectrum: &[Complex<f32>],
    orientation: usize,
    filters: &Filters,
    fourier: &Fourier<f32>,
) -> Oriented {
    let n = spectrum.len();
    let spread = &filters.spread[orientation];
    let mut filtered = vec![Complex::default(); n];
    let responses: [Vec<Complex<f32>>; SCALES] = std::array::from_fn(|s| {
        let radial = &filters.radial[s];
        simd(
            #[inline(always)]
            || {
                for i in 0..n.min(radial.len()).min(spread.len()) {
                    filtered[i] = spectrum[i] * (radial[i] * spread[i]);
                }
            },
        );
        fourier.inverse(&mut filtered)
    });
    let median = median(responses[0].iter().map(Complex::norm_sqr).collect());
    // The median of the squared magnitude of Gaussian noise is ln 2 of its mean.
    let power = f64::from(median) / std::f64::consts::LN_2 / filters.finest_power[orientation];
    let tau = (power * filters.total_power[orientation]).sqrt();
    let threshold = tau * ((PI / 2.0).sqrt() + K * (2.0 - PI / 2.0).sqrt()) / 1.7;
    let (mut energy, mut amplitude) = (vec![0.0; n], vec![0.0; n]);
    simd(
        #[inline(always)]
        || energies(&responses, threshold as f32, &mut energy, &mut amplitude),
    );
    Oriented { energy, amplitude }
}

/// The lower median of values that are not negative: their bits are in their order, so that the upper bits say which few have to
/// be sorted.
fn median(values: Vec<f32>) -> f32 {
    const SHIFT: u32 = 18;
    let bin = |v: f32| (v.to_bits() >> SHIFT) as usize;
    let mut counts = vec![0u32; 1 << (32 - SHIFT)];
    for v in &values {
        counts[bin(*v)] += 1;
    }
    let mut rank = (values.len() - 1) / 2;
    let mut at = 0;
    while rank >= counts[at] as usize {
        rank -= counts[at] as usize;
        at += 1;
    }
    let mut near: Vec<f32> = values.into_iter().filter(|v| bin(*v) == at).collect();
    *near.select_nth_unstable_by(rank, f32::total_cmp).1
}

#[inline(always)]
fn energies(
    responses: &[Vec<Complex<f32>>; SCALES],
    threshold: f32,
    energy: &mut [f32],
    amplitude: &mut [f32],
) {
    let n = energy.len();
    let [a, b, c, d] = responses.each_ref().map(|r| &r[..n]);
    let amplitude = &mut amplitude[..n];
    for i in 0..n {
        let all = [a[i], b[i], c[i], d[i]];
        let (even, odd) = (
            all[0].re + all[1].re + all[2].re + all[3].re,
            all[0].im + all[1].im + all[2].im + all[3].im,
        );
        // Far below any response, and keeps 0 / 0 away.
        let length = (even * even + odd * odd).sqrt() + 1e-20;
        let (me, mo) = (even / length, odd / length);
        let (mut sum, mut total) = (0.0, 0.0);
        for r in all {
            sum += r.re * me + r.im * mo - (r.re * mo - r.im * me).abs();
            total += (r.re * r.re + r.im * r.im).sqrt();
        }
        let above = sum - threshold;
        // `max` would turn NaN into 0.
        energy[i] = if above < 0.0 { 0.0 } else { above };
        amplitude[i] = total;
    }
}

/// The filters, products of a radial and an angular part, in the order of the spectra.
struct Filters {
    radial: [Vec<f32>; SCALES],
    spread: [Vec<f32>; ORIENTATIONS],
    /// Sum of the squares of the finest filter.
    finest_power: [f64; ORIENTATIONS],
    /// Sum of the squares of the even part of all scales together.
    total_power: [f64; ORIENTATIONS],
}

impl Filters {
    fn new(w: usize, h: usize, fourier: &Fourier<f32>) -> Self {
        let (across, down) = (frequencies(w), frequencies(h));
        let mut radial = [(); SCALES].map(|()| vec![0.0; w * h]);
        let mut spread = [(); ORIENTATIONS].map(|()| vec![0.0; w * h]);
        let octaves = Gaussians::new(std::f64::consts::LN_2, 2.0 * SIGMA_F.ln().powi(2));
        let turns_of = Gaussians::new(-FRAC_PI_4, 2.0 * THETA_SIGMA * THETA_SIGMA);
        // One quarter of the plane says all: the others are mirrored.
        let mirrored = |i: usize, n: usize| if i == 0 || 2 * i == n { i } else { n - i };
        for u in 0..=w / 2 {
            for v in 0..=h / 2 {
                let (fx, fy) = (across[u].abs(), down[v].abs());
                let squared = fx * fx + fy * fy;
                let bands = if u + v == 0 { [0.0; SCALES] } else { log_gabor(squared, &octaves) };
                let angles = angular(fx.atan2(fy), &turns_of);
                for u in [u, mirrored(u, w)] {
                    for v in [v, mirrored(v, h)] {
                        let at = u * h + v;
                        for (radial, band) in radial.iter_mut().zip(bands) {
                            radial[at] = band as f32;
                        }
                        for (k, spread) in spread.iter_mut().enumerate() {
                            spread[at] = angles[turns(k, across[u], down[v])] as f32;
                        }
                    }
                }
            }
        }
        let mut finest_power = [0.0; ORIENTATIONS];
        let mut total_power = [0.0; ORIENTATIONS];
        for u in 0..w {
            for v in 0..h {
                let (at, back) = (u * h + v, fourier.opposite(u, v));
                let all: f64 = radial.iter().map(|r| f64::from(r[at])).sum();
                let finest = f64::from(radial[0][at]);
                for (k, spread) in spread.iter().enumerate() {
                    let (here, there) = (f64::from(spread[at]), f64::from(spread[back]));
                    finest_power[k] += (finest * here).powi(2);
                    total_power[k] += (all * f64::midpoint(here, there)).powi(2);
                }
            }
        }
        Self { radial, spread, finest_power, total_power }
    }
}

/// `exp(-(x + k step)^2 / width)` for whole numbers `k`, by two exponentials for all of them.
struct Gaussians {
    step: f64,
    width: f64,
    /// `exp(-(k step)^2 / width)`.
    of_k: [f64; Self::MOST + 1],
}

impl Gaussians {
    const MOST: usize = 5;

    fn new(step: f64, width: f64) -> Self {
        let of_k = std::array::from_fn(|k| (-(k as f64 * step).powi(2) / width).exp());
        Self { step, width, of_k }
    }

    /// The values around `x`, by `k` from `-MOST` to `MOST`.
    #[inline(always)]
    fn around(&self, x: f64) -> impl Fn(i32) -> f64 + '_ {
        let at_x = (-x * x / self.width).exp();
        let up = (-2.0 * x * self.step / self.width).exp();
        let down = 1.0 / up;
        move |k| {
            let ratio = if k < 0 { down } else { up };
            let mut power = at_x;
            (0..k.unsigned_abs()).for_each(|_| power *= ratio);
            power * self.of_k[k.unsigned_abs() as usize]
        }
    }
}

/// Radial part of the filters of all scales at a squared radius, with a low pass against the corners of the spectrum.
#[inline(always)]
fn log_gabor(squared: f64, octaves: &Gaussians) -> [f64; SCALES] {
    // Butterworth of order 15, cut off at 0.45.
    let low_pass = 1.0 / (1.0 + (squared / (0.45 * 0.45)).powi(15));
    let of_scale = octaves.around(0.5 * (squared * FINEST * FINEST).ln());
    std::array::from_fn(|s| of_scale(s as i32) * low_pass)
}

/// Angular part at `phi` in `[0, pi/2]` less each multiple of pi/4 from -3 to 4.
#[inline(always)]
fn angular(phi: f64, turns: &Gaussians) -> [f64; 8] {
    let of_turn = turns.around(phi);
    // A turn of more than pi is one the other way.
    let first = if phi > FRAC_PI_4 { 5 } else { -3 };
    std::array::from_fn(|j| of_turn(if j == 0 { first } else { j as i32 - 3 }))
}

/// Which of [`angular`] is that of orientation `k` at a frequency: the angle is `phi` up to sign and
/// supplement, by the quadrant.
fn turns(k: usize, fx: f64, fy: f64) -> usize {
    match (fx > 0.0, fy < 0.0) {
        (false, false) => 3 + k,
        (true, false) => 3 - k,
        (false, true) => 7 - k,
        // phi - pi - k pi/4, a full turn added unless k is 0.
        (true, true) if k == 0 => 7,
        (true, true) => k - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_those_of_the_definition_in_every_quadrant() {
        for (w, h) in [(8, 6), (7, 9), (9, 8)] {
            let filters = Filters::new(w, h, &Fourier::new(w, h));
            let (across, down) = (frequencies(w), frequencies(h));
            for u in 0..w {
                for v in 0..h {
                    let theta = (-across[u]).atan2(down[v]);
                    let at = u * h + v;
                    if at == 0 {
                        assert!(filters.radial.iter().all(|r| r[0] == 0.0));
                        continue;
                    }
                    for k in 0..ORIENTATIONS {
                        let turn = theta - k as f64 * FRAC_PI_4;
                        let turn = turn.sin().atan2(turn.cos());
                        let wanted = (-turn * turn / (2.0 * THETA_SIGMA * THETA_SIGMA)).exp();
                        let got = f64::from(filters.spread[k][at]);
                        assert!((got - wanted).abs() < 1e-6, "{w}x{h} {u},{v} {k}: {got} {wanted}");
                    }
                    for s in 0..SCALES {
                        let radius = across[u].hypot(down[v]);
                        let center = 1.0 / (FINEST * f64::from(1 << s));
                        let band =
                            (-(radius / center).ln().powi(2) / (2.0 * SIGMA_F.ln().powi(2))).exp();
                        let wanted = band / (1.0 + (radius / 0.45).powi(30));
                        assert!((f64::from(filters.radial[s][at]) - wanted).abs() < 1e-6);
                    }
                }
            }
        }
    }

    #[test]
    fn the_median_is_that_of_sorting() {
        let mut rng = restora_image::Rng::new(4, "median", 0);
        for n in [1usize, 2, 3, 10, 1001, 4096] {
            for kind in 0..3 {
                let mut draw = || match kind {
                    0 => rng.uniform() as f32,
                    1 => (20.0 * rng.normal()).exp() as f32,
                    _ => rng.below(3) as f32,
                };
                let values: Vec<f32> = (0..n).map(|_| draw()).collect();
                let mut sorted = values.clone();
                sorted.sort_by(f32::total_cmp);
                assert_eq!(median(values), sorted[(n - 1) / 2]);
            }
        }
        assert!(median(vec![f32::NAN; 3]).is_nan());
    }

    #[test]
    fn the_spectra_of_a_pair_are_those_of_each() {
        let cx = Context::default();
        let (w, h) = (10, 7);
        let map = |f: fn(usize) -> usize| {
            Map::build(w, h, &cx, |y, row| {
                row.iter_mut().enumerate().for_each(|(x, v)| *v = f(13 * x + 7 * y) as f64);
            })
            .unwrap()
        };
        let (x, y) = (map(|i| i * i % 31), map(|i| i * i * i % 29));
        let fourier = Fourier::<f32>::new(w, h);
        let both = spectra(&x, &y, &fourier);
        for (map, got) in [&x, &y].into_iter().zip(both) {
            let mean = map.data.iter().sum::<f64>() / 70.0;
            let plane = map.data.iter().map(|v| Complex::new((v - mean) as f32, 0.0)).collect();
            let wanted = fourier.forward(plane);
            assert!(got.iter().zip(&wanted).all(|(g, w)| (g - w / 70.0).norm() < 1e-5));
        }
    }
}
