//! Spectrum of the noise in luminance, from the flattest neighborhoods: how far neighbors are
//! correlated, how strong the noise is at low and at high frequencies, and whether what was measured
//! is noise at all.
//!
//! ```text
//! P(u, v) = mean of C_uv^2        over the flattest 5 % of 16x16 neighborhoods (four 8x8 DCTs each)
//! rho_x   = sum P(u, v) g_v / 7 over sum P(u, v) / 8,   g_v = sum over i of D_vi D_v(i+1)
//! evenness = sqrt(q(1 %) / q(10 %))     of the energies of all neighborhoods in a band
//! ```
//! Neighborhoods are compared within classes of equal intensity only, because noise depends on the
//! signal. Flatness is judged by other frequencies than those measured, so that choosing flat ones
//! does not choose quiet ones. Cost: at most 40,000 DCTs whatever the size.
//!
//! *Evenness* tells noise from texture: noise is everywhere, so the quietest neighborhoods are
//! nearly as loud as the next (a chi-square law with many degrees of freedom is narrow), while
//! texture has gaps. Over camera noise (`PolyU`) and white noise it lies at 0.75 to 0.92; over clean
//! photographs mostly at 0.3 to 0.7.
//!
//! The lag-one correlation is that of the pixels inside the blocks, D being the DCT's rows.
//!
//! Colom, Buades, Morel, "Nonparametric noise estimation method for raw images", JOSA A 31, 2014,
//! doi:10.1364/JOSAA.31.000863; after Ponomarenko et al. 2007, doi:10.1109/IGARSS.2007.4422833.

use super::block_dct::{N, NN, basis, dct};
use restora_image::{ColorSpace, Image, Plane, simd};
use serde::{Deserialize, Serialize};

/// Neighborhoods looked at.
const COUNT: usize = 10_000;
/// So many neighborhoods give full confidence.
const ENOUGH: usize = 600;
/// Side of a neighborhood: two blocks.
const SIDE: usize = 2 * N;
/// Classes of intensity.
const CLASSES: usize = 6;
/// Share of a class that is measured.
const SHARE: f64 = 0.05;

/// What [`noise_correlation`] found, for luminance (the plane itself for gray).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseCorrelation {
    /// Correlation between horizontal neighbors, 0 for white noise.
    pub horizontal: f32,
    /// Correlation between vertical neighbors.
    pub vertical: f32,
    /// Standard deviation over all frequencies, in the range of one channel.
    pub sigma: f32,
    /// Standard deviation of white noise as strong as what is found at `3 <= u + v <= 5`: what a
    /// denoiser of white noise should be told where high frequencies were lost.
    pub middle: f32,
    /// The same at `u + v >= 9`.
    pub high: f32,
    /// Evenness of the energies at `1 <= u + v <= 5`, median over classes, in `[0, 1]`.
    pub evenness_low: f32,
    /// A second, stricter evenness there: the lowest percent against the lowest third.
    pub evenness_wide: f32,
    /// Evenness of the energies at `u + v >= 9`.
    pub evenness_high: f32,
    /// As `high`, for the color difference `(R - B) / sqrt 2`, in which white noise keeps its level
    /// and texture nearly vanishes; 0 for gray.
    pub high_color: f32,
    /// As `evenness_high`, for that difference.
    pub evenness_color: f32,
    /// That correlation and levels are those of noise, in `[0, 1]`: 0 for the evenness of texture
    /// (0.6 and below), 1 for that of noise (0.8 and above), times `min(1, neighborhoods / 600)`.
    pub confidence: f32,
}

/// What is kept of a neighborhood.
struct Place {
    mean: f32,
    /// Mean square of each coefficient over the four blocks.
    power: [f32; NN],
    low: f32,
    middle: f32,
    wide: f32,
    high: f32,
}

