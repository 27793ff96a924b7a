//! The same nets on a graphics processor (feature `gpu`: the tensors of Burn over wgpu, which is
//! Vulkan, Metal or Direct3D 12).
//!
//! The device computes passes: forward, or forward and backward. Batches, losses, optimizer, average
//! and checkpoints stay where they are, so training is defined once and a checkpoint goes from one
//! device to the other. For a training step the weights travel there and their gradients back (5 MB each
//! way for the restorer); for inference they stay. Sums are made in another order there: results
//! equal those of the CPU to rounding, not to the byte.
//!
//! One pass runs at a time, whatever the number of threads that ask: the device's memory holds one.

#[cfg(not(feature = "gpu"))]
#[path = "gpu/absent.rs"]
mod device;
#[cfg(feature = "gpu")]
mod device;
#[cfg(feature = "gpu")]
mod passes;

use crate::{Graph, LossGradient, Net, NnError, NodeId, Step, Value};

/// Environment variable that lets a software driver stand in for the hardware, for tests: with any value
/// [`Gpu::open`] takes an adapter that is a CPU, where it finds no other.
pub const SOFTWARE: &str = "RESTORA_SOFTWARE_GPU";

/// A graphics processor that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpu {
    unit: device::Unit,
}

impl Gpu {
    /// The graphics processor of this machine: the first discrete one, else an integrated, else a virtual
    /// one.
    ///
    /// # Errors
    /// [`NnError::Device`]: where this program was built without the feature `gpu`, or no graphics
    /// processor answers.
    pub fn open() -> Result<Self, NnError> {
        Ok(Self { unit: device::Unit::open()? })
    }

    /// A net whose weights lie on the device.
    ///
    /// # Errors
    /// [`NnError::Device`] where the device fails.
    pub fn load(&self, net: &Net) -> Result<GpuNet, NnError> {
        let weights = self.unit.load(net)?;
        Ok(GpuNet { unit: self.unit.clone(), graph: net.graph().clone(), weights })
    }

    /// One forward and backward pass over a batch, as [`Net::step`]; no gradient of the input.
    ///
    /// # Errors
    /// [`NnError::Input`] where the batch does not fit the net; [`NnError::Device`] where the device fails.
    pub fn step(
        &self,
        net: &mut Net,
        x: &Value,
        loss: impl FnOnce(&Value) -> LossGradient,
    ) -> Result<Step, NnError> {
        let shapes = net.graph().shapes(x.shape())?;
        let (forward, output) = self.unit.forward_to_learn(net, x)?;
        let (loss, gradient) = loss(&output);
        let (gradients, statistics) = forward.backward(net, &gradient)?;
        for (node, batch) in statistics {
            let [_, h, w] = shapes[node];
            net.move_statistics(node, &batch, x.n * h * w);
        }
        Ok(Step { loss, gradients, input_gradient: None })
    }
}

/// A net whose weights lie on a graphics processor.
#[derive(Debug)]
pub struct GpuNet {
    unit: device::Unit,
    graph: Graph,
    weights: device::Weights,
}

impl GpuNet {
    /// The value of the graph's output for a batch, as [`Net::forward`].
    ///
    /// # Errors
    /// [`NnError::Input`] where the batch does not fit the net; [`NnError::Device`] where the device fails.
    pub fn forward(&self, x: &Value) -> Result<Value, NnError> {
        self.value(x, self.graph.output())
    }

    /// The code of a batch, as [`Net::encode`].
    ///
    /// # Errors
    /// [`NnError::Input`] where the net has none, and those of [`GpuNet::forward`].
    pub fn encode(&self, x: &Value) -> Result<Value, NnError> {
        let Some(code) = self.graph.code() else {
            return Err(NnError::Input("this net has no code: it is no autoencoder".to_owned()));
        };
        self.value(x, code)
    }

    fn value(&self, x: &Value, of: NodeId) -> Result<Value, NnError> {
        self.graph.shapes(x.shape())?;
        self.unit.forward(&self.graph, &self.weights, x, of)
    }
}
