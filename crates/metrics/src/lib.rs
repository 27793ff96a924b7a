//! Images in, numbers out.

pub mod full_reference;
pub mod no_reference;
