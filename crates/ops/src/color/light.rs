//! Between encoded values and linear light, fast, and the small picture that statistics are taken from.
//!
//! ```text
//! linear = s / 12.92                    s <= 0.04045
//!        = ((s + 0.055) / 1.055)^2.4    above, odd-symmetric below 0
//! ```
//!
//! The powers are polynomials that the compiler vectorizes; they differ from the exact curve by less
//! than 1e-6, a fiftieth of a step of 16 bits at white.
//!
//! Reference: IEC 61966-2-1:1999, "Default RGB colour space - sRGB" (no DOI).

use restora_image::{ColorSpace, Context, Image, OpError, Plane, Size, for_each_band, simd};
use serde::{Deserialize, Serialize};

/// How the values of an RGB picture stand for light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// By the curve of sRGB, as in nearly every picture file.
    #[default]
    Srgb,
    /// In proportion: linear raw data.
    Linear,
}

impl Encoding {
    /// The encoding of an image: linear RGB is linear whatever was said of the file.
    pub fn of(self, image: &Image) -> Self {
        if image.space() == ColorSpace::LinearRgb { Self::Linear } else { self }
    }
}

/// The picture in linear light; its values are taken as they are if `encoding` says so.
///
/// # Errors
/// [`OpError::WrongSpace`] for anything but sRGB and linear RGB; [`OpError::Cancelled`].
pub fn to_linear(image: &Image, encoding: Encoding, cx: &Context) -> Result<Image, OpError> {
    require_rgb(image, "conversion to linear light")?;
    let mut out = image.clone().relabeled(ColorSpace::LinearRgb)?;
    if encoding.of(image) == Encoding::Srgb {
        let w = image.size().w();
        for_each_band(out.data_mut(), w, 64, cx, |_, band| {
            simd(
                #[inline(always)]
                || {
                    for v in band.iter_mut() {
                        *v = decoded(*v);
                    }
                },
            );
            Ok(())
        })?;
    }
    Ok(out)
}

/// The inverse of [`to_linear`] for a linear picture: in sRGB.
///
/// # Errors
/// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
pub fn to_srgb(linear: &Image, cx: &Context) -> Result<Image, OpError> {
    if linear.space() != ColorSpace::LinearRgb {
        let got = linear.space();
        return Err(OpError::WrongSpace { op: "conversion to sRGB", wanted: "linear RGB", got });
    }
    let mut out = linear.clone().relabeled(ColorSpace::Srgb)?;
    let w = linear.size().w();
    for_each_band(out.data_mut(), w, 64, cx, |_, band| {
        simd(
            #[inline(always)]
            || {
                for v in band.iter_mut() {
                    *v = encoded(*v);
                }
            },
        );
        Ok(())
    })?;
    Ok(out)
}

pub(super) fn require_rgb(image: &Image, op: &'static str) -> Result<(), OpError> {
    match image.space() {
        ColorSpace::Srgb | ColorSpace::LinearRgb => Ok(()),
        got => Err(OpError::WrongSpace { op, wanted: "sRGB or linear RGB", got }),
    }
}

/// Pixels of an [`overview`]: those of the crops that the spread of the estimators was measured on,
/// times two; more change an estimate by less than its spread.
const OVERVIEW: u64 = 512 * 512;

/// The factor by which a picture of this size is scaled down for its overview.
pub fn overview_factor(size: Size) -> u32 {
    let mut factor = 1;
    while size.pixels() / (u64::from(factor) * u64::from(factor)) > OVERVIEW {
        factor += 1;
    }
    factor
}

