//! Denoisers.

pub mod anscombe;
pub mod bm3d;
pub mod impulse;
pub mod lichi;
pub mod nl_means;
pub mod nl_ridge;
pub(crate) mod patch_groups;
pub(crate) mod patch_matching;
pub(crate) mod patch_noise;
pub(crate) mod patch_regression;
pub mod robust_aloha;
pub(crate) mod sliding_dct;
pub mod tv_chambolle;
pub mod wavelet;

pub use anscombe::{anscombe, inverse_anscombe, stabilized};
pub use bm3d::{Bm3d, Bm3dStages, bm3d, bm3d_signal_dependent};
pub use impulse::{
    Impulse, ImpulseKind, fill_scattered, impulse, impulse_mask, random_impulse_share,
};
pub use lichi::{Lichi, lichi, lichi_signal_dependent};
pub use nl_means::{NlMeans, nl_means};
pub use nl_ridge::{NlRidge, nl_ridge, nl_ridge_signal_dependent};
pub use patch_noise::NoiseKind;
pub use robust_aloha::{RobustAloha, robust_aloha};
pub use tv_chambolle::{Coupling, TvChambolle, tv_chambolle};
pub use wavelet::{Shifts, Wavelet, WaveletFilter, wavelet};
