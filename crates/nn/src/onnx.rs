//! Writes a net as an ONNX file (opset 17), for other people's engines.
//!
//! ```text
//! input   "input"   [batch, channels, height, width]    float; height and width are free unless the
//!                                                       net turns maps into vectors or back
//! output  "output"  [batch, ...]                        and "code", where the net has one
//! ```
//! Vectors keep four axes, `[batch, n, 1, 1]`. Tensors keep their names. Two orders of channels need
//! care: pixel shuffle is `DepthToSpace` in mode CRD, and pixel unshuffle, which ONNX has only with
//! the block first, is `SpaceToDepth` and a `Gather` that brings the channel first.
//!
//! Reference: the ONNX operator and IR specifications, <https://onnx.ai/onnx/operators/>.

mod protobuf;
pub(crate) mod reader;

use crate::{Graph, ModelCard, NnError, Node, NodeId, Op, Shape, Tensors, weights};
use protobuf::Message;
use std::collections::BTreeSet;

/// The versions of the format and of its operators.
const IR: i64 = 8;
const OPSET: i64 = 17;

/// Protobuf's limit on a message.
const MAX_FILE: usize = i32::MAX as usize;

/// `TensorProto.DataType`.
const FLOAT: i64 = 1;
const INT64: i64 = 7;

/// The ONNX file of a net with its weights; the same bytes for the same net. `shape` is one input's
/// channels, rows and columns: rows and columns only matter to nets with vectors inside. The card, if
/// given, goes into the file's metadata under `restora`, as in our own files.
///
/// # Errors
/// [`NnError::Input`] where the tensors or the shape do not fit the graph, or where two layers share
/// a name; [`NnError::Limit`] beyond 2 GiB, which ONNX files cannot have.
pub fn export(
    graph: &Graph,
    tensors: &Tensors,
    shape: Shape,
    card: Option<&ModelCard>,
) -> Result<Vec<u8>, NnError> {
    weights::check(tensors, graph)?;
    let shapes = graph.shapes(shape)?;
    let mut names = BTreeSet::new();
    for (name, ..) in graph.parameters() {
        if !names.insert(name.clone()) {
            return Err(NnError::Input(format!("two layers have the tensor `{name}`")));
        }
    }
    let mut writer = Writer { nodes: Message::default(), constants: Message::default() };
    for (name, tensor) in tensors {
        let dims = tensor.shape().iter().map(|&n| n as i64);
        let bytes: Vec<u8> = tensor.data().iter().flat_map(|v| v.to_le_bytes()).collect();
        writer.constant(name, FLOAT, dims, &bytes);
    }
    for (index, node) in graph.nodes().iter().enumerate() {
        writer.layer(index, node, &shapes);
    }
    let last = graph.output();
    writer.node("Identity", &[&value(last)], "output", Message::default());
    let free = !graph
        .nodes()
        .iter()
        .any(|n| matches!(n.op, Op::Dense { .. } | Op::Flatten | Op::Unflatten { .. }));
    let mut body = Message::default();
    // Repeated fields may be split: nodes and constants are already encoded with their field numbers.
    body = body.append(writer.nodes).bytes(2, "restora");
    if let Some(code) = graph.code() {
        let copy = node_message("Identity", &[&value(code)], "code", Message::default());
        body = body.message(1, &copy);
    }
    body = body.append(writer.constants);
    let free_names = |out: bool| {
        free.then_some(if out { ["out_height", "out_width"] } else { ["height", "width"] })
    };
    body = body.message(11, &described("input", shapes[0], free_names(false)));
    let same = shapes[last][1..] == shapes[0][1..];
    body = body.message(12, &described("output", shapes[last], free_names(!same)));
    if let Some(code) = graph.code() {
        let names = free.then_some(["code_height", "code_width"]);
        body = body.message(12, &described("code", shapes[code], names));
    }
    let mut file = Message::default()
        .int(1, IR)
        .bytes(2, "restora")
        .bytes(3, env!("CARGO_PKG_VERSION"))
        .message(8, &Message::default().bytes(1, "").int(2, OPSET));
    if let Some(card) = card {
        let text =
            serde_json::to_string(card).map_err(|e| NnError::Input(format!("model card: {e}")))?;
        file = file.message(14, &Message::default().bytes(1, "restora").bytes(2, text));
    }
    let file = file.message(7, &body);
    if file.len() > MAX_FILE {
        let length = file.len();
        return Err(NnError::Limit(format!(
            "an ONNX file of {length} bytes, {MAX_FILE} are allowed"
        )));
    }
    Ok(file.into_bytes())
}

