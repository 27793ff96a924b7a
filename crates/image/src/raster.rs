use crate::{ColorSpace, Depth, Image, OpError, Plane, Rect, Size};

/// Which samples a pixel of a [`Raster`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Gray.
    Gray,
    /// Gray and opacity.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and opacity.
    Rgba,
}

impl Layout {
    /// Samples per pixel.
    pub const fn samples(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// Samples per pixel without opacity.
    pub const fn colors(self) -> usize {
        match self {
            Self::Gray | Self::GrayAlpha => 1,
            Self::Rgb | Self::Rgba => 3,
        }
    }

    /// Is there opacity?
    pub const fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }
}

/// Interleaved samples in the depth of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// 0..=255.
    U8(Vec<u8>),
    /// 0..=65535.
    U16(Vec<u16>),
    /// Nominal range, unbounded.
    F32(Vec<f32>),
}

/// An image as a file holds it: interleaved, in its own depth. The compact form in which a large
/// picture waits while its tiles pass through the belt as [`Image`]s.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    /// Width and height.
    pub size: Size,
    /// Samples of a pixel.
    pub layout: Layout,
    /// `size.len() * layout.samples()` samples.
    pub pixels: Pixels,
}

impl Raster {
    /// A raster from its samples.
    ///
    /// # Errors
    /// [`OpError::Input`] if their number does not fit.
    pub fn new(size: Size, layout: Layout, pixels: Pixels) -> Result<Self, OpError> {
        let got = match &pixels {
            Pixels::U8(v) => v.len(),
            Pixels::U16(v) => v.len(),
            Pixels::F32(v) => v.len(),
        };
        let wanted = size.len() * layout.samples();
        if got != wanted {
            return Err(OpError::Input(format!(
                "a {size} {layout:?} raster has {wanted} samples, got {got}"
            )));
        }
        Ok(Self { size, layout, pixels })
    }

    /// A black raster.
    pub fn zeros(size: Size, layout: Layout, depth: Depth) -> Self {
        let n = size.len() * layout.samples();
        let pixels = match depth {
            Depth::U8 => Pixels::U8(vec![0; n]),
            Depth::U16 => Pixels::U16(vec![0; n]),
            Depth::F32 => Pixels::F32(vec![0.0; n]),
        };
        Self { size, layout, pixels }
    }

    /// The sample format.
    pub fn depth(&self) -> Depth {
        match self.pixels {
            Pixels::U8(_) => Depth::U8,
            Pixels::U16(_) => Depth::U16,
            Pixels::F32(_) => Depth::F32,
        }
    }

    /// The whole picture as a planar image in nominal range.
    pub fn to_image(&self) -> Image {
        self.tile(self.size.rect())
    }

    /// A window as a planar image in nominal range: integers are divided by their maximum, floats
    /// taken as they are.
    ///
    /// # Panics
    /// If the window does not lie inside.
    pub fn tile(&self, rect: Rect) -> Image {
        match &self.pixels {
            Pixels::U8(v) => self.planar(v, rect, |s| f32::from(s) / 255.0),
            Pixels::U16(v) => self.planar(v, rect, |s| f32::from(s) / 65535.0),
            Pixels::F32(v) => self.planar(v, rect, |s| s),
        }
    }

    fn planar<T: Copy>(&self, samples: &[T], rect: Rect, value: impl Fn(T) -> f32) -> Image {
        let space = if self.layout.colors() == 1 { ColorSpace::Gray } else { ColorSpace::Srgb };
        let (per_pixel, colors) = (self.layout.samples(), self.layout.colors());
        let mut image = Image::zeros(rect.size(), space);
        let mut alpha = self.layout.has_alpha().then(|| Plane::zeros(rect.size()));
        let (width, n) = (rect.size().w(), rect.size().len());
        for y in 0..rect.size().h() {
            let start = ((rect.y as usize + y) * self.size.w() + rect.x as usize) * per_pixel;
            let row = &samples[start..][..width * per_pixel];
            for c in 0..colors {
                let out = &mut image.data_mut()[c * n + y * width..][..width];
                for (o, pixel) in out.iter_mut().zip(row.chunks_exact(per_pixel)) {
                    *o = value(pixel[c]);
                }
            }
            if let Some(alpha) = &mut alpha {
                let out = &mut alpha.data[y * width..][..width];
                for (o, pixel) in out.iter_mut().zip(row.chunks_exact(per_pixel)) {
                    *o = value(pixel[colors]);
                }
            }
        }
        image.alpha = alpha;
        image
    }

    /// A raster of `depth` with the values of `image`: integers are clamped and rounded to nearest,
    /// floats kept as they are.
    ///
    /// # Errors
    /// [`OpError::WrongSpace`] if the image is neither gray nor RGB.
    pub fn from_image(image: &Image, depth: Depth) -> Result<Self, OpError> {
        let layout = match (image.channels(), image.alpha.is_some()) {
            (1, false) => Layout::Gray,
            (1, true) => Layout::GrayAlpha,
            (3, false) => Layout::Rgb,
            (3, true) => Layout::Rgba,
            _ => {
                let got = image.space();
                return Err(OpError::WrongSpace { op: "raster", wanted: "gray or RGB", got });
            }
        };
        let mut raster = Self::zeros(image.size(), layout, depth);
        raster.write_tile(image, image.size().rect(), (0, 0));
        Ok(raster)
    }

