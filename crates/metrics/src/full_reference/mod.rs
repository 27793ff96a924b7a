//! Measures of a distorted image against its reference.
