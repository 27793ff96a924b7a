//! Pixels and metadata out of a complete stream.

use super::entropy;
use super::markers::{self, Frame, Segment};
use super::{corrupt, unsupported};
use crate::salvage;
use crate::{DataError, Decoded, FileMeta, Format, Header, JpegDetail};
use restora_image::{Depth, Layout, Pixels, Raster, Size};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

fn layout(frame: &Frame) -> Result<Layout, DataError> {
    match frame.components.len() {
        1 => Ok(Layout::Gray),
        3 | 4 => Ok(Layout::Rgb),
        n => Err(unsupported(&format!("{n} color components; 1, 3 and 4 are read"))),
    }
}

pub(crate) fn header(bytes: &[u8]) -> Result<Header, DataError> {
    header_of(&markers::frame(bytes)?)
}

pub(crate) fn header_of(frame: &Frame) -> Result<Header, DataError> {
    let size = Size::new(frame.width.into(), frame.height.into());
    Header::single(Format::Jpeg, size, layout(frame)?, Depth::U8)
}

/// What a stream holds beside its scans.
pub(crate) struct Found<'a> {
    pub frame: Frame,
    /// Quantization tables in zigzag order.
    pub tables: [[u16; 64]; 4],
    pub segments: Vec<Segment<'a>>,
    pub scans: usize,
}

pub(crate) fn decode(bytes: &[u8], header: &Header) -> Result<Decoded, DataError> {
    let found = entropy::check(bytes)?;
    if found.scans > 1 && !found.frame.progressive {
        // zune-jpeg 0.5.15 puts the blocks of a scan per component in the wrong place if chroma is
        // subsampled in both directions: it is given the same coefficients in one scan.
        let one = salvage::one_scan(bytes)?;
        return found.decode(&one, header);
    }
    found.decode(bytes, header)
}

impl Found<'_> {
    /// The picture of the complete stream `bytes`, with what is known beside it.
    pub fn decode(&self, bytes: &[u8], header: &Header) -> Result<Decoded, DataError> {
        let Self { frame, tables, segments, .. } = self;
        let mut raster = Raster::zeros(header.size, header.layout, Depth::U8);
        let color = if header.layout == Layout::Gray { ColorSpace::Luma } else { ColorSpace::RGB };
        let side = usize::from(u16::MAX);
        let options = DecoderOptions::default()
            .set_max_width(side)
            .set_max_height(side)
            .jpeg_set_out_colorspace(color);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        let Pixels::U8(pixels) = &mut raster.pixels else { return Err(corrupt("8 bits expected")) };
        // The stream is known to be complete, so what is refused now is a variant.
        decoder.decode_into(pixels).map_err(|e| unsupported(&format!("{e:?}")))?;

        let mut meta = FileMeta::new(Format::Jpeg, header.layout, Depth::U8);
        meta.icc = markers::icc(segments);
        meta.exif = markers::exif(segments).map(<[u8]>::to_vec);
        meta.density = markers::density(segments);
        if frame.components.len() == 4 {
            meta.icc = None;
            meta.notes.push("CMYK was converted to RGB without its profile".into());
        }
        let chroma = frame.components.get(1).unwrap_or(&frame.components[0]);
        let ratio = |max: u8, own: u8| max / own.max(1);
        meta.jpeg = Some(JpegDetail {
            quality: markers::quality(&tables[usize::from(frame.components[0].quantization & 3)]),
            subsampling: (ratio(frame.h_max, chroma.h), ratio(frame.v_max, chroma.v)),
            progressive: frame.progressive,
        });
        Ok(Decoded { pages: vec![raster], meta })
    }
}
