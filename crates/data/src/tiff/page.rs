//! What one directory says about its picture.

use super::ifd::Directory;
use super::predictor::{FLOAT, HORIZONTAL};
use super::{corrupt, tag, unsupported};
use crate::DataError;
use crate::meta::{Density, DensityUnit};
use restora_image::{Depth, Layout, Size};

/// How samples become those of the raster.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Samples {
    /// Unsigned integers of `bits` bits, `inverted` where 0 is white.
    Integer { bits: u32, inverted: bool },
    /// Indices of `bits` bits into 8-bit RGB.
    Palette { bits: u32, colors: Vec<[u8; 3]> },
    /// Floats of `bits` bits.
    Float { bits: u32 },
}

#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub size: Size,
    pub layout: Layout,
    pub depth: Depth,
    pub samples: Samples,
    /// Samples per pixel in the file.
    pub per_pixel: usize,
    pub compression: u16,
    pub predictor: u16,
    pub planar: bool,
    pub reversed_bits: bool,
    pub orientation: u8,
    /// Kind of the extra sample: 0 unspecified, 1 opacity multiplied into the colors, 2 opacity.
    pub extra: u16,
    /// Size of a strip or tile.
    pub chunk: Size,
    pub tiled: bool,
}

pub(crate) const LZW: u16 = 5;
pub(crate) const DEFLATE: u16 = 8;
pub(crate) const OLD_DEFLATE: u16 = 32946;
pub(crate) const PACKBITS: u16 = 32773;

fn compression_name(id: u16) -> String {
    let name = match id {
        2..=4 => "CCITT fax",
        6 => "old-style JPEG",
        7 => "JPEG",
        34712 => "JPEG 2000",
        34887 => "LERC",
        34925 => "LZMA",
        50000 => "Zstandard",
        50001 => "WebP",
        50002 => "JPEG XL",
        _ => return format!("compression {id} is not read"),
    };
    format!("{name} compression is not read; none, LZW, Deflate and PackBits are")
}

impl Page {
    pub fn read(d: &Directory) -> Result<Self, DataError> {
        let uint = |tag, default: u64| d.get(&tag).and_then(|v| v.uint(0)).unwrap_or(default);
        let side = |tag: u16| {
            let v = d.get(&tag).and_then(|v| v.uint(0));
            let v = v.ok_or_else(|| corrupt(format!("no width or height (tag {tag})")))?;
            u32::try_from(v)
                .ok()
                .filter(|v| *v > 0)
                .ok_or_else(|| corrupt(format!("a side of {v}")))
        };
        let size = Size::new(side(tag::WIDTH)?, side(tag::HEIGHT)?);
        let compression = uint(tag::COMPRESSION, 1) as u16;
        if !matches!(compression, 1 | LZW | DEFLATE | OLD_DEFLATE | PACKBITS) {
            return Err(unsupported(compression_name(compression)));
        }
        let per_pixel = uint(tag::SAMPLES, 1);
        let all_equal = |tag: u16, default: u64| -> Result<u64, DataError> {
            let Some(values) = d.get(&tag) else { return Ok(default) };
            let first = values.uint(0).unwrap_or(default);
            let differs = (1..values.count.min(per_pixel)).any(|i| values.uint(i) != Some(first));
            if differs {
                Err(unsupported(format!("samples that differ (tag {tag})")))
            } else {
                Ok(first)
            }
        };
        let bits = all_equal(tag::BITS, 1)? as u32;
        let format = all_equal(tag::SAMPLE_FORMAT, 1)?;
        let photometric = uint(tag::PHOTOMETRIC, 1);
        let colors = match photometric {
            0 | 1 | 3 => 1,
            2 => 3,
            5 => return Err(unsupported("CMYK is not read")),
            6 => return Err(unsupported("YCbCr is not read")),
            8..=10 => return Err(unsupported("CIE L*a*b* is not read")),
            32803 => return Err(unsupported("a raw sensor mosaic is not read")),
            other => return Err(unsupported(format!("photometric interpretation {other}"))),
        };
        let alpha = match per_pixel.checked_sub(colors) {
            Some(0) => false,
            Some(1) => true,
            _ => return Err(unsupported(format!("{per_pixel} samples per pixel"))),
        };
        let samples = match (photometric, format, bits) {
            (3, 1 | 4, 1..=8) if !alpha => Samples::Palette { bits, colors: palette(d, bits)? },
            (0..=2, 1 | 4, 1..=16) => Samples::Integer { bits, inverted: photometric == 0 },
            (1 | 2, 3, 16 | 32 | 64) => Samples::Float { bits },
            (_, 2, _) => return Err(unsupported("signed integers are not read")),
            (_, 3, _) => return Err(unsupported(format!("{bits}-bit floats"))),
            _ => return Err(unsupported(format!("{bits}-bit integers"))),
        };
        let (layout, depth) = match &samples {
            Samples::Palette { .. } => (Layout::Rgb, Depth::U8),
            other => (
                match (colors, alpha) {
                    (1, false) => Layout::Gray,
                    (1, true) => Layout::GrayAlpha,
                    (_, false) => Layout::Rgb,
                    (_, true) => Layout::Rgba,
                },
                match other {
                    Samples::Float { .. } => Depth::F32,
                    _ if bits > 8 => Depth::U16,
                    _ => Depth::U8,
                },
            ),
        };
        let predictor = uint(tag::PREDICTOR, 1) as u16;
        let float = matches!(samples, Samples::Float { .. });
        match predictor {
            1 => {}
            // Uncompressed data has none, whatever the tag says.
            _ if matches!(compression, 1 | PACKBITS) => {}
            HORIZONTAL if bits.is_multiple_of(8) => {}
            FLOAT if float => {}
            other => return Err(unsupported(format!("predictor {other} on {bits} bits"))),
        }
        let predictor = if matches!(compression, 1 | PACKBITS) { 1 } else { predictor };
        let tiled = d.contains_key(&tag::TILE_OFFSETS);
        let chunk = if tiled {
            Size::new(side(tag::TILE_WIDTH)?, side(tag::TILE_HEIGHT)?)
        } else {
            let rows = uint(tag::ROWS_PER_STRIP, u64::from(u32::MAX)).clamp(1, size.height.into());
            Size::new(size.width, rows as u32)
        };
        let orientation = uint(tag::ORIENTATION, 1);
        Ok(Self {
            size,
            layout,
            depth,
            samples,
            per_pixel: per_pixel as usize,
            compression,
            predictor,
            planar: per_pixel > 1 && uint(tag::PLANAR, 1) == 2,
            reversed_bits: uint(tag::FILL_ORDER, 1) == 2,
            orientation: if (1..=8).contains(&orientation) { orientation as u8 } else { 1 },
            extra: uint(tag::EXTRA_SAMPLES, 0) as u16,
            chunk,
            tiled,
        })
    }

