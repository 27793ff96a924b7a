//! Coefficients out of the bits of a scan (T.81 annexes F and G).

use crate::jpeg::bits::{Fault, Huffman};

/// The coefficients of one 8x8 block, in zigzag order, before dequantization.
pub(super) type Block = [i16; 64];

/// Bits of one restart interval, stuffing removed.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// The next byte that is not in `acc`.
    at: usize,
    /// The next bits, from the top.
    acc: u64,
    count: u32,
}

/// F.2.2.1, EXTEND.
#[inline(always)]
fn extend(value: u32, size: u32) -> i32 {
    let value = value as i32;
    if size > 0 && value >> (size - 1) == 0 { value - (1 << size) + 1 } else { value }
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, acc: 0, count: 0 }
    }

    /// Reads from bit `bit` on.
    pub fn from_bit(data: &'a [u8], bit: usize) -> Self {
        let mut bits = Self { data, at: (bit / 8).min(data.len()), acc: 0, count: 0 };
        bits.refill();
        let skipped = ((bit % 8) as u32).min(bits.count);
        bits.acc <<= skipped;
        bits.count -= skipped;
        bits
    }

    /// Bits read so far.
    pub fn position(&self) -> usize {
        8 * self.at - self.count as usize
    }

    #[inline(always)]
    fn refill(&mut self) {
        if let Some(word) = self.data.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            self.acc |= u64::from_be_bytes(*word) >> self.count;
            let bytes = (63 - self.count) >> 3;
            self.at += bytes as usize;
            self.count += 8 * bytes;
            // Bits beyond `count` are the true ones too: the next refill writes the same.
            return;
        }
        while self.count <= 56 && self.at < self.data.len() {
            self.acc |= u64::from(self.data[self.at]) << (56 - self.count);
            self.at += 1;
            self.count += 8;
        }
    }

    #[inline(always)]
    fn take(&mut self, n: u32) -> Result<u32, Fault> {
        if self.count < 32 {
            self.refill();
        }
        if n > self.count {
            return Err(Fault::Short);
        }
        let value = if n == 0 { 0 } else { (self.acc >> (64 - n)) as u32 };
        self.acc <<= n;
        self.count -= n;
        Ok(value)
    }

    /// The next symbol. A code that is not there because the bits end is a short stream.
    #[inline(always)]
    fn symbol(&mut self, table: &Huffman) -> Result<u32, Fault> {
        if self.count < 32 {
            self.refill();
        }
        match table.look(self.acc) {
            Ok((len, symbol)) if len <= self.count => {
                self.acc <<= len;
                self.count -= len;
                Ok(u32::from(symbol))
            }
            Ok(_) => Err(Fault::Short),
            Err(_) if self.count < 16 => Err(Fault::Short),
            Err(fault) => Err(fault),
        }
    }

    /// F.2.2.1: the difference of two DC coefficients.
    #[inline(always)]
    pub fn difference(&mut self, table: &Huffman) -> Result<i32, Fault> {
        let size = self.symbol(table)?;
        if size > 11 {
            return Err(Fault::Code);
        }
        Ok(extend(self.take(size)?, size))
    }

    /// F.2.2.2: the AC coefficients of a sequential scan.
    #[inline(always)]
    pub fn alternating(&mut self, table: &Huffman, block: &mut Block) -> Result<(), Fault> {
        let mut k = 1;
        while k < 64 {
            let symbol = self.symbol(table)?;
            let (run, size) = ((symbol >> 4) as usize, symbol & 15);
            if size == 0 {
                if run < 15 {
                    return Ok(());
                }
                k += 16;
                continue;
            }
            k += run;
            if k > 63 {
                return Err(Fault::Index);
            }
            block[k] = extend(self.take(size)?, size) as i16;
            k += 1;
        }
        if k > 64 { Err(Fault::Index) } else { Ok(()) }
    }

    /// G.1.2.1, refining scan of DC.
    pub fn dc_refine(&mut self, low: u32, block: &mut Block) -> Result<(), Fault> {
        block[0] |= (self.take(1)? as i16) << low;
        Ok(())
    }

    /// G.1.2.2: one block of the first scan of a band.
    pub fn ac_first(
        &mut self,
        table: &Huffman,
        band: Band,
        run_left: &mut u32,
        block: &mut Block,
    ) -> Result<(), Fault> {
        if *run_left > 0 {
            *run_left -= 1;
            return Ok(());
        }
        let mut k = band.start;
        while k <= band.end {
            let symbol = self.symbol(table)?;
            let (run, size) = (symbol >> 4, symbol & 15);
            if size > 0 {
                k += run as usize;
                if k > band.end {
                    return Err(Fault::Index);
                }
                block[k] = (extend(self.take(size)?, size) << band.low) as i16;
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

    /// G.1.2.3: one block of a refining scan of a band.
    pub fn ac_refine(
        &mut self,
        table: &Huffman,
        band: Band,
        run_left: &mut u32,
        block: &mut Block,
    ) -> Result<(), Fault> {
        let mut k = band.start;
        while *run_left == 0 && k <= band.end {
            let symbol = self.symbol(table)?;
            let (mut run, size) = (symbol >> 4, symbol & 15);
            let mut value = 0;
            match size {
                0 if run < 15 => {
                    *run_left = (1 << run) + self.take(run)?;
                    break;
                }
                0 => {}
                1 => value = if self.take(1)? == 1 { 1 } else { -1 },
                _ => return Err(Fault::Code),
            }
            while k <= band.end {
                if block[k] != 0 {
                    self.correct(band.low, &mut block[k])?;
                } else if run == 0 {
                    break;
                } else {
                    run -= 1;
                }
                k += 1;
            }
            if value != 0 {
                if k > band.end {
                    return Err(Fault::Index);
                }
                block[k] = value << band.low;
            }
            k += 1;
        }
        if *run_left > 0 {
            while k <= band.end {
                if block[k] != 0 {
                    self.correct(band.low, &mut block[k])?;
                }
                k += 1;
            }
            *run_left -= 1;
        }
        Ok(())
    }

    /// A correction bit for a coefficient that is known not to be zero.
    fn correct(&mut self, low: u32, value: &mut i16) -> Result<(), Fault> {
        let bit = 1i16 << low;
        if self.take(1)? == 1 && *value & bit == 0 {
            *value = value.saturating_add(if *value > 0 { bit } else { -bit });
        }
        Ok(())
    }
}

/// What a progressive scan codes of each block: coefficients `start..=end`, bits from `low` up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    pub start: usize,
    pub end: usize,
    pub low: u32,
}
