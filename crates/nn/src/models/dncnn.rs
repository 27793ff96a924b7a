//! `DnCNN`: a plain stack of 3x3 convolutions that predicts the noise, for one noise level or a
//! range of them.
//!
//! ```text
//! input  [channels, h, w]   nominal range
//! conv0 + ReLU              channels -> features
//! conv1 .. conv(n-2)        features -> features, each (+ bn) + ReLU
//! conv(n-1)                 features -> channels: the noise
//! output = input - noise    [channels, h, w]
//! ```
//! Cost: `9 * features^2 * (layers - 2)` products per pixel, 553 thousand for the gray net of the
//! paper; a pixel depends on `layers` pixels each way. Border: zeros. With batch norm the middle
//! convolutions have no bias; the paper's files come with batch norm folded in (`batch_norm: false`).
//!
//! Reference: Zhang, Zuo, Chen, Meng, Zhang, "Beyond a Gaussian Denoiser", IEEE TIP 26(7), 2017,
//! doi 10.1109/TIP.2017.2662206.

use super::Architecture;
use super::options::{gray_or_color, within};
use crate::{Graph, NnError, Op};
use serde::{Deserialize, Serialize};

/// Options of the net.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnCnn {
    /// 1 for gray, 3 for RGB.
    pub channels: usize,
    /// Convolutions, 3..=64: 17 for gray and one noise level, 20 for color and blind.
    pub layers: usize,
    /// Channels between them, 1..=512.
    pub features: usize,
    /// Batch norm behind each middle convolution: helps training, folded away for inference.
    pub batch_norm: bool,
}

impl Default for DnCnn {
    fn default() -> Self {
        Self { channels: 1, layers: 17, features: 64, batch_norm: false }
    }
}

impl Architecture for DnCnn {
    /// # Errors
    /// [`NnError::Param`] for an option out of its range.
    fn validate(&self) -> Result<(), NnError> {
        gray_or_color(self.channels)?;
        within("layers", self.layers, 3..=64)?;
        within("features", self.features, 1..=512)
    }

    /// The layers; tensors are named `conv0.weight`, `conv0.bias`, `bn1.weight` and so on.
    fn graph(&self) -> Graph {
        let (features, last) = (self.features, self.layers.saturating_sub(1));
        let mut graph = Graph::new(self.channels);
        let mut at = graph.conv("conv0", graph.input(), [self.channels, features], 3);
        at = graph.relu(at);
        for i in 1..last {
            let name = format!("conv{i}");
            let bias = !self.batch_norm;
            let conv =
                Op::Conv { name, inputs: features, outputs: features, kernel: 3, stride: 1, bias };
            at = graph.push(conv, &[at]);
            if self.batch_norm {
                let name = format!("bn{i}");
                at = graph.push(Op::BatchNorm { name, channels: features }, &[at]);
            }
            at = graph.relu(at);
        }
        let noise = graph.conv(&format!("conv{last}"), at, [features, self.channels], 3);
        graph.push(Op::Sub, &[graph.input(), noise]);
        graph
    }

    fn channels(&self) -> usize {
        self.channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Net, Tensors, Value};

    #[test]
    fn it_has_the_paper_s_number_of_weights() {
        let count = |net: DnCnn| {
            let parameters = net.graph().parameters();
            parameters.iter().map(|(_, s, _)| s.iter().product::<usize>()).sum::<usize>()
        };
        // 555137 for the gray and 668227 for the color net: the shared files of the authors.
        assert_eq!(count(DnCnn::default()), 555_137);
        assert_eq!(count(DnCnn { channels: 3, layers: 20, ..DnCnn::default() }), 668_227);
        let trained = DnCnn { batch_norm: true, ..DnCnn::default() };
        assert_eq!(count(trained), 555_137 + 15 * 3 * 64);
    }

    #[test]
    fn with_weights_of_zero_the_image_comes_back() {
        let graph = DnCnn { features: 4, layers: 3, ..DnCnn::default() }.graph();
        assert_eq!(graph.shapes([1, 5, 7]).unwrap()[graph.output()], [1, 5, 7]);
        let zeros: Tensors =
            graph.parameters().into_iter().map(|(n, s, _)| (n, crate::Tensor::zeros(&s))).collect();
        let net = Net::new(graph, zeros).unwrap();
        let planes: Vec<f32> = (0..35).map(|i| i as f32 / 35.0).collect();
        let x = Value::from_planes(1, [1, 5, 7], &planes).unwrap();
        assert_eq!(net.forward(x, 1).unwrap().to_planes(), planes);
    }

    #[test]
    fn options_out_of_range_are_refused_by_name() {
        let refused = |net: DnCnn, part: &str| {
            let error = net.validate().unwrap_err();
            assert!(matches!(&error, NnError::Param(m) if m.contains(part)), "{error}");
        };
        refused(DnCnn { channels: 2, ..DnCnn::default() }, "`channels`");
        refused(DnCnn { layers: 2, ..DnCnn::default() }, "`layers` must be in 3..=64, got 2");
        refused(DnCnn { features: usize::MAX, ..DnCnn::default() }, "`features`");
    }
}
