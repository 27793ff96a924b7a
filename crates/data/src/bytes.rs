//! Checked reading of integers from a slice.

/// A position in a slice; every read past the end is `None`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a> {
    pub data: &'a [u8],
    pub big_endian: bool,
}

impl<'a> Bytes<'a> {
    pub fn new(data: &'a [u8], big_endian: bool) -> Self {
        Self { data, big_endian }
    }

    pub fn slice(&self, at: u64, len: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(at).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        self.data.get(start..end)
    }

    fn uint<const N: usize>(&self, at: u64) -> Option<u64> {
        let bytes = self.slice(at, N as u64)?;
        let fold = |acc: u64, b: &u8| acc << 8 | u64::from(*b);
        Some(if self.big_endian {
            bytes.iter().fold(0, fold)
        } else {
            bytes.iter().rev().fold(0, fold)
        })
    }

    pub fn u16(&self, at: u64) -> Option<u16> {
        self.uint::<2>(at).map(|v| v as u16)
    }

    pub fn u32(&self, at: u64) -> Option<u32> {
        self.uint::<4>(at).map(|v| v as u32)
    }

    pub fn u64(&self, at: u64) -> Option<u64> {
        self.uint::<8>(at)
    }
}
