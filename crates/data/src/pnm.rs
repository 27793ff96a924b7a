//! Netpbm: PBM, PGM, PPM in text and binary, PAM, and PFM for floats.
//!
//! Samples whose maximum is below 255 (bitmaps too) are scaled to 8 bits, those between 256 and
//! 65535 to 16 bits, rounding to nearest; a maximum of a 16-bit file is kept for writing, so that
//! a 10-bit file stays one. PFM samples are taken as they are, and its scale is written back.
//! Formats: netpbm.sourceforge.net/doc; PFM: Debevec, pauldebevec.com/Research/HDR/PFM.

use crate::{DataError, Decoded, FileMeta, Format, Header, PnmDetail};
use restora_image::{Depth, Layout, Pixels, Raster, Size};
use std::io::{BufWriter, Write};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bitmap,
    Integer,
    Float,
}

struct Head {
    kind: Kind,
    ascii: bool,
    pam: bool,
    size: Size,
    layout: Layout,
    max: u32,
    scale: f64,
    /// Where the samples start.
    at: usize,
}

fn corrupt(detail: impl Into<String>) -> DataError {
    DataError::corrupt(Format::Pnm, detail)
}

/// Words between white space, with comments from `#` to the end of the line.
struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            match self.bytes.get(self.at)? {
                b'#' => self.line(),
                c if c.is_ascii_whitespace() => self.at += 1,
                _ => break,
            }
        }
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        self.at += len;
        Some(&rest[..len])
    }

    fn line(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|c| *c == b'\n').map_or(rest.len(), |n| n + 1);
    }

    fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, DataError> {
        let word = self.next().ok_or_else(|| corrupt(format!("it ends before its {what}")))?;
        std::str::from_utf8(word).ok().and_then(|w| w.parse().ok()).ok_or_else(|| {
            let shown = String::from_utf8_lossy(&word[..word.len().min(20)]).into_owned();
            corrupt(format!("its {what} is {shown:?}"))
        })
    }
}

fn head(bytes: &[u8]) -> Result<Head, DataError> {
    let letter = *bytes.get(1).ok_or_else(|| corrupt("it ends in its header"))?;
    let mut words = Words { bytes, at: 2 };
    let kind = match letter {
        b'1' | b'4' => Kind::Bitmap,
        b'F' | b'f' => Kind::Float,
        _ => Kind::Integer,
    };
    let mut head = Head {
        kind,
        ascii: matches!(letter, b'1'..=b'3'),
        pam: letter == b'7',
        size: Size::new(0, 0),
        layout: if matches!(letter, b'3' | b'6' | b'F') { Layout::Rgb } else { Layout::Gray },
        max: 1,
        scale: 1.0,
        at: 0,
    };
    if head.pam {
        return pam(words, head);
    }
    head.size.width = words.number("width")?;
    head.size.height = words.number("height")?;
    match kind {
        Kind::Bitmap => {}
        Kind::Integer => head.max = words.number("maximum")?,
        Kind::Float => head.scale = words.number("scale")?,
    }
    // Exactly one white space stands between the header and binary samples.
    head.at = words.at + 1;
    checked(head)
}

fn pam(mut words: Words, mut head: Head) -> Result<Head, DataError> {
    let mut depth = 0u32;
    words.line();
    loop {
        match words.next().ok_or_else(|| corrupt("no ENDHDR"))? {
            b"WIDTH" => head.size.width = words.number("WIDTH")?,
            b"HEIGHT" => head.size.height = words.number("HEIGHT")?,
            b"DEPTH" => depth = words.number("DEPTH")?,
            b"MAXVAL" => head.max = words.number("MAXVAL")?,
            b"ENDHDR" => break,
            _ => words.line(),
        }
    }
    head.layout = match depth {
        1 => Layout::Gray,
        2 => Layout::GrayAlpha,
        3 => Layout::Rgb,
        4 => Layout::Rgba,
        n => return Err(DataError::Unsupported(format!("PAM of depth {n}; 1 to 4 are read"))),
    };
    head.at = words.at + 1;
    checked(head)
}

