//! What the estimators of the illuminant share: the estimate, and which pixels may vote.
//!
//! Reference: none, it is the common ground of the estimators beside it.

use restora_image::{ColorSpace, Context, Image, OpError};

/// The color of the light of a scene: a direction in linear RGB, of unit length, all parts above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Illuminant([f64; 3]);

impl Illuminant {
    /// Light that leaves gray gray.
    pub const NEUTRAL: Self = Self([0.577_350_269_189_625_8; 3]);

    /// The light of this color, whatever its strength; `None` unless all parts are finite and above 0.
    pub fn new(rgb: [f64; 3]) -> Option<Self> {
        let length = rgb.iter().map(|v| v * v).sum::<f64>().sqrt();
        let sound = length.is_finite() && rgb.iter().all(|v| *v > 0.0 && v / length > 0.0);
        sound.then(|| Self(rgb.map(|v| v / length)))
    }

    /// Red, green, blue in linear light, of unit length.
    pub fn rgb(self) -> [f64; 3] {
        self.0
    }

    /// `(ln r/g, ln b/g)`: in these coordinates a cast is a shift.
    pub fn log_chroma(self) -> [f64; 2] {
        let [r, g, b] = self.0;
        [(r / g).ln(), (b / g).ln()]
    }

    /// The light of these log-chromaticities, the inverse of [`Illuminant::log_chroma`].
    pub fn from_log_chroma([r, b]: [f64; 2]) -> Option<Self> {
        Self::new([r.exp(), 1.0, b.exp()])
    }
}

/// Which pixels may vote on the light: those whose brightest channel lies between `dark` and `clip`.
///
/// A clipped channel has lost its ratio to the others, and a dark pixel is mostly noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usable {
    /// The brightest channel must be above this, linear light in nominal range.
    pub dark: f32,
    /// The brightest channel must be below this, linear light in nominal range.
    pub clip: f32,
}

impl Default for Usable {
    /// From 10 to 252 of 255 in sRGB.
    fn default() -> Self {
        Self { dark: 0.003, clip: 0.98 }
    }
}

impl Usable {
    /// Every pixel votes.
    pub const ALL: Self = Self { dark: f32::NEG_INFINITY, clip: f32::INFINITY };

    /// May a pixel of these linear values vote?
    #[inline]
    pub fn takes(self, r: f32, g: f32, b: f32) -> bool {
        let most = r.max(g).max(b);
        most > self.dark && most < self.clip && (r + g + b).is_finite()
    }
}

/// Calls `each(index, [r, g, b])` for the usable pixels of an image in linear light, row by row; fully
/// transparent ones are not usable.
///
/// # Errors
/// [`OpError::WrongSpace`] for anything but linear RGB; [`OpError::Cancelled`].
pub(super) fn for_each_usable(
    linear: &Image,
    usable: Usable,
    cx: &Context,
    mut each: impl FnMut(usize, [f64; 3]),
) -> Result<(), OpError> {
    require_linear(linear)?;
    let w = linear.size().w();
    let [r, g, b] = [0, 1, 2].map(|c| linear.plane_data(c));
    for start in (0..linear.size().len()).step_by(w.max(1)) {
        cx.check()?;
        for i in start..start + w {
            let visible = linear.alpha.as_ref().is_none_or(|alpha| alpha.data[i] > 0.0);
            if visible && usable.takes(r[i], g[i], b[i]) {
                each(i, [r[i], g[i], b[i]].map(f64::from));
            }
        }
    }
    Ok(())
}

pub(super) fn require_linear(image: &Image) -> Result<(), OpError> {
    match image.space() {
        ColorSpace::LinearRgb => Ok(()),
        got => Err(OpError::WrongSpace { op: "illuminant estimation", wanted: "linear RGB", got }),
    }
}

/// Sums for the Minkowski mean `(mean v^p)^(1/p)` of three channels; `p` infinite is the maximum.
pub(super) struct Minkowski {
    p: f64,
    sum: [f64; 3],
    count: usize,
}

impl Minkowski {
    pub fn new(p: f64) -> Result<Self, OpError> {
        if p.is_nan() || p < 1.0 {
            return Err(OpError::param("p", "at least 1", p));
        }
        Ok(Self { p, sum: [0.0; 3], count: 0 })
    }

