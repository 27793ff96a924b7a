//! Feature similarity index (FSIM, and `FSIMc` for color).
//!
//! ```text
//! S = (2 px py + T1) / (px^2 + py^2 + T1) * (2 gx gy + T2) / (gx^2 + gy^2 + T2)
//! FSIM = sum S max(px, py) / sum max(px, py)
//! ```
//!
//! `p` is phase congruency (Kovesi, 4 scales, 4 orientations; see `phase_congruency.rs`), `g` the
//! gradient magnitude by Scharr's operator, of the luma averaged over cells of the shorter side / 256
//! (rounded) pixels. Of a color pair `S` is multiplied by `|S_I S_Q|^0.03` of both chromas of YIQ:
//! `FSIMc`; compare as gray for FSIM. T1 = 0.85, T2 = 160, T3 = T4 = 200, in 8-bit levels. As piq,
//! which differs from the authors' program in the frequencies of odd sizes and in its chroma matrix.
//!
//! Transforms in `f32`, of both images at once; the rest in `f64`. Two flat images score 1. The time
//! is that of 33 complex transforms of the reduced size.
//!
//! Reference: L. Zhang, L. Zhang, X. Mou, D. Zhang, "FSIM: a feature similarity index for image
//! quality assessment", IEEE TIP 20(8), 2011, doi:10.1109/TIP.2011.2109730.

use super::conventions::measure_options;
use super::maps::{
    LUMA, Map, YIQ_I, YIQ_Q, pooled_rows, rgb_planes, row_gradient, row_levels, row_mixed,
    shrinkage, similarity, sum_rows,
};
use super::phase_congruency::phase_congruency;
use crate::MetricError;
use restora_image::{ColorSpace, Context, Image};

measure_options! {
    /// Options of [`fsim()`].
    Fsim, "fsim", "FSIM",
    "Zhang, Zhang, Mou, Zhang, FSIM: a feature similarity index for image quality assessment, IEEE \
     TIP 20(8), 2011, doi:10.1109/TIP.2011.2109730";
}

/// The paper's constants, section III.
const T1: f64 = 0.85;
const T2: f64 = 160.0;
const T3: f64 = 200.0;
const LAMBDA: f64 = 0.03;

/// Feature similarity in `[0, 1]`, 1 for identical images, more is better; symmetric. `FSIMc` if the
/// pair is in color.
///
/// # Errors
/// If the images differ in size or color space, are less than 8 pixels wide or high, or are neither
/// gray nor RGB.
pub fn fsim(
    reference: &Image,
    distorted: &Image,
    options: &Fsim,
    cx: &Context,
) -> Result<f64, MetricError> {
    let pair = options.pair(reference, distorted, 8)?;
    let (x, y) = (
        Features::of(&pair.reference, options.range, cx)?,
        Features::of(&pair.distorted, options.range, cx)?,
    );
    let [px, py] = phase_congruency(&x.luma, &y.luma, cx)?;
    let w = x.luma.width;
    let [alike, weight] = sum_rows(x.luma.height, cx, |row| {
        let (mut gx, mut gy) = (vec![0.0; w], vec![0.0; w]);
        for (map, slope) in [(&x.luma, &mut gx), (&y.luma, &mut gy)] {
            row_gradient(map, row, 3.0 / 16.0, 10.0 / 16.0, slope);
        }
        let mut sums = [0.0; 2];
        for (column, i) in (row * w..(row + 1) * w).enumerate() {
            let (a, b) = (f64::from(px[i]), f64::from(py[i]));
            let mut s = similarity(a, b, T1) * similarity(gx[column], gy[column], T2);
            if let (Some(x), Some(y)) = (&x.chroma, &y.chroma) {
                let [si, sq] = [0, 1].map(|c| similarity(x[c].data[i], y[c].data[i], T3));
                s *= (si * sq).abs().powf(LAMBDA);
            }
            // NaN is passed on.
            let most = if a > b { a } else { b };
            sums[0] += s * most;
            sums[1] += most;
        }
        sums
    })?;
    Ok(if weight == 0.0 { 1.0 } else { alike / weight })
}

struct Features {
    luma: Map,
    chroma: Option<[Map; 2]>,
}

impl Features {
    fn of(image: &Image, range: f64, cx: &Context) -> Result<Self, MetricError> {
        let (w, h) = (image.size().w(), image.size().h());
        let cell = shrinkage(w, h);
        if image.space() == ColorSpace::Gray {
            let plane = image.plane(0);
            let row = |y, out: &mut [f64]| row_levels(plane.row(y), range, out);
            return Ok(Self { luma: pooled_rows(w, h, cell, cx, row)?, chroma: None });
        }
        let rgb = rgb_planes(image, "FSIM")?;
        let channel = |weights| {
            pooled_rows(w, h, cell, cx, |y, out| {
                row_mixed(rgb.map(|plane| plane.row(y)), weights, range, out);
            })
        };
        let chroma = [channel(YIQ_I)?, channel(YIQ_Q)?];
        Ok(Self { luma: channel(LUMA)?, chroma: Some(chroma) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::full_reference::GrayConversion;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic_rgb};

    #[test]
    fn chroma_counts_in_color_only() {
        let x = synthetic_rgb(Size::new(60, 48));
        let mut y = noisy(&x, 0.02, 3);
        let score = |y: &Image, gray| {
            fsim(&x, y, &Fsim { gray, ..Fsim::default() }, &Context::default()).unwrap()
        };
        let before = [GrayConversion::Bt601, GrayConversion::None].map(|g| score(&y, g));
        assert!(before[0] > before[1], "{before:?}");
        // A shift of color that leaves luma as it is.
        y.plane_mut(0).iter_mut().for_each(|v| *v += 0.114);
        y.plane_mut(2).iter_mut().for_each(|v| *v -= 0.299);
        let after = [GrayConversion::Bt601, GrayConversion::None].map(|g| score(&y, g));
        assert!((after[0] - before[0]).abs() < 1e-5 && after[1] < before[1] - 1e-3, "{after:?}");
    }

    #[test]
    fn flat_images_score_1() {
        for size in [8, 9, 33] {
            let flat = |v: f32| Image::gray_from_fn(Size::new(size, size), |_, _| v);
            let got = fsim(&flat(0.5), &flat(0.5), &Fsim::default(), &Context::default());
            assert_eq!(got, Ok(1.0));
        }
    }
}
