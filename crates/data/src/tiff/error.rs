//! Errors of the format.

use crate::{DataError, Format};

pub(crate) fn corrupt(detail: impl Into<String>) -> DataError {
    DataError::corrupt(Format::Tiff, detail)
}

pub(crate) fn unsupported(detail: impl std::fmt::Display) -> DataError {
    DataError::Unsupported(format!("TIFF: {detail}"))
}
