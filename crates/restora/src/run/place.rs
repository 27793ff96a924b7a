//! Where the results of a run go.

use super::RunOptions;
use crate::error::Error;
use restora_data::{Format, Input};
use std::path::{Path, PathBuf};

/// Where results go.
pub enum Place {
    Folder(PathBuf),
    File(PathBuf),
    /// Nothing is written.
    Nowhere,
}

impl Place {
    /// One input file goes to the named file if the name has the extension of a picture and is not a
    /// folder; everything else goes into a folder.
    pub fn of(input: &Input, options: &RunOptions) -> Result<Self, Error> {
        if options.dry_run {
            return Ok(Self::Nowhere);
        }
        let output = &options.output;
        let single = match input {
            Input::Stdin => true,
            Input::Path(path) => !path.is_dir(),
            Input::Glob(_) | Input::List(_) => false,
        };
        let named = Format::from_path(output).is_some();
        let place = match input {
            _ if single && named && !output.is_dir() => Self::File(output.clone()),
            _ => Self::Folder(output.clone()),
        };
        let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
        let clash = match (&place, input) {
            (Self::Folder(out), Input::Path(source)) if source.is_dir() => same(out, source),
            (Self::Folder(out), Input::Path(source)) => {
                source.file_name().is_some_and(|name| same(&out.join(name), source))
            }
            (Self::File(out), Input::Path(source)) => same(out, source),
            _ => false,
        };
        if clash {
            return Err(Error::Usage(format!(
                "the output {} is the input itself; originals are never replaced: choose another place",
                output.display()
            )));
        }
        if let Self::Folder(folder) = &place
            && folder.exists()
            && !folder.is_dir()
        {
            return Err(Error::Usage(format!(
                "the output {} is a file, wanted a folder",
                folder.display()
            )));
        }
        Ok(place)
    }
}
