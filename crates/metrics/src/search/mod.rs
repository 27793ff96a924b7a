//! Finding what is alike among many.

mod inverted_file;

pub use inverted_file::{InvertedFile, InvertedFileOptions, Neighbor, inverted_file};
