//! A dense autoencoder: every pixel is joined to a few numbers, the code, and those to every pixel again.
//!
//! ```text
//! input    [c, h, w]            nominal range; the one shape that the net is made for
//! flatten  c * h * w            less 1/2
//! encoder  hidden[0], hidden[1] ...    each with `activation`
//! code     code                        with `code_activation`
//! decoder  ... hidden[1], hidden[0]    each with `activation`
//! output   c * h * w                   with `output`, as [c, h, w]; plus 1/2 where that is linear
//! ```
//! With no hidden layers and no activations the net is linear, and the best it can do is what PCA does
//! with as many components (Baldi and Hornik 1989, doi:10.1016/0893-6080(89)90014-2). Cost: one product
//! per weight.
//!
//! Pixels are in `0..=1`, far from mean 0, where gradient descent is slow: 1/2 is taken off every pixel
//! first, and added again to a linear output (20 passes over the SMILEs faces leave 0.0046 so, and
//! 0.0051 with biases that begin there instead).
//!
//! Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647.

use super::Architecture;
use super::options::within;
use crate::{Graph, Net, NnError, NodeId, Op, Shape};
use serde::{Deserialize, Serialize};

/// What is done to every number of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Nothing: the layer is linear.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Activation {
    fn push(self, graph: &mut Graph, from: NodeId) -> NodeId {
        match self {
            Self::None => from,
            Self::Relu => graph.relu(from),
            Self::Tanh => graph.push(Op::Tanh, &[from]),
            Self::Sigmoid => graph.push(Op::Sigmoid, &[from]),
        }
    }
}

/// Sizes and activations of a dense autoencoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DenseAutoencoder {
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

impl Default for DenseAutoencoder {
    fn default() -> Self {
        Self {
            shape: [1, 28, 28],
            code: 32,
            hidden: Vec::new(),
            activation: Activation::Relu,
            code_activation: Activation::None,
            output: Activation::None,
        }
    }
}

/// Most numbers in a picture.
const LARGEST: usize = 1 << 24;

/// Checks the shape of a net's pictures.
pub(super) fn check_shape([c, h, w]: Shape) -> Result<(), NnError> {
    super::options::gray_or_color(c)?;
    let numbers = h.checked_mul(w).and_then(|n| n.checked_mul(c));
    match numbers {
        Some(1..=LARGEST) => Ok(()),
        _ => Err(NnError::Param(format!(
            "`shape` must be of 1 to {LARGEST} numbers, got {c} x {h} x {w}"
        ))),
    }
}

impl Architecture for DenseAutoencoder {
    fn validate(&self) -> Result<(), NnError> {
        check_shape(self.shape)?;
        within("code", self.code, 1..=65_536)?;
        within("number of `hidden` layers", self.hidden.len(), 0..=16)?;
        self.hidden.iter().try_for_each(|&n| within("hidden", n, 1..=65_536))
    }

    /// Tensors are named `encoder.0`, `encoder.1` ... up to the code, then `decoder.0` ... up to the
    /// picture.
    fn graph(&self) -> Graph {
        let pixels: usize = self.shape.iter().product();
        let mut g = Graph::new(self.shape[0]);
        let x = g.shift(0, -0.5);
        let mut x = g.push(Op::Flatten, &[x]);
        let mut size = pixels;
        for (i, &n) in self.hidden.iter().chain([&self.code]).enumerate() {
            x = g.dense(&format!("encoder.{i}"), x, size, n);
            let last = i == self.hidden.len();
            x = if last { self.code_activation } else { self.activation }.push(&mut g, x);
            size = n;
        }
        g.set_code(x);
        for (i, &n) in self.hidden.iter().rev().chain([&pixels]).enumerate() {
            x = g.dense(&format!("decoder.{i}"), x, size, n);
            let last = i == self.hidden.len();
            x = if last { self.output } else { self.activation }.push(&mut g, x);
            size = n;
        }
        x = g.push(Op::Unflatten { shape: self.shape }, &[x]);
        if self.output == Activation::None {
            g.shift(x, 0.5);
        }
        g
    }

    /// Layers without a rectifier start with variance `1 / inputs`, half of those with one (`LeCun`
    /// et al. 1998, doi:10.1007/3-540-49430-8_2).
    fn start(&self, seed: u64) -> Net {
        let mut net = Net::random(self.graph(), seed);
        let last = self.hidden.len();
        let activation = |name: &str| match name.split_once('.') {
            Some(("encoder", i)) if i == format!("{last}.weight") => self.code_activation,
            Some(("decoder", i)) if i == format!("{last}.weight") => self.output,
            _ => self.activation,
        };
        net.scale(|name| match activation(name) {
            Activation::Relu => 1.0,
            _ => std::f32::consts::FRAC_1_SQRT_2,
        });
        net
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
    use crate::Value;

    #[test]
    fn a_new_net_makes_mid_gray_of_mid_gray() {
        let net = DenseAutoencoder { hidden: vec![40], ..DenseAutoencoder::default() }.start(1);
        let gray = Value::from_planes(1, [1, 28, 28], &[0.5; 784]).unwrap();
        let out = net.forward(gray, 1).unwrap();
        assert!(out.data().iter().all(|x| (x - 0.5).abs() < 1e-4));
    }

    #[test]
    fn any_shape_and_code_size_fit() {
        for (shape, code, hidden) in
            [([1, 32, 32], 1000, vec![]), ([3, 5, 7], 1, vec![9, 3]), ([1, 1, 1], 2, vec![4])]
        {
            let net = DenseAutoencoder { shape, code, hidden, ..DenseAutoencoder::default() };
            net.validate().unwrap();
            let net = net.start(1);
            let x = Value::zeros(2, shape);
            assert_eq!(net.encode(x.clone(), 1).unwrap().shape(), [code, 1, 1]);
            assert_eq!(net.forward(x, 1).unwrap().shape(), shape);
        }
    }
}
