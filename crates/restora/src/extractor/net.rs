//! Embeddings: what a net sees in a picture, from ONNX files and from our own.

use super::{Fit, framed};
use crate::Error;
use crate::model::{self, Loaded};
use restora_image::{ColorSpace, Context, Image, Size, to_luma};
use restora_nn::models::Conditioning;
use restora_nn::{NnError, NodeId, OnnxNet, OnnxValue, Value as Batch};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// The picture that a net is given where neither its file nor an option says.
const SIDE: [u32; 2] = [224, 256];
/// Means and standard deviations of `ImageNet`'s pixels, which most nets of others were trained with.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// What is read of the net.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Read {
    /// What the last layer of a classifier looks at; of an autoencoder its code.
    Embedding,
    /// What comes out.
    Result,
    /// What comes out, as parts of 1: by a softmax where the net has none.
    Probabilities,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Order {
    Rgb,
    Bgr,
}

/// One number, or one for each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum PerChannel {
    All(f32),
    Each(Vec<f32>),
}

impl PerChannel {
    fn of(&self, name: &str, channels: usize) -> Result<Vec<f32>, String> {
        let all = match self {
            Self::All(v) => vec![*v; channels],
            Self::Each(list) => list.clone(),
        };
        let fits = all.len() == channels && all.iter().all(|v| v.is_finite());
        let wanted = || format!("`{name}` must be one number or {channels}, got {all:?}");
        if fits { Ok(all) } else { Err(wanted()) }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    output: Read,
    layer: Option<String>,
    size: Option<u32>,
    fit: Fit,
    order: Order,
    range: f32,
    mean: Option<PerChannel>,
    std: Option<PerChannel>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            output: Read::Embedding,
            layer: None,
            size: None,
            fit: Fit::Crop,
            order: Order::Rgb,
            range: 1.0,
            mean: None,
            std: None,
        }
    }
}

enum Net {
    Onnx(Box<OnnxNet>),
    Own(Box<Loaded>, NodeId),
}

/// The file, and the options after it. Names of files and of layers may hold what divides options
/// elsewhere: an option begins with a comma, a key and `=`.
fn pieces(text: &str) -> Vec<&str> {
    let begins = |at: usize| {
        let rest = text[at + 1..].trim_start();
        let key = rest.split_once('=').map_or("", |(key, _)| key.trim_end());
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase())
    };
    let mut cuts = text.match_indices(',').map(|(at, _)| at).filter(|at| begins(*at)).peekable();
    let mut all = vec![&text[..cuts.peek().copied().unwrap_or(text.len())]];
    while let Some(cut) = cuts.next() {
        all.push(&text[cut + 1..cuts.peek().copied().unwrap_or(text.len())]);
    }
    all
}

/// A net, what it is given and what is read of it.
pub struct NetExtractor {
    net: Net,
    size: Size,
    options: Options,
    channels: usize,
    mean: Vec<f32>,
    std: Vec<f32>,
    /// Are the numbers to become parts of 1?
    softmax: bool,
}

impl NetExtractor {
    /// Reads `FILE,key=value,...`; gives the name that reports carry, too.
    pub fn parse(text: &str) -> Result<(Self, String), Error> {
        let mut pieces = pieces(text);
        let file = pieces.remove(0);
        let path = Path::new(file.trim());
        let shown = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let told = |what: String| Error::Usage(format!("`model={shown}`: {what}"));
        if shown.is_empty() {
            return Err(Error::Usage("`model=` wants a file: model=net.onnx".into()));
        }
        let mut object = Map::new();
        for (key, value) in pieces.iter().filter_map(|piece| piece.split_once('=')) {
            let (key, value) = (key.trim(), value.trim());
            let read = match key {
                "layer" | "output" | "fit" | "order" => value.into(),
                _ => serde_json::from_str(&format!("[{value}]"))
                    .map_err(|_| told(format!("`{key}` wants numbers, got `{value}`")))?,
            };
            let read = match read {
                Value::Array(mut list) if list.len() == 1 => list.remove(0),
                other => other,
            };
            object.insert(key.to_owned(), read);
        }
        let options: Options =
            serde_json::from_value(Value::Object(object)).map_err(|e| told(e.to_string()))?;
        let name = std::iter::once(format!("model={shown}"))
            .chain(pieces.iter().map(|piece| piece.trim().to_owned()));
        let name = name.collect::<Vec<_>>().join(",");
        let made = Self::new(path, options).map_err(|e| match e {
            Error::Usage(what) => told(what),
            other => other.in_file(path),
        })?;
        Ok((made, name))
    }

