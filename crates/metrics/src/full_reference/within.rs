//! The measures over a part of the pixels: inside a mask, or outside it.
//!
//! ```text
//! MSE, MAE, PSNR   over the pixels of the region, all channels
//! SSIM             mean over the windows whose center is in the region
//! ```
//!
//! A window looks beyond the region, as its surroundings are part of how a filled hole looks. With
//! [`SsimBorder::Valid`] windows that reach over the edge of the image are left out. MS-SSIM has no such form: it is
//! absent. Cost: 121 multiplications per window, pixel and map (49 for [`Window::Uniform`]).
//!
//! Reference: that of [`super::ssim()`].

use super::compare::{CompareOptions, Comparison};
use super::conventions::Pair;
use super::psnr;
use super::ssim::{SsimBorder, Window, gaussian_taps};
use crate::MetricError;
use restora_image::{Context, Image, Mask, PlaneRef, map_bands};

/// Rows of a band: fixed, so that sums are the same bytes for any number of threads.
const BAND: usize = 64;

/// The scores over the pixels of `region`.
///
/// # Errors
/// As [`super::compare()`]; [`MetricError::Input`] if the region is of another size, or empty.
pub fn compare_within(
    reference: &Image,
    distorted: &Image,
    region: &Mask,
    options: &CompareOptions,
    cx: &Context,
) -> Result<Comparison, MetricError> {
    let CompareOptions { gray, out_of_range, range, unit, window, border, .. } = *options;
    let pair = Pair::new(reference, distorted, gray, out_of_range, range)?;
    pair.require("MSE", 1)?;
    let (size, count) = (pair.size(), region.count());
    if region.size() != size {
        let message = format!("the mask is {}, the images {size}", region.size());
        return Err(MetricError::Input(message));
    }
    if count == 0 {
        return Err(MetricError::Input("the mask leaves no pixel to compare".into()));
    }
    let (mut squares, mut sizes) = (0.0, 0.0);
    let (mut similar, mut windows) = (0.0, 0u64);
    for (x, y) in pair.reference.planes().zip(pair.distorted.planes()) {
        let bands = map_bands(size.h(), BAND, cx, |rows| {
            let mut sums = Sums::default();
            for row in rows {
                cx.check()?;
                sums.add_row(x, y, row, region, (window, border), range);
            }
            Ok(sums)
        })?;
        for band in bands {
            squares += band.squares;
            sizes += band.sizes;
            similar += band.similar;
            windows += band.windows;
        }
    }
    let n = (count * pair.channels()) as f64;
    let mse = squares / n;
    let white = unit.white();
    Ok(Comparison {
        mse: mse * white * white,
        mae: sizes / n * white,
        psnr: psnr::from_mse(mse, range),
        ssim: (windows > 0).then(|| similar / windows as f64),
        ms_ssim: None,
    })
}

#[derive(Default)]
struct Sums {
    squares: f64,
    sizes: f64,
    similar: f64,
    windows: u64,
}

impl Sums {
    fn add_row(
        &mut self,
        x: PlaneRef<'_>,
        y: PlaneRef<'_>,
        row: usize,
        region: &Mask,
        (window, border): (Window, SsimBorder),
        range: f64,
    ) {
        for column in (0..x.width()).filter(|c| region.at(*c, row)) {
            let off = f64::from(x.at(column, row) - y.at(column, row));
            self.squares += off * off;
            self.sizes += off.abs();
            if let Some(similar) = similarity(x, y, (column, row), (window, border), range) {
                self.similar += similar;
                self.windows += 1;
            }
        }
    }
}

