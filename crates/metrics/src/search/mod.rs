//! Finding what is alike among many.

mod inverted_file;
mod knn_graph;

pub use inverted_file::{InvertedFile, InvertedFileOptions, Nearest, Neighbor, inverted_file};
pub use knn_graph::{KnnGraph, KnnGraphOptions, knn_graph};
