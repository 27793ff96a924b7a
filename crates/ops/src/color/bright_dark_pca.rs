//! Bright-and-dark PCA: the brightest and the darkest pixels, by their projection on the mean color,
//! span the line of the light.
//!
//! ```text
//! d_i = v_i . m / |m|,    m = mean v
//! S = the n % of the pixels with the largest d and the n % with the smallest
//! e = first eigenvector of sum over S of v v^T
//! ```
//!
//! Cost: one sort. Linear RGB only. As the paper, the eigenvectors are those of the second moments,
//! not centered: the line goes through black.
//!
//! Reference: D. Cheng, D. K. Prasad, M. S. Brown, "Illuminant estimation for color constancy: why
//! spatial-domain methods work and the role of the color distribution", JOSA A 31(5), 2014,
//! doi:10.1364/JOSAA.31.001049.

use super::illuminant::{Illuminant, Usable, for_each_usable};
use restora_image::{Context, Image, OpError};

/// The light of a picture in linear RGB by the principal direction of the brightest and darkest
/// `share` (above 0, at most 0.5) of the usable pixels; `None` if they say nothing. The paper's share
/// is 0.035.
///
/// # Errors
/// [`OpError::Param`] if the share is out of range; [`OpError::WrongSpace`] for anything but linear
/// RGB; [`OpError::Cancelled`].
pub fn bright_dark_pca(
    linear: &Image,
    share: f64,
    usable: Usable,
    cx: &Context,
) -> Result<Option<Illuminant>, OpError> {
    if !(share > 0.0 && share <= 0.5) {
        return Err(OpError::param("share", "in (0, 0.5]", share));
    }
    let (mut pixels, mut mean) = (Vec::new(), [0.0; 3]);
    for_each_usable(linear, usable, cx, |_, rgb| {
        for (m, v) in mean.iter_mut().zip(rgb) {
            *m += v;
        }
        pixels.push(rgb);
    })?;
    if pixels.is_empty() {
        return Ok(None);
    }
    // The length of the mean does not change the order.
    let mut order: Vec<(f64, usize)> =
        pixels.iter().enumerate().map(|(i, v)| (dot(*v, mean), i)).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let count = (share * order.len() as f64).ceil() as usize;
    let (dark, bright) = (&order[..count], &order[order.len() - count..]);
    let mut moments = [[0.0; 3]; 3];
    for (_, i) in dark.iter().chain(bright) {
        let v = pixels[*i];
        for (row, a) in moments.iter_mut().zip(v) {
            for (m, b) in row.iter_mut().zip(v) {
                *m += a * b;
            }
        }
    }
    Ok(Illuminant::new(first_eigenvector(moments)))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The eigenvector of the largest eigenvalue of a symmetric matrix, with parts of positive sum: by
/// repeated squaring, which doubles the exponent of the power iteration every time.
fn first_eigenvector(mut m: [[f64; 3]; 3]) -> [f64; 3] {
    for _ in 0..40 {
        let norm = m.iter().flatten().map(|v| v * v).sum::<f64>().sqrt();
        if norm == 0.0 {
            return [0.0; 3];
        }
        let scaled = m.map(|row| row.map(|v| v / norm));
        m = std::array::from_fn(|i| std::array::from_fn(|j| dot(scaled[i], scaled[j])));
    }
    let longest = m.iter().max_by(|a, b| dot(**a, **a).total_cmp(&dot(**b, **b)));
    let v = longest.copied().unwrap_or_default();
    if v.iter().sum::<f64>() < 0.0 { v.map(|x| -x) } else { v }
}

#[cfg(test)]
mod tests {
    use super::super::illuminant::tests::{assert_finds_the_light_of_a_gray_scene, gray_scene};
    use super::*;

    #[test]
    fn the_light_of_a_gray_scene_is_found_and_midtones_do_not_matter() {
        let cx = Context::default();
        for share in [0.035, 0.5] {
            assert_finds_the_light_of_a_gray_scene(|i, u| bright_dark_pca(i, share, u, &cx));
        }
        // Midtones of any color leave the estimate as it was.
        let mut image = gray_scene([0.9, 0.8, 0.7]);
        for i in 0..image.size().len() {
            if (0.4..0.5).contains(&image.plane_data(1)[i]) {
                image.plane_mut(0)[i] *= 0.9;
            }
        }
        let found = bright_dark_pca(&image, 0.035, Usable::default(), &cx).unwrap().unwrap();
        let wanted = Illuminant::new([0.9, 0.8, 0.7]).unwrap();
        assert!(found.rgb().iter().zip(wanted.rgb()).all(|(a, b)| (a - b).abs() < 1e-6));
        let bad = bright_dark_pca(&image, 0.6, Usable::default(), &cx);
        assert!(matches!(bad, Err(OpError::Param { .. })));
    }

    #[test]
    fn the_eigenvector_satisfies_its_equation() {
        let m = [[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 1.0]];
        let v = first_eigenvector(m);
        let mv = m.map(|row| dot(row, v));
        let lambda = dot(mv, v) / dot(v, v);
        assert!(mv.iter().zip(v).all(|(a, b)| (a - lambda * b).abs() < 1e-12), "{v:?}");
        // Largest of the three: trace 8, and the other two are below 4.
        assert!(lambda > 4.5 && lambda < 5.0, "{lambda}");
        assert_eq!(first_eigenvector([[0.0; 3]; 3]), [0.0; 3]);
    }
}
