//! Measures of a distorted image against its reference.
//!
//! All take `(reference, distorted, &options, cx)`, compare colors only (alpha is left out), sum in
//! `f64` and give the same bytes for any number of threads. [`Measure`] lists them.

mod compare;
mod conventions;
mod cosine;
mod delta_e;
mod ergas;
mod euclidean;
mod gmsd;
mod haar_psi;
mod histogram_distance;
mod mae;
mod maps;
mod measure;
mod moments;
mod ms_gmsd;
mod ms_ssim;
mod mse;
mod nmi;
mod nrmse;
mod psnr;
mod spectral_angle;
mod ssim;
mod uqi;
mod vif;
mod within;

pub use compare::{CompareOptions, Comparison, INFO as COMPARE_INFO, compare};
pub use conventions::{GrayConversion, OutOfRange, Unit};
pub use cosine::{Cosine, cosine};
pub use delta_e::{ColorDifference, DeltaE, DeltaEFormula, delta_e};
pub use ergas::{Ergas, ergas};
pub use euclidean::{Euclidean, euclidean};
pub use gmsd::{Gmsd, gmsd};
pub use haar_psi::{HaarPsi, haar_psi};
pub use histogram_distance::{HistogramDistance, HistogramRule, histogram_distance};
pub use mae::{Mae, mae};
pub use measure::{Direction, Measure, MeasureFacts, Scores, measure};
pub use ms_gmsd::{MsGmsd, ms_gmsd};
pub use ms_ssim::{MsSsim, Pooling, ms_ssim};
pub use mse::{Mse, mse};
pub use nmi::{Nmi, nmi};
pub use nrmse::{ErrorNorm, Nrmse, nrmse};
pub use psnr::{Psnr, psnr};
pub use spectral_angle::{BlackPixels, SpectralAngle, spectral_angle};
pub use ssim::{Ssim, SsimBorder, Window, ssim};
pub use uqi::{Uqi, UqiWindow, uqi};
pub use vif::{Vif, vif};
pub use within::compare_within;
