//! PNG through the `png` crate: all checksums verified, read to its end, rows streamed out.

use crate::encode::{EncodeOptions, PngCompression};
use crate::meta::{Density, DensityUnit, PngDetail};
use crate::{DataError, Decoded, FileMeta, Format, Header, Limits};
use ::png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, EncodingError};
use restora_image::{Depth, Layout, Pixels, Raster, Size};
use std::io::{Cursor, Write};

fn corrupt(error: impl std::fmt::Display) -> DataError {
    DataError::corrupt(Format::Png, format!("{error}"))
}

fn decoding(error: DecodingError) -> DataError {
    match error {
        DecodingError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            corrupt("it ends in the middle")
        }
        other => corrupt(other),
    }
}

/// Reads IHDR, and looks for a tRNS chunk, which adds opacity, before the pixels.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, DataError> {
    let word =
        |at: usize| bytes.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    let (Some(width), Some(height)) = (word(16), word(20)) else {
        return Err(corrupt("it ends in its header"));
    };
    if bytes.get(12..16) != Some(b"IHDR") {
        return Err(corrupt("the first chunk is not IHDR"));
    }
    let (Some(&bits), Some(&color)) = (bytes.get(24), bytes.get(25)) else {
        return Err(corrupt("it ends in its header"));
    };
    let mut transparent = false;
    let mut at = 8;
    while let (Some(len), Some(kind)) = (word(at), bytes.get(at + 4..at + 8)) {
        match kind {
            b"IDAT" | b"IEND" => break,
            b"tRNS" => transparent = true,
            _ => {}
        }
        at = at.saturating_add(len as usize).saturating_add(12);
    }
    let layout = match (color, transparent) {
        (0, false) => Layout::Gray,
        (0, true) | (4, _) => Layout::GrayAlpha,
        (2 | 3, false) => Layout::Rgb,
        (2 | 3, true) | (6, _) => Layout::Rgba,
        _ => return Err(corrupt(format!("color type {color} does not exist"))),
    };
    let depth = if bits == 16 { Depth::U16 } else { Depth::U8 };
    Header::single(Format::Png, Size::new(width, height), layout, depth)
}

