use super::csv::Csv;
use super::npy::Npy;
use super::parquet::Parquet;
use crate::{AtomicFile, DataError};
use serde::{Deserialize, Serialize};
use std::io::Error;
use std::path::{Path, PathBuf};

/// More numbers in a row than any code has; a count beyond this is a mistake.
const MOST_COLUMNS: usize = 1 << 20;
/// Longest name of a row in bytes.
const LONGEST_ID: usize = 1 << 20;

/// The forms in which a table of codes is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableFormat {
    /// NumPy's array file: the numbers alone, `float32` of shape `[rows, columns]`. Names and labels
    /// have no place in it; rows are in the order in which they were pushed.
    Npy,
    /// Text with a line of names: `id`, `label` if there are labels, `c0`, `c1`, ... Numbers have as
    /// many digits as give back the same 32-bit float.
    Csv,
    /// Apache Parquet, uncompressed: `id` (string), `label` (optional; 32-bit integer or string), one
    /// 32-bit float column `c0`, `c1`, ... per number.
    Parquet,
}

impl TableFormat {
    /// The form that the extension of a path promises: `npy`, `csv`, `parquet` or `pq`.
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "npy" => Some(Self::Npy),
            "csv" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Whether rows have class labels, and how they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TableLabels {
    /// There is no such column.
    #[default]
    None,
    /// As the number that they are.
    Numbers,
    /// As the name of the class of that number, such as [`crate::Dataset::classes`].
    Names(Vec<String>),
}

/// The label of one row as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    Number(i32),
    Name(&'a str),
}

/// What a form does with a row, and in the end.
pub(super) trait Rows: Send {
    fn row(
        &mut self,
        out: &mut AtomicFile,
        id: &str,
        label: Option<Cell>,
        code: &[f32],
    ) -> Result<(), Error>;

    fn finish(&mut self, out: &mut AtomicFile, rows: u64) -> Result<(), Error>;
}

/// A table that appears under its name only once it is complete. Holds the rows of one group at
/// most (32 MiB), however many are pushed.
pub struct TableWriter {
    out: AtomicFile,
    path: PathBuf,
    form: Box<dyn Rows>,
    labels: TableLabels,
    columns: usize,
    rows: u64,
}

impl TableWriter {
    /// Starts a table of rows of `columns` numbers, 1 to 1,048,576.
    ///
    /// # Errors
    /// [`DataError::Param`] for a count of columns out of range, or a name of a class longer than a
    /// megabyte; otherwise as
    /// [`AtomicFile::create`].
    pub fn create(
        path: &Path,
        format: TableFormat,
        columns: usize,
        labels: TableLabels,
        overwrite: bool,
    ) -> Result<Self, DataError> {
        if columns == 0 || columns > MOST_COLUMNS {
            return Err(DataError::param("columns", format!("in 1..={MOST_COLUMNS}"), columns));
        }
        if let TableLabels::Names(names) = &labels
            && let Some(name) = names.iter().find(|name| name.len() > LONGEST_ID)
        {
            let wanted = format!("names of at most {LONGEST_ID} bytes");
            return Err(DataError::param("labels", wanted, name.len()));
        }
        let mut out = AtomicFile::create(path, overwrite)?;
        let form: Result<Box<dyn Rows>, Error> = match format {
            TableFormat::Npy => Npy::start(&mut out, columns).map(|f| Box::new(f) as _),
            TableFormat::Csv => Csv::start(&mut out, columns, &labels).map(|f| Box::new(f) as _),
            TableFormat::Parquet => {
                Parquet::start(&mut out, columns, &labels).map(|f| Box::new(f) as _)
            }
        };
        let form = form.map_err(|e| DataError::io(path, e))?;
        Ok(Self { out, path: path.to_path_buf(), form, labels, columns, rows: 0 })
    }

    /// Adds a row: the name of the picture, its class if it has one, its numbers.
    ///
    /// # Errors
    /// [`DataError::Param`] if `code` has not as many numbers as there are columns, a label was given
    /// for a table without labels or names no class, or the name is longer than a megabyte;
    /// [`DataError::Io`].
    pub fn push(&mut self, id: &str, label: Option<u32>, code: &[f32]) -> Result<(), DataError> {
        if code.len() != self.columns {
            let wanted = format!("{} numbers long", self.columns);
            return Err(DataError::param("code", wanted, code.len()));
        }
        if id.len() > LONGEST_ID {
            let wanted = format!("at most {LONGEST_ID} bytes long");
            return Err(DataError::param("id", wanted, id.len()));
        }
        let cell = match (label, &self.labels) {
            (None, _) => None,
            (Some(label), TableLabels::None) => {
                return Err(DataError::param("label", "absent in a table without labels", label));
            }
            (Some(label), TableLabels::Numbers) => {
                let number = i32::try_from(label)
                    .map_err(|_| DataError::param("label", "below 2147483648", label))?;
                Some(Cell::Number(number))
            }
            (Some(label), TableLabels::Names(names)) => {
                let wanted = || format!("below {}, the number of names", names.len());
                let name = names.get(label as usize);
                Some(Cell::Name(name.ok_or_else(|| DataError::param("label", wanted(), label))?))
            }
        };
        let done = self.form.row(&mut self.out, id, cell, code);
        done.map_err(|e| DataError::io(&self.path, e))?;
        self.rows += 1;
        Ok(())
    }

    /// Number of rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Completes the table and gives the file its name. Without this nothing is left of it.
    ///
    /// # Errors
    /// As [`AtomicFile::commit`].
    pub fn commit(mut self) -> Result<(), DataError> {
        let done = self.form.finish(&mut self.out, self.rows);
        done.map_err(|e| DataError::io(&self.path, e))?;
        self.out.commit()
    }
}

impl std::fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter")
            .field("path", &self.path)
            .field("columns", &self.columns)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}
