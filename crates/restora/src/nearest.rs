//! Rows of a table of features nearest to vectors: exact, in one pass over the table, a piece at a time.
//!
//! A pass reads the table once for all vectors; a million rows of 512 numbers are 2 GB of NPY, of which 16 MB are in
//! memory. What `restora features` writes is such a table.

use crate::error::Error;
use rayon::prelude::*;
use restora_data::TableReader;
use restora_image::Cancel;
use serde::Serialize;
use std::path::Path;

/// Numbers in a piece of the table.
const PIECE: usize = 1 << 22;

/// How far apart vectors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// Length of the difference.
    #[default]
    Euclidean,
    /// One less the cosine of the angle between both, 0 to 2; 1 where one has no length.
    Cosine,
}

impl Distance {
    /// `euclidean` or `cosine`.
    ///
    /// # Errors
    /// For another word.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "euclidean" => Ok(Self::Euclidean),
            "cosine" => Ok(Self::Cosine),
            _ => Err(Error::Usage(format!("distance must be euclidean or cosine, got `{text}`"))),
        }
    }

    fn between(self, a: &[f32], b: &[f32]) -> f64 {
        let sum = |of: fn(f32, f32) -> f32| -> f64 {
            let parts = a.chunks(64).zip(b.chunks(64));
            let part = |(a, b): (&[f32], &[f32])| {
                f64::from(a.iter().zip(b).map(|(a, b)| of(*a, *b)).sum::<f32>())
            };
            parts.map(part).sum()
        };
        match self {
            Self::Euclidean => sum(|a, b| (a - b) * (a - b)).sqrt(),
            Self::Cosine => {
                let length = (sum(|a, _| a * a) * sum(|_, b| b * b)).sqrt();
                if length > 0.0 { 1.0 - sum(|a, b| a * b) / length } else { 1.0 }
            }
        }
    }
}

/// A row that is near.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NearRow {
    /// Its number, from 0.
    pub row: u64,
    /// Its name, where the table has a column `id`.
    pub id: Option<String>,
    /// How far it is.
    pub distance: f64,
}

/// For each of `vectors` the `most` nearest rows of the table, nearest first.
///
/// # Errors
/// If the table cannot be read, its rows have not as many numbers as the vectors, or somebody stopped it.
pub fn nearest_rows(
    table: &Path,
    vectors: &[Vec<f32>],
    most: usize,
    distance: Distance,
    cancel: &Cancel,
) -> Result<Vec<Vec<NearRow>>, Error> {
    let mut reader = TableReader::open(table)?;
    let columns = reader.columns();
    if let Some(other) = vectors.iter().find(|v| v.len() != columns) {
        let (name, got) = (table.display(), other.len());
        return Err(Error::Input(format!(
            "{name} has rows of {columns} numbers, the features asked for have {got}"
        )));
    }
    let mut found: Vec<Vec<NearRow>> = vec![Vec::new(); vectors.len()];
    let (mut rows, mut first) = (Vec::new(), 0);
    loop {
        if cancel.is_cancelled() {
            return Err(restora_image::OpError::Cancelled.into());
        }
        reader.next(&mut rows, (PIECE / columns).max(1))?;
        if rows.is_empty() {
            return Ok(found);
        }
        let ids = reader.ids();
        found.par_iter_mut().zip(vectors).for_each(|(found, vector)| {
            for (i, row) in rows.chunks_exact(columns).enumerate() {
                let far = distance.between(vector, row);
                let place = found.partition_point(|known| known.distance <= far);
                if place < most {
                    let id = ids.get(i).cloned();
                    found.truncate(most - 1);
                    found.insert(place, NearRow { row: first + i as u64, id, distance: far });
                }
            }
        });
        first += (rows.len() / columns) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_data::{TableFormat, TableLabels, TableWriter};

    #[test]
    fn the_nearest_are_those_of_sorting_all() {
        let dir = tempfile::tempdir().unwrap();
        let mut rng = restora_image::Rng::new(9, "rows", 0);
        let rows: Vec<Vec<f32>> =
            (0..50).map(|_| (0..70).map(|_| rng.normal() as f32).collect()).collect();
        for (name, format, named) in
            [("t.csv", TableFormat::Csv, true), ("t.npy", TableFormat::Npy, false)]
        {
            let path = dir.path().join(name);
            let mut out = TableWriter::create(&path, format, 70, TableLabels::None, false).unwrap();
            for (i, row) in rows.iter().enumerate() {
                out.push(&format!("p{i}"), None, row).unwrap();
            }
            out.commit().unwrap();
            let asked = vec![rows[7].clone(), rows[3].iter().map(|v| 2.0 * v).collect()];
            for distance in [Distance::Euclidean, Distance::Cosine] {
                let found = nearest_rows(&path, &asked, 5, distance, &Cancel::default()).unwrap();
                for (vector, found) in asked.iter().zip(&found) {
                    let mut all: Vec<(f64, u64)> =
                        rows.iter().map(|r| distance.between(vector, r)).zip(0..).collect();
                    all.sort_by(|a, b| a.0.total_cmp(&b.0));
                    let got: Vec<(f64, u64)> = found.iter().map(|n| (n.distance, n.row)).collect();
                    assert_eq!(got, all[..5]);
                    assert!(found.iter().all(|n| n.id == named.then(|| format!("p{}", n.row))));
                }
                assert_eq!(found[0][0].row, 7);
                assert!(found[0][0].distance < 1e-6);
            }
            // A multiple points the same way.
            let found = nearest_rows(&path, &asked, 1, Distance::Cosine, &Cancel::default());
            assert!(found.unwrap()[1][0].distance < 1e-6);
            let error =
                nearest_rows(&path, &[vec![0.0; 3]], 1, Distance::Cosine, &Cancel::default());
            assert!(error.unwrap_err().to_string().contains("rows of 70 numbers"));
        }
        assert!((Distance::Euclidean.between(&[3.0, 0.0], &[0.0, 4.0]) - 5.0).abs() < 1e-12);
        assert_eq!(Distance::Cosine.between(&[3.0, 0.0], &[0.0, 4.0]), 1.0);
        assert_eq!(Distance::Cosine.between(&[0.0, 0.0], &[0.0, 4.0]), 1.0);
    }
}