/// The name of a node's value.
fn value(node: NodeId) -> String {
    if node == 0 { "input".to_owned() } else { format!("value{node}") }
}

/// `ValueInfoProto` of a batch of floats; rows and columns have names where they are free.
fn described(name: &str, shape: Shape, free: Option<[&str; 2]>) -> Message {
    let fixed = |n: usize| Message::default().int(1, n as i64);
    let named = |name: &str| Message::default().bytes(2, name);
    let [c, h, w] = shape;
    let [h, w] = match free {
        Some([h, w]) => [named(h), named(w)],
        None => [fixed(h), fixed(w)],
    };
    let dims = [named("batch"), fixed(c), h, w];
    let shape = dims.iter().fold(Message::default(), |m, dim| m.message(1, dim));
    let tensor = Message::default().int(1, FLOAT).message(2, &shape);
    Message::default().bytes(1, name).message(2, &Message::default().message(1, &tensor))
}

/// `NodeProto`; `attributes` are fields 5 already.
fn node_message(kind: &str, inputs: &[&str], output: &str, attributes: Message) -> Message {
    let message = inputs.iter().fold(Message::default(), |m, name| m.bytes(1, name));
    message.bytes(2, output).bytes(3, output).bytes(4, kind).append(attributes)
}

/// Attributes of a node, each a field 5.
impl Message {
    fn attribute(self, name: &str, kind: i64, fill: impl FnOnce(Message) -> Message) -> Self {
        let attribute = fill(Message::default().bytes(1, name)).int(20, kind);
        self.message(5, &attribute)
    }

    fn number(self, name: &str, value: f32) -> Self {
        self.attribute(name, 1, |m| m.float(2, value))
    }

    fn integer(self, name: &str, value: usize) -> Self {
        self.attribute(name, 2, |m| m.int(3, value as i64))
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.attribute(name, 3, |m| m.bytes(4, value))
    }

    fn integers(self, name: &str, values: &[usize]) -> Self {
        self.attribute(name, 7, |m| values.iter().fold(m, |m, &v| m.int(8, v as i64)))
    }
}

/// Fields 1 (nodes) and 5 (constants) of the graph.
struct Writer {
    nodes: Message,
    constants: Message,
}

impl Writer {
    fn constant(&mut self, name: &str, kind: i64, dims: impl Iterator<Item = i64>, bytes: &[u8]) {
        let tensor = dims.fold(Message::default(), |m, n| m.int(1, n));
        let tensor = tensor.int(2, kind).bytes(8, name).bytes(9, bytes);
        self.constants = std::mem::take(&mut self.constants).message(5, &tensor);
    }

