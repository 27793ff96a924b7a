//! Pixels and metadata out of a complete stream.

use super::entropy::{self, Checked};
use super::markers::{self, Frame};
use super::{corrupt, unsupported};
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
    let frame = markers::frame(bytes)?;
    let size = Size::new(frame.width.into(), frame.height.into());
    Header::single(Format::Jpeg, size, layout(&frame)?, Depth::U8)
}

pub(crate) fn decode(bytes: &[u8], header: &Header) -> Result<Decoded, DataError> {
    let Checked { frame, tables, segments } = entropy::check(bytes)?;
    let mut raster = Raster::zeros(header.size, header.layout, Depth::U8);
    let color = if header.layout == Layout::Gray { ColorSpace::Luma } else { ColorSpace::RGB };
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default()
        .set_max_width(side)
        .set_max_height(side)
        .jpeg_set_out_colorspace(color);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let Pixels::U8(pixels) = &mut raster.pixels else { return Err(corrupt("8 bits expected")) };
    // The check above found the stream complete, so what is refused now is a variant.
    decoder.decode_into(pixels).map_err(|e| unsupported(&format!("{e:?}")))?;

    let mut meta = FileMeta::new(Format::Jpeg, header.layout, Depth::U8);
    meta.icc = markers::icc(&segments);
    meta.exif = markers::exif(&segments).map(<[u8]>::to_vec);
    meta.density = markers::density(&segments);
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
