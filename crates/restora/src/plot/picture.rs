//! An 8-bit picture that can stand in a grid.

use crate::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use restora_data::{EncodeOptions, FileMeta, Format};
use restora_image::{Depth, Image, Layout, Pixels, Raster, Size};
use serde::{Deserialize, Serialize};

/// An RGB picture of 8 bits; in JSON its pixels are base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    width: u32,
    height: u32,
    rgb: String,
}

impl TryFrom<Written> for Picture {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let rgb = STANDARD.decode(&written.rgb).map_err(|e| format!("pixels: {e}"))?;
        Self::new(written.width, written.height, rgb).map_err(|e| e.to_string())
    }
}

impl From<Picture> for Written {
    fn from(picture: Picture) -> Self {
        let rgb = STANDARD.encode(&picture.rgb);
        Self { width: picture.width, height: picture.height, rgb }
    }
}

impl Picture {
    /// A picture of interleaved RGB.
    ///
    /// # Errors
    /// [`Error::Input`] where it is empty or `rgb` has not three bytes for each pixel.
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, Error> {
        let wanted = u64::from(width).saturating_mul(u64::from(height)).saturating_mul(3);
        if wanted == 0 || wanted != rgb.len() as u64 {
            return Err(Error::Input(format!(
                "a picture of {width}x{height} has {wanted} bytes and at least one, got {}",
                rgb.len()
            )));
        }
        Ok(Self { width, height, rgb })
    }

    /// The image clamped to `[0, 1]` and rounded to 8 bits: three channels as RGB, otherwise the first
    /// as gray. NaN is black.
    ///
    /// # Errors
    /// [`Error::Input`] for an image without pixels.
    pub fn from_image(image: &Image) -> Result<Self, Error> {
        let Size { width, height } = image.size();
        let planes = if image.channels() == 3 { [0, 1, 2] } else { [0; 3] };
        let mut rgb = Vec::with_capacity(image.size().len() * 3);
        for i in 0..image.size().len() {
            // A cast of NaN is 0.
            let byte = |c: usize| (image.plane_data(c)[i].clamp(0.0, 1.0) * 255.0).round() as u8;
            rgb.extend(planes.map(byte));
        }
        Self::new(width, height, rgb)
    }

    /// What the rasterizer drew: at least one pixel, three bytes each.
    pub(super) fn of_canvas(width: u32, height: u32, rgb: Vec<u8>) -> Self {
        Self { width, height, rgb }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Red, green and blue of each pixel, row by row.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// At most `side` pixels in width and height, by area average.
    #[must_use]
    pub fn at_most(&self, side: u32) -> Self {
        let scale = f64::from(side.max(1)) / f64::from(self.width.max(self.height));
        if scale >= 1.0 {
            return self.clone();
        }
        let to = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
        let (width, height) = (to(self.width), to(self.height));
        let w = self.width as usize;
        let span = |i: u32, small: u32, n: u32| {
            let at = |i: u32| (u64::from(i) * u64::from(n) / u64::from(small)) as usize;
            at(i)..at(i + 1).max(at(i) + 1)
        };
        let mut rgb = Vec::with_capacity((width * height * 3) as usize);
        for y in 0..height {
            let rows = span(y, height, self.height);
            for x in 0..width {
                let columns = span(x, width, self.width);
                let count = (rows.len() * columns.len()) as u64;
                for c in 0..3 {
                    let sum: u64 = rows
                        .clone()
                        .flat_map(|y| columns.clone().map(move |x| (y * w + x) * 3 + c))
                        .map(|at| u64::from(self.rgb[at]))
                        .sum();
                    rgb.push(((sum + count / 2) / count) as u8);
                }
            }
        }
        Self { width, height, rgb }
    }

    /// As a PNG file, gray where it is gray.
    ///
    /// # Errors
    /// If it cannot be encoded.
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        let gray = self.rgb.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]);
        let (layout, pixels) = if gray {
            (Layout::Gray, self.rgb.iter().step_by(3).copied().collect())
        } else {
            (Layout::Rgb, self.rgb.clone())
        };
        let raster = Raster::new(Size::new(self.width, self.height), layout, Pixels::U8(pixels))?;
        let meta = FileMeta::new(Format::Png, layout, Depth::U8);
        Ok(restora_data::encode(&[raster], Format::Png, &meta, &EncodeOptions::default())?)
    }

    pub(crate) fn to_data_url(&self) -> Result<String, Error> {
        Ok(format!("data:image/png;base64,{}", STANDARD.encode(self.to_png()?)))
    }
}