fn checked(head: Head) -> Result<Head, DataError> {
    if head.max == 0 || head.max > 65535 {
        return Err(corrupt(format!("its maximum is {}", head.max)));
    }
    if head.kind == Kind::Float && (head.scale == 0.0 || !head.scale.is_finite()) {
        return Err(corrupt(format!("its scale is {}", head.scale)));
    }
    Ok(head)
}

fn depth(head: &Head) -> Depth {
    match head.kind {
        Kind::Float => Depth::F32,
        _ if head.max > 255 => Depth::U16,
        _ => Depth::U8,
    }
}

pub(crate) fn header(bytes: &[u8]) -> Result<Header, DataError> {
    let head = head(bytes)?;
    Header::single(Format::Pnm, head.size, head.layout, depth(&head))
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, DataError> {
    let head = head(bytes)?;
    let row = head.size.w() * head.layout.samples();
    let data = bytes.get(head.at.min(bytes.len())..).unwrap_or_default();
    let row_bytes = match head.kind {
        Kind::Bitmap => row.div_ceil(8),
        Kind::Float => 4 * row,
        Kind::Integer => row * if head.max > 255 { 2 } else { 1 },
    };
    // In text, each sample takes a byte, and a white space from the one before it except in PBM.
    let wanted = match (head.ascii, head.kind) {
        (true, Kind::Bitmap) => row * head.size.h(),
        (true, _) => 2 * row * head.size.h() - 1,
        _ => row_bytes * head.size.h(),
    };
    if data.len() < wanted {
        return Err(corrupt(format!("it ends early: {} of {wanted} bytes", data.len())));
    }
    let pixels = if head.ascii {
        text(data, &head)?
    } else {
        binary(&data[..wanted], &head, row, row_bytes)?
    };
    let depth = depth(&head);
    let mut meta = FileMeta::new(Format::Pnm, head.layout, depth);
    meta.pnm = Some(PnmDetail {
        ascii: head.ascii,
        pam: head.pam,
        max: if depth == Depth::U16 { head.max as u16 } else { 255 },
        scale: head.scale,
    });
    if head.kind != Kind::Float && head.max < 255 {
        meta.notes.push(format!("samples of 0 to {} were expanded to 8 bits", head.max));
    }
    Ok(Decoded { pages: vec![Raster { size: head.size, layout: head.layout, pixels }], meta })
}

fn over(max: u32) -> DataError {
    corrupt(format!("a sample beyond its maximum of {max}"))
}

fn text(data: &[u8], head: &Head) -> Result<Pixels, DataError> {
    let count = head.size.len() * head.layout.samples();
    if head.kind == Kind::Bitmap {
        let mut out = Vec::with_capacity(count);
        let mut words = Words { bytes: data, at: 0 };
        while out.len() < count {
            let word = words.next().ok_or_else(|| corrupt("it ends early"))?;
            for c in word {
                match c {
                    b'0' => out.push(255),
                    b'1' => out.push(0),
                    _ => return Err(corrupt("a bit that is neither 0 nor 1")),
                }
            }
        }
        out.truncate(count);
        return Ok(Pixels::U8(out));
    }
    let mut words = Words { bytes: data, at: 0 };
    let mut samples = (0..count).map(|_| {
        let v: u32 = words.number("sample")?;
        if v > head.max { Err(over(head.max)) } else { Ok(v) }
    });
    Ok(if head.max > 255 {
        let scaled = |v: u32| ((v * 65535 + head.max / 2) / head.max) as u16;
        Pixels::U16(samples.by_ref().map(|v| v.map(scaled)).collect::<Result<_, _>>()?)
    } else {
        let scaled = |v: u32| ((v * 255 + head.max / 2) / head.max) as u8;
        Pixels::U8(samples.by_ref().map(|v| v.map(scaled)).collect::<Result<_, _>>()?)
    })
}

fn binary(data: &[u8], head: &Head, row: usize, row_bytes: usize) -> Result<Pixels, DataError> {
    Ok(match head.kind {
        Kind::Bitmap => {
            let mut out = Vec::with_capacity(row * head.size.h());
            for line in data.chunks_exact(row_bytes) {
                out.extend(
                    (0..row).map(|x| if line[x / 8] >> (7 - x % 8) & 1 == 1 { 0u8 } else { 255 }),
                );
            }
            Pixels::U8(out)
        }
        Kind::Integer if head.max == 255 => Pixels::U8(data.to_vec()),
        Kind::Integer if head.max < 255 => {
            if data.iter().any(|v| u32::from(*v) > head.max) {
                return Err(over(head.max));
            }
            let scaled = |v: &u8| ((u32::from(*v) * 255 + head.max / 2) / head.max) as u8;
            Pixels::U8(data.iter().map(scaled).collect())
        }
        Kind::Integer => {
            let samples = data.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]]));
            if head.max == 65535 {
                Pixels::U16(samples.collect())
            } else {
                if samples.clone().any(|v| u32::from(v) > head.max) {
                    return Err(over(head.max));
                }
                let scaled = |v: u16| ((u32::from(v) * 65535 + head.max / 2) / head.max) as u16;
                Pixels::U16(samples.map(scaled).collect())
            }
        }
        Kind::Float => {
            let mut out = Vec::with_capacity(row * head.size.h());
            // PFM stores the bottom row first.
            for line in data.chunks_exact(row_bytes).rev() {
                let words = line.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
                if head.scale < 0.0 {
                    out.extend(words.map(f32::from_le_bytes));
                } else {
                    out.extend(words.map(f32::from_be_bytes));
                }
            }
            Pixels::F32(out)
        }
    })
}

