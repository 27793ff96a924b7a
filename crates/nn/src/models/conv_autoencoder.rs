//! A convolutional autoencoder whose code is a vector.
//!
//! ```text
//! input    [c, h, w]                     nominal range; the one shape that the net is made for
//! 1/2      unshuffle, 3x3 to widths[0], blocks
//! 1/4      2x2 to widths[1], blocks      ... and so on, one level per width
//! code     flatten, dense                [code]
//! decoder  dense, the levels turned around (2x2 up), blocks, 3x3, shuffle
//! output   [c, h, w]                     linear
//! block    x + conv3x3(relu(conv3x3(x)))
//! ```
//! Rows and columns are multiples of `2^levels`. It does at equal code size what a linear net (or PCA)
//! cannot: the code says where features are, not only how strong. There is no batch norm: with a code
//! of few numbers its noise costs more than it helps.
//!
//! After Masci, Meier, Cireșan, Schmidhuber 2011, doi:10.1007/978-3-642-21735-7_7; residual blocks by He,
//! Zhang, Ren, Sun 2016, arXiv 1512.03385.

use super::Architecture;
use super::blocks::{blocks, down, quiet, up};
use super::dense_autoencoder::check_shape;
use super::options::within;
use crate::{Graph, Net, NnError, Op, Shape};
use serde::{Deserialize, Serialize};

/// Sizes of a convolutional autoencoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvAutoencoder {
    /// Channels (1 or 3), rows, columns of the pictures: multiples of `2^widths.len()`.
    pub shape: Shape,
    /// Numbers in the code, `1..=65536`.
    pub code: usize,
    /// Features at half size, quarter size and so on, each `1..=1024`; 1 to 8 of them.
    pub widths: Vec<usize>,
    /// Residual blocks of each level, on either side of the code, `0..=16`.
    pub blocks: usize,
}

impl Default for ConvAutoencoder {
    fn default() -> Self {
        Self { shape: [1, 32, 32], code: 32, widths: vec![32, 64, 128], blocks: 1 }
    }
}

impl ConvAutoencoder {
    /// The features at the smallest size.
    fn smallest(&self) -> Shape {
        let [_, h, w] = self.shape;
        let levels = self.widths.len();
        [self.widths.last().copied().unwrap_or(1), h >> levels, w >> levels]
    }
}

impl Architecture for ConvAutoencoder {
    fn validate(&self) -> Result<(), NnError> {
        check_shape(self.shape)?;
        within("code", self.code, 1..=65_536)?;
        within("number of `widths`", self.widths.len(), 1..=8)?;
        self.widths.iter().try_for_each(|&n| within("widths", n, 1..=1024))?;
        within("blocks", self.blocks, 0..=16)?;
        let ([_, h, w], multiple) = (self.shape, self.alignment());
        if h.is_multiple_of(multiple) && w.is_multiple_of(multiple) {
            return Ok(());
        }
        let levels = self.widths.len();
        Err(NnError::Param(format!(
            "`shape` must have rows and columns in multiples of {multiple} for {levels} widths, got \
             {h} x {w}"
        )))
    }

    /// Tensors are named `head`, `down0.0.first` ..., `code`, `features`, `up0.0.first` ..., `tail`.
    fn graph(&self) -> Graph {
        let c = self.shape[0];
        let widths = &self.widths;
        let last = widths.len().saturating_sub(1);
        let mut g = Graph::new(c);
        let small = g.push(Op::PixelUnshuffle { factor: 2 }, &[0]);
        let mut x = g.conv("head", small, [4 * c, widths[0]], 3);
        for (i, &width) in widths.iter().enumerate() {
            if i > 0 {
                x = down(&mut g, &format!("smaller{i}"), x, [widths[i - 1], width]);
            }
            x = blocks(&mut g, &format!("down{i}"), x, width, self.blocks);
        }
        let shape = self.smallest();
        let size: usize = shape.iter().product();
        x = g.relu(x);
        x = g.push(Op::Flatten, &[x]);
        x = g.dense("code", x, size, self.code);
        g.set_code(x);
        x = g.dense("features", x, self.code, size);
        x = g.relu(x);
        x = g.push(Op::Unflatten { shape }, &[x]);
        for i in (0..=last).rev() {
            if i < last {
                x = up(&mut g, &format!("larger{i}"), x, [widths[i + 1], widths[i]]);
            }
            x = blocks(&mut g, &format!("up{i}"), x, widths[i], self.blocks);
        }
        x = g.relu(x);
        let x = g.conv("tail", x, [widths[0], 4 * c], 3);
        g.push(Op::PixelShuffle { factor: 2 }, &[x]);
        g
    }

    /// Second layers of blocks start small, and the output near mid-gray.
    fn start(&self, seed: u64) -> Net {
        let mut net = Net::random(self.graph(), seed);
        net.scale(|name| match name {
            "code.weight" => std::f32::consts::FRAC_1_SQRT_2,
            "tail.weight" => 0.3,
            name => quiet(name),
        });
        if let Some(bias) = net.data_mut("tail.bias") {
            bias.fill(0.5);
        }
        net
    }

    fn channels(&self) -> usize {
        self.shape[0]
    }

    fn alignment(&self) -> usize {
        1 << self.widths.len()
    }

    fn fixed_shape(&self) -> Option<Shape> {
        Some(self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn the_code_is_a_vector_of_the_size_asked_for() {
        for (shape, widths) in [([3, 32, 48], vec![8, 12, 16]), ([1, 28, 28], vec![8, 8])] {
            for code in [1, 32, 1000] {
                let widths = widths.clone();
                let net = ConvAutoencoder { shape, code, widths, ..ConvAutoencoder::default() };
                net.validate().unwrap();
                let code_of = net.start(1).encode(Value::zeros(2, shape), 1).unwrap();
                assert_eq!(code_of.shape(), [code, 1, 1]);
            }
        }
    }
}
