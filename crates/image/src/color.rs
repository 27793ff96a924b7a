use crate::{Image, OpError, Plane};
use serde::{Deserialize, Serialize};

/// What the planes of an image mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColorSpace {
    /// One plane of display-encoded gray.
    Gray,
    /// Red, green, blue as in the file: display-encoded, sRGB unless a profile says otherwise.
    Srgb,
    /// Red, green, blue in linear light.
    LinearRgb,
    /// BT.601 luma and chroma.
    YCbCr601,
    /// BT.709 luma and chroma.
    YCbCr709,
    /// CIE L*a*b*, D65.
    Lab,
    /// The orthonormal opponent transform of CBM3D.
    Opponent,
    /// Any number of planes without a meaning for color.
    Raw(u16),
}

impl ColorSpace {
    /// Number of planes.
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Raw(n) => n as usize,
            _ => 3,
        }
    }
}

/// sRGB value to linear light (IEC 61966-2-1), odd-symmetric below 0.
pub fn srgb_to_linear(v: f32) -> f32 {
    let a = v.abs();
    let l = if a <= 0.04045 { a / 12.92 } else { ((a + 0.055) / 1.055).powf(2.4) };
    l.copysign(v)
}

/// Linear light to sRGB value (IEC 61966-2-1), odd-symmetric below 0.
pub fn linear_to_srgb(v: f32) -> f32 {
    let a = v.abs();
    let s = if a <= 0.003_130_8 { a * 12.92 } else { 1.055 * a.powf(1.0 / 2.4) - 0.055 };
    s.copysign(v)
}

/// BT.601 luma `0.299 R + 0.587 G + 0.114 B` of an RGB image; the plane itself for gray.
///
/// # Errors
/// [`OpError::WrongSpace`] for anything but gray and RGB.
pub fn to_luma(image: &Image) -> Result<Plane, OpError> {
    match image.space() {
        ColorSpace::Gray => Ok(image.plane(0).to_plane()),
        ColorSpace::Srgb | ColorSpace::LinearRgb => {
            let n = image.size().len();
            let (r, gb) = image.data().split_at(n);
            let (g, b) = gb.split_at(n);
            let data = (0..n).map(|i| 0.299 * r[i] + 0.587 * g[i] + 0.114 * b[i]).collect();
            Ok(Plane { size: image.size(), data })
        }
        got => Err(OpError::WrongSpace { op: "luma", wanted: "gray or RGB", got }),
    }
}

/// Rows of the orthonormal opponent transform: luminance, red against blue, green against both
/// (Dabov et al., "Color image denoising via sparse 3D collaborative filtering with grouping
/// constraint in luminance-chrominance space", ICIP 2007, doi:10.1109/ICIP.2007.4378954, there up
/// to the length of the rows). White noise of one level stays white noise of that level.
const OPPONENT: [[f32; 3]; 3] = [
    [0.577_350_26, 0.577_350_26, 0.577_350_26],
    [0.707_106_77, 0.0, -0.707_106_77],
    [0.408_248_3, -0.816_496_6, 0.408_248_3],
];

/// RGB to the orthonormal opponent space. Luminance spans `[0, sqrt(3)]`.
///
/// # Errors
/// [`OpError::WrongSpace`] for anything but RGB.
pub fn to_opponent(image: &Image) -> Result<Image, OpError> {
    match image.space() {
        ColorSpace::Srgb | ColorSpace::LinearRgb => {
            let m = OPPONENT;
            mixed(image, m, ColorSpace::Opponent)
        }
        got => Err(OpError::WrongSpace { op: "opponent transform", wanted: "RGB", got }),
    }
}

/// The inverse of [`to_opponent`], into `space` (sRGB or linear RGB, whichever it came from).
///
/// # Errors
/// [`OpError::WrongSpace`] if the image is not in the opponent space.
pub fn from_opponent(image: &Image, space: ColorSpace) -> Result<Image, OpError> {
    if image.space() != ColorSpace::Opponent {
        let got = image.space();
        return Err(OpError::WrongSpace {
            op: "inverse opponent transform",
            wanted: "opponent",
            got,
        });
    }
    let m = OPPONENT;
    let transposed = std::array::from_fn(|i| std::array::from_fn(|j| m[j][i]));
    mixed(image, transposed, space)
}

fn mixed(image: &Image, m: [[f32; 3]; 3], space: ColorSpace) -> Result<Image, OpError> {
    let n = image.size().len();
    let (a, bc) = image.data().split_at(n);
    let (b, c) = bc.split_at(n);
    let mut data = Vec::with_capacity(3 * n);
    for row in m {
        data.extend((0..n).map(|i| row[0] * a[i] + row[1] * b[i] + row[2] * c[i]));
    }
    let mut out = Image::from_vec(image.size(), space, data)?;
    out.alpha.clone_from(&image.alpha);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

    #[test]
    fn opponent_round_trip_is_within_float_rounding() {
        let data: Vec<f32> = (0..60).map(|i| (i * 37 % 61) as f32 / 60.0).collect();
        let rgb = Image::from_vec(Size::new(5, 4), ColorSpace::Srgb, data).unwrap();
        let back = from_opponent(&to_opponent(&rgb).unwrap(), ColorSpace::Srgb).unwrap();
        for (a, b) in rgb.data().iter().zip(back.data()) {
            assert!((a - b).abs() < 1e-6);
        }
        assert!(to_opponent(&to_opponent(&rgb).unwrap()).is_err());
    }

    #[test]
    fn srgb_curve_round_trips_and_hits_its_known_values() {
        assert!((srgb_to_linear(0.5) - 0.214_041_1).abs() < 1e-6);
        for i in -10..=20 {
            let v = i as f32 / 10.0;
            assert!((linear_to_srgb(srgb_to_linear(v)) - v).abs() < 2e-6);
        }
    }
}
