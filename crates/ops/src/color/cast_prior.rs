//! Is a picture cast at all? Weighs what the estimators say against what is known of photographs.
//!
//! In log-chromaticities `x = (ln r/g, ln b/g)` a cast `c` shifts the estimate of every method by `c`, so
//! with the estimates `x` of pictures without a cast distributed as `p`,
//!
//! ```text
//! P(no cast | x) : P(c | x)  =  u p(x) : (1 - u) N(c; 0, T) p(x - c)
//! p(x) ~ (1 + q(x) / 5)^-((5 + k) / 2)        q(x) = (x - m)^T S^-1 (x - m)
//! ```
//!
//! Student's t of 5 degrees of freedom in `k` dimensions: 2 for one method, 12 for all six (`consensus`).
//! `u` is the share of pictures that need nothing. Where no cast is the more probable, that is the
//! answer; else it is the mean of the casts. The heavy tails of `p` make an estimate that no light
//! explains, such as that of a picture of one red door, speak for *no cast*.
//!
//! The degrees of freedom, `m` and `S` were measured on training pictures under synthesized casts (see
//! `consensus`); `T` is the covariance of those casts: black bodies of 3000 to 14,000 K, uniform in
//! reciprocal temperature, and off their locus by a tint of deviation 0.12 (of every ten, six) or 0.3 in
//! log-chromaticity.
//!
//! Cost: one sum over a grid of casts, whatever the size of the picture.
//!
//! Reference: D. H. Brainard, W. T. Freeman, "Bayesian color constancy", JOSA A 14(7), 1997,
//! doi:10.1364/JOSAA.14.001393 (the idea; the distributions here are measured).

use super::illuminant::Illuminant;

/// How the estimates of a method scatter over photographs without a cast: center and scale of a
/// Student's t over `(ln r/g, ln b/g)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    /// Center.
    pub mean: [f64; 2],
    /// Scale: `ss`, `sb`, `bb`.
    pub scale: [f64; 3],
}

impl Spread {
    /// What one estimate says.
    pub fn evidence(&self, estimate: Illuminant) -> Evidence {
        let x = estimate.log_chroma();
        let off = [x[0] - self.mean[0], x[1] - self.mean[1]];
        let [rr, rb, bb] = self.scale;
        let determinant = rr * bb - rb * rb;
        let stiffness = [bb, -rb, rr].map(|v| v / determinant);
        let pull = [
            stiffness[0] * off[0] + stiffness[1] * off[1],
            stiffness[1] * off[0] + stiffness[2] * off[1],
        ];
        let none = off[0] * pull[0] + off[1] * pull[1];
        Evidence { numbers: 2.0, none, pull, stiffness }
    }
}

/// `q(x - 1 c) = none - 2 pull . c + c^T stiffness c`: what is seen of a picture, as a function of its cast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Dimensions of `x`.
    pub(super) numbers: f64,
    /// `q` without a cast.
    pub(super) none: f64,
    /// Half its slope there, downwards.
    pub(super) pull: [f64; 2],
    /// Half its second derivatives: `rr`, `rb`, `bb`.
    pub(super) stiffness: [f64; 3],
}

impl Evidence {
    /// `q` for a cast.
    pub(super) fn distance(&self, c: [f64; 2]) -> f64 {
        let [rr, rb, bb] = self.stiffness;
        let square = rr * c[0] * c[0] + 2.0 * rb * c[0] * c[1] + bb * c[1] * c[1];
        self.none - 2.0 * (self.pull[0] * c[0] + self.pull[1] * c[1]) + square
    }

    /// The cast of least `q`.
    pub(super) fn best(&self) -> [f64; 2] {
        let [rr, rb, bb] = self.stiffness;
        let determinant = rr * bb - rb * rb;
        let [r, b] = self.pull;
        [(bb * r - rb * b) / determinant, (rr * b - rb * r) / determinant]
    }

    /// The likelihood of a cast over that of none.
    pub(super) fn ratio(&self, c: [f64; 2]) -> f64 {
        let log = |q: f64| (q / FREEDOM).ln_1p();
        (-0.5 * (FREEDOM + self.numbers) * (log(self.distance(c)) - log(self.none))).exp()
    }
}

/// Degrees of freedom.
const FREEDOM: f64 = 5.0;
/// Standard deviations of casts in `ln r/g` and `ln b/g` and their correlation.
const CASTS: (f64, f64, f64) = (0.335, 0.495, -0.703);
/// The grid of casts: half its side and number of steps.
const GRID: (f64, i32) = (1.2, 30);
/// Points along a side of the grid.
pub(super) const SIDE: usize = 2 * GRID.1 as usize + 1;
/// The distance between neighbors on the grid.
pub(super) const SPACING: f64 = GRID.0 / GRID.1 as f64;

