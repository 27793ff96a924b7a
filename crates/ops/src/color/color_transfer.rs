//! Color transfer: gives a picture the colors of another one.
//!
//! ```text
//! out = v + strength D        D = regrain(t(u) - v)
//! ```
//!
//! `u` are the values `v` with the ties of 8 bits broken ([`palette`]), `t` a map that is chosen from what was
//! counted of both pictures:
//!
//! - `reinhard`: mean and deviation in a decorrelated space;
//! - `mkl`: mean and covariance, by the affine map of least change;
//! - `histogram`: the histograms of red, green and blue, each on its own;
//! - `mkl-histogram`: `mkl`, then the histograms, so that both covariance and histograms come out;
//! - `idt`: the whole distribution, by iterated matching along rotated axes, then the histograms.
//!
//! `regrain` above 0 keeps the gradients of the picture where the map stretched its grain. All work on encoded
//! values, as they are seen; gray pictures take mean and deviation, or the histogram, of the
//! brightness of the reference; a color picture takes the colors of a gray reference, which are gray.
//!
//! Cost: the picture is counted in strips in one pass, or two where histograms follow another map; then
//! every tile is mapped for itself. Fully transparent pixels do not count. Values are neither clipped
//! nor rounded.
//!
//! Reference: F. Pitié, A. C. Kokaram, R. Dahyot, "Automated colour grading using colour distribution
//! transfer", Computer Vision and Image Understanding 107, 2007, doi:10.1016/j.cviu.2006.11.011, and those
//! of the methods in the folder of this file.

mod curve;
mod idt;
mod mkl;
mod palette;
mod regrain;
mod reinhard;

pub use palette::Windows;

pub(super) use palette::Palette;

use curve::{Curve, Domain};
use idt::{Cube, idt};
use mkl::{Affine, mkl};
use palette::{color, histograms, settled_values};
use regrain::regrain;
use reinhard::{Statistics, reinhard};
use restora_image::{
    ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample, Size, for_each_band,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How colors are carried over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransferMethod {
    /// Mean and deviation in `l alpha beta`.
    Reinhard,
    /// Mean and covariance.
    Mkl,
    /// The histograms of the channels.
    Histogram,
    /// Mean and covariance, then the histograms.
    #[default]
    MklHistogram,
    /// The whole distribution.
    Idt,
}

impl TransferMethod {
    fn matches_histograms(self) -> bool {
        matches!(self, Self::Histogram | Self::MklHistogram | Self::Idt)
    }
}

/// What was counted of a reference, for color pictures and for gray ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    color: Palette,
    gray: Palette,
}

impl Reference {
    /// Counts a picture, gray or sRGB.
    ///
    /// # Errors
    /// [`OpError::WrongSpace`] for other spaces; [`OpError::Input`] if all of it is transparent;
    /// [`OpError::Cancelled`].
    pub fn of(image: &Image, cx: &Context) -> Result<Self, OpError> {
        require_encoded(image)?;
        let gray = Palette::of_luma(image, cx)?;
        let color = if image.space() == ColorSpace::Gray {
            let data = image.data().repeat(3);
            let mut three = Image::from_vec(image.size(), ColorSpace::Srgb, data)?;
            three.alpha.clone_from(&image.alpha);
            Palette::of_image(&three, cx)?
        } else {
            Palette::of_image(image, cx)?
        };
        if color.is_empty() {
            return Err(OpError::Input("the reference shows nothing: no pixel is opaque".into()));
        }
        Ok(Self { color, gray })
    }
}

/// The map of one picture, found by [`ColorTransfer::settled`].
#[derive(Clone, Debug, PartialEq)]
pub struct TransferMap {
    stepped: bool,
    first: First,
    curves: Vec<Curve>,
}

/// What comes before the curves.
#[derive(Clone, Debug, PartialEq)]
enum First {
    Nothing,
    Affine(Affine),
    Opponent(Statistics),
    Cube(Cube),
}

impl First {
    #[inline]
    fn at(&self, v: [f32; 3]) -> [f32; 3] {
        match self {
            Self::Nothing => v,
            Self::Affine(map) => map.at(v),
            Self::Opponent(map) => map.at(v),
            Self::Cube(map) => map.at(v),
        }
    }
}

