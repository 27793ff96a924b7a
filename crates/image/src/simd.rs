/// Runs `f` compiled for the widest vector instructions this processor has (AVX-512, AVX2, NEON,
/// or the baseline), chosen at run time.
///
/// Write the body as plain loops over slices; the compiler vectorizes them. Helpers called from `f`
/// must be `#[inline(always)]`, or they are compiled for the baseline only. Rust never fuses a
/// multiplication with an addition on its own, so results are the same bytes for every instruction
/// set unless the body calls `mul_add`, which is a slow library call where there is no FMA.
#[inline(always)]
pub fn simd<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}
