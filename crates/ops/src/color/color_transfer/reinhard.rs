//! Mean and deviation of each channel in the decorrelated space `l alpha beta` become those of the
//! reference.
//!
//! ```text
//! (l, a, b) = D log10(L M S)        y_k = s_r / s_s (x_k - m_s) + m_r
//! ```
//!
//! Cost: three logarithms, three exponentials and the curve of sRGB twice per pixel. Differs from the
//! paper in that cone responses are taken from linear light, that they are held above a fifth of the
//! first step of 8 bits (black has no logarithm), and that deviations are held above 0.001.
//!
//! Reference: E. Reinhard, M. Ashikhmin, B. Gooch, P. Shirley, "Color transfer between images", IEEE
//! Computer Graphics and Applications 21(5), 2001, doi:10.1109/38.946629.

use super::super::light::{decoded, encoded};
use super::palette::Moments;

/// Linear RGB to cone responses, eq. (3).
const TO_LMS: [[f32; 3]; 3] =
    [[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]];
/// Its inverse, eq. (9), to the digits that `f32` holds: the paper's four do not lead back.
const TO_RGB: [[f32; 3]; 3] = [
    [4.468_67, -3.588_676, 0.119_604_36],
    [-1.219_716_6, 2.383_088, -0.162_630_13],
    [0.058_508_47, -0.261_078_43, 1.205_666],
];
/// A fifth of the linear light of 1/255 in sRGB.
const BLACK: f32 = 6e-5;
const DEVIATION: f64 = 1e-3;

/// Factors and offsets in `l alpha beta`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Statistics {
    factor: [f32; 3],
    offset: [f32; 3],
}

/// The map between two pictures by their moments in `l alpha beta`.
pub(super) fn reinhard(source: &Moments, reference: &Moments) -> Statistics {
    let deviation = |m: &Moments, k: usize| m.covariance()[k][k].max(0.0).sqrt().max(DEVIATION);
    let factor: [f64; 3] = std::array::from_fn(|k| deviation(reference, k) / deviation(source, k));
    let (from, to) = (source.mean(), reference.mean());
    Statistics {
        factor: factor.map(|v| v as f32),
        offset: std::array::from_fn(|k| (to[k] - factor[k] * from[k]) as f32),
    }
}

impl Statistics {
    #[inline]
    pub fn at(&self, srgb: [f32; 3]) -> [f32; 3] {
        let lab = to_l_alpha_beta(srgb);
        from_l_alpha_beta(std::array::from_fn(|k| self.factor[k] * lab[k] + self.offset[k]))
    }
}

/// sRGB to `l alpha beta`, eq. (4) to (6).
#[inline]
pub(super) fn to_l_alpha_beta(srgb: [f32; 3]) -> [f32; 3] {
    let rgb = srgb.map(decoded);
    let [l, m, s] = times(&TO_LMS, rgb).map(|v| v.max(BLACK).log10());
    let root = |n: f32| n.sqrt().recip();
    [root(3.0) * (l + m + s), root(6.0) * (l + m - 2.0 * s), root(2.0) * (l - m)]
}

fn from_l_alpha_beta([l, a, b]: [f32; 3]) -> [f32; 3] {
    let root = |n: f32| n.sqrt().recip();
    let (l, a, b) = (root(3.0) * l, root(6.0) * a, root(2.0) * b);
    // No cone answers more than to a light a million times white.
    let lms = [l + a + b, l + a - b, l - 2.0 * a].map(|v| 10.0_f32.powf(v.min(6.0)));
    times(&TO_RGB, lms).map(encoded)
}

#[inline]
fn times(m: &[[f32; 3]; 3], v: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|k| m[k][0] * v[0] + m[k][1] * v[1] + m[k][2] * v[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_space_goes_there_and_back_and_gray_has_little_color() {
        for srgb in [[0.2, 0.5, 0.9], [0.9, 0.1, 0.05], [1.0, 1.0, 1.0], [0.01, 0.02, 0.01]] {
            let back = from_l_alpha_beta(to_l_alpha_beta(srgb));
            assert!(back.iter().zip(srgb).all(|(a, b)| (a - b).abs() < 2e-4), "{srgb:?} {back:?}");
        }
        let [_, a, b] = to_l_alpha_beta([0.5, 0.5, 0.5]);
        assert!(a.abs() < 0.01 && b.abs() < 0.01, "{a} {b}");
        assert!(from_l_alpha_beta(to_l_alpha_beta([0.0; 3])).iter().all(|v| v.abs() < 1e-3));
    }

    #[test]
    fn mean_and_deviation_become_those_of_the_reference() {
        let colors = |scale: f32| {
            (0..500).map(move |i: u16| {
                let t = f32::from(i) / 500.0;
                [0.2 + 0.5 * t * scale, 0.3 + 0.4 * (t * 9.0).sin().abs() * scale, 0.6 - 0.3 * t]
            })
        };
        let moments = |scale: f32| {
            let mut m = Moments::default();
            colors(scale).for_each(|c| m.add(to_l_alpha_beta(c)));
            m
        };
        let (source, reference) = (moments(1.0), moments(0.5));
        let map = reinhard(&source, &reference);
        let mut after = Moments::default();
        colors(1.0).for_each(|c| after.add(to_l_alpha_beta(map.at(c))));
        for k in 0..3 {
            assert!((after.mean()[k] - reference.mean()[k]).abs() < 1e-4);
            let ratio = after.covariance()[k][k] / reference.covariance()[k][k];
            assert!((ratio - 1.0).abs() < 1e-3, "{k}: {ratio}");
        }
    }
}
