use crate::Format;
use restora_image::ErrorKind;
use std::path::{Path, PathBuf};

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The bytes are damaged, incomplete, or claim what they cannot hold.
    #[error("damaged {format}: {detail}", format = name(*format))]
    Corrupt {
        /// The format, where the first bytes gave it away.
        format: Option<Format>,
        /// What is wrong, and where.
        detail: String,
    },
    /// The bytes are sound, as far as one can see, but of a kind that is not handled.
    #[error("{0}")]
    Unsupported(String),
    /// The picture or file is larger than allowed.
    #[error("{what} is {got}, more than the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        got: u64,
        /// How large it may be.
        limit: u64,
    },
    /// An option is out of range, or does not fit what was found.
    #[error("`{name}` must be {wanted}, got {got}")]
    Param {
        /// Name of the option, as in JSON and on the command line.
        name: &'static str,
        /// What would have been right.
        wanted: String,
        /// What came.
        got: String,
    },
    /// The operating system said no.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder; empty while writing into a stream without a name.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn name(format: Option<Format>) -> &'static str {
    format.map_or("file", Format::name)
}

impl DataError {
    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::Param { .. } => ErrorKind::Param,
            Self::Io { .. } => ErrorKind::Io,
        }
    }

    pub(crate) fn corrupt(format: Format, detail: impl Into<String>) -> Self {
        Self::Corrupt { format: Some(format), detail: detail.into() }
    }

    /// Damage in a file that is no picture: an archive, an array, a table.
    pub(crate) fn damaged(what: &str, detail: impl std::fmt::Display) -> Self {
        Self::Corrupt { format: None, detail: format!("{what}: {detail}") }
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers pass the value itself")]
    pub(crate) fn param(name: &'static str, wanted: impl Into<String>, got: impl ToString) -> Self {
        Self::Param { name, wanted: wanted.into(), got: got.to_string() }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    /// The same error with `path` where an I/O error has none yet.
    pub(crate) fn at(self, path: &Path) -> Self {
        match self {
            Self::Io { path: old, source } if old.as_os_str().is_empty() => Self::io(path, source),
            other => other,
        }
    }
}

impl From<std::io::Error> for DataError {
    fn from(source: std::io::Error) -> Self {
        Self::Io { path: PathBuf::new(), source }
    }
}

/// One item that could not be found or listed. It never ends a walk.
#[derive(Debug, thiserror::Error)]
#[error("{id}: {error}")]
pub struct ItemError {
    /// Name of the item, as [`crate::Entry::id`].
    pub id: String,
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub error: DataError,
}
