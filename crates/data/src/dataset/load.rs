//! Whole files into memory, unpacked where they are gzip.

use crate::limits::check;
use crate::{DataError, Limits};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read};
use std::path::Path;

/// The bytes from which a header can tell how long a file must be.
const HEAD: usize = 1 << 16;

/// Opens a regular file.
pub(super) fn file(path: &Path) -> Result<(File, u64), DataError> {
    let io = |e| DataError::io(path, e);
    let meta = std::fs::metadata(path).map_err(io)?;
    if !meta.is_file() {
        return Err(io(Error::new(ErrorKind::InvalidInput, "not a regular file")));
    }
    Ok((File::open(path).map_err(io)?, meta.len()))
}

/// The first bytes of a file, unpacked; at most `len` of them.
pub(super) fn head(path: &Path, len: usize) -> Result<Vec<u8>, DataError> {
    let (file, _) = file(path)?;
    let mut source = BufReader::new(file);
    let mut head = Vec::new();
    if is_gzip(&mut source).map_err(|e| DataError::io(path, e))? {
        // What is wrong with it is told by whoever reads it whole.
        let _ = MultiGzDecoder::new(source).take(len as u64).read_to_end(&mut head);
    } else {
        source.take(len as u64).read_to_end(&mut head).map_err(|e| DataError::io(path, e))?;
    }
    Ok(head)
}

fn is_gzip(source: &mut impl BufRead) -> Result<bool, Error> {
    Ok(source.fill_buf()?.starts_with(&[0x1F, 0x8B]))
}

/// All bytes of a file, unpacked if it is gzip. `wanted` reads from the first bytes how long the
/// whole must be, if they say, so that no more than that is ever unpacked.
pub(super) fn load(
    path: &Path,
    limits: &Limits,
    wanted: impl Fn(&[u8]) -> Option<u64>,
) -> Result<Vec<u8>, DataError> {
    let (file, len) = file(path)?;
    limits.check_file(len)?;
    let mut source = BufReader::new(file);
    let mut bytes = Vec::new();
    if is_gzip(&mut source).map_err(|e| DataError::io(path, e))? {
        let mut stream = MultiGzDecoder::new(source);
        let damaged = |e: Error| match e.kind() {
            ErrorKind::UnexpectedEof => DataError::damaged("gzip", "it ends in the middle"),
            ErrorKind::InvalidInput | ErrorKind::InvalidData => DataError::damaged("gzip", e),
            _ => DataError::io(path, e),
        };
        stream.by_ref().take(HEAD as u64).read_to_end(&mut bytes).map_err(damaged)?;
        // One byte more than may be there shows that there is more.
        let most = limits.max_bytes.min(wanted(&bytes).unwrap_or(u64::MAX)).saturating_add(1);
        let rest = most.saturating_sub(bytes.len() as u64);
        stream.take(rest).read_to_end(&mut bytes).map_err(damaged)?;
        check("unpacked size in bytes", bytes.len() as u64, limits.max_bytes)?;
    } else {
        bytes.reserve_exact(usize::try_from(len).unwrap_or(0));
        let most = limits.max_file_bytes.saturating_add(1);
        source.take(most).read_to_end(&mut bytes).map_err(|e| DataError::io(path, e))?;
        limits.check_file(bytes.len() as u64)?;
    }
    Ok(bytes)
}