    #[inline]
    pub fn add(&mut self, rgb: [f64; 3]) {
        self.count += 1;
        for (sum, v) in self.sum.iter_mut().zip(rgb) {
            let v = v.max(0.0);
            if self.p == 1.0 {
                *sum += v;
            } else if self.p == 6.0 {
                let square = v * v;
                *sum += square * square * square;
            } else if self.p.is_infinite() {
                *sum = sum.max(v);
            } else {
                *sum += v.powf(self.p);
            }
        }
    }

    pub fn light(&self) -> Option<Illuminant> {
        if self.p.is_infinite() {
            return Illuminant::new(self.sum);
        }
        Illuminant::new(self.sum.map(|s| (s / self.count.max(1) as f64).powf(1.0 / self.p)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use restora_image::{Rng, Size};

    /// Gray surfaces of many reflectances under one light, noise-free.
    pub fn gray_scene(light: [f32; 3]) -> Image {
        let size = Size::new(40, 30);
        let mut rng = Rng::new(5, "scene", 0);
        let gray: Vec<f32> = (0..size.len()).map(|_| 0.05 + 0.9 * rng.uniform() as f32).collect();
        let data = light.iter().flat_map(|l| gray.iter().map(move |v| l * v)).collect();
        Image::from_vec(size, ColorSpace::LinearRgb, data).unwrap()
    }

    /// Every estimator must find the light of a gray world to rounding, refuse encoded pictures, and
    /// find none where no pixel may vote.
    pub fn assert_finds_the_light_of_a_gray_scene(
        estimate: impl Fn(&Image, Usable) -> Result<Option<Illuminant>, OpError>,
    ) {
        for light in [[1.0, 1.0, 1.0], [1.0, 0.7, 0.4], [0.6, 0.8, 1.0]] {
            let found = estimate(&gray_scene(light), Usable::default()).unwrap().unwrap();
            let wanted = Illuminant::new(light.map(f64::from)).unwrap();
            for (a, b) in found.rgb().iter().zip(wanted.rgb()) {
                assert!((a - b).abs() < 1e-6, "{found:?} {wanted:?}");
            }
        }
        let black = Image::zeros(Size::new(5, 4), ColorSpace::LinearRgb);
        assert_eq!(estimate(&black, Usable::default()).unwrap(), None);
        assert_eq!(estimate(&black, Usable::ALL).unwrap(), None);
        let empty = Image::zeros(Size::new(0, 4), ColorSpace::LinearRgb);
        assert_eq!(estimate(&empty, Usable::default()).unwrap(), None);
        let encoded = Image::zeros(Size::new(5, 4), ColorSpace::Srgb);
        assert!(matches!(estimate(&encoded, Usable::ALL), Err(OpError::WrongSpace { .. })));
    }

    #[test]
    fn a_light_is_a_direction_with_positive_parts() {
        let light = Illuminant::new([2.0, 4.0, 4.0]).unwrap();
        assert_eq!(light.rgb().map(|v| (v * 9.0).round() / 9.0), [1.0, 2.0, 2.0].map(|v| v / 3.0));
        let again = Illuminant::from_log_chroma(light.log_chroma()).unwrap();
        assert!(again.rgb().iter().zip(light.rgb()).all(|(a, b)| (a - b).abs() < 1e-12));
        for bad in
            [[0.0, 1.0, 1.0], [1.0, -1.0, 1.0], [f64::NAN, 1.0, 1.0], [1.0, f64::INFINITY, 1.0]]
        {
            assert_eq!(Illuminant::new(bad), None);
        }
    }

    #[test]
    fn clipped_dark_and_unsound_pixels_do_not_vote() {
        let usable = Usable::default();
        assert!(usable.takes(0.5, 0.2, 0.0));
        assert!(!usable.takes(1.0, 0.2, 0.1) && !usable.takes(0.001, 0.0, 0.0));
        assert!(!usable.takes(f32::NAN, 0.2, 0.1));
        assert!(Usable::ALL.takes(0.0, 0.0, 1.0));
    }
}