/// The casts of the grid and their probabilities among pictures that have one, row by row.
pub(super) fn casts() -> Vec<([f64; 2], f64)> {
    let steps = GRID.1;
    let pairs = (-steps..=steps).flat_map(|i| (-steps..=steps).map(move |j| [i, j]));
    let mut all: Vec<_> = pairs
        .map(|k| {
            let c = k.map(|k| SPACING * f64::from(k));
            (c, density_of_casts(c))
        })
        .collect();
    let total: f64 = all.iter().map(|(_, p)| p).sum();
    for (_, p) in &mut all {
        *p /= total;
    }
    all
}

/// How often pictures that have a cast have this one, in log-chromaticities, up to a factor.
pub(super) fn density_of_casts(c: [f64; 2]) -> f64 {
    let (sr, sb, rho) = CASTS;
    let (a, b) = (c[0] / sr, c[1] / sb);
    (-0.5 * (a * a + b * b - 2.0 * rho * a * b) / (1.0 - rho * rho)).exp()
}

/// What is known of the light after an estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Belief {
    /// Probability that the picture has no cast.
    pub no_cast: f64,
    /// The light, if it has one.
    pub cast: Illuminant,
    /// Covariance of its log-chromaticities, if it has one: `rr`, `rb`, `bb`.
    pub doubt: [f64; 3],
}

impl Belief {
    /// The light to correct for: `None` if it is more likely that there is nothing to correct.
    pub fn light(&self) -> Option<Illuminant> {
        (self.no_cast < 0.5).then_some(self.cast)
    }
}

/// Weighs what is seen, for pictures of which a share of `untouched` has no cast.
pub(super) fn belief(seen: &Evidence, untouched: f64) -> Belief {
    let (mut evidence, mut mean, mut square) = (0.0, [0.0; 2], [0.0; 3]);
    for (c, prior) in casts() {
        let weight = prior * seen.ratio(c);
        evidence += weight;
        mean[0] += weight * c[0];
        mean[1] += weight * c[1];
        square[0] += weight * c[0] * c[0];
        square[1] += weight * c[0] * c[1];
        square[2] += weight * c[1] * c[1];
    }
    let with = (1.0 - untouched) * evidence;
    let mean = mean.map(|m| m / evidence);
    let doubt = [
        square[0] / evidence - mean[0] * mean[0],
        square[1] / evidence - mean[0] * mean[1],
        square[2] / evidence - mean[1] * mean[1],
    ];
    let cast = Illuminant::from_log_chroma(mean).unwrap_or(Illuminant::NEUTRAL);
    Belief { no_cast: untouched / (untouched + with), cast, doubt }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPREAD: Spread = Spread { mean: [0.059, -0.047], scale: [0.0126, -0.0095, 0.0325] };

    fn at(r: f64, b: f64) -> Illuminant {
        Illuminant::from_log_chroma([r, b]).unwrap()
    }

    #[test]
    fn an_estimate_within_the_scatter_of_photographs_is_no_cast() {
        for (r, b) in [(0.05, -0.04), (0.1, 0.0), (0.0, -0.15), (0.12, -0.2)] {
            let belief = belief(&SPREAD.evidence(at(r, b)), 0.8);
            assert!(belief.no_cast > 0.6 && belief.light().is_none(), "{r} {b} {belief:?}");
        }
    }

    #[test]
    fn a_cast_of_tungsten_is_seen_and_a_color_of_no_light_is_not() {
        let seen = belief(&SPREAD.evidence(at(0.46, -0.68)), 0.8);
        let [r, b] = seen.light().expect("a cast").log_chroma();
        assert!((0.2..0.4).contains(&r) && (-0.64..-0.4).contains(&b), "{r} {b}");
        let door = belief(&SPREAD.evidence(at(1.6, -0.2)), 0.8);
        assert_eq!(door.light(), None, "{door:?}");
    }

    #[test]
    fn the_share_of_pictures_without_a_cast_decides_in_the_limits() {
        assert_eq!(belief(&SPREAD.evidence(at(0.38, -0.58)), 1.0).no_cast, 1.0);
        assert_eq!(belief(&SPREAD.evidence(at(0.059, -0.047)), 0.0).no_cast, 0.0);
        // In the center of the scatter the mean of the casts is none by symmetry.
        let [r, b] = belief(&SPREAD.evidence(at(0.059, -0.047)), 0.0).cast.log_chroma();
        assert!(r.abs() < 1e-9 && b.abs() < 1e-9);
    }
}
