//! Denoisers.
