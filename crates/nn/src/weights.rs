//! Files of weights: tensors with a [`ModelCard`] in one safetensors file.

mod card;
mod dtype;
mod half;
mod header;
mod precision;
pub mod safetensors;

pub use card::ModelCard;
pub(crate) use dtype::Dtype;
pub use precision::Precision;

use crate::{Graph, NnError, Tensors};
use safetensors::Metadata;

/// The key of the card in the file's metadata.
const CARD: &str = "restora";

/// The trained numbers of a net and what is to be known of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// What they are.
    pub card: ModelCard,
    /// The numbers, by the names that the net's graph gives them.
    pub tensors: Tensors,
}

impl Weights {
    /// The file: the same bytes for the same weights. Reading it and writing it again at the same
    /// precision gives the same bytes, whatever the precision.
    ///
    /// # Errors
    /// [`NnError::Input`] for numbers that are not finite or that the precision cannot hold, or a
    /// score that is not finite.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>, NnError> {
        if let Some((name, value)) = self.card.scores.iter().find(|(_, v)| !v.is_finite()) {
            return Err(NnError::Input(format!("score `{name}` must be finite, got {value}")));
        }
        let card = serde_json::to_string(&self.card)
            .map_err(|e| NnError::Input(format!("model card: {e}")))?;
        safetensors::write(&self.tensors, precision, &Metadata::from([(CARD.to_owned(), card)]))
    }

    /// Reads a file that [`Weights::to_bytes`] wrote. For files from elsewhere see
    /// [`safetensors::read`].
    ///
    /// # Errors
    /// Those of [`safetensors::read`]; [`NnError::Unsupported`] where there is no model card, and
    /// [`NnError::Corrupt`] where it cannot be read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NnError> {
        let (tensors, metadata) = safetensors::read(bytes)?;
        let Some(card) = metadata.get(CARD) else {
            return Err(NnError::Unsupported(
                "the file has no model card (metadata `restora`): weights from elsewhere are \
                 imported first"
                    .to_owned(),
            ));
        };
        let card =
            serde_json::from_str(card).map_err(|e| NnError::Corrupt(format!("model card: {e}")))?;
        Ok(Self { card, tensors })
    }

    /// Are these exactly the tensors of this net?
    ///
    /// # Errors
    /// Those of [`check`].
    pub fn check(&self, graph: &Graph) -> Result<(), NnError> {
        check(&self.tensors, graph)
    }
}

/// Are these exactly the tensors of this net?
///
/// # Errors
/// One [`NnError::Input`] that names every tensor that is missing, has another shape, or is not of
/// the net.
pub fn check(tensors: &Tensors, graph: &Graph) -> Result<(), NnError> {
    let wanted = graph.parameters();
    let mut wrong = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    for (name, shape, _) in &wanted {
        known.insert(name.as_str());
        match tensors.get(name) {
            None => wrong.push(format!("`{name}` {shape:?} is missing")),
            Some(t) if t.shape() != shape => {
                wrong.push(format!("`{name}` has shape {:?}, wanted {shape:?}", t.shape()));
            }
            Some(_) => {}
        }
    }
    for (name, tensor) in tensors {
        if !known.contains(name.as_str()) {
            wrong.push(format!("`{name}` {:?} is not of this net", tensor.shape()));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let (count, list) = (wrong.len(), wrong.join("; "));
    Err(NnError::Input(format!("the weights do not fit the net in {count} tensors: {list}")))
}

#[cfg(test)]
mod tests;
