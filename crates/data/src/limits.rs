use crate::{DataError, Format};
use restora_image::{Depth, Layout, Size};
use serde::{Deserialize, Serialize};

/// How large a picture may be. Checked from the header, before anything of that size is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Pixels of all pages together.
    pub max_pixels: u64,
    /// Bytes of all decoded pages together, in the depth of the file.
    pub max_bytes: u64,
    /// Bytes of the file.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    /// 500 megapixels, 4 GiB decoded, 4 GiB of file.
    fn default() -> Self {
        Self { max_pixels: 500_000_000, max_bytes: 4 << 30, max_file_bytes: 4 << 30 }
    }
}

impl Limits {
    /// No limit at all.
    pub const NONE: Self =
        Self { max_pixels: u64::MAX, max_bytes: u64::MAX, max_file_bytes: u64::MAX };

    pub(crate) fn check_file(&self, len: u64) -> Result<(), DataError> {
        check("file size in bytes", len, self.max_file_bytes)
    }

    pub(crate) fn check(&self, header: &Header) -> Result<(), DataError> {
        check("number of pixels", header.pixels, self.max_pixels)?;
        check("decoded size in bytes", header.bytes, self.max_bytes)
    }
}

pub(crate) fn check(what: &'static str, got: u64, limit: u64) -> Result<(), DataError> {
    if got > limit { Err(DataError::Limit { what, got, limit }) } else { Ok(()) }
}

/// What the header of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The format.
    pub format: Format,
    /// Width and height of the first page as stored, before orientation is applied.
    pub size: Size,
    /// Samples of a pixel of the first page once decoded: palettes are expanded.
    pub layout: Layout,
    /// Depth of the first page once decoded: less than 8 bits become 8.
    pub depth: Depth,
    /// Number of pages that are decoded.
    pub pages: usize,
    /// Pixels of all pages.
    pub pixels: u64,
    /// Bytes of all decoded pages.
    pub bytes: u64,
}

impl Header {
    /// The header of a file with one page.
    pub(crate) fn single(
        format: Format,
        size: Size,
        layout: Layout,
        depth: Depth,
    ) -> Result<Self, DataError> {
        if size.is_empty() {
            return Err(DataError::corrupt(format, format!("its size is {size}")));
        }
        let mut header = Self { format, size, layout, depth, pages: 0, pixels: 0, bytes: 0 };
        header.add_page(size, layout, depth);
        Ok(header)
    }

    pub(crate) fn add_page(&mut self, size: Size, layout: Layout, depth: Depth) {
        let per_pixel = layout.samples() as u64 * u64::from(depth.bits() / 8);
        self.pages += 1;
        self.pixels = self.pixels.saturating_add(size.pixels());
        self.bytes = self.bytes.saturating_add(size.pixels().saturating_mul(per_pixel));
    }

    /// Refuses a file of `len` bytes that cannot hold its picture even if every byte of it yielded
    /// `most` decoded bytes, so that nothing is allocated for it.
    pub(crate) fn check_plausible(&self, len: usize, most: u64) -> Result<(), DataError> {
        if self.bytes > (len as u64).saturating_mul(most) {
            return Err(DataError::corrupt(
                self.format,
                format!("a file of {len} bytes cannot hold {} pixels", self.pixels),
            ));
        }
        Ok(())
    }
}
