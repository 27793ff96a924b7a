//! The numbers alone. The header is written twice: its length does not depend on the number of rows,
//! which is known in the end only.

use super::writer::{Cell, Rows};
use crate::AtomicFile;
use std::io::{Error, Seek, SeekFrom, Write};

/// Room for every count of rows and columns; a multiple of 64, as the format wants.
const HEADER: usize = 128;

pub(super) struct Npy {
    columns: usize,
    bytes: Vec<u8>,
}

fn header(rows: u64, columns: usize) -> Vec<u8> {
    let dictionary =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((HEADER as u16 - 10).to_le_bytes());
    out.extend(dictionary.as_bytes());
    out.resize(HEADER - 1, b' ');
    out.push(b'\n');
    out
}

impl Npy {
    pub fn start(out: &mut AtomicFile, columns: usize) -> Result<Self, Error> {
        out.write_all(&header(0, columns))?;
        Ok(Self { columns, bytes: Vec::with_capacity(4 * columns) })
    }
}

impl Rows for Npy {
    fn row(
        &mut self,
        out: &mut AtomicFile,
        _: &str,
        _: Option<Cell>,
        code: &[f32],
    ) -> Result<(), Error> {
        self.bytes.clear();
        self.bytes.extend(code.iter().flat_map(|v| v.to_le_bytes()));
        out.write_all(&self.bytes)
    }

    fn finish(&mut self, out: &mut AtomicFile, rows: u64) -> Result<(), Error> {
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&header(rows, self.columns))
    }
}
