//! Huffman codes of a JPEG scan (T.81 annexes C, F and G), read and thrown away.

use super::corrupt;
use super::markers;
use crate::DataError;

/// Bytes between the last code of a scan and the next marker that are taken for a quirk of the
/// encoder if they are not plain padding.
const MAX_LEFTOVER: usize = 8;

/// What can be wrong inside a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There are no more bits.
    Short,
    /// A code that the table does not have, or a value of more bits than there can be.
    Code,
    /// A coefficient beyond the end of its block.
    Index,
}

impl Fault {
    pub fn at(self, row: usize, rows: usize) -> DataError {
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
pub(crate) struct Huffman {
    /// Length and symbol of the code that starts the next `FAST` bits; length 0 = longer.
    fast: [(u8, u8); 1 << FAST],
    /// For each length, the first 16-bit left-aligned code that is longer.
    limit: [u32; 18],
    /// For each length, what to add to a code to get the index of its symbol.
    offset: [i32; 17],
    symbols: [u8; 256],
}

pub(crate) static EMPTY: Huffman =
    Huffman { fast: [(0, 0); 1 << FAST], limit: [0; 18], offset: [0; 17], symbols: [0; 256] };

impl Huffman {
    pub fn new(counts: &[u8], symbols: &[u8]) -> Option<Self> {
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
    pub fn look(&self, acc: u64) -> Result<(u32, u8), Fault> {
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
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the top.
    acc: u64,
    bits: u32,
}

impl<'a> Reader<'a> {
    /// A reader of the scan that starts at byte `at`.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, acc: 0, bits: 0 }
    }

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
    pub fn take(&mut self, n: u32) -> Result<u32, Fault> {
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
    pub fn dc(&mut self, table: &Huffman) -> Result<(), Fault> {
        let size = self.symbol(table)?;
        if size > 11 {
            return Err(Fault::Code);
        }
        self.skip(size)
    }

    /// F.2.2: one block of a sequential scan.
    #[inline(always)]
    pub fn block(&mut self, dc: &Huffman, ac: &Huffman) -> Result<(), Fault> {
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
    pub fn ac_first(
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
    pub fn ac_refine(
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
    pub fn finish(&mut self) -> Result<usize, DataError> {
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
    pub fn restarted(mut self, expected: u8) -> Result<Self, DataError> {
        let at = self.finish()?;
        let (segment, next) = markers::segment(self.bytes, at)?;
        if segment.marker != 0xD0 + expected {
            return Err(corrupt(format!(
                "restart marker {expected} expected at byte {at}, got marker {:#04X}",
                segment.marker
            )));
        }
        Ok(Self::new(self.bytes, next))
    }
}