/// Measures the noise spectrum of the luminance.
///
/// Works on any size; planes smaller than 16x16 give 0 with confidence 0.
pub fn noise_correlation(image: &Image) -> NoiseCorrelation {
    let Some((luminance, ends)) = luminance(image) else { return NoiseCorrelation::default() };
    let places = places(&luminance, &ends);
    if places.len() < CLASSES {
        return NoiseCorrelation::default();
    }
    let mut by_mean: Vec<&Place> = places.iter().collect();
    by_mean.sort_by(|a, b| a.mean.total_cmp(&b.mean));

    let mut power = [0.0f64; NN];
    let mut evenness: [Vec<f32>; 3] = Default::default();
    let (mut middles, mut highs) = (Vec::new(), Vec::new());
    for class in by_mean.chunks(by_mean.len().div_ceil(CLASSES)) {
        // By low frequencies for the others, by middle ones for the low.
        let by_low = flattest(class, |p| p.low);
        let by_middle = flattest(class, |p| p.middle);
        for i in 1..NN {
            let chosen = if i / N + i % N <= 2 { &by_middle } else { &by_low };
            let mean = chosen.iter().map(|p| f64::from(p.power[i])).sum::<f64>();
            power[i] += mean / chosen.len() as f64 / CLASSES as f64;
        }
        let level = |of: fn(&Place) -> f32| {
            (by_low.iter().map(|p| of(p)).sum::<f32>() / by_low.len() as f32).sqrt()
        };
        middles.push(level(|p| p.middle));
        highs.push(level(|p| p.high));
        evenness[0].push(even(class, |p| p.wide, 0.10));
        evenness[1].push(even(class, |p| p.wide, 0.30));
        evenness[2].push(even(class, |p| p.high, 0.10));
    }
    // Flat regions do not tell noise from a gradient at DC: it is taken like its neighbors.
    power[0] = 0.5 * (power[1] + power[N]);
    let total: f64 = power.iter().sum();
    let d = basis();
    let within = |v: usize| -> f64 {
        d[v].windows(2).map(|pair| f64::from(pair[0]) * f64::from(pair[1])).sum()
    };
    let lag = |frequency: fn(usize) -> usize| {
        let sum: f64 = (0..NN).map(|i| power[i] * within(frequency(i))).sum();
        if total > 0.0 { (sum / (N - 1) as f64 / (total / N as f64)) as f32 } else { 0.0 }
    };
    let [low, wide, high] = evenness.map(median);
    let (high_color, evenness_color) = color(image, &ends);
    let count = (places.len() as f32 / ENOUGH as f32).min(1.0);
    NoiseCorrelation {
        horizontal: lag(|i| i % N),
        vertical: lag(|i| i / N),
        sigma: (total / NN as f64).sqrt() as f32,
        middle: median(middles),
        high: median(highs),
        evenness_low: low,
        evenness_wide: wide,
        evenness_high: high,
        high_color,
        evenness_color,
        confidence: ((low.max(high) - 0.6) / 0.2).clamp(0.0, 1.0) * count,
    }
}

/// Level and evenness of the high frequencies of `(R - B) / sqrt 2`.
fn color(image: &Image, ends: &[bool]) -> (f32, f32) {
    if !matches!(image.space(), ColorSpace::Srgb | ColorSpace::LinearRgb) {
        return (0.0, 0.0);
    }
    let n = image.size().len();
    let (r, b) = (&image.data()[..n], &image.data()[2 * n..]);
    let scale = std::f32::consts::FRAC_1_SQRT_2;
    let data = r.iter().zip(b).map(|(r, b)| scale * (r - b)).collect();
    let places = places(&Plane { size: image.size(), data }, ends);
    let mut by_mean: Vec<&Place> = places.iter().collect();
    by_mean.sort_by(|a, b| a.mean.total_cmp(&b.mean));
    let (mut levels, mut evenness) = (Vec::new(), Vec::new());
    for class in by_mean.chunks(by_mean.len().div_ceil(CLASSES).max(1)) {
        let flat = flattest(class, |p| p.low);
        levels.push((flat.iter().map(|p| p.high).sum::<f32>() / flat.len() as f32).sqrt());
        evenness.push(even(class, |p| p.high, 0.10));
    }
    (median(levels), median(evenness))
}

