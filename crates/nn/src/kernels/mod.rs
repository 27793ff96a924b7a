//! The hot loops: matrix product and Winograd convolution, each written once over vectors of any
//! width and compiled for AVX-512, AVX2 and the baseline (SSE2 or NEON), chosen at run time.
//!
//! This is the only place of the crate with `unsafe`. Every function that others may call checks its
//! slices first; behind it the pointers stay inside them.
#![expect(unsafe_code, reason = "vector instructions and disjoint writes from several threads")]

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod gemm;
mod lane;
mod level;
mod portable;
mod shared;
mod winograd;

pub use aligned::Aligned;
pub use gemm::{MatrixRef, gemm, gemm_in_tiles};
pub use level::{Level, level};
#[cfg(test)]
pub use level::{at_level, levels};
pub use winograd::{Band, Epilogue, Geometry, Winograd};
