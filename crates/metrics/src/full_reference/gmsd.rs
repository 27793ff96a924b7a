//! Gradient magnitude similarity deviation (GMSD).
//!
//! ```text
//! GMS = (2 mx my + c) / (mx^2 + my^2 + c)       GMSD = standard deviation of GMS
//! ```
//!
//! `mx`, `my` are gradient magnitudes by Prewitt's operator (over 3), zeros outside, of the images
//! averaged over 2 x 2 pixels; `c` is 170 in squared 8-bit levels. The paper's MATLAB program and
//! piq to the bit of their arithmetic; an odd size gains a row or column of zeros. Color images are
//! compared by their BT.601 luma (piq).
//!
//! `1 - GMS = (mx - my)^2 / (mx^2 + my^2 + c)` is summed instead, so equal images score exactly 0.
//! One pass per band of rows in `f32`, which holds the sums of 8-bit levels exactly, sums in `f64`.
//!
//! Reference: W. Xue, L. Zhang, X. Mou, A. C. Bovik, "Gradient magnitude similarity deviation: a
//! highly efficient perceptual image quality index", IEEE TIP 23(2), 2014,
//! doi:10.1109/TIP.2013.2293423.

use super::conventions::{measure_options, require_positive};
use crate::MetricError;
use restora_image::{
    Context, Image, OpError, Plane, PlaneRef, Size, for_each_band, map_bands, simd, to_luma,
};

measure_options! {
    /// Options of [`gmsd()`].
    Gmsd, "gmsd", "GMSD",
    "Xue, Zhang, Mou, Bovik, Gradient magnitude similarity deviation, IEEE TIP 23(2), 2014, \
     doi:10.1109/TIP.2013.2293423";
    c: f64 = 170.0, "170.0", "> 0", "keeps flat regions from counting, in squared 8-bit levels";
}

/// Gradient magnitude similarity deviation, 0 for identical images, less is better; symmetric.
///
/// # Errors
/// If the images differ in size or color space, are less than 3 pixels wide or high, are neither
/// gray nor RGB, or `c` is not above 0.
pub fn gmsd(
    reference: &Image,
    distorted: &Image,
    options: &Gmsd,
    cx: &Context,
) -> Result<f64, MetricError> {
    require_positive("c", options.c)?;
    let pair = options.pair(reference, distorted, 3)?;
    let shrunk = |image: &Image| -> Result<Plane, MetricError> {
        match image.channels() {
            1 => Ok(halved(image.plane(0), cx)?),
            _ => Ok(halved(to_luma(image)?.as_ref(), cx)?),
        }
    };
    let (x, y) = (shrunk(&pair.reference)?, shrunk(&pair.distorted)?);
    let white = options.range / 255.0;
    Ok(deviation(x.as_ref(), y.as_ref(), options.c * white * white, 0.0, cx)?)
}

/// Means of 2 x 2 pixels in nominal range; if a size is odd, zeros follow the last row and column.
pub(super) fn halved(plane: PlaneRef, cx: &Context) -> Result<Plane, OpError> {
    let (w, h) = (plane.width(), plane.height());
    let size = Size::new(w.div_ceil(2) as u32, h.div_ceil(2) as u32);
    let mut out = Plane::zeros(size);
    for_each_band(&mut out.data, size.w(), 64, cx, |y0, rows| {
        simd(
            #[inline(always)]
            || {
                for (i, out) in rows.chunks_exact_mut(size.w().max(1)).enumerate() {
                    let y = 2 * (y0 + i);
                    let (top, bottom) = (plane.row(y), (y + 1 < h).then(|| plane.row(y + 1)));
                    mean_of_pairs(top, bottom, out);
                }
            },
        );
        Ok(())
    })?;
    Ok(out)
}

