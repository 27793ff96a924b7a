//! Errors of the format.

use crate::{DataError, Format};

pub(crate) fn corrupt(detail: impl Into<String>) -> DataError {
    DataError::corrupt(Format::Jpeg, detail)
}

pub(crate) fn unsupported(detail: &str) -> DataError {
    DataError::Unsupported(format!("JPEG: {detail}"))
}
