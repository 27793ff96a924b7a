//! Where rows of features come from.

use crate::Error;
use crate::extractor::{Extracted, Extractor, extract_all};
use crate::report::Failure;
use restora_data::{Dataset, TableReader};
use restora_image::{Context, OpError};

/// Bytes of rows that pass at a time.
const PIECE: usize = 4 << 20;

/// A set, ready to be read once.
#[derive(Debug)]
pub enum Source {
    /// Rows of numbers that somebody made.
    Table {
        /// The rows.
        reader: TableReader,
        /// What the numbers are called.
        features: String,
    },
    /// Pictures, and what makes rows of them.
    Pictures {
        /// The pictures.
        set: Dataset,
        /// The rows.
        extractor: Extractor,
        /// What the numbers are called.
        features: String,
    },
}

/// The names of a set's items.
#[derive(Debug)]
pub enum Names {
    /// `row 0`, `row 1` and so on.
    Rows,
    /// Those of pictures.
    Pictures {
        /// The pictures.
        set: Dataset,
        /// The picture of each row.
        places: Vec<usize>,
    },
}

impl Names {
    /// The name of the item whose features were row `row`, from 0.
    pub fn of(&self, row: u64) -> String {
        match self {
            Self::Rows => format!("row {row}"),
            Self::Pictures { set, places } => {
                places.get(row as usize).map_or_else(String::new, |place| set.id(*place))
            }
        }
    }
}

impl Source {
    /// Numbers per item.
    pub fn columns(&self) -> usize {
        match self {
            Self::Table { reader, .. } => reader.columns(),
            Self::Pictures { extractor, .. } => extractor.dimensions(),
        }
    }

    /// What the features are called.
    pub fn features(&self) -> &str {
        match self {
            Self::Table { features, .. } | Self::Pictures { features, .. } => features,
        }
    }

    /// How many items there are, where that is known.
    pub fn items(&self) -> Option<u64> {
        match self {
            Self::Table { reader, .. } => reader.rows(),
            Self::Pictures { set, .. } => Some(set.len() as u64),
        }
    }

    /// Lets all rows pass, many at a time. Items that cannot be read are told in `failures`.
    pub(super) fn rows(
        self,
        cx: &Context,
        seen: &(dyn Fn() + Sync),
        failures: &mut Vec<(String, Failure)>,
        each: &mut (dyn FnMut(&[f32]) -> Result<(), Error> + Send),
    ) -> Result<Names, Error> {
        let columns = self.columns();
        let piece = (PIECE / (4 * columns)).max(1);
        match self {
            Self::Table { mut reader, .. } => {
                let mut rows = Vec::new();
                loop {
                    cx.check()?;
                    reader.next(&mut rows, piece)?;
                    if rows.is_empty() {
                        return Ok(Names::Rows);
                    }
                    each(&rows)?;
                    rows.chunks(columns).for_each(|_| seen());
                }
            }
            Self::Pictures { set, extractor, .. } => {
                let (mut rows, mut places) = (Vec::new(), Vec::new());
                extract_all(
                    &set,
                    &[extractor],
                    cx,
                    &mut |Extracted { index, id, vector, .. }| {
                        seen();
                        match vector {
                            Ok(row) => {
                                rows.extend(row);
                                places.push(index);
                            }
                            Err(Error::Op(OpError::Cancelled)) => {
                                return Err(OpError::Cancelled.into());
                            }
                            Err(error) => failures.push((id, Failure::new("read", &error))),
                        }
                        if rows.len() >= piece * columns {
                            each(&rows)?;
                            rows.clear();
                        }
                        Ok(())
                    },
                )?;
                each(&rows)?;
                Ok(Names::Pictures { set, places })
            }
        }
    }
}