#[inline(always)]
fn mean_of_pairs(top: &[f32], bottom: Option<&[f32]>, out: &mut [f32]) {
    let pairs = top.as_chunks::<2>().0;
    match bottom {
        Some(bottom) => {
            for ((out, a), b) in out.iter_mut().zip(pairs).zip(bottom.as_chunks::<2>().0) {
                *out = 0.25 * ((a[0] + a[1]) + (b[0] + b[1]));
            }
        }
        None => {
            for (out, a) in out.iter_mut().zip(pairs) {
                *out = 0.25 * (a[0] + a[1]);
            }
        }
    }
    if top.len() % 2 == 1
        && let Some(out) = out.get_mut(pairs.len())
    {
        *out = 0.25 * (top[top.len() - 1] + bottom.map_or(0.0, |b| b[b.len() - 1]));
    }
}

/// Standard deviation of the gradient magnitude similarity of two planes of one size, with
/// `masking` as in MS-GMSD, eq. (3); 0 is without.
pub(super) fn deviation(
    x: PlaneRef,
    y: PlaneRef,
    c: f64,
    masking: f32,
    cx: &Context,
) -> Result<f64, OpError> {
    const BAND: usize = 32;
    let (w, h) = (x.width(), x.height());
    let bands = map_bands(h, BAND, cx, |band| {
        Ok(simd(
            #[inline(always)]
            || {
                let mut scratch = Scratch::new(w);
                let mut sums = [0.0; 2];
                for row in band {
                    let d = dissimilarity(x, y, row, c as f32, masking, &mut scratch);
                    sums[0] += d[0];
                    sums[1] += d[1];
                }
                sums
            },
        ))
    })?;
    let n = (w * h) as f64;
    let mean = bands.iter().map(|b| b[0]).sum::<f64>() / n;
    let square = bands.iter().map(|b| b[1]).sum::<f64>() / n;
    let variance = square - mean * mean;
    Ok(if variance < 0.0 { 0.0 } else { variance.sqrt() })
}

/// Rows with a zero on both sides.
struct Scratch {
    nothing: Vec<f32>,
    across: Vec<f32>,
    along: Vec<f32>,
    magnitude: [Vec<f32>; 2],
}

impl Scratch {
    fn new(width: usize) -> Self {
        let row = || vec![0.0; width + 2];
        Self { nothing: row(), across: row(), along: row(), magnitude: [row(), row()] }
    }
}

/// Sum and sum of squares of `1 - GMS` over a row.
#[inline(always)]
fn dissimilarity(
    x: PlaneRef,
    y: PlaneRef,
    row: usize,
    c: f32,
    masking: f32,
    scratch: &mut Scratch,
) -> [f64; 2] {
    const LANES: usize = 16;
    let w = x.width();
    for (plane, out) in [x, y].into_iter().zip(&mut scratch.magnitude) {
        magnitudes(plane, row, &scratch.nothing, &mut scratch.across, &mut scratch.along, out);
    }
    let [mx, my] = &scratch.magnitude;
    let (mut sum, mut square) = ([0.0f64; LANES], [0.0f64; LANES]);
    let ((xs, x_rest), (ys, y_rest)) = (mx[..w].as_chunks::<LANES>(), my[..w].as_chunks::<LANES>());
    let term = |x: f32, y: f32| {
        let d = x - y;
        d * d / (x * x + y * y - masking * x * y + c)
    };
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..LANES {
            let d = term(x[i], y[i]);
            sum[i] += f64::from(d);
            square[i] += f64::from(d * d);
        }
    }
    for (i, (x, y)) in x_rest.iter().zip(y_rest).enumerate() {
        let d = term(*x, *y);
        sum[i] += f64::from(d);
        square[i] += f64::from(d * d);
    }
    [sum.iter().sum(), square.iter().sum()]
}

