//! JPEG (ITU-T T.81): pixels by `zune-jpeg`, written by `jpeg-encoder`, completeness by our own check.
//!
//! Decoders fill what is missing of a truncated JPEG with gray and report success: T.81 lets them
//! resynchronize, and viewers want to show something. A restored picture with a gray half is worse
//! than an error, so the `entropy` module first reads every Huffman code of every scan, without transforming
//! anything, and demands that each scan holds all its blocks, that nothing but padding is left over
//! and that all coefficients of a progressive picture arrived with all their bits. It costs about a
//! third of the decoding.

mod bits;
pub(crate) mod entropy;
pub(crate) mod markers;

use crate::encode::EncodeOptions;
use crate::meta::{Density, DensityUnit};
use crate::{DataError, Decoded, FileMeta, Format, Header, JpegDetail};
use entropy::Checked;
use jpeg_encoder::{
    ColorType, Encoder, EncodingError, PixelDensity, PixelDensityUnit, SamplingFactor,
};
use markers::Frame;
use restora_image::{Depth, Layout, Pixels, Raster, Size};
use std::io::Write;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

pub(crate) fn corrupt(detail: impl Into<String>) -> DataError {
    DataError::corrupt(Format::Jpeg, detail)
}

pub(crate) fn unsupported(detail: &str) -> DataError {
    DataError::Unsupported(format!("JPEG: {detail}"))
}

fn layout(frame: &Frame) -> Result<Layout, DataError> {
    match frame.components.len() {
        1 => Ok(Layout::Gray),
        3 | 4 => Ok(Layout::Rgb),
        n => Err(unsupported(&format!("{n} color components; 1, 3 and 4 are read"))),
    }
}

pub(crate) fn header(bytes: &[u8]) -> Result<Header, DataError> {
    let frame = markers::frame(bytes)?;
    let size = Size::new(frame.width.into(), frame.height.into());
    Header::single(Format::Jpeg, size, layout(&frame)?, Depth::U8)
}

pub(crate) fn decode(bytes: &[u8], header: &Header) -> Result<Decoded, DataError> {
    let Checked { frame, tables, segments } = entropy::check(bytes)?;
    let mut raster = Raster::zeros(header.size, header.layout, Depth::U8);
    let color = if header.layout == Layout::Gray { ColorSpace::Luma } else { ColorSpace::RGB };
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default()
        .set_max_width(side)
        .set_max_height(side)
        .jpeg_set_out_colorspace(color);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let Pixels::U8(pixels) = &mut raster.pixels else { return Err(corrupt("8 bits expected")) };
    // The check above found the stream complete, so what is refused now is a variant.
    decoder.decode_into(pixels).map_err(|e| unsupported(&format!("{e:?}")))?;

    let mut meta = FileMeta::new(Format::Jpeg, header.layout, Depth::U8);
    meta.icc = markers::icc(&segments);
    meta.exif = markers::exif(&segments).map(<[u8]>::to_vec);
    meta.density = markers::density(&segments);
    if frame.components.len() == 4 {
        meta.icc = None;
        meta.notes.push("CMYK was converted to RGB without its profile".into());
    }
    let chroma = frame.components.get(1).unwrap_or(&frame.components[0]);
    let ratio = |max: u8, own: u8| max / own.max(1);
    meta.jpeg = Some(JpegDetail {
        quality: markers::quality(&tables[usize::from(frame.components[0].quantization & 3)]),
        subsampling: (ratio(frame.h_max, chroma.h), ratio(frame.v_max, chroma.v)),
        progressive: frame.progressive,
    });
    Ok(Decoded { pages: vec![raster], meta })
}

fn encoding(error: EncodingError) -> DataError {
    match error {
        EncodingError::IoError(e) => e.into(),
        other => unsupported(&other.to_string()),
    }
}

pub(crate) fn encode(
    out: impl Write,
    raster: &Raster,
    meta: &FileMeta,
    options: &EncodeOptions,
) -> Result<(), DataError> {
    let side = |v: u32| {
        u16::try_from(v).map_err(|_| unsupported(&format!("at most 65535 pixels a side, got {v}")))
    };
    let (width, height) = (side(raster.size.width)?, side(raster.size.height)?);
    let Pixels::U8(pixels) = &raster.pixels else { return Err(unsupported("8 bits only")) };
    let mut encoder = Encoder::new(out, options.jpeg_quality.clamp(1, 100));
    encoder.set_sampling_factor(match meta.jpeg.map(|detail| detail.subsampling) {
        Some((h, v)) => SamplingFactor::from_factors(h, v).unwrap_or(SamplingFactor::R_4_4_4),
        None => SamplingFactor::R_4_4_4,
    });
    if let Some(density) = meta.density {
        let scaled = |v: f64| v.round().clamp(1.0, 65535.0) as u16;
        encoder.set_density(PixelDensity {
            density: (scaled(density.x), scaled(density.y)),
            unit: match density.unit {
                DensityUnit::Aspect => PixelDensityUnit::PixelAspectRatio,
                DensityUnit::Inch => PixelDensityUnit::Inches,
                DensityUnit::Centimeter => PixelDensityUnit::Centimeters,
            },
        });
    }
    if let Some(exif) = &meta.exif {
        encoder.add_exif_metadata(exif).map_err(encoding)?;
    }
    if let Some(icc) = &meta.icc {
        encoder.add_icc_profile(icc).map_err(encoding)?;
    }
    let color = if raster.layout == Layout::Gray { ColorType::Luma } else { ColorType::Rgb };
    encoder.encode(pixels, width, height, color).map_err(encoding)
}

/// JFIF's density field.
pub(crate) fn jfif_density(unit: u8, x: u16, y: u16) -> Option<Density> {
    let unit = match unit {
        0 => DensityUnit::Aspect,
        1 => DensityUnit::Inch,
        2 => DensityUnit::Centimeter,
        _ => return None,
    };
    (x > 0 && y > 0).then(|| Density { x: x.into(), y: y.into(), unit })
}
