//! The list of full-reference measures: name, direction, score of identical images, and the scores
//! of a pair by any choice of them.
//!
//! Reference: none of its own; that of each measure is in its file.

use super::conventions::{GrayConversion, Pair};
use super::{
    ColorDifference, CompareOptions, Cosine, DeltaE, DeltaEFormula, Dss, Ergas, Euclidean, Fsim,
    Gmsd, HaarPsi, HistogramDistance, HistogramRule, Mae, Masking, Mdsi, MsGmsd, MsSsim, Mse, Nmi,
    Nrmse, Psnr, PsnrB, PsnrHvs, SpectralAngle, SrSim, Ssim, Ssimulacra2, Uqi, Vif, Vsi, cosine,
    delta_e, dss, ergas, euclidean, fsim, gmsd, haar_psi, histogram_distance, mae, mdsi, ms_gmsd,
    ms_ssim, mse, nmi, nrmse, psnr, psnr_b, psnr_hvs, spectral_angle, sr_sim, ssim, ssimulacra2,
    uqi, vif, vsi,
};
use crate::MetricError;
use restora_image::{Context, Image};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

/// Which scores are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// What is known of a measure without running it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeasureFacts {
    /// Name on the command line; with `_` for `-`, the key in JSON.
    pub name: &'static str,
    /// Name in print.
    pub title: &'static str,
    /// Which scores are better.
    pub direction: Direction,
    /// The score of identical images; `None` where it depends on them.
    pub identical: Option<f64>,
    /// Does exchanging the two images leave the score as it is?
    pub symmetric: bool,
    /// Are there scores for gray pairs too?
    pub gray: bool,
}

macro_rules! measures {
    ($($variant:ident, $name:literal, $title:literal, $direction:ident, $identical:expr,
       $symmetric:ident, $channels:ident;)*) => {
        /// A full-reference measure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Measure {
            $(#[doc = concat!("The measure `", $name, "`.")] #[serde(rename = $name)] $variant,)*
        }

        impl Measure {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// What is known of it without running it.
            pub const fn facts(self) -> MeasureFacts {
                match self {
                    $(Self::$variant => MeasureFacts {
                        name: $name,
                        title: $title,
                        direction: Direction::$direction,
                        identical: $identical,
                        symmetric: matches!(Exchange::$symmetric, Exchange::Symmetric),
                        gray: matches!(Channels::$channels, Channels::Any),
                    },)*
                }
            }
        }
    };
}

#[derive(Clone, Copy)]
enum Exchange {
    Symmetric,
    Ordered,
}

#[derive(Clone, Copy)]
enum Channels {
    Any,
    Color,
}

