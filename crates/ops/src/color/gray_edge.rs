//! Gray edge: the average difference of a scene is gray, so edges tell the light and large flat
//! surfaces of one color do not.
//!
//! ```text
//! e_c = (mean over the usable pixels of |D v_c|^p)^(1/p)
//! order 1: |D v|^2 = v_x^2 + v_y^2        order 2: |D v|^2 = v_xx^2 + 4 v_xy^2 + v_yy^2
//! ```
//!
//! with derivatives of a Gaussian of standard deviation `sigma` pixels, out to `round(4 sigma)`, the
//! image mirrored beyond the edge (`reflect`).
//!
//! Cost: 4 (order 1) or 6 (order 2) passes of `8 sigma + 1` taps per channel. Linear RGB only. Differs
//! from the paper: the taps of the second derivative are shifted so that they sum to 0, since a
//! sampled kernel would take brightness for an edge.
//!
//! Reference: J. van de Weijer, T. Gevers, A. Gijsenij, "Edge-based color constancy", IEEE TIP 16(9),
//! 2007, doi:10.1109/TIP.2007.901808.

use super::illuminant::{Illuminant, Minkowski, Usable, for_each_usable, require_linear};
use restora_image::{Border, Context, Image, OpError, Plane, PlaneRef, for_each_band, simd};

/// Order of the derivative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeOrder {
    /// Gradients.
    #[default]
    First,
    /// Second derivatives.
    Second,
}

/// Options of [`gray_edge`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GrayEdge {
    /// Order of the derivative.
    pub order: EdgeOrder,
    /// Exponent of the mean, at least 1.
    pub p: f64,
    /// Standard deviation of the Gaussian, in pixels, `0.3..=20`.
    pub sigma: f64,
}

impl Default for GrayEdge {
    /// First order, `p = 6`, `sigma = 1`: on training photographs the error of this one spreads the least.
    fn default() -> Self {
        Self { order: EdgeOrder::First, p: 6.0, sigma: 1.0 }
    }
}

/// The light of a picture in linear RGB by its edges; `None` if there are none among usable pixels.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range; [`OpError::WrongSpace`] for anything but linear
/// RGB; [`OpError::Cancelled`].
pub fn gray_edge(
    linear: &Image,
    options: &GrayEdge,
    usable: Usable,
    cx: &Context,
) -> Result<Option<Illuminant>, OpError> {
    let mut mean = Minkowski::new(options.p)?;
    if !(0.3..=20.0).contains(&options.sigma) {
        return Err(OpError::param("sigma", "in [0.3, 20] pixels", options.sigma));
    }
    require_linear(linear)?;
    if linear.size().is_empty() {
        return Ok(None);
    }
    let mut edges = Vec::with_capacity(3);
    for plane in linear.planes() {
        edges.push(magnitude(plane, options, cx)?);
    }
    let reach = gaussian_derivative(options.sigma, 0).len() / 2;
    let beside = linear.alpha.as_ref().map(|alpha| near_hidden(alpha, reach));
    for_each_usable(linear, usable, cx, |i, _| {
        if beside.as_ref().is_none_or(|beside| !beside[i]) {
            mean.add([edges[0][i], edges[1][i], edges[2][i]].map(f64::from));
        }
    })?;
    Ok(mean.light())
}

/// Is a fully transparent pixel, whose color means nothing, within `reach` rows and columns?
fn near_hidden(alpha: &Plane, reach: usize) -> Vec<bool> {
    let (w, h) = (alpha.size.w(), alpha.size.h());
    let spread = |line: &dyn Fn(usize) -> usize, n: usize, from: &[bool], to: &mut [bool]| {
        let mut last = None;
        // Once up and once down the line.
        for (i, back) in (0..n).map(|i| (i, false)).chain((0..n).rev().map(|i| (i, true))) {
            if back && i + 1 == n {
                last = None;
            }
            if from[line(i)] {
                last = Some(i);
            }
            to[line(i)] |= last.is_some_and(|l: usize| l.abs_diff(i) <= reach);
        }
    };
    let hidden: Vec<bool> = alpha.data.iter().map(|a| *a <= 0.0).collect();
    let (mut rows, mut all) = (vec![false; w * h], vec![false; w * h]);
    (0..h).for_each(|y| spread(&|x| y * w + x, w, &hidden, &mut rows));
    (0..w).for_each(|x| spread(&|y| y * w + x, h, &rows, &mut all));
    all
}

