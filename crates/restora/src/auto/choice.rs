//! Which denoiser for which noise: the one table to decide again when nets or methods change.

use crate::learned_denoiser::{Learned, LearnedNoise};
use crate::step::Step;
use restora_image::Sigma;
use restora_ops::denoise::{Bm3d, NoiseKind};

/// Noise, as far as the choice of a method goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseClass {
    /// White, one level for the whole picture.
    White,
    /// White, and growing with the signal.
    SignalDependent,
    /// What is left between the pixels that an impulse remover filled.
    UnderImpulses,
    /// Stronger at low frequencies: camera JPEG, scaled pictures.
    Correlated,
}

/// What removes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// BM3D at the level.
    Bm3d,
    /// The net, told the level.
    Told,
    /// The net, which judges for itself.
    Blind,
}

/// Noise that a method is best at: its class, channels, and levels of 255 up to `up_to`.
struct Row {
    noise: NoiseClass,
    channels: usize,
    up_to: f32,
    method: Method,
}

const fn row(noise: NoiseClass, channels: usize, up_to: f32, method: Method) -> Row {
    Row { noise, channels, up_to, method }
}

/// The strongest noise that the nets were trained on, of 255.
const TRAINED: f32 = 75.0;
/// The same as the level of correlated noise is told: white noise of the middle frequencies' level, with a
/// margin.
const TRAINED_CORRELATED: f32 = 135.0;

/// The first row that fits is taken, BM3D where none does. The nets' gains over it in dB on pictures of 8 bits, told /
/// not told, as `cargo run --release -p restora --example learned_sets` prints them (5 or 6 pictures a row):
///
/// | noise | BSD68 | CBSD68 |
/// |---|---|---|
/// | white 5 | -0.21 / -3.95 | -0.23 / -2.31 |
/// | white 10 | +0.03 / -1.44 | -0.04 / -0.41 |
/// | white 15 | +0.10 / -0.57 | +0.06 / -0.04 |
/// | white 25 | +0.12 / +0.01 | +0.16 / +0.16 |
/// | white 50 | -0.08 / +0.05 | +0.10 / +0.16 |
/// | white 75 | -0.39 / -0.16 | -0.16 / +0.11 |
/// | 0.0001 + 0.002 I | -0.14 / -1.51 | +0.53 / -0.05 |
/// | 0.0001 + 0.01 I | -0.39 / +0.29 | +1.56 / +2.58 |
/// | 0.0001 + 0.04 I | -0.83 / +0.14 | -0.25 / +1.24 |
/// | correlated 10, kernel 0.6 | -0.22 / +0.79 | -0.28 / +3.98 |
/// | correlated 10, kernel 1 | +0.32 / +0.59 | +0.24 / +1.85 |
/// | correlated 25, kernel 1 | +0.78 / +1.57 | +0.47 / +2.60 |
/// | white 25, JPEG 90 | +0.10 / +0.04 | -0.07 / +1.10 |
/// | JPEG 90 alone | +0.12 / -1.12 | +0.06 / -0.10 |
/// | cameras (`PolyU`) | | +0.19 / +0.01 |
const TABLE: [Row; 14] = [
    row(NoiseClass::White, 1, 12.0, Method::Bm3d),
    row(NoiseClass::White, 1, 30.0, Method::Told),
    row(NoiseClass::White, 1, 60.0, Method::Blind),
    row(NoiseClass::White, 3, 7.0, Method::Bm3d),
    row(NoiseClass::White, 3, 20.0, Method::Told),
    row(NoiseClass::White, 3, TRAINED, Method::Blind),
    row(NoiseClass::SignalDependent, 1, 12.0, Method::Bm3d),
    row(NoiseClass::SignalDependent, 1, TRAINED, Method::Blind),
    row(NoiseClass::SignalDependent, 3, 10.0, Method::Told),
    row(NoiseClass::SignalDependent, 3, TRAINED, Method::Blind),
    row(NoiseClass::Correlated, 1, 15.0, Method::Bm3d),
    row(NoiseClass::Correlated, 1, TRAINED_CORRELATED, Method::Blind),
    row(NoiseClass::Correlated, 3, 12.0, Method::Told),
    row(NoiseClass::Correlated, 3, TRAINED_CORRELATED, Method::Blind),
];

/// The method for noise of a class, in a picture of so many channels, at a level in nominal range.
pub fn method(noise: NoiseClass, channels: usize, sigma: f32) -> Method {
    TABLE
        .iter()
        .find(|r| r.noise == noise && r.channels == channels && 255.0 * sigma <= r.up_to)
        .map_or(Method::Bm3d, |r| r.method)
}

impl Method {
    /// The step, for noise of level `sigma` that is there with certainty `sure`: doubtful noise is
    /// removed in part.
    pub(super) fn step(self, noise: NoiseClass, sigma: f32, sure: f32) -> Step {
        let weaker = Sigma::Known(sure * sigma);
        match self {
            Self::Bm3d if noise == NoiseClass::SignalDependent => Step::Bm3d(Bm3d {
                sigma: Sigma::Auto,
                noise: NoiseKind::SignalDependent,
                ..Bm3d::default()
            }),
            Self::Bm3d => Step::Bm3d(Bm3d { sigma: weaker, ..Bm3d::default() }),
            Self::Told => Step::Learned(Learned { sigma: weaker, ..Learned::default() }),
            Self::Blind => Step::Learned(Learned {
                noise: LearnedNoise::Unknown,
                // The net judges for itself, so a third of the evidence is enough. On every third crop
                // of `PolyU` half-hearted mixing (`sure`) loses 0.15 dB against BM3D.
                strength: (3.0 * sure).min(1.0),
                ..Learned::default()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_beyond_what_the_nets_know_and_what_impulses_leave_is_bm3ds() {
        for channels in [1, 3] {
            assert_eq!(method(NoiseClass::White, channels, 90.0 / 255.0), Method::Bm3d);
            assert_eq!(method(NoiseClass::SignalDependent, channels, 90.0 / 255.0), Method::Bm3d);
            assert_eq!(method(NoiseClass::UnderImpulses, channels, 0.1), Method::Bm3d);
        }
        assert_eq!(method(NoiseClass::Correlated, 3, 0.02), Method::Told);
        assert_eq!(method(NoiseClass::Correlated, 1, 0.02), Method::Bm3d);
        assert_eq!(method(NoiseClass::Correlated, 3, 0.1), Method::Blind);
        assert_eq!(method(NoiseClass::Correlated, 3, 140.0 / 255.0), Method::Bm3d);
    }

    #[test]
    fn doubtful_noise_is_removed_in_part() {
        let option = |m: Method, key| m.step(NoiseClass::White, 0.2, 0.25).option(key).unwrap();
        assert_eq!(option(Method::Bm3d, "sigma"), option(Method::Told, "sigma"));
        assert!((option(Method::Told, "sigma").as_f64().unwrap() - 0.05).abs() < 1e-6);
        assert_eq!(option(Method::Blind, "strength"), 0.75);
        assert_eq!(option(Method::Blind, "noise"), "unknown");
        let certain = Method::Bm3d.step(NoiseClass::SignalDependent, 0.2, 1.0);
        assert_eq!(certain.option("noise").unwrap(), "signal-dependent");
    }
}
