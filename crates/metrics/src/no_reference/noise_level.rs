//! Blind level of white noise per channel, and how its variance grows with the signal.
//!
//! In a photograph some small blocks are flat, and what is left in their high frequencies is noise.
//! Blocks are chosen by their *low* frequencies and measured in their *high* ones: for white noise
//! the two are independent, so that choosing the flattest blocks does not choose the least noisy.
//!
//! ```text
//! E_low(B)  = sum of C_uv^2 over 0 < u + v < 7          choose the 2 % of blocks with the least
//! sigma^2   = mean of C_uv^2 over u + v >= 7            over the chosen blocks
//! variance  = a + b * mean(B)                           weighted fit over classes of intensity
//! ```
//! Cost: one 8x8 DCT for at most about 40,000 blocks per channel, independent of the image's size.
//!
//! Differs from the reference (which takes blocks by their medium frequencies and a median of local
//! estimates) in the selection rule, in the correction for clipped values, and in the fit over
//! intensity, which follows the idea of Foi et al. 2008 (doi:10.1109/TIP.2008.2001399). Noise whose
//! neighbors are correlated is not white: its high frequencies understate it, see
//! [`super::noise_correlation`].
//!
//! Ponomarenko, Lukin, Zriakhov, Kaarna, Astola, "An automatic approach to lossy compression of
//! AVIRIS images", IGARSS 2007, doi:10.1109/IGARSS.2007.4422833.

use super::block_dct::{Block, N, NN, blocks, grid_step};
use restora_image::{ChannelNoise, ColorSpace, Image, NoiseModel, Plane, PlaneRef};
use serde::{Deserialize, Serialize};

/// Blocks looked at per channel.
const BLOCKS: usize = 40_000;
/// First diagonal `u + v` that counts as high frequency: 36 of the 63 AC coefficients lie at or
/// above it.
const HIGH: usize = 7;
/// Number of coefficients at or above [`HIGH`].
const HIGH_COUNT: f32 = 36.0;
/// Share of the blocks that is measured. On photographs a smaller share costs more in scatter than
/// it saves in texture.
const SHARE: f64 = 0.02;
/// At least so many blocks are measured, where there are so many.
const LEAST: usize = 100;
/// Classes of intensity for the fit of `a + b * signal`.
const CLASSES: usize = 12;

/// A class of intensity tells about the noise if its chosen blocks have at most this much energy per
/// low coefficient against their high ones: the choice brings it to 0.4 for white noise (the lowest
/// 2 % of a chi-square law with 27 degrees of freedom), and texture lifts it (above 2 where it
/// doubles the variance, measured on CBSD68 at sigma 5/255).
const FLAT: f32 = 0.7;

/// What [`noise_level`] found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseLevel {
    /// `a`, `b` and `sigma` per channel, nominal range; `correlation` is left at 0.
    pub model: NoiseModel,
    /// How far to trust `sigma`, in `[0, 1]`: the agreement of two independent halves of the
    /// coefficients and of the flattest blocks with the next flattest, times
    /// `min(1, blocks / 100)`. 1 means that the flat parts agree to the last percent, 0.5 that
    /// texture changes the estimate by a half, 0 that there was nothing to measure.
    pub confidence: f32,
    /// How far to trust `b`, in `[0, 1]`: the share of the classes' variance that the line
    /// explains (R squared) where `b > 0`, what it leaves where `b == 0`, times the share of the
    /// intensity classes that have flat parts.
    pub slope_confidence: f32,
}

/// Estimates the level of white noise of each channel.
///
/// Works on any size; planes smaller than 8x8 give 0 with confidence 0.
pub fn noise_level(image: &Image) -> NoiseLevel {
    let mut found: Vec<_> = image.planes().map(channel).collect();
    if matches!(image.space(), ColorSpace::Srgb | ColorSpace::LinearRgb) {
        use_differences(image, &mut found);
    }
    let least = |value: fn(&Channel) -> f32| found.iter().map(value).fold(1.0, f32::min);
    let none = found.is_empty();
    NoiseLevel {
        confidence: if none { 0.0 } else { least(|c| c.confidence) },
        slope_confidence: if none { 0.0 } else { least(|c| c.slope_confidence) },
        model: NoiseModel { channels: found.iter().map(|c| c.noise).collect(), correlation: 0.0 },
    }
}

#[derive(Clone, Copy, Default)]
struct Channel {
    noise: ChannelNoise,
    confidence: f32,
    slope_confidence: f32,
    /// Low against high frequencies of the blocks measured, see [`FLAT`].
    texture: f32,
}

