//! The vectors of a set of pictures, one after another.

use super::Extractor;
use crate::{Error, train};
use rayon::prelude::*;
use restora_data::Dataset;
use restora_image::Context;

/// Pictures of a thread between two tellings: memory holds their vectors, and as many pictures as there
/// are threads.
const AHEAD: usize = 16;

/// A picture of a set and what became of it.
#[derive(Debug)]
pub struct Extracted {
    /// Its place in the set.
    pub index: usize,
    /// Its name in the set.
    pub id: String,
    /// Its class, where the set is labeled.
    pub label: Option<u32>,
    /// The vectors of all extractors, one after another, or why there are none.
    pub vector: Result<Vec<f32>, Error>,
}

/// Makes the vectors of all pictures of a set; `each` is told them in the set's order. A picture that
/// cannot be used is told as such, and the next one follows.
///
/// # Errors
/// [`Error::Op`] once the caller cancelled; what `each` returns.
pub fn extract_all(
    set: &Dataset,
    extractors: &[Extractor],
    cx: &Context,
    each: &mut (dyn FnMut(Extracted) -> Result<(), Error> + Send),
) -> Result<(), Error> {
    let together = cx.threads.max(1).min(set.len());
    // Threads that no picture is left for help with the pictures.
    let inner = Context { threads: (cx.threads / together.max(1)).max(1), ..*cx };
    let labels = set.labels().unwrap_or_default();
    train::pool(cx.threads)?.install(|| {
        let mut first = 0;
        while first < set.len() {
            cx.check()?;
            let end = set.len().min(first + AHEAD * together);
            let part: Vec<Result<Vec<f32>, Error>> = (first..end)
                .into_par_iter()
                .with_max_len(1)
                .map(|index| vector(set, index, extractors, &inner))
                .collect();
            for (index, vector) in (first..end).zip(part) {
                cx.check()?;
                let label = labels.get(index).copied();
                each(Extracted { index, id: set.id(index), label, vector })?;
                cx.progress.step(index as u64 + 1, set.len() as u64);
            }
            first = end;
        }
        Ok(())
    })
}

fn vector(
    set: &Dataset,
    index: usize,
    extractors: &[Extractor],
    cx: &Context,
) -> Result<Vec<f32>, Error> {
    cx.check()?;
    let image = set.get(index).map_err(|e| Error::Data(e.error))?.raster.to_image();
    let mut all = Vec::with_capacity(extractors.iter().map(Extractor::dimensions).sum());
    for extractor in extractors {
        all.extend(extractor.extract(&image, cx)?);
    }
    Ok(all)
}
