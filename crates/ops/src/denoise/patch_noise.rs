//! Noise energy of patches: white, or growing with the signal. Shared by the denoisers that combine
//! patches linearly.
//!
//! ```text
//! d(patch) = sum over its pixels of (a + b * signal)
//! ```
//!
//! Color images are denoised in the orthonormal opponent space, whose planes have as variances the
//! squared weights of red, green and blue.

use restora_image::{
    ChannelNoise, ColorSpace, Image, NoiseModel, OpError, from_opponent, to_opponent,
};
use serde::{Deserialize, Serialize};

/// What a denoiser takes from a measured noise model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseKind {
    /// One standard deviation for all pixels.
    #[default]
    White,
    /// Variance `a + b * signal` per channel (Poisson and Gaussian noise).
    SignalDependent,
}

/// Noise of an image.
#[derive(Clone, Debug)]
pub(super) enum Noise {
    /// Variance of every value.
    White(f32),
    /// `a + b * signal`, one entry per channel of the original color space.
    Signal(Vec<ChannelNoise>),
}

/// Squares of the weights of the opponent transform: variances of its planes from those of RGB.
const OPPONENT_SQUARED: [[f32; 3]; 3] =
    [[1.0 / 3.0; 3], [0.5, 0.0, 0.5], [1.0 / 6.0, 2.0 / 3.0, 1.0 / 6.0]];

/// Smallest variance of a pixel where the model says less: a thousandth of an 8-bit step.
const LEAST_VARIANCE: f32 = 1.5e-11;

impl Noise {
    /// Checks a model against an image.
    pub fn of_model(model: &NoiseModel, image: &Image) -> Result<Self, OpError> {
        let wanted = "one entry of finite a, b of at least 0 per channel";
        let n = model.channels.len();
        if n != image.channels() {
            return Err(OpError::param("noise", wanted, format!("{n} entries")));
        }
        let fine = |v: f32| v.is_finite() && v >= 0.0;
        match model.channels.iter().find(|c| !fine(c.a) || !fine(c.b)) {
            Some(c) => Err(OpError::param("noise", wanted, format!("a = {}, b = {}", c.a, c.b))),
            None => Ok(Self::Signal(model.channels.clone())),
        }
    }

    /// True if there is none.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::White(variance) => *variance == 0.0,
            Self::Signal(channels) => channels.iter().all(|c| c.a == 0.0 && c.b == 0.0),
        }
    }

    /// Noise energies of all `patch` x `patch` patches, with the signal taken from `guide`.
    pub fn energies(&self, guide: &Image, patch: usize) -> Result<Energies, OpError> {
        let channels = match self {
            Self::White(variance) => {
                return Ok(Energies::Same(variance * (patch * patch) as f32));
            }
            Self::Signal(channels) => channels,
        };
        let variance = |plane: &[f32], c: &ChannelNoise| -> Vec<f32> {
            plane.iter().map(|v| (c.a + c.b * v.max(0.0)).max(LEAST_VARIANCE)).collect()
        };
        let n = guide.size().len();
        let planes: Vec<Vec<f32>> = if guide.space() == ColorSpace::Opponent {
            let rgb = from_opponent(guide, ColorSpace::Srgb)?;
            let v: Vec<_> =
                rgb.data().chunks(n.max(1)).zip(channels).map(|(p, c)| variance(p, c)).collect();
            OPPONENT_SQUARED
                .iter()
                .map(|m| (0..n).map(|i| m[0] * v[0][i] + m[1] * v[1][i] + m[2] * v[2][i]).collect())
                .collect()
        } else {
            guide.planes().zip(channels).map(|(p, c)| variance(&p.to_plane().data, c)).collect()
        };
        let boxed = |plane: Vec<f32>| box_sums(&plane, guide.size().w(), patch);
        Ok(Energies::Each(planes.into_iter().map(boxed).collect()))
    }
}

/// Noise energies of patches.
#[derive(Debug)]
pub(super) enum Energies {
    Same(f32),
    /// `[plane][upper left pixel]`
    Each(Vec<Vec<f32>>),
}

