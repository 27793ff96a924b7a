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
    let mut model = Message::default();
    for field in Fields::of(bytes) {
        model = match field? {
            (GRAPH, Field::Bytes(graph)) => {
                let graph = Message::from(graph.to_vec());
                let output = Message::default().bytes(1, value);
                model.message(GRAPH, &graph.message(12, &output))
            }
            (number, Field::Bytes(content)) => model.bytes(number, content),
            (number, Field::Int(content)) => model.int(number, content as i64),
            // No field of a model is of fixed width.
            (_, Field::Fixed) => model,
        };
    }
    Ok(model.into_bytes())
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