/// The orthonormal luminance, in which white noise keeps its level, and which of its pixels are
/// clipped in some channel.
fn luminance(image: &Image) -> Option<(Plane, Vec<bool>)> {
    let n = image.size().len();
    let clipped = |v: f32| v <= 0.5 / 255.0 || v >= 254.5 / 255.0 || !v.is_finite();
    match image.space() {
        ColorSpace::Srgb | ColorSpace::LinearRgb => {
            let (r, gb) = image.data().split_at(n);
            let (g, b) = gb.split_at(n);
            let scale = 1.0 / 3.0f32.sqrt();
            let data = (0..n).map(|i| scale * (r[i] + g[i] + b[i])).collect();
            let ends = (0..n).map(|i| clipped(r[i]) || clipped(g[i]) || clipped(b[i])).collect();
            Some((Plane { size: image.size(), data }, ends))
        }
        space if space.channels() > 0 => {
            let data = image.data()[..n].to_vec();
            let ends = data.iter().map(|v| clipped(*v)).collect();
            Some((Plane { size: image.size(), data }, ends))
        }
        _ => None,
    }
}

/// The neighborhoods of a grid with few clipped pixels: at most 1 %, or more where that leaves too
/// few, because strong noise touches the ends of the range everywhere. Saturated ones are left out.
fn places(plane: &Plane, ends: &[bool]) -> Vec<Place> {
    let (width, height) = (plane.size.w(), plane.size.h());
    if width < SIDE || height < SIDE {
        return Vec::new();
    }
    let positions = ((width - SIDE + 1) * (height - SIDE + 1)) as f64;
    let step = ((positions / COUNT as f64).sqrt().ceil() as usize).max(4);
    let mut corners = Vec::new();
    for y in (0..=height - SIDE).step_by(step) {
        for x in (0..=width - SIDE).step_by(step) {
            let rows = (y..y + SIDE).map(|y| &ends[y * width + x..][..SIDE]);
            let clipped = rows.flatten().filter(|e| **e).count();
            corners.push((x, y, clipped));
        }
    }
    let area = SIDE * SIDE;
    let within = |limit: usize| corners.iter().filter(|c| c.2 <= limit).count();
    let limit = [area / 100, area / 20, area / 5]
        .into_iter()
        .find(|limit| within(*limit) >= ENOUGH.min(corners.len() / 4))
        .unwrap_or(area / 2);
    corners.retain(|c| c.2 <= limit);

    let d = basis();
    let transposed: [[f32; N]; N] = std::array::from_fn(|x| std::array::from_fn(|v| d[v][x]));
    let mut out = Vec::with_capacity(corners.len());
    for (x, y, _) in corners {
        let mut power = [0.0f32; NN];
        let mut mean = 0.0;
        simd(
            #[inline(always)]
            || {
                for (dy, dx) in [(0, 0), (0, N), (N, 0), (N, N)] {
                    let mut block = [0.0f32; NN];
                    for (k, line) in block.chunks_exact_mut(N).enumerate() {
                        let start = (y + dy + k) * width + x + dx;
                        line.copy_from_slice(&plane.data[start..start + N]);
                    }
                    let c = dct(&block, &d, &transposed);
                    mean += c[0] / (4 * N) as f32;
                    for (p, c) in power.iter_mut().zip(&c) {
                        *p += 0.25 * c * c;
                    }
                }
            },
        );
        if mean.is_finite() {
            out.push(Place::new(mean, power));
        }
    }
    out
}

impl Place {
    fn new(mean: f32, power: [f32; NN]) -> Self {
        let band = |wanted: std::ops::RangeInclusive<usize>| {
            let (mut sum, mut count) = (0.0, 0);
            for (i, p) in power.iter().enumerate() {
                if wanted.contains(&(i / N + i % N)) {
                    sum += p;
                    count += 1;
                }
            }
            sum / count as f32
        };
        let (low, middle, wide, high) = (band(1..=2), band(3..=5), band(1..=5), band(9..=14));
        Self { mean, power, low, middle, wide, high }
    }
}

