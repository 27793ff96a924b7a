//! A picture at one fixed size, as features that depend on it and nets want it.
//!
//! Triangular filter, widened by the factor of reduction so that nothing aliases, and cut at the edges:
//! Pillow's `resize(..., BILINEAR)`, which is also how torchvision prepares pictures, in floats. Cost:
//! 2 multiplications per pixel of the picture.

use restora_image::{Context, Image, OpError, Size, for_each_band, simd};
use serde::{Deserialize, Serialize};

/// How a picture of any shape fills the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// All of it, stretched.
    Stretch,
    /// The largest part of the frame's shape from its middle.
    Crop,
}

/// The picture at `size`, without its alpha.
///
/// # Errors
/// [`OpError::Input`] for an empty picture; [`OpError::Cancelled`].
pub fn framed(image: &Image, size: Size, fit: Fit, cx: &Context) -> Result<Image, OpError> {
    let from = image.size();
    if from.is_empty() || size.is_empty() {
        return Err(OpError::Input(format!("a picture of {from} cannot be made {size}")));
    }
    if from == size {
        return Image::from_vec(size, image.space(), image.data().to_vec());
    }
    let (w, h) = (f64::from(from.width), f64::from(from.height));
    let (wide, high) = (f64::from(size.width), f64::from(size.height));
    let [part_w, part_h] = match fit {
        Fit::Stretch => [w, h],
        Fit::Crop if w * high > h * wide => [h * wide / high, h],
        Fit::Crop => [w, w * high / wide],
    };
    let columns = Taps::all(from.w(), size.w(), (w - part_w) / 2.0, part_w);
    let rows = Taps::all(from.h(), size.h(), (h - part_h) / 2.0, part_h);
    let mut out = Image::zeros(size, image.space());
    for c in 0..image.channels() {
        let plane = image.plane(c);
        for_each_band(out.plane_mut(c), size.w(), 8, cx, |first, band| {
            let mut sum = vec![0.0f32; from.w()];
            for (out, taps) in band.chunks_exact_mut(size.w()).zip(&rows[first..]) {
                simd(
                    #[inline(always)]
                    || {
                        sum.fill(0.0);
                        for (y, &weight) in (taps.first..).zip(&taps.weights) {
                            for (sum, v) in sum.iter_mut().zip(plane.row(y)) {
                                *sum += weight * v;
                            }
                        }
                    },
                );
                for (out, taps) in out.iter_mut().zip(&columns) {
                    *out = taps.of(&sum);
                }
            }
            Ok(())
        })?;
    }
    Ok(out)
}

/// The pixels that one of the result is made of.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Taps {
    /// Those of `to` pixels that divide the stretch of `length` from `start` among them; there are `from`.
    fn all(from: usize, to: usize, start: f64, length: f64) -> Vec<Self> {
        let step = length / to as f64;
        let reach = step.max(1.0);
        let one = |i: usize| {
            let center = start + (i as f64 + 0.5) * step;
            let first = (center - reach + 0.5).max(0.0) as usize;
            let end = ((center + reach + 0.5) as usize).min(from).max(first + 1);
            let weight = |j: usize| 1.0 - ((j as f64 + 0.5 - center) / reach).abs().min(1.0);
            let sum: f64 = (first..end).map(weight).sum();
            Self { first, weights: (first..end).map(|j| (weight(j) / sum) as f32).collect() }
        };
        (0..to).map(one).collect()
    }

    fn of(&self, row: &[f32]) -> f32 {
        row[self.first..].iter().zip(&self.weights).map(|(v, w)| v * w).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::ColorSpace;
    use restora_testkit::synthetic_rgb;

    fn gray(width: u32, values: &[f32]) -> Image {
        let size = Size::new(width, values.len() as u32 / width);
        Image::from_vec(size, ColorSpace::Gray, values.to_vec()).unwrap()
    }

    #[test]
    fn lines_are_those_of_pillow() {
        let cx = Context::default();
        // Pillow 13.0.0, mode "F": `Image.fromarray(a).resize(size, Image.BILINEAR)` of
        // a[i] = i^2 mod 11.
        let squares: Vec<f32> = (0..12u32).map(|i| (i * i % 11) as f32).collect();
        let cases: [(u32, Size, &[f32]); 3] = [
            (12, Size::new(5, 1), &[1.48, 5.9661, 3.64286, 5.9661, 1.48]),
            (
                4,
                Size::new(7, 3),
                &[
                    0.0, 0.35714, 0.92857, 2.5, 4.35714, 7.21429, 9.0, 5.0, 4.28571, 3.14286, 3.0,
                    3.14286, 4.28571, 5.0, 9.0, 7.21429, 4.35714, 2.5, 0.92857, 0.35714, 0.0,
                ],
            ),
            (
                4,
                Size::new(2, 5),
                &[1.0, 5.71429, 2.14286, 4.97143, 3.85714, 3.85714, 4.97143, 2.14286, 5.71429, 1.0],
            ),
        ];
        for (width, size, wanted) in cases {
            let found = framed(&gray(width, &squares), size, Fit::Stretch, &cx).unwrap();
            for (a, b) in found.data().iter().zip(wanted) {
                assert!((a - b).abs() < 1e-5, "{size}: {:?}", found.data());
            }
        }
    }

    #[test]
    fn a_crop_is_the_middle_and_threads_do_not_matter() {
        let image = synthetic_rgb(Size::new(90, 60));
        let size = Size::new(30, 30);
        let cx = Context::default();
        let cropped = framed(&image, size, Fit::Crop, &cx).unwrap();
        let middle = Image::from_vec(
            Size::new(60, 60),
            ColorSpace::Srgb,
            (0..3)
                .flat_map(|c| (0..60).flat_map(move |y| (15..75).map(move |x| (c, x, y))))
                .map(|(c, x, y)| image.plane(c).at(x, y))
                .collect(),
        )
        .unwrap();
        let wanted = framed(&middle, size, Fit::Stretch, &cx).unwrap();
        for y in 0..30 {
            // The filter reaches beyond the crop at its sides.
            for x in 1..29 {
                assert!((cropped.plane(1).at(x, y) - wanted.plane(1).at(x, y)).abs() < 1e-6);
            }
        }
        assert!(framed(&image, size, Fit::Crop, &Context::with_threads(4)).unwrap() == cropped);
    }

    #[test]
    fn the_same_size_is_the_same_picture_and_an_empty_one_is_refused() {
        let image = synthetic_rgb(Size::new(21, 13));
        let cx = Context::default();
        for fit in [Fit::Stretch, Fit::Crop] {
            assert!(framed(&image, image.size(), fit, &cx).unwrap() == image);
        }
        let empty = Image::zeros(Size::new(0, 4), ColorSpace::Gray);
        assert!(framed(&empty, image.size(), Fit::Crop, &cx).is_err());
    }
}
