//! Blur: out of focus, in motion, or Gaussian.
//!
//! ```text
//! y = k * x,    sum k = 1
//! gaussian: k ~ exp(-r^2 / (2 size^2))      disk: k constant for r <= size
//! motion:   k constant along a segment of length size, at angle to the horizontal
//! ```
//!
//! The disk is sampled 16 x 16 times per pixel, the segment 128 times per pixel of its length with
//! each sample shared among the four nearest pixels, so that fractions of a pixel count. The image is
//! mirrored about its edges. Cost: Gaussian `2 (4 size + 1)`, the others one multiplication
//! per pixel and kernel tap that is not 0.
//!
//! Reference: R. L. Lagendijk, J. Biemond, "Basic methods for image restoration and identification",
//! in The Essential Guide to Image Processing, 2009, doi:10.1016/B978-0-12-374457-9.00014-7.

use crate::filter::gaussian_taps;
use crate::filter::separable::convolve_symmetric;
use restora_image::{
    Border, Context, Image, OpError, OpInfo, Operation, ParamInfo, PlaneRef, Sample, for_each_band,
    simd,
};
use serde::{Deserialize, Serialize};

/// Shape of the point spread function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlurShape {
    /// Gaussian; `size` is its standard deviation.
    #[default]
    Gaussian,
    /// Out of focus; `size` is the radius of the disk.
    Disk,
    /// Straight motion; `size` is the length of the path.
    Motion,
}

/// Options of [`blur`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blur {
    /// Shape of the point spread function.
    pub shape: BlurShape,
    /// Size in pixels, `0..=100`; see [`BlurShape`]. 0 changes nothing.
    pub size: f32,
    /// Direction of motion in degrees, counterclockwise from the horizontal; 0 for other shapes.
    pub angle: f32,
}

impl Default for Blur {
    fn default() -> Self {
        Self { shape: BlurShape::Gaussian, size: 1.5, angle: 0.0 }
    }
}

/// Name, paper and parameters of [`blur`].
pub const INFO: OpInfo = OpInfo {
    id: "blur",
    title: "Gaussian, disk or motion blur",
    family: "degrade",
    paper: "R. L. Lagendijk, J. Biemond, Basic methods for image restoration and identification, \
            2009, doi:10.1016/B978-0-12-374457-9.00014-7",
    params: &[
        ParamInfo {
            name: "shape",
            symbol: "",
            unit: "",
            range: "gaussian | disk | motion",
            default: "\"gaussian\"",
            doc: "shape of the point spread function",
        },
        ParamInfo {
            name: "size",
            symbol: "",
            unit: "pixels",
            range: "0..=100",
            default: "1.5",
            doc: "standard deviation (gaussian), radius (disk) or length (motion)",
        },
        ParamInfo {
            name: "angle",
            symbol: "",
            unit: "degrees",
            range: "-360..=360; motion only",
            default: "0.0",
            doc: "direction of motion, counterclockwise from the horizontal",
        },
    ],
};

/// Rows of a band, the unit of work of a thread.
const BAND: usize = 16;

/// Blurs every plane.
///
/// # Errors
/// [`OpError::Param`] if an option is out of range or `angle` is given without motion;
/// [`OpError::Cancelled`].
pub fn blur(image: &Image, options: &Blur, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    let mut out = image.clone();
    if options.size == 0.0 || image.size().is_empty() {
        return Ok(out);
    }
    if options.shape == BlurShape::Gaussian {
        let taps = gaussian_taps(options.size);
        for c in 0..image.channels() {
            convolve_symmetric(image.plane(c), &taps, Border::Reflect, out.plane_mut(c), cx)?;
        }
        return Ok(out);
    }
    let kernel = Kernel::new(options);
    for c in 0..image.channels() {
        convolve(image.plane(c), &kernel, out.plane_mut(c), cx)?;
    }
    Ok(out)
}

/// The taps that are not 0, row by row.
struct Kernel {
    radius: usize,
    /// `(dx, dy, weight)`, offsets from the upper left corner of the kernel's square.
    taps: Vec<(usize, usize, f32)>,
}

impl Kernel {
    fn new(options: &Blur) -> Self {
        let radius = kernel_radius(options);
        let side = 2 * radius + 1;
        let mut weights = vec![0.0f64; side * side];
        match options.shape {
            BlurShape::Motion => add_segment(&mut weights, radius, options),
            _ => add_disk(&mut weights, radius, f64::from(options.size)),
        }
        let sum: f64 = weights.iter().sum();
        let taps = weights
            .iter()
            .enumerate()
            .filter(|(_, w)| **w > 0.0)
            .map(|(i, w)| (i % side, i / side, (w / sum) as f32))
            .collect();
        Self { radius, taps }
    }
}

