//! Pages into rasters.

use super::ifd::{Directory, Tiff, Tree};
use super::page::{DEFLATE, LZW, OLD_DEFLATE, PACKBITS, Page, Samples, density, is_auxiliary};
use super::predictor::{self, FLOAT, Shape};
use super::rows::{Place, unpack};
use super::{corrupt, tag};
use crate::meta::TiffDetail;
use crate::{DataError, Decoded, FileMeta, Format, Header, orient};
use restora_image::{Layout, Pixels, Raster};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;
use weezl::{BitOrder, LzwStatus};

/// The pages that are pictures of their own (or the first one, if none is).
fn pages(bytes: &[u8]) -> Result<Pages<'_>, DataError> {
    let (tiff, first) = Tiff::open(bytes)?;
    let (mut at, mut seen) = (first, BTreeSet::new());
    let (mut directories, mut entries) = (Vec::new(), 0);
    while at != 0 {
        if !seen.insert(at) {
            return Err(corrupt("its pages go in a circle"));
        }
        let (directory, next) = tiff.directory(at)?;
        entries += directory.len() + 1;
        if entries > bytes.len() {
            return Err(corrupt("its directories overlap"));
        }
        directories.push(directory);
        at = next;
    }
    if directories.is_empty() {
        return Err(corrupt("there is no page in it"));
    }
    let total = directories.len();
    if directories.iter().any(|d| !is_auxiliary(d)) {
        directories.retain(|d| !is_auxiliary(d));
    } else {
        directories.truncate(1);
    }
    let skipped = total - directories.len();
    let kept = directories
        .into_iter()
        .map(|d| Page::read(&d).map(|page| (d, page)))
        .collect::<Result<_, _>>()?;
    Ok(Pages { tiff, kept, skipped })
}

struct Pages<'a> {
    tiff: Tiff<'a>,
    kept: Vec<(Directory<'a>, Page)>,
    skipped: usize,
}

