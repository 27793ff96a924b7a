use crate::{DataError, FileMeta, Format, Header, Limits, exif, jpeg, orient, png, sniff};
use restora_image::Raster;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A file in memory: its pages, and what else it said.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The pages, upright; one except for TIFF.
    pub pages: Vec<Raster>,
    /// Everything beside the pixels.
    pub meta: FileMeta,
}

fn format_of(bytes: &[u8]) -> Result<Format, DataError> {
    if bytes.is_empty() {
        return Err(DataError::Corrupt { format: None, detail: "it is empty".into() });
    }
    sniff(bytes).ok_or_else(|| {
        let names = Format::ALL.map(Format::name).join(", ");
        DataError::Unsupported(format!("not an image in a format that is read ({names})"))
    })
}

/// Reads the header of a file and checks it against `limits`. Allocates nothing of the picture's
/// size, and takes microseconds.
///
/// # Errors
/// [`DataError::Corrupt`], [`DataError::Unsupported`], [`DataError::Limit`].
pub fn read_header(bytes: &[u8], limits: &Limits) -> Result<Header, DataError> {
    limits.check_file(bytes.len() as u64)?;
    let format = format_of(bytes)?;
    let header = contained(format, || match format {
        Format::Jpeg => jpeg::header(bytes),
        Format::Png => png::header(bytes),
        other => Err(DataError::Unsupported(format!("{} is to come", other.name()))),
    });
    // A claim beyond the limits is reported as such even where the file could not hold it.
    let header = header?;
    limits.check(&header)?;
    Ok(header)
}

/// Decodes a whole file. The content alone decides what it is.
///
/// # Errors
/// [`DataError::Corrupt`] if any part of it is damaged or missing, [`DataError::Unsupported`],
/// [`DataError::Limit`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, DataError> {
    let header = read_header(bytes, limits)?;
    let format = header.format;
    let mut decoded = contained(format, || match format {
        Format::Jpeg => jpeg::decode(bytes, &header),
        Format::Png => png::decode(bytes, &header, limits),
        other => Err(DataError::Unsupported(format!("{} is to come", other.name()))),
    })?;
    let meta = &mut decoded.meta;
    if let Some(block) = meta.exif.take() {
        let orientation = exif::orientation(&block);
        meta.exif = Some(exif::normalized(block, orientation));
        meta.orientation = orientation;
        if orientation != 1 {
            let turn = |page| orient::upright(page, orientation);
            decoded.pages = decoded.pages.into_iter().map(turn).collect();
        }
        if let Some(density) = meta.density.as_mut().filter(|_| orientation >= 5) {
            std::mem::swap(&mut density.x, &mut density.y);
        }
    }
    Ok(decoded)
}

/// Runs a decoder that may be another crate's. Should it panic on some crafted file, that becomes
/// an error here, at this one place; nothing it worked on is used afterwards.
fn contained<T>(
    format: Format,
    work: impl FnOnce() -> Result<T, DataError>,
) -> Result<T, DataError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        Err(DataError::corrupt(format, format!("its decoder gave up: {text}")))
    })
}
