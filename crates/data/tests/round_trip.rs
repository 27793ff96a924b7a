//! What is written is read again: every format, layout and depth it supports, to the bit, with its
//! metadata; and what a format lacks is refused or converted as documented.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use proptest::prelude::*;
use restora_data::{
    DataError, Density, DensityUnit, EncodeOptions, FileMeta, Format, Limits, PngCompression,
    PnmDetail, TiffDetail, decode, encode, fit, read_header, sniff, write_file,
};
use restora_image::{Depth, ErrorKind, Layout, Pixels, Raster, Rng, Size};

const LAYOUTS: [Layout; 4] = [Layout::Gray, Layout::GrayAlpha, Layout::Rgb, Layout::Rgba];
const DEPTHS: [Depth; 3] = [Depth::U8, Depth::U16, Depth::F32];

/// Random samples, flat in places so that runs occur; floats beyond the nominal range.
fn raster(size: Size, layout: Layout, depth: Depth, seed: u64) -> Raster {
    let mut rng = Rng::new(seed, "round trip", 0);
    let mut raster = Raster::zeros(size, layout, depth);
    let mut last = 0u64;
    let mut next = || {
        if rng.uniform() < 0.6 {
            last = rng.next_u64();
        }
        last
    };
    match &mut raster.pixels {
        Pixels::U8(v) => v.iter_mut().for_each(|s| *s = next() as u8),
        Pixels::U16(v) => v.iter_mut().for_each(|s| *s = next() as u16),
        Pixels::F32(v) => v.iter_mut().for_each(|s| *s = (next() % 1000) as f32 / 300.0 - 1.0),
    }
    raster
}

