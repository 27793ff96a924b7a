/// Runs `f` compiled for the widest vector instructions this processor has (AVX-512, AVX2, NEON,
/// or the baseline), chosen at run time.
///
/// Write the body as plain loops over slices; the compiler vectorizes them. The closure **and** every
/// helper it calls must be `#[inline(always)]`, or they are compiled for the baseline (SSE2) only:
///
/// ```
/// # fn row_sum(row: &[f32]) -> f32 { row.iter().sum() }
/// # let row = [1.0; 8];
/// let sum = restora_image::simd(
///     #[inline(always)]
///     || row_sum(&row),
/// );
/// ```
///
/// Check with `objdump -d` that the loop has `zmm` or `ymm` registers. Rust never fuses a
/// multiplication with an addition on its own, so results are the same bytes for every instruction
/// set unless the body calls `mul_add`, which is a slow library call where there is no FMA.
#[inline(always)]
pub fn simd<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}
