//! What stands for a graphics processor in a build without the feature `gpu`: nothing, ever.

use crate::engine::batch_norm::Statistics;
use crate::{Graph, Net, NnError, NodeId, Value};
use std::convert::Infallible;

#[derive(Clone, Debug, PartialEq)]
pub struct Unit(Infallible);

#[derive(Debug)]
pub struct Weights(Infallible);

pub struct Learning(Infallible);

impl Unit {
    pub fn open() -> Result<Self, NnError> {
        Err(NnError::Device(
            "this build has no support for it: `cargo build --release --features gpu` makes one \
             that has"
                .into(),
        ))
    }

    pub fn load(&self, _: &Net) -> Result<Weights, NnError> {
        match self.0 {}
    }

    pub fn forward(&self, _: &Graph, w: &Weights, _: &Value, _: NodeId) -> Result<Value, NnError> {
        match (self.0, w.0) {}
    }

    pub fn forward_to_learn(&self, _: &Net, _: &Value) -> Result<(Learning, Value), NnError> {
        match self.0 {}
    }
}

/// Gradients of all parameters, and the statistics of the batch norms by node.
type Learned = (Vec<Vec<f32>>, Vec<(NodeId, Statistics)>);

impl Learning {
    pub fn backward(self, _: &Net, _: &Value) -> Result<Learned, NnError> {
        match self.0 {}
    }
}
