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
//! white is above 1.
//!
//! Reference: J. van de Weijer, T. Gevers, A. Gijsenij, "Edge-based color constancy", IEEE TIP 16(9),
//! 2007, doi:10.1109/TIP.2007.901808, and those of the methods beside this file.

use super::adaptation::{Adaptation, Matrix, black_body, matrix};
use super::bright_dark_pca::bright_dark_pca;
use super::cast_prior::{Belief, Spread, belief};
use super::gray_edge::{EdgeOrder, GrayEdge, gray_edge};
use super::gray_world::gray_world;
use super::illuminant::{Illuminant, Usable};
use super::light::{Encoding, decoded, encoded, overview, overview_factor, require_rgb};
use super::shades_of_gray::shades_of_gray;
use super::white_patch::white_patch;
use restora_image::{
    ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample, for_each_band, simd,
};
use serde::{Deserialize, Serialize};

/// An estimator of the light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LightMethod {
    /// The mean.
    GrayWorld,
    /// The maximum.
    WhitePatch,
    /// The Minkowski mean with exponent 6.
    ShadesOfGray,
    /// The Minkowski mean of gradients.
    #[default]
    GrayEdge,
    /// The Minkowski mean of second derivatives.
    #[serde(rename = "gray-edge-2")]
    GrayEdge2,
    /// The principal direction of bright and dark pixels.
    BrightDarkPca,
}

impl LightMethod {
    /// The light of a picture in linear RGB; `None` if nothing in it tells.
    ///
    /// # Errors
    /// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
    pub fn estimate(self, linear: &Image, cx: &Context) -> Result<Option<Illuminant>, OpError> {
        let usable = Usable::default();
        match self {
            Self::GrayWorld => gray_world(linear, usable, cx),
            Self::WhitePatch => white_patch(linear, usable, cx),
            Self::ShadesOfGray => shades_of_gray(linear, 6.0, usable, cx),
            Self::GrayEdge => gray_edge(linear, &GrayEdge::default(), usable, cx),
            Self::GrayEdge2 => {
                let options = GrayEdge { order: EdgeOrder::Second, ..GrayEdge::default() };
                gray_edge(linear, &options, usable, cx)
            }
            Self::BrightDarkPca => bright_dark_pca(linear, 0.035, usable, cx),
        }
    }

    /// Measured on 296 crops of 320 x 320 of openly licensed photographs (not the test sets).
    fn spread(self) -> Spread {
        let (mean, scale) = match self {
            Self::GrayWorld => ([0.100, -0.266], [0.0563, -0.0159, 0.2017]),
            Self::WhitePatch => ([0.008, -0.017], [0.0013, -0.0008, 0.0060]),
            Self::ShadesOfGray => ([0.086, -0.063], [0.0223, -0.0159, 0.0605]),
            Self::GrayEdge => ([0.059, -0.047], [0.0126, -0.0091, 0.0324]),
            Self::GrayEdge2 => ([0.064, -0.071], [0.0095, -0.0069, 0.0296]),
            Self::BrightDarkPca => ([0.066, -0.140], [0.0236, -0.0237, 0.0882]),
        };
        Spread { mean, scale }
    }
}

/// Options of [`white_balance`]. At most one of `gains`, `light` and `temperature` is given; with none of
/// them the light is estimated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhiteBalance {
    /// How the light is estimated.
    pub method: LightMethod,
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
    /// How the values of the file stand for light.
    pub encoding: Encoding,
    /// Share of pictures without a cast, `0..=1`; 0 takes an estimate at its word. `None` is
    /// [`WhiteBalance::UNTOUCHED`], and 0 for linear data.
    pub untouched: Option<f32>,
}

impl Default for WhiteBalance {
    fn default() -> Self {
        Self {
            method: LightMethod::default(),
            gains: None,
            light: None,
            temperature: None,
            tint: 0.0,
            strength: 1.0,
            adaptation: Adaptation::default(),
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
            range: "gray-world, white-patch, shades-of-gray, gray-edge, gray-edge-2, bright-dark-pca",
            default: "\"gray-edge\"",
            doc: "How the light is estimated, if it is not told",
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
                  Absent: 0.8, and 0 for linear data",
        },
    ],
};

