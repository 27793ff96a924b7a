//! Pictures as vectors: every feature of a whole picture behind one face.
//!
//! An [`Extractor`] is read from text as steps are (`hog:size=128,cell=16`) and makes a vector of one
//! length of every picture, whatever its size. [`extract_all`] walks a set with it.

mod catalog;
mod frame;
mod net;
mod walk;

pub use frame::{Fit, framed};
pub use walk::{Extracted, extract_all};

use crate::Error;
use crate::option_text;
use catalog::Entry;
use net::NetExtractor;
use restora_image::{Context, Image, OpInfo, Size};
use restora_metrics::features::hashes::HashKind;
use restora_metrics::features::{
    ColorHistogram, Gabor, Gist, Hog, Lbp, color_histogram, gabor, gist, hog, lbp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Largest side of the square that a picture is made before it is looked at.
const LARGEST: u32 = 4096;

/// A named way to make a vector of a picture, such as `gabor`, `hog:size=128` or `p-hash`.
#[derive(Clone, Debug)]
pub struct Extractor {
    name: String,
    frame: Option<(Size, Fit)>,
    kind: Kind,
    dimensions: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    ColorHistogram(ColorHistogram),
    Gist(Gist),
    Gabor(Gabor),
    Hog(Hog),
    Lbp(Lbp),
    Hash(HashKind),
    Net(Arc<NetExtractor>),
}

impl Extractor {
    /// Name, paper and options of every extractor.
    pub fn catalog() -> Vec<&'static OpInfo> {
        catalog::ALL.iter().map(|entry| entry.info).collect()
    }

    /// Reads `method`, `method:key=value,key=value`, or `model=FILE,key=value` for a net.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the methods or options there are, or the option out of range; what is
    /// wrong with the file of a net.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some(rest) = text.trim_start().strip_prefix("model=") {
            let (net, name) = NetExtractor::parse(rest)?;
            return Self { name, frame: None, kind: Kind::Net(Arc::new(net)), dimensions: 0 }
                .measured();
        }
        let (id, options) = text.split_once(':').unwrap_or((text, ""));
        let id = id.trim();
        let told = |what: String| Error::Usage(format!("`{id}`: {what}"));
        let Some(entry) = catalog::ALL.iter().find(|entry| entry.info.id == id) else {
            let names: Vec<_> = catalog::ALL.iter().map(|entry| entry.info.id).collect();
            return Err(Error::Usage(format!(
                "no feature is named `{id}`; there are {}",
                names.join(", ")
            )));
        };
        let mut object = option_text::read(options).map_err(told)?;
        let mut shown = String::new();
        let frame = frame_of(entry, &mut object, &mut shown).map_err(told)?;
        let kind = Kind::read(id, object, &mut shown).map_err(told)?;
        let made = Self { name: format!("{id}{shown}"), frame, kind, dimensions: 0 };
        made.measured().map_err(|e| told(e.to_string()))
    }

    /// With the length of its vectors, which is that of the vector of any picture.
    fn measured(mut self) -> Result<Self, Error> {
        // What the options allow is what the feature itself accepts.
        let probe = Image::gray_from_fn(Size::new(16, 16), |x, y| ((x * y) % 5) as f32 / 4.0);
        self.dimensions = self.numbers(&probe, &Context::default())?.len();
        if self.dimensions == 0 {
            let told = "no number is left: `size` is too small for the other options";
            return Err(Error::Usage(told.into()));
        }
        Ok(self)
    }

    /// The method with the options that differ from its defaults: what reports carry.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// Length of the vector, the same for every picture.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The vector of a gray or RGB picture. Opacity is not looked at.
    ///
    /// # Errors
    /// If the picture is empty, neither gray nor RGB or holds numbers that are not finite, or the
    /// caller cancelled.
    pub fn extract(&self, image: &Image, cx: &Context) -> Result<Vec<f32>, Error> {
        if image.size().is_empty() {
            return Err(Error::Input(format!("a picture of {} has no features", image.size())));
        }
        let numbers = self.numbers(image, cx)?;
        if numbers.iter().any(|v| !v.is_finite()) {
            return Err(Error::Input(format!("`{}` is not finite of this picture", self.name)));
        }
        if numbers.len() != self.dimensions {
            let (wanted, got) = (self.dimensions, numbers.len());
            return Err(Error::Fault(format!("`{}` made {got} of {wanted} numbers", self.name)));
        }
        Ok(numbers)
    }

    fn numbers(&self, image: &Image, cx: &Context) -> Result<Vec<f32>, Error> {
        let held;
        let image = match self.frame {
            Some((size, fit)) => {
                held = framed(image, size, fit, cx)?;
                &held
            }
            None => image,
        };
        Ok(match &self.kind {
            Kind::ColorHistogram(options) => color_histogram(image, options, cx)?,
            Kind::Gist(options) => gist(image, options, cx)?,
            Kind::Gabor(options) => gabor(image, options, cx)?
                .iter()
                .flat_map(|e| [e.mean_energy as f32, e.variance_energy as f32])
                .collect(),
            Kind::Hog(options) => hog(image, options, cx)?,
            Kind::Lbp(options) => shares(&lbp(image, options, cx)?),
            Kind::Net(net) => net.numbers(image, cx)?,
            Kind::Hash(kind) => {
                let bits = kind.of(image)?.0;
                (0..64).map(|i| (bits >> (63 - i) & 1) as f32).collect()
            }
        })
    }
}