    /// A list of integers as a constant; gives back its name.
    fn list(&mut self, name: String, values: &[i64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(&name, INT64, std::iter::once(values.len() as i64), &bytes);
        name
    }

    fn node(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: Message) {
        let node = node_message(kind, inputs, output, attributes);
        self.nodes = std::mem::take(&mut self.nodes).message(1, &node);
    }

    /// One layer of the graph: a node or two.
    fn layer(&mut self, index: NodeId, node: &Node, shapes: &[Shape]) {
        let inputs: Vec<String> = node.inputs.iter().map(|&i| value(i)).collect();
        let mut inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let out = value(index);
        let none = Message::default();
        let part = |name: &str, part: &str| format!("{name}.{part}");
        match &node.op {
            Op::Input { .. } => {}
            Op::Conv { name, kernel: k, stride: s, bias, .. } => {
                let (weight, own) = (part(name, "weight"), part(name, "bias"));
                inputs.push(&weight);
                if *bias {
                    inputs.push(&own);
                }
                let attributes = none
                    .integers("kernel_shape", &[*k; 2])
                    .integers("strides", &[*s; 2])
                    .integers("pads", &[k / 2; 4]);
                self.node("Conv", &inputs, &out, attributes);
            }
            Op::UpConv2 { name, .. } => {
                let (weight, bias) = (part(name, "weight"), part(name, "bias"));
                inputs.extend([weight.as_str(), &bias]);
                let attributes =
                    none.integers("kernel_shape", &[2; 2]).integers("strides", &[2; 2]);
                self.node("ConvTranspose", &inputs, &out, attributes);
            }
            Op::BatchNorm { name, .. } => {
                let parts = ["weight", "bias", "running_mean", "running_var"];
                let parts = parts.map(|p| part(name, p));
                inputs.extend(parts.iter().map(String::as_str));
                self.node("BatchNormalization", &inputs, &out, none.number("epsilon", 1e-5));
            }
            Op::Dense { name, outputs, .. } => {
                let (flat, product) = (format!("{out}_flat"), format!("{out}_product"));
                let (weight, bias) = (part(name, "weight"), part(name, "bias"));
                self.node("Flatten", &inputs, &flat, none.integer("axis", 1));
                let attributes = Message::default().integer("transB", 1);
                self.node("Gemm", &[&flat, &weight, &bias], &product, attributes);
                let shape = self.list(format!("{out}_shape"), &[0, *outputs as i64, 1, 1]);
                self.node("Reshape", &[&product, &shape], &out, Message::default());
            }
            Op::Relu => self.node("Relu", &inputs, &out, none),
            Op::LeakyRelu { slope } => {
                self.node("LeakyRelu", &inputs, &out, none.number("alpha", *slope));
            }
            Op::Sigmoid => self.node("Sigmoid", &inputs, &out, none),
            Op::Tanh => self.node("Tanh", &inputs, &out, none),
            Op::Shift { by } => {
                let constant = format!("{out}_by");
                self.constant(&constant, FLOAT, std::iter::once(1), &by.to_le_bytes());
                inputs.push(&constant);
                self.node("Add", &inputs, &out, none);
            }
            Op::Add => self.node("Add", &inputs, &out, none),
            Op::Sub => self.node("Sub", &inputs, &out, none),
            Op::Concat => self.node("Concat", &inputs, &out, none.integer("axis", 1)),
            Op::Slice { from, count } => {
                let starts = self.list(format!("{out}_starts"), &[*from as i64]);
                let ends = self.list(format!("{out}_ends"), &[(from + count) as i64]);
                let axes = self.list(format!("{out}_axes"), &[1]);
                inputs.extend([starts.as_str(), &ends, &axes]);
                self.node("Slice", &inputs, &out, none);
            }
            Op::PixelUnshuffle { factor } => {
                let (channels, area) = (shapes[node.inputs[0]][0], factor * factor);
                let blocks = format!("{out}_blocks");
                self.node("SpaceToDepth", &inputs, &blocks, none.integer("blocksize", *factor));
                // ONNX has channel `k * channels + c` where ours has `c * area + k`.
                let from = |i: usize| (i % area * channels + i / area) as i64;
                let order: Vec<i64> = (0..channels * area).map(from).collect();
                let order = self.list(format!("{out}_order"), &order);
                let axis = Message::default().integer("axis", 1);
                self.node("Gather", &[&blocks, &order], &out, axis);
            }
            Op::PixelShuffle { factor } => {
                let attributes = none.integer("blocksize", *factor).text("mode", "CRD");
                self.node("DepthToSpace", &inputs, &out, attributes);
            }
            Op::MaxPool2 => {
                let attributes =
                    none.integers("kernel_shape", &[2; 2]).integers("strides", &[2; 2]);
                self.node("MaxPool", &inputs, &out, attributes);
            }
            Op::Upsample2 => {
                let scales = format!("{out}_scales");
                let bytes: Vec<u8> =
                    [1_f32, 1., 2., 2.].iter().flat_map(|v| v.to_le_bytes()).collect();
                self.constant(&scales, FLOAT, std::iter::once(4), &bytes);
                let attributes = none
                    .text("mode", "nearest")
                    .text("coordinate_transformation_mode", "asymmetric")
                    .text("nearest_mode", "floor");
                // The second input, a region of interest, is left out.
                inputs.extend(["", &scales]);
                self.node("Resize", &inputs, &out, attributes);
            }
            Op::Flatten | Op::Unflatten { .. } => {
                let [c, h, w] = shapes[index].map(|n| n as i64);
                let shape = self.list(format!("{out}_shape"), &[0, c, h, w]);
                inputs.push(&shape);
                self.node("Reshape", &inputs, &out, none);
            }
        }
    }
}

#[cfg(test)]
mod tests;
