//! Measures of one image alone.
