//! What an ONNX file says of its graph: names, operators, shapes. No numbers are read.
//!
//! Reference: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use super::protobuf::{Field, Fields, Message};
use crate::NnError;
use std::collections::BTreeSet;

/// A step of the graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OnnxNode {
    pub op: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
}

/// The outline of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outline {
    pub producer: String,
    pub nodes: Vec<OnnxNode>,
    /// Inputs that are given from outside, with their dimensions as far as they are known.
    pub inputs: Vec<(String, Vec<Option<usize>>)>,
    pub outputs: Vec<String>,
    /// The names of values that come with the file.
    pub constants: BTreeSet<String>,
}

const PRODUCER: u32 = 2;
const GRAPH: u32 = 7;

impl Outline {
    /// # Errors
    /// [`NnError::Corrupt`] where the bytes are no ONNX file.
    pub fn of(bytes: &[u8]) -> Result<Self, NnError> {
        let mut outline = Self::default();
        let mut graph = None;
        for field in Fields::of(bytes) {
            match field? {
                (PRODUCER, Field::Bytes(text)) => outline.producer = words(text),
                (GRAPH, Field::Bytes(message)) => graph = Some(message),
                _ => {}
            }
        }
        let graph =
            graph.ok_or_else(|| NnError::Corrupt("no ONNX file: it has no graph".into()))?;
        let mut inputs = Vec::new();
        for field in Fields::of(graph) {
            match field? {
                (1, Field::Bytes(node)) => outline.nodes.push(self::node(node)?),
                (5, Field::Bytes(tensor)) => {
                    outline.constants.extend(text_field(tensor, 8)?);
                }
                (11, Field::Bytes(value)) => inputs.push(described(value)?),
                (12, Field::Bytes(value)) => outline.outputs.extend(text_field(value, 1)?),
                _ => {}
            }
        }
        // Old files list their constants among the inputs.
        inputs.retain(|(name, _)| !outline.constants.contains(name));
        // What is made of constants alone is one.
        for node in &outline.nodes {
            if node.inputs.iter().all(|name| name.is_empty() || outline.constants.contains(name)) {
                outline.constants.extend(node.outputs.iter().cloned());
            }
        }
        outline.inputs = inputs;
        Ok(outline)
    }

    /// The step that makes a value.
    pub fn maker(&self, value: &str) -> Option<&OnnxNode> {
        self.nodes.iter().find(|node| node.outputs.iter().any(|name| name == value))
    }

    /// Is there such a value, other than those that come with the file?
    pub fn has(&self, value: &str) -> bool {
        self.maker(value).is_some() && !self.constants.contains(value)
    }
}

/// The file with one more output of its graph.
///
/// # Errors
/// As for [`Outline::of`].
pub(crate) fn with_output(bytes: &[u8], value: &str) -> Result<Vec<u8>, NnError> {
    with_graph(bytes, |graph| {
        let output = Message::default().bytes(1, value);
        Ok(Message::from(graph.to_vec()).message(12, &output))
    })
}

/// The file with each softmax as operator set 13 and later have it.
///
/// Until then a softmax took all axes from `axis` (1 unless told) on as one; since then it takes one
/// axis, by default the last, and the runtime knows only this. Of a classifier's 1 x n x 1 x 1 every
/// probability would be 1. Here the older one becomes a softmax of rows, brought back to its shape.
///
/// # Errors
/// As for [`Outline::of`].
pub(crate) fn with_softmax_of_today(bytes: &[u8]) -> Result<Vec<u8>, NnError> {
    if operator_set(bytes)?.is_none_or(|version| version >= 13) {
        return Ok(bytes.to_vec());
    }
    with_graph(bytes, |graph| {
        let mut out = Message::default();
        for field in Fields::of(graph) {
            out = match field? {
                (1, Field::Bytes(step)) => softmax_of_today(step, out)?,
                (number, field) => copied(number, field, out),
            };
        }
        Ok(out)
    })
}

/// A step added to a graph, a softmax as four steps.
fn softmax_of_today(message: &[u8], graph: Message) -> Result<Message, NnError> {
    let OnnxNode { op, inputs, outputs } = node(message)?;
    let (true, [from], [to]) =
        (["Softmax", "LogSoftmax"].contains(&op.as_str()), &inputs[..], &outputs[..])
    else {
        return Ok(graph.bytes(1, message));
    };
    let [rows, shares, shape] = ["rows", "shares", "shape"].map(|part| format!("{to}/{part}"));
    let step = |op: &str, inputs: &[&str], to: &str, axis: Option<i64>| {
        let step = inputs.iter().fold(Message::default(), |step, from| step.bytes(1, from));
        let step = step.bytes(2, to).bytes(4, op);
        axis.map(|axis| Message::default().bytes(1, "axis").int(3, axis).int(20, INT))
            .iter()
            .fold(step, |step, axis| step.message(5, axis))
    };
    let steps = [
        step("Flatten", &[from], &rows, Some(axis(message)?)),
        step(&op, &[&rows], &shares, Some(1)),
        step("Shape", &[from], &shape, None),
        step("Reshape", &[&shares, &shape], to, None),
    ];
    Ok(steps.iter().fold(graph, |graph, step| graph.message(1, step)))
}

/// The type of an attribute that is an integer.
const INT: i64 = 2;

