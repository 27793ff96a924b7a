use crate::{AtomicFile, DataError, FileMeta, Format};
use crate::{bmp, gif, jpeg, png, pnm, qoi, tiff, webp};
use restora_image::{Depth, Layout, Pixels, Raster};
use serde::{Deserialize, Serialize};
use std::io::{Cursor, Seek, Write};
use std::path::Path;

/// How hard PNG is squeezed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PngCompression {
    /// Several times faster, about a tenth larger.
    Fast,
    /// The middle.
    #[default]
    Balanced,
    /// A few percent smaller, slow.
    Small,
}

/// How files are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncodeOptions {
    /// JPEG quality on libjpeg's scale, 1 to 100.
    pub jpeg_quality: u8,
    /// How hard PNG is squeezed.
    pub png_compression: PngCompression,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { jpeg_quality: 95, png_compression: PngCompression::default() }
    }
}

/// A sink that encoders write to: [`AtomicFile`], a `File`, a `Cursor<Vec<u8>>`.
pub trait Sink: Write + Seek {}
impl<T: Write + Seek> Sink for T {}

/// Writes `pages` as a file of `format` into `out`. The pixels are written as they are: a layout or
/// depth that the format lacks is an error, and [`fit`] is how a caller asks for a conversion.
/// JPEG is the one format here that is not exact.
///
/// # Errors
/// [`DataError::Unsupported`] for what the format cannot hold, [`DataError::Io`].
pub fn encode_to(
    out: &mut dyn Sink,
    pages: &[Raster],
    format: Format,
    meta: &FileMeta,
    options: &EncodeOptions,
) -> Result<(), DataError> {
    let [first, rest @ ..] = pages else {
        return Err(DataError::Unsupported("a file needs at least one page".into()));
    };
    if !rest.is_empty() && !format.has_pages() {
        return Err(DataError::Unsupported(format!(
            "{} holds one page, got {}: TIFF holds several",
            format.name(),
            pages.len()
        )));
    }
    for page in pages {
        check(page, format)?;
    }
    match format {
        Format::Jpeg => jpeg::encode(out, first, meta, options),
        Format::Png => png::encode(out, first, meta, options),
        Format::WebP => webp::encode(out, first, meta),
        Format::Tiff => tiff::encode(out, pages, meta),
        Format::Bmp => bmp::encode(out, first, meta),
        Format::Pnm => pnm::encode(out, first, meta),
        Format::Qoi => qoi::encode(out, first, meta),
        Format::Gif => gif::encode(out, first),
    }
}

fn check(page: &Raster, format: Format) -> Result<(), DataError> {
    if page.size.is_empty() {
        return Err(DataError::Unsupported("an image without pixels cannot be written".into()));
    }
    if !format.supports(page.layout, page.depth()) {
        let able: Vec<_> = Format::ALL
            .into_iter()
            .filter(|f| f.supports(page.layout, page.depth()))
            .map(Format::name)
            .collect();
        return Err(DataError::Unsupported(format!(
            "{} cannot hold {:?} with {} bits; {} can",
            format.name(),
            page.layout,
            page.depth().bits(),
            able.join(", ")
        )));
    }
    Ok(())
}

/// As [`encode_to`], into memory.
///
/// # Errors
/// As [`encode_to`].
pub fn encode(
    pages: &[Raster],
    format: Format,
    meta: &FileMeta,
    options: &EncodeOptions,
) -> Result<Vec<u8>, DataError> {
    let mut out = Cursor::new(Vec::new());
    encode_to(&mut out, pages, format, meta, options)?;
    Ok(out.into_inner())
}

/// As [`encode_to`], into a file that appears under its name only once it is complete; see
/// [`AtomicFile`].
///
/// # Errors
/// As [`encode_to`]; without `overwrite`, a file that exists is an error.
pub fn write_file(
    path: &Path,
    pages: &[Raster],
    format: Format,
    meta: &FileMeta,
    options: &EncodeOptions,
    overwrite: bool,
) -> Result<(), DataError> {
    let mut file = AtomicFile::create(path, overwrite)?;
    encode_to(&mut file, pages, format, meta, options).map_err(|e| e.at(path))?;
    file.commit()
}

/// One line for everything in `meta` that `format` has no place for.
pub fn lost(meta: &FileMeta, format: Format) -> Vec<String> {
    let mut lost = Vec::new();
    if meta.icc.is_some() && !format.holds_icc() {
        lost.push(format!("{} has no place for the ICC profile", format.name()));
    }
    if meta.exif.is_some() && !format.holds_exif() {
        lost.push(format!("{} has no place for EXIF", format.name()));
    }
    lost
}