    /// Overwrites whole rows, from row `y` on, with those of `rows`.
    ///
    /// # Panics
    /// If width, layout or depth differ, or the rows do not fit.
    pub fn write_rows(&mut self, rows: &Self, y: u32) {
        assert_eq!((self.size.width, self.layout), (rows.size.width, rows.layout), "rows that fit");
        let start = y as usize * self.size.w() * self.layout.samples();
        match (&mut self.pixels, &rows.pixels) {
            (Pixels::U8(to), Pixels::U8(from)) => to[start..][..from.len()].copy_from_slice(from),
            (Pixels::U16(to), Pixels::U16(from)) => to[start..][..from.len()].copy_from_slice(from),
            (Pixels::F32(to), Pixels::F32(from)) => to[start..][..from.len()].copy_from_slice(from),
            _ => panic!("rows of depth {:?} into {:?}", rows.depth(), self.depth()),
        }
    }

    /// Writes the window `from` of `image` at `(x, y)`.
    ///
    /// # Panics
    /// If the window or its place does not lie inside, or the number of color planes differs.
    pub fn write_tile(&mut self, image: &Image, from: Rect, (x, y): (u32, u32)) {
        assert_eq!(image.channels(), self.layout.colors(), "color planes of tile and raster");
        let (width, layout) = (self.size.w(), self.layout);
        match &mut self.pixels {
            Pixels::U8(v) => interleave(v, width, layout, image, from, (x, y), |s| {
                (s.clamp(0.0, 1.0) * 255.0).round() as u8
            }),
            Pixels::U16(v) => interleave(v, width, layout, image, from, (x, y), |s| {
                (s.clamp(0.0, 1.0) * 65535.0).round() as u16
            }),
            Pixels::F32(v) => interleave(v, width, layout, image, from, (x, y), |s| s),
        }
    }
}

fn interleave<T>(
    samples: &mut [T],
    raster_width: usize,
    layout: Layout,
    image: &Image,
    from: Rect,
    (x, y): (u32, u32),
    value: impl Fn(f32) -> T,
) {
    let (per_pixel, colors) = (layout.samples(), layout.colors());
    let width = from.size().w();
    for dy in 0..from.size().h() {
        let start = ((y as usize + dy) * raster_width + x as usize) * per_pixel;
        let row = &mut samples[start..][..width * per_pixel];
        let source_y = from.y as usize + dy;
        for c in 0..per_pixel {
            let line = if c < colors {
                &image.plane(c).row(source_y)[from.x as usize..][..width]
            } else if let Some(alpha) = &image.alpha {
                &alpha.row(source_y)[from.x as usize..][..width]
            } else {
                continue;
            };
            for (pixel, v) in row.chunks_exact_mut(per_pixel).zip(line) {
                pixel[c] = value(*v);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_8_and_16_bit_value_survives_the_round_trip() {
        let v8: Vec<u8> = (0..=255).collect();
        let r8 = Raster::new(Size::new(16, 16), Layout::Gray, Pixels::U8(v8)).unwrap();
        assert_eq!(Raster::from_image(&r8.to_image(), Depth::U8).unwrap(), r8);
        let v16: Vec<u16> = (0..=65535).collect();
        let r16 = Raster::new(Size::new(128, 128), Layout::Rgba, Pixels::U16(v16)).unwrap();
        assert_eq!(Raster::from_image(&r16.to_image(), Depth::U16).unwrap(), r16);
    }

    #[test]
    fn half_way_values_go_to_nearest_and_out_of_range_is_clamped_only_for_integers() {
        let image = Image::from_vec(
            Size::new(4, 1),
            ColorSpace::Gray,
            vec![-0.5, 0.5 / 255.0, 1.5, 0.499 / 255.0],
        )
        .unwrap();
        let u8s = Raster::from_image(&image, Depth::U8).unwrap();
        assert_eq!(u8s.pixels, Pixels::U8(vec![0, 1, 255, 0]));
        let f32s = Raster::from_image(&image, Depth::F32).unwrap();
        assert_eq!(f32s.pixels, Pixels::F32(image.data().to_vec()));
    }

    #[test]
    fn tiles_put_back_in_place_give_the_whole() {
        let v: Vec<u8> = (0..7 * 5 * 3).map(|i| (i * 31 % 256) as u8).collect();
        let whole = Raster::new(Size::new(7, 5), Layout::Rgb, Pixels::U8(v)).unwrap();
        let mut copy = Raster::zeros(whole.size, whole.layout, Depth::U8);
        for y in (0..5).step_by(2) {
            for x in (0..7).step_by(3) {
                let core = Rect { x, y, width: 3.min(7 - x), height: 2.min(5 - y) };
                let grown = core.grown(2, whole.size);
                let inner = Rect {
                    x: core.x - grown.x,
                    y: core.y - grown.y,
                    width: core.width,
                    height: core.height,
                };
                copy.write_tile(&whole.tile(grown), inner, (core.x, core.y));
            }
        }
        assert_eq!(copy, whole);
    }
}