/// Prewitt gradient magnitudes of one row; zeros outside the plane.
#[inline(always)]
fn magnitudes(
    plane: PlaneRef,
    y: usize,
    nothing: &[f32],
    across: &mut [f32],
    along: &mut [f32],
    out: &mut [f32],
) {
    let (w, h) = (plane.width(), plane.height());
    let row = |y: Option<usize>| y.filter(|y| *y < h).map_or(&nothing[..w], |y| plane.row(y));
    let (up, here, down) = (row(y.checked_sub(1)), row(Some(y)), row(Some(y + 1)));
    let (a, b) = (&mut across[1..=w], &mut along[1..=w]);
    for x in 0..w {
        a[x] = up[x] + here[x] + down[x];
        b[x] = down[x] - up[x];
    }
    let (a, b) = (&across[..w + 2], &along[..w + 2]);
    let out = &mut out[..w];
    for x in 0..w {
        let dx = a[x + 2] - a[x];
        let dy = b[x] + b[x + 1] + b[x + 2];
        out[x] = (dx * dx + dy * dy).sqrt() / 3.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_testkit::{noisy, synthetic, synthetic_rgb};

    /// Straight from the formula in `f64`, in 8-bit levels.
    fn oracle(x: &Image, y: &Image) -> f64 {
        let (w, h) = (x.size().w(), x.size().h());
        let (hw, hh) = (w.div_ceil(2), h.div_ceil(2));
        let magnitude = |image: &Image| -> Vec<f64> {
            let at = |x: usize, y: usize| {
                if x < w && y < h { f64::from(image.plane(0).at(x, y)) * 255.0 } else { 0.0 }
            };
            let small = |x: i64, y: i64| {
                if x < 0 || y < 0 || x >= hw as i64 || y >= hh as i64 {
                    return 0.0;
                }
                let (x, y) = (2 * x as usize, 2 * y as usize);
                (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1)) / 4.0
            };
            let mut out = Vec::new();
            for y in 0..hh as i64 {
                for x in 0..hw as i64 {
                    let side = |i: i64, j: i64| {
                        (-1..=1).map(|k| small(x + i + j * k, y + j + i * k)).sum::<f64>()
                    };
                    let dx = (side(1, 0) - side(-1, 0)) / 3.0;
                    let dy = (side(0, 1) - side(0, -1)) / 3.0;
                    out.push(dx.hypot(dy));
                }
            }
            out
        };
        let (mx, my) = (magnitude(x), magnitude(y));
        let gms: Vec<f64> = mx
            .iter()
            .zip(&my)
            .map(|(x, y)| (2.0 * x * y + 170.0) / (x * x + y * y + 170.0))
            .collect();
        let mean = gms.iter().sum::<f64>() / gms.len() as f64;
        (gms.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gms.len() as f64).sqrt()
    }

    #[test]
    fn the_deviation_is_that_of_the_formula_for_odd_and_even_sizes() {
        for (w, h) in [(3, 3), (64, 48), (65, 48), (64, 47), (71, 53)] {
            let x = synthetic(Size::new(w, h));
            let y = noisy(&x, 0.1, 3);
            let got = gmsd(&x, &y, &Gmsd::default(), &Context::default()).unwrap();
            assert!((got - oracle(&x, &y)).abs() < 1e-6, "{w}x{h}: {got} {}", oracle(&x, &y));
        }
    }

    #[test]
    fn threads_and_range_do_not_change_the_score() {
        let x = synthetic_rgb(Size::new(150, 170));
        let y = noisy(&x, 0.1, 3);
        let one = gmsd(&x, &y, &Gmsd::default(), &Context::default());
        assert_eq!(gmsd(&x, &y, &Gmsd::default(), &Context::with_threads(3)), one);
        let twice = |image: &Image| {
            let mut image = image.clone();
            image.data_mut().iter_mut().for_each(|v| *v *= 2.0);
            image
        };
        let wide = Gmsd { range: 2.0, ..Gmsd::default() };
        let got = gmsd(&twice(&x), &twice(&y), &wide, &Context::default()).unwrap();
        assert!((got - one.unwrap()).abs() < 1e-7);
    }
}
