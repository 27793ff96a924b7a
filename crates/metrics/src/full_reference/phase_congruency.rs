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
use restora_image::{Context, OpError, for_each_band, simd};
use rustfft::num_complex::Complex;
use std::f64::consts::{FRAC_PI_4, LN_2, PI};

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
/// Rows in a task: of those of four scales and 400 columns, 200 KiB, in the second-level cache.
const BAND: usize = 16;

/// Phase congruency of two planes of one size, row by row.
pub(super) fn phase_congruency(x: &Map, y: &Map, cx: &Context) -> Result<[Vec<f32>; 2], OpError> {
    let (w, h) = (x.width, x.height);
    let fourier = Fourier::<f32>::new(w, h);
    let filters = Filters::new(w, h, &fourier);
    cx.check()?;
    let [of_x, of_y] = spectra(x, y, &fourier);
    let mut scratch = Scratch::new(w * h);
    let mut of =
        |spectrum: &[Complex<f32>]| of_spectrum(spectrum, &filters, &fourier, &mut scratch, cx);
    Ok([of(&of_x)?, of(&of_y)?])
}

/// Fresh memory costs as much as the transforms: this is written anew for each orientation and image.
struct Scratch {
    responses: [Vec<Complex<f32>>; SCALES],
    /// Sum over scales and orientations of the magnitudes.
    amplitude: Vec<f32>,
    /// Energy `E` of an orientation.
    aligned: Vec<f32>,
    /// Squared magnitude of its finest response.
    power: Vec<f32>,
}

impl Scratch {
    fn new(n: usize) -> Self {
        let plane = || vec![0.0; n];
        let responses = [(); SCALES].map(|()| vec![Complex::default(); n]);
        Self { responses, amplitude: plane(), aligned: plane(), power: plane() }
    }
}

/// Phase congruency of the plane of a spectrum.
fn of_spectrum(
    spectrum: &[Complex<f32>],
    filters: &Filters,
    fourier: &Fourier<f32>,
    scratch: &mut Scratch,
    cx: &Context,
) -> Result<Vec<f32>, OpError> {
    let (w, h) = (filters.width, filters.height);
    let Scratch { responses, amplitude, aligned, power } = scratch;
    amplitude.fill(0.0);
    let mut energy = vec![0.0; w * h];
    for orientation in 0..ORIENTATIONS {
        for_each_band(responses, 1, 1, cx, |scale, response| {
            let column = |u: usize, out: &mut [Complex<f32>]| {
                let spectrum = &spectrum[u * h..][..h];
                let filter = filters.column(u, scale, orientation);
                simd(
                    #[inline(always)]
                    || product(spectrum, filter, out),
                );
            };
            fourier.columns_back(column, &mut response[0]);
            Ok(())
        })?;
        let [a, b, c, d] = responses.each_mut().map(|r| r.chunks_mut(w * BAND));
        let sums = amplitude.chunks_mut(w * BAND).zip(aligned.chunks_mut(w * BAND));
        let mut bands: Vec<_> = (a.zip(b).zip(c.zip(d)))
            .zip(sums.zip(power.chunks_mut(w * BAND)))
            .map(|(((a, b), (c, d)), ((amplitude, aligned), power))| Band {
                responses: [a, b, c, d],
                amplitude,
                aligned,
                power,
            })
            .collect();
        for_each_band(&mut bands, 1, 1, cx, |_, band| {
            let [Band { responses, amplitude, aligned, power }] = band else { return Ok(()) };
            for rows in responses.iter_mut() {
                fourier.rows_back(rows);
            }
            let responses = responses.each_ref().map(|rows| &**rows);
            simd(
                #[inline(always)]
                || energies(responses, amplitude, aligned, power),
            );
            Ok(())
        })?;
        let threshold = filters.threshold(orientation, median(power)) as f32;
        simd(
            #[inline(always)]
            || {
                for (energy, aligned) in energy.iter_mut().zip(&*aligned) {
                    let above = aligned - threshold;
                    // `max` would turn NaN into 0.
                    *energy += if above < 0.0 { 0.0 } else { above };
                }
            },
        );
    }
    for (energy, amplitude) in energy.iter_mut().zip(&*amplitude) {
        *energy = if *amplitude == 0.0 { 0.0 } else { *energy / amplitude };
    }
    Ok(energy)
}

/// Spectra of both planes less their means, which no filter passes.
fn spectra(x: &Map, y: &Map, fourier: &Fourier<f32>) -> [Vec<Complex<f32>>; 2] {
    let (w, h) = (x.width, x.height);
    let mean = |map: &Map| map.data.iter().sum::<f64>() / map.data.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let pair = |(x, y): (&f64, &f64)| Complex::new((x - mx) as f32, (y - my) as f32);
    let mut of_x = fourier.forward(x.data.iter().zip(&y.data).map(pair).collect());
    let mut of_y = vec![Complex::default(); w * h];
    // Scaled by the number of pixels, which the inverse is not.
    let scale = 0.5 / (w * h) as f32;
    for u in 0..w {
        for v in 0..h {
            let (at, opposite) = (u * h + v, fourier.opposite(u, v));
            if opposite < at {
                continue;
            }
            let (z, back) = (of_x[at], of_x[opposite].conj());
            let (even, odd) = ((z + back) * scale, (z - back) * scale);
            (of_x[at], of_x[opposite]) = (even, even.conj());
            let odd = Complex::new(odd.im, -odd.re);
            (of_y[at], of_y[opposite]) = (odd, odd.conj());
        }
    }
    [of_x, of_y]
}

