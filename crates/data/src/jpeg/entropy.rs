//! Reads every entropy-coded bit of a JPEG (T.81 annexes F and G) and keeps nothing of it but the
//! knowledge that it is all there.

use super::markers::{self, Frame, Segment};
use super::{corrupt, unsupported};
use crate::DataError;

/// More scans than any encoder makes are only a way to waste time (as in zune-jpeg).
const MAX_SCANS: usize = 100;

/// Bytes between the last code of a scan and the next marker that are taken for a quirk of the
/// encoder if they are not plain padding.
const MAX_LEFTOVER: usize = 8;

/// What a complete file holds beside its scans.
pub(crate) struct Checked<'a> {
    pub frame: Frame,
    /// Quantization tables in zigzag order.
    pub tables: [[u16; 64]; 4],
    pub segments: Vec<Segment<'a>>,
}

/// Checks a whole file.
///
/// # Errors
/// [`DataError::Corrupt`] if anything is missing or damaged.
pub(crate) fn check(bytes: &[u8]) -> Result<Checked<'_>, DataError> {
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
            0xD8 | 0xD0..=0xD7 => {
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
    Ok(Checked { frame, tables: state.quantization.0, segments })
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
                return Err(corrupt(format!("{} bytes cannot hold its blocks", len)));
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
            parts.iter().for_each(|part| self.known[part.index] = [Some(0); 64]);
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
        let mut reader = Reader { bytes, at, acc: 0, bits: 0 };
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

/// What can be wrong inside a scan.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Short,
    Code,
    Index,
}

impl Fault {
    fn at(self, row: usize, rows: usize) -> DataError {
        let what = match self {
            Self::Short => "the picture data ends too early",
            Self::Code => "a code that does not exist",
            Self::Index => "a coefficient beyond its block",
        };
        corrupt(format!("{what}, in block row {} of {rows}", row + 1))
    }
}

const FAST: u32 = 10;

/// A Huffman table.
struct Huffman {
    /// Length and symbol of the code that starts the next `FAST` bits; length 0 = longer.
    fast: [(u8, u8); 1 << FAST],
    /// For each length, the first 16-bit left-aligned code that is longer.
    limit: [u32; 18],
    /// For each length, what to add to a code to get the index of its symbol.
    offset: [i32; 17],
    symbols: [u8; 256],
}

static EMPTY: Huffman =
    Huffman { fast: [(0, 0); 1 << FAST], limit: [0; 18], offset: [0; 17], symbols: [0; 256] };

impl Huffman {
    fn new(counts: &[u8], symbols: &[u8]) -> Option<Self> {
        let mut table =
            Self { fast: [(0, 0); 1 << FAST], limit: [0; 18], offset: [0; 17], symbols: [0; 256] };
        table.symbols.get_mut(..symbols.len())?.copy_from_slice(symbols);
        let (mut code, mut index) = (0u32, 0usize);
        for len in 1..=16u32 {
            table.offset[len as usize] = index as i32 - code as i32;
            for _ in 0..counts[len as usize - 1] {
                if code >= 1 << len {
                    return None;
                }
                if len <= FAST {
                    let span = 1usize << (FAST - len);
                    let first = (code as usize) << (FAST - len);
                    table.fast[first..first + span].fill((len as u8, symbols[index]));
                }
                code += 1;
                index += 1;
            }
            table.limit[len as usize] = code << (16 - len);
            code <<= 1;
        }
        Some(table)
    }

    /// Length and symbol of the code at the start of `acc`.
    #[inline(always)]
    fn look(&self, acc: u64) -> Result<(u32, u8), Fault> {
        let (len, symbol) = self.fast[(acc >> (64 - FAST)) as usize];
        if len > 0 {
            return Ok((u32::from(len), symbol));
        }
        self.look_long(acc)
    }

    #[cold]
    fn look_long(&self, acc: u64) -> Result<(u32, u8), Fault> {
        let peek = (acc >> 48) as u32;
        let len = (FAST + 1..=16).find(|l| peek < self.limit[*l as usize]).ok_or(Fault::Code)?;
        let index = (peek >> (16 - len)) as i32 + self.offset[len as usize];
        let symbol = usize::try_from(index).ok().and_then(|i| self.symbols.get(i));
        symbol.map(|s| (len, *s)).ok_or(Fault::Code)
    }
}

/// Bits of a scan up to its next marker.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the top.
    acc: u64,
    bits: u32,
}

