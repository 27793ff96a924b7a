//! One track of the light over a shoot: each picture is judged with those before and after it.
//!
//! ```text
//! c_(t+1) = c_t + N(0, 0.02^2) with probability 0.95, else drawn anew: none with u, else N(0, T)
//! p(x_t | c_t)^(1/2) as in `cast_prior`
//! ```
//!
//! A hidden Markov chain over *no cast* and a grid of casts, smoothed forwards and backwards: exact for jumps
//! and for heavy tails, where a Kalman smoother is for neither. A picture whose estimates no light explains
//! weighs little, one that is sure weighs much. The exponent is there because the pictures of a shoot show
//! much the same things: two of one wall are not two witnesses. Its value, the drift and the jumps were
//! chosen on synthesized shoots of the training pictures of `consensus`, forty pictures each, under lights
//! that drift and change every 8 to 24 pictures: 1.1 degrees, each picture on its own 3.3, where every
//! picture is another scene and where runs of three show the same one.
//!
//! Cost: sums over 3721 casts for each picture.
//!
//! Reference: L. R. Rabiner, "A tutorial on hidden Markov models and selected applications in speech
//! recognition", Proceedings of the IEEE 77(2), 1989, doi:10.1109/5.18626.

use super::cast_prior::{Evidence, SIDE, SPACING, casts};
use super::illuminant::Illuminant;

/// Deviation of the drift from one picture to the next, in log-chromaticity.
const DRIFT: f64 = 0.02;
/// Probability that the light is another one in the next picture.
const JUMP: f64 = 0.05;
/// Exponent of the likelihoods of a shoot.
const WITNESS: f64 = 0.5;

/// Weights of *no cast* and of the casts of the grid.
#[derive(Clone)]
struct Weights {
    none: f64,
    casts: Vec<f64>,
}

impl Weights {
    fn times(mut self, other: &Self) -> Self {
        self.none *= other.none;
        self.casts.iter_mut().zip(&other.casts).for_each(|(a, b)| *a *= b);
        self
    }

    fn sum(&self) -> f64 {
        self.none + self.casts.iter().sum::<f64>()
    }

    /// Scaled to a largest weight of 1, so that no product of many vanishes.
    fn scaled(mut self) -> Self {
        let most = self.casts.iter().copied().fold(self.none, f64::max).max(1e-300);
        self.none /= most;
        self.casts.iter_mut().for_each(|v| *v /= most);
        self
    }

    /// The casts blurred by the drift.
    fn drifted(&self) -> Vec<f64> {
        const R: usize = 3;
        let taps: [f64; 2 * R + 1] = std::array::from_fn(|k| {
            let d = (k as f64 - R as f64) * SPACING / DRIFT;
            (-0.5 * d * d).exp()
        });
        let total: f64 = taps.iter().sum();
        let blur = |from: &[f64], stride: usize, line: usize| -> Vec<f64> {
            (0..SIDE * SIDE)
                .map(|i| {
                    let at = i / stride % SIDE;
                    let near = (0..taps.len()).filter(|k| (R..SIDE + R).contains(&(at + k)));
                    near.map(|k| taps[k] * from[i + k * line - R * line]).sum::<f64>() / total
                })
                .collect()
        };
        blur(&blur(&self.casts, 1, 1), SIDE, SIDE)
    }
}

/// The lights of the pictures of a shoot in order, from what each of them says (`None`: nothing), a share of
/// `untouched` of all shoots having no cast. `None` is no cast.
pub fn light_track(seen: &[Option<Evidence>], untouched: f64) -> Vec<Option<Illuminant>> {
    let grid = casts();
    let prior = Weights {
        none: untouched,
        casts: grid.iter().map(|(_, p)| (1.0 - untouched) * p).collect(),
    };
    let witness = if seen.len() > 1 { WITNESS } else { 1.0 };
    let likelihoods: Vec<Weights> = seen
        .iter()
        .map(|seen| Weights {
            none: 1.0,
            casts: grid
                .iter()
                .map(|(c, _)| seen.as_ref().map_or(1.0, |s| s.ratio(*c).powf(witness)))
                .collect(),
        })
        .collect();
    // Forwards: what the pictures up to t say of the light of t.
    let mut forwards: Vec<Weights> = Vec::with_capacity(seen.len());
    for likelihood in &likelihoods {
        let before = match forwards.last() {
            None => prior.clone(),
            Some(last) => {
                let jump = JUMP * last.sum();
                let drifted = last.drifted();
                let casts = drifted.iter().zip(&prior.casts);
                Weights {
                    none: (1.0 - JUMP) * last.none + jump * prior.none,
                    casts: casts.map(|(v, p)| (1.0 - JUMP) * v + jump * p).collect(),
                }
            }
        };
        forwards.push(before.times(likelihood).scaled());
    }
    // Backwards: what the pictures after t say of it.
    let mut after = Weights { none: 1.0, casts: vec![1.0; grid.len()] };
    let mut track = Vec::with_capacity(seen.len());
    for (forward, likelihood) in forwards.into_iter().zip(&likelihoods).rev() {
        let posterior = forward.times(&after);
        let with: f64 = posterior.casts.iter().sum();
        let light = (posterior.none < with).then(|| {
            let mean = |k: usize| {
                let pairs = posterior.casts.iter().zip(&grid);
                pairs.map(|(w, (c, _))| w * c[k]).sum::<f64>() / with
            };
            Illuminant::from_log_chroma([mean(0), mean(1)])
        });
        track.push(light.flatten());
        let next = after.times(likelihood);
        let anew = JUMP * next.clone().times(&prior).sum();
        let casts = next.drifted();
        after = Weights {
            none: (1.0 - JUMP) * next.none + anew,
            casts: casts.iter().map(|v| (1.0 - JUMP) * v + anew).collect(),
        }
        .scaled();
    }
    track.reverse();
    track
}

