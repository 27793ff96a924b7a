//! White balance: estimates the light of a scene, or is told it, and makes it neutral.
//!
//! ```text
//! v = linear(in)        out = encoded(M(e) v)
//! ```
//!
//! `M` is a model of chromatic adaptation ([`Adaptation`]) and `e` the light: told as `gains`, as `light`
//! (the color of something gray in the picture), as `temperature` and `tint`, or estimated by `method`
//! from an [`overview`]. An estimate is first weighed against what is known of photographs
//! (`cast_prior`): pictures are not gray on average, and one that shows a meadow is not to be made
//! purple. Where *no cast* is the more probable, nothing is done; linear raw data, in which no light is
//! neutral, is taken at its word. Where nothing tells the light (black, clipped or gray), nothing is
//! done.
//!
//! Cost: an estimate from at most 2^18 pixels, then two powers and nine multiplications per pixel. Gray
//! pictures stay as they are. Values are neither clipped nor rounded: what a gain makes brighter than
//! white is above 1. A channel that the file has clipped is only a lower bound; scaled like the others it
//! would tint burnt-out white, so it is raised to where gray would be ([`Highlights`]). Fully transparent
//! pixels do not tell the light.
//!
//! Reference: J. van de Weijer, T. Gevers, A. Gijsenij, "Edge-based color constancy", IEEE TIP 16(9),
//! 2007, doi:10.1109/TIP.2007.901808, and those of the methods beside this file.

mod mix;

use super::adaptation::{Adaptation, Matrix, black_body, matrix};
use super::cast_prior::{Belief, belief};
use super::convolutional::LightModel;
use super::illuminant::{Illuminant, Usable};
use super::light::{Encoding, overview, overview_factor, require_rgb};
use super::light_method::LightMethod;
use mix::mix;
use restora_image::{ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What becomes of channels that are clipped at white.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Highlights {
    /// They stand for at least what they hold: they are raised to the level of the other channels,
    /// so that burnt-out white stays white.
    #[default]
    Neutral,
    /// They are scaled like the others: for data that goes on beyond white.
    Scaled,
}

/// What the light of a picture is judged with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Session {
    /// That picture alone.
    #[default]
    Each,
    /// The pictures before and after it in the run, in order of capture time, or of names where one
    /// has no time ([`light_track`](super::light_track)). A picture without a run is a shoot of one.
    Track,
}

/// Options of [`white_balance`]. At most one of `gains`, `light` and `temperature` is given; with none of
/// them the light is estimated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhiteBalance {
    /// How the light is estimated. `None` is by consensus, and by bright-and-dark PCA for linear data,
    /// for which the consensus was not measured.
    pub method: Option<LightMethod>,
    /// For the learned method: a file in place of the model that is part of the library. It is read by
    /// who opens files, see [`WhiteBalance::settled`].
    pub model: Option<PathBuf>,
    /// Factors of linear red, green and blue, `0.01..=100`.
    pub gains: Option<[f32; 3]>,
    /// The color of the light, or of something gray, in linear RGB, above 0.
    pub light: Option<[f32; 3]>,
    /// Correlated color temperature of the light, in kelvin, `1000..=15000`.
    pub temperature: Option<f32>,
    /// How much greener than a black body the light is, in thousandths of CIE 1960 uv, `-50..=50`.
    pub tint: f32,
    /// Share of the correction, `0..=1`.
    pub strength: f32,
    /// Model of adaptation, unless there are gains.
    pub adaptation: Adaptation,
    /// What becomes of clipped channels.
    pub highlights: Highlights,
    /// Is each picture of a run judged for itself, or as one of a shoot?
    pub session: Session,
    /// How the values of the file stand for light.
    pub encoding: Encoding,
    /// Share of pictures without a cast, `0..=1`; 0 takes an estimate at its word. `None` is
    /// [`WhiteBalance::UNTOUCHED`], and 0 for linear data.
    pub untouched: Option<f32>,
}

impl Default for WhiteBalance {
    fn default() -> Self {
        Self {
            method: None,
            model: None,
            gains: None,
            light: None,
            temperature: None,
            tint: 0.0,
            strength: 1.0,
            adaptation: Adaptation::default(),
            highlights: Highlights::default(),
            session: Session::default(),
            encoding: Encoding::default(),
            untouched: None,
        }
    }
}

