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

/// The first row that fits is taken, BM3D where none does. The nets' gains over it in dB on pictures of one class, as
/// `cargo run --release -p restora --example learned_sets` prints them (4 to 15 pictures):
///
/// | class | noise | CBSD68 | BSD68 |
/// |---|---|---|---|
/// | white | white 5 / 15 / 50, told | -0.67 / -0.12 / -0.19 | -0.45 / -0.07 / -0.10 |
/// | white | white 5 / 15 / 50, blind | -3.62 / -0.49 / -0.09 | -3.80 / -0.49 / +0.04 |
/// | correlated | kernel 1 at 10, blind | +0.82 | |
/// | correlated | JPEG 50 alone, blind | +0.39 | |
/// | correlated | cameras (`PolyU`), blind: all, from 8, 12, 16 of 255 on | -0.03, -0.05, +0.04, 0.00 | |
///
/// Weak correlated noise stays with BM3D: it may be the traces of JPEG alone, where the net cost 0.5 dB (kodim09
/// at quality 90). Noise of kernel 0.6, or that went through JPEG, is diagnosed as white in most pictures;
/// there the blind net would gain 2 to 5 dB in color.
const TABLE: [Row; 2] = [
    row(NoiseClass::Correlated, 3, 12.0, Method::Bm3d),
    row(NoiseClass::Correlated, 3, TRAINED, Method::Blind),
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
        assert_eq!(method(NoiseClass::Correlated, 3, 0.02), Method::Bm3d);
        assert_eq!(method(NoiseClass::Correlated, 3, 0.1), Method::Blind);
        assert_eq!(method(NoiseClass::Correlated, 3, 80.0 / 255.0), Method::Bm3d);
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
