//! The trained nets that steps run: those that are part of the program, and those from files.

use crate::{Error, model};
use restora_image::{OpError, ParamInfo};
use restora_nn::{Denoiser, Gpu, ModelCard, NnError, Weights};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

/// A net that is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shipped {
    /// Denoises gray pictures; half precision.
    DenoiseGray,
    /// Denoises sRGB; half precision.
    DenoiseColor,
    /// Removes the traces of JPEG from luminance.
    Deblock,
    /// Fills missing pixels of sRGB.
    Inpaint,
}

impl Shipped {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::DenoiseGray, Self::DenoiseColor, Self::Deblock, Self::Inpaint];

    fn bytes(self) -> &'static [u8] {
        match self {
            Self::DenoiseGray => {
                include_bytes!("../../../assets/models/restorer_gray.safetensors")
            }
            Self::DenoiseColor => {
                include_bytes!("../../../assets/models/restorer_color.safetensors")
            }
            Self::Deblock => include_bytes!("../../../assets/models/deblocker_gray.safetensors"),
            Self::Inpaint => include_bytes!("../../../assets/models/inpainter_color.safetensors"),
        }
    }

    /// The weights.
    ///
    /// # Errors
    /// If they are damaged.
    pub fn weights(self) -> Result<Weights, Error> {
        Ok(Weights::from_bytes(self.bytes())?)
    }

    /// The net, ready to run.
    ///
    /// # Errors
    /// [`OpError::Input`] if it is damaged or the device refuses it.
    pub(crate) fn net(self, gpu: Option<&Gpu>) -> Result<Arc<ReadyNet>, OpError> {
        static ON_CPU: [LazyLock<Result<Arc<ReadyNet>, String>>; 4] = [
            LazyLock::new(|| Shipped::DenoiseGray.ready()),
            LazyLock::new(|| Shipped::DenoiseColor.ready()),
            LazyLock::new(|| Shipped::Deblock.ready()),
            LazyLock::new(|| Shipped::Inpaint.ready()),
        ];
        let net = if gpu.is_none() {
            ON_CPU[self as usize].clone()
        } else {
            let make = || Ok(ReadyNet::from_bytes(self.bytes(), gpu)?);
            kept(Origin::Shipped(self), gpu, make).map_err(|e| e.to_string())
        };
        net.map_err(|e| OpError::Input(format!("model: {e}")))
    }

    fn ready(self) -> Result<Arc<ReadyNet>, String> {
        ReadyNet::from_bytes(self.bytes(), None).map_err(|e| e.to_string())
    }
}

/// The option of a step that names a file of weights.
pub(crate) const MODEL: ParamInfo = ParamInfo {
    name: "model",
    symbol: "",
    unit: "path",
    range: "a file of weights",
    default: "null",
    doc: "A net of your own (restora train), or an imported one",
};

/// A net ready to run, and the checksum of the file that it was.
pub(crate) struct ReadyNet {
    pub denoiser: Denoiser,
    crc32: u32,
}

impl ReadyNet {
    fn from_bytes(bytes: &[u8], gpu: Option<&Gpu>) -> Result<Arc<Self>, NnError> {
        let weights = Weights::from_bytes(bytes)?;
        let denoiser = match gpu {
            Some(gpu) => Denoiser::on(gpu, weights),
            None => Denoiser::new(weights),
        };
        Ok(Arc::new(Self { denoiser: denoiser?, crc32: crc32fast::hash(bytes) }))
    }

    /// How reports name it.
    pub fn used(&self, file: Option<&Path>) -> WeightsUsed {
        let ModelCard { architecture, version, license, .. } = self.denoiser.card().clone();
        WeightsUsed {
            file: file.map(Path::to_owned),
            architecture,
            channels: self.denoiser.model().channels(),
            version,
            license,
            crc32: format!("{:08x}", self.crc32),
        }
    }

    /// Pixels around a pixel that decide it; a net that looks farther than can be counted sees everything.
    pub fn reach(&self) -> u32 {
        u32::try_from(self.denoiser.reach()).unwrap_or(u32::MAX)
    }