/// Options of [`color_transfer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColorTransfer {
    /// The name of the reference: a file, for whoever reads it. Its colors come with
    /// [`ColorTransfer::with_reference`].
    pub reference: Option<String>,
    /// How colors are carried over.
    pub method: TransferMethod,
    /// Share of the change, `0..=1`.
    pub strength: f32,
    /// Smoothness of the change, `0..=10`; 0 leaves it as it is, 1 is the paper's.
    pub regrain: f32,
    /// What was counted of the reference.
    #[serde(skip)]
    pub counted: Option<Arc<Reference>>,
    /// The map for one picture.
    #[serde(skip)]
    pub map: Option<Arc<TransferMap>>,
}

impl Default for ColorTransfer {
    fn default() -> Self {
        Self {
            reference: None,
            method: TransferMethod::default(),
            strength: 1.0,
            regrain: 0.0,
            counted: None,
            map: None,
        }
    }
}

/// Name, paper and parameters of [`color_transfer`].
pub const INFO: OpInfo = OpInfo {
    id: "color-transfer",
    title: "Color transfer",
    family: "color",
    paper: "F. Pitie, A. C. Kokaram, R. Dahyot, Automated colour grading using colour distribution \
            transfer, Computer Vision and Image Understanding 107, 2007, doi:10.1016/j.cviu.2006.11.011",
    params: &[
        ParamInfo {
            name: "reference",
            symbol: "",
            unit: "path",
            range: "a picture",
            default: "null",
            doc: "The picture whose colors are taken; must be given",
        },
        ParamInfo {
            name: "method",
            symbol: "",
            unit: "",
            range: "reinhard, mkl, histogram, mkl-histogram, idt",
            default: "\"mkl-histogram\"",
            doc: "How colors are carried over",
        },
        ParamInfo {
            name: "strength",
            symbol: "",
            unit: "",
            range: "0..=1",
            default: "1.0",
            doc: "Share of the change",
        },
        ParamInfo {
            name: "regrain",
            symbol: "",
            unit: "",
            range: "0..=10",
            default: "0.0",
            doc: "Keeps the grain as it was where colors were stretched; 1 is the paper's smoothness",
        },
    ],
};

impl ColorTransfer {
    /// The same step with the colors of its reference.
    ///
    /// # Errors
    /// As [`Reference::of`].
    pub fn with_reference(&self, image: &Image, cx: &Context) -> Result<Self, OpError> {
        let counted = Some(Arc::new(Reference::of(image, cx)?));
        Ok(Self { counted, map: None, ..self.clone() })
    }

    /// The same step with the map for a picture of `size` with so many `channels`, of which `read` gives
    /// windows: it then does the same to every part of it.
    ///
    /// # Errors
    /// [`OpError::Param`] without the colors of the reference; the errors of `read`;
    /// [`OpError::Cancelled`].
    pub fn settled(
        &self,
        size: Size,
        channels: usize,
        read: &Windows<'_>,
        cx: &Context,
    ) -> Result<Self, OpError> {
        let counted = self.counted.as_ref();
        let counted = counted.ok_or_else(|| OpError::param("reference", "a picture", "none"))?;
        let source = Palette::of(size, channels, read, cx)?;
        let (reference, gray) =
            if channels == 1 { (&counted.gray, true) } else { (&counted.color, false) };
        if source.is_empty() {
            let map = TransferMap { stepped: false, first: First::Nothing, curves: Vec::new() };
            return Ok(Self { map: Some(Arc::new(map)), ..self.clone() });
        }
        let first = match self.method {
            TransferMethod::Reinhard | TransferMethod::Mkl if gray => {
                First::Affine(gray_map(&source, reference))
            }
            TransferMethod::Histogram => First::Nothing,
            // One axis knows no covariance and no rotation.
            _ if gray => First::Nothing,
            TransferMethod::Reinhard => {
                First::Opponent(reinhard(&source.opponent, &reference.opponent))
            }
            TransferMethod::Mkl | TransferMethod::MklHistogram => {
                First::Affine(mkl(&source.moments, &reference.moments))
            }
            TransferMethod::Idt => First::Cube(idt(&source.sample, &reference.sample, cx)?),
        };
        let stepped = source.stepped;
        let mut curves = Vec::new();
        if self.method.matches_histograms() {
            let (counts, domain) = match &first {
                First::Nothing => (source.histograms, Domain::NOMINAL),
                first => (histograms(size, read, stepped, |v| first.at(v), cx)?, Domain::WIDE),
            };
            let pairs = counts.iter().zip(&reference.histograms);
            curves = pairs.filter_map(|(from, to)| Curve::between(from, domain, to)).collect();
        }
        Ok(Self { map: Some(Arc::new(TransferMap { stepped, first, curves })), ..self.clone() })
    }