pub(crate) fn header(bytes: &[u8]) -> Result<Header, DataError> {
    let pages = pages(bytes)?.kept;
    let first = &pages[0].1;
    let mut header = Header::single(Format::Tiff, first.size, first.layout, first.depth)?;
    for (_, page) in &pages[1..] {
        header.add_page(page.size, page.layout, page.depth);
    }
    Ok(header)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, DataError> {
    let Pages { tiff, kept: pages, skipped } = pages(bytes)?;
    let (directory, first) = &pages[0];
    let mut meta = FileMeta::new(Format::Tiff, first.layout, first.depth);
    meta.density = density(directory);
    meta.icc = directory.get(&tag::ICC).map(|v| v.data.data.to_vec()).filter(|v| !v.is_empty());
    let tree = Tree::read(&tiff, directory);
    meta.exif = (!tree.is_empty()).then(|| tree.to_exif());
    meta.orientation = first.orientation;
    if let Some(density) = meta.density.as_mut().filter(|_| first.orientation >= 5) {
        std::mem::swap(&mut density.x, &mut density.y);
    }
    meta.tiff = Some(TiffDetail {
        compression: first.compression,
        predictor: first.predictor,
        extra: if first.extra == 1 { 2 } else { first.extra },
    });
    if skipped > 0 {
        meta.notes.push(format!("{skipped} reduced-resolution pages or masks were left out"));
    }
    if first.extra == 1 && first.layout.has_alpha() {
        meta.notes.push("opacity was divided out of the colors".into());
    }
    match &first.samples {
        Samples::Float { bits: 64 } => {
            meta.notes.push("64-bit floats were rounded to 32 bits".into());
        }
        Samples::Palette { .. } => meta.notes.push("the palette was expanded to RGB".into()),
        _ => {}
    }
    let mut rasters = Vec::with_capacity(pages.len());
    for (i, (directory, page)) in pages.iter().enumerate() {
        let raster = raster(&tiff, directory, page).map_err(|e| match e {
            DataError::Corrupt { format, detail } if pages.len() > 1 => {
                DataError::Corrupt { format, detail: format!("page {}: {detail}", i + 1) }
            }
            other => other,
        })?;
        rasters.push(orient::upright(raster, page.orientation));
    }
    Ok(Decoded { pages: rasters, meta })
}

fn raster(tiff: &Tiff, directory: &Directory, page: &Page) -> Result<Raster, DataError> {
    let (columns, rows) =
        (page.size.width.div_ceil(page.chunk.width), page.size.height.div_ceil(page.chunk.height));
    let planes = if page.planar { page.per_pixel } else { 1 };
    let per_plane = u64::from(columns) * u64::from(rows);
    let (offsets, lengths) = if page.tiled {
        (tag::TILE_OFFSETS, tag::TILE_BYTES)
    } else {
        (tag::STRIP_OFFSETS, tag::STRIP_BYTES)
    };
    let table = |tag: u16| {
        let values = directory.get(&tag).filter(|v| v.count >= per_plane * planes as u64);
        values.ok_or_else(|| corrupt(format!("tag {tag} does not list every strip or tile")))
    };
    let (offsets, lengths) = (table(offsets)?, table(lengths)?);
    let data = |index: u64| -> Result<&[u8], DataError> {
        let range = offsets.uint(index).zip(lengths.uint(index));
        range
            .and_then(|(at, len)| tiff.bytes.slice(at, len))
            .ok_or_else(|| corrupt(format!("strip or tile {index} lies beyond its end")))
    };
    // All of the file is looked for before anything is allocated. Deflate shrinks to 1/1032 at
    // most, PackBits to 1/64; an LZW code of 9 bits or more stands for 4096 bytes at most.
    let most = match page.compression {
        1 => 1,
        LZW => 4096,
        PACKBITS => 64,
        _ => 1032,
    };
    for index in 0..per_plane * planes as u64 {
        let y0 = (index % per_plane) / u64::from(columns) * u64::from(page.chunk.height);
        let height = chunk_rows(page, y0);
        if page.row_bytes().saturating_mul(height) > (data(index)?.len() as u64 + 16) * most {
            return Err(corrupt(format!("strip or tile {index} is too short")));
        }
    }
    let mut raster = Raster::zeros(page.size, page.layout, page.depth);
    let mut row =
        vec![0; usize::try_from(page.row_bytes()).map_err(|_| corrupt("a row too long"))?];
    let mut scratch = Vec::new();
    for index in 0..per_plane * planes as u64 {
        let (plane, index_in_plane) = ((index / per_plane) as usize, index % per_plane);
        let y0 = index_in_plane / u64::from(columns) * u64::from(page.chunk.height);
        let x0 = (index_in_plane % u64::from(columns)) as usize * page.chunk.w();
        let failed = |e: std::io::Error| corrupt(format!("strip or tile {index}: {e}"));
        let mut reader = reader(data(index)?, page);
        let width = page.chunk.w().min(page.size.w() - x0);
        for y in y0..y0 + chunk_rows(page, y0).min(u64::from(page.size.height) - y0) {
            reader.read_exact(&mut row).map_err(failed)?;
            let shape = Shape {
                bytes: page.bits() as usize / 8,
                samples: page.chunk_samples(),
                big_endian: tiff.bytes.big_endian,
            };
            predictor::undo(&mut row, page.predictor, shape, &mut scratch);
            let big_endian = tiff.bytes.big_endian || page.predictor == FLOAT;
            let layout_samples = page.layout.samples();
            let pixel = (y as usize * page.size.w() + x0) * layout_samples;
            let place = if page.planar {
                Place { first: pixel + plane, step: layout_samples, count: width }
            } else if matches!(page.samples, Samples::Palette { .. }) {
                Place { first: pixel, step: 1, count: width }
            } else {
                Place { first: pixel, step: 1, count: width * layout_samples }
            };
            unpack(&row, big_endian, page, place, &mut raster.pixels);
        }
        if matches!(page.compression, DEFLATE | OLD_DEFLATE) {
            // To the end of the stream, where its checksum is. Padding rows may follow.
            let rest = std::io::copy(&mut reader.take(1 << 24), &mut std::io::sink());
            rest.map_err(failed)?;
        }
    }
    if page.extra == 1 && page.layout.has_alpha() {
        divide_out(&mut raster);
    }
    Ok(raster)
}

/// Rows of the strip or tile that starts at row `y0`: tiles are always whole, the last strip is not.
fn chunk_rows(page: &Page, y0: u64) -> u64 {
    let height = u64::from(page.chunk.height);
    if page.tiled { height } else { height.min(u64::from(page.size.height) - y0) }
}

fn reader<'a>(data: &'a [u8], page: &Page) -> Box<dyn Read + 'a> {
    let data = if page.reversed_bits {
        Cow::Owned(data.iter().map(|b| b.reverse_bits()).collect())
    } else {
        Cow::Borrowed(data)
    };
    match page.compression {
        LZW => {
            let decoder = weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
            Box::new(Lzw { data, at: 0, decoder })
        }
        DEFLATE | OLD_DEFLATE => Box::new(flate2::read::ZlibDecoder::new(Bytes { data, at: 0 })),
        PACKBITS => Box::new(PackBits { data, at: 0, literal: 0, repeat: 0 }),
        _ => Box::new(Bytes { data, at: 0 }),
    }
}

