//! A vector of floats, as wide as the processor has it.

use super::gemm::Product;

/// Arithmetic on `WIDTH` numbers at once.
///
/// # Safety
/// Every method may use instructions that only processors of that level have, so all of them are
/// called from functions that enable those (`#[target_feature]`) after the processor was asked.
/// Pointers must be good for the numbers read or written.
pub unsafe trait Lane: Copy {
    /// Numbers in one vector.
    const WIDTH: usize;
    /// Vector registers of the processor.
    const REGISTERS: usize;
    /// All `x`.
    unsafe fn splat(x: f32) -> Self;
    /// Reads `WIDTH` numbers.
    unsafe fn load(from: *const f32) -> Self;
    /// Reads the first `n < WIDTH` numbers; the others are 0.
    unsafe fn load_first(from: *const f32, n: usize) -> Self;
    /// Writes `WIDTH` numbers.
    unsafe fn store(self, to: *mut f32);
    /// Writes the first `n < WIDTH` numbers.
    unsafe fn store_first(self, to: *mut f32, n: usize);
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self * other + addend`, rounded once where the processor can.
    unsafe fn mul_add(self, other: Self, addend: Self) -> Self;
    /// The larger of two.
    unsafe fn max(self, other: Self) -> Self;

    /// The matrix product with these vectors.
    unsafe fn multiply(product: &Product);

    /// Reads all, or the first `n`.
    #[inline(always)]
    unsafe fn read<const FULL: bool>(from: *const f32, n: usize) -> Self {
        // SAFETY: the caller's.
        unsafe { if FULL { Self::load(from) } else { Self::load_first(from, n) } }
    }

    /// Writes all, or the first `n`.
    #[inline(always)]
    unsafe fn write<const FULL: bool>(self, to: *mut f32, n: usize) {
        // SAFETY: the caller's.
        unsafe { if FULL { self.store(to) } else { self.store_first(to, n) } }
    }
}
