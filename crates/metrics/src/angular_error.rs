//! Errors of an estimated illuminant, as angles between colors in linear RGB.
//!
//! ```text
//! recovery      = angle(estimate, truth)
//! reproduction  = angle(truth / estimate, (1, 1, 1))      part by part
//! ```
//!
//! The recovery error is the one of most tables. The reproduction error is how far from gray a white
//! surface comes out, and does not depend on the light that the scene was under.
//!
//! Reference: G. D. Finlayson, R. Zakizadeh, "Reproduction angular error: an improved performance metric
//! for illuminant estimation", BMVC 2014, doi:10.5244/C.28.26.

/// The angle between two colors in degrees, `0..=180`; NaN if one of them is black or not finite.
pub fn recovery_error(estimate: [f64; 3], truth: [f64; 3]) -> f64 {
    let norm = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let (a, b) = (norm(estimate), norm(truth));
    let [x, y] = [estimate.map(|v| v / a), truth.map(|v| v / b)];
    // Stable for small angles, where the arc cosine has lost half of its digits.
    let apart = norm([x[0] - y[0], x[1] - y[1], x[2] - y[2]]);
    let sum = norm([x[0] + y[0], x[1] + y[1], x[2] + y[2]]);
    (2.0 * apart.atan2(sum)).to_degrees()
}

/// The angle to gray of a white surface that was corrected by the estimate, in degrees; NaN if it is black
/// or not finite.
pub fn reproduction_error(estimate: [f64; 3], truth: [f64; 3]) -> f64 {
    recovery_error(std::array::from_fn(|c| truth[c] / estimate[c]), [1.0; 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_those_of_geometry_whatever_the_lengths() {
        assert!((recovery_error([1.0, 0.0, 0.0], [0.0, 5.0, 0.0]) - 90.0).abs() < 1e-12);
        assert!((recovery_error([1.0, 1.0, 0.0], [3.0, 0.0, 0.0]) - 45.0).abs() < 1e-12);
        assert_eq!(recovery_error([0.2, 0.4, 0.6], [0.2, 0.4, 0.6]), 0.0);
        let small = recovery_error([1.0, 1e-7, 0.0], [1.0, 0.0, 0.0]).to_radians();
        assert!((small / 1e-7 - 1.0).abs() < 1e-6, "{small}");
        assert!(recovery_error([0.0; 3], [1.0; 3]).is_nan());
    }

    #[test]
    fn the_reproduction_error_is_blind_to_the_light_of_the_scene() {
        let error =
            |light: [f64; 3]| reproduction_error([light[0] * 1.1, light[1], light[2] * 0.8], light);
        let base = error([1.0, 1.0, 1.0]);
        assert!(base > 5.0 && (error([1.0, 0.5, 0.2]) - base).abs() < 1e-12);
        assert!(reproduction_error([0.3, 0.6, 0.9], [1.0, 2.0, 3.0]) < 1e-12);
    }
}