impl Reader<'_> {
    /// Tops up to at least 57 bits, as far as there are any before the next marker.
    #[inline(always)]
    fn refill(&mut self) {
        if let Some(word) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_be_bytes(*word);
            // No byte is 0xFF if no byte of the complement is zero.
            let zero = (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080;
            if zero == 0 {
                self.acc |= word >> self.bits;
                let count = (63 - self.bits) >> 3;
                self.at += count as usize;
                self.bits += 8 * count;
                return;
            }
        }
        self.refill_slowly();
    }

    fn refill_slowly(&mut self) {
        while self.bits <= 56 {
            let Some(byte) = self.next_byte() else { return };
            self.acc |= u64::from(byte) << (56 - self.bits);
            self.bits += 8;
        }
    }

    /// The next byte of the scan, unstuffed; none at a marker.
    #[inline]
    fn next_byte(&mut self) -> Option<u8> {
        match self.bytes.get(self.at..)? {
            [0xFF, 0, ..] => {
                self.at += 2;
                Some(0xFF)
            }
            [0xFF, ..] | [] => None,
            [byte, ..] => {
                self.at += 1;
                Some(*byte)
            }
        }
    }

    #[inline(always)]
    fn skip(&mut self, n: u32) -> Result<(), Fault> {
        if n > self.bits {
            return Err(Fault::Short);
        }
        self.acc <<= n;
        self.bits -= n;
        Ok(())
    }

    /// The next `n <= 16` bits.
    #[inline(always)]
    fn take(&mut self, n: u32) -> Result<u32, Fault> {
        if self.bits < 32 {
            self.refill();
        }
        let value = if n == 0 { 0 } else { (self.acc >> (64 - n)) as u32 };
        self.skip(n)?;
        Ok(value)
    }

    /// The next symbol. A code that only exists because zeros were read behind the end is a short
    /// stream, not a bad code.
    #[inline(always)]
    fn symbol(&mut self, table: &Huffman) -> Result<u32, Fault> {
        if self.bits < 32 {
            self.refill();
        }
        match table.look(self.acc) {
            Ok((len, symbol)) => {
                self.skip(len)?;
                Ok(u32::from(symbol))
            }
            Err(_) if self.bits < 16 => Err(Fault::Short),
            Err(fault) => Err(fault),
        }
    }

    /// F.2.2.1: a difference of at most 11 bits.
    #[inline(always)]
    fn dc(&mut self, table: &Huffman) -> Result<(), Fault> {
        let size = self.symbol(table)?;
        if size > 11 {
            return Err(Fault::Code);
        }
        self.skip(size)
    }

    /// F.2.2: one block of a sequential scan.
    #[inline(always)]
    fn block(&mut self, dc: &Huffman, ac: &Huffman) -> Result<(), Fault> {
        self.dc(dc)?;
        let mut k = 1;
        while k < 64 {
            let symbol = self.symbol(ac)?;
            let (run, size) = (symbol >> 4, symbol & 15);
            if size == 0 {
                if run < 15 {
                    return Ok(());
                }
                k += 16;
                continue;
            }
            self.skip(size)?;
            k += run + 1;
        }
        if k > 64 { Err(Fault::Index) } else { Ok(()) }
    }

    /// G.1.2.2: one block of the first scan of a band.
    fn ac_first(
        &mut self,
        table: &Huffman,
        start: u32,
        end: u32,
        run_left: &mut u32,
        mask: &mut u64,
    ) -> Result<(), Fault> {
        if *run_left > 0 {
            *run_left -= 1;
            return Ok(());
        }
        let mut k = start;
        while k <= end {
            let symbol = self.symbol(table)?;
            let (run, size) = (symbol >> 4, symbol & 15);
            if size > 0 {
                k += run;
                if k > end {
                    return Err(Fault::Index);
                }
                self.skip(size)?;
                *mask |= 1 << k;
                k += 1;
            } else if run == 15 {
                k += 16;
            } else {
                *run_left = (1 << run) - 1 + self.take(run)?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// G.1.2.3: one block of a refining scan: a correction bit for every coefficient that is already
    /// known not to be zero, and coefficients that become so.
    fn ac_refine(
        &mut self,
        table: &Huffman,
        start: u32,
        end: u32,
        run_left: &mut u32,
        mask: &mut u64,
    ) -> Result<(), Fault> {
        let mut k = start;
        while *run_left == 0 && k <= end {
            let symbol = self.symbol(table)?;
            let (mut run, size) = (symbol >> 4, symbol & 15);
            match size {
                0 if run < 15 => {
                    *run_left = (1 << run) + self.take(run)?;
                    break;
                }
                0 => {}
                1 => {
                    self.take(1)?;
                }
                _ => return Err(Fault::Code),
            }
            while k <= end {
                if *mask >> k & 1 == 1 {
                    self.take(1)?;
                } else if run == 0 {
                    break;
                } else {
                    run -= 1;
                }
                k += 1;
            }
            if size == 1 {
                if k > end {
                    return Err(Fault::Index);
                }
                *mask |= 1 << k;
            }
            k += 1;
        }
        if *run_left > 0 {
            if k <= end {
                let band = (u64::MAX >> (63 - end)) & (u64::MAX << k);
                let mut corrections = (*mask & band).count_ones();
                while corrections > 0 {
                    let n = corrections.min(16);
                    self.take(n)?;
                    corrections -= n;
                }
            }
            *run_left -= 1;
        }
        Ok(())
    }

    /// Demands that only padding is left before the next marker, and returns where that starts.
    fn finish(&mut self) -> Result<usize, DataError> {
        let mut leftover = (self.bits / 8) as usize;
        let mut junk = 0;
        for i in 0..leftover {
            let byte = (self.acc >> (56 - self.bits % 8 - 8 * i as u32)) as u8;
            junk += usize::from(byte != 0 && byte != 0xFF);
        }
        while let Some(byte) = self.next_byte() {
            leftover += 1;
            junk += usize::from(byte != 0 && byte != 0xFF);
        }
        if self.at + 1 >= self.bytes.len() {
            return Err(corrupt("it ends inside its picture data"));
        }
        if junk > 0 && leftover > MAX_LEFTOVER {
            return Err(corrupt(format!("{leftover} bytes left over after the picture data")));
        }
        Ok(self.at)
    }

    /// Goes on behind restart marker number `expected` (0 to 7).
    fn restarted(mut self, expected: u8) -> Result<Self, DataError> {
        let at = self.finish()?;
        let (segment, next) = markers::segment(self.bytes, at)?;
        if segment.marker != 0xD0 + expected {
            return Err(corrupt(format!(
                "restart marker {expected} expected at byte {at}, got marker {:#04X}",
                segment.marker
            )));
        }
        Ok(Self { bytes: self.bytes, at: next, acc: 0, bits: 0 })
    }
}
