//! `FFDNet`: a denoiser that is told the noise level per pixel and works at half the resolution.
//!
//! ```text
//! input  [channels + 1, h, w]     image, then the map of sigma (nominal range); h and w even
//! pixel unshuffle by 2            [4 channels + 4, h / 2, w / 2]
//! slice                           [4 channels + 1, ...]: of the map, each block's top left
//! conv0 .. conv(n-1)              3x3, ReLU between
//! pixel shuffle by 2              [channels, h, w]: the clean image
//! ```
//! Cost: `9 * features^2 * (layers - 2) / 4` products per pixel, 120 thousand for the gray net; a
//! pixel depends on `2 * layers + 1` pixels each way. Border: zeros. It differs from the paper's
//! files in the order of the four sub-images: here channel `c * 4 + dy * 2 + dx`
//! ([`import::ffdnet`](crate::import::ffdnet) reorders theirs).
//!
//! Reference: Zhang, Zuo, Zhang, "`FFDNet`: Toward a Fast and Flexible Solution for CNN-Based Image
//! Denoising", IEEE TIP 27(9), 2018, doi 10.1109/TIP.2018.2839891.

use super::options::{gray_or_color, within};
use super::{Architecture, Conditioning};
use crate::{Graph, NnError, Op};
use serde::{Deserialize, Serialize};

/// Options of the net.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FfdNet {
    /// 1 for gray, 3 for RGB. The net's input has one channel more: the map of sigma.
    pub channels: usize,
    /// Convolutions, 3..=64: 15 for gray, 12 for color.
    pub layers: usize,
    /// Channels between them, 1..=512: 64 for gray, 96 for color.
    pub features: usize,
}

impl Default for FfdNet {
    fn default() -> Self {
        Self { channels: 1, layers: 15, features: 64 }
    }
}

impl FfdNet {
    /// Rows and columns of the input are multiples of this.
    pub const ALIGNMENT: usize = 2;
}

impl Architecture for FfdNet {
    /// # Errors
    /// [`NnError::Param`] for an option out of its range.
    fn validate(&self) -> Result<(), NnError> {
        gray_or_color(self.channels)?;
        within("layers", self.layers, 3..=64)?;
        within("features", self.features, 1..=512)
    }

    /// The layers; tensors are named `conv0.weight`, `conv0.bias` and so on.
    fn graph(&self) -> Graph {
        let (features, last) = (self.features, self.layers.saturating_sub(1));
        let inputs = 4 * self.channels + 1;
        let mut graph = Graph::new(self.channels + 1);
        let mut at = graph.push(Op::PixelUnshuffle { factor: 2 }, &[graph.input()]);
        at = graph.push(Op::Slice { from: 0, count: inputs }, &[at]);
        for i in 0..last {
            let from = if i == 0 { inputs } else { features };
            at = graph.conv(&format!("conv{i}"), at, [from, features], 3);
            at = graph.relu(at);
        }
        at = graph.conv(&format!("conv{last}"), at, [features, 4 * self.channels], 3);
        graph.push(Op::PixelShuffle { factor: 2 }, &[at]);
        graph
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn conditioning(&self) -> Conditioning {
        Conditioning::Sigma
    }

    fn alignment(&self) -> usize {
        Self::ALIGNMENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_authors_number_of_weights_and_keeps_the_size() {
        let graph = FfdNet::default().graph();
        let parameters = graph.parameters();
        let count: usize = parameters.iter().map(|(_, s, _)| s.iter().product::<usize>()).sum();
        assert_eq!(count, 485_316);
        assert_eq!(graph.shapes([2, 6, 10]).unwrap()[graph.output()], [1, 6, 10]);
        assert!(graph.shapes([2, 7, 10]).is_err());
        let color = FfdNet { channels: 3, layers: 12, features: 96 }.graph();
        assert_eq!(color.shapes([4, 6, 10]).unwrap()[color.output()], [3, 6, 10]);
    }

    #[test]
    fn options_out_of_range_are_refused_by_name() {
        let error = FfdNet { layers: 65, ..FfdNet::default() }.validate().unwrap_err();
        assert!(error.to_string().contains("`layers` must be in 3..=64, got 65"), "{error}");
        assert!(FfdNet { channels: 4, ..FfdNet::default() }.validate().is_err());
        assert!(FfdNet { features: 0, ..FfdNet::default() }.validate().is_err());
    }
}
