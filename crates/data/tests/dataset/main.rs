//! Sets of pictures: their forms, their damage, the real ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod damage;
mod forms;
mod shared;
mod support;
mod tables;
