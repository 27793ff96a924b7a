//! `--device`: where nets are computed.

use clap::ValueEnum;
use restora::Error;
use restora::nn::Gpu;

/// Where nets are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The processor
    #[default]
    Cpu,
    /// A graphics processor, through Vulkan, Metal or Direct3D 12, where this build supports one
    Gpu,
}

impl Device {
    /// The graphics processor, where it is asked for. Where there is none the command cannot run as asked.
    pub fn gpu(self) -> anyhow::Result<Option<Gpu>> {
        match self {
            Self::Cpu => Ok(None),
            Self::Gpu => {
                Ok(Some(Gpu::open().map_err(|e| Error::Usage(format!("--device gpu: {e}")))?))
            }
        }
    }
}
