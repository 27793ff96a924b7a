//! The choice of an estimator of the light.
//!
//! Reference: none, the estimators beside this file have theirs.

use super::bright_dark_pca::bright_dark_pca;
use super::cast_prior::{Evidence, Spread};
use super::consensus::consensus;
use super::convolutional::LightModel;
use super::gray_edge::{EdgeOrder, GrayEdge, gray_edge};
use super::gray_world::gray_world;
use super::illuminant::{Illuminant, Usable};
use super::shades_of_gray::shades_of_gray;
use super::white_patch::white_patch;
use restora_image::{Context, Image, OpError};
use serde::{Deserialize, Serialize};

/// An estimator of the light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LightMethod {
    /// What all of the others say together.
    Consensus,
    /// The mean.
    GrayWorld,
    /// The maximum.
    WhitePatch,
    /// The Minkowski mean with exponent 6.
    ShadesOfGray,
    /// The Minkowski mean of gradients.
    GrayEdge,
    /// The Minkowski mean of second derivatives.
    #[serde(rename = "gray-edge-2")]
    GrayEdge2,
    /// The principal direction of bright and dark pixels.
    BrightDarkPca,
    /// Learned filters over the histogram of colors ([`LightModel`]); taken at its word, the light halfway between
    /// theirs and that of bright and dark pixels. On 1,204 open photographs under synthesized lights the filters
    /// alone are off by 10.24 / 5.88 degrees (mean, median), those pixels by 10.44 / 6.68, halfway by 10.04 / 5.56;
    /// weights of a quarter and three quarters give 10.03 / 5.73 and 10.19 / 5.89.
    Learned,
}

impl LightMethod {
    /// The light of a picture in linear RGB; `None` if nothing in it tells.
    ///
    /// # Errors
    /// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
    pub fn estimate(self, linear: &Image, cx: &Context) -> Result<Option<Illuminant>, OpError> {
        let usable = Usable::default();
        match self {
            Self::Consensus => {
                let seen = consensus(linear, cx)?;
                Ok(seen.and_then(|seen| Illuminant::from_log_chroma(seen.best())))
            }
            Self::GrayWorld => gray_world(linear, usable, cx),
            Self::WhitePatch => white_patch(linear, usable, cx),
            Self::ShadesOfGray => shades_of_gray(linear, 6.0, usable, cx),
            Self::GrayEdge => gray_edge(linear, &GrayEdge::default(), usable, cx),
            Self::GrayEdge2 => {
                let options = GrayEdge { order: EdgeOrder::Second, ..GrayEdge::default() };
                gray_edge(linear, &options, usable, cx)
            }
            Self::BrightDarkPca => bright_dark_pca(linear, 0.035, usable, cx),
            Self::Learned => {
                let odds = LightModel::shipped().weigh(linear, usable, cx)?;
                let learned = odds.map(|odds| odds.light().light);
                Ok(between(learned, Self::BrightDarkPca.estimate(linear, cx)?))
            }
        }
    }

    /// What a picture in linear RGB says of its cast; `None` if nothing, and for the learned method, which
    /// has odds of its own ([`LightModel::weigh`]).
    ///
    /// # Errors
    /// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
    pub fn evidence(self, linear: &Image, cx: &Context) -> Result<Option<Evidence>, OpError> {
        // Measured on the pictures of `consensus`.
        let (mean, scale) = match self {
            Self::Consensus => return consensus(linear, cx),
            // Its odds have no such form: `WhiteBalance::judge` asks them themselves.
            Self::Learned => return Ok(None),
            Self::GrayWorld => ([0.105, -0.310], [0.0731, -0.0086, 0.3044]),
            Self::WhitePatch => ([0.009, -0.045], [0.0087, -0.0038, 0.0240]),
            Self::ShadesOfGray => ([0.091, -0.082], [0.0291, -0.0173, 0.0922]),
            Self::GrayEdge => ([0.052, -0.066], [0.0191, -0.0103, 0.0489]),
            Self::GrayEdge2 => ([0.055, -0.090], [0.0141, -0.0075, 0.0440]),
            Self::BrightDarkPca => ([0.084, -0.188], [0.0344, -0.0274, 0.1554]),
        };
        let light = self.estimate(linear, cx)?;
        Ok(light.map(|light| Spread { mean, scale }.evidence(light)))
    }
}

/// The light halfway between two in log-chromaticity; one of them where there is no other.
fn between(a: Option<Illuminant>, b: Option<Illuminant>) -> Option<Illuminant> {
    let (Some(first), Some(second)) = (a, b) else { return a.or(b) };
    let (x, y) = (first.log_chroma(), second.log_chroma());
    Illuminant::from_log_chroma([0, 1].map(|i| 0.5 * (x[i] + y[i])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_lights_is_the_one_that_both_are_off_by_as_much() {
        let light = |x| Illuminant::from_log_chroma(x);
        let (a, b) = (light([0.4, -0.2]), light([0.0, 0.6]));
        let [r, b2] = between(a, b).unwrap().log_chroma();
        assert!((r - 0.2).abs() < 1e-9 && (b2 - 0.2).abs() < 1e-9, "{r} {b2}");
        assert_eq!((between(a, None), between(None, b), between(None, None)), (a, b, None));
    }
}
