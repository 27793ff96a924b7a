use crate::{Context, OpError};
use rayon::prelude::*;

/// Cuts `out` (rows of `width` values) into bands of `band` rows and calls `work(y0, rows)` for each,
/// on several threads if the context has them. Bands are the same for any number of threads.
///
/// # Errors
/// The first error of `work`, or [`OpError::Cancelled`].
pub fn for_each_band<T: Send>(
    out: &mut [T],
    width: usize,
    band: usize,
    cx: &Context,
    work: impl Fn(usize, &mut [T]) -> Result<(), OpError> + Sync,
) -> Result<(), OpError> {
    if out.is_empty() {
        return Ok(());
    }
    let chunk = (width * band).max(1);
    let run = |(i, rows): (usize, &mut [T])| {
        cx.check()?;
        work(i * band, rows)
    };
    if cx.threads > 1 {
        out.par_chunks_mut(chunk).enumerate().try_for_each(run)
    } else {
        out.chunks_mut(chunk).enumerate().try_for_each(run)
    }
}

/// Calls `work(y0..y1)` for bands of `band` of `height` rows and returns the results in order, on
/// several threads if the context has them. Fold them in that order: the sum is then the same bytes
/// for any number of threads.
///
/// # Errors
/// The first error of `work`, or [`OpError::Cancelled`].
pub fn map_bands<R: Send>(
    height: usize,
    band: usize,
    cx: &Context,
    work: impl Fn(std::ops::Range<usize>) -> Result<R, OpError> + Sync,
) -> Result<Vec<R>, OpError> {
    let band = band.max(1);
    let run = |i: usize| {
        cx.check()?;
        work(i * band..((i + 1) * band).min(height))
    };
    let count = height.div_ceil(band);
    if cx.threads > 1 {
        (0..count).into_par_iter().map(run).collect()
    } else {
        (0..count).map(run).collect()
    }
}
