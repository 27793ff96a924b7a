//! Runs and trains a [`Graph`](crate::Graph) on the CPU.

mod backward;
pub(crate) mod batch_norm;
mod conv;
mod forward;
mod net;
pub(crate) mod parallel;
mod pool;
mod rearrange;
mod runner;
#[cfg(test)]
pub(crate) mod tests;
mod value;

pub use backward::{LossGradient, Step};
pub use net::{Net, Parameter};
pub use runner::Runner;
pub(crate) use runner::{Sink, Source};
pub use value::Value;

use pool::Pool;
