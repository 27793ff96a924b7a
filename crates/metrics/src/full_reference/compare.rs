//! All full-reference measures of a pair at once, under one set of conventions.
//!
//! Reference: none of its own; that of each measure is in its file.

use super::conventions::{GrayConversion, OutOfRange, Pair, Unit};
use super::{Mae, MsSsim, Mse, Pooling, Ssim, SsimBorder, Window};
use super::{mae, ms_ssim, mse, psnr, ssim};
use crate::MetricError;
use restora_image::{Context, Image, OpInfo, ParamInfo};
use serde::{Deserialize, Serialize};

/// The conventions of [`compare()`], each as in the measure it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompareOptions {
    /// Compare as gray?
    pub gray: GrayConversion,
    /// Clip to `[0, range]` first?
    pub out_of_range: OutOfRange,
    /// White, in nominal range: the peak of PSNR, the dynamic range of SSIM.
    pub range: f64,
    /// Unit of MSE (squared) and MAE.
    pub unit: Unit,
    /// The window of SSIM.
    pub window: Window,
    /// Which windows count in SSIM.
    pub border: SsimBorder,
    /// How MS-SSIM halves odd sizes.
    pub pooling: Pooling,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            gray: GrayConversion::None,
            out_of_range: OutOfRange::Keep,
            range: 1.0,
            unit: Unit::Nominal,
            window: Window::Gaussian,
            border: SsimBorder::Valid,
            pooling: Pooling::Replicate,
        }
    }
}

/// Names, ranges and defaults of [`CompareOptions`], for help texts.
pub const INFO: OpInfo = OpInfo {
    id: "compare",
    title: "MSE, MAE, PSNR, SSIM, MS-SSIM",
    family: "full-reference",
    paper: "Wang, Bovik, Sheikh, Simoncelli, Image quality assessment: from error visibility to \
            structural similarity, IEEE TIP 13(4), 2004, doi:10.1109/TIP.2003.819861",
    params: &[
        param("gray", "none | pillow-l | bt601", "\"none\"", "gray conversion of color pairs"),
        param("out_of_range", "keep | clip", "\"keep\"", "values outside [0, range]"),
        param("range", "> 0", "1.0", "white, in nominal range: peak of PSNR and range of SSIM"),
        param("unit", "nominal | 8-bit", "\"nominal\"", "unit of MSE (squared) and MAE"),
        param(
            "window",
            "gaussian | uniform",
            "\"gaussian\"",
            "SSIM window: 11 Gaussian taps (MATLAB) or 7 equal ones (scikit-image's default)",
        ),
        param(
            "border",
            "valid | reflect | reflect101 | replicate",
            "\"valid\"",
            "which SSIM windows count",
        ),
        param(
            "pooling",
            "replicate | zero | drop",
            "\"replicate\"",
            "MS-SSIM at odd sizes: as piq, pytorch-msssim or torchmetrics",
        ),
    ],
};

const fn param(
    name: &'static str,
    range: &'static str,
    default: &'static str,
    doc: &'static str,
) -> ParamInfo {
    ParamInfo { name, symbol: "", unit: "", range, default, doc }
}

/// The scores of a pair. In JSON a number that is not finite is the string `inf`, `-inf` or `nan`,
/// for JSON has no such numbers: `psnr` of identical images is `"inf"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Mean squared error.
    #[serde(with = "number")]
    pub mse: f64,
    /// Mean absolute error.
    #[serde(with = "number")]
    pub mae: f64,
    /// Peak signal-to-noise ratio in dB; infinite for identical images.
    #[serde(with = "number")]
    pub psnr: f64,
    /// Structural similarity; `None` (JSON `null`) where the image is smaller than the window.
    pub ssim: Option<f64>,
    /// Multi-scale structural similarity; `None` (JSON `null`) below 161 x 161 pixels.
    pub ms_ssim: Option<f64>,
}

