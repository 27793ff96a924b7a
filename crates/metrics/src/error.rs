use restora_image::{ColorSpace, ErrorKind, OpError, Size};

/// Why a measure gave no number.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// An option is out of range.
    #[error("`{name}` must be {wanted}, got {got}")]
    Param {
        /// Name of the option, as in JSON and on the command line.
        name: &'static str,
        /// What would have been right.
        wanted: &'static str,
        /// What came.
        got: String,
    },
    /// Reference and distorted image differ in width or height.
    #[error("the distorted image is {distorted}, the reference {reference}: sizes must be equal")]
    SizeMismatch {
        /// Size of the reference.
        reference: Size,
        /// Size of the distorted image.
        distorted: Size,
    },
    /// Reference and distorted image are in different color spaces, so differ in channels.
    #[error(
        "the distorted image is in {distorted:?}, the reference in {reference:?}: compare in one \
         color space, or as gray"
    )]
    SpaceMismatch {
        /// Color space of the reference.
        reference: ColorSpace,
        /// Color space of the distorted image.
        distorted: ColorSpace,
    },
    /// The image has no room for the measure's window.
    #[error("{metric} needs at least {wanted} x {wanted} pixels, got {got}")]
    TooSmall {
        /// The measure.
        metric: &'static str,
        /// The least width and height.
        wanted: u32,
        /// The size that came.
        got: Size,
    },
    /// A gray pair, for a measure of colors.
    #[error("{metric} compares colors, and the pair is gray")]
    ColorOnly {
        /// The measure.
        metric: &'static str,
    },
    /// Scores and labels that do not make a measure.
    #[error("{0}")]
    Input(String),
    /// The image could not be prepared.
    #[error(transparent)]
    Image(OpError),
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl MetricError {
    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Param { .. } => ErrorKind::Param,
            Self::SizeMismatch { .. }
            | Self::SpaceMismatch { .. }
            | Self::TooSmall { .. }
            | Self::ColorOnly { .. }
            | Self::Input(_) => ErrorKind::Input,
            Self::Image(source) => source.kind(),
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }
}

impl From<OpError> for MetricError {
    fn from(error: OpError) -> Self {
        match error {
            OpError::Cancelled => Self::Cancelled,
            OpError::Param { name, wanted, got } => Self::Param { name, wanted, got },
            other => Self::Image(other),
        }
    }
}
