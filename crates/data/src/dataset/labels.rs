//! Class labels: one number per picture, with names where there are any.

use super::csv::Table;
use super::load::{head, load};
use super::open::extension;
use super::{idx, npy};
use crate::{DataError, Limits};
use std::collections::BTreeSet;
use std::path::Path;

pub(super) struct Labels {
    pub values: Vec<u32>,
    pub classes: Vec<String>,
}

impl Labels {
    /// Numbers the names in their order; labels that are numbers all through stay what they are.
    pub fn from_names<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let numbers: Option<Vec<u32>> = names.clone().map(|name| name.parse().ok()).collect();
        if let Some(values) = numbers {
            return Self { values, classes: Vec::new() };
        }
        let classes: Vec<&str> = names.clone().collect::<BTreeSet<_>>().into_iter().collect();
        let values = names.map(|name| classes.partition_point(|class| *class < name) as u32);
        let values = values.collect();
        Self { values, classes: classes.into_iter().map(str::to_string).collect() }
    }

    /// The names of the folders that pictures lie in are their classes, if none lies in no folder
    /// and there is more than one name. Here a number is a name too: folders `0` to `9` are ten
    /// classes, and so are `1` to `10`.
    pub fn from_folders<'a>(folders: impl Iterator<Item = Option<&'a str>>) -> Option<Self> {
        let names: Vec<&str> = folders.collect::<Option<_>>()?;
        let classes: Vec<&str> =
            names.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        if classes.len() < 2 {
            return None;
        }
        let class = |name: &&str| classes.partition_point(|class| class < name) as u32;
        let values = names.iter().map(class).collect();
        Some(Self { values, classes: classes.into_iter().map(str::to_string).collect() })
    }

    /// Reads a file of labels for as many pictures as one of the numbers in `fitting`. IDX and NPY
    /// are known by their first bytes, tables and texts by their name, and a file of exactly so many
    /// bytes is one byte per label.
    pub fn read(path: &Path, fitting: &[usize], limits: &Limits) -> Result<Self, DataError> {
        let name = path.display();
        Self::read_any(path, fitting, limits).map_err(|error| match error {
            DataError::Corrupt { format, detail } => {
                DataError::Corrupt { format, detail: format!("labels in {name}: {detail}") }
            }
            DataError::Unsupported(text) => {
                DataError::Unsupported(format!("labels in {name}: {text}"))
            }
            other => other,
        })
    }

    fn read_any(path: &Path, fitting: &[usize], limits: &Limits) -> Result<Self, DataError> {
        let text = matches!(extension(path).as_str(), "txt" | "csv" | "tsv" | "labels");
        let head = head(path, 64)?;
        if head.starts_with(npy::MAGIC) {
            let values = npy::array(path, limits)?.labels("NPY")?;
            return Ok(Self { values, classes: Vec::new() });
        }
        if !text && idx::form(&head).is_some_and(|form| form.shape.len() == 1) {
            let values = idx::array(path, limits)?.labels("IDX")?;
            return Ok(Self { values, classes: Vec::new() });
        }
        let bytes = load(path, limits, |_| None)?;
        if !text && fitting.contains(&bytes.len()) {
            let values = bytes.into_iter().map(u32::from).collect();
            return Ok(Self { values, classes: Vec::new() });
        }
        if !text && std::str::from_utf8(&bytes).is_err() {
            let got = bytes.len();
            return Err(DataError::Unsupported(format!(
                "{got} bytes that are neither IDX, NPY nor text; one byte per picture would be {fitting:?}"
            )));
        }
        let table = Table::new("labels", bytes, limits)?;
        let column = table.label_column()?;
        let names: Vec<String> =
            (0..table.rows()).map(|row| table.field(row, column)).collect::<Result<_, _>>()?;
        if let Some(row) = names.iter().position(String::is_empty) {
            return Err(DataError::damaged("labels", format!("label {row} is empty")));
        }
        Ok(Self::from_names(names.iter().map(String::as_str)))
    }

    /// The labels, if they are as many as the pictures.
    pub fn fitting(self, what: &str, pictures: usize) -> Result<Self, DataError> {
        let labels = self.values.len();
        if labels == pictures {
            Ok(self)
        } else {
            Err(DataError::damaged(what, format!("{labels} labels for {pictures} pictures")))
        }
    }
}
