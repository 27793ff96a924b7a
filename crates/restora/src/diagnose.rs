//! What ails a picture, measured without a reference.

use restora_image::{ChannelNoise, Context, Image, NoiseModel, OpError};
use serde::{Deserialize, Serialize};

/// What the diagnosis of a picture found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Noise of each channel.
    pub noise: NoiseModel,
}

impl Diagnosis {
    /// One noise level for the whole picture, in nominal range.
    pub fn noise_sigma(&self) -> f32 {
        self.noise.sigma()
    }

    /// The noise as the steps are told of it.
    pub fn noise_model(&self) -> NoiseModel {
        self.noise.clone()
    }

    /// The diagnosis with a noise level that the user knows, white and additive.
    #[must_use]
    pub fn told(&self, sigma: f32) -> Self {
        Self { noise: NoiseModel::white(sigma, self.noise.channels.len()) }
    }

    /// Every finding as a name and a short text, for tables and reports.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("noise", format!("{:.1}/255", self.noise_sigma() * 255.0))]
    }
}

/// Measures a picture.
///
/// # Errors
/// [`OpError::Cancelled`].
pub fn diagnose(image: &Image, cx: &Context) -> Result<Diagnosis, OpError> {
    cx.check()?;
    Ok(Diagnosis {
        noise: NoiseModel {
            channels: vec![ChannelNoise::default(); image.channels()],
            correlation: 0.0,
        },
    })
}