/// The similarity of the window around a pixel; none where it does not count.
fn similarity(
    x: PlaneRef<'_>,
    y: PlaneRef<'_>,
    (column, row): (usize, usize),
    (window, border): (Window, SsimBorder),
    range: f64,
) -> Option<f64> {
    let taps: Vec<f64> = match window {
        Window::Gaussian => gaussian_taps().to_vec(),
        Window::Uniform => vec![1.0 / 7.0; 7],
    };
    let far = taps.len() / 2;
    let (w, h) = (x.width(), x.height());
    let inside = |at: usize, n: usize| at >= far && at + far < n;
    let at = |i: usize, k: usize, n: usize| match border.padding() {
        None => Some(i + k - far),
        Some(padding) => padding.index((i + k) as isize - far as isize, n),
    };
    if border == SsimBorder::Valid && !(inside(column, w) && inside(row, h)) {
        return None;
    }
    let (mut mx, mut my, mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (j, down) in taps.iter().enumerate() {
        let v = at(row, j, h)?;
        for (i, across) in taps.iter().enumerate() {
            let u = at(column, i, w)?;
            let (a, b) = (f64::from(x.at(u, v)), f64::from(y.at(u, v)));
            let weight = down * across;
            mx += weight * a;
            my += weight * b;
            xx += weight * a * a;
            yy += weight * b * b;
            xy += weight * a * b;
        }
    }
    let norm = if window == Window::Uniform { 49.0 / 48.0 } else { 1.0 };
    let (sx, sy, sxy) = (norm * (xx - mx * mx), norm * (yy - my * my), norm * (xy - mx * my));
    let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
    Some((2.0 * mx * my + c1) * (2.0 * sxy + c2) / ((mx * mx + my * my + c1) * (sx + sy + c2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::full_reference::Unit;
    use crate::full_reference::compare;
    use restora_image::Size;
    use restora_testkit::{noisy, synthetic_rgb};

    fn pair() -> (Image, Image) {
        let clean = synthetic_rgb(Size::new(70, 50));
        (clean.clone(), noisy(&clean, 0.05, 3))
    }

    #[test]
    fn over_all_pixels_the_scores_are_those_of_the_whole() {
        let (clean, noise) = pair();
        let all = Mask::from_fn(clean.size(), |_, _| true);
        for window in [Window::Gaussian, Window::Uniform] {
            for border in [SsimBorder::Valid, SsimBorder::Reflect101, SsimBorder::Replicate] {
                for unit in [Unit::Nominal, Unit::EightBit] {
                    let options = CompareOptions { unit, window, border, ..Default::default() };
                    let cx = Context::default();
                    let whole = compare(&clean, &noise, &options, &cx).unwrap();
                    let found = compare_within(&clean, &noise, &all, &options, &cx).unwrap();
                    // The whole takes the powers of differences in f32.
                    let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs();
                    assert!(near(found.mse, whole.mse) && near(found.psnr, whole.psnr));
                    assert!(near(found.mae, whole.mae), "{} {}", found.mae, whole.mae);
                    let (a, b) = (found.ssim.unwrap(), whole.ssim.unwrap());
                    assert!((a - b).abs() <= 1e-9, "{window:?} {border:?}: {a} {b}");
                }
            }
        }
    }

    #[test]
    fn what_lies_outside_does_not_count() {
        let (clean, _) = pair();
        let region = Mask::from_fn(clean.size(), |x, _| x < 20);
        let mut other = clean.clone();
        let width = clean.size().w();
        for (i, v) in other.data_mut().iter_mut().enumerate() {
            *v += if i % width < 20 { 0.1 } else { 0.5 };
        }
        let cx = Context::default();
        let options = CompareOptions::default();
        let found = compare_within(&clean, &other, &region, &options, &cx).unwrap();
        assert!((found.psnr - 20.0).abs() < 1e-4 && (found.mae - 0.1).abs() < 1e-6, "{found:?}");
        let same = compare_within(&clean, &clean, &region, &options, &cx).unwrap();
        assert_eq!((same.mse, same.psnr, same.ssim), (0.0, f64::INFINITY, Some(1.0)));
    }

    #[test]
    fn an_empty_region_or_one_of_another_size_is_refused() {
        let (clean, noise) = pair();
        let cx = Context::default();
        for region in [Mask::empty(clean.size()), Mask::empty(Size::new(3, 3))] {
            let found = compare_within(&clean, &noise, &region, &CompareOptions::default(), &cx);
            assert!(matches!(found, Err(MetricError::Input(_))));
        }
    }
}
