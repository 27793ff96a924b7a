//! Local filters.