pub(crate) fn decode(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Decoded, DataError> {
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    options.set_skip_ancillary_crc_failures(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    // Bounds what compressed text and profiles may expand to; the pixels are checked already.
    let bytes_limit = usize::try_from(limits.max_bytes.min(256 << 20)).unwrap_or(usize::MAX);
    decoder.set_limits(::png::Limits { bytes: bytes_limit });
    decoder.set_transformations(::png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(decoding)?;
    let (color, bits) = reader.output_color_type();
    let layout = match color {
        ColorType::Grayscale => Layout::Gray,
        ColorType::GrayscaleAlpha => Layout::GrayAlpha,
        ColorType::Rgb | ColorType::Indexed => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
    };
    let depth = if bits == BitDepth::Sixteen { Depth::U16 } else { Depth::U8 };
    let size = Size::new(reader.info().width, reader.info().height);
    if (size, layout, depth) != (header.size, header.layout, header.depth) {
        return Err(corrupt("it contradicts its header"));
    }
    let mut raster = Raster::zeros(size, layout, depth);
    match &mut raster.pixels {
        Pixels::U8(v) => {
            reader.next_frame(v).map_err(decoding)?;
        }
        Pixels::U16(v) => {
            let out: &mut [u8] = bytemuck::cast_slice_mut(v);
            reader.next_frame(out).map_err(decoding)?;
            for s in v {
                *s = u16::from_be(*s);
            }
        }
        Pixels::F32(_) => return Err(corrupt("PNG holds no floats")),
    }
    // Reads on to IEND, so that a file cut after its pixels is noticed too.
    reader.finish().map_err(decoding)?;
    let mut meta = FileMeta::new(Format::Png, layout, depth);
    describe(reader.info(), &mut meta);
    Ok(Decoded { pages: vec![raster], meta })
}

fn describe(info: &::png::Info, meta: &mut FileMeta) {
    meta.icc = info.icc_profile.as_deref().map(<[u8]>::to_vec);
    meta.exif = info.exif_metadata.as_deref().map(<[u8]>::to_vec);
    meta.density = info.pixel_dims.map(|d| match d.unit {
        ::png::Unit::Meter => Density {
            x: f64::from(d.xppu) / 100.0,
            y: f64::from(d.yppu) / 100.0,
            unit: DensityUnit::Centimeter,
        },
        ::png::Unit::Unspecified => {
            Density { x: d.xppu.into(), y: d.yppu.into(), unit: DensityUnit::Aspect }
        }
    });
    let mut detail = PngDetail {
        gamma: info.gama_chunk.map(::png::ScaledFloat::into_scaled),
        chromaticities: info.chrm_chunk.map(|c| {
            [c.white, c.red, c.green, c.blue]
                .map(|(x, y)| [x.into_scaled(), y.into_scaled()])
                .concat()
                .try_into()
                .unwrap_or_default()
        }),
        srgb: info.srgb.map(|intent| intent as u8),
        ..PngDetail::default()
    };
    for chunk in &info.uncompressed_latin1_text {
        detail.text.push((chunk.keyword.clone(), chunk.text.clone()));
    }
    for chunk in &info.compressed_latin1_text {
        if let Ok(text) = chunk.get_text() {
            detail.text.push((chunk.keyword.clone(), text));
        }
    }
    for chunk in &info.utf8_text {
        if let Ok(text) = chunk.get_text() {
            detail.utf8_text.push((chunk.keyword.clone(), text));
        }
    }
    meta.png = Some(detail);
    if let Some(animation) = info.animation_control
        && animation.num_frames > 1
    {
        meta.notes.push(format!(
            "animated PNG of {} frames: the default picture was taken",
            animation.num_frames
        ));
    }
}

fn encoding(error: EncodingError) -> DataError {
    match error {
        EncodingError::IoError(e) => e.into(),
        other => DataError::Unsupported(format!("PNG cannot hold this: {other}")),
    }
}

pub(crate) fn encode(
    out: &mut dyn Write,
    raster: &Raster,
    meta: &FileMeta,
    options: &EncodeOptions,
) -> Result<(), DataError> {
    let mut info = ::png::Info::with_size(raster.size.width, raster.size.height);
    info.color_type = match raster.layout {
        Layout::Gray => ColorType::Grayscale,
        Layout::GrayAlpha => ColorType::GrayscaleAlpha,
        Layout::Rgb => ColorType::Rgb,
        Layout::Rgba => ColorType::Rgba,
    };
    info.bit_depth = if raster.depth() == Depth::U16 { BitDepth::Sixteen } else { BitDepth::Eight };
    info.icc_profile = meta.icc.as_deref().map(Into::into);
    info.exif_metadata = meta.exif.as_deref().map(Into::into);
    info.pixel_dims = meta.density.map(|density| {
        let (scale, unit) = match density.unit {
            DensityUnit::Aspect => (1.0, ::png::Unit::Unspecified),
            _ => (100.0, ::png::Unit::Meter),
        };
        let density = density.per(DensityUnit::Centimeter);
        let scaled = |v: f64| (v * scale).round().clamp(0.0, f64::from(i32::MAX)) as u32;
        ::png::PixelDimensions { xppu: scaled(density.x), yppu: scaled(density.y), unit }
    });
    if let Some(detail) = &meta.png {
        colors(detail, &mut info);
    }
    let mut encoder = ::png::Encoder::with_info(out, info).map_err(encoding)?;
    if let Some(detail) = &meta.png {
        for (keyword, text) in detail.text.clone() {
            encoder.add_text_chunk(keyword, text).map_err(encoding)?;
        }
        for (keyword, text) in detail.utf8_text.clone() {
            encoder.add_itxt_chunk(keyword, text).map_err(encoding)?;
        }
    }
    encoder.set_filter(::png::Filter::Adaptive);
    encoder.set_deflate_compression(match options.png_compression {
        PngCompression::Fast => ::png::DeflateCompression::FdeflateUltraFast,
        PngCompression::Balanced => ::png::DeflateCompression::Level(4),
        PngCompression::Small => ::png::DeflateCompression::Level(9),
    });
    let mut writer = encoder.write_header().map_err(encoding)?;
    let mut stream = writer.stream_writer_with_size(1 << 16).map_err(encoding)?;
    match &raster.pixels {
        Pixels::U8(v) => stream.write_all(v)?,
        Pixels::U16(v) => {
            let mut row = Vec::new();
            for line in v.chunks(raster.size.w() * raster.layout.samples()) {
                row.clear();
                row.extend(line.iter().flat_map(|s| s.to_be_bytes()));
                stream.write_all(&row)?;
            }
        }
        Pixels::F32(_) => return Err(DataError::Unsupported("PNG holds no floats".into())),
    }
    stream.finish().map_err(encoding)?;
    writer.finish().map_err(encoding)
}

fn colors(detail: &PngDetail, info: &mut ::png::Info) {
    use ::png::{ScaledFloat, SourceChromaticities, SrgbRenderingIntent};
    info.srgb = match (&info.icc_profile, detail.srgb) {
        (None, Some(0)) => Some(SrgbRenderingIntent::Perceptual),
        (None, Some(1)) => Some(SrgbRenderingIntent::RelativeColorimetric),
        (None, Some(2)) => Some(SrgbRenderingIntent::Saturation),
        (None, Some(3)) => Some(SrgbRenderingIntent::AbsoluteColorimetric),
        _ => None,
    };
    info.source_gamma = detail.gamma.map(ScaledFloat::from_scaled);
    info.source_chromaticities = detail.chromaticities.map(|c| {
        let at = |i: usize| ScaledFloat::from_scaled(c[i]);
        SourceChromaticities {
            white: (at(0), at(1)),
            red: (at(2), at(3)),
            green: (at(4), at(5)),
            blue: (at(6), at(7)),
        }
    });
}