struct Bytes<'a> {
    data: Cow<'a, [u8]>,
    at: usize,
}

impl Read for Bytes<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = out.len().min(self.data.len() - self.at);
        out[..n].copy_from_slice(&self.data[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

struct Lzw<'a> {
    data: Cow<'a, [u8]>,
    at: usize,
    decoder: weezl::decode::Decoder,
}

impl Read for Lzw<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let step = self.decoder.decode_bytes(&self.data[self.at..], out);
            self.at += step.consumed_in;
            let status = step.status.map_err(std::io::Error::other)?;
            if step.consumed_out > 0 || out.is_empty() || !matches!(status, LzwStatus::Ok) {
                return Ok(step.consumed_out);
            }
        }
    }
}

/// TIFF 6.0, section 9.
struct PackBits<'a> {
    data: Cow<'a, [u8]>,
    at: usize,
    literal: usize,
    repeat: usize,
}

impl Read for PackBits<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while self.literal == 0 && self.repeat == 0 {
            let Some(head) = self.data.get(self.at) else { return Ok(0) };
            self.at += 1;
            match *head as i8 {
                n @ 0.. => self.literal = n as usize + 1,
                -128 => {}
                n => self.repeat = (1 - isize::from(n)) as usize,
            }
        }
        let Some(rest) = self.data.get(self.at..).filter(|rest| !rest.is_empty()) else {
            return Ok(0);
        };
        if self.literal > 0 {
            let n = self.literal.min(out.len()).min(rest.len());
            out[..n].copy_from_slice(&rest[..n]);
            self.at += n;
            self.literal -= n;
            Ok(n)
        } else {
            let n = self.repeat.min(out.len());
            out[..n].fill(rest[0]);
            self.repeat -= n;
            self.at += usize::from(self.repeat == 0);
            Ok(n)
        }
    }
}

/// Colors that opacity is multiplied into, without it: c / alpha, rounded, at most full.
fn divide_out(raster: &mut Raster) {
    let n = raster.layout.samples();
    debug_assert!(matches!(raster.layout, Layout::GrayAlpha | Layout::Rgba));
    let integer = |c: u32, alpha: u32, max: u32| {
        (c * max + alpha / 2).checked_div(alpha).map_or(0, |v| v.min(max))
    };
    match &mut raster.pixels {
        Pixels::U8(v) => {
            for pixel in v.chunks_exact_mut(n) {
                let alpha = u32::from(pixel[n - 1]);
                for c in &mut pixel[..n - 1] {
                    *c = integer((*c).into(), alpha, 255) as u8;
                }
            }
        }
        Pixels::U16(v) => {
            for pixel in v.chunks_exact_mut(n) {
                let alpha = u32::from(pixel[n - 1]);
                for c in &mut pixel[..n - 1] {
                    *c = integer((*c).into(), alpha, 65535) as u16;
                }
            }
        }
        Pixels::F32(v) => {
            for pixel in v.chunks_exact_mut(n) {
                let alpha = pixel[n - 1];
                if alpha > 0.0 {
                    pixel[..n - 1].iter_mut().for_each(|c| *c /= alpha);
                }
            }
        }
    }
}
