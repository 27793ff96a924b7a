//! Is a picture cast at all? Weighs an estimate of the light against what is known of photographs.
//!
//! In log-chromaticities `x = (ln r/g, ln b/g)` a cast `c` shifts the estimate of every method by `c`, so
//! with the estimates `x` of pictures without a cast distributed as `p`,
//!
//! ```text
//! P(no cast | x) : P(c | x)  =  u p(x) : (1 - u) N(c; 0, T) p(x - c)
//! p(x) ~ (1 + (x - m)^T S^-1 (x - m) / 3)^-(5/2)                Student's t, 3 degrees of freedom
//! ```
//!
//! `u` is the share of pictures that need nothing. Where no cast is the more probable, that is the
//! answer; else it is the mean of the casts. The heavy tails of `p` make an estimate that no light
//! explains, such as that of a picture of one red door, speak for *no cast*.
//!
//! Cost: one sum over a grid of casts, whatever the size of the picture.
//!
//! Reference: D. H. Brainard, W. T. Freeman, "Bayesian color constancy", JOSA A 14(7), 1997,
//! doi:10.1364/JOSAA.14.001393 (the idea; the distributions here are measured).

use super::illuminant::Illuminant;

/// How the estimates of a method scatter over photographs without a cast: center and scale of a
/// Student's t of 3 degrees of freedom over `(ln r/g, ln b/g)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    /// Center.
    pub mean: [f64; 2],
    /// Scale: `ss`, `sb`, `bb`.
    pub scale: [f64; 3],
}

/// Standard deviations of casts in `ln r/g` and `ln b/g` and their correlation: tungsten light left
/// uncorrected is (0.33, -0.54) off, shade (-0.21, 0.15), tubes (-0.29, -0.36), and red and blue go
/// against each other along the locus of daylight.
const CASTS: (f64, f64, f64) = (0.25, 0.4, -0.5);
/// The grid of casts: half its side and number of steps.
const GRID: (f64, i32) = (1.2, 30);

/// What is known of the light after an estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Belief {
    /// Probability that the picture has no cast.
    pub no_cast: f64,
    /// The light, if it has one.
    pub cast: Illuminant,
}

impl Belief {
    /// The light to correct for: `None` if it is more likely that there is nothing to correct.
    pub fn light(&self) -> Option<Illuminant> {
        (self.no_cast < 0.5).then_some(self.cast)
    }
}

/// Weighs `estimate`, of a method with this spread, for pictures of which a share of `untouched` has no
/// cast.
pub(super) fn belief(estimate: Illuminant, spread: &Spread, untouched: f64) -> Belief {
    let x = estimate.log_chroma();
    let off = [x[0] - spread.mean[0], x[1] - spread.mean[1]];
    let (sr, sb, rho) = CASTS;
    let (half, steps) = GRID;
    let (mut total, mut evidence, mut mean) = (0.0, 0.0, [0.0; 2]);
    for i in -steps..=steps {
        for j in -steps..=steps {
            let c = [i, j].map(|k| half * f64::from(k) / f64::from(steps));
            let (a, b) = (c[0] / sr, c[1] / sb);
            let prior = (-0.5 * (a * a + b * b - 2.0 * rho * a * b) / (1.0 - rho * rho)).exp();
            let weight = prior * student(spread, [off[0] - c[0], off[1] - c[1]]);
            total += prior;
            evidence += weight;
            mean[0] += weight * c[0];
            mean[1] += weight * c[1];
        }
    }
    let without = untouched * student(spread, off);
    let with = (1.0 - untouched) * evidence / total;
    let cast = Illuminant::from_log_chroma(mean.map(|m| m / evidence));
    Belief { no_cast: without / (without + with), cast: cast.unwrap_or(Illuminant::NEUTRAL) }
}

/// The density at `d` from the center, up to a factor.
fn student(spread: &Spread, d: [f64; 2]) -> f64 {
    let [rr, rb, bb] = spread.scale;
    let distance =
        (bb * d[0] * d[0] - 2.0 * rb * d[0] * d[1] + rr * d[1] * d[1]) / (rr * bb - rb * rb);
    (1.0 + distance / 3.0).powf(-2.5)
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
            let belief = belief(at(r, b), &SPREAD, 0.8);
            assert!(belief.no_cast > 0.6 && belief.light().is_none(), "{r} {b} {belief:?}");
        }
    }

    #[test]
    fn a_cast_of_tungsten_is_seen_and_a_color_of_no_light_is_not() {
        let seen = belief(at(0.46, -0.68), &SPREAD, 0.8);
        let [r, b] = seen.light().expect("a cast").log_chroma();
        assert!((0.2..0.4).contains(&r) && (-0.64..-0.4).contains(&b), "{r} {b}");
        let door = belief(at(1.6, -0.2), &SPREAD, 0.8);
        assert_eq!(door.light(), None, "{door:?}");
    }

    #[test]
    fn the_share_of_pictures_without_a_cast_decides_in_the_limits() {
        assert_eq!(belief(at(0.38, -0.58), &SPREAD, 1.0).no_cast, 1.0);
        assert_eq!(belief(at(0.059, -0.047), &SPREAD, 0.0).no_cast, 0.0);
        // In the center of the scatter the mean of the casts is none by symmetry.
        let [r, b] = belief(at(0.059, -0.047), &SPREAD, 0.0).cast.log_chroma();
        assert!(r.abs() < 1e-9 && b.abs() < 1e-9);
    }
}
