//! The number formats that files of weights hold, and what they are in `f32`.

use super::half::{f32_from_bf16, f32_from_f16};

/// A number format, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dtype {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    U64,
    I32,
    U32,
    I16,
    U16,
    I8,
    U8,
    Bool,
}

impl Dtype {
    /// Bytes of one number.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// The numbers, rounded to `f32` where they do not fit. Trailing bytes are ignored.
    pub(crate) fn to_f32(self, bytes: &[u8]) -> Vec<f32> {
        fn all<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            bytes.as_chunks::<N>().0.iter().map(|&b| f(b)).collect()
        }
        match self {
            Self::F64 => all(bytes, |b| f64::from_le_bytes(b) as f32),
            Self::F32 => all(bytes, f32::from_le_bytes),
            Self::F16 => all(bytes, |b| f32_from_f16(u16::from_le_bytes(b))),
            Self::Bf16 => all(bytes, |b| f32_from_bf16(u16::from_le_bytes(b))),
            Self::I64 => all(bytes, |b| i64::from_le_bytes(b) as f32),
            Self::U64 => all(bytes, |b| u64::from_le_bytes(b) as f32),
            Self::I32 => all(bytes, |b| i32::from_le_bytes(b) as f32),
            Self::U32 => all(bytes, |b| u32::from_le_bytes(b) as f32),
            Self::I16 => all(bytes, |b| f32::from(i16::from_le_bytes(b))),
            Self::U16 => all(bytes, |b| f32::from(u16::from_le_bytes(b))),
            Self::I8 => all(bytes, |b| f32::from(i8::from_le_bytes(b))),
            Self::U8 => all(bytes, |[b]| f32::from(b)),
            Self::Bool => all(bytes, |[b]| f32::from(u8::from(b != 0))),
        }
    }

    /// The name in a safetensors header.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::I64 => "I64",
            Self::U64 => "U64",
            Self::I32 => "I32",
            Self::U32 => "U32",
            Self::I16 => "I16",
            Self::U16 => "U16",
            Self::I8 => "I8",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
        }
    }

    /// The format that a safetensors header names so.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        const ALL: [Dtype; 13] = [
            Dtype::F64,
            Dtype::F32,
            Dtype::F16,
            Dtype::Bf16,
            Dtype::I64,
            Dtype::U64,
            Dtype::I32,
            Dtype::U32,
            Dtype::I16,
            Dtype::U16,
            Dtype::I8,
            Dtype::U8,
            Dtype::Bool,
        ];
        ALL.into_iter().find(|d| d.name() == name)
    }
}