measures! {
    Mse, "mse", "MSE", Lower, Some(0.0), Symmetric, Any;
    Mae, "mae", "MAE", Lower, Some(0.0), Symmetric, Any;
    Psnr, "psnr", "PSNR dB", Higher, Some(f64::INFINITY), Symmetric, Any;
    Ssim, "ssim", "SSIM", Higher, Some(1.0), Symmetric, Any;
    MsSsim, "ms-ssim", "MS-SSIM", Higher, Some(1.0), Symmetric, Any;
    Euclidean, "euclidean", "Euclidean", Lower, Some(0.0), Symmetric, Any;
    Cosine, "cosine", "cosine", Higher, Some(1.0), Symmetric, Any;
    Nrmse, "nrmse", "NRMSE", Lower, Some(0.0), Ordered, Any;
    Nmi, "nmi", "NMI", Higher, Some(2.0), Symmetric, Any;
    Uqi, "uqi", "UQI", Higher, Some(1.0), Symmetric, Any;
    Ergas, "ergas", "ERGAS", Lower, Some(0.0), Ordered, Any;
    SpectralAngle, "spectral-angle", "SAM", Lower, Some(0.0), Symmetric, Color;
    Gmsd, "gmsd", "GMSD", Lower, Some(0.0), Symmetric, Any;
    MsGmsd, "ms-gmsd", "MS-GMSD", Lower, Some(0.0), Symmetric, Any;
    Vif, "vif", "VIF", Higher, Some(1.0), Ordered, Any;
    Fsim, "fsim", "FSIM", Higher, Some(1.0), Symmetric, Any;
    Fsimc, "fsimc", "FSIMc", Higher, Some(1.0), Symmetric, Color;
    Vsi, "vsi", "VSI", Higher, Some(1.0), Symmetric, Any;
    Mdsi, "mdsi", "MDSI", Lower, Some(0.0), Ordered, Any;
    SrSim, "sr-sim", "SR-SIM", Higher, Some(1.0), Symmetric, Any;
    Dss, "dss", "DSS", Higher, Some(1.0), Symmetric, Any;
    PsnrB, "psnr-b", "PSNR-B dB", Higher, None, Ordered, Any;
    PsnrHvs, "psnr-hvs", "PSNR-HVS dB", Higher, Some(f64::INFINITY), Symmetric, Any;
    PsnrHvsM, "psnr-hvs-m", "PSNR-HVS-M dB", Higher, Some(f64::INFINITY), Symmetric, Any;
    Ssimulacra2, "ssimulacra2", "SSIMULACRA 2", Higher, Some(100.0), Ordered, Any;
    HaarPsi, "haar-psi", "HaarPSI", Higher, Some(1.0), Symmetric, Any;
    DeltaE76, "delta-e-76", "delta E 76", Lower, Some(0.0), Symmetric, Any;
    DeltaE94, "delta-e-94", "delta E 94", Lower, Some(0.0), Ordered, Any;
    DeltaE2000, "delta-e-2000", "delta E 2000", Lower, Some(0.0), Symmetric, Any;
    DeltaE76Max, "delta-e-76-max", "largest delta E 76", Lower, Some(0.0), Symmetric, Any;
    DeltaE94Max, "delta-e-94-max", "largest delta E 94", Lower, Some(0.0), Ordered, Any;
    DeltaE2000Max, "delta-e-2000-max", "largest delta E 2000", Lower, Some(0.0), Symmetric, Any;
    HistogramCorrelation, "histogram-correlation", "histogram correlation",
        Higher, Some(1.0), Symmetric, Any;
    HistogramChiSquare, "histogram-chi-square", "histogram chi-square",
        Lower, Some(0.0), Ordered, Any;
    HistogramChiSquareAlt, "histogram-chi-square-alt", "histogram chi-square, symmetric",
        Lower, Some(0.0), Symmetric, Any;
    HistogramIntersection, "histogram-intersection", "histogram intersection",
        Higher, None, Symmetric, Any;
    HistogramBhattacharyya, "histogram-bhattacharyya", "histogram Bhattacharyya",
        Lower, Some(0.0), Symmetric, Any;
    HistogramKullbackLeibler, "histogram-kullback-leibler", "histogram Kullback-Leibler",
        Lower, Some(0.0), Ordered, Any;
    HistogramEarthMovers, "histogram-earth-movers", "histogram earth mover's",
        Lower, Some(0.0), Symmetric, Any;
}

impl Measure {
    /// The measures that are cheap and asked for most: those of [`compare()`](fn@super::compare).
    pub const QUICK: [Self; 5] = [Self::Mse, Self::Mae, Self::Psnr, Self::Ssim, Self::MsSsim];

