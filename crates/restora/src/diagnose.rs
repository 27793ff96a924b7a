//! What ails a picture, measured without a reference.

use crate::damage::{Finding, listed};
use crate::quality::Quality;
use restora_image::{Context, Image, NoiseModel, OpError, SavedJpeg, jpeg_tables};
use restora_metrics::no_reference::{
    Blockiness, Blur, Exposure, ImpulseRate, JpegQuality, NoiseCorrelation, NoiseLevel, blockiness,
    blur, exposure, impulse_rate, jpeg_quality, noise_correlation, noise_level,
};
use restora_ops::denoise::{Impulse, impulse};
use serde::{Deserialize, Serialize};

/// Coefficients as much likelier (in units of `e`) under a table as this were saved with it.
pub(crate) const SURE_JPEG: f32 = 0.2;

/// .. and were so before the file was last saved, from here on.
const EARLIER_JPEG: f32 = 0.9;

/// What the diagnosis of a picture found. Every finding carries its own `confidence` in `[0, 1]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// White noise of each channel and its growth with the signal.
    pub noise: NoiseLevel,
    /// Spectrum of the noise in luminance.
    pub correlation: NoiseCorrelation,
    /// Salt-and-pepper and random-valued impulses.
    pub impulses: ImpulseRate,
    /// JPEG's block grid.
    pub blocking: Blockiness,
    /// The quality that it was saved with as JPEG.
    #[serde(default)]
    pub jpeg: JpegQuality,
    /// Width of the edges.
    pub blur: Blur,
    /// Clipping, brightness, contrast.
    pub exposure: Exposure,
    /// Scratches, dust, text and dead lines, if the picture was looked through for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<Vec<Finding>>,
    /// How good the picture looks, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// The user knows the noise: [`Diagnosis::noise`] is what they said.
    pub told: bool,
}

impl Diagnosis {
    /// One noise level for the whole picture, in nominal range: the level of white noise or, where
    /// the spectrum is that of correlated noise, its level over all frequencies.
    pub fn noise_sigma(&self) -> f32 {
        let white = self.noise.model.sigma();
        if self.is_correlated() { white.max(self.correlation.sigma) } else { white }
    }

    /// Is there noise, and is it stronger at low frequencies than white noise would be?
    pub fn is_correlated(&self) -> bool {
        let c = &self.correlation;
        !self.told
            && c.confidence > 0.5
            && c.middle > 1.5 * c.high.max(self.noise.model.sigma())
            && c.evenness_wide > 0.45
    }

    /// The noise as the steps are told of it: per channel, with the lag-one correlation.
    pub fn noise_model(&self) -> NoiseModel {
        let mut model = self.noise.model.clone();
        if self.is_correlated() {
            model.correlation = 0.5 * (self.correlation.horizontal + self.correlation.vertical);
        }
        model
    }

    /// The diagnosis with a noise level that the user knows, white and additive.
    #[must_use]
    pub fn told(&self, sigma: f32) -> Self {
        let channels = self.noise.model.channels.len();
        Self {
            noise: NoiseLevel {
                model: NoiseModel::white(sigma, channels),
                confidence: 1.0,
                slope_confidence: 1.0,
            },
            told: true,
            ..self.clone()
        }
    }

    /// The diagnosis of a picture whose file says how it was compressed. That is the truth unless the pixels show, beyond
    /// doubt, an earlier compression by steps twice as large: multiples of the steps of the file are among its values
    /// anyway.
    #[must_use]
    pub fn saved(mut self, file: Option<SavedJpeg>) -> Self {
        let step = |quality: u8| jpeg_tables::luminance(u32::from(quality))[0];
        let earlier = |file: &SavedJpeg| {
            self.jpeg.confidence >= EARLIER_JPEG
                && step(self.jpeg.quality) >= 2 * step(file.quality)
        };
        if let Some(file) = file.filter(|file| !earlier(file)) {
            let SavedJpeg { quality, offset_x, offset_y } = file;
            self.jpeg = JpegQuality { quality, offset_x, offset_y, confidence: 1.0 };
        }
        self
    }