/// The share of a class with the least energy.
fn flattest<'a>(class: &[&'a Place], energy: fn(&Place) -> f32) -> Vec<&'a Place> {
    let mut sorted = class.to_vec();
    sorted.sort_by(|a, b| energy(a).total_cmp(&energy(b)));
    sorted.truncate(((class.len() as f64 * SHARE) as usize).max(10));
    sorted
}

/// Root of the 1 % quantile over the `upper` quantile of the energies.
fn even(class: &[&Place], energy: fn(&Place) -> f32, upper: f64) -> f32 {
    let mut energies: Vec<f32> = class.iter().map(|p| energy(p)).collect();
    energies.sort_by(f32::total_cmp);
    let at = |q: f64| energies[((energies.len() - 1) as f64 * q) as usize];
    let (low, high) = (at(0.01), at(upper));
    // Without any energy there is nothing that could be even.
    if high > 1e-12 { (low / high).sqrt() } else { 0.0 }
}

fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    let n = values.len();
    match n {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        _ => 0.5 * (values[n / 2 - 1] + values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic, synthetic_rgb};

    /// Noise of one level filtered by (1, 2, 1) / sqrt 6 along rows: lag one is 4 / 6.
    fn correlated(size: Size, sigma: f32) -> Image {
        let white = noisy(&Image::zeros(size, ColorSpace::Gray), sigma, 4);
        let clean = synthetic(size);
        Image::gray_from_fn(size, |x, y| {
            let at = |x: usize| white.plane(0).at(x, y);
            let (left, right) = (at(x.saturating_sub(1)), at((x + 1).min(size.w() - 1)));
            clean.plane(0).at(x, y) + (left + 2.0 * at(x) + right) / 6.0f32.sqrt()
        })
    }

    #[test]
    fn white_noise_is_even_and_uncorrelated() {
        let found = noise_correlation(&noisy(&synthetic_rgb(Size::new(256, 200)), 0.06, 2));
        assert!(found.horizontal.abs() < 0.15 && found.vertical.abs() < 0.15, "{found:?}");
        assert!((found.high / 0.06 - 1.0).abs() < 0.1, "{found:?}");
        assert!(found.evenness_high > 0.8 && found.confidence > 0.9, "{found:?}");
        assert!((found.high_color / 0.06 - 1.0).abs() < 0.1, "{found:?}");
        assert!(found.evenness_color > 0.8, "{found:?}");
        let clean = noise_correlation(&synthetic_rgb(Size::new(256, 200)));
        assert!(clean.high_color < 0.003, "{clean:?}");
    }

    #[test]
    fn correlation_along_rows_is_found_along_rows() {
        let found = noise_correlation(&correlated(Size::new(300, 300), 0.05));
        assert!((found.horizontal - 0.667).abs() < 0.1, "{found:?}");
        assert!(found.vertical.abs() < 0.15, "{found:?}");
        assert!((found.sigma / 0.05 - 1.0).abs() < 0.15, "{found:?}");
    }

    #[test]
    fn a_clean_picture_is_not_mistaken_for_noise() {
        let found = noise_correlation(&synthetic(Size::new(256, 256)));
        assert!(found.evenness_wide < 0.5, "{found:?}");
        let flat = noise_correlation(&Image::gray_from_fn(Size::new(64, 64), |_, _| 0.5));
        assert!(flat.confidence == 0.0 && flat.sigma < 1e-6, "{flat:?}");
    }

    #[test]
    fn tiny_or_clipped_pictures_give_no_confidence() {
        for (w, h) in [(0, 0), (1, 1), (15, 400), (2, 3)] {
            let tiny = noise_correlation(&Image::zeros(Size::new(w, h), ColorSpace::Srgb));
            assert_eq!(tiny, NoiseCorrelation::default());
        }
        let white = Image::gray_from_fn(Size::new(64, 64), |_, _| 1.0);
        assert_eq!(noise_correlation(&white).confidence, 0.0);
    }
}
