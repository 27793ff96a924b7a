//! Tables of numbers in, some rows at a time: however long a table is, no more than one piece of it is in memory.

use super::TableFormat;
use crate::DataError;
use crate::dataset::{Element, Form, npy_form};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// More than the longest header of an NPY that is read.
const NPY_HEAD: u64 = 16_384;
/// Longest line of a CSV in bytes.
const LONGEST_LINE: u64 = 1 << 25;

/// A table of rows of one length, read from front to back. Every number is finite.
pub struct TableReader {
    path: PathBuf,
    columns: usize,
    rows: Option<u64>,
    read: u64,
    /// Names of the rows read last, where there is a column of them.
    ids: Vec<String>,
    form: Rows,
}

enum Rows {
    Npy {
        source: BufReader<File>,
        form: Form,
        bytes: Vec<u8>,
    },
    Csv {
        source: BufReader<File>,
        id: Option<usize>,
        first: usize,
        fields: usize,
        line: Vec<u8>,
        number: u64,
    },
}

impl TableReader {
    /// Opens an NPY of shape `[rows, columns]`, of integers or 32- or 64-bit floats, or a CSV with a line of names, as
    /// [`crate::TableWriter`] writes them (in a CSV the columns `id` and `label` are passed over).
    ///
    /// # Errors
    /// [`DataError::Unsupported`] for another extension, another shape or a Parquet; [`DataError::Corrupt`] for a
    /// file that is not what its header claims; [`DataError::Io`].
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let name = path.display();
        match TableFormat::from_path(path) {
            Some(TableFormat::Npy) => Self::open_npy(path),
            Some(TableFormat::Csv) => Self::open_csv(path),
            Some(TableFormat::Parquet) => Err(DataError::Unsupported(format!(
                "{name}: Parquet is written, not read; write an NPY or a CSV"
            ))),
            None => Err(DataError::Unsupported(format!("{name}: a table is an .npy or a .csv"))),
        }
    }

    fn open_npy(path: &Path) -> Result<Self, DataError> {
        let io = |e| DataError::io(path, e);
        let mut file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let mut head = Vec::new();
        (&mut file).take(NPY_HEAD).read_to_end(&mut head).map_err(io)?;
        let form = npy_form(&head)?;
        let (rows, columns) = match form.shape[..] {
            [rows, columns] if columns > 0 => (rows, columns),
            _ => {
                let shape = &form.shape;
                let text = format!("a table is an NPY of shape [rows, columns], got {shape:?}");
                return Err(DataError::Unsupported(text));
            }
        };
        if form.fortran && rows > 1 && columns > 1 {
            let text = "an NPY in Fortran's order; save it with numpy.ascontiguousarray";
            return Err(DataError::Unsupported(text.into()));
        }
        if form.file_len() != Some(len) {
            let detail = format!("a table of {rows} x {columns} numbers does not take {len} bytes");
            return Err(DataError::damaged("NPY", detail));
        }
        file.seek(SeekFrom::Start(form.start)).map_err(io)?;
        let form = Rows::Npy { source: BufReader::new(file), form, bytes: Vec::new() };
        let columns = columns as usize;
        Ok(Self {
            path: path.to_path_buf(),
            columns,
            rows: Some(rows),
            read: 0,
            ids: Vec::new(),
            form,
        })
    }

    fn open_csv(path: &Path) -> Result<Self, DataError> {
        let io = |e| DataError::io(path, e);
        let mut source = BufReader::new(File::open(path).map_err(io)?);
        let mut line = Vec::new();
        record(&mut source, &mut line).map_err(|e| e.at(path))?;
        let names = fields(&line).ok_or_else(|| DataError::damaged("CSV", "its first line"))?;
        let known = |name: &String| matches!(name.trim(), "id" | "label");
        let first = names.iter().take_while(|name| known(name)).count();
        if names[first..].iter().any(|name| known(name) || name.trim().parse::<f64>().is_ok()) {
            let text = "a CSV without a line of names (id, label, then one for each number)";
            return Err(DataError::Unsupported(text.into()));
        }
        let columns = names.len() - first;
        if columns == 0 {
            return Err(DataError::damaged("CSV", "it has no column of numbers"));
        }
        let id = names[..first].iter().position(|name| name.trim() == "id");
        let form = Rows::Csv { source, id, first, fields: names.len(), line, number: 1 };
        Ok(Self { path: path.to_path_buf(), columns, rows: None, read: 0, ids: Vec::new(), form })
    }

    /// Numbers in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many rows there are, where the file tells.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The names of the rows that were read last; none where the table has no column `id`.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Puts the next rows, `most` of them or what is left, in place of what is in `rows`; empty after the last.
    ///
    /// # Errors
    /// [`DataError::Corrupt`] with the row for what is no finite number, and for a row of another length;
    /// [`DataError::Io`].
    pub fn next(&mut self, rows: &mut Vec<f32>, most: usize) -> Result<(), DataError> {
        rows.clear();
        self.ids.clear();
        match &mut self.form {
            Rows::Npy { source, form, bytes } => {
                let left = self.rows.unwrap_or(0) - self.read;
                let count = left.min(most as u64) as usize * self.columns;
                bytes.resize(count * form.element.bytes(), 0);
                source.read_exact(bytes).map_err(|e| DataError::io(&self.path, e))?;
                numbers(bytes, form, rows);
            }
            Rows::Csv { source, id, first, fields: wanted, line, number } => {
                while rows.len() < most * self.columns {
                    if !record(source, line).map_err(|e| e.at(&self.path))? {
                        break;
                    }
                    *number += 1;
                    if line.is_empty() {
                        continue;
                    }
                    let damaged = |what: String| DataError::damaged("CSV", what);
                    let mut got = fields(line)
                        .ok_or_else(|| damaged(format!("record {number} is not readable")))?;
                    if got.len() != *wanted {
                        let got = got.len();
                        let what = format!("record {number} has {got} fields, wanted {wanted}");
                        return Err(damaged(what));
                    }
                    for field in &got[*first..] {
                        let value = field.trim().parse::<f32>();
                        let what = || format!("record {number}: `{field:.40}` is no number");
                        rows.push(value.map_err(|_| damaged(what()))?);
                    }
                    self.ids.extend(id.map(|id| std::mem::take(&mut got[id])));
                }
            }
        }
        if let Some(at) = rows.iter().position(|v| !v.is_finite()) {
            let (row, column) = (self.read + (at / self.columns) as u64, at % self.columns);
            let detail = format!("row {row}, column {column} is not a finite number");
            return Err(DataError::damaged("table", detail));
        }
        self.read += (rows.len() / self.columns) as u64;
        Ok(())
    }
}

