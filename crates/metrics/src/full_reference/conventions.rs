//! What published figures disagree about: gray conversion, values out of range, units.

use crate::MetricError;
use restora_image::{ColorSpace, Image, OpError, ParamInfo, Size, to_luma};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Which gray image a color pair is compared as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrayConversion {
    /// None: each channel on its own, then the mean over the channels.
    #[default]
    None,
    /// Pillow's `convert("L")`: 8-bit integers, `(19595 R + 38470 G + 7471 B + 32768) >> 16`.
    PillowL,
    /// BT.601 luma `0.299 R + 0.587 G + 0.114 B`, not rounded.
    Bt601,
}

/// What becomes of values outside `[0, range]` before they are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutOfRange {
    /// They count as they are.
    #[default]
    Keep,
    /// They are clipped to the range, as a file of integers would.
    Clip,
}

/// Unit of mean squared and mean absolute errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Nominal range: white is 1.
    #[default]
    #[serde(rename = "nominal")]
    Nominal,
    /// 8-bit levels: white is 255, so a squared error is 65025 times the nominal one.
    #[serde(rename = "8-bit")]
    EightBit,
}

impl Unit {
    /// White in this unit.
    pub(super) fn white(self) -> f64 {
        match self {
            Self::Nominal => 1.0,
            Self::EightBit => 255.0,
        }
    }
}

/// What every measure of this room takes, for help texts.
pub(super) const GRAY: ParamInfo = ParamInfo {
    name: "gray",
    symbol: "",
    unit: "",
    range: "none | pillow-l | bt601",
    default: "\"none\"",
    doc: "gray conversion of color pairs",
};
/// See [`GRAY`].
pub(super) const OUT_OF_RANGE: ParamInfo = ParamInfo {
    name: "out_of_range",
    range: "keep | clip",
    default: "\"keep\"",
    doc: "values outside [0, range]",
    ..GRAY
};
/// See [`GRAY`].
pub(super) const RANGE: ParamInfo = ParamInfo {
    name: "range",
    range: "> 0",
    default: "1.0",
    doc: "white, in nominal range",
    ..GRAY
};

/// The options of a measure: the three conventions that all share and its own, each with default,
/// the same as JSON, range and meaning, and `INFO` made of them.
macro_rules! measure_options {
    (
        $(#[$meta:meta])*
        $name:ident, $id:literal, $title:literal, $paper:literal;
        $($field:ident: $type:ty = $default:expr, $json:literal, $range:literal, $doc:literal;)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Compare as gray?
            pub gray: crate::full_reference::GrayConversion,
            /// Clip to `[0, range]` first?
            pub out_of_range: crate::full_reference::OutOfRange,
            /// White, in nominal range.
            pub range: f64,
            $(#[doc = $doc] pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    gray: crate::full_reference::GrayConversion::None,
                    out_of_range: crate::full_reference::OutOfRange::Keep,
                    range: 1.0,
                    $($field: $default,)*
                }
            }
        }

        impl $name {
            /// Names, ranges and defaults of these options, for help texts.
            pub const INFO: restora_image::OpInfo = restora_image::OpInfo {
                id: $id,
                title: $title,
                family: "full-reference",
                paper: $paper,
                params: &[
                    crate::full_reference::conventions::GRAY,
                    crate::full_reference::conventions::OUT_OF_RANGE,
                    crate::full_reference::conventions::RANGE,
                    $(restora_image::ParamInfo {
                        name: stringify!($field),
                        symbol: "",
                        unit: "",
                        range: $range,
                        default: $json,
                        doc: $doc,
                    },)*
                ],
            };

            /// The pair as asked for, at least `least` pixels wide and high.
            fn pair<'a>(
                &self,
                reference: &'a restora_image::Image,
                distorted: &'a restora_image::Image,
                least: u32,
            ) -> Result<crate::full_reference::conventions::Pair<'a>, crate::MetricError> {
                let pair = crate::full_reference::conventions::Pair::new(
                    reference, distorted, self.gray, self.out_of_range, self.range,
                )?;
                pair.require($title, least)?;
                Ok(pair)
            }
        }
    };
}
pub(super) use measure_options;

/// Checks a constant that must be above 0.
pub(super) fn require_positive(name: &'static str, value: f64) -> Result<(), MetricError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(OpError::param(name, "a finite number above 0", value).into())
}

/// Checks the peak value of the data.
pub(super) fn validate_range(range: f64) -> Result<(), MetricError> {
    require_positive("range", range)
}

