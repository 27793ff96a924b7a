//! Reads every entropy-coded bit of a JPEG (T.81 annexes F and G) and keeps nothing of it but the
//! knowledge that it is all there.

use super::bits::{EMPTY, Huffman, Reader};
use super::markers::{self, Frame};
use super::read::Found;
use super::{corrupt, unsupported};
use crate::DataError;

/// More scans than any encoder makes are only a way to waste time (as in zune-jpeg).
const MAX_SCANS: usize = 100;

/// Checks a whole file.
///
/// # Errors
/// [`DataError::Corrupt`] if anything is missing or damaged.
pub(crate) fn check(bytes: &[u8]) -> Result<Found<'_>, DataError> {
    let mut state = State::default();
    let mut segments = Vec::new();
    let (mut at, mut scans) = (2, 0);
    loop {
        let (segment, next) = markers::segment(bytes, at)?;
        at = next;
        match segment.marker {
            0xC4 => state.huffman_tables(segment.data)?,
            0xDB => state.quantization_tables(segment.data)?,
            0xDD => match *segment.data {
                [hi, lo] => state.restart = u32::from(u16::from_be_bytes([hi, lo])),
                _ => return Err(corrupt("a restart interval of the wrong length")),
            },
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                if state.frame.is_some() {
                    return Err(unsupported("several frames (hierarchical) are not read"));
                }
                state.start(markers::sof(&segment)?, bytes.len())?;
            }
            0xCC => return Err(unsupported("arithmetic coding is not read")),
            0xDC => {
                return Err(unsupported("a height given after the first scan (DNL) is not read"));
            }
            0xDA => {
                scans += 1;
                if scans > MAX_SCANS {
                    return Err(unsupported("more than 100 scans"));
                }
                at = state.scan(bytes, at, segment.data)?;
            }
            0xD9 => break,
            0xD0..=0xD8 => {
                return Err(corrupt(format!("marker {:#04X} out of place", segment.marker)));
            }
            0xE0..=0xEF | 0xFE => segments.push(segment),
            _ => {}
        }
    }
    let frame = state.frame.ok_or_else(|| corrupt("no frame header"))?;
    for (component, known) in frame.components.iter().zip(&state.known) {
        if known.iter().any(|bits| *bits != Some(0)) {
            return Err(corrupt(format!(
                "component {} is incomplete: its last scans are missing",
                component.id
            )));
        }
        if !state.has_table[usize::from(component.quantization)] {
            return Err(corrupt(format!("no quantization table {}", component.quantization)));
        }
    }
    Ok(Found { scans, frame, tables: state.quantization.0, segments })
}

#[derive(Default)]
struct State {
    frame: Option<Frame>,
    dc: [Option<Box<Huffman>>; 4],
    ac: [Option<Box<Huffman>>; 4],
    quantization: Tables,
    has_table: [bool; 4],
    /// MCUs between restart markers; 0 = none.
    restart: u32,
    /// For each component and coefficient in zigzag order, how many low bits are still unknown.
    known: Vec<[Option<u8>; 64]>,
    /// Progressive: which coefficients of each block are not zero, one bit each.
    nonzero: Vec<Vec<u64>>,
}

struct Tables([[u16; 64]; 4]);

impl Default for Tables {
    fn default() -> Self {
        Self([[0; 64]; 4])
    }
}

/// A component as one scan sees it.
struct Part {
    index: usize,
    dc: usize,
    ac: usize,
    h: usize,
    v: usize,
    /// Blocks per row of `nonzero`.
    stride: usize,
}

/// What a scan codes of each block.
#[derive(Clone, Copy)]
enum Coding {
    Sequential,
    DcFirst,
    DcRefine,
    AcFirst { start: u32, end: u32 },
    AcRefine { start: u32, end: u32 },
}

