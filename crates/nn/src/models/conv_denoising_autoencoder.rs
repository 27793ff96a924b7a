//! A convolutional denoising autoencoder: pictures of any size, no shortcut past the code.
//!
//! ```text
//! input   [c, h, w]       noisy, nominal range; rows and columns multiples of 4
//! 1/2     unshuffle, 3x3 to widths[0], blocks
//! 1/4     2x2 to widths[1], blocks
//! code    [widths[1], h / 4, w / 4]
//! 1/2     2x2 up to widths[0], blocks
//! output  3x3, shuffle    [c, h, w], clean, linear
//! block   x + conv3x3(relu(conv3x3(x)))
//! ```
//! All that is known of the picture passes through the code, which unlike that of a [`UNet`](super::UNet)
//! has no way around it; it may be wider than the picture, since it is the noise that keeps the net from
//! learning the identity (Vincent et al. 2010, JMLR 11:3371, section 4). Cost of the default: 44 thousand
//! products per pixel.
//!
//! Mao, Shen, Yang 2016, arXiv 1603.09056, without the skips; blocks by He et al. 2016, arXiv 1512.03385.

use super::Architecture;
use super::blocks::{blocks, down, quiet, up};
use super::options::{gray_or_color, within};
use crate::{Graph, Net, NnError, Op};
use serde::{Deserialize, Serialize};

/// Sizes of a convolutional denoising autoencoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvDenoisingAutoencoder {
    /// Channels of the picture: 1 or 3.
    pub channels: usize,
    /// Features at half and at quarter size, each `1..=1024`.
    pub widths: [usize; 2],
    /// Residual blocks at each size, on either side of the code, `0..=32`.
    pub blocks: usize,
}

impl Default for ConvDenoisingAutoencoder {
    fn default() -> Self {
        Self { channels: 1, widths: [48, 96], blocks: 1 }
    }
}

impl Architecture for ConvDenoisingAutoencoder {
    fn validate(&self) -> Result<(), NnError> {
        gray_or_color(self.channels)?;
        self.widths.iter().try_for_each(|&n| within("widths", n, 1..=1024))?;
        within("blocks", self.blocks, 0..=32)
    }

    /// Tensors are named `head`, `half_down.0.first` ..., `smaller`, `quarter_down`, `quarter_up`,
    /// `larger`, `half_up`, `tail`.
    fn graph(&self) -> Graph {
        let (c, [w0, w1], n) = (self.channels, self.widths, self.blocks);
        let mut g = Graph::new(c);
        let x = g.push(Op::PixelUnshuffle { factor: 2 }, &[0]);
        let x = g.conv("head", x, [4 * c, w0], 3);
        let x = blocks(&mut g, "half_down", x, w0, n);
        let x = down(&mut g, "smaller", x, [w0, w1]);
        let x = blocks(&mut g, "quarter_down", x, w1, n);
        let x = g.relu(x);
        g.set_code(x);
        let x = blocks(&mut g, "quarter_up", x, w1, n);
        let x = up(&mut g, "larger", x, [w1, w0]);
        let x = blocks(&mut g, "half_up", x, w0, n);
        let x = g.relu(x);
        let x = g.conv("tail", x, [w0, 4 * c], 3);
        g.push(Op::PixelShuffle { factor: 2 }, &[x]);
        g
    }

    /// Second layers of blocks start small, and the output near mid-gray.
    fn start(&self, seed: u64) -> Net {
        let mut net = Net::random(self.graph(), seed);
        net.scale(|name| if name == "tail.weight" { 0.3 } else { quiet(name) });
        if let Some(bias) = net.data_mut("tail.bias") {
            bias.fill(0.5);
        }
        net
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn alignment(&self) -> usize {
        4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn the_code_is_a_map_of_a_quarter_of_the_size() {
        let net = ConvDenoisingAutoencoder { channels: 3, ..ConvDenoisingAutoencoder::default() };
        let code = net.start(1).encode(Value::zeros(2, [3, 8, 12]), 1).unwrap();
        assert_eq!(code.shape(), [96, 2, 3]);
    }

    #[test]
    fn the_default_costs_what_the_docs_say() {
        let macs = ConvDenoisingAutoencoder::default().graph().multiply_adds([1, 64, 64]).unwrap();
        assert_eq!(macs / (64 * 64) / 1000, 44);
    }
}
