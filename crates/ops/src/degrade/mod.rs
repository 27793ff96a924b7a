//! Seeded, reproducible damage for tests and training.
