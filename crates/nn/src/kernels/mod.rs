//! The hot loops: matrix product and Winograd convolution, each written once over vectors of any
//! width and compiled for AVX-512, AVX2 and the baseline (SSE2 or NEON), chosen at run time.
//!
//! This is the only place of the crate with `unsafe`. Every function that others may call checks its
//! slices first; behind it the pointers stay inside them.
#![expect(unsafe_code, reason = "vector instructions and disjoint writes from several threads")]
#![expect(clippy::too_many_arguments, reason = "a matrix product has nine arguments")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod gemm;
mod lane;
mod portable;
mod winograd;

pub use gemm::{MatrixRef, gemm};
pub use winograd::{Epilogue, Geometry, Winograd};

use std::sync::OnceLock;

/// The vector instructions that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// 16 numbers at once.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 8 numbers at once, with fused multiply and add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What every processor of this kind has: SSE2 on x86-64, NEON on 64-bit Arm.
    Baseline,
}

/// The widest level of this processor.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Level::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Level::Avx2;
            }
        }
        Level::Baseline
    })
}

/// All levels that this processor can run, for tests that hold them against each other.
#[cfg(test)]
pub fn levels() -> Vec<Level> {
    let all = [
        #[cfg(target_arch = "x86_64")]
        Level::Avx512,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2,
        Level::Baseline,
    ];
    let widest = all.iter().position(|&l| l == level()).unwrap_or(0);
    all[widest..].to_vec()
}

/// A pointer that threads may share because each writes to places of its own.
#[derive(Clone, Copy)]
struct Shared(*mut f32);
// SAFETY: whoever makes one sees to it that no two threads touch the same place.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn get(self) -> *mut f32 {
        self.0
    }
}