/// Name, paper and parameters of [`white_balance`].
pub const INFO: OpInfo = OpInfo {
    id: "white-balance",
    title: "White balance",
    family: "color",
    paper: "J. van de Weijer, T. Gevers, A. Gijsenij, Edge-based color constancy, IEEE TIP 16(9), 2007, \
            doi:10.1109/TIP.2007.901808",
    params: &[
        ParamInfo {
            name: "method",
            symbol: "",
            unit: "",
            range: "consensus, gray-world, white-patch, shades-of-gray, gray-edge, gray-edge-2, \
                    bright-dark-pca, learned",
            default: "null",
            doc: "How the light is estimated, if it is not told. Absent: consensus, and bright-dark-pca \
                  for linear data",
        },
        ParamInfo {
            name: "model",
            symbol: "",
            unit: "",
            range: "a file of `restora constancy train`",
            default: "null",
            doc: "For learned: in place of the model that is part of the program",
        },
        ParamInfo {
            name: "gains",
            symbol: "",
            unit: "",
            range: "r,g,b, each in 0.01..=100",
            default: "null",
            doc: "Factors of linear red, green and blue",
        },
        ParamInfo {
            name: "light",
            symbol: "e",
            unit: "linear light",
            range: "r,g,b, each above 0",
            default: "null",
            doc: "The color of the light, or of something gray in the picture",
        },
        ParamInfo {
            name: "temperature",
            symbol: "",
            unit: "K",
            range: "1000..=15000",
            default: "null",
            doc: "Color temperature of the light; 6504 changes nothing",
        },
        ParamInfo {
            name: "tint",
            symbol: "",
            unit: "1/1000 of CIE 1960 uv",
            range: "-50..=50",
            default: "0.0",
            doc: "How much greener than a black body the light is; goes with temperature",
        },
        ParamInfo {
            name: "strength",
            symbol: "",
            unit: "",
            range: "0..=1",
            default: "1.0",
            doc: "Share of the correction",
        },
        ParamInfo {
            name: "adaptation",
            symbol: "",
            unit: "",
            range: "von-kries, bradford",
            default: "\"von-kries\"",
            doc: "Model of chromatic adaptation, unless there are gains",
        },
        ParamInfo {
            name: "highlights",
            symbol: "",
            unit: "",
            range: "neutral, scaled",
            default: "\"neutral\"",
            doc: "Clipped channels: raised so that white stays white, or scaled like the others",
        },
        ParamInfo {
            name: "session",
            symbol: "",
            unit: "",
            range: "each, track",
            default: "\"each\"",
            doc: "Judge each picture for itself, or all of a run as one shoot under one light that \
                  drifts and changes",
        },
        ParamInfo {
            name: "encoding",
            symbol: "",
            unit: "",
            range: "srgb, linear",
            default: "\"srgb\"",
            doc: "How the values of the file stand for light; linear for raw data",
        },
        ParamInfo {
            name: "untouched",
            symbol: "u",
            unit: "",
            range: "0..=1",
            default: "null",
            doc: "Share of pictures that need nothing; 0 takes an estimate at its word. \
                  Absent: 0.75, and 0 for linear data",
        },
    ],
};

impl WhiteBalance {
    /// With three of four pictures in no need of it, the consensus changes training photographs without a cast
    /// by 0.9 degrees on average, and leaves 6.6 of those under casts: at 0.8 0.7 and 6.9, at 0.7 1.1 and 6.4.
    /// Wanted is below 1.0 without a cast, so more than this is not to be had from these six.
    pub const UNTOUCHED: f32 = 0.75;

    /// Is the light told?
    pub fn is_told(&self) -> bool {
        self.gains.is_some() || self.light.is_some() || self.temperature.is_some()
    }

    /// The estimator.
    pub fn estimator(&self) -> LightMethod {
        self.method.unwrap_or(match self.encoding {
            Encoding::Srgb => LightMethod::Consensus,
            Encoding::Linear => LightMethod::BrightDarkPca,
        })
    }

    /// Share of pictures without a cast.
    pub fn share_untouched(&self) -> f64 {
        let default = if self.encoding == Encoding::Linear { 0.0 } else { Self::UNTOUCHED };
        f64::from(self.untouched.unwrap_or(default))
    }

    /// The same step for a picture whose light is known; neutral if there is nothing to correct.
    #[must_use]
    pub fn under(&self, light: Option<Illuminant>) -> Self {
        let [r, g, b] = light.unwrap_or(Illuminant::NEUTRAL).rgb();
        // Relative to green, as gray cards are read.
        let light = [r / g, 1.0, b / g].map(|v| v as f32);
        Self { light: Some(light), session: Session::Each, ..self.clone() }
    }

    /// What the method makes of a picture in linear light; `None` if nothing in it tells. The learned method
    /// asks `model`, or the one that is part of the library.
    ///
    /// # Errors
    /// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
    pub fn judge(
        &self,
        linear: &Image,
        model: Option<&LightModel>,
        cx: &Context,
    ) -> Result<Option<Belief>, OpError> {
        let untouched = self.share_untouched();
        // At its word, the model of the library is backed by a statistic: see `LightMethod::Learned`.
        let weighed = model.is_some() || untouched > 0.0;
        if self.estimator() == LightMethod::Learned && weighed {
            let model = model.unwrap_or_else(|| LightModel::shipped());
            let odds = model.weigh(linear, Usable::default(), cx)?;
            return Ok(odds.map(|odds| odds.belief(untouched)));
        }
        if untouched == 0.0 {
            let sure = |cast| Belief { no_cast: 0.0, cast, doubt: [0.0; 3] };
            return Ok(self.estimator().estimate(linear, cx)?.map(sure));
        }
        let seen = self.estimator().evidence(linear, cx)?;
        Ok(seen.map(|seen| belief(&seen, untouched)))
    }