pub(crate) fn encode(
    out: &mut dyn Write,
    raster: &Raster,
    meta: &FileMeta,
) -> Result<(), DataError> {
    let detail = meta.pnm.unwrap_or_default();
    let (w, h) = (raster.size.width, raster.size.height);
    let color = raster.layout.colors() == 3;
    let row = raster.size.w() * raster.layout.samples();
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let max = match raster.depth() {
        Depth::U16 if detail.max > 255 => u32::from(detail.max),
        Depth::U16 => 65535,
        _ => 255,
    };
    let pam = raster.layout.has_alpha() || (detail.pam && raster.depth() != Depth::F32);
    if pam {
        let kind = match raster.layout {
            Layout::Gray => "GRAYSCALE",
            Layout::GrayAlpha => "GRAYSCALE_ALPHA",
            Layout::Rgb => "RGB",
            Layout::Rgba => "RGB_ALPHA",
        };
        let depth = raster.layout.samples();
        write!(
            out,
            "P7\nWIDTH {w}\nHEIGHT {h}\nDEPTH {depth}\nMAXVAL {max}\nTUPLTYPE {kind}\nENDHDR\n"
        )?;
    } else if raster.depth() == Depth::F32 {
        // Little-endian, which the sign says.
        let scale = -detail.scale.abs();
        write!(out, "P{}\n{w} {h}\n{scale:?}\n", if color { 'F' } else { 'f' })?;
    } else {
        let kind = if color { 3 } else { 2 } + if detail.ascii { 0 } else { 3 };
        write!(out, "P{kind}\n{w} {h}\n{max}\n")?;
    }
    let ascii = detail.ascii && !pam;
    match &raster.pixels {
        Pixels::U8(v) if ascii => text_rows(&mut out, v.chunks_exact(row))?,
        Pixels::U8(v) => out.write_all(v)?,
        Pixels::U16(v) => {
            let scaled = |s: &u16| ((u32::from(*s) * max + 32767) / 65535) as u16;
            let mut line = Vec::new();
            for samples in v.chunks_exact(row) {
                if ascii {
                    let values: Vec<u16> = samples.iter().map(scaled).collect();
                    text_rows(&mut out, std::iter::once(&values[..]))?;
                } else {
                    line.clear();
                    line.extend(samples.iter().flat_map(|s| scaled(s).to_be_bytes()));
                    out.write_all(&line)?;
                }
            }
        }
        Pixels::F32(v) => {
            for samples in v.chunks_exact(row).rev() {
                for s in samples {
                    out.write_all(&s.to_le_bytes())?;
                }
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn text_rows<'a, T: std::fmt::Display + 'a>(
    out: &mut impl Write,
    rows: impl Iterator<Item = &'a [T]>,
) -> std::io::Result<()> {
    for row in rows {
        // The format asks for lines of at most 70 characters.
        for group in row.chunks(11) {
            let words: Vec<String> = group.iter().map(T::to_string).collect();
            writeln!(out, "{}", words.join(" "))?;
        }
    }
    Ok(())
}
