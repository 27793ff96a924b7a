//! Convolutional backbones whose inner maps perceptual measures compare: `AlexNet`, VGG16, `SqueezeNet` 1.1.
//!
//! ```text
//! image -> conv, relu -> [tap 0] -> pool -> conv, relu ... -> [tap n]
//! ```
//!
//! Tensors have torchvision's names (`features.0.weight`); what belongs to the classifier (`classifier.*`) is passed over.
//! A backbone only runs forward and gives what is inside, so it is a list of its own and no
//! [`Graph`](crate::Graph): its convolutions have paddings that a trained net of ours never has. 3x3 at stride 1 by
//! Winograd, the others as a product of windows and weights. Maps are channels-last.
//!
//! Reference: A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014,
//! arXiv:1404.5997; K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image
//! recognition", ICLR 2015, arXiv:1409.1556; F. N. Iandola et al., "`SqueezeNet`", 2016, arXiv:1602.07360.

mod run;

use crate::kernels::Winograd;
use crate::{NnError, Tensor, Tensors};
use std::fmt;

/// Which net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackboneKind {
    /// torchvision's `alexnet`: five taps.
    AlexNet,
    /// torchvision's `vgg16`: five taps, the last `relu` of each stage.
    Vgg16,
    /// torchvision's `squeezenet1_1`: seven taps.
    SqueezeNet,
}

/// How a backbone is reduced between stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackbonePooling {
    /// As the net was trained: the largest of a window.
    Max,
    /// The root of the Hanning-weighted mean of squares over 3 x 3, without aliasing (eq. (2) of DISTS,
    /// arXiv:2004.07728). For VGG16.
    L2,
}

/// A map inside a backbone: `data[(y * width + x) * channels + c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMap {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The numbers.
    pub data: Vec<f32>,
}

impl fmt::Display for BackboneKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlexNet => "AlexNet",
            Self::Vgg16 => "VGG16",
            Self::SqueezeNet => "SqueezeNet 1.1",
        })
    }
}

/// A layer as the architecture has it.
#[derive(Clone, Copy, Debug)]
enum Plan {
    /// A convolution `features.{index}` and a cut at zero.
    Conv { index: usize, io: [usize; 2], kernel: usize, stride: usize, pad: usize },
    /// A fire module `features.{index}`: 1x1 to `squeeze`, then 1x1 and 3x3 side by side, `expand` each.
    Fire { index: usize, inputs: usize, squeeze: usize, expand: usize },
    /// The largest of `kernel` x `kernel` at stride 2; `ceil`: windows may begin inside and end outside.
    Pool { kernel: usize, ceil: bool },
    /// The value is handed out.
    Tap,
}