/// Where the flattest blocks of a channel are still textured, takes its level from the differences
/// of the channels, in which texture nearly vanishes: for noise that is independent between channels
/// `var((R - G) / sqrt 2) = (var R + var G) / 2`, three equations for three unknowns. Elsewhere the
/// channel's own level stands, so that noise common to the channels is not overlooked.
fn use_differences(image: &Image, found: &mut [Channel]) {
    let trust = |c: &Channel| ((c.texture / FLAT - 1.0) / 0.5).clamp(0.0, 1.0);
    if found.iter().all(|c| trust(c) == 0.0) {
        return;
    }
    let n = image.size().len();
    let pair = |i: usize, j: usize| {
        let (p, q) = (&image.data()[i * n..][..n], &image.data()[j * n..][..n]);
        // Shifted to the middle of the range and with clipped pixels sent to its end, where the
        // estimate leaves them out.
        let data = p.iter().zip(q).map(|(p, q)| {
            let inside = *p > 0.0 && *p < 1.0 && *q > 0.0 && *q < 1.0;
            if inside { 0.5 + 0.25 * (p - q) } else { 0.0 }
        });
        let plane = Plane { size: image.size(), data: data.collect() };
        channel(plane.as_ref())
    };
    let pairs = [pair(0, 1), pair(0, 2), pair(1, 2)];
    // 0.25 (P - Q) has 2 / 16 of the mean variance of P and Q.
    let [rg, rb, gb] = pairs.map(|c| 8.0 * c.noise.sigma.powi(2));
    let solved = [rg + rb - gb, rg + gb - rb, rb + gb - rg];
    let rivals = pairs.iter().map(|c| c.confidence).fold(1.0, f32::min);
    for (c, variance) in found.iter_mut().zip(solved) {
        let own = c.noise.sigma * c.noise.sigma;
        let share = trust(c) * f32::from(u8::from(rivals > 0.5));
        // A negative solution says that the noise of one channel drowns in that of the others.
        let variance = variance.max(0.0).min(own);
        if share > 0.0 && variance > 0.0 {
            c.noise = ChannelNoise::additive((own + share * (variance - own)).sqrt());
            c.confidence = c.confidence.min(1.0 - 0.5 * share);
        }
    }
}

/// What selection and measurement need of a block.
#[derive(Clone, Copy)]
struct Entry {
    mean: f32,
    low: f32,
    /// High-frequency energy of the coefficients with even and odd `u`.
    halves: [f32; 2],
    clipped: u8,
}

impl Entry {
    fn new(block: &Block) -> Self {
        let mut halves = [0.0; 2];
        for (i, c) in block.dct.iter().enumerate() {
            if i / N + i % N >= HIGH {
                halves[(i / N) % 2] += c * c;
            }
        }
        let low = block.energy(|s| s < HIGH);
        Self { mean: block.mean(), low, halves, clipped: block.clipped }
    }

    fn variance(&self) -> f32 {
        (self.halves[0] + self.halves[1]) / HIGH_COUNT
    }
}

fn channel(plane: PlaneRef<'_>) -> Channel {
    let step = grid_step(plane.width(), plane.height(), BLOCKS);
    let mut entries: Vec<Entry> = blocks(plane, step).iter().map(Entry::new).collect();
    entries.retain(|e| e.low.is_finite() && e.mean.is_finite());
    if entries.is_empty() {
        let noise = ChannelNoise::default();
        return Channel { noise, ..Channel::default() };
    }
    // Pixels at the ends of the range are clipped, unless the range does not end there.
    let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
    for y in 0..plane.height() {
        for v in plane.row(y) {
            min = min.min(*v);
            max = max.max(*v);
        }
    }
    let ends = Ends { low: min >= 0.0, high: max <= 1.0 };
    let average = entries.iter().map(|e| f64::from(e.mean)).sum::<f64>() / entries.len() as f64;
    let usable = usable(&entries, ends);
    let flat = flattest(&usable, SHARE);
    let sigma = unclipped(flat, ends);
    let count = (flat.len() as f32 / LEAST as f32).min(1.0);
    let agreement = agreement(&usable, flat, sigma, ends);

    let (line, slope_confidence) = fit(&usable, sigma, ends);
    let noise = match line {
        Some((a, b)) => {
            let sigma = (a + b * average as f32).max(0.0).sqrt();
            ChannelNoise { a, b, sigma }
        }
        None => ChannelNoise::additive(sigma),
    };
    Channel {
        noise,
        confidence: agreement * count,
        slope_confidence: slope_confidence * count,
        texture: texture(flat, sigma),
    }
}