/// A pair of one size and one color space, ready to be compared.
pub(super) struct Pair<'a> {
    pub reference: Cow<'a, Image>,
    pub distorted: Cow<'a, Image>,
}

impl<'a> Pair<'a> {
    /// Converts and clips as asked; borrows where there is nothing to do.
    pub(super) fn new(
        reference: &'a Image,
        distorted: &'a Image,
        gray: GrayConversion,
        out_of_range: OutOfRange,
        range: f64,
    ) -> Result<Self, MetricError> {
        validate_range(range)?;
        if reference.size() != distorted.size() {
            let (reference, distorted) = (reference.size(), distorted.size());
            return Err(MetricError::SizeMismatch { reference, distorted });
        }
        let prepared = |image: &'a Image| -> Result<Cow<'a, Image>, MetricError> {
            let mut image = as_gray(image, gray)?;
            if out_of_range == OutOfRange::Clip {
                let top = range as f32;
                for v in image.to_mut().data_mut() {
                    *v = v.clamp(0.0, top);
                }
            }
            Ok(image)
        };
        let (reference, distorted) = (prepared(reference)?, prepared(distorted)?);
        if reference.space() != distorted.space() {
            let (reference, distorted) = (reference.space(), distorted.space());
            return Err(MetricError::SpaceMismatch { reference, distorted });
        }
        Ok(Self { reference, distorted })
    }

    pub(super) fn size(&self) -> Size {
        self.reference.size()
    }

    pub(super) fn channels(&self) -> usize {
        self.reference.channels()
    }

    /// Is the image at least `wanted` pixels wide and high, and is there a channel at all?
    pub(super) fn require(&self, metric: &'static str, wanted: u32) -> Result<(), MetricError> {
        let got = self.size();
        if got.width < wanted || got.height < wanted || self.channels() == 0 {
            return Err(MetricError::TooSmall { metric, wanted, got });
        }
        Ok(())
    }
}

fn as_gray(image: &Image, gray: GrayConversion) -> Result<Cow<'_, Image>, MetricError> {
    if gray == GrayConversion::None || image.space() == ColorSpace::Gray {
        return Ok(Cow::Borrowed(image));
    }
    let mut luma = to_luma(image)?;
    if gray == GrayConversion::PillowL {
        let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u32;
        let (r, g, b) = (image.plane(0), image.plane(1), image.plane(2));
        for y in 0..luma.size.h() {
            let w = luma.size.w();
            let (r, g, b) = (r.row(y), g.row(y), b.row(y));
            for (x, out) in luma.data[y * w..][..w].iter_mut().enumerate() {
                let sum = 19595 * byte(r[x]) + 38470 * byte(g[x]) + 7471 * byte(b[x]);
                *out = ((sum + 32768) >> 16) as f32 / 255.0;
            }
        }
    }
    Ok(Cow::Owned(Image::from_plane(luma)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pillow_gray_is_the_integer_formula_and_leaves_gray_images_alone() {
        // Values of Pillow 13 for the pixels (255,0,0), (0,255,0), (0,0,255), (12,200,77), white.
        let pixels = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [12, 200, 77], [255, 255, 255]];
        let size = Size::new(5, 1);
        let data = (0..3).flat_map(|c| pixels.map(|p| p[c] as f32 / 255.0)).collect();
        let rgb = Image::from_vec(size, ColorSpace::Srgb, data).unwrap();
        let gray = as_gray(&rgb, GrayConversion::PillowL).unwrap().into_owned();
        let levels: Vec<f32> = gray.data().iter().map(|v| (v * 255.0).round()).collect();
        assert_eq!(levels, [76.0, 150.0, 29.0, 130.0, 255.0]);
        let again = as_gray(&gray, GrayConversion::PillowL).unwrap();
        assert!(matches!(again, Cow::Borrowed(_)));
    }

    #[test]
    fn a_gray_and_a_color_image_compare_only_as_gray() {
        let gray = Image::zeros(Size::new(2, 2), ColorSpace::Gray);
        let rgb = Image::zeros(Size::new(2, 2), ColorSpace::Srgb);
        let pair = |g| Pair::new(&gray, &rgb, g, OutOfRange::Keep, 1.0).map(|p| p.channels());
        assert!(matches!(pair(GrayConversion::None), Err(MetricError::SpaceMismatch { .. })));
        assert_eq!(pair(GrayConversion::Bt601), Ok(1));
    }
}
