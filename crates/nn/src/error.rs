//! What can go wrong with nets and their weights.

use restora_image::{ErrorKind, OpError};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NnError {
    /// An option is out of its range.
    #[error("{0}")]
    Param(String),
    /// What was given does not fit the net.
    #[error("{0}")]
    Input(String),
    /// A file of weights is damaged.
    #[error("{0}")]
    Corrupt(String),
    /// A file of weights uses what we do not read.
    #[error("{0}")]
    Unsupported(String),
    /// A file asks for more memory than it may.
    #[error("{0}")]
    Limit(String),
    /// Training ran away.
    #[error("{0}")]
    Diverged(String),
    /// The graphics processor is not there, or failed.
    #[error("graphics processor: {0}")]
    Device(String),
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl NnError {
    /// The row of the table that all doors share.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Param(_) => ErrorKind::Param,
            Self::Input(_) | Self::Diverged(_) => ErrorKind::Input,
            Self::Corrupt(_) => ErrorKind::Corrupt,
            Self::Unsupported(_) | Self::Device(_) => ErrorKind::Unsupported,
            Self::Limit(_) => ErrorKind::Limit,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }
}

impl From<OpError> for NnError {
    fn from(error: OpError) -> Self {
        match error.kind() {
            ErrorKind::Cancelled => Self::Cancelled,
            ErrorKind::Param => Self::Param(error.to_string()),
            _ => Self::Input(error.to_string()),
        }
    }
}