fn kernel_radius(options: &Blur) -> usize {
    match options.shape {
        BlurShape::Gaussian => gaussian_taps(options.size).len() - 1,
        BlurShape::Disk => (options.size + 0.5).floor() as usize,
        BlurShape::Motion => (0.5 * options.size).ceil() as usize,
    }
}

/// Samples per pixel and direction.
const SAMPLES: usize = 16;

/// Counts the samples of each pixel that lie within the disk; at least the center counts.
fn add_disk(weights: &mut [f64], radius: usize, size: f64) {
    let side = 2 * radius + 1;
    let place = |i: usize| (i as f64 + 0.5) / SAMPLES as f64 - 0.5 - radius as f64;
    for y in 0..side * SAMPLES {
        for x in 0..side * SAMPLES {
            if place(x).powi(2) + place(y).powi(2) <= size * size {
                weights[y / SAMPLES * side + x / SAMPLES] += 1.0;
            }
        }
    }
    // A disk smaller than the sampling grid is a point.
    let center = radius * side + radius;
    weights[center] = weights[center].max(1.0);
}

/// Shares the samples along the segment among the four nearest pixels each (bilinear), which keeps
/// the center of mass where it is.
fn add_segment(weights: &mut [f64], radius: usize, options: &Blur) {
    let side = 2 * radius + 1;
    let (sin, cos) = f64::from(options.angle).to_radians().sin_cos();
    let length = f64::from(options.size);
    let half = (length * 64.0).ceil() as usize;
    for i in 0..half {
        let t = 0.5 * length * (i as f64 + 0.5) / half as f64;
        for t in [t, -t] {
            // Rows count downwards. |t| < radius, so the four pixels are inside.
            let (x, y) = (radius as f64 + t * cos, radius as f64 - t * sin);
            let (left, top) = (x.floor(), y.floor());
            for (row, wy) in [(top, 1.0 - (y - top)), (top + 1.0, y - top)] {
                for (column, wx) in [(left, 1.0 - (x - left)), (left + 1.0, x - left)] {
                    if wx * wy > 0.0 {
                        weights[row as usize * side + column as usize] += wx * wy;
                    }
                }
            }
        }
    }
}

fn convolve(
    plane: PlaneRef,
    kernel: &Kernel,
    out: &mut [f32],
    cx: &Context,
) -> Result<(), OpError> {
    let (w, h, r) = (plane.width(), plane.height(), kernel.radius);
    let place = |i: usize, n| Border::Reflect.index(i as isize - r as isize, n).unwrap_or(0);
    let columns: Vec<usize> = (0..w + 2 * r).map(|x| place(x, w)).collect();
    for_each_band(out, w, BAND, cx, |y0, band| {
        let rows: Vec<Vec<f32>> = (y0..y0 + band.len() / w + 2 * r)
            .map(|y| {
                let row = plane.row(place(y, h));
                columns.iter().map(|&x| row[x]).collect()
            })
            .collect();
        for (y, out) in band.chunks_exact_mut(w).enumerate() {
            out.fill(0.0);
            simd(
                #[inline(always)]
                || {
                    for &(dx, dy, weight) in &kernel.taps {
                        add_scaled(out, &rows[y + dy][dx..dx + w], weight);
                    }
                },
            );
        }
        Ok(())
    })
}

#[inline(always)]
fn add_scaled(out: &mut [f32], row: &[f32], weight: f32) {
    for (o, v) in out.iter_mut().zip(row) {
        *o += weight * v;
    }
}

