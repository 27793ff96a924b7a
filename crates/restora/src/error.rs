use restora_image::{ErrorKind, OpError};
use std::path::PathBuf;

/// Why a run, or an item of it, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pipeline could not be read.
    #[error("{0}")]
    Pipeline(String),
    /// A step refused its options or its image.
    #[error("{step}: {source}")]
    Step {
        /// The step.
        step: &'static str,
        /// What it said.
        source: OpError,
    },
    /// An algorithm refused the image.
    #[error(transparent)]
    Op(#[from] OpError),
    /// A file could not be read or written.
    #[error(transparent)]
    Data(#[from] restora_data::DataError),
    /// A net or its weights.
    #[error(transparent)]
    Nn(#[from] restora_nn::NnError),
    /// A score could not be computed.
    #[error(transparent)]
    Metric(#[from] restora_metrics::MetricError),
    /// The run cannot start as asked.
    #[error("{0}")]
    Usage(String),
    /// What was given does not fit together.
    #[error("{0}")]
    Input(String),
    /// A fault of this program, contained to one item.
    #[error("{0}")]
    Fault(String),
    /// The operating system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// An error of a net or its weights with the file's name before it; any other as it is.
    #[must_use]
    pub fn in_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::Nn(error) => crate::model::in_file(path, error),
            other => other,
        }
    }

    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Pipeline(_) | Self::Usage(_) => ErrorKind::Param,
            Self::Fault(_) | Self::Input(_) => ErrorKind::Input,
            Self::Step { source, .. } | Self::Op(source) => source.kind(),
            Self::Data(source) => source.kind(),
            Self::Nn(source) => source.kind(),
            Self::Metric(source) => source.kind(),
            Self::Io { .. } => ErrorKind::Io,
        }
    }
}