impl Energies {
    /// That of the patch of `plane` at pixel `at`.
    #[inline(always)]
    pub fn at(&self, plane: usize, at: usize) -> f32 {
        match self {
            Self::Same(energy) => *energy,
            Self::Each(planes) => planes[plane][at],
        }
    }
}

/// Sums over `patch` x `patch` windows, at their upper left pixels; 0 where they leave the image.
/// Added directly, not as differences of running sums: a window has the same sum in every tile.
fn box_sums(plane: &[f32], w: usize, patch: usize) -> Vec<f32> {
    let mut rows = vec![0.0; plane.len()];
    for (out, row) in rows.chunks_exact_mut(w.max(1)).zip(plane.chunks_exact(w.max(1))) {
        for (o, window) in out.iter_mut().zip(row.windows(patch)) {
            *o = window.iter().sum();
        }
    }
    let mut out = vec![0.0; plane.len()];
    let count = plane.len().saturating_sub((patch - 1) * w);
    for i in 0..patch {
        for (o, v) in out[..count].iter_mut().zip(&rows[i * w..]) {
            *o += v;
        }
    }
    out
}

/// Gray as it is, RGB in the opponent space.
pub(crate) fn decorrelated(image: &Image, op: &'static str) -> Result<Image, OpError> {
    match image.space() {
        ColorSpace::Gray => Ok(image.clone()),
        ColorSpace::Srgb | ColorSpace::LinearRgb => to_opponent(image),
        got => Err(OpError::WrongSpace { op, wanted: "gray or RGB", got }),
    }
}

/// Back from [`decorrelated`] to the space and alpha of `like`.
pub(crate) fn correlated(image: Image, like: &Image) -> Result<Image, OpError> {
    let mut out = match image.space() {
        ColorSpace::Opponent => from_opponent(&image, like.space())?,
        _ => image,
    };
    out.alpha.clone_from(&like.alpha);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;

    #[test]
    fn energies_are_sums_of_variances_over_the_patch() {
        let image = Image::gray_from_fn(Size::new(5, 4), |x, y| (x * 3 + y) as f32 / 20.0);
        let channel = ChannelNoise { a: 0.01, b: 0.1, sigma: 0.0 };
        let noise = Noise::Signal(vec![channel]);
        let energies = noise.energies(&image, 2).unwrap();
        for (x, y) in [(0, 0), (3, 2), (1, 1)] {
            let signal: f32 = [(0, 0), (1, 0), (0, 1), (1, 1)]
                .iter()
                .map(|(i, j)| image.plane(0).at(x + i, y + j))
                .sum();
            let got = energies.at(0, y * 5 + x);
            assert!((got - (0.04 + 0.1 * signal)).abs() < 1e-6);
        }
        assert_eq!(Noise::White(0.5).energies(&image, 3).unwrap().at(0, 0), 4.5);
    }

    #[test]
    fn opponent_planes_share_out_the_noise_of_rgb() {
        let mut image = Image::zeros(Size::new(4, 4), ColorSpace::Srgb);
        image.data_mut().fill(0.5);
        let channel = |a, b| ChannelNoise { a, b, sigma: 0.0 };
        let noise = Noise::Signal(vec![channel(0.1, 0.0), channel(0.0, 0.4), channel(0.3, 0.0)]);
        let energies = noise.energies(&to_opponent(&image).unwrap(), 1).unwrap();
        for (plane, want) in [(0, 0.2), (1, 0.2), (2, 0.2)] {
            assert!((energies.at(plane, 5) - want).abs() < 1e-6);
        }
    }

    #[test]
    fn a_model_that_does_not_fit_is_an_error() {
        let image = Image::zeros(Size::new(2, 2), ColorSpace::Srgb);
        assert!(Noise::of_model(&NoiseModel::white(0.1, 1), &image).is_err());
        assert!(Noise::of_model(&NoiseModel::white(f32::NAN, 3), &image).is_err());
        assert!(!Noise::of_model(&NoiseModel::white(0.1, 3), &image).unwrap().is_zero());
        assert!(Noise::of_model(&NoiseModel::white(0.0, 3), &image).unwrap().is_zero());
    }
}
