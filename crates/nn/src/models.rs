//! Architectures, one file each.

mod blocks;
mod conv_autoencoder;
mod conv_denoising_autoencoder;
mod dense_autoencoder;
mod dense_denoising_autoencoder;
mod dncnn;
mod ffdnet;
mod options;
mod restorer;
#[cfg(test)]
mod tests;
mod unet;

pub use conv_autoencoder::ConvAutoencoder;
pub use conv_denoising_autoencoder::ConvDenoisingAutoencoder;
pub use dense_autoencoder::{Activation, DenseAutoencoder};
pub use dense_denoising_autoencoder::DenseDenoisingAutoencoder;
pub use dncnn::DnCnn;
pub use ffdnet::FfdNet;
pub use restorer::Restorer;
pub use unet::UNet;

use crate::{Graph, ModelCard, Net, NnError, Shape};
use serde::{Deserialize, Serialize};

/// What an architecture says of itself. [`Model`] has the same methods for all of them.
pub trait Architecture {
    /// # Errors
    /// [`NnError::Param`] naming the first option out of its range.
    fn validate(&self) -> Result<(), NnError>;

    /// The layers, for options that [`Architecture::validate`] has passed.
    fn graph(&self) -> Graph;

    /// Random weights to start from.
    fn start(&self, seed: u64) -> Net {
        Net::random(self.graph(), seed)
    }

    /// Channels of the image.
    fn channels(&self) -> usize;

    /// What it is told beside the image.
    fn conditioning(&self) -> Conditioning {
        Conditioning::None
    }

    /// Rows and columns of its input are multiples of this.
    fn alignment(&self) -> usize {
        1
    }

    /// The only shape it takes, if there is but one: channels, rows, columns.
    fn fixed_shape(&self) -> Option<Shape> {
        None
    }
}

/// Every architecture with its options; in JSON `{"architecture": "restorer", "channels": 3}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "architecture", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Model {
    /// Our own restorer.
    Restorer(Restorer),
    /// Plain stack of convolutions that predicts the noise (Zhang 2017).
    #[serde(rename = "dncnn")]
    DnCnn(DnCnn),
    /// Denoiser at half size that is told the noise level (Zhang 2018).
    #[serde(rename = "ffdnet")]
    FfdNet(FfdNet),
    /// Dense layers around a code.
    DenseAutoencoder(DenseAutoencoder),
    /// The same shape, for pictures that come noisy.
    DenseDenoisingAutoencoder(DenseDenoisingAutoencoder),
    /// Convolutions around a code.
    ConvAutoencoder(ConvAutoencoder),
    /// Convolutions all the way, for noisy pictures of any size.
    ConvDenoisingAutoencoder(ConvDenoisingAutoencoder),
    /// The U-Net.
    #[serde(rename = "unet")]
    UNet(UNet),
}

/// What a net is told beside the image, as further channels of the image's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditioning {
    /// Nothing.
    None,
    /// The standard deviation of the noise, nominal range.
    Sigma,
    /// The standard deviation and 1, or 0 and 0 where it is not known.
    SigmaIfKnown,
}

impl Conditioning {
    /// The standard deviation that stands for "nothing is known here": that of a missing pixel.
    pub const MISSING: f32 = 1.0;

    /// Channels beside those of the image.
    pub fn channels(self) -> usize {
        match self {
            Self::None => 0,
            Self::Sigma => 1,
            Self::SigmaIfKnown => 2,
        }
    }

    /// The values of those channels.
    pub fn values(self, sigma: Option<f32>) -> Vec<f32> {
        match self {
            Self::None => Vec::new(),
            Self::Sigma => vec![sigma.unwrap_or(0.0)],
            Self::SigmaIfKnown => vec![sigma.unwrap_or(0.0), f32::from(u8::from(sigma.is_some()))],
        }
    }
}

impl Model {
    /// Reads `{"architecture": ..., options}`.
    ///
    /// # Errors
    /// [`NnError::Unsupported`] for an architecture or option that is not known,
    /// [`NnError::Param`] for one out of range.
    pub fn from_json(value: serde_json::Value) -> Result<Self, NnError> {
        let model: Self = serde_json::from_value(value)
            .map_err(|e| NnError::Unsupported(format!("model: {e}")))?;
        model.validate()?;
        Ok(model)
    }

    /// The net that a card describes.
    ///
    /// # Errors
    /// As for [`Model::from_json`].
    pub fn of(card: &ModelCard) -> Result<Self, NnError> {
        let mut config = card.config.clone();
        if config.is_null() {
            config = serde_json::json!({});
        }
        let Some(object) = config.as_object_mut() else {
            return Err(NnError::Corrupt("the model card's config is no object".to_owned()));
        };
        object.insert("architecture".to_owned(), card.architecture.clone().into());
        Self::from_json(config)
    }

    /// A card for weights of this net.
    pub fn card(&self) -> ModelCard {
        let mut config = serde_json::to_value(self).unwrap_or_default();
        let name = config.as_object_mut().and_then(|o| o.remove("architecture"));
        ModelCard::new(name.as_ref().and_then(|n| n.as_str()).unwrap_or_default(), config)
    }

    fn architecture(&self) -> &dyn Architecture {
        match self {
            Self::Restorer(m) => m,
            Self::DnCnn(m) => m,
            Self::FfdNet(m) => m,
            Self::DenseAutoencoder(m) => m,
            Self::DenseDenoisingAutoencoder(m) => m,
            Self::ConvAutoencoder(m) => m,
            Self::ConvDenoisingAutoencoder(m) => m,
            Self::UNet(m) => m,
        }
    }

    /// # Errors
    /// [`NnError::Param`] if an option is out of range.
    pub fn validate(&self) -> Result<(), NnError> {
        self.architecture().validate()
    }

    /// The layers.
    pub fn graph(&self) -> Graph {
        self.architecture().graph()
    }

    /// Random weights to start from.
    pub fn start(&self, seed: u64) -> Net {
        self.architecture().start(seed)
    }

    /// Channels of the image.
    pub fn channels(&self) -> usize {
        self.architecture().channels()
    }

    /// What it is told beside the image.
    pub fn conditioning(&self) -> Conditioning {
        self.architecture().conditioning()
    }

    /// Rows and columns of its input are multiples of this.
    pub fn alignment(&self) -> usize {
        self.architecture().alignment()
    }

    /// The only shape it takes, if there is but one: channels, rows, columns.
    pub fn fixed_shape(&self) -> Option<Shape> {
        self.architecture().fixed_shape()
    }
}