impl std::fmt::Debug for TableReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableReader")
            .field("path", &self.path)
            .field("columns", &self.columns)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// The bytes of an NPY as numbers.
fn numbers(bytes: &[u8], form: &Form, out: &mut Vec<f32>) {
    macro_rules! read {
        ($type:ty) => {{
            let (words, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
            if form.big_endian {
                out.extend(words.iter().map(|w| <$type>::from_be_bytes(*w) as f32));
            } else {
                out.extend(words.iter().map(|w| <$type>::from_le_bytes(*w) as f32));
            }
        }};
    }
    match form.element {
        Element::Bool => out.extend(bytes.iter().map(|b| f32::from(u8::from(*b != 0)))),
        Element::U8 => read!(u8),
        Element::U16 => read!(u16),
        Element::U32 => read!(u32),
        Element::U64 => read!(u64),
        Element::I8 => read!(i8),
        Element::I16 => read!(i16),
        Element::I32 => read!(i32),
        Element::I64 => read!(i64),
        Element::F32 => read!(f32),
        Element::F64 => read!(f64),
    }
}

/// The next record without its line end: a line, or several where a quoted field holds line ends. False at the end.
fn record(source: &mut BufReader<File>, line: &mut Vec<u8>) -> Result<bool, DataError> {
    line.clear();
    loop {
        let limit = (LONGEST_LINE + 1).saturating_sub(line.len() as u64);
        let got = source.take(limit).read_until(b'\n', line)?;
        if line.len() as u64 > LONGEST_LINE {
            let (what, limit) = ("length of a line", LONGEST_LINE);
            return Err(DataError::Limit { what, got: line.len() as u64, limit });
        }
        let open = line.iter().fold(false, |open, b| open ^ (*b == b'"'));
        if got == 0 || !open {
            break;
        }
    }
    let there = !line.is_empty();
    while line.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
        line.pop();
    }
    Ok(there)
}