/// Which ends of the nominal range may hold clipped values.
#[derive(Clone, Copy)]
struct Ends {
    low: bool,
    high: bool,
}

/// Blocks without clipped pixels and, if that leaves too few, all blocks, flattest first.
fn usable(entries: &[Entry], ends: Ends) -> Vec<Entry> {
    let all = |limit: u8| -> Vec<Entry> {
        entries.iter().filter(|e| e.clipped <= limit).copied().collect()
    };
    let mut chosen = if ends.low || ends.high { all(0) } else { all(NN as u8) };
    let enough = LEAST.max((SHARE * entries.len() as f64) as usize).min(entries.len());
    if chosen.len() < enough {
        // Strong clipped noise touches an end in nearly every block: keep those least touched.
        let mut counts: Vec<u8> = entries.iter().map(|e| e.clipped).collect();
        let (_, limit, _) = counts.select_nth_unstable(enough - 1);
        chosen = all(*limit);
    }
    // Choosing unclipped blocks near an end would choose blocks whose noise points inwards.
    if ends.low || ends.high {
        chosen.sort_by(|a, b| a.low.total_cmp(&b.low));
        let rough = variance(&chosen[..(chosen.len() / 20).max(1)]).sqrt();
        let inside: Vec<Entry> = chosen
            .iter()
            .filter(|e| {
                !(ends.low && e.mean < 3.0 * rough || ends.high && e.mean > 1.0 - 3.0 * rough)
            })
            .copied()
            .collect();
        if inside.len() >= enough {
            chosen = inside;
        }
    }
    chosen.sort_by(|a, b| a.low.total_cmp(&b.low));
    chosen
}

/// The flattest `share` of sorted blocks, but at least [`LEAST`].
fn flattest(sorted: &[Entry], share: f64) -> &[Entry] {
    let wanted = ((sorted.len() as f64 * share) as usize).max(LEAST).min(sorted.len());
    &sorted[..wanted]
}

fn variance(entries: &[Entry]) -> f32 {
    let sum: f64 = entries.iter().map(|e| f64::from(e.variance())).sum();
    (sum / entries.len().max(1) as f64) as f32
}

/// Energy per low coefficient over `sigma` squared.
fn texture(chosen: &[Entry], sigma: f32) -> f32 {
    let low = chosen.iter().map(|e| e.low).sum::<f32>() / chosen.len().max(1) as f32;
    low / (63.0 - HIGH_COUNT) / (sigma * sigma).max(1e-12)
}

/// Standard deviation before clipping: divides by what clipping leaves of the variance at the
/// blocks' means, by fixed-point iteration.
fn unclipped(entries: &[Entry], ends: Ends) -> f32 {
    let measured = variance(entries).sqrt();
    if !(ends.low || ends.high) || entries.iter().all(|e| e.clipped == 0) {
        return measured;
    }
    let sample: Vec<f32> =
        entries.iter().step_by(entries.len().div_ceil(64)).map(|e| e.mean).collect();
    let mut sigma = measured;
    for _ in 0..20 {
        let kept: f32 = sample.iter().map(|m| kept_variance(*m, sigma, ends)).sum::<f32>()
            / sample.len() as f32;
        sigma = 0.5 * (sigma + measured / kept.sqrt().max(0.3));
    }
    sigma
}

/// Variance of a clipped normal variable over that of the unclipped one, by the midpoint rule.
fn kept_variance(mean: f32, sigma: f32, ends: Ends) -> f32 {
    if sigma <= 0.0 {
        return 1.0;
    }
    let (mut weight, mut first, mut second) = (0.0f32, 0.0f32, 0.0f32);
    for i in -32..32 {
        let t = (i as f32 + 0.5) / 8.0;
        let w = (-0.5 * t * t).exp();
        let mut v = mean + sigma * t;
        if ends.low {
            v = v.max(0.0);
        }
        if ends.high {
            v = v.min(1.0);
        }
        let d = (v - mean) / sigma;
        weight += w;
        first += w * d;
        second += w * d * d;
    }
    (second / weight - (first / weight).powi(2)).max(1e-3)
}

