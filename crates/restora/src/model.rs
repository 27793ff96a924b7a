//! Nets by name and by file.

use crate::Error;
use restora_data::Dataset;
use restora_image::Size;
use restora_nn::weights::safetensors;
use restora_nn::{Gpu, GpuNet, Model, ModelCard, Net, NnError, Value as Batch, Weights};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::path::Path;

/// Reads `name` or `name:key=value:key=value` (also with commas between the options), as steps are
/// written: `restorer:channels=3`. A list is `widths=32,48,64` or `widths=[32,48,64]`.
///
/// # Errors
/// [`Error::Usage`] naming the architectures there are, or what is wrong with an option.
pub fn from_text(text: &str) -> Result<Model, Error> {
    from_object(text, object(text)?)
}

/// As [`from_text`]; a net of one size whose `shape` is not said takes that of the first picture of the
/// set that can be read.
///
/// # Errors
/// As for [`from_text`], also where the net cannot have that shape.
pub fn from_text_for(text: &str, set: &Dataset) -> Result<Model, Error> {
    let mut object = object(text)?;
    let model = from_object(text, object.clone())?;
    if model.fixed_shape().is_none() || object.contains_key("shape") {
        return Ok(model);
    }
    let Some(first) = (0..set.len()).find_map(|i| set.get(i).ok()) else { return Ok(model) };
    let (size, channels) = (first.raster.size, first.raster.layout.colors());
    object.insert("shape".to_owned(), json!([channels, size.height, size.width]));
    from_object(&format!("{text} for pictures of {size}"), object)
}

/// The options of a net as JSON.
fn object(text: &str) -> Result<Map<String, Value>, Error> {
    let (name, options) = text.split_once(':').unwrap_or((text, ""));
    let name = name.trim();
    let mut object = Map::new();
    for (key, value) in pairs(options).map_err(|e| Error::Usage(format!("`{name}`: {e}")))? {
        object.insert(key.replace('-', "_"), scalar(&value));
    }
    object.insert("architecture".to_owned(), name.into());
    Ok(object)
}

fn from_object(text: &str, object: Map<String, Value>) -> Result<Model, Error> {
    Model::from_json(object.into()).map_err(|e| {
        let told = e.to_string();
        Error::Usage(format!("`{text}`: {}", told.strip_prefix("model: ").unwrap_or(&told)))
    })
}

/// The text that [`from_text`] reads, with every option.
pub fn to_text(model: &Model) -> String {
    let mut text = name(model);
    if let Some(options) = model.card().config.as_object() {
        for (key, value) in options.iter().filter(|(_, v)| !v.is_null()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = write!(text, ":{key}={value}");
        }
    }
    text
}

/// The name of the architecture.
pub fn name(model: &Model) -> String {
    model.card().architecture
}

/// `key=value` pairs. A comma divides pairs where a key follows it, and belongs to the value
/// otherwise.
fn pairs(options: &str) -> Result<Vec<(String, String)>, String> {
    let mut all: Vec<(String, String)> = Vec::new();
    for part in options.split(':') {
        for (i, piece) in part.split(',').enumerate() {
            match (piece.split_once('='), all.last_mut()) {
                (Some((key, value)), _) => {
                    all.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                (None, Some((_, value))) if i > 0 => {
                    value.push(',');
                    value.push_str(piece.trim());
                }
                (None, _) if piece.trim().is_empty() => {}
                (None, _) => return Err(format!("options are key=value, got `{piece}`")),
            }
        }
    }
    Ok(all)
}

fn scalar(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| {
        if text.contains(',') {
            text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(scalar).collect()
        } else {
            text.into()
        }
    })
}

/// A net with its weights, as it comes out of a file.
#[derive(Debug)]
pub struct Loaded {
    /// The architecture.
    pub model: Model,
    /// What the file says of itself.
    pub card: ModelCard,
    /// The net, ready to run.
    pub net: Net,
    /// The same net on a graphics processor, where it is to run there.
    pub on_gpu: Option<GpuNet>,
}

