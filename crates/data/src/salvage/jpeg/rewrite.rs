//! A sound sequential stream out of coefficients, for the usual decoder: what is whole comes out
//! as from the undamaged file, to the bit, and the transform, the interpolation of chroma and the
//! color spaces live in one place.

use super::bits::Block;
use super::blocks::Blocks;
use super::scan::mcus;
use crate::jpeg::markers::{Frame, Segment};

/// Largest number of bits of an AC coefficient of 8-bit samples (T.81 table F.2).
const AC_BITS: i16 = 10;

/// Codes of equal length: DC sizes 0 to 11 in four bits, the symbols of AC in eight.
const DC_SYMBOLS: usize = 12;

struct Writer {
    out: Vec<u8>,
    acc: u64,
    bits: u32,
}

impl Writer {
    fn put(&mut self, value: u32, n: u32) {
        self.acc = self.acc << n | u64::from(value);
        self.bits += n;
        while self.bits >= 8 {
            self.bits -= 8;
            let byte = (self.acc >> self.bits) as u8;
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }

    /// Size and additional bits of a value (T.81 F.1.2.1).
    fn sized(value: i32) -> (u32, u32) {
        let size = 32 - value.unsigned_abs().leading_zeros();
        let bits = if value < 0 { value - 1 } else { value };
        (size, bits as u32 & ((1 << size) - 1))
    }

    fn block(&mut self, block: &Block, last: &mut i32) {
        let dc = i32::from(block[0]).clamp(-1024, 1023);
        let (size, bits) = Self::sized(dc - *last);
        *last = dc;
        self.put(size, 4);
        self.put(bits, size);
        let mut run = 0;
        for value in &block[1..] {
            let most = (1 << AC_BITS) - 1;
            let value = i32::from((*value).clamp(-most, most));
            if value == 0 {
                run += 1;
                continue;
            }
            while run > 15 {
                self.put(symbol(15, 0), 8);
                run -= 16;
            }
            let (size, bits) = Self::sized(value);
            self.put(symbol(run, size), 8);
            self.put(bits, size);
            run = 0;
        }
        if run > 0 {
            self.put(symbol(0, 0), 8);
        }
    }
}

/// Place of an AC symbol among those of our table: 0 ends the block, 1 is a run of 16 zeros.
fn symbol(run: u32, size: u32) -> u32 {
    match (run, size) {
        (0, 0) => 0,
        (_, 0) => 1,
        _ => 2 + run * AC_BITS as u32 + size - 1,
    }
}

/// The stream. `tables` are those of the components, in zigzag order.
pub(super) fn stream(
    frame: &Frame,
    tables: &[[u16; 64]],
    segments: &[Segment],
    planes: &[Blocks],
) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8];
    let mut push = |marker: u8, data: &[u8]| {
        out.extend([0xFF, marker]);
        out.extend((data.len() as u16 + 2).to_be_bytes());
        out.extend_from_slice(data);
    };
    // These two decide on the color space.
    let colored = |s: &&Segment| {
        (s.marker == 0xE0 && s.data.starts_with(b"JFIF\0"))
            || (s.marker == 0xEE && s.data.starts_with(b"Adobe"))
    };
    for segment in segments.iter().filter(colored) {
        push(segment.marker, segment.data);
    }
    let mut head = vec![8];
    head.extend(frame.height.to_be_bytes());
    head.extend(frame.width.to_be_bytes());
    head.push(frame.components.len() as u8);
    let mut scan = vec![frame.components.len() as u8];
    for (i, (component, table)) in frame.components.iter().zip(tables).enumerate() {
        let mut data = vec![0x10 | i as u8];
        data.extend(table.iter().flat_map(|q| q.to_be_bytes()));
        if table.iter().all(|q| *q < 256) {
            data = [vec![i as u8], table.iter().map(|q| *q as u8).collect()].concat();
        }
        push(0xDB, &data);
        head.extend([component.id, component.h << 4 | component.v, i as u8]);
        scan.extend([component.id, 0]);
    }
    scan.extend([0, 63, 0]);
    push(0xC1, &head);
    let mut counts = [0u8; 16];
    counts[3] = DC_SYMBOLS as u8;
    push(0xC4, &[&[0][..], &counts, &(0..DC_SYMBOLS as u8).collect::<Vec<_>>()].concat());
    let symbols: Vec<u8> = [0x00, 0xF0]
        .into_iter()
        .chain((0..16u8).flat_map(|run| (1..=AC_BITS as u8).map(move |size| run << 4 | size)))
        .collect();
    counts = [0; 16];
    counts[7] = symbols.len() as u8;
    push(0xC4, &[&[0x10][..], &counts, &symbols].concat());
    push(0xDA, &scan);
    let mut writer = Writer { out, acc: 0, bits: 0 };
    bits(&mut writer, frame, planes);
    writer.put(0x7F, 7);
    writer.out.extend([0xFF, 0xD9]);
    writer.out
}

fn bits(writer: &mut Writer, frame: &Frame, planes: &[Blocks]) {
    let mut last = [0; 4];
    let (columns, rows) = mcus(frame);
    let single = frame.components.len() == 1;
    for y in 0..if single { planes[0].rows() } else { rows } {
        for x in 0..if single { planes[0].stride } else { columns } {
            for (i, component) in frame.components.iter().enumerate() {
                let (h, v) = if single { (1, 1) } else { (component.h.into(), component.v.into()) };
                for by in 0..v {
                    for bx in 0..h {
                        let block = planes[i].get(x * h + bx, y * v + by).unwrap_or(&[0; 64]);
                        writer.block(block, &mut last[i]);
                    }
                }
            }
        }
    }
}
