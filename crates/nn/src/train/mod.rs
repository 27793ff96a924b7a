//! Training: loss, optimizer, schedule, and the state between two steps.

mod loss;
mod muon;
mod optimizer;
mod schedule;
mod trainer;

pub use loss::Loss;
pub use optimizer::Optimizer;
pub use schedule::Schedule;
pub use trainer::{Batch, Report, Trainer, TrainerOptions};