    /// The measure of this name, with `-` or `_`.
    ///
    /// # Errors
    /// If there is none; the message lists all names.
    pub fn from_name(name: &str) -> Result<Self, MetricError> {
        let wanted = name.replace('_', "-");
        Self::ALL.iter().copied().find(|m| m.facts().name == wanted).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|m| m.facts().name).collect();
            MetricError::Input(format!(
                "no measure is named `{name}`; there are {}",
                names.join(", ")
            ))
        })
    }

    /// Key in JSON and CSV.
    pub fn key(self) -> String {
        self.facts().name.replace('-', "_")
    }

    /// The histogram rule behind this measure.
    fn histogram(self) -> Option<HistogramRule> {
        Some(match self {
            Self::HistogramCorrelation => HistogramRule::Correlation,
            Self::HistogramChiSquare => HistogramRule::ChiSquare,
            Self::HistogramChiSquareAlt => HistogramRule::ChiSquareAlt,
            Self::HistogramIntersection => HistogramRule::Intersection,
            Self::HistogramBhattacharyya => HistogramRule::Bhattacharyya,
            Self::HistogramKullbackLeibler => HistogramRule::KullbackLeibler,
            Self::HistogramEarthMovers => HistogramRule::EarthMovers,
            _ => return None,
        })
    }

    /// The score of a pair that is gray, clipped and so on as asked already.
    fn of(
        self,
        x: &Image,
        y: &Image,
        o: &CompareOptions,
        cx: &Context,
    ) -> Result<f64, MetricError> {
        let range = o.range;
        let color = |formula| delta_e(x, y, &DeltaE { range, formula, ..DeltaE::default() }, cx);
        let mean = |d: ColorDifference| d.mean;
        let max = |d: ColorDifference| d.max;
        if let Some(rule) = self.histogram() {
            let options = HistogramDistance { range, rule, ..HistogramDistance::default() };
            return histogram_distance(x, y, &options, cx);
        }
        match self {
            Self::Mse => mse(x, y, &Mse { range, unit: o.unit, ..Mse::default() }, cx),
            Self::Mae => mae(x, y, &Mae { range, unit: o.unit, ..Mae::default() }, cx),
            Self::Psnr => psnr(x, y, &Psnr { range, ..Psnr::default() }, cx),
            Self::Ssim => {
                let (window, border) = (o.window, o.border);
                ssim(x, y, &Ssim { range, window, border, ..Ssim::default() }, cx)
            }
            Self::MsSsim => {
                ms_ssim(x, y, &MsSsim { range, pooling: o.pooling, ..MsSsim::default() }, cx)
            }
            Self::Euclidean => {
                euclidean(x, y, &Euclidean { range, unit: o.unit, ..Euclidean::default() }, cx)
            }
            Self::Cosine => cosine(x, y, &Cosine { range, ..Cosine::default() }, cx),
            Self::Nrmse => nrmse(x, y, &Nrmse { range, ..Nrmse::default() }, cx),
            Self::Nmi => nmi(x, y, &Nmi { range, ..Nmi::default() }, cx),
            Self::Uqi => uqi(x, y, &Uqi { range, ..Uqi::default() }, cx),
            Self::Ergas => ergas(x, y, &Ergas { range, ..Ergas::default() }, cx),
            Self::SpectralAngle => {
                spectral_angle(x, y, &SpectralAngle { range, ..SpectralAngle::default() }, cx)
            }
            Self::Gmsd => gmsd(x, y, &Gmsd { range, ..Gmsd::default() }, cx),
            Self::MsGmsd => ms_gmsd(x, y, &MsGmsd { range, ..MsGmsd::default() }, cx),
            Self::Vif => vif(x, y, &Vif { range, ..Vif::default() }, cx),
            Self::Fsim => {
                let gray = GrayConversion::Bt601;
                fsim(x, y, &Fsim { gray, range, ..Fsim::default() }, cx)
            }
            Self::Fsimc if x.channels() == 1 => Err(MetricError::ColorOnly { metric: "FSIMc" }),
            Self::Fsimc => fsim(x, y, &Fsim { range, ..Fsim::default() }, cx),
            Self::Vsi => vsi(x, y, &Vsi { range, ..Vsi::default() }, cx),
            Self::Mdsi => mdsi(x, y, &Mdsi { range, ..Mdsi::default() }, cx),
            Self::SrSim => sr_sim(x, y, &SrSim { range, ..SrSim::default() }, cx),
            Self::Dss => dss(x, y, &Dss { range, ..Dss::default() }, cx),
            Self::PsnrB => psnr_b(x, y, &PsnrB { range, ..PsnrB::default() }, cx),
            Self::PsnrHvs => {
                let masking = Masking::Off;
                psnr_hvs(x, y, &PsnrHvs { range, masking, ..PsnrHvs::default() }, cx)
            }
            Self::PsnrHvsM => psnr_hvs(x, y, &PsnrHvs { range, ..PsnrHvs::default() }, cx),
            Self::Ssimulacra2 => {
                ssimulacra2(x, y, &Ssimulacra2 { range, ..Ssimulacra2::default() }, cx)
            }
            Self::HaarPsi => haar_psi(x, y, &HaarPsi { range, ..HaarPsi::default() }, cx),
            Self::DeltaE76 => color(DeltaEFormula::Cie1976).map(mean),
            Self::DeltaE94 => color(DeltaEFormula::Cie1994).map(mean),
            Self::DeltaE2000 => color(DeltaEFormula::Cie2000).map(mean),
            Self::DeltaE76Max => color(DeltaEFormula::Cie1976).map(max),
            Self::DeltaE94Max => color(DeltaEFormula::Cie1994).map(max),
            Self::DeltaE2000Max => color(DeltaEFormula::Cie2000).map(max),
            Self::HistogramCorrelation
            | Self::HistogramChiSquare
            | Self::HistogramChiSquareAlt
            | Self::HistogramIntersection
            | Self::HistogramBhattacharyya
            | Self::HistogramKullbackLeibler
            | Self::HistogramEarthMovers => unreachable!("a rule of histograms"),
        }
    }
}

