//! Architectures, one file each.

mod restorer;

pub use restorer::Restorer;