/// A small picture in linear light with the statistics of the whole: means over squares of `factor`
/// pixels. What is left over at the right and lower edge is left out, but never all of it. Where there is
/// opacity the means are of visible pixels, and squares without any are transparent.
///
/// # Errors
/// [`OpError::WrongSpace`] for anything but sRGB and linear RGB; [`OpError::Cancelled`].
pub fn overview(
    image: &Image,
    encoding: Encoding,
    factor: u32,
    cx: &Context,
) -> Result<Image, OpError> {
    let linear = to_linear(image, encoding, cx)?;
    let (w, h) = (image.size().w(), image.size().h());
    let side = factor.max(1) as usize;
    if side == 1 || image.size().is_empty() {
        return Ok(linear);
    }
    let block = (side.min(w), side.min(h));
    let small = Size::new((w / block.0) as u32, (h / block.1) as u32);
    let seen: Option<Vec<f32>> = linear
        .alpha
        .as_ref()
        .map(|alpha| alpha.data.iter().map(|a| f32::from(u8::from(*a > 0.0))).collect());
    let count = seen.as_deref().map(|seen| sums(seen, w, block, small, cx)).transpose()?;
    let mut out = Image::zeros(small, ColorSpace::LinearRgb);
    for c in 0..3 {
        let plane = linear.plane_data(c);
        let mut means = match &seen {
            Some(seen) => {
                let visible: Vec<f32> = plane.iter().zip(seen).map(|(v, s)| v * s).collect();
                sums(&visible, w, block, small, cx)?
            }
            None => sums(plane, w, block, small, cx)?,
        };
        for (i, mean) in means.iter_mut().enumerate() {
            let all = (block.0 * block.1) as f32;
            *mean /= count.as_ref().map_or(all, |count| count[i].max(1.0));
        }
        out.plane_mut(c).copy_from_slice(&means);
    }
    out.alpha = count.map(|count| {
        let data = count.iter().map(|n| n.min(1.0)).collect();
        Plane { size: small, data }
    });
    Ok(out)
}

/// Sums over blocks of so many columns and rows.
fn sums(
    plane: &[f32],
    w: usize,
    (across, down): (usize, usize),
    small: Size,
    cx: &Context,
) -> Result<Vec<f32>, OpError> {
    let mut out = vec![0.0_f32; small.len()];
    for_each_band(&mut out, small.w(), 16, cx, |y0, band| {
        for (dy, row) in band.chunks_exact_mut(small.w()).enumerate() {
            for y in (y0 + dy) * down..(y0 + dy + 1) * down {
                let blocks = plane[y * w..][..w].chunks_exact(across);
                for (o, block) in row.iter_mut().zip(blocks) {
                    *o += block.iter().sum::<f32>();
                }
            }
        }
        Ok(())
    })?;
    Ok(out)
}

/// sRGB to linear light.
#[inline(always)]
pub(super) fn decoded(v: f32) -> f32 {
    let a = v.abs();
    let power = power((a + 0.055) * (1.0 / 1.055), 2.4);
    let l = if a <= 0.040_45 { a * (1.0 / 12.92) } else { power };
    l.copysign(v)
}

/// Linear light to sRGB.
#[inline(always)]
pub(super) fn encoded(v: f32) -> f32 {
    let a = v.abs();
    // Below the smallest normal number the polynomial's logarithm has no exponent to read.
    let power = 1.055 * power(a.max(1e-30), 1.0 / 2.4) - 0.055;
    let s = if a <= 0.003_130_8 { a * 12.92 } else { power };
    s.copysign(v)
}