impl BackboneKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AlexNet, Self::Vgg16, Self::SqueezeNet];

    /// Channels of each tap.
    pub fn channels(self) -> &'static [usize] {
        match self {
            Self::AlexNet => &[64, 192, 384, 256, 256],
            Self::Vgg16 => &[64, 128, 256, 512, 512],
            Self::SqueezeNet => &[64, 128, 256, 384, 384, 512, 512],
        }
    }

    /// Least width and height for which every map has a pixel.
    pub fn least_side(self) -> usize {
        match self {
            Self::AlexNet => 31,
            Self::Vgg16 => 16,
            Self::SqueezeNet => 25,
        }
    }

    fn plan(self) -> Vec<Plan> {
        let conv = |index, io, kernel, stride, pad| Plan::Conv { index, io, kernel, stride, pad };
        match self {
            Self::AlexNet => {
                let pool = Plan::Pool { kernel: 3, ceil: false };
                vec![
                    conv(0, [3, 64], 11, 4, 2),
                    Plan::Tap,
                    pool,
                    conv(3, [64, 192], 5, 1, 2),
                    Plan::Tap,
                    pool,
                    conv(6, [192, 384], 3, 1, 1),
                    Plan::Tap,
                    conv(8, [384, 256], 3, 1, 1),
                    Plan::Tap,
                    conv(10, [256, 256], 3, 1, 1),
                    Plan::Tap,
                ]
            }
            Self::Vgg16 => {
                let mut plan = Vec::new();
                let (mut index, mut inputs) = (0, 3);
                for (stage, &outputs) in self.channels().iter().enumerate() {
                    if stage > 0 {
                        plan.push(Plan::Pool { kernel: 2, ceil: false });
                        index += 1;
                    }
                    for _ in 0..if stage < 2 { 2 } else { 3 } {
                        plan.push(conv(index, [inputs, outputs], 3, 1, 1));
                        (inputs, index) = (outputs, index + 2);
                    }
                    plan.push(Plan::Tap);
                }
                plan
            }
            Self::SqueezeNet => {
                let pool = Plan::Pool { kernel: 3, ceil: true };
                let fire =
                    |index, inputs, squeeze, expand| Plan::Fire { index, inputs, squeeze, expand };
                vec![
                    conv(0, [3, 64], 3, 2, 0),
                    Plan::Tap,
                    pool,
                    fire(3, 64, 16, 64),
                    fire(4, 128, 16, 64),
                    Plan::Tap,
                    pool,
                    fire(6, 128, 32, 128),
                    fire(7, 256, 32, 128),
                    Plan::Tap,
                    pool,
                    fire(9, 256, 48, 192),
                    Plan::Tap,
                    fire(10, 384, 48, 192),
                    Plan::Tap,
                    fire(11, 384, 64, 256),
                    Plan::Tap,
                    fire(12, 512, 64, 256),
                    Plan::Tap,
                ]
            }
        }
    }

    /// The convolutions: name, inputs and outputs, kernel.
    fn convolutions(self) -> Vec<(String, [usize; 2], usize)> {
        let mut all = Vec::new();
        for plan in self.plan() {
            match plan {
                Plan::Conv { index, io, kernel, .. } => {
                    all.push((format!("features.{index}"), io, kernel));
                }
                Plan::Fire { index, inputs, squeeze, expand } => {
                    let name = |part: &str| format!("features.{index}.{part}");
                    all.push((name("squeeze"), [inputs, squeeze], 1));
                    all.push((name("expand1x1"), [squeeze, expand], 1));
                    all.push((name("expand3x3"), [squeeze, expand], 3));
                }
                Plan::Pool { .. } | Plan::Tap => {}
            }
        }
        all
    }

    /// The tensors of the net, with their shapes.
    pub fn parameters(self) -> Vec<(String, Vec<usize>)> {
        let of = |(name, [inputs, outputs], kernel): (String, [usize; 2], usize)| {
            let weight = vec![outputs, inputs, kernel, kernel];
            [(format!("{name}.weight"), weight), (format!("{name}.bias"), vec![outputs])]
        };
        self.convolutions().into_iter().flat_map(of).collect()
    }

    /// Which net has these tensors, by their names and the first kernel.
    ///
    /// # Errors
    /// [`NnError::Unsupported`] naming some of what came.
    pub fn of(tensors: &Tensors) -> Result<Self, NnError> {
        let first = tensors.get("features.0.weight").map(Tensor::shape);
        match first {
            Some([64, 3, 11, 11]) => Ok(Self::AlexNet),
            Some([64, 3, 3, 3]) if tensors.contains_key("features.3.squeeze.weight") => {
                Ok(Self::SqueezeNet)
            }
            Some([64, 3, 3, 3]) if tensors.contains_key("features.28.weight") => Ok(Self::Vgg16),
            _ => {
                let names: Vec<&str> = tensors.keys().map(String::as_str).take(4).collect();
                Err(NnError::Unsupported(format!(
                    "wanted the weights of torchvision's alexnet, vgg16 or squeezenet1_1, whose first tensor \
                     is `features.0.weight`; got {}, ..",
                    names.join(", ")
                )))
            }
        }
    }
}

/// A convolution with its weights made ready.
enum Ready {
    Winograd(Winograd),
    /// `[ky][kx][in][out]`.
    Rows(Vec<f32>),
}

struct Conv {
    ready: Ready,
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    pad: usize,
}

