//! Apache Parquet, plainly encoded and not compressed: per group of rows one chunk per column, of one
//! page each, and the metadata in the end.
//!
//! ```text
//! "PAR1"  { page header, [levels], values } per column, per group  metadata  its length  "PAR1"
//! ```
//!
//! Reference: Apache Parquet, `parquet-format` 2.10: README, Encodings, `parquet.thrift`.

use super::thrift::{Struct, varint};
use super::writer::{Cell, Rows, TableLabels};
use crate::AtomicFile;
use std::io::{Error, Write};

const MAGIC: &[u8] = b"PAR1";
/// What a group of rows may take in memory, and a page of names.
const GROUP_BYTES: usize = 32 << 20;
/// More rows than this in a group have no use.
const GROUP_ROWS: usize = 1 << 16;

/// `Type`.
const INT32: i32 = 1;
const FLOAT: i32 = 4;
const BYTE_ARRAY: i32 = 6;
/// `FieldRepetitionType`.
const REQUIRED: i32 = 0;
const OPTIONAL: i32 = 1;
/// `Encoding`.
const PLAIN: i32 = 0;
const RLE: i32 = 3;

/// One column of the group being filled.
struct Column {
    name: String,
    kind: i32,
    repetition: i32,
    values: Vec<u8>,
    /// Which rows have a value, as runs: whether, and how many. For optional columns only.
    runs: Vec<(bool, u64)>,
}

impl Column {
    fn new(name: &str, kind: i32, repetition: i32) -> Self {
        Self { name: name.into(), kind, repetition, values: Vec::new(), runs: Vec::new() }
    }

    fn schema(&self) -> Vec<u8> {
        let element = Struct::new().i32(1, self.kind).i32(3, self.repetition).string(4, &self.name);
        if self.kind == BYTE_ARRAY {
            // Text, in the old way (converted type UTF8) and the new (logical type STRING).
            element.i32(6, 0).nested(10, Struct::new().nested(1, Struct::new())).finish()
        } else {
            element.finish()
        }
    }

    fn present(&mut self, is: bool) {
        match self.runs.last_mut() {
            Some((last, count)) if *last == is => *count += 1,
            _ => self.runs.push((is, 1)),
        }
    }

    fn text(&mut self, text: &str) {
        self.values.extend((text.len() as u32).to_le_bytes());
        self.values.extend(text.as_bytes());
    }

    /// Definition levels as run lengths of one bit, behind their length in bytes.
    fn levels(&self) -> Vec<u8> {
        if self.repetition == REQUIRED {
            return Vec::new();
        }
        let mut runs = Vec::new();
        for (is, count) in &self.runs {
            varint(&mut runs, count << 1);
            runs.push(u8::from(*is));
        }
        [&(runs.len() as u32).to_le_bytes()[..], &runs].concat()
    }
}

pub(super) struct Parquet {
    columns: Vec<Column>,
    /// Index of the first column of numbers.
    first: usize,
    /// Rows in the group being filled, and how many there may be.
    rows: usize,
    most_rows: usize,
    /// Bytes written so far.
    at: u64,
    /// Metadata of the groups written.
    groups: Vec<u8>,
    group_count: usize,
}

impl Parquet {
    pub fn start(
        out: &mut AtomicFile,
        columns: usize,
        labels: &TableLabels,
    ) -> Result<Self, Error> {
        let mut all = vec![Column::new("id", BYTE_ARRAY, REQUIRED)];
        match labels {
            TableLabels::None => {}
            TableLabels::Numbers => all.push(Column::new("label", INT32, OPTIONAL)),
            TableLabels::Names(_) => all.push(Column::new("label", BYTE_ARRAY, OPTIONAL)),
        }
        let first = all.len();
        all.extend((0..columns).map(|c| Column::new(&format!("c{c}"), FLOAT, REQUIRED)));
        out.write_all(MAGIC)?;
        let most_rows = (GROUP_BYTES / (4 * columns)).clamp(1, GROUP_ROWS);
        let at = MAGIC.len() as u64;
        Ok(Self { columns: all, first, rows: 0, most_rows, at, groups: Vec::new(), group_count: 0 })
    }

    /// Writes what has been collected as one group.
    fn flush(&mut self, out: &mut AtomicFile) -> Result<(), Error> {
        if self.rows == 0 {
            return Ok(());
        }
        let begin = self.at;
        let mut chunks = Vec::new();
        for column in &mut self.columns {
            let levels = column.levels();
            let page = levels.len() + column.values.len();
            let data = Struct::new().i32(1, self.rows as i32).i32(2, PLAIN).i32(3, RLE).i32(4, RLE);
            let size = page as i32;
            let header = Struct::new().i32(1, 0).i32(2, size).i32(3, size).nested(5, data).finish();
            out.write_all(&header)?;
            out.write_all(&levels)?;
            out.write_all(&column.values)?;
            let total = (header.len() + page) as u64;
            let meta = Struct::new()
                .i32(1, column.kind)
                .i32s(2, &[PLAIN, RLE])
                .strings(3, &[&column.name])
                .i32(4, 0)
                .i64(5, self.rows as u64)
                .i64(6, total)
                .i64(7, total)
                .i64(9, self.at);
            chunks.extend(Struct::new().i64(2, self.at).nested(3, meta).finish());
            self.at += total;
            column.values.clear();
            column.runs.clear();
        }
        let group = Struct::new()
            .structs(1, self.columns.len(), &chunks)
            .i64(2, self.at - begin)
            .i64(3, self.rows as u64);
        self.groups.extend(group.finish());
        self.group_count += 1;
        self.rows = 0;
        Ok(())
    }
}

impl Rows for Parquet {
    fn row(
        &mut self,
        out: &mut AtomicFile,
        id: &str,
        label: Option<Cell>,
        code: &[f32],
    ) -> Result<(), Error> {
        // Names of the largest length would pass what a page can hold.
        let text = |column: &Column| column.values.len() > GROUP_BYTES;
        if self.rows == self.most_rows || self.columns[..self.first].iter().any(text) {
            self.flush(out)?;
        }
        let (named, numbers) = self.columns.split_at_mut(self.first);
        if let [id_column, rest @ ..] = named {
            id_column.text(id);
            for column in rest {
                column.present(label.is_some());
                match label {
                    Some(Cell::Number(number)) => column.values.extend(number.to_le_bytes()),
                    Some(Cell::Name(name)) => column.text(name),
                    None => {}
                }
            }
        }
        for (column, value) in numbers.iter_mut().zip(code) {
            column.values.extend(value.to_le_bytes());
        }
        self.rows += 1;
        Ok(())
    }

    fn finish(&mut self, out: &mut AtomicFile, rows: u64) -> Result<(), Error> {
        self.flush(out)?;
        let root = Struct::new().string(4, "schema").i32(5, self.columns.len() as i32).finish();
        let schema: Vec<u8> = std::iter::once(root)
            .chain(self.columns.iter().map(Column::schema))
            .flatten()
            .collect();
        let meta = Struct::new()
            .i32(1, 1)
            .structs(2, self.columns.len() + 1, &schema)
            .i64(3, rows)
            .structs(4, self.group_count, &self.groups)
            .string(6, concat!("restora ", env!("CARGO_PKG_VERSION")))
            .finish();
        let len = u32::try_from(meta.len())
            .map_err(|_| Error::other("too many rows and columns for one Parquet file"))?;
        out.write_all(&meta)?;
        out.write_all(&len.to_le_bytes())?;
        out.write_all(MAGIC)
    }
}