impl std::fmt::Display for Extractor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl std::str::FromStr for Extractor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Counts as parts of their sum.
fn shares(counts: &[u64]) -> Vec<f32> {
    let sum = counts.iter().sum::<u64>().max(1) as f64;
    counts.iter().map(|n| (*n as f64 / sum) as f32).collect()
}

impl Kind {
    fn read(id: &str, object: Map<String, Value>, shown: &mut String) -> Result<Self, String> {
        let hash = HashKind::ALL.into_iter().find(|kind| json!(kind) == json!(id));
        match (id, hash) {
            ("color-histogram", _) => options(object, shown).map(Self::ColorHistogram),
            ("gist", _) => options(object, shown).map(Self::Gist),
            ("gabor", _) => options(object, shown).map(Self::Gabor),
            ("hog", _) => options(object, shown).map(Self::Hog),
            ("lbp", _) => options(object, shown).map(Self::Lbp),
            (_, Some(kind)) => match object.keys().next() {
                Some(key) => Err(format!("unknown field `{key}`, there are no options")),
                None => Ok(Self::Hash(kind)),
            },
            _ => Err("wants a file: model=net.onnx".into()),
        }
    }
}

/// The options of a feature; what differs from their defaults is added to `shown`.
fn options<T: Default + Serialize + DeserializeOwned>(
    object: Map<String, Value>,
    shown: &mut String,
) -> Result<T, String> {
    // One number is a list of one where a list is wanted.
    let default = json!(T::default());
    let listed = object.into_iter().map(|(key, value)| match default.get(&key) {
        Some(Value::Array(_)) if !value.is_array() => (key, json!([value])),
        _ => (key, value),
    });
    let read: T =
        serde_json::from_value(Value::Object(listed.collect())).map_err(|e| e.to_string())?;
    if let Value::Object(mine) = json!(read) {
        *shown += &option_text::written(&mine, &default);
    }
    Ok(read)
}

/// Takes `size` and `fit` out of the options.
fn frame_of(
    entry: &Entry,
    object: &mut Map<String, Value>,
    shown: &mut String,
) -> Result<Option<(Size, Fit)>, String> {
    let Some(default) = &entry.frame else { return Ok(None) };
    let size = match object.remove("size") {
        None => default.size,
        Some(value) => {
            let least = default.least;
            let range = u64::from(least)..=u64::from(LARGEST);
            let side = value.as_u64().filter(|side| range.contains(side));
            side.ok_or_else(|| format!("`size` must be {least} to {LARGEST} pixels, got {value}"))?
                as u32
        }
    };
    let fit = match object.remove("fit") {
        None => default.fit,
        Some(_) if size == 0 => return Err("`fit` wants a `size` above 0".into()),
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|_| format!("`fit` must be stretch or crop, got {value}"))?,
    };
    let mine = json!({ "size": size, "fit": fit });
    if let Value::Object(mine) = mine {
        *shown +=
            &option_text::written(&mine, &json!({ "size": default.size, "fit": default.fit }));
    }
    Ok((size > 0).then_some((Size::new(size, size), fit)))
}

#[cfg(test)]
mod tests;
