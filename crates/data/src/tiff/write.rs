//! Rasters into pages.

use super::ifd::{ASCII, Field, Tree, UNDEFINED, directory_bytes};
use super::page::{DEFLATE, LZW, PACKBITS};
use super::predictor::{self, FLOAT, HORIZONTAL, Shape};
use super::{tag, unsupported};
use crate::encode::Sink;
use crate::meta::{DensityUnit, TiffDetail};
use crate::{DataError, FileMeta};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use restora_image::{Depth, Pixels, Raster};
use std::io::{SeekFrom, Write};
use weezl::BitOrder;

/// Bytes of samples in a strip, about: enough to compress well, little to hold.
const STRIP: usize = 1 << 18;

/// Compression and predictor of the output: those of a TIFF source as far as they are written;
/// otherwise Deflate with the predictor that suits the depth.
fn storage(meta: &FileMeta, depth: Depth) -> (u16, u16) {
    let suits = if depth == Depth::F32 { FLOAT } else { HORIZONTAL };
    match meta.tiff {
        Some(TiffDetail { compression: compression @ (1 | PACKBITS), .. }) => (compression, 1),
        Some(TiffDetail { compression, predictor, .. }) => {
            let compression = if compression == LZW { LZW } else { DEFLATE };
            (compression, if predictor == 1 { 1 } else { suits })
        }
        None => (DEFLATE, suits),
    }
}

pub(crate) fn encode(
    out: &mut dyn Sink,
    pages: &[Raster],
    meta: &FileMeta,
) -> Result<(), DataError> {
    let bytes =
        |p: &Raster| p.size.pixels() * p.layout.samples() as u64 * u64::from(p.depth().bits() / 8);
    // Compressed strips may grow a little; beyond this, offsets of 32 bits may not do.
    let big = pages.iter().map(bytes).sum::<u64>() > 3_900_000_000;
    let start = out.stream_position()?;
    out.write_all(if big { b"II\x2b\0\x08\0\0\0\0\0\0\0\0\0\0\0" } else { b"II\x2a\0\0\0\0\0" })?;
    // Where the offset of the next directory has to be put.
    let mut pointer = start + if big { 8 } else { 4 };
    let tree = meta.exif.as_deref().map(Tree::from_exif).unwrap_or_default();
    for (i, page) in pages.iter().enumerate() {
        let (compression, predictor) = storage(meta, page.depth());
        let (offsets, lengths, rows) = strips(out, page, compression, predictor, start)?;
        let mut fields = fields(page, meta, compression, predictor);
        fields.push(Field::long(tag::ROWS_PER_STRIP, rows));
        fields.push(Field::offsets(tag::STRIP_OFFSETS, &offsets, big));
        fields.push(Field::offsets(tag::STRIP_BYTES, &lengths, big));
        if i == 0 {
            fields.extend(tree.main.iter().filter(|f| f.kind == ASCII).cloned());
            for (pointer, sub) in [(tag::EXIF_IFD, &tree.exif), (tag::GPS_IFD, &tree.gps)] {
                if !sub.is_empty() {
                    let at = even(out)? - start;
                    let bytes = directory_bytes(sub.clone(), at, 0, big);
                    out.write_all(&bytes)?;
                    fields.push(Field::offsets(pointer, &[at], big));
                }
            }
        }
        let at = even(out)? - start;
        let entries = fields.len() as u64;
        out.write_all(&directory_bytes(fields, at, 0, big))?;
        let end = out.stream_position()?;
        out.seek(SeekFrom::Start(pointer))?;
        out.write_all(&at.to_le_bytes()[..if big { 8 } else { 4 }])?;
        out.seek(SeekFrom::Start(end))?;
        pointer = start + at + if big { 8 + 20 * entries } else { 2 + 12 * entries };
        if !big && end - start > u64::from(u32::MAX) {
            return Err(unsupported("the file would pass 4 GiB"));
        }
    }
    out.flush()?;
    Ok(())
}

fn even(out: &mut dyn Sink) -> Result<u64, DataError> {
    let at = out.stream_position()?;
    if at % 2 == 1 {
        out.write_all(&[0])?;
    }
    Ok(at + at % 2)
}

