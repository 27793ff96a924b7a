//! Fits a [`LightModel`] to pictures whose light is known.
//!
//! ```text
//! min  mean over pictures of -ln p(true light | picture)
//!      + lambda/2 (|P|^2 + |E|^2)   + smooth/2 (|grad P|^2 + |grad E|^2)
//!      + prior_lambda/2 |prior|^2   + prior_smooth/2 |grad prior|^2
//! ```
//!
//! A convex problem: the same minimum from every start. It is solved by L-BFGS over variables in which the
//! penalty is `|z|^2 / 2` (divided by its square root in Fourier space, the preconditioning of the paper),
//! with steps halved until the objective falls enough.
//!
//! Cost: two transforms of 64 x 64 per picture and evaluation; 300 pictures take seconds. Pictures are
//! summed in fixed groups: the same bytes for any number of threads.
//!
//! References: those of the model; J. Nocedal, "Updating quasi-Newton matrices with limited storage", Math.
//! Comp. 35, 1980, doi:10.1090/S0025-5718-1980-0572855-7.

use super::histograms::around;
use super::torus::{BINS, SIDE, Spectrum};
use super::{ColorHistograms, LightCard, LightModel, probabilities};
use crate::color::Illuminant;
use restora_image::{Context, OpError, map_bands};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Options of [`fit`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightFit {
    /// Penalty of large filters, above 0.
    pub lambda: f64,
    /// Penalty of rough filters, at least 0.
    pub smooth: f64,
    /// Is a prior over lights learned? It makes a model one of the sensor that it was trained on.
    pub prior: bool,
    /// Penalty of a large prior, above 0.
    pub prior_lambda: f64,
    /// Penalty of a rough prior, at least 0.
    pub prior_smooth: f64,
    /// Most steps of L-BFGS, `1..=10000`.
    pub steps: u32,
}

impl Default for LightFit {
    /// The penalties have the least error in cross-validation on 284 raw thumbnails, and are flat there:
    /// a factor of ten in any of them changes the mean by less than 0.1 degrees.
    fn default() -> Self {
        Self {
            lambda: 1e-6,
            smooth: 1e-4,
            prior: true,
            prior_lambda: 1e-5,
            prior_smooth: 1e-3,
            steps: 60,
        }
    }
}

impl LightFit {
    fn validate(&self) -> Result<(), OpError> {
        let parts = [
            ("lambda", self.lambda, true),
            ("smooth", self.smooth, false),
            ("prior_lambda", self.prior_lambda, true),
            ("prior_smooth", self.prior_smooth, false),
        ];
        for (name, value, positive) in parts {
            if !(value.is_finite() && (value > 0.0 || (!positive && value == 0.0))) {
                let wanted = if positive { "above 0" } else { "at least 0" };
                return Err(OpError::param(name, wanted, value));
            }
        }
        if !(1..=10_000).contains(&self.steps) {
            return Err(OpError::param("steps", "in 1..=10000", self.steps));
        }
        Ok(())
    }
}

/// A picture as the fit sees it.
struct Known {
    pixels: Spectrum,
    edges: Spectrum,
    /// The bins around the true light.
    truth: [(usize, f64); 4],
}

/// Fits filters, and a prior if asked, to pictures and their lights.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range or there is no picture; [`OpError::Cancelled`].
pub fn fit(
    pictures: &[(ColorHistograms, Illuminant)],
    options: &LightFit,
    cx: &Context,
) -> Result<LightModel, OpError> {
    options.validate()?;
    if pictures.is_empty() {
        return Err(OpError::param("pictures", "at least one", 0));
    }
    let known: Vec<Known> = pictures
        .iter()
        .map(|(seen, light)| Known {
            pixels: Spectrum::of(&seen.pixels),
            edges: Spectrum::of(&seen.edges),
            truth: around(light.log_chroma()),
        })
        .collect();
    let problem = Problem {
        filters: penalty(options.lambda, options.smooth),
        prior: options.prior.then(|| penalty(options.prior_lambda, options.prior_smooth)),
        known,
    };
    let z = minimize(&problem, options.steps, cx)?;
    // Histograms sum to 1: a hundredth in a filter is at most a hundredth of log likelihood.
    let rounded = |map: Vec<f64>| -> Vec<f32> {
        map.into_iter().map(|v| ((v * 100.0).round() / 100.0) as f32).collect()
    };
    let mut maps = problem.spectra(&z).into_iter().map(|s| rounded(s.real()));
    let (pixels, edges) = (maps.next().unwrap_or_default(), maps.next().unwrap_or_default());
    let card = LightCard { samples: pictures.len(), fit: *options, ..LightCard::default() };
    LightModel::new(card, pixels, edges, maps.next())
}

/// The square root of the penalty of each frequency.
fn penalty(size: f64, rough: f64) -> Vec<f64> {
    let steep = |k: usize| 2.0 - 2.0 * (std::f64::consts::TAU * k as f64 / SIDE as f64).cos();
    (0..BINS).map(|k| (size + rough * (steep(k / SIDE) + steep(k % SIDE))).sqrt()).collect()
}

struct Problem {
    filters: Vec<f64>,
    prior: Option<Vec<f64>>,
    known: Vec<Known>,
}

/// Pictures whose gradients are summed together.
const GROUP: usize = 16;

impl Problem {
    fn roots(&self) -> impl Iterator<Item = &Vec<f64>> {
        [&self.filters, &self.filters].into_iter().chain(&self.prior)
    }

    fn variables(&self) -> usize {
        self.roots().count() * BINS
    }

    /// The transforms of pixels' filter, edges' filter and prior.
    fn spectra(&self, z: &[f64]) -> Vec<Spectrum> {
        let whitened = z.chunks_exact(BINS).zip(self.roots());
        whitened
            .map(|(z, root)| {
                let mut spectrum = Spectrum::of(z);
                spectrum.divide(root);
                spectrum
            })
            .collect()
    }

    /// The objective and its gradient.
    fn evaluate(&self, z: &[f64], cx: &Context) -> Result<(f64, Vec<f64>), OpError> {
        let maps = self.spectra(z);
        let count = self.known.len() as f64;
        let parts = map_bands(self.known.len(), GROUP, cx, |group| {
            let mut sums: Vec<Spectrum> = maps.iter().map(|_| Spectrum::zeros()).collect();
            let mut loss = 0.0;
            for known in &self.known[group] {
                let mut scores = maps.get(2).cloned().unwrap_or_else(Spectrum::zeros);
                scores.add_product(&maps[0], &known.pixels);
                scores.add_product(&maps[1], &known.edges);
                let mut slope = probabilities(&scores.real());
                for (bin, share) in known.truth {
                    // A share of 0 is no vote, whatever the probability.
                    if share > 0.0 {
                        loss -= share * slope[bin].max(f64::MIN_POSITIVE).ln();
                    }
                }
                for (bin, share) in known.truth {
                    slope[bin] -= share;
                }
                let slope = Spectrum::of(&slope);
                sums[0].add_correlation(&known.pixels, &slope);
                sums[1].add_correlation(&known.edges, &slope);
                if let Some(sum) = sums.get_mut(2) {
                    sum.add(&slope);
                }
            }
            Ok((loss, sums))
        })?;
        let mut loss = 0.0;
        let mut sums: Vec<Spectrum> = maps.iter().map(|_| Spectrum::zeros()).collect();
        for (part, parts) in &parts {
            loss += part;
            sums.iter_mut().zip(parts).for_each(|(sum, part)| sum.add(part));
        }
        let mut gradient = z.to_vec();
        for ((sum, root), out) in
            sums.into_iter().zip(self.roots()).zip(gradient.chunks_exact_mut(BINS))
        {
            let mut sum = sum;
            sum.divide(root);
            out.iter_mut().zip(sum.real()).for_each(|(g, v)| *g += v / count);
        }
        Ok((loss / count + 0.5 * dot(z, z), gradient))
    }
}

/// Pairs of steps and changes of gradient that are remembered.
const MEMORY: usize = 10;
/// A step that lessens the objective by less than this share of it is the last.
const ENOUGH: f64 = 1e-6;

/// L-BFGS from 0.
fn minimize(problem: &Problem, steps: u32, cx: &Context) -> Result<Vec<f64>, OpError> {
    let mut z = vec![0.0; problem.variables()];
    let (mut value, mut gradient) = problem.evaluate(&z, cx)?;
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    for step in 0..steps {
        cx.progress.step(step.into(), steps.into());
        let direction = direction(&gradient, &memory);
        let slope = dot(&direction, &gradient);
        // Without memory the direction has no scale yet: start with a step of length 1.
        let mut length =
            if memory.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt().max(1.0) } else { 1.0 };
        let found = loop {
            let next: Vec<f64> = z.iter().zip(&direction).map(|(z, d)| z + length * d).collect();
            let (reached, change) = problem.evaluate(&next, cx)?;
            if reached <= value + 1e-4 * length * slope {
                break Some((next, reached, change));
            }
            length *= 0.5;
            if length < 1e-10 {
                break None;
            }
        };
        let Some((next, reached, changed)) = found else { break };
        let s: Vec<f64> = next.iter().zip(&z).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = changed.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&s, &y);
        if curvature > 0.0 {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back((s, y, curvature));
        }
        let gain = value - reached;
        (z, value, gradient) = (next, reached, changed);
        if gain <= ENOUGH * value.abs() {
            break;
        }
    }
    Ok(z)
}

