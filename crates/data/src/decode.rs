use crate::{DataError, FileMeta, Format, Header, Limits};
use crate::{bmp, exif, gif, jpeg, orient, png, pnm, qoi, sniff, tiff, webp};
use restora_image::{Pixels, Raster};
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
        Format::WebP => webp::header(bytes),
        Format::Tiff => tiff::header(bytes),
        Format::Bmp => bmp::header(bytes),
        Format::Pnm => pnm::header(bytes),
        Format::Qoi => qoi::header(bytes),
        Format::Gif => gif::header(bytes),
    })?;
    // A claim beyond the limits is reported as such even where the file could not hold it.
    limits.check(&header)?;
    if let Some(most) = most_bytes_per_byte(format) {
        header.check_plausible(bytes.len(), most)?;
    }
    Ok(header)
}

/// How many decoded bytes one byte of a file can yield at most, where that is bounded and not
/// checked more closely by the decoder before it allocates.
const fn most_bytes_per_byte(format: Format) -> Option<u64> {
    match format {
        // A block takes at least one bit in its DC scan; subsampled chroma blocks, together three
        // bits, may cover as many as 32x32 pixels of 3 bytes.
        Format::Jpeg => Some(8 * 1024),
        // Deflate shrinks to 1/1032 at most (a match of 258 bytes in two bits), sub-byte depths are
        // expanded by up to 8, palettes by another 4.
        Format::Png => Some(1032 * 32),
        // A run of 62 pixels in a byte.
        Format::Qoi => Some(62 * 4),
        _ => None,
    }
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
        Format::WebP => webp::decode(bytes, &header),
        Format::Tiff => tiff::decode(bytes),
        Format::Bmp => bmp::decode(bytes),
        Format::Pnm => pnm::decode(bytes),
        Format::Qoi => qoi::decode(bytes, &header),
        Format::Gif => gif::decode(bytes),
    })?;
    make_upright(&mut decoded);
    Ok(decoded)
}

/// Applies the orientation that the EXIF block asks for, and returns it.
pub(crate) fn make_upright(decoded: &mut Decoded) -> u8 {
    let meta = &mut decoded.meta;
    let Some(block) = meta.exif.take() else { return 1 };
    let orientation = exif::orientation(&block);
    meta.exif = Some(exif::normalized(block, orientation));
    // TIFF has applied its own, page by page, and says 1 here.
    if orientation != 1 {
        meta.orientation = orientation;
        for page in &mut decoded.pages {
            let pixels = std::mem::replace(&mut page.pixels, Pixels::U8(Vec::new()));
            *page = orient::upright(Raster { pixels, ..*page }, orientation);
        }
    }
    if let Some(density) = meta.density.as_mut().filter(|_| orientation >= 5) {
        std::mem::swap(&mut density.x, &mut density.y);
    }
    orientation
}

/// Runs a decoder that may be another crate's. Should it panic on some crafted file, that becomes
/// an error here, at this one place; nothing it worked on is used afterwards.
pub(crate) fn contained<T>(
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