impl State {
    fn start(&mut self, frame: Frame, len: usize) -> Result<(), DataError> {
        let (mcus_x, mcus_y) = mcus(&frame);
        self.known = vec![[None; 64]; frame.components.len()];
        if frame.progressive {
            // Every block takes at least one bit, so the masks are bounded by the file.
            if mcus_x * mcus_y > 8 * len {
                return Err(corrupt(format!("{len} bytes cannot hold its blocks")));
            }
            let blocks = |h: u8, v: u8| mcus_x * usize::from(h) * mcus_y * usize::from(v);
            self.nonzero = frame.components.iter().map(|c| vec![0; blocks(c.h, c.v)]).collect();
        }
        self.frame = Some(frame);
        Ok(())
    }

    fn quantization_tables(&mut self, mut data: &[u8]) -> Result<(), DataError> {
        while let [head, rest @ ..] = data {
            let (wide, index) = (head >> 4, usize::from(head & 15));
            let len = if wide == 0 { 64 } else { 128 };
            if wide > 1 || index > 3 || rest.len() < len {
                return Err(corrupt("a quantization table out of range"));
            }
            let (values, next) = rest.split_at(len);
            for (i, q) in self.quantization.0[index].iter_mut().enumerate() {
                *q = if wide == 0 {
                    values[i].into()
                } else {
                    u16::from_be_bytes([values[2 * i], values[2 * i + 1]])
                };
            }
            self.has_table[index] = true;
            data = next;
        }
        Ok(())
    }

    fn huffman_tables(&mut self, mut data: &[u8]) -> Result<(), DataError> {
        while let [head, rest @ ..] = data {
            let (class, index) = (head >> 4, usize::from(head & 15));
            let (counts, rest) =
                rest.split_at_checked(16).ok_or_else(|| corrupt("a Huffman table cut short"))?;
            let total = counts.iter().map(|c| usize::from(*c)).sum();
            let (symbols, next) =
                rest.split_at_checked(total).ok_or_else(|| corrupt("a Huffman table cut short"))?;
            if class > 1 || index > 3 {
                return Err(corrupt("a Huffman table number out of range"));
            }
            let table = Huffman::new(counts, symbols)
                .ok_or_else(|| corrupt("a Huffman table with more codes than there are"))?;
            let tables = if class == 0 { &mut self.dc } else { &mut self.ac };
            tables[index] = Some(Box::new(table));
            data = next;
        }
        Ok(())
    }

