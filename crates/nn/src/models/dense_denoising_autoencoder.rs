//! A dense denoising autoencoder: given a noisy picture, it gives the clean one.
//!
//! ```text
//! input   [c, h, w]             noisy, nominal range; the one shape that the net is made for
//! layers  784 - 128 - 64 - 32 - 64 - 128 - 784 by default, each with ReLU, the last with a sigmoid
//! output  [c, h, w]             clean, in 0..1
//! ```
//! The layers are those of [`DenseAutoencoder`]; what differs is the default, which is the classic for
//! handwritten digits, and what it is trained on. Cost: one product per weight, 222 thousand.
//!
//! Vincent, Larochelle, Bengio, Manzagol 2008, doi:10.1145/1390156.1390294.

use super::{Activation, Architecture, DenseAutoencoder};
use crate::{Graph, Net, NnError, Shape};
use serde::{Deserialize, Serialize};

/// Sizes and activations of a dense denoising autoencoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DenseDenoisingAutoencoder {
    /// Channels (1 or 3), rows, columns of the pictures; at most 2^24 numbers.
    pub shape: Shape,
    /// Numbers in the code, `1..=65536`.
    pub code: usize,
    /// Sizes of the layers between picture and code, from the outside in, each `1..=65536`; at most
    /// 16. The decoder has the same ones turned around.
    pub hidden: Vec<usize>,
    /// What the hidden layers do.
    pub activation: Activation,
    /// What the layer of the code does.
    pub code_activation: Activation,
    /// What the last layer does.
    pub output: Activation,
}

impl Default for DenseDenoisingAutoencoder {
    fn default() -> Self {
        Self {
            shape: [1, 28, 28],
            code: 32,
            hidden: vec![128, 64],
            activation: Activation::Relu,
            code_activation: Activation::Relu,
            output: Activation::Sigmoid,
        }
    }
}

impl DenseDenoisingAutoencoder {
    fn layers(&self) -> DenseAutoencoder {
        let Self { shape, code, hidden, activation, code_activation, output } = self.clone();
        DenseAutoencoder { shape, code, hidden, activation, code_activation, output }
    }
}

impl Architecture for DenseDenoisingAutoencoder {
    fn validate(&self) -> Result<(), NnError> {
        self.layers().validate()
    }

    fn graph(&self) -> Graph {
        self.layers().graph()
    }

    fn start(&self, seed: u64) -> Net {
        self.layers().start(seed)
    }

    fn channels(&self) -> usize {
        self.shape[0]
    }

    fn fixed_shape(&self) -> Option<Shape> {
        Some(self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Op;

    #[test]
    fn the_default_is_the_classic_one() {
        let graph = DenseDenoisingAutoencoder::default().graph();
        let sizes: Vec<[usize; 2]> = graph
            .nodes()
            .iter()
            .filter_map(|node| match node.op {
                Op::Dense { inputs, outputs, .. } => Some([inputs, outputs]),
                _ => None,
            })
            .collect();
        let wanted = [[784, 128], [128, 64], [64, 32], [32, 64], [64, 128], [128, 784]];
        assert_eq!(sizes, wanted);
        let count = |op: &Op| graph.nodes().iter().filter(|n| n.op == *op).count();
        assert_eq!((count(&Op::Relu), count(&Op::Sigmoid)), (5, 1));
    }
}