/// The raster in the nearest layout and depth that `format` can hold, with a line for every loss.
///
/// Floats are clamped to `[0, 1]`; depths are converted by rounding to nearest (`v / 257` from 16
/// to 8 bits); opacity that cannot be kept is flattened over white; gray becomes RGB where there is
/// no gray. A raster that fits comes back as it is.
pub fn fit(raster: Raster, format: Format) -> (Raster, Vec<String>) {
    let mut raster = raster;
    let mut notes = Vec::new();
    let depth = [raster.depth(), Depth::U16, Depth::U8]
        .into_iter()
        .filter(|d| d.bits() <= raster.depth().bits())
        .find(|d| format.supports(Layout::Rgb, *d))
        .unwrap_or(Depth::U8);
    if depth != raster.depth() {
        notes.push(format!(
            "{} has no {}-bit samples: rounded to {} bits",
            format.name(),
            raster.depth().bits(),
            depth.bits()
        ));
        raster.pixels = rounded(raster.pixels, depth);
    }
    if !format.supports(raster.layout, depth) {
        let wider = [Layout::Rgb, Layout::Rgba]
            .into_iter()
            .find(|l| l.has_alpha() == raster.layout.has_alpha() && format.supports(*l, depth));
        if let Some(wider) = wider {
            raster = widened(raster, wider);
        } else {
            notes.push(format!("{} has no opacity: flattened over white", format.name()));
            raster = flattened(raster);
            if !format.supports(raster.layout, depth) {
                raster = widened(raster, Layout::Rgb);
            }
        }
    }
    (raster, notes)
}

fn rounded(pixels: Pixels, depth: Depth) -> Pixels {
    match (pixels, depth) {
        (Pixels::U16(v), Depth::U8) => {
            Pixels::U8(v.into_iter().map(|s| ((u32::from(s) + 128) / 257) as u8).collect())
        }
        (Pixels::F32(v), Depth::U8) => {
            Pixels::U8(v.into_iter().map(|s| (s.clamp(0.0, 1.0) * 255.0).round() as u8).collect())
        }
        (Pixels::F32(v), Depth::U16) => Pixels::U16(
            v.into_iter().map(|s| (s.clamp(0.0, 1.0) * 65535.0).round() as u16).collect(),
        ),
        (other, _) => other,
    }
}

fn per_pixel(
    raster: Raster,
    layout: Layout,
    u8s: impl Fn(&[u8], &mut Vec<u8>),
    u16s: impl Fn(&[u16], &mut Vec<u16>),
    f32s: impl Fn(&[f32], &mut Vec<f32>),
) -> Raster {
    fn mapped<T>(v: &[T], from: usize, to: usize, f: impl Fn(&[T], &mut Vec<T>)) -> Vec<T> {
        let mut out = Vec::with_capacity(v.len() / from * to);
        v.chunks_exact(from).for_each(|pixel| f(pixel, &mut out));
        out
    }
    let (from, to) = (raster.layout.samples(), layout.samples());
    let pixels = match raster.pixels {
        Pixels::U8(v) => Pixels::U8(mapped(&v, from, to, u8s)),
        Pixels::U16(v) => Pixels::U16(mapped(&v, from, to, u16s)),
        Pixels::F32(v) => Pixels::F32(mapped(&v, from, to, f32s)),
    };
    Raster { size: raster.size, layout, pixels }
}

/// Gray repeated in every color; opacity stays.
fn widened(raster: Raster, layout: Layout) -> Raster {
    fn widen<T: Copy>(pixel: &[T], out: &mut Vec<T>) {
        out.extend([pixel[0]; 3]);
        out.extend_from_slice(&pixel[1..]);
    }
    per_pixel(raster, layout, widen, widen, widen)
}

fn flattened(raster: Raster) -> Raster {
    let layout = if raster.layout == Layout::Rgba { Layout::Rgb } else { Layout::Gray };
    let over =
        |color: u64, alpha: u64, max: u64| (color * alpha + max * (max - alpha) + max / 2) / max;
    per_pixel(
        raster,
        layout,
        |pixel, out| {
            if let [colors @ .., alpha] = pixel {
                out.extend(colors.iter().map(|c| over((*c).into(), (*alpha).into(), 255) as u8));
            }
        },
        |pixel, out| {
            if let [colors @ .., alpha] = pixel {
                out.extend(colors.iter().map(|c| over((*c).into(), (*alpha).into(), 65535) as u16));
            }
        },
        |pixel, out| {
            if let [colors @ .., alpha] = pixel {
                out.extend(colors.iter().map(|c| c * alpha + 1.0 - alpha));
            }
        },
    )
}
