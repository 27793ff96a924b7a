//! Runs nets of others from ONNX files.
//!
//! The runtime is a crate (`docs/decisions/0012-onnx-by-rten.md`); nothing of it is in this module's face.
//! One value of the graph is made an output of it before it is loaded, so that what the runtime joins
//! and folds leaves that value as it is.

use crate::NnError;
use crate::onnx::reader::{Outline, with_output, with_softmax_of_today};
use rten::{Model, NodeId, RunOptions, ThreadPool, Value};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The value of a net that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnnxValue {
    /// What the last layer of a classifier looks at; the result of a net that is none.
    Embedding,
    /// What comes out at its end.
    Result,
    /// The value of this name.
    Named(String),
}

/// A net from an ONNX file that takes one picture and of which one value is read.
pub struct OnnxNet {
    model: Model,
    input: NodeId,
    wanted: NodeId,
    outline: Outline,
    /// The name of the value.
    value: String,
}

impl OnnxNet {
    /// Reads a file. Weights of 16 bits are computed with in 32.
    ///
    /// # Errors
    /// [`NnError::Corrupt`]; [`NnError::Unsupported`] for operators that the runtime does not know, or
    /// more than one input; [`NnError::Param`] where no value has the wanted name.
    pub fn from_bytes(bytes: &[u8], wanted: &OnnxValue) -> Result<Self, NnError> {
        let outline = Outline::of(bytes)?;
        let [(input, _)] = &outline.inputs[..] else {
            let names: Vec<_> = outline.inputs.iter().map(|(name, _)| name.as_str()).collect();
            let told = format!("a net of one input is wanted, this has {}", names.len());
            return Err(NnError::Unsupported(format!("{told}: {}", names.join(", "))));
        };
        let result = outline
            .outputs
            .first()
            .cloned()
            .ok_or_else(|| NnError::Corrupt("the net has no output".to_owned()))?;
        let value = match wanted {
            OnnxValue::Result => result,
            OnnxValue::Embedding => embedding(&outline, &result).unwrap_or(result),
            OnnxValue::Named(name) if outline.has(name) => name.clone(),
            OnnxValue::Named(name) => {
                let names: Vec<_> = layers(&outline);
                return Err(NnError::Param(format!(
                    "`layer` must be a value of the net, got `{name}`; there are {}",
                    names.join(", ")
                )));
            }
        };
        let mut bytes = with_softmax_of_today(bytes)?;
        if !outline.outputs.contains(&value) {
            bytes = with_output(&bytes, &value)?;
        }
        let model = guarded(|| Model::load(bytes))?.map_err(|e| NnError::Unsupported(told(&e)))?;
        let id = |name: &str| model.node_id(name).map_err(|e| NnError::Corrupt(told(&e)));
        let (input, wanted) = (id(input)?, id(&value)?);
        Ok(Self { model, input, wanted, outline, value })
    }

    /// What wrote the file, as it says.
    pub fn producer(&self) -> &str {
        &self.outline.producer
    }

    /// The name of the value that is read.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Is the value that is read one of probabilities: does a softmax make it?
    pub fn is_softmax(&self) -> bool {
        let mut name = self.value.as_str();
        while let Some(node) = self.outline.maker(name) {
            match (node.op.as_str(), node.inputs.first()) {
                ("Softmax", _) => return true,
                ("Identity" | "Reshape" | "Flatten" | "Squeeze" | "Cast", Some(from)) => {
                    name = from;
                }
                _ => return false,
            }
        }
        false
    }

    /// Does it take channels last? Then its input ends with one or three channels.
    pub fn channels_last(&self) -> bool {
        let channels = |n: Option<usize>| matches!(n, Some(1 | 3));
        matches!(self.dims()[..], [_, c, _, last] if !channels(c) && channels(last))
    }

    /// The channels it takes, where the file says.
    pub fn channels(&self) -> Option<usize> {
        match self.dims()[..] {
            [_, c, _, last] => {
                if self.channels_last() {
                    last
                } else {
                    c
                }
            }
            _ => None,
        }
    }

    /// The width and height it takes, where the file says.
    pub fn size(&self) -> Option<[usize; 2]> {
        match self.dims()[..] {
            [_, h, w, _] if self.channels_last() => Some([w?, h?]),
            [_, _, h, w] => Some([w?, h?]),
            _ => None,
        }
    }

    fn dims(&self) -> &[Option<usize>] {
        &self.outline.inputs[0].1
    }

