//! Tables of codes out: a row of numbers per picture, written row by row.
//!
//! ```text
//!  TableWriter::create -> push(id, label, code) ... -> commit
//!                                 |
//!                                 `-> NPY [n, d] | CSV | Parquet
//! ```

mod csv;
mod npy;
mod parquet;
mod thrift;
mod writer;

pub use writer::{TableFormat, TableLabels, TableWriter};