fn back(pages: &[Raster], format: Format, meta: &FileMeta) -> (Vec<Raster>, FileMeta) {
    let bytes = encode(pages, format, meta, &EncodeOptions::default()).unwrap();
    assert_eq!(sniff(&bytes), Some(format));
    let decoded = decode(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{format:?}: {e}"));
    (decoded.pages, decoded.meta)
}

#[test]
fn every_supported_layout_and_depth_survives_to_the_bit() {
    let sizes = [(1, 1), (1, 9), (9, 1), (2, 3), (67, 35)].map(|(w, h)| Size::new(w, h));
    for format in Format::ALL {
        for layout in LAYOUTS {
            for depth in DEPTHS {
                if !format.supports(layout, depth) {
                    continue;
                }
                for size in sizes {
                    let mut page = raster(size, layout, depth, 1);
                    if format == Format::Gif {
                        let Pixels::U8(v) = &mut page.pixels else { unreachable!() };
                        // 4 levels, and opacity all or nothing, are at most 65 colors.
                        for s in v.iter_mut() {
                            *s = *s / 64 * 85;
                        }
                        let n = layout.samples();
                        if layout.has_alpha() {
                            for pixel in v.chunks_exact_mut(n) {
                                let opaque = pixel[n - 1] > 99;
                                pixel.fill(if opaque { pixel[0] } else { 0 });
                                pixel[n - 1] = if opaque { 255 } else { 0 };
                            }
                        }
                    }
                    let meta = FileMeta::new(format, layout, depth);
                    let (pages, read) = back(std::slice::from_ref(&page), format, &meta);
                    let what = format!("{format:?} {layout:?} {depth:?} {size}");
                    assert_eq!(pages.len(), 1, "{what}");
                    assert_eq!(read.format, format);
                    match format {
                        Format::Jpeg => {
                            assert_eq!((pages[0].size, pages[0].layout), (size, layout));
                        }
                        // These store gray as equal colors, and opacity only where it is used.
                        Format::WebP | Format::Gif | Format::Bmp => {
                            assert_eq!(as_rgba(&pages[0]), as_rgba(&page), "{what}");
                        }
                        _ => assert_eq!(pages[0], page, "{what}"),
                    }
                }
            }
        }
    }
}

fn as_rgba(raster: &Raster) -> Vec<[u8; 4]> {
    let Pixels::U8(v) = &raster.pixels else { panic!("8 bits") };
    let pixel = |p: &[u8]| match *p {
        [g] => [g, g, g, 255],
        [g, a] => [g, g, g, a],
        [r, g, b] => [r, g, b, 255],
        [r, g, b, a] => [r, g, b, a],
        _ => unreachable!(),
    };
    v.chunks_exact(raster.layout.samples()).map(pixel).collect()
}

#[test]
fn tiff_survives_in_every_compression_it_is_written_in() {
    for compression in [1, 5, 8, 32773] {
        for predictor in [1, 2, 3] {
            for layout in LAYOUTS {
                for depth in DEPTHS {
                    // More rows than a strip holds.
                    let page = raster(Size::new(257, 300), layout, depth, 2);
                    let mut meta = FileMeta::new(Format::Tiff, layout, depth);
                    meta.tiff = Some(TiffDetail { compression, predictor, extra: 2 });
                    let (pages, read) = back(std::slice::from_ref(&page), Format::Tiff, &meta);
                    assert_eq!(pages[0], page, "{compression} {predictor} {layout:?} {depth:?}");
                    assert_eq!(read.tiff.unwrap().compression, compression);
                }
            }
        }
    }
}

#[test]
fn tiff_keeps_pages_of_different_kinds_and_special_floats() {
    let mut float = raster(Size::new(5, 4), Layout::Rgb, Depth::F32, 3);
    let Pixels::F32(v) = &mut float.pixels else { unreachable!() };
    v[..4].copy_from_slice(&[f32::INFINITY, -1e30, 1e-40, f32::MAX]);
    let pages = [
        float,
        raster(Size::new(31, 7), Layout::Gray, Depth::U8, 4),
        raster(Size::new(2, 90), Layout::Rgba, Depth::U16, 5),
    ];
    let meta = FileMeta::new(Format::Tiff, Layout::Rgb, Depth::F32);
    assert_eq!(back(&pages, Format::Tiff, &meta).0, pages);
    let error = encode(&pages, Format::Png, &meta, &EncodeOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// An EXIF block as cameras write it: big-endian, with the given orientation, a directory of its
/// own, and a second directory for a thumbnail.
fn exif(orientation: u16) -> Vec<u8> {
    let mut b = b"MM\0\x2a\0\0\0\x08".to_vec();
    let entry = |b: &mut Vec<u8>, tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        b.extend(tag.to_be_bytes());
        b.extend(kind.to_be_bytes());
        b.extend(count.to_be_bytes());
        b.extend(value);
    };
    let short = |v: u16| [v.to_be_bytes()[0], v.to_be_bytes()[1], 0, 0];
    b.extend(4u16.to_be_bytes());
    entry(&mut b, 0x010F, 2, 4, *b"Abc\0");
    entry(&mut b, 0x0112, 3, 1, short(orientation));
    entry(&mut b, 0x0132, 2, 20, 80u32.to_be_bytes());
    entry(&mut b, 0x8769, 4, 1, 100u32.to_be_bytes());
    b.extend(130u32.to_be_bytes());
    b.resize(80, 0);
    b.extend(b"2020:02:02 20:20:20\0");
    b.extend(2u16.to_be_bytes());
    entry(&mut b, 0xA002, 3, 1, short(67));
    entry(&mut b, 0xA003, 3, 1, short(35));
    b.extend(0u32.to_be_bytes());
    b.extend(1u16.to_be_bytes());
    entry(&mut b, 0x0112, 3, 1, short(orientation));
    b.extend(0u32.to_be_bytes());
    b
}

#[test]
fn icc_exif_and_density_survive_where_the_format_has_a_place() {
    // More than one JPEG segment holds.
    let icc: Vec<u8> = (0..150_000u32).map(|i| (i % 977 * i % 251) as u8).collect();
    for format in [Format::Jpeg, Format::Png, Format::WebP, Format::Tiff, Format::Bmp] {
        let page = raster(Size::new(67, 35), Layout::Rgb, Depth::U8, 6);
        let mut meta = FileMeta::new(format, page.layout, Depth::U8);
        meta.icc = Some(icc.clone());
        meta.exif = Some(exif(1));
        meta.density = Some(Density { x: 300.0, y: 200.0, unit: DensityUnit::Inch });
        let (_, read) = back(&[page], format, &meta);
        assert_eq!(read.icc.as_ref(), Some(&icc), "{format:?}");
        if format != Format::WebP {
            let density = read.density.unwrap().per(DensityUnit::Inch);
            let near = |a: f64, b: f64| (a - b).abs() < 0.0128;
            assert!(near(density.x, 300.0) && near(density.y, 200.0), "{format:?} {density:?}");
        }
        if format != Format::Bmp {
            let block = read.exif.unwrap();
            for text in [&b"Abc\0"[..], b"2020:02:02 20:20:20\0"] {
                assert!(block.windows(text.len()).any(|w| w == text), "{format:?}");
            }
            assert_eq!(read.orientation, 1);
            // Once more, now from what was written.
            let page = raster(Size::new(67, 35), Layout::Rgb, Depth::U8, 6);
            let mut meta = FileMeta::new(format, page.layout, Depth::U8);
            meta.exif = Some(block.clone());
            assert_eq!(back(&[page], format, &meta).1.exif, Some(block), "{format:?}");
        }
    }
}

#[test]
fn orientation_is_applied_once_and_written_as_1() {
    let page = raster(Size::new(67, 35), Layout::Rgb, Depth::U8, 7);
    for format in [Format::Png, Format::WebP, Format::Jpeg] {
        for orientation in 2..=8 {
            let mut meta = FileMeta::new(format, page.layout, Depth::U8);
            meta.exif = Some(exif(orientation));
            meta.density = Some(Density { x: 3.0, y: 2.0, unit: DensityUnit::Aspect });
            let (pages, read) = back(std::slice::from_ref(&page), format, &meta);
            let turned = orientation >= 5;
            let size = if turned { Size::new(35, 67) } else { page.size };
            assert_eq!((pages[0].size, read.orientation), (size, orientation as u8));
            // Width and height in the block follow; the thumbnail is unlinked.
            let block = read.exif.clone().unwrap();
            let sizes = (block[110..112].to_vec(), block[122..124].to_vec());
            let wanted =
                if turned { (vec![0, 35], vec![0, 67]) } else { (vec![0, 67], vec![0, 35]) };
            assert_eq!(sizes, wanted, "{format:?} {orientation}");
            assert_eq!(block[58..62], [0; 4]);
            if let Some(density) = read.density {
                assert_eq!((density.x, density.y), if turned { (2.0, 3.0) } else { (3.0, 2.0) });
            }
            let (again, last) = back(&pages, format, &read);
            assert_eq!((again[0].size, last.orientation), (size, 1));
            if format != Format::Jpeg {
                assert_eq!(again[0], pages[0]);
            }
        }
    }
}

#[test]
fn png_color_and_text_chunks_survive() {
    let page = raster(Size::new(5, 4), Layout::Rgb, Depth::U16, 8);
    let mut meta = FileMeta::new(Format::Png, page.layout, Depth::U16);
    meta.png = Some(restora_data::PngDetail {
        gamma: Some(45455),
        chromaticities: Some([31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000]),
        srgb: None,
        text: vec![("Title".into(), "Blüten".into())],
        utf8_text: vec![("Author".into(), "山田".into())],
    });
    for compression in [PngCompression::Fast, PngCompression::Balanced, PngCompression::Small] {
        let options = EncodeOptions { png_compression: compression, ..EncodeOptions::default() };
        let bytes = encode(std::slice::from_ref(&page), Format::Png, &meta, &options).unwrap();
        let read = decode(&bytes, &Limits::default()).unwrap();
        assert_eq!(read.meta.png, meta.png);
        assert_eq!(read.pages[0], page);
    }
    meta.png = Some(restora_data::PngDetail { srgb: Some(1), ..Default::default() });
    assert_eq!(back(&[page], Format::Png, &meta).1.png.unwrap().srgb, Some(1));
}

#[test]
fn netpbm_variants_are_written_as_they_came() {
    for (detail, depth) in [
        (PnmDetail { ascii: true, pam: false, max: 255, scale: 1.0 }, Depth::U8),
        (PnmDetail { ascii: false, pam: true, max: 65535, scale: 1.0 }, Depth::U16),
        (PnmDetail { ascii: true, pam: false, max: 65535, scale: 1.0 }, Depth::U16),
        (PnmDetail { ascii: false, pam: false, max: 255, scale: -1.0 }, Depth::F32),
    ] {
        let page = raster(Size::new(23, 5), Layout::Rgb, depth, 9);
        let mut meta = FileMeta::new(Format::Pnm, page.layout, depth);
        meta.pnm = Some(detail);
        let (pages, read) = back(std::slice::from_ref(&page), Format::Pnm, &meta);
        assert_eq!((&pages[0], read.pnm), (&page, Some(detail)));
    }
    // A 10-bit file stays one, and its own values survive exactly.
    let mut page = raster(Size::new(32, 32), Layout::Gray, Depth::U16, 0);
    let Pixels::U16(v) = &mut page.pixels else { unreachable!() };
    v.iter_mut().enumerate().for_each(|(i, s)| *s = ((i * 65535 + 511) / 1023) as u16);
    let mut meta = FileMeta::new(Format::Pnm, page.layout, Depth::U16);
    meta.pnm = Some(PnmDetail { max: 1023, ..PnmDetail::default() });
    let (pages, read) = back(std::slice::from_ref(&page), Format::Pnm, &meta);
    assert_eq!((&pages[0], read.pnm.unwrap().max), (&page, 1023));
}

#[test]
fn what_a_format_lacks_is_refused_and_fit_makes_it_fit() {
    for format in Format::ALL {
        for layout in LAYOUTS {
            for depth in DEPTHS {
                let page = raster(Size::new(6, 5), layout, depth, 10);
                let meta = FileMeta::new(format, layout, depth);
                let result =
                    encode(std::slice::from_ref(&page), format, &meta, &EncodeOptions::default());
                if !format.supports(layout, depth) {
                    let error = result.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Unsupported);
                    assert!(error.to_string().contains("TIFF"), "{error}");
                }
                let (fitted, notes) = fit(page.clone(), format);
                assert!(format.supports(fitted.layout, fitted.depth()), "{format:?}");
                let supported = format.supports(layout, depth);
                assert_eq!(fitted == page, supported, "{format:?} {layout:?} {depth:?}");
                let lossless = supported
                    || (fitted.depth() == depth && fitted.layout.has_alpha() == layout.has_alpha());
                assert_eq!(notes.is_empty(), lossless, "{notes:?}");
            }
        }
    }
}

#[test]
fn conversions_round_to_nearest() {
    let all: Vec<u16> = (0..=65535).collect();
    let page = Raster::new(Size::new(256, 256), Layout::Gray, Pixels::U16(all)).unwrap();
    let (fitted, notes) = fit(page, Format::Jpeg);
    let Pixels::U8(v) = &fitted.pixels else { panic!() };
    for (i, s) in v.iter().enumerate() {
        assert_eq!(*s, (i as f64 / 257.0).round() as u8, "{i}");
    }
    assert_eq!(notes.len(), 1);
    let float = Pixels::F32(vec![-1.0, 0.5 / 255.0, 0.25, 2.0]);
    let page = Raster::new(Size::new(4, 1), Layout::Gray, float).unwrap();
    assert_eq!(fit(page.clone(), Format::Bmp).0.pixels, Pixels::U8(vec![0, 1, 64, 255]));
    assert_eq!(fit(page, Format::Png).0.pixels, Pixels::U16(vec![0, 129, 16384, 65535]));
    let half = Pixels::U8(vec![0, 128, 255, 0, 100, 255]);
    let page = Raster::new(Size::new(3, 1), Layout::GrayAlpha, half).unwrap();
    assert_eq!(fit(page, Format::Jpeg).0.pixels, Pixels::U8(vec![127, 255, 100]));
}

#[test]
fn gif_is_exact_or_refused_with_a_way_out() {
    let page = raster(Size::new(40, 40), Layout::Rgb, Depth::U8, 11);
    let meta = FileMeta::new(Format::Gif, Layout::Rgb, Depth::U8);
    let error = encode(&[page], Format::Gif, &meta, &EncodeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("PNG"), "{error}");
    assert_eq!(Format::Gif.output_default(), Format::Png);
}

#[test]
fn jpeg_quality_and_subsampling_are_those_asked_for() {
    let page = raster(Size::new(64, 48), Layout::Rgb, Depth::U8, 12);
    let mut meta = FileMeta::new(Format::Jpeg, Layout::Rgb, Depth::U8);
    for (quality, subsampling) in [(95, None), (60, Some((2, 2))), (100, Some((2, 1)))] {
        meta.jpeg = subsampling.map(|subsampling| restora_data::JpegDetail {
            quality: 1,
            subsampling,
            progressive: true,
        });
        let options = EncodeOptions { jpeg_quality: quality, ..EncodeOptions::default() };
        let bytes = encode(std::slice::from_ref(&page), Format::Jpeg, &meta, &options).unwrap();
        let detail = decode(&bytes, &Limits::default()).unwrap().meta.jpeg.unwrap();
        assert_eq!(detail.quality, quality);
        assert_eq!(detail.subsampling, subsampling.unwrap_or((1, 1)));
        assert!(!detail.progressive);
    }
}

#[test]
fn files_are_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let page = raster(Size::new(20, 20), Layout::Rgb, Depth::U8, 13);
    let meta = FileMeta::new(Format::Tiff, Layout::Rgb, Depth::U8);
    let options = EncodeOptions::default();
    let path = folder.path().join("deep/er/a.tif");
    let pages = std::slice::from_ref(&page);
    write_file(&path, pages, Format::Tiff, &meta, &options, false).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(decode(&bytes, &Limits::default()).unwrap().pages[0], page);
    let error = write_file(&path, pages, Format::Tiff, &meta, &options, false).unwrap_err();
    assert!(matches!(error, DataError::Io { .. }) && error.to_string().contains("a.tif"));
    // A page that cannot be written leaves nothing behind.
    let float = raster(Size::new(2, 2), Layout::Rgb, Depth::F32, 14);
    let other = folder.path().join("b.jpg");
    assert!(write_file(&other, &[float], Format::Jpeg, &meta, &options, false).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_raster_survives_any_exact_format(
        width in 1u32..40, height in 1u32..40, layout in 0usize..4, depth in 0usize..3,
        format in 1usize..7, seed: u64,
    ) {
        let (layout, depth, format) = (LAYOUTS[layout], DEPTHS[depth], Format::ALL[format]);
        let page = raster(Size::new(width, height), layout, depth, seed);
        let (page, _) = fit(page, format);
        let meta = FileMeta::new(format, page.layout, page.depth());
        let bytes =
            encode(std::slice::from_ref(&page), format, &meta, &EncodeOptions::default()).unwrap();
        let header = read_header(&bytes, &Limits::default()).unwrap();
        prop_assert_eq!(header.size, page.size);
        let read = decode(&bytes, &Limits::default()).unwrap();
        if matches!(format, Format::WebP | Format::Bmp) {
            prop_assert_eq!(as_rgba(&read.pages[0]), as_rgba(&page));
        } else {
            prop_assert_eq!(&read.pages[0], &page);
        }
    }
}
