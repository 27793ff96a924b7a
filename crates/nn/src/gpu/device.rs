//! The device: what is found, what goes there and comes back.

use super::SOFTWARE;
use super::passes::pass;
use crate::engine::batch_norm::Statistics;
use crate::{Graph, Net, NnError, NodeId, Value};
use burn_tensor::{Device, DeviceKind, DeviceType, StreamId, Tensor, TensorData, Transaction};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// A graphics processor.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit(Device);

/// Weights on the device, by name, as vectors: a net's tensors have one to four dimensions.
pub type Weights = BTreeMap<String, Tensor<1>>;

/// Mean and variance of a batch norm's input, by node.
pub type Norms = Vec<(NodeId, Tensor<4>, Tensor<4>)>;

/// Gradients of all parameters, and the statistics of the batch norms by node.
type Learned = (Vec<Vec<f32>>, Vec<(NodeId, Statistics)>);

/// Held by the pass that runs.
static ONE: Mutex<()> = Mutex::new(());

/// Does work on the device alone, and always on one stream: every stream keeps memory of its own, and a
/// stream is a thread's unless told. The layers below report some faults, such as a lack of
/// memory, by a panic: here it becomes an error.
///
/// The work must not wait for other threads of its own pool, which may want to come here too.
fn alone<T>(work: impl FnOnce() -> Result<T, NnError>) -> Result<T, NnError> {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let all = || StreamId { value: 0 }.executes(work);
    catch_unwind(AssertUnwindSafe(all)).unwrap_or_else(|fault| {
        let told = fault.downcast_ref::<String>().map(String::as_str);
        let told = told.or_else(|| fault.downcast_ref::<&str>().copied());
        Err(NnError::Device(format!("it failed: {}", told.unwrap_or("no reason is known"))))
    })
}

impl Unit {
    pub fn open() -> Result<Self, NnError> {
        let mut kinds = vec![
            DeviceKind::DiscreteGpu(0),
            DeviceKind::IntegratedGpu(0),
            DeviceKind::VirtualGpu(0),
        ];
        if std::env::var_os(SOFTWARE).is_some() {
            kinds.push(DeviceKind::Cpu);
        }
        alone(|| {
            let there = Device::enumerate(DeviceType::Wgpu);
            let found = kinds.into_iter().map(Device::wgpu).find(|d| there.contains(d));
            found.map(Self).ok_or_else(|| {
                NnError::Device(
                    "none answers on this machine through Vulkan, Metal or Direct3D 12".into(),
                )
            })
        })
    }

    pub fn load(&self, net: &Net) -> Result<Weights, NnError> {
        alone(|| Ok(weights(net, &self.0)))
    }

    pub fn forward(
        &self,
        graph: &Graph,
        weights: &Weights,
        x: &Value,
        of: NodeId,
    ) -> Result<Value, NnError> {
        alone(|| download(pass(graph, weights, upload(x, &self.0), None, of)))
    }

    /// A forward pass that remembers what the backward pass needs.
    pub fn forward_to_learn(&self, net: &Net, x: &Value) -> Result<(Learning, Value), NnError> {
        alone(|| {
            let device = self.0.clone().autodiff();
            let mut weights = weights(net, &device);
            for parameter in net.parameters().iter().filter(|p| p.trained) {
                if let Some(w) = weights.remove(&parameter.name) {
                    weights.insert(parameter.name.clone(), w.require_grad());
                }
            }
            let (mut norms, graph) = (Norms::new(), net.graph());
            let x = upload(x, &device);
            let output = pass(graph, &weights, x, Some(&mut norms), graph.output());
            let value = download(output.clone())?;
            Ok((Learning { device, weights, norms, output }, value))
        })
    }
}

/// A training step halfway.
pub struct Learning {
    device: Device,
    weights: Weights,
    norms: Norms,
    output: Tensor<4>,
}

impl Learning {
    /// The gradients of all parameters in the net's own order, empty for those that are not trained.
    pub fn backward(self, net: &Net, gradient: &Value) -> Result<Learned, NnError> {
        let Self { device, weights, norms, output } = self;
        let all = alone(move || {
            // The output's part in this sum is the gradient that the loss gave.
            let gradients = (output * upload(gradient, &device)).sum().backward();
            let mut wanted = Transaction::default();
            for parameter in net.parameters().iter().filter(|p| p.trained) {
                let w = &weights[&parameter.name];
                // A weight that nothing depends on.
                let gradient = w.grad(&gradients).unwrap_or_else(|| w.zeros_like().inner());
                wanted = wanted.register(gradient);
            }
            for (_, mean, variance) in &norms {
                wanted = wanted.register(mean.clone().inner()).register(variance.clone().inner());
            }
            let all = wanted.try_execute().map_err(|e| NnError::Device(e.to_string()))?;
            let nodes: Vec<NodeId> = norms.iter().map(|n| n.0).collect();
            Ok((all.into_iter().map(floats).collect::<Result<Vec<_>, _>>()?, nodes))
        });
        let (all, nodes) = all?;
        let mut all = all.into_iter();
        let mut next = || all.next().unwrap_or_else(|| unreachable!("as many as were wanted"));
        let of = |p: &crate::Parameter| {
            if p.trained { p.in_own_order(&next()) } else { Vec::new() }
        };
        let gradients = net.parameters().iter().map(of).collect();
        let statistics =
            nodes.into_iter().map(|n| (n, Statistics { mean: next(), variance: next() })).collect();
        Ok((gradients, statistics))
    }
}

fn weights(net: &Net, device: &Device) -> Weights {
    let one = |(name, tensor): (String, crate::Tensor)| {
        let numbers = tensor.into_data();
        let length = numbers.len();
        (name, Tensor::from_data(TensorData::new(numbers, [length]), device))
    };
    net.tensors().into_iter().map(one).collect()
}

fn upload(x: &Value, device: &Device) -> Tensor<4> {
    let [c, h, w] = x.shape();
    Tensor::from_data(TensorData::new(x.to_planes(), [x.n, c, h, w]), device)
}

fn download(x: Tensor<4>) -> Result<Value, NnError> {
    let [n, c, h, w] = x.dims();
    let data = x.try_into_data().map_err(|e| NnError::Device(e.to_string()))?;
    Value::from_planes(n, [c, h, w], &floats(data)?)
}

fn floats(data: TensorData) -> Result<Vec<f32>, NnError> {
    data.try_into_vec().map_err(|e| NnError::Device(format!("{e:?}")))
}