    fn new(path: &Path, options: Options) -> Result<Self, Error> {
        if options.layer.is_some() && options.output != Read::Embedding {
            return Err(Error::Usage("either `layer` or `output`, not both".into()));
        }
        if !(options.range.is_finite() && options.range > 0.0) {
            let got = options.range;
            return Err(Error::Usage(format!("`range` must be above 0, got {got}")));
        }
        let layer = options.layer.clone();
        let bytes = model::read_bytes(path)?;
        let own = bytes.get(8) == Some(&b'{');
        let (net, channels, fixed, align) = if own {
            let loaded = model::read(path)?;
            let node = own_layer(&loaded, layer.as_deref(), options.output)?;
            let channels = loaded.model.channels();
            let (fixed, align) = (model::fixed_size(&loaded.model), loaded.model.alignment());
            (Net::Own(Box::new(loaded), node), channels, fixed, align.max(1) as u32)
        } else {
            let wanted = match (layer, options.output) {
                (Some(name), _) => OnnxValue::Named(name),
                (None, Read::Embedding) => OnnxValue::Embedding,
                (None, Read::Result | Read::Probabilities) => OnnxValue::Result,
            };
            let net = OnnxNet::from_bytes(&bytes, &wanted)?;
            let fixed = net.size().map(|[w, h]| Size::new(w as u32, h as u32));
            let channels = net.channels().unwrap_or(3);
            (Net::Onnx(Box::new(net)), channels, fixed, 1)
        };
        if !matches!(channels, 1 | 3) {
            let told = format!("nets of 1 or 3 channels are wanted, this has {channels}");
            return Err(Error::Nn(NnError::Unsupported(told)));
        }
        let size = match (fixed, options.size) {
            (Some(size), None) => size,
            (Some(size), Some(side)) if size == Size::new(side, side) => size,
            (Some(size), Some(side)) => {
                return Err(Error::Usage(format!("the net takes {size} only, got `size` {side}")));
            }
            (None, Some(side)) if side == 0 || side > super::LARGEST || side % align != 0 => {
                let most = super::LARGEST;
                return Err(Error::Usage(format!(
                    "`size` must be 1 to {most} pixels in steps of {align}, got {side}"
                )));
            }
            (None, side) => {
                let side = side.unwrap_or(SIDE[usize::from(own)].next_multiple_of(align));
                Size::new(side, side)
            }
        };
        // Ours, and those that we wrote, were trained on plain pictures.
        let plain = match &net {
            Net::Own(..) => true,
            Net::Onnx(net) => net.producer() == "restora",
        };
        let said = options.mean.is_some() || options.std.is_some() || options.range != 1.0;
        let usual = !plain && !said && channels == 3;
        let of = |name, given: &Option<PerChannel>, usual_values: [f32; 3], plain: f32| match given
        {
            Some(values) => values.of(name, channels).map_err(Error::Usage),
            None if usual => Ok(usual_values.to_vec()),
            None => Ok(vec![plain; channels]),
        };
        let mean = of("mean", &options.mean, MEAN, 0.0)?;
        let std = of("std", &options.std, STD, 1.0)?;
        if std.iter().any(|v| *v <= 0.0) {
            return Err(Error::Usage(format!("`std` must be above 0, got {std:?}")));
        }
        let softmax = options.output == Read::Probabilities
            && !matches!(&net, Net::Onnx(net) if net.is_softmax());
        Ok(Self { net, size, options, channels, mean, std, softmax })
    }

