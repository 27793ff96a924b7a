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

use crate::nets::{self, ReadyNet, Shipped, refused};
use restora_image::{ColorSpace, Context, OpError, OpInfo, Operation, ParamInfo, Sample, Sigma};
use restora_nn::Gpu;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

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
        nets::MODEL,
    ],
};

/// No picture is noisier than this, in nominal range.
const MOST: f32 = 10.0;

impl Learned {
    /// The net for pictures of so many channels.
    pub(crate) fn net(&self, channels: usize) -> Result<Arc<ReadyNet>, OpError> {
        match &self.model {
            Some(path) => nets::from_file(path, self.gpu.as_ref()),
            None if channels == 3 => Shipped::DenoiseColor.net(self.gpu.as_ref()),
            None => Shipped::DenoiseGray.net(self.gpu.as_ref()),
        }
    }

    /// The nets that pictures may meet: their channels are not known before they come.
    fn possible(&self) -> impl Iterator<Item = Arc<ReadyNet>> {
        let channels: &[usize] = if self.model.is_some() { &[1] } else { &[1, 3] };
        channels.iter().filter_map(|&c| self.net(c).ok())
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
            self.net(1)?;
        }
        Ok(())
    }

    fn reach(&self) -> Option<u32> {
        self.possible().map(|net| net.reach()).max()
    }

    fn alignment(&self) -> u32 {
        self.possible().map(|net| net.alignment()).max().unwrap_or(1)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        self.validate()?;
        cx.check()?;
        let space = sample.image.space();
        if !matches!(space, ColorSpace::Gray | ColorSpace::Srgb) {
            return Err(OpError::WrongSpace { op: INFO.id, wanted: "gray or sRGB", got: space });
        }
        let ready = self.net(sample.image.channels())?;
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
