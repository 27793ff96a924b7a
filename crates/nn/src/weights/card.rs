//! What a file of weights says about itself.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The model card: enough to rebuild the net, to train it again, and to know whether it may be
/// used. It lies as JSON text under the key `restora` of the file's metadata.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Which net, such as `dncnn`.
    pub architecture: String,
    /// The net's options, which with `architecture` give its graph.
    #[serde(default)]
    pub config: serde_json::Value,
    /// What it was trained on, and how much of it.
    #[serde(default)]
    pub data: String,
    /// The seed of training; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Terms of the weights.
    #[serde(default)]
    pub license: String,
    /// Measured figures by name, such as `"BSD68 sigma 25, PSNR dB"`. Finite.
    #[serde(default)]
    pub scores: BTreeMap<String, f64>,
    /// Every option of the training run, so that anyone can rerun it.
    #[serde(default)]
    pub recipe: serde_json::Value,
    /// Version of the weights, the maker's own.
    #[serde(default)]
    pub version: String,
    /// What wrote the file, with its version.
    #[serde(default)]
    pub tool: String,
}

impl ModelCard {
    /// A card that names the net and this crate as the tool; the rest is for the maker to fill in.
    pub fn new(architecture: &str, config: serde_json::Value) -> Self {
        Self {
            architecture: architecture.to_owned(),
            config,
            tool: concat!("restora ", env!("CARGO_PKG_VERSION")).to_owned(),
            ..Self::default()
        }
    }
}
