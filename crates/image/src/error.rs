use crate::{ColorSpace, Size};

/// What went wrong, in the classes that the command line, Python and HTTP translate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// An option is out of its range: exit 2, HTTP 400, `ValueError`.
    Param,
    /// The image does not fit the operation: exit 1, HTTP 422, `ValueError`.
    Input,
    /// The bytes are damaged: exit 1, HTTP 422, `DecodeError`.
    Corrupt,
    /// The bytes are sound but of a kind that is not handled: exit 1, HTTP 415.
    Unsupported,
    /// A limit on pixels or bytes was passed: exit 1, HTTP 413.
    Limit,
    /// The operating system said no: exit 1, HTTP 500, `OSError`.
    Io,
    /// The caller cancelled: exit 130.
    Cancelled,
}

/// Why an operation did not produce an image.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
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
    /// The image is in a color space that the operation does not take.
    #[error("{op} works on {wanted}, got an image in {got:?}")]
    WrongSpace {
        /// The operation.
        op: &'static str,
        /// The spaces it takes.
        wanted: &'static str,
        /// The space that came.
        got: ColorSpace,
    },
    /// Two images, or an image and its mask, differ in size.
    #[error("{what} is {got}, wanted {wanted} like the image")]
    SizeMismatch {
        /// Which input is off.
        what: &'static str,
        /// The size of the image.
        wanted: Size,
        /// The size that came.
        got: Size,
    },
    /// The image cannot be processed for a reason of its own.
    #[error("{0}")]
    Input(String),
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl OpError {
    /// Shorthand for [`OpError::Param`].
    #[expect(clippy::needless_pass_by_value, reason = "callers pass the number itself")]
    pub fn param(name: &'static str, wanted: &'static str, got: impl ToString) -> Self {
        Self::Param { name, wanted, got: got.to_string() }
    }

    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Param { .. } => ErrorKind::Param,
            Self::WrongSpace { .. } | Self::SizeMismatch { .. } | Self::Input(_) => {
                ErrorKind::Input
            }
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }
}
