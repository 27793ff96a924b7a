//! A graph with its weights, in the layouts that the kernels want.

use super::Pool;
use super::conv::{Conv, Ready};
use crate::{Graph, NnError, Op, Tensor, Tensors};
use restora_image::Rng;

/// How a tensor of a file lies in memory here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Plain,
    /// `[out][in][ky][kx]` becomes `[ky][kx][in][out]`.
    Filter,
    /// `[out][in]` becomes `[in][out]`.
    Matrix,
    /// `[in][out][dy][dx]` becomes `[in][dy][dx][out]`.
    Up,
}

/// A tensor of the net.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name in files.
    pub name: String,
    /// Its shape in files.
    pub shape: Vec<usize>,
    /// Do gradients change it? Running statistics they do not.
    pub trained: bool,
    layout: Layout,
    pub(crate) data: Vec<f32>,
}

impl Parameter {
    /// Indices of file order for each place here.
    fn order(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        let s = &self.shape;
        match self.layout {
            Layout::Plain => Box::new(0..self.data.len()),
            Layout::Matrix => {
                let (o, i) = (s[0], s[1]);
                Box::new((0..i).flat_map(move |i_| (0..o).map(move |o_| o_ * i + i_)))
            }
            Layout::Filter => {
                let (o, i, k) = (s[0], s[1], s[2] * s[3]);
                Box::new((0..k).flat_map(move |t| {
                    (0..i).flat_map(move |i_| (0..o).map(move |o_| (o_ * i + i_) * k + t))
                }))
            }
            Layout::Up => {
                let (i, o, k) = (s[0], s[1], s[2] * s[3]);
                Box::new((0..i).flat_map(move |i_| {
                    (0..k).flat_map(move |t| (0..o).map(move |o_| (i_ * o + o_) * k + t))
                }))
            }
        }
    }

    /// Length of the rows as which a matrix or a filter lies in memory; 1 for anything else.
    pub(crate) fn columns(&self) -> usize {
        match self.layout {
            Layout::Plain => 1,
            Layout::Filter | Layout::Matrix => self.shape[0],
            Layout::Up => self.shape[1..].iter().product(),
        }
    }

    /// Numbers that lie as in files, as they lie here.
    #[cfg(feature = "gpu")]
    pub(crate) fn in_own_order(&self, numbers: &[f32]) -> Vec<f32> {
        self.order().map(|i| numbers[i]).collect()
    }

    /// Inputs that one output adds up: what decides the size of random weights.
    fn fan_in(&self) -> usize {
        match self.layout {
            Layout::Plain => 1,
            Layout::Filter => self.shape[1] * self.shape[2] * self.shape[3],
            Layout::Matrix => self.shape[1],
            Layout::Up => self.shape[0],
        }
    }
}

/// A graph with its weights.
#[derive(Debug)]
pub struct Net {
    pub(crate) graph: Graph,
    pub(crate) parameters: Vec<Parameter>,
    /// First parameter of each node.
    pub(crate) first: Vec<usize>,
    pub(crate) plan: Plan,
    pub(crate) pool: Pool,
}

/// Which layers are run together.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// For a convolution or batch norm: the cut at zero that follows it and that it does itself.
    pub relu: Vec<bool>,
    /// Where a node's value is read last.
    pub last_use: Vec<usize>,
    /// Does a node's value depend on anything that is trained?
    pub learns: Vec<bool>,
}

impl Net {
    /// A net with these weights.
    ///
    /// # Errors
    /// [`NnError::Input`] that lists every tensor that is missing, too much or of another shape.
    pub fn new(graph: Graph, mut tensors: Tensors) -> Result<Self, NnError> {
        // Nothing is allocated for the net before all shapes are known to be those of the tensors,
        // which are there.
        let mut wrong = Vec::new();
        let wanted = graph.parameters();
        for (name, shape, _) in &wanted {
            match tensors.get(name).map(Tensor::shape) {
                None => wrong.push(format!("`{name}` is missing")),
                Some(came) if came != shape => {
                    wrong.push(format!("`{name}` is {came:?}, wanted {shape:?}"));
                }
                Some(_) => {}
            }
        }
        let known: std::collections::BTreeSet<&str> = wanted.iter().map(|w| w.0.as_str()).collect();
        let extra = tensors.keys().filter(|name| !known.contains(name.as_str()));
        wrong.extend(extra.map(|name| format!("`{name}` is not part of the net")));
        if !wrong.is_empty() {
            return Err(NnError::Input(format!(
                "the weights do not fit the net: {}",
                wrong.join("; ")
            )));
        }
        let mut net = Self::zeros(graph);
        for parameter in &mut net.parameters {
            if let Some(t) = tensors.remove(&parameter.name) {
                parameter.data = parameter.order().map(|i| t.data()[i]).collect();
            }
        }
        Ok(net)
    }

    /// A net with random weights: He initialization (arXiv 1502.01852), uniform, gain 1 for the
    /// variance `1 / fan_in * 2` before a rectifier; biases 0.
    pub fn random(graph: Graph, seed: u64) -> Self {
        let mut net = Self::zeros(graph);
        for parameter in &mut net.parameters {
            if parameter.layout == Layout::Plain {
                let one =
                    parameter.name.ends_with(".running_var") || parameter.name.ends_with(".weight");
                parameter.data.fill(if one { 1.0 } else { 0.0 });
                continue;
            }
            let mut rng = Rng::new(seed, &parameter.name, 0);
            let bound = (6.0 / parameter.fan_in().max(1) as f64).sqrt();
            let file: Vec<f32> = (0..parameter.data.len())
                .map(|_| ((2.0 * rng.uniform() - 1.0) * bound) as f32)
                .collect();
            parameter.data = parameter.order().map(|i| file[i]).collect();
        }
        net
    }

