//! 8 numbers at once.

use super::gemm::{self, Product};
use super::lane::Lane;
use super::winograd::{self, Job};
use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_max_ps, _mm256_set1_ps, _mm256_storeu_ps,
    _mm256_sub_ps,
};

#[derive(Clone, Copy)]
pub struct F32x8(__m256);

/// All bits set in the first `n` lanes.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn first(n: usize) -> __m256i {
    const ONES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: n <= 8, so the eight numbers lie inside the sixteen.
    unsafe { _mm256_loadu_si256(ONES.as_ptr().add(8 - n.min(8)).cast()) }
}

// SAFETY: used only below, where AVX2 and FMA is enabled.
unsafe impl Lane for F32x8 {
    const WIDTH: usize = 8;
    const REGISTERS: usize = 16;
    #[inline(always)]
    unsafe fn multiply(p: &Product) {
        // SAFETY: the caller's.
        unsafe { product(p) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: see the trait; likewise below.
        Self(unsafe { _mm256_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's pointer.
        Self(unsafe { _mm256_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: lanes that are masked out are not touched.
        Self(unsafe { _mm256_maskload_ps(from, first(n)) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's pointer.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        // SAFETY: lanes that are masked out are not touched.
        unsafe { _mm256_maskstore_ps(to, first(n), self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see the trait.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see the trait.
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, other: Self, addend: Self) -> Self {
        // SAFETY: see the trait.
        Self(unsafe { _mm256_fmadd_ps(self.0, other.0, addend.0) })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: see the trait.
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }
}

/// # Safety
/// The processor has AVX2 and FMA; see [`gemm::product`].
#[target_feature(enable = "avx2,fma")]
pub unsafe fn product(p: &Product) {
    // SAFETY: the caller's.
    unsafe { gemm::product::<F32x8>(p) }
}

/// # Safety
/// The processor has AVX2 and FMA; see [`winograd::run`].
#[target_feature(enable = "avx2,fma")]
pub unsafe fn winograd(job: &Job) {
    // SAFETY: the caller's.
    unsafe { winograd::run::<F32x8>(job) }
}
