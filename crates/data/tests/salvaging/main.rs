//! What is left of damaged files: everything that can be known, and an exact mask of the rest.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod damaged;
mod exact;
mod support;
