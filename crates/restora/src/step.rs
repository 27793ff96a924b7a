//! The closed list of what the belt can do, and its text form.

use crate::constancy;
use crate::error::Error;
use crate::learned_deblocker::LearnedDeblocking;
use crate::learned_denoiser::Learned;
use crate::learned_inpainter::LearnedInpainting;
use crate::learned_upscaler::LearnedUpscaling;
use crate::nets::{self, WeightsUsed};
use crate::option_text;
use crate::pairs::read_page;
use restora_data::Limits;
use restora_image::{Context, Image, NoiseModel, OpError, OpInfo, Operation, Size, beyond_range};
use restora_metrics::no_reference::JpegQuality;
use restora_nn::Gpu;
use restora_ops as ops;
use restora_ops::color::Encoding;
use restora_ops::color::color_transfer::Windows;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Builds the enum, its catalog and its dispatch from one list.
macro_rules! steps {
    ($($(#[$doc:meta])* $variant:ident($options:ty)),+ $(,)?) => {
        /// One step of a pipeline; in JSON `{"op": "bm3d", "sigma": 0.098}`. The same text means the
        /// same from the command line, from Python and from Spark.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "op", rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Step {
            $($(#[$doc])* $variant($options),)+
        }

        impl Step {
            /// The step as something that changes samples.
            pub fn operation(&self) -> &dyn Operation {
                match self {
                    $(Self::$variant(options) => options,)+
                }
            }

            /// Name, paper and options of every step, in the order of the families.
            pub fn catalog() -> Vec<&'static OpInfo> {
                vec![$(<$options>::default().info(),)+]
            }

        }
    };
}

steps! {
    /// Gaussian filter.
    Gaussian(ops::filter::Gaussian),
    /// Median filter.
    Median(ops::filter::Median),
    /// Adaptive median filter.
    AdaptiveMedian(ops::filter::AdaptiveMedian),
    /// Bilateral filter.
    Bilateral(ops::filter::Bilateral),
    /// Guided filter.
    Guided(ops::filter::Guided),
    /// Impulse remover.
    Impulse(ops::denoise::Impulse),
    /// Robust ALOHA, for impulses of any value on waves and stripes.
    RobustAloha(ops::denoise::RobustAloha),
    /// Total variation by Chambolle's projection.
    TvChambolle(ops::denoise::TvChambolle),
    /// Wavelet shrinkage.
    Wavelet(ops::denoise::Wavelet),
    /// BM3D, and CBM3D for color.
    Bm3d(ops::denoise::Bm3d),
    /// Non-local means.
    NlMeans(ops::denoise::NlMeans),
    /// NL-Ridge: combinations of similar patches by ridge regression.
    NlRidge(ops::denoise::NlRidge),
    /// `LIChI`: NL-Ridge iterated.
    Lichi(ops::denoise::Lichi),
    /// A net that was trained to denoise.
    Learned(Learned),
    /// BM3D at the level of JPEG's quantization noise.
    DeblockBm3d(ops::deblock::DeblockBm3d),
    /// A net that was trained to undo JPEG.
    LearnedDeblocking(LearnedDeblocking),
    /// White balance.
    WhiteBalance(ops::color::WhiteBalance),
    /// Color transfer.
    ColorTransfer(ops::color::ColorTransfer),
    /// Auto levels.
    AutoLevels(ops::color::AutoLevels),
    /// Contrast-limited adaptive histogram equalization.
    Clahe(ops::color::Clahe),
    /// Telea's inpainting.
    Telea(ops::inpaint::Telea),
    /// Navier-Stokes inpainting.
    NavierStokes(ops::inpaint::NavierStokes),
    /// A net that was trained to fill holes.
    LearnedInpainting(LearnedInpainting),
    /// Biharmonic inpainting.
    Biharmonic(ops::inpaint::Biharmonic),
    /// Annihilating-filter low-rank Hankel completion.
    Aloha(ops::inpaint::Aloha),
    /// Bayesian inpainting with groups of similar patches.
    Hbe(ops::inpaint::Hbe),
    /// Exemplar-based inpainting.
    Exemplar(ops::inpaint::Exemplar),
    /// Bicubic interpolation.
    Bicubic(ops::upscale::Bicubic),
    /// Lanczos interpolation.
    Lanczos(ops::upscale::Lanczos),
    /// Iterative back-projection.
    IterativeBackProjection(ops::upscale::IterativeBackProjection),
    /// Plug-and-play with a net that was trained to denoise.
    LearnedUpscaling(LearnedUpscaling),
    /// White Gaussian noise.
    GaussianNoise(ops::degrade::GaussianNoise),
    /// Noise that grows with the signal.
    PoissonGaussianNoise(ops::degrade::PoissonGaussianNoise),
    /// Noise of a real camera.
    CameraNoise(ops::degrade::CameraNoise),
    /// Spatially correlated Gaussian noise.
    CorrelatedNoise(ops::degrade::CorrelatedNoise),
    /// Black and white impulses.
    SaltAndPepper(ops::degrade::SaltAndPepper),
    /// Impulses of random value.
    RandomValuedImpulse(ops::degrade::RandomValuedImpulse),
    /// JPEG compression.
    Jpeg(ops::degrade::Jpeg),
    /// Bicubic reduction.
    Downscale(ops::degrade::Downscale),
    /// Blur.
    Blur(ops::degrade::Blur),
    /// Lost pixels.
    MissingPixels(ops::degrade::MissingPixels),
    /// Lost blocks.
    MissingBlocks(ops::degrade::MissingBlocks),
    /// Scratches.
    Scratches(ops::degrade::Scratches),
}

impl Step {
    /// Reads `name` or `name:key=value:key=value` (also with commas between the options), for
    /// instance `bm3d:sigma=25/255` or `white-balance:gains=1.2,1,0.8`: a number alone continues the
    /// list before it. In the names of options `-` stands for `_` as well.
    ///
    /// # Errors
    /// [`Error::Pipeline`] naming the known steps, or what is wrong with an option.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        let name = name.trim();
        if !Self::catalog().iter().any(|info| info.id == name) {
            let names: Vec<_> = Self::catalog().iter().map(|info| info.id).collect();
            return Err(Error::Pipeline(format!(
                "no step is named `{name}`; there are {}",
                names.join(", ")
            )));
        }
        let mut object = option_text::read(options)
            .map_err(|told| Error::Pipeline(format!("`{name}`: {told}")))?;
        if let Some(level) = object.get("sigma").and_then(serde_json::Value::as_f64)
            && level > 1.0
        {
            return Err(Error::Pipeline(format!("`{name}`: {}", beyond_range("sigma", level))));
        }
        object.insert("op".into(), name.into());
        let step: Self = serde_json::from_value(object.into())
            .map_err(|e| Error::Pipeline(format!("`{name}`: {e}")))?;
        step.validate()?;
        Ok(step)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// [`Error::Step`] naming the first option out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let op = self.operation();
        op.validate().map_err(|source| Error::Step { step: op.info().id, source })
    }

    /// Name on the command line and in JSON.
    pub fn id(&self) -> &'static str {
        self.operation().info().id
    }

    /// Does the step fill missing pixels? It needs a mask of them then, and touches no other.
    pub fn fills(&self) -> bool {
        self.operation().info().family == "inpaint"
    }

    /// Does the step want a noise level that is not given?
    pub fn wants_noise(&self) -> bool {
        // Noise that is declared unknown has no level to be told.
        let told = self.option("noise").is_none_or(|kind| kind != "unknown");
        told && self.option("sigma").is_some_and(|v| v == "auto")
    }

    /// The step with its net on a graphics processor; itself if it has none.
    #[must_use]
    pub fn on(mut self, gpu: Option<&Gpu>) -> Self {
        match &mut self {
            Self::Learned(Learned { gpu: its, .. })
            | Self::LearnedDeblocking(LearnedDeblocking { gpu: its, .. })
            | Self::LearnedInpainting(LearnedInpainting { gpu: its, .. })
            | Self::LearnedUpscaling(LearnedUpscaling { gpu: its, .. }) => *its = gpu.cloned(),
            _ => {}
        }
        self
    }

    /// Is a net run in it?
    pub fn runs_net(&self) -> bool {
        self.operation().info().params.contains(&nets::MODEL)
    }

    /// The weights that the step restores pictures of so many channels with, if it is a learned one.
    ///
    /// # Errors
    /// [`Error::Step`] where they cannot be read.
    pub fn weights(&self, channels: usize) -> Result<Option<WeightsUsed>, Error> {
        let (net, file) = match self {
            Self::Learned(step) => (step.net(channels), &step.model),
            Self::LearnedDeblocking(step) => (step.net(), &step.model),
            Self::LearnedInpainting(step) => (step.net(), &step.model),
            Self::LearnedUpscaling(step) => (step.net(channels), &step.model),
            _ => return Ok(None),
        };
        let failed = |source| Error::Step { step: self.id(), source };
        Ok(Some(net.map_err(failed)?.used(file.as_deref())))
    }

    /// The step with the measured level in place of `auto`, as it will be run and reported. A step
    /// that takes more of the noise model than its level keeps `auto`: a known level is white noise.
    #[must_use]
    pub fn with_measured(&self, noise: &NoiseModel) -> Self {
        let white = self.option("noise").is_none_or(|kind| kind == "white");
        if self.wants_noise() && white {
            self.with_option("sigma", noise.sigma().into())
        } else {
            self.clone()
        }
    }

    /// Does the step undo JPEG, and is not told at which quality?
    pub fn wants_jpeg(&self) -> bool {
        self.operation().info().family == "deblock"
            && self.option("quality").is_some_and(|quality| quality.is_null())
    }

    /// The step with the quality that was found and where the block grid lies.
    #[must_use]
    pub fn with_jpeg(&self, found: &JpegQuality) -> Self {
        self.with_option("quality", found.quality.into())
            .with_option("offset_x", found.offset_x.into())
            .with_option("offset_y", found.offset_y.into())
    }

    /// The step with another value of an option; itself if it has no such option or the value does
    /// not fit.
    #[must_use]
    pub fn with_option(&self, key: &str, value: serde_json::Value) -> Self {
        let Ok(serde_json::Value::Object(mut object)) = serde_json::to_value(self) else {
            return self.clone();
        };
        if object.contains_key(key) {
            object.insert(key.into(), value);
        }
        serde_json::from_value(object.into()).unwrap_or_else(|_| self.clone())
    }

    /// For a step that looks at the whole picture first and then does the same to every part of it: how
    /// it takes the values of the file.
    pub fn wants_overview(&self) -> Option<Encoding> {
        match self {
            Self::WhiteBalance(options) if !options.is_told() => Some(options.encoding),
            _ => None,
        }
    }

    /// Does the step look at the whole picture, as it comes, before it does anything?
    pub fn looks_at_whole(&self) -> bool {
        self.wants_overview().is_some()
            || matches!(self, Self::ColorTransfer(options) if options.map.is_none())
            || matches!(self, Self::AutoLevels(options) if !options.is_told())
            || matches!(self, Self::Clahe(options) if options.curves.is_none())
    }

    /// The step with what it wants to count of the whole picture, of `size` with so many `channels`, that
    /// `read` gives windows of; `None` if it wants nothing of the kind.
    ///
    /// # Errors
    /// If the picture does not fit, a reference is missing, or the caller cancelled.
    pub fn counted(
        &self,
        size: Size,
        channels: usize,
        read: &Windows<'_>,
        cx: &Context,
    ) -> Result<Option<Self>, OpError> {
        match self {
            Self::ColorTransfer(options) if options.map.is_none() => {
                let settled = options.settled(size, channels, read, cx)?;
                Ok(Some(Self::ColorTransfer(settled)))
            }
            Self::AutoLevels(options) if !options.is_told() => {
                Ok(Some(Self::AutoLevels(options.settled(size, channels, read, cx)?)))
            }
            Self::Clahe(options) if options.curves.is_none() => {
                Ok(Some(Self::Clahe(options.settled(size, read, cx)?)))
            }
            _ => Ok(None),
        }
    }

    /// Does the step, with what it counted, leave the picture as it is?
    pub fn is_identity(&self) -> bool {
        match self {
            Self::WhiteBalance(options) => options.is_identity(),
            Self::AutoLevels(options) => options.is_identity(),
            _ => false,
        }
    }

    /// The step without what was counted of one picture: as it is reported.
    #[must_use]
    pub fn as_asked(&self) -> Self {
        match self {
            Self::ColorTransfer(options) => Self::ColorTransfer(options.as_asked()),
            Self::Clahe(options) => Self::Clahe(options.as_asked()),
            other => other.clone(),
        }
    }

    /// The step with its reference picture, if it names one, read from the file.
    ///
    /// # Errors
    /// [`Error::Usage`] where a step that needs a reference names none; errors of reading the file.
    pub fn with_reference(&self, limits: &Limits, cx: &Context) -> Result<Self, Error> {
        let Self::ColorTransfer(options) = self else { return Ok(self.clone()) };
        if options.counted.is_some() {
            return Ok(self.clone());
        }
        let Some(name) = &options.reference else {
            let message = "color-transfer takes the colors of a picture: reference=FILE";
            return Err(Error::Usage(message.into()));
        };
        let picture = read_page(Path::new(name), limits)?.to_image();
        let failed = |source| Error::Step { step: self.id(), source };
        Ok(Self::ColorTransfer(options.with_reference(&picture, cx).map_err(failed)?))
    }

    /// The step with what it wants to know of the whole picture filled in from an overview in linear
    /// light; `None` if there is nothing to do to this picture.
    ///
    /// # Errors
    /// If the overview does not fit, or the caller cancelled.
    pub fn settled(&self, overview: &Image, cx: &Context) -> Result<Option<Self>, OpError> {
        match self {
            Self::WhiteBalance(options) => {
                let model = options.model.as_deref().map(constancy::read_model).transpose();
                let model = model.map_err(|e| OpError::Input(e.to_string()))?;
                let settled = options.settled(overview, model.as_ref(), cx)?;
                Ok((!settled.is_identity()).then_some(Self::WhiteBalance(settled)))
            }
            other => Ok(Some(other.clone())),
        }
    }

    /// The value of an option, as JSON.
    pub fn option(&self, key: &str) -> Option<serde_json::Value> {
        serde_json::to_value(self).ok()?.get(key).cloned()
    }
}

impl std::fmt::Display for Step {
    /// A text that [`Step::from_text`] reads, with only the options that differ from the default and
    /// numbers to five digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.id())?;
        let plain = serde_json::json!({ "op": self.id() });
        let default = serde_json::from_value::<Self>(plain).and_then(serde_json::to_value);
        let (Ok(serde_json::Value::Object(mine)), Ok(default)) =
            (serde_json::to_value(self), default)
        else {
            return Ok(());
        };
        write!(f, "{}", option_text::written(&mine, &default))
    }
}
