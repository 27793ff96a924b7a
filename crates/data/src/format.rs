use restora_image::{Depth, Layout};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG, baseline and progressive.
    Jpeg,
    /// PNG; of an animated one the first picture.
    Png,
    /// WebP; lossy and lossless in, lossless out; of an animated one the first frame.
    WebP,
    /// TIFF, `BigTIFF`, several pages.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// Netpbm: PBM, PGM, PPM, PAM, and PFM for floats.
    Pnm,
    /// Quite OK Image.
    Qoi,
    /// GIF; the first frame.
    Gif,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 8] =
        [Self::Jpeg, Self::Png, Self::WebP, Self::Tiff, Self::Bmp, Self::Pnm, Self::Qoi, Self::Gif];

    /// The name people use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::Pnm => "PNM",
            Self::Qoi => "QOI",
            Self::Gif => "GIF",
        }
    }

    /// The usual file name extensions, the most usual one first.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png", "apng"],
            Self::WebP => &["webp"],
            Self::Tiff => &["tif", "tiff"],
            Self::Bmp => &["bmp", "dib"],
            Self::Pnm => &["pnm", "pbm", "pgm", "ppm", "pam", "pfm"],
            Self::Qoi => &["qoi"],
            Self::Gif => &["gif"],
        }
    }

    /// The extension of a new file, without the dot.
    pub const fn extension(self) -> &'static str {
        self.extensions()[0]
    }

    /// The format that an extension (with or without a dot, any case) or a name promises.
    pub fn from_extension(extension: &str) -> Option<Self> {
        let wanted = extension.trim_start_matches('.').to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.extensions().contains(&wanted.as_str()))
    }

    /// The format that the extension of a path promises.
    pub fn from_path(path: &Path) -> Option<Self> {
        path.extension().and_then(|e| e.to_str()).and_then(Self::from_extension)
    }

    /// Can a picture of this layout and depth be written as it is? [`crate::fit`] makes one that can.
    pub const fn supports(self, layout: Layout, depth: Depth) -> bool {
        match (self, depth) {
            (Self::Pnm, Depth::F32) | (Self::Jpeg, Depth::U8) => !layout.has_alpha(),
            (Self::Bmp, Depth::U8) => !matches!(layout, Layout::GrayAlpha),
            (Self::Qoi, Depth::U8) => matches!(layout, Layout::Rgb | Layout::Rgba),
            (Self::Tiff | Self::Pnm, _)
            | (Self::Png, Depth::U8 | Depth::U16)
            // GIF is exact only up to 256 colors, which the pixels decide; gray always fits.
            | (Self::WebP | Self::Gif, Depth::U8) => true,
            _ => false,
        }
    }

    /// The format a picture that came in this one goes out in when nothing else was asked: the
    /// same, except that GIF, whose 256 colors cannot hold a restored photograph, becomes PNG.
    pub const fn output_default(self) -> Self {
        match self {
            Self::Gif => Self::Png,
            other => other,
        }
    }

    /// Is there a place for an ICC profile?
    pub const fn holds_icc(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::WebP | Self::Tiff | Self::Bmp)
    }

    /// Is there a place for an EXIF block?
    pub const fn holds_exif(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::WebP | Self::Tiff)
    }

    /// Can one file hold several pictures?
    pub const fn has_pages(self) -> bool {
        matches!(self, Self::Tiff)
    }
}

/// The format that the first bytes of a file show, whatever its name says. 16 bytes are enough.
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some(Format::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::WebP),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Format::Tiff),
        [b'q', b'o', b'i', b'f', ..] => Some(Format::Qoi),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        // The size of the info header keeps a text that starts with "BM" out.
        [
            b'B',
            b'M',
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            12 | 16 | 40 | 52 | 56 | 64 | 108 | 124,
            0,
            ..,
        ] => Some(Format::Bmp),
        [b'P', b'1'..=b'7', next, ..] if next.is_ascii_whitespace() || *next == b'#' => {
            Some(Format::Pnm)
        }
        [b'P', b'F' | b'f', next, ..] if next.is_ascii_whitespace() => Some(Format::Pnm),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_extensions_map_both_ways() {
        assert_eq!(sniff(b"P6\n2 2\n255\n"), Some(Format::Pnm));
        assert_eq!(sniff(b"Pf\n2 2\n-1\n"), Some(Format::Pnm));
        assert_eq!(sniff(b"BMW is not a bitmap"), None);
        assert_eq!(sniff(b"P6rhaps a text"), None);
        assert_eq!(sniff(b""), None);
        for format in Format::ALL {
            for extension in format.extensions() {
                assert_eq!(Format::from_extension(extension), Some(format));
            }
        }
        assert_eq!(Format::from_extension(".TIFF"), Some(Format::Tiff));
        assert_eq!(Format::from_extension("txt"), None);
    }
}
