//! One file per architecture: options in, [`Graph`](crate::Graph) out.

mod dncnn;
mod ffdnet;
mod options;

pub use dncnn::DnCnn;
pub use ffdnet::FfdNet;