    /// The same step with the light of the picture filled in, from its overview: it then does the same to
    /// every part of it. Neutral light if there is nothing to correct.
    ///
    /// # Errors
    /// As [`WhiteBalance::judge`].
    pub fn settled(
        &self,
        overview: &Image,
        model: Option<&LightModel>,
        cx: &Context,
    ) -> Result<Self, OpError> {
        if self.is_told() {
            return Ok(self.clone());
        }
        if let (Some(file), None) = (&self.model, model) {
            return Err(OpError::param("model", "read before the picture", file.display()));
        }
        Ok(self.under(self.judge(overview, model, cx)?.and_then(|belief| belief.light())))
    }

    /// Does the step, once settled, leave every picture as it is?
    pub fn is_identity(&self) -> bool {
        let flat = |v: [f32; 3]| v[0] == v[1] && v[1] == v[2];
        self.strength == 0.0
            || self.gains.is_some_and(|g| g == [1.0; 3])
            || self.light.is_some_and(flat)
    }

    /// What is done to linear RGB; `None` is nothing.
    fn matrix(&self) -> Option<Matrix> {
        let share = f64::from(self.strength);
        if self.is_identity() {
            return None;
        }
        if let Some(gains) = self.gains {
            let [r, g, b] = gains.map(|g| f64::from(g).powf(share));
            return Some([[r, 0.0, 0.0], [0.0, g, 0.0], [0.0, 0.0, b]]);
        }
        let light = match (self.light, self.temperature) {
            (Some(light), _) => Illuminant::new(light.map(f64::from)),
            (None, Some(kelvin)) => black_body(f64::from(kelvin), f64::from(self.tint)),
            (None, None) => None,
        };
        let weakened = light.and_then(|l| Illuminant::new(l.rgb().map(|v| v.powf(share))))?;
        Some(matrix(weakened, self.adaptation))
    }
}

/// Balances a picture; gray ones come back as they are.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::WrongSpace`] for anything but gray, sRGB
/// and linear RGB; [`OpError::Cancelled`].
pub fn white_balance(
    image: &Image,
    options: &WhiteBalance,
    cx: &Context,
) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    if image.space() == ColorSpace::Gray {
        return Ok(image.clone());
    }
    require_rgb(image, "white balance")?;
    let encoding = options.encoding.of(image);
    let mut options = WhiteBalance { encoding, ..options.clone() };
    if !options.is_told() && options.strength > 0.0 {
        let small = overview(image, encoding, overview_factor(image.size()), cx)?;
        options = options.settled(&small, None, cx)?;
    }
    let mut out = image.clone();
    if let Some(matrix) = options.matrix() {
        let matrix = matrix.map(|row| row.map(|v| v as f32));
        mix(&mut out, matrix, &options, cx)?;
    }
    Ok(out)
}

impl Operation for WhiteBalance {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        let within = |name, value: f32, low: f32, high: f32, wanted| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(OpError::param(name, wanted, value))
        };
        for gain in self.gains.into_iter().flatten() {
            within("gains", gain, 0.01, 100.0, "three factors in [0.01, 100]")?;
        }
        for part in self.light.into_iter().flatten() {
            within("light", part, 1e-6, 1e6, "three values in [1e-6, 1e6]")?;
        }
        if let Some(kelvin) = self.temperature {
            within("temperature", kelvin, 1000.0, 15_000.0, "in [1000, 15000] kelvin")?;
        }
        within("tint", self.tint, -50.0, 50.0, "in [-50, 50] thousandths")?;
        within("strength", self.strength, 0.0, 1.0, "in [0, 1]")?;
        within("untouched", self.untouched.unwrap_or(0.0), 0.0, 1.0, "in [0, 1]")?;
        let told = [self.gains.is_some(), self.light.is_some(), self.temperature.is_some()];
        if told.into_iter().filter(|t| *t).count() > 1 {
            let wanted = "alone: only one of gains, light and temperature";
            let name = if self.gains.is_some() { "gains" } else { "light" };
            return Err(OpError::param(name, wanted, "more than one"));
        }
        if let (Some(file), true) = (&self.model, self.method != Some(LightMethod::Learned)) {
            return Err(OpError::param("model", "given with method learned", file.display()));
        }
        if self.session == Session::Track && self.method == Some(LightMethod::Learned) {
            return Err(OpError::param("session", "each, for the learned method", "track"));
        }
        if self.session == Session::Track && (self.is_told() || self.encoding == Encoding::Linear) {
            let wanted = "each, where the light is told and for linear data";
            return Err(OpError::param("session", wanted, "track"));
        }
        if self.tint != 0.0 && self.temperature.is_none() {
            return Err(OpError::param("tint", "given with a temperature", self.tint));
        }
        Ok(())
    }

    /// A told light is the same for every pixel; an estimate is of the whole picture.
    fn reach(&self) -> Option<u32> {
        self.is_told().then_some(0)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = white_balance(&sample.image, self, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