enum Layer {
    Conv(Conv),
    /// Squeeze, then the two expansions.
    Fire(Box<[Conv; 3]>),
    Pool {
        kernel: usize,
        ceil: bool,
    },
    PoolL2,
    Tap,
}

/// A backbone with its weights.
pub struct Backbone {
    kind: BackboneKind,
    layers: Vec<Layer>,
}

impl fmt::Debug for Backbone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backbone").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Backbone {
    /// Prepares weights with torchvision's names.
    ///
    /// # Errors
    /// [`NnError::Unsupported`] as [`BackboneKind::of`], or for L2 pooling of another net than VGG16;
    /// [`NnError::Input`] that lists every tensor that is missing, too much or of another shape.
    pub fn new(tensors: &Tensors, pooling: BackbonePooling) -> Result<Self, NnError> {
        let kind = BackboneKind::of(tensors)?;
        if pooling == BackbonePooling::L2 && kind != BackboneKind::Vgg16 {
            return Err(NnError::Unsupported(format!("wanted the weights of VGG16, got {kind}")));
        }
        let wanted = kind.parameters();
        let mut wrong = Vec::new();
        for (name, shape) in &wanted {
            match tensors.get(name).map(Tensor::shape) {
                None => wrong.push(format!("`{name}` is missing")),
                Some(came) if came != shape => {
                    wrong.push(format!("`{name}` is {came:?}, wanted {shape:?}"));
                }
                Some(_) => {}
            }
        }
        let known = |name: &String| {
            name.starts_with("classifier.") || wanted.iter().any(|(wanted, _)| wanted == name)
        };
        let extra = tensors.keys().filter(|name| !known(name));
        wrong.extend(extra.map(|name| format!("`{name}` is not part of the net")));
        if !wrong.is_empty() {
            let wrong = wrong.join("; ");
            return Err(NnError::Input(format!("the weights do not fit {kind}: {wrong}")));
        }
        let conv =
            |name: String, [inputs, outputs]: [usize; 2], [kernel, stride, pad]: [usize; 3]| {
                let numbers = |part: &str| {
                    let tensor = tensors.get(&format!("{name}.{part}"));
                    tensor.map_or(&[][..], Tensor::data)
                };
                let (weights, taps) = (numbers("weight"), kernel * kernel);
                let mut turned = vec![0.0; weights.len()];
                for (o, weights) in weights.chunks_exact(inputs * taps).enumerate() {
                    for (k, &v) in weights.iter().enumerate() {
                        let (i, t) = (k / taps, k % taps);
                        turned[(t * inputs + i) * outputs + o] = v;
                    }
                }
                let winograd = kernel == 3 && stride == 1 && pad == 1;
                let ready = if winograd {
                    Ready::Winograd(Winograd::new(&turned, inputs, outputs))
                } else {
                    Ready::Rows(turned)
                };
                Conv { ready, bias: numbers("bias").to_vec(), inputs, outputs, kernel, stride, pad }
            };
        let layer = |plan| match plan {
            Plan::Conv { index, io, kernel, stride, pad } => {
                Layer::Conv(conv(format!("features.{index}"), io, [kernel, stride, pad]))
            }
            Plan::Fire { index, inputs, squeeze, expand } => {
                let part = |part: &str, io, kernel: usize| {
                    conv(format!("features.{index}.{part}"), io, [kernel, 1, kernel / 2])
                };
                Layer::Fire(Box::new([
                    part("squeeze", [inputs, squeeze], 1),
                    part("expand1x1", [squeeze, expand], 1),
                    part("expand3x3", [squeeze, expand], 3),
                ]))
            }
            Plan::Pool { .. } if pooling == BackbonePooling::L2 => Layer::PoolL2,
            Plan::Pool { kernel, ceil } => Layer::Pool { kernel, ceil },
            Plan::Tap => Layer::Tap,
        };
        let layers = kind.plan().into_iter().map(layer).collect();
        Ok(Self { kind, layers })
    }

    /// Which net it is.
    pub fn kind(&self) -> BackboneKind {
        self.kind
    }
}

#[cfg(test)]
mod tests;