    fn zeros(graph: Graph) -> Self {
        let mut parameters = Vec::new();
        let mut first = Vec::with_capacity(graph.nodes().len());
        let all = graph.parameters();
        let mut all = all.into_iter().peekable();
        for node in graph.nodes() {
            first.push(parameters.len());
            let (name, layout) = match &node.op {
                Op::Conv { name, .. } => (name, Layout::Filter),
                Op::UpConv2 { name, .. } => (name, Layout::Up),
                Op::BatchNorm { name, .. } => (name, Layout::Plain),
                Op::Dense { name, .. } => (name, Layout::Matrix),
                _ => continue,
            };
            let prefix = format!("{name}.");
            while let Some((name, shape, trained)) = all
                .next_if(|(n, ..)| n.strip_prefix(&prefix).is_some_and(|part| !part.contains('.')))
            {
                let layout = if shape.len() > 1 { layout } else { Layout::Plain };
                let data = vec![0.0; shape.iter().product()];
                parameters.push(Parameter { name, shape, trained, layout, data });
            }
        }
        let plan = Plan::new(&graph);
        Self { graph, parameters, first, plan, pool: Pool::default() }
    }

    /// The weights as they lie in files.
    pub fn tensors(&self) -> Tensors {
        self.in_file_order(|i| &self.parameters[i].data)
    }

    /// Other numbers for the net's parameters, as they lie in files.
    pub(crate) fn tensors_of(&self, data: &[Vec<f32>]) -> Tensors {
        self.in_file_order(|i| &data[i])
    }

    fn in_file_order<'a>(&self, data: impl Fn(usize) -> &'a Vec<f32>) -> Tensors {
        let tensor = |(i, p): (usize, &Parameter)| {
            let mut tensor = Tensor::zeros(&p.shape);
            for (to, &x) in p.order().zip(data(i)) {
                tensor.data_mut()[to] = x;
            }
            (p.name.clone(), tensor)
        };
        self.parameters.iter().enumerate().map(tensor).collect()
    }

    /// Multiplies every tensor by what `factor` says of its name.
    pub fn scale(&mut self, factor: impl Fn(&str) -> f32) {
        for parameter in &mut self.parameters {
            let factor = factor(&parameter.name);
            parameter.data.iter_mut().for_each(|x| *x *= factor);
        }
    }

    /// The numbers of a tensor, in the net's own order.
    pub(crate) fn data_mut(&mut self, name: &str) -> Option<&mut Vec<f32>> {
        self.parameters.iter_mut().find(|p| p.name == name).map(|p| &mut p.data)
    }

    /// The layers.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The tensors in the order of the layers.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Numbers in all tensors that training changes.
    pub fn trained_numbers(&self) -> usize {
        self.parameters.iter().filter(|p| p.trained).map(|p| p.data.len()).sum()
    }

    pub(crate) fn weights(&self, node: usize) -> &[Parameter] {
        let end = self.first.get(node + 1).copied().unwrap_or(self.parameters.len());
        &self.parameters[self.first[node]..end]
    }

    /// The weights of the convolutions, made ready for the forward pass.
    pub(crate) fn ready(&self, threads: usize) -> Vec<Option<Ready<'_>>> {
        super::parallel::map(self.graph.nodes().len(), threads, |i| {
            let conv = Conv::of(&self.graph.nodes()[i].op)?;
            Some(conv.ready(&self.weights(i)[0].data, &self.pool, threads))
        })
    }
}

impl Conv {
    pub(crate) fn of(op: &Op) -> Option<Self> {
        match *op {
            Op::Conv { inputs, outputs, kernel, stride, .. } => {
                Some(Self { inputs, outputs, kernel, stride })
            }
            Op::Dense { inputs, outputs, .. } => {
                Some(Self { inputs, outputs, kernel: 1, stride: 1 })
            }
            _ => None,
        }
    }
}

impl Plan {
    fn new(graph: &Graph) -> Self {
        let nodes = graph.nodes();
        let mut readers = vec![0; nodes.len()];
        let mut last_use: Vec<usize> = (0..nodes.len()).collect();
        for (index, node) in nodes.iter().enumerate() {
            for &i in &node.inputs {
                readers[i] += 1;
                last_use[i] = index;
            }
        }
        let fuses =
            |op: &Op| matches!(op, Op::Conv { .. } | Op::Dense { .. } | Op::BatchNorm { .. });
        let mut relu = vec![false; nodes.len()];
        for node in nodes.iter().filter(|n| n.op == Op::Relu) {
            let from = node.inputs[0];
            relu[from] = fuses(&nodes[from].op) && readers[from] == 1 && graph.code() != Some(from);
        }
        let mut learns = vec![false; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            let has_weights = fuses(&node.op) || matches!(node.op, Op::UpConv2 { .. });
            learns[index] = has_weights || node.inputs.iter().any(|&i| learns[i]);
        }
        Self { relu, last_use, learns }
    }
}
