//! Learned denoising with the nets that come with this program, or with one from a file.
//!
//! ```text
//! out = image + strength (net(image, sigma) - image)
//! ```
//!
//! Two nets of the architecture [`restora_nn::models::Restorer`] are part of the program, one for gray
//! pictures and one for sRGB. They were trained on open photographs with white Gaussian noise from 0 to
//! 75/255, told or not told its level, and with correlated, signal-dependent, camera and JPEG noise,
//! not told (`docs/training.md`). `noise = "white"` tells the net the level; `noise = "unknown"` lets it judge
//! for itself. A net of another architecture, from [`crate::train`] or an import, works the same; one
//! that takes no level is not told any.
//!
//! Cost: that of the net, the same for every pixel; `restora model show` counts its multiply-adds. Memory
//! grows with the width of the picture only (see [`Denoiser`]). A pixel depends on a finite window, so tiles
//! give the same result as the whole, to 1e-5: the convolution F(4x4, 3x3) makes sixteen results from a
//! window of 36 values, of which each needs nine; what the others hold cancels, but for rounding.
//!
//! Gray and sRGB, values in nominal range; neither clipped nor rounded, alpha stays. The nets know
//! encoded brightness: linear light and other spaces are refused rather than restored wrongly. A gray
//! net from a file takes the channels of a color picture one by one, a color net takes a gray picture as
//! three equal planes.
//!
//! References: K. Zhang, W. Zuo, L. Zhang, "`FFDNet`: toward a fast and flexible solution for CNN based
//! image denoising", IEEE TIP 27(9), 2018, doi:10.1109/TIP.2018.2839891 (a net that is told the level); K. Zhang
//! et al., "Plug-and-play image restoration with deep denoiser prior", IEEE TPAMI 44(10), 2022,
//! doi:10.1109/TPAMI.2021.3088914 (`DRUNet`).

use crate::{Error, model};
use restora_image::{ColorSpace, Context, OpError, OpInfo, Operation, ParamInfo, Sample, Sigma};
use restora_nn::{Denoiser, Gpu, ModelCard, NnError, Weights};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

/// What the net is told of the noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearnedNoise {
    /// It is white, of level `sigma`.
    #[default]
    White,
    /// Nothing: the net judges for itself.
    Unknown,
}

/// Options of learned denoising.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Learned {
    /// Noise level, nominal range, for `noise = "white"`.
    pub sigma: Sigma,
    /// What the net is told of the noise.
    pub noise: LearnedNoise,
    /// How much of the change is kept, `0..=1`.
    pub strength: f32,
    /// A file of weights in place of the nets that are part of the program.
    pub model: Option<PathBuf>,
    /// Where the net runs, if not on the CPU. A matter of the machine: no option, and never written.
    #[serde(skip)]
    pub gpu: Option<Gpu>,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            sigma: Sigma::Auto,
            noise: LearnedNoise::default(),
            strength: 1.0,
            model: None,
            gpu: None,
        }
    }
}

/// Name, paper and parameters of learned denoising.
pub const INFO: OpInfo = OpInfo {
    id: "learned",
    title: "Learned denoiser (our own net, or one from a file)",
    family: "denoise",
    paper: "K. Zhang, W. Zuo, L. Zhang, FFDNet: toward a fast and flexible solution for CNN based \
            image denoising, IEEE TIP 27(9), 2018, doi:10.1109/TIP.2018.2839891",
    params: &[
        ParamInfo {
            name: "sigma",
            symbol: "sigma",
            unit: "nominal range",
            range: "auto or 0..=10",
            default: "\"auto\"",
            doc: "Noise level; takes 25/255",
        },
        ParamInfo {
            name: "noise",
            symbol: "",
            unit: "",
            range: "white, unknown",
            default: "\"white\"",
            doc: "Is the net told the level, or does it judge for itself?",
        },
        ParamInfo {
            name: "strength",
            symbol: "",
            unit: "",
            range: "0..=1",
            default: "1.0",
            doc: "How much of the change is kept",
        },
        ParamInfo {
            name: "model",
            symbol: "",
            unit: "path",
            range: "a file of weights",
            default: "null",
            doc: "A net of your own (restora train), or an imported one",
        },
    ],
};

/// No picture is noisier than this, in nominal range.
const MOST: f32 = 10.0;

/// The net for gray pictures, half precision.
const GRAY: &[u8] = include_bytes!("../../../assets/models/restorer_gray.safetensors");
/// The net for sRGB pictures, half precision.
const COLOR: &[u8] = include_bytes!("../../../assets/models/restorer_color.safetensors");

/// A net ready to run, and the checksum of the file that it was.
struct Ready {
    denoiser: Denoiser,
    crc32: u32,
}

impl Ready {
    fn from_bytes(bytes: &[u8], gpu: Option<&Gpu>) -> Result<Arc<Self>, NnError> {
        let weights = Weights::from_bytes(bytes)?;
        let denoiser = match gpu {
            Some(gpu) => Denoiser::on(gpu, weights),
            None => Denoiser::new(weights),
        };
        Ok(Arc::new(Self { denoiser: denoiser?, crc32: crc32fast::hash(bytes) }))
    }
}

type Shipped = LazyLock<Result<Arc<Ready>, String>>;

static SHIPPED: [Shipped; 2] = [
    LazyLock::new(|| Ready::from_bytes(GRAY, None).map_err(|e| e.to_string())),
    LazyLock::new(|| Ready::from_bytes(COLOR, None).map_err(|e| e.to_string())),
];

