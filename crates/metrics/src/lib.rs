//! Images in, numbers out.
//!
//! A measure takes images and returns numbers; it changes no image and opens no file. Every
//! convention that published figures disagree about (range, window, border, gray conversion) is a
//! named option.

mod angular_error;
pub mod damage;
mod error;
pub mod features;
pub mod full_reference;
pub mod no_reference;
mod roc;
pub mod search;
pub mod sets;

pub use angular_error::{recovery_error, reproduction_error};
pub use error::MetricError;
pub use roc::{RocPoint, roc_auc, roc_curve};
