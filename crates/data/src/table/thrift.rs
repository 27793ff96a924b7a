//! As much of Thrift's compact protocol as Parquet's metadata needs: structs of integers, strings,
//! lists and structs, out.
//!
//! Reference: Apache Thrift, "Thrift compact protocol".

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// The bytes of one struct. Fields are given in rising order of their ids.
#[derive(Debug, Default)]
pub(super) struct Struct {
    bytes: Vec<u8>,
    last: i16,
}

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small numbers of either sign become small ones.
const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

impl Struct {
    pub fn new() -> Self {
        Self::default()
    }

    fn field(&mut self, id: i16, kind: u8) {
        // Ids rise by less than 16 in all that Parquet defines.
        self.bytes.push(((id - self.last) as u8) << 4 | kind);
        self.last = id;
    }

    pub fn i32(mut self, id: i16, value: i32) -> Self {
        self.field(id, I32);
        varint(&mut self.bytes, zigzag(value.into()));
        self
    }

    pub fn i64(mut self, id: i16, value: u64) -> Self {
        self.field(id, I64);
        varint(&mut self.bytes, zigzag(value as i64));
        self
    }

    pub fn string(mut self, id: i16, text: &str) -> Self {
        self.field(id, BINARY);
        push_string(&mut self.bytes, text);
        self
    }

    pub fn nested(mut self, id: i16, value: Self) -> Self {
        self.field(id, STRUCT);
        self.bytes.extend(value.finish());
        self
    }

    fn list(&mut self, id: i16, kind: u8, len: usize) {
        self.field(id, LIST);
        if len < 15 {
            self.bytes.push((len as u8) << 4 | kind);
        } else {
            self.bytes.push(0xF0 | kind);
            varint(&mut self.bytes, len as u64);
        }
    }

    pub fn i32s(mut self, id: i16, values: &[i32]) -> Self {
        self.list(id, I32, values.len());
        for value in values {
            varint(&mut self.bytes, zigzag((*value).into()));
        }
        self
    }

    pub fn strings(mut self, id: i16, texts: &[&str]) -> Self {
        self.list(id, BINARY, texts.len());
        for text in texts {
            push_string(&mut self.bytes, text);
        }
        self
    }

    /// A list of `len` structs that are finished already, one behind the other.
    pub fn structs(mut self, id: i16, len: usize, finished: &[u8]) -> Self {
        self.list(id, STRUCT, len);
        self.bytes.extend(finished);
        self
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    varint(out, text.len() as u64);
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_fields_are_those_of_the_specification() {
        let mut out = Vec::new();
        for value in [0, 1, 127, 128, 300, u64::MAX] {
            varint(&mut out, value);
        }
        let largest = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
        assert_eq!(out, [&[0, 1, 0x7F, 0x80, 1, 0xAC, 2][..], &largest].concat());
        assert_eq!([0, -1, 1, -2, i64::MIN].map(zigzag), [0, 1, 2, 3, u64::MAX]);
        let inner = Struct::new().i32(1, -1).finish();
        let long = Struct::new().i32(1, 7).string(4, "ab").i32s(5, &[0; 15]).structs(6, 1, &inner);
        let list = [&[0x19, 0xF5, 15][..], &[0; 15]].concat();
        let wanted = [&[0x15, 14, 0x38, 2, b'a', b'b'][..], &list, &[0x19, 0x1C, 0x15, 1, 0, 0]];
        assert_eq!(long.finish(), wanted.concat());
    }
}