#[cfg(test)]
mod tests {
    use super::super::cast_prior::{Spread, belief};
    use super::*;
    use restora_image::Rng;

    const SPREAD: Spread = Spread { mean: [0.05, -0.07], scale: [0.0191, -0.0103, 0.0489] };

    fn says(r: f64, b: f64) -> Evidence {
        let light = Illuminant::from_log_chroma([r + 0.05, b - 0.07]).unwrap();
        SPREAD.evidence(light)
    }

    fn chroma(light: Option<Illuminant>) -> [f64; 2] {
        light.map_or([0.0; 2], Illuminant::log_chroma)
    }

    #[test]
    fn the_track_is_nearer_to_the_light_than_each_picture_and_follows_a_jump() {
        let mut rng = Rng::new(6, "shoot", 0);
        let (mut alone, mut together, mut count) = (0.0, 0.0, 0.0);
        for _ in 0..4 {
            let mut truth = [0.3, -0.5];
            let mut all = Vec::new();
            for t in 0..24 {
                if t == 13 {
                    truth = [0.0; 2];
                }
                if truth != [0.0; 2] {
                    truth = truth.map(|c| c + 0.01 * rng.normal());
                }
                // Now and then a picture of a red door.
                let off = if t % 7 == 3 { 0.8 } else { 0.0 };
                let (r, b) = (0.13 * rng.normal() + off, 0.2 * rng.normal());
                all.push((truth, Some(says(truth[0] + r, truth[1] + b))));
            }
            let seen: Vec<_> = all.iter().map(|(_, s)| *s).collect();
            let track = light_track(&seen, 0.8);
            for ((truth, seen), light) in all.iter().zip(track) {
                let gap = |c: [f64; 2]| (c[0] - truth[0]).hypot(c[1] - truth[1]);
                alone += gap(chroma(belief(&seen.unwrap(), 0.8).light()));
                together += gap(chroma(light));
                count += 1.0;
            }
        }
        assert!(
            together < 0.4 * alone && together / count < 0.1,
            "{} {}",
            alone / count,
            together / count
        );
    }

    #[test]
    fn a_shoot_of_one_is_that_picture_and_silent_pictures_take_the_light_of_the_others() {
        for (r, b) in [(0.0, 0.0), (0.4, -0.6), (0.1, -0.1)] {
            let seen = says(r, b);
            let alone = belief(&seen, 0.8).light();
            let track = light_track(&[Some(seen)], 0.8);
            let (a, t) = (chroma(alone), chroma(track[0]));
            assert!((a[0] - t[0]).abs() < 1e-9 && (a[1] - t[1]).abs() < 1e-9, "{a:?} {t:?}");
        }
        let strong = Some(says(0.5, -0.8));
        let track = light_track(&[strong, strong, None, strong], 0.8);
        let (first, silent) = (chroma(track[1]), chroma(track[2]));
        assert!((first[0] - silent[0]).abs() < 0.02 && silent[0] > 0.2, "{first:?} {silent:?}");
        assert_eq!(light_track(&[None, None], 0.8), [None, None]);
        assert_eq!(light_track(&[], 0.8), []);
    }

    #[test]
    fn smoothing_is_that_of_a_sum_over_all_paths() {
        // Three pictures; the posterior of the middle one by brute force over a few casts.
        let seen = [says(0.5, -0.8), says(0.2, -0.3), says(0.55, -0.85)].map(Some);
        let grid = casts();
        let prior = Weights { none: 0.8, casts: grid.iter().map(|(_, p)| 0.2 * p).collect() };
        let like: Vec<Weights> = seen
            .iter()
            .map(|s| Weights {
                none: 1.0,
                casts: grid.iter().map(|(c, _)| s.unwrap().ratio(*c).powf(0.5)).collect(),
            })
            .collect();
        // Messages into the middle from either side, by the definition of the transition.
        let first = prior.clone().times(&like[0]);
        let jump = JUMP * first.sum();
        let last = like[2].clone();
        let anew = JUMP * last.clone().times(&prior).sum();
        let drifted = (first.drifted(), last.drifted());
        let weight = |k: usize| {
            let forward = (1.0 - JUMP) * drifted.0[k] + jump * prior.casts[k];
            forward * like[1].casts[k] * ((1.0 - JUMP) * drifted.1[k] + anew)
        };
        let none = ((1.0 - JUMP) * first.none + jump * prior.none) * ((1.0 - JUMP) + anew);
        let with: f64 = (0..grid.len()).map(weight).sum();
        let mean = |c: usize| (0..grid.len()).map(|k| weight(k) * grid[k].0[c]).sum::<f64>() / with;
        let track = light_track(&seen, 0.8);
        assert!(none < with);
        let got = chroma(track[1]);
        assert!((got[0] - mean(0)).abs() < 1e-9 && (got[1] - mean(1)).abs() < 1e-9, "{got:?}");
    }
}
