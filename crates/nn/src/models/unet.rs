//! The U-Net: down to small sizes and up again, with shortcuts at every size.
//!
//! ```text
//! input    [c, h, w]      nominal range; rows and columns multiples of 2^depth
//! level 0  two 3x3 to base             ------------------ joined -- two 3x3 to base, 1x1 to c
//! level 1  pool, two 3x3 to 2 base     ------- joined -- two 3x3 to 2 base, 2x2 up to base
//! ...
//! level d  pool, two 3x3 to 2^d base, 2x2 up to 2^(d-1) base
//! output   [c, h, w]      linear
//! ```
//! Every 3x3 is followed by batch norm (if asked for) and `ReLU`. Cost of the default: 140 thousand
//! products per pixel. Unlike in the paper borders are padded with zeros, so that what comes out has the
//! size of what went in (the paper cuts it), the defaults are smaller (the paper: depth 4, base 64), and
//! there is no dropout.
//!
//! Ronneberger, Fischer, Brox 2015, arXiv 1505.04597.

use super::Architecture;
use super::options::{gray_or_color, within};
use crate::{Graph, NnError, NodeId, Op};
use serde::{Deserialize, Serialize};

/// Sizes of a U-Net.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UNet {
    /// Channels of the picture: 1 or 3.
    pub channels: usize,
    /// How often the size is halved, `1..=6`.
    pub depth: usize,
    /// Features at full size, `1..=256`; twice as many at every level below.
    pub base: usize,
    /// Batch norm behind every 3x3 convolution, which then has no bias.
    pub batch_norm: bool,
}

impl Default for UNet {
    fn default() -> Self {
        Self { channels: 1, depth: 3, base: 32, batch_norm: true }
    }
}

impl UNet {
    /// Two convolutions.
    fn pair(self, g: &mut Graph, name: &str, mut x: NodeId, [from, to]: [usize; 2]) -> NodeId {
        for (i, inputs) in [(1, from), (2, to)] {
            let bias = !self.batch_norm;
            let name_of = |part: &str| format!("{name}.{part}{i}");
            let name = name_of("conv");
            x = g.push(Op::Conv { name, inputs, outputs: to, kernel: 3, stride: 1, bias }, &[x]);
            if self.batch_norm {
                x = g.push(Op::BatchNorm { name: name_of("norm"), channels: to }, &[x]);
            }
            x = g.relu(x);
        }
        x
    }
}

impl Architecture for UNet {
    fn validate(&self) -> Result<(), NnError> {
        gray_or_color(self.channels)?;
        within("depth", self.depth, 1..=6)?;
        within("base", self.base, 1..=256)
    }

    /// Tensors are named `down0.conv1`, `down0.norm1` ..., `larger0`, `up0.conv1` ..., `output`.
    fn graph(&self) -> Graph {
        let width = |level: usize| self.base << level;
        let mut g = Graph::new(self.channels);
        let mut x = self.pair(&mut g, "down0", 0, [self.channels, width(0)]);
        let mut levels = Vec::new();
        for i in 1..=self.depth {
            levels.push(x);
            x = g.push(Op::MaxPool2, &[x]);
            x = self.pair(&mut g, &format!("down{i}"), x, [width(i - 1), width(i)]);
        }
        for (i, level) in levels.into_iter().enumerate().rev() {
            let (inputs, outputs) = (width(i + 1), width(i));
            x = g.push(Op::UpConv2 { name: format!("larger{i}"), inputs, outputs }, &[x]);
            x = g.push(Op::Concat, &[level, x]);
            x = self.pair(&mut g, &format!("up{i}"), x, [inputs, outputs]);
        }
        g.conv("output", x, [width(0), self.channels], 1);
        g
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn alignment(&self) -> usize {
        1 << self.depth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_s_net_has_its_number_of_weights() {
        // 31,030,593 with biases, one channel in and one out: what the paper's layers add up to.
        let net = UNet { depth: 4, base: 64, batch_norm: false, channels: 1 };
        let count = |net: UNet| {
            let parameters = net.graph().parameters();
            parameters.iter().map(|(_, s, _)| s.iter().product::<usize>()).sum::<usize>()
        };
        let mut by_hand = 64 + 1;
        for (i, width) in [64, 128, 256, 512, 1024].into_iter().enumerate() {
            let from = if i == 0 { 1 } else { width / 2 };
            by_hand += 9 * width * (from + width) + 2 * width;
            if i > 0 {
                let half = width / 2;
                by_hand += 4 * width * half + half + 9 * half * (width + half) + 2 * half;
            }
        }
        assert_eq!(count(net), by_hand);
        assert_eq!(count(net), 31_030_593);
    }

    #[test]
    fn the_default_costs_what_the_docs_say() {
        let macs = UNet::default().graph().multiply_adds([1, 64, 64]).unwrap();
        assert_eq!(macs / (64 * 64) / 1000, 140);
    }
}
