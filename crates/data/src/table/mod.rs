//! Tables of codes: a row of numbers per picture, written row by row and read rows at a time.
//!
//! ```text
//!  TableWriter::create -> push(id, label, code) ... -> commit
//!                                 |
//!                                 `-> NPY [n, d] | CSV | Parquet
//!  TableReader::open -> next(rows, most) ...          NPY [n, d] | CSV
//! ```

mod csv;
mod npy;
mod parquet;
mod reader;
mod thrift;
mod writer;

pub use reader::TableReader;
pub use writer::{TableFormat, TableLabels, TableWriter};