/// `|D v|` of one plane.
fn magnitude(plane: PlaneRef<'_>, options: &GrayEdge, cx: &Context) -> Result<Vec<f32>, OpError> {
    let taps = |order| gaussian_derivative(options.sigma, order);
    let parts: &[(usize, usize, f32)] = match options.order {
        EdgeOrder::First => &[(1, 0, 1.0), (0, 1, 1.0)],
        EdgeOrder::Second => &[(2, 0, 1.0), (1, 1, 4.0), (0, 2, 1.0)],
    };
    let mut sum = vec![0.0_f32; plane.size().len()];
    for (along_x, along_y, weight) in parts {
        let derived = convolved(plane, &taps(*along_x), &taps(*along_y), cx)?;
        for (s, v) in sum.iter_mut().zip(&derived) {
            *s += weight * v * v;
        }
    }
    for v in &mut sum {
        *v = v.sqrt();
    }
    Ok(sum)
}

/// The taps at `-r..=r` of the Gaussian (order 0) or of its derivative.
fn gaussian_derivative(sigma: f64, order: usize) -> Vec<f32> {
    let r = (4.0 * sigma).round().max(1.0) as i32;
    let gauss: Vec<f64> = (-r..=r).map(|x| (-0.5 * (f64::from(x) / sigma).powi(2)).exp()).collect();
    let total: f64 = gauss.iter().sum();
    let variance = sigma * sigma;
    let mut taps: Vec<f64> = (-r..=r)
        .zip(&gauss)
        .map(|(x, g)| {
            let x = f64::from(x);
            let factor = match order {
                0 => 1.0,
                1 => x / variance,
                _ => x * x / (variance * variance) - 1.0 / variance,
            };
            factor * g / total
        })
        .collect();
    if order == 2 {
        let excess = taps.iter().sum::<f64>();
        for (tap, g) in taps.iter_mut().zip(&gauss) {
            *tap -= excess * g / total;
        }
    }
    taps.iter().map(|t| *t as f32).collect()
}

/// Correlation with `along_x` in the rows and `along_y` in the columns, both of odd length.
fn convolved(
    plane: PlaneRef<'_>,
    along_x: &[f32],
    along_y: &[f32],
    cx: &Context,
) -> Result<Vec<f32>, OpError> {
    let (w, h, r) = (plane.width(), plane.height(), along_x.len() / 2);
    let at = |i: isize, n: usize| Border::Reflect.index(i, n).unwrap_or(0);
    let mut rows = vec![0.0; w * h];
    for_each_band(&mut rows, w, 32, cx, |y0, band| {
        let mut wide = vec![0.0; w + 2 * r];
        for (dy, out) in band.chunks_exact_mut(w).enumerate() {
            let row = plane.row(y0 + dy);
            for (i, v) in wide.iter_mut().enumerate() {
                *v = row[at(i as isize - r as isize, w)];
            }
            let shifted: Vec<&[f32]> = (0..along_x.len()).map(|k| &wide[k..k + w]).collect();
            simd(
                #[inline(always)]
                || weighted(&shifted, along_x, out),
            );
        }
        Ok(())
    })?;
    let mut out = vec![0.0; w * h];
    for_each_band(&mut out, w, 32, cx, |y0, band| {
        for (dy, out) in band.chunks_exact_mut(w).enumerate() {
            let y = (y0 + dy) as isize;
            let near: Vec<&[f32]> = (0..along_y.len())
                .map(|k| &rows[at(y + k as isize - r as isize, h) * w..][..w])
                .collect();
            simd(
                #[inline(always)]
                || weighted(&near, along_y, out),
            );
        }
        Ok(())
    })?;
    Ok(out)
}

