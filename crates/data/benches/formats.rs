//! Decoding and encoding of a 1-megapixel RGB picture in every format.

#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use divan::Bencher;
use divan::counter::BytesCount;
use restora_data::{EncodeOptions, FileMeta, Format, Limits, decode, encode};
use restora_image::{Depth, Raster, Size};

fn main() {
    divan::main();
}

const FORMATS: [Format; 7] =
    [Format::Jpeg, Format::Png, Format::WebP, Format::Tiff, Format::Bmp, Format::Pnm, Format::Qoi];

fn picture() -> Raster {
    let image = restora_testkit::synthetic_rgb(Size::new(1024, 1024));
    let noisy = restora_testkit::noisy(&image, 2.0 / 255.0, 1);
    Raster::from_image(&noisy, Depth::U8).unwrap()
}

fn encoded(page: &Raster, format: Format) -> Vec<u8> {
    let meta = FileMeta::new(format, page.layout, page.depth());
    encode(std::slice::from_ref(page), format, &meta, &EncodeOptions::default()).unwrap()
}

#[divan::bench(args = FORMATS)]
fn write(bencher: Bencher, format: Format) {
    let page = picture();
    bencher.counter(BytesCount::new(3usize << 20)).bench(|| encoded(&page, format));
}

#[divan::bench(args = FORMATS)]
fn read(bencher: Bencher, format: Format) {
    let bytes = encoded(&picture(), format);
    bencher
        .counter(BytesCount::new(3usize << 20))
        .bench(|| decode(&bytes, &Limits::default()).unwrap());
}
