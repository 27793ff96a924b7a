//! Which vector instructions are used.

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
    #[cfg(test)]
    if let Some(level) = FORCED.get() {
        return level;
    }
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

#[cfg(test)]
thread_local! {
    /// The level that a test wants on its own thread.
    static FORCED: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
}

/// Runs `f`, which keeps to this thread, at a level that the processor has.
#[cfg(test)]
pub fn at_level<R>(level: Level, f: impl FnOnce() -> R) -> R {
    assert!(levels().contains(&level), "not on this processor");
    FORCED.set(Some(level));
    let result = f();
    FORCED.set(None);
    result
}