/// A spectrum times a filter, whose radial and angular parts come apart.
#[inline(always)]
fn product(
    spectrum: &[Complex<f32>],
    (radial, spread): (&[f32], &[f32]),
    out: &mut [Complex<f32>],
) {
    let n = out.len();
    let (spectrum, radial, spread) = (&spectrum[..n], &radial[..n], &spread[..n]);
    for i in 0..n {
        out[i] = spectrum[i] * (radial[i] * spread[i]);
    }
}

/// The lower median of values that are not negative, so that their bits are in their order.
fn median(values: &[f32]) -> f32 {
    /// So many values, evenly spread, say between which two the median lies: four standard
    /// deviations of their own median around it.
    const SAMPLE: usize = 1024;
    const MARGIN: usize = 4 * 16;
    const CHUNK: usize = 256;
    let (n, rank) = (values.len(), (values.len() - 1) / 2);
    if n >= 4 * SAMPLE {
        let mut sample: Vec<u32> = (0..SAMPLE).map(|i| values[i * n / SAMPLE].to_bits()).collect();
        let low = *sample.select_nth_unstable(SAMPLE / 2 - MARGIN).1;
        let high = *sample.select_nth_unstable(SAMPLE / 2 + MARGIN).1;
        let below = simd(
            #[inline(always)]
            || values.iter().map(|v| u32::from(v.to_bits() < low)).sum::<u32>() as usize,
        );
        let mut between = Vec::with_capacity(n / 4);
        for chunk in values.chunks(CHUNK) {
            let (mut near, mut count) = ([0; CHUNK], 0);
            for v in chunk {
                // Whichever way it goes, without a branch: it is chance.
                near[count] = v.to_bits();
                count += usize::from((low..=high).contains(&v.to_bits()));
            }
            between.extend_from_slice(&near[..count]);
        }
        if (below..below + between.len()).contains(&rank) {
            return f32::from_bits(*between.select_nth_unstable(rank - below).1);
        }
    }
    let mut all: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
    f32::from_bits(*all.select_nth_unstable(rank).1)
}

/// Some rows of [`Scratch`].
struct Band<'a> {
    responses: [&'a mut [Complex<f32>]; SCALES],
    amplitude: &'a mut [f32],
    aligned: &'a mut [f32],
    power: &'a mut [f32],
}

/// Of the responses of all scales: adds up magnitudes, tells the energy and the power of the finest.
#[inline(always)]
fn energies(
    responses: [&[Complex<f32>]; SCALES],
    amplitude: &mut [f32],
    aligned: &mut [f32],
    power: &mut [f32],
) {
    let n = power.len();
    let [a, b, c, d] = responses.map(|r| &r[..n]);
    let (amplitude, aligned) = (&mut amplitude[..n], &mut aligned[..n]);
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
        aligned[i] = sum;
        amplitude[i] += total;
        power[i] = all[0].norm_sqr();
    }
}

/// The filters, products of a radial and an angular part, in the order of the spectra.
struct Filters {
    width: usize,
    height: usize,
    /// For the columns up to half of the width, of which the others are mirror images.
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
        let mut radial = [(); SCALES].map(|()| vec![0.0; (w / 2 + 1) * h]);
        let mut spread = [(); ORIENTATIONS].map(|()| vec![0.0; w * h]);
        let octaves = Gaussians::new(LN_2, 2.0 * SIGMA_F.ln().powi(2));
        let turns_of = Gaussians::new(-FRAC_PI_4, 2.0 * THETA_SIGMA * THETA_SIGMA);
        // One quarter of the plane says all: the others are mirrored.
        let mirrored = |i: usize, n: usize| if i == 0 || 2 * i == n { i } else { n - i };
        for u in 0..=w / 2 {
            for v in 0..=h / 2 {
                let (fx, fy) = (across[u].abs(), down[v].abs());
                let squared = fx * fx + fy * fy;
                let bands = if u + v == 0 { [0.0; SCALES] } else { log_gabor(squared, &octaves) };
                let angles = angular(fx.atan2(fy), &turns_of);
                for v in [v, mirrored(v, h)] {
                    for (radial, band) in radial.iter_mut().zip(bands) {
                        radial[u * h + v] = band as f32;
                    }
                    for u in [u, mirrored(u, w)] {
                        let at = u * h + v;
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
                let half = u.min(w - u) * h + v;
                let all: f64 = radial.iter().map(|r| f64::from(r[half])).sum();
                let finest = f64::from(radial[0][half]);
                for (k, spread) in spread.iter().enumerate() {
                    let (here, there) = (f64::from(spread[at]), f64::from(spread[back]));
                    finest_power[k] += (finest * here).powi(2);
                    total_power[k] += (all * f64::midpoint(here, there)).powi(2);
                }
            }
        }
        Self { width: w, height: h, radial, spread, finest_power, total_power }
    }

    /// Radial and angular part of a filter at `u` waves across.
    fn column(&self, u: usize, scale: usize, orientation: usize) -> (&[f32], &[f32]) {
        let h = self.height;
        let mirrored = u.min(self.width - u);
        (&self.radial[scale][mirrored * h..][..h], &self.spread[orientation][u * h..][..h])
    }

    /// The energy that noise has, by the median power of the finest response.
    fn threshold(&self, orientation: usize, median: f32) -> f64 {
        // The median of the squared magnitude of Gaussian noise is ln 2 of its mean.
        let power = f64::from(median) / LN_2 / self.finest_power[orientation];
        let tau = (power * self.total_power[orientation]).sqrt();
        tau * ((PI / 2.0).sqrt() + K * (2.0 - PI / 2.0).sqrt()) / 1.7
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
mod tests;