/// Scores of a pair in the order they were asked for. Serializes as a map from keys to numbers;
/// `null` where a measure has no score of the pair, the words `inf`, `-inf` and `nan` for numbers
/// that JSON does not have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Measure and score; `None` if the picture is too small for the measure, or gray where it
    /// compares colors.
    pub list: Vec<(Measure, Option<f64>)>,
}

impl Scores {
    /// The score by a measure, if it was asked for and there is one.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        self.list.iter().find(|(m, _)| *m == measure).and_then(|(_, score)| *score)
    }

    /// Means over the scores that there are; infinite ones (of identical pictures) are left out
    /// unless all are.
    pub fn mean<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let all: Vec<_> = all.into_iter().collect();
        let mean = |measure: Measure| -> Option<f64> {
            let there: Vec<f64> = all.iter().filter_map(|scores| scores.get(measure)).collect();
            let finite: Vec<f64> = there.iter().copied().filter(|s| !s.is_infinite()).collect();
            match (finite.len(), there.first()) {
                (0, first) => first.copied(),
                (n, _) => Some(finite.iter().sum::<f64>() / n as f64),
            }
        };
        let list = all.first()?.list.iter().map(|(measure, _)| (*measure, mean(*measure)));
        Some(Self { list: list.collect() })
    }
}

impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.list.len()))?;
        for (measure, score) in &self.list {
            match score {
                Some(v) if !v.is_finite() => {
                    map.serialize_entry(&measure.key(), &v.to_string().to_lowercase())?;
                }
                score => map.serialize_entry(&measure.key(), score)?,
            }
        }
        map.end()
    }
}

/// The scores of a pair by these measures, under one set of conventions; what `options` does not
/// name is the measure's default.
///
/// # Errors
/// If the images differ in size or color space, are empty, or cannot be converted as asked.
pub fn measure(
    reference: &Image,
    distorted: &Image,
    measures: &[Measure],
    options: &CompareOptions,
    cx: &Context,
) -> Result<Scores, MetricError> {
    let CompareOptions { gray, out_of_range, range, .. } = *options;
    let pair = Pair::new(reference, distorted, gray, out_of_range, range)?;
    pair.require("a measure", 1)?;
    let list = measures.iter().map(|measure| {
        match measure.of(&pair.reference, &pair.distorted, options, cx) {
            Ok(score) => Ok((*measure, Some(score))),
            Err(MetricError::TooSmall { .. } | MetricError::ColorOnly { .. }) => {
                Ok((*measure, None))
            }
            Err(other) => Err(other),
        }
    });
    Ok(Scores { list: list.collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests;