/// All measures of a pair.
///
/// # Errors
/// If the images differ in size or color space, are empty, or cannot be converted as asked.
pub fn compare(
    reference: &Image,
    distorted: &Image,
    options: &CompareOptions,
    cx: &Context,
) -> Result<Comparison, MetricError> {
    let CompareOptions { gray, out_of_range, range, unit, window, border, pooling } = *options;
    let pair = Pair::new(reference, distorted, gray, out_of_range, range)?;
    // The pair is as asked now, so the measures themselves need not convert it again.
    let (x, y) = (pair.reference.as_ref(), pair.distorted.as_ref());
    let error = mse(x, y, &Mse { range, ..Mse::default() }, cx)?;
    let fits = |score: Result<f64, MetricError>| match score {
        Ok(score) => Ok(Some(score)),
        Err(MetricError::TooSmall { .. }) => Ok(None),
        Err(other) => Err(other),
    };
    Ok(Comparison {
        mse: error * unit.white().powi(2),
        mae: mae(x, y, &Mae { range, unit, ..Mae::default() }, cx)?,
        psnr: psnr::from_mse(error, range),
        ssim: fits(ssim(x, y, &Ssim { range, window, border, ..Ssim::default() }, cx))?,
        ms_ssim: fits(ms_ssim(x, y, &MsSsim { range, pooling, ..MsSsim::default() }, cx))?,
    })
}

/// Numbers that JSON does not have, as words.
mod number {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else {
            serializer.serialize_str(&value.to_string().to_lowercase())
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Word(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(value) => Ok(value),
            Form::Word(word) => word.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::full_reference::Psnr;
    use restora_image::Size;
    use restora_testkit::{assert_info_matches, noisy, synthetic_rgb};

    #[test]
    fn each_score_is_the_single_measure_under_the_same_conventions() {
        let x = synthetic_rgb(Size::new(170, 165));
        let y = noisy(&x, 0.2, 6);
        let cx = Context::default();
        let (gray, out_of_range, range) = (GrayConversion::PillowL, OutOfRange::Clip, 0.9);
        let (window, border) = (Window::Uniform, SsimBorder::Reflect);
        let (pooling, unit) = (Pooling::Zero, Unit::EightBit);
        let options = CompareOptions { gray, out_of_range, range, unit, window, border, pooling };
        let got = compare(&x, &y, &options, &cx).unwrap();
        let error = mse(&x, &y, &Mse { gray, out_of_range, range, unit }, &cx).unwrap();
        assert!((got.mse / error - 1.0).abs() < 1e-12);
        assert_eq!(Ok(got.mae), mae(&x, &y, &Mae { gray, out_of_range, range, unit }, &cx));
        assert_eq!(Ok(got.psnr), psnr(&x, &y, &Psnr { gray, out_of_range, range }, &cx));
        let options = Ssim { gray, out_of_range, range, window, border };
        assert_eq!(got.ssim, ssim(&x, &y, &options, &cx).ok());
        let options = MsSsim { gray, out_of_range, range, pooling, ..MsSsim::default() };
        assert_eq!(got.ms_ssim, ms_ssim(&x, &y, &options, &cx).ok());
    }

    #[test]
    fn json_writes_infinity_as_a_string_and_what_cannot_be_measured_as_null() {
        let x = synthetic_rgb(Size::new(5, 4));
        let cx = Context::default();
        let same = compare(&x, &x, &CompareOptions::default(), &cx).unwrap();
        assert_eq!(
            serde_json::to_string(&same).unwrap(),
            r#"{"mse":0.0,"mae":0.0,"psnr":"inf","ssim":null,"ms_ssim":null}"#
        );
    }

    #[test]
    fn a_pixel_that_is_not_a_number_makes_every_score_nan_not_a_good_one() {
        let x = synthetic_rgb(Size::new(170, 165));
        let mut y = x.clone();
        y.data_mut()[80 * 170 + 80] = f32::NAN;
        for out_of_range in [OutOfRange::Keep, OutOfRange::Clip] {
            let options = CompareOptions { out_of_range, ..CompareOptions::default() };
            let got = compare(&x, &y, &options, &Context::default()).unwrap();
            assert!(got.mse.is_nan() && got.mae.is_nan() && got.psnr.is_nan());
            assert!(got.ssim.unwrap().is_nan() && got.ms_ssim.unwrap().is_nan());
            assert!(serde_json::to_string(&got).unwrap().contains(r#""psnr":"nan""#));
        }
    }

    #[test]
    fn info_lists_every_convention_with_its_default() {
        assert_info_matches(&INFO, &CompareOptions::default());
    }
}