    /// The value for one picture of so many channels, rows and columns, whose planes lie one after
    /// another. Of a map (four axes) or a sequence (three), the mean over all places.
    ///
    /// # Errors
    /// [`NnError::Input`] where the net does not take such a picture.
    pub fn run(
        &self,
        planes: &[f32],
        [c, h, w]: [usize; 3],
        threads: usize,
    ) -> Result<Vec<f32>, NnError> {
        if planes.len() != c * h * w || planes.is_empty() {
            let came = planes.len();
            return Err(NnError::Input(format!("{c} x {h} x {w} numbers are wanted, got {came}")));
        }
        let (shape, data) = if self.channels_last() {
            let pixel = |i: usize| (0..c).map(move |k| planes[k * h * w + i]);
            ([1, h, w, c], (0..h * w).flat_map(pixel).collect())
        } else {
            ([1, c, h, w], planes.to_vec())
        };
        let input = Value::from_shape(shape, data).map_err(|e| NnError::Input(told(&e)))?;
        let options = RunOptions::default().with_thread_pool(Some(pool(threads)));
        let run =
            || self.model.run(vec![(self.input, input.into())], &[self.wanted], Some(options));
        let mut found = guarded(run)?.map_err(|e| NnError::Input(told(&e)))?;
        let value = found.pop().ok_or_else(|| NnError::Input("the net gave nothing".to_owned()))?;
        averaged(value)
    }
}

impl std::fmt::Debug for OnnxNet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxNet")
            .field("producer", &self.outline.producer)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// The values of a net, last first, without those next to nobody asks for.
fn layers(outline: &Outline) -> Vec<&str> {
    let maps = [
        "Conv",
        "Gemm",
        "MatMul",
        "Relu",
        "Add",
        "Concat",
        "GlobalAveragePool",
        "AveragePool",
        "MaxPool",
        "Flatten",
        "Softmax",
    ];
    let nodes = outline.nodes.iter().rev().filter(|node| maps.contains(&node.op.as_str()));
    nodes.filter_map(|node| node.outputs.first()).map(String::as_str).collect()
}

/// The value that the last layer of a classifier looks at: what the last `Gemm`, or `MatMul` with a
/// bias, or convolution before a pooling over all places multiplies. A net that ends otherwise (in a
/// projection without a bias, a normalization) is taken to give embeddings already.
fn embedding(outline: &Outline, result: &str) -> Option<String> {
    let constant = |name: &String| outline.constants.contains(name);
    let mut name = result.to_owned();
    let (mut classifies, mut pooled, mut biased) = (false, false, false);
    loop {
        let node = outline.maker(&name)?;
        let varying = node.inputs.iter().find(|input| !constant(input))?;
        match node.op.as_str() {
            "Softmax" | "LogSoftmax" | "Sigmoid" => classifies = true,
            "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Cast" | "Dropout" => {}
            "GlobalAveragePool" | "AveragePool" | "ReduceMean" => pooled = true,
            "Relu" if pooled => {}
            "Add" if node.inputs.iter().any(constant) || biased => biased = true,
            "Gemm" if node.inputs.len() > 2 || classifies => return Some(varying.clone()),
            "MatMul" if biased || classifies => return Some(varying.clone()),
            "Conv" if pooled || classifies => return Some(varying.clone()),
            _ => return None,
        }
        name.clone_from(varying);
    }
}

/// Means over places, whatever the number of axes.
fn averaged(value: Value) -> Result<Vec<f32>, NnError> {
    let means = |data: &[f32], places: usize| -> Vec<f32> {
        let mean = |part: &[f32]| part.iter().map(|v| f64::from(*v)).sum::<f64>() / places as f64;
        data.chunks_exact(places.max(1)).map(|part| mean(part) as f32).collect()
    };
    if let Ok(([1, _], data)) = value.clone().into_shape_vec::<f32, 2>() {
        return Ok(data);
    }
    if let Ok(([1, _, h, w], data)) = value.clone().into_shape_vec::<f32, 4>() {
        return Ok(means(&data, h * w));
    }
    if let Ok(([1, t, n], data)) = value.clone().into_shape_vec::<f32, 3>() {
        let column = |i: usize| -> Vec<f32> { (0..t).map(|k| data[k * n + i]).collect() };
        return Ok((0..n).flat_map(|i| means(&column(i), t)).collect());
    }
    if let Ok((_, data)) = value.into_shape_vec::<f32, 1>() {
        return Ok(data);
    }
    let told =
        "the layer gives no numbers of one picture: 1 x n, 1 x t x n or 1 x c x h x w are wanted";
    Err(NnError::Input(told.to_owned()))
}

thread_local! {
    /// The runtime's threads for a caller's thread: callers that run side by side share none.
    static POOL: RefCell<Option<(usize, Arc<ThreadPool>)>> = const { RefCell::new(None) };
}

fn pool(threads: usize) -> Arc<ThreadPool> {
    let threads = threads.max(1);
    POOL.with_borrow_mut(|held| match held {
        Some((n, pool)) if *n == threads => pool.clone(),
        _ => {
            let pool = Arc::new(ThreadPool::with_num_threads(threads));
            *held = Some((threads, pool.clone()));
            pool
        }
    })
}

/// A file of others may be wrong in ways that the runtime does not expect.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, NnError> {
    catch_unwind(AssertUnwindSafe(run))
        .map_err(|_| NnError::Corrupt("the net is damaged: the runtime gave it up".to_owned()))
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests;