/// `1 - ` the largest relative difference between the estimate and its independent rivals: two
/// halves of the coefficients, and the next flattest blocks.
fn agreement(sorted: &[Entry], flat: &[Entry], sigma: f32, ends: Ends) -> f32 {
    if sigma <= 0.0 {
        // A region without any variation: surely no noise there.
        return 1.0;
    }
    let half = |k: usize| {
        let sum: f64 = flat.iter().map(|e| f64::from(e.halves[k])).sum();
        (sum / flat.len() as f64 / f64::from(HIGH_COUNT / 2.0)).sqrt() as f32
    };
    let next = flattest(sorted, 3.0 * SHARE);
    let next = if next.len() > flat.len() { unclipped(&next[flat.len()..], ends) } else { sigma };
    let off = |s: f32| (s / sigma - 1.0).abs();
    let halves = (half(0) - half(1)).abs() / sigma;
    (1.0 - halves.max(off(next))).clamp(0.0, 1.0)
}

/// Weighted least squares of variance over intensity; `None` where a constant explains the classes
/// as well. The second value is the confidence in the answer.
fn fit(sorted: &[Entry], sigma: f32, ends: Ends) -> (Option<(f32, f32)>, f32) {
    let mut by_mean: Vec<Entry> = sorted.to_vec();
    by_mean.sort_by(|a, b| a.mean.total_cmp(&b.mean));
    let mut points: Vec<(f32, f32, f32)> = Vec::new();
    for class in by_mean.chunks(by_mean.len().div_ceil(CLASSES).max(1)) {
        let mut class = class.to_vec();
        class.sort_by(|a, b| a.low.total_cmp(&b.low));
        let flat = flattest(&class, SHARE);
        let s = unclipped(flat, ends);
        let mean = flat.iter().map(|e| e.mean).sum::<f32>() / flat.len() as f32;
        if texture(flat, s) > 1.2 * FLAT {
            continue;
        }
        let weight = 1.0 / (s * s).max(1e-10).powi(2);
        points.push((mean, s * s, weight));
    }
    let Some(mut line) = weighted_line(&points) else {
        // Nothing flat in most of the range: a constant is the simplest guess.
        return (None, 0.1 * points.len() as f32 / CLASSES as f32);
    };
    let seen = points.len() as f32 / CLASSES as f32;
    // Texture only adds: points above the line lose weight (bisquare on the positive side).
    for _ in 0..5 {
        let again: Vec<_> = points
            .iter()
            .map(|&(m, v, w)| {
                let off = (v - line.0 - line.1 * m) / (0.3 * (line.0 + line.1 * m).max(1e-10));
                let keep = if off <= 0.0 { 1.0 } else { (1.0 - off * off).max(0.0).powi(2) };
                (m, v, w * keep.max(1e-3))
            })
            .collect();
        let Some(next) = weighted_line(&again) else { break };
        line = next;
    }
    let (a, b) = line;
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let (at_first, at_last) = (a + b * first, a + b * last);
    // The line must say something: at least half as much variance again at the bright end.
    let telling = b > 0.0 && at_first >= 0.0 && at_last > 1.5 * at_first.max(1e-12);
    let residual = |f: &dyn Fn(f32) -> f32| {
        points.iter().map(|&(m, v, w)| w * (v - f(m)).powi(2)).sum::<f32>()
    };
    let total = residual(&|_| {
        let w: f32 = points.iter().map(|p| p.2).sum();
        points.iter().map(|p| p.1 * p.2).sum::<f32>() / w
    });
    let left = residual(&|m| a + b * m);
    let explained = if total > 0.0 { (1.0 - left / total).clamp(0.0, 1.0) } else { 0.0 };
    if telling && explained > 0.8 && sigma > 0.0 {
        // Variance at black may come out slightly below 0 by chance.
        (Some((a.max(0.0), b)), explained * seen)
    } else {
        (None, (1.0 - explained * f32::from(u8::from(b > 0.0))) * seen)
    }
}

/// Intercept and slope; `None` with fewer than four points or no spread in intensity.
fn weighted_line(points: &[(f32, f32, f32)]) -> Option<(f32, f32)> {
    if points.len() < 4 {
        return None;
    }
    let (mut sw, mut sx, mut sy) = (0.0f64, 0.0f64, 0.0f64);
    for &(x, y, w) in points {
        let w = f64::from(w);
        sw += w;
        sx += w * f64::from(x);
        sy += w * f64::from(y);
    }
    let (mx, my) = (sx / sw, sy / sw);
    let (mut sxx, mut sxy) = (0.0f64, 0.0f64);
    for &(x, y, w) in points {
        let (w, dx) = (f64::from(w), f64::from(x) - mx);
        sxx += w * dx * dx;
        sxy += w * dx * (f64::from(y) - my);
    }
    if sxx.is_nan() || sxx / sw < 1e-4 {
        return None;
    }
    let b = sxy / sxx;
    Some(((my - b * mx) as f32, b as f32))
}

#[cfg(test)]
mod tests;
