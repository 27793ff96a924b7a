//! Sets of vectors: groups in one, and how far apart two are.
//!
//! Rows of features (`f32`, `dims` numbers each, one after the other) come from any extractor. What needs
//! all rows takes them in pieces ([`Moments`]); what compares every pair takes a sample ([`Reservoir`]).

mod birthday_paradox;
mod frechet_distance;
mod inception_score;
mod intervals;
mod k_means;
mod kernel_inception_distance;
mod label_errors;
mod local_outlier_factor;
mod memorization;
mod moments;
mod precision_recall;
mod reservoir;
mod rows;
mod tiles;

pub use birthday_paradox::{BirthdayParadox, ClosePair, Support, birthday_paradox, nearest_pair};
pub use frechet_distance::{FrechetDistance, frechet_distance, frechet_jackknife};
pub use inception_score::{InceptionScore, inception_score};
pub use intervals::{Estimate, Mean, Share};
pub use k_means::{KMeans, KMeansFit, k_means};
pub use kernel_inception_distance::{
    KernelDistance, KernelInceptionDistance, Pairs, kernel_inception_distance,
};
pub use label_errors::{LabelErrors, LabelSuspect, label_errors, neighbor_votes};
pub use local_outlier_factor::local_outlier_factor;
pub use memorization::{
    Cell, Memorization, MemorizationReport, MemorizationTest, Suspect, memorization,
};
pub use moments::{Gaussian, Moments, PartedMoments};
pub use precision_recall::{Overlap, PrecisionRecall, precision_recall};
pub use reservoir::Reservoir;