    /// Bits of a sample in the file.
    pub fn bits(&self) -> u32 {
        match self.samples {
            Samples::Integer { bits, .. }
            | Samples::Palette { bits, .. }
            | Samples::Float { bits } => bits,
        }
    }

    /// Samples per pixel in one strip or tile.
    pub fn chunk_samples(&self) -> usize {
        if self.planar { 1 } else { self.per_pixel }
    }

    /// Bytes of one row of a strip or tile; rows start at whole bytes.
    pub fn row_bytes(&self) -> u64 {
        let samples = u64::from(self.chunk.width) * self.chunk_samples() as u64;
        (samples * u64::from(self.bits())).div_ceil(8)
    }
}

/// Bit 0 of the subfile type: a reduced-resolution version; bit 2: a transparency mask.
pub(crate) fn is_auxiliary(d: &Directory) -> bool {
    d.get(&tag::SUBFILE).and_then(|v| v.uint(0)).unwrap_or(0) & 0b101 != 0
}

fn palette(d: &Directory, bits: u32) -> Result<Vec<[u8; 3]>, DataError> {
    let map = d.get(&tag::COLOR_MAP).ok_or_else(|| corrupt("a palette picture without palette"))?;
    let n = 1u64 << bits;
    let mut colors = Vec::new();
    for i in 0..n {
        let mut color = [0u64; 3];
        for (c, v) in color.iter_mut().enumerate() {
            *v =
                map.uint(c as u64 * n + i).ok_or_else(|| corrupt("a palette that is too short"))?;
        }
        colors.push(color);
    }
    // Writers multiply 8-bit colors by 256 or 257, which the upper byte reverts; some old ones do not.
    let narrow = colors.iter().flatten().all(|v| *v < 256);
    let scaled = |v: u64| if narrow { v as u8 } else { (v >> 8) as u8 };
    Ok(colors.into_iter().map(|color| color.map(scaled)).collect())
}

/// Resolution tags as a density.
pub(crate) fn density(d: &Directory) -> Option<Density> {
    let value = |tag: u16| d.get(&tag)?.rational().filter(|v| *v > 0.0);
    let unit = match d.get(&tag::RESOLUTION_UNIT).and_then(|v| v.uint(0)).unwrap_or(2) {
        1 => DensityUnit::Aspect,
        2 => DensityUnit::Inch,
        3 => DensityUnit::Centimeter,
        _ => return None,
    };
    Some(Density { x: value(tag::X_RESOLUTION)?, y: value(tag::Y_RESOLUTION)?, unit })
}
