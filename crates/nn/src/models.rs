//! Architectures, one file each.

mod dncnn;
mod ffdnet;
mod options;
mod restorer;

pub use dncnn::DnCnn;
pub use ffdnet::FfdNet;
pub use restorer::Restorer;

use crate::{Graph, ModelCard, Net, NnError};
use serde::{Deserialize, Serialize};

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

    /// # Errors
    /// [`NnError::Param`] if an option is out of range.
    pub fn validate(&self) -> Result<(), NnError> {
        match self {
            Self::Restorer(m) => m.validate(),
            Self::DnCnn(m) => m.validate(),
            Self::FfdNet(m) => m.validate(),
        }
    }

    /// The layers.
    pub fn graph(&self) -> Graph {
        match self {
            Self::Restorer(m) => m.graph(),
            Self::DnCnn(m) => m.graph(),
            Self::FfdNet(m) => m.graph(),
        }
    }

    /// Random weights to start from.
    pub fn start(&self, seed: u64) -> Net {
        match self {
            Self::Restorer(m) => m.start(seed),
            Self::DnCnn(m) => m.start(seed),
            Self::FfdNet(m) => m.start(seed),
        }
    }

    /// Channels of the image.
    pub fn channels(&self) -> usize {
        match self {
            Self::Restorer(m) => m.channels,
            Self::DnCnn(m) => m.channels,
            Self::FfdNet(m) => m.channels,
        }
    }

    /// What it is told beside the image.
    pub fn conditioning(&self) -> Conditioning {
        match self {
            Self::Restorer(_) => Conditioning::SigmaIfKnown,
            Self::DnCnn(_) => Conditioning::None,
            Self::FfdNet(_) => Conditioning::Sigma,
        }
    }

    /// Rows and columns of its input are multiples of this.
    pub fn alignment(&self) -> usize {
        match self {
            Self::Restorer(_) => Restorer::ALIGNMENT,
            Self::DnCnn(_) => 1,
            Self::FfdNet(_) => FfdNet::ALIGNMENT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_gives_back_its_model() {
        let model = Model::Restorer(Restorer { channels: 3, ..Restorer::default() });
        let dncnn = Model::DnCnn(DnCnn { batch_norm: true, ..DnCnn::default() });
        let ffdnet = Model::FfdNet(FfdNet { layers: 12, ..FfdNet::default() });
        assert_eq!(dncnn.card().architecture, "dncnn");
        assert_eq!(ffdnet.card().architecture, "ffdnet");
        for model in [&model, &dncnn, &ffdnet] {
            assert_eq!(Model::of(&model.card()).unwrap(), *model);
            let [c, side] =
                [model.channels() + model.conditioning().channels(), 4 * model.alignment()];
            let graph = model.graph();
            let shapes = graph.shapes([c, side, side]).unwrap();
            assert_eq!(shapes[graph.output()], [model.channels(), side, side]);
        }
        let mut card = model.card();
        card.architecture = "oracle".to_owned();
        assert!(Model::of(&card).unwrap_err().to_string().contains("oracle"));
    }
}