    /// Reads the scan whose header is `head` and whose codes start at `at`; returns where the marker
    /// after it starts.
    fn scan(&mut self, bytes: &[u8], at: usize, head: &[u8]) -> Result<usize, DataError> {
        let frame = self.frame.as_ref().ok_or_else(|| corrupt("a scan before the frame"))?;
        let short = || corrupt("a scan header of the wrong length");
        let (&count, rest) = head.split_first().ok_or_else(short)?;
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or_else(short)?;
        let &[start, end, bits] = rest else { return Err(short()) };
        let (mcus_x, mcus_y) = mcus(frame);
        let mut parts = Vec::new();
        for selector in selectors.chunks_exact(2) {
            let index =
                frame.components.iter().position(|c| c.id == selector[0]).ok_or_else(|| {
                    corrupt(format!("a scan of unknown component {}", selector[0]))
                })?;
            let component = frame.components[index];
            parts.push(Part {
                index,
                dc: usize::from(selector[1] >> 4 & 3),
                ac: usize::from(selector[1] & 3),
                h: component.h.into(),
                v: component.v.into(),
                stride: mcus_x * usize::from(component.h),
            });
        }
        if parts.is_empty() || parts.len() > frame.components.len() {
            return Err(corrupt(format!("a scan of {count} components")));
        }
        let coding = if frame.progressive {
            progressive(&mut self.known, &parts, start, end, bits)?
        } else {
            for part in &parts {
                self.known[part.index] = [Some(0); 64];
            }
            Coding::Sequential
        };
        // T.81 A.2.2: a scan of one component has one block per MCU and no padding blocks.
        let (columns, rows) = if let [part] = &mut parts[..] {
            let side = |n: u16, own: usize, max: u8| {
                (usize::from(n) * own).div_ceil(usize::from(max)).div_ceil(8)
            };
            let grid =
                (side(frame.width, part.h, frame.h_max), side(frame.height, part.v, frame.v_max));
            (part.h, part.v) = (1, 1);
            grid
        } else {
            (mcus_x, mcus_y)
        };
        let mut tables = Vec::new();
        for part in &parts {
            let (needs_dc, needs_ac) = match coding {
                Coding::Sequential => (true, true),
                Coding::DcFirst => (true, false),
                Coding::DcRefine => (false, false),
                Coding::AcFirst { .. } | Coding::AcRefine { .. } => (false, true),
            };
            let (dc, ac) = (self.dc[part.dc].as_deref(), self.ac[part.ac].as_deref());
            if (needs_dc && dc.is_none()) || (needs_ac && ac.is_none()) {
                return Err(corrupt("a scan without its Huffman table"));
            }
            tables.push((dc.unwrap_or(&EMPTY), ac.unwrap_or(&EMPTY)));
        }
        let mut reader = Reader::new(bytes, at);
        let mut end_of_band_run = 0;
        let (mut left, mut restarts) = (self.restart, 0u8);
        for y in 0..rows {
            for x in 0..columns {
                if self.restart > 0 {
                    if left == 0 {
                        if end_of_band_run > 0 {
                            return Err(corrupt("a run of blocks that passes a restart marker"));
                        }
                        reader = reader.restarted(restarts)?;
                        restarts = (restarts + 1) & 7;
                        left = self.restart;
                    }
                    left -= 1;
                }
                for (part, (dc, ac)) in parts.iter().zip(&tables) {
                    for by in 0..part.v {
                        for bx in 0..part.h {
                            let result = match coding {
                                Coding::Sequential => reader.block(dc, ac),
                                Coding::DcFirst => reader.dc(dc),
                                Coding::DcRefine => reader.take(1).map(|_| ()),
                                Coding::AcFirst { start, end } => {
                                    let place = (y * part.v + by) * part.stride + x * part.h + bx;
                                    let mask = &mut self.nonzero[part.index][place];
                                    reader.ac_first(ac, start, end, &mut end_of_band_run, mask)
                                }
                                Coding::AcRefine { start, end } => {
                                    let place = (y * part.v + by) * part.stride + x * part.h + bx;
                                    let mask = &mut self.nonzero[part.index][place];
                                    reader.ac_refine(ac, start, end, &mut end_of_band_run, mask)
                                }
                            };
                            result.map_err(|fault| fault.at(y, rows))?;
                        }
                    }
                }
            }
        }
        if end_of_band_run > 0 {
            return Err(corrupt("a run of blocks that passes the end of its scan"));
        }
        reader.finish()
    }
}

/// MCUs of an interleaved scan.
fn mcus(frame: &Frame) -> (usize, usize) {
    let side = |n: u16, max: u8| usize::from(n).div_ceil(8 * usize::from(max));
    (side(frame.width, frame.h_max), side(frame.height, frame.v_max))
}

/// Checks that a progressive scan continues what came before (T.81 G.1.1.1), and notes it.
fn progressive(
    known: &mut [[Option<u8>; 64]],
    parts: &[Part],
    start: u8,
    end: u8,
    bits: u8,
) -> Result<Coding, DataError> {
    let (high, low) = (bits >> 4, bits & 15);
    let band = start <= end && end < 64 && low <= 13;
    let shape = if start == 0 { end == 0 } else { parts.len() == 1 };
    if !band || !shape || (high > 0 && high != low + 1) {
        return Err(corrupt(format!(
            "a scan of coefficients {start} to {end}, bits {high} to {low}"
        )));
    }
    for part in parts {
        for bits in &mut known[part.index][usize::from(start)..=usize::from(end)] {
            let expected = if high == 0 { None } else { Some(high) };
            if *bits != expected {
                return Err(corrupt("progressive scans that do not follow from each other"));
            }
            *bits = Some(low);
        }
    }
    let (start, end) = (u32::from(start), u32::from(end));
    Ok(match (start, high) {
        (0, 0) => Coding::DcFirst,
        (0, _) => Coding::DcRefine,
        (_, 0) => Coding::AcFirst { start, end },
        _ => Coding::AcRefine { start, end },
    })
}
