//! Ranges that the options of several nets share.

use crate::NnError;
use std::ops::RangeInclusive;

/// An option that must lie in a range.
pub(super) fn within(
    name: &str,
    value: usize,
    range: RangeInclusive<usize>,
) -> Result<(), NnError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (low, high) = (range.start(), range.end());
    Err(NnError::Param(format!("`{name}` must be in {low}..={high}, got {value}")))
}

/// Images are gray or RGB.
pub(super) fn gray_or_color(channels: usize) -> Result<(), NnError> {
    match channels {
        1 | 3 => Ok(()),
        _ => Err(NnError::Param(format!("`channels` must be 1 or 3, got {channels}"))),
    }
}