impl Operation for Blur {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if !(0.0..=100.0).contains(&self.size) {
            return Err(OpError::param("size", "in [0, 100]", self.size));
        }
        if !(-360.0..=360.0).contains(&self.angle) {
            return Err(OpError::param("angle", "in [-360, 360]", self.angle));
        }
        if self.angle != 0.0 && self.shape != BlurShape::Motion {
            return Err(OpError::param("angle", "0 unless `shape` is motion", self.angle));
        }
        Ok(())
    }

    fn reach(&self) -> Option<u32> {
        Some(if self.size == 0.0 { 0 } else { kernel_radius(self) as u32 })
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = blur(&sample.image, self, cx)?;
        sample.noise = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Size};
    use restora_testkit::{assert_contract, assert_info_matches, synthetic_rgb};

    fn options(shape: BlurShape, size: f32, angle: f32) -> Blur {
        Blur { shape, size, angle }
    }

    /// The point spread function, drawn by a single white pixel.
    fn spread(options: &Blur) -> Image {
        let point = Image::gray_from_fn(Size::new(41, 41), |x, y| f32::from((x, y) == (20, 20)));
        blur(&point, options, &Context::default()).unwrap()
    }

    /// Mean and variance of the point spread function: x, y, xx, yy, xy about the center.
    fn moments(image: &Image) -> [f64; 6] {
        let mut m = [0.0; 6];
        for y in 0..41 {
            for x in 0..41 {
                let v = f64::from(image.plane(0).at(x, y));
                let (x, y) = (x as f64 - 20.0, y as f64 - 20.0);
                for (m, f) in m.iter_mut().zip([1.0, x, y, x * x, y * y, x * y]) {
                    *m += v * f;
                }
            }
        }
        m
    }

    #[test]
    fn every_shape_keeps_the_contract() {
        for options in [
            Blur::default(),
            options(BlurShape::Disk, 3.2, 0.0),
            options(BlurShape::Motion, 7.0, 30.0),
            options(BlurShape::Disk, 0.0, 0.0),
        ] {
            assert_contract(&options, &synthetic_rgb(Size::new(50, 60)));
        }
        assert_info_matches(&INFO, &Blur::default());
    }

    #[test]
    fn spreads_have_unit_sum_zero_mean_and_the_variance_of_their_shape() {
        // Per axis: size^2 of a Gaussian, size^2 / 4 of a disk, size^2 / 12 along a segment.
        for (shape, size, wanted) in [
            (BlurShape::Gaussian, 2.0, 4.0),
            (BlurShape::Disk, 5.0, 6.25),
            (BlurShape::Disk, 2.5, 1.5625),
        ] {
            let [sum, x, y, xx, yy, xy] = moments(&spread(&options(shape, size, 0.0)));
            assert!((sum - 1.0).abs() < 1e-5 && x.abs() < 1e-5 && y.abs() < 1e-5);
            assert!((xx / wanted - 1.0).abs() < 0.06 && (yy / wanted - 1.0).abs() < 0.06, "{xx}");
            assert!(xy.abs() < 1e-4);
        }
        for angle in [0.0f32, 90.0, 45.0, 20.0, -60.0] {
            let [sum, x, y, xx, yy, xy] =
                moments(&spread(&options(BlurShape::Motion, 15.0, angle)));
            assert!((sum - 1.0).abs() < 1e-5 && x.abs() < 1e-4 && y.abs() < 1e-4);
            let (sin, cos) = f64::from(angle).to_radians().sin_cos();
            let along = 15.0 * 15.0 / 12.0;
            // Sharing adds the mean of f (1 - f) over the fractions f that occur: at most 1 / 4.
            let (ex, ey) = (xx - along * cos * cos, yy - along * sin * sin);
            assert!(
                (-0.01..0.25).contains(&ex) && (-0.01..0.25).contains(&ey),
                "{angle}: {xx} {yy}"
            );
            // Counterclockwise: y counts downwards.
            assert!((xy + along * cos * sin).abs() < 0.01, "{angle}: {xy}");
        }
    }

    #[test]
    fn a_disk_equals_a_naive_sum_over_mirrored_pixels() {
        let image = synthetic_rgb(Size::new(23, 17));
        let options = options(BlurShape::Disk, 3.7, 0.0);
        let got = blur(&image, &options, &Context::default()).unwrap();
        let kernel = spread(&options);
        for c in 0..3 {
            for (x, y) in [(0, 0), (22, 16), (11, 8), (0, 16), (21, 1)] {
                let mut sum = 0.0;
                for dy in -4..=4isize {
                    for dx in -4..=4isize {
                        let sx = Border::Reflect.index(x as isize + dx, 23).unwrap();
                        let sy = Border::Reflect.index(y as isize + dy, 17).unwrap();
                        let t = kernel.plane(0).at((20 + dx) as usize, (20 + dy) as usize);
                        sum += f64::from(t) * f64::from(image.plane(c).at(sx, sy));
                    }
                }
                assert!((f64::from(got.plane(c).at(x, y)) - sum).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn constants_stay_and_bad_options_are_errors() {
        let mut flat = Image::zeros(Size::new(30, 20), ColorSpace::Gray);
        flat.data_mut().fill(0.7);
        for shape in [BlurShape::Gaussian, BlurShape::Disk, BlurShape::Motion] {
            let out = blur(&flat, &options(shape, 6.3, 0.0), &Context::default()).unwrap();
            assert!(out.data().iter().all(|v| (v - 0.7).abs() < 1e-5));
        }
        for bad in [
            options(BlurShape::Disk, -1.0, 0.0),
            options(BlurShape::Disk, f32::NAN, 0.0),
            options(BlurShape::Motion, 101.0, 0.0),
            options(BlurShape::Motion, 3.0, f32::INFINITY),
            options(BlurShape::Gaussian, 3.0, 10.0),
        ] {
            assert!(matches!(bad.validate(), Err(OpError::Param { .. })), "{bad:?}");
        }
    }
}