impl WhiteBalance {
    /// With four of five pictures in no need of it, gray edge changes training photographs without a
    /// cast by less than a degree on average.
    pub const UNTOUCHED: f32 = 0.8;

    /// Is the light told?
    pub fn is_told(&self) -> bool {
        self.gains.is_some() || self.light.is_some() || self.temperature.is_some()
    }

    /// What the method makes of a picture in linear light; `None` if nothing in it tells.
    ///
    /// # Errors
    /// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
    pub fn judge(&self, linear: &Image, cx: &Context) -> Result<Option<Belief>, OpError> {
        let default = if self.encoding == Encoding::Linear { 0.0 } else { Self::UNTOUCHED };
        let untouched = self.untouched.unwrap_or(default);
        let estimate = self.method.estimate(linear, cx)?;
        Ok(estimate.map(|light| {
            if untouched == 0.0 {
                return Belief { no_cast: 0.0, cast: light };
            }
            belief(light, &self.method.spread(), f64::from(untouched))
        }))
    }

    /// The same step with the light of the picture filled in, from its overview: it then does the same to
    /// every part of it. Neutral light if there is nothing to correct.
    ///
    /// # Errors
    /// As [`WhiteBalance::judge`].
    pub fn settled(&self, overview: &Image, cx: &Context) -> Result<Self, OpError> {
        if self.is_told() {
            return Ok(self.clone());
        }
        let light = self.judge(overview, cx)?.and_then(|belief| belief.light());
        let [r, g, b] = light.unwrap_or(Illuminant::NEUTRAL).rgb();
        // Relative to green, as gray cards are read.
        let light = [r / g, 1.0, b / g].map(|v| v as f32);
        Ok(Self { light: Some(light), ..self.clone() })
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
        options = options.settled(&small, cx)?;
    }
    let mut out = image.clone();
    if let Some(matrix) = options.matrix() {
        let matrix = matrix.map(|row| row.map(|v| v as f32));
        mix(&mut out, matrix, encoding, cx)?;
    }
    Ok(out)
}

/// Multiplies linear RGB by a matrix, in place.
fn mix(
    image: &mut Image,
    m: [[f32; 3]; 3],
    encoding: Encoding,
    cx: &Context,
) -> Result<(), OpError> {
    const ROWS: usize = 32;
    let (w, n) = (image.size().w(), image.size().len());
    let chunk = (w * ROWS).max(1);
    let (r, gb) = image.data_mut().split_at_mut(n);
    let (g, b) = gb.split_at_mut(n);
    let planes = r.chunks_mut(chunk).zip(g.chunks_mut(chunk)).zip(b.chunks_mut(chunk));
    let mut bands: Vec<_> = planes.collect();
    for_each_band(&mut bands, 1, 1, cx, |_, band| {
        for ((r, g), b) in band {
            simd(
                #[inline(always)]
                || mix_pixels(r, g, b, m, encoding == Encoding::Srgb),
            );
        }
        Ok(())
    })
}

#[inline(always)]
fn mix_pixels(r: &mut [f32], g: &mut [f32], b: &mut [f32], m: [[f32; 3]; 3], srgb: bool) {
    let row = |k: usize, x: f32, y: f32, z: f32| m[k][0] * x + m[k][1] * y + m[k][2] * z;
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        if srgb {
            let (x, y, z) = (decoded(*r), decoded(*g), decoded(*b));
            (*r, *g, *b) =
                (encoded(row(0, x, y, z)), encoded(row(1, x, y, z)), encoded(row(2, x, y, z)));
        } else {
            let (x, y, z) = (*r, *g, *b);
            (*r, *g, *b) = (row(0, x, y, z), row(1, x, y, z), row(2, x, y, z));
        }
    }
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
