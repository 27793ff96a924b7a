//! The Quite OK Image format, qoiformat.org/qoi-specification.pdf.

use crate::{DataError, Decoded, FileMeta, Format, Header};
use restora_image::{Depth, Layout, Pixels, Raster, Size};
use std::io::{BufWriter, Write};

const END: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];

fn corrupt(detail: impl Into<String>) -> DataError {
    DataError::corrupt(Format::Qoi, detail)
}

pub(crate) fn header(bytes: &[u8]) -> Result<Header, DataError> {
    let &[_, _, _, _, w3, w2, w1, w0, h3, h2, h1, h0, channels, _, ..] = bytes else {
        return Err(corrupt("it ends in its header"));
    };
    let layout = match channels {
        3 => Layout::Rgb,
        4 => Layout::Rgba,
        n => return Err(corrupt(format!("{n} channels"))),
    };
    let size =
        Size::new(u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
    Header::single(Format::Qoi, size, layout, Depth::U8)
}

fn hash([r, g, b, a]: [u8; 4]) -> usize {
    let sum = 3 * u32::from(r) + 5 * u32::from(g) + 7 * u32::from(b) + 11 * u32::from(a);
    (sum % 64) as usize
}

pub(crate) fn decode(bytes: &[u8], header: &Header) -> Result<Decoded, DataError> {
    let mut raster = Raster::zeros(header.size, header.layout, Depth::U8);
    let Pixels::U8(out) = &mut raster.pixels else { return Err(corrupt("8 bits expected")) };
    let n = header.layout.samples();
    let mut data = &bytes[14..];
    let mut seen = [[0u8; 4]; 64];
    let mut pixel = [0, 0, 0, 255];
    let mut run = 0;
    for out in out.chunks_exact_mut(n) {
        if run > 0 {
            run -= 1;
        } else {
            (pixel, run, data) =
                next(data, pixel, &seen).ok_or_else(|| corrupt("it ends early"))?;
            seen[hash(pixel)] = pixel;
        }
        out.copy_from_slice(&pixel[..n]);
    }
    if run > 0 {
        return Err(corrupt("a run beyond the last pixel"));
    }
    if !data.starts_with(&END) {
        return Err(corrupt("no end marker after the last pixel"));
    }
    let mut meta = FileMeta::new(Format::Qoi, header.layout, Depth::U8);
    meta.qoi_linear = bytes[13] == 1;
    Ok(Decoded { pages: vec![raster], meta })
}

type Step<'a> = ([u8; 4], u8, &'a [u8]);

/// The pixel of the next chunk, how often it is repeated after that, and what follows.
fn next<'a>(data: &'a [u8], last: [u8; 4], seen: &[[u8; 4]; 64]) -> Option<Step<'a>> {
    let [r, g, b, a] = last;
    Some(match *data {
        [0xFE, r, g, b, ref rest @ ..] => ([r, g, b, a], 0, rest),
        [0xFF, r, g, b, a, ref rest @ ..] => ([r, g, b, a], 0, rest),
        [0xFE | 0xFF, ..] => return None,
        [op, ref rest @ ..] if op < 0x40 => (seen[usize::from(op)], 0, rest),
        [op, ref rest @ ..] if op < 0x80 => {
            let delta = |shift: u8| (op >> shift & 3).wrapping_sub(2);
            let pixel =
                [r.wrapping_add(delta(4)), g.wrapping_add(delta(2)), b.wrapping_add(delta(0)), a];
            (pixel, 0, rest)
        }
        [op, second, ref rest @ ..] if op < 0xC0 => {
            let green = (op & 0x3F).wrapping_sub(32);
            let red = green.wrapping_add(second >> 4).wrapping_sub(8);
            let blue = green.wrapping_add(second & 15).wrapping_sub(8);
            ([r.wrapping_add(red), g.wrapping_add(green), b.wrapping_add(blue), a], 0, rest)
        }
        [op, ref rest @ ..] if op >= 0xC0 => (last, op & 0x3F, rest),
        _ => return None,
    })
}

pub(crate) fn encode(
    out: &mut dyn Write,
    raster: &Raster,
    meta: &FileMeta,
) -> Result<(), DataError> {
    let Pixels::U8(v) = &raster.pixels else {
        return Err(DataError::Unsupported("QOI holds 8 bits".into()));
    };
    let n = raster.layout.samples();
    let mut out = BufWriter::with_capacity(1 << 16, out);
    out.write_all(b"qoif")?;
    out.write_all(&raster.size.width.to_be_bytes())?;
    out.write_all(&raster.size.height.to_be_bytes())?;
    out.write_all(&[n as u8, u8::from(meta.qoi_linear)])?;
    let mut seen = [[0u8; 4]; 64];
    let mut last = [0, 0, 0, 255];
    let mut run = 0u8;
    for samples in v.chunks_exact(n) {
        let mut pixel = [0, 0, 0, 255];
        pixel[..n].copy_from_slice(samples);
        if pixel == last {
            run += 1;
            if run == 62 {
                out.write_all(&[0xFD])?;
                run = 0;
            }
            continue;
        }
        if run > 0 {
            out.write_all(&[0xC0 | (run - 1)])?;
            run = 0;
        }
        let index = hash(pixel);
        if seen[index] == pixel {
            out.write_all(&[index as u8])?;
        } else {
            seen[index] = pixel;
            chunk(&mut out, pixel, last)?;
        }
        last = pixel;
    }
    if run > 0 {
        out.write_all(&[0xC0 | (run - 1)])?;
    }
    out.write_all(&END)?;
    out.flush()?;
    Ok(())
}

fn chunk(out: &mut impl Write, pixel: [u8; 4], last: [u8; 4]) -> std::io::Result<()> {
    let [r, g, b, a] = pixel;
    if a != last[3] {
        return out.write_all(&[0xFF, r, g, b, a]);
    }
    let delta = |i: usize| pixel[i].wrapping_sub(last[i]);
    let (dr, dg, db) = (delta(0), delta(1), delta(2));
    let small = [dr, dg, db].map(|d| d.wrapping_add(2));
    if small.iter().all(|d| *d < 4) {
        return out.write_all(&[0x40 | small[0] << 4 | small[1] << 2 | small[2]]);
    }
    let green = dg.wrapping_add(32);
    let red = dr.wrapping_sub(dg).wrapping_add(8);
    let blue = db.wrapping_sub(dg).wrapping_add(8);
    if green < 64 && red < 16 && blue < 16 {
        return out.write_all(&[0x80 | green, red << 4 | blue]);
    }
    out.write_all(&[0xFE, r, g, b])
}