    /// The same step without what was counted and found: as it was asked for.
    #[must_use]
    pub fn as_asked(&self) -> Self {
        Self { counted: None, map: None, ..self.clone() }
    }
}

fn gray_map(source: &Palette, reference: &Palette) -> Affine {
    // The variance of rounding to 8 bits: a flat picture is not amplified.
    let least = 1.0 / (12.0 * 255.0 * 255.0);
    let deviation = |p: &Palette| p.moments.covariance()[0][0].max(least).sqrt();
    let gain = deviation(reference) / deviation(source);
    let offset = reference.moments.mean()[0] - gain * source.moments.mean()[0];
    let row = |k: usize| std::array::from_fn(|j| if j == k { gain as f32 } else { 0.0 });
    Affine { matrix: std::array::from_fn(row), offset: [offset as f32; 3] }
}

/// Gives `image` the colors of `reference`; both gray or sRGB.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::WrongSpace`]; [`OpError::Input`] if all of the
/// reference is transparent; [`OpError::Cancelled`].
pub fn color_transfer(
    image: &Image,
    reference: &Image,
    options: &ColorTransfer,
    cx: &Context,
) -> Result<Image, OpError> {
    transfer(image, &options.with_reference(reference, cx)?, cx)
}

/// The same with what `options` has counted and found before.
fn transfer(image: &Image, options: &ColorTransfer, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    require_encoded(image)?;
    if image.size().is_empty() || options.strength == 0.0 {
        return Ok(image.clone());
    }
    let map = if let Some(map) = &options.map {
        map.clone()
    } else {
        let read = |rect| Ok(image.crop(rect));
        let settled = options.settled(image.size(), image.channels(), &read, cx)?;
        settled.map.ok_or_else(|| OpError::Input("no map was found".into()))?
    };
    let mut change = changed(image, &map, cx)?;
    if options.regrain > 0.0 {
        change = regrain(image, change, options.regrain, cx)?;
    }
    let mut out = image.clone();
    for (plane, change) in out.planes_mut().zip(&change) {
        plane.iter_mut().zip(change).for_each(|(v, d)| *v += options.strength * d);
    }
    Ok(out)
}

/// `t(u) - v`, plane by plane.
fn changed(image: &Image, map: &TransferMap, cx: &Context) -> Result<Vec<Vec<f32>>, OpError> {
    const PIXELS: usize = 1 << 14;
    let values = settled_values(image, map.stepped);
    let mut mapped = vec![[0.0_f32; 3]; image.size().len()];
    for_each_band(&mut mapped, PIXELS, 1, cx, |at, out| {
        for (i, out) in out.iter_mut().enumerate() {
            *out = map.first.at(color(&values, at * PIXELS + i));
            for (v, curve) in out.iter_mut().zip(&map.curves) {
                *v = curve.at(*v);
            }
        }
        Ok(())
    })?;
    let plane =
        |c: usize| mapped.iter().zip(image.plane_data(c)).map(|(to, from)| to[c] - from).collect();
    Ok((0..image.channels()).map(plane).collect())
}

fn require_encoded(image: &Image) -> Result<(), OpError> {
    match image.space() {
        ColorSpace::Gray | ColorSpace::Srgb => Ok(()),
        got => Err(OpError::WrongSpace { op: "color transfer", wanted: "gray or sRGB", got }),
    }
}

impl Operation for ColorTransfer {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if !(0.0..=1.0).contains(&self.strength) {
            return Err(OpError::param("strength", "in [0, 1]", self.strength));
        }
        if !(0.0..=10.0).contains(&self.regrain) {
            return Err(OpError::param("regrain", "in [0, 10]", self.regrain));
        }
        Ok(())
    }

    /// The map is of the whole picture; once it is there, neighbors break ties and hold the grain.
    fn reach(&self) -> Option<u32> {
        let grain = if self.regrain > 0.0 { regrain::REACH } else { 0 };
        self.map.as_ref().map(|_| palette::RADIUS + grain)
    }

    fn alignment(&self) -> u32 {
        if self.regrain > 0.0 { regrain::ALIGNMENT } else { 1 }
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = transfer(&sample.image, self, cx)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
