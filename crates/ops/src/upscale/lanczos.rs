//! Lanczos interpolation: the ideal low-pass filter, windowed by the middle lobe of a wider one.
//!
//! ```text
//! out(u) = sum_k h(u - k) in(k) / sum_k h(u - k),    h(x) = sinc(x) sinc(x / a),  |x| < a
//! ```
//!
//! The weights of each phase are scaled to sum 1, so that a constant stays one. Cost: `2 a (1 + 1/s)`
//! multiplications per pixel of the result. The image is mirrored about its edges; every plane for itself, in any
//! color space; opacity in the same way, within `[0, 1]`. Steps and thin lines get halos (about 8 % of a step
//! for three lobes).
//!
//! Reference: C. E. Duchon, "Lanczos filtering in one and two dimensions", Journal of Applied Meteorology 18(8),
//! 1979, doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2.

use super::polyphase::{HIDDEN_REACH, Polyphase};
use super::{FACTOR, check_factor};
use restora_image::{Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample, Scale};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Options of [`lanczos`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lanczos {
    /// How many times wider and higher: 2, 3 or 4.
    pub factor: u32,
    /// Lobes of the kernel on each side, `2..=5`.
    pub lobes: u32,
}

impl Default for Lanczos {
    fn default() -> Self {
        Self { factor: 2, lobes: 3 }
    }
}

/// Name, paper and parameters of [`lanczos`].
pub const INFO: OpInfo = OpInfo {
    id: "lanczos",
    title: "Lanczos interpolation",
    family: "upscale",
    paper: "C. E. Duchon, Lanczos filtering in one and two dimensions, J. Appl. Meteorology 18(8), 1979, \
            doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2",
    params: &[
        FACTOR,
        ParamInfo {
            name: "lobes",
            symbol: "a",
            unit: "",
            range: "2..=5",
            default: "3",
            doc: "lobes of the kernel on each side: more are sharper and ring further",
        },
    ],
};

/// Enlarges an image.
///
/// # Errors
/// [`OpError::Param`]; [`OpError::Input`] if the result would be too large to be addressed;
/// [`OpError::Cancelled`].
pub fn lanczos(image: &Image, options: &Lanczos, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    taps(options.factor, options.lobes).resize(image, cx)
}

/// The taps of each phase.
pub(crate) fn taps(factor: u32, lobes: u32) -> Polyphase {
    let a = f64::from(lobes);
    Polyphase::enlarging(factor, lobes, |x| if x.abs() < a { sinc(x) * sinc(x / a) } else { 0.0 })
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

impl Operation for Lanczos {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        check_factor(self.factor)?;
        if !(2..=5).contains(&self.lobes) {
            return Err(OpError::param("lobes", "in 2..=5", self.lobes));
        }
        Ok(())
    }

    fn reach(&self) -> Option<u32> {
        Some(self.lobes + HIDDEN_REACH)
    }

    fn scale(&self) -> Scale {
        Scale::Up(self.factor)
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        let image = lanczos(&sample.image, self, cx)?;
        sample.resized(image, self.scale());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    #[test]
    fn every_factor_keeps_the_contract() {
        for (factor, lobes) in [(2, 3), (3, 2), (4, 5)] {
            let options = Lanczos { factor, lobes };
            assert_contract(&options, &synthetic_rgb(Size::new(50, 60)));
        }
        assert_info_matches(&INFO, &Lanczos::default());
    }

    #[test]
    fn it_equals_the_formula_at_every_place() {
        let image = synthetic_rgb(Size::new(19, 16));
        for factor in 2..=4 {
            let options = Lanczos { factor, lobes: 3 };
            let out = lanczos(&image, &options, &Context::default()).unwrap();
            // Along a row, where all rows are alike.
            let row = Image::gray_from_fn(Size::new(19, 3), |x, _| image.plane(0).at(x, 7));
            let flat = lanczos(&row, &options, &Context::default()).unwrap();
            for x in 0..19 * factor as usize {
                let at = (x as f64 + 0.5) / f64::from(factor) - 0.5;
                let (mut sum, mut weights) = (0.0, 0.0);
                for k in -4i32..24 {
                    let d = at - f64::from(k);
                    if d.abs() < 3.0 {
                        let h = sinc(d) * sinc(d / 3.0);
                        let inside = (if k < 0 {
                            -1 - k
                        } else if k > 18 {
                            37 - k
                        } else {
                            k
                        }) as usize;
                        sum += h * f64::from(row.plane(0).at(inside, 0));
                        weights += h;
                    }
                }
                let got = f64::from(flat.plane(0).at(x, 4));
                assert!((got - sum / weights).abs() < 1e-6, "{got} {}", sum / weights);
            }
            assert_eq!(out.size(), Size::new(19 * factor, 16 * factor));
        }
    }

    #[test]
    fn constants_stay_and_a_ramp_stays_within_a_fortieth_of_its_step() {
        let mut flat = Image::zeros(Size::new(9, 8), ColorSpace::Gray);
        flat.data_mut().fill(0.7);
        let ramp = Image::gray_from_fn(Size::new(40, 8), |x, _| x as f32);
        for factor in 2..=4 {
            let options = Lanczos { factor, lobes: 3 };
            let out = lanczos(&flat, &options, &Context::default()).unwrap();
            assert!(out.data().iter().all(|v| (v - 0.7).abs() < 1e-6));
            let out = lanczos(&ramp, &options, &Context::default()).unwrap();
            for x in 5 * factor..35 * factor {
                let want = (f64::from(x) + 0.5) / f64::from(factor) - 0.5;
                let got = f64::from(out.plane(0).at(x as usize, 9));
                // The kernel is no exact interpolator of ramps: up to 2 % of a step off.
                assert!((got - want).abs() < 0.025, "{got} {want}");
            }
        }
    }

    #[test]
    fn options_out_of_range_are_errors() {
        for (factor, lobes) in [(1, 3), (5, 3), (2, 1), (2, 6)] {
            let bad = Lanczos { factor, lobes };
            assert!(matches!(bad.validate(), Err(OpError::Param { .. })), "{bad:?}");
        }
    }
}
