//! A net as a list of layers: the one description that inference, training and export share.

mod reach;

use crate::NnError;

/// The place of a [`Node`] in its [`Graph`].
pub type NodeId = usize;

/// One item's feature map: channels, rows, columns. A vector is `[n, 1, 1]`.
pub type Shape = [usize; 3];

/// A layer. Names are prefixes of the tensors that belong to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// What comes in: always node 0.
    Input {
        /// Channels of the image, or length of the vector.
        channels: usize,
    },
    /// Cross-correlation with zero padding of `kernel / 2` (an odd kernel keeps the size at stride
    /// 1). Tensors: `name.weight` `[out, in, kernel, kernel]`, and `name.bias` `[out]` if asked for.
    Conv {
        /// Prefix of the tensors.
        name: String,
        /// Channels in.
        inputs: usize,
        /// Channels out.
        outputs: usize,
        /// Side of the kernel.
        kernel: usize,
        /// Step between windows.
        stride: usize,
        /// Has it a bias?
        bias: bool,
    },
    /// Transposed 2x2 convolution with stride 2: doubles the size. Tensors: `name.weight`
    /// `[in, out, 2, 2]`, `name.bias` `[out]`.
    UpConv2 {
        /// Prefix of the tensors.
        name: String,
        /// Channels in.
        inputs: usize,
        /// Channels out.
        outputs: usize,
    },
    /// Batch normalization. Tensors: `name.weight`, `name.bias`, `name.running_mean`,
    /// `name.running_var`, each `[channels]`.
    BatchNorm {
        /// Prefix of the tensors.
        name: String,
        /// Channels.
        channels: usize,
    },
    /// Matrix product on a vector. Tensors: `name.weight` `[out, in]`, `name.bias` `[out]`.
    Dense {
        /// Prefix of the tensors.
        name: String,
        /// Length in.
        inputs: usize,
        /// Length out.
        outputs: usize,
    },
    /// `max(x, 0)`.
    Relu,
    /// `x` where positive, else `slope * x`.
    LeakyRelu {
        /// The slope below zero.
        slope: f32,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x + by`: brings pixels, which are in `0..1`, near mean 0 and back.
    Shift {
        /// What is added.
        by: f32,
    },
    /// Sum of two inputs of one shape.
    Add,
    /// First input minus the second.
    Sub,
    /// Channels of two inputs, one after the other.
    Concat,
    /// The channels `from .. from + count`.
    Slice {
        /// First channel.
        from: usize,
        /// How many.
        count: usize,
    },
    /// Space to depth by `factor`, as in `PyTorch`: channel `c * f * f + dy * f + dx`.
    PixelUnshuffle {
        /// Side of the block.
        factor: usize,
    },
    /// Depth to space by `factor`: the inverse of [`Op::PixelUnshuffle`].
    PixelShuffle {
        /// Side of the block.
        factor: usize,
    },
    /// 2x2 maximum with stride 2.
    MaxPool2,
    /// Every pixel becomes 2x2.
    Upsample2,
    /// A feature map becomes a vector in channel, row, column order.
    Flatten,
    /// A vector becomes a feature map of this shape.
    Unflatten {
        /// Channels, rows, columns.
        shape: Shape,
    },
}

/// A layer and where its inputs come from (earlier nodes).
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// The nodes it reads.
    pub inputs: Vec<NodeId>,
}

/// Layers in an order in which they can be run; node 0 is the input, the last one the output.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    /// The node whose value is the code of an autoencoder.
    code: Option<NodeId>,
}

impl Graph {
    /// A net that so far hands its input on.
    pub fn new(channels: usize) -> Self {
        Self { nodes: vec![Node { op: Op::Input { channels }, inputs: Vec::new() }], code: None }
    }

    /// The node of the input.
    pub fn input(&self) -> NodeId {
        0
    }

    /// The node whose value is the result.
    pub fn output(&self) -> NodeId {
        self.nodes.len() - 1
    }

    /// The node whose value is the code, in an autoencoder.
    pub fn code(&self) -> Option<NodeId> {
        self.code
    }

    /// Names the node whose value is the code.
    pub fn set_code(&mut self, node: NodeId) {
        self.code = Some(node);
    }

    /// All layers in order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Appends a layer and says where it is.
    pub fn push(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        debug_assert!(inputs.iter().all(|&i| i < self.nodes.len()));
        self.nodes.push(Node { op, inputs: inputs.to_vec() });
        self.nodes.len() - 1
    }

    /// A convolution that keeps the size, with a bias.
    pub fn conv(&mut self, name: &str, from: NodeId, io: [usize; 2], kernel: usize) -> NodeId {
        let [inputs, outputs] = io;
        let name = name.to_owned();
        self.push(Op::Conv { name, inputs, outputs, kernel, stride: 1, bias: true }, &[from])
    }

    /// The names of the layers that have one.
    pub fn layers(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| node.op.name())
    }

    /// A layer by its name, or by its number.
    pub fn find(&self, layer: &str) -> Option<NodeId> {
        let named = self.nodes.iter().position(|node| node.op.name() == Some(layer));
        named.or_else(|| layer.parse().ok().filter(|i| (1..self.nodes.len()).contains(i)))
    }

    /// The layer that the last one with weights reads.
    pub fn before_last(&self) -> NodeId {
        let last = self.nodes.iter().rev().find(|node| node.op.name().is_some());
        last.and_then(|node| node.inputs.first()).copied().unwrap_or(0)
    }

    /// `max(x, 0)`.
    pub fn relu(&mut self, from: NodeId) -> NodeId {
        self.push(Op::Relu, &[from])
    }

    /// `x + by`.
    pub fn shift(&mut self, from: NodeId, by: f32) -> NodeId {
        self.push(Op::Shift { by }, &[from])
    }

    /// A dense layer.
    pub fn dense(&mut self, name: &str, from: NodeId, inputs: usize, outputs: usize) -> NodeId {
        self.push(Op::Dense { name: name.to_owned(), inputs, outputs }, &[from])
    }

    /// The tensors the net needs, with their shapes, in the order of the layers. Those that are not
    /// trained by gradients (running statistics) come with `false`.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>, bool)> {
        let mut all = Vec::new();
        for node in &self.nodes {
            let mut add = |name: &str, part: &str, shape: Vec<usize>, trained: bool| {
                all.push((format!("{name}.{part}"), shape, trained));
            };
            match &node.op {
                Op::Conv { name, inputs, outputs, kernel, bias, .. } => {
                    add(name, "weight", vec![*outputs, *inputs, *kernel, *kernel], true);
                    if *bias {
                        add(name, "bias", vec![*outputs], true);
                    }
                }
                Op::UpConv2 { name, inputs, outputs } => {
                    add(name, "weight", vec![*inputs, *outputs, 2, 2], true);
                    add(name, "bias", vec![*outputs], true);
                }
                Op::BatchNorm { name, channels } => {
                    add(name, "weight", vec![*channels], true);
                    add(name, "bias", vec![*channels], true);
                    add(name, "running_mean", vec![*channels], false);
                    add(name, "running_var", vec![*channels], false);
                }
                Op::Dense { name, inputs, outputs } => {
                    add(name, "weight", vec![*outputs, *inputs], true);
                    add(name, "bias", vec![*outputs], true);
                }
                _ => {}
            }
        }
        all
    }

    /// Multiply-adds of all convolutions and dense layers for one item.
    ///
    /// # Errors
    /// As for [`Graph::shapes`].
    pub fn multiply_adds(&self, input: Shape) -> Result<usize, NnError> {
        let shapes = self.shapes(input)?;
        let cost = |(node, [_, h, w]): (&Node, &Shape)| match node.op {
            Op::Conv { inputs, outputs, kernel, .. } => kernel * kernel * inputs * outputs * h * w,
            Op::UpConv2 { inputs, outputs, .. } => inputs * outputs * h * w,
            Op::Dense { inputs, outputs, .. } => inputs * outputs,
            _ => 0,
        };
        Ok(self.nodes.iter().zip(&shapes).map(cost).sum())
    }

    /// The shape of every node's value for an input of this shape.
    ///
    /// # Errors
    /// [`NnError::Input`] naming the first layer that the shape does not fit.
    pub fn shapes(&self, input: Shape) -> Result<Vec<Shape>, NnError> {
        let mut shapes: Vec<Shape> = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let from: Vec<Shape> = node.inputs.iter().map(|&i| shapes[i]).collect();
            let shape = node.op.shape(&from, input).map_err(|wanted| {
                let layer = &node.op;
                NnError::Input(format!("layer {index} ({layer:?}) wants {wanted}, got {from:?}"))
            })?;
            shapes.push(shape);
        }
        Ok(shapes)
    }
}

impl Op {
    /// The prefix of its tensors, if it has any.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Conv { name, .. }
            | Self::UpConv2 { name, .. }
            | Self::BatchNorm { name, .. }
            | Self::Dense { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The shape of the value, or what was wanted of the inputs.
    fn shape(&self, from: &[Shape], input: Shape) -> Result<Shape, String> {
        let one = || from.first().copied().ok_or_else(|| "an input".to_owned());
        let two = || match from {
            [a, b] if a[1..] == b[1..] => Ok((*a, *b)),
            _ => Err("two inputs of one size".to_owned()),
        };
        let channels = |wanted: usize| match one()? {
            s if s[0] == wanted => Ok(s),
            _ => Err(format!("{wanted} channels")),
        };
        let even = |factor: usize| match one()? {
            s if s[1].is_multiple_of(factor) && s[2].is_multiple_of(factor) => Ok(s),
            _ => Err(format!("rows and columns in multiples of {factor}")),
        };
        Ok(match self {
            Self::Input { channels } if input[0] == *channels => input,
            Self::Input { channels } => {
                return Err(format!("{channels} channels, got {} from outside", input[0]));
            }
            Self::Conv { inputs, outputs, kernel, stride, .. } => {
                let [_, h, w] = channels(*inputs)?;
                let out = |n: usize| {
                    (n + 2 * (kernel / 2) - kernel.min(&(n + 2 * (kernel / 2)))) / stride + 1
                };
                [*outputs, out(h), out(w)]
            }
            Self::UpConv2 { inputs, outputs, .. } => {
                let [_, h, w] = channels(*inputs)?;
                [*outputs, 2 * h, 2 * w]
            }
            Self::BatchNorm { channels: wanted, .. } => channels(*wanted)?,
            Self::Dense { inputs, outputs, .. } => match one()? {
                [n, 1, 1] if n == *inputs => [*outputs, 1, 1],
                _ => return Err(format!("a vector of {inputs}")),
            },
            Self::Relu
            | Self::LeakyRelu { .. }
            | Self::Sigmoid
            | Self::Tanh
            | Self::Shift { .. } => one()?,
            Self::Add | Self::Sub => match two()? {
                (a, b) if a == b => a,
                _ => return Err("two inputs of one shape".to_owned()),
            },
            Self::Concat => {
                let (a, b) = two()?;
                [a[0] + b[0], a[1], a[2]]
            }
            Self::Slice { from, count } => match one()? {
                [c, h, w] if from + count <= c => [*count, h, w],
                _ => return Err(format!("at least {} channels", from + count)),
            },
            Self::PixelUnshuffle { factor: f } => {
                let [c, h, w] = even(*f)?;
                [c * f * f, h / f, w / f]
            }
            Self::PixelShuffle { factor: f } => match one()? {
                [c, h, w] if c.is_multiple_of(f * f) => [c / (f * f), h * f, w * f],
                _ => return Err(format!("channels in multiples of {}", f * f)),
            },
            Self::MaxPool2 => {
                let [c, h, w] = even(2)?;
                [c, h / 2, w / 2]
            }
            Self::Upsample2 => {
                let [c, h, w] = one()?;
                [c, 2 * h, 2 * w]
            }
            Self::Flatten => [one()?.iter().product(), 1, 1],
            Self::Unflatten { shape } => match one()? {
                [n, 1, 1] if n == shape.iter().product::<usize>() => *shape,
                _ => return Err(format!("a vector of {}", shape.iter().product::<usize>())),
            },
        })
    }
}