    /// Every finding as a name and a short text, for tables and reports.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let sure = |c: f32| format!(" (confidence {c:.2})");
        let percent = |v: f32| format!("{:.1} %", 100.0 * v);
        let n = &self.noise;
        let channels: Vec<_> =
            n.model.channels.iter().map(|c| format!("{:.1}", 255.0 * c.sigma)).collect();
        let growth: Vec<_> = n
            .model
            .channels
            .iter()
            .filter(|c| c.b > 0.0)
            .map(|c| format!("{:.2e} + {:.2e} I", c.a, c.b))
            .collect();
        let c = &self.correlation;
        let mut facts = vec![
            ("noise", format!("{:.1}/255", 255.0 * self.noise_sigma())),
            (
                "white noise per channel",
                format!("{}, of 255{}", channels.join(", "), sure(n.confidence)),
            ),
        ];
        if !growth.is_empty() {
            let text = format!("{}{}", growth.join("; "), sure(n.slope_confidence));
            facts.push(("noise variance", text));
        }
        if let Some(found) = &self.damage {
            facts.push(("damage", listed(found)));
        }
        if let Some(quality) = &self.quality {
            facts.push(("quality", quality.to_string()));
        }
        facts.extend([
            (
                "noise correlation",
                if self.is_correlated() {
                    let (x, y) = (c.horizontal, c.vertical);
                    format!("{x:.2} across, {y:.2} down{}", sure(c.confidence))
                } else {
                    "none found".into()
                },
            ),
            (
                "impulses",
                format!(
                    "{} salt and pepper, {} random{}",
                    percent(self.impulses.salt_and_pepper),
                    percent(self.impulses.random_valued),
                    sure(self.impulses.confidence)
                ),
            ),
            (
                "JPEG blocks",
                if self.blocking.confidence > 0.0 {
                    format!(
                        "{:.2}/255 at ({}, {}){}",
                        255.0 * self.blocking.strength,
                        self.blocking.offset_x,
                        self.blocking.offset_y,
                        sure(self.blocking.confidence)
                    )
                } else {
                    "none found".into()
                },
            ),
            (
                "JPEG quality",
                if self.jpeg.quality > 0 {
                    format!("{}{}", self.jpeg.quality, sure(self.jpeg.confidence))
                } else {
                    "none found".into()
                },
            ),
            ("edge blur", format!("{:.1} px{}", self.blur.sigma, sure(self.blur.confidence))),
            (
                "exposure",
                format!(
                    "mean {:.2}, contrast {:.2}, {} black, {} white{}",
                    self.exposure.mean,
                    self.exposure.contrast,
                    percent(self.exposure.shadows),
                    percent(self.exposure.highlights),
                    sure(self.exposure.confidence)
                ),
            ),
        ]);
        facts
    }
}

/// Measures a picture.
///
/// Each measure bounds its own cost by sampling, so that a picture of any size is done in about a
/// quarter of a second.
///
/// # Errors
/// [`OpError::Cancelled`].
pub fn diagnose(image: &Image, cx: &Context) -> Result<Diagnosis, OpError> {
    cx.check()?;
    let mut found = Diagnosis {
        impulses: impulse_rate(image),
        blocking: blockiness(image),
        exposure: exposure(image),
        ..Diagnosis::default()
    };
    cx.check()?;
    found.jpeg = jpeg_quality(image, &found.blocking);
    // Impulses drown every other finding: what else there is shows once they are filled.
    let filled = if found.has_salt_and_pepper() {
        Some(impulse(image, &Impulse { iterations: 4, ..Impulse::default() }, cx)?)
    } else {
        None
    };
    let image = filled.as_ref().unwrap_or(image);
    found.noise = noise_level(image);
    cx.check()?;
    found.correlation = noise_correlation(image);
    cx.check()?;
    found.blur = blur(image);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Cancel, ColorSpace, Size};
    use restora_testkit::{noisy, synthetic_rgb};

    #[test]
    fn a_diagnosis_survives_json_and_names_every_finding() {
        let image = noisy(&synthetic_rgb(Size::new(120, 90)), 0.05, 1);
        let found = diagnose(&image, &Context::default()).unwrap();
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Diagnosis>(&text).unwrap(), found);
        let names: Vec<_> = found.facts().iter().map(|f| f.0).collect();
        for name in [
            "noise",
            "noise correlation",
            "impulses",
            "JPEG blocks",
            "JPEG quality",
            "edge blur",
            "exposure",
        ] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        assert!((found.noise_sigma() / 0.05 - 1.0).abs() < 0.1);
    }

    #[test]
    fn the_file_is_believed_unless_the_pixels_show_a_stronger_compression() {
        let file = |quality| Some(SavedJpeg { quality, offset_x: 0, offset_y: 3 });
        let seen = |quality, confidence| Diagnosis {
            jpeg: JpegQuality { quality, confidence, ..JpegQuality::default() },
            ..Diagnosis::default()
        };
        for (seen, told, wanted) in [
            (seen(0, 0.0), 70, (70, 3)),
            (seen(40, 0.1), 70, (70, 3)),
            // Steps of 16 against 10, then of 20: twice as large.
            (seen(50, 1.0), 70, (70, 3)),
            (seen(40, 1.0), 70, (40, 0)),
            (seen(20, 1.0), 70, (20, 0)),
            (seen(90, 0.9), 70, (70, 3)),
        ] {
            let found = seen.saved(file(told)).jpeg;
            assert_eq!((found.quality, found.offset_y), wanted);
        }
        assert_eq!(seen(40, 0.9).saved(None), seen(40, 0.9));
    }

    #[test]
    fn any_size_is_diagnosed_and_cancelling_stops_it() {
        for (w, h) in [(0, 0), (1, 1), (1, 30), (30, 1), (2, 3)] {
            for space in [ColorSpace::Gray, ColorSpace::Srgb] {
                let image = Image::zeros(Size::new(w, h), space);
                let found = diagnose(&image, &Context::default()).unwrap();
                assert_eq!(found.noise.model.channels.len(), space.channels());
                assert!(!found.facts().is_empty());
            }
        }
        let cancel = Cancel::default();
        cancel.cancel();
        let cx = Context { cancel: Some(&cancel), ..Context::default() };
        let image = Image::zeros(Size::new(8, 8), ColorSpace::Gray);
        assert_eq!(diagnose(&image, &cx), Err(OpError::Cancelled));
    }
}
