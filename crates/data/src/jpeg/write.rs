//! Baseline JPEG with the chroma subsampling, density, Exif and ICC profile of its source.

use super::unsupported;
use crate::encode::EncodeOptions;
use crate::meta::DensityUnit;
use crate::{DataError, FileMeta};
use jpeg_encoder::{
    ColorType, Encoder, EncodingError, PixelDensity, PixelDensityUnit, SamplingFactor,
};
use restora_image::{Layout, Pixels, Raster};
use std::io::Write;

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
