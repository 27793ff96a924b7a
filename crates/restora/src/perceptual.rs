//! Measures of a pair that compare what a trained net sees, with weights from the user's files.
//!
//! Nothing is shipped: the backbones are torchvision's (`alexnet`, `vgg16`, `squeezenet1_1`, as `torch.save` or
//! safetensors files), the small files on top those of the measures' authors. `docs/measures.md` says where to get
//! them.

mod dists;
mod lpips;

pub use dists::Dists;
pub use lpips::{Lpips, LpipsVersion};

use crate::Error;
use crate::model::read_bytes;
use restora_image::{ColorSpace, Context, Image};
use restora_metrics::full_reference::Direction;
use restora_nn::{NnError, Tensors, import};
use std::path::{Path, PathBuf};

/// Larger pictures are refused: the maps of VGG16 take about a kilobyte per pixel.
const MOST_PIXELS: usize = 16_000_000;

/// A learned measure of a pair.
#[derive(Debug)]
pub enum Perceptual {
    /// LPIPS, by one of three backbones.
    Lpips(Lpips),
    /// DISTS.
    Dists(Dists),
}

const FORM: &str = "`lpips:backbone=FILE,linear=FILE` (with `version=0.0` for the linear layers of version 0.0) or \
                    `dists:backbone=FILE,weights=FILE`";

impl Perceptual {
    /// Reads `lpips:backbone=FILE,linear=FILE[,version=0.0]` or `dists:backbone=FILE,weights=FILE`, and the files.
    ///
    /// # Errors
    /// [`Error::Usage`] saying what is missing and where such files come from; what reading them returns.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let usage = |what: String| Error::Usage(format!("`{text}`: {what}; wanted {FORM}"));
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let keys: &[&str] = match name {
            "lpips" => &["backbone", "linear", "version"],
            "dists" => &["backbone", "weights"],
            _ => return Err(usage(format!("no learned measure is named `{name}`"))),
        };
        let mut given: Vec<(&str, &str)> = Vec::new();
        for part in rest.split(',').filter(|part| !part.is_empty()) {
            let (key, value) =
                part.split_once('=').ok_or_else(|| usage(format!("`{part}` has no `=`")))?;
            if !keys.contains(&key) || given.iter().any(|(k, _)| *k == key) {
                return Err(usage(format!("`{key}` is unknown or given twice")));
            }
            given.push((key, value));
        }
        let value = |key: &str| given.iter().find(|(k, _)| *k == key).map(|(_, value)| *value);
        let file = |key: &str, what: &str| {
            value(key)
                .map(PathBuf::from)
                .ok_or_else(|| usage(format!("`{key}` is missing: {what}")))
        };
        let of_net = "weights of torchvision's";
        if name == "dists" {
            let backbone =
                file("backbone", &format!("{of_net} vgg16, as `torch.save` writes them"))?;
            let weights = file("weights", "the authors' `weights.pt`, with `alpha` and `beta`")?;
            let (backbone, weights) = (tensors(&backbone)?, tensors(&weights)?);
            return Ok(Self::Dists(Dists::new(&backbone, &weights)?));
        }
        let nets = format!("{of_net} alexnet, vgg16 or squeezenet1_1, as `torch.save` writes them");
        let backbone = file("backbone", &nets)?;
        let linear = file("linear", "the authors' `alex.pth`, `vgg.pth` or `squeeze.pth`")?;
        let version = match value("version") {
            None | Some("0.1") => LpipsVersion::V0_1,
            Some("0.0") => LpipsVersion::V0_0,
            Some(other) => return Err(usage(format!("`version` is 0.0 or 0.1, got `{other}`"))),
        };
        let (backbone, linear) = (tensors(&backbone)?, tensors(&linear)?);
        Ok(Self::Lpips(Lpips::new(&backbone, &linear, version)?))
    }

    /// Key in JSON and CSV: the measure, and the net where there is a choice.
    pub fn key(&self) -> String {
        match self {
            Self::Lpips(lpips) => lpips.key(),
            Self::Dists(_) => "dists".into(),
        }
    }

    /// Name in print.
    pub fn title(&self) -> String {
        match self {
            Self::Lpips(lpips) => format!("LPIPS ({})", lpips.backbone()),
            Self::Dists(_) => "DISTS".into(),
        }
    }

    /// Which scores are better: both are distances, 0 for identical pictures.
    pub fn direction(&self) -> Direction {
        Direction::Lower
    }

    /// The distance of two pictures of one size, gray or sRGB; values are clipped to the nominal range.
    ///
    /// # Errors
    /// [`NnError::Input`] where sizes differ or are too small for the net, or the color space is another;
    /// [`NnError::Limit`] above 16 megapixels; [`NnError::Cancelled`].
    pub fn score(
        &self,
        reference: &Image,
        distorted: &Image,
        cx: &Context,
    ) -> Result<f64, NnError> {
        let (size, other) = (reference.size(), distorted.size());
        if size != other {
            return Err(NnError::Input(format!(
                "the distorted image is {other}, the reference {size}: sizes must be equal"
            )));
        }
        if size.len() > MOST_PIXELS {
            let title = self.title();
            return Err(NnError::Limit(format!(
                "{title} holds every map of the net: wanted 16 megapixels at most, got {size}"
            )));
        }
        let (x, y) = (rgb(reference)?, rgb(distorted)?);
        let size = [size.h(), size.w()];
        match self {
            Self::Lpips(lpips) => lpips.distance(&x, &y, size, cx),
            Self::Dists(dists) => dists.distance(&x, &y, size, cx),
        }
    }
}

/// The tensors of a file.
fn tensors(path: &Path) -> Result<Tensors, Error> {
    let bytes = read_bytes(path)?;
    import::read(&bytes).map_err(|e| Error::Usage(format!("{}: {e}", path.display())))
}

/// Three planes within 0 and 1.
fn rgb(image: &Image) -> Result<Vec<f32>, NnError> {
    let clipped = |c: usize| image.plane_data(c).iter().map(|v| v.clamp(0.0, 1.0));
    match image.space() {
        ColorSpace::Gray => Ok((0..3).flat_map(|_| clipped(0)).collect()),
        ColorSpace::Srgb => Ok((0..3).flat_map(clipped).collect()),
        got => Err(NnError::Input(format!("wanted a gray or sRGB image, got {got:?}"))),
    }
}

#[cfg(test)]
mod tests;
