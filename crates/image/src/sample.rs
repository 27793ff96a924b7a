use crate::{Image, Mask, NoiseModel, Scale};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What travels down the belt.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The picture, changed step by step.
    pub image: Image,
    /// Missing pixels, if any are known.
    pub mask: Option<Mask>,
    /// The clean truth, where there is one.
    pub reference: Option<Image>,
    /// What is known of the noise.
    pub noise: Option<NoiseModel>,
    /// Where the picture came from.
    pub meta: Meta,
    /// Column and row of the first pixel in the whole picture: not 0 in a tile of it.
    pub origin: (u32, u32),
}

impl Sample {
    /// A sample with nothing but an image.
    pub fn new(image: Image) -> Self {
        Self {
            image,
            mask: None,
            reference: None,
            noise: None,
            meta: Meta::default(),
            origin: (0, 0),
        }
    }

    /// Puts `image` in place of the picture, whose size changed by `scale`: mask and origin go along, and what
    /// was known of the noise holds no longer.
    pub fn resized(&mut self, image: Image, scale: Scale) {
        self.mask = self.mask.take().map(|mask| mask.scaled(scale));
        self.origin = (scale.edge(self.origin.0), scale.edge(self.origin.1));
        self.noise = None;
        self.image = image;
    }
}

/// Sample format of the file the image came from, and goes back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// 8-bit integers, 0..=255.
    #[default]
    U8,
    /// 16-bit integers, 0..=65535.
    U16,
    /// 32-bit floats in nominal range; never clipped nor rounded.
    F32,
}

impl Depth {
    /// Bits per sample.
    pub const fn bits(self) -> u32 {
        match self {
            Self::U8 => 8,
            Self::U16 => 16,
            Self::F32 => 32,
        }
    }
}

/// Where an image came from and what its file said beside the pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta {
    /// Name of the item, unique in a run: the relative path for files.
    pub id: String,
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    /// Sample format in the file.
    pub depth: Depth,
    /// ICC profile, as in the file.
    pub icc: Option<Vec<u8>>,
    /// EXIF block, starting at its TIFF header; its orientation is 1 once applied.
    pub exif: Option<Vec<u8>>,
    /// How a JPEG file was compressed, as it says itself.
    pub jpeg: Option<SavedJpeg>,
}

/// What a JPEG file says of its compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedJpeg {
    /// Quality on the scale of the Independent JPEG Group, `1..=100`, whose table is nearest to that of the file.
    pub quality: u8,
    /// Column of the first block border, `0..8`: not 0 where the picture was turned.
    pub offset_x: u8,
    /// Row of the first block border.
    pub offset_y: u8,
}
