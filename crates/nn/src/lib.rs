//! Learned numbers: models, weights, training, fast inference.
//!
//! A model is a [`Graph`] of layers ([`models`] has one file per architecture). The same graph is
//! run by the inference engine, trained by the training loop and written out as ONNX, so there is one
//! definition of each net. This crate is given bytes and images, never paths.

mod backbone;
mod denoiser;
mod engine;
mod error;
mod gpu;
mod graph;
pub mod import;
mod kernels;
pub mod models;
pub mod onnx;
mod onnx_net;
pub mod pca;
mod tensor;
pub mod train;
pub mod weights;

pub use backbone::{Backbone, BackboneKind, BackbonePooling, FeatureMap};
pub use denoiser::Denoiser;
pub use engine::{LossGradient, Net, Parameter, Runner, Step, Value};
pub use error::NnError;
pub use gpu::{Gpu, GpuNet, SOFTWARE};
pub use graph::{Graph, Node, NodeId, Op, Shape};
pub use models::Model;
pub use onnx_net::{OnnxNet, OnnxValue};
pub use pca::Pca;
pub use tensor::{Tensor, Tensors};
pub use weights::{ModelCard, Precision, Weights};