/// Where a net that is kept came from.
#[derive(Clone, PartialEq)]
enum Origin {
    /// The program: the color net, or the gray one.
    Shipped { color: bool },
    /// A file as it was when it was read.
    File { path: PathBuf, length: u64, modified: Option<SystemTime> },
}

/// Nets that are kept: a step asks for its net once per tile.
const KEPT: usize = 4;

/// A net with what it was made from and for.
struct Entry {
    origin: Origin,
    gpu: Option<Gpu>,
    ready: Arc<Ready>,
}

static OTHERS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// The net of this origin on that device, made ready where it is not kept.
fn kept(
    origin: Origin,
    gpu: Option<&Gpu>,
    make: impl FnOnce() -> Result<Arc<Ready>, Error>,
) -> Result<Arc<Ready>, Error> {
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

fn from_file(path: &Path, gpu: Option<&Gpu>) -> Result<Arc<Ready>, Error> {
    let about =
        std::fs::metadata(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let (length, modified) = (about.len(), about.modified().ok());
    kept(Origin::File { path: path.to_owned(), length, modified }, gpu, || {
        let bytes = model::read_bytes(path)?;
        Ready::from_bytes(&bytes, gpu).map_err(|e| model::in_file(path, e))
    })
}

/// A net that is part of the program.
fn of_program(color: bool, gpu: Option<&Gpu>) -> Result<Arc<Ready>, String> {
    if gpu.is_none() {
        return SHIPPED[usize::from(color)].clone();
    }
    let bytes = if color { COLOR } else { GRAY };
    let make = || Ok(Ready::from_bytes(bytes, gpu)?);
    kept(Origin::Shipped { color }, gpu, make).map_err(|e| e.to_string())
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

impl Learned {
    /// The net for pictures of so many channels.
    fn ready(&self, channels: usize) -> Result<Arc<Ready>, OpError> {
        match &self.model {
            Some(path) => from_file(path, self.gpu.as_ref()).map_err(|e| e.to_string()),
            None => of_program(channels == 3, self.gpu.as_ref()),
        }
        .map_err(|e| OpError::Input(format!("model: {e}")))
    }

    /// The nets that pictures may meet: their channels are not known before they come.
    fn possible(&self) -> impl Iterator<Item = Arc<Ready>> {
        let channels: &[usize] = if self.model.is_some() { &[1] } else { &[1, 3] };
        channels.iter().filter_map(|&c| self.ready(c).ok())
    }

    /// The weights that pictures of so many channels run with.
    ///
    /// # Errors
    /// [`OpError::Input`] where they cannot be read.
    pub fn weights(&self, channels: usize) -> Result<WeightsUsed, OpError> {
        let ready = self.ready(channels)?;
        let ModelCard { architecture, version, license, .. } = ready.denoiser.card().clone();
        Ok(WeightsUsed {
            file: self.model.clone(),
            architecture,
            channels: ready.denoiser.model().channels(),
            version,
            license,
            crc32: format!("{:08x}", ready.crc32),
        })
    }
}

/// The weights that are part of the program, gray and color.
///
/// # Errors
/// If they are damaged.
pub fn shipped() -> Result<[Weights; 2], Error> {
    Ok([Weights::from_bytes(GRAY)?, Weights::from_bytes(COLOR)?])
}

/// `n` pixels as the belt counts them; a net that looks farther than it can count sees everything.
fn pixels(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn refused(error: NnError) -> OpError {
    match error {
        NnError::Cancelled => OpError::Cancelled,
        other => OpError::Input(other.to_string()),
    }
}

impl Operation for Learned {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        self.sigma.validate()?;
        match (self.noise, self.sigma) {
            (_, Sigma::Known(sigma)) if sigma > MOST => {
                return Err(OpError::param("sigma", "in 0..=10", sigma));
            }
            (LearnedNoise::Unknown, Sigma::Known(sigma)) => {
                let wanted = "left out where noise is unknown";
                return Err(OpError::param("sigma", wanted, sigma));
            }
            _ => {}
        }
        if !(0.0..=1.0).contains(&self.strength) {
            return Err(OpError::param("strength", "in 0..=1", self.strength));
        }
        if self.model.is_some() {
            self.ready(1)?;
        }
        Ok(())
    }

    fn reach(&self) -> Option<u32> {
        self.possible().map(|r| pixels(r.denoiser.reach())).max()
    }

    fn alignment(&self) -> u32 {
        self.possible().map(|r| pixels(r.denoiser.alignment())).max().unwrap_or(1)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        self.validate()?;
        cx.check()?;
        let space = sample.image.space();
        if !matches!(space, ColorSpace::Gray | ColorSpace::Srgb) {
            return Err(OpError::WrongSpace { op: INFO.id, wanted: "gray or sRGB", got: space });
        }
        let ready = self.ready(sample.image.channels())?;
        let sigma = match self.noise {
            LearnedNoise::Unknown => None,
            LearnedNoise::White => Some(self.sigma.or_measured(sample.noise.as_ref()).known()?),
        };
        let mut out = ready.denoiser.denoise(&sample.image, sigma, cx).map_err(refused)?;
        if self.strength < 1.0 {
            for (new, old) in out.data_mut().iter_mut().zip(sample.image.data()) {
                *new = old + self.strength * (*new - old);
            }
        }
        sample.image = out;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