fn fields(page: &Raster, meta: &FileMeta, compression: u16, predictor: u16) -> Vec<Field> {
    let n = page.layout.samples();
    let mut fields = vec![
        Field::long(tag::WIDTH, page.size.width),
        Field::long(tag::HEIGHT, page.size.height),
        Field::shorts(tag::BITS, &vec![page.depth().bits() as u16; n]),
        Field::shorts(tag::COMPRESSION, &[compression]),
        Field::shorts(tag::PHOTOMETRIC, &[if page.layout.colors() == 1 { 1 } else { 2 }]),
        Field::shorts(tag::SAMPLES, &[n as u16]),
        Field::shorts(tag::PLANAR, &[1]),
        Field::shorts(tag::SAMPLE_FORMAT, &vec![if page.depth() == Depth::F32 { 3 } else { 1 }; n]),
    ];
    if predictor != 1 {
        fields.push(Field::shorts(tag::PREDICTOR, &[predictor]));
    }
    if page.layout.has_alpha() {
        fields.push(Field::shorts(tag::EXTRA_SAMPLES, &[meta.tiff.map_or(2, |t| t.extra)]));
    }
    if let Some(density) = meta.density {
        let unit = match density.unit {
            DensityUnit::Aspect => 1,
            DensityUnit::Inch => 2,
            DensityUnit::Centimeter => 3,
        };
        fields.push(Field::rational(tag::X_RESOLUTION, density.x));
        fields.push(Field::rational(tag::Y_RESOLUTION, density.y));
        fields.push(Field::shorts(tag::RESOLUTION_UNIT, &[unit]));
    }
    if let Some(icc) = &meta.icc {
        fields.push(Field { tag: tag::ICC, kind: UNDEFINED, data: icc.clone() });
    }
    fields
}

/// Writes the strips; returns their offsets and lengths, and the rows in each.
fn strips(
    out: &mut dyn Sink,
    page: &Raster,
    compression: u16,
    predictor: u16,
    start: u64,
) -> Result<(Vec<u64>, Vec<u64>, u32), DataError> {
    let shape = Shape {
        bytes: page.depth().bits() as usize / 8,
        samples: page.layout.samples(),
        big_endian: false,
    };
    let row = page.size.w() * shape.samples;
    let rows = (STRIP / (row * shape.bytes)).clamp(1, page.size.h());
    let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
    let (mut raw, mut scratch) = (Vec::new(), Vec::new());
    let mut at = even(out)? - start;
    for y in (0..page.size.h()).step_by(rows) {
        let samples = y * row..(y + rows).min(page.size.h()) * row;
        raw.clear();
        match &page.pixels {
            Pixels::U8(v) => raw.extend_from_slice(&v[samples]),
            Pixels::U16(v) => raw.extend(v[samples].iter().flat_map(|s| s.to_le_bytes())),
            Pixels::F32(v) => raw.extend(v[samples].iter().flat_map(|s| s.to_le_bytes())),
        }
        for line in raw.chunks_exact_mut(row * shape.bytes) {
            predictor::apply(line, predictor, shape, &mut scratch);
        }
        let len = match compression {
            LZW => {
                let mut encoder = weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8);
                let packed = encoder.encode(&raw).map_err(unsupported)?;
                out.write_all(&packed)?;
                packed.len()
            }
            DEFLATE => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(5));
                encoder.write_all(&raw)?;
                let packed = encoder.finish()?;
                out.write_all(&packed)?;
                packed.len()
            }
            PACKBITS => {
                let mut packed = Vec::new();
                raw.chunks_exact(row * shape.bytes).for_each(|line| pack_bits(line, &mut packed));
                out.write_all(&packed)?;
                packed.len()
            }
            _ => {
                out.write_all(&raw)?;
                raw.len()
            }
        };
        offsets.push(at);
        lengths.push(len as u64);
        at += len as u64;
    }
    Ok((offsets, lengths, rows as u32))
}

/// TIFF 6.0, section 9: runs of three or more are repeated, the rest is literal.
fn pack_bits(line: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < line.len() {
        let run = run_length(&line[at..]);
        if run >= 3 {
            out.push((257 - run) as u8);
            out.push(line[at]);
            at += run;
            continue;
        }
        let start = at;
        while at < line.len() && at - start < 128 && run_length(&line[at..]) < 3 {
            at += 1;
        }
        out.push((at - start - 1) as u8);
        out.extend_from_slice(&line[start..at]);
    }
}

fn run_length(bytes: &[u8]) -> usize {
    bytes.iter().take(128).take_while(|b| **b == bytes[0]).count()
}
