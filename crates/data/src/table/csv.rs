//! Comma-separated text.
//!
//! Reference: RFC 4180, but for lines that end in a line feed alone, as most tools write them.

use super::writer::{Cell, Rows, TableLabels};
use crate::AtomicFile;
use std::fmt::Write as _;
use std::io::{Error, Write};

pub(super) struct Csv {
    has_labels: bool,
    line: String,
}

impl Csv {
    pub fn start(
        out: &mut AtomicFile,
        columns: usize,
        labels: &TableLabels,
    ) -> Result<Self, Error> {
        let has_labels = *labels != TableLabels::None;
        let mut line = String::from(if has_labels { "id,label" } else { "id" });
        for c in 0..columns {
            // Writing to a string cannot fail; so below.
            let _ = write!(line, ",c{c}");
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
        Ok(Self { has_labels, line })
    }
}

/// A field, in quotes where it needs them.
fn push_field(line: &mut String, field: &str) {
    let plain = !field.contains(['"', ',', '\n', '\r']) && field.trim() == field;
    if plain {
        line.push_str(field);
    } else {
        let _ = write!(line, "\"{}\"", field.replace('"', "\"\""));
    }
}

impl Rows for Csv {
    fn row(
        &mut self,
        out: &mut AtomicFile,
        id: &str,
        label: Option<Cell>,
        code: &[f32],
    ) -> Result<(), Error> {
        self.line.clear();
        push_field(&mut self.line, id);
        if self.has_labels {
            self.line.push(',');
            match label {
                Some(Cell::Number(number)) => _ = write!(self.line, "{number}"),
                Some(Cell::Name(name)) => push_field(&mut self.line, name),
                None => {}
            }
        }
        for value in code {
            // The shortest digits that give the same number; tiny and huge ones with an exponent.
            let _ = match value.abs() {
                a if a != 0.0 && a.is_finite() && !(1e-4..1e9).contains(&a) => {
                    write!(self.line, ",{value:e}")
                }
                _ => write!(self.line, ",{value}"),
            };
        }
        self.line.push('\n');
        out.write_all(self.line.as_bytes())
    }

    fn finish(&mut self, _: &mut AtomicFile, _: u64) -> Result<(), Error> {
        Ok(())
    }
}
