//! The command as a user meets it.

mod learned;
mod learning;
mod pictures;
mod support;