/// The fields of a record, quotes taken off; `None` if it is not text, or a quote stands where none may.
fn fields(line: &[u8]) -> Option<Vec<String>> {
    let mut rest = std::str::from_utf8(line).ok()?;
    let mut out = Vec::new();
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
            Some(mut quoted) => {
                let mut field = String::new();
                loop {
                    let (part, after) = quoted.split_once('"')?;
                    field += part;
                    match after.strip_prefix('"') {
                        Some(more) => {
                            field.push('"');
                            quoted = more;
                        }
                        None => break (field, after),
                    }
                }
            }
        };
        out.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Some(out),
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TableLabels, TableWriter};
    use super::*;

    fn all(path: &Path, most: usize) -> Result<(usize, Vec<f32>), DataError> {
        let mut reader = TableReader::open(path)?;
        let (mut all, mut rows) = (Vec::new(), Vec::new());
        loop {
            reader.next(&mut rows, most)?;
            if rows.is_empty() {
                return Ok((reader.columns(), all));
            }
            assert!(rows.len() <= most * reader.columns());
            all.extend_from_slice(&rows);
        }
    }

    #[test]
    fn what_a_writer_wrote_comes_back_to_the_bit_in_pieces_of_any_size() {
        let dir = tempfile::tempdir().unwrap();
        let rows = [[0.1, -3e-20, 7.0], [1e12, 0.0, -0.5], [1.0, 2.0, 3.0], [4.0, 5.0, 1.0 / 3.0]];
        for (name, format) in [("a.npy", TableFormat::Npy), ("a.csv", TableFormat::Csv)] {
            let path = dir.path().join(name);
            let classes = TableLabels::Names(vec!["a \"b\", c".into()]);
            let mut out = TableWriter::create(&path, format, 3, classes, false).unwrap();
            for (i, row) in rows.iter().enumerate() {
                out.push("x,\n\"y\"", (i > 0).then_some(0), row).unwrap();
            }
            out.commit().unwrap();
            for most in [1, 3, 100] {
                assert_eq!(all(&path, most).unwrap(), (3, rows.concat()), "{name}");
            }
        }
    }

    #[test]
    fn arrays_of_other_numbers_are_read_and_those_that_are_no_table_refused() {
        let dir = tempfile::tempdir().unwrap();
        let npy = |descr: &str, order: &str, shape: &str, data: &[u8]| {
            let text =
                format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((text.len() as u16).to_le_bytes());
            bytes.extend(text.bytes().chain(data.iter().copied()));
            let path = dir.path().join("t.npy");
            std::fs::write(&path, bytes).unwrap();
            all(&path, 2)
        };
        assert_eq!(
            npy("|u1", "False", "(2, 2)", &[1, 2, 3, 255]).unwrap(),
            (2, vec![1.0, 2.0, 3.0, 255.0])
        );
        let wide = [1.5f64, -2.0, 8.0].map(f64::to_be_bytes).concat();
        assert_eq!(npy(">f8", "False", "(3, 1)", &wide).unwrap(), (1, vec![1.5, -2.0, 8.0]));
        assert_eq!(npy("<i2", "True", "(1, 2)", &[1, 0, 255, 255]).unwrap(), (2, vec![1.0, -1.0]));
        let told = |r: Result<(usize, Vec<f32>), DataError>| r.unwrap_err().to_string();
        assert!(
            told(npy("|u1", "False", "(4,)", &[1, 2, 3, 4])).contains("[rows, columns], got [4]")
        );
        assert!(told(npy("|u1", "True", "(2, 2)", &[1, 2, 3, 4])).contains("Fortran"));
        assert!(told(npy("|u1", "False", "(2, 3)", &[1, 2, 3, 4])).contains("2 x 3 numbers"));
        let nan = [0.0f32, f32::NAN].map(f32::to_le_bytes).concat();
        assert!(told(npy("<f4", "False", "(2, 1)", &nan)).contains("row 1, column 0"));
    }

    #[test]
    fn text_that_is_no_table_is_refused_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let csv = |text: &str| {
            let path = dir.path().join("t.csv");
            std::fs::write(&path, text).unwrap();
            all(&path, 2)
        };
        let named = dir.path().join("named.csv");
        std::fs::write(&named, "label,id,a\n0,x,1\n1,y,2\n0,z,3\n").unwrap();
        let (mut reader, mut rows) = (TableReader::open(&named).unwrap(), Vec::new());
        reader.next(&mut rows, 2).unwrap();
        assert_eq!(
            (reader.ids(), &rows[..]),
            (&["x".to_owned(), "y".to_owned()][..], &[1.0, 2.0][..])
        );
        reader.next(&mut rows, 2).unwrap();
        assert_eq!((reader.ids(), &rows[..]), (&["z".to_owned()][..], &[3.0][..]));
        assert_eq!(csv("id,a,b\r\nx,1,2\r\n\r\ny,3,4").unwrap(), (2, vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(csv("u\n1e3\n").unwrap(), (1, vec![1000.0]));
        let told = |text: &str| csv(text).unwrap_err().to_string();
        assert!(told("1,2\n3,4\n").contains("line of names"));
        assert!(told("id,label\n").contains("no column of numbers"));
        assert!(told("a,b\n1,2\n3\n").contains("record 3 has 1 fields, wanted 2"));
        assert!(told("a,b\n1,x\n").contains("record 2: `x` is no number"));
        assert!(told("a\n1\ninf\n").contains("row 1, column 0"));
        assert!(told("a,b\n\"1\"2,3\n").contains("record 2 is not readable"));
        let missing = all(&dir.path().join("no.npy"), 1).unwrap_err();
        assert!(matches!(missing, DataError::Io { .. }));
        let parquet = all(Path::new("a.parquet"), 1).unwrap_err().to_string();
        assert!(parquet.contains("Parquet is written, not read"));
        assert!(all(Path::new("a.png"), 1).unwrap_err().to_string().contains(".npy or a .csv"));
    }
}