/// `x^p` for normal `x > 0`, to about 3e-7 of its value near 1.
#[inline(always)]
pub(super) fn power(x: f32, p: f32) -> f32 {
    // x = 2^e m with m in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits() as i32;
    let e = (bits - 0x3f35_04f3) >> 23;
    let m = f32::from_bits((bits - (e << 23)) as u32);
    // ln m = 2 artanh((m - 1) / (m + 1)).
    let t = (m - 1.0) / (m + 1.0);
    let t2 = t * t;
    let series = 1.0 + t2 * (1.0 / 3.0 + t2 * (1.0 / 5.0 + t2 * (1.0 / 7.0 + t2 * (1.0 / 9.0))));
    let exponent = p * (e as f32 + 2.0 * std::f32::consts::LOG2_E * t * series);
    let exponent = exponent.clamp(-126.0, 127.0);
    // Adding 1.5 * 2^23 rounds to the nearest integer, which the low bits then hold.
    let shifted = exponent + 12_582_912.0;
    let f = (exponent - (shifted - 12_582_912.0)) * std::f32::consts::LN_2;
    let exp = 1.0
        + f * (1.0
            + f * (0.5
                + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f * (1.0 / 720.0))))));
    exp * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{linear_to_srgb, srgb_to_linear};
    use restora_testkit::synthetic_rgb;

    #[test]
    fn the_fast_curves_are_the_exact_ones_to_a_millionth() {
        for i in -2000..=20_000 {
            let v = i as f32 / 10_000.0;
            let (l, s) = (srgb_to_linear(v), linear_to_srgb(v));
            assert!((decoded(v) - l).abs() <= 1e-6 * l.abs().max(1.0), "{v}: {} {l}", decoded(v));
            assert!((encoded(v) - s).abs() <= 1e-6 * s.abs().max(1.0), "{v}: {} {s}", encoded(v));
        }
        for tiny in [0.0, -0.0, 1e-38, 1e-42, 1e-6] {
            assert_eq!(encoded(tiny), tiny * 12.92);
            assert!((decoded(tiny) - tiny / 12.92).abs() <= tiny * 1e-6);
        }
        assert!((encoded(1e6) / linear_to_srgb(1e6) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn every_value_of_8_and_16_bits_comes_back() {
        for (white, step) in [(255, 1), (65_535, 7)] {
            for i in (0..=white).step_by(step) {
                let v = i as f32 / white as f32;
                let back = encoded(decoded(v)) * white as f32;
                assert!((back - i as f32).abs() < 0.2, "{i} of {white}: {back}");
            }
        }
    }

    #[test]
    fn pictures_go_there_and_back_and_linear_ones_stay() {
        let cx = Context::default();
        let image = synthetic_rgb(Size::new(33, 20));
        let linear = to_linear(&image, Encoding::Srgb, &cx).unwrap();
        assert_eq!(linear.space(), ColorSpace::LinearRgb);
        let back = to_srgb(&linear, &cx).unwrap();
        let pairs = image.data().iter().zip(back.data());
        assert!(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 3e-6);
        assert_eq!(to_linear(&image, Encoding::Linear, &cx).unwrap().data(), image.data());
        assert_eq!(to_linear(&linear, Encoding::Srgb, &cx).unwrap(), linear);
        assert!(to_srgb(&image, &cx).is_err());
        let gray = Image::zeros(Size::new(3, 3), ColorSpace::Gray);
        assert!(to_linear(&gray, Encoding::Srgb, &cx).is_err());
    }

    #[test]
    fn an_overview_is_the_means_of_squares() {
        let cx = Context::default();
        assert_eq!(overview_factor(Size::new(512, 512)), 1);
        assert_eq!(overview_factor(Size::new(513, 512)), 2);
        assert_eq!(overview_factor(Size::new(6000, 4000)), 10);
        let image = synthetic_rgb(Size::new(33, 20)).relabeled(ColorSpace::LinearRgb).unwrap();
        let small = overview(&image, Encoding::Srgb, 3, &cx).unwrap();
        assert_eq!(small.size(), Size::new(11, 6));
        let mut sum = 0.0;
        for (y, x) in (3..6).flat_map(|y| (6..9).map(move |x| (y, x))) {
            sum += image.plane(1).at(x, y);
        }
        assert!((small.plane(1).at(2, 1) - sum / 9.0).abs() < 1e-6);
        // A ribbon keeps its narrow side.
        let ribbon = image.crop(restora_image::Rect { x: 0, y: 0, width: 33, height: 2 });
        assert_eq!(overview(&ribbon, Encoding::Srgb, 4, &cx).unwrap().size(), Size::new(8, 1));
    }
}