/// The attribute `axis` of a step, 1 where it has none.
fn axis(step: &[u8]) -> Result<i64, NnError> {
    for field in Fields::of(step) {
        let (5, Field::Bytes(attribute)) = field? else { continue };
        if text_field(attribute, 1)?.as_deref() != Some("axis") {
            continue;
        }
        for field in Fields::of(attribute) {
            if let (3, Field::Int(axis)) = field? {
                return Ok(axis as i64);
            }
        }
    }
    Ok(1)
}

/// The version of ONNX's own operators that a file asks for.
fn operator_set(bytes: &[u8]) -> Result<Option<u64>, NnError> {
    let mut own = None;
    for field in Fields::of(bytes) {
        let (8, Field::Bytes(set)) = field? else { continue };
        if !matches!(text_field(set, 1)?.as_deref(), None | Some("" | "ai.onnx")) {
            continue;
        }
        for field in Fields::of(set) {
            if let (2, Field::Int(version)) = field? {
                own = Some(version);
            }
        }
    }
    Ok(own)
}

/// The file with another graph.
fn with_graph(
    bytes: &[u8],
    change: impl Fn(&[u8]) -> Result<Message, NnError>,
) -> Result<Vec<u8>, NnError> {
    let mut model = Message::default();
    for field in Fields::of(bytes) {
        model = match field? {
            (GRAPH, Field::Bytes(graph)) => model.message(GRAPH, &change(graph)?),
            (number, field) => copied(number, field, model),
        };
    }
    Ok(model.into_bytes())
}

/// A field added to a message as it is.
fn copied(number: u32, field: Field, to: Message) -> Message {
    match field {
        Field::Bytes(content) => to.bytes(number, content),
        Field::Int(content) => to.int(number, content as i64),
        // No field of a model or a graph is of fixed width.
        Field::Fixed => to,
    }
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn text_field(message: &[u8], number: u32) -> Result<Option<String>, NnError> {
    for field in Fields::of(message) {
        match field? {
            (n, Field::Bytes(text)) if n == number => return Ok(Some(words(text))),
            _ => {}
        }
    }
    Ok(None)
}

fn node(message: &[u8]) -> Result<OnnxNode, NnError> {
    let mut node = OnnxNode::default();
    for field in Fields::of(message) {
        match field? {
            (1, Field::Bytes(name)) => node.inputs.push(words(name)),
            (2, Field::Bytes(name)) => node.outputs.push(words(name)),
            (4, Field::Bytes(name)) => node.op = words(name),
            _ => {}
        }
    }
    Ok(node)
}

/// Name and dimensions of a `ValueInfoProto`.
fn described(message: &[u8]) -> Result<(String, Vec<Option<usize>>), NnError> {
    let name = text_field(message, 1)?.unwrap_or_default();
    let mut dims = Vec::new();
    // type -> tensor_type -> shape -> dim -> dim_value
    for shape in inside(inside(inside(Some(message), 2)?, 1)?, 2)?.into_iter().flat_map(Fields::of)
    {
        let (1, Field::Bytes(dim)) = shape? else { continue };
        let mut size = None;
        for field in Fields::of(dim) {
            if let (1, Field::Int(value)) = field? {
                size = usize::try_from(value).ok().filter(|n| *n > 0);
            }
        }
        dims.push(size);
    }
    Ok((name, dims))
}

/// The message in a field.
fn inside(message: Option<&[u8]>, number: u32) -> Result<Option<&[u8]>, NnError> {
    for field in message.into_iter().flat_map(Fields::of) {
        match field? {
            (n, Field::Bytes(content)) if n == number => return Ok(Some(content)),
            _ => {}
        }
    }
    Ok(None)
}

/// A file of one step, of operator set `version`, on `x` of 1 x 3 x 1 x 2.
#[cfg(test)]
pub(crate) fn one_step(op: &str, version: i64, axis: Option<i64>) -> Vec<u8> {
    let new = Message::default;
    let dims = [1, 3, 1, 2].iter().fold(new(), |shape, n| shape.message(1, &new().int(1, *n)));
    let kind = new().message(1, &new().int(1, 1).message(2, &dims));
    let value = |name| new().bytes(1, name).message(2, &kind);
    let mut step = new().bytes(1, "x").bytes(2, "y").bytes(4, op);
    if let Some(axis) = axis {
        step = step.message(5, &new().bytes(1, "axis").int(3, axis).int(20, 2));
    }
    let graph = new().message(1, &step).message(11, &value("x")).message(12, &value("y"));
    new().int(1, 8).message(7, &graph).message(8, &new().int(2, version)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_file_are_told_and_never_panic() {
        let good = with_output(&[0x08, 7, 0x3a, 2, 0x12, 0], "x").unwrap();
        assert_eq!(Outline::of(&good).unwrap().outputs, ["x"]);
        assert!(Outline::of(&[]).is_err());
        assert!(Outline::of(b"\x89PNG\r\n").is_err());
        for end in 0..good.len() {
            let _ = Outline::of(&good[..end]);
        }
        for i in 0..good.len() {
            for flip in 0..8 {
                let mut bad = good.clone();
                bad[i] ^= 1 << flip;
                let _ = Outline::of(&bad);
            }
        }
    }
}
