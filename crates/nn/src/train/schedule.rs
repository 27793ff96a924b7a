//! The learning rate over time.

use crate::NnError;
use serde::{Deserialize, Serialize};

/// Rises from 0 over the warm-up, then falls along half a cosine to `floor` times its peak
/// (Loshchilov and Hutter 2017, arXiv 1608.03983), or stays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f32,
    /// Steps until it is reached.
    pub warm_up: u64,
    /// Falls along a cosine; otherwise stays at the peak.
    pub cosine: bool,
    /// The last rate as a part of the peak.
    pub floor: f32,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { peak: 1e-3, warm_up: 200, cosine: true, floor: 1e-3 }
    }
}

impl Schedule {
    /// # Errors
    /// [`NnError::Param`] if an option is out of range.
    pub fn validate(&self) -> Result<(), NnError> {
        if !(self.peak > 0.0 && self.peak.is_finite()) {
            return Err(NnError::Param(format!(
                "the learning rate must be above 0, got {}",
                self.peak
            )));
        }
        if !(0.0..=1.0).contains(&self.floor) {
            return Err(NnError::Param(format!("`floor` must be in 0..=1, got {}", self.floor)));
        }
        Ok(())
    }

    /// The rate of step `step` (from 0) of `steps`.
    pub fn rate(&self, step: u64, steps: u64) -> f32 {
        if step < self.warm_up {
            return self.peak * (step + 1) as f32 / self.warm_up as f32;
        }
        if !self.cosine {
            return self.peak;
        }
        let whole = steps.saturating_sub(self.warm_up).max(1) as f64;
        let at = ((step - self.warm_up) as f64 / whole).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * at).cos()) as f32;
        self.peak * (self.floor + (1.0 - self.floor) * cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_falls_and_ends_at_the_floor() {
        let s = Schedule { peak: 2.0, warm_up: 10, cosine: true, floor: 0.1 };
        assert_eq!(s.rate(0, 110), 0.2);
        assert_eq!(s.rate(9, 110), 2.0);
        assert_eq!(s.rate(10, 110), 2.0);
        assert!((s.rate(60, 110) - 1.1).abs() < 1e-6);
        assert!((s.rate(110, 110) - 0.2).abs() < 1e-6);
        assert_eq!(Schedule { cosine: false, ..s }.rate(100, 110), 2.0);
    }
}
