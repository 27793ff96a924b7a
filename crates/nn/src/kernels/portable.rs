//! Four numbers at once in plain Rust: SSE2 or NEON by the compiler, and the oracle of the others.

use super::gemm::{self, Product};
use super::lane::Lane;
use super::winograd::{self, Job};

#[derive(Clone, Copy)]
pub struct F32x4([f32; 4]);

impl F32x4 {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

// SAFETY: no special instructions.
unsafe impl Lane for F32x4 {
    const WIDTH: usize = 4;
    const REGISTERS: usize = if cfg!(target_arch = "aarch64") { 32 } else { 16 };
    #[inline(always)]
    unsafe fn multiply(p: &Product) {
        // SAFETY: the caller's.
        unsafe { product(p) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's pointer is good for four numbers.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: the caller's pointer is good for `n` numbers.
        Self(std::array::from_fn(|i| if i < n { unsafe { *from.add(i) } } else { 0.0 }))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's pointer is good for four numbers.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        for (i, &x) in self.0.iter().enumerate().take(n) {
            // SAFETY: the caller's pointer is good for `n` numbers.
            unsafe { *to.add(i) = x }
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul_add(self, other: Self, addend: Self) -> Self {
        // A fused product is one instruction on 64-bit Arm, and a slow call on x86-64 without FMA.
        if cfg!(target_arch = "aarch64") {
            Self(std::array::from_fn(|i| self.0[i].mul_add(other.0[i], addend.0[i])))
        } else {
            Self(std::array::from_fn(|i| self.0[i] * other.0[i] + addend.0[i]))
        }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
}

/// # Safety
/// See [`gemm::product`].
pub unsafe fn product(p: &Product) {
    // SAFETY: the caller's.
    unsafe { gemm::product::<F32x4>(p) }
}

/// # Safety
/// See [`winograd::run`].
pub unsafe fn winograd(job: &Job) {
    // SAFETY: the caller's.
    unsafe { winograd::run::<F32x4>(job) }
}
