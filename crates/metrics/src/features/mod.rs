//! What describes one picture by numbers, so that pictures can be found again.

pub mod hashes;