impl Loaded {
    /// Runs the net there from now on, where there is such a processor.
    ///
    /// # Errors
    /// [`NnError::Device`] where the device fails.
    pub fn on(self, gpu: Option<&Gpu>) -> Result<Self, NnError> {
        let on_gpu = gpu.map(|gpu| gpu.load(&self.net)).transpose()?;
        Ok(Self { on_gpu, ..self })
    }

    /// The value of the net's output for a batch.
    pub(crate) fn forward(&self, x: Batch, threads: usize) -> Result<Batch, NnError> {
        match &self.on_gpu {
            Some(net) => net.forward(&x),
            None => self.net.forward(x, threads),
        }
    }

    /// The code of a batch.
    pub(crate) fn encode(&self, x: Batch, threads: usize) -> Result<Batch, NnError> {
        match &self.on_gpu {
            Some(net) => net.encode(&x),
            None => self.net.encode(x, threads),
        }
    }
}

/// The most bytes a file of weights may have.
const LARGEST: u64 = 4 << 30;

/// The bytes of a file of weights.
///
/// # Errors
/// [`Error::Io`], or [`NnError::Limit`] for a file beyond 4 GiB.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(io)?.len();
    if length > LARGEST {
        let told = format!("{}: {length} bytes, at most {LARGEST} are read", path.display());
        return Err(Error::Nn(NnError::Limit(told)));
    }
    std::fs::read(path).map_err(io)
}

/// Reads a file of weights with its model card.
///
/// # Errors
/// [`Error::Io`]; what is wrong with the file, its card, or the tensors, with the file's name.
pub fn read(path: &Path) -> Result<Loaded, Error> {
    let weights = read_weights(path)?;
    let model = Model::of(&weights.card).map_err(|e| in_file(path, e))?;
    weights.check(&model.graph()).map_err(|e| in_file(path, e))?;
    let net = Net::new(model.graph(), weights.tensors).map_err(|e| in_file(path, e))?;
    Ok(Loaded { model, card: weights.card, net, on_gpu: None })
}

/// Reads a file of weights without building its net.
///
/// # Errors
/// As for [`read`].
pub fn read_weights(path: &Path) -> Result<Weights, Error> {
    let bytes = read_bytes(path)?;
    Weights::from_bytes(&bytes).map_err(|e| {
        let checkpoint =
            safetensors::read(&bytes).is_ok_and(|(_, metadata)| metadata.contains_key("progress"));
        if checkpoint {
            let told =
                "a checkpoint of a training run, not its weights: `restora train --resume` ends it";
            return in_file(path, NnError::Unsupported(told.to_owned()));
        }
        in_file(path, e)
    })
}

/// The error with the file's name before it.
pub(crate) fn in_file(path: &Path, error: NnError) -> Error {
    let told = |text: String| format!("{}: {text}", path.display());
    Error::Nn(match error {
        NnError::Input(text) | NnError::Param(text) => NnError::Input(told(text)),
        NnError::Corrupt(text) => NnError::Corrupt(told(text)),
        NnError::Unsupported(text) => NnError::Unsupported(told(text)),
        NnError::Limit(text) => NnError::Limit(told(text)),
        other => other,
    })
}

/// The one size of picture that the net takes; `None` where any multiple of its alignment will do.
pub fn fixed_size(model: &Model) -> Option<Size> {
    model.fixed_shape().map(|[_, h, w]| Size { width: w as u32, height: h as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_with_lists_and_written_back() {
        for text in [
            "restorer:channels=3:widths=8,12,16:blocks=[0,0,1,0,1]",
            "restorer:widths=8,12,16,channels=3,blocks=0,0,1,0,1",
        ] {
            let model = from_text(text).unwrap();
            let config = model.card().config;
            assert_eq!(config["widths"], serde_json::json!([8, 12, 16]));
            assert_eq!((config["channels"].as_u64(), model.channels()), (Some(3), 3));
            assert_eq!(from_text(&to_text(&model)).unwrap(), model);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [
            ("oracle", "restorer"),
            ("restorer:color=3", "color"),
            ("restorer:channels=2", "channels"),
            ("restorer:three", "key=value"),
        ] {
            let error = from_text(text).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert_eq!(error.kind(), restora_image::ErrorKind::Param);
        }
    }
}
