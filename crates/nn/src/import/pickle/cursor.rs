//! The bytes of a pickle, taken from the front.

use super::corrupt;
use crate::NnError;

/// Bytes and how many were taken.
#[derive(Default)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    /// The next bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], NnError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..count).ok_or_else(|| {
            let there = rest.len();
            corrupt(format!("wanted {count} bytes, {there} are left"))
        })?;
        self.at += count;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn take_array<const N: usize>(&mut self) -> Result<[u8; N], NnError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A length of `N` bytes, little endian.
    pub(super) fn length<const N: usize>(&mut self) -> Result<usize, NnError> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.take_array::<N>()?);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| corrupt("a length beyond memory"))
    }

    /// The next bytes up to a line feed, without it.
    pub(super) fn line(&mut self) -> Result<String, NnError> {
        let rest = &self.bytes[self.at..];
        let end =
            rest.iter().position(|&b| b == b'\n').ok_or_else(|| corrupt("an endless line"))?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }
}
