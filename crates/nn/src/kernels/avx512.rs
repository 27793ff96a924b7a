//! 16 numbers at once.

use super::gemm::{self, Product};
use super::lane::Lane;
use super::winograd::{self, Job};
use std::arch::x86_64::{
    __m512, __mmask16, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_set1_ps, _mm512_storeu_ps, _mm512_sub_ps,
};

#[derive(Clone, Copy)]
pub struct F32x16(__m512);

#[inline(always)]
fn first(n: usize) -> __mmask16 {
    (1_u16 << n) - 1
}

// SAFETY: used only below, where AVX-512F is enabled.
unsafe impl Lane for F32x16 {
    const WIDTH: usize = 16;
    const REGISTERS: usize = 32;
    #[inline(always)]
    unsafe fn multiply(p: &Product) {
        // SAFETY: the caller's.
        unsafe { product(p) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: see the trait; likewise below.
        Self(unsafe { _mm512_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's pointer.
        Self(unsafe { _mm512_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: lanes that are masked out are not touched.
        Self(unsafe { _mm512_maskz_loadu_ps(first(n), from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's pointer.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        // SAFETY: lanes that are masked out are not touched.
        unsafe { _mm512_mask_storeu_ps(to, first(n), self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see the trait.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see the trait.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, other: Self, addend: Self) -> Self {
        // SAFETY: see the trait.
        Self(unsafe { _mm512_fmadd_ps(self.0, other.0, addend.0) })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: see the trait.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }
}

/// # Safety
/// The processor has AVX-512F; see [`gemm::product`].
#[target_feature(enable = "avx512f")]
pub unsafe fn product(p: &Product) {
    // SAFETY: the caller's.
    unsafe { gemm::product::<F32x16>(p) }
}

/// # Safety
/// The processor has AVX-512F; see [`winograd::run`].
#[target_feature(enable = "avx512f")]
pub unsafe fn winograd(job: &Job) {
    // SAFETY: the caller's.
    unsafe { winograd::run::<F32x16>(job) }
}