    /// Tiles must begin at multiples of this.
    pub fn alignment(&self) -> u32 {
        u32::try_from(self.denoiser.alignment()).unwrap_or(u32::MAX)
    }
}

/// The error of a net as that of a step.
pub(crate) fn refused(error: NnError) -> OpError {
    match error {
        NnError::Cancelled => OpError::Cancelled,
        other => OpError::Input(other.to_string()),
    }
}

/// Where a net that is kept came from.
#[derive(Clone, PartialEq)]
enum Origin {
    Shipped(Shipped),
    /// A file as it was when it was read.
    File {
        path: PathBuf,
        length: u64,
        modified: Option<SystemTime>,
    },
}

/// Nets that are kept: a step asks for its net once per tile.
const KEPT: usize = 4;

/// A net with what it was made from and for.
struct Entry {
    origin: Origin,
    gpu: Option<Gpu>,
    ready: Arc<ReadyNet>,
}

static OTHERS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// The net of this origin on that device, made ready where it is not kept.
fn kept(
    origin: Origin,
    gpu: Option<&Gpu>,
    make: impl FnOnce() -> Result<Arc<ReadyNet>, Error>,
) -> Result<Arc<ReadyNet>, Error> {
    let mut all = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) = all.iter().find(|e| e.origin == origin && e.gpu.as_ref() == gpu) {
        return Ok(Arc::clone(&entry.ready));
    }
    let ready = make()?;
    // What a file was before is of no use any more.
    all.retain(|e| match (&e.origin, &origin) {
        (Origin::File { path: old, .. }, Origin::File { path, .. }) if old == path => {
            e.origin == origin
        }
        _ => true,
    });
    all.truncate(KEPT - 1);
    all.insert(0, Entry { origin, gpu: gpu.cloned(), ready: Arc::clone(&ready) });
    Ok(ready)
}

/// The net of a file of weights.
///
/// # Errors
/// [`OpError::Input`] where it cannot be read or run.
pub(crate) fn from_file(path: &Path, gpu: Option<&Gpu>) -> Result<Arc<ReadyNet>, OpError> {
    let net = || {
        let about = std::fs::metadata(path)
            .map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let (length, modified) = (about.len(), about.modified().ok());
        kept(Origin::File { path: path.to_owned(), length, modified }, gpu, || {
            let bytes = model::read_bytes(path)?;
            ReadyNet::from_bytes(&bytes, gpu).map_err(|e| model::in_file(path, e))
        })
    };
    net().map_err(|e: Error| OpError::Input(format!("model: {e}")))
}

/// The weights that a step ran with, as reports and sidecars name them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsUsed {
    /// The file they came from; none where they are part of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The architecture.
    pub architecture: String,
    /// Channels of the images it restores.
    pub channels: usize,
    /// Version of the weights, the maker's own.
    pub version: String,
    /// Terms of the weights.
    pub license: String,
    /// Checksum of the file (CRC-32, hexadecimal).
    pub crc32: String,
}

impl fmt::Display for WeightsUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.channels == 1 { "gray" } else { "color" };
        write!(f, "{} ({kind})", self.architecture)?;
        if !self.version.is_empty() {
            write!(f, ", version {}", self.version)?;
        }
        match &self.file {
            Some(file) => write!(f, ", from {}", file.display())?,
            None => write!(f, ", part of this program")?,
        }
        write!(f, ", crc32 {}", self.crc32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_nn::Model;

    #[test]
    fn the_shipped_weights_say_what_they_are() {
        for (shipped, channels) in Shipped::ALL.iter().zip([1, 3, 1, 3]) {
            let card = shipped.weights().unwrap().card;
            assert_eq!(Model::of(&card).unwrap().channels(), channels);
            let used = shipped.net(None).unwrap().used(None);
            assert_eq!((used.file.as_ref(), used.channels), (None, channels));
            assert!(!used.version.is_empty() && !used.license.is_empty() && used.crc32.len() == 8);
            assert!(card.data.contains("photos_open"), "{}", card.data);
        }
    }
}