#[inline(always)]
fn weighted(rows: &[&[f32]], taps: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    for (row, tap) in rows.iter().zip(taps) {
        for (o, v) in out.iter_mut().zip(*row) {
            *o += tap * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::illuminant::tests::{assert_finds_the_light_of_a_gray_scene, gray_scene};
    use super::*;
    use restora_image::{ColorSpace, Size};

    const BOTH: [EdgeOrder; 2] = [EdgeOrder::First, EdgeOrder::Second];

    #[test]
    fn the_light_of_a_gray_scene_is_found_by_both_orders() {
        let cx = Context::default();
        for order in BOTH {
            let options = GrayEdge { order, ..GrayEdge::default() };
            assert_finds_the_light_of_a_gray_scene(|i, u| gray_edge(i, &options, u, &cx));
        }
    }

    #[test]
    fn the_derivatives_of_a_parabola_are_exact() {
        // v = 0.01 x^2 + 0.02 x y: v_x = 0.02 x + 0.02 y, v_y = 0.02 x, v_xx = 0.02, v_xy = 0.02.
        let image = Image::gray_from_fn(Size::new(31, 31), |x, y| {
            let (x, y) = (x as f32 - 15.0, y as f32 - 15.0);
            0.01 * x * x + 0.02 * x * y
        });
        let cx = Context::default();
        for sigma in [1.0, 2.0] {
            let of = |order| {
                let options = GrayEdge { order, sigma, p: 6.0 };
                magnitude(image.plane(0), &options, &cx).unwrap()[17 * 31 + 18]
            };
            let (vx, vy) = (0.02 * 3.0 + 0.02 * 2.0_f32, 0.02 * 3.0_f32);
            // The sampled Gaussian of sigma 1, cut at 4, has a variance 0.1 % below 1.
            assert!((of(EdgeOrder::First) - vx.hypot(vy)).abs() < 4e-4, "{sigma}");
            let second = (0.02_f32.powi(2) + 4.0 * 0.02_f32.powi(2)).sqrt();
            assert!((of(EdgeOrder::Second) - second).abs() < 4e-4, "{sigma}");
        }
    }

    #[test]
    fn a_flat_surface_has_no_vote_however_large_it_is() {
        let mut image = gray_scene([0.9, 0.8, 0.7]);
        let cx = Context::default();
        for order in BOTH {
            let options = GrayEdge { order, ..GrayEdge::default() };
            let flat =
                Image::from_vec(Size::new(9, 8), ColorSpace::LinearRgb, vec![0.4; 216]).unwrap();
            let most =
                magnitude(flat.plane(0), &options, &cx).unwrap().into_iter().fold(0.0, f32::max);
            assert!(most < 1e-6, "{order:?}: {most}");
        }
        // A red wall over half of the picture moves gray world by far and the edges by little.
        for (c, v) in [0.8, 0.1, 0.1].into_iter().enumerate() {
            image.plane_mut(c)[..600].fill(v);
        }
        let error = |light: Option<Illuminant>| {
            let wanted = Illuminant::new([0.9, 0.8, 0.7]).unwrap().log_chroma();
            let found = light.unwrap().log_chroma();
            (found[0] - wanted[0]).hypot(found[1] - wanted[1])
        };
        let edges = gray_edge(&image, &GrayEdge::default(), Usable::default(), &cx).unwrap();
        let world = super::super::gray_world(&image, Usable::default(), &cx).unwrap();
        assert!(error(edges) < 0.1 && error(world) > 0.4, "{} {}", error(edges), error(world));
    }

    #[test]
    fn options_out_of_range_are_errors() {
        let image = gray_scene([1.0, 1.0, 1.0]);
        for bad in [
            GrayEdge { p: 0.9, ..GrayEdge::default() },
            GrayEdge { p: f64::NAN, ..GrayEdge::default() },
            GrayEdge { sigma: 0.1, ..GrayEdge::default() },
            GrayEdge { sigma: f64::NAN, ..GrayEdge::default() },
        ] {
            let result = gray_edge(&image, &bad, Usable::ALL, &Context::default());
            assert!(matches!(result, Err(OpError::Param { .. })), "{bad:?}");
        }
    }
}
