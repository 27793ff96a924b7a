//! Small files written by other people's software (`tools/goldens/make_format_seeds.py`), against the
//! formulas they were made from: every format, depth, layout and compression.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use restora_data::{DensityUnit, FileMeta, Format, Limits, decode, read_header};
use restora_image::{Depth, Layout, Pixels, Raster, Size};
use std::path::PathBuf;

const SIZE: Size = Size::new(13, 9);

fn seed(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/seeds").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Decodes a seed with one page, and checks that the header promised what came.
fn open(name: &str) -> (Raster, FileMeta) {
    let bytes = seed(name);
    let header = read_header(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let decoded = decode(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(decoded.pages.len(), header.pages, "{name}");
    let first = &decoded.pages[0];
    assert_eq!((first.layout, first.depth()), (header.layout, header.depth), "{name}");
    assert_eq!((decoded.meta.layout, decoded.meta.depth), (header.layout, header.depth), "{name}");
    assert_eq!(header.size.pixels(), first.size.pixels(), "{name}");
    (decoded.pages.into_iter().next().unwrap(), decoded.meta)
}

fn samples<T>(layout: Layout, value: impl Fn(i64, i64, i64) -> T) -> Vec<T> {
    let mut out = Vec::new();
    // Hidden from the optimizer: rustc 1.95 in release mode overflows its stack on the constants.
    let size = std::hint::black_box(SIZE);
    for y in 0..i64::from(size.height) {
        for x in 0..i64::from(size.width) {
            for c in 0..layout.samples() as i64 {
                out.push(value(x, y, c));
            }
        }
    }
    out
}

fn exact8(x: i64, y: i64, c: i64) -> u8 {
    ((x * 37 + y * 59 + c * 83 + x * y) % 256) as u8
}

fn exact16(x: i64, y: i64, c: i64) -> u16 {
    ((x * 3701 + y * 5903 + c * 8311 + x * y * 7) % 65536) as u16
}

fn float32(x: i64, y: i64, c: i64) -> f32 {
    (x - 5) as f32 * 0.25 + y as f32 * 0.125 - c as f32 * 0.5
}

fn expected(layout: Layout, depth: Depth) -> Raster {
    let pixels = match depth {
        Depth::U8 => Pixels::U8(samples(layout, exact8)),
        Depth::U16 => Pixels::U16(samples(layout, exact16)),
        Depth::F32 => Pixels::F32(samples(layout, float32)),
    };
    Raster::new(SIZE, layout, pixels).unwrap()
}

/// `exact8` cut to its upper `bits` bits and expanded again.
fn coarse(bits: u32, value: u8) -> u8 {
    let max = (1u32 << bits) - 1;
    ((u32::from(value >> (8 - bits)) * 255 + max / 2) / max) as u8
}

/// The palette of the seeds.
fn color(index: u8) -> [u8; 3] {
    let i = i32::from(index);
    [i * 3, 255 - i * 5, i * 7].map(|v| v.rem_euclid(256) as u8)
}

#[test]
fn every_layout_and_depth_reads_to_the_bit() {
    use Depth::{F32, U8, U16};
    use Layout::{Gray, GrayAlpha, Rgb, Rgba};
    let cases = [
        ("png-gray8.png", Gray, U8),
        ("png-gray16.png", Gray, U16),
        ("png-graya8.png", GrayAlpha, U8),
        ("png-graya16.png", GrayAlpha, U16),
        ("png-rgb8.png", Rgb, U8),
        ("png-rgb16.png", Rgb, U16),
        ("png-rgba8.png", Rgba, U8),
        ("png-rgba16.png", Rgba, U16),
        ("png-rgb8-interlaced.png", Rgb, U8),
        ("png-rgb8-pillow.png", Rgb, U8),
        ("png-rgb16-opencv.png", Rgb, U16),
        ("png-animated.png", Rgb, U8),
        ("webp-rgb.webp", Rgb, U8),
        ("webp-rgba.webp", Rgba, U8),
        ("tiff-gray8.tif", Gray, U8),
        ("tiff-gray16.tif", Gray, U16),
        ("tiff-grayf32.tif", Gray, F32),
        ("tiff-graya8.tif", GrayAlpha, U8),
        ("tiff-graya16.tif", GrayAlpha, U16),
        ("tiff-grayaf32.tif", GrayAlpha, F32),
        ("tiff-rgb8.tif", Rgb, U8),
        ("tiff-rgb16.tif", Rgb, U16),
        ("tiff-rgbf32.tif", Rgb, F32),
        ("tiff-rgba8.tif", Rgba, U8),
        ("tiff-rgba16.tif", Rgba, U16),
        ("tiff-rgbaf32.tif", Rgba, F32),
        ("tiff-rgb16-big-endian.tif", Rgb, U16),
        ("tiff-rgbf32-big-endian.tif", Rgb, F32),
        ("tiff-rgb16-bigtiff.tif", Rgb, U16),
        ("tiff-rgb8-planar.tif", Rgb, U8),
        ("tiff-rgb16-tiled.tif", Rgb, U16),
        ("tiff-rgb8-strips.tif", Rgb, U8),
        ("tiff-rgb8-deflate.tif", Rgb, U8),
        ("tiff-rgb16-deflate.tif", Rgb, U16),
        ("tiff-gray8-inverted.tif", Gray, U8),
        // The values of the formula fit 16-bit floats.
        ("tiff-grayf16.tif", Gray, F32),
        ("tiff-rgbf64.tif", Rgb, F32),
        ("tiff-rgb8-lzw.tif", Rgb, U8),
        ("tiff-rgb8-lzw-predictor.tif", Rgb, U8),
        ("tiff-rgb8-deflate-predictor.tif", Rgb, U8),
        ("tiff-rgb8-packbits.tif", Rgb, U8),
        ("tiff-gray16-predictor.tif", Gray, U16),
        ("tiff-grayf32-predictor.tif", Gray, F32),
        ("bmp-gray8.bmp", Gray, U8),
        ("bmp-rgb24.bmp", Rgb, U8),
        ("bmp-rgb24-top-down.bmp", Rgb, U8),
        ("bmp-rgba32-v4.bmp", Rgba, U8),
        ("bmp-gray8-rle.bmp", Gray, U8),
        ("pnm-p2.pgm", Gray, U8),
        ("pnm-p3-16.ppm", Rgb, U16),
        ("pnm-p5.pgm", Gray, U8),
        ("pnm-p6.ppm", Rgb, U8),
        ("pnm-p6-16.ppm", Rgb, U16),
        ("pnm-p7.pam", Rgba, U8),
        ("pnm-pf.pfm", Rgb, F32),
        ("pnm-gray-big-endian.pfm", Gray, F32),
        ("qoi-rgb.qoi", Rgb, U8),
        ("qoi-rgba.qoi", Rgba, U8),
        ("gif-gray.gif", Gray, U8),
        ("gif-gray-interlaced.gif", Gray, U8),
        ("gif-animated.gif", Gray, U8),
    ];
    for (name, layout, depth) in cases {
        let (raster, _) = open(name);
        assert_eq!(raster, expected(layout, depth), "{name}");
    }
}

#[test]
fn fewer_than_8_bits_are_expanded_to_8() {
    for (name, bits) in [
        ("png-gray1.png", 1),
        ("png-gray2.png", 2),
        ("png-gray4.png", 4),
        ("png-gray2-interlaced.png", 2),
        ("tiff-gray1.tif", 1),
        ("bmp-gray1.bmp", 1),
        ("bmp-gray4-rle.bmp", 4),
        ("pnm-p1.pbm", 1),
        ("pnm-p4.pbm", 1),
        ("pnm-p5-4bit.pgm", 4),
    ] {
        let (raster, _) = open(name);
        let want = samples(Layout::Gray, |x, y, c| coarse(bits, exact8(x, y, c)));
        assert_eq!(raster.pixels, Pixels::U8(want), "{name}");
    }
    let (raster, meta) = open("pnm-p5-10bit.pgm");
    let want = samples(Layout::Gray, |x, y, c| {
        ((u32::from(exact16(x, y, c) >> 6) * 65535 + 511) / 1023) as u16
    });
    assert_eq!(raster.pixels, Pixels::U16(want));
    assert_eq!(meta.pnm.unwrap().max, 1023);
    let (raster, _) = open("bmp-rgb565.bmp");
    let want = samples(Layout::Rgb, |x, y, c| coarse([5, 6, 5][c as usize], exact8(x, y, c)));
    assert_eq!(raster.pixels, Pixels::U8(want));
}

#[test]
fn palettes_and_transparent_colors_are_expanded() {
    for name in ["png-palette4.png", "tiff-palette8.tif", "bmp-palette8.bmp"] {
        let (raster, _) = open(name);
        let want = samples(Layout::Rgb, |x, y, c| color(exact8(x, y, 0) >> 4)[c as usize]);
        assert_eq!(raster.pixels, Pixels::U8(want), "{name}");
    }
    let (raster, _) = open("png-palette4-transparent.png");
    let want = samples(Layout::Rgba, |x, y, c| {
        let index = exact8(x, y, 0) >> 4;
        let [r, g, b] = color(index);
        [r, g, b, [0, 128, 255][usize::from(index.min(2))]][c as usize]
    });
    assert_eq!(raster.pixels, Pixels::U8(want));
    let (raster, _) = open("png-rgb8-transparent.png");
    let want = samples(Layout::Rgba, |x, y, c| match c {
        3 if (0..3).all(|c| exact8(x, y, c) == [0, 83, 166][c as usize]) => 0,
        3 => 255,
        c => exact8(x, y, c),
    });
    assert_eq!(raster.pixels, Pixels::U8(want));
    let (raster, _) = open("gif-transparent.gif");
    let want = samples(Layout::Rgba, |x, y, c| {
        let index = exact8(x, y, 0) >> 4;
        let [r, g, b] = color(index);
        [r, g, b, if index == 5 { 0 } else { 255 }][c as usize]
    });
    assert_eq!(raster.pixels, Pixels::U8(want));
}

/// Largest and mean absolute difference of two 8-bit rasters.
fn difference(a: &Raster, b: &Raster) -> (u8, f64) {
    let (Pixels::U8(va), Pixels::U8(vb)) = (&a.pixels, &b.pixels) else { panic!("8 bits") };
    assert_eq!((a.size, a.layout), (b.size, b.layout));
    let differences: Vec<u8> = va.iter().zip(vb).map(|(a, b)| a.abs_diff(*b)).collect();
    let sum: f64 = differences.iter().map(|d| f64::from(*d)).sum();
    (*differences.iter().max().unwrap(), sum / differences.len() as f64)
}

/// Tolerances: T.81 leaves the inverse transform and the upsampling of chroma to the decoder.
/// libjpeg-turbo and ours differ by rounding in both (at most 3 levels here), lossy WebP is defined
/// exactly up to the conversion to RGB and its upsampling.
#[test]
fn lossy_files_agree_with_their_reference_decoders() {
    for name in [
        "jpeg-444.jpg",
        "jpeg-422.jpg",
        "jpeg-420.jpg",
        "jpeg-420-progressive.jpg",
        "jpeg-444-progressive.jpg",
        "jpeg-420-restart.jpg",
        "jpeg-444-restart-progressive.jpg",
        "jpeg-gray.jpg",
        "jpeg-gray-progressive.jpg",
        "jpeg-rgb.jpg",
        "webp-lossy.webp",
    ] {
        let (reference, _) = open(&format!("{name}.ref.png"));
        let (largest, mean) = difference(&open(name).0, &reference);
        println!("{name}: at most {largest}, mean {mean:.3}");
        assert!(largest <= 3 && mean < 0.5, "{name}: {largest} {mean}");
    }
}

#[test]
fn jpeg_details_are_found() {
    let detail = |name: &str| open(name).1.jpeg.unwrap();
    assert_eq!((detail("jpeg-444.jpg").quality, detail("jpeg-444.jpg").subsampling), (90, (1, 1)));
    assert_eq!((detail("jpeg-422.jpg").quality, detail("jpeg-422.jpg").subsampling), (85, (2, 1)));
    assert_eq!((detail("jpeg-420.jpg").quality, detail("jpeg-420.jpg").subsampling), (80, (2, 2)));
    assert!(detail("jpeg-420-progressive.jpg").progressive);
    let density = open("jpeg-420.jpg").1.density.unwrap();
    assert_eq!((density.x, density.y, density.unit), (300.0, 300.0, DensityUnit::Inch));
    let (raster, meta) = open("jpeg-cmyk.jpg");
    assert_eq!(raster.layout, Layout::Rgb);
    assert!(meta.notes[0].contains("CMYK"), "{:?}", meta.notes);
}

#[test]
fn metadata_is_read_and_orientation_applied() {
    for orientation in [6u8, 7] {
        let (raster, meta) = open(&format!("jpeg-orientation{orientation}.jpg"));
        assert_eq!((raster.size, meta.orientation), (Size::new(47, 61), orientation));
    }
    // The tests of the orientations compare pixels; here, 6 against 7 is a mirrored picture.
    let (six, seven) = (open("jpeg-orientation6.jpg").0, open("jpeg-orientation7.jpg").0);
    let (Pixels::U8(six), Pixels::U8(seven)) = (&six.pixels, &seven.pixels) else { panic!() };
    let last_row = &seven[seven.len() - 47 * 3..];
    assert_eq!(&six[..47 * 3], last_row);

    let (raster, meta) = open("webp-meta.webp");
    assert_eq!(meta.orientation, 3);
    assert_eq!(meta.icc.as_deref(), Some(&b"profile".repeat(11)[..]));
    let Pixels::U8(v) = &raster.pixels else { panic!() };
    assert_eq!(v[..3], [exact8(12, 8, 0), exact8(12, 8, 1), exact8(12, 8, 2)]);

    let (raster, meta) = open("tiff-meta.tif");
    assert_eq!((raster.size, meta.orientation), (Size::new(9, 13), 6));
    assert_eq!(meta.icc.as_deref(), Some(&b"profile".repeat(11)[..]));
    let density = meta.density.unwrap();
    assert_eq!((density.x, density.y), (150.0, 300.0));
    let exif = meta.exif.unwrap();
    for text in ["A description", "Maker", "Model", "2020:02:02 20:20:20"] {
        assert!(exif.windows(text.len()).any(|w| w == text.as_bytes()), "{text}");
    }

    let (_, meta) = open("png-rgb8-pillow.png");
    assert_eq!(meta.icc.as_deref(), Some(&b"not a real profile".repeat(9)[..]));
    let density = meta.density.unwrap().per(DensityUnit::Inch);
    // Whole pixels per meter: within half of 0.0254 per inch.
    assert!((density.x - 300.0).abs() < 0.0128 && (density.y - 150.0).abs() < 0.0128);
}

#[test]
fn animations_are_noted_and_pages_are_kept() {
    for name in ["png-animated.png", "webp-animated.webp", "gif-animated.gif"] {
        let (_, meta) = open(name);
        assert!(meta.notes.iter().any(|n| n.contains("3 frames")), "{name}: {:?}", meta.notes);
    }
    let decoded = decode(&seed("tiff-pages.tif"), &Limits::default()).unwrap();
    assert_eq!(decoded.pages.len(), 3);
    assert_eq!(decoded.pages[0], expected(Layout::Rgb, Depth::U16));
    let mirrored = samples(Layout::Rgb, |x, y, c| exact16(12 - x, y, c));
    assert_eq!(decoded.pages[1].pixels, Pixels::U16(mirrored));
    assert_eq!(decoded.meta.format, Format::Tiff);
}
