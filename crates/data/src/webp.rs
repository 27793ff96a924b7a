//! WebP through the `image-webp` crate: lossy and lossless in, lossless out.
//!
//! The RIFF container is walked first, because it says how long everything has to be.

use crate::{DataError, Decoded, FileMeta, Format, Header};
use image_webp::{ColorType, DecodingError, EncodingError, WebPDecoder, WebPEncoder};
use restora_image::{Depth, Layout, Pixels, Raster, Size};
use std::io::{Cursor, Write};

fn corrupt(detail: impl Into<String>) -> DataError {
    DataError::corrupt(Format::WebP, detail)
}

fn decoding(error: DecodingError) -> DataError {
    match error {
        DecodingError::UnsupportedFeature(e) => DataError::Unsupported(format!("WebP: {e}")),
        DecodingError::IoError(_) => corrupt("it ends in the middle"),
        other => corrupt(other.to_string()),
    }
}

/// Demands that every chunk lies inside the file (RFC 9649, section 2.3).
fn check_container(bytes: &[u8]) -> Result<(), DataError> {
    let word = |at: usize| {
        let b = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
    };
    let ends = || corrupt("it ends in its header");
    let end = word(4).ok_or_else(ends)?.saturating_add(8);
    if end > bytes.len() {
        return Err(corrupt(format!("{} of {end} bytes are there", bytes.len())));
    }
    let mut at = 12usize;
    let mut pictures = 0;
    while at + 8 <= end {
        let len = word(at + 4).ok_or_else(ends)?;
        let next = at.saturating_add(8).saturating_add(len);
        if next > end {
            return Err(corrupt(format!("the chunk at byte {at} is longer than the file")));
        }
        pictures += usize::from(matches!(&bytes[at..at + 4], b"VP8 " | b"VP8L" | b"ANMF"));
        at = next + (len & 1);
    }
    if pictures == 0 { Err(corrupt("there is no picture in it")) } else { Ok(()) }
}

fn open(bytes: &[u8]) -> Result<WebPDecoder<Cursor<&[u8]>>, DataError> {
    check_container(bytes)?;
    WebPDecoder::new(Cursor::new(bytes)).map_err(decoding)
}

fn layout(decoder: &WebPDecoder<Cursor<&[u8]>>) -> Layout {
    if decoder.has_alpha() { Layout::Rgba } else { Layout::Rgb }
}

pub(crate) fn header(bytes: &[u8]) -> Result<Header, DataError> {
    let decoder = open(bytes)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        // The format has no empty pictures; image-webp 0.2 takes its largest side for 0.
        return Err(DataError::Unsupported("WebP of 16384 pixels a side is not read".into()));
    }
    Header::single(Format::WebP, Size::new(width, height), layout(&decoder), Depth::U8)
}

pub(crate) fn decode(bytes: &[u8], header: &Header) -> Result<Decoded, DataError> {
    let mut decoder = open(bytes)?;
    let mut raster = Raster::zeros(header.size, header.layout, Depth::U8);
    let Pixels::U8(out) = &mut raster.pixels else { return Err(corrupt("8 bits expected")) };
    let mut meta = FileMeta::new(Format::WebP, header.layout, Depth::U8);
    if decoder.is_animated() {
        let frames = decoder.num_frames();
        decoder.read_frame(out).map_err(decoding)?;
        if frames > 1 {
            meta.notes.push(format!("animated WebP of {frames} frames: the first was taken"));
        }
    } else {
        decoder.read_image(out).map_err(decoding)?;
    }
    meta.icc = decoder.icc_profile().map_err(decoding)?;
    // Some writers keep JPEG's prefix.
    meta.exif = decoder
        .exif_metadata()
        .map_err(decoding)?
        .map(|block| block.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec).unwrap_or(block));
    Ok(Decoded { pages: vec![raster], meta })
}

pub(crate) fn encode(
    out: &mut dyn Write,
    raster: &Raster,
    meta: &FileMeta,
) -> Result<(), DataError> {
    let Pixels::U8(v) = &raster.pixels else {
        return Err(DataError::Unsupported("WebP holds 8 bits".into()));
    };
    let color = match raster.layout {
        Layout::Gray => ColorType::L8,
        Layout::GrayAlpha => ColorType::La8,
        Layout::Rgb => ColorType::Rgb8,
        Layout::Rgba => ColorType::Rgba8,
    };
    let (width, height) = (raster.size.width, raster.size.height);
    if width.max(height) > 16383 {
        return Err(DataError::Unsupported(format!(
            "WebP holds at most 16383 pixels a side, got {}: PNG and TIFF hold more",
            raster.size
        )));
    }
    let mut encoder = WebPEncoder::new(out);
    if let Some(icc) = &meta.icc {
        encoder.set_icc_profile(icc.clone());
    }
    if let Some(exif) = &meta.exif {
        encoder.set_exif_metadata(exif.clone());
    }
    encoder.encode(v, width, height, color).map_err(|e| match e {
        EncodingError::IoError(e) => e.into(),
        other => DataError::Unsupported(format!("WebP cannot hold this: {other}")),
    })
}