/// Nocedal's two loops: minus the inverse Hessian, as far as it is known, times the gradient.
fn direction(gradient: &[f64], memory: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut q = gradient.to_vec();
    let mut shares = Vec::with_capacity(memory.len());
    for (s, y, curvature) in memory.iter().rev() {
        let share = dot(s, &q) / curvature;
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= share * y);
        shares.push(share);
    }
    if let Some((_, y, curvature)) = memory.back() {
        let scale = curvature / dot(y, y);
        for q in &mut q {
            *q *= scale;
        }
    }
    for ((s, y, curvature), share) in memory.iter().zip(shares.into_iter().rev()) {
        let other = dot(y, &q) / curvature;
        q.iter_mut().zip(s).for_each(|(q, s)| *q += (share - other) * s);
    }
    for q in &mut q {
        *q = -*q;
    }
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use restora_image::Rng;

    /// Histograms of a few random colors under a light.
    pub fn pictures(count: usize) -> Vec<(ColorHistograms, Illuminant)> {
        (0..count)
            .map(|i| {
                let mut rng = Rng::new(7, "pictures", i as u64);
                let light = [0.4 * rng.normal(), 0.4 * rng.normal()];
                let mut seen = ColorHistograms {
                    pixels: vec![0.0; BINS],
                    edges: vec![0.0; BINS],
                    mean: light,
                };
                // Grays under the light, and colors that are off it, mostly to the red.
                for k in 0..12 {
                    let off =
                        if k < 4 { [0.0; 2] } else { [0.6 * rng.uniform(), 0.3 * rng.normal()] };
                    for (bin, share) in around([light[0] + off[0], light[1] + off[1]]) {
                        seen.pixels[bin] += share / 12.0;
                    }
                    let off = off.map(|v| 0.5 * v);
                    for (bin, share) in around([light[0] + off[0], light[1] + off[1]]) {
                        seen.edges[bin] += share / 12.0;
                    }
                }
                (seen, Illuminant::from_log_chroma(light).unwrap())
            })
            .collect()
    }

    fn problem(count: usize, options: &LightFit) -> Problem {
        Problem {
            filters: penalty(options.lambda, options.smooth),
            prior: options.prior.then(|| penalty(options.prior_lambda, options.prior_smooth)),
            known: pictures(count)
                .iter()
                .map(|(seen, light)| Known {
                    pixels: Spectrum::of(&seen.pixels),
                    edges: Spectrum::of(&seen.edges),
                    truth: around(light.log_chroma()),
                })
                .collect(),
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_objective() {
        let options =
            LightFit { lambda: 0.1, smooth: 0.2, prior_lambda: 0.3, ..LightFit::default() };
        let problem = problem(5, &options);
        let cx = Context::default();
        let mut rng = Rng::new(1, "z", 0);
        let z: Vec<f64> = (0..problem.variables()).map(|_| 0.05 * rng.normal()).collect();
        let d: Vec<f64> = (0..problem.variables()).map(|_| rng.normal()).collect();
        let (_, gradient) = problem.evaluate(&z, &cx).unwrap();
        let at = |t: f64| {
            let moved: Vec<f64> = z.iter().zip(&d).map(|(z, d)| z + t * d).collect();
            problem.evaluate(&moved, &cx).unwrap().0
        };
        let (numeric, exact) = ((at(1e-5) - at(-1e-5)) / 2e-5, dot(&gradient, &d));
        assert!((numeric - exact).abs() < 1e-6 * exact.abs().max(1.0), "{numeric} {exact}");
    }

    #[test]
    fn the_objective_of_no_filters_is_the_entropy_of_all_bins_and_falls_to_a_minimum() {
        let problem = problem(20, &LightFit { lambda: 1e-4, ..LightFit::default() });
        let cx = Context::default();
        let (start, _) = problem.evaluate(&vec![0.0; problem.variables()], &cx).unwrap();
        assert!((start - (BINS as f64).ln()).abs() < 1e-9, "{start}");
        let z = minimize(&problem, 200, &cx).unwrap();
        let (end, gradient) = problem.evaluate(&z, &cx).unwrap();
        // Convex with the penalty's curvature 1 at least: the minimum is within |gradient|^2 / 2.
        let left = 0.5 * dot(&gradient, &gradient);
        assert!(end < 0.7 * start && left < 0.01 * end, "{start} {end} {left}");
    }

    #[test]
    fn a_fit_is_the_same_for_any_number_of_threads_and_its_options_have_ranges() {
        let pictures = pictures(40);
        let options = LightFit { steps: 5, ..LightFit::default() };
        let one = fit(&pictures, &options, &Context::default()).unwrap();
        let four = fit(&pictures, &options, &Context::with_threads(4)).unwrap();
        assert_eq!(one, four);
        for bad in [
            LightFit { lambda: 0.0, ..options },
            LightFit { smooth: -1.0, ..options },
            LightFit { prior_lambda: f64::NAN, ..options },
            LightFit { steps: 0, ..options },
        ] {
            assert!(matches!(
                fit(&pictures, &bad, &Context::default()),
                Err(OpError::Param { .. })
            ));
        }
        assert!(fit(&[], &options, &Context::default()).is_err());
        let cancel = restora_image::Cancel::default();
        cancel.cancel();
        let cx = Context { cancel: Some(&cancel), ..Context::default() };
        assert!(matches!(fit(&pictures, &options, &cx), Err(OpError::Cancelled)));
    }
}