    pub fn numbers(&self, image: &Image, cx: &Context) -> Result<Vec<f32>, Error> {
        cx.check()?;
        let held;
        let image = match (self.channels, image.space()) {
            (1, _) => {
                held = Image::from_plane(to_luma(image)?);
                &held
            }
            (_, ColorSpace::Gray | ColorSpace::Srgb | ColorSpace::LinearRgb) => image,
            (_, got) => return Err(Error::Input(format!("gray or RGB is wanted, got {got:?}"))),
        };
        let image = framed(image, self.size, self.options.fit, cx)?;
        let mut planes = Vec::with_capacity(self.channels * self.size.len());
        for c in 0..self.channels {
            let from = match self.options.order {
                _ if image.channels() == 1 => 0,
                Order::Rgb => c,
                Order::Bgr => self.channels - 1 - c,
            };
            let (range, mean, over) = (self.options.range, self.mean[c], 1.0 / self.std[c]);
            planes.extend(image.plane_data(from).iter().map(|v| (v * range - mean) * over));
        }
        let shape = [self.channels, self.size.h(), self.size.w()];
        let mut numbers = match &self.net {
            Net::Onnx(net) => net.run(&planes, shape, cx.threads)?,
            Net::Own(loaded, node) => own_value(loaded, *node, planes, shape, cx.threads)?,
        };
        if self.softmax {
            let most = numbers.iter().copied().fold(f32::MIN, f32::max);
            let sum: f64 = numbers.iter().map(|v| f64::from(v - most).exp()).sum();
            for v in &mut numbers {
                *v = (f64::from(*v - most).exp() / sum) as f32;
            }
        }
        Ok(numbers)
    }
}

impl std::fmt::Debug for NetExtractor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetExtractor").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The layer of a net of ours that is read.
fn own_layer(loaded: &Loaded, layer: Option<&str>, output: Read) -> Result<NodeId, Error> {
    let graph = loaded.net.graph();
    match (layer, output) {
        (Some(name), _) => graph.find(name).ok_or_else(|| {
            let names = graph.layers().collect::<Vec<_>>().join(", ");
            let most = graph.output();
            Error::Usage(format!("`layer` must be 1 to {most}, or one of {names}; got `{name}`"))
        }),
        (None, Read::Embedding) => Ok(graph.code().unwrap_or_else(|| graph.before_last())),
        (None, Read::Result) => Ok(graph.output()),
        (None, Read::Probabilities) => {
            Err(Error::Usage("`output=probabilities` is for classifiers, this is none".into()))
        }
    }
}

/// The code as it is; of any other layer the mean of each channel.
fn own_value(
    loaded: &Loaded,
    node: NodeId,
    mut planes: Vec<f32>,
    [c, h, w]: [usize; 3],
    threads: usize,
) -> Result<Vec<f32>, Error> {
    // A net that is told a noise level is told that there is none.
    let sigma = (loaded.model.conditioning() == Conditioning::Sigma).then_some(0.0);
    let beside = loaded.model.conditioning().values(sigma);
    for value in &beside {
        planes.resize(planes.len() + h * w, *value);
    }
    let input = Batch::from_planes(1, [c + beside.len(), h, w], &planes)?;
    let value = loaded.net.value(node, input, threads)?;
    let places = value.shape()[1] * value.shape()[2];
    let planes = value.to_planes();
    if loaded.net.graph().code() == Some(node) {
        return Ok(planes);
    }
    let mean = |part: &[f32]| part.iter().map(|v| f64::from(*v)).sum::<f64>() / places as f64;
    Ok(planes.chunks_exact(places.max(1)).map(|part| mean(part) as f32).collect())
}
