use crate::{Format, exif};
use restora_image::{Depth, Layout, Size};

/// What a file said beside its pixels: enough to write the same kind of file again.
#[derive(Clone, Debug, PartialEq)]
pub struct FileMeta {
    /// The format.
    pub format: Format,
    /// Depth of the first page.
    pub depth: Depth,
    /// Layout of the first page.
    pub layout: Layout,
    /// ICC profile.
    pub icc: Option<Vec<u8>>,
    /// EXIF block, starting at its TIFF header. Its orientation is 1, for it has been applied, and
    /// its thumbnail is unlinked, for it shows the picture as it was.
    pub exif: Option<Vec<u8>>,
    /// The EXIF orientation (1 to 8) that has been applied to the pixels.
    pub orientation: u8,
    /// Pixel density.
    pub density: Option<Density>,
    /// JPEG only.
    pub jpeg: Option<JpegDetail>,
    /// PNG only.
    pub png: Option<PngDetail>,
    /// PNM only.
    pub pnm: Option<PnmDetail>,
    /// TIFF only.
    pub tiff: Option<TiffDetail>,
    /// QOI only: all channels are linear.
    pub qoi_linear: bool,
    /// What the reader should know: an animation of which one frame was taken, a conversion.
    pub notes: Vec<String>,
}

impl FileMeta {
    /// What is known of a picture that comes from no file.
    pub fn new(format: Format, layout: Layout, depth: Depth) -> Self {
        Self {
            format,
            depth,
            layout,
            icc: None,
            exif: None,
            orientation: 1,
            density: None,
            jpeg: None,
            png: None,
            pnm: None,
            tiff: None,
            qoi_linear: false,
            notes: Vec::new(),
        }
    }
}

impl FileMeta {
    /// What holds of the picture once it has `size`, `up` times as many pixels on each side as each `down` it
    /// had: the sheet or scene is as large as it was, so its pixels lie closer or further apart.
    pub fn resized(&mut self, size: Size, up: u32, down: u32) {
        let factor = f64::from(up) / f64::from(down);
        if let Some(density) = self.density.as_mut().filter(|d| d.unit != DensityUnit::Aspect) {
            density.x *= factor;
            density.y *= factor;
        }
        if let Some(block) = &mut self.exif {
            exif::resize(block, size, up, down);
        }
    }
}

/// Pixels per unit of length, as the file says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Density {
    /// Horizontal.
    pub x: f64,
    /// Vertical.
    pub y: f64,
    /// The unit.
    pub unit: DensityUnit,
}

/// Unit of a [`Density`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DensityUnit {
    /// None: only the aspect ratio means something.
    Aspect,
    /// Pixels per inch.
    Inch,
    /// Pixels per centimeter.
    Centimeter,
}

impl Density {
    /// The same density in another unit; an aspect ratio stays one.
    pub fn per(self, unit: DensityUnit) -> Self {
        let factor = match (self.unit, unit) {
            (DensityUnit::Inch, DensityUnit::Centimeter) => 1.0 / 2.54,
            (DensityUnit::Centimeter, DensityUnit::Inch) => 2.54,
            (DensityUnit::Aspect, _) | (_, DensityUnit::Aspect) => return self,
            _ => 1.0,
        };
        Self { x: self.x * factor, y: self.y * factor, unit }
    }
}

/// How a JPEG was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegDetail {
    /// Quality from 1 to 100 on the scale of libjpeg, estimated from the luma quantization table.
    pub quality: u8,
    /// Horizontal and vertical subsampling of chroma: (2, 2) is 4:2:0.
    pub subsampling: (u8, u8),
    /// Several scans of rising precision.
    pub progressive: bool,
}

/// Color and text chunks of a PNG.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PngDetail {
    /// gAMA: 100,000 times the exponent.
    pub gamma: Option<u32>,
    /// cHRM: white, red, green, blue; x and y, times 100,000.
    pub chromaticities: Option<[u32; 8]>,
    /// sRGB: the rendering intent.
    pub srgb: Option<u8>,
    /// tEXt and zTXt chunks: keyword and text.
    pub text: Vec<(String, String)>,
    /// iTXt chunks: keyword and text.
    pub utf8_text: Vec<(String, String)>,
}

/// Which of the Netpbm formats a file was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PnmDetail {
    /// Samples as text.
    pub ascii: bool,
    /// PAM.
    pub pam: bool,
    /// Maximum of the samples of a 16-bit file, 255 otherwise.
    pub max: u16,
    /// Scale of a PFM file; its sign is its byte order.
    pub scale: f64,
}

impl Default for PnmDetail {
    /// Binary, full range.
    fn default() -> Self {
        Self { ascii: false, pam: false, max: 65535, scale: -1.0 }
    }
}

/// How a TIFF stored its first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TiffDetail {
    /// Value of the compression tag.
    pub compression: u16,
    /// Value of the predictor tag.
    pub predictor: u16,
    /// Meaning of the extra sample: 0 unspecified, 2 opacity.
    pub extra: u16,
}
